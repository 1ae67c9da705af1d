//! What Meta lists of templates, written over what is known of them.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Template, template_columns, whole_second};
use crate::database::{CommitError, Operator, Pipeline, Result, Rows, column};
use crate::event::{self, Events, Kind, Line, New};
use crate::scope::Scope;

/// A template as Meta lists it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// Meta's id.
    pub template_id: String,
    /// Its name.
    pub name: String,
    /// Such as `en_US`.
    pub language: Option<String>,
    /// Such as `APPROVED`.
    pub status: Option<String>,
    /// Such as `UTILITY`.
    pub category: Option<String>,
    /// The one that Meta took it out of.
    pub previous_category: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// `POSITIONAL` or `NAMED`.
    pub parameter_format: Option<String>,
    /// Its parts; `None`: they are not known.
    pub components: Option<Value>,
    /// How long Meta tries to deliver it, in seconds.
    pub ttl_seconds: Option<i32>,
}

/// How what Meta shows came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// By the first reading of an account, of which the log tells nothing.
    FirstReading,
    /// By a reading of the whole account.
    Reading,
    /// Someone changed the template here, and it was looked at right after: nothing that is known can be newer.
    Change,
}

impl Source {
    fn word(self) -> &'static str {
        match self {
            Self::FirstReading | Self::Reading => "sync",
            Self::Change => "api",
        }
    }
}

/// Writes what Meta showed from `at` on, tells the log what changed by it, and commits.
pub async fn save(
    tx: Operator,
    scope: &Scope,
    waba_id: &str,
    at: Timestamp,
    now: Timestamp,
    listed: &[Listed],
    source: Source,
) -> Result<(), CommitError> {
    let line = event::line_of(&tx, scope).await?;
    let known = known(&tx, scope, waba_id, listed).await?;
    let facts_at = whole_second(at);
    let rows: Vec<Merged> =
        listed.iter().map(|listed| merge(known.get(listed.template_id.as_str()), listed, facts_at, source)).collect();
    let mut events = Events::default();
    for row in rows.iter().filter(|row| row.changed && source != Source::FirstReading) {
        line.note(&mut events, told(waba_id, source, now, row.id, &row.row));
    }
    let mut pipeline = Pipeline::at(now);
    write(&mut pipeline, scope, waba_id, at, now, &rows);
    event::any_organization_record(&mut pipeline, &events);
    tx.finish(pipeline).await
}

async fn known(tx: &Operator, scope: &Scope, waba_id: &str, listed: &[Listed]) -> Result<HashMap<String, Template>> {
    let rows = tx
        .query(
            concat!(
                "SELECT ",
                template_columns!(),
                " FROM wazapp.template t WHERE t.organization_id = $1 AND t.waba_id = $2 AND t.template_id = ANY ($3)"
            ),
            &[&scope.organization_id(), &waba_id, &column(listed, |row| row.template_id.as_str())],
        )
        .await?;
    Ok(rows.iter().map(Template::read).map(|row| (row.template_id.clone(), row)).collect())
}

/// A row as it will be.
#[derive(Debug)]
struct Merged {
    id: Uuid,
    row: Listed,
    whole: bool,
    facts_at: Timestamp,
    changed: bool,
}

/// A time farther ahead is a mistake of somebody's clock, and hides nothing.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// The newer of what is known and what is listed; the older one fills gaps.
fn merge(known: Option<&Template>, listed: &Listed, at: Timestamp, source: Source) -> Merged {
    let Some(known) = known else {
        let whole = listed.components.is_some();
        return Merged { id: Uuid::now_v7(), row: listed.clone(), whole, facts_at: at, changed: true };
    };
    let absurd = known.facts_at > at + AHEAD;
    let newer = absurd || source == Source::Change || at > known.facts_at;
    let pick = |known: &Option<String>, listed: &Option<String>| match newer {
        true => listed.clone().or_else(|| known.clone()),
        false => known.clone().or_else(|| listed.clone()),
    };
    let status = pick(&known.status, &listed.status);
    // A reason explains the status that it came with.
    let reason = if newer && listed.status.is_some() { listed.reason.clone() } else { known.reason.clone() };
    // Words that a webhook told later than this are kept, and so is that they are not all.
    let listed_whole = listed.components.is_some() && (newer || known.components.is_none());
    let row = Listed {
        template_id: listed.template_id.clone(),
        name: listed.name.clone(),
        language: listed.language.clone().or_else(|| known.language.clone()),
        status,
        category: pick(&known.category, &listed.category),
        previous_category: pick(&known.previous_category, &listed.previous_category),
        quality: pick(&known.quality, &listed.quality),
        reason,
        parameter_format: listed.parameter_format.clone().or_else(|| known.parameter_format.clone()),
        components: if listed_whole { listed.components.clone() } else { known.components.clone() },
        ttl_seconds: if newer { listed.ttl_seconds } else { known.ttl_seconds.or(listed.ttl_seconds) },
    };
    let changed = differs(known, &row);
    let whole = listed_whole || known.components_whole;
    Merged { id: known.id, row, whole, facts_at: if absurd { at } else { at.max(known.facts_at) }, changed }
}

