//! The run itself: threads that share one schedule and one ledger.
//!
//! Each connection is a blocking thread of its own. The kernel wakes it within some 60 µs of the due time, where an
//! async timer has steps of 1 ms, and a thread's CPU time is the generator's alone, whatever else the process does.
//! A free thread takes what is due next and waits for its time by itself; where that is far off, one leads, and the
//! others wait until it has taken something. So with a fixed rate a slow answer delays nothing as long as a thread is
//! free, and where none is, the wait counts into the latency.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::ledger::{Answer, Head, Ledger, Reason, Sent, Try};
use super::line::{Address, Line, Signer};
use super::order::Order;
use super::{Plan, Progress, cpu};

/// How long after each try that was not answered 200 the next is made. Meta goes on for days; a run has an end.
const RETRIES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(8),
    Duration::from_secs(15),
];
/// A thread takes what is due within this time. Not more than the shortest wait for a retry, so that none comes too late
/// for its turn; enough that a fast schedule is kept without one thread having to wake another.
const AHEAD: Duration = RETRIES[0];
/// How often progress is told.
const TELL: Duration = Duration::from_millis(500);

/// Posts what the plan says to `url`, signed with `app_secret`.
///
/// A body that is not answered 200 is posted again a few times over half a minute, with the same bytes, beside the
/// others and after the last of them. Where no rate is set, no more new bodies are sent while as many as there are
/// connections wait for that. Dropping the future stops the run.
pub async fn run(plan: &Plan, url: &str, app_secret: &str, progress: impl Fn(&Progress)) -> Result<Ledger> {
    plan.check()?;
    let (address, signer) = (Arc::new(Address::resolve(url).await?), Signer::new(app_secret));
    let lines = (0..plan.connections).map(|_| Line::new(address.clone(), signer.clone())).collect();
    let lines = tokio::task::spawn_blocking(move || opened(lines)).await?;

    let crew = Arc::new(Crew::new(plan));
    let _stop = Stop(&crew);
    let (ended, mut ends) = mpsc::unbounded_channel();
    let mut threads = Vec::new();
    for line in lines {
        let (crew, ended) = (crew.clone(), ended.clone());
        let thread = std::thread::Builder::new().name("load".into()).stack_size(128 * 1024);
        let work = move || {
            crew.work(line);
            // Nobody listens any more when the run was dropped.
            let _ = ended.send(cpu::of_this_thread());
        };
        threads.push(thread.spawn(work).context("starting a thread for each connection")?);
    }
    drop(ended);

    let mut cpu = Some(Duration::ZERO);
    let mut tell = tokio::time::interval(TELL);
    tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            end = ends.recv() => match end {
                Some(used) => cpu = cpu.zip(used).map(|(sum, used)| sum + used),
                None => break,
            },
            _ = tell.tick() => progress(&crew.progress(plan)),
        }
    }
    progress(&crew.progress(plan));
    for thread in threads {
        thread.join().map_err(|_| anyhow!("a connection's thread panicked"))?;
    }
    Ok(crew.ledger(plan, cpu))
}

/// Connecting may take a second when the server's backlog is short: done before anything is due. The first that finds
/// nobody ends the attempt, and the requests will tell.
fn opened(mut lines: Vec<Line>) -> Vec<Line> {
    for line in &mut lines {
        if !line.open() {
            break;
        }
    }
    lines
}

struct Crew {
    work: Mutex<Work>,
    /// Wakes the one who waits for a due time.
    lead: Condvar,
    /// Wakes one who waits to lead.
    follow: Condvar,
    stopped: AtomicBool,
}

/// Everything the threads share.
struct Work {
    order: Order,
    pace: Pace,
    began: Instant,
    began_at: Timestamp,
    ended: Instant,
    /// New bodies and duplicates handed out.
    posts: u64,
    over: bool,
    retries: BinaryHeap<Reverse<Retry>>,
    /// Entries with a retry waiting or under way.
    retrying: HashSet<usize>,
    in_flight: usize,
    leader: bool,
    followers: usize,
    sent: Vec<Sent>,
    told: Progress,
}

