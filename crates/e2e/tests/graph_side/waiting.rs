//! Sends that Meta does not take at once: their sender is told the truth, and may send again what was not sent.

use std::time::Duration;

use e2e::{Options, World};
use serde_json::json;

use super::{LUCIA, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_passes_is_waited_for() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 130429, "count": 1 }])).await;
    let answer = stage.says("despacio").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(stage.accepted().await.len(), 1);
    stage.end().await;
}

/// Programs wait five seconds, or ten: what passes in a moment is tried again within one or two.
#[tokio::test(flavor = "multi_thread")]
async fn a_stumble_of_metas_takes_no_callers_patience() {
    let stage = Stage::new().await;
    for (number, code) in [131016, 2].into_iter().enumerate() {
        stage.world.meta().faults(json!([{ "kind": "error", "code": code, "count": 1 }])).await;
        let began = std::time::Instant::now();
        let answer = stage.says("enseguida").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(began.elapsed() < Duration::from_secs(4), "{code}: {:?}", began.elapsed());
        assert_eq!(stage.accepted().await.len(), number + 1);
    }
    stage.end().await;
}

/// What still waits when its sender's time is over is taken back: whoever sends it again sends it once.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_lasts_is_told_and_nothing_is_sent_later() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 130429 }])).await;
    let refused = "SELECT count(*) FROM wazapp.outbox WHERE error IS NOT NULL AND state = 'queued'";
    let (answer, ()) = tokio::join!(stage.says("nunca"), async {
        stage.world.until("it was refused once", async || stage.world.count(refused).await == 1).await;
        stage.world.advance(Duration::from_secs(30)).await;
    });
    assert_eq!((answer.status, answer.code()), (400, 130429), "{}", answer.body);
    assert_eq!(answer.body["error"]["is_transient"], true);
    stage.world.meta().no_faults().await;
    stage.world.advance(Duration::from_secs(3600)).await;
    let kept = stage.outbound().await.remove(0);
    assert_eq!(kept["status"], "failed", "{kept:#}");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.outbox WHERE state IN ('queued', 'sending')").await, 0);
    let (again, window) = (stage.says("otra vez").await, stage.accepted().await.len());
    assert_eq!((again.status, window), (200, 1), "{}", again.body);
    stage.end().await;
}

/// Nobody waits 25 seconds for what a person must put right.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_meta_refuses_is_not_the_callers_key() {
    let stage = Stage::new().await;
    let number = &stage.number;
    let token = "EAAworthlessworthlessworthless";
    let (phone, waba) = (&number.phone_number_id, &number.waba_id);
    stage.world.connect_with(&stage.organization, phone, waba, None, token).await;
    for _ in 0..2 {
        let answer = stage.says("hola").await;
        assert_eq!((answer.status, answer.code()), (403, 131005), "{}", answer.body);
        assert!(answer.details().contains("Nothing was sent"), "{}", answer.body);
    }
    let answer = stage.get(phone).await;
    assert_eq!((answer.status, answer.code()), (403, 131005), "{}", answer.body);
    stage.world.connect_with(&stage.organization, phone, waba, None, &number.token).await;
    assert_eq!(stage.says("ahora sí").await.status, 200);
    assert_eq!(stage.accepted().await.len(), 1, "what was refused is not sent later");
    stage.end().await;
}

/// What Meta said of an earlier message is not said of this one, of which it was not asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_refusal_is_not_metas_answer() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 131_042, "count": 1 }])).await;
    let answer = stage.says("una").await;
    assert_eq!((answer.status, answer.code()), (400, 131_042), "Meta's own: {}", answer.body);
    let answer = stage.says("otra").await;
    assert_eq!((answer.status, answer.code()), (503, 131_016), "{}", answer.body);
    assert!(answer.details().contains("Nothing was sent") && answer.details().contains("resume"), "{}", answer.body);
    let number = stage.world.read(&stage.organization, "/numbers").await["data"][0]["id"].clone();
    let path = format!("/numbers/{}/resume", number.as_str().unwrap());
    let (status, resumed) = stage.world.post_api(&stage.organization, &path, &json!({})).await;
    assert_eq!(status, 200, "{resumed}");
    assert_eq!(stage.says("y otra").await.status, 200);
    assert_eq!(stage.accepted().await.len(), 1);
    stage.end().await;
}

