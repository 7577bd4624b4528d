//! AWS Lambda: receives events from the Runtime API, makes HTTP requests and queue messages of them,
//! and sends the answers back. Knows no routes, no jobs and no settings. The HTTP events are those of
//! API Gateway (payload formats 1.0 and 2.0) and of function URLs (2.0).
//!
//! The documents of HTTP events are read here and not by `lambda_http`, which normalises paths,
//! keeps one value of a repeated header, and panics if a `Host` or a query is no part of a URL.

mod date;
mod event;
mod request;
mod response;
mod runtime;

pub use self::event::{Event, Message, QueueBatch};
pub use self::request::{Claims, HttpEvent, Malformed, RequestContext};
pub use self::response::{ByteStream, Interrupted, MAX_DOCUMENT, Payload, TooLarge, document, fits};
pub use self::runtime::{Answer, BoxError, Invocation, run};
