//! Admission of requests on the API and S3 doors, before any byte of their bodies is read: a permit
//! of the shares in `state/shares.rs`, memory for bodies that are held as a whole, and the lowest
//! pace of the body. The client's address counts at once; the subject counts when `auth.rs`, or the
//! S3 door, has identified it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;

use super::address::ClientAddress;
use super::auth;
use super::body_pace::{HELD_BODIES, Pace, STREAMED_BODIES, with_pace};
use super::error::{ApiError, body};
use super::guard::Guards;
use super::kept_body::KeptBody;
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::model::caller::Caller;
use crate::state::shares::{Holder, Permit, Refusal, Shares, count_for_caller};

/// Bodies up to this length in bytes are held without a reservation of memory; the number of
/// requests bounds them.
const SMALL_BODY: usize = 64 << 10;
/// How long a part waits for memory.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// An admitted request. Its permits last until it is dropped, at the end of the work on the request.
#[derive(Debug)]
pub(crate) struct Admitted {
    permit: Mutex<Permit>,
    /// The client for whose share memory counts: the address, then the subject. `None` for a service
    /// that acts for no user.
    client: Mutex<Option<Holder>>,
    memory: Arc<Shares>,
    /// Memory that is held for as long as the request.
    held: Mutex<Vec<Permit>>,
    too_slow: Arc<AtomicBool>,
}

/// The request's admission, as an extension of it. It does not keep the permits, since parts of a
/// request can outlive the work on it, as with WebSockets.
#[derive(Debug, Clone)]
struct AdmissionRef(Weak<Admitted>);

/// Admits a request, or refuses it before its body is read. Services have no share by address,
/// since they send the requests of many clients from few addresses.
pub(crate) fn admit(
    app: &App,
    shares: &Arc<Shares>,
    pace: Pace,
    request: Request,
) -> std::result::Result<(Arc<Admitted>, Request), Refusal> {
    let address = request.extensions().get::<ClientAddress>().filter(|_| !auth::is_service(app, request.headers()));
    let address = address.map(|client| Holder::address(client.0));
    let admitted = Arc::new(Admitted {
        permit: Mutex::new(shares.acquire(address.as_ref(), 1)?),
        client: Mutex::new(address),
        memory: Arc::clone(&app.shares.memory),
        held: Mutex::default(),
        too_slow: Arc::default(),
    });
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(AdmissionRef(Arc::downgrade(&admitted)));
    let body = with_pace(body, pace, Arc::clone(&admitted.too_slow));
    Ok((admitted, Request::from_parts(parts, body)))
}

impl Admitted {
    /// Returns whether the body came too slowly.
    pub(crate) fn was_too_slow(&self) -> bool {
        self.too_slow.load(Ordering::Relaxed)
    }

