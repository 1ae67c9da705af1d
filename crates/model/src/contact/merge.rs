//! Two contacts that turn out to be one: what is left of the one that vanishes, and how it comes back.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::evidence::Name;
use super::rehome;
use crate::database::{Operator, Param, Pipeline, Result, Rows, Tenant, Tx};
use crate::draft;
use crate::event::{self, Kind, New};
use crate::scope::Scope;

/// How long a merge can be undone.
pub const UNDO_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A conversation whose messages went on in another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergedConversation {
    /// Its id, which leads to the other from now on.
    pub vanished: Uuid,
    /// The other.
    pub survivor: Uuid,
}

/// Makes one contact of two: conversations, what they wrote in groups, words that people wrote. Where both had a
/// conversation on the same number, its messages go on in the survivor's. The names follow when they are written, and
/// then [`any_organization_vanish`]. Keeps what it takes to undo it.
pub async fn any_organization_merge(
    tx: &Operator,
    organization_id: Uuid,
    survivor: Uuid,
    vanished: Uuid,
    names: &[Name],
    now: Timestamp,
) -> Result<Vec<MergedConversation>> {
    keep(tx, organization_id, survivor, vanished, names, now).await?;
    let params: [&dyn Param; 4] = [&organization_id, &survivor, &vanished, &now];
    for statement in JOIN {
        tx.query(statement, named(statement, &params)).await?;
    }
    let twins = tx
        .query(
            "INSERT INTO wazapp.conversation_merge (organization_id, vanished_id, survivor_id, merged_at)
             SELECT o.organization_id, o.id, s.id, $4 FROM wazapp.conversation o
             JOIN wazapp.conversation s
               ON s.organization_id = o.organization_id AND s.number_id = o.number_id AND s.contact_id = $2
             WHERE o.organization_id = $1 AND o.contact_id = $3
             ON CONFLICT (organization_id, vanished_id) DO UPDATE SET survivor_id = excluded.survivor_id
             RETURNING vanished_id, survivor_id",
            &[&organization_id, &survivor, &vanished, &now],
        )
        .await?;
    let (left, survived): (Vec<Uuid>, Vec<Uuid>) =
        twins.iter().map(|row| (row.get::<_, Uuid>(0), row.get::<_, Uuid>(1))).unzip();
    tx.query(draft::GO_ON, &[&organization_id, &left, &survived]).await?;
    for statement in GO_ON {
        tx.query(statement, named(statement, &params)).await?;
    }
    Ok(left.into_iter().zip(survived).map(|(vanished, survivor)| MergedConversation { vanished, survivor }).collect())
}

/// As many of the parameters as a statement names.
fn named<'a, 'p>(statement: &str, params: &'a [&'p dyn Param]) -> &'a [&'p dyn Param] {
    let count = (1..=params.len()).rev().find(|nth| statement.contains(&format!("${nth}")));
    &params[..count.unwrap_or_default()]
}

async fn keep(
    tx: &Operator,
    organization_id: Uuid,
    survivor: Uuid,
    vanished: Uuid,
    names: &[Name],
    now: Timestamp,
) -> Result<()> {
    let compared: Vec<_> =
        names.iter().map(|name| json!({ "kind": name.kind.as_str(), "value": name.value })).collect();
    tx.query(
        "INSERT INTO wazapp.contact_merge (organization_id, id, vanished_id, survivor_id, merged_at, kept)
         SELECT $1, $2, o.id, s.id, $5, json_build_object(
           'vanished', json_build_object('own_name', o.own_name, 'notes', o.notes, 'book_name', o.book_name,
                                         'book_at', o.book_at, 'profile_name', o.profile_name, 'wa_id', o.wa_id,
                                         'user_id', o.user_id, 'parent_user_id', o.parent_user_id, 'username', o.username,
                                         'created_at', o.created_at),
           'survivor', json_build_object('own_name', s.own_name, 'notes', s.notes),
           'names', (SELECT json_agg(json_build_object('kind', i.kind, 'value', i.value))
                     FROM wazapp.contact_identity i WHERE i.organization_id = $1 AND i.contact_id = o.id),
           'compared', $6::text::json,
           'conversations', (SELECT json_agg(json_build_object('id', v.id, 'number_id', v.number_id))
                             FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.contact_id = o.id),
           'messages', (SELECT json_agg(m.id) FROM wazapp.conversation v
                        JOIN wazapp.message m ON m.organization_id = $1 AND m.conversation_id = v.id
                        WHERE v.organization_id = $1 AND v.contact_id = o.id AND m.party IS NULL))
         FROM wazapp.contact s, wazapp.contact o
         WHERE s.organization_id = $1 AND s.id = $3 AND o.organization_id = $1 AND o.id = $4",
        &[&organization_id, &Uuid::now_v7(), &survivor, &vanished, &now, &Value::Array(compared).to_string()],
    )
    .await?;
    Ok(())
}

