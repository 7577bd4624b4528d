//! Redis Streams as a transport: a stream for each class of jobs, read by one consumer group. What a
//! consumer has read and not acknowledged is claimed by another one after a while. Only the commands
//! are here; what they are used for is in `transport`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::streams::StreamInfoConsumersReply;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo as _,
    ParsingError, Pipeline, RedisConnectionInfo, RedisError, ServerErrorKind, Value,
};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;

use crate::config::RedisSetting;

/// The name of the consumer group.
const GROUP: &str = "workers";
/// The field of an entry that holds the message.
const FIELD: &str = "message";
/// About how many entries a stream keeps. Redis has to hold them in memory; the database's slow look
/// finds the jobs of those that are dropped.
const MAX_ENTRIES: usize = 1_000_000;
/// About how many entries of another shape are kept.
const MAX_DEAD: usize = 10_000;
/// How often entries of consumers that are gone are looked for.
const CLAIM_INTERVAL: Duration = Duration::from_secs(10);
/// The most commands of one claim: each looks at some entries that consumers hold.
const CLAIM_COMMANDS: usize = 100;
/// Where a claim begins that looks at all entries.
const FROM_FIRST: &str = "0-0";
/// How long a consumer without entries may be silent before it is forgotten.
const MAX_IDLE_CONSUMER: Duration = Duration::from_secs(86_400);
/// The time limit of a connection, and of a response beyond the time that the command may block.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A stream, its consumer group, and the stream of entries that were of another shape.
#[derive(Debug)]
pub(super) struct Stream {
    key: String,
    dead: String,
    /// The name of this process in the group.
    consumer: String,
    /// Sends and acknowledges.
    commands: Connection,
    /// Blocks while it waits for entries, and so must not be shared with `commands`.
    reading: Connection,
    claims: std::sync::Mutex<Claims>,
    /// Whether the consumer group is known to exist.
    has_group: AtomicBool,
}

/// How far this process has looked for entries of consumers that are gone.
#[derive(Debug)]
struct Claims {
    /// When all entries were looked at for the last time.
    complete: Option<Instant>,
    /// The id at which the next command begins.
    next: String,
}

impl Default for Claims {
    fn default() -> Self {
        Self { complete: None, next: FROM_FIRST.to_owned() }
    }
}

/// An entry that was read.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The id in the stream.
    pub(super) id: String,
    /// The names and values as they were sent, in their order. Anybody may have sent them, so they are
    /// any bytes.
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// Returns the text of the message; empty if the entry has none.
    pub(super) fn body(&self) -> String {
        let message = self.fields.iter().find(|(name, _)| name == FIELD.as_bytes());
        message.map(|(_, text)| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    }

    /// Reads a list of entries. Those that were deleted meanwhile are left out.
    fn read_all(list: Value) -> Result<Vec<Self>, ParsingError> {
        let Value::Array(entries) = list else { return Err(unexpected("no list of entries")) };
        entries.into_iter().filter_map(|entry| Self::read(entry).transpose()).collect()
    }

    /// Reads an entry: its id, and a list of names and values; `None` if it was deleted.
    fn read(entry: Value) -> Result<Option<Self>, ParsingError> {
        let parts = match entry {
            Value::Array(parts) => parts,
            Value::Nil => return Ok(None),
            _ => return Err(unexpected("what is no entry")),
        };
        let Ok([id, fields]) = <[Value; 2]>::try_from(parts) else {
            return Err(unexpected("an entry of another form"));
        };
        let Value::Array(fields) = fields else { return Ok(None) };
        let fields = fields.as_chunks::<2>().0.iter().map(|[name, value]| (bytes_of(name), bytes_of(value))).collect();
        Ok(Some(Self { id: String::from_redis_value(id)?, fields }))
    }
}

/// Returns the error for a response of another form than Redis documents.
fn unexpected(what: &str) -> ParsingError {
    ParsingError::from(format!("the response has {what}"))
}

/// Returns the bytes of a string.
fn bytes_of(value: &Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes.clone(),
        Value::SimpleString(text) => text.clone().into_bytes(),
        _ => Vec::new(),
    }
}

/// Returns the entries in the response to XREADGROUP for one stream: a list of streams, each with its
/// key and its entries, or nothing.
fn entries_read(response: Value) -> Result<Vec<Entry>, ParsingError> {
    let Value::Array(streams) = response else { return Ok(Vec::new()) };
    let Some(Value::Array(stream)) = streams.into_iter().next() else { return Ok(Vec::new()) };
    let Ok([_, entries]) = <[Value; 2]>::try_from(stream) else { return Err(unexpected("a stream of another form")) };
    Entry::read_all(entries)
}

