//! What somebody is limited to see is all that any answer shows them.

use std::collections::BTreeSet;
use std::time::Duration;

use data_encoding::BASE64;
use e2e::{Organization, Person, World, body};
use model::act::Role;
use model::api_key::NewKey;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::operations;

const NUMBERS: [(&str, &str); 2] = [("106540352242922", "102290129340398"), ("10650000000002", "20650000000002")];

/// Four customers: one is somebody's, one their team's, one nobody's, and one is theirs on the other number.
const CUSTOMERS: [(&str, usize); 4] = [("34600111221", 0), ("34600111222", 0), ("34600111223", 0), ("34600111224", 1)];

/// A word that only this customer wrote.
fn canary(nth: usize) -> String {
    format!("Canary{nth}{nth}{nth}")
}

struct Stage {
    world: World,
    acme: Organization,
    owner: Person,
    marta: Person,
    numbers: [Uuid; 2],
    conversations: [String; 4],
}

impl Stage {
    async fn new() -> Self {
        let world = World::new().await;
        let acme = world.organization("Acme").await;
        let mut numbers = [Uuid::nil(); 2];
        for (nth, (number, account)) in NUMBERS.into_iter().enumerate() {
            numbers[nth] = world.connect(&acme, number, account, None).await;
        }
        for (nth, (from, number)) in CUSTOMERS.into_iter().enumerate() {
            let at = 1_795_000_000 + i64::try_from(nth).unwrap();
            let text = body::text(NUMBERS[number].0, from, &format!("wamid.{nth}"), at, &canary(nth));
            world.receive(&text).await;
        }
        world.drain().await;
        let mut conversations = [const { String::new() }; 4];
        for row in world.conversations(&acme).await {
            let nth = CUSTOMERS.iter().position(|(from, _)| row["contact"]["wa_id"] == *from).expect("a customer");
            conversations[nth] = row["id"].as_str().unwrap().to_owned();
        }
        let (owner, marta) = (world.member(&acme, Role::Owner).await, world.member(&acme, Role::Agent).await);
        let stage = Self { world, acme, owner, marta, numbers, conversations };
        let team = stage.done(Method::POST, "/teams", json!({ "name": "Sales", "member_ids": [stage.marta.user_id] }));
        let team = team.await["id"].clone();
        stage.hand(0, json!({ "assignee_id": stage.marta.user_id })).await;
        stage.hand(1, json!({ "team_id": team })).await;
        stage.hand(3, json!({ "assignee_id": stage.marta.user_id })).await;
        stage
    }

    /// What the owner does, who may.
    async fn done(&self, method: Method, path: &str, said: Value) -> Value {
        let (status, answer) = self.world.as_person(method, &self.owner, path, Some(&said)).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    async fn hand(&self, nth: usize, change: Value) {
        self.done(Method::PATCH, &format!("/conversations/{}", self.conversations[nth]), change).await;
    }

    async fn limit(&self, sees: &str, numbers: Option<&[Uuid]>) {
        let change = json!({ "sees": sees, "number_ids": numbers });
        self.done(Method::PATCH, &format!("/members/{}", self.marta.user_id), change).await;
    }

    async fn asked(&self, path: &str) -> (u16, String) {
        let url = format!("{}/api/v1{path}", self.world.url());
        let answer = self.world.client().get(url).header("cookie", &self.marta.cookie).send().await.expect("an answer");
        (answer.status().as_u16(), String::from_utf8_lossy(&answer.bytes().await.expect("a body")).into_owned())
    }

    /// Which conversations a list shows.
    async fn listed(&self, query: &str) -> BTreeSet<usize> {
        let (status, answer) =
            self.world.as_person(Method::GET, &self.marta, &format!("/conversations{query}"), None).await;
        assert_eq!(status, 200, "{answer}");
        let rows = answer["data"].as_array().unwrap().iter();
        rows.map(|row| self.conversations.iter().position(|id| row["id"] == *id).unwrap()).collect()
    }

    /// The stream from the beginning of the log to its end.
    async fn told(&self) -> String {
        let url = format!("{}/api/v1/events/stream?after=0", self.world.url());
        let sent = self.world.client().get(url).header("cookie", &self.marta.cookie).send().await;
        let (mut response, mut text) = (sent.expect("an answer"), String::new());
        while !text.contains("event: heartbeat") {
            let next = tokio::time::timeout(Duration::from_secs(30), response.chunk()).await.expect("in time");
            text.push_str(&String::from_utf8_lossy(&next.expect("it goes on").expect("it is not over")));
        }
        text
    }

    /// Every id that an answer to the key, which sees everything, names.
    async fn ids(&self) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for path in ["/conversations", "/contacts", "/events", "/numbers"] {
            for row in self.world.all(&self.acme, path).await {
                ids.extend(words(&row).into_iter().filter(|word| word.parse::<Uuid>().is_ok()));
            }
        }
        ids
    }

