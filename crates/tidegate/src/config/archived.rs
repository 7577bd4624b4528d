//! The settings of archived objects.

use std::time::Duration;

use store::ThawTier;

use super::resolve::Resolver;
use super::settings::{Setting, built};

/// The rows of the settings table.
pub(super) const ARCHIVED: &[Setting] = &[
    built(
        "ARCHIVE_AFTER_DAYS",
        "",
        "0 to 36500 days",
        "The age from which an object may be archived by the bucket's lifecycle rules: the store is asked for its state before a grant for it is issued. Default: objects are never archived, and the store is not asked.",
    ),
    built(
        "ARCHIVE_THAW_DAYS",
        "7",
        "1 to 3650 days",
        "How long a thawed object stays readable. Intelligent-Tiering keeps it readable for good.",
    ),
    built(
        "ARCHIVE_THAW_TIER",
        "Standard",
        "Standard | Bulk | Expedited",
        "How fast, and how expensively, S3 thaws an object. Expedited is Standard where the archive is a deep one.",
    ),
    built(
        "ARCHIVE_THAWS_PER_OWNER",
        "1000",
        "1 to 1000000",
        "Objects of one user, space, session or dataset that may thaw at a time; more are refused with 429.",
    ),
];

/// The settings of archived objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchivedSetting {
    /// The age from which an object may be archived; `None` if none ever is.
    pub after: Option<Duration>,
    /// For how many days a thawed object stays readable.
    pub thaw_days: u32,
    /// How fast objects are thawed.
    pub thaw_tier: ThawTier,
    /// How many objects of one owner may thaw at a time.
    pub thaws_per_owner: u64,
}

pub(super) fn resolve(r: &mut Resolver) -> ArchivedSetting {
    let after = r.text("ARCHIVE_AFTER_DAYS").map(|_| r.number("ARCHIVE_AFTER_DAYS", 0..=36_500));
    ArchivedSetting {
        after: after.map(|days| Duration::from_secs(days * 86_400)),
        thaw_days: u32::try_from(r.number("ARCHIVE_THAW_DAYS", 1..=3650)).unwrap_or(u32::MAX),
        thaw_tier: r.choice(
            "ARCHIVE_THAW_TIER",
            &[("Standard", ThawTier::Standard), ("Bulk", ThawTier::Bulk), ("Expedited", ThawTier::Expedited)],
        ),
        thaws_per_owner: r.number("ARCHIVE_THAWS_PER_OWNER", 1..=1_000_000),
    }
}
