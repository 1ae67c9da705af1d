//! Files that go: past their retention, or known to nobody.

use futures::TryStreamExt;
use jiff::Timestamp;
use model::database::DatabaseError;
use model::media::{self, NEW};
use model::store::{Store, StoreError};
use model::{Database, organization};
use uuid::Uuid;

/// So many files in a transaction.
const BATCH: usize = 200;

/// Why files did not go.
#[derive(Debug, thiserror::Error)]
pub enum TidyError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory of the store failed.
    #[error("the media directory could not be read: {0}")]
    Directory(#[from] std::io::Error),
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Media past their organization's retention.
    pub expired: i64,
    /// Files that nothing referred to any more.
    pub files: u64,
}

/// Lets media past their retention go, and the bytes of every file that nothing refers to. Safe to run from several
/// nodes at once.
pub async fn tidy(database: &Database, store: &Store, now: Timestamp) -> Result<Tidied, TidyError> {
    let tx = database.operator().await?;
    let expired = media::any_organization_expire(&tx, now).await?;
    tx.commit().await?;
    let mut files = 0;
    loop {
        let tx = database.operator().await?;
        let leaving = media::any_organization_mark(&tx, now, i64::try_from(BATCH).unwrap_or(i64::MAX)).await?;
        tx.commit().await?;
        if leaving.is_empty() {
            return Ok(Tidied { expired, files });
        }
        for (scope, sha256) in &leaving {
            store.delete(scope.organization_id(), sha256).await?;
            let tx = database.operator().await?;
            media::any_organization_forget(&tx, scope, sha256).await?;
            tx.commit().await?;
            files += 1;
        }
    }
}

/// Removes what lies in the store and no row knows, and what was never finished; answers how much. Only of organizations
/// that are here: a store may serve another database too.
pub async fn sweep(database: &Database, store: &Store, now: Timestamp) -> Result<u64, TidyError> {
    let tx = database.operator().await?;
    let organizations = organization::list(&tx).await?;
    tx.commit().await?;
    let mut swept = 0;
    for organization in organizations {
        swept += store.sweep_leftovers(organization.id, now - NEW).await?;
        swept += sweep_one(database, store, organization.id, now).await?;
    }
    if swept > 0 {
        tidy(database, store, now).await?;
    }
    Ok(swept)
}

async fn sweep_one(
    database: &Database,
    store: &Store,
    organization_id: Uuid,
    now: Timestamp,
) -> Result<u64, TidyError> {
    let mut swept = 0;
    let mut names = Vec::new();
    let mut listed = store.list(organization_id);
    while let Some(object) = listed.try_next().await? {
        if object.written_at > now - NEW {
            continue;
        }
        match &object.sha256 {
            Some(sha256) => names.push(sha256.clone()),
            None => {
                store.delete_listed(&object).await?;
                swept += 1;
            }
        }
        if names.len() >= BATCH {
            swept += adopt(database, organization_id, &mut names, now).await?;
        }
    }
    Ok(swept + adopt(database, organization_id, &mut names, now).await?)
}

async fn adopt(
    database: &Database,
    organization_id: Uuid,
    names: &mut Vec<String>,
    now: Timestamp,
) -> Result<u64, TidyError> {
    let tx = database.operator().await?;
    let adopted = media::any_organization_adopt(&tx, now, organization_id, std::mem::take(names)).await?;
    tx.commit().await?;
    Ok(u64::try_from(adopted).unwrap_or(0))
}
