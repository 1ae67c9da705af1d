//! The thread of one number and one contact, or one group.

mod block;
mod group;
mod known;
mod recount;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::contact::ContactSummary;
use crate::database::{Database, Param, Result, Tenant};
use crate::event::{self, Kind, Line, New};
use crate::page::{Cursor, Page};
use crate::scope::Scope;
use crate::search::{Search, matches};

pub use block::set_blocked;
pub use group::{Group, any_organization_learn_groups};
pub use known::{Known, Peer, any_organization_find, any_organization_load, any_organization_save};
pub(crate) use recount::HAND_ON;
pub use recount::{any_organization_hand_on, any_organization_recount};
pub(crate) use recount::{recount, told};

/// How long a business may answer freely after the user's last message.
/// <https://developers.facebook.com/docs/whatsapp/pricing#customer-service-windows>
pub const SERVICE_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// The longest preview of a last message, in characters.
const PREVIEW: usize = 160;

/// What a conversation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ConversationState)]
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

    pub(crate) fn parse(text: &str) -> Self {
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
    /// The group's subject, for a group that Meta told it of.
    pub group_subject: Option<String>,
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
    /// Which team looks after it.
    pub team_id: Option<Uuid>,
    /// Since when the contact is blocked on this number, by what your people did here; null: not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub blocked_at: Option<Timestamp>,
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
    /// The last number given to a message.
    #[serde(skip)]
    pub last_sequence: i64,
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
    /// How far an outbound one has come.
    pub status: Option<String>,
    /// Meta's time.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
}

