//! One request for each operation: examples of its parameters and its body, and the curl command
//! that sends them. `e2e/test_openapi.py` runs every command, with ids that exist there.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{RefOr, Required};

use super::complete::Place;

/// The address of a server that `make run` starts.
const SERVER: &str = "http://127.0.0.1:3000";
/// The characters escaped in paths and queries of the commands.
const IN_URLS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b':').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const IMAGE: &str = "019a1c40-5b1e-7c02-9a3d-5e8f00000001";
const IMAGE_UPLOAD: &str = "upload-of-the-image";
const ETAG: &str = "5d41402abc4b2a76b9719d911017c592";
const SPACE: &str = "019a1c40-5b1e-7c02-9a3d-5e8f00000002";
const SPACE_IMAGE: &str = "019a1c40-5b1e-7c02-9a3d-5e8f00000003";
const SESSION: &str = "019a1c40-5b1e-7c02-9a3d-5e8f00000004";
const MEDIA: &str = "019a1c40-5b1e-7c02-9a3d-5e8f00000005";
const MEDIA_KEY: &str =
    "sessions/019a1c40-5b1e-7c02-9a3d-5e8f00000004/general/019a1c40-5b1e-7c02-9a3d-5e8f00000005/front.jpg";
const DATASET: &str = "N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006";
const PACKAGE: &str = "N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007";
const ASSET_PATH: &str = "view/index.json";
const FILE_KEY: &str = "storage/alice/main/pictures/image.jpg";
const FILE_UPLOAD: &str = "upload-of-the-file";
const BULK: &str = "019a1c40-5b1e-7c02-9a3d-5e8f00000008";
const ARCHIVE: &str = "token-of-the-archive";
const PRESIGNED_URL: &str = "https://bucket.s3.amazonaws.com/O1/D1/P1/source?X-Amz-Signature=0123abcd";

/// What required parameters mean, and an example of each, by tag and name.
const PARAMETERS: [(&str, &str, &str, &str); 24] = [
    ("images", "id", "The image", IMAGE),
    ("spaces", "spaceId", "The space", SPACE),
    ("spaces", "imageId", "The image", SPACE_IMAGE),
    ("spaces", "userId", "The member", "bob"),
    ("sessions", "session", "The session", SESSION),
    ("sessions", "media", "The media item", MEDIA),
    ("packages", "dataset_id", "The dataset", DATASET),
    ("packages", "datasetId", "The dataset", DATASET),
    ("packages", "package_id", "The package", PACKAGE),
    ("packages", "id", "The package; or the collection or the asset, where the operation takes one", PACKAGE),
    ("packages", "userId", "The member", "bob"),
    ("packages", "path", "The asset below the package", ASSET_PATH),
    ("packages", "presigned_url", "The URL", PRESIGNED_URL),
    ("files", "key", "The file's key", FILE_KEY),
    ("files", "exp", "When the link ends, in epoch seconds", "1790000000"),
    ("files", "sig", "The link's signature", "signature-of-the-link"),
    ("files", "user_id", "The user", "alice"),
    ("files", "path", "The file's key below the user's folder", "main/pictures/image.jpg"),
    ("files", "folder", "The folder", "main/pictures"),
    ("files", "upload_id", "The upload", FILE_UPLOAD),
    ("files", "number", "The part's number, from 0 or 1", "1"),
    ("files", "token", "The token of the archive", ARCHIVE),
    ("operations", "id", "The job", "1"),
    ("bulk", "id", "The bulk action", BULK),
];
/// The key of a link is a file's key in base64url.
const LINK_KEY: (&str, &str) = ("The file's key in base64url", "c3RvcmFnZS9hbGljZS9tYWluL3BpY3R1cmVzL2ltYWdlLmpwZw");
/// Optional parameters that have an example, since the operation needs them or an alternative.
const ALTERNATIVES: [(&str, &str); 3] =
    [("sign_package_assets", "path"), ("sign_file_link", "key"), ("set_file_quota", "user_id")];

