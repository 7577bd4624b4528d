//! The settings of jobs: how many run at once, and what carries their ids to workers elsewhere.

use std::time::Duration;

use secrecy::SecretString;

use super::resolve::{Origin, Resolver};
use super::settings::{Setting, built};
use crate::model::job_class::JobClass;

const QUEUE_URL: &str = "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME of a standard queue, or database";

/// The rows of the settings table.
pub(super) const QUEUES: &[Setting] = &[
    built(
        "JOB_QUEUE_URL",
        "",
        "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME of a standard queue",
        "The SQS queue that carries the ids of jobs to workers. Default: workers take jobs from the database alone.",
    )
    .alias(&["RESTORE_PACKAGE_QUEUE_URL"]),
    built("JOB_QUEUE_URL_UPKEEP", "", QUEUE_URL, "The queue of this class of jobs. Default: JOB_QUEUE_URL."),
    built("JOB_QUEUE_URL_SCANS", "", QUEUE_URL, "The queue of this class of jobs. Default: JOB_QUEUE_URL."),
    built("JOB_QUEUE_URL_IMAGES", "", QUEUE_URL, "The queue of this class of jobs. Default: JOB_QUEUE_URL."),
    built("JOB_QUEUE_URL_VIDEOS", "", QUEUE_URL, "The queue of this class of jobs. Default: JOB_QUEUE_URL."),
    built(
        "JOB_LOOK_SECONDS",
        "30",
        "1 to 3600 seconds",
        "With SQS or Redis: how often, and how long after they are due, jobs whose message did not come are looked for in the database.",
    ),
    built("WORKER_UPKEEP", "2", "1 to 256", "Short jobs, such as deletes, that one process works on at once."),
    built(
        "REDIS_URL",
        "",
        "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or rediss:// for TLS",
        "The Redis whose streams carry the ids of jobs to workers.",
    )
    .secret(),
    built("REDIS_HOST", "", "a host name or an IP address", "The host of that Redis, instead of REDIS_URL."),
    built("REDIS_PORT", "6379", "1 to 65535", "Its port, with REDIS_HOST."),
    built("REDIS_USERNAME", "", "a user's name", "The user of its access control list, with REDIS_HOST."),
    built("REDIS_PASSWORD", "", "a password", "The password, with REDIS_HOST.").secret(),
    built("REDIS_TLS", "false", "true | false", "Whether it is reached by TLS, with REDIS_HOST."),
    built(
        "REDIS_PREFIX",
        "tidegate",
        "1 to 64 letters, digits, '-', '_', '.' and ':'",
        "What the names of the streams begin with. Deployments that share a Redis need one each.",
    ),
];

/// The settings of jobs.
#[derive(Debug, Clone)]
pub struct QueuesSetting {
    /// What carries the ids of jobs.
    pub transport: TransportSetting,
    /// How often the database is looked through for jobs whose message did not come.
    pub look: Duration,
    /// How many short jobs run at once.
    pub concurrent_upkeep: usize,
}

/// What carries the ids of jobs from whoever enqueues them to workers.
#[derive(Debug, Clone)]
pub enum TransportSetting {
    /// Nothing: workers take them from the database.
    Database,
    /// SQS: the URL of the queue of each class; the other classes are in the database only.
    Sqs(Vec<(JobClass, String)>),
    /// Redis Streams, for every class.
    Redis(RedisSetting),
}

/// How Redis is reached.
#[derive(Debug, Clone)]
pub struct RedisSetting {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether it is reached by TLS.
    pub tls: bool,
    /// The number of the database.
    pub database: i64,
    /// The user.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretString>,
    /// What the names of the streams begin with.
    pub prefix: String,
}

impl TransportSetting {
    /// Describes the transport to operators.
    pub fn describe(&self) -> String {
        match self {
            Self::Database => "in the database alone".to_owned(),
            Self::Sqs(queues) => {
                let queues: Vec<String> =
                    queues.iter().map(|(class, url)| format!("{} {url}", class.as_str())).collect();
                format!("SQS: {}", queues.join(" · "))
            }
            Self::Redis(redis) => {
                let tls = if redis.tls { " by TLS" } else { "" };
                format!("Redis at {}:{}{tls}, streams {}:jobs:*", redis.host, redis.port, redis.prefix)
            }
        }
    }
}

