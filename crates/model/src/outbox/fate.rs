//! What has become of a queued message so far, for whoever waits for it.

use jiff::Timestamp;
use serde::Deserialize;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::database::{Result, Tenant, stored_json};
use crate::trouble::Trouble;

/// How far a message is.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It waits for its turn, for its files, or for another try: it is not with Meta.
    Waiting {
        /// Its files are on their way to Meta.
        preparing: bool,
        /// Its number rests until then.
        rests_until: Option<Timestamp>,
        /// Why it rests, as people are told.
        pause_reason: Option<Box<Trouble>>,
        /// Why the last try was in vain.
        last_error: Option<Box<Trouble>>,
    },
    /// It is with Meta now.
    UnderWay,
    /// Meta has it.
    Accepted {
        /// Meta's id.
        wamid: String,
        /// What Meta said of it; `None` where a status was quicker than the answer.
        acceptance: Option<Acceptance>,
    },
    /// It was never sent, and will not be.
    Failed {
        /// Why.
        error: Box<Trouble>,
    },
    /// Nobody knows whether Meta has it.
    Unknown,
}

/// What Meta says when it takes a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Acceptance {
    /// The recipient's phone number in Meta's spelling.
    pub wa_id: Option<String>,
    /// The recipient's user id.
    pub user_id: Option<String>,
    /// Of templates: `accepted`, `held_for_quality_assessment` or `paused`.
    pub message_status: Option<String>,
}

impl Fate {
    fn read(row: &Row) -> Result<Self> {
        if let Some(wamid) = row.get("wamid") {
            let acceptance = row.get::<_, Option<Json<Acceptance>>>("acceptance").map(|json| json.0);
            return Ok(Self::Accepted { wamid, acceptance });
        }
        Ok(match row.get::<_, Option<&str>>("status").unwrap_or_default() {
            "queued" => Self::waiting(row)?,
            "sending" if row.get::<_, Option<bool>>("waits") == Some(true) => Self::waiting(row)?,
            "sending" => Self::UnderWay,
            "failed" => Self::Failed { error: stored_json(row, "error", "message.error")? },
            _ => Self::Unknown,
        })
    }

    fn waiting(row: &Row) -> Result<Self> {
        Ok(Self::Waiting {
            preparing: row.get("preparing"),
            // PostgreSQL's infinity is no time of ours.
            rests_until: match row.get("rests_forever") {
                true => Some(Timestamp::MAX),
                false => row.get("paused_until"),
            },
            pause_reason: stored_json(row, "pause_reason", "number_pace.pause_reason")?,
            last_error: stored_json(row, "last_error", "outbox.error")?,
        })
    }
}

/// What has become of a message that was queued. `None`: the organization has no such message.
pub async fn fate(tx: &Tenant, id: Uuid) -> Result<Option<Fate>> {
    let row = tx
        .query_opt(
            "SELECT m.status, m.wamid, m.error, m.acceptance, q.error AS last_error, p.pause_reason,
                    q.state = 'queued' OR q.state = 'sending' AND q.preparing AS waits,
                    coalesce(q.state = 'sending' AND q.preparing, false) AS preparing,
                    coalesce(p.paused_until = 'infinity', false) AS rests_forever,
                    CASE WHEN isfinite(p.paused_until) THEN p.paused_until END AS paused_until
             FROM wazapp.message m
             LEFT JOIN wazapp.outbox q ON q.organization_id = m.organization_id AND q.message_id = m.id
             LEFT JOIN wazapp.number_pace p ON p.organization_id = m.organization_id AND p.number_id = m.number_id
             WHERE m.organization_id = $1 AND m.id = $2 AND m.direction = 'outbound'",
            &[&tx.organization_id(), &id],
        )
        .await?;
    row.as_ref().map(Fate::read).transpose()
}
