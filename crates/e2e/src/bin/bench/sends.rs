//! What sending costs: messages that an organization's programs send through the API, to a simulated Meta that takes them and
//! tells of each that it was sent, delivered and read.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::meta::{Meta, SimulatedNumber};
use reqwest::{Client, Method};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::measure::Spread;
use crate::meter::{Cpu, Meter};
use crate::server::{Server, Setup};
use crate::stage::{Bench, say};
use crate::{clock, statements, world};

const DATABASE: &str = "sends";
const VERIFY_TOKEN: &str = "the-word-of-the-bench";
/// Messages a second, sent one by one.
const RATES: [u32; 3] = [20, 100, 500];
/// Who sends at once.
const CLIENTS: usize = 32;
/// For all that was sent to be read.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Serialize)]
pub(crate) struct Sends {
    /// One client, one message after the other.
    pub(crate) alone: Spread,
    pub(crate) steady: Vec<Steady>,
    pub(crate) burst: Burst,
    pub(crate) queue: Queue,
    /// What is at Meta's twice, or not at all.
    pub(crate) wrongs: Vec<String>,
}

/// At a steady rate, until the last was read.
#[derive(Debug, Serialize)]
pub(crate) struct Steady {
    pub(crate) rate: u32,
    api: Spread,
    pub(crate) cpu: Cpu,
}

/// As fast as answers come.
#[derive(Debug, Serialize)]
pub(crate) struct Burst {
    pub(crate) clients: usize,
    pub(crate) per_s: f64,
    pub(crate) api: Spread,
    cpu: Cpu,
}

/// All due at one moment.
#[derive(Debug, Serialize)]
pub(crate) struct Queue {
    pub(crate) numbers: usize,
    pub(crate) messages: usize,
    /// From that moment until Meta's last answer was written down.
    pub(crate) per_s: f64,
}

pub(crate) async fn run(bench: &Bench<'_>) -> Result<Sends> {
    let meta = Meta::start(simulator::Options { seed: bench.options.seed, ..simulator::Options::default() }).await;
    let mut house = House::open(bench, meta).await?;
    let seconds = |full, quick| Duration::from_secs(bench.options.scale(full, quick));
    let counted = Counted::begin(bench).await?;
    let alone = Spread::of(house.together(1, seconds(10, 4)).await?.0);
    house.read().await?;
    counted.say(&format!("one alone: {alone}")).await?;
    let mut steady = Vec::new();
    for rate in RATES {
        let counted = Counted::begin(bench).await?;
        let one = house.steady(rate, seconds(30, 8)).await?;
        counted.say(&one).await?;
        steady.push(one);
    }
    let counted = Counted::begin(bench).await?;
    let burst = house.burst(seconds(15, 5)).await?;
    counted.say(&burst).await?;
    let counted = Counted::begin(bench).await?;
    let queue = house.queue(bench.options.scale(8_000, 2_000)).await?;
    house.read().await?;
    counted.say(&queue).await?;
    let sends = Sends { alone, steady, burst, queue, wrongs: house.wrongs().await? };
    house.server.stop();
    house.meta.stop().await;
    drop(house.sql);
    bench.cluster.remove(DATABASE).await?;
    Ok(sends)
}

/// The statements of one part, where they are asked for.
struct Counted(Option<tokio_postgres::Client>);

impl Counted {
    async fn begin(bench: &Bench<'_>) -> Result<Self> {
        if !bench.options.statements {
            return Ok(Self(None));
        }
        let client = bench.cluster.connect("postgres").await?;
        statements::reset(&client).await?;
        Ok(Self(Some(client)))
    }

    /// Says what a part measured, and what it asked of PostgreSQL.
    async fn say(self, measured: &(impl std::fmt::Display + Sync)) -> Result<()> {
        say(&measured.to_string());
        match &self.0 {
            Some(client) => statements::tell(client, DATABASE).await,
            None => Ok(()),
        }
    }
}

/// A server beside a simulated Meta, an organization with its numbers, and customers who wrote.
struct House {
    meta: Meta,
    server: Server,
    postmaster: u32,
    sql: tokio_postgres::Client,
    sender: Sender,
    numbers: Vec<SimulatedNumber>,
}

/// Sends to one customer after the other, from one number after the other.
#[derive(Clone)]
struct Sender {
    http: Client,
    address: SocketAddr,
    key: String,
    /// A number's id, and whom it writes to.
    pairs: Arc<Vec<(Uuid, String)>>,
    next: Arc<AtomicUsize>,
}

