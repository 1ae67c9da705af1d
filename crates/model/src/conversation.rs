//! The thread of one number and one contact, or one group.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::contact::ContactSummary;
use crate::database::{Database, Operator, Param, Pipeline, Result, Tenant, params};
use crate::event;
use crate::page::{Cursor, Page};
use crate::scope::Scope;
use crate::search::{Search, matches};

/// How long a business may answer freely after the user's last message.
/// <https://developers.facebook.com/docs/whatsapp/pricing#customer-service-windows>
pub const SERVICE_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// The longest preview of a last message, in characters.
const PREVIEW: usize = 160;

/// What a conversation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The business's answer.
    Active,
    /// The contact's answer.
    Waiting,
    /// Nothing: people closed it.
    Resolved,
}

impl State {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Resolved => "resolved",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "waiting" => Self::Waiting,
            "resolved" => Self::Resolved,
            _ => Self::Active,
        }
    }
}

/// A conversation as its organization sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Conversation {
    /// UUIDv7.
    pub id: Uuid,
    /// Our id of the number.
    pub number_id: Uuid,
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// Who it is with; null for a group.
    pub contact: Option<ContactSummary>,
    /// Meta's id of the group, for a group.
    pub group_id: Option<String>,
    /// What it waits for.
    pub state: State,
    /// Inbound messages not yet marked as read.
    pub unread_count: i32,
    /// The newest message by Meta's time.
    pub last_message: Option<LastMessage>,
    /// Meta's time of the contact's last message.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_inbound_at: Option<Timestamp>,
    /// Until when the business may answer freely.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub window_expires_at: Option<Timestamp>,
    /// Whose it is.
    pub assignee_id: Option<Uuid>,
    /// The ad or post that first led here, as Meta described it.
    #[schema(value_type = Option<Object>)]
    pub referral: Option<Json<Box<RawValue>>>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    #[serde(skip)]
    last_message_at: Option<Timestamp>,
}

/// The line a list of conversations shows.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LastMessage {
    /// The message's id.
    pub id: Uuid,
    /// Meta's message type.
    pub r#type: String,
    /// `inbound` or `outbound`.
    pub direction: String,
    /// The first characters of its text.
    pub preview: String,
    /// Meta's time.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
}

macro_rules! select {
    ($($where:expr),+) => {
        concat!(
            "SELECT v.*, n.phone_number_id, c.id AS c_id, coalesce(c.own_name, c.book_name, c.profile_name) AS c_name,
                    c.wa_id AS c_wa_id, c.user_id AS c_user_id, c.username AS c_username,
                    m.type AS m_type, m.direction AS m_direction, left(m.text, 400) AS m_text, m.timestamp AS m_timestamp
             FROM wazapp.conversation v
             JOIN wazapp.number n ON n.organization_id = v.organization_id AND n.id = v.number_id
             LEFT JOIN wazapp.contact c ON c.organization_id = v.organization_id AND c.id = v.contact_id
             LEFT JOIN wazapp.message m ON m.organization_id = v.organization_id AND m.id = v.last_message_id
             WHERE v.organization_id = $1 AND ",
            $($where),+
        )
    };
}

