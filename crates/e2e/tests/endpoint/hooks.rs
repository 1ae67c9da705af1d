//! REST hooks: a program of others', such as Zapier, subscribes with a key, shows samples, and unsubscribes.

use e2e::World;
use e2e::receiver::Receiver;
use model::act::KeyScope;
use model::api_key::NewKey;
use reqwest::Method;
use serde_json::{Value, json};

use super::{AT, NUMBER, acme, write};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_subscribes_reads_samples_and_unsubscribes() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    // Before anything happened there are samples all the same.
    let samples = async |kind: &str| world.read(&acme, &format!("/events/samples?type={kind}")).await["data"].clone();
    let made_up = [samples("message.received").await, samples("message.status").await];
    assert!(made_up.iter().all(|list| list.as_array().unwrap().len() == 1 && list[0]["sequence"] == 0), "{made_up:?}");

    let key = async |scopes: &[KeyScope]| world.key(&acme.scope, &NewKey { scopes, ..NewKey::whole("Zapier") }).await;
    let as_key = async |key: &str, method: Method, path: &str, body: Option<Value>| {
        let mut asked = world.client().request(method, format!("{}/api/v1{path}", world.url())).bearer_auth(key);
        if let Some(body) = body {
            asked = asked.header("content-type", "application/json").body(body.to_string());
        }
        let answer = asked.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap())
    };
    let wanted = json!({ "url": hook.url(), "format": "wazapp", "kinds": ["message.received"] });
    let reader = key(&[KeyScope::Read]).await;
    assert_eq!(as_key(&reader, Method::POST, "/endpoints", Some(wanted.clone())).await.0, 403);
    let manager = key(&[KeyScope::Manage]).await;
    let (status, made) = as_key(&manager, Method::POST, "/endpoints", Some(wanted)).await;
    assert_eq!(status, 201, "{made}");
    for nth in 1..=4 {
        write(&world, nth).await;
    }
    let told = hook.until_count(4).await;

    // The newest three, as they were told.
    let shown = samples("message.received").await;
    let shown: Vec<&str> =
        shown.as_array().unwrap().iter().map(|event| event["data"]["text"].as_str().unwrap()).collect();
    assert_eq!(shown, ["message 4", "message 3", "message 2"]);
    let (status, page) = as_key(&reader, Method::GET, "/events/samples", None).await;
    assert_eq!((status, &page["next_cursor"]), (200, &Value::Null));
    assert!(told.iter().any(|call| call.body == page["data"][0]), "a sample is what an endpoint is told");
    // What never happened looks like what does.
    let status = json!({ "id": "wamid.5215512345678.1", "status": "read", "timestamp": AT.to_string(), "recipient_id": "5215512345678" });
    let change = e2e::body::change(NUMBER, "messages", &json!({ "statuses": [status] }));
    world.receive(&e2e::body::envelope(&[e2e::body::entry("1", &[change])])).await;
    for (kind, made_up) in ["message.received", "message.status"].into_iter().zip(&made_up) {
        assert_eq!(members(&made_up[0]), members(&samples(kind).await[0]), "{kind}");
        assert_eq!(members(&made_up[0]["data"]), members(&samples(kind).await[0]["data"]), "{kind}");
    }
    for wrong in ["message.*", "mesage.received", ""] {
        let (status, problem) = world.get(&acme, &format!("/events/samples?type={wrong}")).await;
        assert_eq!(status, 400, "{wrong}: {problem}");
    }

    let path = format!("/endpoints/{}", made["id"].as_str().unwrap());
    assert_eq!(as_key(&manager, Method::DELETE, &path, None).await.0, 200);
    assert_eq!(as_key(&manager, Method::DELETE, &path, None).await.0, 404, "it is not there any more");
    write(&world, 5).await;
    assert_eq!(world.count("SELECT count(*) FROM wazapp.delivery").await, 0);
    world.end().await;
}

fn members(value: &Value) -> Vec<&String> {
    let mut names: Vec<&String> = value.as_object().expect("an object").keys().collect();
    names.sort_unstable();
    names
}
