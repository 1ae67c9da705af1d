//! Reading an account's templates from Meta: when, by whom, and how it went.
//!
//! A reading is claimed with a lease, which is renewed page by page; who lost it writes nothing. Of an account that
//! several organizations share, one reading goes at a time.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio_postgres::Row;

use super::{Listed, Source, save, whole_second};
use crate::database::{CANDIDATES, CommitError, Operator, Pipeline, Result, Rows, Tenant, params};
use crate::event;
use crate::link::{self, By, Link};
use crate::scope::Scope;
use crate::trouble::Trouble;

/// How long a claimed reading is the claimer's, from page to page. Longer than any call takes.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// Two readings that somebody asks for are so far apart.
const APART: SignedDuration = SignedDuration::from_secs(10);

/// How an account's templates were read last.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = TemplateSync)]
pub struct Sync {
    /// Meta's id of the account.
    pub waba_id: String,
    /// When the last whole reading began; null: there was none yet.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub synced_at: Option<Timestamp>,
    /// When they are read next.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// Why the last reading failed (`code`, `message`, `advice`); null: it did not.
    #[schema(value_type = Option<Object>)]
    pub error: Option<Trouble>,
}

/// How the organization's accounts were read last, by account.
pub async fn list(tx: &Tenant) -> Result<Vec<Sync>> {
    let rows = tx
        .query(
            "SELECT waba_id, synced_at, due_at, error FROM wazapp.template_sync WHERE organization_id = $1 ORDER BY waba_id",
            &[&tx.organization_id()],
        )
        .await?;
    let read = |row: &Row| {
        Ok(Sync {
            waba_id: row.get("waba_id"),
            synced_at: row.get("synced_at"),
            due_at: row.get("due_at"),
            error: Trouble::read(row, "error", "template_sync.error")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Has the templates of the organization's connected accounts read at this time, or of one of them, and not sooner than
/// ten seconds after the last time; one that is being read is read once more behind that.
pub async fn ask(tx: &Operator, scope: &Scope, waba_id: Option<&str>, at: Timestamp) -> Result<()> {
    let accounts = tx
        .query(
            "SELECT DISTINCT n.waba_id, s.synced_at FROM wazapp.number n
             LEFT JOIN wazapp.template_sync s ON s.organization_id = n.organization_id AND s.waba_id = n.waba_id
             WHERE n.organization_id = $1 AND n.status = 'connected' AND ($2::text IS NULL OR n.waba_id = $2)
             ORDER BY n.waba_id",
            &[&scope.organization_id(), &waba_id],
        )
        .await?;
    let due = |synced_at: Option<Timestamp>| synced_at.map_or(at, |synced_at| at.max(synced_at + APART));
    let asked = Rows::of(&accounts)
        .all("organization_id", scope.organization_id())
        .column("waba_id", |row| row.get::<_, &str>("waba_id"))
        .column("due_at", |row| due(row.get("synced_at")))
        .insert(
            "wazapp.template_sync",
            "ON CONFLICT (organization_id, waba_id) DO UPDATE SET due_at = least(t.due_at, excluded.due_at)",
        );
    tx.run(&asked).await?;
    Ok(())
}

/// Enters the accounts that were connected since the last look.
pub async fn any_organization_enter(tx: &Operator, now: Timestamp) -> Result<()> {
    tx.query(
        "INSERT INTO wazapp.template_sync (organization_id, waba_id, due_at)
         SELECT DISTINCT n.organization_id, n.waba_id, $1::timestamptz FROM wazapp.number n
         WHERE n.status = 'connected' AND NOT EXISTS (
           SELECT FROM wazapp.template_sync s WHERE s.organization_id = n.organization_id AND s.waba_id = n.waba_id)
         ON CONFLICT DO NOTHING",
        &[&now],
    )
    .await?;
    Ok(())
}

/// A reading to be made.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Whose templates.
    pub scope: Scope,
    /// Of which account.
    pub waba_id: String,
    /// The way to Meta.
    pub link: Link,
    /// When it began: what it finds is of this time or later.
    pub started_at: Timestamp,
    /// Failures since the last one that went well.
    pub attempts: u32,
    /// Whether the account was never read as a whole.
    pub first: bool,
    fence: i64,
}

/// Claims the reading that is due longest. An account without a connected number is forgotten instead; its templates
/// stay.
pub async fn any_organization_claim(tx: &Operator, now: Timestamp) -> Result<Option<Claimed>> {
    let due = tx
        .query(
            "SELECT s.organization_id, s.waba_id FROM wazapp.template_sync s
             WHERE s.due_at <= $1 AND NOT EXISTS (
               SELECT FROM wazapp.template_sync o WHERE o.waba_id = s.waba_id AND o.lease_until > $1)
             ORDER BY s.due_at LIMIT $2",
            &[&now, &CANDIDATES],
        )
        .await?;
    for one in due {
        let scope = Scope::new(one.get("organization_id"));
        let waba_id: String = one.get("waba_id");
        let row = tx
            .query_opt(
                "WITH due AS (
                   SELECT waba_id FROM wazapp.template_sync
                   WHERE organization_id = $1 AND waba_id = $2 AND due_at <= $3 FOR UPDATE SKIP LOCKED)
                 -- While both are the same, nobody has asked since.
                 UPDATE wazapp.template_sync s SET lease_until = $4::timestamptz, due_at = $4, fence = s.fence + 1
                 FROM due WHERE s.organization_id = $1 AND s.waba_id = due.waba_id
                 RETURNING s.fence, s.attempts, s.synced_at",
                &[&scope.organization_id(), &waba_id, &now, &(now + LEASE)],
            )
            .await?;
        let Some(row) = row else { continue };
        let Some(link) = link::find(tx, &scope, By::Waba(&waba_id)).await? else {
            tx.query(
                "DELETE FROM wazapp.template_sync WHERE organization_id = $1 AND waba_id = $2",
                &[&scope.organization_id(), &waba_id],
            )
            .await?;
            continue;
        };
        return Ok(Some(Claimed {
            scope,
            waba_id,
            link,
            started_at: now,
            attempts: u32::try_from(row.get::<_, i32>("attempts")).unwrap_or(0),
            first: row.get::<_, Option<Timestamp>>("synced_at").is_none(),
            fence: row.get("fence"),
        }));
    }
    Ok(None)
}

/// Writes a page of a reading and commits, and keeps the reading claimed; `false`: it is somebody else's by now, and
/// nothing was written.
pub async fn page(tx: Operator, claimed: &Claimed, now: Timestamp, listed: &[Listed]) -> Result<bool> {
    // The organization's line before its rows: applying webhooks holds it when it comes to this account.
    event::line_of(&tx, &claimed.scope).await?;
    if !renew(&tx, claimed, now).await? {
        return Ok(false);
    }
    let source = if claimed.first { Source::FirstReading } else { Source::Reading };
    let saved = save(tx, &claimed.scope, &claimed.waba_id, claimed.started_at, now, listed, source).await;
    saved.map_err(CommitError::in_job)?;
    Ok(true)
}

/// Keeps a reading claimed; `false`: it is somebody else's by now.
async fn renew(tx: &Operator, claimed: &Claimed, now: Timestamp) -> Result<bool> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.template_sync SET
               lease_until = $4::timestamptz, due_at = CASE WHEN due_at = lease_until THEN $4 ELSE due_at END
             WHERE organization_id = $1 AND waba_id = $2 AND fence = $3
             RETURNING fence",
            &[&claimed.scope.organization_id(), &claimed.waba_id, &claimed.fence, &(now + LEASE)],
        )
        .await?;
    Ok(row.is_some())
}

