//! Rows on their way out: one moment of one organization, read while the server goes on.

use uuid::Uuid;

use super::person::{self, Person};
use super::{Column, PEOPLE, Table, quoted, steps, taken_along};
use crate::database::{Database, Operator, Param, Result};
use crate::migrate::Step;
use crate::organization::{self, Organization};
use crate::scope::Scope;

/// Values look the same whatever the server's settings are, nothing changes in it, and nothing ends what takes long.
const SETTINGS: [&str; 6] = [
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL IntervalStyle = 'iso_8601'",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
];

/// One moment of an organization, or of one of its contacts.
#[derive(Debug)]
pub struct Export {
    tx: Operator,
    organization: Organization,
    person: Option<Person>,
    tables: Vec<Table>,
    steps: Vec<Step>,
}

/// A file in the store, as a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

impl Export {
    /// From here on nothing changes in it. `None`: there is no such organization.
    pub async fn begin(database: &Database, id_or_slug: &str) -> Result<Option<Self>> {
        let tx = database.operator().await?;
        for setting in SETTINGS {
            tx.execute(setting).await?;
        }
        let Some(organization) = organization::find(&tx, id_or_slug).await? else { return Ok(None) };
        let (tables, steps) = (taken_along(&tx).await?, steps(&tx).await?);
        Ok(Some(Self { tx, organization, person: None, tables, steps }))
    }

    /// Only what is of one contact. `false`: nobody answers to that.
    pub async fn only(&mut self, who: &str) -> Result<bool> {
        let Some(person) = person::any_organization_find(&self.tx, &self.scope(), who).await? else {
            return Ok(false);
        };
        if person.contacts.is_empty() {
            return Ok(false);
        }
        self.tables.retain(|table| person::clause(&table.name).is_some());
        self.person = Some(person);
        Ok(true)
    }

    fn scope(&self) -> Scope {
        self.organization.scope()
    }

    /// Whose rows these are.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// The contact, where it is one.
    pub fn person(&self) -> Option<&Person> {
        self.person.as_ref()
    }

    /// Those that others refer to first.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The steps of its schema, oldest first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Begins to read a table, in the order of its key; go on with [`Export::lines`].
    pub async fn open(&self, table: &Table) -> Result<()> {
        let columns: Vec<String> = table.columns.iter().map(shown).collect();
        let statement = format!(
            "DECLARE rows NO SCROLL CURSOR FOR
             SELECT row_to_json(r)::text FROM (SELECT {} FROM {} t WHERE {} ORDER BY {}) r",
            columns.join(", "),
            table.place(),
            self.condition(table),
            table.key_of("t")
        );
        self.ask(&statement).await?;
        Ok(())
    }

    /// The next rows, each a JSON object in a line. None: that was all.
    pub async fn lines(&self) -> Result<Vec<String>> {
        let rows = self.tx.query("FETCH 500 FROM rows", &[]).await?;
        if rows.is_empty() {
            self.tx.execute("CLOSE rows").await?;
        }
        // Within strings an end of line is written otherwise: this one is only between members.
        Ok(rows.iter().map(|row| row.get::<_, &str>(0).replace(['\n', '\r'], " ")).collect())
    }

    /// The files of it.
    pub async fn files(&self) -> Result<Vec<StoredFile>> {
        let Some(file) = self.tables.iter().find(|table| table.name == "file") else { return Ok(Vec::new()) };
        let statement = format!(
            "SELECT t.sha256, t.size FROM wazapp.file t WHERE t.deleted_at IS NULL AND {} ORDER BY t.sha256",
            self.condition(file)
        );
        let rows = self.ask(&statement).await?;
        let size = |row: &tokio_postgres::Row| u64::try_from(row.get::<_, i64>(1)).unwrap_or(0);
        Ok(rows.iter().map(|row| StoredFile { sha256: row.get(0), size: size(row) }).collect())
    }

    fn condition(&self, table: &Table) -> String {
        let own = format!("t.{} = $1::uuid", quoted(table.owner()));
        match (&self.person, table.name.as_str()) {
            (_, PEOPLE) => {
                "t.id IN (SELECT m.user_id FROM wazapp.membership m WHERE m.organization_id = $1::uuid)".to_owned()
            }
            (Some(_), name) => {
                format!("{own} AND {} AND ({})", person::PARAMS, person::clause(name).unwrap_or("false"))
            }
            (None, _) => own,
        }
    }

    async fn ask(&self, statement: &str) -> Result<Vec<tokio_postgres::Row>> {
        let id: Uuid = self.organization.id;
        match &self.person {
            Some(person) => self.tx.query(statement, &person.params(&id)).await,
            None => self.tx.query(statement, &[&id as &dyn Param]).await,
        }
    }

    /// The moment may pass.
    pub fn end(self) {
        self.tx.close();
    }
}

/// A column as it is written.
fn shown(column: &Column) -> String {
    let name = quoted(&column.name);
    match column.is_bytes() {
        true => format!("translate(encode(t.{name}, 'base64'), E'\\n', '') AS {name}"),
        false => format!("t.{name}"),
    }
}
