//! The queue of media to fetch: who is next, and what became of it.

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Media, Told, edit, media_columns, media_file};
use crate::database::{CommitError, Database, Engine, Operator, Pipeline, Result};
use crate::event::{self, Events, Kind, Line, New};
use crate::file::File;
use crate::link::Link;
use crate::number_check;
use crate::outbox::{Pause, Rest};
use crate::scope::Scope;
use crate::trouble::Trouble;

/// How long a claimed medium is the claimer's. Longer than any fetch takes.
pub const LEASE: SignedDuration = SignedDuration::from_mins(6);

/// Meta keeps what customers sent so long.
/// <https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media>
const KEPT_AT_META: SignedDuration = SignedDuration::from_hours(7 * 24);

/// While its number cannot be asked for it, a medium is looked at again after so long.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// A look for what is overdue, and one for what must wait, takes at most so many.
const MOST_OVERDUE: i64 = 200;
const MOST_LATE: i64 = 500;

/// A medium to fetch now. It is the claimer's until its lease ends.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Opens the owner's rows.
    pub scope: Scope,
    /// The medium.
    pub id: Uuid,
    /// The number whose token opens it.
    pub number_id: Uuid,
    /// Meta's id.
    pub meta_id: Option<String>,
    /// Where the webhook said that it is, for five minutes.
    pub url: Option<String>,
    /// What Meta announced; base64 or hexadecimal.
    pub sha256: Option<String>,
    /// The how manieth time it is tried.
    pub attempt: u32,
    /// Which claim an answer belongs to.
    pub fence: i64,
}

/// What a fetch came to.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Opens the owner's rows.
    pub scope: Scope,
    /// The medium.
    pub id: Uuid,
    /// The claim; if there was another one since, this settles nothing.
    pub fence: i64,
    /// What came of it.
    pub outcome: Outcome,
    /// Who waits, by the way that was tried.
    pub pause: Option<(Link, Pause)>,
}

/// What became of a claimed medium.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Its bytes are in their place.
    Stored(File),
    /// Tried again.
    Retry {
        /// Not before this time.
        at: Timestamp,
        /// Why.
        error: Box<Trouble>,
        /// Whether this try counts: one that nothing could come of does not.
        counts: bool,
    },
    /// No use trying again.
    Failed {
        /// Why.
        error: Box<Trouble>,
    },
    /// It was being fetched when the server stopped: at once, by another.
    Released,
}

/// Claims media of the next organization after `last` that has some due: in a circle, so that each gets its turn. `busy`
/// are organizations with how many more may be taken of each. What cannot be asked for now, because its number is not
/// connected or rests, waits. `None`: nothing is due elsewhere.
pub async fn any_organization_claim(
    tx: &Operator,
    now: Timestamp,
    last: Uuid,
    busy: &[(Uuid, i64)],
    most: i64,
) -> Result<Option<(Uuid, Vec<Claimed>)>> {
    let full: Vec<Uuid> = busy.iter().filter(|(_, room)| *room < 1).map(|(id, _)| *id).collect();
    for after in [last, Uuid::nil()] {
        if let Some(organization_id) = any_organization_next(tx, now, after, &full).await? {
            let most = busy.iter().find(|(id, _)| *id == organization_id).map_or(most, |(_, room)| *room);
            any_organization_postpone(tx, now, organization_id).await?;
            return Ok(Some((organization_id, any_organization_take(tx, now, organization_id, most).await?)));
        }
    }
    Ok(None)
}

const NEXT_BY_INDEX: &str = "
    WITH RECURSIVE turn (organization_id) AS (
      (SELECT organization_id FROM wazapp.media WHERE state = 'pending' AND organization_id > $2
       ORDER BY organization_id LIMIT 1)
      UNION ALL
      SELECT (SELECT d.organization_id FROM wazapp.media d
              WHERE d.state = 'pending' AND d.organization_id > turn.organization_id
              ORDER BY d.organization_id LIMIT 1)
      FROM turn WHERE turn.organization_id IS NOT NULL)
    SELECT organization_id FROM turn
    WHERE organization_id IS NOT NULL AND organization_id <> ALL ($3)
      -- Not EXISTS, which could be joined in another order: the first of the circle is wanted.
      AND (SELECT min(d.next_at) FROM wazapp.media d
           WHERE d.organization_id = turn.organization_id AND d.state = 'pending') <= $1
    LIMIT 1";

/// Citus follows no recursion from shard to shard.
const NEXT_ON_CITUS: &str = "
    SELECT organization_id FROM wazapp.media
    WHERE state = 'pending' AND next_at <= $1 AND organization_id > $2 AND organization_id <> ALL ($3)
    ORDER BY organization_id LIMIT 1";

