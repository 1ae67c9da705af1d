//! What a message shows is brought to Meta before it leaves: by id, never by link, once for all messages that show it.
//!
//! A claimed message is `preparing` meanwhile: its lease is renewed however long that takes, and one whose preparer died
//! goes back into the queue, because nothing was sent. The call begins only while the claim still holds.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use metrics::{counter, histogram};
use model::Database;
use model::database::Result as DatabaseResult;
use model::file::ending;
use model::link::Link;
use model::outbox::{self, Claimed, Outcome, Pause};
use model::store::StoreError;
use model::trouble::Trouble;
use model::upload::{self, Attached, Key, Uploaded};
use tokio::sync::{Mutex as Turn, Semaphore};
use uuid::Uuid;
use whatsapp::graph::{Credential, MetaError, Upload};

use super::{Settings, call};
use crate::doubt;
use crate::trouble::of_send;

/// Uploads of a number at once: large ones must not take all of its line.
const UPLOADS_OF_A_NUMBER: usize = 4;

/// A lease is renewed this often: twice before it ends.
const RENEW: Duration = Duration::from_secs(30);

/// Meta's codes for an id that it does not know (any more), or a file that it cannot read.
const UNKNOWN_MEDIUM: [i64; 2] = [100, 131_053];

/// An upload that Meta took so short a time ago is not what a refusal is about.
const JUST_NOW: SignedDuration = SignedDuration::from_secs(60);

/// What says something of the number waits until that was looked at.
const LOOKED_AT_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// A failure that says nothing of the file is waited out, up to so long.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// Why a message cannot leave yet, or not at all; nothing was sent.
pub(super) type NotReady = (Outcome, Option<Pause>);

/// A file that Meta has.
#[derive(Debug)]
pub(super) struct AtMeta {
    /// Where its id goes in the body.
    pub(super) place: String,
    key: Key,
    uploaded: Uploaded,
}

impl AtMeta {
    /// Meta's id.
    pub(super) fn id(&self) -> &str {
        &self.uploaded.meta_id
    }
}

/// Who uploads what at this moment, in this process.
#[derive(Clone, Debug, Default)]
pub(super) struct Uploads {
    turns: Shared<Key, Turn<()>>,
    numbers: Shared<Uuid, Semaphore>,
}

/// Things that are there while somebody has them.
#[derive(Debug)]
struct Shared<K, T>(Arc<Mutex<HashMap<K, Weak<T>>>>);

impl<K, T> Clone for Shared<K, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, T> Default for Shared<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash, T> Shared<K, T> {
    fn get(&self, key: K, make: impl FnOnce() -> T) -> Arc<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        all.retain(|_, one| one.strong_count() > 0);
        let made = Arc::new(make());
        all.insert(key, Arc::downgrade(&made));
        made
    }
}

/// Who sends, from where.
#[derive(Debug)]
pub(super) struct Sender<'a> {
    pub(super) database: &'a Database,
    pub(super) settings: &'a Settings,
    pub(super) uploads: &'a Uploads,
    pub(super) number: &'a Link,
    pub(super) credential: &'a Credential,
}

