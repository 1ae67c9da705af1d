//! Webhooks come in; the API shows them once, in their own organization.
//!
//! The bodies are Meta's published examples, bodies captured in the wild and test data of other projects, kept beside
//! this repository; each names its number or its account somewhere else.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use e2e::random::Random;
use e2e::{Organization, Posts, World, body};
use jiff::SignedDuration;
use model::inbound;
use model::quarantine::Filter;
use serde_json::{Value, json};
use worker::inbound::{replay_bodies, replay_quarantine};

/// Nothing in them names a number or an account that someone could have connected.
const OF_NOBODY: [&str; 0] = [];

/// Make no event: the past is no news.
const SILENT: [&str; 1] = ["history-media-message"];

#[tokio::test(flavor = "multi_thread")]
async fn a_message_becomes_a_conversation() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    world.receive(&body::text("100", "34600111222", "wamid.1", 1_795_000_000, "¡Hola!")).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["last_message"]["preview"], "¡Hola!");
    assert_eq!(conversation["contact"]["wa_id"], "34600111222");
    world.end().await;
}

/// A clock that is put right, or a machine that slept, while a body waits to be written: it is applied all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_applied_whatever_the_clock_did() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    let hour = |hours: i64| world.now() + SignedDuration::from_hours(hours);
    for (nth, (begun, received)) in [(25, 0), (0, 30), (0, -5)].into_iter().enumerate() {
        let wamid = format!("wamid.{nth}");
        let bytes = body::text("100", "34600111222", &wamid, 1_795_000_000, "¡Hola!").to_string().into();
        let body = inbound::Body { lane: 0, app_id: None, bytes, received_at: hour(received) };
        let connection = world.database().connection().await.expect("a connection");
        let mut stream = inbound::Stream::start(&connection, hour(begun)).await.expect("a stream");
        let reserved = stream.reserve(1, hour(begun));
        inbound::append(&connection, reserved, &[body]).await.expect("it is stored");
        world.drain().await;
        let shown = shown_messages(&world, &acme).await;
        assert!(shown.iter().any(|(_, shown)| *shown == wamid), "begun {begun} h, received {received} h: {shown:?}");
    }
    world.end().await;
}

/// Every body three times, in another order, over eight connections at once: each message and status exactly once, in
/// its own organization and in no other.
#[tokio::test(flavor = "multi_thread")]
async fn all_bodies_at_once_three_times() {
    let Some(fixtures) = fixtures() else { return };
    let world = World::new().await;
    let homes = Homes::found(&world, fixtures.values()).await;

    let mut bodies: Vec<Vec<u8>> = fixtures.values().flat_map(|fixture| vec![body::bytes(fixture); 3]).collect();
    Random::new(20_261_124).shuffle(&mut bodies);
    let sent = i64::try_from(bodies.len()).expect("a few");
    post_all(&world, bodies).await;
    world.drain().await;

    assert_eq!(world.count("SELECT count(*) FROM wazapp.inbound").await, sent, "every body is in the log");
    // What names a number of a shared account by its digits finds it where the message that tells of them came first.
    let by_digits = ["account_update", "phone_number_name_update", "phone_number_quality_update", "security"];
    for (reason, number, field) in world.quarantine().await {
        let named = by_digits.iter().any(|by_digits| field.as_deref() == Some(by_digits));
        assert!(reason == "unknown_number" && number.is_none() && named, "{reason} {number:?} {field:?}");
    }
    let expected: Vec<Expected> = fixtures.values().map(Expected::of).collect();
    for organization in &homes.organizations {
        let numbers = homes.numbers_of(organization);
        let ours = |number: &String| numbers.contains(number);
        let messages: BTreeSet<(String, String)> =
            expected.iter().flat_map(|one| &one.messages).filter(|(number, _)| ours(number)).cloned().collect();
        assert_eq!(shown_messages(&world, organization).await, messages, "of {}", organization.slug);
        let statuses: BTreeSet<&StatusKey> =
            expected.iter().flat_map(|one| &one.statuses).filter(|status| ours(&status.number)).collect();
        assert_statuses(&world, organization, &statuses).await;
    }
    world.end().await;
}

