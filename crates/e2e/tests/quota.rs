//! What an organization may take: the last of it is taken once, whoever is at the limit hears whose move it is, and messages
//! are received all the same.

use std::time::Duration;

use data_encoding::BASE64;
use e2e::form::Form;
use e2e::program::Installation;
use e2e::{Options, Organization, SimulatedNumber, World};
use futures::future::join_all;
use model::quota::{self, Limit, Limits, Quota};
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};
use uuid::Uuid;

const LUCIA: &str = "34600111222";
const PDF: &[u8] = include_bytes!("../../simulator/src/world/samples/document.pdf");

fn most(number: u64) -> Limit {
    Limit(Some(number))
}

/// A PDF of a hundred kilobytes, unlike another with another number.
fn document(nth: u8) -> Vec<u8> {
    let mut bytes = PDF.to_vec();
    bytes.resize(100_000, b'\n');
    bytes.push(nth);
    bytes
}

const SIZE: u64 = 100_001;

struct Stage {
    world: World,
    organization: Organization,
    number: SimulatedNumber,
    number_id: Uuid,
}

impl Stage {
    async fn with(limits: Limits) -> Self {
        let world = World::with(Options { simulated: true, limits, ..Options::default() }).await;
        let organization = world.organization("Café Lucero").await;
        let number = world.meta().numbers().await.remove(0);
        let number_id = world.connect_simulated(&organization, &number).await;
        Self { world, organization, number, number_id }
    }

    async fn uploads(&self, bytes: &[u8], language: &str) -> (u16, Value) {
        let form = Form::new().file("a.pdf", "application/pdf", bytes);
        self.world.post_form(&self.organization, "/media", &[("accept-language", language)], form).await
    }

    async fn queues(&self, to: &str) -> (u16, Value) {
        let later = (self.world.now() + jiff::SignedDuration::from_hours(24)).to_string();
        let template = json!({ "name": "order_ready", "language": { "code": "es" } });
        let body = json!({ "number_id": self.number_id, "to": to, "send_at": later, "type": "template", "template": template });
        self.world.post_api(&self.organization, "/messages", &body).await
    }

    async fn taken(&self, quota: &str) -> Value {
        self.world.read(&self.organization, "/me").await["quotas"][quota].clone()
    }

    async fn set(&self, quota: Quota, limit: Option<Limit>) {
        let tx = self.world.database().operator().await.expect("a transaction");
        quota::any_organization_set(&tx, &self.organization.scope, quota, limit).await.expect("it is set");
        tx.commit().await.expect("it is committed");
    }
}

/// There is room for one: of those that come at the same moment one is taken, and no bytes of the others stay.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_room_is_taken_once() {
    let stage = Stage::with(Limits { media_bytes: most(SIZE * 3 / 2), ..Limits::default() }).await;
    let all: Vec<Vec<u8>> = (0..6).map(document).collect();
    let answers = join_all(all.iter().map(|bytes| stage.uploads(bytes, "es"))).await;
    let taken: Vec<usize> = (0..6).filter(|nth| answers[*nth].0 == 201).collect();
    assert_eq!(taken.len(), 1, "{answers:?}");
    for (status, problem) in answers.iter().filter(|(status, _)| *status != 201) {
        assert_eq!((*status, &problem["type"]), (507, &json!("/docs#no-room")), "{problem}");
        let detail = problem["detail"].as_str().expect("words");
        assert!(detail.contains("wazapp org limit --media-bytes") && detail.contains("Quien administra"), "{detail}");
    }
    assert_eq!(stage.taken("media_bytes").await, json!({ "used": SIZE, "limit": SIZE * 3 / 2 }));
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.file").await, 1);
    // The same bytes again take nothing.
    assert_eq!(stage.uploads(&all[taken[0]], "en").await.0, 201);
    stage.world.end().await;
}

