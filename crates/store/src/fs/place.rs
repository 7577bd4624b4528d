//! Where a key lies: the key itself is the path, with its attributes in a sidecar beside it.

use crate::key::SIDECAR;

/// The sidecar's path.
pub(crate) fn sidecar(path: &str) -> String {
    format!("{path}{SIDECAR}")
}

/// Whether a name is a sidecar's.
pub(crate) fn is_sidecar(name: &str) -> bool {
    name.ends_with(SIDECAR)
}