    /// Returns the response, which holds a permit of `downloads` until it is sent. Short responses
    /// need none, and event streams have shares of their own.
    fn hold_download(&self, downloads: &Arc<Shares>, response: Response) -> std::result::Result<Response, Refusal> {
        let is_short = response.body().size_hint().upper().is_some_and(|length| length <= SMALL_BODY as u64);
        let kind = response.headers().get(header::CONTENT_TYPE);
        if is_short || kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
            return Ok(response);
        }
        let client = locked(&self.client).clone();
        let permit = downloads.acquire(client.as_ref(), 1)?;
        leave_reserve(&permit, client.as_ref())?;
        Ok(response.map(|body| Body::new(KeptBody::new(body, permit))))
    }

    /// Returns the response, or 408 in place of an error if the body came too slowly.
    fn answer(&self, response: Response) -> Response {
        let failed = response.status().is_client_error() || response.status().is_server_error();
        if !failed || !self.was_too_slow() {
            return response;
        }
        let mut response = body(Code::RequestTimeout, "the body came too slowly");
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the admission of a request, to keep its permits; `None` once the work on it has ended.
pub(crate) fn admitted(extensions: &Extensions) -> Option<Arc<Admitted>> {
    extensions.get::<AdmissionRef>()?.0.upgrade()
}

/// Counts a request for its caller.
///
/// # Errors
///
/// [`Error::RateLimited`] if the caller's share is used up, [`Error::Busy`] if what is free is kept
/// for others.
pub(crate) fn count_caller(extensions: &Extensions, caller: &Caller) -> Result<()> {
    let Some(admitted) = admitted(extensions) else { return Ok(()) };
    count_for_caller(&mut locked(&admitted.permit), caller)?;
    if let Some(subject) = Holder::of(caller) {
        *locked(&admitted.client) = Some(subject);
    }
    Ok(())
}

/// Counts a request for the owner of what it uploads.
///
/// # Errors
///
/// As [`Permit::count_for`].
pub(crate) fn count_owner(extensions: &Extensions, owner: Holder) -> std::result::Result<(), Refusal> {
    let Some(admitted) = admitted(extensions) else { return Ok(()) };
    locked(&admitted.permit).count_for(owner)
}

/// Returns the `Content-Length` of a request, if it has a valid one.
pub(crate) fn length(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

/// The memory that the body of a request may need, taken from the request before its body is read.
#[derive(Debug)]
pub(crate) struct BodyMemory {
    admitted: Option<Arc<Admitted>>,
    /// The body's length in bytes; `None` if it is unknown.
    length: Option<usize>,
}

impl BodyMemory {
    /// Returns the memory of a request's body.
    pub(crate) fn of(request: &Request) -> Self {
        let stated = length(request).map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let length = if request.body().is_end_stream() { Some(0) } else { stated };
        Self { admitted: admitted(request.extensions()), length }
    }

    /// Reserves memory for the body: its length, or `most` bytes if that is unknown or longer. A
    /// small body needs no reservation and gets `None`.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`] if the client's share is used up, [`Error::Busy`] if the memory is.
    pub(crate) fn reserve(&self, most: usize) -> Result<Option<Permit>> {
        let Some((admitted, client, kib)) = self.demand(most) else { return Ok(None) };
        let permit = admitted.memory.acquire(client.as_ref(), kib)?;
        leave_reserve(&permit, client.as_ref())?;
        Ok(Some(permit))
    }

    /// Reserves memory as [`BodyMemory::reserve`] does, and waits until it can be had: a client that
    /// sends parts side by side is slowed down rather than refused.
    ///
    /// # Errors
    ///
    /// As [`BodyMemory::reserve`], after [`LONGEST_WAIT`].
    pub(crate) async fn wait(&self, most: usize) -> Result<Option<Permit>> {
        let Some((admitted, client, kib)) = self.demand(most) else { return Ok(None) };
        let permit = admitted.memory.acquire_within(LONGEST_WAIT, client.as_ref(), kib).await?;
        leave_reserve(&permit, client.as_ref())?;
        Ok(Some(permit))
    }

    /// Returns for whom how many KiB are to be reserved; `None` if nothing is.
    fn demand(&self, most: usize) -> Option<(&Admitted, Option<Holder>, usize)> {
        let length = self.length.unwrap_or(most).min(most);
        let admitted = self.admitted.as_deref().filter(|_| length > SMALL_BODY)?;
        Some((admitted, locked(&admitted.client).clone(), length.div_ceil(1024)))
    }

    /// Reserves memory as [`BodyMemory::reserve`] does, for as long as the request.
    ///
    /// # Errors
    ///
    /// As [`BodyMemory::reserve`].
    pub(crate) fn hold(&self, most: usize) -> Result<()> {
        if let (Some(permit), Some(admitted)) = (self.reserve(most)?, &self.admitted) {
            locked(&admitted.held).push(permit);
        }
        Ok(())
    }
}

/// Refuses a permit of a service that acts for no user if it takes from the reserve.
fn leave_reserve(permit: &Permit, client: Option<&Holder>) -> std::result::Result<(), Refusal> {
    if client.is_none() { permit.count_for_service() } else { Ok(()) }
}

/// Limits uploads in progress. Has no time limit: the pace of streamed bodies applies.
pub(crate) async fn limit_uploads(State(guards): State<Arc<Guards>>, request: Request, next: Next) -> Response {
    let app = &guards.app;
    let (admitted, request) = match admit(app, &app.shares.uploads, STREAMED_BODIES, request) {
        Ok(admitted) => admitted,
        Err(refusal) => return refuse(refusal),
    };
    let held = Arc::clone(&admitted);
    let work = async move {
        let _held = held;
        next.run(request).await
    };
    let outcome = tokio::spawn(work.in_current_span()).await;
    admitted.answer(outcome.unwrap_or_else(|panic| ApiError(Error::Internal(panic.into())).into_response()))
}

/// Limits requests in progress, and the time of each.
///
/// A request that may change something runs to its end even if its client disconnects or its time
/// is over, and holds its permit until then.
pub(crate) async fn limit_requests(State(guards): State<Arc<Guards>>, request: Request, next: Next) -> Response {
    let app = &guards.app;
    let (admitted, request) = match admit(app, &app.shares.requests, HELD_BODIES, request) {
        Ok(admitted) => admitted,
        Err(refusal) => return refuse(refusal),
    };
    let limit = app.config.limits.request_timeout;
    let outcome = if [Method::GET, Method::HEAD].contains(request.method()) {
        tokio::time::timeout(limit, next.run(request)).await.map_err(|_| Error::Busy)
    } else {
        let held = Arc::clone(&admitted);
        let work = async move {
            let _held = held;
            next.run(request).await
        };
        match tokio::time::timeout(limit, tokio::spawn(work.in_current_span())).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(panic)) => Err(Error::Internal(panic.into())),
            Err(_) => Err(Error::Busy),
        }
    };
    if matches!(outcome, Err(Error::Busy)) {
        tracing::warn!(seconds = limit.as_secs(), "a request took longer than REQUEST_TIMEOUT_SECONDS");
    }
    let response = admitted.answer(outcome.unwrap_or_else(|error| ApiError(error).into_response()));
    admitted.hold_download(&app.shares.downloads, response).unwrap_or_else(refuse)
}

/// Responds to a request that was not admitted.
fn refuse(refusal: Refusal) -> Response {
    ApiError(Error::from(refusal)).into_response()
}
