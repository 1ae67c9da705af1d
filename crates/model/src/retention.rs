//! How long what grows without end is kept: events, updates of statuses, messages. What is past it goes in small batches.
//!
//! Batches, and no partitions: messages are referred to by what hangs on them and found by Meta's id, so a partition's key
//! would have to stand in each of those keys; organizations keep theirs for different times, so no partition would go as a
//! whole; and each partition would carry its own indexes and policies through every look-up.
//!
//! How far an organization's things have gone is written down, under its line, before the first of them goes. So whoever
//! stands in line knows, and what Meta tells again of them is not taken for new.

mod events;
mod messages;
mod statuses;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio_postgres::Row;

use crate::database::{Operator, Result, Tenant};
use crate::event;
use crate::scope::Scope;

pub use events::{any_organization_drop_events, any_organization_mark};
pub use messages::any_organization_drop_messages;
pub(crate) use messages::{FOLLOW, STAY};
pub use statuses::any_organization_drop_statuses;

/// The fewest days: Meta repeats for seven what it was not heard on, and a repeat must find what it repeats.
pub const FEWEST_DAYS: u16 = 8;

/// The most days.
pub const MOST_DAYS: u16 = 36_500;

/// What has a retention of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    /// The event log, from the time an event was recorded.
    Events,
    /// The history of statuses, from the time an update was received. What a message shows stays.
    Statuses,
    /// Messages with all that hangs on them, from Meta's time.
    Messages,
}

impl Kept {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Events, Self::Statuses, Self::Messages];

    /// Its name in metrics and in what people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Statuses => "statuses",
            Self::Messages => "messages",
        }
    }
}

/// For how many days something is kept; none: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Days(pub Option<u16>);

impl Days {
    fn stored(self) -> i32 {
        self.0.map_or(-1, i32::from)
    }

    fn read(stored: i32) -> Self {
        Self(u16::try_from(stored).ok())
    }

    /// What is older is past it; `None`: nothing is.
    pub fn before(self, now: Timestamp) -> Option<Timestamp> {
        now.checked_sub(SignedDuration::from_hours(24 * i64::from(self.0?))).ok()
    }
}

impl std::fmt::Display for Days {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("for ever"),
            Some(1) => f.write_str("1 day"),
            Some(days) => write!(f, "{days} days"),
        }
    }
}

/// For how long each is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// See [`Kept::Events`].
    pub events: Days,
    /// See [`Kept::Statuses`].
    pub statuses: Days,
    /// See [`Kept::Messages`].
    pub messages: Days,
}

impl Retention {
    /// For how long one of them is kept.
    pub fn of(&self, kept: Kept) -> Days {
        match kept {
            Kept::Events => self.events,
            Kept::Statuses => self.statuses,
            Kept::Messages => self.messages,
        }
    }

    /// What holds for the organization of this row: what is set for it, or else this.
    pub(crate) fn for_row(&self, row: &Row) -> Self {
        let own = |column: &str, all: Days| row.get::<_, Option<i32>>(column).map_or(all, Days::read);
        Self {
            events: own("event_retention_days", self.events),
            statuses: own("status_retention_days", self.statuses),
            messages: own("message_retention_days", self.messages),
        }
    }
}

/// Sets for how long an organization keeps something; `None`: what holds for all.
pub async fn any_organization_set(tx: &Operator, scope: &Scope, kept: Kept, days: Option<Days>) -> Result<()> {
    let statement = match kept {
        Kept::Events => "UPDATE wazapp.organization SET event_retention_days = $2 WHERE id = $1",
        Kept::Statuses => "UPDATE wazapp.organization SET status_retention_days = $2 WHERE id = $1",
        Kept::Messages => "UPDATE wazapp.organization SET message_retention_days = $2 WHERE id = $1",
    };
    tx.query(statement, &[&scope.organization_id(), &days.map(Days::stored)]).await?;
    Ok(())
}

/// How far an organization's things have gone: what is from before is not there, and is not taken when it is told again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// Events that were recorded before.
    pub events: Option<Timestamp>,
    /// Updates that were received before.
    pub statuses: Option<Timestamp>,
    /// Messages that were written before, by Meta's time.
    pub messages: Option<Timestamp>,
}

impl Since {
    pub(crate) fn read(row: &Row) -> Self {
        Self {
            events: row.get("events_since"),
            statuses: row.get("statuses_since"),
            messages: row.get("messages_since"),
        }
    }