    /// Asks for everything that there is to be read, and looks for what is not for them.
    async fn check(&self, seen: &[usize], what: &str) {
        let seen: BTreeSet<usize> = seen.iter().copied().collect();
        assert_eq!(self.listed("").await, seen, "{what}: list");
        assert_eq!(self.listed("?unread=true").await, seen, "{what}: unread");
        assert_eq!(self.listed("?q=34600111").await, seen, "{what}: search");
        for (nth, (from, _)) in CUSTOMERS.iter().enumerate() {
            let found = self.listed(&format!("?q={from}")).await;
            assert_eq!(found.contains(&nth), seen.contains(&nth), "{what}: search of {from}");
        }
        let mut answers = vec![("stream".to_owned(), self.told().await)];
        let ids = self.ids().await;
        let reads = operations(&self.world).await.into_iter();
        for (_, path, _) in reads.filter(|(method, path, _)| *method == Method::GET && !path.ends_with("/stream")) {
            if path.contains(ANY_ID) {
                for id in &ids {
                    let path = path.replace(ANY_ID, id);
                    answers.push((path.clone(), self.asked(&path).await.1));
                }
            } else {
                answers.push((path.clone(), self.asked(&path).await.1));
            }
        }
        for (nth, customer) in CUSTOMERS.iter().enumerate() {
            let told = answers.iter().filter(|(_, answer)| answer.contains(&canary(nth)));
            let told: Vec<&str> = told.map(|(path, _)| path.as_str()).collect();
            if seen.contains(&nth) {
                assert!(told.len() > 3 && told.contains(&"stream"), "{what}: {nth} is told by {told:?} alone");
            } else {
                assert_eq!(told, [""; 0], "{what}: {nth}");
                let names = [customer.0, self.conversations[nth].as_str()];
                for (path, answer) in answers.iter().filter(|(path, _)| !path.contains(names[1])) {
                    assert!(names.iter().all(|name| !answer.contains(name)), "{what}: {path} names {nth}: {answer}");
                }
            }
        }
    }
}

/// What [`operations`] puts in the place of an id.
const ANY_ID: &str = "019a0b1c-0000-7000-8000-000000000001";

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().flat_map(words).collect(),
        Value::Object(all) => all.values().flat_map(words).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_shows_its_own_and_nothing_of_others() {
    let stage = Stage::new().await;
    let first = [stage.numbers[0]];
    for (sees, numbers, seen) in [
        ("all", None, &[0, 1, 2, 3][..]),
        ("teams", None, &[0, 1, 3]),
        ("own", None, &[0, 3]),
        ("all", Some(&first[..]), &[0, 1, 2]),
        ("teams", Some(&first), &[0, 1]),
        ("own", Some(&first), &[0]),
        ("own", Some(&[]), &[]),
    ] {
        stage.limit(sees, numbers).await;
        stage.check(seen, &format!("{sees} {numbers:?}")).await;
    }
    stage.world.end().await;
}