fn differs(known: &Template, row: &Listed) -> bool {
    known.name.as_deref() != Some(&row.name)
        || known.language != row.language
        || known.status != row.status
        || known.category != row.category
        || known.previous_category != row.previous_category
        || known.quality != row.quality
        || known.reason != row.reason
        || known.parameter_format != row.parameter_format
        || known.ttl_seconds != row.ttl_seconds
        || known.components.as_ref().map(without_handles) != row.components.as_ref().map(without_handles)
}

/// Meta lists a sample's file by an address that is another one every time.
fn without_handles(components: &Value) -> Value {
    match components {
        Value::Array(list) => list.iter().map(without_handles).collect(),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "header_handle")
            .map(|(name, value)| (name.clone(), without_handles(value)))
            .collect(),
        other => other.clone(),
    }
}

fn write<'a>(
    pipeline: &mut Pipeline<'a>,
    scope: &Scope,
    waba_id: &'a str,
    at: Timestamp,
    now: Timestamp,
    rows: &'a [Merged],
) {
    if rows.is_empty() {
        return;
    }
    let changed: Vec<Uuid> = rows.iter().filter(|one| one.changed).map(|one| one.id).collect();
    let written = Rows::of(rows)
        .all("organization_id", scope.organization_id())
        .all("waba_id", waba_id)
        .column("id", |one| one.id)
        .column("template_id", |one| one.row.template_id.as_str())
        .column("name", |one| one.row.name.as_str())
        .column("language", |one| one.row.language.as_deref())
        .column("status", |one| one.row.status.as_deref())
        .column("category", |one| one.row.category.as_deref())
        .column("previous_category", |one| one.row.previous_category.as_deref())
        .column("quality", |one| one.row.quality.as_deref())
        .column("reason", |one| one.row.reason.as_deref())
        .column("parameter_format", |one| one.row.parameter_format.as_deref())
        .column("components", |one| one.row.components.as_ref())
        .column("components_whole", |one| one.whole)
        .column("ttl_seconds", |one| one.row.ttl_seconds)
        .column("facts_at", |one| one.facts_at)
        .all("listed_at", at)
        .all("created_at", now)
        .all("updated_at", now)
        .given("changed", changed);
    pipeline.add(written.insert(
        "wazapp.template",
        "ON CONFLICT (organization_id, waba_id, template_id) DO UPDATE SET
           name = excluded.name, language = excluded.language, status = excluded.status, category = excluded.category,
           previous_category = excluded.previous_category, quality = excluded.quality, reason = excluded.reason,
           parameter_format = excluded.parameter_format, components = excluded.components,
           components_whole = excluded.components_whole, ttl_seconds = excluded.ttl_seconds,
           facts_at = excluded.facts_at, listed_at = excluded.listed_at,
           updated_at = CASE WHEN excluded.id = ANY ({changed}) THEN excluded.updated_at ELSE t.updated_at END",
    ));
}

/// A change as the log tells it.
fn told(waba_id: &str, source: Source, now: Timestamp, id: Uuid, row: &Listed) -> New {
    let data = json!({
        "field": source.word(), "name": row.name, "waba_id": waba_id,
        "data": {
            "id": id, "template_id": row.template_id, "name": row.name, "language": row.language, "status": row.status,
            "category": row.category, "quality": row.quality, "reason": row.reason,
        },
    });
    New::of(Kind::TemplateUpdated, now, Some(id), &data)
}

