//! Carries the [`Bell`] between the processes that share a database, by PostgreSQL's LISTEN and NOTIFY.
//!
//! A NOTIFY inside the transactions that record events would have them commit one after the other: PostgreSQL takes a lock
//! of the whole cluster for it. So others are told afterwards, of many transactions at once, on a connection of its own.
//! <https://www.postgresql.org/docs/current/sql-notify.html>

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Bell;
use crate::database::{Database, Result};

const CHANNEL: &str = "wazapp_event";

/// A message holds at most 8,000 bytes; an id takes 33.
const IDS_IN_A_MESSAGE: usize = 200;

/// What grows within this time is told together.
const TOGETHER: Duration = Duration::from_millis(10);

/// A lost connection is begun anew after this.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Tells other processes whose logs grew here, and hears from them, until it is told to stop. It has one connection, past
/// any transaction pooler.
pub async fn relay(database: Database, stop: CancellationToken) {
    let myself = Uuid::now_v7().simple().to_string();
    let carried = async {
        loop {
            if let Err(error) = carry(&database, &myself).await {
                tracing::warn!(%error, "other nodes are not heard: live updates from them come some seconds late");
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = carried => {}
    }
}

async fn carry(database: &Database, myself: &str) -> Result<()> {
    let (client, mut heard) = database.listener().await?;
    client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
    let notify = client.prepare("SELECT pg_notify($1, $2)").await?;
    let bell = database.bell();
    bell.ring_all();
    loop {
        tokio::select! {
            alive = hear(bell, myself, &mut heard) => if !alive { return Ok(()) },
            grew = bell.untold() => {
                for ids in grew.chunks(IDS_IN_A_MESSAGE) {
                    client.query(&notify, &[&CHANNEL, &message(myself, ids)]).await?;
                }
                tokio::time::sleep(TOGETHER).await;
            }
        }
    }
}

/// Passes on what was heard; false: the connection is gone.
async fn hear(bell: &Bell, myself: &str, heard: &mut UnboundedReceiver<String>) -> bool {
    let Some(text) = heard.recv().await else { return false };
    match text.split_once(' ') {
        Some((sender, _)) if sender == myself => {}
        Some((_, ids)) => bell.ring(&ids.split(',').filter_map(|id| id.parse().ok()).collect::<Vec<_>>()),
        None => bell.ring_all(),
    }
    true
}

fn message(myself: &str, ids: &[Uuid]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| id.simple().to_string()).collect();
    format!("{myself} {}", ids.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_short_enough() {
        let ids = vec![Uuid::max(); IDS_IN_A_MESSAGE];
        assert!(message(&Uuid::max().simple().to_string(), &ids).len() < 8_000);
    }
}