/// What the survivor takes over while both are there.
const JOIN: [&str; 4] = [
    // Whoever changes the queue's rows and their messages takes the queue's first.
    "SELECT FROM wazapp.conversation v
     JOIN wazapp.outbox q ON q.organization_id = v.organization_id AND q.conversation_id = v.id
     WHERE v.organization_id = $1 AND v.contact_id IN ($2, $3) FOR UPDATE OF q",
    // Messages of twin conversations move behind the survivor's, in their own order.
    "WITH twin AS (
       SELECT s.id AS survivor, o.id AS other, s.last_sequence
       FROM wazapp.conversation o
       JOIN wazapp.conversation s
         ON s.organization_id = o.organization_id AND s.number_id = o.number_id AND s.contact_id = $2
       WHERE o.organization_id = $1 AND o.contact_id = $3)
     UPDATE wazapp.message m SET conversation_id = moved.survivor, sequence = moved.sequence
     FROM (SELECT m.id, t.survivor,
                  t.last_sequence + row_number() OVER (PARTITION BY t.survivor ORDER BY m.sequence) AS sequence
           FROM wazapp.message m JOIN twin t ON m.conversation_id = t.other WHERE m.organization_id = $1) moved
     WHERE m.organization_id = $1 AND m.id = moved.id",
    // What people said of the other thread counts where it is newer; the rest is worked out from the messages.
    "UPDATE wazapp.conversation s SET
       assignee_id = coalesce(s.assignee_id, o.assignee_id), team_id = coalesce(s.team_id, o.team_id),
       blocked_at = coalesce(s.blocked_at, o.blocked_at),
       messages_gone = s.messages_gone + o.messages_gone, gone_inbound_at = greatest(s.gone_inbound_at, o.gone_inbound_at),
       state = CASE WHEN (o.state_at, o.state_tie) > (s.state_at, s.state_tie) THEN o.state ELSE s.state END,
       state_tie = CASE WHEN (o.state_at, o.state_tie) > (s.state_at, s.state_tie) THEN o.state_tie ELSE s.state_tie END,
       state_at = greatest(o.state_at, s.state_at),
       -- The rest of these, with their ties, is worked out from the messages.
       referral = CASE WHEN coalesce((o.referral_at, o.referral_tie) < (s.referral_at, s.referral_tie), s.referral IS NULL)
                       THEN o.referral ELSE s.referral END,
       referral_tie = CASE WHEN coalesce((o.referral_at, o.referral_tie) < (s.referral_at, s.referral_tie), s.referral IS NULL)
                           THEN o.referral_tie ELSE s.referral_tie END,
       referral_at = least(s.referral_at, o.referral_at), updated_at = greatest(s.updated_at, $4)
     FROM wazapp.conversation o
     WHERE s.organization_id = $1 AND s.contact_id = $2
       AND o.organization_id = $1 AND o.contact_id = $3 AND o.number_id = s.number_id",
    // Words that people wrote are never lost: a second name goes into the notes.
    "UPDATE wazapp.contact s SET
       own_name = coalesce(s.own_name, o.own_name),
       notes = nullif(concat_ws(E'\\n', s.notes, CASE WHEN o.own_name <> s.own_name THEN o.own_name END,
                                CASE WHEN o.notes IS DISTINCT FROM s.notes THEN o.notes END), ''),
       book_name = CASE WHEN coalesce(o.book_at, 'epoch') > coalesce(s.book_at, 'epoch') OR s.book_name IS NULL AND s.book_at IS NULL
                        THEN o.book_name ELSE s.book_name END,
       book_at = greatest(s.book_at, o.book_at),
       profile_name = coalesce(s.profile_name, o.profile_name), username = coalesce(s.username, o.username),
       created_at = least(s.created_at, o.created_at), updated_at = greatest(s.updated_at, $4)
     FROM wazapp.contact o WHERE s.organization_id = $1 AND s.id = $2 AND o.organization_id = $1 AND o.id = $3",
];

