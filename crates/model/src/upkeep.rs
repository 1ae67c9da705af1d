//! What must be done now and then: days' partitions made and dropped, streams forgotten.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};

use crate::database::{Database, DatabaseError, Result};

/// How many days ahead partitions are made.
const AHEAD: i8 = 4;

/// What one round did.
#[derive(Debug, Default)]
pub struct Done {
    /// Days whose partition was made.
    pub made: Vec<String>,
    /// Partitions dropped.
    pub dropped: Vec<String>,
    /// Streams forgotten.
    pub streams: u64,
}

/// Makes the coming days' partitions of `inbound`, drops those past their retention, and forgets streams that were
/// applied to their end. Safe to run from several nodes at once.
pub async fn run(database: &Database, now: Timestamp, retention_days: u16) -> Result<Done> {
    let mut done = Done::default();
    let client = database.owner().await?;
    // Whoever waits for such a lock makes every webhook wait behind it: better to give up and try again in an hour.
    client.batch_execute("SET lock_timeout = '3s'").await?;
    let today = now.to_zoned(TimeZone::UTC).date();
    for ahead in 0..=AHEAD {
        let day = today.saturating_add(i32::from(ahead).days());
        let name = partition(day);
        let known = client.query_one("SELECT to_regclass('wazapp.' || $1) IS NOT NULL", &[&name]).await?;
        if known.get(0) {
            continue;
        }
        // IF NOT EXISTS: another node may be as far. Fails if the default partition holds rows of that day already;
        // they stay there, and the day goes on there.
        match client.batch_execute(&make(&name, day)).await {
            Ok(()) => done.made.push(name),
            Err(error) => {
                tracing::warn!(day = %day, code = ?error.code(), "no partition for this day: its webhooks go to the default one")
            }
        }
    }
    let oldest = partition(today.saturating_sub(i32::from(retention_days).days()));
    let rows = client
        .query(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'wazapp.inbound'::regclass AND c.relname LIKE 'inbound_2%' AND c.relname < $1",
            &[&oldest],
        )
        .await?;
    for row in rows {
        let name: String = row.get(0);
        match client.batch_execute(&format!("DROP TABLE IF EXISTS wazapp.{name}")).await {
            Ok(()) => done.dropped.push(name),
            Err(error) => tracing::warn!(name, code = ?error.code(), "a day past its retention could not be dropped"),
        }
    }
    client
        .execute(
            "DELETE FROM wazapp.inbound_default WHERE received_at < $1",
            &[&(now - (i64::from(retention_days) * 24).hours())],
        )
        .await?;
    done.streams = forget_streams(database, now).await?;
    Ok(done)
}

fn make(name: &str, day: Date) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS wazapp.{name} PARTITION OF wazapp.inbound
         FOR VALUES FROM ('{day}T00:00:00Z') TO ('{}T00:00:00Z')",
        day.saturating_add(1.day())
    )
}

/// Makes a day's partition, which another database has by this name.
pub(crate) async fn make_day(client: &tokio_postgres::Client, name: &str) -> Result<()> {
    let day: Option<Date> = name.strip_prefix("inbound_").and_then(|day| day.replace('_', "-").parse().ok());
    let day = day.filter(|day| partition(*day) == name);
    let day = day.ok_or_else(|| DatabaseError::Unfit(format!("{name:?} is no day's partition of inbound")))?;
    Ok(client.batch_execute(&make(name, day)).await?)
}

fn partition(day: Date) -> String {
    format!("inbound_{:04}_{:02}_{:02}", day.year(), day.month(), day.day())
}

/// Forgets streams that no writer uses any more and whose rows are all applied.
async fn forget_streams(database: &Database, now: Timestamp) -> Result<u64> {
    let tx = database.operator().await?;
    // Lock first, look with a new snapshot: a writer may be committing into the stream just now.
    let rows = tx
        .query(
            "SELECT id FROM wazapp.stream WHERE started_at < $1 ORDER BY id FOR UPDATE SKIP LOCKED",
            &[&(now - 2.hours())],
        )
        .await?;
    let candidates: Vec<uuid::Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let rows = tx
        .query(
            "WITH gone AS (
               DELETE FROM wazapp.stream s WHERE s.id = ANY ($1)
                 AND NOT EXISTS (
                   SELECT FROM wazapp.lane l LEFT JOIN wazapp.lane_cursor c ON c.lane = l.id AND c.stream_id = s.id
                   CROSS JOIN LATERAL (
                     SELECT FROM wazapp.inbound i WHERE i.stream_id = s.id AND i.lane = l.id
                       AND (i.position > coalesce(c.position, 0) OR i.received_at > $2) LIMIT 1) i)
               RETURNING id),
             cursors AS (DELETE FROM wazapp.lane_cursor c USING gone WHERE c.stream_id = gone.id)
             SELECT count(*) FROM gone",
            &[&candidates, &(now - 1.hour())],
        )
        .await?;
    tx.commit_in_job().await?;
    Ok(rows.first().map_or(0, |row| u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_day() {
        let day = |text: &str| partition(text.parse().unwrap());
        assert_eq!(day("2026-01-05"), "inbound_2026_01_05");
        assert!(day("2026-09-30") < day("2026-10-01"));
    }
}
