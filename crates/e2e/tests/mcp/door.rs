//! Who gets in at `/mcp`: holders of a key, from programs. No session of a browser, no page of another site.

use e2e::{Options, World};
use model::act::{KeyScope, Role};
use model::api_key::NewKey;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ask, post};

fn list() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_opens_nothing_hears_the_apis_words() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    let revoked = world.key(&acme.scope, &NewKey::whole("revoked")).await;
    world
        .sql()
        .await
        .execute("UPDATE wazapp.api_key SET revoked_at = created_at WHERE name = 'revoked'", &[])
        .await
        .unwrap();
    let sender = world.key(&acme.scope, &NewKey { scopes: &[KeyScope::Send], ..NewKey::whole("sender") }).await;
    let twice = format!("Bearer {}, Bearer {}", acme.key, acme.key);
    for (status, authorization) in [
        (401, format!("Bearer {revoked}")),
        (401, "Bearer wz_nonsense".into()),
        (401, acme.key.clone()),
        (401, twice),
        // Who sends and reads nothing learns nothing of who it is either.
        (403, format!("Bearer {sender}")),
    ] {
        let said = post(world.url(), &[("authorization", &authorization)], &list()).await;
        let client = e2e::outside::http().build().unwrap();
        let of_api = client.get(format!("{}/api/v1/me", world.url())).header("authorization", &authorization);
        let of_api = of_api.send().await.unwrap();
        let code = of_api.status().as_u16();
        let of_api: (u16, Value) = (code, serde_json::from_str(&of_api.text().await.unwrap()).unwrap());
        assert_eq!(said.0, status, "{}", said.1);
        assert_eq!(said, of_api);
    }
    assert!(ask(world.url(), &acme.key, "tools/list", json!({})).await["result"]["tools"].is_array());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_opens_nothing_here() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    let owner = world.member(&acme, Role::Owner).await;
    let (status, _) = world.as_person(Method::GET, &owner, "/me", None).await;
    assert_eq!(status, 200, "the session is one");
    let (status, said) = post(world.url(), &[("cookie", &owner.cookie)], &list()).await;
    assert_eq!(status, 401, "{said}");
    assert!(said["detail"].as_str().unwrap().contains("carries no API key"), "{said}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_and_names_that_are_not_ours_are_refused() {
    let public_url = Some("https://wa.example.com".to_owned());
    let world = World::with(Options { public_url, ..Options::default() }).await;
    let acme = world.organization("Acme").await;
    let bearer = format!("Bearer {}", acme.key);
    for (status, name, value) in [
        (200, "host", "wa.example.com"),
        (200, "host", "wa.example.com:443"),
        (200, "host", "localhost:8080"),
        (200, "host", "127.0.0.1"),
        (200, "host", "[::1]:8080"),
        (200, "origin", "https://wa.example.com"),
        (403, "host", "attacker.example"),
        (403, "host", "wa.example.com.attacker.example"),
        (403, "host", "10.0.0.1"),
        (403, "origin", "https://attacker.example"),
        (403, "origin", "http://wa.example.com"),
        (403, "origin", "https://wa.example.com:8443"),
        (403, "origin", "http://localhost:3000"),
        (403, "origin", "null"),
        (403, "origin", "nonsense"),
    ] {
        let (said, answer) = post(world.url(), &[("authorization", &bearer), (name, value)], &list()).await;
        assert_eq!(said, status, "{name}: {value}: {answer}");
        if status == 403 {
            assert_eq!(answer["type"], "/docs#forbidden", "{answer}");
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_call_is_refused() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    let bearer = format!("Bearer {}", acme.key);
    let own = ("authorization", bearer.as_str());
    let long = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": { "x": "a".repeat(70_000) } });
    for (status, headers, body) in [
        (413, vec![own], long),
        (415, vec![own, ("content-type", "text/plain")], list()),
        (406, vec![own, ("accept", "text/html")], list()),
        (400, vec![own, ("mcp-protocol-version", "1999-01-01")], list()),
    ] {
        let (said, answer) = post(world.url(), &headers, &body).await;
        assert_eq!(said, status, "{headers:?}: {answer}");
    }
    let client = e2e::outside::http().build().unwrap();
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let request = client.request(method.clone(), format!("{}/mcp", world.url())).header(own.0, own.1);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 405, "{method}: nothing is kept that could be followed or ended");
        assert_eq!(answer.headers()["allow"], "POST");
    }
    let unknown = ask(world.url(), &acme.key, "tools/call", json!({ "name": "delete_all", "arguments": {} })).await;
    assert!(unknown["error"]["message"].as_str().unwrap().contains("no tool of this name"), "{unknown}");
    world.end().await;
}

/// No node knows of a client: what one greeted, another one answers.
#[tokio::test(flavor = "multi_thread")]
async fn any_node_answers_any_call() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    let node = world.node().await;
    let hello = json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    let greeting = ask(world.url(), &acme.key, "initialize", hello).await;
    assert_eq!(greeting["result"]["serverInfo"]["name"], "wazapp", "{greeting}");
    let me = super::call(&node.url(), &acme.key, "who_am_i", json!({})).await.expect("who it is");
    assert_eq!(me["organization"]["name"], "Acme");
    node.stop().await;
    world.end().await;
}