pub(super) fn resolve(r: &mut Resolver, classes: &[JobClass]) -> QueuesSetting {
    let (sqs, redis) = (sqs(r), redis(r));
    let transport = match (sqs, redis) {
        (queues, Some(redis)) => {
            if !queues.is_empty() {
                let name = if r.text("REDIS_URL").is_some() { "REDIS_URL" } else { "REDIS_HOST" };
                r.problem(name, "either it or JOB_QUEUE_URL: the ids of jobs take one way");
            }
            TransportSetting::Redis(redis)
        }
        (queues, None) if queues.is_empty() => TransportSetting::Database,
        (queues, None) => {
            check_classes(r, classes, &queues);
            TransportSetting::Sqs(queues)
        }
    };
    QueuesSetting {
        transport,
        look: r.seconds("JOB_LOOK_SECONDS", 1..=3600),
        concurrent_upkeep: usize::try_from(r.number("WORKER_UPKEEP", 1..=256)).unwrap_or(1),
    }
}

/// Returns the URL of the SQS queue of each class that has one.
fn sqs(r: &mut Resolver) -> Vec<(JobClass, String)> {
    let usual = queue_url(r, "JOB_QUEUE_URL");
    let mut queues = Vec::new();
    for class in JobClass::ALL {
        let name = match class {
            JobClass::Upkeep => "JOB_QUEUE_URL_UPKEEP",
            JobClass::Scans => "JOB_QUEUE_URL_SCANS",
            JobClass::Images => "JOB_QUEUE_URL_IMAGES",
            JobClass::Videos => "JOB_QUEUE_URL_VIDEOS",
        };
        let url = match r.text(name) {
            Some(word) if word == "database" => None,
            Some(_) => queue_url(r, name),
            None => usual.clone(),
        };
        queues.extend(url.map(|url| (class, url)));
    }
    queues
}

