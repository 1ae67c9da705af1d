//! From an API key, or a session, to an organization's scope, with what one organization, and one who guesses, may ask at
//! once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::counter;
use model::act::{Act, KeyScope, Role};
use model::api_key::{self, Opened};
use model::audit::{Actor, ActorKind};
use model::session::{self, SignedIn};
use model::shares::Shares;
use model::user::User;
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

/// An organization has at most so many requests under way that hold many messages: each may be some megabytes.
const BATCHES: usize = 4;

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
    batches: Arc<Shares>,
    guesses: Arc<Guesses>,
}

impl Default for Desk {
    fn default() -> Self {
        let share = |size| Arc::new(Shares::new(size));
        Self {
            requests: share(REQUESTS),
            waits: share(WAITS),
            streams: share(STREAMS),
            batches: share(BATCHES),
            guesses: Arc::default(),
        }
    }
}

impl Desk {
    /// A place to wait for Meta's answer; `None`: the organization has none left.
    pub(crate) fn wait(&self, scope: &Scope) -> Option<OwnedSemaphorePermit> {
        self.waits.try_take(scope.organization_id())
    }

    /// A place for a request that holds many messages; `None`: the organization has none left.
    pub(crate) fn batch(&self, scope: &Scope) -> Option<OwnedSemaphorePermit> {
        self.batches.try_take(scope.organization_id())
    }

    /// A place for a live stream; `None`: the organization has none left.
    pub(crate) fn stream(&self, scope: &Scope) -> Option<OwnedSemaphorePermit> {
        self.streams.try_take(scope.organization_id())
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// A program with an API key.
    Key {
        /// The key's.
        id: Uuid,
        /// What people call it.
        name: String,
        /// What it is for.
        scopes: Vec<KeyScope>,
    },
    /// A person who is signed in.
    Person {
        /// They.
        user: Box<User>,
        /// The session they are signed in by.
        session_id: Uuid,
        /// As what they work here.
        role: Role,
    },
}

impl Who {
    /// Whether they may do it.
    pub(crate) fn may(&self, act: Act) -> bool {
        match self {
            Self::Key { scopes, .. } => act.scope().is_some_and(|scope| scopes.contains(&scope)),
            Self::Person { role, .. } => role.may(act),
        }
    }

    /// The person, if it is one.
    pub(crate) fn person_id(&self) -> Option<Uuid> {
        match self {
            Self::Key { .. } => None,
            Self::Person { user, .. } => Some(user.id),
        }
    }

    /// As the audit names them.
    pub(crate) fn actor(&self, client: Option<&Client>) -> Actor {
        match self {
            Self::Key { id, name, .. } => {
                Actor { kind: ActorKind::Key, id: Some(*id), name: name.clone(), address: address(client) }
            }
            Self::Person { user, .. } => Self::actor_of(user, client),
        }
    }

    /// The same of a person, wherever they are at work.
    pub(crate) fn actor_of(user: &User, client: Option<&Client>) -> Actor {
        Actor { kind: ActorKind::User, id: Some(user.id), name: user.name.clone(), address: address(client) }
    }
}

fn address(client: Option<&Client>) -> Option<String> {
    client.map(|client| client.peer().to_string())
}

/// A request of somebody who is known, counted in its organization's share until this is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) scope: Scope,
    pub(crate) who: Who,
    _request: OwnedSemaphorePermit,
}

impl Admitted {
    /// Whether they may do it, with the limits that they have.
    pub(crate) fn may(&self, act: Act) -> bool {
        self.who.may(act) && !self.is_beyond_limits(act)
    }

    /// Whether it takes seeing all of the organization, and they are limited to a part.
    pub(crate) fn is_beyond_limits(&self, act: Act) -> bool {
        !act.is_within(&self.scope)
    }
}

/// Why a request is not admitted.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The key opens nothing.
    NotInForce,
    /// The session has ended, or never was.
    NotSignedIn,
    /// The person works in no organization, or in none that is open to them.
    NoOrganization,
    /// The organization asks for a second factor, which the person does not have.
    LacksSecondFactor,
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
    let Some(opened) = api_key::authenticate(&state.database, state.clock.now(), key).await? else {
        counter!("wazapp_bad_keys_total").increment(1);
        guessed(state, client).await;
        return Err(Refused::NotInForce);
    };
    let Opened { scope, key_id, name, scopes } = opened;
    counted(state, client, scope, Who::Key { id: key_id, name, scopes })
}

/// Looks up whose session it is. `Ok(None)`: it is nobody's.
pub(crate) async fn signed_in(
    state: &State,
    client: Option<&Client>,
    session: &SecretString,
) -> Result<Option<SignedIn>, DatabaseError> {
    let known = session::authenticate(&state.database, state.clock.now(), session).await?;
    match (&known, client) {
        (Some(_), Some(client)) => client.prove(),
        (None, _) => guessed(state, client).await,
        _ => {}
    }
    Ok(known)
}

/// Admits who is signed in to where they are at work.
pub(crate) async fn admit_session(
    state: &State,
    client: Option<&Client>,
    session: &SecretString,
) -> Result<Admitted, Refused> {
    let signed_in = signed_in(state, client, session).await?.filter(|known| known.proven);
    let Some(SignedIn { user, session_id, at_work, .. }) = signed_in else { return Err(Refused::NotSignedIn) };
    let at_work = at_work.ok_or(Refused::NoOrganization)?;
    if at_work.lacks_second_factor {
        return Err(Refused::LacksSecondFactor);
    }
    let who = Who::Person { user: Box::new(user), session_id, role: at_work.role };
    counted(state, client, at_work.scope, who)
}

fn counted(state: &State, client: Option<&Client>, scope: Scope, who: Who) -> Result<Admitted, Refused> {
    if let Some(client) = client {
        client.prove();
    }
    let request = state.desk.requests.try_take(scope.organization_id()).ok_or(Refused::TooMany)?;
    Ok(Admitted { scope, who, _request: request })
}

/// Who shows what opens nothing waits for the answer, longer each time.
async fn guessed(state: &State, client: Option<&Client>) {
    if let Some(client) = client {
        client.delay(state.desk.guesses.another(client.peer(), Instant::now())).await;
    }
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