macro_rules! select {
    ($($where:expr),+) => {
        concat!(
            "SELECT v.*, n.phone_number_id, c.id AS c_id, coalesce(c.own_name, c.book_name, c.profile_name) AS c_name,
                    c.wa_id AS c_wa_id, c.user_id AS c_user_id, c.username AS c_username,
                    m.type AS m_type, m.direction AS m_direction, m.status AS m_status, left(m.text, 400) AS m_text, m.timestamp AS m_timestamp,
                    g.subject AS group_subject
             FROM wazapp.conversation v
             JOIN wazapp.number n ON n.organization_id = v.organization_id AND n.id = v.number_id
             LEFT JOIN wazapp.contact c ON c.organization_id = v.organization_id AND c.id = v.contact_id
             LEFT JOIN wazapp.message m ON m.organization_id = v.organization_id AND m.id = v.last_message_id
             LEFT JOIN wazapp.conversation_group g
               ON g.organization_id = v.organization_id AND g.number_id = v.number_id AND g.group_id = v.group_id
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
            status: row.get("m_status"),
            timestamp: row.get("m_timestamp"),
        });
        Self {
            id: row.get("id"),
            number_id: row.get("number_id"),
            phone_number_id: row.get("phone_number_id"),
            contact,
            group_id: row.get("group_id"),
            group_subject: row.get("group_subject"),
            state: State::parse(row.get("state")),
            unread_count: row.get("unread_count"),
            last_message,
            last_inbound_at: row.get("last_inbound_at"),
            window_expires_at: row.get("window_expires_at"),
            assignee_id: row.get("assignee_id"),
            team_id: row.get("team_id"),
            blocked_at: row.get("blocked_at"),
            referral: row.get("referral"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
            last_message_at: row.get("last_message_at"),
            last_sequence: row.get("last_sequence"),
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
    /// Only this team's.
    pub team_id: Option<Uuid>,
    /// Only those that no team looks after.
    pub no_team: bool,
}

impl Filter {
    /// Whether it narrows nothing.
    pub fn is_none(&self) -> bool {
        let ids = [self.number_id, self.contact_id, self.assignee_id, self.team_id];
        self.state.is_none() && !self.unread && !self.unassigned && !self.no_team && ids.iter().all(Option::is_none)
    }

    /// Whether a list so narrowed has this one.
    pub fn shows(&self, one: &Conversation) -> bool {
        self.state.is_none_or(|state| one.state == state)
            && (!self.unread || one.unread_count > 0)
            && self.number_id.is_none_or(|id| one.number_id == id)
            && self.contact_id.is_none_or(|id| one.contact.as_ref().is_some_and(|contact| contact.id == id))
            && self.assignee_id.is_none_or(|id| one.assignee_id == Some(id))
            && (!self.unassigned || one.assignee_id.is_none())
            && self.team_id.is_none_or(|id| one.team_id == Some(id))
            && (!self.no_team || one.team_id.is_none())
    }
}

/// What narrows a list, besides the state of being unread.
macro_rules! narrowed {
    () => {
        "(v.last_message_at, v.id) < ($2, $3)
         AND ($4::text IS NULL OR v.state = $4) AND ($5::uuid IS NULL OR v.number_id = $5)
         AND ($6::uuid IS NULL OR v.contact_id = $6) AND ($7::uuid IS NULL OR v.assignee_id = $7)
         AND (NOT $8 OR v.assignee_id IS NULL) AND ($10::uuid IS NULL OR v.team_id = $10)
         AND (NOT $11 OR v.team_id IS NULL)"
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
            &$filter.team_id,
            &$filter.no_team,
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
// These conditions stand in the statement, not in a parameter, so that the small index of such ones serves it.
const UNREAD_PAGE: &str = select!("v.unread_count > 0 AND ", narrowed!(), in_order!());
const ASSIGNEES_PAGE: &str =
    select!("v.assignee_id = $7 AND (NOT $12 OR v.unread_count > 0) AND ", narrowed!(), in_order!());
const STATES_PAGE: &str = select!("v.state = $4 AND (NOT $12 OR v.unread_count > 0) AND ", narrowed!(), in_order!());
const TEAMS_PAGE: &str = select!("v.team_id = $10 AND (NOT $12 OR v.unread_count > 0) AND ", narrowed!(), in_order!());

// Few of many wait for an answer and are somebody's, or nobody's: each has an index of its own.
const ACTIVE_ASSIGNEES_PAGE: &str = select!(
    "v.state = 'active' AND v.assignee_id = $7 AND (NOT $12 OR v.unread_count > 0) AND ",
    narrowed!(),
    in_order!()
);
const ACTIVE_NOBODYS_PAGE: &str = select!(
    "v.state = 'active' AND v.assignee_id IS NULL AND (NOT $12 OR v.unread_count > 0) AND ",
    narrowed!(),
    in_order!()
);

/// Of the newest, looked at one by one, those that match.
const NEWEST: &str = select!(
    "v.id = ANY (ARRAY(SELECT w.id FROM wazapp.conversation w
                       WHERE w.organization_id = $1 AND (w.last_message_at, w.id) < ($2, $3)
                       ORDER BY w.last_message_at DESC, w.id DESC LIMIT $14))
     AND (NOT $12 OR v.unread_count > 0) AND ",
    narrowed!(),
    " AND (",
    matches!("$13"),
    " OR wazapp.searchable(concat_ws(' ', v.group_id, g.subject)) LIKE wazapp.searchable($13))",
    in_order!()
);

/// The ids of all that match: those with people whom the index finds, and groups, one by one.
const FOUND: &str = concat!(
    "WITH people AS MATERIALIZED (
       SELECT c.id FROM wazapp.contact c WHERE c.organization_id = $1 AND ",
    matches!("$13"),
    "), found AS (
       SELECT v.* FROM people JOIN wazapp.conversation v ON v.organization_id = $1 AND v.contact_id = people.id
       UNION ALL
       SELECT v.* FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.group_id IS NOT NULL
         AND wazapp.searchable(v.group_id) LIKE wazapp.searchable($13))
     SELECT v.id FROM found v WHERE (NOT $12 OR v.unread_count > 0) AND ",
    narrowed!(),
    in_order!()
);

const THESE: &str = select!("v.id = ANY ($2) ORDER BY v.last_message_at DESC, v.id DESC");

/// Conversations, newest last message first.
pub async fn list(tx: &Tenant, filter: &Filter, after: Option<Cursor>, limit: i64) -> Result<Page<Conversation>> {
    let organization = tx.organization_id();
    let few = match (filter.assignee_id, filter.team_id, filter.state) {
        (Some(_), _, Some(State::Active)) => Some(ACTIVE_ASSIGNEES_PAGE),
        (None, None, Some(State::Active)) if filter.unassigned => Some(ACTIVE_NOBODYS_PAGE),
        (Some(_), _, _) => Some(ASSIGNEES_PAGE),
        (None, Some(_), _) => Some(TEAMS_PAGE),
        (None, None, Some(_)) if !filter.unread => Some(STATES_PAGE),
        (None, None, _) => None,
    };
    let rows = match few {
        Some(sql) => tx.query_filtered(sql, &narrow!(organization, filter, after, limit, filter.unread)).await?,
        None if filter.unread => tx.query_filtered(UNREAD_PAGE, &narrow!(organization, filter, after, limit)).await?,
        None => tx.query_filtered(PAGE, &narrow!(organization, filter, after, limit)).await?,
    };
    Ok(page(&rows, limit))
}

/// All of them, those that began last first: what happens in them moves no page.
pub async fn list_by_id(tx: &Tenant, after: Option<Cursor>, limit: i64) -> Result<Page<Conversation>> {
    let below = after.map_or(Uuid::max(), |cursor| cursor.tie);
    let sql = select!("v.id < $2 ORDER BY v.id DESC LIMIT $3");
    let rows = tx.query(sql, &[&tx.organization_id(), &below, &(limit + 1)]).await?;
    let rows = rows.iter().map(Conversation::read).collect();
    Ok(Page::new(rows, limit, |one: &Conversation| Cursor { at: 0, tie: one.id }))
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
    let rows =
        tx.query_filtered(NEWEST, &narrow!(organization, filter, after, limit, filter.unread, pattern, newest)).await?;
    tx.close();
    if !search.is_indexed() || i64::try_from(rows.len()).is_ok_and(|found| found > limit) {
        return Ok(page(&rows, limit));
    }
    let params = narrow!(organization, filter, after, limit, filter.unread, pattern);
    let ids = Search::find(database, scope, FOUND, &params).await?;
    let tx = database.tenant(scope).await?;
    let rows = tx.query(THESE, &[&organization, &ids]).await?;
    tx.close();
    Ok(page(&rows, limit))
}

fn page(rows: &[Row], limit: i64) -> Page<Conversation> {
    let cursor = |row: &Conversation| Cursor::at(row.last_message_at.unwrap_or(row.created_at), row.id);
    Page::new(rows.iter().map(Conversation::read).collect(), limit, cursor)
}

/// Some of them, by id, in no order; those that are not there are left out.
pub async fn these(tx: &Tenant, ids: Vec<Uuid>) -> Result<Vec<Conversation>> {
    let rows = tx.query(select!("v.id = ANY ($2)"), &[&tx.organization_id(), &ids]).await?;
    Ok(rows.iter().map(Conversation::read).collect())
}

/// The most that [`counts`] counts to: beyond it people want no number.
pub const COUNTED: i64 = 100;

/// How many conversations wait for the business's answer, up to [`COUNTED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Anybody's.
    pub active: i64,
    /// Of them, this person's.
    pub mine: i64,
    /// Of them, nobody's.
    pub unassigned: i64,
}

