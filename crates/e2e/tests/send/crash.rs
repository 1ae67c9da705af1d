//! The server is killed at each point of a send, as the program that it is: nothing is lost, nothing is sent twice.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::time::Duration;

use e2e::program::{Installation, Server};
use e2e::random::Random;
use e2e::{Options, Organization, SimulatedNumber, World};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// Where a send is when the server dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// It is queued, and nobody claimed it.
    Queued,
    /// Meta has the call, and has not carried it out.
    Called,
    /// Meta accepted it, and its answer is held back.
    Accepted,
    /// Meta accepted it, and its answer is on a slow way.
    SlowAnswer,
    /// The connection broke after Meta accepted it.
    AnswerLost,
    /// Meta's answer broke off.
    HalfAnAnswer,
    /// The answer is here, and waits for the organization's line to be written.
    Answered,
    /// The answer is here, and the database is not.
    DatabaseAway,
    /// All is written.
    Settled,
    /// Wherever it happens to be.
    Anywhere,
}

impl Point {
    /// How many messages of one kill nobody has an answer for, once the next server looked: Meta's statuses tell.
    fn unheard(self) -> RangeInclusive<usize> {
        match self {
            Self::Queued | Self::Settled => 0..=0,
            // The database may go a moment too late for some answers.
            Self::DatabaseAway | Self::Anywhere => 0..=AT_ONCE,
            _ => AT_ONCE..=AT_ONCE,
        }
    }

    /// How many of them Meta never accepted, so that no status comes either.
    fn never_sent(self) -> RangeInclusive<usize> {
        match self {
            Self::Called => AT_ONCE..=AT_ONCE,
            Self::Anywhere => 0..=AT_ONCE,
            _ => 0..=0,
        }
    }
}

/// How often the server is killed at each point.
const KILLS: usize = 20;

/// So many messages are at the point when it dies.
const AT_ONCE: usize = 3;

/// A message that a client wants to send, by the key with which it asks again.
#[derive(Clone, Debug)]
struct Wish {
    key: String,
    body: Value,
}

/// A world whose server is a process.
struct Stage {
    world: World,
    organization: Organization,
    number: SimulatedNumber,
    number_id: Uuid,
    installation: Installation,
    template: Value,
    /// What was answered 202, by key.
    taken: BTreeMap<String, String>,
    people: usize,
}

impl Stage {
    async fn new() -> Self {
        let mut world = World::with(Options { proxied: true, simulated: true, ..Options::default() }).await;
        let organization = world.organization("Café Lucero").await;
        let number = world.meta().numbers().await.remove(0);
        let number_id = world.connect_simulated(&organization, &number).await;
        let template = world.meta().simple_template(&number).await;
        world.idle().await;
        let installation = Installation::new()
            .setting("WAZAPP_DATABASE_URL", &world.database_url())
            .setting("WAZAPP_LISTEN", &world.address().to_string())
            .setting("WAZAPP_MASTER_KEY", &"07".repeat(32))
            .setting("WAZAPP_META_APP_ID", world.app_id())
            .setting("WAZAPP_META_APP_SECRET", world.secret())
            .setting("WAZAPP_GRAPH_URL", world.meta().url())
            .setting("WAZAPP_LOG", "warn");
        Self { world, organization, number, number_id, installation, template, taken: BTreeMap::new(), people: 0 }
    }

    /// A message to somebody new.
    fn wish(&mut self) -> Wish {
        self.people += 1;
        let to = format!("346{:08}", self.people);
        let body = json!({ "number_id": self.number_id, "to": to, "type": "template", "template": self.template });
        Wish { key: format!("wish-{}", self.people), body }
    }

    /// Asks for it; what is answered 202 is noted.
    async fn ask(&mut self, wish: &Wish) -> bool {
        let asked =
            self.world.request(Method::POST, &self.organization, "/messages").header("idempotency-key", &wish.key);
        let asked = asked.header("content-type", "application/json").body(wish.body.to_string());
        let Ok(answer) = asked.send().await else { return false };
        let status = answer.status().as_u16();
        let Ok(text) = answer.text().await else { return false };
        assert_eq!(status, 202, "{text}");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        let id = answer["id"].as_str().expect("an id").to_owned();
        let before = self.taken.insert(wish.key.clone(), id.clone());
        assert!(before.is_none_or(|before| before == id), "the same key, the same message");
        true
    }

