//! Behind the point of no return: Meta has done something, and it is to be written down here.
//!
//! Nothing here answers "nothing happened". What is written is written whether or not who asked still waits, and tried
//! again while the database is away.

use std::time::Duration;

use model::CommitError;
use tokio::time::Instant;

/// How long it is tried.
const TRY_FOR: Duration = Duration::from_secs(60);

/// How long who asked waits for it.
const WAIT_FOR: Duration = Duration::from_secs(10);

/// The first pause between two tries; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Writes down what has happened, which may be written twice. `None`: it could not be written yet.
pub(crate) async fn write_down<T, F>(what: &'static str, write: impl Fn() -> F + Send + 'static) -> Option<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, CommitError>> + Send + 'static,
{
    let writing = tokio::spawn(persist(what, write));
    tokio::time::timeout(WAIT_FOR, writing).await.ok()?.ok()?
}

async fn persist<T, F>(what: &'static str, write: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = Result<T, CommitError>>,
{
    let until = Instant::now() + TRY_FOR;
    let mut pause = FIRST_PAUSE;
    loop {
        match write().await {
            Ok(written) => return Some(written),
            Err(error) if error.blames_data() || Instant::now() > until => {
                tracing::warn!(%error, "{what} could not be written down");
                return None;
            }
            Err(error) => tracing::debug!(%error, "{what} is written once more"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