struct Pace {
    rate: Option<f64>,
    duration: Option<Duration>,
    /// With no rate: so many retries may wait before new bodies wait too.
    waiting: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Retry {
    due: Instant,
    entry: usize,
    bytes: Bytes,
}

struct Job {
    entry: usize,
    reason: Reason,
    due: Instant,
    bytes: Bytes,
}

enum Next {
    Job(Job),
    /// Nothing before this.
    At(Instant),
    /// Nothing unless a request under way brings something.
    Nothing,
    Over,
}

/// Lets the threads go when the run ends, however it does.
struct Stop<'a>(&'a Crew);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        // Under the lock, so that nobody looks just before and waits just after.
        let work = self.0.lock();
        self.0.stopped.store(true, Ordering::Relaxed);
        drop(work);
        self.0.wake_all();
    }
}

impl Crew {
    fn new(plan: &Plan) -> Self {
        let began = Instant::now();
        let work = Work {
            order: Order::new(plan),
            pace: Pace { rate: plan.rate, duration: plan.duration, waiting: plan.connections },
            began,
            began_at: crate::outside::now(),
            ended: began,
            posts: 0,
            over: false,
            retries: BinaryHeap::new(),
            retrying: HashSet::new(),
            in_flight: 0,
            leader: false,
            followers: 0,
            sent: Vec::new(),
            told: Progress { planned: plan.bodies, ..Progress::default() },
        };
        Self { work: Mutex::new(work), lead: Condvar::new(), follow: Condvar::new(), stopped: AtomicBool::new(false) }
    }

    /// A thread that panicked makes the whole run fail; until then the others go on.
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_all(&self) {
        self.lead.notify_all();
        self.follow.notify_all();
    }

    fn work(&self, mut line: Line) {
        while let Some(job) = self.take() {
            while let Some(wait) = job.due.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()) {
                std::thread::park_timeout(wait);
            }
            if self.stopped() {
                return;
            }
            let (written, answer) = line.post(&job.bytes);
            self.settle(job, written, answer);
        }
    }

    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The next job, not long before it is due; `None`: there will be none.
    fn take(&self) -> Option<Job> {
        let mut work = self.lock();
        loop {
            let next = if self.stopped() { Next::Over } else { work.next(Instant::now()) };
            match next {
                Next::Job(job) => {
                    work.in_flight += 1;
                    if work.followers > 0 {
                        self.follow.notify_one();
                    }
                    return Some(job);
                }
                Next::Over => {
                    self.wake_all();
                    return None;
                }
                Next::At(due) if !work.leader => {
                    work.leader = true;
                    let wait = due.saturating_duration_since(Instant::now());
                    work = self.lead.wait_timeout(work, wait).unwrap_or_else(PoisonError::into_inner).0;
                    work.leader = false;
                }
                Next::At(_) | Next::Nothing => {
                    work.followers += 1;
                    work = self.follow.wait(work).unwrap_or_else(PoisonError::into_inner);
                    work.followers -= 1;
                }
            }
        }
    }

    fn settle(&self, job: Job, written: Instant, answer: Answer) {
        let now = Instant::now();
        let mut work = self.lock();
        if work.settle(job, written, answer, now) && work.leader {
            // It may be the next now.
            self.lead.notify_one();
        }
    }

    fn progress(&self, plan: &Plan) -> Progress {
        let work = self.lock();
        let ended = work.over && work.in_flight == 0 && work.retries.is_empty();
        let elapsed = if ended { work.ended - work.began } else { work.began.elapsed() };
        Progress { elapsed, planned: plan.bodies, retrying: work.retrying.len() as u64, ..work.told.clone() }
    }

    fn ledger(&self, plan: &Plan, cpu: Option<Duration>) -> Ledger {
        let mut work = self.lock();
        let head = Head {
            seed: plan.seed,
            rate: plan.rate,
            connections: plan.connections,
            began: work.began_at,
            elapsed_us: micros(work.ended - work.began),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu_us: cpu.map(micros),
        };
        Ledger { head, sent: std::mem::take(&mut work.sent) }
    }
}

