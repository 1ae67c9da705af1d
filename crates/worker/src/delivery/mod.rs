//! Tells organizations' endpoints what happened: makes deliveries of what lies behind their cursors, calls, and writes down what
//! came of it.
//!
//! Each endpoint is served by itself, so one that hangs holds up nobody else. A node that dies between a call and its settling
//! leaves a lease that ends, and the call is made again: an endpoint hears everything at least once.

mod call;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use guard::Guard;
use http::HeaderName;
use jiff::Timestamp;
use metrics::{counter, gauge, histogram};
use model::database::{DatabaseError, Result};
use model::delivery::{self, Call, Caller, Heard, Served, Turn};
use model::endpoint::{self, State};
use model::secret::Keyring;
use model::{Clock, Database};
use secrecy::SecretString;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::rounds::{self, Every, Job, NO_PAUSE, UnderWay};

/// Calls under way at once, over all endpoints.
const AT_ONCE: usize = 2048;

/// Lots of endpoints whose logs are looked at, and of calls that are settled, at once: each takes a connection to the database.
const CLAIMS: usize = 4;
const SETTLERS: usize = 4;

/// So many endpoints are looked at, and so many calls settled, in one transaction.
const LOT: usize = 32;

/// What nobody woke us for is found by looking.
const POLL: Duration = Duration::from_secs(2);

/// How often it is counted what waits.
const COUNT: Duration = Duration::from_secs(20);

/// Headers that sign what is told in format `wazapp`, as Standard Webhooks has it.
pub fn signed(id: &str, at: Timestamp, body: &[u8], secret: &SecretString) -> Vec<(HeaderName, String)> {
    call::standard(id, at, body, std::slice::from_ref(secret))
}

/// What telling endpoints takes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What time it is.
    pub clock: Clock,
    /// Opens secrets and headers.
    pub keyring: Keyring,
    /// Calls.
    pub guard: Guard,
}

/// Serves endpoints until the token is cancelled. Calls under way are heard out.
pub async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let counting = count(&database, &stop);
    let serving = async {
        let room = Room {
            database: database.clone(),
            settings,
            calls: Semaphore::new(AT_ONCE),
            claims: Semaphore::new(CLAIMS),
            settlers: Semaphore::new(SETTLERS),
            heard: Mutex::default(),
            again: Again::default(),
        };
        let mut endpoints = Endpoints { room: Arc::new(room), claiming: UnderWay::default(), looked: None };
        rounds::finish(rounds::run(&mut endpoints, database.activity(), &stop).await).await;
    };
    tokio::join!(serving, counting);
}

/// Endpoints that are served once more at once, without asking which are due.
#[derive(Debug, Default)]
struct Again {
    turns: Mutex<HashSet<Turn>>,
    /// For which more is due than there was room for: each call that ends makes room.
    crowded: Mutex<HashSet<Turn>>,
    came: Notify,
}

impl Again {
    fn add(&self, turn: Turn) {
        held(&self.turns).insert(turn);
        self.came.notify_one();
    }

    fn take(&self) -> HashSet<Turn> {
        std::mem::take(&mut *held(&self.turns))
    }

    /// Whether a claim found more than there was room for.
    fn crowds(&self, turn: Turn, more: bool) {
        let mut crowded = held(&self.crowded);
        if more {
            crowded.insert(turn)
        } else {
            crowded.remove(&turn)
        };
    }

    /// A call has ended.
    fn made_room(&self, turn: Turn) {
        if held(&self.crowded).contains(&turn) {
            self.add(turn);
        }
    }
}

/// What serving takes.
struct Room {
    database: Database,
    settings: Settings,
    calls: Semaphore,
    claims: Semaphore,
    settlers: Semaphore,
    /// What came of calls and is not written down yet, and whom to tell once it is.
    heard: Mutex<VecDeque<(Heard, oneshot::Sender<()>)>>,
    again: Again,
}

