//! The GraphQL endpoint: queries by POST and GET, mutations by POST (GraphQL over HTTP), batches,
//! subscriptions over WebSocket (graphql-transport-ws and the older graphql-ws) and as server-sent
//! events (graphql-sse, distinct connections mode), and GraphiQL. The schema is in `schema.rs`.

mod limits;
mod page;
mod query_string;
mod response;
mod schema;
mod subscriptions;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Data, Request as Query};
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use self::limits::ComplexityBudget;
use self::response::{Format, is_persisted, persisted_not_supported};
use self::schema::{Tidegate, schema};
use self::subscriptions::{Begun, SubscriptionsOnly};
use super::admission;
use super::connections::OpenConnection;
use super::error::{ApiError, no_such_method};
use super::json::{Batch, BodyLimit, json_batch};
use crate::app::App;
use crate::error::Error;
use crate::model::caller::Caller;
use crate::state::shares::Permit;
use crate::turns;

/// Returns the schema in SDL.
pub use self::schema::description;

/// The interval of keep-alive comments, so that proxies do not close an idle stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The longest WebSocket message of a client in bytes.
const MAX_MESSAGE: usize = 256 << 10;
/// The longest POST body in bytes: a query and its variables.
const MAX_BODY: usize = 256 << 10;
/// The most operations of a batch.
const MAX_BATCH: usize = 10;
/// The media type of server-sent events.
const EVENTS: &str = "text/event-stream";
/// The header that names a stream of the single connection mode of graphql-sse.
const EVENT_TOKEN: &str = "x-graphql-event-stream-token";
const NO_SINGLE_CONNECTION: &str =
    "send GraphQL by GET or POST; of graphql-sse, the distinct connections mode is taken (singleConnection: false)";
/// How long a client may take to send `connection_init`.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a WebSocket may stay open.
const SOCKET_LIFETIME: Duration = Duration::from_secs(3600);
/// Credentials that a browser may put into `connection_init`, since it cannot set headers of a
/// WebSocket.
const SIGN_IN: [&str; 6] = ["authorization", "x-service-token", "x-user-id", "x-org-id", "x-roles", "authtoken"];

/// Returns the routes of GraphQL, and of GraphiQL where it is enabled.
pub(super) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let schema = schema(app);
    let post = schema.clone();
    let mut routes = Router::new().route(
        "/graphql",
        get(move |state, request| handle_get(state, schema, request))
            .post(move |state, request| handle_post(state, post, request))
            .fallback(refuse_method),
    );
    routes = routes.layer(Extension(BodyLimit(MAX_BODY)));
    if app.config.graphql.graphiql {
        routes = routes.merge(page::routes());
    }
    routes
}

/// Executes an operation, or a batch of them; or, if the client accepts server-sent events, streams
/// a subscription. Only subscriptions stay open after the response head; all others are executed
/// before it, within the limits of the API door.
async fn handle_post(State(app): State<Arc<App>>, schema: Tidegate, request: Request) -> Result<Response, ApiError> {
    let (mut parts, content) = request.into_parts();
    // The caller is authenticated before the body is read.
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    refuse_event_tokens(&parts)?;
    let format = Format::accepted(&parts.headers);
    let events = accepts(&parts.headers, EVENTS);
    let query = match json_batch::<Query>(Request::from_parts(parts, content)).await? {
        Batch::One(query) => query,
        Batch::Many(queries) => return Ok(execute_batch(&app, &schema, &caller, queries).await?),
    };
    if is_persisted(&query) {
        return Ok(persisted_not_supported(format));
    }
    let mut query = Box::new(query.data(caller));
    if events {
        match subscriptions::begin(&app, &schema, *query).await? {
            Begun::Subscription(answers) => return Ok(stream(answers).into_response()),
            Begun::Other(other) => query = other,
        }
    }
    Ok(format.render(execute(&app, &schema, *query).await?))
}

