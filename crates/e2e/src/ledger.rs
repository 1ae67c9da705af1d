//! What is posted to `/webhook`, what of it is answered 200, and whether the API shows each of it once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::body;
use crate::world::Posts;

/// So many post side by side.
pub const SENDERS: usize = 6;

/// How long something may take to come true.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a sender goes on when a body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// As Meta does: the same body again, until it is taken.
    Retry,
    /// It stops at the first broken connection.
    Stop,
}

/// The bodies of one number, by wamid, and whether they were answered 200. Clones are the same ledger.
#[derive(Clone, Debug)]
pub struct Ledger {
    number: Arc<str>,
    secret: Arc<str>,
    entries: Arc<Mutex<BTreeMap<String, bool>>>,
    taken: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    times: Arc<Mutex<Vec<Instant>>>,
}

impl Ledger {
    /// An empty one, for a number whose webhooks are signed with this secret.
    pub fn new(number: &str, secret: &str) -> Self {
        Self {
            number: number.into(),
            secret: secret.into(),
            entries: Arc::default(),
            taken: Arc::default(),
            refused: Arc::default(),
            times: Arc::default(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that this one was taken, whoever sent it.
    pub fn note_taken(&self, wamid: &str) {
        self.entries().insert(wamid.to_owned(), true);
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        self.taken.fetch_add(1, Ordering::SeqCst);
    }

    /// How often 200 was answered.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// How often 503 was answered.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    /// What was sent, or what of it was answered 200.
    pub fn wamids(&self, taken_only: bool) -> Vec<String> {
        let entries = self.entries();
        entries.iter().filter(|(_, taken)| **taken || !taken_only).map(|(wamid, _)| wamid.clone()).collect()
    }

    /// The longest time from then on in which nothing was answered 200.
    pub fn longest_silence(&self, since: Instant) -> Duration {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let mut later: Vec<Instant> = times.iter().copied().filter(|at| *at > since).collect();
        later.sort_unstable();
        let before = std::iter::once(since).chain(later.iter().copied());
        before.zip(&later).map(|(before, after)| *after - before).max().unwrap_or_else(|| since.elapsed())
    }

    /// Waits until 200 was answered so often.
    pub async fn until_taken(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.taken() < count {
            assert!(Instant::now() < deadline, "only {} of {count} taken", self.taken());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until 503 is answered to somebody, from now on.
    pub async fn until_refused(&self) {
        let (before, deadline) = (self.refused(), Instant::now() + PATIENCE);
        while self.refused() == before {
            assert!(Instant::now() < deadline, "nobody was told to come again");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A message from one of a few customers, as a webhook's bytes.
    pub fn message(&self, wamid: &str) -> Vec<u8> {
        let customer = wamid.bytes().map(usize::from).sum::<usize>() % 5;
        body::bytes(&body::text(&self.number, &format!("3460000000{customer}"), wamid, 1_795_000_000, wamid))
    }

    /// Senders that post one body after the other, each at most so many.
    pub fn send(&self, url: &str, run: &str, each: usize, persistence: Persistence) -> Senders {
        self.post(&[url], run, (each, Duration::ZERO), persistence)
    }

    /// Senders that post until they are stopped, each with this pause between two bodies. What one of the servers does not take,
    /// the next one is given.
    pub fn flow(&self, urls: &[&str], run: &str, pause: Duration) -> Senders {
        self.post(urls, run, (usize::MAX, pause), Persistence::Retry)
    }

    fn post(&self, urls: &[&str], run: &str, (each, pause): (usize, Duration), persistence: Persistence) -> Senders {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        for sender in 0..SENDERS {
            let mut servers: Vec<Posts> = urls.iter().map(|url| Posts::new(url, &self.secret)).collect();
            servers.rotate_left(sender % urls.len());
            let (ledger, run, stop) = (self.clone(), run.to_owned(), stop.clone());
            tasks.spawn(async move {
                for nth in 0..each {
                    if stop.is_cancelled()
                        || !ledger.deliver(&servers, nth, &format!("wamid.{run}.{sender}.{nth}"), persistence).await
                    {
                        return;
                    }
                    tokio::time::sleep(pause).await;
                }
            });
        }
        Senders { tasks, stop }
    }

    /// Posts one body until it is taken; false: the connection broke, and its sender stops there.
    async fn deliver(&self, servers: &[Posts], nth: usize, wamid: &str, persistence: Persistence) -> bool {
        self.entries().entry(wamid.to_owned()).or_default();
        let deadline = Instant::now() + PATIENCE;
        for server in servers.iter().cycle().skip(nth % servers.len()) {
            match server.try_post(&self.message(wamid)).await {
                Ok(200) => {
                    self.note_taken(wamid);
                    return true;
                }
                Ok(503) => _ = self.refused.fetch_add(1, Ordering::SeqCst),
                Ok(other) => panic!("{wamid} is answered {other}"),
                Err(_) if persistence == Persistence::Stop => return false,
                Err(_) => {}
            }
            assert!(Instant::now() < deadline, "{wamid} is never taken");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unreachable!("there is a server")
    }

    /// Posts everything again, as Meta does with what was not answered, and more.
    pub async fn repeat_all(&self, url: &str) {
        let posts = Posts::new(url, &self.secret);
        for wamid in self.wamids(false) {
            assert_eq!(posts.post(self.message(&wamid)).await, 200);
            self.note_taken(&wamid);
        }
    }

    /// Waits until all of these are shown, and asserts that nothing is shown twice or was never sent.
    pub async fn assert_shown(&self, url: &str, key: &str, wanted: &[String]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = shown(url, key).await;
            let missing: Vec<&String> = wanted.iter().filter(|wamid| !shown.contains_key(*wamid)).collect();
            if missing.is_empty() {
                let twice: Vec<_> = shown.iter().filter(|(_, times)| **times > 1).collect();
                assert!(twice.is_empty(), "shown more than once: {twice:?}");
                let sent: BTreeSet<String> = self.wamids(false).into_iter().collect();
                let invented: Vec<_> = shown.keys().filter(|wamid| !sent.contains(*wamid)).collect();
                assert!(invented.is_empty(), "never sent: {invented:?}");
                return;
            }
            assert!(Instant::now() < deadline, "answered 200 and lost: {missing:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Who posts.
#[derive(Debug)]
pub struct Senders {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Senders {
    /// Has each end with the body at hand, and waits for that.
    pub async fn stop(self) {
        self.stop.cancel();
        self.finished().await;
    }

    /// Waits until all have posted what they had.
    pub async fn finished(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a sender sees nothing but 200, 503 and broken connections");
        }
    }
}

/// All wamids of what customers wrote that the API shows, with how often.
async fn shown(url: &str, key: &str) -> BTreeMap<String, usize> {
    let client = crate::outside::http().build().expect("a client");
    let rows = async |path: String| {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = client.get(format!("{url}/api/v1{path}?limit=100{cursor}")).bearer_auth(key).send().await;
            let text = answer.expect("an answer").text().await.expect("a whole answer");
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            rows.extend(answer["data"].as_array().unwrap_or_else(|| panic!("a list: {text}")).clone());
            match answer["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    };
    let mut shown = BTreeMap::new();
    for conversation in rows("/conversations".into()).await {
        let id = conversation["id"].as_str().expect("an id");
        for message in rows(format!("/conversations/{id}/messages")).await {
            if message["direction"] == "inbound" {
                *shown.entry(message["wamid"].as_str().expect("a wamid").to_owned()).or_default() += 1;
            }
        }
    }
    shown
}
