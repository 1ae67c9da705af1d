//! Two organizations to whom the same happened: the same people wrote the same, under the same ids of Meta's.

use std::collections::BTreeSet;

use e2e::{Organization, Person, World, body};
use model::act::Role;
use model::file;
use serde_json::{Value, json};
use uuid::Uuid;

/// Stands in everything that is one's own.
pub(super) const MARKS: [&str; 2] = ["Almendra", "Bergamota"];

/// The same people wrote to both.
pub(super) const PEOPLE: [&str; 3] = ["34600111222", "5491155512345", "5215512345678"];

/// Both, of whom each has the mark and number of its place.
pub(super) struct Twins {
    pub(super) world: World,
    pub(super) organizations: [Organization; 2],
    pub(super) numbers: [Uuid; 2],
    /// Who is signed in at each.
    pub(super) owners: Vec<Person>,
}

/// Meta's id of the number of the first or the second.
pub(super) fn phone_number_id(nth: usize) -> &'static str {
    ["10650000000001", "10650000000002"][nth]
}

/// Everything Meta says to a number, with a mark in every text.
fn bodies(nth: usize) -> Vec<Value> {
    let (number, mark) = (phone_number_id(nth), MARKS[nth]);
    let mut all = Vec::new();
    for (person, from) in PEOPLE.into_iter().enumerate() {
        let wamid = |what: &str| format!("wamid.{person}.{what}");
        let messages = json!([
            body::text_message(from, &wamid("text"), 1_795_000_000, &format!("{mark} text")),
            { "from": from, "id": wamid("image"), "timestamp": "1795000001", "type": "image", "image": {
                "id": "77", "mime_type": "image/jpeg", "sha256": "aGFzaA==", "caption": format!("{mark} caption") } },
            { "from": from, "id": wamid("document"), "timestamp": "1795000002", "type": "document", "document": {
                "id": "78", "mime_type": "application/pdf", "sha256": "aGFzaA==", "filename": format!("{mark}.pdf") } },
            { "from": from, "id": wamid("reaction"), "timestamp": "1795000003", "type": "reaction", "reaction": {
                "message_id": wamid("text"), "emoji": "👍" } },
            { "from": from, "id": wamid("new"), "timestamp": "1795000004", "type": "teleport", "teleport": { "to": mark } },
        ]);
        let contacts = json!([body::contact(from, &format!("{mark} {person}"))]);
        all.push(body::value(number, &json!({ "contacts": contacts, "messages": messages })));
        let echo = wamid("echo");
        // The status comes before its message, and waits.
        all.push(body::status(number, &echo, "delivered", 1_795_000_006, from));
        all.push(body::echo(number, from, &echo, 1_795_000_005, &format!("{mark} answer")));
        let mut sent = body::status_of(&echo, "sent", 1_795_000_005, from);
        sent["pricing"] = json!({ "billable": true, "type": "regular", "category": "marketing" });
        all.push(body::value(number, &json!({ "statuses": [sent] })));
        all.push(body::status(number, &format!("{echo}.unknown"), "read", 1_795_000_007, from));
    }
    let account = ["20650000000001", "20650000000002"][nth];
    all.push(body::account(
        account,
        "message_template_status_update",
        &json!({ "event": "REJECTED", "message_template_id": "5", "message_template_name": format!("{mark}_template"),
                 "message_template_language": "es", "reason": "PROMOTIONAL" }),
    ));
    all.push(body::account(account, "a_field_of_tomorrow", &json!({ "says": mark })));
    all
}