/// What is left of the other one.
const GO_ON: [&str; 4] = [
    "UPDATE wazapp.outbox q SET conversation_id = m.conversation_id, sequence = m.sequence
     FROM wazapp.conversation o, wazapp.message m
     WHERE o.organization_id = $1 AND o.contact_id = $3 AND $2::uuid IS NOT NULL
       AND q.organization_id = $1 AND q.conversation_id = o.id
       AND m.organization_id = $1 AND m.id = q.message_id AND m.conversation_id <> q.conversation_id",
    "DELETE FROM wazapp.conversation o USING wazapp.conversation s
     WHERE o.organization_id = $1 AND o.contact_id = $3
       AND s.organization_id = $1 AND s.contact_id = $2 AND s.number_id = o.number_id",
    "UPDATE wazapp.conversation SET contact_id = $2, updated_at = greatest(updated_at, $4) WHERE organization_id = $1 AND contact_id = $3",
    "UPDATE wazapp.message SET contact_id = $2 WHERE organization_id = $1 AND contact_id = $3",
];

/// Removes contacts that became another one, whose names lead elsewhere by now.
pub fn any_organization_vanish<'a>(pipeline: &mut Pipeline<'a>, contacts: &'a [(Uuid, Uuid)]) {
    if contacts.is_empty() {
        return;
    }
    let rows = Rows::of(contacts).key("organization_id", |one| one.0).key("id", |one| one.1);
    pipeline.add(rows.delete("wazapp.contact"));
}

/// The contact that one which vanished leads to.
pub async fn survivor(tx: &Tenant, vanished: Uuid) -> Result<Option<Uuid>> {
    led(tx, tx.organization_id(), vanished).await
}

async fn led(tx: &Tx, organization_id: Uuid, vanished: Uuid) -> Result<Option<Uuid>> {
    let row = tx
        .query_opt(
            "WITH RECURSIVE led AS (
               SELECT m.survivor_id, 1 AS step FROM wazapp.contact_merge m
               WHERE m.organization_id = $1 AND m.vanished_id = $2 AND m.undone_at IS NULL
               UNION SELECT m.survivor_id, l.step + 1 FROM led l JOIN wazapp.contact_merge m
                 ON m.organization_id = $1 AND m.vanished_id = l.survivor_id AND m.undone_at IS NULL
               WHERE l.step < 100)
             SELECT c.id FROM led l JOIN wazapp.contact c ON c.organization_id = $1 AND c.id = l.survivor_id
             ORDER BY l.step DESC LIMIT 1",
            &[&organization_id, &vanished],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// A merge that can be looked at, and for a time undone.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Merge {
    /// UUIDv7.
    pub id: Uuid,
    /// The contact that vanished: its id leads to the survivor.
    pub merged_id: Uuid,
    /// The contact that goes on.
    pub contact_id: Uuid,
    /// When it was done.
    #[schema(value_type = String, format = DateTime)]
    pub merged_at: Timestamp,
    /// Until when it can be undone.
    #[schema(value_type = String, format = DateTime)]
    pub undo_until: Timestamp,
    /// When it was undone.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub undone_at: Option<Timestamp>,
}

/// The merges that a contact is made of, newest first.
pub async fn merges(tx: &Tenant, contact_id: Uuid) -> Result<Vec<Merge>> {
    let rows = tx
        .query(
            "WITH RECURSIVE led AS (
               SELECT m.id, m.vanished_id, m.merged_at, m.undone_at, 1 AS step
               FROM wazapp.contact_merge m WHERE m.organization_id = $1 AND m.survivor_id = $2
               UNION SELECT m.id, m.vanished_id, m.merged_at, m.undone_at, l.step + 1
               FROM led l JOIN wazapp.contact_merge m ON m.organization_id = $1 AND m.survivor_id = l.vanished_id
               WHERE l.step < 100 AND l.undone_at IS NULL)
             SELECT id, vanished_id, merged_at, undone_at FROM led ORDER BY merged_at DESC, id DESC",
            &[&tx.organization_id(), &contact_id],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            let merged_at: Timestamp = row.get("merged_at");
            Merge {
                id: row.get("id"),
                merged_id: row.get("vanished_id"),
                contact_id,
                merged_at,
                undo_until: merged_at + UNDO_WITHIN,
                undone_at: row.get("undone_at"),
            }
        })
        .collect())
}

