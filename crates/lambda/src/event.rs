//! What an event is, by its shape: an HTTP request, a batch of queue messages, or a tick of a
//! schedule. Never guesses: an event of another shape is refused by name.

use aws_lambda_events::sqs::SqsEvent;
use serde::Deserialize;

use crate::request::{self, HttpEvent};

/// What a function is invoked with.
#[derive(Debug)]
pub enum Event {
    /// A request through API Gateway or a function URL.
    Http(Box<HttpEvent>),
    /// Messages of SQS queues.
    Queue(QueueBatch),
    /// A tick of an EventBridge rule or schedule.
    Schedule,
    /// Anything else; holds what is known of it, for the log.
    Other(String),
}

/// A batch of queue messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueBatch {
    /// The messages, in the order of the batch.
    pub messages: Vec<Message>,
}

/// A queue message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id that a failure is reported by.
    pub id: String,
    /// The body as it was sent; empty if there is none.
    pub body: String,
    /// How often the message was received, this time included; 0 if the queue does not say.
    pub receives: u32,
    /// The trace that the sender was part of, in the form of `X-Amzn-Trace-Id`.
    pub trace_id: Option<String>,
}

/// The members that tell events apart.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(rename = "requestContext", borrow, default)]
    request_context: Option<&'a serde_json::value::RawValue>,
    #[serde(rename = "Records", borrow, default)]
    records: Option<&'a serde_json::value::RawValue>,
    #[serde(rename = "detail-type", default)]
    detail_type: Option<String>,
    #[serde(default)]
    source: Option<String>,
}

/// The first record's member that names the service.
#[derive(Deserialize)]
struct RecordShape {
    #[serde(rename = "eventSource", default)]
    event_source: Option<String>,
}

impl Event {
    /// Reads an event document.
    pub fn parse(document: &str) -> Self {
        // A list would be read as the members in their order.
        let object = Some(document).filter(|document| document.trim_start().starts_with('{'));
        let Some(Ok(shape)) = object.map(serde_json::from_str::<Shape<'_>>) else {
            return Self::Other("no JSON object".to_owned());
        };
        if shape.request_context.is_some() {
            return match request::parse(document) {
                Ok(event) => Self::Http(Box::new(event)),
                Err(kind) => Self::Other(kind),
            };
        }
        if let Some(records) = shape.records {
            return queue_batch(document, records.get());
        }
        match (shape.detail_type.as_deref(), shape.source.as_deref()) {
            (Some("Scheduled Event"), Some("aws.events" | "aws.scheduler")) => Self::Schedule,
            (detail_type, source) => {
                Self::Other(format!("source {:?}, detail-type {:?}", short(source), short(detail_type)))
            }
        }
    }
}

/// Returns the beginning of a text from an event, for the log.
fn short(text: Option<&str>) -> String {
    text.unwrap_or_default().chars().take(64).collect()
}

fn queue_batch(document: &str, records: &str) -> Event {
    let sources = serde_json::from_str::<Vec<RecordShape>>(records).unwrap_or_default();
    if sources.is_empty() || sources.iter().any(|record| record.event_source.as_deref() != Some("aws:sqs")) {
        let source = sources.first().and_then(|record| record.event_source.as_deref());
        return Event::Other(format!("records of {:?}", short(source)));
    }
    let Ok(batch) = serde_json::from_str::<SqsEvent>(document) else {
        return Event::Other("records of SQS that can't be read".to_owned());
    };
    let messages = batch.records.into_iter().map(|record| {
        let attribute = |name: &str| record.attributes.get(name).cloned();
        Message {
            receives: attribute("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(0),
            trace_id: attribute("AWSTraceHeader"),
            id: record.message_id.unwrap_or_default(),
            body: record.body.unwrap_or_default(),
        }
    });
    Event::Queue(QueueBatch { messages: messages.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn events_are_told_apart_by_their_shape() {
        let sqs = r#"{"Records":[{"messageId":"m1","body":"{\"job\":\"7\"}","eventSource":"aws:sqs",
            "attributes":{"ApproximateReceiveCount":"3","AWSTraceHeader":"Root=1-2-3"}},
            {"messageId":"m2","eventSource":"aws:sqs","attributes":{}}]}"#;
        let Event::Queue(batch) = Event::parse(sqs) else { panic!("no batch") };
        let first = Message {
            id: "m1".into(),
            body: r#"{"job":"7"}"#.into(),
            receives: 3,
            trace_id: Some("Root=1-2-3".into()),
        };
        assert_eq!(batch.messages[0], first);
        assert_eq!((batch.messages[1].body.as_str(), batch.messages[1].receives), ("", 0));
        let tick = r#"{"version":"0","source":"aws.events","detail-type":"Scheduled Event","detail":{}}"#;
        assert!(matches!(Event::parse(tick), Event::Schedule));
    }

    #[test]
    fn other_events_are_refused_by_name() {
        for (document, says) in [
            ("[]", "no JSON object"),
            ("{", "no JSON object"),
            ("{}", "detail-type"),
            (r#"{"source":"aws.s3","detail-type":"Object Created"}"#, "Object Created"),
            (r#"{"source":"mine","detail-type":"Scheduled Event"}"#, "mine"),
            (r#"{"Records":[]}"#, "records of"),
            (r#"{"Records":[{"eventSource":"aws:s3"}]}"#, "aws:s3"),
            (r#"{"Records":[{"eventSource":"aws:sqs"},{"eventSource":"aws:sns"}]}"#, "records of"),
            (r#"{"Records":[{"eventSource":"aws:sqs","body":7}]}"#, "can't be read"),
            (r#"{"requestContext":{}}"#, "a requestContext without"),
            (r#"{"requestContext":{"http":7}}"#, "can't be read"),
        ] {
            let Event::Other(kind) = Event::parse(document) else { panic!("{document}") };
            assert!(kind.contains(says), "{document}: {kind}");
        }
    }

    proptest! {
        #[test]
        fn no_document_panics(document in r#"[\{\[]?("(requestContext|Records|headers|http)":|[\{\}\[\]",0-9a-z]){0,12}"#) {
            let _ = Event::parse(&document);
        }
    }
}
