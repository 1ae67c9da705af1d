//! Conversations as batches read and write them.

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::{SERVICE_WINDOW, State};
use crate::database::{Operator, Pipeline, RawJson, Result, Rows};
use crate::event::Lines;
use crate::moment::{Latest, Moment};

/// Who a conversation is with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// One contact.
    Contact(Uuid),
    /// A group, by Meta's id.
    Group(String),
}

impl Peer {
    fn contact(&self) -> Option<Uuid> {
        match self {
            Self::Contact(id) => Some(*id),
            Self::Group(_) => None,
        }
    }

    fn group(&self) -> Option<&str> {
        match self {
            Self::Contact(_) => None,
            Self::Group(id) => Some(id),
        }
    }
}

/// A conversation as batches read and write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The owner.
    pub organization_id: Uuid,
    /// UUIDv7.
    pub id: Uuid,
    /// The number.
    pub number_id: Uuid,
    /// Who it is with.
    pub peer: Peer,
    /// What it waits for: what the newest message that says so asks, or what people said since.
    pub state: Latest<State>,
    /// Inbound messages not yet marked as read.
    pub unread_count: i32,
    /// The last number given to a message.
    pub last_sequence: i64,
    /// The newest message.
    pub last_message: Latest<Option<Uuid>>,
    /// When it began, by the message that began it: it stands there while it shows none.
    pub begun_at: Timestamp,
    /// Meta's time of the contact's last message.
    pub last_inbound_at: Option<Timestamp>,
    /// Until when the business may answer freely.
    pub window_expires_at: Option<Timestamp>,
    /// JSON: the first referral.
    pub referral: Latest<Option<String>>,
}

impl Known {
    /// A conversation that begins now. It waits for nobody until a live message says otherwise.
    pub fn begin(organization_id: Uuid, number_id: Uuid, peer: Peer, at: Timestamp) -> Self {
        Self {
            organization_id,
            id: Uuid::now_v7(),
            number_id,
            peer,
            state: Latest::begin(State::Resolved),
            unread_count: 0,
            last_sequence: 0,
            last_message: Latest::begin(None),
            begun_at: at,
            last_inbound_at: None,
            window_expires_at: None,
            referral: Latest::begin(None),
        }
    }

    /// The number of the next message.
    pub fn next_sequence(&mut self) -> i64 {
        self.last_sequence += 1;
        self.last_sequence
    }

    /// Shows this message as the last one, unless a newer one is.
    pub fn show(&mut self, message_id: Uuid, moment: Moment) {
        self.last_message.learn(Some(message_id), moment);
    }

    /// While it shows no message, it stands where the newest of its lines does.
    pub fn stand(&mut self, at: Timestamp) {
        self.begun_at = self.begun_at.max(at);
    }

    /// A live message that asks nothing of anybody: the conversation waits for the contact, unless more is known.
    pub fn go_on(&mut self) {
        if self.state.moment.is_none() {
            self.state.learn(State::Waiting, Moment::new(Timestamp::UNIX_EPOCH, ""));
        }
    }

    /// The time by which it stands in lists.
    pub fn last_message_at(&self) -> Timestamp {
        self.last_message.moment.as_ref().map_or(self.begun_at, |moment| moment.at)
    }

    /// The contact wrote at this time by Meta's clock: the service window runs from there. Meta's clock is not
    /// believed beyond ours.
    pub fn open_window(&mut self, at: Timestamp, now: Timestamp) {
        let at = at.min(now);
        self.last_inbound_at = self.last_inbound_at.max(Some(at));
        self.window_expires_at = self.last_inbound_at.and_then(|at| at.checked_add(SERVICE_WINDOW).ok());
    }
}

/// The conversations between these numbers and peers.
pub async fn any_organization_find(tx: &Operator, wanted: &[(Uuid, Uuid, Peer)]) -> Result<Vec<Known>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Rows::of(wanted)
        .column("organization_id", |(organization, _, _)| *organization)
        .column("number_id", |(_, number, _)| *number)
        .column("contact_id", |(_, _, peer)| peer.contact())
        .column("group_id", |(_, _, peer)| peer.group())
        .statement(
            // IS NOT DISTINCT FROM cannot use the index, so each kind of peer has its own branch.
            "SELECT v.* FROM {rows}
             JOIN wazapp.conversation v ON v.organization_id = k.organization_id AND v.number_id = k.number_id
               AND v.contact_id = k.contact_id AND v.group_id IS NULL{here v}
             UNION ALL
             SELECT v.* FROM {rows}
             JOIN wazapp.conversation v ON v.organization_id = k.organization_id AND v.number_id = k.number_id
               AND v.contact_id IS NULL AND v.group_id = k.group_id{here v}
             WHERE k.group_id IS NOT NULL",
        );
    let rows = tx.run(&rows).await?;
    Ok(rows.iter().map(read).collect())
}

/// These conversations, each with its organization.
pub async fn any_organization_load(tx: &Operator, wanted: &[(Uuid, Uuid)]) -> Result<Vec<Known>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Rows::of(wanted).column("organization_id", |one| one.0).column("id", |one| one.1).statement(
        "SELECT v.* FROM {rows}
         JOIN wazapp.conversation v ON v.organization_id = k.organization_id AND v.id = k.id{here v}",
    );
    let rows = tx.run(&rows).await?;
    Ok(rows.iter().map(read).collect())
}