/// What is handed on is there, or gone, with the next request; and who hands it on is told how it is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_on_is_seen_by_whom_it_is_handed_to() {
    let stage = Stage::new().await;
    stage.limit("own", None).await;
    stage.hand(2, json!({ "assignee_id": stage.marta.user_id })).await;
    assert_eq!(stage.listed("").await, BTreeSet::from([0, 2, 3]));
    let path = format!("/conversations/{}", stage.conversations[2]);
    let away = json!({ "assignee_id": stage.owner.user_id });
    let (status, answer) = stage.world.as_person(Method::PATCH, &stage.marta, &path, Some(&away)).await;
    assert_eq!((status, &answer["assignee_id"]), (200, &json!(stage.owner.user_id)), "{answer}");
    assert_eq!(stage.listed("").await, BTreeSet::from([0, 3]));
    let (status, _) = stage.world.as_person(Method::PATCH, &stage.marta, &path, Some(&away)).await;
    assert_eq!(status, 404, "what is not seen is not changed");
    let log = stage.world.events(&stage.acme, "conversation.updated").await;
    assert_eq!(log.last().unwrap()["data"]["assignee_id"], json!(stage.owner.user_id), "it is told");
    for wrong in [json!({ "assignee_id": Uuid::now_v7() }), json!({ "team_id": Uuid::now_v7() })] {
        let path = format!("/conversations/{}", stage.conversations[0]);
        let (status, answer) = stage.world.as_person(Method::PATCH, &stage.owner, &path, Some(&wrong)).await;
        assert_eq!(status, 422, "{wrong}: {answer}");
    }
    stage.world.end().await;
}

/// Who is limited begins conversations that are theirs, and none that is another's.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_begins_is_theirs() {
    let stage = Stage::new().await;
    stage.limit("own", None).await;
    let template = json!({ "name": "hello", "language": { "code": "es" } });
    let to = |to: &str| json!({ "number_id": stage.numbers[0], "to": to, "type": "template", "template": template });
    let (status, sent) = stage.world.as_person(Method::POST, &stage.marta, "/messages", Some(&to("34600999888"))).await;
    assert_eq!(status, 202, "{sent}");
    let path = format!("/conversations/{}", sent["conversation_id"].as_str().unwrap());
    assert_eq!(stage.world.read(&stage.acme, &path).await["assignee_id"], json!(stage.marta.user_id));
    let (status, answer) =
        stage.world.as_person(Method::POST, &stage.marta, "/messages", Some(&to(CUSTOMERS[2].0))).await;
    assert_eq!(status, 404, "it is somebody else's: {answer}");
    stage.world.end().await;
}

/// A key that is limited to numbers sees those alone; nobody who is limited lifts limits.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_limited_to_its_numbers() {
    let stage = Stage::new().await;
    let numbers = [stage.numbers[1]];
    let new = NewKey { number_ids: Some(&numbers), ..NewKey::whole("second") };
    let key = Organization { key: stage.world.key(&stage.acme.scope, &new).await, ..stage.acme.clone() };
    let seen: Vec<Value> = stage.world.conversations(&key).await;
    assert_eq!(seen.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), [json!(stage.conversations[3])]);
    assert_eq!(stage.world.all(&key, "/numbers").await.len(), 1);
    assert_eq!(stage.world.get(&key, "/me").await.1["number_ids"], json!(numbers));
    for path in ["/costs", "/audit"] {
        assert_eq!(stage.world.get(&key, path).await.0, 403, "{path}");
    }
    let team = json!({ "name": "Mine", "member_ids": [] });
    assert_eq!(stage.world.post_api(&key, "/teams", &team).await.0, 403);
    stage.world.end().await;
}

