//! Subscriptions over WebSocket and as server-sent events. Each begins when it is the caller's turn,
//! on a thread that serves no other requests.

use std::any::TypeId;
use std::sync::Arc;
use std::task::Poll;

use async_graphql::{Data, Executor, Pos, Request as Query, Response};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::in_turn;
use super::schema::{Tidegate, is_subscription, to_graphql_error};
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::caller::Caller;

/// What became of an operation that may be a subscription.
pub(super) enum Begun {
    /// The responses of a subscription, of which the first may be an error.
    Subscription(BoxStream<'static, Response>),
    /// It is another operation, and nothing was done.
    Other(Box<Query>),
}

/// Begins an operation if it is a subscription.
///
/// # Errors
///
/// [`Error::Busy`] if the caller's turn does not come in time.
pub(super) async fn begin(app: &App, schema: &Tidegate, query: Query) -> Result<Begun> {
    let schema = schema.clone();
    in_turn(app, async move {
        if !is_subscription(&query) {
            return Begun::Other(Box::new(query));
        }
        let mut answers = schema.execute_stream(query).boxed();
        // The first poll parses and validates. Whoever polls next takes the stream from there.
        let answers = match futures::poll!(answers.next()) {
            Poll::Ready(Some(first)) => stream::iter([first]).chain(answers).boxed(),
            Poll::Ready(None) => stream::empty().boxed(),
            Poll::Pending => answers,
        };
        Begun::Subscription(answers)
    })
    .await
}

/// The schema for WebSockets, which refuses queries and mutations: those are sent by POST, within
/// the limits of the API door.
#[derive(Clone)]
pub(super) struct SubscriptionsOnly {
    pub(super) app: Arc<App>,
    pub(super) schema: Tidegate,
}

impl SubscriptionsOnly {
    /// Begins the subscription of a message. Messages count as requests.
    async fn begin(self, query: Query, caller: Caller) -> Result<BoxStream<'static, Response>> {
        self.app.rates.check_subject(&caller)?;
        match begin(&self.app, &self.schema, query.data(caller)).await? {
            Begun::Subscription(answers) => Ok(answers),
            Begun::Other(_) => Err(not_a_subscription()),
        }
    }
}

impl Executor for SubscriptionsOnly {
    async fn execute(&self, _: Query) -> Response {
        failed(not_a_subscription())
    }

    fn execute_stream(&self, query: Query, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let (this, caller) = (self.clone(), session.as_deref().and_then(caller_of).cloned());
        let begun = async move {
            let begun = match caller {
                Some(caller) => this.begin(query, caller).await,
                None => Err(Error::Unauthenticated("the connection has not signed in".into())),
            };
            begun.unwrap_or_else(|error| stream::iter([failed(error)]).boxed())
        };
        stream::once(begun).flatten().boxed()
    }
}

/// Returns the error for a query or mutation on a WebSocket.
fn not_a_subscription() -> Error {
    Error::BadRequest("only subscriptions are taken here; send queries and mutations by POST".into())
}

/// Returns the response of an operation that failed.
fn failed(error: Error) -> Response {
    Response::from_errors(vec![to_graphql_error(error).into_server_error(Pos::default())])
}

/// Returns who signed in on a connection.
fn caller_of(session: &Data) -> Option<&Caller> {
    session.get(&TypeId::of::<Caller>())?.downcast_ref()
}
