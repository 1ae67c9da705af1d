//! People: who may do what, and what a session opens.

mod audit;
mod mail;
mod pages;
mod sight;

use std::time::Duration;

use e2e::{Organization, Person, World};
use model::act::{Act, KeyScope, Role};
use model::api_key::NewKey;
use reqwest::Method;
use serde_json::{Value, json};

async fn acme(world: &World) -> Organization {
    let acme = world.organization("Acme").await;
    world.connect(&acme, "106540352242922", "102290129340398", None).await;
    acme
}

/// Every operation of the API's document with the act that it is.
async fn operations(world: &World) -> Vec<(Method, String, Act)> {
    let document = world.client().get(format!("{}/api/v1/openapi.json", world.url())).send().await.expect("an answer");
    let document: Value = serde_json::from_str(&document.text().await.expect("a body")).expect("JSON");
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods").iter().filter(|(_, row)| row.is_object()) {
            if operation["x-act"] == "server" {
                continue;
            }
            let act = operation["x-act"].as_str().and_then(Act::of);
            let act = act.unwrap_or_else(|| panic!("{method} {path} names no act: {operation}"));
            let path = path.trim_start_matches("/api/v1").replace("{id}", "019a0b1c-0000-7000-8000-000000000001");
            all.push((method.to_uppercase().parse().expect("a method"), path, act));
        }
    }
    all
}

/// Each role, and each kind of key, at each route of the document: who may not is told 403, who may gets another answer.
#[tokio::test(flavor = "multi_thread")]
async fn each_role_and_key_may_what_the_table_says() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let operations = operations(&world).await;
    assert!(operations.len() > 45, "{}", operations.len());
    for role in Role::ALL {
        let person = world.member(&acme, role).await;
        for (method, path, act) in operations.iter().filter(|(_, path, _)| !path.ends_with("/stream")) {
            let (status, answer) = world.as_person(method.clone(), &person, path, None).await;
            assert_eq!(status != 403, role.may(*act), "{role:?} {method} {path} ({act:?}): {status} {answer}");
            assert!(status < 500 || status == 503, "{method} {path}: {answer}");
        }
    }
    for scope in KeyScope::ALL {
        let key = world.key(&acme.scope, &NewKey { scopes: &[scope], ..NewKey::whole("one") }).await;
        let holder = Organization { key, ..acme.clone() };
        for (method, path, act) in operations.iter().filter(|(_, path, _)| !path.ends_with("/stream")) {
            let (status, answer) = world.call_with(method.clone(), &holder, path, &[], None).await;
            assert_eq!(
                status != 403,
                act.scope() == Some(scope),
                "{scope:?} {method} {path} ({act:?}): {status} {answer}"
            );
        }
    }
    world.end().await;
}

/// A session opens the organization where its person is at work, until it ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_opens_its_own_organization_and_ends() {
    let world = World::new().await;
    let (acme, other) = (acme(&world).await, world.organization("Other").await);
    let (marta, luis) = (world.member(&acme, Role::Agent).await, world.member(&other, Role::Owner).await);
    assert_eq!(me(&world, &marta).await["organization"]["slug"], "acme");
    assert_eq!(me(&world, &luis).await["organization"]["slug"], "other");
    for odd in [
        String::new(),
        "wazapp=".into(),
        "wazapp=abc".into(),
        format!("{}A", marta.cookie),
        format!("{}; {}", marta.cookie, luis.cookie),
    ] {
        let nobody = Person { cookie: odd.clone(), ..marta.clone() };
        assert_eq!(world.as_person(Method::GET, &nobody, "/me", None).await.0, 401, "{odd}");
    }
    world.advance(Duration::from_secs(6 * 24 * 3600)).await;
    assert_eq!(me(&world, &marta).await["organization"]["slug"], "acme", "it is used once a week");
    world.advance(Duration::from_secs(8 * 24 * 3600)).await;
    assert_eq!(world.as_person(Method::GET, &marta, "/me", None).await.0, 401, "it was not used for a week");
    world.end().await;
}

/// Whoever works here no more sees nothing from the next request on, and what was theirs is nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_let_go_sees_nothing() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let marta = world.member(&acme, Role::Agent).await;
    assert_eq!(me(&world, &marta).await["organization"]["slug"], "acme");
    let tx = world.database().tenant(&acme.scope).await.unwrap();
    model::membership::remove(&tx, world.now(), marta.user_id).await.unwrap();
    tx.commit().await.unwrap();
    let (status, answer) = world.as_person(Method::GET, &marta, "/me", None).await;
    assert_eq!(status, 403, "{answer}");
    world.end().await;
}

/// A page of another site cannot use what the browser holds.
#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_does_nothing() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let owner = world.member(&acme, Role::Owner).await;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "null"),
    ] {
        let request = world
            .client()
            .put(format!("{}/api/v1/prices", world.url()))
            .header("cookie", &owner.cookie)
            .header(name, value)
            .header("content-type", "application/json")
            .body(json!({ "currency": "USD", "prices": [] }).to_string());
        assert_eq!(request.send().await.unwrap().status(), 403, "{name}: {value}");
    }
    world.end().await;
}

