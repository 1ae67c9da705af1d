//! A send to several people goes on a confirmation alone, which is for it and for nothing else.

use std::time::Duration;

use e2e::World;
use model::act::KeyScope;
use serde_json::{Value, json};

use super::client::Assistant;
use super::{LUCIA, MATEO, Stage, call};

/// Longer than a confirmation holds.
const LATER: Duration = Duration::from_secs(601);

fn to_both(stage: &Stage) -> Value {
    json!({ "number_id": stage.acme.number_id, "to": [LUCIA, MATEO], "text": "Mañana cerramos." })
}

fn with(mut arguments: Value, name: &str, value: &Value) -> Value {
    arguments[name] = value.clone();
    arguments
}

/// Asks first: answers the confirmation.
async fn confirmation(url: &str, key: &str, arguments: &Value) -> Value {
    let first = call(url, key, "send_text", arguments.clone()).await.expect("what would be sent");
    assert_eq!(first["sent"], 0);
    assert_eq!(first["would_send"]["to"], json!([LUCIA, MATEO]));
    assert_eq!(first["would_send"]["messages"], 2);
    let words = &first["would_send"]["untrusted_content"]["message"]["text"]["body"];
    assert_eq!(*words, arguments["text"]);
    first["confirmation"].clone()
}

async fn sent(stage: &Stage) -> usize {
    stage.world.count("SELECT count(*) FROM wazapp.message WHERE direction = 'outbound'").await.try_into().unwrap()
}

