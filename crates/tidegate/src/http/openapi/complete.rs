//! Completes the operations that the handlers describe: what every operation may answer, the
//! description and headers of each response, conditional request headers, and path templates that
//! OpenAPI knows. Never invents an operation.

use std::collections::BTreeMap;

use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{KnownFormat, OpenApi, Ref, RefOr, Required, Schema};

use super::examples;

/// Health probes pass no guard, so they answer only what they document.
const PROBES: [&str; 3] = ["/health", "/healthz", "/readyz"];

/// The statuses that guards in front of the handlers give: see `guard.rs`.
const OF_GUARDS: [&str; 5] = ["400", "403", "429", "503", "default"];

/// The media types whose bodies are bytes.
const BYTES: [&str; 2] = ["application/octet-stream", "application/zip"];

/// The parts of an operation that decide what is added to it.
pub(super) struct Place<'a> {
    /// As the router has it: `{*key}` matches slashes.
    pub(super) template: &'a str,
    pub(super) method: HttpMethod,
}

/// Completes all operations of a description.
pub(super) fn complete(api: &mut OpenApi) {
    let schemas =
        api.components.as_ref().map(|components| schema_descriptions(&components.schemas)).unwrap_or_default();
    for (template, mut item) in std::mem::take(&mut api.paths.paths) {
        for (method, operation) in operations(&mut item) {
            let place = Place { template: &template, method };
            complete_operation(&place, operation, &schemas);
            examples::add(&place, operation);
        }
        api.paths.paths.entry(template.replace("{*", "{")).or_default().merge_operations(item);
    }
}

/// Returns the operations of a path with their methods.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let found = [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Head, &mut item.head),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Delete, &mut item.delete),
        (HttpMethod::Options, &mut item.options),
    ];
    found.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn complete_operation(place: &Place<'_>, operation: &mut Operation, schemas: &BTreeMap<String, String>) {
    // `security(())` on a handler says that it needs no sign-in.
    if operation.security.as_ref().is_some_and(|needed| needed.iter().all(|one| *one == Default::default())) {
        operation.security = Some(Vec::new());
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        complete_request_body(body);
    }
    let is_probe = PROBES.contains(&place.template);
    let needs_sign_in = operation.security.as_ref().is_none_or(|needed| !needed.is_empty());
    let mut also: Vec<&str> = if is_probe { Vec::new() } else { OF_GUARDS.to_vec() };
    also.extend((needs_sign_in && !is_probe).then_some("401"));
    also.extend(operation.request_body.is_some().then_some(["413", "507"]).into_iter().flatten());
    for status in also {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(Response::default()));
    }
    let serves_bytes = operation.responses.responses.contains_key("304");
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            complete_response(place, status, response, serves_bytes, schemas);
        }
    }
    let parameters = operation.parameters.get_or_insert_default();
    for parameter in parameters.iter_mut() {
        if let RefOr::T(parameter) = parameter {
            complete_parameter(place, parameter);
        }
    }
    if serves_bytes {
        parameters.extend(conditional_headers(&place.method).map(RefOr::T));
    }
    if parameters.is_empty() {
        operation.parameters = None;
    }
}

/// A body that may be left out is described by what it is where it is there.
fn complete_request_body(body: &mut RequestBody) {
    let mut optional = false;
    for (kind, content) in &mut body.content {
        let RefOr::T(content) = content else { continue };
        if let Some(RefOr::T(Schema::OneOf(either))) = &content.schema {
            let one = either.items.iter().find(|item| matches!(item, RefOr::Ref(_))).cloned();
            content.schema = one.or_else(|| content.schema.clone());
            optional = true;
        }
        describe_bytes(kind, content);
    }
    body.required = Some(if optional { Required::False } else { Required::True });
}

fn complete_response(
    place: &Place<'_>,
    status: &str,
    response: &mut Response,
    serves_bytes: bool,
    schemas: &BTreeMap<String, String>,
) {
    let is_error = status == "default" || status.starts_with(['4', '5']);
    // 412 and 416 have no body (`content/mod.rs`), and no answer to HEAD has one.
    let is_empty = place.method == HttpMethod::Head || ["412", "416"].contains(&status);
    if is_error && !is_empty && response.content.is_empty() {
        let schema = Content::new(Some(Ref::from_schema_name("ErrorBody")));
        response.content.insert("application/json".to_owned(), RefOr::T(schema));
    }
    for (kind, content) in &mut response.content {
        if let RefOr::T(content) = content {
            describe_bytes(kind, content);
        }
    }
    if response.description.is_empty() {
        let of_body =
            response.content.values().find_map(|content| schema_name(content)).and_then(|name| schemas.get(name));
        let of_body = of_body.filter(|_| !is_error && place.method != HttpMethod::Head);
        response.description = of_body.map_or_else(|| meaning(status).to_owned(), Clone::clone);
    }
    for (name, description) in headers(status, serves_bytes) {
        let header = HeaderBuilder::new().schema(Some(text())).description(Some(description)).build();
        response.headers.entry(name.to_owned()).or_insert(RefOr::T(header));
    }
}

/// Describes a body of bytes, which has no structure.
fn describe_bytes(kind: &str, content: &mut Content) {
    if BYTES.contains(&kind) {
        let bytes = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
        let bytes = bytes.format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
        *content = ContentBuilder::from(std::mem::take(content)).schema(Some(bytes.build())).build();
    }
}