/// From one organization with pending media to the next, looking at one row each.
async fn any_organization_next(tx: &Operator, now: Timestamp, after: Uuid, full: &[Uuid]) -> Result<Option<Uuid>> {
    let next = match tx.engine() {
        Engine::PostgreSql => NEXT_BY_INDEX,
        Engine::Citus => NEXT_ON_CITUS,
    };
    let row = tx.query_opt(next, &[&now, &after, &full.to_vec()]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Lets what is due of numbers that cannot be asked now wait, many at once.
async fn any_organization_postpone(tx: &Operator, now: Timestamp, organization_id: Uuid) -> Result<()> {
    tx.query(
        "WITH resting AS (
           SELECT n.id, n.status, p.pause_reason, least(p.paused_until, $3) AS until
           FROM wazapp.number n
           LEFT JOIN wazapp.number_pace p ON p.organization_id = n.organization_id AND p.number_id = n.id
           WHERE n.organization_id = $1 AND (n.status <> 'connected' OR p.paused_until > $2)),
         due AS (
           SELECT id, message_id FROM wazapp.media
           WHERE organization_id = $1 AND state = 'pending' AND next_at <= $2 AND EXISTS (SELECT FROM resting)
           ORDER BY next_at, id LIMIT $6),
         late AS (
           SELECT due.id, r.status, r.pause_reason, CASE WHEN r.status = 'connected' THEN r.until ELSE $3 END AS until
           FROM due JOIN wazapp.message m ON m.organization_id = $1 AND m.id = due.message_id
           JOIN resting r ON r.id = m.number_id),
         -- Only these: the others are for this claim, or for another node's.
         held AS (
           SELECT d.id FROM wazapp.media d
           WHERE d.organization_id = $1 AND d.id IN (SELECT late.id FROM late) AND d.state = 'pending' AND d.next_at <= $2
           ORDER BY d.id FOR UPDATE SKIP LOCKED)
         UPDATE wazapp.media d SET next_at = late.until, deadline = coalesce(d.deadline, $4),
           error = CASE WHEN late.status = 'connected' THEN late.pause_reason ELSE $5::text::json END
         FROM late JOIN held ON held.id = late.id WHERE d.organization_id = $1 AND d.id = late.id",
        &[&organization_id, &now, &(now + LOOK_AGAIN), &(now + KEPT_AT_META), &Trouble::waits_at_meta().json(), &MOST_LATE],
    )
    .await?;
    Ok(())
}

async fn any_organization_take(
    tx: &Operator,
    now: Timestamp,
    organization_id: Uuid,
    most: i64,
) -> Result<Vec<Claimed>> {
    let rows = tx
        .query(
            "WITH due AS (
               SELECT d.id, m.number_id FROM wazapp.media d
               JOIN wazapp.message m ON m.organization_id = d.organization_id AND m.id = d.message_id
               WHERE d.organization_id = $1 AND d.state = 'pending' AND d.next_at <= $2
               ORDER BY d.next_at, d.id LIMIT $3 FOR UPDATE OF d SKIP LOCKED)
             UPDATE wazapp.media d SET attempts = d.attempts + 1, fence = d.fence + 1, next_at = $4,
               deadline = coalesce(d.deadline, $5)
             FROM due WHERE d.organization_id = $1 AND d.id = due.id
             RETURNING d.id, due.number_id, d.meta_id, d.url, d.sha256, d.attempts, d.fence",
            &[&organization_id, &now, &most, &(now + LEASE), &(now + KEPT_AT_META)],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Claimed {
            scope: Scope::new(organization_id),
            id: row.get("id"),
            number_id: row.get("number_id"),
            meta_id: row.get("meta_id"),
            url: row.get("url"),
            sha256: row.get("sha256"),
            attempt: u32::try_from(row.get::<_, i32>("attempts")).unwrap_or(u32::MAX),
            fence: row.get("fence"),
        })
        .collect())
}

/// Pending media that Meta has no longer, for [`any_organization_settle`].
pub async fn any_organization_overdue(tx: &Operator, now: Timestamp) -> Result<Vec<Settled>> {
    let rows = tx
        .query(
            "SELECT organization_id, id, fence, error FROM wazapp.media
             WHERE state = 'pending' AND deadline <= $1 ORDER BY organization_id, id LIMIT $2",
            &[&now, &MOST_OVERDUE],
        )
        .await?;
    let read = |row: &Row| {
        let last = Trouble::read_last(row, "error", "media.error");
        Settled {
            scope: Scope::new(row.get("organization_id")),
            id: row.get("id"),
            fence: row.get("fence"),
            outcome: Outcome::Failed { error: Trouble::too_late_to_fetch(last).into() },
            pause: None,
        }
    };
    Ok(rows.iter().map(read).collect())
}

