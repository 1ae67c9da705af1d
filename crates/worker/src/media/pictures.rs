//! The loop that makes thumbnails, one at a time: decoding takes memory.

use std::time::Duration;

use bytes::Bytes;
use metrics::counter;
use model::Database;
use model::database::{CommitError, Result};
use model::file::{self, File, KeepError};
use model::media::{self, Picture};
use model::store::StoreError;
use tokio_util::sync::CancellationToken;

use super::{Settings, picture};

/// Other nodes' pictures, and uploads, are found by looking.
const POLL: Duration = Duration::from_millis(500);

/// The longest file that is decoded.
const LONGEST: u64 = 25 << 20;

/// Makes thumbnails until the token is cancelled.
pub(super) async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    loop {
        match next(&database, &settings).await {
            Ok(true) if !stop.is_cancelled() => continue,
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "thumbnails wait"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Makes the next one. `false`: there is none, or none can be made now.
async fn next(database: &Database, settings: &Settings) -> Result<bool> {
    let tx = database.operator().await?;
    let picture = media::any_organization_next_picture(&tx, settings.to_meta.clock.now()).await?;
    tx.commit().await.map_err(CommitError::in_job)?;
    let Some(picture) = picture else { return Ok(false) };
    let made = match make(database, settings, &picture).await {
        Ok(made) => made,
        // Its lease ends, and it is tried again; not for ever.
        Err(KeepError::Store(StoreError::Missing)) => {
            tracing::warn!(sha256 = picture.sha256, "a picture's bytes are not in the media store");
            return Ok(true);
        }
        Err(error) => {
            tracing::warn!(%error, "a thumbnail could not be stored; it is tried again");
            let tx = database.operator().await?;
            media::any_organization_give_back(&tx, settings.to_meta.clock.now(), &picture).await?;
            tx.commit().await.map_err(CommitError::in_job)?;
            return Ok(false);
        }
    };
    counter!("wazapp_thumbnails_total", "outcome" => if made.is_some() { "made" } else { "none" }).increment(1);
    media::any_organization_settle_picture(database, settings.to_meta.clock.now(), &picture, made.as_ref()).await?;
    Ok(true)
}

/// `None`: it is no picture of which one can be made.
async fn make(
    database: &Database,
    settings: &Settings,
    picture: &Picture,
) -> std::result::Result<Option<File>, KeepError> {
    let organization_id = picture.scope.organization_id();
    if u64::try_from(picture.size).is_ok_and(|size| size > LONGEST) {
        return Ok(None);
    }
    let bytes = settings.store.read_whole(organization_id, &picture.sha256, LONGEST).await?;
    let made = tokio::task::spawn_blocking(move || picture::shrink(&bytes)).await;
    let small = match made {
        Ok(Ok(small)) => small,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a picture gets no thumbnail");
            return Ok(None);
        }
        Err(_) => {
            tracing::warn!("a picture broke its decoder: it gets no thumbnail");
            return Ok(None);
        }
    };
    let mut writing = settings.store.writer(organization_id);
    writing.push(Bytes::from(small)).await?;
    Ok(Some(file::keep_thumbnail(database, &picture.scope, writing, settings.to_meta.clock.now()).await?))
}