    async fn accepted(&self) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for row in self.world.meta().accepted(&self.number).await {
            let ours = row["request"]["biz_opaque_callback_data"].as_str().expect("our id").to_owned();
            *counts.entry(ours).or_default() += 1;
        }
        counts
    }

    async fn until_accepted(&self, ids: &[String]) {
        self.world
            .until("Meta has them", async || {
                let accepted = self.accepted().await;
                ids.iter().all(|id| accepted.contains_key(id))
            })
            .await;
    }

    /// Waits until these messages show a status.
    async fn until_shown(&self, ids: &[String], status: &str) {
        let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
        let shown =
            format!("SELECT count(*) FROM wazapp.message WHERE id IN ({}) AND status = '{status}'", ids.join(","));
        let all = i64::try_from(ids.len()).expect("few");
        self.world.until(&format!("they are {status}"), async || self.world.count(&shown).await == all).await;
    }

    /// Waits until nothing is queued and nothing is under way.
    async fn quiet(&self) {
        let under_way = "SELECT count(*) FROM wazapp.outbox WHERE state IN ('queued', 'sending')";
        self.world.until("nothing is under way", async || self.world.count(under_way).await == 0).await;
    }

    async fn unknown(&self) -> usize {
        let unknown = self.world.count("SELECT count(*) FROM wazapp.message WHERE status = 'unknown'").await;
        usize::try_from(unknown).expect("a count")
    }

    async fn pause(&self, until: &str) {
        let sql = self.world.sql().await;
        sql.batch_execute(&format!("UPDATE wazapp.number_pace SET paused_until = {until}")).await.expect("it rests");
    }

    /// Brings messages to this point, and kills the server there. What was not answered is asked for again later.
    async fn kill_at(&mut self, point: Point, server: Server, chance: &mut Random) -> Vec<Wish> {
        let fault = match point {
            Point::Called => Some(json!({ "kind": "hang" })),
            Point::Accepted => Some(json!({ "kind": "hang", "after_accept": true })),
            Point::SlowAnswer => Some(json!({ "kind": "slow", "seconds": 3.0 })),
            Point::DatabaseAway => Some(json!({ "kind": "slow", "seconds": 0.3 })),
            Point::AnswerLost => Some(json!({ "kind": "reset_after_accept" })),
            Point::HalfAnAnswer => Some(json!({ "kind": "truncate_answer" })),
            _ => None,
        };
        if let Some(mut fault) = fault {
            fault["count"] = json!(AT_ONCE);
            self.world.meta().faults(json!([fault])).await;
        }
        let held = matches!(point, Point::Queued | Point::Answered);
        if held {
            self.pause("now() + interval '1 day'").await;
        }
        let wishes: [Wish; AT_ONCE] = std::array::from_fn(|_| self.wish());
        let mut ids = Vec::new();
        if point != Point::Anywhere {
            for wish in &wishes {
                assert!(self.ask(wish).await, "{}", server.log());
                ids.push(self.taken[&wish.key].clone());
            }
        }
        match point {
            Point::Queued => self.until_shown(&ids, "queued").await,
            Point::Called => self.world.until("Meta has the calls", async || self.world.meta().used_up().await).await,
            Point::Accepted | Point::SlowAnswer => self.until_accepted(&ids).await,
            Point::AnswerLost | Point::HalfAnAnswer => self.until_shown(&ids, "unknown").await,
            Point::Settled => self.until_shown(&ids, "accepted").await,
            Point::DatabaseAway => {
                self.until_accepted(&ids).await;
                self.world.proxy().cut();
                let said = "the database is away";
                self.world.until("the answers can't be written", async || server.log().contains(said)).await;
            }
            Point::Answered => {
                let line = self.world.sql().await;
                let lock = "BEGIN; SELECT FROM wazapp.organization_sequence FOR UPDATE";
                line.batch_execute(lock).await.expect("the organization's line");
                self.pause("NULL").await;
                self.until_accepted(&ids).await;
                let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                               AND wait_event_type = 'Lock' AND query LIKE '%organization_sequence%'";
                self.world.until("the answers wait for the line", async || self.world.count(waits).await > 0).await;
                server.kill().await;
                line.batch_execute("ROLLBACK").await.expect("the line is free");
                return self.after(point, Vec::new()).await;
            }
            Point::Anywhere => {
                let moment = Duration::from_micros(u64::try_from(chance.below(25_000)).expect("short"));
                let killed = async {
                    tokio::time::sleep(moment).await;
                    server.kill().await;
                };
                let asked = async {
                    let mut unanswered = Vec::new();
                    for wish in &wishes {
                        if !self.ask(wish).await {
                            unanswered.push(wish.clone());
                        }
                    }
                    unanswered
                };
                let ((), unanswered) = tokio::join!(killed, asked);
                return self.after(point, unanswered).await;
            }
        }
        server.kill().await;
        self.after(point, Vec::new()).await
    }

    /// The server is gone: what stood in its way goes too, and the leases of its claims are over.
    async fn after(&self, point: Point, unanswered: Vec<Wish>) -> Vec<Wish> {
        self.world.proxy().mend();
        if point == Point::Queued {
            self.pause("NULL").await;
        }
        let sql = self.world.sql().await;
        // As if a minute and a half had passed.
        let over = "UPDATE wazapp.outbox SET lease_until = now() WHERE state = 'sending'";
        sql.batch_execute(over).await.expect("leases end");
        unanswered
    }
}

