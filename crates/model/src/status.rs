//! What became of outbound messages: every update is kept, and the message shows the furthest.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::database::{Operator, Pipeline, RawJson, Result, Rows, Tenant};
use crate::message::{self, Key};
use crate::page::{self, Page};

/// Where a status stands on the ladder; a message only ever climbs. Unknown words stand below everything.
///
/// `failed` stands between `sent` and `delivered`: what was delivered did not fail, whichever update came first.
pub fn rank(status: &str) -> u8 {
    match status {
        "queued" => 1,
        "sending" => 2,
        "unknown" => 3,
        "accepted" => 4,
        "sent" => 5,
        "failed" => 6,
        "delivered" => 7,
        "read" => 8,
        "played" => 9,
        _ => 0,
    }
}

/// The status a message shows after an update.
pub fn climb(current: Option<&str>, update: &str) -> Option<String> {
    let current_rank = current.map_or(0, rank);
    if rank(update) > current_rank { Some(update.to_owned()) } else { current.map(str::to_owned) }
}

/// Takes a message to the status it shows after an update, and its error with it: one shows while the message stands on
/// `failed`. Answers whether anything changed.
pub fn advance(status: &mut Option<String>, error: &mut Option<String>, update: &str, errors: Option<&str>) -> bool {
    let next = climb(status.as_deref(), update);
    if next == *status {
        return false;
    }
    *error = (next.as_deref() == Some("failed")).then(|| errors.map(str::to_owned)).flatten();
    *status = next;
    true
}

/// Takes a message to the status it shows after all of its updates, and its error with it: the newest failure's. Answers
/// whether anything changed.
pub fn show<'a>(
    status: &mut Option<String>,
    error: &mut Option<String>,
    updates: impl Iterator<Item = (&'a Update, Option<&'a str>)>,
) -> bool {
    let before = (status.clone(), error.clone());
    let mut failure: Option<(Timestamp, Option<&str>)> = None;
    let mut any = false;
    for (update, errors) in updates {
        any = true;
        *status = climb(status.as_deref(), &update.status);
        if update.status == "failed" {
            failure = failure.max(Some((update.at, errors)));
        }
    }
    match (status.as_deref(), failure) {
        (Some("failed"), Some((_, errors))) => *error = errors.map(str::to_owned),
        (Some("failed"), None) => {}
        _ if any => *error = None,
        _ => {}
    }
    before != (status.clone(), error.clone())
}

/// What a `message.status` event tells, whoever learnt it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Told<'a> {
    /// Our id of the message; null while the status waits for it.
    pub message_id: Option<Uuid>,
    /// Meta's id; null for what became of a message before Meta had it.
    pub wamid: Option<&'a str>,
    /// The step.
    pub status: &'a str,
    /// When, by whoever says it.
    pub timestamp: Timestamp,
    /// Who it is about, in a group.
    pub participant: Option<&'a str>,
    /// What the send asked to be echoed.
    pub callback_data: Option<&'a str>,
    /// Why it failed.
    pub errors: Option<&'a Value>,
    /// What it costs.
    pub pricing: Option<&'a Value>,
    /// The conversation it was charged to.
    pub conversation: Option<&'a Value>,
}

impl Told<'_> {
    /// As JSON.
    pub fn json(&self) -> Value {
        serde_json::to_value(self).expect("a status is JSON")
    }
}

/// One update as its organization sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Status {
    /// Meta's id of the message.
    pub wamid: String,
    /// Our id of the message; null while the status waits for it.
    pub message_id: Option<Uuid>,
    /// Meta's word: `sent`, `delivered`, `read`, `played`, `failed`, or what Meta adds tomorrow.
    pub status: String,
    /// Who it is about, in a group.
    pub participant: Option<String>,
    /// Meta's time; null when it named none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub timestamp: Option<Timestamp>,
    /// Our time.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// Meta's object, unchanged: errors, pricing, conversation.
    #[schema(value_type = Object)]
    pub payload: Json<Box<RawValue>>,
}