/// Everything that changes rights is written down with who did it, and nothing of a secret.
#[tokio::test(flavor = "multi_thread")]
async fn what_changes_rights_is_written_down() {
    let stage = Stage::new().await;
    stage.limit("teams", None).await;
    let invited = stage.done(Method::POST, "/invitations", json!({ "role": "viewer" })).await;
    let made = stage.done(Method::POST, "/keys", json!({ "name": "CRM", "scopes": ["read"] })).await;
    let path = format!("/keys/{}", made["id"].as_str().unwrap());
    stage.done(Method::DELETE, &path, json!({})).await;
    let (status, told) = stage.world.as_person(Method::GET, &stage.owner, "/audit", None).await;
    assert_eq!(status, 200, "{told}");
    let rows = told["data"].as_array().unwrap();
    let acts: Vec<&str> = rows.iter().map(|row| row["act"].as_str().unwrap()).collect();
    let expected = [
        "keys.manage/revoke",
        "keys.manage/create",
        "members.manage/invite",
        "members.manage/change",
        "teams.manage/create",
    ];
    assert_eq!(acts, expected);
    assert!(rows.iter().all(|row| row["actor"]["id"] == json!(stage.owner.user_id)), "{told}");
    for secret in [invited["link"].as_str().unwrap().rsplit('/').next().unwrap(), made["key"].as_str().unwrap()] {
        assert!(!told.to_string().contains(secret));
    }
    stage.world.end().await;
}

/// A file is seen by whoever sees the message that shows it, and in no other way.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_seen_with_its_message() {
    let world = World::simulated().await;
    let acme = world.organization("Acme").await;
    let number = world.meta().numbers().await.remove(0);
    world.connect_simulated(&acme, &number).await;
    let marta = world.member(&acme, Role::Agent).await;
    let owner = world.member(&acme, Role::Owner).await;
    let mut files = Vec::new();
    for (nth, (from, _)) in CUSTOMERS[..2].iter().enumerate() {
        let data = BASE64.encode(canary(nth).as_bytes());
        let file = json!({ "data": data, "mime_type": "text/plain", "filename": "nota.txt" });
        let said = json!({ "type": "document", "document": file });
        let wamid = world.meta().customer_sends(&number, from, said).await;
        world.settle().await;
        let is_here = async || world.message(&acme, &wamid).await["media"]["state"] == "stored";
        world.until("the file is here", is_here).await;
        let message = world.message(&acme, &wamid).await;
        files.push((message["media"]["id"].as_str().unwrap().to_owned(), message["conversation_id"].clone()));
    }
    let paths: Vec<String> = operations(&world)
        .await
        .into_iter()
        .filter(|(method, path, _)| *method == Method::GET && path.starts_with("/media/"))
        .map(|(_, path, _)| path)
        .collect();
    assert!(paths.len() >= 3, "{paths:?}");
    let asked = async |path: &str| {
        let url = format!("{}/api/v1{path}", world.url());
        let answer = world.client().get(url).header("cookie", &marta.cookie).send().await.expect("an answer");
        (answer.status().as_u16(), String::from_utf8_lossy(&answer.bytes().await.expect("a body")).into_owned())
    };
    let path = format!("/conversations/{}", files[0].1.as_str().unwrap());
    let hers = json!({ "assignee_id": marta.user_id });
    assert_eq!(world.as_person(Method::PATCH, &owner, &path, Some(&hers)).await.0, 200);
    let member = format!("/members/{}", marta.user_id);
    for (limits, seen) in [
        (json!({ "sees": "all", "number_ids": null }), &[0, 1][..]),
        (json!({ "sees": "teams", "number_ids": null }), &[0]),
        (json!({ "sees": "own", "number_ids": null }), &[0]),
        (json!({ "sees": "all", "number_ids": [] }), &[]),
    ] {
        assert_eq!(world.as_person(Method::PATCH, &owner, &member, Some(&limits)).await.0, 200);
        for (nth, (id, _)) in files.iter().enumerate() {
            let answers: Vec<(u16, String)> = futures::future::join_all(
                paths.iter().map(|path| path.replace(ANY_ID, id)).map(async |path| asked(&path).await),
            )
            .await;
            let tells = answers.iter().any(|(status, body)| *status == 200 && *body == canary(nth));
            assert_eq!(tells, seen.contains(&nth), "{limits}: {answers:?}");
            if !seen.contains(&nth) {
                assert!(answers.iter().all(|(status, _)| *status == 404), "{limits}: {answers:?}");
            }
        }
    }
    world.end().await;
}
