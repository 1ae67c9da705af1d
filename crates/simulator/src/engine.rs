//! What keeps the simulator going: the agenda, the webhooks, and the lock around the world.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::SignedDuration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::error::GraphError;
use crate::faults::{Case, Kind};
use crate::webhook::{self, Update};
use crate::world::{Task, World};

/// Webhooks under way at once: Meta delivers concurrently (§2.3).
const CONCURRENT: usize = 64;

/// Meta's side: its clock, its world, and its way out.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) clock: Clock,
    world: Mutex<World>,
    pub(crate) client: reqwest::Client,
    /// Rung when the agenda or the outgoing updates changed.
    wake: Notify,
    /// Counts tries, for those who wait for one.
    pub(crate) tried: watch::Sender<u64>,
    posting: Semaphore,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// The world, locked; on leaving, the engine looks at what is new.
pub(crate) struct Locked<'a> {
    world: MutexGuard<'a, World>,
    wake: &'a Notify,
}

impl std::ops::Deref for Locked<'_> {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

impl std::ops::DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

impl Meta {
    pub(crate) fn new(clock: Clock, world: World, client: reqwest::Client) -> Arc<Self> {
        Arc::new(Self {
            clock,
            world: Mutex::new(world),
            client,
            wake: Notify::new(),
            tried: watch::Sender::new(0),
            posting: Semaphore::new(CONCURRENT),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// The world, for as long as the guard lives. Never held across an await.
    pub(crate) fn world(&self) -> Locked<'_> {
        // A panic in one request must not end the laptop's Meta.
        let world = self.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Locked { world, wake: &self.wake }
    }

    /// Leaps ahead in time. What was said before is under way before, and not only after the leap.
    pub(crate) fn leap(self: &Arc<Self>, by: std::time::Duration) {
        self.turn();
        self.clock.advance(by);
    }

    /// Does what is due and sends what waits, until stopped.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let due = self.turn();
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.clock.until(due) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// Does what is due and sends what waits; answers when the next is due.
    fn turn(self: &Arc<Self>) -> Option<jiff::Timestamp> {
        let now = self.clock.now();
        // Not through `world()`: its guard would ring for this very loop.
        let mut world = self.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while let Some(task) = world.next_task(now) {
            match task {
                Task::Status { wamid, status } => world.step(&wamid, status, now),
                Task::Fail { wamid, error } => world.fail(&wamid, &error, now),
                Task::Fetch { wamid, url } => self.spawn(self.clone().fetch(wamid, url)),
                Task::Review { template_id } => world.review(&template_id, now),
                Task::Answer { customer, phone_number_id, message } => {
                    world.answer(&customer, &phone_number_id, &message, now);
                }
                Task::Emit(update) => world.emit(*update),
                Task::Try { post } => self.spawn(self.clone().post(post)),
            }
        }
        let updates = self.let_go(&mut world, now);
        let mut bodies = webhook::compose(&mut world, updates);
        let World { faults, chance, ledger, .. } = &mut *world;
        for body in bodies.drain(..) {
            let number = body.phone_number_ids.first().cloned();
            let case = Case { phone_number_id: number.as_deref(), ..Case::default() };
            let again = faults.strike(Kind::Duplicate, case, chance).is_some();
            if again {
                let id = ledger.enter(body.clone(), now, true);
                self.spawn(self.clone().post(id));
            }
            let id = ledger.enter(body, now, false);
            self.spawn(self.clone().post(id));
        }
        world.due()
    }

    /// The updates that leave now; a fault may hold some back.
    fn let_go(&self, world: &mut World, now: jiff::Timestamp) -> Vec<Update> {
        let mut go = Vec::new();
        while let Some(mut update) = world.outgoing.pop_front() {
            if update.held {
                go.push(update);
                continue;
            }
            let case = Case { phone_number_id: update.phone_number_id.as_deref(), ..Case::default() };
            let World { faults, chance, .. } = &mut *world;
            let when = if let Some(fault) = faults.strike(Kind::Delay, case, chance) {
                Some(now + seconds(fault.seconds.unwrap_or(3600.0)))
            } else if let Some(fault) = faults.strike(Kind::Batch, case, chance) {
                update.together = true;
                Some(next_departure(now, fault.seconds.unwrap_or(0.5)))
            } else {
                // Held back for moments that differ, updates overtake each other.
                let shuffled = faults.strike(Kind::Shuffle, case, chance).is_some();
                shuffled.then(|| now + SignedDuration::from_millis(chance.between(0, 1500) as i64))
            };
            match when {
                Some(when) => {
                    update.held = true;
                    world.at(when, Task::Emit(Box::new(update)));
                }
                None => go.push(update),
            }
        }
        go
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Tries a webhook once, and sets out what comes next.
    async fn post(self: Arc<Self>, id: u64) {
        let _permit = self.posting.acquire().await.expect("the semaphore is never closed");
        let found = {
            let world = self.world();
            world.ledger.post(id).map(|post| {
                let secret = world.apps.get(&post.app_id).map(|app| app.secret.clone()).unwrap_or_default();
                (post.url.clone(), secret, post.body.clone(), post.phone_number_ids.first().cloned())
            })
        };
        let Some((url, secret, body, number)) = found else { return };
        let taken = self.try_once(id, &url, &secret, body.clone()).await;
        let storm = if taken {
            let mut world = self.world();
            let World { faults, chance, .. } = &mut *world;
            let case = Case { phone_number_id: number.as_deref(), ..Case::default() };
            faults.strike(Kind::RetryStorm, case, chance).map_or(0, |fault| fault.times.unwrap_or(10))
        } else {
            0
        };
        for _ in 0..storm {
            let (meta, url, secret, body) = (self.clone(), url.clone(), secret.clone(), body.clone());
            self.spawn(async move {
                meta.try_once(id, &url, &secret, body).await;
            });
        }
    }

    async fn try_once(&self, id: u64, url: &str, secret: &str, body: bytes::Bytes) -> bool {
        let at = self.clock.now();
        let (answer, milliseconds) = webhook::send(&self.client, url, secret, body).await;
        let taken = answer == Ok(200);
        let (status, error) = match answer {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error)),
        };
        {
            let mut world = self.world();
            if taken {
                world.heard(id, at);
            }
            if let Some(next) = world.ledger.tried(id, webhook::Try { at, status, error, milliseconds }) {
                world.at(next, Task::Try { post: id });
            }
        }
        self.tried.send_modify(|tries| *tries += 1);
        taken
    }

    /// Fetches a medium that a send named by link, as Meta does after it accepted (§8.3).
    async fn fetch(self: Arc<Self>, wamid: String, url: String) {
        let answer = self.client.get(&url).timeout(std::time::Duration::from_secs(10)).send().await;
        let fetched = match answer {
            Ok(answer) if answer.status().is_success() => {
                let mime = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
                let mime = mime.map(|mime| mime.split(';').next().unwrap_or(mime).trim().to_owned());
                answer.bytes().await.map(|bytes| (mime, bytes)).map_err(|error| error.to_string())
            }
            Ok(answer) => Err(format!("HTTP status {}", answer.status().as_u16())),
            Err(error) => Err(error.to_string()),
        };
        let now = self.clock.now();
        let mut world = self.world();
        match fetched {
            Ok((mime, bytes)) => world.fetched(&wamid, mime.as_deref(), bytes, now),
            Err(why) => {
                let error =
                    GraphError::of(131053).details(format!("Media upload error: the link can't be read: {why}"));
                world.fail(&wamid, &error, now);
            }
        }
    }

    /// Waits until Apps were told of a message, or there is nobody to tell, or five seconds have passed.
    pub(crate) async fn told(&self, wamid: &str) {
        let mut tried = self.tried.subscribe();
        let told = async { while !self.world().ledger.told(wamid) && tried.changed().await.is_ok() {} };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), told).await;
    }
}

fn seconds(seconds: f64) -> SignedDuration {
    SignedDuration::from_millis((seconds * 1000.0) as i64)
}

/// The next of the times at which batches leave, this many seconds apart.
fn next_departure(now: jiff::Timestamp, apart: f64) -> jiff::Timestamp {
    let apart = ((apart * 1000.0) as i64).max(1);
    let next = (now.as_millisecond() / apart + 1) * apart;
    jiff::Timestamp::from_millisecond(next).unwrap_or(now)
}
