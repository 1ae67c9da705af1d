//! One contact.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::mark::{ERASED, pattern, tells_of_them};
use crate::database::{Database, Operator, Param, Result, column};
use crate::event::{self, Line};
use crate::retention::{FOLLOW, STAY};
use crate::scope::Scope;
use crate::transfer::{MESSAGES, OF_A_PERSON, Part, Person, Table, listed, quoted};

/// How many rows went, or lost their words, of which table.
pub type Counts = BTreeMap<String, u64>;

/// What hangs on a message, each before it.
const HANGING: [(&str, &str); 4] = [
    // Whoever changes the queue's rows and their messages takes the queue's first.
    (
        "outbox",
        "DELETE FROM wazapp.outbox t WHERE t.organization_id = $1 AND t.message_id = ANY ($2) RETURNING NULL::text",
    ),
    (
        "idempotency_key",
        "DELETE FROM wazapp.idempotency_key t WHERE t.organization_id = $1 AND t.message_id = ANY ($2) RETURNING NULL::text",
    ),
    (
        "message_version",
        "DELETE FROM wazapp.message_version t WHERE t.organization_id = $1 AND t.message_id = ANY ($2) RETURNING NULL::text",
    ),
    ("media", "DELETE FROM wazapp.media t WHERE t.organization_id = $1 AND t.message_id = ANY ($2) RETURNING t.file"),
];

/// They are leaving, unless something else shows them.
const LEAVE: [&str; 2] = [
    "WITH alone AS (
       SELECT f.sha256, f.thumbnail FROM wazapp.file f
       WHERE f.organization_id = $1 AND f.sha256 = ANY ($2) AND f.deleted_at IS NULL
         AND NOT EXISTS (SELECT FROM wazapp.media d WHERE d.organization_id = $1 AND d.file = f.sha256)
         AND NOT EXISTS (SELECT FROM wazapp.file p WHERE p.organization_id = $1 AND p.thumbnail = f.sha256 AND p.sha256 <> f.sha256)
       ORDER BY f.sha256 FOR NO KEY UPDATE OF f)
     UPDATE wazapp.file f SET deleted_at = $3, thumbnail_at = NULL, thumbnail = NULL FROM alone
     WHERE f.organization_id = $1 AND f.sha256 = alone.sha256 RETURNING alone.thumbnail",
    "UPDATE wazapp.file f SET deleted_at = $3 WHERE f.organization_id = $1 AND f.sha256 = ANY ($2) AND f.deleted_at IS NULL
       AND NOT EXISTS (SELECT FROM wazapp.media d WHERE d.organization_id = $1 AND d.file = f.sha256)
       AND NOT EXISTS (SELECT FROM wazapp.file p WHERE p.organization_id = $1 AND p.thumbnail = f.sha256)
     RETURNING NULL::text",
];