/// Returns where the next XAUTOCLAIM begins, and the entries that this one claimed.
fn entries_claimed(response: Value) -> Result<(String, Vec<Entry>), ParsingError> {
    let Value::Array(parts) = response else { return Err(unexpected("no claim")) };
    let mut parts = parts.into_iter();
    let (Some(next), Some(entries)) = (parts.next(), parts.next()) else {
        return Err(unexpected("a claim of another form"));
    };
    Ok((String::from_redis_value(next)?, Entry::read_all(entries)?))
}

/// How many entries there are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StreamDepth {
    pub(super) waiting: u64,
    pub(super) in_flight: u64,
    pub(super) dead: u64,
}

/// A connection that is opened when it is needed, and again after an error.
struct Connection {
    client: Client,
    timeout: Duration,
    open: Mutex<Option<MultiplexedConnection>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client's own text holds the password.
        formatter.debug_struct("Connection").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Connection {
    async fn get(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut open = self.open.lock().await;
        if let Some(connection) = &*open {
            return Ok(connection.clone());
        }
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(TIMEOUT)).set_response_timeout(Some(self.timeout));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        *open = Some(connection.clone());
        Ok(connection)
    }

    /// Closes the connection after an error that a new one may not have, as where another server has
    /// become the primary (READONLY).
    async fn check<T>(&self, result: Result<T, RedisError>) -> Result<T, RedisError> {
        if let Err(error) = &result
            && !matches!(error.code(), Some("NOGROUP" | "BUSYGROUP"))
        {
            *self.open.lock().await = None;
        }
        result
    }

    async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let mut connection = self.get().await?;
        self.check(command.query_async(&mut connection).await).await
    }

    async fn run(&self, pipeline: &Pipeline) -> Result<(), RedisError> {
        let mut connection = self.get().await?;
        self.check(pipeline.query_async::<Vec<Value>>(&mut connection).await).await.map(drop)
    }
}

