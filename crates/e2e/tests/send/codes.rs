//! Every code that Meta refuses with, at the call and as a failed status: what is said of a code is done.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use whatsapp::graph::{Failure, MetaError};
use whatsapp::verdict::{Explanation, Rest, Verdict, explain, verdict};

use super::{Stage, id};

/// Codes of Meta's page that the simulator has no reason to give by itself, and three that nobody has heard of.
const MORE: &[(std::ops::RangeInclusive<i64>, u16)] = &[
    (17..=17, 400),
    (201..=201, 403),
    (299..=299, 403),
    (130_501..=130_501, 400),
    (131_014..=131_014, 400),
    (131_020..=131_020, 400),
    (131_035..=131_036, 400),
    (131_044..=131_044, 400),
    (131_059..=131_060, 400),
    (131_063..=131_064, 400),
    (131_201..=131_215, 400),
    (133_000..=133_000, 500),
    (134_011..=134_011, 400),
    (134_101..=134_102, 400),
    (138_001..=138_018, 400),
    (139_001..=139_004, 400),
    (139_102..=139_103, 500),
    (141_002..=141_002, 400),
    (147_005..=147_005, 400),
    (200_005..=200_007, 400),
    (1_752_041..=1_752_041, 400),
    (2_388_001..=2_388_001, 400),
    (2_388_012..=2_388_012, 400),
    (2_388_091..=2_388_091, 400),
    (2_388_093..=2_388_093, 400),
    (2_388_103..=2_388_103, 400),
    (2_388_318..=2_388_318, 400),
    (2_388_330..=2_388_330, 400),
    (2_494_100..=2_494_100, 400),
    (2_593_079..=2_593_079, 400),
    (2_593_085..=2_593_085, 400),
    (987_652..=987_652, 400),
    (987_653..=987_653, 401),
    (987_654..=987_654, 429),
    (987_655..=987_655, 500),
];

/// Each code with its usual status.
fn codes() -> BTreeMap<i64, u16> {
    let known = simulator::TABLE.iter().map(|known| (known.code, known.http));
    known.chain(MORE.iter().flat_map(|(codes, http)| codes.clone().map(|code| (code, *http)))).collect()
}

/// What is to be done at the first refusal with this code.
fn judged(code: i64, http: u16) -> Verdict {
    let error = MetaError {
        http,
        code,
        subcode: None,
        kind: None,
        message: String::new(),
        details: None,
        user_title: None,
        user_message: None,
        transient: false,
        fbtrace_id: None,
    };
    verdict(&Failure::Refused(Box::new(error)), 0)
}

