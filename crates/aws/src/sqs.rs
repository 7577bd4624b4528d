//! Calls SQS: sends, receives, hides and deletes the messages of a queue, in batches. Reads no
//! message's meaning, and never decides what becomes of one. Standard queues only: messages of a FIFO
//! queue need a group and can't be delayed one by one.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{Client, Error};

/// The most messages of a request.
pub const MAX_BATCH: usize = 10;
/// The longest delay of a message.
pub const MAX_DELAY: Duration = Duration::from_secs(900);
/// The longest time that a received message can be hidden.
pub const MAX_HIDDEN: Duration = Duration::from_secs(43_200);
/// The longest wait of a receive.
pub const MAX_WAIT: Duration = Duration::from_secs(20);

/// A queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

/// A message that was received. It is hidden from other receivers for the time that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id of the message, which stays the same when it is received again.
    pub id: String,
    /// What names this receipt of it in later calls.
    pub receipt: String,
    /// The text that was sent.
    pub body: String,
    /// How often it was received, this time included.
    pub receives: u32,
    /// When it was sent, also if it was moved to this queue since; `None` if the server does not say.
    pub sent: Option<SystemTime>,
}

/// About how many messages a queue has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Depth {
    /// Those that can be received.
    pub waiting: u64,
    /// Those that were received and are hidden.
    pub in_flight: u64,
    /// Those whose delay has not ended.
    pub delayed: u64,
    /// The URL of the queue that messages are moved to which were received too often; `None` if there
    /// is none.
    pub dead_letter_queue: Option<String>,
}

impl Queue {
    /// Returns the queue with a URL, such as `https://sqs.eu-west-1.amazonaws.com/123456789012/jobs`.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Returns the queue's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends up to [`MAX_BATCH`] messages, each with its delay, which is rounded up to seconds.
    /// Returns the places of those that the queue did not accept. `trace` is the trace that they are part
    /// of, in the form of `X-Amzn-Trace-Id`.
    ///
    /// # Errors
    ///
    /// See [`Error`]; whether any were sent is then unknown.
    pub async fn send(&self, messages: &[(String, Duration)], trace: Option<&str>) -> Result<Vec<usize>, Error> {
        let entries = messages.iter().enumerate().map(|(at, (body, delay))| entry(at, body, *delay, trace));
        self.batch("SendMessageBatch", entries.collect()).await
    }

    /// Receives up to `most` messages, of which there can be [`MAX_BATCH`], and hides them. Waits up
    /// to `wait` for the first one.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn receive(&self, most: usize, wait: Duration, hidden: Duration) -> Result<Vec<Message>, Error> {
        let input = json!({
            "MaxNumberOfMessages": most.clamp(1, MAX_BATCH),
            "WaitTimeSeconds": seconds(wait.min(MAX_WAIT)),
            "VisibilityTimeout": seconds(hidden.min(MAX_HIDDEN)),
            "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
        });
        let output = self.call("ReceiveMessage", input).await?;
        let messages = output["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(messages.iter().filter_map(message).collect())
    }

    /// Hides up to [`MAX_BATCH`] received messages for another time from now on. Returns the places
    /// of those that were not hidden, because they were deleted or are another receiver's.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn hide(&self, receipts: &[(&str, Duration)]) -> Result<Vec<usize>, Error> {
        let entries = receipts.iter().enumerate().map(|(at, (receipt, time))| {
            json!({ "Id": at.to_string(), "ReceiptHandle": receipt, "VisibilityTimeout": seconds((*time).min(MAX_HIDDEN)) })
        });
        self.batch("ChangeMessageVisibilityBatch", entries.collect()).await
    }

    /// Deletes up to [`MAX_BATCH`] received messages. Returns the places of those that were not
    /// deleted.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn delete(&self, receipts: &[&str]) -> Result<Vec<usize>, Error> {
        let entries = receipts.iter().enumerate();
        let entries = entries.map(|(at, receipt)| json!({ "Id": at.to_string(), "ReceiptHandle": receipt }));
        self.batch("DeleteMessageBatch", entries.collect()).await
    }

    /// Returns about how many messages there are, and where those go that fail.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn depth(&self) -> Result<Depth, Error> {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
            "RedrivePolicy",
        ];
        let output = self.call("GetQueueAttributes", json!({ "AttributeNames": names })).await?;
        let [waiting, in_flight, delayed, policy] = names.map(|name| &output["Attributes"][name]);
        let dead_letter_queue = policy.as_str().and_then(|policy| dead_letter_url(&self.url, policy));
        Ok(Depth {
            waiting: number(waiting),
            in_flight: number(in_flight),
            delayed: number(delayed),
            dead_letter_queue,
        })
    }

    /// Returns a queue of another URL on the same server.
    pub fn with_url(&self, url: String) -> Self {
        Self { client: self.client.clone(), url }
    }

    /// Returns the queue that messages are moved to which were received too often; `None` if the
    /// queue has none.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn dead_letter_queue(&self) -> Result<Option<Self>, Error> {
        let output = self.call("GetQueueAttributes", json!({ "AttributeNames": ["RedrivePolicy"] })).await?;
        let policy = output["Attributes"]["RedrivePolicy"].as_str();
        Ok(policy.and_then(|policy| dead_letter_url(&self.url, policy)).map(|url| self.with_url(url)))
    }

    /// Calls an operation of the queue.
    async fn call(&self, operation: &str, mut input: Value) -> Result<Value, Error> {
        input["QueueUrl"] = self.url.as_str().into();
        self.client.json("sqs", "1.0", &format!("AmazonSQS.{operation}"), &input).await
    }

    /// Calls an operation for several messages, and returns the places of those that it failed for.
    async fn batch(&self, operation: &str, entries: Vec<Value>) -> Result<Vec<usize>, Error> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let output = self.call(operation, json!({ "Entries": entries })).await?;
        let failed = output["Failed"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(failed.iter().filter_map(|entry| entry["Id"].as_str()?.parse().ok()).collect())
    }
}