impl Stream {
    /// Returns the stream of a class. Does not connect.
    pub(super) fn new(setting: &RedisSetting, class: &str, longest_wait: Duration) -> Result<Self, RedisError> {
        let address = if setting.tls {
            ConnectionAddr::TcpTls { host: setting.host.clone(), port: setting.port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(setting.host.clone(), setting.port)
        };
        let mut settings = RedisConnectionInfo::default().set_db(setting.database);
        if let Some(name) = &setting.username {
            settings = settings.set_username(name);
        }
        if let Some(password) = &setting.password {
            settings = settings.set_password(password.expose_secret());
        }
        let client = Client::open(address.into_connection_info()?.set_redis_settings(settings))?;
        let connection = |timeout| Connection { client: client.clone(), timeout, open: Mutex::default() };
        let key = format!("{}:jobs:{class}", setting.prefix);
        Ok(Self {
            dead: format!("{key}:dead"),
            key,
            consumer: uuid::Uuid::new_v4().simple().to_string(),
            commands: connection(TIMEOUT),
            reading: connection(longest_wait + TIMEOUT),
            claims: std::sync::Mutex::default(),
            has_group: AtomicBool::new(false),
        })
    }

    /// Adds messages.
    pub(super) async fn send(&self, messages: &[String]) -> Result<(), RedisError> {
        let mut pipeline = redis::pipe();
        for message in messages {
            pipeline.add_command(self.add(message));
        }
        self.commands.run(&pipeline).await
    }

    fn add(&self, message: &str) -> Cmd {
        let mut command = redis::cmd("XADD");
        command.arg(&self.key).arg("MAXLEN").arg("~").arg(MAX_ENTRIES).arg("*").arg(FIELD).arg(message);
        command
    }

    /// Reads up to `most` entries, and waits up to `wait` for the first one. Entries that another
    /// consumer has held for `abandoned` without a sign of life come first.
    pub(super) async fn receive(
        &self,
        most: usize,
        wait: Duration,
        abandoned: Duration,
    ) -> Result<Vec<Entry>, RedisError> {
        let received = self.try_receive(most, wait, abandoned).await;
        match &received {
            // The stream is gone: Redis was emptied, or has lost its data.
            Err(error) if error.code() == Some("NOGROUP") => {
                self.has_group.store(false, Ordering::Relaxed);
                self.try_receive(most, wait, abandoned).await
            }
            _ => received,
        }
    }

    async fn try_receive(&self, most: usize, wait: Duration, abandoned: Duration) -> Result<Vec<Entry>, RedisError> {
        if !self.has_group.load(Ordering::Relaxed) {
            self.create_group().await?;
            self.forget_consumers().await?;
            self.has_group.store(true, Ordering::Relaxed);
        }
        let claimed = self.claim_abandoned(most, abandoned).await?;
        if !claimed.is_empty() {
            return Ok(claimed);
        }
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg(&self.consumer).arg("COUNT").arg(most);
        if !wait.is_zero() {
            command.arg("BLOCK").arg(wait.as_millis() as u64);
        }
        command.arg("STREAMS").arg(&self.key).arg(">");
        Ok(entries_read(self.reading.query(&command).await?)?)
    }

    /// Claims up to `most` entries that another consumer has held for `abandoned` without a sign of
    /// life. All that consumers hold is looked at once in [`CLAIM_INTERVAL`], by several commands and
    /// calls where it is much.
    async fn claim_abandoned(&self, most: usize, abandoned: Duration) -> Result<Vec<Entry>, RedisError> {
        for _ in 0..CLAIM_COMMANDS {
            let Some(from) = self.claim_due() else { break };
            let mut command = redis::cmd("XAUTOCLAIM");
            command.arg(&self.key).arg(GROUP).arg(&self.consumer).arg(abandoned.as_millis() as u64);
            command.arg(from).arg("COUNT").arg(most);
            let (next, entries) = entries_claimed(self.commands.query(&command).await?)?;
            self.set_claimed(next);
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        Ok(Vec::new())
    }

    /// Returns where the next claim begins; `None` if all was looked at a moment ago.
    fn claim_due(&self) -> Option<String> {
        let claims = self.claims.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_due = claims.next != FROM_FIRST || claims.complete.is_none_or(|at| at.elapsed() >= CLAIM_INTERVAL);
        is_due.then(|| claims.next.clone())
    }

    fn set_claimed(&self, next: String) {
        let mut claims = self.claims.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if next == FROM_FIRST {
            claims.complete = Some(Instant::now());
        }
        claims.next = next;
    }

    /// Creates the consumer group if there is none. It begins with the first entry.
    async fn create_group(&self) -> Result<(), RedisError> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(&self.key).arg(GROUP).arg("0").arg("MKSTREAM");
        match self.commands.query::<()>(&command).await {
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
            result => result,
        }
    }

    /// Forgets consumers of processes that ended long ago and have left nothing.
    async fn forget_consumers(&self) -> Result<(), RedisError> {
        let mut command = redis::cmd("XINFO");
        command.arg("CONSUMERS").arg(&self.key).arg(GROUP);
        let reply: StreamInfoConsumersReply = self.commands.query(&command).await?;
        for consumer in reply.consumers {
            let idle = Duration::from_millis(consumer.idle as u64);
            if consumer.pending == 0 && idle > MAX_IDLE_CONSUMER {
                self.delete_consumer(&consumer.name).await?;
            }
        }
        Ok(())
    }

    async fn delete_consumer(&self, name: &str) -> Result<(), RedisError> {
        let mut command = redis::cmd("XGROUP");
        command.arg("DELCONSUMER").arg(&self.key).arg(GROUP).arg(name);
        self.commands.query::<i64>(&command).await.map(drop)
    }

    /// Tells Redis that this consumer still works on entries.
    pub(super) async fn extend(&self, ids: &[&str]) -> Result<(), RedisError> {
        let mut command = redis::cmd("XCLAIM");
        command.arg(&self.key).arg(GROUP).arg(&self.consumer).arg(0).arg(ids).arg("JUSTID");
        self.commands.query::<Value>(&command).await.map(drop)
    }

    /// Removes entries.
    pub(super) async fn acknowledge(&self, ids: &[&str]) -> Result<(), RedisError> {
        let mut pipeline = redis::pipe();
        self.remove(&mut pipeline, ids);
        self.commands.run(&pipeline).await
    }

    fn remove(&self, pipeline: &mut Pipeline, ids: &[&str]) {
        pipeline.cmd("XACK").arg(&self.key).arg(GROUP).arg(ids);
        pipeline.cmd("XDEL").arg(&self.key).arg(ids);
    }

    /// Puts entries back at the end of the stream, for any consumer.
    pub(super) async fn release(&self, entries: &[&Entry]) -> Result<(), RedisError> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for entry in entries {
            pipeline.cmd("XADD").arg(&self.key).arg("*").arg(&entry.fields);
        }
        let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
        self.remove(&mut pipeline, &ids);
        self.commands.run(&pipeline).await
    }