impl Twins {
    /// Connects both, and lets everything happen to both, twice.
    pub(super) async fn new() -> Self {
        let world = World::new().await;
        let organizations = [world.organization(MARKS[0]).await, world.organization(MARKS[1]).await];
        let mut numbers = [Uuid::nil(); 2];
        for (nth, organization) in organizations.iter().enumerate() {
            let account = ["20650000000001", "20650000000002"][nth];
            // Twice, so that there is a claim that ended.
            world.connect(organization, phone_number_id(nth), account, None).await;
            world.disconnect(organization, phone_number_id(nth)).await;
            numbers[nth] = world.connect(organization, phone_number_id(nth), account, None).await;
        }
        let (first, second) = (bodies(0), bodies(1));
        for _ in 0..2 {
            for pair in first.iter().zip(&second) {
                world.take(pair.0).await;
                world.take(pair.1).await;
            }
        }
        world.drain().await;
        let tx = world.database().operator().await.expect("a transaction");
        model::retention::any_organization_mark(&tx, world.now()).await.expect("how far the logs are is noted");
        tx.commit().await.expect("it is committed");
        let mut twins = Self { world, organizations, numbers, owners: Vec::new() };
        for (nth, mark) in MARKS.into_iter().enumerate() {
            let conversation = &twins.list(nth, "/conversations").await[0];
            let path = format!("/conversations/{}", id(conversation));
            let owner = twins.world.member(&twins.organizations[nth], Role::Owner).await;
            let assign = json!({ "assignee_id": owner.user_id });
            twins.owners.push(owner);
            let changed = twins.world.patch(&twins.organizations[nth], &path, &assign).await;
            assert_eq!(changed.0, 200, "{changed:?}");
            let session = json!({ "session": { "event": "FINISH", "waba_id": format!("3065000000000{nth}") } });
            let begun = twins.world.post_api(&twins.organizations[nth], "/connections", &session).await;
            assert_eq!(begun.0, 202, "{begun:?}");
            let path = format!("/contacts/{}", conversation["contact"]["id"].as_str().unwrap());
            let amount = ["0.0618", "0.0619"][nth];
            let prices = json!({ "currency": "USD", "data": [
                { "category": "marketing", "from": "2026-01", "amount": amount },
            ] });
            let changed = twins.world.put_api(&twins.organizations[nth], "/prices", &prices).await;
            assert_eq!(changed.0, 200, "{changed:?}");
            let note = json!({ "notes": format!("{mark} notes") });
            let changed = twins.world.patch(&twins.organizations[nth], &path, &note).await;
            assert_eq!(changed.0, 200, "{changed:?}");
            twins.store_a_file(nth, mark).await;
            twins.tell_a_program(nth, mark).await;
        }
        twins
    }

    /// A program of each hears nothing, for nobody is there, and is called no more.
    async fn tell_a_program(&self, nth: usize, mark: &str) {
        let (world, organization) = (&self.world, &self.organizations[nth]);
        let wanted =
            json!({ "url": format!("http://127.0.0.1:9/{mark}"), "format": "wazapp", "kinds": ["history.progress"] });
        let (status, made) = world.post_api(organization, "/endpoints", &wanted).await;
        assert_eq!(status, 201, "{made}");
        let path = format!("/endpoints/{}", id(&made));
        let (status, told) = world.post_api(organization, &format!("{path}/test"), &json!({})).await;
        assert_eq!(status, 202, "{told}");
        let delivery = format!("/deliveries/{}", id(&told));
        let tried = async || {
            let one = world.read(organization, &delivery).await;
            one["state"] == "waiting" && one["tries"] != 0
        };
        world.until("it was called in vain", tried).await;
        let (status, off) = world.patch(organization, &path, &json!({ "state": "off" })).await;
        assert_eq!(status, 200, "{off}");
    }

    /// One of its documents is here, with what stands in for a thumbnail. Both are JSON, which the tests read.
    async fn store_a_file(&self, nth: usize, mark: &str) {
        let organization = &self.organizations[nth];
        let (database, now) = (self.world.database(), self.world.now());
        let mut kept = Vec::new();
        for what in ["pages", "small"] {
            let mut writing = self.world.store().writer(organization.id);
            writing.push(json!({ what: mark }).to_string().into()).await.expect("room");
            kept.push(file::keep(database, &organization.scope, writing, now).await.expect("it is kept").sha256);
        }
        let sql = self.world.sql().await;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&organization.id, &kept[0], &kept[1]];
        let small = "UPDATE wazapp.file SET thumbnail = $3 WHERE organization_id = $1 AND sha256 = $2";
        sql.execute(small, &params).await.expect("it has a thumbnail");
        let stored = "UPDATE wazapp.media SET state = 'stored', file = $2, fence = fence + 1
                      WHERE organization_id = $1 AND filename IS NOT NULL";
        assert!(sql.execute(stored, &params[..2]).await.expect("they are stored") > 0);
    }

    pub(super) async fn list(&self, nth: usize, path: &str) -> Vec<Value> {
        self.world.all(&self.organizations[nth], path).await
    }
}

pub(super) fn id(row: &Value) -> &str {
    row["id"].as_str().expect("an id")
}

/// Every UUID that stands somewhere in an answer.
pub(super) fn uuids(answer: &Value) -> BTreeSet<Uuid> {
    match answer {
        Value::String(text) => text.parse().into_iter().collect(),
        Value::Array(all) => all.iter().flat_map(uuids).collect(),
        Value::Object(all) => all.values().flat_map(uuids).collect(),
        _ => BTreeSet::new(),
    }
}