impl Status {
    fn read(row: &Row) -> Self {
        let timestamp: Timestamp = row.get("timestamp");
        Self {
            wamid: row.get("wamid"),
            message_id: row.get("message_id"),
            status: row.get("status"),
            participant: row.get::<_, Option<String>>("participant").filter(|text| !text.is_empty()),
            timestamp: (timestamp != Timestamp::UNIX_EPOCH).then_some(timestamp),
            received_at: row.get("received_at"),
            payload: row.get("payload"),
        }
    }
}

/// Where a page of updates ended: the update itself, so that none is passed over when others come or go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    message_id: Uuid,
    timestamp: Timestamp,
    received_at: Timestamp,
    status: String,
    participant: String,
}

impl Place {
    /// Before all updates: no message has the nil id, and nothing was told before 1970.
    const BEGINNING: Self = Self {
        message_id: Uuid::nil(),
        timestamp: Timestamp::UNIX_EPOCH,
        received_at: Timestamp::UNIX_EPOCH,
        status: String::new(),
        participant: String::new(),
    };

    fn of(status: &Status) -> Self {
        Self {
            message_id: status.message_id.unwrap_or_default(),
            timestamp: status.timestamp.unwrap_or(Timestamp::UNIX_EPOCH),
            received_at: status.received_at,
            status: status.status.clone(),
            participant: status.participant.clone().unwrap_or_default(),
        }
    }

    /// An opaque text.
    fn encode(&self) -> String {
        let times = [self.timestamp, self.received_at].map(|time| time.as_microsecond().to_be_bytes()).concat();
        let words = format!("{}\0{}", self.status, self.participant);
        BASE64URL_NOPAD.encode(&[self.message_id.as_bytes(), times.as_slice(), words.as_bytes()].concat())
    }

    /// Reads back a `next_cursor`; `None`: it is none.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (message_id, rest) = bytes.split_first_chunk()?;
        let (timestamp, rest) = rest.split_first_chunk()?;
        let (received_at, words) = rest.split_first_chunk()?;
        let (status, participant) = std::str::from_utf8(words).ok()?.split_once('\0')?;
        // PostgreSQL's text holds no other.
        let participant = Some(participant).filter(|text| !text.contains('\0'))?;
        Some(Self {
            message_id: Uuid::from_bytes(*message_id),
            timestamp: page::moment(i64::from_be_bytes(*timestamp))?,
            received_at: page::moment(i64::from_be_bytes(*received_at))?,
            status: status.to_owned(),
            participant: participant.to_owned(),
        })
    }
}

/// The updates of some messages, message by message, each's oldest first.
pub async fn of_messages(tx: &Tenant, ids: Vec<Uuid>, after: Option<Place>, limit: i64) -> Result<Page<Status>> {
    let after = after.unwrap_or(Place::BEGINNING);
    let rows = tx
        .query(
            "SELECT s.*, m.id AS message_id FROM wazapp.message m
             JOIN wazapp.status s ON s.organization_id = m.organization_id AND s.number_id = m.number_id AND s.wamid = m.wamid
             WHERE m.organization_id = $1 AND m.id = ANY ($2) AND m.id >= $3
               AND (m.id, s.timestamp, s.received_at, s.status, s.participant) > ($3, $4, $5, $6, $7)
             ORDER BY m.id, s.timestamp, s.received_at, s.status, s.participant LIMIT $8",
            &[
                &tx.organization_id(),
                &ids,
                &after.message_id,
                &after.timestamp,
                &after.received_at,
                &after.status,
                &after.participant,
                &(limit + 1),
            ],
        )
        .await?;
    Ok(page_of(&rows, limit))
}