async fn me(world: &World, person: &Person) -> Value {
    let (status, answer) = world.as_person(Method::GET, person, "/me", None).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// Whoever runs the server sees names and health; contents only by an entry that the organization can read of, for an hour.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_in_only_by_an_entry_that_is_seen() {
    let world = World::new().await;
    let (acme, other) = (acme(&world).await, world.organization("Other").await);
    let (owner, operator) = (world.member(&acme, Role::Owner).await, world.member(&other, Role::Viewer).await);
    world.receive(&e2e::body::text("106540352242922", "34600111222", "wamid.1", 1_795_000_000, "un secreto")).await;
    for (method, path) in [
        (Method::GET, "/organizations".to_owned()),
        (Method::POST, "/organizations".to_owned()),
        (Method::PATCH, format!("/organizations/{}", acme.id)),
        (Method::POST, format!("/organizations/{}/entry", acme.id)),
    ] {
        assert_eq!(world.as_person(method.clone(), &owner, &path, None).await.0, 403, "{method} {path}");
        assert_eq!(world.call_with(method.clone(), &acme, &path, &[], None).await.0, 401, "{method} {path} by a key");
    }
    let sql = world.sql().await;
    sql.execute("UPDATE wazapp.\"user\" SET is_operator = true WHERE id = $1", &[&operator.user_id]).await.unwrap();
    drop(sql);
    let (status, all) = world.as_person(Method::GET, &operator, "/organizations", None).await;
    assert_eq!(status, 200, "{all}");
    let row = all["data"].as_array().unwrap().iter().find(|row| row["slug"] == "acme").expect("acme");
    assert_eq!(
        (&row["members"], &row["conversations"], &row["numbers"][0]["status"]),
        (&json!(1), &json!(1), &json!("connected"))
    );
    assert!(!all.to_string().contains("secreto"));
    let conversations = async || world.as_person(Method::GET, &operator, "/conversations", None).await.1.to_string();
    assert!(!conversations().await.contains("secreto"));
    let entry = format!("/organizations/{}/entry", acme.id);
    assert_eq!(world.as_person(Method::POST, &operator, &entry, Some(&json!({ "reason": " " }))).await.0, 422);
    let (status, answer) =
        world.as_person(Method::POST, &operator, &entry, Some(&json!({ "reason": "Ana asked" }))).await;
    assert_eq!(status, 200, "{answer}");
    assert!(conversations().await.contains("secreto"));
    assert_eq!(
        world.as_person(Method::POST, &operator, "/messages", Some(&json!({}))).await.0,
        403,
        "to look, not to speak"
    );
    // Who looks in works nowhere there: nobody makes them an owner, and nothing is theirs.
    let members = world.as_person(Method::GET, &owner, "/members", None).await.1;
    assert_eq!(members["data"].as_array().unwrap().len(), 1, "{members}");
    let member = format!("/members/{}", operator.user_id);
    assert_eq!(world.as_person(Method::PATCH, &owner, &member, Some(&json!({ "role": "owner" }))).await.0, 404);
    let conversation = format!("/conversations/{}", world.conversation(&acme).await["id"].as_str().unwrap());
    let hand_over = json!({ "assignee_id": operator.user_id });
    assert_eq!(world.as_person(Method::PATCH, &owner, &conversation, Some(&hand_over)).await.0, 422);
    let told = "SELECT count(*) FROM wazapp.audit a JOIN wazapp.organization o ON o.id = a.organization_id
                WHERE o.slug = 'acme' AND a.act = 'organization.manage/entry' AND a.after ->> 'reason' = 'Ana asked'";
    assert_eq!(world.count(told).await, 1);
    world.advance(Duration::from_secs(3601)).await;
    assert!(!conversations().await.contains("secreto"), "the hour is over");
    world.end().await;
}

/// Nobody works in a suspended organization; what comes from Meta is there when it is resumed.
#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_organization_is_closed_and_loses_nothing() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let owner = world.member(&acme, Role::Owner).await;
    let suspend = async |suspended| {
        let tx = world.database().operator().await.unwrap();
        let changed = model::organization::suspend(&tx, world.now(), &acme.scope, suspended).await.unwrap();
        tx.commit().await.unwrap();
        changed.is_some()
    };
    assert!(suspend(true).await && !suspend(true).await);
    let operator = world.member(&world.organization("Other").await, Role::Viewer).await;
    let sql = world.sql().await;
    sql.execute("UPDATE wazapp.\"user\" SET is_operator = true WHERE id = $1", &[&operator.user_id]).await.unwrap();
    drop(sql);
    let (entry, reason) = (format!("/organizations/{}/entry", acme.id), json!({ "reason": "Ana asked" }));
    assert_eq!(world.as_person(Method::POST, &operator, &entry, Some(&reason)).await.0, 409, "nobody sees into it");
    assert_eq!(world.get(&acme, "/me").await.0, 401);
    assert_eq!(world.as_person(Method::GET, &owner, "/me", None).await.0, 403);
    world.receive(&e2e::body::text("106540352242922", "34600111222", "wamid.1", 1_795_000_000, "¿Hola?")).await;
    assert!(suspend(false).await);
    assert_eq!(world.conversation(&acme).await["last_message"]["preview"], "¿Hola?");
    assert_eq!(me(&world, &owner).await["organization"]["slug"], "acme");
    world.end().await;
}
