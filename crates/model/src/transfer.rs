//! One organization, or one of its contacts, taken out row by row and put into another server.
//!
//! Which tables and columns there are is asked of the catalog: a table that carries `organization_id` is taken along by
//! itself. What is left behind is named here, each with its reason.

mod export;
mod import;
mod person;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::database::{Operator, Result};
use crate::migrate::Step;
use crate::secret::sealed;

pub use export::{Export, StoredFile};
pub use import::{Import, Line, NOT_TAKEN_IN};
pub use person::any_organization_find;
pub(crate) use person::{MESSAGES, listed};
pub use person::{OF_A_PERSON, Part, Person};

/// The organizations themselves: they are their own.
const ORGANIZATION: &str = "organization";

/// The accounts of those who work there: they belong to the server, and are taken along so that what people did still has
/// somebody who did it.
pub const PEOPLE: &str = "user";

/// Tables that name an organization and stay all the same.
pub const LEFT_BEHIND: &[(&str, &str)] = &[
    ("invitation_link", "what opens invitations"),
    ("session", "who is signed in, which is a person's own; it only notes where they were"),
];

/// Tables that name no organization, and why nothing of one is in them that is not elsewhere.
pub const OF_THE_SERVER: &[(&str, &str)] = &[
    ("acme_account", "the server's certificates"),
    ("acme_challenge", "the same"),
    ("acme_order", "the same"),
    ("app_secret", "sealed"),
    ("app_verify_token", "sealed"),
    ("backup", "backups of the whole server"),
    ("certificate", "the server's certificates"),
    ("inbound", "raw bodies, of which what they said is in messages and events"),
    ("key_holder", "which servers run"),
    ("lane", "how raw bodies are applied"),
    ("lane_cursor", "the same"),
    ("migration", "the steps of the schema, which the manifest lists"),
    ("passkey", "by which a person signs in"),
    ("passkey_ceremony", "the same"),
    ("password_link", "the same"),
    ("provider_account", "the same"),
    ("provider_answer", "the same"),
    ("quarantine", "raw bodies that belonged to nobody"),
    ("recovery_code", "by which a person signs in"),
    ("relocation", "where the whole server moved"),
    ("restoration", "what was restored: the whole server"),
    ("sealing_key", "which keys seal"),
    ("server_audit", "what operators did to what belongs to no organization"),
    ("sign_in_try", "tries to sign in"),
    ("stream", "how raw bodies are received"),
];

/// Columns that are left empty, beside all that is sealed.
pub const SECRETS: &[(&str, &str, &str)] = &[
    ("api_key", "hash", "by which a key is known"),
    ("invitation", "hash", "by which a link is known"),
    (PEOPLE, "password", "how a person signs in"),
    (PEOPLE, "totp", "the same"),
    (PEOPLE, "totp_step", "the same"),
    (PEOPLE, "second_factor", "the same"),
    (PEOPLE, "is_operator", "a right on the server that it was taken from"),
];

/// Columns of bytes that hold no secret.
pub const PLAIN_BYTES: &[(&str, &str, &str)] = &[
    ("event", "fingerprint", "by which a repeated notice of Meta's is known"),
    ("idempotency_key", "fingerprint", "by which a repeated request is known"),
    ("relay", "body", "what Meta sent, for endpoints in its format"),
];

/// A table, as far as it is taken along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name in the schema.
    pub name: String,
    /// In their order; what is worked out from others is not among them, nor what is left empty.
    pub columns: Vec<Column>,
    /// Columns that are left empty.
    #[serde(default)]
    pub left_empty: Vec<String>,
    /// What its rows are known by, and in order by.
    #[serde(skip)]
    pub(crate) key: Vec<String>,
    /// Tables that its rows refer to.
    #[serde(skip)]
    parents: BTreeSet<String>,
}

/// A column of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// PostgreSQL's type.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Column {
    /// Bytes are written in base64.
    pub fn is_bytes(&self) -> bool {
        self.kind == "bytea"
    }

    /// Written as it is.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.kind.as_str(), "json" | "jsonb")
    }
}

impl Table {
    /// As an export names it.
    pub fn named(name: &str, columns: Vec<Column>) -> Self {
        let (left_empty, key, parents) = Default::default();
        Self { name: name.to_owned(), columns, left_empty, key, parents }
    }

    /// In the schema, quoted.
    pub(crate) fn place(&self) -> String {
        format!("wazapp.{}", quoted(&self.name))
    }