/// A file of a message past it is not fetched, its message is there, and with more room it comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_received_where_there_is_no_room_for_its_file() {
    let stage = Stage::with(Limits { media_bytes: most(SIZE / 2), ..Limits::default() }).await;
    let file = json!({ "data": BASE64.encode(&document(1)), "mime_type": "application/pdf", "filename": "a.pdf" });
    let sent = json!({ "type": "document", "document": file });
    let wamid = stage.world.meta().customer_sends(&stage.number, LUCIA, sent).await;
    stage.world.settle().await;
    let media = async || stage.world.message(&stage.organization, &wamid).await["media"].clone();
    stage.world.until("it is known that there is no room", async || media().await["state"] == "failed").await;
    let error = media().await["error"].clone();
    assert_eq!(error["code"], "over_quota", "{error}");
    assert!(error["advice"]["es"].as_str().is_some_and(|es| es.contains("siete días")), "{error}");
    assert_eq!(stage.taken("media_bytes").await["used"], 0);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.file").await, 0);

    let retry = format!("/media/{}/retry", media().await["id"].as_str().expect("an id"));
    assert_eq!(stage.world.post_api(&stage.organization, &retry, &json!({})).await.0, 202);
    stage.world.until("there still is none", async || media().await["state"] == "failed").await;
    stage.set(Quota::MediaBytes, Some(Limit(None))).await;
    assert_eq!(stage.world.post_api(&stage.organization, &retry, &json!({})).await.0, 202);
    stage.world.until("it is here", async || media().await["state"] == "stored").await;
    assert_eq!(stage.taken("media_bytes").await, json!({ "used": SIZE, "limit": null }));
    stage.world.end().await;
}

/// Messages that wait are counted as they come and go, also where many come at once.
#[tokio::test(flavor = "multi_thread")]
async fn so_many_messages_wait_and_no_more() {
    let stage = Stage::with(Limits { queued_messages: most(3), ..Limits::default() }).await;
    let people: Vec<String> = (0..8).map(|nth| format!("3460011120{nth}")).collect();
    let answers = join_all(people.iter().map(|to| stage.queues(to))).await;
    let queued: Vec<&Value> = answers.iter().filter(|(status, _)| *status == 202).map(|(_, message)| message).collect();
    assert_eq!(queued.len(), 3, "{answers:?}");
    let (status, problem) = stage.queues(LUCIA).await;
    assert_eq!((status, &problem["type"]), (429, &json!("/docs#over-quota")), "{problem}");
    // Nothing of what was refused is shown.
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.message").await, 3);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.conversation").await, 3);
    assert_eq!(stage.taken("queued_messages").await, json!({ "used": 3, "limit": 3 }));

    let cancelled = format!("/messages/{}", queued[0]["id"].as_str().expect("an id"));
    assert_eq!(stage.world.delete(&stage.organization, &cancelled).await.0, 200);
    assert_eq!(stage.queues(LUCIA).await.0, 202, "there is a place again");
    // Another organization has its own.
    let other = stage.world.organization("Bar Sol").await;
    assert_eq!(stage.world.read(&other, "/me").await["quotas"]["queued_messages"]["used"], 0);
    stage.world.end().await;
}

/// The Graph-compatible side says it as Meta says that a rate is reached.
#[tokio::test(flavor = "multi_thread")]
async fn programs_written_for_meta_are_told_too() {
    let limits = Limits { queued_messages: most(0), media_bytes: most(10), ..Limits::default() };
    let stage = Stage::with(limits).await;
    let ask = async |edge: &str, kind: &str, body: Vec<u8>| {
        let url = format!("{}/v26.0/{}/{edge}", stage.world.url(), stage.number.phone_number_id);
        let asked = stage.world.client().post(url).bearer_auth(&stage.organization.key).header("content-type", kind);
        let answer = asked.body(body).send().await.expect("an answer");
        let (status, text) = (answer.status().as_u16(), answer.text().await.expect("a text"));
        (status, serde_json::from_str::<Value>(&text).expect("JSON"))
    };
    let template = json!({ "name": "order_ready", "language": { "code": "es" } });
    let send = json!({ "messaging_product": "whatsapp", "to": LUCIA, "type": "template", "template": template });
    let (status, error) = ask("messages", "application/json", send.to_string().into_bytes()).await;
    assert_eq!((status, &error["error"]["code"]), (429, &json!(130429)), "{error}");
    let form = Form::new().field("messaging_product", "whatsapp").field("type", "application/pdf");
    let form = form.file("a.pdf", "application/pdf", &document(1)).end();
    let (status, error) = ask("media", Form::CONTENT_TYPE, form).await;
    assert_eq!((status, &error["error"]["code"]), (507, &json!(131053)), "{error}");
    stage.world.end().await;
}

