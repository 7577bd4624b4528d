//! Names whose requests wait together for the database: first the client's address, and after sign-in
//! the user. The turns themselves are in `turns.rs`.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};

use super::address::ClientAddress;
use crate::model::caller::Caller;
use crate::model::network::client_of;
use crate::model::principal::Principal;
use crate::turns::{self, Subject};

/// Runs a request whose reads and transactions take turns with those of other clients. Must be inside of every
/// layer that runs the request in a task of its own. What the body of the response reads takes turns
/// too.
pub(super) async fn take_turns(request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ClientAddress>().map(|client| client_of(client.0).to_string().into());
    let answered = async {
        let response = next.run(request).await;
        (response, turns::current_subject())
    };
    let (response, subject) = turns::with_subject(address, answered).await;
    response.map(|body| Body::new(SubjectBody { body, subject }))
}

/// A response body whose reads wait in the line of the request's subject.
struct SubjectBody {
    body: Body,
    subject: Subject,
}

impl HttpBody for SubjectBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, subject } = self.get_mut();
        turns::in_line_of(subject, || Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Has the reads and transactions of the current request wait with those of its caller. The requests of a
/// service wait with those of the user that it names.
pub(super) fn wait_as(caller: &Caller) {
    match (caller.user(), &caller.principal) {
        (Some(user), _) => turns::set_subject(&format!("user:{}", user.as_str())),
        (None, Principal::Service) => turns::set_subject("service"),
        // Known by its address alone.
        (None, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::to_bytes;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use futures::stream;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn what_a_body_reads_waits_as_its_request_did() {
        let handler = || async {
            turns::set_subject("user:alice");
            Body::from_stream(stream::once(async {
                Ok::<_, std::convert::Infallible>(turns::current_subject().unwrap_or_default().to_string())
            }))
        };
        let router = Router::new().route("/", get(handler)).layer(from_fn(take_turns));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), "user:alice");
    }
}
