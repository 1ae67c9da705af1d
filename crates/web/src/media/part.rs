//! Which part of a file is asked for, if it is asked for at all (RFC 9110, sections 13 and 14).

use http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, Method};

/// Bytes from the first to the last, both of them in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) first: u64,
    pub(super) last: u64,
}

/// What a request wants of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it.
    Whole,
    /// A part.
    Part(Part),
    /// Nothing: it has the file.
    Unchanged,
    /// A part that lies behind the end.
    Outside,
}

impl Part {
    /// Reads the headers. What is not understood is as if it were not there: the whole file is right then, too.
    /// So are parts of another method than `GET` (section 14.2).
    pub(super) fn asked(method: &Method, headers: &HeaderMap, etag: &str, size: u64) -> Asked {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if text(IF_NONE_MATCH).is_some_and(|known| names(known, etag)) {
            return Asked::Unchanged;
        }
        // A date, or another file's tag: the part that they have does not fit.
        let fits = text(IF_RANGE).is_none_or(|tag| tag.trim() == etag);
        let one = headers.get_all(RANGE).iter().count() == 1;
        match text(RANGE).filter(|_| fits && one && *method == Method::GET).and_then(|range| Self::read(range, size)) {
            None => Asked::Whole,
            Some(None) => Asked::Outside,
            Some(Some(part)) => Asked::Part(part),
        }
    }

    /// `None`: not one range of bytes. `Some(None)`: none that is in the file.
    fn read(range: &str, size: u64) -> Option<Option<Self>> {
        let (unit, range) = range.split_once('=')?;
        let (first, last) = range.trim().split_once('-')?;
        let whole = |digits: &str| -> Option<u64> {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            // So many digits that they are no number are behind every end.
            plain.then(|| digits.parse().unwrap_or(u64::MAX))
        };
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        if first.is_empty() {
            let count = whole(last)?.min(size);
            return Some((count > 0).then(|| Self { first: size - count, last: size - 1 }));
        }
        let first = whole(first)?;
        let last = if last.is_empty() { u64::MAX } else { whole(last)? };
        if last < first {
            return None;
        }
        Some((first < size).then(|| Self { first, last: last.min(size - 1) }))
    }
}

fn names(known: &str, etag: &str) -> bool {
    known.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    const TAG: &str = "\"abc\"";

    fn asked(headers: &[(HeaderName, &'static str)]) -> Asked {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(name, value.parse().unwrap());
        }
        Part::asked(&Method::GET, &all, TAG, 10)
    }

    fn part(first: u64, last: u64) -> Asked {
        Asked::Part(Part { first, last })
    }

    #[test]
    fn one_range_is_read() {
        for (range, wants) in [
            ("bytes=0-3", part(0, 3)),
            ("bytes=4-", part(4, 9)),
            ("bytes=4-99", part(4, 9)),
            ("bytes=-3", part(7, 9)),
            ("bytes=-99", part(0, 9)),
            ("Bytes=9-9", part(9, 9)),
            ("bytes=10-", Asked::Outside),
            ("bytes=99999999999999999999999-", Asked::Outside),
            ("bytes=-0", Asked::Outside),
            ("bytes=3-1", Asked::Whole),
            ("bytes=0-1,4-5", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("lines=0-3", Asked::Whole),
            ("0-3", Asked::Whole),
        ] {
            assert_eq!(asked(&[(RANGE, range)]), wants, "{range}");
        }
        assert_eq!(asked(&[]), Asked::Whole);
        assert_eq!(asked(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=2-3")]), Asked::Whole);
    }

    /// RFC 9110, section 14.2: what is not a GET has no range.
    #[test]
    fn a_head_is_of_the_whole() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, "bytes=0-3".parse().unwrap());
        assert_eq!(Part::asked(&Method::HEAD, &headers, TAG, 10), Asked::Whole);
    }

    #[test]
    fn an_empty_file_has_no_part() {
        let mut headers = HeaderMap::new();
        for range in ["bytes=0-", "bytes=-1"] {
            headers.insert(RANGE, range.parse().unwrap());
            assert_eq!(Part::asked(&Method::GET, &headers, TAG, 0), Asked::Outside, "{range}");
        }
    }

    #[test]
    fn who_has_it_gets_nothing() {
        for known in [TAG, "*", "W/\"abc\"", "\"x\", \"abc\""] {
            assert_eq!(asked(&[(IF_NONE_MATCH, known), (RANGE, "bytes=0-1")]), Asked::Unchanged, "{known}");
        }
        assert_eq!(asked(&[(IF_NONE_MATCH, "\"x\"")]), Asked::Whole);
    }

    #[test]
    fn a_part_is_for_who_has_the_rest() {
        assert_eq!(asked(&[(IF_RANGE, TAG), (RANGE, "bytes=0-1")]), part(0, 1));
        for other in ["\"x\"", "W/\"abc\"", "Tue, 24 Nov 2026 00:00:00 GMT"] {
            assert_eq!(asked(&[(IF_RANGE, other), (RANGE, "bytes=0-1")]), Asked::Whole, "{other}");
        }
    }
}