/// Notes what the log tells of templates that were deleted, from rows that were just written.
pub(super) fn gone(line: &Line<'_>, waba_id: &str, source: Source, now: Timestamp, rows: &[Row]) -> Events {
    let mut events = Events::default();
    for row in rows {
        let listed = Listed {
            template_id: row.get("template_id"),
            name: row.get::<_, Option<String>>("name").unwrap_or_default(),
            language: row.get("language"),
            status: Some("DELETED".into()),
            category: row.get("category"),
            quality: row.get("quality"),
            ..Listed::default()
        };
        line.note(&mut events, told(waba_id, source, now, row.get("id"), &listed));
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Timestamp = Timestamp::constant(100, 0);
    const NEW: Timestamp = Timestamp::constant(200, 0);

    fn known(status: &str, facts_at: Timestamp) -> Template {
        Template {
            id: Uuid::nil(),
            waba_id: "1".into(),
            template_id: "2".into(),
            name: Some("order".into()),
            language: Some("es".into()),
            status: Some(status.into()),
            category: None,
            previous_category: None,
            quality: None,
            reason: (status == "REJECTED").then(|| "SCAM".into()),
            parameter_format: None,
            components: None,
            components_whole: false,
            ttl_seconds: None,
            facts_at,
            created_at: OLD,
            updated_at: OLD,
        }
    }

    fn listed(status: &str) -> Listed {
        Listed {
            template_id: "2".into(),
            name: "order".into(),
            language: Some("es".into()),
            status: Some(status.into()),
            category: Some("UTILITY".into()),
            components: Some(json!([{"type": "BODY", "text": "Hola"}])),
            ..Listed::default()
        }
    }

    #[test]
    fn the_newer_counts_and_the_older_fills_gaps() {
        let newer = merge(Some(&known("REJECTED", OLD)), &listed("APPROVED"), NEW, Source::Reading);
        assert_eq!((newer.row.status.as_deref(), newer.row.reason), (Some("APPROVED"), None));
        let older = merge(Some(&known("REJECTED", NEW)), &listed("PENDING"), OLD, Source::Reading);
        assert_eq!((older.row.status.as_deref(), older.row.reason.as_deref()), (Some("REJECTED"), Some("SCAM")));
        assert_eq!(older.row.category.as_deref(), Some("UTILITY"));
        assert!(older.whole && older.row.components.is_some());
        assert_eq!(older.facts_at, NEW);
        // A clock that was wrong by years hides nothing.
        let ahead =
            merge(Some(&known("PENDING", Timestamp::constant(90_000, 0))), &listed("APPROVED"), NEW, Source::Reading);
        assert_eq!((ahead.row.status.as_deref(), ahead.facts_at), (Some("APPROVED"), NEW));
        // In the same second the webhook counts.
        assert_eq!(
            merge(Some(&known("APPROVED", NEW)), &listed("PENDING"), NEW, Source::Reading).row.status.as_deref(),
            Some("APPROVED")
        );
    }

    #[test]
    fn words_of_a_later_webhook_are_kept_until_the_next_listing() {
        let mut told = known("APPROVED", NEW);
        told.components = Some(json!([{"type": "BODY", "text": "Buenas"}]));
        let older = merge(Some(&told), &listed("APPROVED"), OLD, Source::Reading);
        assert!(!older.whole);
        assert_eq!(older.row.components, told.components);
        assert!(merge(Some(&told), &listed("APPROVED"), NEW + SignedDuration::from_secs(1), Source::Reading).whole);
    }

    /// Went wrong: an edit in the second of the last webhook was taken for older than that, and the old words stayed.
    #[test]
    fn a_change_of_ones_own_is_newer_than_all_that_is_known() {
        let mut told = known("APPROVED", NEW);
        told.components = Some(json!([{"type": "BODY", "text": "Buenas"}]));
        let changed = merge(Some(&told), &listed("PENDING"), NEW, Source::Change);
        assert_eq!((changed.row.status.as_deref(), changed.whole), (Some("PENDING"), true));
        assert_eq!(changed.row.components, listed("PENDING").components);
    }

    #[test]
    fn another_address_of_the_same_sample_is_no_change() {
        let with = |url: &str| json!([{"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [url]}}]);
        let mut was = known("APPROVED", OLD);
        was.category = Some("UTILITY".into());
        was.components = Some(with("https://scontent/1"));
        let mut is = listed("APPROVED");
        is.components = Some(with("https://scontent/2"));
        assert!(!merge(Some(&was), &is, NEW, Source::Reading).changed);
        is.quality = Some("RED".into());
        assert!(merge(Some(&was), &is, NEW, Source::Reading).changed);
    }
}
