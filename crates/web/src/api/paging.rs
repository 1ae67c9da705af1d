//! How long a page is, and where it begins.

use model::page::{self, MAX_LIMIT, Page};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::fields::given;

/// The part of a list to answer, for lists that are narrowed by nothing else.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// The most rows to answer.
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    pub(super) limit: Limit,
    /// The `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    pub(super) cursor: Option<Cursor>,
}

/// One page of a list that is short by nature and was read whole: its cursor is a place in it.
pub(super) fn page_of<T>(rows: Vec<T>, limit: Limit, cursor: Option<Cursor>) -> Page<T> {
    let start = cursor.map_or(0, |cursor| cursor.0.at);
    let mut place = start;
    let rest = rows.into_iter().skip(usize::try_from(start).unwrap_or(usize::MAX));
    let mut data: Vec<T> = rest.take(usize::try_from(limit.0 + 1).unwrap_or(usize::MAX)).collect();
    let more = data.len() > usize::try_from(limit.0).unwrap_or(usize::MAX);
    data.truncate(usize::try_from(limit.0).unwrap_or(usize::MAX));
    place += i64::try_from(data.len()).unwrap_or(i64::MAX);
    Page { data, next_cursor: more.then(|| page::Cursor { at: place, tie: Uuid::nil() }.encode()) }
}

/// The most rows of a page: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Limit(pub(super) i64);

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<String> for Limit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let limit = digits(&text).filter(|limit| (1..=MAX_LIMIT).contains(limit));
        limit.map(Self).ok_or_else(|| format!("a whole number from 1 to {MAX_LIMIT} is expected"))
    }
}

/// Ids with commas between them, as many as a page holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Ids(pub(super) Vec<Uuid>);

impl TryFrom<String> for Ids {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ids: Result<Vec<Uuid>, _> = text.split(',').map(|id| id.trim().parse()).collect();
        let most = usize::try_from(MAX_LIMIT).unwrap_or(usize::MAX);
        ids.ok()
            .filter(|ids| ids.len() <= most)
            .map(Self)
            .ok_or_else(|| format!("1 to {MAX_LIMIT} UUIDs with commas between them are expected"))
    }
}

/// Rows that were asked for by id: a page that ends.
pub(super) fn these<T>(data: Vec<T>) -> Page<T> {
    Page { data, next_cursor: None }
}

/// What the parameter `id` is, and how it goes with others.
pub(super) const ID_STANDS_ALONE: &str =
    "The query parameter `id` asks for certain rows: send it without the others, or leave it out.";

/// What is said of a cursor that is none.
pub(super) const NO_CURSOR: &str = "the `next_cursor` of the page before is expected, unchanged";

/// Where the page before ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Cursor(pub(super) page::Cursor);

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        page::Cursor::decode(&text).map(Self).ok_or(NO_CURSOR)
    }
}

/// An event's sequence number, or 0 for the beginning of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Sequence(pub(super) i64);

impl TryFrom<String> for Sequence {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        digits(&text).map(Self).ok_or("the `sequence` of an event is expected, or 0")
    }
}

/// Rust's own parser would also take a sign.
fn digits(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_list_is_paged_to_its_end() {
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = page_of((0..7).collect(), Limit(3), cursor);
            seen.extend(page.data);
            let Some(next) = page.next_cursor else { break };
            cursor = Some(Cursor::try_from(next).unwrap());
        }
        assert_eq!(seen, (0..7).collect::<Vec<_>>());
        assert_eq!(page_of(vec![1, 2, 3], Limit(3), None).next_cursor, None);
    }

    #[test]
    fn a_limit_is_from_1_to_100() {
        for good in ["1", "50", "100"] {
            assert!(Limit::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "0", "101", "-1", "+1", "1.0", "all", "99999999999999999999"] {
            assert!(Limit::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert_eq!(Limit::default(), Limit(50));
    }

    #[test]
    fn a_cursor_is_one_of_ours() {
        let ours = page::Cursor { at: 7, tie: uuid::Uuid::now_v7() };
        assert_eq!(Cursor::try_from(ours.encode()), Ok(Cursor(ours)));
        assert!(Cursor::try_from("42".to_owned()).is_err());
    }

    #[test]
    fn ids_are_as_many_as_a_page_holds() {
        let id = uuid::Uuid::now_v7();
        assert_eq!(Ids::try_from(format!("{id}, {id}")), Ok(Ids(vec![id, id])));
        let many = |count| vec![id.to_string(); count].join(",");
        assert!(Ids::try_from(many(100)).is_ok());
        for bad in [String::new(), "x".into(), format!("{id},"), many(101)] {
            assert!(Ids::try_from(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sequence_is_a_number_the_log_can_hold() {
        assert_eq!(Sequence::try_from("0".to_owned()), Ok(Sequence(0)));
        assert_eq!(Sequence::try_from(i64::MAX.to_string()), Ok(Sequence(i64::MAX)));
        for bad in ["", "-1", "x", "9223372036854775808"] {
            assert!(Sequence::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
