//! Rows on their way in, into a server where their organization is not: all of them in one transaction, or none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Column, ORGANIZATION, PEOPLE, Table, quoted, taken_along};
use crate::database::{Database, DatabaseError, Operator, Param, Result};
use crate::endpoint;
use crate::migrate::{MIGRATIONS, Step};
use crate::secret::Keyring;
use crate::secret::sealed::ENDPOINT_SECRET;
use crate::trouble::Trouble;

/// Tables whose rows are in an export for people to read, and are not taken in.
pub const NOT_TAKEN_IN: &[(&str, &str)] = &[
    ("api_key", "a key without what it is known by opens nothing: make new ones"),
    ("app", "an App without its secrets hears nothing: add it with its secrets"),
    ("connection", "attempts to connect numbers, which are connected anew"),
    ("entry", "visits of the other server's operators"),
    ("former_claim", "who had a number on the other server"),
    ("invitation", "its link opens nothing here: invite again"),
    ("mail", "it was sent from the other server, or waits there"),
    ("number_claim", "numbers come in disconnected"),
    ("number_pace", "how fast the other server sends"),
    ("outbox", "nothing is sent twice: what waited there fails here, as cancelled"),
    ("pair_pace", "how fast the other server sends"),
    ("presence", "who is at a conversation just now"),
    ("receipt", "read receipts, which the other server sends"),
    ("upload", "what the other server's tokens uploaded to Meta"),
];

/// Made with their organization: what is said of it takes their place.
const MADE_WITH_IT: [&str; 2] = ["quota", "retention"];

/// Counted here.
const COUNTED: [&str; 2] = ["media_bytes", "queued_messages"];

/// Rows that are written at once.
const BATCH: usize = 500;

/// A row, member by member, as it is written.
pub type Line = BTreeMap<String, Box<RawValue>>;

type Values = BTreeMap<String, Option<String>>;

/// A transaction that takes rows in. It goes with whoever drops it, or is killed.
#[derive(Debug)]
pub struct Import {
    tx: Operator,
    keyring: Keyring,
    now: Timestamp,
    slug: Option<String>,
    organization_id: Option<Uuid>,
    tables: Vec<Table>,
    /// People who have an account here already, by the id that they have there.
    known: BTreeMap<String, String>,
    /// Pictures refer to their thumbnails, which may come behind them.
    thumbnails: Vec<(String, String)>,
    waiting: Vec<Uuid>,
}

impl Import {
    /// Begins. `slug`: under another short name than it had.
    pub async fn begin(database: &Database, keyring: Keyring, slug: Option<String>, now: Timestamp) -> Result<Self> {
        let tx = database.operator().await?;
        for setting in ["SET LOCAL TimeZone = 'UTC'", "SET LOCAL idle_in_transaction_session_timeout = 0"] {
            tx.execute(setting).await?;
        }
        let tables = taken_along(&tx).await?;
        let (known, thumbnails, waiting) = Default::default();
        Ok(Self { tx, keyring, now, slug, organization_id: None, tables, known, thumbnails, waiting })
    }

    /// Refuses what this version does not know.
    pub fn check(&self, tables: &[Table], steps: &[Step]) -> Result<()> {
        let newer = |what: &str| {
            DatabaseError::Unfit(format!(
                "{what} is unknown to this version: the export is of a newer wazapp; import it with that, or a later one"
            ))
        };
        if let Some(step) = steps.iter().find(|step| !MIGRATIONS.iter().any(|known| known.name == step.name)) {
            return Err(newer(&format!("the step {} of the schema", step.name)));
        }
        for table in tables {
            let here = self.tables.iter().find(|here| here.name == table.name);
            let here = here.ok_or_else(|| newer(&format!("the table {}", table.name)))?;
            let strange =
                table.columns.iter().find(|column| !here.columns.iter().any(|known| known.name == column.name));
            if let Some(column) = strange {
                return Err(newer(&format!("the column {} of the table {}", column.name, table.name)));
            }
        }
        Ok(())
    }

    /// The tables in the order in which they are to come.
    pub fn order(&self) -> Vec<String> {
        self.tables.iter().map(|table| table.name.clone()).collect()
    }

    /// Takes rows of a table; answers how many were written.
    pub async fn take(&mut self, table: &str, lines: Vec<Line>) -> Result<u64> {
        let here = self.tables.iter().find(|here| here.name == table).cloned();
        let Some(here) = here else { return Err(DatabaseError::Unfit(format!("there is no table {table}"))) };
        let mut rows = Vec::with_capacity(lines.len());
        for line in lines {
            let row = values(&here, &line)?;
            if let Some(row) = self.adjusted(&here, row).await? {
                rows.push(row);
            }
        }
        for batch in rows.chunks(BATCH) {
            self.write(&here, batch).await?;
        }
        Ok(rows.len() as u64)
    }

