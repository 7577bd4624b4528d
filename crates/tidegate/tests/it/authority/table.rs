//! The expected outcomes: one row for each kind of right that the server issues, one column for
//! each target it is tried on and each event after which it is tried.

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It succeeds.
    Opens,
    /// It succeeds on purpose until the right expires; the row gives the reason and the bound.
    Keeps,
    /// It succeeds or is refused, and shows the bytes, type and disposition of the issued URL.
    Same,
    /// It is refused and changes nothing.
    Refused,
    /// The kind has no such target: a public file and what sign-in authorizes have no end.
    None,
}

/// The targets, which are tried before anything is revoked.
pub(super) const TARGETS: [&str; 14] = [
    "named",    // the object it names, as it was issued
    "part",     // what belongs to it: its thumbnails, its next part, its package's assets
    "sibling",  // another object of the same owner
    "other",    // another owner's
    "unserved", // incoming, quarantine, trash, private files, source files
    "folder",   // the folders above
    "near",     // a name that differs by one more or one less letter, in each segment
    "encoded",  // paths with dots, slashes and NULs in encoded form that lead elsewhere
    "door",     // the same key with the same authority at another door
    "host",     // the same request with another host name
    "method",   // every method that changes something, or that reads instead
    "head",     // HEAD
    "terms",    // a parameter or cookie changed, removed or repeated
    "added",    // a parameter added
];

/// The events after which the issued URL is tried again.
pub(super) const EVENTS: [&str; 11] = [
    "late",     // its end has passed
    "removed",  // its holder was removed
    "gone",     // the object was deleted, or the upload ended
    "job",      // and the jobs of that were done
    "restored", // the object was restored, and the jobs of that were done
    "complete", // the upload was completed
    "revoked",  // the links of the owner were revoked
    "owner",    // its session, space or dataset was deleted
    "swept",    // and the jobs of that were done
    "restart",  // the server started again
    "keys",     // the server started again with other keys
];

/// A kind of issued right: its name, its outcomes in the order of `TARGETS` and `EVENTS`, and why
/// it keeps working where it does: reason and bound.
pub(super) type Row = (&'static str, &'static str, &'static str, &'static str);

const GRANT: &str = "the edge asks no database: bytes of a deleted session or package are removed by the next job";
const MEMBER: &str = "grants are not checked against membership: they end within GRANT_TTL_SECONDS, and with a \
                      deleted space by the next job";
const SENDER: &str = "the bytes go where nobody reads them and are never confirmed; the URL ends within \
                      UPLOAD_URL_TTL_SECONDS or MEDIA_UPLOAD_URL_TTL_SECONDS";
const PRESIGNED: &str = "presigned URLs are not checked against membership: they end within the hour";