impl Work {
    fn next(&mut self, now: Instant) -> Next {
        loop {
            let post = self.post_due(now);
            let retry = self.retries.peek().map(|Reverse(retry)| retry.due);
            let Some(due) = post.into_iter().chain(retry).min() else {
                return if self.over && self.in_flight == 0 { Next::Over } else { Next::Nothing };
            };
            if due > now + AHEAD {
                return Next::At(due - AHEAD);
            }
            let job = if retry == Some(due) { self.retry() } else { self.post(due) };
            if let Some(job) = job {
                return Next::Job(job);
            }
        }
    }

    fn post_due(&mut self, now: Instant) -> Option<Instant> {
        if self.over {
            return None;
        }
        let due = match self.pace.rate {
            Some(rate) => self.began + Duration::from_secs_f64(self.posts as f64 / rate),
            None => now,
        };
        if self.pace.duration.is_some_and(|duration| due - self.began >= duration) {
            self.over = true;
            return None;
        }
        (self.pace.rate.is_some() || self.retries.len() < self.pace.waiting).then_some(due)
    }

    fn post(&mut self, due: Instant) -> Option<Job> {
        let Some(post) = self.order.next() else {
            self.over = true;
            return None;
        };
        self.posts += 1;
        let reason = if post.first.is_some() { Reason::First } else { Reason::Duplicate };
        if let Some((body, messages)) = post.first {
            self.sent.push(Sent { body, messages, tries: Vec::with_capacity(1) });
        }
        Some(Job { entry: post.entry, reason, due, bytes: post.bytes })
    }

    fn retry(&mut self) -> Option<Job> {
        let Reverse(Retry { due, entry, bytes }) = self.retries.pop()?;
        if self.sent[entry].accepted() {
            // A duplicate got through.
            self.retrying.remove(&entry);
            return None;
        }
        Some(Job { entry, reason: Reason::Retry, due, bytes })
    }

