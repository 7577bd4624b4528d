//! The checks of the database, and of the jobs in it and in queues elsewhere. Reads only, over
//! connections of its own.

use std::time::{Duration, SystemTime};

use super::context::Context;
use super::report::Outcome;
use super::request::plain;
use crate::app::open_aws;
use crate::cli::migrate;
use crate::config::TransportSetting;
use crate::db::{Database, Pooling, Schema};
use crate::model::from_micros;
use crate::queue::transport::Transport;

/// The oldest version of PostgreSQL that the tests run on.
const OLDEST_POSTGRES: u32 = 13;
/// A job that was due for so long shows that nobody runs jobs.
const OVERDUE: Duration = Duration::from_secs(600);
/// More waiting jobs than this are worth a look.
const MANY_JOBS: i64 = 10_000;

/// Returns the schema, or the outcome of a check without it.
async fn schema(context: &Context) -> Result<Schema, Outcome> {
    match context.config.database.read_schema().await {
        Ok(Some(schema)) => Ok(schema),
        Ok(None) => {
            let place = migrate::describe(&context.config.database);
            Err(Outcome::failed(format!("{place} does not exist: no server has run here"))
                .remedy("start the server once, or set TIDEGATE_DATA to its data folder"))
        }
        Err(error) => Err(Outcome::failed(format!("{error:#}"))),
    }
}

pub(super) async fn answers(context: &Context) -> Outcome {
    let schema = match schema(context).await {
        Ok(schema) => schema,
        Err(outcome) => return outcome,
    };
    if let Ok(Some(seen)) = context.inspection().await
        && seen.is_standby
    {
        return Outcome::failed(format!("{} is a standby, which takes no writes", schema.engine))
            .remedy("set DATABASE_URL to the primary");
    }
    let version = schema.engine.strip_prefix("PostgreSQL ").and_then(|version| {
        let major: String = version.chars().take_while(char::is_ascii_digit).collect();
        major.parse::<u32>().ok()
    });
    match version {
        Some(major) if major < OLDEST_POSTGRES => {
            Outcome::warning(format!("{}: versions before {OLDEST_POSTGRES} are not tested", schema.engine))
        }
        _ => Outcome::ok(schema.engine),
    }
}

pub(super) async fn tables(context: &Context) -> Outcome {
    let schema = match schema(context).await {
        Ok(schema) => schema,
        Err(outcome) => return Outcome { state: super::report::State::Skipped, ..outcome },
    };
    let known = context.config.database.known_migrations();
    let newest = known.last().map_or(0, |(version, _)| *version);
    let missing: Vec<String> = known
        .iter()
        .filter(|(version, _)| !schema.applied.contains(version))
        .map(|(version, _)| format!("{version:04}"))
        .collect();
    if let Some(version) = schema.applied.iter().find(|version| known.iter().all(|(known, _)| known != *version)) {
        return Outcome::failed(format!(
            "the database has migration {version:04}, and this binary knows up to {newest:04}"
        ))
        .remedy("run the newer version of Tidegate, or restore the backup from before the upgrade");
    }
    if !missing.is_empty() {
        return Outcome::failed(format!("the database lacks migration {}", missing.join(", ")))
            .remedy("run `tidegate migrate`, or start the server, which does it");
    }
    Outcome::ok(format!("all {} migrations are applied", known.len()))
}

pub(super) async fn connections(context: &Context) -> Outcome {
    let Database::Postgres { connections, .. } = &context.config.database else {
        return Outcome::skipped("SQLite has no connections to run out of");
    };
    let seen = match context.inspection().await {
        Ok(Some(seen)) => seen.connections,
        Ok(None) => return Outcome::skipped("nothing was asked"),
        Err(error) => return Outcome::failed(error.clone()),
    };
    let (free, limit, wanted) = (seen.free(), seen.limit, i64::from(*connections));
    let counted = format!("{free} of {limit} connections are free, and this server opens up to {wanted}");
    if limit < wanted {
        return Outcome::failed(counted)
            .remedy("raise max_connections or the limit of database and role, or lower DATABASE_MAX_CONNECTIONS");
    }
    if free < 3 {
        return Outcome::failed(counted);
    }
    if free * 10 < limit { Outcome::warning(counted) } else { Outcome::ok(counted) }
}