/// Reads the URL of a queue.
fn queue_url(r: &mut Resolver, name: &'static str) -> Option<String> {
    let url = r.text(name)?;
    let (scheme, rest) = url.split_once("://").unwrap_or(("", &url));
    let parts: Vec<&str> = rest.split('/').collect();
    let plain = |part: &str| {
        (1..=80).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let origin = Origin::parse(&format!("{scheme}://{}", parts[0]));
    let [_, account, queue] = parts[..] else {
        r.problem(name, "the URL of a queue, such as https://sqs.eu-west-1.amazonaws.com/123456789012/jobs");
        return None;
    };
    let Some(origin) = origin.filter(|_| plain(account) && plain(queue)) else {
        r.problem(name, "the URL of a queue, such as https://sqs.eu-west-1.amazonaws.com/123456789012/jobs");
        return None;
    };
    if queue.ends_with(".fifo") {
        r.problem(name, "a standard queue: messages of a FIFO queue can't be delayed one by one");
    }
    if r.text("AWS_ENDPOINT_URL").is_none() {
        let region = r.given.value("AWS_REGION").to_owned();
        let theirs = origin.host().strip_prefix("sqs.").and_then(|rest| rest.split_once(".amazonaws."));
        match theirs {
            Some((queue_region, _)) if queue_region == region => {}
            Some((queue_region, _)) => {
                r.problem("AWS_REGION", &format!("{queue_region}, the region of {name}"));
            }
            None => r.problem(name, "a queue at sqs.REGION.amazonaws.com, or name what serves it by AWS_ENDPOINT_URL"),
        }
    }
    Some(url)
}

/// Checks that this process does all classes of a queue or none: who receives a message of another
/// class can only give it back.
fn check_classes(r: &mut Resolver, classes: &[JobClass], queues: &[(JobClass, String)]) {
    for (class, url) in queues.iter().filter(|(class, _)| classes.contains(class)) {
        let other = queues.iter().find(|(other, theirs)| theirs == url && !classes.contains(other));
        if let Some((other, _)) = other {
            let wanted = format!(
                "{} too, or a queue of its own by JOB_QUEUE_URL_{}: {} jobs are in the same queue",
                other.as_str(),
                other.as_str().to_uppercase(),
                class.as_str()
            );
            r.problem("WORKER_CLASSES", &wanted);
            return;
        }
    }
}

/// Reads how Redis is reached; `None` if it is not used.
fn redis(r: &mut Resolver) -> Option<RedisSetting> {
    let prefix = r.given.value("REDIS_PREFIX").to_owned();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if !(1..=64).contains(&prefix.len()) || !prefix.bytes().all(plain) {
        r.problem("REDIS_PREFIX", "1 to 64 letters, digits, '-', '_', '.' and ':'");
    }
    let port = r.port("REDIS_PORT", false).unwrap_or(0);
    if port == 0 {
        r.problem("REDIS_PORT", "1 to 65535");
    }
    let tls = r.flag("REDIS_TLS");
    let given = |r: &Resolver, name| r.given.explicit(name).is_some();
    if let Some(url) = r.text("REDIS_URL") {
        for other in ["REDIS_HOST", "REDIS_PORT", "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_TLS"] {
            if given(r, other) {
                r.problem(other, "either it or REDIS_URL, which says the same");
            }
        }
        let parsed = parse_url(&url, &prefix);
        if parsed.is_none() {
            r.problem("REDIS_URL", "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or rediss:// for TLS");
        }
        return parsed;
    }
    let Some(host) = r.text("REDIS_HOST") else {
        for other in ["REDIS_PORT", "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_TLS", "REDIS_PREFIX"] {
            if given(r, other) {
                r.problem(other, "it together with REDIS_HOST or REDIS_URL, or not at all");
            }
        }
        return None;
    };
    if Origin::parse(&format!("http://{}", bracketed(&host))).is_none_or(|origin| origin.host() != origin.authority) {
        r.problem("REDIS_HOST", "a host name or an IP address, without a port");
    }
    Some(RedisSetting {
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port,
        tls,
        database: 0,
        username: r.text("REDIS_USERNAME"),
        password: r.text("REDIS_PASSWORD").map(SecretString::from),
        prefix,
    })
}

/// Returns a host as it stands in a URL.
fn bracketed(host: &str) -> String {
    let is_ipv6 = host.parse::<std::net::Ipv6Addr>().is_ok();
    if is_ipv6 { format!("[{host}]") } else { host.to_owned() }
}

/// Reads the URL of a Redis.
fn parse_url(url: &str, prefix: &str) -> Option<RedisSetting> {
    let (tls, rest) = match url.split_once("://")? {
        ("redis", rest) => (false, rest),
        ("rediss", rest) => (true, rest),
        _ => return None,
    };
    let (rest, database) = match rest.split_once('/') {
        Some((rest, "")) => (rest, 0),
        Some((rest, number)) => (rest, number.parse().ok().filter(|number| (0..=65_535).contains(number))?),
        None => (rest, 0),
    };
    let (login, place) = match rest.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, rest),
    };
    let decoded = |text: &str| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8().ok()?.into_owned();
        Some(Some(text).filter(|text| !text.is_empty()))
    };
    let (username, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        Some((name, password)) => (decoded(name)?, decoded(password)?),
        None => (None, None),
    };
    let origin = Origin::parse(&format!("https://{place}")).filter(|_| !place.ends_with('/'))?;
    let port = match origin.authority.strip_prefix(origin.host())? {
        // `Origin` leaves out the port of https.
        "" if place.ends_with(":443") => 443,
        "" => 6379,
        port => port.trim_start_matches(':').parse().ok().filter(|port| *port > 0)?,
    };
    Some(RedisSetting {
        host: origin.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
        port,
        tls,
        database,
        username,
        password: password.map(SecretString::from),
        prefix: prefix.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn the_url_of_a_redis_is_read_whole() {
        let read = |url: &str| {
            parse_url(url, "p").map(|setting| {
                let password = setting.password.map(|password| password.expose_secret().to_owned());
                (setting.tls, setting.host, setting.port, setting.database, setting.username, password)
            })
        };
        let text = |text: &str| Some(text.to_owned());
        for (url, wanted) in [
            ("redis://h", (false, "h".to_owned(), 6379, 0, None, None)),
            ("rediss://h:443/3", (true, "h".to_owned(), 443, 3, None, None)),
            ("redis://:p%40ss@h:7000/", (false, "h".to_owned(), 7000, 0, None, text("p@ss"))),
            ("redis://u:a:b@[::1]:7000/0", (false, "::1".to_owned(), 7000, 0, text("u"), text("a:b"))),
        ] {
            assert_eq!(read(url), Some(wanted), "{url}");
        }
        for bad in [
            "",
            "h",
            "http://h",
            "redis://",
            "redis://h:0",
            "redis://h:x",
            "redis://h/x",
            "redis://h/1/2",
            "redis://h?db=1",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
