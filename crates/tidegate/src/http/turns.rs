//! Names whose requests wait together for the database: first the client's address, and after sign-in
//! the user. The turns themselves are in `turns.rs`.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use super::address::ClientAddress;
use crate::model::caller::Caller;
use crate::model::principal::Principal;
use crate::turns;

/// Runs a request whose reads and transactions take turns with those of other clients. Must be inside of every
/// layer that runs the request in a task of its own.
pub(super) async fn take_turns(request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ClientAddress>().map(|client| client.0.to_string().into());
    turns::with_subject(address, next.run(request)).await
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
