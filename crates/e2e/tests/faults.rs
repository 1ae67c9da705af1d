//! Everything that the simulator can do wrong, each seen from outside: by a callback, by a caller of the Graph API, or
//! by a wazapp behind it.

use std::time::Duration;

use e2e::receiver::{Receiver, Reply, VERIFY_TOKEN};
use e2e::{Meta, SimulatedNumber, World, until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

const LUCIA: &str = "34600111222";

/// A simulator whose webhooks go to a callback, and one of its numbers, with whom Lucía has spoken just now.
async fn stage() -> (Meta, Receiver, SimulatedNumber) {
    let meta = Meta::start(simulator::Options {
        app_id: Some("670843887433847".into()),
        app_secret: Some("a secret".into()),
        seed: 3,
        ..simulator::Options::default()
    })
    .await;
    let receiver = Receiver::start("a secret").await;
    meta.callback(receiver.url(), VERIFY_TOKEN).await;
    let number = meta.numbers().await.remove(0);
    let wamid = meta.customer_says(&number, LUCIA, "¿Están abiertos?").await;
    receiver.until_told(&[(&wamid, "message")]).await;
    // The answer is entered, too: a fault must not strike what was said before it.
    meta.settle().await;
    (meta, receiver, number)
}

fn text(body: &str) -> Value {
    json!({ "type": "text", "text": { "body": body } })
}

fn code(answer: &str) -> i64 {
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    answer["error"]["code"].as_i64().expect("a code")
}

fn count(told: &[(String, String)], wamid: &str, what: &str) -> usize {
    told.iter().filter(|(id, word)| id == wamid && word == what).count()
}

// Webhooks -----------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_is_the_same_body_again() {
    let (meta, receiver, number) = stage().await;
    meta.faults(json!([{ "kind": "duplicate", "count": 1 }])).await;
    let wamid = meta.customer_says(&number, LUCIA, "dos veces").await;
    let heard = receiver.until("it came twice", |heard| heard.len() >= 3).await;
    assert_eq!(heard[1].bytes, heard[2].bytes);
    assert_eq!(count(&receiver.told(), &wamid, "message"), 2);
    meta.settle().await;
    let once = meta.customer_says(&number, LUCIA, "una vez").await;
    receiver.until_told(&[(&once, "message")]).await;
    meta.settle().await;
    assert_eq!(count(&receiver.told(), &once, "message"), 1, "the count was used up");
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shuffled_updates_overtake_each_other() {
    let (meta, receiver, number) = stage().await;
    meta.faults(json!([{ "kind": "shuffle" }])).await;
    let mut sent = Vec::new();
    for nth in 0..12 {
        sent.push(meta.customer_says(&number, LUCIA, &format!("{nth}")).await);
    }
    let wanted: Vec<(&str, &str)> = sent.iter().map(|wamid| (wamid.as_str(), "message")).collect();
    let told = receiver.until_told(&wanted).await;
    let came: Vec<&String> = told.iter().map(|(wamid, _)| wamid).filter(|wamid| sent.contains(wamid)).collect();
    assert_eq!(came.len(), 12);
    assert_ne!(came, sent.iter().collect::<Vec<_>>(), "twelve in a row in the order sent");
    meta.stop().await;
}

/// A peer that reads `entry[0].changes[0]` only loses the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_carries_several_entries_changes_and_messages() {
    let (meta, receiver, _) = stage().await;
    meta.faults(json!([{ "kind": "batch", "seconds": 600 }])).await;
    let mut sent = Vec::new();
    for number in meta.numbers().await {
        for nth in 0..4 {
            sent.push(meta.customer_says(&number, LUCIA, &format!("{nth}")).await);
        }
    }
    meta.advance(Duration::from_secs(601)).await;
    let wanted: Vec<(&str, &str)> = sent.iter().map(|wamid| (wamid.as_str(), "message")).collect();
    let told = receiver.until_told(&wanted).await;
    assert_eq!(told.len(), 1 + sent.len(), "each once");
    let heard = receiver.heard();
    assert!(heard.len() <= 4, "sixteen messages in {} bodies", heard.len() - 1);
    let longest = |list: &dyn Fn(&Value) -> usize| heard.iter().map(|heard| list(&heard.body)).max();
    let len = |value: &Value| value.as_array().map_or(0, Vec::len);
    let entries = |body: &Value| body["entry"].as_array().cloned().unwrap_or_default();
    assert!(longest(&|body| len(&body["entry"])) > Some(1), "several entries");
    let changes = |body: &Value| entries(body).iter().map(|entry| len(&entry["changes"])).max().unwrap_or(0);
    assert!(longest(&changes) > Some(1), "several changes");
    let messages = heard.iter().flat_map(|heard| heard.values()).map(|value| len(&value["messages"])).max();
    assert!(messages > Some(1), "several messages");
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_of_days() {
    let (meta, receiver, number) = stage().await;
    let two_days = 2.0 * 86_400.0;
    meta.faults(json!([{ "kind": "delay", "count": 1, "seconds": two_days }])).await;
    let late = meta.customer_says(&number, LUCIA, "tarde").await;
    let soon = meta.customer_says(&number, LUCIA, "pronto").await;
    receiver.until_told(&[(&soon, "message")]).await;
    meta.advance(Duration::from_secs(47 * 3600)).await;
    meta.settle().await;
    assert_eq!(count(&receiver.told(), &late, "message"), 0, "an hour too early");
    meta.advance(Duration::from_secs(3600 + 60)).await;
    receiver.until_told(&[(&late, "message")]).await;
    meta.stop().await;
}

/// The race that loses statuses elsewhere: the webhook is there before the caller knows the message's id.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_status_beats_the_sends_own_answer() {
    let (meta, receiver, number) = stage().await;
    meta.faults(json!([{ "kind": "early_status", "count": 1 }])).await;
    let wamid = meta.business_says(&number, LUCIA, "hola").await;
    let answered = Instant::now();
    assert_eq!(count(&receiver.told(), &wamid, "sent"), 1);
    let heard = receiver.heard();
    assert!(heard.last().expect("a webhook").at < answered);
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_status_never_comes() {
    let (meta, receiver, number) = stage().await;
    meta.faults(json!([{ "kind": "skip_status", "status": "delivered", "count": 1 }])).await;
    let wamid = meta.business_says(&number, LUCIA, "sin entregado").await;
    let told = receiver.until_told(&[(&wamid, "sent"), (&wamid, "read")]).await;
    assert_eq!(count(&told, &wamid, "delivered"), 0);
    let whole = meta.business_says(&number, LUCIA, "con todo").await;
    receiver.until_told(&[(&whole, "sent"), (&whole, "delivered"), (&whole, "read")]).await;
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_status_comes_twice() {
    let (meta, receiver, number) = stage().await;
    meta.faults(json!([{ "kind": "repeat_status", "status": "read", "count": 1 }])).await;
    let wamid = meta.business_says(&number, LUCIA, "hola").await;
    receiver.until_told(&[(&wamid, "read")]).await;
    meta.settle().await;
    let told = receiver.told();
    assert_eq!(count(&told, &wamid, "read"), 2);
    assert_eq!(count(&told, &wamid, "delivered"), 1);
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_storm_repeats_what_was_taken() {
    let (meta, receiver, number) = stage().await;
    meta.faults(json!([{ "kind": "retry_storm", "count": 1, "times": 25 }])).await;
    let wamid = meta.customer_says(&number, LUCIA, "¡tormenta!").await;
    receiver.until("the storm is over", |heard| heard.len() == 1 + 1 + 25).await;
    assert_eq!(count(&receiver.told(), &wamid, "message"), 26);
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_body_comes_again_on_a_schedule_and_is_dropped_after_seven_days() {
    let (meta, receiver, number) = stage().await;
    receiver.reply_next(&[500, 503, 404].map(Reply::Status));
    let wamid = meta.customer_says(&number, LUCIA, "insistente").await;
    for tries in 2..=4 {
        let wanted = 1 + tries - 1;
        receiver.until("it was tried", |heard| heard.len() == wanted).await;
        until("the next try is due", async || {
            meta.posts().await.last().is_some_and(|post| post["tries"].as_array().map(Vec::len) == Some(wanted - 1))
        })
        .await;
        meta.advance(Duration::from_secs(61)).await;
    }
    meta.settle().await;
    assert_eq!(count(&receiver.told(), &wamid, "message"), 4, "three refusals and a 200, the same body each time");
    let bodies: Vec<_> = receiver.heard().into_iter().skip(1).map(|heard| heard.bytes).collect();
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));

    receiver.reply_next(&[500; 200].map(Reply::Status));
    let never = meta.customer_says(&number, LUCIA, "nunca").await;
    receiver.until_told(&[(&never, "message")]).await;
    meta.speed(100_000.0).await;
    until("it is given up", async || {
        let posts = meta.posts().await;
        posts.iter().any(|post| post["wamids"] == json!([never]) && post["state"] == "dropped")
    })
    .await;
    let posts = meta.posts().await;
    let dropped = posts.iter().find(|post| post["state"] == "dropped").expect("the one given up");
    let tries = dropped["tries"].as_array().expect("a list");
    assert!((30..80).contains(&tries.len()), "one second, ten, a minute …, then every four hours: {}", tries.len());
    meta.stop().await;
}

// Graph --------------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn errors_in_mid_run_and_nothing_is_accepted() {
    let (meta, _receiver, number) = stage().await;
    let cases = [(4, 400), (130429, 429), (131056, 400), (131057, 500), (190, 401), (80007, 400), (131016, 503)];
    for (wanted, http) in cases {
        let before = meta.accepted(&number).await.len();
        meta.faults(json!([{ "kind": "error", "code": wanted, "http_status": http, "count": 2 }])).await;
        for _ in 0..2 {
            let (status, answer) = meta.try_send(&number, LUCIA, text("hola")).await.expect("an answer");
            assert_eq!((status, code(&answer)), (http, wanted), "{answer}");
        }
        assert_eq!(meta.accepted(&number).await.len(), before, "a refusal accepts nothing");
        meta.business_says(&number, LUCIA, "otra vez").await;
        assert_eq!(meta.accepted(&number).await.len(), before + 1);
        meta.no_faults().await;
    }
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_by_rate_strikes_its_share() {
    let (meta, _receiver, number) = stage().await;
    meta.faults(json!([{ "kind": "error", "code": 131000, "rate": 0.5 }])).await;
    let mut refused = 0;
    // Read receipts: sends to one customer would meet the pair limit.
    for _ in 0..200 {
        let body = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.unknown" });
        let path = format!("{}/messages", number.phone_number_id);
        let (_, answer) = meta.graph(Method::POST, &path, &number.token, Some(&body)).await;
        refused += usize::from(answer["error"]["code"] == 131000);
    }
    assert!((60..140).contains(&refused), "{refused} of 200 at a rate of one half");
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_html_before_and_after_the_request_is_carried_out() {
    let (meta, _receiver, number) = stage().await;
    for (after, accepted) in [(false, 0), (true, 1)] {
        meta.faults(json!([{ "kind": "html_500", "count": 1, "after_accept": after }])).await;
        let (status, answer) = meta.try_send(&number, LUCIA, text("hola")).await.expect("an answer");
        assert_eq!(status, 500);
        assert!(answer.contains("<html"), "{answer}");
        assert_eq!(meta.accepted(&number).await.len(), accepted);
    }
    meta.stop().await;
}

/// The trap of every retry: no answer, and yet it was sent.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_or_half_of_one_though_it_was_accepted() {
    let (meta, receiver, number) = stage().await;
    for (nth, kind) in ["reset_after_accept", "truncate_answer"].into_iter().enumerate() {
        meta.faults(json!([{ "kind": kind, "count": 1 }])).await;
        let answer = meta.try_send(&number, LUCIA, text(kind)).await;
        assert!(answer.is_err(), "{kind}: {answer:?}");
        let accepted = meta.accepted(&number).await;
        assert_eq!(accepted.len(), nth + 1, "{kind}");
        let wamid = accepted[nth]["id"].as_str().expect("a wamid");
        receiver.until_told(&[(wamid, "sent"), (wamid, "delivered")]).await;
    }
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_before_it_was_carried_out() {
    let (meta, _receiver, number) = stage().await;
    meta.faults(json!([{ "kind": "reset", "count": 1 }])).await;
    let answer = meta.try_send(&number, LUCIA, text("hola")).await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(meta.accepted(&number).await.len(), 0);
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_hangs_before_and_after_and_others_are_served() {
    let (meta, _receiver, number) = stage().await;
    for (after, accepted) in [(false, 0), (true, 1)] {
        meta.faults(json!([{ "kind": "hang", "count": 1, "after_accept": after }])).await;
        let hung = meta.try_send(&number, LUCIA, text("hola"));
        let patience = tokio::time::timeout(Duration::from_millis(400), hung).await;
        assert!(patience.is_err(), "an answer came: {patience:?}");
        assert_eq!(meta.accepted(&number).await.len(), accepted);
    }
    meta.business_says(&number, LUCIA, "y ahora sí").await;
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_slow() {
    let (meta, _receiver, number) = stage().await;
    meta.faults(json!([{ "kind": "slow", "count": 1, "seconds": 0.7 }])).await;
    let begun = Instant::now();
    meta.business_says(&number, LUCIA, "despacio").await;
    assert!(begun.elapsed() >= Duration::from_millis(700));
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_strikes_only_its_number_and_edge() {
    let (meta, _receiver, number) = stage().await;
    let other = meta.numbers().await.remove(1);
    meta.faults(json!([
        { "kind": "error", "code": 131031, "phone_number_id": other.phone_number_id },
        { "kind": "error", "code": 131005, "edge": "media" },
    ]))
    .await;
    meta.business_says(&number, LUCIA, "por aquí sí").await;
    let (_, answer) = meta.try_send(&other, LUCIA, text("por aquí no")).await.expect("an answer");
    assert_eq!(code(&answer), 131031);
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_makes_no_sense_is_refused_in_words() {
    let (meta, _receiver, _number) = stage().await;
    for (fault, word) in [
        (json!([{ "kind": "meteor" }]), "meteor"),
        (json!([{ "kind": "error" }]), "code"),
        (json!([{ "kind": "slow", "rate": 2 }]), "rate"),
        (json!([{ "kind": "slow", "rate": 1, "count": 1 }]), "not both"),
        (json!([{ "kind": "slow", "speed": 3 }]), "speed"),
    ] {
        let (status, answer) = meta.request(Method::POST, "/_sim/faults", None, Some(&fault)).await.expect("an answer");
        assert_eq!(status, 400);
        assert!(answer.contains(word), "{answer}");
    }
    meta.stop().await;
}

// Media --------------------------------------------------------------------------------------------------------------

/// A customer's picture; answers the webhook's object.
async fn picture(meta: &Meta, receiver: &Receiver, number: &SimulatedNumber) -> Value {
    let wamid = meta.customer_sends(number, LUCIA, json!({ "type": "image", "image": {} })).await;
    receiver.until_told(&[(&wamid, "message")]).await;
    let heard = receiver.heard();
    let rows = heard.iter().flat_map(|heard| heard.values()).flat_map(|value| value["messages"].as_array());
    let row = rows.flatten().find(|row| row["id"] == wamid.as_str()).expect("the picture");
    row["image"].clone()
}

async fn look_up(meta: &Meta, number: &SimulatedNumber, image: &Value) -> (u16, Value) {
    meta.graph(Method::GET, image["id"].as_str().expect("an id"), &number.token, None).await
}

async fn download(number: &SimulatedNumber, url: &Value) -> Result<(u16, Vec<u8>), reqwest::Error> {
    let client = e2e::outside::http().user_agent("wazapp-tests").build()?;
    let answer = client.get(url.as_str().expect("a URL")).bearer_auth(&number.token).send().await?;
    let status = answer.status().as_u16();
    Ok((status, answer.bytes().await?.to_vec()))
}

#[tokio::test(flavor = "multi_thread")]
async fn media_that_is_gone() {
    let (meta, receiver, number) = stage().await;
    let image = picture(&meta, &receiver, &number).await;
    let (status, found) = look_up(&meta, &number, &image).await;
    assert_eq!(status, 200, "{found}");
    assert_eq!(download(&number, &found["url"]).await.expect("an answer").0, 200);
    meta.faults(json!([{ "kind": "media_expired" }])).await;
    assert_ne!(look_up(&meta, &number, &image).await.0, 200);
    assert_eq!(download(&number, &found["url"]).await.expect("an answer").0, 404);
    meta.no_faults().await;
    assert_eq!(download(&number, &found["url"]).await.expect("an answer").0, 200);
    meta.advance(Duration::from_secs(301)).await;
    assert_eq!(download(&number, &found["url"]).await.expect("an answer").0, 404, "a URL lives five minutes");
    meta.advance(Duration::from_secs(7 * 86_400)).await;
    assert_ne!(look_up(&meta, &number, &image).await.0, 200, "a customer's file lives seven days");
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_that_lies() {
    use sha2::Digest;
    let (meta, receiver, number) = stage().await;
    let hex =
        |bytes: &[u8]| -> String { sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect() };
    let honest = picture(&meta, &receiver, &number).await;
    let (_, found) = look_up(&meta, &number, &honest).await;
    let (_, bytes) = download(&number, &found["url"]).await.expect("an answer");
    assert_eq!(found["sha256"], hex(&bytes));

    meta.faults(json!([{ "kind": "media_wrong_hash", "count": 1 }])).await;
    let image = picture(&meta, &receiver, &number).await;
    let (_, found) = look_up(&meta, &number, &image).await;
    let (status, bytes) = download(&number, &found["url"]).await.expect("an answer");
    assert_eq!(status, 200);
    assert_ne!(image["sha256"], honest["sha256"], "the same file, another hash");
    assert_ne!(found["sha256"], hex(&bytes), "look-up and webhook tell the same lie");

    meta.no_faults().await;
    meta.faults(json!([{ "kind": "media_wrong_type", "count": 1 }])).await;
    let image = picture(&meta, &receiver, &number).await;
    assert_ne!(image["mime_type"], honest["mime_type"]);
    meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_that_is_slow_or_breaks_off() {
    let (meta, receiver, number) = stage().await;
    let image = picture(&meta, &receiver, &number).await;
    let (_, found) = look_up(&meta, &number, &image).await;
    meta.faults(json!([{ "kind": "slow", "edge": "media", "seconds": 0.5, "count": 1 }])).await;
    let begun = Instant::now();
    assert_eq!(download(&number, &found["url"]).await.expect("an answer").0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(500));
    meta.faults(json!([{ "kind": "media_truncated", "count": 1 }])).await;
    assert!(download(&number, &found["url"]).await.is_err(), "half of the bytes");
    assert_eq!(download(&number, &found["url"]).await.expect("an answer").0, 200);
    meta.stop().await;
}

// A wazapp behind all of it ------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_wazapp_behind_every_webhook_fault_shows_each_message_once() {
    let world = World::simulated().await;
    let organization = world.organization("Café Lucero").await;
    let meta = world.meta();
    let number = meta.numbers().await.remove(0);
    world.connect_simulated(&organization, &number).await;
    meta.faults(json!([
        { "kind": "duplicate", "rate": 0.3 },
        { "kind": "shuffle", "rate": 0.5 },
        { "kind": "repeat_status", "rate": 0.3 },
        { "kind": "retry_storm", "rate": 0.1, "times": 4 },
        { "kind": "early_status", "rate": 0.5 },
        { "kind": "skip_status", "rate": 0.2 },
    ]))
    .await;
    let mut sent = Vec::new();
    for nth in 0..15 {
        let from = format!("52155000000{nth:02}");
        sent.push(meta.customer_says(&number, &from, &format!("hola {nth}")).await);
        sent.push(meta.business_says(&number, &from, &format!("buenas {nth}")).await);
    }
    until("every status that may come has come", async || {
        let posts = meta.posts().await;
        let last = |wamid: &str| {
            posts.iter().any(|post| {
                let body: Value = serde_json::from_str(post["body"].as_str().unwrap_or_default()).unwrap_or_default();
                body.to_string().contains(&format!("{wamid}\",\"status\":\"read"))
            })
        };
        sent.iter().skip(1).step_by(2).all(|wamid| last(wamid))
    })
    .await;
    world.settle().await;
    let rows = world.all_messages(&organization).await;
    for (nth, wamid) in sent.iter().enumerate() {
        let found: Vec<&Value> = rows.iter().filter(|row| row["wamid"] == wamid.as_str()).collect();
        // What the business sent through another program is not shown as a message yet; its statuses are kept.
        assert_eq!(found.len(), usize::from(nth % 2 == 0), "{wamid}: {found:?}");
    }
    world.end().await;
}