/// Counts what waits for an answer. It costs the same however many there are.
pub async fn counts(tx: &Tenant, me: Uuid) -> Result<Counts> {
    let row = tx
        .query_opt(
            "SELECT (SELECT count(*) FROM (
                       SELECT FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.state = 'active'
                       LIMIT $3) n) AS active,
                    (SELECT count(*) FROM (
                       SELECT FROM wazapp.conversation v
                       WHERE v.organization_id = $1 AND v.assignee_id = $2 AND v.state = 'active' LIMIT $3) n) AS mine,
                    (SELECT count(*) FROM (
                       SELECT FROM wazapp.conversation v
                       WHERE v.organization_id = $1 AND v.state = 'active' AND v.assignee_id IS NULL
                       LIMIT $3) n) AS unassigned",
            &[&tx.organization_id(), &me, &COUNTED],
        )
        .await?
        .expect("a SELECT without FROM answers a row");
    Ok(Counts { active: row.get("active"), mine: row.get("mine"), unassigned: row.get("unassigned") })
}

/// One conversation.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<Conversation>> {
    let row = tx.query_opt(select!("v.id = $2"), &[&tx.organization_id(), &id]).await?;
    Ok(row.as_ref().map(Conversation::read))
}

/// The conversation in which the messages of one that vanished go on.
pub async fn survivor(tx: &Tenant, vanished: Uuid) -> Result<Option<Uuid>> {
    let row = tx
        .query_opt(
            "WITH RECURSIVE led AS (
               SELECT m.survivor_id, 1 AS step FROM wazapp.conversation_merge m
               WHERE m.organization_id = $1 AND m.vanished_id = $2
               UNION SELECT m.survivor_id, l.step + 1 FROM led l JOIN wazapp.conversation_merge m
                 ON m.organization_id = $1 AND m.vanished_id = l.survivor_id WHERE l.step < 100)
             SELECT v.id FROM led l JOIN wazapp.conversation v ON v.organization_id = $1 AND v.id = l.survivor_id
             ORDER BY l.step DESC LIMIT 1",
            &[&tx.organization_id(), &vanished],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// What people may change. An outer `None` leaves a field as it is, an inner `None` clears it.
#[derive(Debug, Default)]
pub struct Change {
    /// What it waits for.
    pub state: Option<State>,
    /// Whose it is.
    pub assignee_id: Option<Option<Uuid>>,
    /// Which team looks after it.
    pub team_id: Option<Option<Uuid>>,
}

/// To whom a conversation cannot be handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Nobody who works here.
    Assignee,
    /// No team of the organization's.
    Team,
}