struct Endpoints {
    room: Arc<Room>,
    /// By endpoint: a claim of which is under way.
    claiming: UnderWay<Turn>,
    /// When all organizations were last looked at.
    looked: Option<Instant>,
}

impl Job for Endpoints {
    type Done = ();
    const WAITS: &'static str = "what endpoints are told waits";
    const KNOWS_WHEN: bool = true;
    const FILLS: bool = false;

    async fn look(&mut self, begun: &mut JoinSet<Self::Done>) -> Result<Duration> {
        let now = self.room.settings.clock.now();
        let grown = self.room.database.bell().unseen();
        let mut turns = self.room.again.take();
        let since = self.looked.map(|at| at.elapsed()).filter(|since| *since < POLL);
        let all = since.is_none();
        let mut next = POLL.saturating_sub(since.unwrap_or_default());
        if all || !grown.is_empty() {
            let tx = self.room.database.operator().await?;
            let of = (!all).then_some(grown.as_slice());
            let found = delivery::any_organization_turns(&tx, now, of).await?;
            if found.len() >= delivery::TURNS {
                // There may be more of them.
                (self.looked, next) = (None, NO_PAUSE);
            } else if all {
                self.looked = Some(Instant::now());
                next = until(delivery::any_organization_next(&tx, now).await?, now).min(POLL);
            }
            turns.extend(found);
            tx.close();
        }
        let (under_way, free): (Vec<Turn>, Vec<Turn>) = turns.into_iter().partition(|turn| self.claiming.of(*turn) > 0);
        // Whoever claims now may have read the log before it grew.
        under_way.into_iter().for_each(|turn| self.room.again.add(turn));
        for lot in free.chunks(LOT) {
            let places: Vec<_> = lot.iter().map(|turn| self.claiming.begin(*turn)).collect();
            let (room, lot) = (self.room.clone(), lot.to_vec());
            begun.spawn(async move {
                let served = room.claim(&lot).await;
                drop(places);
                join_all(served.into_iter().map(|(turn, served)| room.serve(turn, served))).await;
            });
        }
        if all && next < POLL {
            // Something is due by its schedule before the next look at all.
            self.looked = None;
        }
        Ok(next)
    }

    async fn wake(&self) {
        tokio::select! {
            () = self.room.database.bell().some_unseen() => {}
            () = self.room.again.came.notified() => {}
        }
        // What comes at once is looked at together.
        tokio::time::sleep(NO_PAUSE).await;
    }
}

fn until(at: Option<Timestamp>, now: Timestamp) -> Duration {
    at.map_or(POLL, |at| at.duration_since(now).unsigned_abs().max(NO_PAUSE))
}

impl Room {
    /// Claims for a lot of endpoints at once; one by one where one of them cannot be claimed for.
    async fn claim(&self, lot: &[Turn]) -> Vec<(Turn, Served)> {
        let _place = self.claims.acquire().await;
        match self.try_claim(lot).await {
            Ok(served) => served,
            Err(error) if lot.len() > 1 => {
                tracing::debug!(%error, "endpoints could not be served together: they are one by one");
                let mut all = Vec::new();
                for turn in lot {
                    all.extend(self.try_claim(std::slice::from_ref(turn)).await.unwrap_or_else(not_served));
                }
                all
            }
            Err(error) => not_served(error),
        }
    }

    async fn try_claim(&self, lot: &[Turn]) -> Result<Vec<(Turn, Served)>> {
        let room = i64::try_from(self.calls.available_permits()).unwrap_or(i64::MAX);
        let tx = self.database.operator().await?;
        let served = delivery::any_organization_claims(&tx, self.settings.clock.now(), lot, room).await?;
        tx.commit_in_job().await?;
        Ok(served)
    }

