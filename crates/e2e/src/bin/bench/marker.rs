//! When a message becomes visible, seen from outside while others flow.
//!
//! Every 25 ms a marker is due in a conversation of its own. From then until its unread count says that the marker is
//! there, one row is read by its key every millisecond: what is measured is at most 1.2 ms too long, never too short.

use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Handle;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::clock;
use crate::open_loop::Schedule;

/// Markers a second.
pub(crate) const RATE: u32 = 40;
/// Between two looks at the row.
const STEP: Duration = Duration::from_millis(1);
/// The last markers may take so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The marker's conversation, and a connection to look at it.
pub(crate) struct Marker {
    client: Client,
    statement: tokio_postgres::Statement,
    organization_id: Uuid,
    id: Uuid,
    pid: u32,
}

impl Marker {
    pub(crate) async fn new(client: Client, organization_id: Uuid) -> Result<Self> {
        let found = "SELECT id, pg_backend_pid() FROM wazapp.conversation WHERE organization_id = $1";
        let row = client.query_one(found, &[&organization_id]).await?;
        let statement = client
            .prepare("SELECT unread_count FROM wazapp.conversation WHERE organization_id = $1 AND id = $2")
            .await?;
        let pid: i32 = row.get(1);
        Ok(Self { client, statement, organization_id, id: row.get(0), pid: pid as u32 })
    }

    /// Its backend.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Markers so far.
    pub(crate) async fn seen(&self) -> Result<u64> {
        let row = self.client.query_one(&self.statement, &[&self.organization_id, &self.id]).await?;
        Ok(row.get::<_, i32>(0) as u64)
    }

    /// Waits for each marker of the schedule, `before` having been there already. Answers the time from due to seen, in
    /// µs, of those that came. Blocks, because a thread sleeps more exactly than a task.
    pub(crate) fn follow(&self, runtime: &Handle, schedule: Schedule, before: u64) -> Result<Vec<u32>> {
        let mut micros = Vec::new();
        let last = schedule.due(schedule.count.saturating_sub(1)).unwrap_or(schedule.start);
        while let Some(due) = schedule.due(micros.len() as u64) {
            clock::sleep_until(due);
            let seen = runtime.block_on(self.seen())?.saturating_sub(before);
            let now = clock::now();
            while (micros.len() as u64) < seen.min(schedule.count) {
                let due = schedule.due(micros.len() as u64).unwrap_or(last);
                micros.push(now.saturating_duration_since(due).as_micros() as u32);
            }
            if now > last + PATIENCE {
                break;
            }
            std::thread::sleep(STEP);
        }
        Ok(micros)
    }
}