impl Conversation {
    fn read(row: &Row) -> Self {
        let contact = row.get::<_, Option<Uuid>>("c_id").map(|id| ContactSummary {
            id,
            name: row.get("c_name"),
            wa_id: row.get("c_wa_id"),
            user_id: row.get("c_user_id"),
            username: row.get("c_username"),
        });
        let last_message = row.get::<_, Option<String>>("m_type").map(|kind| LastMessage {
            id: row.get("last_message_id"),
            r#type: kind,
            direction: row.get("m_direction"),
            preview: preview(row.get("m_text")),
            timestamp: row.get("m_timestamp"),
        });
        Self {
            id: row.get("id"),
            number_id: row.get("number_id"),
            phone_number_id: row.get("phone_number_id"),
            contact,
            group_id: row.get("group_id"),
            state: State::parse(row.get("state")),
            unread_count: row.get("unread_count"),
            last_message,
            last_inbound_at: row.get("last_inbound_at"),
            window_expires_at: row.get("window_expires_at"),
            assignee_id: row.get("assignee_id"),
            referral: row.get("referral"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
            last_message_at: row.get("last_message_at"),
        }
    }
}

fn preview(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(PREVIEW) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What a list may be narrowed to.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<State>,
    /// Only with unread messages.
    pub unread: bool,
    /// Only on this number.
    pub number_id: Option<Uuid>,
    /// Only of this contact.
    pub contact_id: Option<Uuid>,
    /// Only assigned to this person.
    pub assignee_id: Option<Uuid>,
    /// Only unassigned ones.
    pub unassigned: bool,
}

/// What narrows a list, besides the state of being unread.
macro_rules! narrowed {
    () => {
        "(v.last_message_at, v.id) < ($2, $3)
         AND ($4::text IS NULL OR v.state = $4) AND ($5::uuid IS NULL OR v.number_id = $5)
         AND ($6::uuid IS NULL OR v.contact_id = $6) AND ($7::uuid IS NULL OR v.assignee_id = $7)
         AND (NOT $8 OR v.assignee_id IS NULL)"
    };
}

/// The parameters of what [`narrowed`] and [`in_order`] say, and those behind them.
macro_rules! narrow {
    ($organization:expr, $filter:expr, $after:expr, $limit:expr $(, $more:expr)*) => {
        [
            &$organization as &dyn Param,
            &begin($after).timestamp(),
            &begin($after).tie,
            &$filter.state.map(State::as_str),
            &$filter.number_id,
            &$filter.contact_id,
            &$filter.assignee_id,
            &$filter.unassigned,
            &($limit + 1),
            $(&$more),*
        ]
    };
}

fn begin(after: Option<Cursor>) -> Cursor {
    after.unwrap_or(Cursor::at(Timestamp::MAX, Uuid::max()))
}

macro_rules! in_order {
    () => {
        " ORDER BY v.last_message_at DESC, v.id DESC LIMIT $9"
    };
}

const PAGE: &str = select!(narrowed!(), in_order!());
// The condition stands in the statement, not in a parameter, so that the small index of unread ones serves it.
const UNREAD_PAGE: &str = select!("v.unread_count > 0 AND ", narrowed!(), in_order!());

/// Of the newest, looked at one by one, those that match.
const NEWEST: &str = select!(
    "v.id = ANY (ARRAY(SELECT w.id FROM wazapp.conversation w
                       WHERE w.organization_id = $1 AND (w.last_message_at, w.id) < ($2, $3)
                       ORDER BY w.last_message_at DESC, w.id DESC LIMIT $12))
     AND (NOT $10 OR v.unread_count > 0) AND ",
    narrowed!(),
    " AND (",
    matches!("$11"),
    " OR wazapp.searchable(v.group_id) LIKE wazapp.searchable($11))",
    in_order!()
);

/// The ids of all that match: those with people whom the index finds, and groups, one by one.
const FOUND: &str = concat!(
    "WITH people AS MATERIALIZED (
       SELECT c.id FROM wazapp.contact c WHERE c.organization_id = $1 AND ",
    matches!("$11"),
    "), found AS (
       SELECT v.* FROM people JOIN wazapp.conversation v ON v.organization_id = $1 AND v.contact_id = people.id
       UNION ALL
       SELECT v.* FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.group_id IS NOT NULL
         AND wazapp.searchable(v.group_id) LIKE wazapp.searchable($11))
     SELECT v.id FROM found v WHERE (NOT $10 OR v.unread_count > 0) AND ",
    narrowed!(),
    in_order!()
);

const THESE: &str = select!("v.id = ANY ($2) ORDER BY v.last_message_at DESC, v.id DESC");