/// Siblings open under prefix grants only: those of a space, of a session, of a package's assets.
#[rustfmt::skip]
pub(super) const TABLE: [Row; 34] = [
    // O opens, K keeps on purpose, S the same bytes or a refusal, . refused, - no such target
    //                                     na pa si ot un fo ne en do ho me he te ad    la re go jo rs co rv ow sw st ke
    ("disk stream, cookies",              "O  -  .  .  .  .  .  .  .  .  .  O  .  S", ".  -  .  .  -  -  O  -  -  O  .", ""),
    ("disk stream, URL",                  "O  -  .  .  .  .  .  .  .  .  .  O  .  S", ".  -  .  .  -  -  O  -  -  O  .", ""),
    ("disk stream, without an edge",      "O  -  -  .  .  -  .  .  .  .  .  O  -  S", "-  -  .  .  -  -  O  -  -  O  O", ""),
    ("disk part",                         "O  .  .  .  .  .  .  .  .  .  .  .  .  .", ".  -  .  .  -  .  O  -  -  O  .", ""),
    ("file link, version 1",              "O  -  .  .  .  .  .  .  .  .  .  O  .  S", ".  -  .  .  -  -  .  -  -  O  .", ""),
    ("file link, version 2",              "O  -  .  .  .  .  .  .  .  .  .  O  .  S", ".  -  .  .  -  -  .  -  -  O  .", ""),
    // Without any authority, private content must stay private.
    ("public file",                       "O  -  .  .  .  .  .  .  .  .  .  O  -  S", "-  -  .  .  -  -  O  -  -  O  O", ""),
    ("file upload",                       "O  -  .  .  .  .  .  .  .  .  .  .  .  .", ".  -  .  .  -  .  O  -  -  O  .", ""),
    ("archive",                           "O  -  -  .  .  -  .  .  -  .  .  O  -  S", ".  -  .  .  -  -  .  -  -  O  O", ""),
    ("space image",                       "O  O  O  .  .  .  .  .  .  .  .  O  .  S", ".  K  .  .  K  -  O  K  .  O  .", MEMBER),
    ("space thumbnail",                   "O  O  O  .  .  .  .  .  .  .  .  O  .  S", ".  K  .  .  K  -  O  K  .  O  .", MEMBER),
    ("space urlQuery",                    "O  O  O  .  .  .  .  .  .  .  .  O  .  S", ".  K  .  .  K  -  O  K  .  O  .", MEMBER),
    ("space cookies",                     "O  O  O  .  .  .  .  .  .  .  .  O  .  S", ".  K  .  .  K  -  O  K  .  O  .", MEMBER),
    ("space link",                        "O  .  .  .  .  .  .  .  .  .  .  O  .  .", ".  K  .  .  K  -  O  K  .  O  .", MEMBER),
    ("space upload",                      "O  -  .  .  .  .  .  .  .  .  .  .  .  .", ".  K  .  .  -  .  O  K  .  O  .", SENDER),
    ("space upload, signed again",        "O  -  .  .  .  .  .  .  .  .  .  .  .  .", ".  K  .  .  -  .  O  K  .  O  .", SENDER),
    ("session image",                     "O  O  O  .  .  .  .  .  .  .  .  O  .  S", ".  -  .  .  K  -  O  K  .  O  .", GRANT),
    ("session variant",                   "O  O  O  .  .  .  .  .  .  .  .  O  .  S", ".  -  .  .  K  -  O  K  .  O  .", GRANT),
    ("session image, by GraphQL",         "O  O  O  .  .  .  .  .  .  .  .  O  .  S", ".  -  .  .  K  -  O  K  .  O  .", GRANT),
    ("session link",                      "O  -  .  .  .  .  .  .  .  .  .  O  .  S", ".  -  .  .  K  -  O  .  .  O  .", GRANT),
    ("where a session link leads",        "O  .  .  .  .  .  .  .  .  .  .  O  .  .", ".  -  .  .  K  -  O  K  .  O  .", GRANT),
    ("where a session's content leads",   "O  .  .  .  .  .  .  .  .  .  .  O  .  .", ".  -  .  .  K  -  O  K  .  O  .", GRANT),
    ("session upload",                    "O  -  .  .  .  .  .  .  .  .  .  .  .  .", ".  -  .  .  -  .  O  K  .  O  .", SENDER),
    ("session upload, signed again",      "O  -  .  .  .  .  .  .  .  .  .  .  .  .", ".  -  .  .  -  .  O  K  .  O  .", SENDER),
    ("session upload, by GraphQL",        "O  -  .  .  .  .  .  .  .  .  .  .  .  .", ".  -  .  .  -  .  O  K  .  O  .", SENDER),
    ("package source",                    "O  .  .  .  .  .  .  .  .  .  .  .  .  .", ".  K  .  .  K  -  O  -  -  O  .", PRESIGNED),
    ("package asset, presigned",          "O  .  .  .  .  .  .  .  .  .  .  .  .  .", ".  K  .  .  K  -  O  -  -  O  .", PRESIGNED),
    ("package manifest",                  "O  .  .  .  .  .  .  .  .  .  .  .  .  .", ".  K  .  .  K  -  O  -  -  O  .", PRESIGNED),
    ("package proxy",                     "O  .  .  .  .  .  .  .  -  .  .  O  .  .", ".  K  .  .  K  -  O  -  -  O  .", PRESIGNED),
    ("package asset, signed",             "O  .  .  .  .  .  .  .  .  .  .  O  .  .", ".  K  K  .  K  -  O  -  -  O  .", GRANT),
    ("package assets, by prefix",         "O  O  .  .  .  .  .  .  .  .  .  O  .  S", ".  K  K  .  K  -  O  -  -  O  .", GRANT),
    ("package assets, by cookies",        "O  O  .  .  .  .  .  .  .  .  .  O  .  S", ".  K  K  .  K  -  O  -  -  O  .", GRANT),
    ("package part",                      "O  .  .  .  .  .  .  .  .  .  .  .  .  .", ".  K  .  .  -  .  O  -  -  O  .", SENDER),
    ("package upload",                    "O  -  .  .  .  .  .  .  .  .  .  .  .  .", ".  K  .  .  -  .  O  -  -  O  .", SENDER),
];