/// The number of the organization's newest event.
pub async fn any_organization_last_event(tx: &Operator, scope: &Scope) -> Result<i64> {
    let row = tx
        .query_opt(
            "SELECT coalesce(max(sequence), 0) FROM wazapp.event WHERE organization_id = $1",
            &[&scope.organization_id()],
        )
        .await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// Events between two numbers that tell of the contact lose their words; answers how many.
pub async fn any_organization_blank_events(
    tx: &Operator,
    scope: &Scope,
    person: &Person,
    (after, upto): (i64, i64),
) -> Result<u64> {
    let Some((_, Part::Words(clause, _))) = OF_A_PERSON.iter().find(|(table, _)| *table == "event") else {
        return Ok(0);
    };
    let statement = listed(
        "UPDATE wazapp.event t SET data = NULL, subject_id = NULL
         WHERE {own} AND t.sequence > $8::bigint AND t.sequence <= $9::bigint AND (t.data IS NOT NULL OR t.subject_id IS NOT NULL)
         RETURNING 1",
        clause,
    );
    let organization_id = scope.organization_id();
    let params: Vec<&dyn Param> =
        person.params(&organization_id).into_iter().chain([&after as &dyn Param, &upto]).collect();
    Ok(tx.query(&statement, &params).await?.len() as u64)
}

/// Some of the contact's messages go, with all that hangs on them and the files that nothing else shows, in the organization's line.
pub async fn any_organization_drop_messages_of(
    line: &Line<'_>,
    person: &Person,
    now: Timestamp,
    most: i64,
) -> Result<Counts> {
    let organization_id = line.organization_id();
    let params: [&dyn Param; 4] = [&organization_id, &person.contacts, &person.conversations, &most];
    let found = line.query(&format!("{MESSAGES} ORDER BY m.id LIMIT $4"), &params).await?;
    let ids: Vec<Uuid> = found.iter().map(|row| row.get(0)).collect();
    let mut counts = Counts::new();
    if ids.is_empty() {
        return Ok(counts);
    }
    let mut files: Vec<String> = Vec::new();
    for (table, statement) in HANGING {
        let gone = line.query(statement, &[&organization_id, &ids]).await?;
        count(&mut counts, table, gone.len());
        files.extend(gone.iter().filter_map(|row| row.get::<_, Option<String>>(0)));
    }
    let gone = line
        .query(
            "DELETE FROM wazapp.message m WHERE m.organization_id = $1 AND m.id = ANY ($2)
             RETURNING m.conversation_id, m.number_id, m.wamid, m.reply_to_wamid",
            &[&organization_id, &ids],
        )
        .await?;
    count(&mut counts, "message", gone.len());
    follow(line, &gone, &mut counts).await?;
    for statement in LEAVE {
        let left = line.query(statement, &[&organization_id, &files, &now]).await?;
        count(&mut counts, "file", left.len());
        files = left.iter().filter_map(|row| row.get::<_, Option<String>>(0)).collect();
    }
    Ok(counts)
}

/// What is kept by Meta's ids goes with its messages, and conversations that stay count them as gone.
async fn follow(line: &Line<'_>, gone: &[Row], counts: &mut Counts) -> Result<()> {
    let organization_id = line.organization_id();
    let told: Vec<&Row> = gone.iter().filter(|row| row.get::<_, Option<&str>>("wamid").is_some()).collect();
    let numbers: Vec<Uuid> = column(&told, |row| row.get("number_id"));
    let wamids: Vec<Option<String>> = column(&told, |row| row.get("wamid"));
    let targets: Vec<Option<String>> = column(&told, |row| row.get("reply_to_wamid"));
    for (nth, statement) in FOLLOW.into_iter().enumerate() {
        let statement = format!("{statement} RETURNING 1");
        let gone = line.query(&statement, &[&organization_id, &numbers, &wamids, &targets]).await?;
        count(counts, if nth == 0 { "status" } else { "reaction" }, gone.len());
    }
    let mut of_conversations: BTreeMap<Uuid, i64> = BTreeMap::new();
    for row in gone {
        *of_conversations.entry(row.get("conversation_id")).or_default() += 1;
    }
    let (conversations, went): (Vec<Uuid>, Vec<i64>) = of_conversations.into_iter().unzip();
    let inbound: Vec<Option<Timestamp>> = vec![None; went.len()];
    line.query(STAY, &[&organization_id, &conversations, &went, &inbound]).await?;
    Ok(())
}

/// The rest of the contact goes, the contact last.
pub async fn any_organization_finish_person(
    tx: &Operator,
    scope: &Scope,
    person: &Person,
    tables: &[Table],
    (events, now): (i64, Timestamp),
) -> Result<Counts> {
    let line = event::line_of(tx, scope).await?;
    let mut counts = Counts::new();
    let blanked = any_organization_blank_events(&line, scope, person, (events, i64::MAX)).await?;
    count(&mut counts, "event", usize::try_from(blanked).unwrap_or(usize::MAX));
    loop {
        let more = any_organization_drop_messages_of(&line, person, now, 500).await?;
        if more.is_empty() {
            break;
        }
        add(&mut counts, more);
    }
    let organization_id = scope.organization_id();
    for table in tables.iter().rev().filter(|table| table.name != "file") {
        let Some((name, Part::Rows(clause))) = OF_A_PERSON.iter().find(|(name, _)| *name == table.name) else {
            continue;
        };
        let statement = listed(&format!("DELETE FROM {} t WHERE {{own}} RETURNING 1", table.place()), clause);
        let gone = line.query(&statement, &person.params(&organization_id)).await?;
        count(&mut counts, name, gone.len());
    }
    Ok(counts)
}

fn count(counts: &mut Counts, table: &str, many: usize) {
    if many > 0 {
        *counts.entry(table.to_owned()).or_default() += many as u64;
    }
}

/// Adds counts to others.
pub fn add(counts: &mut Counts, more: Counts) {
    for (table, many) in more {
        *counts.entry(table).or_default() += many;
    }
}

/// What was written down of what people did with the contact loses the contact's words; answers of how many deeds.
pub async fn any_organization_blank_audit(database: &Database, scope: &Scope, person: &Person) -> Result<u64> {
    let Some((_, Part::Words(clause, _))) = OF_A_PERSON.iter().find(|(table, _)| *table == "audit") else {
        return Ok(0);
    };
    let organization_id = scope.organization_id();
    let tx = database.operator().await?;
    let statement = listed(
        concat!(
            "SELECT t.id FROM wazapp.audit t WHERE t.organization_id = $1::uuid AND ({own} OR ",
            tells_of_them!("t.subject_id"),
            " OR ",
            tells_of_them!("t.subject_name"),
            " OR ",
            tells_of_them!("t.before::text"),
            " OR ",
            tells_of_them!("t.after::text"),
            ") AND num_nulls(t.subject_id, t.subject_name, t.before, t.after) < 4"
        ),
        clause,
    );
    let found = tx.query(&statement, &person.params(&organization_id)).await?;
    tx.close();
    let ids: Vec<Uuid> = found.iter().map(|row| row.get(0)).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    // Neither role may change it, and its owner sees no row of it while policies hold for the owner too.
    let owner = database.owner().await?;
    owner
        .batch_execute("BEGIN; SET LOCAL lock_timeout = '10s'; ALTER TABLE wazapp.audit NO FORCE ROW LEVEL SECURITY")
        .await?;
    owner
        .execute(
            "UPDATE wazapp.audit SET subject_id = NULL, subject_name = NULL, before = NULL, after = NULL
             WHERE organization_id = $1 AND id = ANY ($2)",
            &[&organization_id, &ids],
        )
        .await?;
    owner.batch_execute("ALTER TABLE wazapp.audit FORCE ROW LEVEL SECURITY; COMMIT").await?;
    Ok(ids.len() as u64)
}

/// Where others' rows hold what stands for the contact alone, it is taken out of their words; answers of how many rows.
pub async fn any_organization_redact(line: &Line<'_>, person: &Person, table: &Table) -> Result<u64> {
    let clause = match OF_A_PERSON.iter().find(|(name, _)| *name == table.name) {
        Some((_, Part::Rows(clause))) => *clause,
        _ => "false",
    };
    if matches!(table.name.as_str(), "audit" | "organization") {
        return Ok(0);
    }
    let (organization_id, marks, mut rows) = (line.organization_id(), person.marks(), 0);
    for column in table.columns.iter().filter(|column| !table.key.contains(&column.name)) {
        let name = quoted(&column.name);
        let set = match column.kind.as_str() {
            "text" => format!(r"regexp_replace(t.{name}, $9::text, '\1{ERASED}\2', 'g')"),
            // Whole strings and numbers stay JSON.
            "json" | "jsonb" => format!(
                r#"regexp_replace(replace(t.{name}::text, '"' || $8 || '"', '"{ERASED}"'), $9::text, '\10\2', 'g')::{}"#,
                column.kind
            ),
            _ => continue,
        };
        let statement = listed(
            &format!(
                "UPDATE {} t SET {name} = {set} WHERE t.organization_id = $1::uuid AND strpos(t.{name}::text, $8::text) > 0
                 AND t.{name}::text ~ $9 AND ({{own}}) IS NOT TRUE RETURNING 1",
                table.place()
            ),
            clause,
        );
        for mark in marks {
            let pattern = pattern(mark);
            let params: Vec<&dyn Param> =
                person.params(&organization_id).into_iter().chain([mark as &dyn Param, &pattern]).collect();
            rows += line.query(&statement, &params).await?.len() as u64;
        }
    }
    Ok(rows)
}
