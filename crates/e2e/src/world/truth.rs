//! What stands in the database, and what holds in every world.

use tokio_postgres::Client;

use super::World;
use crate::cluster;

impl World {
    /// A connection to this world's database as `postgres`, past everything that keeps organizations apart.
    pub async fn sql(&self) -> Client {
        cluster::connect(&self.socket_dir, &self.name).await.expect("a connection")
    }

    /// One number from the database.
    pub async fn count(&self, sql: &str) -> i64 {
        let row = self.sql.query_one(sql, &[]).await;
        row.expect("the statement runs").get(0)
    }

    /// What is in quarantine and was not replayed, as (reason, phone_number_id, field).
    pub async fn quarantine(&self) -> Vec<(String, Option<String>, Option<String>)> {
        let rows = self
            .sql
            .query(
                "SELECT reason, phone_number_id, field FROM wazapp.quarantine WHERE replayed_at IS NULL ORDER BY received_at, id",
                &[],
            )
            .await
            .expect("the quarantine can be read");
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    /// Asserts what holds in every world: nothing waits, nothing was refused by the database, and no sequence has a
    /// gap or a repeat.
    pub async fn check(&self) {
        self.drain().await;
        let refused = self
            .sql
            .query("SELECT detail FROM wazapp.quarantine WHERE reason = 'not_applied'", &[])
            .await
            .expect("the quarantine can be read");
        let refused: Vec<String> = refused.iter().map(|row| row.get(0)).collect();
        assert!(refused.is_empty(), "the database refused: {refused:?}");
        for (what, sql) in [
            (
                "sequences of messages have gaps or repeats",
                "SELECT count(*) FROM (
                   SELECT FROM wazapp.message m
                   JOIN wazapp.conversation c ON c.organization_id = m.organization_id AND c.id = m.conversation_id
                   GROUP BY m.organization_id, m.conversation_id, c.messages_gone, c.last_sequence
                   HAVING count(DISTINCT m.sequence) <> count(*) OR min(m.sequence) < 1 OR max(m.sequence) > c.last_sequence
                     OR c.messages_gone = 0 AND (count(*) <> max(m.sequence) OR min(m.sequence) <> 1)) x",
            ),
            (
                "conversations count other messages than they have",
                "SELECT count(*) FROM wazapp.conversation c WHERE c.last_sequence <>
                   c.messages_gone + (SELECT count(*) FROM wazapp.message m
                    WHERE m.organization_id = c.organization_id AND m.conversation_id = c.id)",
            ),
            (
                "organizations are without their row of retention",
                "SELECT count(*) FROM wazapp.organization o
                 WHERE NOT EXISTS (SELECT FROM wazapp.retention r WHERE r.organization_id = o.id)",
            ),
            (
                "event logs have gaps or repeats",
                "SELECT count(*) FROM wazapp.organization_sequence s 
                 JOIN wazapp.retention r ON r.organization_id = s.organization_id
                 WHERE s.last - r.oldest_event + 1 <>
                   (SELECT count(*) FROM wazapp.event e
                    WHERE e.organization_id = s.organization_id AND e.sequence BETWEEN r.oldest_event AND s.last)
                   OR EXISTS (SELECT FROM wazapp.event e
                              WHERE e.organization_id = s.organization_id AND e.sequence < r.oldest_event)",
            ),
            (
                "messages are shown nowhere or in two places",
                "SELECT count(*) FROM wazapp.message m LEFT JOIN wazapp.conversation c
                   ON c.organization_id = m.organization_id AND c.id = m.conversation_id AND c.number_id = m.number_id
                 WHERE c.id IS NULL",
            ),
            (
                "organizations have taken other than is counted",
                "SELECT count(*) FROM wazapp.quota q
                 WHERE (q.media_bytes, q.queued_messages) IS DISTINCT FROM (
                   (SELECT coalesce(sum(f.size), 0) FROM wazapp.file f WHERE f.organization_id = q.organization_id),
                   (SELECT count(*) FROM wazapp.outbox o
                    WHERE o.organization_id = q.organization_id AND o.state <> 'cancelled'))",
            ),
        ] {
            assert_eq!(self.count(sql).await, 0, "{what}");
        }
    }
}
