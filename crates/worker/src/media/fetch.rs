//! One fetch: where is it, what comes, is it what was announced.

use std::time::Duration;

use metrics::{counter, histogram};
use model::file::{self, File};
use model::link::{self, By, Link};
use model::media::{Claimed, Outcome, Settled, hexadecimal};
use model::{Database, DatabaseError, quota};
use tokio_util::sync::CancellationToken;
use whatsapp::graph::{Credential, Failure};

use super::Settings;
use super::not_here::{NotHere, is_gone};

/// A fetch that takes longer is given up, before its lease ends.
const LONGEST: Duration = Duration::from_secs(300);

/// Fetches a claimed medium.
pub(super) async fn fetch(
    database: &Database,
    settings: &Settings,
    medium: Claimed,
    stop: &CancellationToken,
) -> Settled {
    let started = std::time::Instant::now();
    let fetched = tokio::select! {
        fetched = tokio::time::timeout(LONGEST, attempt(database, settings, &medium)) => Some(fetched),
        () = stop.cancelled() => None,
    };
    let (fetched, tried) = match fetched {
        None => (None, None),
        Some(Ok((fetched, tried))) => (Some(fetched), tried),
        Some(Err(_)) => (Some(Err(NotHere::slow())), None),
    };
    let (outcome, pause) = match fetched {
        None => (Outcome::Released, None),
        Some(Ok(file)) => (Outcome::Stored(file), None),
        Some(Err(trouble)) => trouble.settle(medium.attempt, settings.to_meta.clock.now()),
    };
    histogram!("wazapp_media_fetch_seconds").record(started.elapsed().as_secs_f64());
    counter!("wazapp_media_fetches_total", "outcome" => word(&outcome)).increment(1);
    tracing::debug!(media = %medium.id, attempt = medium.attempt, outcome = word(&outcome), "fetched");
    Settled { scope: medium.scope, id: medium.id, fence: medium.fence, outcome, pause: tried.zip(pause) }
}

/// What came, and the way that was tried.
async fn attempt(database: &Database, settings: &Settings, medium: &Claimed) -> (Result<File, NotHere>, Option<Link>) {
    match number(database, settings, medium).await {
        Ok(Some(link)) => (bring(database, settings, &link, medium).await, Some(link)),
        Ok(None) => (Err(NotHere::not_connected()), None),
        Err(trouble) => (Err(trouble), None),
    }
}

async fn bring(database: &Database, settings: &Settings, link: &Link, medium: &Claimed) -> Result<File, NotHere> {
    let secrets =
        link.open(&settings.to_meta.keyring, &settings.to_meta.apps).map_err(|none| NotHere::no_token(&none))?;
    let credential = Credential::from(secrets);
    let place = look_up(settings, &credential, link, medium).await?;
    let download = settings.to_meta.graph.download(&credential, &place.url, settings.max_bytes).await;
    let mut download = download.map_err(NotHere::of_download)?;
    has_room(database, settings, medium, download.length.unwrap_or(0)).await?;
    let mut writing = settings.store.writer(medium.scope.organization_id());
    while let Some(piece) = download.piece().await.map_err(NotHere::of_download)? {
        writing.push(piece).await?;
    }
    let written = writing.finish().await?;
    if place.sha256.is_some_and(|announced| announced != written.sha256) {
        return Err(NotHere::wrong_hash());
    }
    Ok(file::keep_written(database, &medium.scope, written, settings.to_meta.clock.now()).await?)
}

/// The way to a medium, if there is room for it here at all.
async fn number(database: &Database, settings: &Settings, medium: &Claimed) -> Result<Option<Link>, NotHere> {
    let find = async {
        let tx = database.operator().await?;
        quota::any_organization_room(&tx, &medium.scope, settings.to_meta.clock.now(), 0).await?;
        let link = link::find(&tx, &medium.scope, By::Id(medium.number_id)).await?;
        tx.close();
        Ok(link)
    };
    find.await.map_err(not_noted)
}

/// Whether there is room for so many bytes, before they come. What they take in the end is measured when they are kept.
async fn has_room(database: &Database, settings: &Settings, medium: &Claimed, bytes: u64) -> Result<(), NotHere> {
    let look = async {
        let tx = database.operator().await?;
        quota::any_organization_room(&tx, &medium.scope, settings.to_meta.clock.now(), bytes).await?;
        tx.close();
        Ok(())
    };
    look.await.map_err(not_noted)
}

fn not_noted(error: DatabaseError) -> NotHere {
    file::KeepError::Database(error).into()
}

/// Where a medium's bytes are now, and what they should be.
struct Place {
    url: String,
    sha256: Option<String>,
}

/// Meta's own look-up gives an address for five minutes. The webhook's is tried where there is nothing to look up.
async fn look_up(
    settings: &Settings,
    credential: &Credential,
    link: &Link,
    medium: &Claimed,
) -> Result<Place, NotHere> {
    let announced = medium.sha256.as_deref().and_then(hexadecimal);
    let from_webhook = medium.url.clone().map(|url| Place { url, sha256: announced.clone() });
    let Some(id) = &medium.meta_id else { return from_webhook.ok_or_else(NotHere::nameless) };
    match settings.to_meta.graph.media(credential, id, Some(&link.phone_number_id)).await {
        Ok(info) => Ok(Place { url: info.url, sha256: info.sha256.as_deref().and_then(hexadecimal).or(announced) }),
        Err(failure) if is_gone(&failure) => from_webhook.ok_or_else(|| gone(&failure)),
        Err(failure) => Err(NotHere::of_look_up(&failure, medium.attempt, settings.to_meta.clock.now())),
    }
}

fn gone(failure: &Failure) -> NotHere {
    NotHere::gone(match failure {
        Failure::Refused(error) => Some(&error.message),
        _ => None,
    })
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Stored(_) => "stored",
        Outcome::Retry { .. } => "retry",
        Outcome::Failed { .. } => "failed",
        Outcome::Released => "released",
    }
}