/// Whether whoever a conversation is handed to is there; people and teams go in the organization's line too.
pub async fn unfit(tx: &Tenant, change: &Change) -> Result<Option<Unfit>> {
    let (assignee, team) = (change.assignee_id.flatten(), change.team_id.flatten());
    if assignee.is_none() && team.is_none() {
        return Ok(None);
    }
    event::line(tx).await?;
    let row = tx
        .query_opt(
            "SELECT $2::uuid IS NULL OR EXISTS (
                      SELECT FROM wazapp.membership m WHERE m.organization_id = $1 AND m.user_id = $2) AS assignee,
                    $3::uuid IS NULL OR EXISTS (
                      SELECT FROM wazapp.team t WHERE t.organization_id = $1 AND t.id = $3) AS team",
            &[&tx.organization_id(), &assignee, &team],
        )
        .await?
        .expect("a SELECT without FROM answers a row");
    Ok(if !row.get::<_, bool>("assignee") {
        Some(Unfit::Assignee)
    } else if !row.get::<_, bool>("team") {
        Some(Unfit::Team)
    } else {
        None
    })
}

/// Changes what people may change.
///
/// A change to what is there already makes no event, and takes no place in the organization's line.
pub async fn change(tx: &Tenant, now: Timestamp, id: Uuid, change: &Change) -> Result<Option<Conversation>> {
    let Some(known) = get(tx, id).await? else { return Ok(None) };
    if change.state.is_none_or(|state| state == known.state)
        && change.assignee_id.is_none_or(|assignee| assignee == known.assignee_id)
        && change.team_id.is_none_or(|team| team == known.team_id)
    {
        return Ok(Some(known));
    }
    let line = event::line(tx).await?;
    // Who hands it on may see it no more from here.
    tx.past_limits(async {
        write(&line, now, id, change).await?;
        record_update(&line, now, id).await
    })
    .await
}

async fn write(tx: &Tenant, now: Timestamp, id: Uuid, change: &Change) -> Result<()> {
    if let Some(state) = change.state {
        // Queue rows first. What is still to go, and proves not to have gone, leaves it as was said last.
        let said = "UPDATE wazapp.outbox SET turned_from = nullif($3, 'waiting')
                    WHERE organization_id = $1 AND conversation_id = $2 AND turned_from IS NOT NULL";
        tx.query(said, &[&tx.organization_id(), &id, &state.as_str()]).await?;
    }
    tx.query(
        "UPDATE wazapp.conversation SET state = coalesce($3, state),
                                        state_at = CASE WHEN $3 IS NULL THEN state_at ELSE coalesce(state_at, 'epoch') END,
                                        state_tie = CASE WHEN $3 IS NOT NULL AND coalesce(state_at, 'epoch') = 'epoch'
                                                         THEN 'people' ELSE state_tie END,
                                        assignee_id = CASE WHEN $4 THEN $5 ELSE assignee_id END,
                                        team_id = CASE WHEN $6 THEN $7 ELSE team_id END, updated_at = $8
         WHERE organization_id = $1 AND id = $2",
        &[
            &tx.organization_id(),
            &id,
            &change.state.map(State::as_str),
            &change.assignee_id.is_some(),
            &change.assignee_id.flatten(),
            &change.team_id.is_some(),
            &change.team_id.flatten(),
            &now,
        ],
    )
    .await?;
    Ok(())
}

