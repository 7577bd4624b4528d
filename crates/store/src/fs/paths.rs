//! Maps keys to paths. The key itself is the path of the blob; its sidecar lies beside it. Opens no
//! files.

use crate::key::SIDECAR_SUFFIX;

/// Returns the path of a blob's sidecar.
pub(crate) fn sidecar_path(path: &str) -> String {
    format!("{path}{SIDECAR_SUFFIX}")
}

/// Returns whether a file name is that of a sidecar.
pub(crate) fn is_sidecar(name: &str) -> bool {
    name.ends_with(SIDECAR_SUFFIX)
}