impl House {
    async fn open(bench: &Bench<'_>, meta: Meta) -> Result<Self> {
        bench.cluster.create(DATABASE, None).await?;
        let app = meta.state().await["app"].clone();
        let word = |name: &str| app[name].as_str().map(str::to_owned).with_context(|| format!("the App has no {name}"));
        let setup = Setup {
            settings: vec![
                ("WAZAPP_GRAPH_URL", meta.url().to_owned()),
                ("WAZAPP_META_APP_ID", word("id")?),
                ("WAZAPP_META_APP_SECRET", word("secret")?),
                ("WAZAPP_META_VERIFY_TOKEN", VERIFY_TOKEN.to_owned()),
            ],
            ..bench.setup(DATABASE, bench.cluster.address())
        };
        setup.migrate()?;
        setup.run(&["org", "create", "bench"])?;
        let numbers: Vec<SimulatedNumber> =
            meta.numbers().await.into_iter().filter(|number| !number.token.is_empty()).take(4).collect();
        for number in &numbers {
            let raised = json!({ "throughput": "HIGH" });
            meta.control(Method::POST, &format!("numbers/{}", number.phone_number_id), Some(&raised)).await;
        }
        // Meta takes nothing while it raises them.
        meta.advance(Duration::from_secs(61)).await;
        for number in &numbers {
            let ids = (number.phone_number_id.as_str(), number.waba_id.as_str());
            setup.run(&e2e::program::connect_unchecked("bench", ids, &number.token))?;
        }
        let server = setup.serve().await?;
        let sql = bench.cluster.connect(DATABASE).await?;
        meta.callback(&format!("http://{}/webhook", server.address()), VERIFY_TOKEN).await;
        let organization: Uuid = sql.query_one("SELECT id FROM wazapp.organization", &[]).await?.get(0);
        let key = world::keys(&sql, &[organization]).await?.remove(0);
        let sender = Sender {
            http: Client::builder().no_proxy().build()?,
            address: server.address(),
            key,
            pairs: Arc::default(),
            next: Arc::default(),
        };
        let mut house = Self { meta, server, postmaster: bench.cluster.pid(), sql, sender, numbers };
        house.customers(bench.options.scale(1_000, 250)).await?;
        Ok(house)
    }

