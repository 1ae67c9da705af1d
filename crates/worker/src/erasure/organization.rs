//! A whole organization.

use std::time::Instant;

use futures::TryStreamExt;
use model::audit::{self, Actor};
use model::erasure::{self, Holdings};
use model::transfer::{self, Table};
use model::{Database, Scope};

use super::prune::What;
use super::{Erased, Result, Source, again, bodies, breathe, find, tell, until};
use crate::backup::Told;

/// So many rows go in a transaction.
const BATCH: i64 = 1000;

/// Erases an organization: every row in every table, its part of what was received, and its files.
pub async fn erase(source: Source<'_>, name: &str, told: Told<'_>) -> Result<Erased> {
    let tx = source.database.operator().await?;
    let organization = find(&tx, name).await?;
    let (scope, tables) = (organization.scope(), transfer::any_organization_tables(&tx).await?);
    let holdings = erasure::any_organization_holdings(&tx, &scope).await?;
    let mut erased = Erased::default();
    let claims = erasure::any_organization_shut(&tx, &scope, source.clock.now()).await?;
    tx.commit_in_job().await?;
    erased.went("number_claim", claims);

    bodies::clear(source, (&scope, &holdings), What::Changes, until(source), &mut erased).await?;
    // Those that refer to others first. Numbers say which bodies are the organization's: they are needed until the end.
    for table in tables.iter().rev().filter(|table| table.name != "number") {
        loop {
            let began = Instant::now();
            let rows = again(async || {
                let tx = source.database.operator().await?;
                let rows = erasure::any_organization_drop(&tx, &scope, table, BATCH).await?;
                tx.commit_in_job().await.map(|()| rows)
            })
            .await?;
            erased.went(&table.name, rows);
            tell(told, &erased, tables.len());
            if rows == 0 {
                break;
            }
            breathe(began).await;
        }
    }
    erased.files += clear_store(source, &scope).await?;
    let end = until(source);
    bodies::clear(source, (&scope, &holdings), What::Changes, end, &mut erased).await?;

    let gone = again(async || {
        let tx = source.database.operator().await?;
        let gone = erasure::any_organization_finish(&tx, &scope, &tables).await?;
        audit::record_of_server(&tx, source.clock.now(), &Actor::operator(), &organization.erased()).await?;
        tx.commit_in_job().await.map(|()| gone)
    })
    .await?;
    for (table, rows) in gone {
        erased.went(&table, rows);
    }
    // What was being fetched at that moment.
    erased.files += clear_store(source, &scope).await?;
    prove(source.database, (&scope, &holdings), &tables, &mut erased).await?;
    let left = source.store.list(scope.organization_id()).try_fold(0, async |many, _| Ok(many + 1)).await?;
    erased.found("media", "bytes in the store", left);
    Ok(erased)
}

/// All that lies under the organization's name.
async fn clear_store(source: Source<'_>, scope: &Scope) -> Result<u64> {
    let (mut listed, mut files) = (source.store.list(scope.organization_id()), 0);
    while let Some(object) = listed.try_next().await? {
        source.store.delete_listed(&object).await?;
        files += u64::from(object.sha256.is_some());
    }
    Ok(files)
}

/// No row says that it is the organization's, nothing in its tables holds its id, and no body its numbers.
async fn prove(
    database: &Database,
    (scope, holdings): (&Scope, &Holdings),
    tables: &[Table],
    erased: &mut Erased,
) -> Result<()> {
    let tx = database.operator().await?;
    for table in tables {
        let left = erasure::any_organization_left(&tx, scope, table).await?;
        erased.found(&table.name, "organization_id", left);
        erased.searched.tables += 1;
        erased.searched.columns += table.columns.len() as u64;
    }
    // Numbers that others had too stand in what is theirs.
    let own = holdings.own_words();
    let (inbound, quarantine) = erasure::any_organization_raw_left(&tx, (&own, &own), jiff::Timestamp::MAX).await?;
    erased.found("inbound", "body", inbound);
    erased.found("quarantine", "body", quarantine);
    erased.searched.tables += 2;
    erased.searched.columns += 2;
    tx.close();
    Ok(())
}