    /// Moves an entry to the stream of those that were of another shape.
    pub(super) async fn reject(&self, entry: &Entry) -> Result<(), RedisError> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("XADD").arg(&self.dead).arg("MAXLEN").arg("~").arg(MAX_DEAD).arg("*").arg(&entry.fields);
        self.remove(&mut pipeline, &[&entry.id]);
        self.commands.run(&pipeline).await
    }

    /// Returns the rejected entries after the one with the id `after` up to the one with the id `last`,
    /// oldest first.
    pub(super) async fn list_dead(
        &self,
        after: Option<&str>,
        last: &str,
        most: usize,
    ) -> Result<Vec<Entry>, RedisError> {
        let mut command = redis::cmd("XRANGE");
        let from = after.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
        command.arg(&self.dead).arg(from).arg(last).arg("COUNT").arg(most);
        Ok(Entry::read_all(self.commands.query(&command).await?)?)
    }

    /// Returns the id of the last rejected entry; `None` if there is none.
    pub(super) async fn last_dead(&self) -> Result<Option<String>, RedisError> {
        let mut command = redis::cmd("XREVRANGE");
        command.arg(&self.dead).arg("+").arg("-").arg("COUNT").arg(1);
        let last = Entry::read_all(self.commands.query(&command).await?)?;
        Ok(last.into_iter().next().map(|entry| entry.id))
    }

    /// Puts a rejected entry back into the stream.
    pub(super) async fn redrive(&self, entry: &Entry) -> Result<(), RedisError> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("XADD").arg(&self.key).arg("*").arg(&entry.fields);
        pipeline.cmd("XDEL").arg(&self.dead).arg(&entry.id);
        self.commands.run(&pipeline).await
    }

    /// Returns how many entries there are.
    pub(super) async fn depth(&self) -> Result<StreamDepth, RedisError> {
        let length = |key: &str| {
            let mut command = redis::cmd("XLEN");
            command.arg(key);
            command
        };
        let all: u64 = self.commands.query(&length(&self.key)).await?;
        let dead = self.commands.query(&length(&self.dead)).await?;
        let mut command = redis::cmd("XPENDING");
        command.arg(&self.key).arg(GROUP);
        let in_flight = match self.commands.query::<(u64, Value, Value, Value)>(&command).await {
            Ok((pending, ..)) => pending,
            // No worker has read from the stream yet.
            Err(error) if error.code() == Some("NOGROUP") => 0,
            Err(error) => return Err(error),
        };
        Ok(StreamDepth { waiting: all.saturating_sub(in_flight), in_flight, dead })
    }

    /// Closes the connection that blocks while it waits for entries.
    pub(super) async fn stop_receiving(&self) {
        *self.reading.open.lock().await = None;
    }

    /// Removes this process from the group, unless it has left entries for others.
    pub(super) async fn leave(&self) -> Result<(), RedisError> {
        let mut command = redis::cmd("XPENDING");
        command.arg(&self.key).arg(GROUP).arg("-").arg("+").arg(1).arg(&self.consumer);
        let left: Vec<Value> = self.commands.query(&command).await?;
        if left.is_empty() { self.delete_consumer(&self.consumer).await } else { Ok(()) }
    }
}

/// Returns the text of an error, without the address that it may name.
pub(super) fn describe(error: &RedisError) -> String {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::ResponseError) | ErrorKind::Server(_) | ErrorKind::Extension => {
            let detail = error.detail().unwrap_or_default();
            format!("Redis answered {} {detail}", error.code().unwrap_or_default())
        }
        _ => format!("Redis can't be reached: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn entry(id: &str, fields: Vec<Value>) -> Value {
        Value::Array(vec![text(id), Value::Array(fields)])
    }

    /// One entry that cannot be read must not keep those beside it back.
    #[test]
    fn entries_of_any_bytes_are_read() {
        let odd = entry("1-0", vec![Value::BulkString(vec![0xff, 0xfe]), Value::BulkString(vec![0x80]), text("alone")]);
        let good = entry("2-0", vec![text("other"), text("x"), text(FIELD), text("17")]);
        let deleted = [Value::Nil, Value::Array(vec![text("3-0"), Value::Nil])];
        let entries = Value::Array([vec![odd, good, entry("4-0", Vec::new())], deleted.to_vec()].concat());
        let stream = Value::Array(vec![text("jobs"), entries.clone()]);
        let read = entries_read(Value::Array(vec![stream])).unwrap();
        assert_eq!(read.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["1-0", "2-0", "4-0"]);
        assert_eq!(read.iter().map(Entry::body).collect::<Vec<_>>(), ["", "17", ""]);
        assert_eq!(read[0].fields, [(vec![0xff, 0xfe], vec![0x80])], "they go to the dead entries as they came");
        let (next, claimed) = entries_claimed(Value::Array(vec![text("5-0"), entries, Value::Array(vec![])])).unwrap();
        assert_eq!((next.as_str(), claimed.len()), ("5-0", 3));
    }

    #[test]
    fn responses_of_another_form_are_errors() {
        assert!(entries_read(Value::Nil).unwrap().is_empty(), "nothing came in time");
        for other in
            [Value::Int(1), Value::Array(vec![Value::Int(1)]), Value::Array(vec![Value::Array(vec![text("1")])])]
        {
            assert!(Entry::read_all(other.clone()).is_err(), "{other:?}");
            assert!(entries_claimed(other.clone()).is_err(), "{other:?}");
        }
    }
}