impl Sender<'_> {
    /// Brings what a message shows to Meta, and begins its call.
    pub(super) async fn prepare(&self, message: &Claimed) -> Result<Vec<AtMeta>, NotReady> {
        if message.files.is_empty() {
            return Ok(Vec::new());
        }
        let all = tokio::select! {
            all = self.bring_all(message) => all?,
            () = self.keep(message) => return Err(self.lost()),
        };
        match self.begin(message).await {
            Ok(true) => Ok(all),
            Ok(false) => Err(self.lost()),
            Err(error) => {
                tracing::debug!(%error, message = %message.message_id, "a call could not begin");
                Err(self.lost())
            }
        }
    }

    async fn bring_all(&self, message: &Claimed) -> Result<Vec<AtMeta>, NotReady> {
        let mut all = Vec::with_capacity(message.files.len());
        for file in &message.files {
            let key = Key {
                organization_id: message.organization_id,
                number_id: message.number_id,
                file: file.file.clone(),
                mime_type: file.mime_type.clone(),
            };
            let uploaded = self.bring(&key, file, message).await?;
            all.push(AtMeta { place: file.place.clone(), key, uploaded });
        }
        Ok(all)
    }

    /// What Meta has of a file, after an upload if need be. Who comes second waits for who came first.
    async fn bring(&self, key: &Key, file: &Attached, message: &Claimed) -> Result<Uploaded, NotReady> {
        let turn = self.uploads.turns.get(key.clone(), || Turn::new(()));
        let _turn = turn.lock().await;
        match self.known(key).await {
            Ok(Some(known)) => return Ok(known),
            Ok(None) => {}
            Err(error) => return Err(later(&error, message.attempt, self.now())),
        }
        let places = self.uploads.numbers.get(key.number_id, || Semaphore::new(UPLOADS_OF_A_NUMBER));
        let _place = places.acquire().await.expect("it is never closed");
        let started = std::time::Instant::now();
        let uploaded = self.upload(file, message).await;
        histogram!("wazapp_upload_seconds").record(started.elapsed().as_secs_f64());
        counter!("wazapp_uploads_total", "outcome" => if uploaded.is_ok() { "uploaded" } else { "failed" })
            .increment(1);
        let uploaded = uploaded?;
        if let Err(error) = self.record(key, &uploaded).await {
            tracing::debug!(%error, "an upload could not be noted: the next message uploads again");
        }
        Ok(uploaded)
    }

    async fn upload(&self, file: &Attached, message: &Claimed) -> Result<Uploaded, NotReady> {
        let organization = self.number.organization_id;
        let bytes = match self.settings.store.read(organization, &file.file, 0..file.size).await {
            Ok(bytes) => bytes,
            Err(StoreError::Missing) => return Err((Outcome::Failed { error: Trouble::media_gone().into() }, None)),
            Err(error) => return Err(later(&error, message.attempt, self.now())),
        };
        // Meta goes by the ending too: a voice note called .mp4 is refused.
        let name = ending::fitted(file.filename.as_deref().unwrap_or("file"), Some(&file.mime_type));
        let upload = Upload::stream(&file.mime_type, &name, bytes, file.size);
        let number = &self.number.phone_number_id;
        match self.settings.to_meta.graph.upload_media(self.credential, number, upload).await {
            Ok(meta_id) => Ok(Uploaded { meta_id, at: self.now() }),
            // Nothing was sent, so nobody rests for it before it was looked into.
            Err(failure) if doubt::raise(self.database, self.now(), self.number, &failure).await => {
                let error = of_send(&failure).into();
                Err((Outcome::Retry { at: self.now() + LOOKED_AT_WITHIN, error }, None))
            }
            Err(failure) => Err(match call::refused(&failure, message.refused, self.now()) {
                // Whatever became of the upload, nothing was sent: it can be put again.
                (Outcome::Unknown { .. }, _) => later(&failure, message.attempt, self.now()),
                said => said,
            }),
        }
    }

    /// Keeps the claim, until it is lost.
    async fn keep(&self, message: &Claimed) {
        loop {
            tokio::time::sleep(RENEW).await;
            match self.renew(message).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::debug!(%error, message = %message.message_id, "a lease could not be renewed"),
            }
        }
    }

    /// After a refusal: whether an upload of before may be the reason. It is forgotten then, and the message, which was
    /// not sent, leaves with a fresh one.
    pub(super) async fn forget(&self, files: &[AtMeta], refusal: &MetaError) -> bool {
        let old = self.now() - JUST_NOW;
        let suspects: Vec<&AtMeta> = files.iter().filter(|file| file.uploaded.at < old).collect();
        if suspects.is_empty() || !UNKNOWN_MEDIUM.contains(&refusal.code) {
            return false;
        }
        counter!("wazapp_uploads_total", "outcome" => "forgotten").increment(1);
        self.forget_all(&suspects).await.is_ok()
    }

    fn now(&self) -> Timestamp {
        self.settings.to_meta.clock.now()
    }

    fn lost(&self) -> NotReady {
        let error = Trouble::not_uploaded("The claim was lost while its file was brought to Meta.");
        (Outcome::Retry { at: self.now(), error: error.into() }, None)
    }

    async fn known(&self, key: &Key) -> DatabaseResult<Option<Uploaded>> {
        let tx = self.database.operator().await?;
        let known = upload::any_organization_find(&tx, key, self.now()).await?;
        tx.close();
        Ok(known)
    }

    async fn record(&self, key: &Key, uploaded: &Uploaded) -> DatabaseResult<()> {
        let tx = self.database.operator().await?;
        upload::any_organization_record(&tx, key, uploaded).await?;
        tx.commit_in_job().await
    }

    async fn forget_all(&self, files: &[&AtMeta]) -> DatabaseResult<()> {
        let tx = self.database.operator().await?;
        for file in files {
            upload::any_organization_forget(&tx, &file.key, &file.uploaded.meta_id).await?;
        }
        tx.commit_in_job().await
    }

    async fn begin(&self, message: &Claimed) -> DatabaseResult<bool> {
        let tx = self.database.operator().await?;
        let begun = outbox::any_organization_begin(&tx, self.now(), message).await?;
        tx.commit_in_job().await?;
        Ok(begun)
    }

    async fn renew(&self, message: &Claimed) -> DatabaseResult<bool> {
        let tx = self.database.operator().await?;
        let renewed = outbox::any_organization_renew(&tx, self.now(), message).await?;
        tx.commit_in_job().await?;
        Ok(renewed)
    }
}

fn later(error: &dyn std::error::Error, attempt: u32, now: Timestamp) -> NotReady {
    let error = Trouble::not_uploaded(error).into();
    let wait = SignedDuration::from_secs(2_i64.saturating_pow(attempt.saturating_sub(1).min(16)));
    (Outcome::Retry { at: now + wait.min(LONGEST_WAIT), error }, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_is_not_kept() {
        let shared: Shared<u8, u8> = Shared::default();
        let first = shared.get(1, || 7);
        assert!(Arc::ptr_eq(&first, &shared.get(1, || 8)));
        drop(first);
        assert_eq!(*shared.get(1, || 9), 9);
        let _second = shared.get(2, || 1);
        assert_eq!(shared.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn waits_grow_and_have_an_end() {
        let now = Timestamp::UNIX_EPOCH;
        let wait = |attempt| match later(&StoreError::Missing, attempt, now) {
            (Outcome::Retry { at, .. }, None) => at.duration_since(now).as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!((wait(1), wait(2), wait(4), wait(60)), (1, 2, 8, 300));
    }
}