/// What is counted by the day is free again on the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_day_begins_with_nothing_taken() {
    let limits = Limits { uploads_a_day: most(2), connections_a_day: most(1), ..Limits::default() };
    let stage = Stage::with(limits).await;
    let begins = async || {
        let body = json!({ "session": { "event": "FINISH", "waba_id": "102290129340398", "phone_number_id": "106540352242922" } });
        let asked = stage.world.request(reqwest::Method::POST, &stage.organization, "/connections");
        asked.header("content-type", "application/json").body(body.to_string()).send().await.expect("an answer")
    };
    let first = begins().await;
    assert_eq!(first.status(), 202, "{}", first.text().await.expect("a text"));
    let second = begins().await;
    assert_eq!(second.status(), 429);
    let wait: u64 = second.headers()[RETRY_AFTER].to_str().expect("ASCII").parse().expect("seconds");
    assert!((1..=86_400).contains(&wait), "{wait}");
    for status in [201, 201, 429] {
        assert_eq!(stage.uploads(&document(1), "en").await.0, status);
    }
    assert_eq!(stage.taken("uploads_a_day").await, json!({ "used": 2, "limit": 2 }), "what was refused does not count");
    stage.world.advance(Duration::from_secs(86_400)).await;
    assert_eq!(stage.taken("uploads_a_day").await["used"], 0);
    assert_eq!(stage.uploads(&document(1), "en").await.0, 201);
    assert_eq!(begins().await.status(), 202);
    stage.world.end().await;
}

/// What waits in quarantine for too long goes, and what is younger stays.
#[tokio::test(flavor = "multi_thread")]
async fn quarantine_has_an_end() {
    let world = World::new().await;
    world.take(&e2e::body::text("106540352242922", LUCIA, "wamid.old", world.now().as_second(), "hola")).await;
    world.drain().await;
    assert_eq!(world.quarantine().await.len(), 1);
    world.advance(Duration::from_secs(20 * 86_400)).await;
    world.take(&e2e::body::text("106540352242922", LUCIA, "wamid.new", world.now().as_second(), "hola")).await;
    world.drain().await;
    world.advance(Duration::from_secs(11 * 86_400)).await;
    let gone = worker::upkeep::clear_quarantine(world.database(), world.now(), 30).await.expect("it runs");
    assert_eq!(gone, 1);
    assert_eq!(world.quarantine().await.len(), 1, "the younger one waits");
    world.end().await;
}

/// An operator sees who comes near a limit, and moves it.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sets_limits() {
    let installation = Installation::new().setting("WAZAPP_QUOTA_UPLOADS_A_DAY", "none");
    installation.json(&["org", "create", "Acme"]).await;
    let shown = installation.json(&["org", "limit", "--org", "acme"]).await;
    assert_eq!(shown["media_bytes"], json!({ "used": 0, "limit": 21_474_836_480_u64 }));
    assert_eq!(shown["uploads_a_day"], json!({ "used": 0, "limit": null }));
    let set = ["org", "limit", "--org", "acme", "--media-bytes", "0", "--queued-messages", "none"];
    let shown = installation.json(&set).await;
    assert_eq!((&shown["media_bytes"]["limit"], &shown["queued_messages"]["limit"]), (&json!(0), &json!(null)));
    let output = installation.run(&["--json", "doctor"]).await;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("wazapp org limit --org acme --media-bytes NUMBER"), "{told}");
    let shown = installation.json(&["org", "limit", "--org", "acme", "--media-bytes", "default"]).await;
    assert_eq!(shown["media_bytes"]["limit"], 21_474_836_480_u64);
    let wrong = installation.run(&["org", "limit", "--org", "acme", "--media-bytes", "-5"]).await;
    assert_eq!(wrong.status.code(), Some(2));
}