fn says(shown: &Value, code: i64, words: &Explanation) -> bool {
    shown["code"] == code
        && shown["message"].as_str().is_some_and(|text| !text.is_empty())
        && (shown["advice"]["en"] == words.en && shown["advice"]["es"] == words.es)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_at_the_call_is_obeyed() {
    let stage = Stage::new().await;
    let (world, organization) = (&stage.world, &stage.organization);
    let template = stage.template().await;
    let all = world.meta().numbers().await;
    let sibling = all
        .iter()
        .find(|other| other.waba_id == stage.number.waba_id && other.phone_number_id != stage.number.phone_number_id);
    let stranger = all.iter().find(|other| other.waba_id != stage.number.waba_id);
    let (sibling, stranger) = (sibling.expect("a sibling"), stranger.expect("another account"));
    world.connect_simulated(organization, sibling).await;
    world.connect_simulated(organization, stranger).await;
    let rests = async |number: &e2e::SimulatedNumber| {
        let numbers = world.read(organization, "/numbers").await;
        let rows = numbers["data"].as_array().expect("a list");
        let row = rows.iter().find(|row| row["phone_number_id"] == number.phone_number_id.as_str());
        row.expect("the number")["send_paused"].clone()
    };
    let sql = world.sql().await;
    let began = std::time::Instant::now();
    let codes = codes();
    assert!(codes.len() > 150, "{}", codes.len());
    for (nth, (&code, &http)) in codes.iter().enumerate() {
        let fault = json!([{ "kind": "error", "code": code, "http_status": http, "count": 1 }]);
        world.meta().faults(fault).await;
        let to = format!("346{nth:08}");
        let body = json!({ "number_id": stage.number_id, "to": to, "type": "template", "template": template });
        let (status, answer) = world.post_api(organization, "/messages", &body).await;
        assert_eq!(status, 202, "{answer}");
        let message_id = id(&answer);
        let heard = "SELECT NOT EXISTS (SELECT FROM wazapp.outbox q WHERE q.message_id = $1
                       AND (q.attempts = 0 OR q.state = 'sending'))";
        let message_uuid: uuid::Uuid = message_id.parse().expect("an id");
        let heard =
            async || sql.query_one(heard, &[&message_uuid]).await.expect("the statement runs").get::<_, bool>(0);
        world.until(&format!("{code} is heard"), heard).await;

        let message = stage.message(&message_id).await;
        let waits = sql
            .query_opt(
                "SELECT q.state, extract(epoch FROM q.send_at - now())::float8, q.error::text,
                        extract(epoch FROM r.next_at - now())::float8
                 FROM wazapp.outbox q JOIN wazapp.pair_pace r USING (organization_id, number_id, recipient)
                 WHERE q.message_id = $1",
                &[&message_uuid],
            )
            .await
            .expect("the statement runs");
        let (own, beside) = (rests(&stage.number).await, rests(sibling).await);
        assert!(rests(stranger).await.is_null(), "{code}: another account goes on");
        let error: Option<Value> =
            waits.as_ref().and_then(|row| serde_json::from_str(row.get::<_, Option<&str>>(2)?).ok());
        let words = explain(code);
        let verdict = judged(code, http);
        let kept = |seconds: Duration, is: f64| (is - seconds.as_secs_f64()).abs() < 5.0;
        let until = |rest: Rest, pause: &Value| match rest {
            Rest::UntilPerson => pause["until"].is_null(),
            Rest::For(_) => pause["until"].is_string(),
        };
        let (failed, queued) = (message["status"] == "failed", message["status"] == "sending" && waits.is_some());
        let done = match verdict {
            // Its deadline, of a day, ends before.
            Verdict::RetryAfter(wait) if wait >= Duration::from_secs(86_400) => {
                failed && says(&message["error"], code, words) && own.is_null()
            }
            Verdict::RetryAfter(wait) => {
                queued && kept(wait, waits.as_ref().expect("queued").get(1)) && own.is_null() && beside.is_null()
            }
            // 44 more would be ahead of it.
            Verdict::PausePair(wait) => {
                let ahead = wait + Duration::from_secs(44 * 6);
                queued && kept(ahead, waits.as_ref().expect("queued").get(3)) && own.is_null() && beside.is_null()
            }
            Verdict::PauseNumber { rest, .. } => {
                queued && says(&own["reason"], code, words) && until(rest, &own) && beside.is_null()
            }
            Verdict::PauseAccount { rest, .. } => {
                queued && says(&own["reason"], code, words) && until(rest, &own) && own == beside
            }
            Verdict::AskPerson(words) | Verdict::GiveUp(words) => {
                failed && says(&message["error"], code, words) && own.is_null() && beside.is_null()
            }
            Verdict::SettleByStatus => message["status"] == "unknown" && own.is_null() && beside.is_null(),
        };
        assert!(done, "{code}: {verdict:?}, and yet {message:#} {waits:?} {own} {beside}");
        if !failed {
            let error = error.expect("why it waits");
            assert!(says(&error, code, words), "{code}: {error}");
        }
        // What waits is taken back, and the numbers go on.
        if queued {
            assert_eq!(world.delete(organization, &format!("/messages/{message_id}")).await.0, 200, "{code}");
        }
        if !own.is_null() {
            world.connect_simulated(organization, &stage.number).await;
            world.connect_simulated(organization, sibling).await;
        }
    }
    eprintln!("{} codes in {:?}", codes.len(), began.elapsed());
    assert_eq!(stage.accepted().await.len(), 0);
    let next = stage.send(super::text("y ahora")).await;
    stage.until(&next, "read").await;
    drop(sql);
    world.settle().await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_as_a_failed_status_is_told_with_its_meaning() {
    let stage = Stage::new().await;
    let world = &stage.world;
    let template = stage.template().await;
    // Meta itself says nothing for now.
    world.meta().faults(json!([{ "kind": "delay", "seconds": 1e6 }])).await;
    let codes: Vec<i64> = codes().into_keys().collect();
    let sends = codes.iter().enumerate().map(|(nth, &code)| {
        let (stage, template) = (&stage, &template);
        async move {
            let to = format!("346{nth:08}");
            let body = json!({ "number_id": stage.number_id, "to": to, "type": "template", "template": template });
            let (status, answer) = stage.world.post_api(&stage.organization, "/messages", &body).await;
            assert_eq!(status, 202, "{answer}");
            (id(&answer), code, to)
        }
    });
    let sent: Vec<(String, i64, String)> = futures::stream::iter(sends).buffer_unordered(16).collect().await;
    stage.sent().await;
    let mut failed = Vec::new();
    for (message_id, code, to) in &sent {
        let wamid = stage.message(message_id).await["wamid"].as_str().expect("Meta's id").to_owned();
        let mut status = e2e::body::status_of(&wamid, "failed", world.now().as_second(), to);
        status["biz_opaque_callback_data"] = json!(message_id);
        status["errors"] = json!([{ "code": code, "title": "As Meta calls it", "message": "As Meta calls it" }]);
        failed.push(status);
    }
    world.receive(&e2e::body::value(&stage.number.phone_number_id, &json!({ "statuses": failed }))).await;
    for (message_id, code, _) in &sent {
        let message = stage.message(message_id).await;
        assert_eq!(message["status"], "failed", "{code}: {message:#}");
        assert!(says(&message["error"][0], *code, explain(*code)), "{code}: {message:#}");
    }
    let told = world.events(&stage.organization, "message.status").await;
    let told = told.iter().filter(|event| event["data"]["errors"][0]["advice"]["es"].is_string());
    assert_eq!(told.count(), codes.len());
    // A status stops nobody: the number goes on.
    assert_eq!(world.count("SELECT count(*) FROM wazapp.number_pace WHERE pause_reason IS NOT NULL").await, 0);
    world.meta().no_faults().await;
    world.advance(Duration::from_secs(1_000_001)).await;
    world.settle().await;
    stage.world.end().await;
}
