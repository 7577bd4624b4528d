//! `tidegate support-bundle`: collects what helps to understand a problem in one archive. Never
//! contains a secret, a log line, or the name of a user or an object.

mod archive;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::Args;

use super::{check, migrate, print, print_error, probe, process};
use crate::config::{Config, Problems, Sources, given_settings, without_credentials};
use crate::db::{Database, Schema};
use crate::model::{epoch_seconds, rfc3339};

/// How long a running server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Options of `support-bundle`.
#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    /// The file to write, or `-` for standard output. Default: tidegate-support-TIME.tar.gz here.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Check the settings for a stand-alone edge.
    #[arg(long)]
    edge: bool,
}

/// Collects, writes the archive, and prints where it is.
pub(super) fn run(sources: &Sources, arguments: &BundleArgs) -> ExitCode {
    match process::run_once(|| write(sources, arguments)) {
        Ok(text) => print(&text),
        Err(error) => {
            print_error(&format!("no bundle: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn write(sources: &Sources, arguments: &BundleArgs) -> anyhow::Result<String> {
    let now = SystemTime::now();
    let files = collect(sources, arguments.edge, now).await;
    let names: String = files.iter().map(|(name, _)| format!("  {name}\n")).collect();
    let archive = archive::pack(&files, epoch_seconds(now))?;
    if arguments.output.as_ref().is_some_and(|path| path.as_os_str() == "-") {
        return write_to_stdout(&archive);
    }
    let stamp: String = rfc3339(now).chars().filter(char::is_ascii_alphanumeric).take(15).collect();
    let default = || PathBuf::from(format!("tidegate-support-{stamp}.tar.gz"));
    let path = arguments.output.clone().unwrap_or_else(default);
    store::write_private_file(&path, &archive).with_context(|| format!("{} can't be written", path.display()))?;
    Ok(format!("{}\n{names}Secrets are left out. Look through it before you send it.\n", path.display()))
}

fn write_to_stdout(archive: &[u8]) -> anyhow::Result<String> {
    std::io::Write::write_all(&mut std::io::stdout(), archive).context("standard output can't be written")?;
    Ok(String::new())
}

/// Returns the files of the archive. What cannot be found out is said in its place.
async fn collect(sources: &Sources, edge: bool, now: SystemTime) -> Vec<(String, String)> {
    let loaded = if edge { Config::load_for_edge(sources) } else { Config::load(sources) };
    let database = match &loaded {
        _ if edge => "a stand-alone edge has no database\n".to_owned(),
        Ok(config) => describe_database(&config.database).await,
        Err(_) => "the settings can't be used; see check.txt\n".to_owned(),
    };
    let checked = match &loaded {
        Ok(config) if edge => check::edge_report(config).0,
        Ok(config) => check::report(config).0,
        Err(Problems(problems)) => format!("the settings can't be used\n\n{}\n", problems.join("\n")),
    };
    let settings = given_settings(sources).into_iter().map(|(name, value)| format!("{name}={value}\n"));
    let (health, metrics) = ask_server(sources).await;
    let files = [
        ("version.txt", describe_version(now)),
        ("settings.txt", settings.collect()),
        ("check.txt", checked),
        ("system.txt", describe_system(loaded.ok().as_ref())),
        ("database.txt", database),
        ("health.txt", health),
        ("metrics.txt", metrics),
    ];
    let named = |(name, text): (&str, String)| (format!("tidegate-support/{name}"), without_credentials(&text));
    files.into_iter().map(named).collect()
}

fn describe_version(now: SystemTime) -> String {
    let features = if cfg!(feature = "otlp") { "otlp" } else { "none" };
    format!(
        "tidegate {} for {} on {}\nfeatures: {features}\ncollected: {}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS,
        rfc3339(now)
    )
}

/// Describes the machine, and the disk of the data folder.
fn describe_system(config: Option<&Config>) -> String {
    use rustix::process::{Resource, getrlimit};
    let kernel = rustix::system::uname();
    let (name, release) = (kernel.sysname().to_string_lossy(), kernel.release().to_string_lossy());
    let memory = rustix::system::sysinfo();
    let unit = u64::from(memory.mem_unit);
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let files = getrlimit(Resource::Nofile).current.map_or("unlimited".to_owned(), |limit| limit.to_string());
    let mut text = format!(
        "kernel      {name} {release}\nprocessors  {processors}\nmemory      {} MiB, {} MiB free\nopen files  {files}\n",
        (memory.totalram * unit) >> 20,
        (memory.freeram * unit) >> 20,
    );
    if let Some(config) = config {
        text.push_str(&match rustix::fs::statvfs(&config.data) {
            Ok(disk) => format!(
                "data disk   {} MiB of {} MiB free, {} inodes free\n",
                (disk.f_bavail * disk.f_frsize) >> 20,
                (disk.f_blocks * disk.f_frsize) >> 20,
                disk.f_favail
            ),
            Err(error) => format!("data disk   unknown: {error}\n"),
        });
    }
    text
}

async fn describe_database(database: &Database) -> String {
    let place = migrate::describe(database);
    match database.read_schema().await {
        Ok(None) => format!("{place}: the file does not exist\n"),
        Ok(Some(schema)) => format!("{place}\n{}", describe_schema(database, &schema)),
        Err(error) => format!("{place}: {error:#}\n"),
    }
}

fn describe_schema(database: &Database, schema: &Schema) -> String {
    let mut text = format!("{}\nmigrations:\n", schema.engine);
    let known = database.known_migrations();
    for (version, name) in &known {
        let state = if schema.applied.contains(version) { "applied" } else { "missing" };
        text.push_str(&format!("  {version:04} {name:<16} {state}\n"));
    }
    for version in schema.applied.iter().filter(|version| known.iter().all(|(known, _)| known != *version)) {
        text.push_str(&format!("  {version:04} {:<16} applied, and not known to this binary\n", "?"));
    }
    text.push_str(&format!("jobs that wait: {}\ndead jobs:\n", schema.queued_jobs));
    for ((name, error), count) in &schema.dead_jobs {
        text.push_str(&format!("  {count:>6} {name} {error}\n"));
    }
    text
}

/// Returns what a running server says of its health, and its metrics.
async fn ask_server(sources: &Sources) -> (String, String) {
    let ports = match Config::load_ports(sources) {
        Ok(ports) => ports,
        Err(Problems(problems)) => return (problems.join("\n"), String::new()),
    };
    let mut health = String::new();
    for path in ["/health", "/readyz", "/healthz"] {
        health.push_str(&ask(&format!("{}{path}", ports.url(ports.port))).await);
    }
    let metrics = ask(&format!("{}/metrics", ports.url(ports.metrics_port.unwrap_or(ports.port)))).await;
    (health, metrics)
}

async fn ask(url: &str) -> String {
    match probe::get(url, TIMEOUT).await {
        Ok(answer) => format!("# GET {url}: {}\n{}\n", answer.status, answer.body.trim_end()),
        Err(error) => format!("# GET {url}: {error:#}\n"),
    }
}
