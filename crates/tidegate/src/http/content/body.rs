//! The body of a response, from memory, from a local blob, or from a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use futures::{Stream, StreamExt as _};
use http_body::{Body, Frame, SizeHint};
use store::{BlobStream, ByteStream};

/// The body of a response to a read.
pub(crate) enum ResponseBody {
    /// No bytes, or none left.
    Nothing,
    /// Bytes in memory.
    Text(Bytes),
    /// A range of a local blob.
    Blob(BlobStream),
    /// A stream, and the number of bytes it has left.
    Stream(ByteStream, u64),
}

impl ResponseBody {
    /// Converts the body for axum.
    pub(crate) fn into_body(self) -> axum::body::Body {
        axum::body::Body::new(self)
    }
}

impl Stream for ResponseBody {
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
            Self::Stream(stream, left) => {
                let next = ready!(stream.as_mut().poll_next(context));
                Poll::Ready(held_to_length(next, left))
            }
        }
    }
}

/// Checks a stream against its announced length. A body of another length would make the client
/// read part of it as the next response, so it fails instead.
fn held_to_length(next: Option<io::Result<Bytes>>, left: &mut u64) -> Option<io::Result<Bytes>> {
    let other_length = || io::Error::new(io::ErrorKind::UnexpectedEof, "the body is not as long as was said");
    match next {
        Some(Ok(chunk)) => match left.checked_sub(chunk.len() as u64) {
            Some(rest) => {
                *left = rest;
                Some(Ok(chunk))
            }
            None => Some(Err(other_length())),
        },
        None if *left > 0 => Some(Err(other_length())),
        end => end,
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.poll_next(context).map(|next| next.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Blob(blob) => blob.remaining() == 0,
            // The stream must be polled to its end: there may be an error, or more bytes than
            // announced.
            Self::Text(_) | Self::Stream(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            // A response without a body, such as 304, must not claim a length of 0 (RFC 9110,
            // section 8.6).
            Self::Nothing => SizeHint::default(),
            Self::Text(text) => SizeHint::with_exact(text.len() as u64),
            Self::Blob(blob) => SizeHint::with_exact(blob.remaining()),
            Self::Stream(_, left) => SizeHint::with_exact(*left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_of_another_length_ends_in_an_error() {
        for (pieces, said, whole) in
            [(vec!["ab", "c"], 3, true), (vec!["ab"], 3, false), (vec!["ab", "cd"], 3, false), (vec![], 0, true)]
        {
            let pieces: Vec<_> = pieces.into_iter().map(|piece| Ok(Bytes::from(piece))).collect();
            let body = ResponseBody::Stream(Box::pin(futures::stream::iter(pieces)), said);
            let sent: Vec<io::Result<Bytes>> = body.take(4).collect().await;
            assert_eq!(sent.iter().all(Result::is_ok), whole, "{sent:?} of {said}");
        }
    }
}
