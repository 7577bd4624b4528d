//! Keys of probes, which `tidegate doctor` writes to see who may read what, and examples of keys that
//! nobody may read or remove.

use uuid::Uuid;

use super::super::file;
use super::super::owner::OwnerKind;
use super::{ASSETS, INCOMING, INCOMING_ROOT, Layout, PACKAGES, PARTS, PROCESSED, PUB, QUARANTINE, SESSIONS, SPACES};

/// The segment below which probes lie: objects that `tidegate doctor` writes, reads and removes. No
/// user, session, space, package or upload has a key there; see [`probe_folders`].
const PROBE: &str = "~doctor";

/// Returns the folders of probes, each with the owner kind in whose served root it lies, if it lies in
/// one.
///
/// No encoded user id is `~doctor`, nothing else has the nil UUID, and the number of the
/// organisation exceeds every number that a database can hold.
pub fn probe_folders(layout: &Layout) -> Vec<(String, Option<OwnerKind>)> {
    let (nil, images) = (Uuid::nil(), layout.images());
    vec![
        (format!("{images}/{PROBE}/{nil}/{nil}/"), Some(OwnerKind::Disks)),
        (format!("{SPACES}/{nil}/{PUB}/{PROBE}/"), Some(OwnerKind::Space)),
        (format!("{SESSIONS}/{nil}/{PROCESSED}/{PROBE}/"), Some(OwnerKind::Session)),
        (format!("{ASSETS}9999999999999999999/D1/P1/{PROBE}/"), Some(OwnerKind::Dataset)),
        (format!("{SESSIONS}/{nil}/{PROBE}/"), None),
        (format!("{INCOMING}/{PROBE}/"), None),
        (format!("{QUARANTINE}/{PROBE}/"), None),
        (format!("{PACKAGES}/{PROBE}/"), None),
        (format!("{}/{PROBE}/", file::ROOT), None),
    ]
}

/// Returns keys below everything that must not be served: the places of [`probe_folders`], and those
/// of the store's own, where no probe can be written.
pub fn unserved_examples(layout: &Layout) -> Vec<String> {
    let probes = probe_folders(layout).into_iter().filter(|(_, kind)| kind.is_none()).map(|(folder, _)| folder);
    let own = [store::TRASH, PARTS].map(|place| format!("{place}/{PROBE}/"));
    probes.chain(own).map(|folder| format!("{folder}x")).collect()
}

/// Returns the beginnings of all keys whose objects stay until their rows say otherwise.
pub fn kept_roots(layout: &Layout) -> [String; 6] {
    let [spaces, sessions, packages, files] = [SPACES, SESSIONS, PACKAGES, file::ROOT].map(|root| format!("{root}/"));
    [format!("{}/", layout.images()), ASSETS.to_owned(), spaces, sessions, packages, files]
}

/// Returns the key of a probe that clients put: it arrives as an upload does.
pub fn incoming_probe(name: Uuid) -> String {
    format!("{INCOMING_ROOT}{PROBE}/{}", name.simple())
}

/// Returns whether a key is that of a probe.
pub fn is_probe(key: &str, layout: &Layout) -> bool {
    key.contains(PROBE) && probe_folders(layout).iter().any(|(folder, _)| key.starts_with(folder))
}

/// Returns whether a key is an [`incoming_probe`].
pub fn is_incoming_probe(key: &str) -> bool {
    key.strip_prefix(INCOMING_ROOT).and_then(|rest| rest.strip_prefix(PROBE)).is_some_and(|rest| rest.starts_with('/'))
}