/// Returns the outcomes of a kind by column.
pub(super) fn outcome(kind: &str, column: &str) -> Outcome {
    let (_, targets, events, reason) =
        TABLE.iter().find(|row| row.0 == kind).unwrap_or_else(|| panic!("no row of the table: {kind}"));
    let (cells, at) = match TARGETS.iter().position(|name| *name == column) {
        Some(at) => (targets, at),
        None => {
            (events, EVENTS.iter().position(|name| *name == column).unwrap_or_else(|| panic!("no column: {column}")))
        }
    };
    let found = match cells.split_whitespace().nth(at).unwrap() {
        "O" => Outcome::Opens,
        "K" => Outcome::Keeps,
        "S" => Outcome::Same,
        "." => Outcome::Refused,
        "-" => Outcome::None,
        other => panic!("{kind}, {column}: {other}"),
    };
    assert!(found != Outcome::Keeps || !reason.is_empty(), "{kind}, {column}: the row gives no reason");
    found
}

/// Rights that are tried where they can be watched or end by themselves: what issues them, and the
/// test.
pub(super) const ELSEWHERE: [(&str, &str); 6] = [
    (
        "events of a space, as long as its reader may",
        "crates/tidegate/tests/it/spaces.rs::whoever_watches_is_told_until_they_may_not",
    ),
    ("events of a session, over GraphQL", "crates/tidegate/tests/it/graphql.rs::changes_are_pushed_over_websocket"),
    ("the operator's S3 credentials", "e2e/test_walk.py::test_the_operator_reads_and_changes_nothing"),
    ("a key that was replaced", "crates/tidegate/tests/it/edge_wire.rs::a_key_comes_and_goes_while_the_edge_runs"),
    ("requests that sign-in authorizes", "crates/tidegate/tests/it/access.rs::every_route_denies_a_stranger"),
    ("tokens of an issuer", "crates/tidegate/tests/it/sign_in.rs::tokens_of_the_issuer_are_taken_and_no_others"),
];

const OF_SPACE: &[&str] = &["space image"];
const OF_SESSION: &[&str] = &["session image", "session link"];

