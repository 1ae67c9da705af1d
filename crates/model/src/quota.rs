//! What an organization may take of the server, and what it takes.
//!
//! Files and messages that wait are counted by triggers as their rows come and go; what is begun in a day, by whoever begins
//! it. The count is looked at behind the write, in its transaction, while the row that holds it is locked: who took too much
//! is refused, and the transaction is rolled back.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use metrics::counter;
use serde::Serialize;
use tokio_postgres::Row;

use crate::database::{DatabaseError, Operator, Result, Tenant, Tx};
use crate::scope::Scope;

/// One thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Bytes of files in the store.
    MediaBytes,
    /// Messages that wait, planned ones with them, or whose fate is not known yet.
    QueuedMessages,
    /// Files that were uploaded today (UTC).
    UploadsADay,
    /// Attempts to connect a number, or to give it another token, that were begun today (UTC).
    ConnectionsADay,
}

impl Quota {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::MediaBytes, Self::QueuedMessages, Self::UploadsADay, Self::ConnectionsADay];

    /// Its name in settings, in the API and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::MediaBytes => "media_bytes",
            Self::QueuedMessages => "queued_messages",
            Self::UploadsADay => "uploads_a_day",
            Self::ConnectionsADay => "connections_a_day",
        }
    }

    /// The flag of `wazapp org limit`.
    pub fn flag(self) -> &'static str {
        match self {
            Self::MediaBytes => "--media-bytes",
            Self::QueuedMessages => "--queued-messages",
            Self::UploadsADay => "--uploads-a-day",
            Self::ConnectionsADay => "--connections-a-day",
        }
    }
}

/// The most that may be taken; none: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Limit(pub Option<u64>);

impl Limit {
    /// As the database keeps it.
    fn stored(self) -> i64 {
        self.0.map_or(-1, |most| i64::try_from(most).unwrap_or(i64::MAX))
    }

    fn read(stored: i64) -> Self {
        Self(u64::try_from(stored).ok())
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(most) => write!(f, "{most}"),
            None => f.write_str("none"),
        }
    }
}

/// What holds where nothing is set for an organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// See [`Quota::MediaBytes`].
    pub media_bytes: Limit,
    /// See [`Quota::QueuedMessages`].
    pub queued_messages: Limit,
    /// See [`Quota::UploadsADay`].
    pub uploads_a_day: Limit,
    /// See [`Quota::ConnectionsADay`].
    pub connections_a_day: Limit,
}

impl Limits {
    fn of(&self, quota: Quota) -> Limit {
        match quota {
            Quota::MediaBytes => self.media_bytes,
            Quota::QueuedMessages => self.queued_messages,
            Quota::UploadsADay => self.uploads_a_day,
            Quota::ConnectionsADay => self.connections_a_day,
        }
    }
}

/// What is taken of one, and the most that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Share {
    /// What is taken.
    pub used: u64,
    /// The most that may be; null: no limit.
    #[schema(value_type = Option<u64>)]
    pub limit: Limit,
}

impl Share {
    /// Whether nothing more may be taken.
    pub fn is_full(&self) -> bool {
        self.limit.0.is_some_and(|limit| self.used >= limit)
    }

    /// Whether nine tenths are taken.
    pub fn is_near(&self) -> bool {
        self.limit.0.is_some_and(|limit| self.used.saturating_mul(10) >= limit.saturating_mul(9))
    }
}

/// What is taken of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Shares {
    /// Bytes of files that are kept here, received and uploaded ones.
    pub media_bytes: Share,
    /// Messages that wait to be sent, planned ones with them, and those of which nobody knows yet whether they were.
    pub queued_messages: Share,
    /// Files that were uploaded today (UTC).
    pub uploads_a_day: Share,
    /// Attempts to connect a number, or to give it another token, that were begun today (UTC).
    pub connections_a_day: Share,
}