pub(super) async fn pooling(context: &Context) -> Outcome {
    let Database::Postgres { pooling, .. } = &context.config.database else {
        return Outcome::skipped("SQLite has no pooler");
    };
    match context.inspection().await {
        Ok(Some(seen)) if *pooling == Pooling::Transaction => Outcome::ok(if seen.is_pooled {
            "a pooler gives each transaction another connection, and DATABASE_POOLING=transaction expects that"
        } else {
            "DATABASE_POOLING=transaction needs nothing of a session, and no pooler was seen"
        }),
        Ok(Some(seen)) if seen.is_pooled => Outcome::failed(
            "a pooler gives each transaction another connection, and the server uses notices and settings of a session",
        ),
        Ok(Some(_)) => Outcome::ok("each connection is one of the server's, or a pooler keeps it for the session"),
        Ok(None) => Outcome::skipped("nothing was asked"),
        Err(error) => Outcome::failed(error.clone()),
    }
}

pub(super) async fn jobs(context: &Context) -> Outcome {
    let schema = match schema(context).await {
        Ok(schema) => schema,
        Err(outcome) => return Outcome { state: super::report::State::Skipped, ..outcome },
    };
    let dead: u64 = schema.dead_jobs.values().sum();
    let late = schema.oldest_due.and_then(|due| SystemTime::now().duration_since(from_micros(due)).ok());
    let waiting = schema.queued_jobs;
    if let Some(late) = late.filter(|late| *late > OVERDUE) {
        let minutes = late.as_secs() / 60;
        return Outcome::failed(format!("{waiting} jobs wait, and the oldest was due {minutes} min ago"))
            .remedy("see whether a server runs jobs: WORKER, WORKER_CLASSES, `tidegate work`, and its log");
    }
    if dead > 0 {
        let kinds: Vec<String> =
            schema.dead_jobs.iter().map(|((name, error), count)| format!("{count} {name} {error}")).collect();
        return Outcome::warning(format!("{waiting} jobs wait, {dead} have failed for good: {}", kinds.join(", ")));
    }
    let seen = format!("{waiting} jobs wait, none has failed for good");
    if waiting > MANY_JOBS {
        return Outcome::warning(seen).remedy("let more workers run: `tidegate work`, WORKER_IMAGES");
    }
    Outcome::ok(seen)
}

pub(super) async fn transport(context: &Context) -> Outcome {
    let client = match &context.config.queues.transport {
        TransportSetting::Database => return Outcome::skipped("jobs are in the database alone"),
        TransportSetting::Redis(_) => None,
        TransportSetting::Sqs(_) => match open_aws(&context.config).await {
            Ok(client) => Some(client),
            Err(error) => return Outcome::failed(error.to_string()),
        },
    };
    let transport = match Transport::open(&context.config, client) {
        Ok(Some(transport)) => transport,
        Ok(None) => return Outcome::skipped("jobs are in the database alone"),
        Err(error) => return Outcome::failed(error.to_string()),
    };
    let (mut problems, mut remarks, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for (queue, depth) in transport.depths().await {
        let depth = match depth {
            Ok(depth) => depth,
            Err(error) => {
                problems.push(format!("{queue}: {}", plain(&error.to_string())));
                continue;
            }
        };
        let counted = format!("{queue}: {} wait, {} in flight", depth.waiting, depth.in_flight);
        match depth.dead {
            None => remarks.push(format!("{counted}, and there is no dead-letter queue")),
            Some(dead) if dead > 0 => remarks.push(format!("{counted}, {dead} dead letters")),
            Some(_) if depth.waiting > MANY_JOBS.unsigned_abs() => remarks.push(counted),
            Some(_) => seen.push(counted),
        }
    }
    match (problems.is_empty(), remarks.is_empty()) {
        (false, _) => Outcome::failed(problems.join("; ")),
        (true, false) => Outcome::warning(remarks.join("; ")),
        (true, true) => Outcome::ok(seen.join("; ")),
    }
}