    /// The row as it is written here. `None`: it is not.
    async fn adjusted(&mut self, table: &Table, mut row: Values) -> Result<Option<Values>> {
        let now = Some(self.now.to_string());
        if table.name == ORGANIZATION {
            self.announce(&mut row).await?;
            return Ok(Some(row));
        }
        if table.name == PEOPLE {
            return self.somebody(row).await;
        }
        let own = self.organization_id.map(|id| id.to_string());
        if own.is_none() || row.get("organization_id") != Some(&own) {
            return Err(DatabaseError::Unfit(format!("the table {} holds a row of another organization", table.name)));
        }
        for column in table.columns.iter().filter(|column| column.kind == "uuid") {
            if let Some(Some(id)) = row.get_mut(&column.name)
                && let Some(known) = self.known.get(id.as_str())
            {
                id.clone_from(known);
            }
        }
        match table.name.as_str() {
            "outbox" if is(&row, "state", &["queued", "sending", "unknown"]) => {
                self.waiting.extend(row.get("message_id").and_then(|id| id.as_ref()?.parse::<Uuid>().ok()));
            }
            "number" if is(&row, "status", &["connected"]) => {
                row.insert("status".into(), Some("disconnected".into()));
                row.insert("disconnected_at".into(), now);
            }
            "endpoint" => {
                let id = row.get("id").cloned().flatten().unwrap_or_default();
                let place = ENDPOINT_SECRET.place(self.organization_id.unwrap_or_default(), &id);
                let sealed = self.keyring.sealer(&self.tx).await?.seal(place, &endpoint::new_secret());
                row.insert("secret".into(), Some(data_encoding::BASE64.encode(&sealed)));
                if is(&row, "state", &["on"]) {
                    row.insert("state".into(), Some("off".into()));
                    row.insert("state_at".into(), now);
                }
            }
            "delivery" if is(&row, "state", &["waiting", "calling"]) => {
                row.insert("state".into(), Some("skipped".into()));
                row.insert("ended_at".into(), now);
            }
            // Its bytes were on their way out.
            "file" if row.get("deleted_at").is_some_and(Option::is_some) => return Ok(None),
            "file" => {
                let thumbnail = row.remove("thumbnail").flatten();
                self.thumbnails.extend(row.get("sha256").cloned().flatten().zip(thumbnail));
            }
            "quota" => row.retain(|column, _| !COUNTED.contains(&column.as_str())),
            _ => {}
        }
        let left_out = NOT_TAKEN_IN.iter().any(|(name, _)| *name == table.name);
        Ok((!left_out).then_some(row))
    }

    /// The organization itself, which must not be here.
    async fn announce(&mut self, row: &mut Values) -> Result<()> {
        if let Some(slug) = &self.slug {
            row.insert("slug".into(), Some(slug.clone()));
        }
        let word = |name: &str| row.get(name).cloned().flatten().unwrap_or_default();
        let (id, slug) = (word("id"), word("slug"));
        let id: Uuid = id.parse().map_err(|_| DatabaseError::Unfit(format!("{id:?} is the id of no organization")))?;
        let taken = self
            .tx
            .query_opt(
                "SELECT id, slug FROM wazapp.organization WHERE id = $1 OR slug = $2 ORDER BY id = $1 DESC",
                &[&id, &slug],
            )
            .await?;
        if let Some(taken) = taken {
            let named: String = taken.get(1);
            return Err(DatabaseError::Unfit(match taken.get::<_, Uuid>(0) == id {
                true => format!(
                    "this organization is here already, as {named}: erase it first, or import into another server"
                ),
                false => {
                    format!("another organization is called {slug} here: import it under another short name with --as")
                }
            }));
        }
        self.organization_id = Some(id);
        Ok(())
    }

    /// Somebody who works there: who has an account here by their address is that one.
    async fn somebody(&mut self, row: Values) -> Result<Option<Values>> {
        let word = |name: &str| row.get(name).cloned().flatten().unwrap_or_default();
        let known = self
            .tx
            .query_opt(
                "SELECT id::text FROM wazapp.\"user\" WHERE id::text = $1 OR email_key = $2 ORDER BY email_key = $2 DESC",
                &[&word("id"), &word("email_key")],
            )
            .await?;
        let Some(known) = known else { return Ok(Some(row)) };
        self.known.insert(word("id"), known.get(0));
        Ok(None)
    }

