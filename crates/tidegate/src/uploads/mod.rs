//! The one way of every upload, whatever it is for. Callers have authorized the request, except where a function takes
//! the caller and says so. Read the modules in the order of an upload's life:
//!
//! | module | what it does |
//! |---|---|
//! | `begin` | writes the rows of an object that is to come, and says how its bytes are sent |
//! | `parts` | signs, lists and checks the parts of an upload that comes in parts |
//! | `completion` | joins parts at the object's own key (`Landing::AtKey`) |
//! | `confirm` | seals what was sent beside the key, and checks it (`Landing::Sealed`) |
//! | `seal`, `validate` | moves bytes to where no presigned request leads; compares them with what was announced |
//! | `scan`, `rescan` | looks for malware, before anybody may read the bytes and again later |
//! | `process` | makes images and videos anew, without their metadata |
//! | `publish` | writes what was made, and makes the object readable |
//! | `outcome` | rejects, fails and retries an object |
//! | `end` | gives up an upload that is open |
//! | `effects` | everything that differs between owner kinds and is code, in closed matches |
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
mod publish;
pub(crate) mod rescan;
pub(crate) mod scan;
pub(crate) mod seal;
pub(crate) mod validate;

use store::UploadRef;

pub use self::completion::{complete, recover};
pub use self::end::abort;
pub(crate) use self::end::end;
pub use self::parts::{MAX_SIGNED, find_open, list_parts, sign_parts};
use crate::error::Error;
use crate::model::upload::Upload;

/// Returns an upload as the store names it.
pub fn reference(upload: &Upload) -> UploadRef {
    UploadRef { key: upload.key.as_str().to_owned(), upload_id: upload.id.clone() }
}

/// Returns the error for a stored body that ended before it was read whole.
pub(crate) fn unreadable(error: &std::io::Error) -> Error {
    Error::StoreError(store::Error::Damaged(error.to_string()))
}

/// Counts an upload that came to an end, or a begin.
pub(crate) fn count(outcome: &'static str) {
    metrics::counter!("tidegate_uploads_total", "outcome" => outcome).increment(1);
}
