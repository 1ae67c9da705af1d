//! What is not taken is tried again, and what becomes of an endpoint that takes nothing.

use std::time::Duration;

use e2e::receiver::{Receiver, Reply};
use e2e::{World, body};
use serde_json::json;

use super::{acme, add, until_deliveries, wamids, write, write_from};

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_slept_hears_once_it_is_awake() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    for (nth, status) in [502, 546, 504, 429].into_iter().enumerate() {
        hook.reply_next(&[Reply::Status(status)]);
        write(&world, nth).await;
        let told = hook.until_count(2 * nth + 2).await;
        let [first, second] = [&told[2 * nth], &told[2 * nth + 1]];
        assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
        assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"), "signed anew");
    }
    let deliveries = until_deliveries(&world, &acme, &made, &["delivered"; 4]).await;
    assert!(deliveries.iter().all(|one| one["tries"] == 2), "{deliveries:#?}");
    let one = world.read(&acme, &format!("/deliveries/{}", deliveries[3]["id"].as_str().unwrap())).await;
    let attempts: Vec<_> = one["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["status"]).collect();
    assert_eq!(attempts, [&json!(502), &json!(200)]);
    assert_eq!(one["attempts"][0]["answer"], "answered 502");
    // As soon as its schedule says, which is within three seconds (`the_second_try_is_soon…`): how long a busy machine takes
    // beyond that is not for a test to say.
    let pauses = world.sql().await;
    let early = "SELECT count(*) FROM wazapp.delivery_attempt a JOIN wazapp.delivery_attempt b USING (organization_id, delivery_id)
                 WHERE a.number = 1 AND b.number = 2 AND b.at - a.at < interval '2 seconds'";
    let early: i64 = pauses.query_one(early, &[]).await.unwrap().get(0);
    assert_eq!(early, 0, "a function is given its time");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_not_told_again() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    hook.reply_next(&[Reply::Status(400), Reply::Status(422)]);
    write(&world, 1).await;
    until_deliveries(&world, &acme, &made, &["failed"]).await;
    write(&world, 2).await;
    until_deliveries(&world, &acme, &made, &["failed", "failed"]).await;
    let third = write(&world, 3).await;
    until_deliveries(&world, &acme, &made, &["delivered", "failed", "failed"]).await;
    assert_eq!(wamids(&hook.heard())[2..], [third], "each was told once");
    // People may have it told again.
    let failed = world.read(&acme, &format!("/endpoints/{}/deliveries?state=failed", made.id)).await;
    let id = failed["data"][0]["id"].as_str().unwrap();
    assert_eq!(world.post_api(&acme, &format!("/deliveries/{id}/retry"), &json!({})).await.0, 202);
    until_deliveries(&world, &acme, &made, &["delivered", "delivered", "failed"]).await;
    let replay = format!("/endpoints/{}/replay", made.id);
    let (status, replayed) = world.post_api(&acme, &replay, &json!({ "after": 0 })).await;
    assert_eq!((status, &replayed["deliveries"]), (202, &json!(3)), "{replayed}");
    until_deliveries(&world, &acme, &made, &["delivered"; 3]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_is_kept_for_three_days_and_the_endpoint_says_when() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    hook.reply_next(&[Reply::With(503, "retry-after", "3600".into())]);
    write(&world, 1).await;
    let waiting = until_deliveries(&world, &acme, &made, &["waiting"]).await;
    let due: jiff::Timestamp = waiting[0]["due_at"].as_str().unwrap().parse().unwrap();
    assert!(due.duration_since(world.now()) > jiff::SignedDuration::from_mins(59), "{due}");
    hook.reply_usually(Reply::Status(500));
    for tries in 2..=12 {
        world.advance(Duration::from_secs(40 * 3600)).await;
        hook.until_count(tries).await;
        if tries < 3 {
            let state = format!("/endpoints/{}/deliveries", made.id);
            let settled = async || {
                let one = &world.read(&acme, &state).await["data"][0];
                one["state"] == "waiting" && one["tries"] == json!(tries)
            };
            world.until("the call is settled", settled).await;
        } else {
            // Whoever took nothing for three days is turned off, and told elsewhere; nothing of it is lost.
            break;
        }
    }
    let endpoint = format!("/endpoints/{}", made.id);
    world.until("it is off", async || world.read(&acme, &endpoint).await["state"] == "off").await;
    let off = world.read(&acme, &endpoint).await;
    assert_eq!(off["trouble"]["code"], "endpoint_failing", "{off}");
    assert!(off["trouble"]["message"].as_str().unwrap().contains("500"), "{off}");
    let told = world.events(&acme, "endpoint.updated").await;
    assert_eq!(told.len(), 1, "once: {told:#?}");
    assert_eq!(told[0]["data"]["state"], "off");
    hook.reply_usually(Reply::Status(200));
    let (status, on) = world.patch(&acme, &endpoint, &json!({ "state": "on" })).await;
    assert_eq!((status, &on["state"], &on["trouble"]), (200, &json!("on"), &json!(null)));
    until_deliveries(&world, &acme, &made, &["delivered"]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_was_off_is_told_exactly_its_gap() {
    let (world, hook, other) = (World::new().await, Receiver::open().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    let others = add(&world, &acme, &other, &json!({})).await;
    write(&world, 1).await;
    until_deliveries(&world, &acme, &made, &["delivered"]).await;
    let path = |made: &super::Made| format!("/endpoints/{}", made.id);
    for made in [&made, &others] {
        assert_eq!(world.patch(&acme, &path(made), &json!({ "state": "off" })).await.0, 200);
    }
    let mut gap = Vec::new();
    for nth in 2..6 {
        gap.push(write(&world, nth).await);
    }
    assert_eq!(world.patch(&acme, &path(&made), &json!({ "state": "on" })).await.0, 200);
    assert_eq!(world.patch(&acme, &path(&others), &json!({ "state": "on", "resume": "now" })).await.0, 200);
    let last = write(&world, 6).await;
    let mut told = wamids(&hook.until_count(6).await);
    told.sort_unstable();
    gap.push(last.clone());
    assert_eq!(told[1..], gap, "each once");
    assert_eq!(wamids(&other.until_count(2).await)[1..], [last], "from now on");
    until_deliveries(&world, &acme, &made, &["delivered"; 6]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_called_no_more() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    hook.reply_next(&[Reply::Status(410)]);
    write(&world, 1).await;
    let path = format!("/endpoints/{}", made.id);
    world.until("it is gone", async || world.read(&acme, &path).await["state"] == "gone").await;
    let waiting = until_deliveries(&world, &acme, &made, &["waiting"]).await;
    write(&world, 2).await;
    let retry = format!("/deliveries/{}/retry", waiting[0]["id"].as_str().unwrap());
    for again in [format!("{path}/test"), retry] {
        let (status, refused) = world.post_api(&acme, &again, &json!({})).await;
        assert_eq!(status, 409, "{again}: {refused}");
    }
    assert_eq!(hook.heard().len(), 1);
    // Turned off by people on top of it, and then on again, it is told all that it did not hear.
    assert_eq!(world.patch(&acme, &path, &json!({ "state": "off" })).await.0, 200);
    assert_eq!(world.patch(&acme, &path, &json!({ "state": "on" })).await.0, 200);
    let mut told = wamids(&hook.until_count(3).await[1..]);
    told.sort_unstable();
    assert_eq!(told, ["wamid.5215512345678.1", "wamid.5215512345678.2"]);
    until_deliveries(&world, &acme, &made, &["delivered"; 2]).await;
    assert_eq!(world.delete(&acme, &path).await.0, 200);
    assert_eq!(world.get(&acme, &path).await.0, 404);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_or_never_ends_holds_up_nobody_else() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let dead = Receiver::open().await;
    dead.reply_usually(Reply::Hang);
    let endless = Receiver::open().await;
    endless.reply_usually(Reply::Endless);
    let hangs = add(&world, &acme, &dead, &json!({})).await;
    let never_ends = add(&world, &acme, &endless, &json!({})).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    for nth in 0..20 {
        write(&world, nth).await;
    }
    hook.until_count(20).await;
    until_deliveries(&world, &acme, &made, &["delivered"; 20]).await;
    until_deliveries(&world, &acme, &never_ends, &["delivered"; 20]).await;
    assert!(dead.heard().len() <= 2, "one that never took anything is called twice at once: {}", dead.heard().len());
    let waiting = world.read(&acme, &format!("/endpoints/{}/deliveries?state=delivered", hangs.id)).await;
    assert_eq!(waiting["data"], json!([]));
    let answer = world.read(&acme, &format!("/endpoints/{}/deliveries", never_ends.id)).await;
    assert_eq!(answer["data"][0]["last_attempt"]["answer"].as_str().unwrap().len(), 2048);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_order_of_each_conversation_one_is_told_at_a_time() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({ "in_order": true })).await;
    hook.reply_next(&[Reply::Status(500)]);
    let mut ana = vec![write(&world, 0).await];
    for nth in 1..4 {
        ana.push(write(&world, nth).await);
    }
    let luis = write_from(&world, "5215599999999", 9).await;
    until_deliveries(&world, &acme, &made, &["delivered"; 5]).await;
    let told = wamids(&hook.heard());
    let anas: Vec<_> = told.iter().filter(|wamid| **wamid != luis).cloned().collect();
    assert_eq!(anas[0], ana[0]);
    assert_eq!(anas[1..], ana, "what failed held up what came behind it");
    assert!(told.iter().position(|wamid| *wamid == luis).unwrap() <= 2, "and nobody else: {told:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_customer_writes_in_a_row_is_told_together() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let gather = json!({ "gather": { "quiet_ms": 1500, "most_ms": 20_000 } });
    let made = add(&world, &acme, &hook, &gather).await;
    let mut row = Vec::new();
    for nth in 0..5 {
        row.push(write(&world, nth).await);
    }
    let told = hook.until_count(1).await[0].body.clone();
    let events = told["events"].as_array().unwrap();
    let together: Vec<_> = events.iter().map(|event| event["data"]["wamid"].as_str().unwrap()).collect();
    assert_eq!(together, row);
    assert_eq!(told["conversation_id"], events[0]["conversation_id"]);
    until_deliveries(&world, &acme, &made, &["delivered"; 5]).await;
    assert_eq!(hook.heard().len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_nobody_settled_is_called_again() {
    let (mut world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    hook.reply_next(&[Reply::Hang]);
    write(&world, 1).await;
    hook.until_count(1).await;
    // As a node leaves it that died behind the call.
    world.stop().await;
    world
        .sql()
        .await
        .batch_execute("UPDATE wazapp.delivery SET state = 'calling', ended_at = NULL, due_at = now()")
        .await
        .unwrap();
    world.restart().await;
    let told = hook.until_count(2).await;
    assert_eq!(told[0].header("webhook-id"), told[1].header("webhook-id"));
    until_deliveries(&world, &acme, &made, &["delivered"]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_begin_anew_has_its_whole_schedule() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    hook.reply_next(&[404, 404, 404, 404, 404].map(Reply::Status));
    write(&world, 1).await;
    let path = format!("/endpoints/{}/deliveries", made.id);
    for tries in 1..=5 {
        let settled = async || {
            let one = world.read(&acme, &path).await["data"][0].clone();
            one["tries"] == tries && one["state"] != "calling"
        };
        world.until("the call is settled", settled).await;
        world.advance(Duration::from_secs(3600)).await;
    }
    let failed = until_deliveries(&world, &acme, &made, &["failed"]).await;
    hook.reply_next(&[Reply::Status(503)]);
    let retry = format!("/deliveries/{}/retry", failed[0]["id"].as_str().unwrap());
    assert_eq!(world.post_api(&acme, &retry, &json!({})).await.0, 202);
    until_deliveries(&world, &acme, &made, &["delivered"]).await;
    assert_eq!(hook.heard().len(), 7, "the 503 was tried once more");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_by_its_status_whatever_comes_of_its_body() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    hook.reply_next(&[Reply::BreaksOff(200)]);
    write(&world, 1).await;
    let taken = until_deliveries(&world, &acme, &made, &["delivered"]).await;
    assert_eq!((&taken[0]["tries"], &taken[0]["last_attempt"]["status"]), (&json!(1), &json!(200)), "{taken:#?}");
    assert!(taken[0]["last_attempt"]["error"].as_str().unwrap().contains("broke off"), "{taken:#?}");
    hook.reply_next(&[Reply::BreaksOff(410)]);
    write(&world, 2).await;
    let path = format!("/endpoints/{}", made.id);
    world.until("it is gone", async || world.read(&acme, &path).await["state"] == "gone").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_url_answers_late_says_nothing_of_the_one_that_is_called_now() {
    let (world, old, new) = (World::new().await, Receiver::open().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &old, &json!({})).await;
    old.reply_next(&[Reply::Late(Duration::from_secs(3), 410)]);
    write(&world, 1).await;
    old.until_count(1).await;
    let path = format!("/endpoints/{}", made.id);
    assert_eq!(world.patch(&acme, &path, &json!({ "url": new.url() })).await.0, 200);
    let attempted = "SELECT count(*) FROM wazapp.delivery_attempt WHERE status = 410";
    world.until("the late answer is written down", async || world.count(attempted).await == 1).await;
    until_deliveries(&world, &acme, &made, &["delivered"]).await;
    let endpoint = world.read(&acme, &path).await;
    assert_eq!((&endpoint["state"], &endpoint["failures"]), (&json!("on"), &json!(0)), "{endpoint}");
    assert_eq!(wamids(&new.heard()), ["wamid.5215512345678.1"], "what the old one did not take");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_asks_for_a_pause_is_told_nothing_until_it_is_over() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    hook.reply_next(&[Reply::With(429, "retry-after", "600".into())]);
    write(&world, 1).await;
    until_deliveries(&world, &acme, &made, &["waiting"]).await;
    let resting = "SELECT count(*) FROM wazapp.endpoint WHERE rests_until IS NOT NULL";
    world.until("it rests", async || world.count(resting).await == 1).await;
    write(&world, 2).await;
    until_deliveries(&world, &acme, &made, &["waiting"; 2]).await;
    assert_eq!(hook.heard().len(), 1);
    world.advance(Duration::from_secs(700)).await;
    until_deliveries(&world, &acme, &made, &["delivered"; 2]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_of_a_suspended_organization_wait() {
    let (world, hook, others) = (World::new().await, Receiver::open().await, Receiver::open().await);
    let acme = acme(&world).await;
    let other = world.organization("Other").await;
    world.connect(&other, "106540352242923", "1", None).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    let of_other = add(&world, &other, &others, &json!({})).await;
    let suspend = async |suspended| {
        let tx = world.database().operator().await.unwrap();
        model::organization::suspend(&tx, world.now(), &acme.scope, suspended).await.unwrap();
        tx.commit().await.unwrap();
    };
    suspend(true).await;
    write(&world, 1).await;
    world.receive(&e2e::body::text("106540352242923", "5215512345678", "wamid.other", super::AT, "hi")).await;
    until_deliveries(&world, &other, &of_other, &["delivered"]).await;
    assert_eq!(hook.heard().len(), 0);
    suspend(false).await;
    until_deliveries(&world, &acme, &made, &["delivered"]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_at_once_both_are_there() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let path = format!("/endpoints/{}", add(&world, &acme, &hook, &json!({})).await.id);
    for nth in 1..=10 {
        let said = [json!({ "description": format!("the {nth}th") }), json!({ "concurrency": nth })];
        let [one, other] = said.each_ref().map(|said| world.patch(&acme, &path, said));
        let (one, other) = tokio::join!(one, other);
        assert_eq!((one.0, other.0), (200, 200), "{one:?} {other:?}");
        let now = world.read(&acme, &path).await;
        assert_eq!((&now["description"], &now["concurrency"]), (&json!(format!("the {nth}th")), &json!(nth)));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_together_comes_again_as_it_was() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({ "gather": { "quiet_ms": 500, "most_ms": 20_000 } })).await;
    hook.reply_next(&[503, 503].map(Reply::Status));
    write(&world, 1).await;
    write(&world, 2).await;
    hook.until_count(1).await;
    // What comes meanwhile neither joins what failed, nor uses up its tries.
    for nth in 3..6 {
        write(&world, nth).await;
    }
    until_deliveries(&world, &acme, &made, &["delivered"; 5]).await;
    let heard = hook.heard();
    let first = heard[0].header("webhook-id");
    let again: Vec<_> = heard.iter().filter(|call| call.header("webhook-id") == first).collect();
    assert!(again.len() >= 2 && again.iter().all(|call| call.bytes == heard[0].bytes), "{heard:#?}");
    let mut each: Vec<(String, String)> = Vec::new();
    for call in heard.iter().filter(|call| call.status == 200) {
        for event in call.body["events"].as_array().unwrap() {
            each.push((call.header("webhook-id").to_owned(), event["data"]["wamid"].as_str().unwrap().to_owned()));
        }
    }
    let mut wamids: Vec<_> = each.iter().map(|(_, wamid)| wamid.as_str()).collect();
    wamids.sort_unstable();
    assert_eq!(wamids, (1..6).map(|nth| format!("wamid.5215512345678.{nth}")).collect::<Vec<_>>(), "each taken once");
    let tries =
        "SELECT max(tries)::int8 FROM wazapp.delivery WHERE sequence = (SELECT min(sequence) FROM wazapp.delivery)";
    assert!(world.count(tries).await <= 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_gone_is_told_no_more_and_is_nobodys_fault() {
    let (world, hook) = (World::new().await, Receiver::open().await);
    let acme = acme(&world).await;
    let made = add(&world, &acme, &hook, &json!({})).await;
    hook.reply_next(&[Reply::Status(503)]);
    write(&world, 1).await;
    hook.until_count(1).await;
    // As retention lets go of a log.
    let gone = "UPDATE wazapp.retention r SET oldest_event = s.last + 1 FROM wazapp.organization_sequence s
                WHERE s.organization_id = r.organization_id; DELETE FROM wazapp.event";
    world.sql().await.batch_execute(gone).await.unwrap();
    until_deliveries(&world, &acme, &made, &["skipped"]).await;
    let endpoint = world.read(&acme, &format!("/endpoints/{}", made.id)).await;
    assert_eq!((&endpoint["state"], &endpoint["failures"]), (&json!("on"), &json!(1)), "the 503 alone");
    assert_eq!(hook.heard().len(), 1);
    world.end().await;
}

/// Those that are dead hold up nobody: each of the others is told of everything, soon. `WAZAPP_ENDPOINTS=1000
/// WAZAPP_ENDPOINTS_SECONDS=20` has so many for so long, at 500 events a second, and tells how late they were told.
#[tokio::test(flavor = "multi_thread")]
async fn one_in_ten_is_dead_and_the_others_are_told_soon() {
    let asked = |name: &str, usual: usize| std::env::var(name).map_or(usual, |text| text.parse().expect("a number"));
    let (endpoints, seconds) = (asked("WAZAPP_ENDPOINTS", 20), asked("WAZAPP_ENDPOINTS_SECONDS", 1));
    let (world, hook, dead) = (World::new().await, Receiver::open().await, Receiver::open().await);
    dead.reply_usually(Reply::Hang);
    for nth in 0..endpoints {
        let organization = world.organization(&format!("Org {nth}")).await;
        world.connect(&organization, &format!("9{nth:08}"), &format!("8{nth:08}"), None).await;
        let at = if nth % 10 == 0 { &dead } else { &hook };
        add(&world, &organization, at, &json!({})).await;
    }
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let (mut number, mut wanted) = ((0..endpoints).cycle(), Vec::new());
    for nth in 0..seconds * 50 {
        tick.tick().await;
        let one = |of: usize| {
            let (at, wamid) = (number.next().expect("an endless row"), format!("wamid.{nth}.{of}"));
            if at % 10 != 0 {
                wanted.push(wamid.clone());
            }
            let text = body::text_message("5215512345678", &wamid, super::AT, "hola");
            let change = body::change(&format!("9{at:08}"), "messages", &json!({ "messages": [text] }));
            body::envelope(&[body::entry(&format!("8{at:08}"), &[change])])
        };
        let bodies: Vec<_> = (0..10).map(one).collect();
        futures::future::join_all(bodies.iter().map(|body| world.take(body))).await;
    }
    let heard = hook.until_count(wanted.len()).await;
    let mut told = wamids(&heard);
    told.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(told, wanted, "each once");
    let late = "SELECT percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY (extract(epoch FROM a.at - m.received_at) * 1000)::int8)
                FROM wazapp.delivery_attempt a JOIN wazapp.delivery d ON d.organization_id = a.organization_id AND d.id = a.delivery_id
                JOIN wazapp.event e ON e.organization_id = d.organization_id AND e.sequence = d.sequence
                JOIN wazapp.message m ON m.organization_id = e.organization_id AND m.id = e.subject_id
                WHERE a.status = 200";
    let attempts = format!("SELECT {} - count(*) FROM wazapp.delivery_attempt WHERE status = 200", wanted.len());
    world.until("all is written down", async || world.count(&attempts).await == 0).await;
    let late: Vec<i64> = world.sql().await.query_one(late, &[]).await.unwrap().get(0);
    eprintln!(
        "{endpoints} endpoints, {} events: told {} ms after they were received at the median, {} ms at p99",
        seconds * 500,
        late[0],
        late[1]
    );
    world.end().await;
}
