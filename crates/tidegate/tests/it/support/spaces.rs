//! A client of spaces.

use serde_json::{Value, json};

use super::sessions::photo;
use super::{Answer, TestApp};

impl TestApp {
    pub(crate) async fn put_json(&self, user: &str, path: &str, body: &Value) -> Answer {
        let headers = [("x-user-id", user), ("content-type", "application/json")];
        self.send("PUT", &format!("{}{path}", self.api()), &headers, body.to_string().into_bytes()).await
    }

    pub(crate) async fn space(&self, user: &str, name: &str) -> String {
        let made = self.post(user, "/api/spaces", &json!({ "name": name })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn member(&self, owner: &str, space: &str, user: &str, role: &str) -> Answer {
        self.put_json(owner, &format!("/api/spaces/{space}/members/{user}"), &json!({ "role": role })).await
    }

    /// Announced, sent and confirmed; its id.
    pub(crate) async fn sent_to(&self, user: &str, space: &str, kind: &str, bytes: &[u8]) -> String {
        let new = json!({ "filename": "a picture.jpg", "contentType": kind, "size": bytes.len() });
        let begun = self.post(user, &format!("/api/spaces/{space}/images"), &new).await;
        assert_eq!(begun.status, 201, "{}", begun.text());
        let target = begun.json();
        let headers: Vec<(String, String)> =
            serde_json::from_value::<std::collections::BTreeMap<String, String>>(target["headers"].clone())
                .unwrap()
                .into_iter()
                .collect();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let put = self.send("PUT", target["uploadUrl"].as_str().unwrap(), &headers, bytes.to_vec()).await;
        assert_eq!(put.status, 200, "{}", put.text());
        let id = target["id"].as_str().unwrap().to_owned();
        let confirmed = self.post(user, &format!("/api/spaces/{space}/images/{id}/confirm"), &json!({})).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.text());
        assert_eq!(confirmed.json()["status"], "PENDING", "{}", confirmed.text());
        id
    }

    /// An image that is there.
    pub(crate) async fn image_in(&self, user: &str, space: &str) -> String {
        let id = self.sent_to(user, space, "image/jpeg", &photo(6)).await;
        self.run_jobs().await;
        id
    }

    pub(crate) async fn images(&self, user: &str, space: &str, query: &str) -> Value {
        let listed = self.get(user, &format!("/api/spaces/{space}/images{query}")).await;
        assert_eq!(listed.status, 200, "{}", listed.text());
        listed.json()
    }
}