/// Adds the examples of an operation, and the command that sends them.
pub(super) fn add(place: &Place<'_>, operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
    let id = operation.operation_id.clone().unwrap_or_default();
    let mut url = place.template.replace("{*", "{");
    let mut query = Vec::new();
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        let Some((description, example)) = example_of(place, &tag, &id, parameter) else { continue };
        let said = parameter.description.take().unwrap_or_default();
        let in_path = parameter.parameter_in == ParameterIn::Path;
        let escaped = utf8_percent_encode(example, IN_URLS).to_string();
        if in_path {
            url = url.replace(&format!("{{{}}}", parameter.name), &escaped);
        } else {
            query.push(format!("{}={escaped}", parameter.name));
        }
        let said = match (said.as_str(), in_path) {
            ("", _) => description.to_owned(),
            (said, true) => format!("{description}. {said}"),
            (said, false) => said.to_owned(),
        };
        let value = example.parse::<u32>().map_or_else(|_| json!(example), |number| json!(number));
        let example = if is_number(parameter) { value } else { json!(example) };
        let whole = ParameterBuilder::from(std::mem::replace(parameter, Parameter::new("")));
        *parameter = whole.description(Some(said)).example(Some(example)).build();
    }
    if !query.is_empty() {
        url = format!("{url}?{}", query.join("&"));
    }
    let body = body(&id);
    if let (Some(RefOr::T(sent)), Some(body)) = (&mut operation.request_body, &body) {
        for content in sent.content.values_mut() {
            if let RefOr::T(content) = content {
                content.example = Some(body.clone());
            }
        }
    }
    let command = command(place, operation, &tag, &url, body.as_ref());
    let sample = json!([{"lang": "Shell", "label": "curl", "source": command}]);
    operation.extensions = Some(Extensions::from_iter([("x-codeSamples", sample)]));
}

fn is_number(parameter: &Parameter) -> bool {
    let schema = serde_json::to_value(&parameter.schema).unwrap_or_default();
    schema["type"] == "integer"
}

/// Returns the meaning of a parameter and an example; `None` for one that a request can do without.
fn example_of(place: &Place<'_>, tag: &str, id: &str, parameter: &Parameter) -> Option<(&'static str, &'static str)> {
    let needed = parameter.required == Required::True || ALTERNATIVES.contains(&(id, &parameter.name));
    if parameter.name == "key" && place.template.ends_with("/get/{key}") {
        return Some(LINK_KEY);
    }
    let known = PARAMETERS.iter().find(|(of, name, ..)| *of == tag && *name == parameter.name);
    known.filter(|_| needed).map(|(_, _, description, example)| (*description, *example))
}

/// Returns the curl command that sends the example of an operation.
fn command(place: &Place<'_>, operation: &Operation, tag: &str, url: &str, body: Option<&Value>) -> String {
    let mut words = vec!["curl".to_owned()];
    words.extend(match place.method {
        HttpMethod::Get => None,
        HttpMethod::Head => Some("--head".to_owned()),
        HttpMethod::Put => Some("-X PUT".to_owned()),
        HttpMethod::Post => Some("-X POST".to_owned()),
        HttpMethod::Delete => Some("-X DELETE".to_owned()),
        _ => Some("-X OPTIONS".to_owned()),
    });
    words.push(format!("'{SERVER}{url}'"));
    words.extend(sign_in(operation, tag));
    match body {
        Some(Value::String(bytes)) => {
            words.push("-H 'Content-Type: application/octet-stream'".to_owned());
            words.push(format!("--data-binary '{bytes}'"));
        }
        Some(json) => {
            words.push("-H 'Content-Type: application/json'".to_owned());
            words.push(format!("-d '{json}'"));
        }
        None => {}
    }
    words.join(" ")
}