/// Kills the server often at one point: nothing is lost, nothing is doubled, and only what Meta never had stays unknown.
async fn killed_at(point: Point) {
    let mut stage = Stage::new().await;
    let mut chance = Random::new(20);
    // What statuses tell comes at the end: until then, nobody knows but by answers.
    stage.world.meta().faults(json!([{ "kind": "delay", "seconds": 600.0 }])).await;
    let mut server = stage.installation.serve().await;
    let began = std::time::Instant::now();
    for _ in 0..KILLS {
        let unanswered = stage.kill_at(point, server, &mut chance).await;
        server = stage.installation.serve().await;
        // A client that got no answer asks again.
        for wish in unanswered {
            assert!(stage.ask(&wish).await, "{}", server.log());
        }
        stage.quiet().await;
    }
    let before = stage.unknown().await;
    assert!(times(point.unheard()).contains(&before), "{point:?}: {before} unknown until their status came");
    // Now Meta tells what became of them; and what is delivered only now is read a little later.
    stage.world.meta().no_faults().await;
    stage.world.meta().advance(Duration::from_secs(700)).await;
    stage.world.settle().await;
    let accepted = stage.accepted().await;
    let read = "SELECT count(*) FROM wazapp.message WHERE direction = 'outbound' AND status = 'read'";
    let all_read = async || {
        stage.world.meta().advance(Duration::from_secs(60)).await;
        stage.world.settle().await;
        stage.world.count(read).await == i64::try_from(accepted.len()).expect("few")
    };
    stage.world.until("what Meta has is read", all_read).await;

    assert_eq!(stage.taken.len(), stage.people, "each wish was taken in the end");
    let sql = stage.world.sql().await;
    let rows = sql.query("SELECT id::text, status FROM wazapp.message WHERE direction = 'outbound'", &[]).await;
    let shown: HashMap<String, String> = rows.expect("messages").iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(shown.len(), stage.people, "each once");
    let mut never = 0;
    for id in stage.taken.values() {
        let status = shown.get(id).unwrap_or_else(|| panic!("{id} was answered 202 and is lost"));
        match accepted.get(id) {
            Some(1) => assert_eq!(status, "read", "{id} was accepted, and its status came"),
            None => {
                assert_eq!(status, "unknown", "{id} was never accepted");
                never += 1;
            }
            Some(more) => panic!("{id} was accepted {more} times"),
        }
    }
    assert_eq!(accepted.len(), stage.people - never, "nothing else was sent");
    assert!(times(point.never_sent()).contains(&never), "{point:?}: {never} never sent");
    let left = sql.query_one("SELECT count(*) FROM wazapp.outbox WHERE state <> 'unknown'", &[]).await;
    assert_eq!(left.expect("a count").get::<_, i64>(0), 0);
    eprintln!(
        "{point:?}: {KILLS} kills, {} messages, {before} unknown until their status came, {never} never sent, 0 lost, \
         0 doubled; {:.1?}",
        stage.people,
        began.elapsed()
    );
    assert!(server.terminate().await.0.success());
    stage.world.check().await;
    drop(sql);
    stage.world.end().await;
}

/// Of all kills, what may be of one.
fn times(of_one: RangeInclusive<usize>) -> RangeInclusive<usize> {
    of_one.start() * KILLS..=of_one.end() * KILLS
}

macro_rules! killed {
    ($($name:ident => $point:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                killed_at(Point::$point).await;
            }
        )+
    };
}

killed! {
    while_it_is_queued => Queued,
    while_meta_has_the_call => Called,
    while_metas_answer_is_held_back => Accepted,
    while_the_answer_is_on_a_slow_way => SlowAnswer,
    after_the_answer_was_lost => AnswerLost,
    after_half_an_answer => HalfAnAnswer,
    while_the_answer_waits_for_the_line => Answered,
    while_the_database_is_away => DatabaseAway,
    after_all_is_written => Settled,
    anywhere => Anywhere,
}
