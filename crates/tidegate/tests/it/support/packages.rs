//! A client of datasets.

use serde_json::{Value, json};

use super::{Answer, TestApp};

pub(crate) const LAB: &str = "lab";

/// A text as one value of a query.
pub(crate) fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

impl TestApp {
    pub(crate) async fn ask(&self, user: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.as_of(user, LAB, method, path, body).await
    }

    /// A dataset of ann's.
    pub(crate) async fn dataset(&self) -> String {
        let made = self.ask("ann", "POST", "/packages/datasets", Some(&json!({ "name": "Cells" }))).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn grant(&self, dataset: &str, user: &str, role: &str) {
        let path = format!("/packages/datasets/{dataset}/members/{user}");
        let set = self.ask("ann", "PUT", &path, Some(&json!({ "role": role }))).await;
        assert_eq!(set.status, 200, "{}", set.text());
    }

    pub(crate) async fn collection(&self, dataset: &str, name: &str, parent: Option<&str>) -> String {
        let body = json!({ "name": name, "parentId": parent });
        let made = self.ask("ann", "POST", &format!("/packages/collections?dataset_id={dataset}"), Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["nodeId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn announced(&self, dataset: &str, name: &str, parent: Option<&str>, bytes: &[u8]) -> Value {
        let body = json!({ "name": name, "parentId": parent, "filename": format!("{}.bin", name.chars().take(50).collect::<String>()),
            "contentType": "application/octet-stream", "size": bytes.len() });
        let made = self.ask("ann", "POST", &format!("/packages?dataset_id={dataset}"), Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    }

    pub(crate) async fn put_to(&self, target: &Value, bytes: &[u8]) {
        let headers: std::collections::BTreeMap<String, String> =
            serde_json::from_value(target["headers"].clone()).unwrap();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let put = self.send("PUT", target["uploadUrl"].as_str().unwrap(), &headers, bytes.to_vec()).await;
        assert_eq!(put.status, 200, "{}", put.text());
    }

    pub(crate) async fn confirmed(&self, id: &Value) -> Value {
        let path = format!("/packages/{}/confirm", id.as_str().unwrap());
        let confirmed = self.ask("ann", "POST", &path, None).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.text());
        confirmed.json()
    }

    /// A package that is there.
    pub(crate) async fn package(&self, dataset: &str, name: &str, parent: Option<&str>, bytes: &[u8]) -> String {
        let target = self.announced(dataset, name, parent, bytes).await;
        self.put_to(&target, bytes).await;
        let shown = self.confirmed(&target["id"]).await;
        assert_eq!((&shown["nodeId"], &shown["type"]), (&target["nodeId"], &json!("Package")));
        shown["nodeId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn asset(&self, dataset: &str, package: &str, path: &str, bytes: &[u8]) -> Value {
        let query = format!("dataset_id={dataset}&package_id={package}&path={}", encoded(path));
        let made =
            self.ask("ann", "POST", &format!("/packages/assets?{query}"), Some(&json!({ "size": bytes.len() }))).await;
        assert_eq!(made.status, 201, "{}", made.text());
        self.put_to(&made.json(), bytes).await;
        self.confirmed(&made.json()["id"]).await
    }

    pub(crate) async fn children(&self, dataset: &str, query: &str) -> Vec<(String, String)> {
        let listed = self.ask("ann", "GET", &format!("/packages/children?dataset_id={dataset}{query}"), None).await;
        assert_eq!(listed.status, 200, "{}", listed.text());
        let text = |node: &Value, name: &str| node[name].as_str().unwrap().to_owned();
        listed.json()["children"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| (text(node, "name"), text(node, "status")))
            .collect()
    }

    pub(crate) async fn names(&self, dataset: &str, parent: Option<&str>) -> Vec<String> {
        let query = parent.map_or(String::new(), |parent| format!("&parent_id={parent}"));
        self.children(dataset, &query).await.into_iter().map(|(name, _)| name).collect()
    }

    pub(crate) async fn change(&self, user: &str, what: &str, dataset: &str, ids: &[&str]) -> Value {
        let body = json!({ "nodeIds": ids });
        let answer = match what {
            "delete" => self.ask(user, "DELETE", &format!("/packages?dataset_id={dataset}"), Some(&body)).await,
            _ => self.ask(user, "POST", &format!("/packages/restore?dataset_id={dataset}"), Some(&body)).await,
        };
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub(crate) async fn deleted(&self, dataset: &str, ids: &[&str]) {
        let answer = self.change("ann", "delete", dataset, ids).await;
        assert_eq!(answer, json!({ "success": ids, "failures": [] }));
        self.run_jobs().await;
    }

    pub(crate) async fn restored(&self, dataset: &str, ids: &[&str]) {
        let answer = self.change("ann", "restore", dataset, ids).await;
        assert_eq!(answer, json!({ "success": ids, "failures": [] }));
        self.run_jobs().await;
    }

    pub(crate) async fn counted(&self, dataset: &str) -> (u64, u64) {
        let shown = self.ask("ann", "GET", &format!("/packages/datasets/{dataset}"), None).await.json();
        (shown["objects"].as_u64().unwrap(), shown["bytes"].as_u64().unwrap())
    }

    pub(crate) async fn presigned(&self, dataset: &str, package: &str, more: &str) -> Answer {
        self.ask("ann", "GET", &format!("/packages/presign/s3?dataset_id={dataset}&package_id={package}{more}"), None)
            .await
    }

    /// The bytes of a package's source file, by the redirect.
    pub(crate) async fn source_of(&self, dataset: &str, package: &str) -> Vec<u8> {
        let to = self.presigned(dataset, package, "").await;
        assert_eq!(to.status, 307, "{}", to.text());
        let got = self.send("GET", to.header("location"), &[], Vec::new()).await;
        assert_eq!(got.status, 200, "{}", got.text());
        got.body
    }

    pub(crate) async fn signed(&self, dataset: &str, package: &str, more: &str) -> Answer {
        let path = format!("/packages/cloudfront/sign?dataset_id={dataset}&package_id={package}{more}");
        self.ask("ann", "GET", &path, None).await
    }
}
