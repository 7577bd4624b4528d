//! Gives a file the name and the folder that its completion names, in place of the announced ones.
//! Never renames a file whose bytes may be at its key already.

use super::uploads::find;
use crate::app::App;
use crate::db::Renamed;
use crate::error::{Error, Result, bad_request};
use crate::model::caller::Caller;
use crate::model::file::{File, FileKey, FileName, Folder};
use crate::model::key::{self, Key};
use crate::model::object::Object;
use crate::model::upload::{Upload, UploadState};
use crate::uploads::begin::MAX_TAGS;

/// Gives a file the name and the folder of its completion, also if the completion fails later. A
/// file whose bytes may be at its key already keeps them.
pub(super) async fn rename(
    app: &App,
    caller: &Caller,
    file: File,
    upload: Upload,
    (name, folder): (Option<&str>, Option<&str>),
) -> Result<(File, Upload)> {
    let announced = FileKey::parse(upload.key.as_str()).filter(|_| !upload.is_being_completed());
    let Some(announced) = announced else { return Ok((file, upload)) };
    let given = |text: Option<&str>| text.filter(|text| !text.trim().is_empty()).map(str::to_owned);
    // What was announced stays as it is.
    let name = match given(name) {
        Some(name) => FileName::clean(&name),
        None => FileName::parse(announced.name()),
    };
    let name = name.map_err(|error| bad_request(format!("meta.filename {error}")))?;
    let folder = match given(folder) {
        Some(folder) => Folder::clean(&folder),
        None => Folder::parse(announced.folder()),
    };
    let folder = folder.map_err(|error| bad_request(format!("meta.folder {error}")))?;
    if (name.as_str(), folder.as_str()) == (announced.name(), announced.folder()) {
        return Ok((file, upload));
    }
    let mut key = key::moved_file(announced, &folder, &name);
    for _ in 0..MAX_TAGS {
        let mut tx = app.db.begin().await?;
        match tx.rename_file_upload(&upload, &key, name.as_str(), folder.as_str()).await? {
            Renamed::Done => {
                tx.commit().await?;
                let object = Object { key: key.clone(), name: Some(name.as_str().to_owned()), ..file.object };
                return Ok((File { object, folder: folder.as_str().to_owned(), ..file }, Upload { key, ..upload }));
            }
            Renamed::Closed => {
                drop(tx);
                return renamed_by_other(app, caller, &upload.id, &key).await;
            }
            // Another file of that name has the same tag.
            Renamed::Taken => key = key::retagged_file(&key, app.file_tags.draw()).ok_or_else(replaced)?,
        }
    }
    Err(Error::Unavailable(anyhow::anyhow!("no free key was found for a file")))
}

/// Returns the file and the upload after another server has renamed or frozen them. Returns the
/// conflict if it did so with another key.
async fn renamed_by_other(app: &App, caller: &Caller, upload_id: &str, wanted: &Key) -> Result<(File, Upload)> {
    let (_, file, upload) = find(app, caller, upload_id).await?;
    if upload.key == *wanted || upload.is_being_completed() || upload.state != UploadState::Open {
        return Ok((file, upload));
    }
    Err(replaced())
}

/// Returns the conflict of two completions of one upload.
pub(super) fn replaced() -> Error {
    Error::InvalidState("parts of the upload were replaced or completed meanwhile; ask again".into())
}