/// Returns the headers that sign a caller in who may do this, with `AUTH_MODE=dev`; a service token
/// is only known with `AUTH_MODE=jwt`.
fn sign_in(operation: &Operation, tag: &str) -> Vec<String> {
    let header = |name: &str, value: &str| format!("-H '{name}: {value}'");
    let needs = |scheme: &str| {
        let one = SecurityRequirement::new(scheme, [] as [&str; 0]);
        operation.security.as_ref().is_some_and(|needed| needed.contains(&one))
    };
    match &operation.security {
        Some(needed) if needed.is_empty() => Vec::new(),
        Some(_) if tag == "operations" => vec![header("X-User-Id", "alice"), header("X-Roles", "admin")],
        _ if ["sessions", "packages"].contains(&tag) => vec![header("X-User-Id", "alice"), header("X-Org-Id", "lab")],
        Some(_) if needs("service") => vec!["-H \"X-Service-Token: $SERVICE_TOKEN\"".to_owned()],
        _ => vec![header("X-User-Id", "alice")],
    }
}

/// Returns the example body of an operation: text for bytes, else JSON.
fn body(id: &str) -> Option<Value> {
    Some(match id {
        "create_image" => json!({"name": "ubuntu.img", "contentType": "application/octet-stream"}),
        "sign_image_parts" => json!({"uploadId": IMAGE_UPLOAD, "partNumbers": [1, 2]}),
        "complete_image_upload" => json!({"uploadId": IMAGE_UPLOAD, "parts": [{"partNumber": 1, "etag": ETAG}]}),
        "create_space" => json!({"name": "Holidays"}),
        "create_space_image" => json!({"filename": "beach.jpg", "contentType": "image/jpeg"}),
        "import_space_images" => json!({"s3Key": ["legacy/gallery/beach.jpg"]}),
        "link_space_image" => json!({"ttlSeconds": 600, "variant": "original"}),
        "refresh_space_images" => json!({"ids": [SPACE_IMAGE]}),
        "set_space_member" | "set_dataset_member" => json!({"role": "editor"}),
        "create_session" => json!({"id": SESSION}),
        "create_media_upload" => json!({"filename": "front.jpg", "contentType": "image/jpeg", "stage": "intake"}),
        "confirm_media_upload" => json!({"fileKey": MEDIA_KEY, "alt": "The car from the front"}),
        "create_dataset" => json!({"name": "Cells"}),
        "create_collection" => json!({"name": "Raw data"}),
        "create_package" => json!({"name": "scan-001", "filename": "scan-001.csv", "contentType": "text/csv"}),
        "sign_package_parts" => json!({"partNumbers": [1]}),
        "confirm_package" => json!({"parts": [{"partNumber": 1, "etag": ETAG}]}),
        "create_package_asset" => json!({"contentType": "application/json"}),
        "delete_packages" | "restore_packages" | "thaw_packages" | "create_download_manifest" => {
            json!({"nodeIds": [PACKAGE]})
        }
        "begin_file_uploads" => json!({
            "mode": "single", "folder": "main/pictures", "visibility": "private",
            "files": [{"name": "image.jpg", "size": 5, "mime": "image/jpeg"}],
        }),
        "send_file_part_base64" => json!({"uploadId": FILE_UPLOAD, "partNumber": 1, "chunkBase64": "SGVsbG8="}),
        "send_file_part" => json!("Hello"),
        "complete_file_upload" => json!({"uploadId": FILE_UPLOAD, "parts": []}),
        "create_file_archive" => json!({"keys": [FILE_KEY], "name": "pictures.zip"}),
        "sign_file_link_json" => json!({"key": FILE_KEY, "disposition": "attachment", "ttl": 3600}),
        "start_bulk" => json!({"kind": "space", "owner": SPACE, "action": "delete", "ids": [SPACE_IMAGE]}),
        "set_file_quota" => json!({"quota": 1_073_741_824}),
        "create_token" => json!({"userId": "bob", "org": "lab", "expiresIn": 3600}),
        _ => return None,
    })
}
