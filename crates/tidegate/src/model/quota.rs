//! Storage use and quotas: what an owner uses, what limits it, and what is missing for a request.

use super::owner::OwnerKind;
pub use crate::error::{Resource, Shortage};

/// How much an owner stores and has reserved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of the owner's readable objects.
    pub used: u64,
    /// Bytes reserved by open uploads and by objects that are not published yet.
    pub reserved: u64,
    /// Bytes of deleted objects that can be restored.
    pub kept: u64,
    /// The number of readable objects.
    pub files: u64,
    /// The number of open uploads and of objects that are not published yet.
    pub reserved_files: u64,
    /// The number of deleted objects that can be restored.
    pub kept_files: u64,
    /// The number of open uploads.
    pub open_uploads: u64,
    /// The owner's own limit in bytes; `None` where the configured default applies.
    pub quota: Option<u64>,
    /// The number of times that all links to the owner's files were revoked.
    pub link_epoch: u64,
}

/// The configured quotas of every owner of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// The most bytes, unless the owner has a limit of its own.
    pub bytes: u64,
    /// The most objects.
    pub objects: u64,
    /// The most open uploads of one owner.
    pub open_uploads: u64,
    /// The most open uploads that one user has begun, of all owners together.
    pub open_uploads_of_user: u64,
}

/// The quotas of all owner kinds, and of users across their owners.
#[derive(Debug, Clone, Copy)]
pub struct AllQuotas {
    /// The quotas of a user's disk images.
    pub disks: Quotas,
    /// The quotas of a user's files.
    pub files: Quotas,
    /// The quotas of a session's media items.
    pub sessions: Quotas,
    /// The quotas of a space's images.
    pub spaces: Quotas,
    /// The quotas of a dataset's objects.
    pub datasets: Quotas,
    /// The most sessions that one user has created.
    pub sessions_per_user: u64,
    /// The most spaces that one user has created.
    pub spaces_per_user: u64,
    /// The most datasets that one user has created.
    pub datasets_per_user: u64,
}

impl AllQuotas {
    /// Returns the quotas of an owner kind.
    pub fn of(&self, kind: OwnerKind) -> &Quotas {
        match kind {
            OwnerKind::Disks => &self.disks,
            OwnerKind::Files => &self.files,
            OwnerKind::Session => &self.sessions,
            OwnerKind::Space => &self.spaces,
            OwnerKind::Dataset => &self.datasets,
        }
    }

    /// Returns how many owners of a kind one user may create; `None` for users themselves.
    pub fn owners_of(&self, kind: OwnerKind) -> Option<u64> {
        match kind {
            OwnerKind::Session => Some(self.sessions_per_user),
            OwnerKind::Space => Some(self.spaces_per_user),
            OwnerKind::Dataset => Some(self.datasets_per_user),
            OwnerKind::Disks | OwnerKind::Files => None,
        }
    }
}

/// What a request takes from the quotas of an owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// The announced bytes.
    pub bytes: u64,
    /// The number of new objects.
    pub objects: u64,
    /// The number of new uploads.
    pub uploads: u64,
}

impl Usage {
    /// Returns what is missing for a request within the owner's quotas; `None` if it fits.
    pub fn shortage(&self, demand: Demand, quotas: &Quotas) -> Option<Shortage> {
        let bytes = self.used.saturating_add(self.reserved).saturating_add(self.kept);
        let objects = self.files.saturating_add(self.reserved_files).saturating_add(self.kept_files);
        [
            (Resource::Bytes, bytes, self.quota.unwrap_or(quotas.bytes), demand.bytes),
            (Resource::Objects, objects, quotas.objects, demand.objects),
            (Resource::OpenUploads, self.open_uploads, quotas.open_uploads, demand.uploads),
        ]
        .into_iter()
        .map(|(resource, used, quota, requested)| Shortage { resource, used, quota, requested })
        .filter(|shortage| shortage.requested > 0)
        .find(|shortage| shortage.used.saturating_add(shortage.requested) > shortage.quota)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_and_kept_counts_too() {
        let usage =
            Usage { used: 10, reserved: 20, kept: 30, files: 1, reserved_files: 1, kept_files: 1, ..Usage::default() };
        let quotas = Quotas { bytes: 100, objects: 4, open_uploads: 1, open_uploads_of_user: 1 };
        let missing = |bytes, objects, uploads| {
            usage.shortage(Demand { bytes, objects, uploads }, &quotas).map(|shortage| shortage.resource)
        };
        assert_eq!(missing(40, 1, 1), None);
        assert_eq!(missing(41, 1, 1), Some(Resource::Bytes));
        assert_eq!(missing(u64::MAX, 1, 1), Some(Resource::Bytes), "no overflow");
        assert_eq!(missing(40, 2, 1), Some(Resource::Objects));
        assert_eq!(missing(40, 1, 2), Some(Resource::OpenUploads));
        let lowered = Usage { files: 100, open_uploads: 100, ..usage };
        let bytes = Demand { bytes: 1, ..Demand::default() };
        assert_eq!(lowered.shortage(bytes, &quotas), None, "nothing else is requested");
        let own = Usage { quota: Some(60), ..usage };
        assert_eq!(own.shortage(Demand { bytes: 1, objects: 1, uploads: 1 }, &quotas).unwrap().quota, 60);
    }
}
