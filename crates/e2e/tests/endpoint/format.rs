//! What an endpoint is told, and how it is signed.

use std::path::Path;
use std::process::Stdio;

use data_encoding::BASE64;
use e2e::receiver::{Heard, Receiver, VERIFY_TOKEN};
use e2e::{World, body};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use whatsapp::signature;

use super::{AT, NUMBER, acme, add, until_deliveries, write};

const OTHER_NUMBER: &str = "106540352242923";

/// Whether a secret made one of a call's signatures, as Standard Webhooks has it.
fn is_signed(told: &Heard, secret: &str) -> bool {
    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let said = format!("{}.{}.", told.header("webhook-id"), told.header("webhook-timestamp"));
    mac.update(said.as_bytes());
    mac.update(&told.bytes);
    let wanted = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
    told.header("webhook-signature").split(' ').any(|signature| signature == wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_told_as_the_log_tells_it() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let headers = json!({ "headers": { "Authorization": "Bearer of-the-function" } });
    let made = add(&world, &acme, &hook, &headers).await;
    write(&world, 1).await;
    let told = hook.until_count(1).await.remove(0);
    let events = world.events(&acme, "message.received").await;
    assert_eq!(told.body, events[0]);
    assert_eq!(told.header("webhook-id"), events[0]["id"].as_str().unwrap());
    assert_eq!(told.header("content-type"), "application/json");
    assert_eq!(told.header("authorization"), "Bearer of-the-function");
    assert!(is_signed(&told, &made.secret));
    let shown = world.read(&acme, &format!("/endpoints/{}", made.id)).await;
    assert_eq!(shown["header_names"], json!(["Authorization"]));
    assert!(!shown.to_string().contains("of-the-function") && !shown.to_string().contains(&made.secret), "{shown}");
    let sealed = world.count("SELECT count(*) FROM wazapp.endpoint WHERE headers IS NOT NULL AND encode(headers, 'escape') LIKE '%function%'").await;
    assert_eq!(sealed, 0, "headers are sealed");

    // A new secret: both sign for a while.
    let (status, rotated) = world.post_api(&acme, &format!("/endpoints/{}/secret", made.id), &json!({})).await;
    assert_eq!(status, 200, "{rotated}");
    let new = rotated["secret"].as_str().unwrap();
    write(&world, 2).await;
    let told = hook.until_count(2).await.remove(1);
    assert!(is_signed(&told, &made.secret) && is_signed(&told, new));
    world.pass(std::time::Duration::from_secs(25 * 3600));
    write(&world, 3).await;
    let told = hook.until_count(3).await.remove(2);
    assert!(!is_signed(&told, &made.secret) && is_signed(&told, new), "the one before is over");

    // Whoever wants to try it out does.
    let (status, test) = world.post_api(&acme, &format!("/endpoints/{}/test", made.id), &json!({})).await;
    assert_eq!(status, 202, "{test}");
    let told = hook.until_count(4).await.remove(3);
    assert_eq!(told.body["type"], "endpoint.test");
    assert!(is_signed(&told, new));
    until_deliveries(&world, &acme, &super::Made { id: made.id, secret: String::new() }, &["delivered"; 4]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_told_what_it_asks_for() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let second = world.connect(&acme, OTHER_NUMBER, "1", None).await;
    let [all, second_only, usual] = [Receiver::open().await, Receiver::open().await, Receiver::open().await];
    add(&world, &acme, &all, &json!({ "kinds": ["*"] })).await;
    add(&world, &acme, &second_only, &json!({ "kinds": ["message.*"], "number_ids": [second] })).await;
    add(&world, &acme, &usual, &json!({})).await;
    write(&world, 1).await;
    world.receive(&body::text(OTHER_NUMBER, "5215512345678", "wamid.other", AT, "to the other")).await;
    let log = world.all(&acme, "/events").await;
    let log: Vec<&Value> = log.iter().filter(|event| event["sequence"].as_i64() > Some(0)).collect();
    let kinds = |told: &[Heard]| {
        let mut kinds: Vec<String> = told.iter().map(|told| told.body["type"].as_str().unwrap().to_owned()).collect();
        kinds.sort_unstable();
        kinds
    };
    let told = all
        .until("both messages", |told| kinds(told).iter().filter(|kind| *kind == "message.received").count() == 2)
        .await;
    assert!(told.len() <= log.len());
    assert_eq!(kinds(&usual.until_count(2).await), ["message.received"; 2]);
    let told = second_only.until_count(1).await;
    assert_eq!((told.len(), &told[0].body["data"]["wamid"]), (1, &json!("wamid.other")));
    for (wrong, field) in [
        (json!({ "kinds": ["mesage.received"] }), "kinds"),
        (json!({ "kinds": [] }), "kinds"),
        (json!({ "number_ids": [acme.id] }), "number_ids"),
        (json!({ "headers": { "Host": "x" } }), "headers"),
        (json!({ "rate": 0 }), "rate"),
        (json!({ "verify_token": "word" }), "verify_token"),
        (json!({ "gather": { "quiet_ms": 1, "most_ms": 2 } }), "gather"),
    ] {
        let mut wanted = json!({ "url": all.url(), "format": "wazapp" });
        wanted.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let (status, problem) = world.post_api(&acme, "/endpoints", &wanted).await;
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{problem}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_metas_format_each_gets_metas_bytes_and_only_its_own() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let other = world.organization("Other").await;
    world.connect(&other, OTHER_NUMBER, "1", None).await;
    let [mine, theirs] = [Receiver::open().await, Receiver::open().await];
    let meta = json!({ "format": "meta", "verify_token": VERIFY_TOKEN });
    let made = add(&world, &acme, &mine, &meta).await;
    add(&world, &other, &theirs, &meta).await;

    // Spaced and spelled as no JSON library of ours would.
    let own = format!(
        r#"{{ "entry":[ {{"id":"1", "changes" : [{{"value": {{"messaging_product":"whatsapp","metadata":{{"phone_number_id":"{NUMBER}","display_phone_number":"1"}},"messages":[{{"from":"5215512345678","id":"wamid.own","timestamp":"{AT}","type":"text","text":{{"body":"\u00a1Hola\/ 1.0"}}}}]}},"field":"messages"}}]}} ],"object":"whatsapp_business_account"}}"#
    );
    assert_eq!(world.post(&own).await, 200);
    let told = mine.until_count(1).await.remove(0);
    assert_eq!(told.bytes, own.as_bytes(), "byte for byte");
    let header = told.headers.get("x-hub-signature-256").map(|value| value.as_bytes());
    assert!(signature::verify([made.secret.as_str()], header, &told.bytes));

    // A body of both, in one entry and in two.
    let changes = [NUMBER, OTHER_NUMBER].map(|number| {
        let text = body::text_message("5215512345678", &format!("wamid.{number}"), AT, "to both");
        body::change(number, "messages", &json!({ "messages": [text] }))
    });
    let both = body::envelope(&[
        body::entry("1", &changes),
        body::entry("1", &[body::change(OTHER_NUMBER, "messages", &json!({ "statuses": [] }))]),
    ]);
    world.receive(&both).await;
    let told = mine.until_count(2).await.remove(1);
    assert_eq!(told.body, body::envelope(&[body::entry("1", &changes[..1])]));
    let told = theirs.until_count(1).await;
    assert_eq!(told.len(), 1);
    let (told, mut rest) = (told[0].body.clone(), both.clone());
    rest["entry"][0]["changes"] = json!([changes[1]]);
    assert_eq!(told, rest);
    until_deliveries(&world, &acme, &made, &["delivered"; 2]).await;

    // Who does not prove itself is not made.
    let wrong = json!({ "url": mine.url(), "format": "meta", "verify_token": "another-word" });
    let (status, problem) = world.post_api(&acme, "/endpoints", &wrong).await;
    assert_eq!(status, 422, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("it answered 403"), "{problem}");
    // Once nobody asks for it, nothing is kept of what Meta sends.
    assert_eq!(world.delete(&acme, &format!("/endpoints/{}", made.id)).await.0, 200);
    write(&world, 7).await;
    let kept = format!("SELECT count(*) FROM wazapp.relay WHERE organization_id = '{}'", acme.id);
    assert_eq!(world.count(&kept).await, 2);

    // And what is kept goes after two weeks, with what became of it.
    let told = world.count("SELECT count(*) FROM wazapp.delivery").await
        + world.count("SELECT count(*) FROM wazapp.relay").await;
    let days = |days: i64| world.now() + jiff::SignedDuration::from_hours(24 * days);
    assert_eq!(worker::upkeep::forget_told(world.database(), days(13)).await.unwrap(), 0);
    assert_eq!(worker::upkeep::forget_told(world.database(), days(15)).await.unwrap(), told);
    assert_eq!(world.count("SELECT count(*) FROM wazapp.delivery_attempt").await, 0);
    world.end().await;
}

/// A body in which a member is named twice is read one way here and may be read another way there: nobody is told a byte of it
/// that was not read as theirs.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_body_brings_one_organization_what_is_anothers() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let other = world.organization("Other").await;
    world.connect(&other, OTHER_NUMBER, "1", None).await;
    let [mine, theirs] = [Receiver::open().await, Receiver::open().await];
    let made = add(&world, &acme, &mine, &json!({ "format": "meta" })).await;
    let of_other = add(&world, &other, &theirs, &json!({ "format": "meta" })).await;
    let value = |number: &str, wamid: &str| {
        let text = body::text_message("5215512345678", wamid, AT, &format!("secret of {number}"));
        body::change(number, "messages", &json!({ "messages": [text] }))["value"].to_string()
    };
    let object = r#""object":"whatsapp_business_account""#;
    let change = |value: &str| format!(r#"{{"field":"messages","value":{value}}}"#);
    let entry = |changes: &str| format!(r#"{{"id":"1","changes":[{changes}]}}"#);
    let mut bodies = Vec::new();
    for (nth, (first, second)) in [(NUMBER, OTHER_NUMBER), (OTHER_NUMBER, NUMBER)].into_iter().enumerate() {
        let (a, b) = (value(first, &format!("wamid.a{nth}")), value(second, &format!("wamid.b{nth}")));
        let [one, two] = [&a, &b].map(|value| entry(&change(value)));
        bodies.extend([
            format!(
                r#"{{{object},"entry":[{{"id":"1","changes":[{{"field":"messages","value":{a},"value":{b}}}]}}]}}"#
            ),
            format!(r#"{{{object},"entry":[{{"id":"1","changes":[{}],"changes":[{}]}}]}}"#, change(&a), change(&b)),
            format!(r#"{{{object},"entry":[{one}],"entry":[{two}]}}"#),
            format!(r#"{{{object},"entry":[{one}],"\u0065ntry":[{two}]}}"#),
            format!(r#"{{{object},"entry":[{one},{{"id":"2","changes":[],"of":{b}}},{two}]}}"#),
        ]);
    }
    for body in &bodies {
        assert_eq!(world.post(body).await, 200, "{body}");
    }
    world.drain().await;
    let last = [(NUMBER, &acme, &made, &mine), (OTHER_NUMBER, &other, &of_other, &theirs)];
    for (number, organization, made, hook) in last {
        world.receive(&body::text(number, "5215512345678", &format!("wamid.last.{number}"), AT, "the last")).await;
        hook.until("the last one", |heard| heard.iter().any(|call| call.body.to_string().contains("wamid.last"))).await;
        let open = format!("/endpoints/{}/deliveries?state=waiting", made.id);
        world.until("all is told", async || world.read(organization, &open).await["data"] == json!([])).await;
        let foreign = if number == NUMBER { OTHER_NUMBER } else { NUMBER };
        for call in hook.heard() {
            let text = String::from_utf8_lossy(&call.bytes);
            assert!(!text.contains(foreign), "{number} was told of {foreign}: {text}");
        }
        assert!(hook.heard().len() > 2, "and its own was told");
    }
    world.end().await;
}

/// What was told is not told again because it is read once more; what was told nobody is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_once_more_is_told_only_if_nobody_was() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({ "format": "meta" })).await;
    write(&world, 1).await;
    until_deliveries(&world, &acme, &made, &["delivered"; 1]).await;
    // One message of two cannot be read: the body is told as Meta sent it, and the bad one is kept aside.
    let good = body::text_message("5215512345678", "wamid.good", AT, "good");
    let half =
        body::envelope(&[body::entry("1", &[body::change(NUMBER, "messages", &json!({ "messages": [good, 7] }))])]);
    world.receive(&half).await;
    world.receive(&body::text(OTHER_NUMBER, "5215512345678", "wamid.early", AT, "before it was connected")).await;
    until_deliveries(&world, &acme, &made, &["delivered"; 2]).await;
    assert_eq!(hook.heard()[1].body, half);
    world.connect(&acme, OTHER_NUMBER, "1", None).await;
    let hour = jiff::SignedDuration::from_hours(1);
    let (from, until) = (world.now() - hour, world.now() + hour);
    worker::inbound::replay_bodies(world.database(), world.clock(), from, until, |_| ()).await.unwrap();
    let all = model::quarantine::Filter::default();
    worker::inbound::replay_quarantine(world.database(), world.clock(), &all, |_| ()).await.unwrap();
    let told = hook.until_count(3).await;
    assert!(told[2].body.to_string().contains("wamid.early"), "{}", told[2].body);
    until_deliveries(&world, &acme, &made, &["delivered"; 3]).await;
    world.end().await;
}

/// Whether a library of Standard Webhooks that others wrote takes a call as signed, and another body not.
async fn is_taken(program: &str, script: &str, call: &Value) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut library = Command::new(if program == "node" { program.into() } else { here.join("../..").join(program) });
    library.arg(here.join("clients").join(script)).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = library.kill_on_drop(true).spawn().expect("scripts/need clients installs it");
    running.stdin.take().unwrap().write_all(call.to_string().as_bytes()).await.unwrap();
    let output = running.wait_with_output().await.unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {said}{complained}");
    let body: Value = serde_json::from_str(call["body"].as_str().unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), body, "{script}");
}

#[tokio::test(flavor = "multi_thread")]
async fn libraries_that_others_wrote_accept_the_signature() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    write(&world, 1).await;
    let told = hook.until_count(1).await.remove(0);
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), told.header(name).into())).collect();
    let body = std::str::from_utf8(&told.bytes).unwrap();
    let call = json!({ "secret": made.secret, "headers": headers, "body": body });
    is_taken("node", "standard_webhooks.mjs", &call).await;
    is_taken("target/tools-clients/bin/python3", "standard_webhooks.py", &call).await;
    world.end().await;
}
