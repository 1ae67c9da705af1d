//! Where one request ends and the next begins must be the same for us and for a proxy before us: what some read
//! otherwise is refused (RFC 9112, sections 2.2, 6 and 11.2).
//!
//! Hyper reads a line that ends without CR, and of two lengths it takes one without a word. So the bytes are followed
//! here before hyper has them.

use std::mem::take;

/// What is put in the place of the first wrong byte: no parser takes it for a request, so the client hears 400.
pub(super) const POISON: &[u8] = b"\0\r\n\r\n";

/// Of a line, so many bytes are looked at: longer than any that matters here.
const LOOKED_AT: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Framing {
    part: Part,
    /// The beginning of the line at hand.
    line: Vec<u8>,
    after_cr: bool,
    begun: bool,
    length: Option<u64>,
    chunked: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Head,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
}

/// Two readers may differ about this.
#[derive(Debug, PartialEq, Eq)]
struct Ambiguous;

impl Framing {
    /// Follows the next bytes; an error names the first that is wrong.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = bytes.len() - at;
            match self.part {
                Part::Body(left) | Part::Chunk(left) => at += self.pass(left, rest),
                _ => {
                    self.byte(bytes[at]).map_err(|Ambiguous| at)?;
                    at += 1;
                }
            }
        }
        Ok(())
    }

    fn pass(&mut self, left: u64, rest: usize) -> usize {
        let passed = usize::try_from(left).unwrap_or(usize::MAX).min(rest);
        let left = left - passed as u64;
        self.part = match self.part {
            Part::Body(_) if left == 0 => Part::Head,
            Part::Body(_) => Part::Body(left),
            _ if left == 0 => Part::ChunkEnd,
            _ => Part::Chunk(left),
        };
        passed
    }

    fn byte(&mut self, byte: u8) -> Result<(), Ambiguous> {
        match (take(&mut self.after_cr), byte) {
            (true, b'\n') => {
                let line = take(&mut self.line);
                let done = self.line_ended(&line);
                self.line = line;
                self.line.clear();
                done
            }
            (true, _) | (false, b'\n') => Err(Ambiguous),
            (false, b'\r') => {
                self.after_cr = true;
                Ok(())
            }
            (false, _) => {
                if self.line.len() < LOOKED_AT {
                    self.line.push(byte);
                }
                Ok(())
            }
        }
    }

    fn line_ended(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        match self.part {
            Part::Head if line.is_empty() => self.head_ended(),
            Part::Head => self.field(line),
            Part::ChunkSize => {
                let size = line.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next().unwrap_or_default();
                self.part = match number(size, 16)? {
                    0 => Part::Trailers,
                    size => Part::Chunk(size),
                };
                Ok(())
            }
            Part::ChunkEnd if line.is_empty() => {
                self.part = Part::ChunkSize;
                Ok(())
            }
            Part::Trailers => {
                if line.is_empty() {
                    self.part = Part::Head;
                }
                Ok(())
            }
            Part::ChunkEnd | Part::Body(_) | Part::Chunk(_) => Err(Ambiguous),
        }
    }

    /// A line of the head that is not empty; the first is the request itself.
    fn field(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        if !std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return Err(Ambiguous);
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Ok(());
        };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = number(value, 10)?;
            if line.len() == LOOKED_AT || self.length.is_some_and(|before| before != length) {
                return Err(Ambiguous);
            }
            self.length = Some(length);
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Ambiguous);
            }
            self.chunked = true;
        }
        Ok(())
    }

    fn head_ended(&mut self) -> Result<(), Ambiguous> {
        // Lines may stand empty before a request.
        if !take(&mut self.begun) {
            return Ok(());
        }
        self.part = match (take(&mut self.length), take(&mut self.chunked)) {
            (Some(_), true) => return Err(Ambiguous),
            (None, true) => Part::ChunkSize,
            (None | Some(0), false) => Part::Head,
            (Some(length), false) => Part::Body(length),
        };
        Ok(())
    }
}

fn number(digits: &[u8], radix: u32) -> Result<u64, Ambiguous> {
    let plain = !digits.is_empty() && digits.iter().all(|digit| char::from(*digit).is_digit(radix));
    let text = std::str::from_utf8(digits).ok().filter(|_| plain).ok_or(Ambiguous)?;
    u64::from_str_radix(text, radix).map_err(|_| Ambiguous)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same whole and byte by byte.
    fn follow(text: &str) -> Result<(), usize> {
        let whole = Framing::default().follow(text.as_bytes());
        let mut framing = Framing::default();
        let single = text.bytes().enumerate().try_for_each(|(at, byte)| framing.follow(&[byte]).map_err(|_| at));
        assert_eq!(whole, single, "{text:?}");
        whole
    }

    #[test]
    fn requests_are_followed_one_after_the_other() {
        for text in [
            "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "\r\nPOST / HTTP/1.1\r\ncontent-length: 3\r\n\r\na\n\nPOST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n\nGET",
            "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\na\nc\r\n0\r\nx: y\r\n\r\nGET / HTTP/1.1\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(follow(text), Ok(()), "{text:?}");
        }
        let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "content-length: 1".repeat(100));
        assert_eq!(follow(&long), Ok(()));
    }

    #[test]
    fn what_readers_differ_about_is_refused() {
        for text in [
            "GET / HTTP/1.1\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\n",
            "GET / HTTP/1.1\r\nhost: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n b\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: identity, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 1, 1\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        ] {
            assert!(follow(text).is_err(), "{text:?}");
        }
    }
}