/// What the database refuses is kept aside, also when it is read again: what comes behind it is read all the same.
#[tokio::test(flavor = "multi_thread")]
async fn replaying_goes_on_behind_what_is_refused() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    for (nth, text) in (0..).zip(["uno", "dos", "tres"]) {
        world.receive(&body::text("100", "34600111222", text, 1_795_000_000 + nth, text)).await;
    }
    world.connect(&acme, "100", "200", None).await;
    let sql = world.sql().await;
    let refuse = "ALTER TABLE wazapp.message ADD CONSTRAINT refused CHECK (text <> 'dos')";
    sql.batch_execute(refuse).await.expect("a constraint");
    let (database, clock) = (world.database(), world.clock());
    let (from, until) = (jiff::Timestamp::UNIX_EPOCH, world.now() + jiff::SignedDuration::from_hours(1));
    let again = replay_bodies(database, clock, from, until, |_| ()).await.expect("it goes on");
    assert_eq!((again.messages, again.quarantined), (2, 1));
    let shown = async || {
        let all = world.messages(&acme, &world.conversation(&acme).await).await;
        all.iter().map(|message| message["text"].as_str().expect("text").to_owned()).collect::<BTreeSet<_>>()
    };
    let these = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(shown().await, these(&["uno", "tres"]));
    let kept = async || replay_quarantine(database, clock, &Filter::default(), |_| ()).await.expect("it goes on");
    assert_eq!((kept().await.quarantined, world.quarantine().await.len()), (1, 1));
    sql.batch_execute("ALTER TABLE wazapp.message DROP CONSTRAINT refused").await.expect("it may come");
    assert_eq!((kept().await.messages, world.quarantine().await.len()), (1, 0));
    assert_eq!(shown().await, these(&["uno", "dos", "tres"]));
    sql.batch_execute("DELETE FROM wazapp.quarantine").await.expect("it was on purpose");
    drop(sql);
    world.end().await;
}

/// One organization for each body, so that bodies that share a wamid do not hide each other, and none is silent.
#[tokio::test(flavor = "multi_thread")]
async fn every_body_by_itself() {
    let Some(fixtures) = fixtures() else { return };
    let world = World::new().await;
    let own: BTreeMap<&String, Value> = fixtures.iter().map(|(name, body)| (name, renamed(body, name))).collect();
    let mut organizations = BTreeMap::new();
    for (name, fixture) in &own {
        let organization = world.organization(name).await;
        for (number, account) in numbers(fixture) {
            world.connect(&organization, &number, &account, None).await;
        }
        organizations.insert(*name, organization);
    }
    let bodies: Vec<Vec<u8>> = own.values().flat_map(|fixture| vec![body::bytes(fixture); 2]).collect();
    post_all(&world, bodies).await;
    world.drain().await;

    let mut of_nobody = Vec::new();
    let mut silent = Vec::new();
    let waiting =
        world.sql().await.query("SELECT convert_from(body, 'UTF8') FROM wazapp.quarantine", &[]).await.expect("rows");
    let waiting: Vec<String> = waiting.iter().map(|row| row.get(0)).collect();
    for (name, organization) in &organizations {
        let expected = Expected::of(&own[name]);
        assert_eq!(shown_messages(&world, organization).await, expected.messages, "{name}");
        assert_statuses(&world, organization, &expected.statuses.iter().collect()).await;
        if waiting.iter().any(|body| body.contains(&prefix(name))) {
            of_nobody.push(name.as_str());
        } else if world.all(organization, "/events").await.is_empty() {
            silent.push(name.as_str());
        }
    }
    assert_eq!(of_nobody, OF_NOBODY);
    assert_eq!(silent, SILENT);
    world.end().await;
}

// Fixtures -----------------------------------------------------------------------------------------------------------

/// By name; none, and a loud word, where they are not there.
fn fixtures() -> Option<BTreeMap<String, Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/whatsapp/fixtures/webhooks");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no webhook bodies in {}", folder.display());
        return None;
    };
    let mut fixtures = BTreeMap::new();
    for file in files {
        let path = file.expect("a directory that can be read").path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read(&path).expect("a file that can be read");
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            fixtures.insert(name, serde_json::from_slice(&text).expect("JSON"));
        }
    }
    assert!(fixtures.len() > 100, "only {} bodies in {}", fixtures.len(), folder.display());
    Some(fixtures)
}

async fn post_all(world: &World, bodies: Vec<Vec<u8>>) {
    let mut lots: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 8];
    for (nth, body) in bodies.into_iter().enumerate() {
        lots[nth % 8].push(body);
    }
    let posting = lots.into_iter().map(|lot| {
        let posts: Posts = world.posts();
        tokio::spawn(async move {
            for body in lot {
                assert_eq!(posts.post(&body).await, 200, "{}", String::from_utf8_lossy(&body));
            }
        })
    });
    for posted in futures::future::join_all(posting).await {
        posted.expect("every body is taken");
    }
}

/// The organizations that have all the fixtures' numbers and accounts.
struct Homes {
    organizations: Vec<Organization>,
    of_number: BTreeMap<String, usize>,
}

impl Homes {
    async fn found(world: &World, fixtures: impl Iterator<Item = &Value>) -> Self {
        let mut organizations = Vec::new();
        for name in ["Alfa", "Bravo", "Charlie", "Delta"] {
            organizations.push(world.organization(name).await);
        }
        let mut of_number = BTreeMap::new();
        for (number, account) in fixtures.flat_map(numbers) {
            let home = of_number.len() % organizations.len();
            if let Entry::Vacant(place) = of_number.entry(number) {
                world.connect(&organizations[home], place.key(), &account, None).await;
                place.insert(home);
            }
        }
        Self { organizations, of_number }
    }