/// Executes the operations of a batch in their order. Their complexity together may be that of one
/// operation.
async fn execute_batch(app: &App, schema: &Tidegate, caller: &Caller, queries: Vec<Query>) -> Result<Response, Error> {
    if queries.is_empty() || queries.len() > MAX_BATCH {
        return Err(Error::BadRequest(format!("a batch must have 1 to {MAX_BATCH} operations").into()));
    }
    let budget = ComplexityBudget::new(app.config.graphql.complexity);
    let mut responses = Vec::with_capacity(queries.len());
    for query in queries {
        let response = match is_persisted(&query) {
            true => response::persisted_error(),
            false => execute(app, schema, query.data(caller.clone()).data(budget.clone())).await?,
        };
        responses.push(response);
    }
    Ok(response::render_batch(responses))
}

/// Refuses requests of the single connection mode of graphql-sse, which share one stream.
fn refuse_event_tokens(parts: &Parts) -> Result<(), Error> {
    if parts.headers.contains_key(EVENT_TOKEN) {
        return Err(Error::BadRequest(NO_SINGLE_CONNECTION.into()));
    }
    Ok(())
}

/// Responds to the methods that reserve and end streams of the single connection mode of
/// graphql-sse, and to all others.
async fn refuse_method() -> Response {
    let mut response = no_such_method(NO_SINGLE_CONNECTION);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    response
}

/// Streams the responses of a subscription as server-sent events.
fn stream(
    answers: BoxStream<'static, async_graphql::Response>,
) -> Sse<impl futures::Stream<Item = Result<Event, Infallible>>> {
    let answers = answers.map(|response| {
        let text = response::to_json(response).to_string();
        Event::default().event("next").data(text)
    });
    let end = futures::stream::once(std::future::ready(Event::default().event("complete").data("")));
    Sse::new(answers.chain(end).map(Ok)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// Responds to a GET: a WebSocket upgrade, a query, a subscription by `EventSource`, or a redirect
/// to GraphiQL.
async fn handle_get(State(app): State<Arc<App>>, schema: Tidegate, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    if parts.headers.contains_key(header::UPGRADE) {
        return upgrade(app, schema, &mut parts).await;
    }
    if app.config.graphql.graphiql && accepts(&parts.headers, "text/html") {
        return Ok(axum::response::Redirect::temporary("/graphiql").into_response());
    }
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    refuse_event_tokens(&parts)?;
    let query = query_string::parse(&parts.uri)?;
    let format = Format::accepted(&parts.headers);
    if is_persisted(&query) {
        return Ok(persisted_not_supported(format));
    }
    let (types, query) = in_turn(&app, async move { (schema::operation_types(&query), query) }).await?;
    if types.contains(&OperationType::Mutation) {
        let mut refused = no_such_method("mutations are taken by POST only");
        refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return Ok(refused);
    }
    if types.contains(&OperationType::Subscription) {
        if accepts(&parts.headers, EVENTS)
            && let Begun::Subscription(answers) = subscriptions::begin(&app, &schema, query.data(caller)).await?
        {
            return Ok(stream(answers).into_response());
        }
        let message = "a subscription by GET needs accept: text/event-stream, and nothing else beside it";
        return Err(Error::BadRequest(message.into()).into());
    }
    // Any web page can make a browser send a plain GET with its cookies.
    if !query_string::is_deliberate(&parts.headers) {
        let message = "a query by GET from a browser needs a header that pages of other sites cannot send, such as \
                       apollo-require-preflight: true";
        return Err(Error::Forbidden(message.into()).into());
    }
    Ok(format.render(execute(&app, &schema, query.data(caller)).await?))
}

/// Executes an operation when it is the caller's turn.
async fn execute(app: &App, schema: &Tidegate, query: Query) -> Result<async_graphql::Response, Error> {
    let schema = schema.clone();
    in_turn(app, async move { schema.execute(query).await }).await
}

/// Does the work on an operation when it is the caller's turn. To parse and validate one takes a
/// processor for milliseconds without a pause, so it has a thread of its own: the threads that serve
/// all other requests go on.
async fn in_turn<T: Send + 'static>(app: &App, work: impl Future<Output = T> + Send + 'static) -> Result<T, Error> {
    let turn = app.graphql_turns.wait().await?;
    let (runtime, span) = (Handle::current(), Span::current());
    let work = turns::with_subject(turns::current_subject(), work).instrument(span);
    let on_thread = move || {
        let _turn = turn;
        runtime.block_on(work)
    };
    tokio::task::spawn_blocking(on_thread).await.map_err(|panic| Error::Internal(panic.into()))
}

fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(wanted))
}