/// Every field of a response, by operation, that could be a right; the kinds that are tried, or
/// none where it is no right.
#[rustfmt::skip]
pub(super) const ISSUERS: &[(&str, &str, &[&str])] = &[
    ("get_image_stream_url", "url", &["disk stream, cookies", "disk stream, URL", "disk stream, without an edge"]),
    ("get_image_stream_url", "auth.cookies", &["disk stream, cookies"]),
    ("get_image_stream_url", "set-cookie", &["disk stream, cookies"]),
    // The path without a signature.
    ("get_image_metadata", "url", &[]),
    // Ids and fingerprints of public keys, and whether a setting is secret.
    ("list_keys", "signing", &[]),
    ("list_settings", "settings.[].secret", &[]),
    ("sign_image_parts", "url", &["disk part"]),
    ("sign_image_parts", "urls", &["disk part"]),
    ("sign_image_parts", "urls.[].url", &["disk part"]),
    ("begin_file_uploads", "uploads.[].url", &["file upload"]),
    ("sign_file_link", "url", &["file link, version 1", "file link, version 2"]),
    ("sign_file_link", "signed_url", &["file link, version 1", "file link, version 2"]),
    ("sign_file_link_json", "url", &["file link, version 1", "file link, version 2"]),
    ("sign_file_link_json", "signed_url", &["file link, version 1", "file link, version 2"]),
    ("create_file_archive", "token", &["archive"]),
    ("create_file_token", "token", &["token"]),
    ("create_token", "token", &["token"]),
    ("list_space_images", "images.[].cloudfrontUrl", OF_SPACE),
    ("list_space_images", "images.[].thumbnails.[].url", &["space thumbnail"]),
    ("list_space_images", "urlQuery", &["space urlQuery"]),
    ("refresh_space_images", "images.[].cloudfrontUrl", OF_SPACE),
    ("refresh_space_images", "images.[].thumbnails.[].url", &["space thumbnail"]),
    ("refresh_space_images", "urlQuery", &["space urlQuery"]),
    ("get_space_image", "cloudfrontUrl", OF_SPACE),
    ("get_space_image", "thumbnails.[].url", &["space thumbnail"]),
    ("confirm_space_image", "cloudfrontUrl", OF_SPACE),
    ("confirm_space_image", "thumbnails.[].url", &["space thumbnail"]),
    ("restore_space_image", "cloudfrontUrl", OF_SPACE),
    ("restore_space_image", "thumbnails.[].url", &["space thumbnail"]),
    ("retry_space_image", "cloudfrontUrl", OF_SPACE),
    ("retry_space_image", "thumbnails.[].url", &["space thumbnail"]),
    ("thaw_space_image", "cloudfrontUrl", OF_SPACE),
    ("thaw_space_image", "thumbnails.[].url", &["space thumbnail"]),
    ("create_space_image", "uploadUrl", &["space upload"]),
    ("sign_space_image_upload", "uploadUrl", &["space upload, signed again"]),
    ("link_space_image", "url", &["space link"]),
    ("grant_space_cookies", "set-cookie", &["space cookies"]),
    ("create_media_upload", "uploadUrl", &["session upload"]),
    ("sign_media_upload", "uploadUrl", &["session upload, signed again"]),
    ("list_media", "media.[].url", OF_SESSION),
    ("list_media", "media.[].variants.[].url", &["session variant"]),
    ("get_media", "url", OF_SESSION),
    ("get_media", "variants.[].url", &["session variant"]),
    ("confirm_media_upload", "url", OF_SESSION),
    ("confirm_media_upload", "variants.[].url", &["session variant"]),
    ("restore_media", "url", OF_SESSION),
    ("restore_media", "variants.[].url", &["session variant"]),
    ("retry_media", "url", OF_SESSION),
    ("retry_media", "variants.[].url", &["session variant"]),
    ("thaw_media", "url", OF_SESSION),
    ("thaw_media", "variants.[].url", &["session variant"]),
    ("read_media_content", "location", &["where a session link leads", "where a session's content leads"]),
    ("head_media_content", "location", &["where a session link leads", "where a session's content leads"]),
    ("create_package", "uploadUrl", &["package upload"]),
    ("create_package_asset", "uploadUrl", &["package upload"]),
    ("sign_package_parts", "parts.[].url", &["package part"]),
    ("presign_package", "location", &["package source", "package asset, presigned"]),
    ("presign_package", "presigned_url", &["package source", "package asset, presigned"]),
    ("create_download_manifest", "data.[].url", &["package manifest"]),
    ("follow_presigned_url", "location", &["package proxy"]),
    ("sign_package_assets", "signed_url", &["package asset, signed"]),
    // Useless without the query that follows.
    ("sign_package_assets", "base_url", &[]),
    ("sign_package_assets", "query", &["package assets, by prefix"]),
    ("sign_package_assets", "policy", &["package assets, by prefix"]),
    ("sign_package_assets", "signature", &["package assets, by prefix"]),
    ("sign_package_assets", "set-cookie", &["package assets, by cookies"]),
    // A word, not a right.
    ("get_readiness", "signIn", &[]),
    // When the URL ends.
    ("create_package", "uploadUrlExpiresAt", &[]),
    ("create_package_asset", "uploadUrlExpiresAt", &[]),
    ("graphql", "UploadUrlResponse.uploadUrl", &["session upload, by GraphQL"]),
    ("graphql", "Variant.url", &["session variant"]),
    ("graphql", "MediaResponse.url", &["session image, by GraphQL", "session link"]),
];