/// Conversations, newest last message first.
pub async fn list(tx: &Tenant, filter: &Filter, after: Option<Cursor>, limit: i64) -> Result<Page<Conversation>> {
    let sql = if filter.unread { UNREAD_PAGE } else { PAGE };
    Ok(page(&tx.query(sql, &narrow!(tx.organization_id(), filter, after, limit)).await?, limit))
}

/// Of them, those with people whom a search finds, or groups.
pub async fn search(
    database: &Database,
    scope: &Scope,
    (filter, search): (&Filter, &Search),
    after: Option<Cursor>,
    limit: i64,
) -> Result<Page<Conversation>> {
    let tx = database.tenant(scope).await?;
    let organization = scope.organization_id();
    let (pattern, newest) = (search.pattern(), search.newest());
    let rows = tx.query(NEWEST, &narrow!(organization, filter, after, limit, filter.unread, pattern, newest)).await?;
    tx.commit().await?;
    if !search.is_indexed() || i64::try_from(rows.len()).is_ok_and(|found| found > limit) {
        return Ok(page(&rows, limit));
    }
    let tx = Search::indexed_in(database, scope).await?;
    let found = tx.query(FOUND, &narrow!(organization, filter, after, limit, filter.unread, pattern)).await?;
    tx.commit().await?;
    let ids: Vec<Uuid> = found.iter().map(|row| row.get("id")).collect();
    let tx = database.tenant(scope).await?;
    let rows = tx.query(THESE, &[&organization, &ids]).await?;
    tx.commit().await?;
    Ok(page(&rows, limit))
}

fn page(rows: &[Row], limit: i64) -> Page<Conversation> {
    let cursor = |row: &Conversation| Cursor::at(row.last_message_at.unwrap_or(row.created_at), row.id);
    Page::new(rows.iter().map(Conversation::read).collect(), limit, cursor)
}

/// One conversation.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<Conversation>> {
    let row = tx.query_opt(select!("v.id = $2"), &[&tx.organization_id(), &id]).await?;
    Ok(row.as_ref().map(Conversation::read))
}

/// What people may change. An outer `None` leaves a field as it is, an inner `None` clears it.
#[derive(Debug, Default)]
pub struct Change {
    /// What it waits for.
    pub state: Option<State>,
    /// Whose it is.
    pub assignee_id: Option<Option<Uuid>>,
}

/// Changes what people may change.
///
/// A change to what is there already makes no event, and takes no place in the organization's line.
pub async fn change(tx: &Tenant, id: Uuid, change: &Change) -> Result<Option<Conversation>> {
    let Some(known) = get(tx, id).await? else { return Ok(None) };
    if change.state.is_none_or(|state| state == known.state)
        && change.assignee_id.is_none_or(|assignee| assignee == known.assignee_id)
    {
        return Ok(Some(known));
    }
    event::line_up(tx).await?;
    tx.query(
        "UPDATE wazapp.conversation SET state = coalesce($3, state),
                                        assignee_id = CASE WHEN $4 THEN $5 ELSE assignee_id END, updated_at = now()
         WHERE organization_id = $1 AND id = $2",
        &[
            &tx.organization_id(),
            &id,
            &change.state.map(State::as_str),
            &change.assignee_id.is_some(),
            &change.assignee_id.flatten(),
        ],
    )
    .await?;
    record_update(tx, id).await
}

/// Marks everything inbound as read.
pub async fn mark_read(tx: &Tenant, id: Uuid) -> Result<Option<Conversation>> {
    let known = get(tx, id).await?;
    if known.as_ref().is_none_or(|known| known.unread_count == 0) {
        return Ok(known);
    }
    event::line_up(tx).await?;
    let changed = tx
        .query_opt(
            "UPDATE wazapp.conversation SET unread_count = 0, updated_at = now()
             WHERE organization_id = $1 AND id = $2 AND unread_count > 0 RETURNING id",
            &[&tx.organization_id(), &id],
        )
        .await?;
    if changed.is_some() { record_update(tx, id).await } else { get(tx, id).await }
}