    /// Makes the calls, each settled as it ends.
    async fn serve(&self, turn: Turn, served: Served) {
        let Served { caller, calls, behind, more } = served;
        if behind {
            self.again.add(turn);
        }
        self.again.crowds(turn, more);
        let mut calls: FuturesUnordered<_> = calls.iter().map(|call| self.tell(&caller, call)).collect();
        while calls.next().await.is_some() {
            self.again.made_room(turn);
        }
    }

    async fn tell(&self, caller: &Caller, call: &Call) {
        let heard = {
            let _place = self.calls.acquire().await;
            call::call(&self.settings, caller, call).await
        };
        let outcome = match heard.status {
            _ if heard.past => "past",
            Some(200..=299) => "taken",
            Some(_) => "refused",
            None => "no_answer",
        };
        counter!("wazapp_delivery_calls_total", "outcome" => outcome).increment(1);
        histogram!("wazapp_delivery_call_seconds").record(heard.took.as_secs_f64());
        self.write_down(heard).await;
    }

    /// Writes down what came of a call. Whoever comes to it first takes along what waits with it.
    async fn write_down(&self, heard: Heard) {
        let (done, written) = oneshot::channel();
        held(&self.heard).push_back((heard, done));
        {
            let _place = self.settlers.acquire().await;
            let lot: Vec<_> = {
                let mut waiting = held(&self.heard);
                let count = waiting.len().min(LOT);
                waiting.drain(..count).collect()
            };
            self.settle_all(&lot.iter().map(|(heard, _)| heard).collect::<Vec<_>>()).await;
        }
        let _ = written.await;
    }

    /// What was taken is settled together; one by one where one of it cannot be.
    async fn settle_all(&self, lot: &[&Heard]) {
        let (taken, others): (Vec<&Heard>, Vec<&Heard>) = lot.iter().partition(|heard| heard.is_taken());
        let together = match taken.as_slice() {
            [] | [_] => false,
            all => self.settle_taken(all).await.is_ok(),
        };
        for heard in others.into_iter().chain(taken.into_iter().filter(|_| !together)) {
            if let Err(error) = self.settle(heard).await {
                tracing::debug!(%error, "what came of a call could not be written down: it is made again");
            }
        }
    }

    async fn settle_taken(&self, taken: &[&Heard]) -> Result<()> {
        let tx = self.database.operator().await?;
        delivery::any_organization_settle_taken(&tx, self.settings.clock.now(), taken).await?;
        tx.commit_in_job().await
    }

    async fn settle(&self, heard: &Heard) -> Result<()> {
        let now = self.settings.clock.now();
        let tx = self.database.operator().await?;
        let off = delivery::any_organization_settle(&tx, now, heard).await?;
        tx.commit_in_job().await?;
        let Some(why) = off else { return Ok(()) };
        let tx = self.database.operator().await?;
        let turned = (State::Off, &why);
        let url = (heard.endpoint_id, heard.revision);
        let told = endpoint::any_organization_turn_off(&tx, now, &heard.scope, url, turned).await?;
        tx.commit_in_job().await?;
        if told {
            tracing::warn!(endpoint = %heard.endpoint_id, why = why.message, "an endpoint was turned off");
        }
        Ok(())
    }
}

fn held<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_served(error: DatabaseError) -> Vec<(Turn, Served)> {
    tracing::debug!(%error, "an endpoint could not be served: it is looked at again");
    Vec::new()
}

async fn count(database: &Database, stop: &CancellationToken) {
    let every = Every::new(COUNT);
    while every.next(stop).await {
        match backlog(database).await {
            Ok(waiting) => {
                #[expect(clippy::cast_precision_loss, reason = "a queue is not that long")]
                gauge!("wazapp_deliveries_waiting").set(waiting as f64);
            }
            Err(error) => tracing::debug!(%error, "what endpoints are still to be told could not be counted"),
        }
    }
}

async fn backlog(database: &Database) -> Result<i64> {
    let tx = database.operator().await?;
    let (waiting, _) = delivery::any_organization_backlog(&tx).await?;
    tx.close();
    Ok(waiting)
}