/// A callback of the number's own that leads elsewhere is seen and taken away through here; ours is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_of_the_number_is_taken_away() {
    let stage = Stage::new().await;
    let number = stage.number.phone_number_id.clone();
    let receiver = e2e::receiver::Receiver::start(stage.world.secret()).await;
    let set = async |url: &str, token: &str| {
        let to = json!({ "override_callback_uri": url, "verify_token": token });
        let body = json!({ "webhook_configuration": to });
        let (status, answer) =
            stage.world.meta().graph(reqwest::Method::POST, &number, &stage.number.token, Some(&body)).await;
        assert_eq!(status, 200, "{answer}");
    };
    let clear = json!({ "webhook_configuration": { "override_callback_uri": "" } });
    let clear = async || stage.ask(reqwest::Method::POST, &number, Some(clear.clone())).await;
    let shown = async || stage.get(&format!("{number}?fields=webhook_configuration")).await.body.to_string();
    set(receiver.url(), e2e::receiver::VERIFY_TOKEN).await;
    assert!(shown().await.contains(receiver.url()));
    let answer = clear().await;
    assert_eq!((answer.status, &answer.body), (200, &json!({ "success": true })));
    assert!(!shown().await.contains(receiver.url()), "{}", shown().await);
    set(&format!("{}/webhook", stage.world.url()), stage.world.verify_token()).await;
    assert_eq!((clear().await.status, clear().await.code()), (403, 3));
    assert!(shown().await.contains(r#""phone_number""#), "{}", shown().await);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_registered_again_goes_on() {
    let stage = Stage::new().await;
    let number = stage.number.phone_number_id.clone();
    let post = async |edge: &str, body| stage.ask(reqwest::Method::POST, &format!("{number}/{edge}"), body).await;
    assert_eq!(post("deregister", None).await.status, 200);
    let answer = stage.says("¿hay alguien?").await;
    assert_eq!(answer.code(), 133010, "{}", answer.body);
    let pin = json!({ "messaging_product": "whatsapp", "pin": "123456" });
    let answer = post("register", Some(pin)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(stage.says("de vuelta").await.status, 200);
    stage.end().await;
}

/// The answer broke after Meta took the message: nobody knows, so nobody is told to send it again.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_called_one_and_sent_once() {
    let stage = Stage::new().await;
    let silence = json!({ "kind": "delay", "seconds": 600.0 });
    stage.world.meta().faults(json!([{ "kind": "reset_after_accept", "count": 1 }, silence])).await;
    let answer = stage.says("¿llegó?").await;
    assert_eq!((answer.status, answer.code()), (400, 1), "{}", answer.body);
    assert_eq!(answer.body["error"]["is_transient"], false);
    let kept = stage.outbound().await.remove(0);
    assert!(answer.details().contains(kept["id"].as_str().unwrap()), "{}", answer.body);
    assert_eq!(kept["status"], "unknown");
    stage.world.meta().no_faults().await;
    stage.world.advance(Duration::from_secs(700)).await;
    stage.world.until("its status tells", async || stage.outbound().await[0]["status"] == "read").await;
    assert_eq!(stage.accepted().await.len(), 1);
    stage.end().await;
}

/// Whoever hangs up gets no answer, and may send again: what has not left by then never does.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_any_more_is_taken_back() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 130429 }])).await;
    let refused = "SELECT count(*) FROM wazapp.outbox WHERE error IS NOT NULL AND state = 'queued'";
    stage.hang_up("cuelgo", refused).await;
    stage.world.until("it is taken back", async || stage.outbound().await[0]["status"] == "failed").await;
    assert_eq!(stage.outbound().await[0]["error"]["code"], "cancelled");
    stage.world.meta().no_faults().await;
    stage.world.advance(Duration::from_secs(3600)).await;
    assert_eq!(stage.accepted().await.len(), 0);
    stage.end().await;
}

/// The same while Meta has it and is slow to refuse it: it went back into the queue, and left after its sender had sent it
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn what_meta_refuses_after_its_sender_left_is_not_tried_again() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 130429, "count": 1, "seconds": 1.5 }])).await;
    stage.hang_up("cuelgo", "SELECT count(*) FROM wazapp.outbox WHERE state = 'sending'").await;
    let over = async || stage.outbound().await[0]["status"] == "failed";
    stage.world.until("it is given up", over).await;
    stage.world.advance(Duration::from_secs(15)).await;
    assert_eq!(stage.says("otra vez").await.status, 200);
    let accepted: Vec<_> =
        stage.accepted().await.into_iter().map(|sent| sent["request"]["text"]["body"].clone()).collect();
    assert_eq!(accepted, ["otra vez"]);
    stage.end().await;
}

/// A message whose file is still on its way to Meta was not sent, and its sender is told so.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_reach_meta_keeps_nobody_guessing() {
    let stage = Stage::new().await;
    let id = super::media::uploaded(&stage, &stage.organization.key, &stage.number).await;
    // Meta keeps no file so long: it is brought there anew.
    stage.world.advance(Duration::from_secs(30 * 86400)).await;
    stage.world.meta().customer_says(&stage.number, LUCIA, "¿Me mandas la foto?").await;
    stage.world.settle().await;
    stage.world.meta().faults(json!([{ "kind": "hang", "edge": "media" }])).await;
    let image = json!({ "to": LUCIA, "type": "image", "image": { "id": id } });
    let preparing = "SELECT count(*) FROM wazapp.outbox WHERE preparing AND state = 'sending'";
    let (answer, ()) = tokio::join!(stage.send(image.clone()), async {
        stage.world.until("its file is on its way", async || stage.world.count(preparing).await == 1).await;
        stage.world.advance(Duration::from_secs(30)).await;
    });
    assert_eq!((answer.status, answer.code()), (500, 131016), "{}", answer.body);
    assert_eq!(answer.body["error"]["is_transient"], true);
    assert_eq!(stage.outbound().await[0]["status"], "failed");
    stage.world.meta().no_faults().await;
    assert_eq!(stage.send(image).await.status, 200);
    stage.world.until("nothing is under way", async || stage.world.count(preparing).await == 0).await;
    assert_eq!(stage.accepted().await.len(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_database_is_an_error_of_metas_kind() {
    let world = World::with(Options { proxied: true, ..Options::default() }).await;
    let organization = world.organization("Café Lucero").await;
    world.connect(&organization, "4711", "4712", None).await;
    world.proxy().cut();
    let url = format!("{}/v23.0/4711/messages", world.url());
    let body = json!({ "messaging_product": "whatsapp", "to": LUCIA, "text": { "body": "hola" } });
    let request = world.client().post(url).bearer_auth(&organization.key).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let body: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!((&body["error"]["code"], &body["error"]["is_transient"]), (&json!(2), &json!(true)), "{body}");
    world.proxy().mend();
    world.end().await;
}