async fn record_update(tx: &Tenant, id: Uuid) -> Result<Option<Conversation>> {
    let conversation = get(tx, id).await?;
    if let Some(conversation) = &conversation {
        event::record(tx, "conversation.updated", Some(id), conversation).await?;
    }
    Ok(conversation)
}

/// Who a conversation is with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// One contact.
    Contact(Uuid),
    /// A group, by Meta's id.
    Group(String),
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
    /// What it waits for.
    pub state: State,
    /// Inbound messages not yet marked as read.
    pub unread_count: i32,
    /// The last number given to a message.
    pub last_sequence: i64,
    /// The newest message by Meta's time.
    pub last_message_id: Option<Uuid>,
    /// Its time; the time of creation while there is none.
    pub last_message_at: Timestamp,
    /// Meta's time of the contact's last message.
    pub last_inbound_at: Option<Timestamp>,
    /// Until when the business may answer freely.
    pub window_expires_at: Option<Timestamp>,
    /// JSON: the first referral.
    pub referral: Option<String>,
}

impl Known {
    /// A conversation that begins now.
    pub fn begin(organization_id: Uuid, number_id: Uuid, peer: Peer, at: Timestamp, state: State) -> Self {
        Self {
            organization_id,
            id: Uuid::now_v7(),
            number_id,
            peer,
            state,
            unread_count: 0,
            last_sequence: 0,
            last_message_id: None,
            last_message_at: at,
            last_inbound_at: None,
            window_expires_at: None,
            referral: None,
        }
    }

    /// The number of the next message.
    pub fn next_sequence(&mut self) -> i64 {
        self.last_sequence += 1;
        self.last_sequence
    }

    /// Shows this message as the last one, unless a newer one is. A late message never moves it back.
    pub fn show(&mut self, message_id: Uuid, at: Timestamp) {
        if self.last_message_id.is_none() || at >= self.last_message_at {
            self.last_message_id = Some(message_id);
            self.last_message_at = at;
        }
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
    let (contacts, groups) = peers(wanted.iter().map(|(_, _, peer)| peer));
    let rows = tx
        .query(
            // IS NOT DISTINCT FROM cannot use the index, so each kind of peer has its own branch.
            "SELECT v.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS k (organization_id, number_id, contact_id)
             JOIN wazapp.conversation v ON v.organization_id = k.organization_id AND v.number_id = k.number_id
               AND v.contact_id = k.contact_id AND v.group_id IS NULL
             UNION ALL
             SELECT v.* FROM unnest($1::uuid[], $2::uuid[], $4::text[]) AS k (organization_id, number_id, group_id)
             JOIN wazapp.conversation v ON v.organization_id = k.organization_id AND v.number_id = k.number_id
               AND v.contact_id IS NULL AND v.group_id = k.group_id
             WHERE k.group_id IS NOT NULL",
            &[
                &wanted.iter().map(|(organization, _, _)| *organization).collect::<Vec<_>>(),
                &wanted.iter().map(|(_, number, _)| *number).collect::<Vec<_>>(),
                &contacts,
                &groups,
            ],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Known {
            organization_id: row.get("organization_id"),
            id: row.get("id"),
            number_id: row.get("number_id"),
            peer: match row.get::<_, Option<Uuid>>("contact_id") {
                Some(contact) => Peer::Contact(contact),
                None => Peer::Group(row.get("group_id")),
            },
            state: State::parse(row.get("state")),
            unread_count: row.get("unread_count"),
            last_sequence: row.get("last_sequence"),
            last_message_id: row.get("last_message_id"),
            last_message_at: row.get("last_message_at"),
            last_inbound_at: row.get("last_inbound_at"),
            window_expires_at: row.get("window_expires_at"),
            referral: row.get::<_, Option<Json<Box<RawValue>>>>("referral").map(|json| json.0.get().to_owned()),
        })
        .collect())
}

fn peers<'a>(peers: impl Iterator<Item = &'a Peer>) -> (Vec<Option<Uuid>>, Vec<Option<&'a str>>) {
    peers
        .map(|peer| match peer {
            Peer::Contact(id) => (Some(*id), None),
            Peer::Group(id) => (None, Some(id.as_str())),
        })
        .unzip()
}