/// Settles a fetch: the medium, the event that tells, and who must wait. Answers whether it still was what it was
/// claimed as.
pub async fn any_organization_settle(database: &Database, now: Timestamp, settled: &Settled) -> Result<bool> {
    let organization_id = settled.scope.organization_id();
    if let Outcome::Retry { .. } | Outcome::Released = settled.outcome {
        let tx = database.operator().await?;
        let still = postpone(&tx, now, settled).await?;
        let rest = match &settled.pause {
            Some((link, pause)) if pause.endless().is_none() => Rest::of(link, pause, now),
            _ => None,
        };
        let mut pipeline = Pipeline::at(now);
        if let Some(rest) = &rest {
            rest.begin(&mut pipeline);
        }
        tx.finish(pipeline).await.map_err(CommitError::in_job)?;
        let endless = settled.pause.as_ref().and_then(|(link, pause)| Some((link, pause.endless()?)));
        if let Some((link, reason)) = endless {
            number_check::any_organization_doubt(database, now, link, reason).await?;
        }
        return Ok(still);
    }
    let tx = database.operator().await?;
    let line = event::line_of(&tx, &settled.scope).await?;
    let row = match &settled.outcome {
        Outcome::Stored(file) => {
            tx.query_opt(
                "UPDATE wazapp.media SET state = 'stored', file = $4, size = $5, fetched_at = $6, error = NULL
                 WHERE organization_id = $1 AND id = $2 AND fence = $3 AND state = 'pending' RETURNING message_id",
                &[&organization_id, &settled.id, &settled.fence, &file.sha256.as_str(), &file.size, &now],
            )
            .await?
        }
        Outcome::Failed { error } => {
            tx.query_opt(
                "UPDATE wazapp.media SET state = 'failed', error = $4::text::json
                 WHERE organization_id = $1 AND id = $2 AND fence = $3 AND state = 'pending' RETURNING message_id",
                &[&organization_id, &settled.id, &settled.fence, &error.json()],
            )
            .await?
        }
        Outcome::Retry { .. } | Outcome::Released => None,
    };
    let Some(row) = row else { return Ok(false) };
    let mut events = Events::default();
    if let Some(message_id) = row.get::<_, Option<Uuid>>("message_id") {
        tell(&line, &mut events, message_id, now).await?;
        if let Some(edited) = edit::show(&tx, organization_id, message_id, now).await? {
            tell(&line, &mut events, edited, now).await?;
        }
    }
    let mut pipeline = Pipeline::at(now);
    event::any_organization_record(&mut pipeline, &events);
    tx.finish(pipeline).await.map_err(CommitError::in_job)?;
    Ok(true)
}

async fn postpone(tx: &Operator, now: Timestamp, settled: &Settled) -> Result<bool> {
    let (at, error, counts) = match &settled.outcome {
        Outcome::Retry { at, error, counts } => (*at, Some(error.json()), *counts),
        _ => (now, None, false),
    };
    let row = tx
        .query_opt(
            "UPDATE wazapp.media SET next_at = $4, error = coalesce($5::text::json, error),
               attempts = attempts - CASE WHEN $6::bool THEN 0 ELSE 1 END
             WHERE organization_id = $1 AND id = $2 AND fence = $3 AND state = 'pending' RETURNING id",
            &[&settled.scope.organization_id(), &settled.id, &settled.fence, &at, &error, &counts],
        )
        .await?;
    Ok(row.is_some())
}

/// Notes the event that tells of a message's file as it is now.
pub(super) async fn tell(line: &Line<'_>, events: &mut Events, message_id: Uuid, at: Timestamp) -> Result<()> {
    let row = line
        .query_opt(
            concat!(
                "SELECT ",
                media_columns!(),
                " FROM wazapp.media d",
                media_file!(),
                "WHERE d.organization_id = $1 AND d.message_id = $2"
            ),
            &[&line.organization_id(), &message_id],
        )
        .await?;
    let media = row.as_ref().map(Media::read).transpose()?.flatten();
    let data =
        media.map(|media| serde_json::to_string(&Told { message_id, media: &media }).expect("our shapes are JSON"));
    line.note(events, New { kind: Kind::MessageMedia, at, subject_id: Some(message_id), data, fingerprint: None });
    Ok(())
}

/// How much waits, for operators.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    /// Media to fetch.
    pub pending: i64,
    /// How long ago the oldest of them was announced.
    pub age: SignedDuration,
}

/// How much waits, over all organizations.
pub async fn any_organization_backlog(tx: &Operator, now: Timestamp) -> Result<Backlog> {
    let row = tx
        .query_opt(
            "SELECT count(*) AS pending, min(created_at) AS oldest FROM wazapp.media WHERE state = 'pending'",
            &[],
        )
        .await?;
    Ok(row.map_or_else(Backlog::default, |row| Backlog {
        pending: row.get("pending"),
        age: row.get::<_, Option<Timestamp>>("oldest").map_or(SignedDuration::ZERO, |at| now.duration_since(at)),
    }))
}
