//! The thread of one number and one contact, or one group.

mod block;
mod change;
mod group;
mod known;
mod list;
mod recount;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::contact::ContactSummary;
use crate::database::{Result, Tenant};

pub use block::{set_blocked, set_blocked_by_name};
pub use change::{Change, Unfit, change, mark_read, mark_read_through, mark_unread, unfit};
pub(crate) use change::{leave_all, leave_team};
pub use group::{Group, any_organization_learn_groups};
pub use known::{Known, Peer, any_organization_find, any_organization_load, any_organization_save};
pub use list::{Filter, list, list_by_id, search};
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

use select;

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