    /// Whether a message of this time went.
    pub fn is_past_messages(&self, at: Timestamp) -> bool {
        self.messages.is_some_and(|since| at < since)
    }

    /// Whether an update of this time went.
    pub fn is_past_statuses(&self, at: Timestamp) -> bool {
        self.statuses.is_some_and(|since| at < since)
    }

    /// Whether an event that was recorded at this time went.
    pub fn is_past_events(&self, at: Timestamp) -> bool {
        self.events.is_some_and(|since| at < since)
    }
}

/// A step through what is past its retention, oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// So many went.
    pub gone: u64,
    /// Time of the newest of them, where they go by time: what was before it need not be looked at again in this round.
    pub last: Option<Timestamp>,
}

impl Step {
    fn read(row: Option<Row>) -> Self {
        row.map_or_else(Self::default, |row| Self {
            gone: u64::try_from(row.get::<_, i64>("gone")).unwrap_or(0),
            last: row.get("last"),
        })
    }
}

/// What has gone of an organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Gone {
    /// Events.
    pub events: i64,
    /// Updates of statuses.
    pub statuses: i64,
    /// Messages.
    pub messages: i64,
}

impl Gone {
    /// How many of one kind.
    pub fn of(&self, kept: Kept) -> i64 {
        match kept {
            Kept::Events => self.events,
            Kept::Statuses => self.statuses,
            Kept::Messages => self.messages,
        }
    }
}

macro_rules! gone {
    ($rest:literal) => {
        concat!(
            "SELECT coalesce(sum(oldest_event - 1), 0)::bigint AS events, coalesce(sum(statuses_gone), 0)::bigint AS statuses,
                    coalesce(sum(messages_gone), 0)::bigint AS messages FROM wazapp.retention",
            $rest
        )
    };
}

fn gone(row: Option<Row>) -> Gone {
    row.map_or_else(Gone::default, |row| Gone {
        events: row.get("events"),
        statuses: row.get("statuses"),
        messages: row.get("messages"),
    })
}

/// What has gone of the scope's organization.
pub async fn own(tx: &Tenant) -> Result<Gone> {
    Ok(gone(tx.query_opt(gone!(" WHERE organization_id = $1"), &[&tx.organization_id()]).await?))
}

/// What has gone of all organizations.
pub async fn any_organization_gone(tx: &Operator) -> Result<Gone> {
    Ok(gone(tx.query_opt(gone!(""), &[]).await?))
}

/// The organizations, each with how long it keeps what.
pub async fn any_organization_list(tx: &Operator) -> Result<Vec<(Scope, Retention)>> {
    let rows = tx
        .query(
            "SELECT id, event_retention_days, status_retention_days, message_retention_days
             FROM wazapp.organization ORDER BY id",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| (Scope::new(row.get("id")), tx.retention().for_row(row))).collect())
}

/// Writes down how far something goes, before the first of it does: behind whoever stands in line now and may not know.
/// Answers what is older goes; `None`: the organization is gone.
pub async fn any_organization_let_go(
    tx: &Operator,
    scope: &Scope,
    kept: Kept,
    before: Timestamp,
) -> Result<Option<Timestamp>> {
    let line = event::line_of(tx, scope).await?;
    let statement = match kept {
        Kept::Events => {
            "UPDATE wazapp.retention SET events_since = greatest(events_since, $2) WHERE organization_id = $1
             RETURNING events_since AS since"
        }
        Kept::Statuses => {
            "UPDATE wazapp.retention SET statuses_since = greatest(statuses_since, $2) WHERE organization_id = $1
             RETURNING statuses_since AS since"
        }
        Kept::Messages => {
            "UPDATE wazapp.retention SET messages_since = greatest(messages_since, $2) WHERE organization_id = $1
             RETURNING messages_since AS since"
        }
    };
    let row = line.query_opt(statement, &[&scope.organization_id(), &before]).await?;
    Ok(row.map(|row| row.get("since")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_come_back_as_they_were() {
        for days in [Days(None), Days(Some(FEWEST_DAYS)), Days(Some(MOST_DAYS))] {
            assert_eq!(Days::read(days.stored()), days);
        }
    }

    #[test]
    fn what_is_as_old_as_the_edge_stays() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let since = Since { messages: Days(Some(8)).before(now), ..Since::default() };
        let edge: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        assert!(!since.is_past_messages(edge) && since.is_past_messages(edge - SignedDuration::from_secs(1)));
        assert!(!since.is_past_statuses(Timestamp::MIN) && Days(None).before(now).is_none());
    }
}
