//! A connection that its holder keeps.

use std::time::Duration;

use deadpool_postgres::Object;
use postgres_types::ToSql;
use tokio_postgres::Row;

use super::transaction::start;
use super::{BEGIN_OPERATOR, Engine, Param, Result};

/// A connection that its holder keeps: the inbound writer's.
pub struct Connection {
    pub(super) object: Object,
    pub(super) engine: Engine,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    /// Runs one statement in a transaction of its own, as the worker, in one round trip. Several may be under way at
    /// once: they run in the order in which they were first polled.
    pub(crate) async fn run(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<Row>> {
        let client: &tokio_postgres::Client = &self.object;
        let statement = self.object.prepare_cached(sql).await?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param.as_sql()).collect();
        let (begun, rows, committed) = futures::join!(
            start(client, self.engine, &BEGIN_OPERATOR),
            client.query(&statement, &params),
            client.batch_execute("COMMIT"),
        );
        begun?;
        let rows = rows?;
        committed?;
        Ok(rows)
    }

    /// The time of one empty round trip.
    pub async fn round_trip(&self) -> Result<Duration> {
        let started = std::time::Instant::now();
        self.object.batch_execute("").await?;
        Ok(started.elapsed())
    }

    /// Ends the connection instead of giving it back.
    pub fn discard(self) {
        drop(Object::take(self.object));
    }
}