/// What is somebody's is nobody's from now on; the answer is how many conversations that were.
///
/// Whoever may let people go may see everything: [`Act::needs_whole_sight`](crate::act::Act::needs_whole_sight).
pub(crate) async fn leave_all(tx: &Tenant, now: Timestamp, assignee: Uuid) -> Result<usize> {
    let sql = "UPDATE wazapp.conversation SET assignee_id = NULL, updated_at = $3
               WHERE organization_id = $1 AND assignee_id = $2 RETURNING id";
    leave(tx, now, sql, assignee).await
}

/// The same of what is a team's.
pub(crate) async fn leave_team(tx: &Tenant, now: Timestamp, team: Uuid) -> Result<usize> {
    let sql = "UPDATE wazapp.conversation SET team_id = NULL, updated_at = $3
               WHERE organization_id = $1 AND team_id = $2 RETURNING id";
    leave(tx, now, sql, team).await
}

async fn leave(tx: &Tenant, now: Timestamp, sql: &str, whose: Uuid) -> Result<usize> {
    let line = event::line(tx).await?;
    let rows = tx.query(sql, &[&tx.organization_id(), &whose, &now]).await?;
    for row in &rows {
        record_update(&line, now, row.get("id")).await?;
    }
    Ok(rows.len())
}

/// Marks everything inbound as read.
pub async fn mark_read(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<Option<Conversation>> {
    mark_read_through(tx, now, id, None).await
}

/// As many of the newest messages are looked at for what came behind what was read.
const LOOKED_AT: i64 = 500;

/// Marks what is inbound as read up to this sequence number; `None`: all. It never makes more unread.
pub async fn mark_read_through(
    tx: &Tenant,
    now: Timestamp,
    id: Uuid,
    through: Option<i64>,
) -> Result<Option<Conversation>> {
    let known = get(tx, id).await?;
    if known.as_ref().is_none_or(|known| known.unread_count == 0) {
        return Ok(known);
    }
    let line = event::line(tx).await?;
    let changed = tx
        .query_opt(
            concat!(
                "UPDATE wazapp.conversation v SET unread_count = n.left_unread, updated_at = $3
                 FROM (SELECT CASE WHEN $4::bigint IS NULL THEN 0 ELSE (
                         SELECT count(*)::int
                         FROM (SELECT * FROM wazapp.message m WHERE m.organization_id = $1 AND m.conversation_id = $2
                               ORDER BY m.timestamp DESC, m.sequence DESC LIMIT $5) m
                         WHERE m.sequence > $4 AND ",
                told!(counts),
                ") END AS left_unread) n WHERE v.organization_id = $1 AND v.id = $2 AND v.unread_count > n.left_unread RETURNING v.id"
            ),
            &[&tx.organization_id(), &id, &now, &through, &LOOKED_AT],
        )
        .await?;
    if changed.is_some() { record_update(&line, now, id).await } else { get(tx, id).await }
}

/// Marks the newest that the customer wrote as unread, where all is read; where they wrote nothing, there is nothing to read.
pub async fn mark_unread(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<Option<Conversation>> {
    let line = event::line(tx).await?;
    let changed = tx
        .query_opt(
            concat!(
                "UPDATE wazapp.conversation v SET unread_count = 1, updated_at = $3
                 WHERE v.organization_id = $1 AND v.id = $2 AND v.unread_count = 0 AND EXISTS (
                   SELECT FROM (SELECT * FROM wazapp.message m WHERE m.organization_id = $1 AND m.conversation_id = $2
                                ORDER BY m.timestamp DESC, m.sequence DESC LIMIT $4) m WHERE ",
                told!(counts),
                ") RETURNING v.id"
            ),
            &[&tx.organization_id(), &id, &now, &LOOKED_AT],
        )
        .await?;
    if changed.is_some() { record_update(&line, now, id).await } else { get(tx, id).await }
}

async fn record_update(line: &Line<'_, Tenant>, now: Timestamp, id: Uuid) -> Result<Option<Conversation>> {
    let conversation = get(line, id).await?;
    if let Some(conversation) = &conversation {
        line.record(New::of(Kind::ConversationUpdated, now, Some(id), conversation)).await?;
    }
    Ok(conversation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_are_one_line_and_cut_between_characters() {
        assert_eq!(preview("a\n  b"), "a b");
        let long = "ñ".repeat(500);
        assert_eq!(preview(&long).chars().count(), PREVIEW + 1);
    }
}
