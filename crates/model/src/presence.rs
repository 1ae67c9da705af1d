//! Who is at a conversation at this moment, who is writing an answer, and how far each has seen it.
//!
//! Whoever is there says so again and again; whoever falls silent is gone within seconds. Nothing of it is in the event log.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::database::{Result, Tenant};

/// Whoever said nothing for so long is gone.
const THERE: SignedDuration = SignedDuration::from_secs(8);

/// Whoever did not say for so long that they write does not write.
const WRITING: SignedDuration = SignedDuration::from_secs(5);

/// What somebody does at a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// They look at it.
    Look,
    /// They write an answer.
    Write,
    /// They went elsewhere.
    Leave,
}

/// Somebody else who works there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colleague {
    /// What they are called.
    pub name: String,
    /// Whether they are there now.
    pub is_there: bool,
    /// Whether they are writing an answer.
    pub writes: bool,
    /// Whether they have seen it as far as whoever asks.
    pub has_seen: bool,
}

/// Notes what somebody does at a conversation. That they see it is asked before; whoever does not work here is not noted.
pub async fn note(tx: &Tenant, now: Timestamp, user_id: Uuid, conversation_id: Uuid, doing: Doing) -> Result<()> {
    let until = if doing == Doing::Leave { now } else { now + THERE };
    let writing_until = (doing == Doing::Write).then(|| now + WRITING);
    let organization = tx.organization_id();
    tx.query(
        "INSERT INTO wazapp.presence (organization_id, conversation_id, user_id, until, writing_until)
         SELECT $1, $2, m.user_id, $4, $5 FROM wazapp.membership m WHERE m.organization_id = $1 AND m.user_id = $3
         ON CONFLICT (organization_id, conversation_id, user_id) DO UPDATE
           SET until = excluded.until, writing_until = excluded.writing_until",
        &[&organization, &conversation_id, &user_id, &until, &writing_until],
    )
    .await?;
    // Where they were before. What another tab of theirs is at is left to it.
    tx.query(
        "DELETE FROM wazapp.presence p
         WHERE p.organization_id = $1 AND p.user_id = $2 AND p.conversation_id IN (
           SELECT o.conversation_id FROM wazapp.presence o
           WHERE o.organization_id = $1 AND o.user_id = $2 AND o.until <= $3 FOR NO KEY UPDATE SKIP LOCKED)",
        &[&organization, &user_id, &now],
    )
    .await?;
    Ok(())
}

/// Notes how far somebody has seen a conversation, which only goes up.
pub async fn saw(tx: &Tenant, user_id: Uuid, conversation_id: Uuid, through: i64) -> Result<()> {
    tx.query(
        "INSERT INTO wazapp.seen AS s (organization_id, conversation_id, user_id, through)
         SELECT $1, v.id, m.user_id, least($4, v.last_sequence)
         FROM wazapp.conversation v JOIN wazapp.membership m ON m.organization_id = v.organization_id AND m.user_id = $3
         WHERE v.organization_id = $1 AND v.id = $2
         ON CONFLICT (organization_id, conversation_id, user_id) DO UPDATE SET through = excluded.through
           WHERE s.through < excluded.through",
        &[&tx.organization_id(), &conversation_id, &user_id, &through],
    )
    .await?;
    Ok(())
}

/// Who else is at a conversation, or has seen it up to this message, by name.
pub async fn others(
    tx: &Tenant,
    now: Timestamp,
    user_id: Uuid,
    conversation_id: Uuid,
    through: i64,
) -> Result<Vec<Colleague>> {
    let rows = tx
        .query(
            "SELECT u.name, coalesce(p.until > $4, false) AS is_there,
                    coalesce(p.until > $4 AND p.writing_until > $4, false) AS writes, coalesce(s.through >= $5, false) AS has_seen
             FROM wazapp.membership m JOIN wazapp.\"user\" u ON u.id = m.user_id
             LEFT JOIN wazapp.presence p
               ON p.organization_id = $1 AND p.conversation_id = $2 AND p.user_id = m.user_id
             LEFT JOIN wazapp.seen s ON s.organization_id = $1 AND s.conversation_id = $2 AND s.user_id = m.user_id
             WHERE m.organization_id = $1 AND m.user_id <> $3 AND (p.until > $4 OR s.through >= $5)
             ORDER BY lower(u.name), m.user_id",
            &[&tx.organization_id(), &conversation_id, &user_id, &now, &through],
        )
        .await?;
    let colleague = |row: &tokio_postgres::Row| Colleague {
        name: row.get("name"),
        is_there: row.get("is_there"),
        writes: row.get("writes"),
        has_seen: row.get("has_seen"),
    };
    Ok(rows.iter().map(colleague).collect())
}