/// Who had what sent, as the audit tells it.
async fn audited(world: &World, stage: &Stage) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = world.all(&stage.acme.organization, "/audit?act=send").await;
    assert!(all.iter().all(|one| one["act"] == "send/mcp" && one["actor"]["kind"] == "key"), "{all:?}");
    all.iter().map(|one| (word(&one["actor"]["name"]), word(&one["subject_id"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_opens_nothing_but_what_it_was_made_for() {
    let stage = Stage::new().await;
    let (world, url) = (&stage.world, stage.world.url());
    let scopes = [KeyScope::Read, KeyScope::Send];
    let key = stage.acme.key(world, "assistant", &scopes).await;
    let colleague = stage.acme.key(world, "colleague", &scopes).await;
    let wanted = to_both(&stage);
    let token = confirmation(url, &key, &wanted).await;
    let confirmed = with(wanted.clone(), "confirmation", &token);

    let garbled = json!(format!("{}A", token.as_str().unwrap()));
    for (what, key, arguments) in [
        ("other words", &key, with(confirmed.clone(), "text", &json!("Mañana abrimos."))),
        ("another recipient", &key, with(confirmed.clone(), "to", &json!([LUCIA, "34600111444"]))),
        ("one more", &key, with(confirmed.clone(), "to", &json!([LUCIA, MATEO, "34600111444"]))),
        ("another key", &colleague, confirmed.clone()),
        ("another organization", &stage.rival.organization.key, confirmed.clone()),
        ("another number", &key, with(confirmed.clone(), "number_id", &json!(stage.rival.number_id))),
        ("another text of it", &key, with(confirmed.clone(), "confirmation", &garbled)),
        ("none", &key, with(confirmed.clone(), "confirmation", &json!("wzc_AAAA"))),
    ] {
        let problem = call(url, key, "send_text", arguments).await.expect_err(what);
        assert!(problem["detail"].as_str().unwrap().contains("not made for exactly this"), "{what}: {problem}");
    }
    let template = json!({
        "number_id": stage.acme.number_id, "to": [LUCIA, MATEO], "name": "x", "language": "es", "confirmation": token,
    });
    call(url, &key, "send_template", template).await.expect_err("another kind of message");
    assert_eq!(sent(&stage).await, 0);

    world.advance(LATER).await;
    let problem = call(url, &key, "send_text", confirmed).await.expect_err("too late");
    assert!(problem["detail"].as_str().unwrap().contains("older than ten minutes"), "{problem}");
    assert_eq!(sent(&stage).await, 0);
    assert_eq!(audited(world, &stage).await, []);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sends_once_whoever_repeats_it_and_wherever() {
    let stage = Stage::new().await;
    let (world, url) = (&stage.world, stage.world.url());
    let key = stage.acme.key(world, "assistant", &[KeyScope::Read, KeyScope::Send]).await;
    let wanted = to_both(&stage);
    let token = confirmation(url, &key, &wanted).await;
    let confirmed = with(wanted, "confirmation", &token);
    let node = world.node().await;
    let elsewhere = node.url();
    let once = |url: String| {
        let (key, confirmed) = (key.clone(), confirmed.clone());
        async move { call(&url, &key, "send_text", confirmed).await.expect("sent") }
    };
    // Three at the same time on two nodes, and one more.
    let (first, second, third) = tokio::join!(once(url.into()), once(elsewhere.clone()), once(elsewhere));
    let again = once(url.into()).await;
    let ids = |result: &Value| -> Vec<String> {
        assert_eq!((&result["sent"], &result["refused"]), (&json!(2), &json!(0)), "{result}");
        let all = result["messages"].as_array().unwrap().iter();
        all.map(|one| one["message"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert!([&second, &third, &again].iter().all(|one| ids(one) == ids(&first)));
    world.until("both are with Meta", async || world.meta().accepted(&stage.acme.number).await.len() == 2).await;
    assert_eq!(sent(&stage).await, 2);
    let mut audited = audited(world, &stage).await;
    audited.sort_unstable();
    let mut wanted: Vec<_> = ids(&first).into_iter().map(|id| ("assistant".to_owned(), id)).collect();
    wanted.sort_unstable();
    assert_eq!(audited, wanted, "each is told of once");
    node.stop().await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_to_one_goes_at_once_and_with_its_key_once() {
    let stage = Stage::new().await;
    let (world, url) = (&stage.world, stage.world.url());
    let key = stage.acme.key(world, "assistant", &[KeyScope::Read, KeyScope::Send]).await;
    let conversation_id = stage.acme.conversation(world, LUCIA).await["id"].clone();
    let wanted = json!({ "conversation_id": conversation_id, "text": "Sí, hasta las ocho.", "idempotency_key": "k-1" });
    let first = call(url, &key, "send_text", wanted.clone()).await.expect("sent");
    let again = call(url, &key, "send_text", wanted.clone()).await.expect("sent");
    assert_eq!(first["messages"][0]["message"]["id"], again["messages"][0]["message"]["id"]);
    assert_eq!(first["idempotency_key"], "k-1");
    let other = with(wanted, "text", &json!("No."));
    let problem = call(url, &key, "send_text", other).await.expect_err("another message with the same key");
    assert_eq!((&problem["status"], &problem["idempotency_key"]), (&json!(409), &json!("k-1")), "{problem}");
    // Without a key of its own each call is a send.
    let plain = json!({ "number_id": stage.acme.number_id, "to": ["+34 600 111 222"], "text": "Y mañana también." });
    for _ in 0..2 {
        call(url, &key, "send_text", plain.clone()).await.expect("sent");
    }
    assert_eq!(sent(&stage).await, 3);
    assert_eq!(audited(world, &stage).await.len(), 3);

    // What programs send by themselves is theirs, and what says that it is an assistant's says so rightly.
    let path = format!("/conversations/{}/messages", conversation_id.as_str().unwrap());
    let body = json!({ "text": { "body": "De un programa." } });
    let (status, answer) = world.post_api(&stage.acme.organization, &path, &body).await;
    assert_eq!(status, 202, "{answer}");
    let via = [("wazapp-via", "carrier pigeon")];
    let (status, _) = world.call_with(reqwest::Method::POST, &stage.acme.organization, &path, &via, Some(&body)).await;
    assert_eq!(status, 400);
    assert_eq!(audited(world, &stage).await.len(), 3);
    stage.world.end().await;
}

/// A client that can ask its person does, and the model never holds the confirmation.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_can_be_asked_is_and_decides() {
    let stage = Stage::new().await;
    let (url, key) = (stage.world.url(), &stage.acme.organization.key);
    let (mut no, mut yes) =
        tokio::join!(Assistant::with_person(url, key, false), Assistant::with_person(url, key, true));
    let refused = no.answer("send_text", &to_both(&stage)).await;
    assert_eq!(refused["is_error"], true, "{refused}");
    assert!(refused["structured"]["problem"]["detail"].as_str().unwrap().contains("did not agree"), "{refused}");
    assert_eq!(sent(&stage).await, 0);

    let answer = yes.answer("send_text", &to_both(&stage)).await;
    assert_eq!(answer["structured"]["result"]["sent"], 2, "{answer}");
    assert!(!answer["structured"].to_string().contains("wzc_"), "{answer}");
    let question = answer["questions"][0].as_str().expect("the question");
    for part in ["2 people", LUCIA, MATEO, "Mañana cerramos."] {
        assert!(question.contains(part), "{question}");
    }
    assert_eq!(sent(&stage).await, 2);
    no.end().await;
    yes.end().await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_sent_is_not_asked_for() {
    let stage = Stage::new().await;
    let (url, key) = (stage.world.url(), &stage.acme.organization.key);
    let number_id = stage.acme.number_id;
    for (arguments, says) in [
        (json!({ "number_id": number_id, "to": [LUCIA, "+34 600 111 222"], "text": "Hola" }), "stands twice"),
        (json!({ "number_id": number_id, "to": [LUCIA, "12"], "text": "Hola" }), "One of `to`"),
        (json!({ "number_id": number_id, "to": [], "text": "Hola" }), "a list of 1 to 50"),
        (json!({ "number_id": number_id, "to": [LUCIA, MATEO], "text": "  " }), "put `errors` right"),
        (json!({ "number_id": number_id, "text": "Hola" }), "in one way"),
        (json!({ "number_id": number_id, "to": [LUCIA], "text": "Hola", "confirmation": "wzc_AAAA" }), "leave it out"),
        (
            json!({ "number_id": number_id, "to": [LUCIA, MATEO], "text": "Hola", "idempotency_key": "k" }),
            "leave the key out",
        ),
        (json!({ "number_id": number_id, "to": [LUCIA] }), "`text` is missing"),
        (json!({ "number_id": number_id, "to": [LUCIA], "text": "Hola", "force": true }), "`force` is not known here"),
    ] {
        let problem = call(url, key, "send_text", arguments.clone()).await.expect_err("it cannot be");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{arguments}: {problem}");
    }
    assert_eq!(sent(&stage).await, 0);
    stage.world.end().await;
}