    /// Writes the ledger, and answers whether there is to be a retry.
    fn settle(&mut self, job: Job, written: Instant, answer: Answer, now: Instant) -> bool {
        self.in_flight -= 1;
        self.ended = now;
        self.told.posts += 1;
        let tried = Try {
            reason: job.reason,
            due_us: micros(job.due - self.began),
            late_us: short(written - job.due),
            latency_us: short(now - job.due),
            answer,
        };
        if job.reason == Reason::Retry {
            self.retrying.remove(&job.entry);
        }
        let sent = &mut self.sent[job.entry];
        if job.reason == Reason::First {
            self.told.bodies += 1;
            self.told.messages += sent.messages.len() as u64;
        }
        sent.tries.push(tried);
        if tried.accepted() {
            self.told.accepted += 1;
            return false;
        }
        self.told.refused += 1;
        let retries = sent.tries.iter().filter(|tried| tried.reason == Reason::Retry).count();
        let Some(wait) = RETRIES.get(retries) else { return false };
        if sent.accepted() || !self.retrying.insert(job.entry) {
            return false;
        }
        self.retries.push(Reverse(Retry { due: now + *wait, entry: job.entry, bytes: job.bytes }));
        true
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn short(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::sync::atomic::AtomicU64;

    use axum::Router;
    use axum::extract::State;
    use axum::routing::post;
    use http::{HeaderMap, StatusCode};

    use super::super::content::tests::plan;
    use super::super::ledger::Fault;
    use super::*;

    /// A receiver that keeps what it was sent.
    #[derive(Clone, Default)]
    struct Receiver {
        bodies: Arc<Mutex<Vec<Bytes>>>,
        signatures: Arc<Mutex<Vec<String>>>,
        /// So many first requests are answered 503.
        refusing: Arc<AtomicU64>,
        slow: Duration,
    }

    impl Receiver {
        async fn start(self) -> String {
            let receive = async |State(it): State<Self>, headers: HeaderMap, body: Bytes| {
                let signature = headers["x-hub-signature-256"].to_str().expect("ASCII").to_owned();
                it.signatures.lock().expect("no holder panics").push(signature);
                it.bodies.lock().expect("no holder panics").push(body);
                tokio::time::sleep(it.slow).await;
                match it.refusing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
                    Ok(_) => StatusCode::SERVICE_UNAVAILABLE,
                    Err(_) => StatusCode::OK,
                }
            };
            let router = Router::new().route("/webhook", post(receive)).with_state(self);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let url = format!("http://{}/webhook", listener.local_addr().expect("an address"));
            tokio::spawn(async move { axum::serve(listener, router).await });
            url
        }

        fn counted(&self) -> HashMap<Bytes, usize> {
            let mut counted = HashMap::new();
            for body in self.bodies.lock().expect("no holder panics").iter() {
                *counted.entry(body.clone()).or_insert(0) += 1;
            }
            counted
        }
    }

    #[tokio::test]
    async fn what_is_sent_depends_on_the_plan_alone() {
        let mut runs = Vec::new();
        // Meta's time goes by the rate; none is taken for this one.
        for (connections, rate) in [(1, None), (8, None), (4, Some(1000.0))] {
            let receiver = Receiver::default();
            let url = receiver.clone().start().await;
            let plan = Plan { bodies: Some(300), duplicates: 0.1, batch: 0.1, rate, connections, ..plan() };
            let ledger = run(&plan, &url, "s", |_| {}).await.expect("a run");
            assert_eq!(ledger.sent.len(), 300);
            assert!(ledger.sent.iter().all(Sent::accepted));
            runs.push(receiver.counted());
        }
        assert!(runs[0] == runs[2]);
        assert!(runs[0] == runs[1]);
        assert_eq!(runs[0].len(), 300);
        assert!(runs[0].values().any(|count| *count == 2));
    }

    #[tokio::test]
    async fn a_body_is_signed() {
        let receiver = Receiver::default();
        let url = receiver.clone().start().await;
        let plan = Plan { bodies: Some(1), duplicates: 0.0, ..plan() };
        run(&plan, &url, "test_app_secret", |_| {}).await.expect("a run");
        let body = receiver.bodies.lock().expect("no holder panics")[0].clone();
        let mut hmac = <hmac::Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(b"test_app_secret").expect("a key");
        hmac::Mac::update(&mut hmac, &body);
        let hex = data_encoding::HEXLOWER.encode(&hmac::Mac::finalize(hmac).into_bytes());
        assert_eq!(*receiver.signatures.lock().expect("no holder panics"), [format!("sha256={hex}")]);
    }

    #[tokio::test]
    async fn a_refused_body_is_sent_again_with_the_same_bytes() {
        let receiver = Receiver { refusing: Arc::new(AtomicU64::new(5)), ..Receiver::default() };
        let url = receiver.clone().start().await;
        let plan = Plan { bodies: Some(40), duplicates: 0.0, connections: 4, ..plan() };
        let told = RefCell::new(Progress::default());
        let ledger = run(&plan, &url, "s", |progress| *told.borrow_mut() = progress.clone()).await.expect("a run");

        let counted = receiver.counted();
        assert_eq!(counted.len(), 40);
        assert_eq!(counted.values().sum::<usize>(), 45);
        assert!(ledger.sent.iter().all(Sent::accepted));
        let tries = || ledger.sent.iter().flat_map(|sent| &sent.tries);
        assert_eq!(tries().filter(|tried| tried.answer == Answer::Status(503)).count(), 5);
        assert_eq!(tries().filter(|tried| tried.reason == Reason::Retry).count(), 5);
        let told = told.into_inner();
        assert_eq!((told.bodies, told.posts, told.accepted, told.refused, told.retrying), (40, 45, 40, 5, 0));
    }

    #[tokio::test]
    async fn a_server_that_comes_late_gets_everything() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let plan = Plan { bodies: Some(20), rate: Some(200.0), connections: 4, ..plan() };
        let url = format!("http://{address}/webhook");
        let started = std::sync::Once::new();
        let ledger = run(&plan, &url, "s", |progress| {
            if progress.refused > 0 {
                started.call_once(|| {
                    let listener = std::net::TcpListener::bind(address).expect("the port again");
                    listener.set_nonblocking(true).expect("set");
                    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                    let router = Router::new().route("/webhook", post(async || StatusCode::OK));
                    tokio::spawn(async move { axum::serve(listener, router).await });
                });
            }
        });
        let ledger = ledger.await.expect("a run");
        assert!(ledger.sent.iter().all(Sent::accepted));
        assert!(ledger.sent[0].tries.iter().any(|tried| tried.answer == Answer::Error(Fault::Connect)));
    }

