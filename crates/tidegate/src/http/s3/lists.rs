//! `ListObjects` in both versions, over every key of the store. Only the operator may list; see
//! `door.rs`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, ETag, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    Object, ObjectStorageClass,
};
use s3s::{S3Result, s3_error};

use super::door::to_s3_error;
use crate::app::App;

/// The most entries of one response, as in S3.
const MAX_KEYS: i32 = 1000;
/// The ASCII characters that `encoding-type=url` percent-encodes. A space becomes `+`.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');
/// More characters than fit into a key of 1024 bytes.
const LONGER_THAN_A_KEY: usize = 257;

/// A request for a page of keys, in either version.
struct Query {
    prefix: String,
    delimiter: Option<String>,
    /// The key or common prefix after which the page begins.
    after: Option<String>,
    max_keys: i32,
    /// Whether keys are encoded in the response, because XML cannot hold every character.
    encodes: bool,
}

impl Query {
    /// Checks a query. Returns 400 for an encoding other than `url`, a negative `max-keys`, and
    /// control characters, which no key has.
    fn new(
        prefix: Option<String>,
        delimiter: Option<String>,
        after: Option<String>,
        max_keys: Option<i32>,
        encoding: Option<&EncodingType>,
    ) -> S3Result<Self> {
        let texts = [prefix.as_deref(), delimiter.as_deref(), after.as_deref()];
        if texts.into_iter().flatten().any(|text| text.contains(char::is_control)) {
            return Err(s3_error!(InvalidArgument, "A key has no control characters."));
        }
        if encoding.is_some_and(|encoding| encoding.as_str() != EncodingType::URL) {
            return Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request"));
        }
        let max_keys = max_keys.unwrap_or(MAX_KEYS);
        if max_keys < 0 {
            return Err(s3_error!(InvalidArgument, "Argument max-keys must be an integer between 0 and 2147483647"));
        }
        let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty());
        let (prefix, encodes) = (prefix.unwrap_or_default(), encoding.is_some());
        Ok(Self { prefix, delimiter, after, max_keys: max_keys.min(MAX_KEYS), encodes })
    }

    /// Encodes the response, though the client did not ask for it, if XML cannot hold one of its
    /// texts. The response then says so.
    fn encode_if_needed(&mut self, page: &Page) {
        let asked = [Some(&self.prefix), self.delimiter.as_ref(), self.after.as_ref()].into_iter().flatten();
        let keys = page.entries.iter().map(|entry| &entry.key).chain(&page.folders);
        self.encodes |= asked.chain(keys).any(|text| text.contains(['\u{fffe}', '\u{ffff}']));
    }

    /// Returns whether keys can begin with the prefix. Its folders are names that a key can have.
    fn can_match(&self) -> bool {
        let folders = self.prefix.rsplit_once('/').map_or("", |(folders, _)| folders);
        let is_name = |segment: &str| !matches!(segment, "" | "." | "..") && segment.len() <= 255;
        folders.is_empty() && !self.prefix.starts_with('/') || folders.split('/').all(is_name)
    }

    /// Returns the common prefix that a key is listed under, if there is one.
    fn folder_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        let (rest, delimiter) = (key.strip_prefix(&self.prefix)?, self.delimiter.as_deref()?);
        let end = rest.find(delimiter)? + delimiter.len();
        Some(&key[..self.prefix.len() + end])
    }

    /// Returns the text after which the store lists on: a key, or what sorts after every key below a
    /// common prefix.
    fn position(&self, after: &str) -> String {
        match self.folder_of(after) {
            Some(folder) if folder == after => format!("{after}{}", "\u{10ffff}".repeat(LONGER_THAN_A_KEY)),
            _ => after.to_owned(),
        }
    }

    /// Returns the most entries of the page.
    fn limit(&self) -> usize {
        usize::try_from(self.max_keys).unwrap_or(0)
    }

    /// Returns a key, encoded if the client asked for it.
    fn shown(&self, key: &str) -> String {
        if self.encodes { utf8_percent_encode(key, ENCODED).to_string().replace(' ', "+") } else { key.to_owned() }
    }

    fn encoding(&self) -> Option<EncodingType> {
        self.encodes.then(|| EncodingType::from_static(EncodingType::URL))
    }

    /// Returns the objects of a page for the response.
    fn objects(&self, page: &Page) -> Vec<Object> {
        let object = |entry: &store::Entry| Object {
            key: Some(self.shown(&entry.key)),
            size: i64::try_from(entry.size).ok(),
            e_tag: Some(ETag::Strong(entry.etag.clone())),
            last_modified: Some(entry.last_modified.into()),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Object::default()
        };
        page.entries.iter().map(object).collect()
    }

    /// Returns the common prefixes of a page for the response.
    fn common_prefixes(&self, page: &Page) -> Vec<CommonPrefix> {
        page.folders.iter().map(|folder| CommonPrefix { prefix: Some(self.shown(folder)) }).collect()
    }
}

