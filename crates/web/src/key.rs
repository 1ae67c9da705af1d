//! From an API key to an organization's scope, with what one organization, and one who guesses, may ask at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::counter;
use model::api_key::{self, Opened};
use model::shares::Shares;
use model::{DatabaseError, Scope};
use secrecy::SecretString;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use uuid::Uuid;

use crate::State;
use crate::serve::{Client, Peer};

/// Requests of one organization that are under way at once.
const REQUESTS: usize = 512;

/// Of them, so many wait for Meta's answer to a message.
const WAITS: usize = 256;

/// Live streams of one organization that are open at once.
const STREAMS: usize = 1024;

/// A few slips cost nothing; from then on each bad key is answered later than the last.
const FREE_TRIES: u32 = 5;
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// A peer that showed no bad key for so long begins anew.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

/// So many peers that guess are remembered.
const PEERS: usize = 10_000;

/// What may be under way at once, and who guessed.
#[derive(Clone, Debug)]
pub struct Desk {
    requests: Arc<Shares>,
    waits: Arc<Shares>,
    streams: Arc<Shares>,
    guesses: Arc<Guesses>,
}

impl Default for Desk {
    fn default() -> Self {
        let share = |size| Arc::new(Shares::new(size));
        Self { requests: share(REQUESTS), waits: share(WAITS), streams: share(STREAMS), guesses: Arc::default() }
    }
}

impl Desk {
    /// A place to wait for Meta's answer; `None`: the organization has none left.
    pub(crate) fn wait(&self, scope: &Scope) -> Option<OwnedSemaphorePermit> {
        self.waits.try_take(scope.organization_id())
    }

    /// A place for a live stream; `None`: the organization has none left.
    pub(crate) fn stream(&self, scope: &Scope) -> Option<OwnedSemaphorePermit> {
        self.streams.try_take(scope.organization_id())
    }
}

/// A request whose key is in force, counted in its organization's share until this is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) scope: Scope,
    pub(crate) key_id: Uuid,
    _request: OwnedSemaphorePermit,
}

/// Why a request is not admitted.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The key opens nothing.
    NotInForce,
    /// The organization has as many requests under way as it may.
    TooMany,
    /// Nobody knows.
    Database(DatabaseError),
}

impl From<DatabaseError> for Refused {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

/// Looks a presented key up. Who shows bad ones waits longer for each answer; a good one is never delayed, wherever it
/// comes from.
pub(crate) async fn admit(state: &State, client: Option<&Client>, key: &SecretString) -> Result<Admitted, Refused> {
    let Some(Opened { scope, key_id }) = api_key::authenticate(&state.database, state.clock.now(), key).await? else {
        counter!("wazapp_bad_keys_total").increment(1);
        if let Some(client) = client {
            client.delay(state.desk.guesses.another(client.peer(), Instant::now())).await;
        }
        return Err(Refused::NotInForce);
    };
    if let Some(client) = client {
        client.prove();
    }
    let request = state.desk.requests.try_take(scope.organization_id()).ok_or(Refused::TooMany)?;
    Ok(Admitted { scope, key_id, _request: request })
}

/// Bad keys, by who showed them.
#[derive(Debug, Default)]
struct Guesses(Mutex<HashMap<Peer, Guesser>>);

#[derive(Clone, Copy, Debug)]
struct Guesser {
    tries: u32,
    last: Instant,
}

impl Guesses {
    /// Counts another bad key; answers how long its sender is to wait.
    fn another(&self, peer: Peer, now: Instant) -> Duration {
        let mut guessers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if guessers.len() >= PEERS && !guessers.contains_key(&peer) {
            guessers.retain(|_, guesser| now.duration_since(guesser.last) < FORGIVEN_AFTER);
            if guessers.len() >= PEERS {
                // So many at once are one who has many addresses: which of them is forgotten matters little.
                guessers.clear();
            }
        }
        let guesser = guessers.entry(peer).or_insert(Guesser { tries: 0, last: now });
        if now.duration_since(guesser.last) >= FORGIVEN_AFTER {
            guesser.tries = 0;
        }
        *guesser = Guesser { tries: guesser.tries.saturating_add(1), last: now };
        let tries = guesser.tries;
        drop(guessers);
        if tries >= 10 && tries.to_string().trim_end_matches('0') == "1" {
            tracing::warn!(%peer, tries, "somebody shows API keys that are not in force: each answer comes later");
        }
        delay(tries)
    }
}

fn delay(tries: u32) -> Duration {
    match tries.checked_sub(FREE_TRIES + 1) {
        None => Duration::ZERO,
        Some(beyond) => FIRST_DELAY.saturating_mul(2_u32.saturating_pow(beyond)).min(LONGEST_DELAY),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn peer(nth: u32) -> Peer {
        IpAddr::from(nth.to_be_bytes()).into()
    }

    #[test]
    fn each_bad_key_of_a_peer_waits_longer_and_others_do_not() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let delays: Vec<_> = (0..8).map(|_| guesses.another(peer(1), now).as_millis()).collect();
        assert_eq!(delays, [0, 0, 0, 0, 0, 100, 200, 400]);
        (0..100).for_each(|_| _ = guesses.another(peer(1), now));
        assert_eq!(guesses.another(peer(1), now), LONGEST_DELAY);
        assert_eq!(guesses.another(peer(2), now), Duration::ZERO);
        assert_eq!(guesses.another(peer(1), now + FORGIVEN_AFTER), Duration::ZERO, "it begins anew");
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        (0..30_000).for_each(|nth| _ = guesses.another(peer(nth), now));
        assert!(guesses.0.lock().unwrap().len() <= PEERS);
    }
}
