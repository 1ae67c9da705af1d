//! Which statements took a stage's time in PostgreSQL, by its own count.
//! <https://www.postgresql.org/docs/15/pgstatstatements.html>

use anyhow::Result;
use tokio_postgres::Client;

use crate::stage::say;

/// With what PostgreSQL counts.
pub(crate) const SETTINGS: [&str; 2] =
    ["shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_planning=on"];

/// So many are said.
const SAID: i64 = 25;
/// So much of each.
const LENGTH: usize = 150;

/// Begins to count anew.
pub(crate) async fn reset(client: &Client) -> Result<()> {
    client
        .batch_execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()")
        .await?;
    Ok(())
}

/// Says what took longest in this database.
pub(crate) async fn tell(client: &Client, database: &str) -> Result<()> {
    let sql =
        "SELECT s.calls, (s.total_exec_time + s.total_plan_time) / 1000, s.total_plan_time / 1000, s.rows, s.query
               FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = $1
               ORDER BY 2 DESC LIMIT $2";
    for row in client.query(sql, &[&database, &SAID]).await? {
        let (calls, total, plan): (i64, f64, f64) = (row.get(0), row.get(1), row.get(2));
        let (rows, query): (i64, String) = (row.get(3), row.get(4));
        let query: String = query.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LENGTH).collect();
        let each = total * 1e3 / calls.max(1) as f64;
        say(&format!("  {total:7.2} s (planning {plan:.2} s) {calls:7} calls of {each:.3} ms, {rows} rows: {query}"));
    }
    Ok(())
}
