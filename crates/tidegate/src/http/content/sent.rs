//! A body on its way out, of whatever it is made.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use futures::{Stream, StreamExt as _};
use http_body::{Body, Frame, SizeHint};
use store::{BlobStream, ByteStream};

/// The body.
pub(crate) enum Sent {
    /// None, or its end.
    Nothing,
    /// A text of ours.
    Text(Bytes),
    /// A range of a local blob.
    Blob(BlobStream),
    /// Anything else; the answer's head says how long it is.
    Stream(ByteStream),
}

impl Sent {
    /// For the API door, whose other bodies are of axum's kind.
    pub(crate) fn into_body(self) -> axum::body::Body {
        axum::body::Body::new(self)
    }
}

impl Stream for Sent {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut *self {
            Self::Nothing => Poll::Ready(None),
            Self::Text(text) => {
                let text = std::mem::take(text);
                *self = Self::Nothing;
                Poll::Ready(Some(Ok(text)))
            }
            Self::Blob(blob) => blob.poll_next_unpin(context),
            Self::Stream(stream) => stream.as_mut().poll_next(context),
        }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.poll_next(context).map(|next| next.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Blob(blob) => blob.remaining() == 0,
            Self::Text(_) | Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Text(text) => SizeHint::with_exact(text.len() as u64),
            Self::Blob(blob) => SizeHint::with_exact(blob.remaining()),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
