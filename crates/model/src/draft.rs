//! What somebody has begun to write in a conversation: theirs alone, on whatever device they go on.
//!
//! Whoever writes says which version they saw, so that a page that was left open somewhere overwrites nothing in silence.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Result, Tenant};

/// The longest, in characters: as long as a text that can be sent.
pub const LONGEST: usize = 4096;

/// So much of it a list shows.
const BEGINNING: i32 = 160;

/// A draft as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Empty: there is none any more.
    pub text: String,
    /// Only goes up.
    pub version: i64,
}

/// What came of a wish to keep one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept, under this version.
    As(i64),
    /// They wrote something else meanwhile, on a page that this one does not know of.
    Newer(Draft),
}

/// Whose drafts the transaction sees and writes from here on: the policy `own_person` goes by it.
async fn of_writer(tx: &Tenant, user_id: Uuid) -> Result<()> {
    tx.execute(&format!("SET LOCAL app.user_id = '{user_id}'")).await
}

/// Somebody's draft in a conversation.
pub async fn get(tx: &Tenant, user_id: Uuid, conversation_id: Uuid) -> Result<Option<Draft>> {
    of_writer(tx, user_id).await?;
    let row = tx
        .query_opt(
            "SELECT text, version FROM wazapp.draft
             WHERE organization_id = $1 AND conversation_id = $2 AND user_id = $3",
            &[&tx.organization_id(), &conversation_id, &user_id],
        )
        .await?;
    Ok(row.map(|row| Draft { text: row.get("text"), version: row.get("version") }))
}

/// How somebody's drafts in these conversations begin.
pub async fn beginnings(tx: &Tenant, user_id: Uuid, conversations: Vec<Uuid>) -> Result<HashMap<Uuid, String>> {
    of_writer(tx, user_id).await?;
    let rows = tx
        .query(
            "SELECT conversation_id, left(text, $4) AS text FROM wazapp.draft
             WHERE organization_id = $1 AND conversation_id = ANY ($2) AND user_id = $3 AND text <> ''",
            &[&tx.organization_id(), &conversations, &user_id, &BEGINNING],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get("conversation_id"), row.get("text"))).collect())
}

/// Keeps what somebody has written, who saw this version (0: none), unless another one was written since. That they see the
/// conversation is asked before.
pub async fn keep(
    tx: &Tenant,
    now: Timestamp,
    user_id: Uuid,
    conversation_id: Uuid,
    (text, seen): (&str, i64),
) -> Result<Kept> {
    of_writer(tx, user_id).await?;
    // What is gone is written over whatever was seen of it: nothing is lost by that.
    let kept = tx
        .query_opt(
            "INSERT INTO wazapp.draft AS d (organization_id, conversation_id, user_id, text, version)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (organization_id, conversation_id, user_id) DO UPDATE
               SET text = excluded.text, version = greatest(d.version + 1, excluded.version)
               WHERE d.version = $6 OR d.text IN ('', excluded.text)
             RETURNING version",
            &[&tx.organization_id(), &conversation_id, &user_id, &text, &now.as_microsecond(), &seen],
        )
        .await?;
    match kept {
        Some(row) => Ok(Kept::As(row.get("version"))),
        None => Ok(get(tx, user_id, conversation_id).await?.map_or(Kept::As(0), Kept::Newer)),
    }
}

/// What was sent is no draft any more; what begins otherwise was written since, and stays.
pub async fn sent(tx: &Tenant, user_id: Uuid, conversation_id: Uuid, text: &str) -> Result<()> {
    of_writer(tx, user_id).await?;
    tx.query(
        "UPDATE wazapp.draft SET text = '', version = version + 1
         WHERE organization_id = $1 AND conversation_id = $2 AND user_id = $3
           AND text <> '' AND starts_with($4, btrim(text, E' \\n'))",
        &[&tx.organization_id(), &conversation_id, &user_id, &text],
    )
    .await?;
    Ok(())
}

/// Where all messages of a conversation went on in another one, so do its drafts, behind what was begun there. Takes the
/// organization, conversations that messages left, and where each one's are now.
pub(crate) const GO_ON: &str = "WITH moved AS (
       DELETE FROM wazapp.draft o USING (SELECT DISTINCT * FROM unnest($2::uuid[], $3::uuid[]) AS l (from_id, to_id)) l
       WHERE o.organization_id = $1 AND o.conversation_id = l.from_id
         AND NOT EXISTS (SELECT FROM wazapp.message m WHERE m.organization_id = $1 AND m.conversation_id = l.from_id)
       RETURNING o.organization_id, l.to_id, o.user_id, o.text, o.version)
     INSERT INTO wazapp.draft AS d (organization_id, conversation_id, user_id, text, version)
     SELECT organization_id, to_id, user_id, left(string_agg(text, E'\\n' ORDER BY version), 4096), max(version)
     FROM moved WHERE text <> '' GROUP BY organization_id, to_id, user_id
     ON CONFLICT (organization_id, conversation_id, user_id) DO UPDATE
       SET text = left(concat_ws(E'\\n', nullif(d.text, ''), excluded.text), 4096),
           version = greatest(d.version, excluded.version) + 1";
