//! A body that keeps something for as long as it lives, such as a permit.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

/// A body, and what it keeps.
#[derive(Debug)]
pub(super) struct KeptBody<T> {
    body: Body,
    #[expect(dead_code, reason = "counts as long as it lives")]
    kept: T,
}

impl<T> KeptBody<T> {
    pub(super) fn new(body: Body, kept: T) -> Self {
        Self { body, kept }
    }
}

impl<T: Unpin> HttpBody for KeptBody<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