/// Lists a page as `ListObjects` does: continued by `marker`.
pub(super) async fn version_1(app: &App, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
    let encoding = input.encoding_type.as_ref();
    let mut query = Query::new(input.prefix, input.delimiter, input.marker, input.max_keys, encoding)?;
    let page = list_page(app, &query).await.map_err(to_s3_error)?;
    query.encode_if_needed(&page);
    Ok(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(query.shown(&query.prefix)),
        marker: Some(query.shown(query.after.as_deref().unwrap_or_default())),
        delimiter: query.delimiter.as_deref().map(|delimiter| query.shown(delimiter)),
        max_keys: Some(query.max_keys),
        contents: Some(query.objects(&page)),
        common_prefixes: Some(query.common_prefixes(&page)),
        is_truncated: Some(page.next.is_some()),
        next_marker: page.next.as_deref().map(|next| query.shown(next)),
        encoding_type: query.encoding(),
        ..ListObjectsOutput::default()
    })
}

/// Lists a page as `ListObjectsV2` does: continued by `continuation-token`.
pub(super) async fn version_2(app: &App, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let token = input.continuation_token.as_deref().filter(|token| !token.is_empty()).map(parse_token).transpose()?;
    let after = token.or_else(|| input.start_after.clone());
    let encoding = input.encoding_type.as_ref();
    let mut query = Query::new(input.prefix, input.delimiter, after, input.max_keys, encoding)?;
    let page = list_page(app, &query).await.map_err(to_s3_error)?;
    query.encode_if_needed(&page);
    Ok(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(query.shown(&query.prefix)),
        delimiter: query.delimiter.as_deref().map(|delimiter| query.shown(delimiter)),
        max_keys: Some(query.max_keys),
        key_count: i32::try_from(page.entries.len() + page.folders.len()).ok(),
        contents: Some(query.objects(&page)),
        common_prefixes: Some(query.common_prefixes(&page)),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.map(|next| URL_SAFE_NO_PAD.encode(next)),
        continuation_token: input.continuation_token,
        start_after: input.start_after.as_deref().map(|after| query.shown(after)),
        encoding_type: query.encoding(),
        ..ListObjectsV2Output::default()
    })
}

/// Returns the key or common prefix in a continuation token.
fn parse_token(token: &str) -> S3Result<String> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

/// A page of a listing.
#[derive(Default)]
struct Page {
    entries: Vec<store::Entry>,
    folders: Vec<String>,
    /// The last key or common prefix, if more follow.
    next: Option<String>,
}

/// Lists a page of keys. With a delimiter, all keys below one common prefix count as one entry.
async fn list_page(app: &App, query: &Query) -> store::Result<Page> {
    let (mut page, mut last) = (Page::default(), query.after.clone());
    if query.limit() == 0 || !query.can_match() {
        return Ok(page);
    }
    loop {
        // One more than fits shows whether there are more.
        let wanted = query.limit() - page.entries.len() - page.folders.len() + 1;
        let position = last.as_deref().map(|last| query.position(last));
        let found = app.store.list(&query.prefix, position.as_deref(), wanted).await?;
        let is_end = found.len() < wanted;
        for entry in found {
            let folder = query.folder_of(&entry.key).map(str::to_owned);
            if folder.is_some() && page.folders.last() == folder.as_ref() {
                continue;
            }
            if page.entries.len() + page.folders.len() == query.limit() {
                page.next = last;
                return Ok(page);
            }
            last = Some(folder.clone().unwrap_or_else(|| entry.key.clone()));
            match folder {
                Some(folder) => page.folders.push(folder),
                None => page.entries.push(entry),
            }
        }
        if is_end {
            return Ok(page);
        }
    }
}