fn read(row: &tokio_postgres::Row) -> Known {
    let moment = |at: Option<Timestamp>, tie: &str| Some(Moment::new(at?, row.get::<_, &str>(tie)));
    let last_message_id: Option<Uuid> = row.get("last_message_id");
    let last_message_at: Timestamp = row.get("last_message_at");
    let referral = row.get::<_, Option<Json<Box<RawValue>>>>("referral").map(|json| json.0.get().to_owned());
    Known {
        organization_id: row.get("organization_id"),
        id: row.get("id"),
        number_id: row.get("number_id"),
        peer: match row.get::<_, Option<Uuid>>("contact_id") {
            Some(contact) => Peer::Contact(contact),
            None => Peer::Group(row.get("group_id")),
        },
        state: Latest { value: State::parse(row.get("state")), moment: moment(row.get("state_at"), "state_tie") },
        unread_count: row.get("unread_count"),
        last_sequence: row.get("last_sequence"),
        last_message: Latest {
            value: last_message_id,
            moment: moment(last_message_id.map(|_| last_message_at), "last_message_tie"),
        },
        begun_at: last_message_at,
        last_inbound_at: row.get("last_inbound_at"),
        window_expires_at: row.get("window_expires_at"),
        referral: Latest { value: referral, moment: moment(row.get("referral_at"), "referral_tie") },
    }
}

fn at<T>(latest: &Latest<T>) -> Option<Timestamp> {
    latest.moment.as_ref().map(|moment| moment.at)
}

fn tie<T>(latest: &Latest<T>) -> &str {
    latest.moment.as_ref().map_or("", |moment| moment.tie.as_str())
}

/// Writes conversations, new ones and changed ones alike, sorted by key. Nobody else can have changed them since who stands
/// in their organizations' lines read them.
pub fn any_organization_save<'a>(
    pipeline: &mut Pipeline<'a>,
    _: &Lines<'_>,
    new: &'a mut [Known],
    changed: &'a mut [Known],
) {
    if !new.is_empty() {
        new.sort_by_key(|row| (row.organization_id, row.id));
        let rows = Rows::of(new)
            .column("organization_id", |row| row.organization_id)
            .column("id", |row| row.id)
            .column("number_id", |row| row.number_id)
            .column("contact_id", |row| row.peer.contact())
            .column("group_id", |row| row.peer.group())
            .column("state", |row| row.state.value.as_str())
            .column("last_message_at", |row| row.last_message_at());
        pipeline.add(rows.insert("wazapp.conversation", ""));
        write(pipeline, new);
    }
    if !changed.is_empty() {
        changed.sort_by_key(|row| (row.organization_id, row.id));
        write(pipeline, changed);
    }
}

fn write<'a>(pipeline: &mut Pipeline<'a>, rows: &'a [Known]) {
    let rows = Rows::of(rows)
        .key("organization_id", |row| row.organization_id)
        .key("id", |row| row.id)
        .column("state", |row| row.state.value.as_str())
        .column("state_at", |row| at(&row.state))
        .column("state_tie", |row| tie(&row.state))
        .column("unread_count", |row| row.unread_count)
        .column("last_sequence", |row| row.last_sequence)
        .column("last_message_id", |row| row.last_message.value)
        .column("last_message_at", |row| row.last_message_at())
        .column("last_message_tie", |row| tie(&row.last_message))
        .column("last_inbound_at", |row| row.last_inbound_at)
        .column("window_expires_at", |row| row.window_expires_at)
        .column("referral", |row| row.referral.value.as_deref().map(RawJson))
        .column("referral_at", |row| at(&row.referral))
        .column("referral_tie", |row| tie(&row.referral))
        .all("updated_at", pipeline.now());
    pipeline.add(rows.update("wazapp.conversation", ""));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn conversation() -> Known {
        Known::begin(Uuid::nil(), Uuid::nil(), Peer::Contact(Uuid::nil()), at(0))
    }

    #[test]
    fn a_late_message_never_moves_the_last_one_back() {
        let (first, late, same) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let mut conversation = conversation();
        conversation.show(first, Moment::new(at(10), "a"));
        conversation.show(late, Moment::new(at(5), "z"));
        assert_eq!((conversation.last_message.value, conversation.last_message_at()), (Some(first), at(10)));
        conversation.show(same, Moment::new(at(10), "b"));
        assert_eq!(conversation.last_message.value, Some(same), "of one second the greater id, whichever came first");
        conversation.show(first, Moment::new(at(10), "a"));
        assert_eq!(conversation.last_message.value, Some(same));
    }

    #[test]
    fn the_first_message_is_shown_even_if_older_than_the_conversation() {
        let mut conversation = conversation();
        conversation.show(Uuid::from_u128(1), Moment::new(at(-86_400), "a"));
        assert_eq!(conversation.last_message_at(), at(-86_400));
    }

    #[test]
    fn the_window_runs_from_the_latest_inbound_by_metas_clock_and_not_beyond_ours() {
        let mut conversation = conversation();
        conversation.open_window(at(100), at(200));
        conversation.open_window(at(50), at(200));
        assert_eq!(conversation.window_expires_at, Some(at(100 + 86_400)));
        conversation.open_window(at(10_000_000), at(200));
        assert_eq!(conversation.window_expires_at, Some(at(200 + 86_400)));
    }

    #[test]
    fn the_newest_that_asks_for_something_decides_the_state() {
        let mut conversation = conversation();
        conversation.go_on();
        assert_eq!(conversation.state.value, State::Waiting);
        conversation.state.learn(State::Active, Moment::new(at(10), "1a"));
        conversation.state.learn(State::Waiting, Moment::new(at(5), "0b"));
        conversation.go_on();
        assert_eq!(conversation.state.value, State::Active);
    }
}
