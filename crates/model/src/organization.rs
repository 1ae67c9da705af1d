//! The tenant.

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Database, Operator, Result, Tenant};
use crate::retention::{Days, Retention};
use crate::scope::Scope;

/// A tenant of this server.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Organization {
    /// UUIDv7.
    pub id: Uuid,
    /// Its short name in commands.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Days that media are kept; null: for ever.
    pub media_retention_days: Option<i32>,
    /// Days that events are kept; null: for ever.
    #[schema(value_type = Option<u16>)]
    pub event_retention_days: Days,
    /// Days that updates of statuses are kept; null: for ever. What a message shows stays.
    #[schema(value_type = Option<u16>)]
    pub status_retention_days: Days,
    /// Days that messages are kept, with all that hangs on them; null: for ever.
    #[schema(value_type = Option<u16>)]
    pub message_retention_days: Days,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl Organization {
    /// `all`: what holds where nothing is set.
    fn read(row: &Row, all: Retention) -> Self {
        let kept = all.for_row(row);
        Self {
            id: row.get("id"),
            slug: row.get("slug"),
            name: row.get("name"),
            media_retention_days: row.get("media_retention_days"),
            event_retention_days: kept.events,
            status_retention_days: kept.statuses,
            message_retention_days: kept.messages,
            created_at: row.get("created_at"),
        }
    }

    /// Opens this organization's rows to an operator.
    pub fn scope(&self) -> Scope {
        Scope::new(self.id)
    }
}

/// A short name made of a name: lower case, digits, hyphens.
pub fn slug(name: &str) -> String {
    let folded = name.chars().map(|character| match character.to_lowercase().next().unwrap_or(character) {
        'á' | 'à' | 'â' | 'ã' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ñ' => 'n',
        'ç' => 'c',
        other if other.is_ascii_alphanumeric() => other,
        _ => ' ',
    });
    let words = folded.collect::<String>();
    let joined = words.split_whitespace().collect::<Vec<_>>().join("-");
    let short: String = joined.chars().take(48).collect();
    if short.is_empty() { "organization".into() } else { short.trim_matches('-').into() }
}

/// Creates an organization; a slug already taken gets a number.
pub async fn create(tx: &Operator, name: &str) -> Result<Organization> {
    let base = slug(name);
    let taken =
        tx.query("SELECT slug FROM wazapp.organization WHERE slug = $1 OR slug LIKE $1 || '-%'", &[&base]).await?;
    let taken: Vec<String> = taken.iter().map(|row| row.get(0)).collect();
    let free = std::iter::once(base.clone())
        .chain((2..).map(|number| format!("{base}-{number}")))
        .find(|slug| !taken.contains(slug))
        .expect("numbers do not run out");
    let row = tx
        .query_opt(
            "WITH made AS (INSERT INTO wazapp.organization (id, slug, name) VALUES ($1, $2, $3) RETURNING *),
                  counter AS (INSERT INTO wazapp.organization_sequence (organization_id) VALUES ($1))
             SELECT * FROM made",
            &[&Uuid::now_v7(), &free, &name],
        )
        .await?
        .expect("INSERT … RETURNING answers a row");
    Ok(Organization::read(&row, tx.retention()))
}

/// Sets how many days an organization's media are kept; `None`: for ever.
pub async fn keep_media(tx: &Operator, scope: &Scope, days: Option<i32>) -> Result<Option<Organization>> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.organization SET media_retention_days = $2 WHERE id = $1 RETURNING *",
            &[&scope.organization_id(), &days],
        )
        .await?;
    Ok(row.map(|row| Organization::read(&row, tx.retention())))
}

/// Says whether its members need a second factor; who has none sees nothing of it until they have.
pub async fn require_second_factor(tx: &Operator, scope: &Scope, required: bool) -> Result<Option<Organization>> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.organization SET second_factor = $2 WHERE id = $1 RETURNING *",
            &[&scope.organization_id(), &required],
        )
        .await?;
    Ok(row.map(|row| Organization::read(&row, tx.retention())))
}

/// All organizations, oldest first.
pub async fn list(tx: &Operator) -> Result<Vec<Organization>> {
    let rows = tx.query("SELECT * FROM wazapp.organization ORDER BY id", &[]).await?;
    Ok(rows.iter().map(|row| Organization::read(row, tx.retention())).collect())
}

/// One organization by id or slug, for an operator's command.
pub async fn find(tx: &Operator, id_or_slug: &str) -> Result<Option<Organization>> {
    let row =
        tx.query_opt("SELECT * FROM wazapp.organization WHERE id::text = $1 OR slug = $1", &[&id_or_slug]).await?;
    Ok(row.map(|row| Organization::read(&row, tx.retention())))
}

/// The organization the scope opens.
pub async fn own(tx: &Tenant) -> Result<Option<Organization>> {
    let row = tx.query_opt("SELECT * FROM wazapp.organization WHERE id = $1", &[&tx.organization_id()]).await?;
    Ok(row.map(|row| Organization::read(&row, tx.retention())))
}

/// How many there are, for the start-up line.
pub async fn count(database: &Database) -> Result<i64> {
    let tx = database.operator().await?;
    let row = tx.query_opt("SELECT count(*) FROM wazapp.organization", &[]).await?;
    tx.close();
    Ok(row.map_or(0, |row| row.get(0)))
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn slugs_are_plain() {
        assert_eq!(slug("Panadería Ñandú & Hijos"), "panaderia-nandu-hijos");
        assert_eq!(slug("  ACME  "), "acme");
        assert_eq!(slug("日本"), "organization");
    }
}
