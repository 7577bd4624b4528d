//! Finds the end of a chunked body (RFC 9112, section 7.1) without changing a byte. Strict where
//! two parsers could disagree: lines end in CRLF, sizes are plain hexadecimal, and extensions and
//! trailers are short.

use super::head::Malformed;

/// The longest line of a chunk size with its extensions, in bytes.
const MAX_SIZE_LINE: usize = 1 << 10;
/// The most bytes of the trailer section.
const MAX_TRAILERS: usize = 8 << 10;
/// The most digits of a chunk size.
const MAX_DIGITS: usize = 16;

/// Follows a chunked body through its bytes.
#[derive(Debug, Default)]
pub(super) struct ChunkScanner {
    state: State,
    /// The number of bytes of the current line, or of all trailers.
    line: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    #[default]
    Start,
    /// In the digits of a size: their value and their number.
    Size(u64, usize),
    /// In the extensions of a size.
    Extensions(u64),
    /// After the CR of a size line.
    SizeLf(u64),
    /// In the data of a chunk, with this many bytes left.
    Data(u64),
    /// After the data of a chunk.
    DataCr,
    DataLf,
    /// At the begin of a trailer line, or of the final empty line.
    TrailerStart,
    Trailer,
    TrailerLf,
    FinalLf,
    Ended,
}

impl ChunkScanner {
    /// Returns whether the whole body was seen.
    pub(super) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Reads the next bytes and returns how many of them belong to the body: all, unless it ends
    /// among them.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() && !self.is_ended() {
            if let State::Data(left) = self.state {
                let rest = (bytes.len() - at) as u64;
                let seen = left.min(rest);
                at += usize::try_from(seen).unwrap_or(usize::MAX);
                self.state = if seen == left { State::DataCr } else { State::Data(left - seen) };
                continue;
            }
            self.state = self.step(bytes[at])?;
            at += 1;
        }
        Ok(at)
    }

    /// Returns the state after a byte outside of chunk data.
    fn step(&mut self, byte: u8) -> Result<State, Malformed> {
        use State::*;
        self.line += 1;
        let next = match (self.state, byte) {
            (Start, _) => Size(digit(byte)?, 1),
            (Size(size, _) | Extensions(size), b'\r') => SizeLf(size),
            (Size(size, _), b';') => Extensions(size),
            (Size(size, digits), _) if digits < MAX_DIGITS => Size(size << 4 | digit(byte)?, digits + 1),
            (Extensions(size), _) if is_text(byte) && self.line < MAX_SIZE_LINE => Extensions(size),
            (SizeLf(0), b'\n') => TrailerStart,
            (SizeLf(size), b'\n') => Data(size),
            (DataCr, b'\r') => DataLf,
            (DataLf, b'\n') => Start,
            (TrailerStart, b'\r') => FinalLf,
            (TrailerStart | Trailer, _) if is_text(byte) && self.line < MAX_TRAILERS => Trailer,
            (Trailer, b'\r') => TrailerLf,
            (TrailerLf, b'\n') => TrailerStart,
            (FinalLf, b'\n') => Ended,
            _ => return Err(Malformed::Syntax),
        };
        // Trailers are counted together.
        if matches!(next, Start) || (next == TrailerStart && matches!(self.state, SizeLf(_))) {
            self.line = 0;
        }
        Ok(next)
    }
}

/// Returns the value of a hexadecimal digit.
fn digit(byte: u8) -> Result<u64, Malformed> {
    char::from(byte).to_digit(16).map(u64::from).ok_or(Malformed::Syntax)
}

/// Returns whether a byte may occur in a field value or an extension.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end(text: &str) -> Result<Option<usize>, Malformed> {
        let mut scanner = ChunkScanner::default();
        let length = scanner.scan(text.as_bytes())?;
        Ok(scanner.is_ended().then_some(length))
    }

    #[test]
    fn a_body_ends_where_it_says() {
        assert_eq!(end("0\r\n\r\nGET /"), Ok(Some(5)));
        assert_eq!(end("5\r\nhello\r\n0\r\n\r\n0\r\n"), Ok(Some(15)));
        assert_eq!(end("a;x=\"y z\"\r\n0123456789\r\n000\r\nA: b\r\nC: d\r\n\r\n"), Ok(Some(42)));
        assert_eq!(end("5\r\nhel"), Ok(None));
        let long = "A: b\r\n".repeat(2000);
        for hostile in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            " 1\r\n",
            "1 \r\na\r\n",
            "1\na\r\n",
            "1\r\r\n",
            "1\r\nab\r\n",
            "1\r\na\n",
            "1\r\na0\r\n",
            "10000000000000000\r\n",
            "1;\0\r\n",
            "1;a\nb\r\n",
            "0\r\n\n",
            "0\r\nA: b\n\r\n",
            "0\r\n\rX",
            "0\n\r\n",
            &format!("1;{}\r\na\r\n", "x".repeat(2000)),
            &format!("0\r\n{long}\r\n"),
        ] {
            assert_eq!(end(hostile), Err(Malformed::Syntax), "{hostile:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_in_any_pieces_come_to_one_end(
            chunks in proptest::collection::vec("[a-f\r\n0]{1,40}", 0..6),
            after in "[a-z0\r\n]{0,9}",
            cuts in proptest::collection::vec(0usize..200, 0..6),
        ) {
            let mut text: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
            text.push_str("0\r\n\r\n");
            let length = text.len();
            text.push_str(&after);
            let mut scanner = ChunkScanner::default();
            let (mut at, mut cuts) = (0, cuts);
            cuts.sort_unstable();
            for cut in cuts.into_iter().chain([text.len()]).map(|cut| cut.min(text.len())) {
                if cut > at && !scanner.is_ended() {
                    at += scanner.scan(&text.as_bytes()[at..cut]).unwrap();
                }
            }
            prop_assert_eq!((scanner.is_ended(), at), (true, length));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let length = ChunkScanner::default().scan(&bytes);
            prop_assert!(length.is_err() || length.is_ok_and(|length| length <= bytes.len()));
        }
    }
}
