//! Keyset cursors: a list continues after the last row seen, so rows that arrive meanwhile neither repeat nor hide.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// The most rows one page holds.
pub const MAX_LIMIT: i64 = 100;

/// The beginning of 4712 BC in microseconds, safely inside what PostgreSQL holds.
const EARLIEST: i64 = -210_831_897_600_000_000;

/// One page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Pass it as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Takes `limit + 1` rows: the one too many says that there is a next page.
    pub fn new(rows: Vec<T>, limit: i64, cursor_of: impl Fn(&T) -> Cursor) -> Self {
        Self::told(rows, limit, |row| cursor_of(row).encode())
    }

    /// The same, of a list whose places are told otherwise.
    pub(crate) fn told(mut rows: Vec<T>, limit: i64, place_of: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(place_of) } else { None };
        Self { data: rows, next_cursor }
    }
}

/// Where a page ended: a time in microseconds (or a sequence number) and, where times repeat, what breaks the tie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Microseconds since 1970, or a sequence number.
    pub at: i64,
    /// An id, or a sequence number as one.
    pub tie: Uuid,
}

impl Cursor {
    /// The cursor after a row with this time and id.
    pub fn at(timestamp: Timestamp, tie: Uuid) -> Self {
        Self { at: timestamp.as_microsecond(), tie }
    }

    /// The cursor after a row with this time and sequence number.
    pub fn at_sequence(timestamp: Timestamp, sequence: i64) -> Self {
        Self::at(timestamp, Uuid::from_u128(u128::from(sequence.unsigned_abs())))
    }

    /// The time it stands for.
    pub fn timestamp(&self) -> Timestamp {
        // jiff does not take back the microseconds of its own last second, with which every first page begins.
        Timestamp::from_microsecond(self.at).unwrap_or(Timestamp::MAX)
    }

    /// The sequence number it stands for.
    pub fn sequence(&self) -> i64 {
        i64::try_from(self.tie.as_u128()).unwrap_or(i64::MAX)
    }

    /// An opaque text.
    pub fn encode(&self) -> String {
        BASE64URL_NOPAD.encode(&[self.at.to_be_bytes().as_slice(), self.tie.as_bytes()].concat())
    }

    /// Reads what [`Cursor::encode`] wrote.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (at, tie) = bytes.split_at_checked(8)?;
        let at = i64::from_be_bytes(at.try_into().ok()?);
        moment(at)?;
        Some(Self { at, tie: Uuid::from_bytes(tie.try_into().ok()?) })
    }
}

/// A time that a cursor says. What jiff (to 9999) and PostgreSQL (from 4713 BC) cannot hold was not written by us.
pub(crate) fn moment(at: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(at).ok().filter(|_| at >= EARLIEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_round_trip() {
        let cursor = Cursor::at_sequence("2026-11-24T01:02:03.000004Z".parse().unwrap(), 42);
        let again = Cursor::decode(&cursor.encode()).unwrap();
        assert_eq!(again, cursor);
        assert_eq!(again.sequence(), 42);
        assert_eq!(again.timestamp().to_string(), "2026-11-24T01:02:03.000004Z");
    }

    /// Went wrong: read back as the earliest time, which PostgreSQL refuses, so that no first page could be had.
    #[test]
    fn the_end_of_time_stays_there() {
        let cursor = Cursor::at(Timestamp::MAX, Uuid::max());
        assert_eq!(cursor.timestamp(), Timestamp::MAX);
    }

    #[test]
    fn nonsense_is_no_cursor() {
        let mut beyond_time = [0xff; 24];
        beyond_time[0] = 0x7f;
        let before_postgresql = Cursor::at(Timestamp::MIN, Uuid::nil());
        for text in [
            "",
            "x",
            "AAAA",
            "////",
            &BASE64URL_NOPAD.encode(&beyond_time),
            &before_postgresql.encode(),
            &BASE64URL_NOPAD.encode(&[0; 25]),
        ] {
            assert!(Cursor::decode(text).is_none(), "{text}");
        }
    }
}