/// Upgrades to a WebSocket for subscriptions.
async fn upgrade(app: Arc<App>, schema: Tidegate, parts: &mut Parts) -> Result<Response, ApiError> {
    let wrong = |what: &str| Error::BadRequest(format!("this is no WebSocket for GraphQL: {what}").into());
    let protocol = GraphQLProtocol::from_request_parts(parts, &app).await;
    let protocol =
        protocol.map_err(|_| wrong("Sec-WebSocket-Protocol must name graphql-transport-ws or graphql-ws"))?;
    let socket = WebSocketUpgrade::from_request_parts(parts, &app).await;
    let socket = socket.map_err(|_| wrong("the handshake can't be read"))?;
    // The socket counts as a connection with a request until it ends, and as a request until it has
    // signed in; from then on it has a share of its own.
    let held = parts.extensions.get::<Arc<OpenConnection>>().map(|open| (open.begin_request(), Arc::clone(open)));
    let (admitted, address) = (admission::admitted(&parts.extensions), turns::current_subject());
    let parts = parts.clone();
    let socket = socket.max_message_size(MAX_MESSAGE).protocols(async_graphql::http::ALL_WEBSOCKET_PROTOCOLS);
    Ok(socket.on_upgrade(move |socket| {
        turns::with_subject(address, async move {
            let closing = app.closing.clone();
            let (signed_in, initialized) = oneshot::channel();
            let executor = SubscriptionsOnly { app: Arc::clone(&app), schema };
            let serving = GraphQLWebSocket::new(socket, executor, protocol)
                .on_connection_init(move |said: serde_json::Value| async move {
                    let (data, permit) = sign_in(app, parts, said).await.map_err(schema::to_graphql_error)?;
                    // Nobody listens any more if the time was over.
                    let _ = signed_in.send(permit);
                    Ok(data)
                })
                .serve();
            let expired = async {
                match tokio::time::timeout(INIT_TIMEOUT, initialized).await {
                    Ok(Ok(_permit)) => {
                        drop(admitted);
                        // The caller may have lost access by then; a new connection authenticates again.
                        tokio::time::sleep(SOCKET_LIFETIME).await;
                    }
                    // The client is told why, and has to go.
                    Ok(Err(_)) => tokio::time::sleep(INIT_TIMEOUT).await,
                    Err(_) => {}
                }
            };
            tokio::select! {
                () = serving => {}
                () = expired => {}
                () = closing.cancelled() => {}
            }
            drop(held);
        })
    }))
}

/// Authenticates a WebSocket. Credentials in `connection_init` take precedence over those of the
/// handshake.
async fn sign_in(app: Arc<App>, mut parts: Parts, said: serde_json::Value) -> Result<(Data, Permit), Error> {
    let invalid = |_| Error::BadRequest("connection_init has credentials that can't be in a header".into());
    for (name, value) in said.as_object().into_iter().flatten() {
        let lower = name.to_ascii_lowercase();
        let (Some(value), true) = (value.as_str(), SIGN_IN.contains(&lower.as_str())) else { continue };
        let (name, value) = match lower.as_str() {
            "authtoken" => ("authorization", format!("Bearer {value}")),
            name => (name, value.to_owned()),
        };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| Error::Internal(error.into()))?;
        parts.headers.insert(name, HeaderValue::try_from(value).map_err(invalid)?);
    }
    // Treated as a change, so that sign-in by cookie needs an `Origin`.
    parts.method = Method::POST;
    let caller = Caller::from_request_parts(&mut parts, &app).await.map_err(|ApiError(error)| error)?;
    let permit = app.shares.sockets.acquire_for(&caller)?;
    let mut data = Data::default();
    data.insert(caller);
    Ok((data, permit))
}