impl Shares {
    fn read(row: &Row, limits: &Limits, today: jiff::civil::Date) -> Self {
        let share = |quota: Quota, used: &str, daily: bool| {
            let past = daily && row.get::<_, jiff::civil::Date>("counted_on") < today;
            let used = if past { 0 } else { row.get::<_, i64>(used) };
            let own: Option<i64> = row.get(format!("{}_limit", quota.name()).as_str());
            Share { used: u64::try_from(used).unwrap_or(0), limit: own.map_or(limits.of(quota), Limit::read) }
        };
        Self {
            media_bytes: share(Quota::MediaBytes, "media_bytes", false),
            queued_messages: share(Quota::QueuedMessages, "queued_messages", false),
            uploads_a_day: share(Quota::UploadsADay, "uploads", true),
            connections_a_day: share(Quota::ConnectionsADay, "connections", true),
        }
    }

    /// One of them.
    pub fn of(&self, quota: Quota) -> Share {
        match quota {
            Quota::MediaBytes => self.media_bytes,
            Quota::QueuedMessages => self.queued_messages,
            Quota::UploadsADay => self.uploads_a_day,
            Quota::ConnectionsADay => self.connections_a_day,
        }
    }
}

/// Somebody wanted to take more than there is left. Nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Of this.
    pub quota: Quota,
    /// The most that may be taken.
    pub limit: u64,
    /// How long until the day is over, where it is of a day.
    pub until: Option<SignedDuration>,
}

/// Refuses what was written in this transaction if it takes too much.
pub(crate) async fn check(tx: &Tenant, now: Timestamp, quota: Quota) -> Result<()> {
    let Some(shares) = own(tx, now).await? else { return Ok(()) };
    let share = shares.of(quota);
    match share.limit.0 {
        Some(limit) if share.used > limit => Err(DatabaseError::OverQuota(exceeded(quota, limit, now))),
        _ => Ok(()),
    }
}

/// How much more of it may be taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    quota: Quota,
    limit: u64,
    /// None: without limit.
    pub(crate) left: Option<u64>,
}

impl Room {
    /// What is told where there is none left.
    pub(crate) fn exceeded(self, now: Timestamp) -> Exceeded {
        exceeded(self.quota, self.limit, now)
    }
}

/// How much more of it may be taken now. Whoever takes more of it holds the organization's line, so nobody does beside us.
pub(crate) async fn room(tx: &Tenant, now: Timestamp, quota: Quota) -> Result<Room> {
    let limit = own(tx, now).await?.and_then(|shares| Some((shares.of(quota).limit.0?, shares.of(quota).used)));
    let left = limit.map(|(limit, used)| limit.saturating_sub(used));
    Ok(Room { quota, limit: limit.map_or(u64::MAX, |(limit, _)| limit), left })
}

/// Counts one more of what is counted by the day, or refuses it.
pub(crate) async fn count(tx: &Tenant, now: Timestamp, quota: Quota) -> Result<()> {
    let (uploads, connections) = match quota {
        Quota::UploadsADay => (1_i64, 0_i64),
        Quota::ConnectionsADay => (0, 1),
        Quota::MediaBytes | Quota::QueuedMessages => return check(tx, now, quota).await,
    };
    tx.query(
        // Of two clocks around midnight, the later day counts.
        "UPDATE wazapp.quota SET
           uploads = CASE WHEN counted_on < $2 THEN 0 ELSE uploads END + $3,
           connections = CASE WHEN counted_on < $2 THEN 0 ELSE connections END + $4,
           counted_on = greatest(counted_on, $2)
         WHERE organization_id = $1",
        &[&tx.organization_id(), &day(now), &uploads, &connections],
    )
    .await?;
    check(tx, now, quota).await
}

fn exceeded(quota: Quota, limit: u64, now: Timestamp) -> Exceeded {
    counter!("wazapp_quota_refusals_total", "quota" => quota.name()).increment(1);
    let until = match quota {
        Quota::UploadsADay | Quota::ConnectionsADay => Some(until_tomorrow(now)),
        Quota::MediaBytes | Quota::QueuedMessages => None,
    };
    Exceeded { quota, limit, until }
}

/// What a file that would come from Meta meets: an error where there is no room for so many bytes more.
pub async fn any_organization_room(tx: &Operator, scope: &Scope, now: Timestamp, bytes: u64) -> Result<()> {
    let Some(shares) = read(tx, scope, &tx.limits(), now).await? else { return Ok(()) };
    let share = shares.media_bytes;
    match share.limit.0 {
        Some(limit) if share.is_full() || share.used.saturating_add(bytes) > limit => {
            Err(DatabaseError::OverQuota(exceeded(Quota::MediaBytes, limit, now)))
        }
        _ => Ok(()),
    }
}