    /// So many customers of each number write, so that their windows are open.
    async fn customers(&mut self, of_each: usize) -> Result<()> {
        let mut pairs = Vec::new();
        for nth in 0..of_each {
            for (of, number) in self.numbers.iter().enumerate() {
                let digits = format!("52155{of}{nth:07}");
                self.meta.customer_says(number, &digits, "Hola").await;
                let id = "SELECT id FROM wazapp.number WHERE phone_number_id = $1";
                let id = self.sql.query_one(id, &[&number.phone_number_id]).await?.get(0);
                pairs.push((id, digits));
            }
        }
        self.meta.settle().await;
        let began = clock::now();
        let there = "SELECT count(*) FROM wazapp.conversation";
        while self.sql.query_one(there, &[]).await?.get::<_, i64>(0) < i64::try_from(pairs.len())? {
            ensure!(began.elapsed() < PATIENCE, "customers who wrote are missing");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let raised = "SELECT count(*) FROM wazapp.number WHERE throughput = 'HIGH'";
        while self.sql.query_one(raised, &[]).await?.get::<_, i64>(0) < i64::try_from(self.numbers.len())? {
            ensure!(began.elapsed() < PATIENCE, "nobody heard that Meta lets these numbers send fast");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.sql.batch_execute("VACUUM (ANALYZE)").await?;
        self.sender.pairs = Arc::new(pairs);
        Ok(())
    }

    /// Clients who send one message after the other for so long: what each message took, in µs, and all of it.
    async fn together(&self, clients: usize, time: Duration) -> Result<(Vec<u32>, Duration)> {
        let (began, mut all) = (clock::now(), JoinSet::new());
        for _ in 0..clients {
            let sender = self.sender.clone();
            all.spawn(async move {
                let mut took = Vec::new();
                while began.elapsed() < time {
                    took.push(sender.send(&json!({})).await?);
                }
                anyhow::Ok(took)
            });
        }
        let mut took = Vec::new();
        while let Some(client) = all.join_next().await {
            took.extend(client??);
        }
        Ok((took, began.elapsed()))
    }

    async fn steady(&self, rate: u32, time: Duration) -> Result<Steady> {
        let meter = self.meter()?;
        let (start, took, mut all) = (clock::now(), Arc::new(Mutex::new(Vec::new())), JoinSet::new());
        let count = rate * u32::try_from(time.as_secs())?;
        for nth in 0..count {
            tokio::time::sleep_until((start + Duration::from_secs(1) * nth / rate).into()).await;
            let (sender, took) = (self.sender.clone(), Arc::clone(&took));
            all.spawn(async move {
                let micros = sender.send(&json!({})).await?;
                took.lock().unwrap_or_else(PoisonError::into_inner).push(micros);
                anyhow::Ok(())
            });
        }
        while let Some(sent) = all.join_next().await {
            sent??;
        }
        self.read().await?;
        let cpu = meter.per_message(count as usize)?;
        let api = Spread::of(std::mem::take(&mut *took.lock().unwrap_or_else(PoisonError::into_inner)));
        Ok(Steady { rate, api, cpu })
    }

    async fn burst(&self, time: Duration) -> Result<Burst> {
        let meter = self.meter()?;
        let (took, elapsed) = self.together(CLIENTS, time).await?;
        let messages = took.len();
        self.read().await?;
        let cpu = meter.per_message(messages)?;
        Ok(Burst { clients: CLIENTS, per_s: messages as f64 / elapsed.as_secs_f64(), api: Spread::of(took), cpu })
    }

    /// So many, which may all leave at one moment.
    async fn queue(&self, messages: usize) -> Result<Queue> {
        let due = clock::timestamp() + Duration::from_secs(if messages > 2_000 { 30 } else { 15 });
        let mut all = JoinSet::new();
        let share = messages / CLIENTS;
        for _ in 0..CLIENTS {
            let sender = self.sender.clone();
            all.spawn(async move {
                for _ in 0..share {
                    sender.send(&json!({ "send_at": due.to_string() })).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(client) = all.join_next().await {
            client??;
        }
        let early = due.duration_since(clock::timestamp());
        ensure!(early.is_positive(), "{messages} could not be queued in time");
        tokio::time::sleep(early.unsigned_abs()).await;
        let began = clock::now();
        let waiting = "SELECT EXISTS (SELECT FROM wazapp.outbox WHERE state <> 'unknown')";
        while self.sql.query_one(waiting, &[]).await?.get(0) {
            ensure!(began.elapsed() < PATIENCE, "a queue does not empty");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let per_s = (share * CLIENTS) as f64 / began.elapsed().as_secs_f64();
        Ok(Queue { numbers: self.numbers.len(), messages: share * CLIENTS, per_s })
    }

    /// Waits until all that was sent is read, from which on nothing is to be done.
    async fn read(&self) -> Result<()> {
        let open = "SELECT EXISTS (SELECT FROM wazapp.message WHERE direction = 'outbound' AND status NOT IN ('read', 'failed'))";
        let began = clock::now();
        while self.sql.query_one(open, &[]).await?.get(0) {
            ensure!(began.elapsed() < PATIENCE, "what was sent is not read");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// What is at Meta's, against what was queued.
    async fn wrongs(&self) -> Result<Vec<String>> {
        let mut at_meta = HashSet::new();
        for number in &self.numbers {
            let accepted = self.meta.accepted(number).await;
            let messages = accepted.iter().filter(|one| one["kind"] == "message");
            at_meta.extend(messages.filter_map(|one| one["id"].as_str().map(str::to_owned)));
        }
        let sent = "SELECT id, wamid, status FROM wazapp.message WHERE direction = 'outbound'";
        let rows = self.sql.query(sent, &[]).await?;
        let mut wrongs = Vec::new();
        if rows.len() != at_meta.len() {
            wrongs.push(format!("{} were queued, {} are at Meta's", rows.len(), at_meta.len()));
        }
        for row in rows {
            let (id, wamid, status): (Uuid, Option<String>, String) = (row.get(0), row.get(1), row.get(2));
            if wamid.is_none_or(|wamid| !at_meta.contains(&wamid)) || status != "read" {
                wrongs.push(format!("{id} is {status}"));
            }
        }
        wrongs.truncate(10);
        Ok(wrongs)
    }

    fn meter(&self) -> Result<Meter> {
        Meter::start(self.server.pid(), self.postmaster, Vec::new())
    }
}

impl Sender {
    /// Sends a text to whose turn it is, and answers how long that took, in µs.
    async fn send(&self, more: &Value) -> Result<u32> {
        let nth = self.next.fetch_add(1, Ordering::Relaxed);
        let (number, digits) = &self.pairs[nth % self.pairs.len()];
        let mut body = json!({ "number_id": number, "to": digits, "text": { "body": format!("Mensaje {nth}") } });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        let began = clock::now();
        let request = self.http.post(format!("http://{}/api/v1/messages", self.address)).bearer_auth(&self.key);
        let answer = request.header("content-type", "application/json").body(body.to_string()).send().await?;
        let status = answer.status();
        let words = answer.text().await?;
        ensure!(status == 202, "{status}: {words}");
        Ok(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX))
    }
}

impl std::fmt::Display for Sends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "sends, one alone: {}", self.alone)?;
        for one in &self.steady {
            writeln!(f, "{one}")?;
        }
        writeln!(f, "{}", self.burst)?;
        write!(f, "{}", self.queue)
    }
}

impl std::fmt::Display for Steady {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sends at {}/s: API {}, {}", self.rate, self.api, self.cpu)
    }
}

impl std::fmt::Display for Burst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sends of {} at once: {:.0}/s, API {}, {}", self.clients, self.per_s, self.api, self.cpu)
    }
}

impl std::fmt::Display for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a full queue of {} on {} numbers: {:.0}/s", self.messages, self.numbers, self.per_s)
    }
}