    async fn write(&self, table: &Table, rows: &[Values]) -> Result<()> {
        let Some(first) = rows.first() else { return Ok(()) };
        let mut columns: Vec<Column> = table.columns.clone();
        if table.name == "endpoint" {
            columns.push(Column { name: "secret".into(), kind: "bytea".into() });
        }
        columns.retain(|column| first.contains_key(&column.name));
        let texts: Vec<Vec<Option<String>>> = columns
            .iter()
            .map(|column| rows.iter().map(|row| row.get(&column.name).cloned().flatten()).collect())
            .collect();
        let params: Vec<&dyn Param> = texts.iter().map(|texts| texts as &dyn Param).collect();
        let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let read: Vec<String> = columns.iter().map(read).collect();
        let given: Vec<String> = (1..=columns.len()).map(|nth| format!("${nth}::text[]")).collect();
        let upsert = MADE_WITH_IT.contains(&table.name.as_str()).then(|| {
            let set: Vec<String> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
            format!(" ON CONFLICT (organization_id) DO UPDATE SET {}", set.join(", "))
        });
        let statement = format!(
            "INSERT INTO {} ({}) SELECT {} FROM unnest({}) AS k ({}){}",
            table.place(),
            names.join(", "),
            read.join(", "),
            given.join(", "),
            names.join(", "),
            upsert.unwrap_or_default()
        );
        self.tx.query(&statement, &params).await?;
        Ok(())
    }

    /// All rows are there. Answers in which transaction, to be committed.
    pub async fn finish(self) -> Result<(Operator, crate::Scope)> {
        let Some(organization_id) = self.organization_id else {
            return Err(DatabaseError::Unfit("the export holds no organization".into()));
        };
        let (files, thumbnails): (Vec<String>, Vec<String>) = self.thumbnails.into_iter().unzip();
        self.tx
            .query(
                "UPDATE wazapp.file f SET thumbnail = k.thumbnail FROM unnest($2::text[], $3::text[]) AS k (sha256, thumbnail)
                 WHERE f.organization_id = $1 AND f.sha256 = k.sha256",
                &[&organization_id, &files, &thumbnails],
            )
            .await?;
        self.tx
            .query(
                "UPDATE wazapp.message SET status = 'failed', error = $3::text::json
                 WHERE organization_id = $1 AND id = ANY ($2)",
                &[&organization_id, &self.waiting, &Trouble::cancelled().json()],
            )
            .await?;
        Ok((self.tx, crate::Scope::new(organization_id)))
    }
}

fn is(row: &Values, column: &str, words: &[&str]) -> bool {
    row.get(column).is_some_and(|value| value.as_deref().is_some_and(|value| words.contains(&value)))
}

/// From text.
fn read(column: &Column) -> String {
    let name = quoted(&column.name);
    match column.is_bytes() {
        true => format!("decode(k.{name}, 'base64')"),
        false => format!("k.{name}::{}", column.kind),
    }
}

/// A row's values as PostgreSQL reads them.
fn values(table: &Table, line: &Line) -> Result<Values> {
    let mut values = Values::new();
    for column in &table.columns {
        let Some(value) = line.get(&column.name) else { continue };
        let text = text(column, value.get()).map_err(|why| {
            DatabaseError::Unfit(format!("{}.{} holds what cannot be read: {why}", table.name, column.name))
        })?;
        values.insert(column.name.clone(), text);
    }
    Ok(values)
}

fn text(column: &Column, raw: &str) -> serde_json::Result<Option<String>> {
    if raw == "null" {
        return Ok(None);
    }
    if column.is_json() {
        return Ok(Some(raw.to_owned()));
    }
    Ok(Some(match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw)?,
        Some(b'[') => {
            let items: Vec<Option<String>> = serde_json::from_str(raw)?;
            let item = |item: &Option<String>| match item {
                Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                None => "NULL".to_owned(),
            };
            format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(","))
        }
        _ => raw.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_were_written() {
        let column = |kind: &str| Column { name: "it".into(), kind: kind.into() };
        for (kind, raw, is) in [
            ("text", r#""a\"b\né""#, Some("a\"b\né")),
            (
                "json",
                r#"{"a": "\u0000", "n": 12345678901234567890.5}"#,
                Some(r#"{"a": "\u0000", "n": 12345678901234567890.5}"#),
            ),
            ("json", r#""word""#, Some(r#""word""#)),
            ("bigint", "9223372036854775807", Some("9223372036854775807")),
            ("boolean", "true", Some("true")),
            ("text[]", r#"["a,b", "c\\\"d"]"#, Some(r#"{"a,b","c\\\"d"}"#)),
            ("uuid[]", "[]", Some("{}")),
            ("text", "null", None),
        ] {
            assert_eq!(text(&column(kind), raw).expect("JSON").as_deref(), is, "{raw}");
        }
    }
}
