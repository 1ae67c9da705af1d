//! The tenant.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::act::Act;
use crate::audit::Deed;
use crate::database::{Database, Operator, Result, Tenant, stored_json};
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
    /// Whether its people sign in with a second factor.
    pub second_factor: bool,
    /// Since when nobody works in it: whoever runs the server suspended it. What comes from Meta is kept all the same.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub suspended_at: Option<Timestamp>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl Organization {
    /// That it was made, as the audit tells it.
    pub fn made(&self) -> Deed {
        Deed::new(Act::ManageOrganization, "create", self.id, self.name.as_str())
    }

    /// That it was taken in from another server.
    pub fn imported(&self) -> Deed {
        Deed::new(Act::ManageOrganization, "import", self.id, self.name.as_str())
    }

    /// That it, or what is of one contact, was taken out into files.
    pub fn exported(&self, whole: bool) -> Deed {
        match whole {
            true => Deed::new(Act::ManageOrganization, "export", self.id, self.name.as_str()),
            false => Deed::new(Act::ManageOrganization, "export_contact", self.id, self.name.as_str()),
        }
    }

    /// That everything of one contact was erased. Of whom is not said: nothing of them is to be left.
    pub fn contact_erased(&self) -> Deed {
        Deed::new(Act::ManageOrganization, "erase_contact", self.id, self.name.as_str())
    }

    /// That it was erased.
    pub fn erased(&self) -> Deed {
        Deed::of_server("erase", self.id, self.slug.as_str())
    }

    /// That nobody works in it any more, or again.
    pub fn suspended(&self, suspended: bool) -> Deed {
        match suspended {
            true => Deed::new(Act::ManageOrganization, "suspend", self.id, self.name.as_str()),
            false => Deed::new(Act::ManageOrganization, "resume", self.id, self.name.as_str()),
        }
    }

    /// That whoever runs the server looks into it, why and until when.
    pub fn entered(&self, reason: &str, until: Timestamp) -> Deed {
        let after = json!({ "reason": reason, "until": until });
        Deed::new(Act::ManageOrganization, "entry", self.id, self.name.as_str()).changed(None, Some(after))
    }

    /// That its members need a second factor, or no more.
    pub fn second_factor_required(&self, required: bool) -> Deed {
        let told = |required: bool| Some(json!({ "require_second_factor": required }));
        let deed = Deed::new(Act::ManageOrganization, "second_factor", self.id, self.name.as_str());
        deed.changed(told(self.second_factor), told(required))
    }

    /// That its things are kept for another time than before.
    pub fn kept_otherwise(&self, after: &Self) -> Deed {
        let told = |row: &Self| {
            Some(json!({
                "media_retention_days": row.media_retention_days, "event_retention_days": row.event_retention_days,
                "status_retention_days": row.status_retention_days, "message_retention_days": row.message_retention_days,
            }))
        };
        Deed::new(Act::ManageOrganization, "retention", self.id, self.name.as_str()).changed(told(self), told(after))
    }

    /// That it may take more or less than before.
    pub fn limited(&self, limits: Value) -> Deed {
        Deed::new(Act::ManageOrganization, "limit", self.id, self.name.as_str()).changed(None, Some(limits))
    }

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
            second_factor: row.get("second_factor"),
            suspended_at: row.get("suspended_at"),
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

/// Has the members of an organization need a second factor, or no more. Answers it before and after.
pub async fn require_second_factor(
    tx: &Operator,
    scope: &Scope,
    required: bool,
) -> Result<Option<(Organization, Organization)>> {
    let id = scope.organization_id();
    let before = tx.query_opt("SELECT * FROM wazapp.organization WHERE id = $1 FOR NO KEY UPDATE", &[&id]).await?;
    let after = tx
        .query_opt("UPDATE wazapp.organization SET second_factor = $2 WHERE id = $1 RETURNING *", &[&id, &required])
        .await?;
    let read = |row: &Row| Organization::read(row, tx.retention());
    Ok(before.as_ref().map(read).zip(after.as_ref().map(read)))
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

/// An organization as whoever runs the server sees it: its name and its health, nothing of what people said.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Overview {
    /// UUIDv7.
    pub id: Uuid,
    /// Its short name in commands.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// People who work in it.
    pub members: i64,
    /// Its numbers.
    pub numbers: Vec<NumberHealth>,
    /// Its conversations.
    pub conversations: i64,
    /// Events of its log so far.
    pub events: i64,
    /// Bytes of its files.
    pub media_bytes: i64,
    /// Messages that wait to be sent.
    pub queued_messages: i64,
    /// Since when nobody works in it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub suspended_at: Option<Timestamp>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// How a number is.
#[derive(Clone, Debug, Deserialize, Serialize, utoipa::ToSchema)]
pub struct NumberHealth {
    /// Meta's id of it.
    pub phone_number_id: String,
    /// Digits.
    pub display_phone_number: Option<String>,
    /// `connected` or `disconnected`.
    pub status: String,
    /// Whether sending rests.
    pub paused: bool,
}

/// All organizations as whoever runs the server sees them, oldest first.
pub async fn any_organization_overview(
    tx: &Operator,
    now: Timestamp,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Overview>> {
    let rows = tx
        .query(
            "SELECT o.id, o.slug, o.name, o.suspended_at, o.created_at, s.last AS events, q.media_bytes, q.queued_messages,
                    (SELECT count(*) FROM wazapp.membership m WHERE m.organization_id = o.id) AS members,
                    (SELECT count(*) FROM wazapp.conversation v WHERE v.organization_id = o.id) AS conversations,
                    (SELECT coalesce(json_agg(json_build_object(
                              'phone_number_id', n.phone_number_id, 'display_phone_number', n.display_phone_number,
                              'status', n.status, 'paused', coalesce(p.paused_until > $1, false)) ORDER BY n.id), '[]')
                     FROM wazapp.number n
                     LEFT JOIN wazapp.number_pace p ON p.organization_id = n.organization_id AND p.number_id = n.id
                     WHERE n.organization_id = o.id) AS numbers
             FROM wazapp.organization o
             JOIN wazapp.organization_sequence s ON s.organization_id = o.id
             JOIN wazapp.quota q ON q.organization_id = o.id
             WHERE $2::uuid IS NULL OR o.id > $2 ORDER BY o.id LIMIT $3",
            &[&now, &after, &limit],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Overview {
                id: row.get("id"),
                slug: row.get("slug"),
                name: row.get("name"),
                members: row.get("members"),
                numbers: stored_json(row, "numbers", "number")?,
                conversations: row.get("conversations"),
                events: row.get("events"),
                media_bytes: row.get("media_bytes"),
                queued_messages: row.get("queued_messages"),
                suspended_at: row.get("suspended_at"),
                created_at: row.get("created_at"),
            })
        })
        .collect()
}

/// Lets nobody work in an organization from now on, neither people nor programs, or again. `None`: that is so already.
pub async fn suspend(tx: &Operator, now: Timestamp, scope: &Scope, suspended: bool) -> Result<Option<Organization>> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.organization SET suspended_at = CASE WHEN $2 THEN $3::timestamptz END
             WHERE id = $1 AND (suspended_at IS NOT NULL) <> $2 RETURNING *",
            &[&scope.organization_id(), &suspended, &now],
        )
        .await?;
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
