//! Calls of CloudFront, API version 2020-05-31: invalidations, public keys and key groups. A key
//! group is changed with the ETag that it was read with, so that two changes never undo each other.

use quick_xml::escape::escape;

use crate::client::{Client, Error, Request, Response};
use crate::xml;

/// The region in CloudFront's request signatures. The service has only this one.
const REGION: &str = "us-east-1";
/// The version of the CloudFront API.
const API_VERSION: &str = "2020-05-31";
/// The namespace of the API's documents.
const NAMESPACE: &str = "http://cloudfront.amazonaws.com/doc/2020-05-31/";

/// The first line of the API's documents.
const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
/// How often a change is tried again because somebody else changed the same thing.
const CONFLICTS: usize = 5;

/// A key group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGroup {
    /// The name.
    pub name: String,
    /// The comment.
    pub comment: Option<String>,
    /// The ids of its public keys.
    pub keys: Vec<String>,
    /// The version, for the header `If-Match`.
    etag: String,
}

/// A distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// Whether every change has reached all of CloudFront's edges.
    pub is_deployed: bool,
    /// The ids of the key groups that its behaviours trust.
    pub key_groups: Vec<String>,
}

/// The CloudFront API.
#[derive(Debug, Clone)]
pub struct CloudFront {
    pub(crate) client: Client,
    endpoint: String,
}

impl CloudFront {
    /// Creates a client of the API at a URL without a trailing slash.
    pub fn new(client: Client, endpoint: String) -> Self {
        Self { client, endpoint }
    }

    /// Invalidates `paths` of a distribution, each of which begins with `/` and may end in one `*`.
    /// `reference` is the `CallerReference`: a repeated call with the same reference and paths
    /// creates no second invalidation.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] also if too many invalidations are in progress.
    pub async fn invalidate(&self, distribution: &str, paths: &[String], reference: &str) -> Result<(), Error> {
        let body = invalidation_batch(paths, reference);
        let request = self.request(http::Method::POST, &format!("distribution/{distribution}/invalidation"), body);
        match self.client.send(&request).await {
            Err(error) if error.is("TooManyInvalidationsInProgress") => Err(Error::Unavailable(error.to_string())),
            other => other.map(drop),
        }
    }

    /// Creates a public key and returns its id. `reference` and `name` are unique to the key: if
    /// the call was made before, its key is found by its name.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn create_public_key(&self, name: &str, reference: &str, pem: &str) -> Result<String, Error> {
        if let Some(id) = self.find_public_key(name).await? {
            return Ok(id);
        }
        let body = format!(
            "{XML}<PublicKeyConfig xmlns=\"{NAMESPACE}\"><CallerReference>{}</CallerReference><Name>{}</Name>\
             <EncodedKey>{}</EncodedKey><Comment>Made by tidegate keys rotate</Comment></PublicKeyConfig>",
            escape(reference),
            escape(name),
            escape(pem)
        );
        let created = self.client.send(&self.request(http::Method::POST, "public-key", body)).await?;
        xml::text_of(&created.body, "Id").ok_or_else(|| incomplete("CreatePublicKey"))
    }

    /// Returns the id of the public key with a name.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn find_public_key(&self, name: &str) -> Result<Option<String>, Error> {
        let mut path = "public-key?MaxItems=100".to_owned();
        loop {
            let list = self.get(&path).await?.body;
            let names = xml::texts_of(&list, "Name");
            let found = xml::texts_of(&list, "Id").into_iter().zip(names).find(|(_, known)| known == name);
            if let Some((id, _)) = found {
                return Ok(Some(id));
            }
            match xml::text_of(&list, "NextMarker").filter(|marker| !marker.is_empty()) {
                Some(marker) => path = format!("public-key?Marker={marker}&MaxItems=100"),
                None => return Ok(None),
            }
        }
    }

    /// Deletes a public key. Returns `false` if a key group has it, which keeps it. A key that is
    /// not there is no error.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn delete_public_key(&self, id: &str) -> Result<bool, Error> {
        let path = format!("public-key/{id}");
        let etag = match self.get(&path).await {
            Err(error) if error.is("NoSuchPublicKey") => return Ok(true),
            other => other?.etag,
        };
        let mut request = self.request(http::Method::DELETE, &path, String::new());
        request.headers.push(("if-match", etag.unwrap_or_default().into()));
        match self.client.send(&request).await {
            Err(error) if error.is("NoSuchPublicKey") => Ok(true),
            Err(error) if error.is("PublicKeyInUse") => Ok(false),
            other => other.map(|_| true),
        }
    }

    /// Returns a key group.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn key_group(&self, id: &str) -> Result<KeyGroup, Error> {
        let Response { etag, body } = self.get(&format!("key-group/{id}")).await?;
        let name = xml::text_of(&body, "Name").ok_or_else(|| incomplete("GetKeyGroup"))?;
        let (comment, keys) = (xml::text_of(&body, "Comment"), xml::texts_of(&body, "PublicKey"));
        Ok(KeyGroup { name, comment, keys, etag: etag.unwrap_or_default() })
    }

    /// Changes the public keys of a key group by `change`, which returns whether it changed them.
    /// Returns the keys afterwards.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn change_key_group(
        &self,
        id: &str,
        change: impl Fn(&mut Vec<String>) -> bool,
    ) -> Result<Vec<String>, Error> {
        let mut left = CONFLICTS;
        loop {
            let mut group = self.key_group(id).await?;
            if !change(&mut group.keys) {
                return Ok(group.keys);
            }
            let body = key_group_config(&group);
            let mut request = self.request(http::Method::PUT, &format!("key-group/{id}"), body);
            request.headers.push(("if-match", group.etag.clone().into()));
            left -= 1;
            match self.client.send(&request).await {
                Err(error) if left > 0 && error.is("PreconditionFailed") => {}
                other => return other.map(|_| group.keys),
            }
        }
    }

    /// Returns the state of a distribution.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn distribution(&self, id: &str) -> Result<Distribution, Error> {
        let body = self.get(&format!("distribution/{id}")).await?.body;
        let status = xml::text_of(&body, "Status").ok_or_else(|| incomplete("GetDistribution"))?;
        Ok(Distribution { is_deployed: status == "Deployed", key_groups: xml::texts_of(&body, "KeyGroup") })
    }

    async fn get(&self, path: &str) -> Result<Response, Error> {
        self.client.send(&self.request(http::Method::GET, path, String::new())).await
    }

    /// Returns a request of the API.
    pub(crate) fn request(&self, method: http::Method, path: &str, body: String) -> Request<'static> {
        let mut headers = Vec::new();
        if !body.is_empty() {
            headers.push(("content-type", "application/xml".into()));
        }
        let url = format!("{}/{API_VERSION}/{path}", self.endpoint);
        Request { service: "cloudfront", region: REGION, method, url, headers, body }
    }
}