/// Every update Meta sent for one of its ids, oldest first, whether we know the message or not.
pub async fn of_wamid(tx: &Tenant, wamid: &str, after: Option<Place>, limit: i64) -> Result<Page<Status>> {
    let after = after.unwrap_or(Place::BEGINNING);
    // It may get its message between two pages: that is no part of its place.
    let rows = tx
        .query(
            "SELECT s.*, m.id AS message_id FROM wazapp.number n
             JOIN wazapp.status s ON s.organization_id = n.organization_id AND s.number_id = n.id AND s.wamid = $2
             LEFT JOIN wazapp.message m
               ON m.organization_id = s.organization_id AND m.number_id = s.number_id AND m.wamid = s.wamid
             WHERE n.organization_id = $1 AND (s.timestamp, s.received_at, s.status, s.participant) > ($3, $4, $5, $6)
             ORDER BY s.timestamp, s.received_at, s.status, s.participant LIMIT $7",
            &[
                &tx.organization_id(),
                &wamid,
                &after.timestamp,
                &after.received_at,
                &after.status,
                &after.participant,
                &(limit + 1),
            ],
        )
        .await?;
    Ok(page_of(&rows, limit))
}

fn page_of(rows: &[Row], limit: i64) -> Page<Status> {
    Page::told(rows.iter().map(Status::read).collect(), limit, |status| Place::of(status).encode())
}

/// An update as batches read and write it. Two with the same key are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Update {
    /// The message it is about.
    pub message: Key,
    /// Meta's word, lower case.
    pub status: String,
    /// Who it is about, in a group; else empty.
    pub participant: String,
    /// Meta's time; the epoch when it named none.
    pub at: Timestamp,
}

/// An update that is stored already.
#[derive(Clone, Debug)]
pub struct Known {
    /// Which.
    pub update: Update,
    /// JSON: why its message failed.
    pub errors: Option<String>,
    /// Meta's object, as JSON.
    pub payload: String,
    /// Our time.
    pub received_at: Timestamp,
}

impl Known {
    /// Whether Meta's object says a price.
    pub fn is_priced(&self) -> bool {
        self.payload.contains("\"pricing\"")
    }

    /// Whether this account of an update shows rather than another one: it says a price, says why, or says more; of two that
    /// say as much the greater, so that it does not depend on what came first.
    pub fn shows_over(&self, other: &Self) -> bool {
        let fullness = |one: &Self| (one.is_priced(), one.errors.is_some(), one.payload.len());
        (fullness(self), &self.payload) > (fullness(other), &other.payload)
    }
}

const FIND: &str = "
    SELECT s.organization_id, s.number_id, s.wamid, s.status, s.participant, s.timestamp, s.received_at,
            s.payload::text AS payload, -- as text: PostgreSQL reads no JSON with an escaped NUL in it
            CASE WHEN s.status = 'failed' THEN (s.payload -> 'errors')::text END AS errors
     FROM {rows}
     JOIN wazapp.status s
       ON s.organization_id = k.organization_id AND s.number_id = k.number_id AND s.wamid = k.wamid{here s}
     ORDER BY s.timestamp, s.status, s.participant";

/// The updates already stored for these messages.
pub async fn any_organization_find(tx: &Operator, messages: &[Key]) -> Result<Vec<Known>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx.run(&message::named(messages, FIND)).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let update = Update {
                message: Key { organization_id: row.get(0), number_id: row.get(1), wamid: row.get(2) },
                status: row.get("status"),
                participant: row.get("participant"),
                at: row.get("timestamp"),
            };
            Known {
                update,
                errors: row.get("errors"),
                payload: row.get("payload"),
                received_at: row.get("received_at"),
            }
        })
        .collect())
}