/// What came of a wish to undo a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// Both contacts are there again.
    Done {
        /// The one that had vanished.
        contact_id: Uuid,
    },
    /// It was undone before, it is too old, or the contact it led to is gone.
    TooLate,
}

/// Undoes a merge: the contact that vanished is there again under its own id, with its names, its words, and everything
/// that was written under its names, before or since. That the two are one is disputed from now on, and no webhook that
/// says the same again merges them. `None`: the organization has no such merge.
pub async fn undo(tx: &Operator, scope: &Scope, merge_id: Uuid, now: Timestamp) -> Result<Option<Undone>> {
    let organization_id = scope.organization_id();
    let line = event::line_of(tx, scope).await?;
    let row = tx
        .query_opt(
            "SELECT vanished_id, merged_at, undone_at, kept IS NOT NULL AS kept FROM wazapp.contact_merge m
             WHERE organization_id = $1 AND id = $2 FOR UPDATE",
            &[&organization_id, &merge_id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let vanished: Uuid = row.get("vanished_id");
    let merged_at: Timestamp = row.get("merged_at");
    let done = row.get::<_, Option<Timestamp>>("undone_at").is_some();
    let survivor = led(tx, organization_id, vanished).await?;
    let (Some(survivor), true) = (survivor, row.get::<_, bool>("kept") && !done && now <= merged_at + UNDO_WITHIN)
    else {
        return Ok(Some(Undone::TooLate));
    };
    let unread = rehome::any_organization_unread(tx, organization_id, &[survivor]).await?;
    let before = rehome::conversations(tx, organization_id, &[survivor]).await?;
    let params: [&dyn Param; 5] = [&organization_id, &merge_id, &survivor, &vanished, &now];
    for statement in PART {
        tx.query(statement, named(statement, &params)).await?;
    }
    let theirs = tx.query(THEIRS, named(THEIRS, &params)).await?;
    let theirs: Vec<Uuid> = theirs.iter().map(|row| row.get(0)).collect();
    tx.query(COME_BACK, &params).await?;
    rehome::any_organization_rehome(tx, organization_id, &theirs, vanished, now).await?;
    rehome::any_organization_resettle(&line, &[survivor, vanished], &before, &unread, now).await?;
    tx.query(
        "UPDATE wazapp.contact_merge SET undone_at = $3 WHERE organization_id = $1 AND id = $2",
        &[&organization_id, &merge_id, &now],
    )
    .await?;
    let parted = json!({ "id": survivor, "separated_id": vanished });
    line.record(New::of(Kind::ContactSeparated, now, Some(survivor), &parted)).await?;
    Ok(Some(Undone::Done { contact_id: vanished }))
}

/// The names that a merge brought, as Meta wrote them or as they are compared. `$2` is the merge.
macro_rules! names {
    () => {
        names!("names")
    };
    ($which:literal) => {
        concat!(
            "(SELECT n ->> 'kind' AS kind, n ->> 'value' AS value FROM wazapp.contact_merge g,
                json_array_elements(coalesce(nullif(g.kept ->> '",
            $which,
            "', '')::json, '[]')) n
              WHERE g.organization_id = $1 AND g.id = $2)"
        )
    };
}

/// Takes the two apart: first the row that comes back, then its names, then what said that they are one.
const PART: [&str; 5] = [
    "INSERT INTO wazapp.contact
       (organization_id, id, own_name, notes, book_name, book_at, profile_name, wa_id, user_id, parent_user_id, username, created_at)
     SELECT $1, $4, k ->> 'own_name', k ->> 'notes', k ->> 'book_name', (k ->> 'book_at')::timestamptz, k ->> 'profile_name',
            k ->> 'wa_id', k ->> 'user_id', k ->> 'parent_user_id', k ->> 'username', (k ->> 'created_at')::timestamptz
     FROM (SELECT kept -> 'vanished' AS k FROM wazapp.contact_merge WHERE organization_id = $1 AND id = $2 AND $3::uuid IS NOT NULL) kept",
    // Words that are still as the merge made them are as they were before it; names of the one that comes back are that one's.
    "UPDATE wazapp.contact s SET
       own_name = CASE WHEN s.own_name IS NOT DISTINCT FROM coalesce(k.s ->> 'own_name', k.o ->> 'own_name')
                       THEN k.s ->> 'own_name' ELSE s.own_name END,
       notes = CASE WHEN s.notes IS NOT DISTINCT FROM nullif(concat_ws(E'\\n', k.s ->> 'notes',
                           CASE WHEN k.o ->> 'own_name' <> k.s ->> 'own_name' THEN k.o ->> 'own_name' END,
                           CASE WHEN k.o ->> 'notes' IS DISTINCT FROM k.s ->> 'notes' THEN k.o ->> 'notes' END), '')
                    THEN k.s ->> 'notes' ELSE s.notes END,
       wa_id = CASE WHEN s.wa_id = k.o ->> 'wa_id' THEN k.s ->> 'wa_id' ELSE s.wa_id END,
       user_id = CASE WHEN s.user_id = k.o ->> 'user_id' THEN k.s ->> 'user_id' ELSE s.user_id END,
       parent_user_id = CASE WHEN s.parent_user_id = k.o ->> 'parent_user_id' THEN k.s ->> 'parent_user_id' ELSE s.parent_user_id END,
       username = CASE WHEN s.username = k.o ->> 'username' THEN k.s ->> 'username' ELSE s.username END,
       updated_at = greatest(s.updated_at, $5)
     FROM (SELECT kept -> 'survivor' AS s, kept -> 'vanished' AS o FROM wazapp.contact_merge
           WHERE organization_id = $1 AND id = $2) k
     WHERE s.organization_id = $1 AND s.id = $3 AND s.id <> $4",
    concat!(
        "UPDATE wazapp.identity_link l SET disputed = true FROM ",
        names!("compared"),
        " n WHERE l.organization_id = $1 AND $3::uuid <> $4::uuid
           AND (l.kind = n.kind AND l.value = n.value OR l.holder_kind = n.kind AND l.holder_value = n.value)
           AND NOT EXISTS (SELECT FROM ",
        names!("compared"),
        " a, ",
        names!("compared"),
        " b WHERE a.kind = l.kind AND a.value = l.value AND b.kind = l.holder_kind AND b.value = l.holder_value)"
    ),
    concat!(
        "UPDATE wazapp.identity_move l SET disputed = true FROM ",
        names!("compared"),
        " n WHERE l.organization_id = $1 AND $3::uuid <> $4::uuid
           AND (l.kind = n.kind AND l.value = n.value OR l.to_kind = n.kind AND l.to_value = n.value)
           AND NOT EXISTS (SELECT FROM ",
        names!("compared"),
        " a, ",
        names!("compared"),
        " b WHERE a.kind = l.kind AND a.value = l.value AND b.kind = l.to_kind AND b.value = l.to_value)"
    ),
    concat!(
        "UPDATE wazapp.contact_identity i SET contact_id = $4 FROM ",
        names!(),
        " n WHERE i.organization_id = $1 AND i.contact_id = $3 AND i.kind = n.kind AND i.value = n.value"
    ),
];

/// What is theirs: written under their names, or, where that is not known, in their conversations of then.
const THEIRS: &str = concat!(
    "SELECT m.id FROM wazapp.message m
     WHERE m.organization_id = $1 AND $4::uuid IS NOT NULL
       AND (m.contact_id = $3 OR m.conversation_id IN
              (SELECT v.id FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.contact_id = $3))
       AND (EXISTS (SELECT FROM ",
    names!(),
    " n WHERE n.value = m.party ->> n.kind)
            OR m.id IN (SELECT t::uuid FROM wazapp.contact_merge g,
                          json_array_elements_text(coalesce(nullif(g.kept ->> 'messages', '')::json, '[]')) t
                        WHERE g.organization_id = $1 AND g.id = $2))"
);

/// Their conversations begin again under the ids that they had, where nothing else has them.
const COME_BACK: &str = "
    WITH mine AS (
      SELECT (v ->> 'id')::uuid AS id, (v ->> 'number_id')::uuid AS number_id FROM wazapp.contact_merge g,
        json_array_elements(coalesce(nullif(g.kept ->> 'conversations', '')::json, '[]')) v
      WHERE g.organization_id = $1 AND g.id = $2),
    forgotten AS (
      DELETE FROM wazapp.conversation_merge c USING mine
      WHERE c.organization_id = $1 AND c.vanished_id = mine.id AND $3::uuid <> $4::uuid)
    INSERT INTO wazapp.conversation (organization_id, id, number_id, contact_id, state, last_message_at)
    SELECT $1, mine.id, mine.number_id, $4, 'resolved', $5::timestamptz FROM mine ON CONFLICT DO NOTHING";
