//! The loop that makes thumbnails, one at a time, each in a process of its own: decoding takes memory.

use std::time::Duration;

use metrics::counter;
use model::Database;
use model::database::Result;
use model::file::{self, File, KeepError};
use model::media::{self, Picture};
use model::store::StoreError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Settings;
use super::decoder::{DecoderError, Shrunk};
use crate::rounds::{self, Job, job};

/// Other nodes' pictures, and uploads, are found by looking.
const POLL: Duration = Duration::from_millis(500);

/// The longest file that is decoded.
const LONGEST: u64 = 25 << 20;

/// Makes thumbnails until the token is cancelled.
pub(super) async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let activity = database.activity().clone();
    let mut pictures = Pictures { database, settings, stop: stop.clone() };
    rounds::finish(rounds::run(&mut pictures, &activity, &stop).await).await;
}

struct Pictures {
    database: Database,
    settings: Settings,
    stop: CancellationToken,
}

impl Job for Pictures {
    /// Whether it came to an end, and was not put off.
    type Done = bool;
    const WAITS: &'static str = "thumbnails wait";

    async fn look(&mut self, begun: &mut JoinSet<bool>) -> Result<Duration> {
        if begun.is_empty()
            && let Some(picture) = claim(&self.database, &self.settings).await?
        {
            let (database, settings, stop) = (self.database.clone(), self.settings.clone(), self.stop.clone());
            begun.spawn(
                async move {
                    work(&database, &settings, &picture, &stop).await.unwrap_or_else(|error| {
                        tracing::debug!(%error, "a thumbnail waits");
                        false
                    })
                }
                .instrument(job("thumbnail")),
            );
        }
        Ok(POLL)
    }

    // The store or the decoder is not there: it is not for the next one either.
    fn ended_badly(over: &bool) -> bool {
        !over
    }
}

/// Why there is no thumbnail yet.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    #[error(transparent)]
    Keep(#[from] KeepError),
}

async fn claim(database: &Database, settings: &Settings) -> Result<Option<Picture>> {
    let tx = database.operator().await?;
    let picture = media::any_organization_next_picture(&tx, settings.to_meta.clock.now()).await?;
    tx.commit_in_job().await?;
    Ok(picture)
}

/// Makes one. `false`: it is put off.
async fn work(database: &Database, settings: &Settings, picture: &Picture, stop: &CancellationToken) -> Result<bool> {
    let made = tokio::select! {
        made = make(database, settings, picture) => made,
        () = stop.cancelled() => return give_back(database, settings, picture).await,
    };
    let made = match made {
        Ok(made) => made,
        // Its lease ends, and it is tried again; not for ever.
        Err(NotYet::Decoder(DecoderError::Store(StoreError::Missing))) => {
            tracing::warn!(sha256 = picture.sha256, "a picture's bytes are not in the media store");
            return Ok(true);
        }
        Err(error) => {
            tracing::warn!(%error, "a thumbnail could not be made; it is tried again");
            return give_back(database, settings, picture).await;
        }
    };
    counter!("wazapp_thumbnails_total", "outcome" => if made.is_some() { "made" } else { "none" }).increment(1);
    media::any_organization_settle_picture(database, settings.to_meta.clock.now(), picture, made.as_ref()).await?;
    Ok(true)
}

async fn give_back(database: &Database, settings: &Settings, picture: &Picture) -> Result<bool> {
    let tx = database.operator().await?;
    media::any_organization_give_back(&tx, settings.to_meta.clock.now(), picture).await?;
    tx.commit_in_job().await?;
    Ok(false)
}

/// `None`: it is no picture of which one can be made, today or ever.
async fn make(
    database: &Database,
    settings: &Settings,
    picture: &Picture,
) -> std::result::Result<Option<File>, NotYet> {
    let organization_id = picture.scope.organization_id();
    let Some(size) = u64::try_from(picture.size).ok().filter(|size| *size <= LONGEST) else { return Ok(None) };
    let bytes = settings.store.read(organization_id, &picture.sha256, 0..size).await.map_err(DecoderError::from)?;
    let small = match settings.decoder.shrink(bytes, size).await? {
        Shrunk::Made(small) => small,
        Shrunk::Refused(why) => {
            tracing::info!(organization = %organization_id, sha256 = picture.sha256, why, "a picture gets no thumbnail");
            return Ok(None);
        }
    };
    let mut writing = settings.store.writer(organization_id);
    writing.push(small).await.map_err(KeepError::from)?;
    Ok(Some(file::keep_thumbnail(database, &picture.scope, writing, settings.to_meta.clock.now()).await?))
}