    /// One connection and a server that takes 10 ms for each answer can do 100/s; at 400/s every request waits for those
    /// before it, and the latencies must say so, while the schedule stays as it was.
    #[tokio::test]
    async fn a_slow_server_cannot_hide_the_wait() {
        let url = Receiver { slow: Duration::from_millis(10), ..Receiver::default() }.start().await;
        let plan = Plan { bodies: Some(100), rate: Some(400.0), duplicates: 0.0, connections: 1, ..plan() };
        let ledger = run(&plan, &url, "s", |_| {}).await.expect("a run");
        let last = ledger.sent[99].tries[0];
        assert_eq!(last.due_us, 247_500);
        assert!(last.latency_us > 700_000, "{last:?}");
        assert!(last.late_us > 700_000, "{last:?}");

        let plan = Plan { connections: 16, ..plan };
        let ledger = run(&plan, &url, "s", |_| {}).await.expect("a run");
        let mut late: Vec<u32> = ledger.sent.iter().map(|sent| sent.tries[0].late_us).collect();
        late.sort_unstable();
        assert!(late[50] < 50_000, "with enough connections nothing waits: {late:?}");
    }

    #[tokio::test]
    async fn a_duration_ends_a_run() {
        let url = Receiver::default().start().await;
        let plan = Plan { bodies: None, duration: Some(Duration::from_millis(300)), ..plan() };
        let plan = Plan { rate: Some(100.0), duplicates: 0.0, ..plan };
        let ledger = run(&plan, &url, "s", |_| {}).await.expect("a run");
        assert_eq!(ledger.sent.len(), 30);
        assert!(run(&Plan { duration: None, ..plan }, &url, "s", |_| {}).await.is_err(), "a plan without an end");
    }

    #[tokio::test]
    async fn dropping_a_run_stops_it() {
        let receiver = Receiver::default();
        let url = receiver.clone().start().await;
        let plan = Plan { bodies: None, duration: Some(Duration::from_secs(3600)), rate: Some(50.0), ..plan() };
        let running = run(&plan, &url, "s", |_| {});
        let _ = tokio::time::timeout(Duration::from_millis(200), running).await.expect_err("it would run an hour");
        let seen = receiver.bodies.lock().expect("no holder panics").len();
        assert!((1..100).contains(&seen), "{seen}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "a measurement: cargo test --release -- --ignored --nocapture"]
    async fn what_a_request_costs() {
        for rate in [Some(100.0), Some(1000.0), Some(3300.0), None] {
            let url = Receiver::default().start().await;
            let duration = Some(Duration::from_secs(5));
            let plan = Plan { bodies: None, duration, rate, ..plan() };
            let ledger = run(&plan, &url, "s", |_| {}).await.expect("a run");
            println!("{}\n", ledger.report());
        }
    }
}
