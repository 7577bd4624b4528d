//! The command line: one file per subcommand. Each loads the configuration, does its work and
//! returns an exit code; rules are in the modules below.

mod check;
mod docs;
mod doctor;
mod edge;
mod health;
mod import;
mod jobs;
mod keys;
mod lambda;
mod migrate;
mod probe;
mod process;
mod reconcile;
mod reference;
mod serve;
mod support_bundle;
mod token;
mod work;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};

pub use self::doctor::table as doctor_checks;
pub use self::reference::reference;
use crate::config::{Config, Problems, Sources, is_lambda_bootstrap};

/// The gate in front of a private bucket.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about)]
struct Arguments {
    /// A TOML file of `NAME = value` settings.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting that overrides all other sources.
    #[arg(long = "set", global = true, value_name = "NAME=VALUE")]
    set: Vec<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    #[command(after_help = serve::HELP)]
    Serve,
    /// Run the edge alone: no database, no private key, nothing written.
    Edge,
    /// Check the settings and print what they mean, without serving.
    Check {
        /// Check them for a stand-alone edge.
        #[arg(long)]
        edge: bool,
    },
    /// Run only jobs, for servers that share a PostgreSQL database and a bucket.
    Work,
    /// Answer the events of an AWS Lambda function: requests, queue messages and schedules.
    #[command(after_help = lambda::HELP)]
    Lambda,
    /// List and retry failed jobs, and scan published objects again.
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Import what another program has stored.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Compare store and database in both directions; changes nothing unless told to.
    Reconcile(reconcile::ReconcileArgs),
    /// Generate, list and rotate the key pairs that sign grants.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Issue a token for a user, signed with the server's own key.
    Token(token::TokenArgs),
    /// Ask a running server whether it is ready: exit code 0 or 1.
    Health(health::HealthArgs),
    /// Try the deployment as its clients use it, and say of each part whether it works and what to do.
    /// Writes probe objects to reserved places in the store, and removes them. Exit code 0: nothing
    /// failed, warnings aside; 1: something failed; 2: wrong command line or settings.
    Doctor(doctor::DoctorArgs),
    /// Bring the database to the version of this binary, and end.
    Migrate,
    /// Collect version, settings, checks, health and metrics in an archive without secrets.
    SupportBundle(support_bundle::BundleArgs),
    /// Print the reference of all settings.
    Settings {
        /// Only settings whose names contain this, in either case.
        part: Option<String>,
        /// Print the page of the documentation instead.
        #[arg(long, conflicts_with = "part")]
        markdown: bool,
    },
    /// Print the OpenAPI description.
    Openapi,
    /// Write the documentation of this version into a folder, for a web server or to read there.
    Docs(docs::DocsArgs),
}

/// Runs the subcommand in the arguments of the process.
pub fn run() -> ExitCode {
    // Whatever this process and its tools create is for this user alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let started = Instant::now();
    let arguments = if is_lambda_bootstrap() {
        Arguments { config: None, set: Vec::new(), command: Command::Lambda }
    } else {
        Arguments::parse()
    };
    let sources = || Sources::of_process(arguments.config.clone(), arguments.set.clone());
    match arguments.command {
        Command::Serve => with_config(&sources(), serve::run),
        Command::Edge => run_or_report(Config::load_for_edge(&sources()), edge::run),
        Command::Check { edge: false } => with_config(&sources(), |config| print_report(&check::report(&config))),
        Command::Check { edge: true } => {
            run_or_report(Config::load_for_edge(&sources()), |config| print_report(&check::edge_report(&config)))
        }
        Command::Work => with_config(&sources(), work::run),
        Command::Lambda => {
            let sources = Sources { in_lambda: true, ..sources() };
            with_config(&sources, |config| lambda::run(config, &sources.environment, started))
        }
        Command::Jobs(what) => with_config(&sources(), |config| jobs::run(config, what)),
        Command::Import(what) => with_config(&sources(), |config| import::run(config, &what)),
        Command::Reconcile(wanted) => with_config(&sources(), |config| reconcile::run(config, wanted)),
        Command::Keys(keys::KeysCommand::Dummy(wanted)) => keys::run_dummy(&wanted),
        Command::Keys(what) => with_config(&sources(), |config| keys::run(&config, &what)),
        Command::Token(wanted) => with_config(&sources(), |config| token::run(&config, &wanted)),
        Command::Health(wanted) => health::run(&sources(), &wanted),
        Command::Doctor(wanted) => with_config(&sources(), |config| doctor::run(config, &wanted)),
        Command::Migrate => with_config(&sources(), |config| migrate::run(&config)),
        Command::SupportBundle(wanted) => support_bundle::run(&sources(), &wanted),
        Command::Settings { markdown: true, .. } => print(&crate::config::reference()),
        Command::Settings { part, .. } => print_settings(part.as_deref().unwrap_or_default()),
        Command::Openapi => print(&crate::http::openapi::document()),
        Command::Docs(wanted) => docs::run(&wanted),
    }
}

/// Loads the server's configuration and runs a subcommand with it.
fn with_config(sources: &Sources, run: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    run_or_report(Config::load(sources), run)
}

/// Runs a subcommand, or prints every problem of the settings and returns exit code 2.
fn run_or_report(loaded: Result<Config, Problems>, run: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match loaded {
        Ok(config) => run(config),
        Err(Problems(problems)) => {
            let count = problems.len();
            let lines: String = problems.iter().map(|line| format!("  {line}\n")).collect();
            print_error(&format!("{count} of the settings can't be used:\n{lines}"));
            ExitCode::from(2)
        }
    }
}

/// Prints a report, and returns exit code 1 if it names faults.
fn print_report((report, is_fine): &(String, bool)) -> ExitCode {
    let printed = print(report);
    if *is_fine { printed } else { ExitCode::FAILURE }
}

/// Prints the settings whose names contain `part`.
fn print_settings(part: &str) -> ExitCode {
    match crate::config::listing(part) {
        Some(text) => print(&text),
        None => {
            print_error(&format!("no setting has {part:?} in its name; `tidegate settings` lists all"));
            ExitCode::FAILURE
        }
    }
}

/// Prints to standard output.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prints to standard error.
fn print_error(text: &str) {
    // A closed standard error leaves nowhere to report to.
    let _ = writeln!(std::io::stderr(), "tidegate: {text}");
}