    fn numbers_of(&self, organization: &Organization) -> BTreeSet<String> {
        let home = self.organizations.iter().position(|one| one.id == organization.id);
        let ours = self.of_number.iter().filter(|(_, at)| Some(**at) == home);
        ours.map(|(number, _)| number.clone()).collect()
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn list<'v>(holder: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    holder[key].as_array().into_iter().flatten()
}

/// Every change with its entry.
fn changes(fixture: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    list(fixture, "entry").flat_map(|entry| list(entry, "changes").map(move |change| (entry, change)))
}

fn number_of(change: &Value) -> Option<String> {
    let value = &change["value"];
    ["metadata", "phone_number_settings", "recipient"].iter().find_map(|key| word(&value[*key]["phone_number_id"]))
}

/// The numbers a body names, with an account; for a body about an account alone a number of our own in it.
pub(crate) fn numbers(fixture: &Value) -> Vec<(String, String)> {
    changes(fixture)
        .map(|(entry, change)| {
            let inner = [change, entry, &change["value"]].into_iter().find_map(|at| word(&at["waba_info"]["waba_id"]));
            let account = inner.or_else(|| word(&entry["id"])).unwrap_or_else(|| "none".to_owned());
            let number = number_of(change).unwrap_or_else(|| format!("a number of {account}"));
            (number, account)
        })
        .collect()
}

fn prefix(name: &str) -> String {
    format!("{name}/")
}

/// The same body with numbers and accounts of its own.
fn renamed(fixture: &Value, name: &str) -> Value {
    fn walk(value: &mut Value, prefix: &str) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(|one| walk(one, prefix)),
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    match (key.as_str(), word(value)) {
                        ("phone_number_id" | "waba_id", Some(id)) => *value = json!(format!("{prefix}{id}")),
                        _ => walk(value, prefix),
                    }
                }
            }
            _ => {}
        }
    }
    let mut body = fixture.clone();
    walk(&mut body, &prefix(name));
    for entry in body["entry"].as_array_mut().into_iter().flatten() {
        if let Some(id) = word(&entry["id"]) {
            entry["id"] = json!(format!("{}{id}", prefix(name)));
        }
    }
    body
}

// What must be there -------------------------------------------------------------------------------------------------

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct StatusKey {
    number: String,
    wamid: String,
    status: String,
    timestamp: Option<String>,
    participant: Option<String>,
}

/// What a body holds, read by this test's own eyes.
#[derive(Debug, Default)]
struct Expected {
    messages: BTreeSet<(String, String)>,
    statuses: BTreeSet<StatusKey>,
}

impl Expected {
    fn of(fixture: &Value) -> Self {
        let mut expected = Self::default();
        for (_, change) in changes(fixture) {
            let Some(number) = number_of(change) else { continue };
            let value = &change["value"];
            for holder in [value, &value["standby"]] {
                expected.add(&number, holder);
            }
            for chunk in list(value, "history") {
                for thread in list(chunk, "threads") {
                    expected.add(&number, thread);
                }
                expected.add(&number, chunk);
            }
        }
        expected
    }

    fn add(&mut self, number: &str, holder: &Value) {
        for message in list(holder, "messages").chain(list(holder, "message_echoes")) {
            let wamid = word(&message["id"]).expect("each body's messages have ids");
            self.messages.insert((number.to_owned(), wamid));
        }
        for status in list(holder, "statuses").filter(|status| status["type"] != "call") {
            let participant = ["recipient_participant_id", "participant_recipient_id"];
            self.statuses.insert(StatusKey {
                number: number.to_owned(),
                wamid: word(&status["id"]).expect("each body's statuses have ids"),
                status: word(&status["status"]).expect("a word"),
                timestamp: word(&status["timestamp"]),
                participant: participant.iter().find_map(|key| word(&status[*key])),
            });
        }
    }
}

/// All messages of an organization as (number, wamid), each once; calls are lines of ours.
async fn shown_messages(world: &World, organization: &Organization) -> BTreeSet<(String, String)> {
    let mut shown = BTreeSet::new();
    for conversation in world.conversations(organization).await {
        let number = conversation["phone_number_id"].as_str().expect("a number");
        for message in world.messages(organization, &conversation).await {
            let wamid = message["wamid"].as_str().expect("a wamid");
            if message["type"] != "call" {
                assert!(shown.insert((number.to_owned(), wamid.to_owned())), "{wamid} twice on {number}");
            }
        }
    }
    shown
}

async fn assert_statuses(world: &World, organization: &Organization, expected: &BTreeSet<&StatusKey>) {
    let wamids: BTreeSet<&str> = expected.iter().map(|status| status.wamid.as_str()).collect();
    for wamid in wamids {
        let mut words: Vec<&str> =
            expected.iter().filter(|status| status.wamid == wamid).map(|status| status.status.as_str()).collect();
        let path = format!("/statuses?wamid={}", encoded(wamid));
        let kept = world.all(organization, &path).await;
        let mut shown: Vec<&str> = kept.iter().map(|status| status["status"].as_str().expect("a word")).collect();
        words.sort_unstable();
        shown.sort_unstable();
        assert_eq!(shown, words, "{wamid} of {}", organization.slug);
    }
}

/// Percent-encoded for a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
