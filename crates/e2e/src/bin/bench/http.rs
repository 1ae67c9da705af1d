//! Just enough HTTP/1.1 to read short answers off a kept-alive connection.

use anyhow::{Context, Result, bail};

/// A complete answer at the start of what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Head and body together.
    pub(crate) length: usize,
    /// The server closes the connection after it.
    pub(crate) last: bool,
}

impl Answer {
    /// `None`: there is more to come.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes[..head]).context("the head of an answer is not text")?;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        let Some(status) = status else { bail!("not an answer: {first}") };
        let mut answer = Self { status, length: head + 4, last: false };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                answer.length += value.parse::<usize>().context("content-length")?;
            } else if name.eq_ignore_ascii_case("connection") {
                answer.last = value.eq_ignore_ascii_case("close");
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("an answer in chunks, where a length was expected");
            }
        }
        Ok((bytes.len() >= answer.length).then_some(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn reads_an_answer_with_and_without_a_body() {
        let empty = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
        let answer = Answer::parse(empty).unwrap().unwrap();
        assert_eq!(answer, Answer { status: 200, length: empty.len(), last: false });

        let full = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusyHTTP/1.1";
        let answer = Answer::parse(full).unwrap().unwrap();
        assert_eq!(answer, Answer { status: 503, length: full.len() - 8, last: true });
    }

    #[test]
    fn waits_for_the_rest() {
        let full = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        for end in 0..full.len() {
            assert_eq!(Answer::parse(&full[..end]).unwrap(), None);
        }
        assert!(Answer::parse(full).unwrap().is_some());
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        assert!(Answer::parse(b"SMTP ready\r\n\r\n").is_err());
        assert!(Answer::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
