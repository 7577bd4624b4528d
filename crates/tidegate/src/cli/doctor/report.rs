//! What a check has found, and the report of all of them: lines of text, or JSON. Decides the exit
//! code.

use std::time::Duration;

use serde::Serialize;

use super::catalog::Check;

/// How wide the names of checks are printed.
const NAME_WIDTH: usize = 24;

/// The state of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it must be.
    Ok,
    /// Works, and somebody should look at it.
    Warning,
    /// Does not work.
    Failed,
    /// Not looked at, for the given reason.
    Skipped,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) state: State,
    /// What was seen, or why nothing was looked at.
    pub(super) seen: String,
    /// What to do about it, where it is not what the catalogue says.
    pub(super) remedy: Option<String>,
}

impl Outcome {
    fn new(state: State, seen: impl Into<String>) -> Self {
        Self { state, seen: seen.into(), remedy: None }
    }

    pub(super) fn ok(seen: impl Into<String>) -> Self {
        Self::new(State::Ok, seen)
    }

    pub(super) fn warning(seen: impl Into<String>) -> Self {
        Self::new(State::Warning, seen)
    }

    pub(super) fn failed(seen: impl Into<String>) -> Self {
        Self::new(State::Failed, seen)
    }

    pub(super) fn skipped(reason: impl Into<String>) -> Self {
        Self::new(State::Skipped, reason)
    }

    /// Sets what to do about it.
    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// Returns `Ok` with what was seen, or `Failed` with the problems if there are any.
    pub(super) fn of_problems(problems: &[String], seen: impl FnOnce() -> String) -> Self {
        if problems.is_empty() { Self::ok(seen()) } else { Self::failed(problems.join("; ")) }
    }
}

/// One line of the report.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) check: &'static Check,
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
}

impl Line {
    /// Returns what to do, unless all is well.
    fn remedy(&self) -> Option<&str> {
        let general = self.check.remedy;
        let needed = matches!(self.outcome.state, State::Warning | State::Failed);
        needed.then(|| self.outcome.remedy.as_deref().unwrap_or(general))
    }
}

/// The report of all checks, in the order of the catalogue.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) lines: Vec<Line>,
    pub(super) took: Duration,
}

#[derive(Serialize)]
struct JsonReport<'a> {
    version: &'static str,
    failed: usize,
    warnings: usize,
    skipped: usize,
    seconds: f64,
    checks: Vec<JsonLine<'a>>,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    name: &'static str,
    state: State,
    seen: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
    milliseconds: u64,
}

impl Report {
    /// Returns how many checks have a state.
    pub(super) fn count(&self, state: State) -> usize {
        self.lines.iter().filter(|line| line.outcome.state == state).count()
    }

    /// Returns the report as lines of text, the last of which counts.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let (state, name) = (line.outcome.state.as_str(), line.check.name);
            text.push_str(&format!("{state:<8} {name:<NAME_WIDTH$} {}\n", line.outcome.seen));
            if let Some(remedy) = line.remedy() {
                text.push_str(&format!("{:<8} {:<NAME_WIDTH$} {remedy}\n", "", "do:"));
            }
        }
        let counted = |state: State, one: &str, many: &str| match self.count(state) {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        text.push_str(&format!(
            "{}: {} ok, {}, {} failed, {} skipped, in {:.1} s\n",
            if self.lines.len() == 1 { "1 check".to_owned() } else { format!("{} checks", self.lines.len()) },
            self.count(State::Ok),
            counted(State::Warning, "warning", "warnings"),
            self.count(State::Failed),
            self.count(State::Skipped),
            self.took.as_secs_f64()
        ));
        text
    }

    /// Returns the report as one JSON object.
    pub(super) fn json(&self) -> String {
        let line = |line: &'_ Line| -> (State, u64) {
            (line.outcome.state, u64::try_from(line.took.as_millis()).unwrap_or(u64::MAX))
        };
        let checks = self.lines.iter().map(|each| {
            let (state, milliseconds) = line(each);
            JsonLine { name: each.check.name, state, seen: &each.outcome.seen, remedy: each.remedy(), milliseconds }
        });
        let report = JsonReport {
            version: env!("CARGO_PKG_VERSION"),
            failed: self.count(State::Failed),
            warnings: self.count(State::Warning),
            skipped: self.count(State::Skipped),
            seconds: (self.took.as_secs_f64() * 1000.0).round() / 1000.0,
            checks: checks.collect(),
        };
        // Plain structures of texts and numbers always serialize.
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    }
}