/// Returns the error of a response that lacks what its operation promises.
fn incomplete(operation: &str) -> Error {
    Error::Unavailable(format!("{operation} answered with another document than expected"))
}

/// Returns the XML body of `UpdateKeyGroup`.
fn key_group_config(group: &KeyGroup) -> String {
    let items: String = group.keys.iter().map(|id| format!("<PublicKey>{}</PublicKey>", escape(id))).collect();
    let comment = group.comment.as_ref().map(|text| format!("<Comment>{}</Comment>", escape(text)));
    format!(
        "{XML}<KeyGroupConfig xmlns=\"{NAMESPACE}\"><Name>{}</Name><Items>{items}</Items>{}</KeyGroupConfig>",
        escape(&group.name),
        comment.unwrap_or_default()
    )
}

/// Returns the XML body of `CreateInvalidation`.
fn invalidation_batch(paths: &[String], reference: &str) -> String {
    let items: String = paths.iter().map(|path| format!("<Path>{}</Path>", escape(path))).collect();
    format!(
        "{XML}<InvalidationBatch xmlns=\"{NAMESPACE}\">\
         <Paths><Quantity>{}</Quantity><Items>{items}</Items></Paths>\
         <CallerReference>{}</CallerReference></InvalidationBatch>",
        paths.len(),
        escape(reference)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_in_the_batch() {
        let body = invalidation_batch(&["/a/<b>&.jpg".to_owned(), "/c/*".to_owned()], "r\"1");
        assert!(body.contains("<Quantity>2</Quantity>"), "{body}");
        assert!(body.contains("<Path>/a/&lt;b&gt;&amp;.jpg</Path><Path>/c/*</Path>"), "{body}");
        assert!(body.contains("<CallerReference>r&quot;1</CallerReference>"), "{body}");
    }

    #[test]
    fn a_key_group_is_written_as_it_was_read() {
        let group = KeyGroup {
            name: "a & b".to_owned(),
            comment: Some("<c>".to_owned()),
            keys: vec!["K1".to_owned(), "K2".to_owned()],
            etag: "E".to_owned(),
        };
        let body = key_group_config(&group);
        assert_eq!(xml::texts_of(&body, "PublicKey"), ["K1", "K2"]);
        assert_eq!(xml::text_of(&body, "Name").as_deref(), Some("a & b"));
        assert_eq!(xml::text_of(&body, "Comment").as_deref(), Some("<c>"));
        assert!(!key_group_config(&KeyGroup { comment: None, ..group }).contains("Comment"));
    }
}
