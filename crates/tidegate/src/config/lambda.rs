//! The settings of `tidegate lambda`, and what being a Lambda function says about other settings.

use super::resolve::Resolver;
use super::settings::{Setting, built};

/// The rows of the settings table.
pub(super) const LAMBDA: &[Setting] = &[
    built(
        "LAMBDA_ROLE",
        "auto",
        "auto | http | worker",
        "Which events are answered in AWS Lambda: requests of API Gateway and function URLs (http), queue messages and \
         schedules (worker), or both, told apart by their shape (auto).",
    ),
    built(
        "LAMBDA_RESPONSES",
        "buffered",
        "buffered | stream",
        "How a function URL or a REST API takes responses: whole and up to 6 MB (BUFFERED), or as a stream \
         (RESPONSE_STREAM). Both sides must agree; HTTP APIs only know buffered.",
    ),
    built(
        "LAMBDA_BASE_PATH",
        "",
        "a path of plain segments, such as /api",
        "The path that the API mapping of a custom domain adds before every route; it is removed. A stage is removed without it.",
    ),
    built(
        "LAMBDA_OWN_DOMAIN",
        "false",
        "true | false",
        "Whether requests under the domain name are answered that AWS has given the API or the function URL, besides \
         PUBLIC_BASE_URL and ALLOWED_HOSTS.",
    ),
    built(
        "LAMBDA_METRICS_NAMESPACE",
        "Tidegate",
        "1 to 255 letters, digits and any of .-_/#:, or off",
        "The namespace of metrics in CloudWatch, which a function writes to its log in the embedded metric format.",
    ),
];

/// The settings of a Lambda function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaSetting {
    /// Whether HTTP events are answered.
    pub http: bool,
    /// Whether queue messages and schedules are answered.
    pub worker: bool,
    /// Whether response bodies are streamed.
    pub streams: bool,
    /// The base path to remove; begins with a slash and does not end in one.
    pub base_path: Option<String>,
    /// Whether the domain name of the event's context is a name of the API.
    pub own_domain: bool,
    /// The namespace of metrics in CloudWatch; `None` for no metrics.
    pub namespace: Option<String>,
}

pub(super) fn lambda(r: &mut Resolver) -> LambdaSetting {
    let (http, worker) =
        r.choice("LAMBDA_ROLE", &[("auto", (true, true)), ("http", (true, false)), ("worker", (false, true))]);
    let base_path = r.text("LAMBDA_BASE_PATH").map(|path| path.trim_end_matches('/').to_owned());
    let is_plain = |segment: &str| {
        !segment.is_empty()
            && ![".", ".."].contains(&segment)
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~$".contains(&byte))
    };
    if base_path.as_deref().is_some_and(|path| !path.strip_prefix('/').unwrap_or("").split('/').all(is_plain)) {
        r.problem("LAMBDA_BASE_PATH", "a path of plain segments, such as /api");
    }
    let namespace = r.text("LAMBDA_METRICS_NAMESPACE").unwrap_or_else(|| "Tidegate".to_owned());
    // PutMetricData, "Namespace"; those of AWS itself begin with "AWS/".
    let is_namespace = (1..=255).contains(&namespace.len())
        && namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/#:".contains(&byte))
        && !namespace.starts_with([':', '/'])
        && !namespace.starts_with("AWS/");
    if !is_namespace {
        r.problem("LAMBDA_METRICS_NAMESPACE", "1 to 255 letters, digits and any of .-_/#:, not AWS/ first, or off");
    }
    LambdaSetting {
        http,
        worker,
        streams: r.choice("LAMBDA_RESPONSES", &[("buffered", false), ("stream", true)]),
        base_path,
        own_domain: r.flag("LAMBDA_OWN_DOMAIN"),
        namespace: Some(namespace).filter(|namespace| namespace != "off"),
    }
}

/// What Lambda sets in the environment of every function.
const VARIABLES: [&str; 4] = [ADDRESS, "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", MEMORY];
const ADDRESS: &str = "AWS_LAMBDA_RUNTIME_API";
const MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";

/// Returns which variables that Lambda sets are missing in an environment, or are not what they
/// should be.
pub fn missing_lambda_variables(environment: &[(String, String)]) -> Vec<&'static str> {
    let is_usable = |name: &str| match value(environment, name) {
        Some(size) if name == MEMORY => size.parse::<i32>().is_ok(),
        given => given.is_some_and(|given| !given.is_empty()),
    };
    VARIABLES.into_iter().filter(|name| !is_usable(name)).collect()
}

/// Returns the memory in MiB that a function's environment names; 0 if it names none.
pub fn lambda_memory_mib(environment: &[(String, String)]) -> u64 {
    value(environment, MEMORY).and_then(|size| size.parse().ok()).unwrap_or(0)
}

/// Returns the address of the Runtime API that a function's environment names.
pub fn lambda_runtime_address(environment: &[(String, String)]) -> String {
    value(environment, ADDRESS).unwrap_or_default().to_owned()
}

fn value<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// What applies in a function unless it is set otherwise: only `/tmp` can be written to, nothing but
/// the API is served, and logs are read by programs.
pub(super) const DEFAULTS: [(&str, &str); 4] =
    [("TIDEGATE_DATA", "/tmp/tidegate"), ("EDGE_PORT", "off"), ("LOG_FORMAT", "json"), ("METRICS", "off")];