/// Returns whole seconds, rounded up.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Returns a number, which SQS writes as a string.
fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).or_else(|| value.as_u64()).unwrap_or(0)
}

/// Returns a time, which SQS writes as milliseconds; `None` if there is none.
fn time(value: &Value) -> Option<SystemTime> {
    let millis = number(value);
    (millis > 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
}

/// Reads a received message; `None` if it has no receipt, so that nothing can be done with it.
fn message(value: &Value) -> Option<Message> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Some(Message {
        id: text("MessageId").unwrap_or_default(),
        receipt: text("ReceiptHandle")?,
        body: text("Body").unwrap_or_default(),
        receives: u32::try_from(number(&value["Attributes"]["ApproximateReceiveCount"])).unwrap_or(u32::MAX).max(1),
        sent: time(&value["Attributes"]["SentTimestamp"]),
    })
}

/// Returns the URL of the dead-letter queue in a queue's `RedrivePolicy`. It is of the same account and
/// region, so that the two URLs differ in their last segment, which is the queue's name.
fn dead_letter_url(url: &str, policy: &str) -> Option<String> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let name = queue_name(policy["deadLetterTargetArn"].as_str()?)?;
    url.rsplit_once('/').map(|(start, _)| format!("{start}/{name}"))
}

/// Returns the name in a queue's ARN: `arn:aws:sqs:REGION:ACCOUNT:NAME`.
fn queue_name(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts[..] {
        ["arn", _, "sqs", _, _, name] if !name.is_empty() => Some(name),
        _ => None,
    }
}

/// Returns an entry of a batch that is sent.
fn entry(at: usize, body: &str, delay: Duration, trace: Option<&str>) -> Value {
    let delay = seconds(delay.min(MAX_DELAY));
    let mut entry = json!({ "Id": at.to_string(), "MessageBody": body, "DelaySeconds": delay });
    if let Some(trace) = trace {
        entry["MessageSystemAttributes"] = json!({ "AWSTraceHeader": { "DataType": "String", "StringValue": trace } });
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_sqs_writes_them() {
        let attributes = json!({ "ApproximateReceiveCount": "3", "SentTimestamp": "1700000000250" });
        let value = json!({ "MessageId": "a", "ReceiptHandle": "r", "Body": "b", "Attributes": attributes });
        let read = message(&value).unwrap();
        assert_eq!((read.id.as_str(), read.receipt.as_str(), read.body.as_str(), read.receives), ("a", "r", "b", 3));
        assert_eq!(read.sent, Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250)));
        let bare = message(&json!({ "ReceiptHandle": "r" })).unwrap();
        assert_eq!((bare.receives, bare.sent), (1, None));
        assert_eq!(message(&json!({ "Body": "b" })), None);
    }

    #[test]
    fn a_message_is_part_of_the_trace_that_it_is_sent_in() {
        let sent = entry(3, "b", Duration::from_secs(5000), Some("Root=1-2-3"));
        let trace = json!({ "AWSTraceHeader": { "DataType": "String", "StringValue": "Root=1-2-3" } });
        assert_eq!(
            (&sent["Id"], &sent["DelaySeconds"], &sent["MessageSystemAttributes"]),
            (&json!("3"), &json!(900), &trace)
        );
        assert_eq!(entry(0, "b", Duration::ZERO, None).get("MessageSystemAttributes"), None);
    }

    #[test]
    fn a_delay_is_never_shortened_by_rounding() {
        let rounded = [0, 1, 999, 1000, 1001].map(|millis| seconds(Duration::from_millis(millis)));
        assert_eq!(rounded, [0, 1, 1, 1, 2]);
    }

    #[test]
    fn the_queue_of_an_arn_is_found() {
        let url = "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/jobs";
        let of =
            |arn: &str| dead_letter_url(url, &json!({ "deadLetterTargetArn": arn, "maxReceiveCount": 5 }).to_string());
        let found = of("arn:aws-cn:sqs:cn-north-1:123456789012:dead");
        assert_eq!(found.as_deref(), Some("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/dead"));
        for other in [
            "",
            "arn:aws:sns:us-east-1:1:topic",
            "arn:aws:sqs:us-east-1:1",
            "arn:aws:sqs:us-east-1:1:",
            "https://sqs/1/dead",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(dead_letter_url(url, "{}"), None);
        assert_eq!(dead_letter_url(url, "no JSON"), None);
    }
}
