//! Taking away and bringing back: by delete markers where the bucket keeps versions, by `.trash/` where it does not.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::error::{Trouble as _, outcome, unavailable};
use super::writing::Copying;
use super::{S3Store, Versioning};
use crate::Stat;
use crate::error::{Error, Result};
use crate::key::trash;

/// What was to be removed is not there.
const GONE: [&str; 2] = ["NoSuchVersion", "NoSuchKey"];

/// The versions of one key: those with bytes, and the markers that hide them.
#[derive(Debug, Default)]
struct Versions {
    blobs: Vec<String>,
    markers: Vec<String>,
    /// Whether the newest of all is a marker.
    hidden: bool,
}

impl S3Store {
    /// Makes a blob invisible so that it can be brought back.
    pub(super) async fn hide(&self, key: &str) -> Result<()> {
        let Some(stat) = self.find(key).await? else { return Ok(()) };
        // A suspended bucket would overwrite the one version there is.
        if self.versioning().await? != Versioning::Enabled {
            match self.copy(key, &trash(key), &stat, Copying { replace: true, carrying: None }).await {
                // Somebody else is hiding it too, and was first.
                Err(Error::NotFound) => return Ok(()),
                other => other?,
            }
        }
        self.client.delete_object().bucket(&*self.bucket).key(key).send().await.or_trouble().map(drop)
    }

    /// Undoes [`Self::hide`].
    pub(super) async fn bring_back(&self, key: &str) -> Result<Stat> {
        if let Some(stat) = self.find(key).await? {
            return Ok(stat);
        }
        if self.versioning().await? != Versioning::Never {
            let versions = self.versions(key).await?;
            if versions.hidden && !versions.blobs.is_empty() {
                self.remove_versions(key, versions.markers).await?;
                return self.head(key).await;
            }
        }
        let waiting = trash(key);
        let stat = self.find(&waiting).await?.ok_or(Error::NotFound)?;
        self.copy(&waiting, key, &stat, Copying::default()).await?;
        self.purge(&waiting).await?;
        self.head(key).await
    }

    /// Removes a key with all its versions. Idempotent.
    pub(super) async fn purge(&self, key: &str) -> Result<()> {
        if self.versioning().await? == Versioning::Never {
            let gone = self.client.delete_object().bucket(&*self.bucket).key(key).send().await.or_trouble()?;
            if gone.delete_marker() != Some(true) && gone.version_id().is_none() {
                return Ok(());
            }
            // Since it was last looked at, the bucket keeps versions: this one is still there.
            self.forget_versioning();
        }
        let versions = self.versions(key).await?;
        self.remove_versions(key, versions.blobs).await?;
        self.remove_versions(key, versions.markers).await
    }

    async fn versions(&self, key: &str) -> Result<Versions> {
        let (mut found, mut key_marker, mut id_marker) = (Versions::default(), None, None);
        loop {
            let request = self.client.list_object_versions().bucket(&*self.bucket).prefix(key);
            let page = request.set_key_marker(key_marker).set_version_id_marker(id_marker).send().await.or_trouble()?;
            for version in page.versions().iter().filter(|version| version.key() == Some(key)) {
                found.blobs.extend(version.version_id().map(str::to_owned));
            }
            for marker in page.delete_markers().iter().filter(|marker| marker.key() == Some(key)) {
                found.markers.extend(marker.version_id().map(str::to_owned));
                found.hidden |= marker.is_latest() == Some(true);
            }
            key_marker = page.next_key_marker().map(str::to_owned);
            id_marker = page.next_version_id_marker().map(str::to_owned);
            // Keys come in order: beyond ours there are only longer ones.
            let passed = key_marker.as_deref().is_none_or(|marker| marker > key);
            if page.is_truncated() != Some(true) || passed {
                return Ok(found);
            }
        }
    }

    async fn remove_versions(&self, key: &str, ids: Vec<String>) -> Result<()> {
        for ids in ids.chunks(1000) {
            let mut named = Vec::with_capacity(ids.len());
            for id in ids {
                let version = ObjectIdentifier::builder().key(key).version_id(id).build();
                named.push(version.map_err(|_| unavailable("a version without an id"))?);
            }
            let all = Delete::builder().set_objects(Some(named)).quiet(true).build();
            let all = all.map_err(|_| unavailable("versions that can't be named"))?;
            let answer = self.client.delete_objects().bucket(&*self.bucket).delete(all).send().await.or_trouble()?;
            let code = |error: &aws_sdk_s3::types::Error| error.code().unwrap_or("an unnamed error").to_owned();
            let mut failed = answer.errors().iter().map(code).filter(|code| !GONE.contains(&code.as_str()));
            if let Some(code) = failed.next() {
                return Err(outcome(400, &code).unwrap_or_else(|| unavailable("a version that can't be removed now")));
            }
        }
        Ok(())
    }
}
