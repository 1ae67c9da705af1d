//! Files that go: past their retention, or known to nobody.

use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use model::database::{DatabaseError, Operator};
use model::media::{self, NEW};
use model::store::{Store, StoreError};
use model::{Database, Scope, organization};
use uuid::Uuid;

/// So many files are marked, or adopted, in a transaction.
const BATCH: usize = 200;

/// A file that the store would not let go is tried again after so long.
const STAYS: SignedDuration = SignedDuration::from_mins(10);

/// A store that would not let go of so many is away: the rest waits for the next round.
const MOST_STAYED: u32 = 20;

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
/// nodes at once. What will not go stays for a later round.
pub async fn tidy(database: &Database, store: &Store, now: Timestamp) -> Result<Tidied, TidyError> {
    let tx = database.operator().await?;
    let expired = media::any_organization_expire(&tx, now).await?;
    tx.commit_in_job().await?;
    let (mut files, mut stayed) = (0, 0);
    loop {
        let tx = database.operator().await?;
        let marked = media::any_organization_mark(&tx, now, i64::try_from(BATCH).unwrap_or(i64::MAX)).await?;
        tx.commit_in_job().await?;
        let before = files;
        while stayed < MOST_STAYED {
            match leave(database, store, now).await? {
                Left::Gone => files += 1,
                Left::Stayed => stayed += 1,
                Left::Nothing => break,
            }
        }
        // With a picture, its thumbnail may have become unused.
        if stayed == MOST_STAYED || marked == 0 && files == before {
            return Ok(Tidied { expired, files });
        }
    }
}

/// What became of files that were to go at once.
#[derive(Debug, Default)]
pub struct LetGo {
    /// So many went.
    pub gone: u64,
    /// Why others stay, one each; where too many do, the rest was not tried.
    pub stayed: Vec<StoreError>,
}

/// Lets the bytes go of every file of an organization that is leaving, also where it waits for another try. What another node is
/// letting go is waited for: afterwards none of them lies in the store, but for those that stayed.
pub async fn let_go(database: &Database, store: &Store, scope: &Scope, now: Timestamp) -> Result<LetGo, DatabaseError> {
    let (mut done, mut stayed) = (LetGo::default(), Vec::new());
    while stayed.len() < MOST_STAYED as usize {
        let tx = database.operator().await?;
        let Some(sha256) = media::any_organization_leaving(&tx, scope, stayed.clone()).await? else {
            break;
        };
        match part_with(&tx, store, scope, &sha256, now).await? {
            Ok(()) => done.gone += 1,
            Err(error) => {
                done.stayed.push(error);
                stayed.push(sha256);
            }
        }
        tx.commit_in_job().await?;
    }
    Ok(done)
}

/// What became of the next file that was to go.
enum Left {
    Gone,
    /// The store would not let it go.
    Stayed,
    /// There is none.
    Nothing,
}

/// Bytes and row go in one transaction: until it ends the file is this node's.
async fn leave(database: &Database, store: &Store, now: Timestamp) -> Result<Left, DatabaseError> {
    let tx = database.operator().await?;
    let Some((scope, sha256)) = media::any_organization_next_leaving(&tx, now).await? else {
        return Ok(Left::Nothing);
    };
    let left = match part_with(&tx, store, &scope, &sha256, now).await? {
        Ok(()) => Left::Gone,
        Err(_) => Left::Stayed,
    };
    tx.commit_in_job().await?;
    Ok(left)
}

/// A file's bytes go, and then its row; where the store would not let them go, it waits.
async fn part_with(
    tx: &Operator,
    store: &Store,
    scope: &Scope,
    sha256: &str,
    now: Timestamp,
) -> Result<Result<(), StoreError>, DatabaseError> {
    let gone = store.delete(scope.organization_id(), sha256).await;
    match &gone {
        Ok(()) => media::any_organization_forget(tx, scope, sha256).await?,
        Err(error) => {
            tracing::warn!(%error, organization = %scope.organization_id(), sha256, "a file could not be deleted; it is tried again");
            media::any_organization_stays(tx, scope, sha256, now + STAYS).await?;
        }
    }
    Ok(gone)
}

/// Removes what lies in the store and no row knows, and what was never finished; answers how much. Only of organizations
/// that are here: a store may serve another database too.
pub async fn sweep(database: &Database, store: &Store, now: Timestamp) -> Result<u64, TidyError> {
    let tx = database.operator().await?;
    let organizations = organization::list(&tx).await?;
    tx.close();
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
    tx.commit_in_job().await?;
    Ok(u64::try_from(adopted).unwrap_or(0))
}