    /// The column that says whose a row is.
    pub(crate) fn owner(&self) -> &'static str {
        if self.name == ORGANIZATION { "id" } else { "organization_id" }
    }

    /// Its key, quoted, of this alias.
    pub(crate) fn key_of(&self, alias: &str) -> String {
        self.key.iter().map(|name| format!("{alias}.{}", quoted(name))).collect::<Vec<_>>().join(", ")
    }
}

/// As a name in SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn is_secret(table: &str, column: &str) -> bool {
    let named = SECRETS.iter().any(|(of, name, _)| *of == table && *name == column);
    named || sealed::COLUMNS.iter().any(|sealed| sealed.table == table && sealed.name == column)
}

const CATALOG: &str = "
    SELECT c.relname::text AS name, a.names, a.kinds,
           array(SELECT a.attname::text FROM pg_constraint p CROSS JOIN unnest(p.conkey) WITH ORDINALITY AS k (attnum, nth)
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
                 WHERE p.conrelid = c.oid AND p.contype = 'p' ORDER BY k.nth) AS key,
           array(SELECT DISTINCT o.relname::text FROM pg_constraint f JOIN pg_class o ON o.oid = f.confrelid
                 WHERE f.conrelid = c.oid AND f.contype = 'f' AND o.oid <> c.oid) AS parents
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
      SELECT array_agg(a.attname::text ORDER BY a.attnum) AS names,
             array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS kinds
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') a
    WHERE n.nspname = 'wazapp' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY c.relname";

/// All tables that name an organization, and organizations themselves; those that others refer to first.
pub async fn any_organization_tables(tx: &Operator) -> Result<Vec<Table>> {
    let all = catalog(tx).await?;
    let of_one = |table: &Table| {
        table.name == ORGANIZATION || table.columns.iter().any(|column| column.name == "organization_id")
    };
    Ok(in_order(all.into_iter().filter(of_one).collect()))
}

/// Those of them that are taken along, with the people who work there.
pub(crate) async fn taken_along(tx: &Operator) -> Result<Vec<Table>> {
    let people = catalog(tx).await?.into_iter().filter(|table| table.name == PEOPLE);
    let mut tables: Vec<Table> = any_organization_tables(tx).await?;
    tables.extend(people);
    tables.retain(|table| !LEFT_BEHIND.iter().any(|(name, _)| *name == table.name));
    for table in &mut tables {
        let name = table.name.clone();
        let (empty, kept) = std::mem::take(&mut table.columns)
            .into_iter()
            .partition::<Vec<_>, _>(|column| is_secret(&name, &column.name));
        table.columns = kept;
        table.left_empty = empty.into_iter().map(|column| column.name).collect();
    }
    Ok(in_order(tables))
}

async fn catalog(tx: &Operator) -> Result<Vec<Table>> {
    let rows = tx.query(CATALOG, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let (names, kinds): (Vec<String>, Vec<String>) = (row.get("names"), row.get("kinds"));
            Table {
                name: row.get("name"),
                columns: names.into_iter().zip(kinds).map(|(name, kind)| Column { name, kind }).collect(),
                left_empty: Vec::new(),
                key: row.get("key"),
                parents: row.get::<_, Vec<String>>("parents").into_iter().collect(),
            }
        })
        .collect())
}

/// Each behind all that its rows refer to, else by name.
fn in_order(tables: Vec<Table>) -> Vec<Table> {
    let mut left: BTreeMap<String, Table> = tables.into_iter().map(|table| (table.name.clone(), table)).collect();
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let free: Vec<String> = left
            .values()
            .filter(|table| table.name == ORGANIZATION || !left.contains_key(ORGANIZATION))
            .filter(|table| !table.parents.iter().any(|parent| left.contains_key(parent)))
            .map(|table| table.name.clone())
            .collect();
        assert!(!free.is_empty(), "tables refer to each other in a circle: {:?}", left.keys());
        ordered.extend(free.iter().filter_map(|name| left.remove(name)));
    }
    ordered
}

/// The steps of the schema.
pub(crate) async fn steps(tx: &Operator) -> Result<Vec<Step>> {
    let rows =
        tx.query("SELECT name, encode(checksum, 'hex') AS checksum FROM wazapp.migration ORDER BY name", &[]).await?;
    Ok(rows.iter().map(|row| Step { name: row.get("name"), checksum: row.get("checksum") }).collect())
}
