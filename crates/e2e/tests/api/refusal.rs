//! What is asked wrongly is answered with a problem that says so.

use e2e::{Organization, World};
use model::api_key::NewKey;
use reqwest::Method;
use serde_json::{Value, json};

use super::{acme, id, write};

struct Asked<'a> {
    method: Method,
    path: &'a str,
    key: Option<&'a str>,
    content_type: Option<&'a str>,
    body: Vec<u8>,
}

impl<'a> Asked<'a> {
    fn get(path: &'a str, organization: &'a Organization) -> Self {
        Self { method: Method::GET, path, key: Some(&organization.key), content_type: None, body: Vec::new() }
    }
}

/// Asks, and checks what is true of every problem.
async fn problem(world: &World, asked: Asked<'_>, status: u16) -> Value {
    let about = format!("{} {}", asked.method, asked.path);
    let mut request = world.client().request(asked.method, format!("{}{}", world.url(), asked.path)).body(asked.body);
    if let Some(key) = asked.key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    if let Some(content_type) = asked.content_type {
        request = request.header("content-type", content_type);
    }
    let answer = request.send().await.unwrap();
    let (answered, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    assert_eq!(answered, status, "{about}: {text}");
    assert_eq!(headers["content-type"], "application/problem+json", "{about}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["status"], status, "{about}");
    for member in ["type", "title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{about}: {member} in {problem}");
    }
    assert_eq!(headers.contains_key("www-authenticate"), status == 401, "{about}");
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_key_in_force_is_401() {
    let world = World::new().await;
    let (acme, other) = (acme(&world).await, world.organization("Other").await);
    write(&world, "34600111222", "wamid.1", 1_795_000_000).await;
    world.drain().await;
    let mut forged = acme.key.clone();
    forged.replace_range(acme.key.len() - 1.., if acme.key.ends_with('A') { "B" } else { "A" });
    // The organization of the one, the random part of the other.
    let mixed = format!("{}{}", &acme.key[..24], &other.key[24..]);
    for key in [
        None,
        Some(""),
        Some("wz_"),
        Some(forged.as_str()),
        Some(&mixed),
        Some(&acme.key[1..]),
        Some(&acme.id.to_string()),
    ] {
        // Side by side: each bad key of one address is answered later than the last.
        let asked = [
            (Method::GET, "/api/v1/me"),
            (Method::GET, "/api/v1/conversations"),
            (Method::GET, "/api/v1/conversations/no-uuid"),
            (Method::GET, "/api/v1/events?after=x"),
            (Method::PATCH, "/api/v1/contacts/019a0b1c-0000-7000-8000-000000000001"),
        ]
        .map(|(method, path)| problem(&world, Asked { method, path, key, content_type: None, body: Vec::new() }, 401));
        for problem in futures::future::join_all(asked).await {
            assert_eq!(problem["type"], "/docs#unauthorized");
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_at_once_and_the_others_are_not() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let second = world.key(&acme.scope, &NewKey::whole("second")).await;
    let tx = world.database().tenant(&acme.scope).await.unwrap();
    let first = model::api_key::list(&tx).await.unwrap().remove(0);
    tx.close();
    assert_eq!(world.get(&acme, "/me").await.0, 200);

    let stranger = world.organization("Stranger").await;
    for (scope, revoked) in [(&stranger.scope, false), (&acme.scope, true), (&acme.scope, false)] {
        let tx = world.database().tenant(scope).await.unwrap();
        assert_eq!(model::api_key::revoke(&tx, world.now(), first.id).await.unwrap().is_some(), revoked);
        tx.commit().await.unwrap();
    }
    problem(&world, Asked::get("/api/v1/me", &acme), 401).await;
    let other = Organization { key: second, ..acme.clone() };
    assert_eq!(world.read(&other, "/me").await["organization"]["slug"], "acme");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_400_and_what_is_not_taken_422() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let id = "019a0b1c-0000-7000-8000-000000000001";
    for (path, status, names) in [
        ("/conversations?limit=0", 0, "limit"),
        ("/conversations?limit=101", 0, "limit"),
        ("/conversations?limit=ten", 0, "limit"),
        ("/conversations?cursor=x", 0, "cursor"),
        ("/conversations?cursor=", 0, "cursor"),
        ("/conversations?state=open", 422, "state"),
        ("/conversations?unread=yes", 422, "unread"),
        ("/conversations?number_id=1", 0, "number_id"),
        ("/conversations?assignee=me", 422, "assignee"),
        ("/conversations?assignee=us", 0, "assignee"),
        ("/conversations?team=me", 0, "team"),
        ("/conversations?colour=red", 400, "colour"),
        ("/conversations?organization_id=1", 400, "organization_id"),
        ("/conversations?state=active&state=waiting", 400, "state"),
        ("/conversations?q=%00", 422, "q"),
        ("/conversations/1", 400, "id"),
        ("/conversations/1/messages", 400, "id"),
        ("/messages?id=1", 0, "id"),
        ("/conversations?order=name", 0, "order"),
        ("/conversations?order=id&q=ana", 422, "order"),
        ("/conversations?order=id&state=active", 422, "order"),
        ("/conversations?order=id&assignee=none", 422, "order"),
        ("/messages?wamid=1&cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 422, "wamid"),
        ("/messages?id=019a0b1c-0000-7000-8000-000000000001&limit=1", 422, "id"),
        ("/contacts?id=019a0b1c-0000-7000-8000-000000000001&limit=1", 422, "id"),
        ("/conversations?id=019a0b1c-0000-7000-8000-000000000001&limit=1", 422, "id"),
        ("/statuses?message_id=019a0b1c-0000-7000-8000-000000000001&cursor=AAAA", 0, "cursor"),
        ("/conversations?id=019a0b1c-0000-7000-8000-000000000001&state=active", 422, "id"),
        ("/contacts?id=019a0b1c-0000-7000-8000-000000000001&q=ana", 422, "id"),
        ("/messages?id=019a0b1c-0000-7000-8000-000000000001&wamid=1", 422, "id"),
        ("/statuses", 422, "wamid"),
        ("/statuses?message_id=", 0, "message_id"),
        ("/messages?wamid=%00", 422, "wamid"),
        ("/contacts?q=a&q=b", 400, "q"),
        ("/events?after=-1", 0, "after"),
        ("/events?after=x", 0, "after"),
        ("/events?after=99999999999999999999", 0, "after"),
        ("/me?verbose=true", 400, "verbose"),
    ] {
        let path = format!("/api/v1{path}");
        // 0: either of the two will do, as long as the parameter is named.
        let status = match status {
            0 => world
                .client()
                .get(format!("{}{path}", world.url()))
                .bearer_auth(&acme.key)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16(),
            status => status,
        };
        assert!(status == 400 || status == 422, "{path}: {status}");
        let problem = problem(&world, Asked::get(&path, &acme), status).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(names), "{path}: {detail}");
    }
    let long = format!("/api/v1/contacts?q={}", "x".repeat(201));
    problem(&world, Asked::get(&long, &acme), 422).await;
    let utf8 = "/api/v1/contacts?q=%ff";
    let answer = world.client().get(format!("{}{utf8}", world.url())).bearer_auth(&acme.key).send().await.unwrap();
    assert!(answer.status().as_u16() < 500);
    problem(&world, Asked::get(&format!("/api/v1/messages/{id}"), &acme), 404).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_json_are_refused() {
    let world = World::new().await;
    let acme = acme(&world).await;
    write(&world, "34600111222", "wamid.1", 1_795_000_000).await;
    world.drain().await;
    let before = world.conversation(&acme).await;
    let path = format!("/api/v1/conversations/{}", id(&before));
    let good = json!({ "state": "resolved" }).to_string();
    let json_type = Some("application/json");
    for (content_type, body, status) in [
        (None, good.as_bytes().to_vec(), 415),
        (Some("text/plain"), good.as_bytes().to_vec(), 415),
        (Some("application/x-www-form-urlencoded"), b"state=resolved".to_vec(), 415),
        (json_type, b"".to_vec(), 400),
        (json_type, b"{".to_vec(), 400),
        (json_type, b"\"resolved\"".to_vec(), 400),
        (json_type, b"{\"state\":\"resolved\"} more".to_vec(), 400),
        (json_type, b"{\"state\":\"resolved\",\"state\":\"active\"}".to_vec(), 400),
        (json_type, b"{\"state\":\"\xff\"}".to_vec(), 400),
        (json_type, "[".repeat(50_000).into_bytes(), 400),
        (json_type, format!("{{\"state\":\"{}\"}}", "x".repeat(70_000)).into_bytes(), 413),
    ] {
        let about = format!("{content_type:?} {}", String::from_utf8_lossy(&body[..body.len().min(40)]));
        let asked = Asked { method: Method::PATCH, path: &path, key: Some(&acme.key), content_type, body };
        let answer = problem(&world, asked, status).await;
        assert!(!answer["detail"].as_str().unwrap().contains("resolved\""), "{about}: quotes the body");
    }
    assert_eq!(world.conversation(&acme).await, before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_or_method_that_is_not_there_is_told() {
    let world = World::new().await;
    let acme = acme(&world).await;
    for path in [
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v1/conversations/",
        "/api/v1//conversations",
        "/api/v1/events/../me/x",
    ] {
        let problem = problem(&world, Asked::get(path, &acme), 404).await;
        assert_eq!(problem["type"], "/docs#not-found", "{path}");
    }
    let id = "019a0b1c-0000-7000-8000-000000000001";
    for (method, path) in [
        (Method::DELETE, format!("/api/v1/conversations/{id}")),
        (Method::POST, "/api/v1/contacts".into()),
        (Method::PUT, format!("/api/v1/contacts/{id}")),
        (Method::GET, format!("/api/v1/conversations/{id}/read")),
        (Method::PATCH, "/api/v1/me".into()),
    ] {
        let asked = Asked { method, path: &path, key: Some(&acme.key), content_type: None, body: Vec::new() };
        let problem = problem(&world, asked, 405).await;
        assert_eq!(problem["type"], "/docs#method-not-allowed");
    }
    world.end().await;
}