/// Ends a reading that saw every template, and commits: what it did not see is deleted at Meta, unless it is newer.
pub async fn finish(tx: Operator, claimed: &Claimed, now: Timestamp, next: Timestamp) -> Result<()> {
    let organization_id = claimed.scope.organization_id();
    let line = event::line_of(&tx, &claimed.scope).await?;
    if !renew(&tx, claimed, now).await? {
        return Ok(());
    }
    let rows = tx
        .query(
            "UPDATE wazapp.template SET status = 'DELETED', reason = NULL, facts_at = $4, updated_at = $5
             WHERE organization_id = $1 AND waba_id = $2 AND listed_at IS DISTINCT FROM $3
               AND (facts_at < $4 OR facts_at > $5::timestamptz + interval '10 minutes')
               AND status IS DISTINCT FROM 'DELETED'
             RETURNING id, template_id, name, language, category, quality",
            &[&organization_id, &claimed.waba_id, &claimed.started_at, &whole_second(claimed.started_at), &now],
        )
        .await?;
    let rows = if claimed.first { Vec::new() } else { rows };
    let events = super::save::gone(&line, &claimed.waba_id, Source::Reading, now, &rows);
    let mut pipeline = Pipeline::at(now);
    event::any_organization_record(&mut pipeline, &events);
    // Whoever asked meanwhile is served by the next one, ten seconds after this one like any that is asked for.
    pipeline.push(
        "UPDATE wazapp.template_sync SET lease_until = NULL, attempts = 0, error = NULL, synced_at = $4,
           due_at = CASE WHEN due_at = lease_until THEN $5::timestamptz
             ELSE greatest(due_at, $4::timestamptz + interval '10 seconds') END
         WHERE organization_id = $1 AND waba_id = $2 AND fence = $3",
        params![organization_id, claimed.waba_id.as_str(), claimed.fence, claimed.started_at, next],
    );
    tx.finish(pipeline).await.map_err(CommitError::in_job)
}

/// Ends a reading that failed.
pub async fn fail(tx: &Operator, claimed: &Claimed, next: Timestamp, error: &Trouble) -> Result<()> {
    tx.query(
        "UPDATE wazapp.template_sync SET lease_until = NULL, attempts = attempts + 1, due_at = $4, error = $5::text::json
         WHERE organization_id = $1 AND waba_id = $2 AND fence = $3",
        &[&claimed.scope.organization_id(), &claimed.waba_id, &claimed.fence, &next, &error.json()],
    )
    .await?;
    Ok(())
}