/// Stores updates, with Meta's object as JSON and our time. One that is stored already is told more of by another account
/// ([`Known::shows_over`]).
pub fn any_organization_insert<'a>(pipeline: &mut Pipeline<'a>, new: &'a mut [(Update, String, Timestamp)]) {
    if new.is_empty() {
        return;
    }
    new.sort();
    let rows = Rows::of(new)
        .column("organization_id", |(update, _, _)| update.message.organization_id)
        .column("number_id", |(update, _, _)| update.message.number_id)
        .column("wamid", |(update, _, _)| update.message.wamid.as_str())
        .column("status", |(update, _, _)| update.status.as_str())
        .column("participant", |(update, _, _)| update.participant.as_str())
        .column("timestamp", |(update, _, _)| update.at)
        .column("payload", |(_, payload, _)| RawJson(payload))
        .column("received_at", |(_, _, received)| *received);
    pipeline.add(rows.insert(
        "wazapp.status",
        "ON CONFLICT (organization_id, number_id, wamid, status, participant, timestamp)
           DO UPDATE SET payload = excluded.payload",
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the order in which updates come, the message ends at the same step.
    #[test]
    fn every_order_ends_at_the_same_step() {
        let words = ["sent", "delivered", "read", "failed", "warning"];
        let mut orders = vec![vec![]];
        for _ in 0..words.len() {
            orders = orders
                .into_iter()
                .flat_map(|order: Vec<&str>| {
                    words
                        .iter()
                        .filter(|word| !order.contains(word))
                        .map(|word| [order.clone(), vec![*word]].concat())
                        .collect::<Vec<_>>()
                })
                .collect();
        }
        assert_eq!(orders.len(), 120);
        for order in orders {
            let end = order.iter().fold(None, |current: Option<String>, update| climb(current.as_deref(), update));
            assert_eq!(end.as_deref(), Some("read"), "{order:?}");
        }
    }

    #[test]
    fn the_newest_failure_shows_whatever_came_first() {
        let failed = |second: i64| Update {
            message: Key { organization_id: Uuid::nil(), number_id: Uuid::nil(), wamid: "w".into() },
            status: "failed".into(),
            participant: String::new(),
            at: Timestamp::from_second(second).unwrap(),
        };
        let (old, new) = (failed(10), failed(20));
        let updates = [(&old, Some("old")), (&new, Some("new"))];
        for order in [updates, [updates[1], updates[0]]] {
            let (mut status, mut error) = (Some("sent".to_owned()), None);
            assert!(show(&mut status, &mut error, order.into_iter()));
            assert_eq!((status.as_deref(), error.as_deref()), (Some("failed"), Some("new")));
        }
        let (mut status, mut error) = (Some("failed".to_owned()), Some("ours".to_owned()));
        assert!(!show(&mut status, &mut error, std::iter::empty()), "what nobody spoke of stays");
        assert_eq!(error.as_deref(), Some("ours"));
    }

    #[test]
    fn a_place_survives_the_round_trip() {
        let place = Place {
            message_id: Uuid::now_v7(),
            timestamp: "2026-11-24T01:02:03.000004Z".parse().unwrap(),
            received_at: "2026-11-24T01:02:04Z".parse().unwrap(),
            status: "delivered".into(),
            participant: "34600111222".into(),
        };
        for place in [place, Place::BEGINNING] {
            assert_eq!(Place::decode(&place.encode()).as_ref(), Some(&place));
        }
        let another_lists = page::Cursor { at: 7, tie: Uuid::now_v7() }.encode();
        let beyond_time = BASE64URL_NOPAD.encode(&[[0xff; 16].as_slice(), &[0x7f; 16], b"read\0"].concat());
        let second_nul = BASE64URL_NOPAD.encode(&[[0; 32].as_slice(), b"read\0a\0b"].concat());
        for text in ["", "x", &another_lists, &beyond_time, &second_nul] {
            assert!(Place::decode(text).is_none(), "{text}");
        }
    }

    #[test]
    fn unknown_words_change_nothing() {
        assert_eq!(climb(Some("sent"), "teleported").as_deref(), Some("sent"));
        assert_eq!(climb(None, "teleported"), None);
    }

    #[test]
    fn what_was_delivered_did_not_fail() {
        assert_eq!(climb(Some("delivered"), "failed").as_deref(), Some("delivered"));
        assert_eq!(climb(Some("failed"), "delivered").as_deref(), Some("delivered"));
        assert_eq!(climb(Some("sent"), "failed").as_deref(), Some("failed"));
    }
}