/// Writes conversations, new ones and changed ones alike, sorted by key. The caller holds their organizations' lines
/// ([`crate::number::any_organization_route`]), so nothing changed since it read them.
pub fn any_organization_save<'a>(pipeline: &mut Pipeline<'a>, new: &'a mut [Known], changed: &'a mut [Known]) {
    if !new.is_empty() {
        new.sort_by_key(|row| (row.organization_id, row.id));
        let (contacts, groups) = peers(new.iter().map(|row| &row.peer));
        pipeline.push("INSERT INTO wazapp.conversation
               (organization_id, id, number_id, contact_id, group_id, state, unread_count, last_sequence,
                last_message_id, last_message_at, last_inbound_at, window_expires_at, referral)
             SELECT k.o, k.id, k.n, k.c, k.g, k.s, k.u, k.q, k.m, k.at, k.i, k.w, k.r::json
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::int[], $8::bigint[],
                         $9::uuid[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[])
               AS k (o, id, n, c, g, s, u, q, m, at, i, w, r)", params![
column(new, |row| row.organization_id),
column(new, |row| row.id),
column(new, |row| row.number_id),
contacts,
groups,
column(new, |row| row.state.as_str()),
column(new, |row| row.unread_count),
column(new, |row| row.last_sequence),
column(new, |row| row.last_message_id),
column(new, |row| row.last_message_at),
column(new, |row| row.last_inbound_at),
column(new, |row| row.window_expires_at),
column(new, |row| row.referral.clone()),
]);
    }
    if !changed.is_empty() {
        changed.sort_by_key(|row| (row.organization_id, row.id));
        pipeline.push("UPDATE wazapp.conversation v SET
               state = k.s, unread_count = k.u, last_sequence = k.q, last_message_id = k.m, last_message_at = k.at,
               last_inbound_at = k.i, window_expires_at = k.w, referral = coalesce(v.referral, k.r::json), updated_at = now()
             FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::bigint[], $6::uuid[], $7::timestamptz[],
                         $8::timestamptz[], $9::timestamptz[], $10::text[]) AS k (o, id, s, u, q, m, at, i, w, r)
             WHERE v.organization_id = k.o AND v.id = k.id", params![
column(changed, |row| row.organization_id),
column(changed, |row| row.id),
column(changed, |row| row.state.as_str()),
column(changed, |row| row.unread_count),
column(changed, |row| row.last_sequence),
column(changed, |row| row.last_message_id),
column(changed, |row| row.last_message_at),
column(changed, |row| row.last_inbound_at),
column(changed, |row| row.window_expires_at),
column(changed, |row| row.referral.clone()),
]);
    }
}

/// One field of many rows: what an `unnest` parameter is made of.
pub(crate) fn column<'a, R, T>(rows: &'a [R], field: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn conversation() -> Known {
        Known::begin(Uuid::nil(), Uuid::nil(), Peer::Contact(Uuid::nil()), at(0), State::Active)
    }

    #[test]
    fn a_late_message_never_moves_the_last_one_back() {
        let (first, late, same) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let mut conversation = conversation();
        conversation.show(first, at(10));
        conversation.show(late, at(5));
        assert_eq!((conversation.last_message_id, conversation.last_message_at), (Some(first), at(10)));
        conversation.show(same, at(10));
        assert_eq!(conversation.last_message_id, Some(same));
    }

    #[test]
    fn the_first_message_is_shown_even_if_older_than_the_conversation() {
        let mut conversation = conversation();
        conversation.show(Uuid::from_u128(1), at(-86_400));
        assert_eq!(conversation.last_message_at, at(-86_400));
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
    fn previews_are_one_line_and_cut_between_characters() {
        assert_eq!(preview("a\n  b"), "a b");
        let long = "ñ".repeat(500);
        assert_eq!(preview(&long).chars().count(), PREVIEW + 1);
    }
}