/// What the scope's organization takes, and may take.
pub async fn own(tx: &Tenant, now: Timestamp) -> Result<Option<Shares>> {
    read(tx, tx.scope(), &tx.limits(), now).await
}

/// The same for an operator.
pub async fn any_organization_shares(tx: &Operator, scope: &Scope, now: Timestamp) -> Result<Option<Shares>> {
    read(tx, scope, &tx.limits(), now).await
}

async fn read(tx: &Tx, scope: &Scope, limits: &Limits, now: Timestamp) -> Result<Option<Shares>> {
    let row =
        tx.query_opt("SELECT * FROM wazapp.quota WHERE organization_id = $1", &[&scope.organization_id()]).await?;
    Ok(row.map(|row| Shares::read(&row, limits, day(now))))
}

/// Sets a limit for one organization; `None`: what holds for all.
pub async fn any_organization_set(tx: &Operator, scope: &Scope, quota: Quota, limit: Option<Limit>) -> Result<()> {
    let statement = match quota {
        Quota::MediaBytes => "UPDATE wazapp.quota SET media_bytes_limit = $2 WHERE organization_id = $1",
        Quota::QueuedMessages => "UPDATE wazapp.quota SET queued_messages_limit = $2 WHERE organization_id = $1",
        Quota::UploadsADay => "UPDATE wazapp.quota SET uploads_a_day_limit = $2 WHERE organization_id = $1",
        Quota::ConnectionsADay => "UPDATE wazapp.quota SET connections_a_day_limit = $2 WHERE organization_id = $1",
    };
    tx.query(statement, &[&scope.organization_id(), &limit.map(Limit::stored)]).await?;
    Ok(())
}

/// An organization that has taken nine tenths of something, or all.
#[derive(Clone, Debug)]
pub struct Near {
    /// Its short name.
    pub slug: String,
    /// Of this.
    pub quota: Quota,
    /// How far it is.
    pub share: Share,
}

/// Organizations that come near a limit.
pub async fn any_organization_near(tx: &Operator, now: Timestamp) -> Result<Vec<Near>> {
    let limits = tx.limits();
    let rows = tx
        .query("SELECT o.slug, q.* FROM wazapp.quota q JOIN wazapp.organization o ON o.id = q.organization_id ORDER BY o.slug", &[])
        .await?;
    let near = rows.iter().flat_map(|row| {
        let shares = Shares::read(row, &limits, day(now));
        Quota::ALL.map(|quota| Near { slug: row.get("slug"), quota, share: shares.of(quota) })
    });
    Ok(near.filter(|near| near.share.is_near()).collect())
}

fn day(now: Timestamp) -> jiff::civil::Date {
    now.to_zoned(TimeZone::UTC).date()
}

fn until_tomorrow(now: Timestamp) -> SignedDuration {
    let tomorrow = day(now).saturating_add(1.day()).to_zoned(TimeZone::UTC);
    tomorrow.map_or(SignedDuration::from_hours(24), |tomorrow| tomorrow.timestamp().duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_says_how_near_it_is() {
        let share = |used, limit| Share { used, limit: Limit(limit) };
        assert!(!share(u64::MAX, None).is_full() && !share(u64::MAX, None).is_near());
        assert!(!share(89, Some(100)).is_near() && share(90, Some(100)).is_near() && !share(90, Some(100)).is_full());
        assert!(share(100, Some(100)).is_full() && share(0, Some(0)).is_full());
    }

    #[test]
    fn a_day_ends_at_midnight() {
        let now: Timestamp = "2026-11-28T23:59:30Z".parse().expect("a time");
        assert_eq!(until_tomorrow(now).as_secs(), 30);
    }

    #[test]
    fn a_limit_comes_back_as_it_was() {
        for limit in [Limit(None), Limit(Some(0)), Limit(Some(5))] {
            assert_eq!(Limit::read(limit.stored()), limit);
        }
    }
}
