//! Waiting until every acknowledged message is visible.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio_postgres::Client;

use crate::clock;

/// How often the database is asked.
pub(crate) const EVERY: Duration = Duration::from_millis(10);
/// So long without a change, it is worth the price to count the messages.
const QUIET: Duration = Duration::from_millis(150);
/// So long without a change, nothing more will come.
const STALLED: Duration = Duration::from_secs(30);

/// How the waiting ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    /// When the last message had appeared.
    pub(crate) at: Instant,
    /// Acknowledged messages that never appeared.
    pub(crate) missing: u64,
}

/// A connection that watches messages appear. It reads the sum over the organizations' event sequences, a thousand
/// small rows that change in the transaction that makes a message visible, and counts messages only to make sure.
pub(crate) struct Watch {
    client: Client,
    pid: u32,
}

impl Watch {
    pub(crate) async fn new(client: Client) -> Result<Self> {
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        Ok(Self { client, pid: pid as u32 })
    }

    /// Its own backend, whose work is not wazapp's.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    async fn number(&self, sql: &str) -> Result<u64> {
        Ok(self.client.query_one(sql, &[]).await?.get::<_, i64>(0) as u64)
    }

    pub(crate) async fn messages(&self) -> Result<u64> {
        self.number("SELECT count(*) FROM wazapp.message").await
    }

    /// Waits until there are at least `expected` messages, or until nothing moves any more.
    pub(crate) async fn settle(&self, expected: u64) -> Result<Settled> {
        let mut sum = 0;
        let mut changed = clock::now();
        let mut counted = changed;
        let mut first = true;
        loop {
            let now_sum = self.number("SELECT coalesce(sum(last), 0)::int8 FROM wazapp.organization_sequence").await?;
            if first || now_sum != sum {
                (sum, changed, first) = (now_sum, clock::now(), false);
            } else if changed.elapsed() > QUIET && counted.elapsed() > QUIET {
                let messages = self.messages().await?;
                if messages >= expected || changed.elapsed() > STALLED {
                    return Ok(Settled { at: changed, missing: expected.saturating_sub(messages) });
                }
                counted = clock::now();
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}
