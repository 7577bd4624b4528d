//! The command line: one file per subcommand.

mod check;
mod edge;
mod import;
mod jobs;
mod keys;
mod process;
mod reconcile;
mod serve;
mod token;
mod work;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, Problems, Sources};

/// The gate in front of a private bucket.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about)]
struct Arguments {
    /// A TOML file of `NAME = value` settings.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, over all other sources.
    #[arg(long = "set", global = true, value_name = "NAME=VALUE")]
    set: Vec<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve,
    /// Run the edge alone: no database, no private key, nothing written.
    Edge,
    /// Check the settings and say what they come to, without serving.
    Check {
        /// For the edge alone.
        #[arg(long)]
        edge: bool,
    },
    /// Do the jobs of servers that share a PostgreSQL and a bucket, and nothing else.
    Work,
    /// Work that was given up, and scans of what is published.
    #[command(subcommand)]
    Jobs(jobs::What),
    /// Take over what another program has stored.
    #[command(subcommand)]
    Import(import::What),
    /// Compare store and database, in both directions; changes nothing unless it is told to.
    Reconcile(reconcile::Wanted),
    /// Key pairs that grants are signed with.
    #[command(subcommand)]
    Keys(keys::What),
    /// Make a token for a user, where the server makes its own.
    Token(token::Wanted),
    /// Print the reference of all settings.
    Settings,
    /// Print the API's description.
    Openapi,
}

/// Runs what the process was called with.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let sources = || Sources::of_process(arguments.config.clone(), arguments.set.clone());
    match arguments.command {
        Command::Serve => with_config(&sources(), serve::run),
        Command::Edge => started(Config::load_for_edge(&sources()), edge::run),
        Command::Check { edge: false } => with_config(&sources(), |config| print(&check::report(&config))),
        Command::Check { edge: true } => started(Config::load_for_edge(&sources()), |config| {
            let (report, is_fine) = check::edge_report(&config);
            let printed = print(&report);
            if is_fine { printed } else { ExitCode::FAILURE }
        }),
        Command::Work => with_config(&sources(), work::run),
        Command::Jobs(what) => with_config(&sources(), |config| jobs::run(config, what)),
        Command::Import(what) => with_config(&sources(), |config| import::run(config, &what)),
        Command::Reconcile(wanted) => with_config(&sources(), |config| reconcile::run(config, wanted)),
        Command::Keys(what) => with_config(&sources(), |config| keys::run(&config, &what)),
        Command::Token(wanted) => with_config(&sources(), |config| token::run(&config, &wanted)),
        Command::Settings => print(&crate::config::reference()),
        Command::Openapi => print(&crate::http::openapi::document()),
    }
}

fn with_config(sources: &Sources, run: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    started(Config::load(sources), run)
}

fn started(loaded: Result<Config, Problems>, run: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match loaded {
        Ok(config) => run(config),
        Err(Problems(problems)) => {
            let count = problems.len();
            let lines: String = problems.iter().map(|line| format!("  {line}\n")).collect();
            complain(&format!("{count} of the settings can't be used:\n{lines}"));
            ExitCode::from(2)
        }
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "tidegate: {text}");
}
