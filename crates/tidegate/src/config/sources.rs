//! The sources of values: configuration file, `.env`, environment, command-line flags; later ones
//! override earlier ones. The only code that reads the environment.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::settings::{self, Setting};

/// The given values, by setting name.
#[derive(Debug, Default)]
pub(super) struct Given {
    values: HashMap<&'static str, String>,
    /// Problems, one per line.
    pub(super) problems: Vec<String>,
    /// Warnings, which do not prevent the start.
    pub(super) warnings: Vec<String>,
    /// Whether they are those of an AWS Lambda function.
    pub(super) in_lambda: bool,
}

/// The sources to read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Whether the defaults of an AWS Lambda function apply.
    pub in_lambda: bool,
    /// A TOML file of `NAME = value`.
    pub file: Option<PathBuf>,
    /// A `.env` file; it may be missing.
    pub dotenv: Option<PathBuf>,
    /// The environment variables.
    pub environment: Vec<(String, String)>,
    /// `NAME=value` arguments of the command line.
    pub flags: Vec<String>,
}

impl Sources {
    /// Returns the sources of this process: its environment, and `.env` in its working directory.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process(file: Option<PathBuf>, flags: Vec<String>) -> Self {
        let text = |value: std::ffi::OsString| value.into_string().ok();
        let environment = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        Self { in_lambda: false, file, dotenv: Some(PathBuf::from(".env")), environment: environment.collect(), flags }
    }
}

/// Returns whether AWS Lambda has started this process: as `bootstrap`, without arguments, and with
/// the address of its Runtime API.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn is_lambda_bootstrap() -> bool {
    let mut arguments = std::env::args_os();
    let name = arguments.next().map(PathBuf::from);
    let is_bootstrap = name.and_then(|path| Some(path.file_name()? == "bootstrap")).unwrap_or(false);
    is_bootstrap && arguments.next().is_none() && std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// How to treat a name that is no setting.
#[derive(Debug, Clone, Copy)]
enum Unknown {
    /// As a problem, in a source that holds nothing but settings.
    Problem,
    /// As a warning, in a file that may serve other programs too.
    Warning,
    /// Ignored unless it begins with `TIDEGATE_`, in the environment.
    Others,
}

/// Reads all sources and collects their problems.
pub(super) fn read(sources: &Sources) -> Given {
    let mut given = Given { in_lambda: sources.in_lambda, ..Given::default() };
    if sources.in_lambda {
        let pairs = super::lambda::DEFAULTS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        apply(&mut given, "the defaults of AWS Lambda", pairs.to_vec(), Unknown::Problem);
    }
    if let Some(path) = &sources.file {
        let pairs = read_toml(path, &mut given.problems);
        apply(&mut given, &path.display().to_string(), pairs, Unknown::Problem);
    }
    if let Some(path) = &sources.dotenv {
        let pairs = read_dotenv(path, &mut given.problems);
        apply(&mut given, &path.display().to_string(), pairs, Unknown::Warning);
    }
    apply(&mut given, "the environment", sources.environment.clone(), Unknown::Others);
    let mut flags = Vec::new();
    for flag in &sources.flags {
        match flag.split_once('=') {
            Some((name, value)) => flags.push((name.to_owned(), value.to_owned())),
            None => given.problems.push(format!("--set {flag}: give NAME=value")),
        }
    }
    apply(&mut given, "--set", flags, Unknown::Problem);
    given
}

/// Adds the values of one source.
fn apply(given: &mut Given, origin: &str, pairs: Vec<(String, String)>, unknown: Unknown) {
    let mut here: BTreeMap<&'static str, (String, String)> = BTreeMap::new();
    for (name, value) in pairs {
        let Some(setting) = settings::find(&name) else {
            let message = format!("{name} (in {origin}) is no setting; `tidegate settings` lists them");
            match unknown {
                Unknown::Problem => given.problems.push(message),
                Unknown::Warning => given.warnings.push(message),
                Unknown::Others if name.starts_with("TIDEGATE_") => given.warnings.push(message),
                Unknown::Others => {}
            }
            continue;
        };
        if value.trim().is_empty() {
            continue;
        }
        match here.get(setting.name) {
            Some((other, before)) if *before != value => {
                given
                    .problems
                    .push(format!("{other} and {name} are one setting and have different values in {origin}"));
            }
            _ => {
                here.insert(setting.name, (name, value));
            }
        }
    }
    for (name, (_, value)) in here {
        given.values.insert(name, value);
    }
}

impl Given {
    /// Returns the given value, ignoring the default.
    pub(super) fn explicit(&self, name: &'static str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Returns the given value or the default; empty if there is neither.
    pub(super) fn value(&self, name: &'static str) -> &str {
        debug_assert!(settings::find(name).is_some(), "{name} is in no table");
        let default = settings::find(name).map_or("", |setting: &Setting| setting.default);
        self.explicit(name).unwrap_or(default).trim()
    }
}

#[expect(clippy::disallowed_methods, reason = "settings come from a file, too")]
fn read_toml(path: &Path, problems: &mut Vec<String>) -> Vec<(String, String)> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(format!("--config {}: {error}", path.display()));
            return Vec::new();
        }
    };
    let table: toml::Table = match toml::from_str(&text) {
        Ok(table) => table,
        Err(error) => {
            // The parser's message quotes the line, which may hold a secret.
            let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
            problems.push(format!("--config {}: line {line} is no TOML", path.display()));
            return Vec::new();
        }
    };
    let mut pairs = Vec::new();
    for (name, value) in table {
        match value {
            toml::Value::String(text) => pairs.push((name, text)),
            toml::Value::Integer(_) | toml::Value::Boolean(_) => pairs.push((name, value.to_string())),
            _ => problems.push(format!("--config {}: {name} must be text, a number or true/false", path.display())),
        }
    }
    pairs
}

fn read_dotenv(path: &Path, problems: &mut Vec<String>) -> Vec<(String, String)> {
    let lines = match dotenvy::from_path_iter(path) {
        Ok(lines) => lines,
        Err(dotenvy::Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(_) => {
            problems.push(format!("{} can't be read", path.display()));
            return Vec::new();
        }
    };
    let mut pairs = Vec::new();
    for line in lines {
        match line {
            Ok(pair) => pairs.push(pair),
            // The line is not quoted, since it may hold a secret.
            Err(_) => problems.push(format!("{}: a line is not NAME=value", path.display())),
        }
    }
    pairs
}