/// A wildcard of the router matches what a path parameter of OpenAPI can't say.
fn complete_parameter(place: &Place<'_>, parameter: &mut Parameter) {
    if place.template.contains(&format!("{{*{}}}", parameter.name)) {
        let said = parameter.description.take().unwrap_or_default();
        let slashes = "It may contain slashes, as they are or as `%2F`.";
        parameter.description = Some(if said.is_empty() { slashes.to_owned() } else { format!("{said}. {slashes}") });
    }
}

/// Returns the request headers of reads: conditions, and on GET ranges (RFC 9110, sections 13 and
/// 14).
fn conditional_headers(method: &HttpMethod) -> impl Iterator<Item = Parameter> + use<> {
    let conditions = [
        ("If-None-Match", "304 if the content has one of these entity tags"),
        ("If-Modified-Since", "304 if the content has not changed since; ignored with `If-None-Match`"),
        ("If-Match", "412 unless the content has one of these entity tags"),
        ("If-Unmodified-Since", "412 if the content has changed since; ignored with `If-Match`"),
    ];
    let ranges = [
        ("Range", "The bytes to send, as `bytes=0-1023`; several ranges are sent as `multipart/byteranges`"),
        ("If-Range", "`Range` counts only if the content has this entity tag or date"),
    ];
    let ranges = ranges.into_iter().filter(|_| *method == HttpMethod::Get).collect::<Vec<_>>();
    ranges.into_iter().chain(conditions).map(|(name, description)| {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False);
        parameter.description(Some(description)).schema(Some(text())).build()
    })
}

/// Returns the response headers that a status has on every operation.
fn headers(status: &str, serves_bytes: bool) -> Vec<(&'static str, &'static str)> {
    const ETAG: (&str, &str) = ("ETag", "The entity tag of the content");
    const MODIFIED: (&str, &str) = ("Last-Modified", "When the content was stored, as an HTTP date");
    const RANGES: (&str, &str) = ("Accept-Ranges", "`bytes`");
    const LENGTH: (&str, &str) = ("Content-Length", "The number of bytes, also in the answer to HEAD");
    const RANGE: (&str, &str) =
        ("Content-Range", "Which bytes these are, and of how many; of several ranges each part says it");
    match status {
        "200" if serves_bytes => vec![ETAG, MODIFIED, RANGES, LENGTH],
        "206" => vec![ETAG, MODIFIED, RANGES, LENGTH, RANGE],
        "304" | "412" => vec![ETAG, MODIFIED],
        "416" => vec![ETAG, MODIFIED, ("Content-Range", "How many bytes there are, as `bytes */1000`")],
        "307" => vec![("Location", "Where to read it")],
        "401" => vec![("WWW-Authenticate", "`Bearer`")],
        "429" | "503" => vec![("Retry-After", "Seconds to wait before the next attempt")],
        _ => Vec::new(),
    }
}

/// Returns what a status means on every operation.
fn meaning(status: &str) -> &'static str {
    match status {
        "200" => "The request succeeded.",
        "201" => "It was created.",
        "202" => "The request was accepted; the work goes on after the answer.",
        "204" => "The request succeeded; the answer has no body.",
        "206" => "The requested range of the content.",
        "304" => "The content is what the client has already.",
        "307" => "The content is at the address in `Location`.",
        "400" => "`BAD_REQUEST`: the path, the query, a header or the body is not as described.",
        "401" => "`UNAUTHENTICATED`, or `UNAUTH` of images with `AUTH_MODE=dev`: the caller is not signed in.",
        "403" => {
            "`FORBIDDEN`: the caller may not do this, or the request comes from a page or by a host name that may not."
        }
        "404" => "`NOT_FOUND`: there is no such thing, or the caller may not know of it.",
        "409" => {
            "`INVALID_STATE`: its state does not allow this now. `ARCHIVED`: its bytes are in an archive of the bucket."
        }
        "412" => "A precondition of the request does not hold.",
        "413" => "`TOO_LARGE` or `QUOTA_EXCEEDED`: there are more bytes, or more objects, than are taken.",
        "416" => "The content has none of the requested bytes.",
        "429" => "`RATE_LIMITED`: the caller, or its address, sends too many requests.",
        "503" => "`STORE_UNAVAILABLE`: the server is busy, or something it depends on does not answer; try again.",
        "507" => "`INSUFFICIENT_STORAGE`: the server's disk is full; what frees space still works.",
        _ => "Any other error; its code says which.",
    }
}

fn text() -> Object {
    Object::with_type(SchemaType::new(Type::String))
}

/// Returns the name of the schema that a body refers to.
fn schema_name(content: &RefOr<Content>) -> Option<&str> {
    let RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) = content else { return None };
    schema.ref_location.rsplit('/').next()
}

/// Returns the description of each schema that has one.
fn schema_descriptions(schemas: &BTreeMap<String, RefOr<Schema>>) -> BTreeMap<String, String> {
    let description = |schema: &RefOr<Schema>| match schema {
        RefOr::T(Schema::Object(schema)) => schema.description.clone(),
        RefOr::T(Schema::Array(schema)) => schema.description.clone(),
        RefOr::T(Schema::OneOf(schema)) => schema.description.clone(),
        RefOr::T(Schema::AllOf(schema)) => schema.description.clone(),
        _ => None,
    };
    schemas.iter().filter_map(|(name, schema)| Some((name.clone(), description(schema)?))).collect()
}
