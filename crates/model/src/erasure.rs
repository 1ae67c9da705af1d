//! An organization, or one of its contacts, taken out of every table: batch by batch, so that the server runs beside it.
//!
//! What tells whose things are goes last. So whoever is killed in between begins again, and finds what is left.

pub mod mark;
mod person;
mod raw;
mod search;

use jiff::Timestamp;

use crate::database::{Operator, Result};
use crate::event;
use crate::scope::Scope;
use crate::transfer::Table;

pub use person::*;
pub use raw::*;
pub use search::{Found, Sought, any_organization_found};

/// Requests add to it, and nobody takes from it: it goes with its organization, by its foreign key.
const GOES_WITH_IT: &str = "audit";

/// It is a person's own, and only notes where they were.
const NOTES_IT: &str = "session";

/// From now on nobody works in the organization, nothing is sent from it, and what comes for its numbers is nobody's. Answers how
/// many numbers it had connected.
pub async fn any_organization_shut(tx: &Operator, scope: &Scope, now: Timestamp) -> Result<u64> {
    let organization_id = scope.organization_id();
    tx.query(
        "UPDATE wazapp.organization SET suspended_at = coalesce(suspended_at, $2) WHERE id = $1",
        &[&organization_id, &now],
    )
    .await?;
    tx.query("UPDATE wazapp.session SET organization_id = NULL WHERE organization_id = $1", &[&organization_id])
        .await?;
    let claims =
        tx.query("DELETE FROM wazapp.number_claim WHERE organization_id = $1 RETURNING 1", &[&organization_id]).await?;
    Ok(claims.len() as u64)
}

/// Lets some rows of a table go; answers how many. 0: there are none.
pub async fn any_organization_drop(tx: &Operator, scope: &Scope, table: &Table, most: i64) -> Result<u64> {
    if matches!(table.name.as_str(), GOES_WITH_IT | NOTES_IT) || table.owner() == "id" {
        return Ok(0);
    }
    if table.name == "file" {
        // A picture and its thumbnail may go in one batch or in two.
        tx.query(
            "UPDATE wazapp.file SET thumbnail = NULL WHERE organization_id = $1 AND thumbnail IS NOT NULL",
            &[&scope.organization_id()],
        )
        .await?;
    }
    let statement = format!(
        "WITH gone AS (
           DELETE FROM {place} t WHERE t.organization_id = $1 AND ({of_t}) IN (
             SELECT {of_k} FROM {place} k WHERE k.organization_id = $1 LIMIT $2) RETURNING 1)
         SELECT count(*) FROM gone",
        place = table.place(),
        of_t = table.key_of("t"),
        of_k = table.key_of("k"),
    );
    let row = tx.query_opt(&statement, &[&scope.organization_id(), &most]).await?;
    Ok(row.map_or(0, |row| u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)))
}

/// What came meanwhile goes, and the organization with it, in its line: whoever waits behind finds that it is gone. Answers how many
/// rows went of which table.
pub async fn any_organization_finish(tx: &Operator, scope: &Scope, tables: &[Table]) -> Result<Vec<(String, u64)>> {
    let line = event::line_of(tx, scope).await?;
    let mut gone = Vec::new();
    for table in tables.iter().rev() {
        gone.push((table.name.clone(), any_organization_drop(&line, scope, table, i64::MAX).await?));
    }
    let organization_id = scope.organization_id();
    let row =
        line.query_opt("SELECT count(*) FROM wazapp.audit WHERE organization_id = $1", &[&organization_id]).await?;
    let audit: i64 = row.map_or(0, |row| row.get(0));
    gone.push((GOES_WITH_IT.to_owned(), u64::try_from(audit).unwrap_or(0)));
    let rows = line.query("DELETE FROM wazapp.organization WHERE id = $1 RETURNING 1", &[&organization_id]).await?;
    gone.push(("organization".to_owned(), rows.len() as u64));
    Ok(gone)
}

/// How many rows of a table are the organization's.
pub async fn any_organization_left(tx: &Operator, scope: &Scope, table: &Table) -> Result<u64> {
    let statement = format!("SELECT count(*) FROM {} t WHERE t.{} = $1", table.place(), table.owner());
    let row = tx.query_opt(&statement, &[&scope.organization_id()]).await?;
    Ok(row.map_or(0, |row| u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)))
}
