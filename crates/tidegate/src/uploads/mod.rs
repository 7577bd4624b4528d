//! The one pipeline of all uploads. Its callers have authorized the request, except where a
//! function takes the caller and documents that it authorizes. The modules, in the order of an
//! upload's life:
//!
//! | module | what it does |
//! |---|---|
//! | `begin` | writes the rows of a new upload and presigns the request that sends it |
//! | `parts` | signs, lists and checks the parts of a multipart upload |
//! | `completion` | joins parts at the object's own key (`Landing::AtKey`) |
//! | `confirm` | seals bytes that landed beside their key, and compares them with what was announced (`Landing::Sealed`) |
//! | `seal` | moves bytes beyond the reach of presigned requests |
//! | `scan` | scans for malware, before publication and again later |
//! | `process` | re-encodes images and videos without their metadata, and publishes them |
//! | `outcome` | rejects, fails and retries an object |
//! | `end` | aborts and expires open uploads |
//! | `effects` | the differences between owner kinds that are code, as closed matches |
//! | `media_items` | deletes, restores and watches the media items of sessions and spaces |

pub(crate) mod begin;
mod completion;
pub(crate) mod confirm;
pub(crate) mod effects;
mod end;
pub mod media_items;
pub(crate) mod outcome;
pub(crate) mod parts;
pub(crate) mod process;
pub(crate) mod scan;
pub(crate) mod seal;

use store::UploadRef;

pub use self::completion::{complete, recover};
pub use self::end::abort;
pub(crate) use self::end::{abort_upload, end};
pub use self::parts::{MAX_SIGNED, find_open, list_parts, sign_parts};
use crate::error::Error;
use crate::model::upload::Upload;

/// Returns the store's reference to an upload.
pub fn reference(upload: &Upload) -> UploadRef {
    UploadRef { key: upload.key.as_str().to_owned(), upload_id: upload.id.clone() }
}

/// Returns the error for a stored body that ended early.
pub(crate) fn unreadable(error: &std::io::Error) -> Error {
    Error::StoreError(store::Error::Damaged(error.to_string()))
}
