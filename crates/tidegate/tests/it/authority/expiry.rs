//! Rights that end while a test waits. Where the server signs for an hour at least, the right is
//! signed again with the server's keys, as the server signs it, for a few seconds.

use std::time::Duration;

use sign::Resource;
use tidegate::surfaces::archives;

use super::issue::World;
use super::issued::{Issued, bare, key_in};
use crate::support::packages::encoded;
use crate::support::sessions::epoch;

/// How long a right lasts that is signed again.
const SOON: Duration = Duration::from_secs(3);

impl World {
    /// Signs again what the server signs for longer. Each one opens what it names before it ends.
    pub(super) async fn end_soon(&mut self) {
        let mut all = std::mem::take(&mut self.issued);
        for issued in &mut all {
            if self.sign_again(issued).await {
                let opens = self.opens(issued).await;
                assert!(opens, "{} is signed as the server signs it: {}", issued.kind, issued.url);
            }
        }
        self.issued = all;
    }

    /// Signs a right again if its kind is one of those that last. Returns whether it is.
    async fn sign_again(&self, issued: &mut Issued) -> bool {
        let (signer, ends) = (self.app.app.signing_key.signer(), epoch() + SOON.as_secs());
        let presigned = async |url: &str| self.app.app.store.sign_read(&key_in(url), SOON).await.unwrap().url;
        match issued.kind {
            "space image"
            | "space thumbnail"
            | "space urlQuery"
            | "space cookies"
            | "session image"
            | "session image, by GraphQL"
            | "session variant"
            | "package assets, by prefix"
            | "package assets, by cookies" => {
                let below = format!("{}/{}/", self.app.edge(), issued.below.as_ref().unwrap());
                let signature = signer.sign_resource(&Resource::below(&below).unwrap(), ends).unwrap();
                match issued.headers.iter_mut().find(|(name, _)| name == "cookie") {
                    Some((_, cookies)) => {
                        let pairs: Vec<String> =
                            signature.cookies().map(|(name, value)| format!("{name}={value}")).collect();
                        *cookies = pairs.join("; ");
                    }
                    None => issued.url = format!("{}?{}", bare(&issued.url), signature.query()),
                }
            }
            "space link" | "package asset, signed" | "where a session's content leads" => {
                let url = Resource::url(&bare(&issued.url)).unwrap();
                issued.url = signer.sign_url(&url, ends).unwrap();
            }
            "package source" | "package asset, presigned" | "package manifest" => {
                issued.url = presigned(&issued.url).await;
            }
            "package proxy" => {
                let url = presigned(&format!("http://door/{}", issued.named)).await;
                issued.url = format!("{}/packages/proxy/s3?presigned_url={}", self.app.api(), encoded(&url));
            }
            _ => return false,
        }
        true
    }

    /// Tries everything after its end. Archives end by the clock of the database, which is moved.
    pub(super) async fn late(&self, wrong: &mut Vec<String>) {
        for issued in self.issued.iter().filter(|issued| issued.kind != "archive") {
            self.try_one(issued, "late", wrong).await;
        }
        let archive = self.issued.iter().find(|issued| issued.kind == "archive").unwrap();
        assert!(self.opens(archive).await, "until its end");
        self.app.app.db.clock().advance(archives::LIFETIME);
        self.try_one(archive, "late", wrong).await;
    }
}
