//! The quotas of owners and users: rows of the settings table, and their values.

use super::resolve::Resolver;
use super::settings::{Setting, built};
use crate::model::quota::{AllQuotas, Quotas};

const GIB: &str = "0 to 1000000 GiB";
const NUMBER: &str = "0 to 1000000000";

/// The rows of the settings table.
pub(super) const QUOTAS: &[Setting] = &[
    built(
        "PER_USER_QUOTA_GB",
        "500",
        GIB,
        "Bytes of one user's files, those announced by open uploads included; a service may set another limit for one user.",
    ),
    built("MAX_FILES_PER_USER", "1000000", NUMBER, "Files of one user, those of open uploads included."),
    built(
        "PER_USER_DISKS_QUOTA_GB",
        "10240",
        GIB,
        "Bytes of one user's disk images, those announced by open uploads included.",
    ),
    built("MAX_DISKS_PER_USER", "10000", NUMBER, "Disk images of one user, those of open uploads included."),
    built(
        "PER_SESSION_QUOTA_GB",
        "1024",
        GIB,
        "Bytes of one session's media items: readable, announced or being processed, and deleted until their retention ends.",
    ),
    built("MAX_MEDIA_PER_SESSION", "100000", NUMBER, "Media items of one session, counted in the same way."),
    built(
        "PER_SPACE_QUOTA_GB",
        "1024",
        GIB,
        "Bytes of one space's images: readable, announced or being processed, and deleted until their retention ends.",
    ),
    built("MAX_IMAGES_PER_SPACE", "1000000", NUMBER, "Images of one space, counted in the same way."),
    built(
        "PER_DATASET_QUOTA_GB",
        "102400",
        GIB,
        "Bytes of one dataset's source files and assets: readable, announced or being published, and deleted until their retention ends.",
    ),
    built(
        "MAX_FILES_PER_DATASET",
        "10000000",
        NUMBER,
        "Source files and assets of one dataset, counted in the same way.",
    ),
    built(
        "MAX_SESSIONS_PER_USER",
        "10000",
        NUMBER,
        "Sessions that one user has created; deleted ones count until their retention ends. Not for services.",
    ),
    built(
        "MAX_SPACES_PER_USER",
        "1000",
        NUMBER,
        "Spaces that one user has created; deleted ones count until their retention ends.",
    ),
    built("MAX_DATASETS_PER_USER", "1000", NUMBER, "Datasets that one user has created."),
    built("MAX_OPEN_UPLOADS_PER_OWNER", "100000", NUMBER, "Open uploads of one user's files, one space and so on."),
    built(
        "MAX_OPEN_UPLOADS_PER_USER",
        "10000",
        NUMBER,
        "Open uploads that one user has begun, wherever. Not for services.",
    ),
];

pub(super) fn resolve(r: &mut Resolver) -> AllQuotas {
    let open_uploads = number(r, "MAX_OPEN_UPLOADS_PER_OWNER");
    let open_uploads_of_user = number(r, "MAX_OPEN_UPLOADS_PER_USER");
    let mut of = |bytes, objects| Quotas {
        bytes: r.number(bytes, 0..=1_000_000) << 30,
        objects: number(r, objects),
        open_uploads,
        open_uploads_of_user,
    };
    AllQuotas {
        disks: of("PER_USER_DISKS_QUOTA_GB", "MAX_DISKS_PER_USER"),
        files: of("PER_USER_QUOTA_GB", "MAX_FILES_PER_USER"),
        sessions: of("PER_SESSION_QUOTA_GB", "MAX_MEDIA_PER_SESSION"),
        spaces: of("PER_SPACE_QUOTA_GB", "MAX_IMAGES_PER_SPACE"),
        datasets: of("PER_DATASET_QUOTA_GB", "MAX_FILES_PER_DATASET"),
        sessions_per_user: number(r, "MAX_SESSIONS_PER_USER"),
        spaces_per_user: number(r, "MAX_SPACES_PER_USER"),
        datasets_per_user: number(r, "MAX_DATASETS_PER_USER"),
    }
}

fn number(r: &mut Resolver, name: &'static str) -> u64 {
    r.number(name, 0..=1_000_000_000)
}
