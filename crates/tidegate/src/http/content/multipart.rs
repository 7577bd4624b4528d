//! Several ranges in one response: `multipart/byteranges` (RFC 9110, section 14.6).

use std::ops::Range;

use axum::body::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Uuid;

use super::{ContentRange, Representation, ResponseBody};
use crate::error::Result;

/// The ranges, each with its part header, and the closing delimiter.
pub(super) struct Parts {
    boundary: String,
    parts: Vec<(Bytes, Range<u64>)>,
    end: Bytes,
}

impl Parts {
    pub(super) fn new(ranges: Vec<Range<u64>>, representation: &Representation) -> Self {
        // Random for each response, so that uploaded content cannot contain it.
        let boundary = Uuid::new_v4().simple().to_string();
        let content_type = &representation.content_type;
        let head = |range: &Range<u64>| {
            let place = ContentRange(range, representation.size);
            format!("\r\n--{boundary}\r\ncontent-type: {content_type}\r\ncontent-range: {place}\r\n\r\n")
        };
        let parts = ranges.into_iter().map(|range| (Bytes::from(head(&range)), range)).collect();
        let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
        Self { boundary, parts, end }
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// Returns the length of the body in bytes, part headers included.
    pub(super) fn length(&self) -> u64 {
        let part = |(head, range): &(Bytes, Range<u64>)| head.len() as u64 + range.end - range.start;
        self.parts.iter().map(part).sum::<u64>() + self.end.len() as u64
    }

    /// Returns the body. The first range is opened before the response head is sent, the others
    /// when they are due.
    pub(super) async fn send<R, F>(self, read: R) -> Result<ResponseBody>
    where
        R: Fn(Range<u64>) -> F + Send + 'static,
        F: Future<Output = Result<ResponseBody>> + Send + 'static,
    {
        let length = self.length();
        let mut parts = self.parts.into_iter();
        let Some((head, range)) = parts.next() else { return Ok(ResponseBody::Text(self.end)) };
        let first = with_head(head, read(range).await?);
        let others = stream::iter(parts).then(move |(head, range)| {
            let body = read(range);
            async move { body.await.map(|body| with_head(head, body)).map_err(std::io::Error::other) }
        });
        let end = stream::once(async move { Ok(self.end) });
        Ok(ResponseBody::Stream(Box::pin(first.chain(others.try_flatten()).chain(end)), length))
    }
}

fn with_head(head: Bytes, body: ResponseBody) -> impl futures::Stream<Item = std::io::Result<Bytes>> + Send {
    stream::once(async move { Ok(head) }).chain(body)
}
