//! Deletes and restores objects: with delete markers in a versioned bucket, with copies below
//! `.trash/` in any other. Decides nothing about lifetimes.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::error::{SdkResultExt as _, error_from_code, unavailable};
use super::writing::CopyOptions;
use super::{S3Store, Versioning};
use crate::Stat;
use crate::error::{Error, Result};
use crate::key::trash_key;

/// The error codes of a removal whose version does not exist.
const NOT_FOUND_CODES: [&str; 2] = ["NoSuchVersion", "NoSuchKey"];

/// The versions of one key.
#[derive(Debug, Default)]
struct Versions {
    /// The ids of the versions with bytes.
    blobs: Vec<String>,
    /// The ids of the delete markers.
    markers: Vec<String>,
    /// Whether the newest version is a delete marker.
    is_deleted: bool,
}

impl S3Store {
    /// Deletes an object so that [`Self::undelete`] can restore it.
    pub(super) async fn delete_restorable(&self, key: &str) -> Result<()> {
        let Some(stat) = self.find(key).await? else { return Ok(()) };
        // With suspended versioning the delete marker would overwrite the object's null version.
        if self.versioning().await? != Versioning::Enabled {
            match self.copy(key, &trash_key(key), &stat, CopyOptions { replace: true, attributes: None }).await {
                // A concurrent delete was first.
                Err(Error::NotFound) => return Ok(()),
                other => other?,
            }
        }
        self.client.delete_object().bucket(&*self.bucket).key(key).send().await.or_store_error().map(drop)
    }

    /// Undoes [`Self::delete_restorable`]. Returns the object also if it was not deleted.
    pub(super) async fn undelete(&self, key: &str) -> Result<Stat> {
        if let Some(stat) = self.find(key).await? {
            return Ok(stat);
        }
        if self.versioning().await? != Versioning::Unversioned {
            let versions = self.versions(key).await?;
            if versions.is_deleted && !versions.blobs.is_empty() {
                self.remove_versions(key, versions.markers).await?;
                return self.head(key).await;
            }
        }
        let trashed = trash_key(key);
        let stat = self.find(&trashed).await?.ok_or(Error::NotFound)?;
        self.copy(&trashed, key, &stat, CopyOptions::default()).await?;
        self.purge(&trashed).await?;
        self.head(key).await
    }

    /// Removes all versions of a key. Idempotent.
    pub(super) async fn purge(&self, key: &str) -> Result<()> {
        if self.versioning().await? == Versioning::Unversioned {
            let deleted = self.client.delete_object().bucket(&*self.bucket).key(key).send().await.or_store_error()?;
            if deleted.delete_marker() != Some(true) && deleted.version_id().is_none() {
                return Ok(());
            }
            // Versioning was enabled since it was last checked, so the version still exists.
            self.clear_cached_versioning();
        }
        let versions = self.versions(key).await?;
        self.remove_versions(key, versions.blobs).await?;
        self.remove_versions(key, versions.markers).await
    }

    /// Lists the versions of a key.
    async fn versions(&self, key: &str) -> Result<Versions> {
        let (mut found, mut key_marker, mut id_marker) = (Versions::default(), None, None);
        loop {
            let request = self.client.list_object_versions().bucket(&*self.bucket).prefix(key);
            let page =
                request.set_key_marker(key_marker).set_version_id_marker(id_marker).send().await.or_store_error()?;
            for version in page.versions().iter().filter(|version| version.key() == Some(key)) {
                found.blobs.extend(version.version_id().map(str::to_owned));
            }
            for marker in page.delete_markers().iter().filter(|marker| marker.key() == Some(key)) {
                found.markers.extend(marker.version_id().map(str::to_owned));
                found.is_deleted |= marker.is_latest() == Some(true);
            }
            key_marker = page.next_key_marker().map(str::to_owned);
            id_marker = page.next_version_id_marker().map(str::to_owned);
            // Keys are sorted: after this key come only longer ones.
            let passed = key_marker.as_deref().is_none_or(|marker| marker > key);
            if page.is_truncated() != Some(true) || passed {
                return Ok(found);
            }
        }
    }

    /// Removes versions of a key. Ignores those that do not exist.
    async fn remove_versions(&self, key: &str, ids: Vec<String>) -> Result<()> {
        for ids in ids.chunks(1000) {
            let mut named = Vec::with_capacity(ids.len());
            for id in ids {
                let version = ObjectIdentifier::builder().key(key).version_id(id).build();
                named.push(version.map_err(|_| unavailable("a version without an id"))?);
            }
            let all = Delete::builder().set_objects(Some(named)).quiet(true).build();
            let all = all.map_err(|_| unavailable("version ids that make no valid request"))?;
            let answer =
                self.client.delete_objects().bucket(&*self.bucket).delete(all).send().await.or_store_error()?;
            let code = |error: &aws_sdk_s3::types::Error| error.code().unwrap_or("an unnamed error").to_owned();
            let mut failed = answer.errors().iter().map(code).filter(|code| !NOT_FOUND_CODES.contains(&code.as_str()));
            if let Some(code) = failed.next() {
                return Err(error_from_code(400, &code)
                    .unwrap_or_else(|| unavailable("a temporary error for the removal of a version")));
            }
        }
        Ok(())
    }
}
