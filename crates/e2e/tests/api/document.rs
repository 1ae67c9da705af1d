//! The OpenAPI document and the page that shows it.

use std::collections::BTreeSet;

use e2e::World;
use serde_json::Value;

async fn text(world: &World, path: &str) -> (u16, reqwest::header::HeaderMap, String) {
    let answer = world.client().get(format!("{}{path}", world.url())).send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_covers_the_contract_and_is_openapi_3_1() {
    let world = World::new().await;
    let (status, headers, body) = text(&world, "/api/v1/openapi.json").await;
    assert_eq!(status, 200, "without a key: it says nothing of anyone");
    assert_eq!(headers["content-type"], "application/json");
    let document: Value = serde_json::from_str(&body).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());

    let paths = document["paths"].as_object().unwrap();
    let documented: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    for operation in [
        "get /api/v1/conversations",
        "get /api/v1/conversations/{id}",
        "patch /api/v1/conversations/{id}",
        "post /api/v1/conversations/{id}/read",
        "post /api/v1/conversations/{id}/typing",
        "post /api/v1/conversations/{id}/block",
        "delete /api/v1/conversations/{id}/block",
        "get /api/v1/conversations/{id}/messages",
        "post /api/v1/conversations/{id}/messages",
        "post /api/v1/messages",
        "post /api/v1/messages/batch",
        "get /api/v1/messages/{id}",
        "delete /api/v1/messages/{id}",
        "patch /api/v1/messages/{id}",
        "get /api/v1/messages/{id}/statuses",
        "get /api/v1/contacts",
        "get /api/v1/contacts/{id}",
        "patch /api/v1/contacts/{id}",
        "get /api/v1/numbers",
        "get /api/v1/templates",
        "post /api/v1/templates",
        "get /api/v1/templates/{id}",
        "patch /api/v1/templates/{id}",
        "delete /api/v1/templates/{id}",
        "post /api/v1/templates/sync",
        "get /api/v1/events",
        "get /api/v1/events/samples",
        "post /api/v1/media",
        "get /api/v1/media/{id}",
        "get /api/v1/media/{id}/content",
        "get /api/v1/media/{id}/thumbnail",
        "post /api/v1/media/{id}/retry",
        "get /api/v1/me",
    ] {
        assert!(documented.contains(operation), "{operation} is not in {documented:#?}");
    }

    let mut ids = BTreeSet::new();
    for (path, item) in paths {
        let braced: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        for (method, operation) in item.as_object().unwrap() {
            let about = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{about}: its id is another's");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let mut named = BTreeSet::new();
            for parameter in &parameters {
                assert!(parameter["schema"].is_object() && parameter["name"].is_string(), "{about}: {parameter}");
                assert!(["path", "query", "header"].contains(&parameter["in"].as_str().unwrap()));
                if parameter["in"] == "path" {
                    assert_eq!(parameter["required"], true, "{about}: {parameter}");
                    named.insert(parameter["name"].as_str().unwrap());
                }
            }
            assert_eq!(named, braced, "{about}: the path's parameters");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().all(|status| status == "default" || status.parse::<u16>().is_ok()), "{about}");
            assert!(responses.values().all(|response| response["description"].is_string()), "{about}");
            assert!(["200", "201", "202"].iter().any(|status| responses.contains_key(*status)), "{about}");
            assert!(responses.contains_key("401"), "{about}");
        }
    }
    for pointer in references(&document) {
        let there = pointer.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        assert!(there.is_some(), "{pointer} leads nowhere");
    }
    // 3.1 is JSON Schema: `nullable` and a boolean `exclusiveMinimum` are of 3.0.
    assert!(!body.contains("\"nullable\""));
    world.end().await;
}

fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(all) => all.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// A page behind a company's firewall, or on a laptop without a network, shows the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_docs_ask_no_other_host() {
    let world = World::new().await;
    // As a browser finds it.
    let mut path = "/docs".to_owned();
    let page = loop {
        let (status, headers, page) = text(&world, &path).await;
        match status {
            200 => {
                let policy = headers["content-security-policy"].to_str().unwrap().to_owned();
                assert!(policy.contains("default-src 'none'"), "{policy}");
                for word in policy.split([' ', ';']).filter(|word| !word.is_empty()) {
                    assert!(!word.contains('.') && !word.contains("//") && word != "*", "{word} in {policy}");
                }
                break page;
            }
            _ => path = headers["location"].to_str().unwrap_or_else(|_| panic!("{status} at {path}")).to_owned(),
        }
    };
    assert!(!page.contains("://"), "{page}");
    let mut loaded = 0;
    for attribute in ["src=\"", "href=\""] {
        for rest in page.split(attribute).skip(1) {
            let target = &rest[..rest.find('"').unwrap()];
            assert!(!target.starts_with("//"), "{target}");
            let at = reqwest::Url::parse(&format!("{}{path}", world.url())).unwrap().join(target).unwrap();
            assert_eq!(at.host_str(), Some("127.0.0.1"), "{target}");
            let (status, _, _) = text(&world, at.path()).await;
            assert_eq!(status, 200, "{target}");
            loaded += 1;
        }
    }
    assert!(loaded >= 3, "{page}");
    world.end().await;
}
