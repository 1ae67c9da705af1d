//! Rings when something happens: a hint, so that a copier need not ask all the time. What it says is read from the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::source::{SILENCE, Source};

/// Between two tries to be told live.
const AGAIN: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
struct Heard {
    rung: Notify,
    /// How far the stream has told of the log, or passed over what the key does not see.
    sequence: AtomicI64,
    /// Whether the stream was begun anew since somebody looked.
    is_anew: AtomicBool,
    is_live: AtomicBool,
}

/// Follows a stream as long as it lives.
#[derive(Debug)]
pub(crate) struct Bell {
    heard: Arc<Heard>,
    following: JoinHandle<()>,
}

impl Bell {
    pub(crate) fn new(source: Source) -> Self {
        let heard = Arc::new(Heard::default());
        let following = tokio::spawn(follow(source, heard.clone()));
        Self { heard, following }
    }

    /// Ends when something happened since it was last asked.
    pub(crate) async fn rung(&self) {
        self.heard.rung.notified().await;
    }

    /// How far the log is, as far as it is known.
    pub(crate) fn sequence(&self) -> i64 {
        self.heard.sequence.load(Ordering::Acquire)
    }

    /// Whether the stream was begun anew since this was last asked: perhaps the server is another one.
    pub(crate) fn takes_is_anew(&self) -> bool {
        self.heard.is_anew.swap(false, Ordering::AcqRel)
    }

    /// Whether it would ring.
    pub(crate) fn is_live(&self) -> bool {
        self.heard.is_live.load(Ordering::Acquire)
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.following.abort();
    }
}

async fn follow(source: Source, heard: Arc<Heard>) {
    loop {
        if let Ok(mut stream) = source.stream().await {
            heard.sequence.store(0, Ordering::Release);
            let mut is_first = true;
            while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, stream.next()).await {
                heard.sequence.fetch_max(frame.sequence, Ordering::AcqRel);
                if is_first {
                    heard.is_anew.store(true, Ordering::Release);
                    heard.is_live.store(true, Ordering::Release);
                }
                if frame.is_news || is_first {
                    heard.rung.notify_one();
                }
                is_first = false;
            }
        }
        heard.is_live.store(false, Ordering::Release);
        tokio::time::sleep(AGAIN).await;
    }
}
