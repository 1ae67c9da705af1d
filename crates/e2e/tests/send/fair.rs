//! Whoever is stuck, or has ten thousand to send, holds up nobody else.

use std::time::{Duration, Instant};

use e2e::{Organization, SimulatedNumber, World};
use model::event;
use model::link::Link;
use model::message::Key;
use model::outbox::{self, Claimed, Echo, Outcome, Pause, Settled, Taken, Turn};
use model::trouble::Trouble;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{LUCIA, MARTIN, Stage, id, text};

/// Others' sends start within this.
const SOON: Duration = Duration::from_secs(2);

const BULK: usize = 10_000;

/// Makes `pg_temp.queue`: it queues to so many people (or, of one conversation, so many messages) from numbers whose id at
/// Meta matches, as rows of the same shape as `outbox::enqueue` writes, in a moment.
const QUEUE: &str = "
CREATE FUNCTION pg_temp.queue(numbers text, people int, each int, body json, send_at timestamptz) RETURNS void
LANGUAGE sql AS $$
  WITH place AS MATERIALIZED (
    SELECT n.organization_id, n.id AS number_id, person, gen_random_uuid() AS contact_id, gen_random_uuid() AS conversation_id
    FROM wazapp.number n, generate_series(1, people) person WHERE n.phone_number_id ~ numbers),
  met AS (INSERT INTO wazapp.contact (organization_id, id) SELECT organization_id, contact_id FROM place),
  begun AS (
    INSERT INTO wazapp.conversation (organization_id, id, number_id, contact_id, state, last_message_at, last_sequence)
    SELECT organization_id, conversation_id, number_id, contact_id, 'waiting', now(), each FROM place),
  said AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, sequence, place.* FROM place, generate_series(1, each) sequence),
  written AS (
    INSERT INTO wazapp.message (organization_id, id, conversation_id, number_id, sequence, direction, origin, type,
      text, payload, status, timestamp, received_at)
    SELECT organization_id, id, conversation_id, number_id, sequence, 'outbound', 'api', 'template', '', body, 'queued',
      now(), now() FROM said)
  INSERT INTO wazapp.outbox (organization_id, message_id, number_id, conversation_id, sequence, recipient, body, bulk,
    state, on_unknown, due_at, send_at, deadline)
  SELECT organization_id, id, number_id, conversation_id, sequence, '346' || lpad(person::text, 8, '0'), body, true,
    'queued', 'settle', send_at, send_at, send_at + interval '1 day' FROM said $$";

/// How long a message takes from its 202 to where `there` finds it, and how long the 202 took.
async fn measure(
    world: &World,
    organization: &Organization,
    path: &str,
    body: &Value,
    there: impl AsyncFn(&str) -> bool,
) -> (Duration, Duration) {
    let asked = Instant::now();
    let (status, answer) = world.post_api(organization, path, body).await;
    assert_eq!(status, 202, "{answer}");
    let (queued, id) = (Instant::now(), id(&answer));
    world.until("it is there", async || there(&id).await).await;
    (queued.elapsed(), queued - asked)
}

/// Whether Meta accepted the message with this id, on a number that has few.
async fn accepted(world: &World, number: &SimulatedNumber, id: &str) -> bool {
    let all = world.meta().accepted(number).await;
    all.iter().any(|row| row["request"]["biz_opaque_callback_data"] == id)
}

/// The middle and the longest of some times.
fn shown(times: &[(Duration, Duration)]) -> String {
    let of = |pick: fn(&(Duration, Duration)) -> Duration| {
        let mut all: Vec<Duration> = times.iter().map(pick).collect();
        all.sort_unstable();
        format!("{:.0?} (longest {:.0?})", all[all.len() / 2], all[all.len() - 1])
    };
    format!("accepted after {}, queued in {}", of(|(sent, _)| *sent), of(|(_, queued)| *queued))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stuck_and_ten_thousand_hold_up_nobody() {
    let stage = Stage::new().await;
    let world = &stage.world;
    let all = world.meta().numbers().await;
    let others: Vec<&SimulatedNumber> =
        all.iter().filter(|number| number.phone_number_id != stage.number.phone_number_id).collect();
    let template = stage.template().await;

    // Of the same organization, another number.
    let beside = others.iter().find(|number| number.waba_id == stage.number.waba_id).expect("a sibling");
    let beside_id = world.connect_simulated(&stage.organization, beside).await;
    // Another organization; and one whose token is worth nothing.
    let mut strangers = others.iter().filter(|number| number.waba_id != stage.number.waba_id);
    let (other, dead) = (strangers.next().expect("a number"), strangers.next().expect("another"));
    let harbor = world.organization("Harbor").await;
    let harbor_id = world.connect_simulated(&harbor, other).await;
    let closed = world.organization("Closed").await;
    let closed_id = world.connect_with(&closed, &dead.phone_number_id, &dead.waba_id, None, "EAA-worth-nothing").await;
    for number in [beside, other, dead] {
        world.meta().customer_says(number, LUCIA, "Hola").await;
        world.meta().customer_says(number, MARTIN, "Hola").await;
    }
    world.settle().await;

    let to = |number_id: Uuid, who: &str| json!({ "number_id": number_id, "to": who, "text": { "body": "Hola" } });
    let reply = format!("/conversations/{}/messages", stage.conversation);
    let of_harbor = async |id: &str| accepted(world, other, id).await;
    let of_sibling = async |id: &str| accepted(world, beside, id).await;
    // Meta's list of the busy number is long: what it has is known by what is known here.
    let left = async |id: &str| {
        let left = format!("SELECT count(*) FROM wazapp.message WHERE id = '{id}' AND status <> 'queued'");
        world.count(&left).await == 1
    };
    let mut quiet = Vec::new();
    for _ in 0..5 {
        quiet.push(measure(world, &harbor, "/messages", &to(harbor_id, LUCIA), &of_harbor).await);
    }

    // One recipient gets more than Meta takes at once; one number's token is dead; one organization sends to 10,000.
    for _ in 0..70 {
        assert_eq!(world.post_api(&harbor, "/messages", &to(harbor_id, MARTIN)).await.0, 202);
    }
    for _ in 0..20 {
        assert_eq!(world.post_api(&closed, "/messages", &to(closed_id, LUCIA)).await.0, 202);
    }
    let sql = world.sql().await;
    sql.batch_execute(QUEUE).await.expect("a function");
    let body = json!({ "type": "template", "template": template });
    let campaign = "SELECT pg_temp.queue($1, $2, 1, $3::text::json, now())";
    let people = i32::try_from(BULK).expect("few");
    let number = format!("^{}$", stage.number.phone_number_id);
    sql.execute(campaign, &[&number, &people, &body.to_string()]).await.expect("they are queued");
    let waiting = "SELECT count(*) FROM wazapp.outbox WHERE bulk";
    let (mut stranger, mut sibling, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..8 {
        stranger.push(measure(world, &harbor, "/messages", &to(harbor_id, LUCIA), &of_harbor).await);
        sibling.push(measure(world, &stage.organization, "/messages", &to(beside_id, LUCIA), &of_sibling).await);
        own.push(measure(world, &stage.organization, &reply, &text("Sí, hasta las 20."), &left).await);
    }
    let left = world.count(waiting).await;
    eprintln!("in a quiet world: {}", shown(&quiet));
    eprintln!("beside {BULK}, of which {left} wait at the end:");
    eprintln!("another organization: {}", shown(&stranger));
    eprintln!("another number of the same organization: {}", shown(&sibling));
    eprintln!("a person's reply on the same number: {}", shown(&own));
    assert!(left > 5_000, "all of it was beside the ten thousand: {left}");
    let blocked = format!("SELECT count(*) FROM wazapp.outbox WHERE recipient = '{MARTIN}'");
    assert!(world.count(&blocked).await > 0, "the recipient is still blocked");
    let closed = format!("SELECT count(*) FROM wazapp.outbox WHERE number_id = '{closed_id}'");
    assert_eq!(world.count(&closed).await, 20, "and the number still rests");
    for (what, times) in [("another organization", stranger), ("another number", sibling), ("a reply", own)] {
        let longest = times.iter().map(|(sent, _)| *sent).max().expect("some");
        assert!(longest < SOON, "{what} waited {longest:?}");
    }
    // The campaign is called off: the end need not wait for it.
    sql.batch_execute("DELETE FROM wazapp.outbox WHERE bulk AND state = 'queued'").await.expect("it is called off");
    drop(sql);
    stage.world.end().await;
}

/// A reply does not even wait for what is in the same conversation, where that is bulk.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_overtakes_bulk_to_the_same_person() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 131_016 }])).await;
    let mut bulk = text("Oferta");
    bulk["bulk"] = json!(true);
    let bulk = stage.send(bulk).await;
    let waits = "SELECT count(*) FROM wazapp.outbox WHERE refusals > 0 AND state = 'queued'";
    stage.world.until("it is put off", async || stage.world.count(waits).await == 1).await;
    stage.world.meta().no_faults().await;
    let reply = stage.send(text("Sí, hasta las 20.")).await;
    stage.until(&reply, "read").await;
    stage.world.advance(Duration::from_secs(600)).await;
    stage.until(&bulk, "read").await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [reply, bulk]);
    stage.world.end().await;
}

/// What Meta wants a day later does not hold up its conversation until then.
#[tokio::test(flavor = "multi_thread")]
async fn what_meta_wants_tomorrow_holds_up_nobody() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "code": 131_049, "count": 1 }])).await;
    let mut offer = json!({ "type": "template", "template": stage.template().await });
    offer["deadline"] = json!((stage.world.now() + jiff::SignedDuration::from_hours(72)).to_string());
    let offer = stage.send(offer).await;
    let waits = "SELECT count(*) FROM wazapp.outbox WHERE refusals > 0 AND state = 'queued'";
    stage.world.until("it is put off", async || stage.world.count(waits).await == 1).await;
    let reply = stage.send(text("Sí, hasta las 20.")).await;
    stage.until(&reply, "read").await;
    stage.world.advance(Duration::from_secs(24 * 3_600 + 60)).await;
    stage.until(&offer, "read").await;
    stage.world.settle().await;
    assert_eq!(stage.accepted().await, [reply, offer]);
    stage.world.end().await;
}

/// What became of a message that was claimed.
fn heard(number: &Link, message: &Claimed, outcome: Outcome) -> Settled {
    Settled {
        organization_id: message.organization_id,
        message_id: message.message_id,
        number_id: number.number_id,
        recipient: message.recipient.clone(),
        fence: message.fence,
        refused: message.refused,
        token_mark: number.token_mark(),
        outcome,
        pause: None,
    }
}

/// A call with the old token is under way while the number gets another: its refusal stops nobody any more. That of the
/// token in force does.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_refusal_of_an_old_token_does_not_stop_the_new_one() {
    let mut world = World::new().await;
    world.idle().await;
    let acme = world.organization("Acme").await;
    let number_id = world.connect_with(&acme, "11", "12", None, "old").await;
    let sql = world.sql().await;
    sql.batch_execute(QUEUE).await.expect("a function");
    sql.batch_execute("SELECT pg_temp.queue('^11$', 1, 1, '{}', now())").await.expect("it is queued");
    let paused = async || world.count("SELECT count(*) FROM wazapp.number_pace WHERE paused_until = 'infinity'").await;
    for (reconnects, stops) in [(true, 0), (false, 1)] {
        let tx = world.database().operator().await.expect("a transaction");
        let turns = [(Turn::of(acme.id, number_id), 1)];
        let claim = outbox::any_organization_claim(&tx, world.now(), &turns).await.expect("the statement runs");
        let taken = claim.commit(tx, world.now()).await.expect("it is claimed");
        let Taken { number, messages, .. } = taken.into_iter().next().expect("it may send");
        if reconnects {
            world.connect_with(&acme, "11", "12", None, "new").await;
        }
        let settled: Vec<Settled> = messages
            .iter()
            .map(|message| Settled {
                pause: Some(Pause::Number { until: None, reason: Trouble::unanswered("…").into() }),
                ..heard(&number, message, Outcome::Retry { at: world.now(), error: Trouble::unanswered("…").into() })
            })
            .collect();
        let freed = outbox::any_organization_settle(world.database(), world.now(), &settled, str::to_owned).await;
        assert_eq!(freed.expect("it is written"), [Turn::of(acme.id, number_id)], "it may be tried again");
        assert_eq!(paused().await, stops, "reconnected: {reconnects}");
        world.advance(Duration::from_secs(60)).await;
    }
    drop(sql);
    world.end().await;
}

/// A status may settle a message before its answer is written: then the answer says that what waits behind it may go.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_status_settled_first_holds_nobody_up() {
    let mut world = World::new().await;
    world.idle().await;
    let acme = world.organization("Acme").await;
    let number_id = world.connect_with(&acme, "11", "12", None, "token").await;
    let sql = world.sql().await;
    sql.batch_execute(QUEUE).await.expect("a function");
    sql.batch_execute("SELECT pg_temp.queue('^11$', 1, 2, '{}', now())").await.expect("they are queued");
    let turns = [(Turn::of(acme.id, number_id), 20)];
    let tx = world.database().operator().await.expect("a transaction");
    let claim = outbox::any_organization_claim(&tx, world.now(), &turns).await.expect("the statement runs");
    let taken = claim.commit(tx, world.now()).await.expect("it is claimed").remove(0);
    let message = &taken.messages[0];
    let accepted = Outcome::Accepted { wamid: "wamid.1".into(), wa_id: None, user_id: None, message_status: None };
    let heard = heard(&taken.number, message, accepted);
    let key = Key { organization_id: acme.id, number_id, wamid: "wamid.1".into() };
    let tx = world.database().operator().await.expect("a transaction");
    let lines = event::any_organization_lines(&tx, &[&acme.scope]).await.expect("its line");
    let echo = Echo { key, message_id: message.message_id };
    outbox::any_organization_settle_echoes(&lines, world.now(), &[echo]).await.expect("it is settled");
    tx.commit().await.expect("it is written");
    let freed = outbox::any_organization_settle(world.database(), world.now(), &[heard], str::to_owned).await;
    assert_eq!(freed.expect("it is looked at"), [Turn::of(acme.id, number_id)]);
    drop(sql);
    world.end().await;
}

/// Who claims holds a number's pace and then refers to the number; who connects it again holds the number and then begins its
/// pace anew. Neither waits for the other crosswise.
#[tokio::test(flavor = "multi_thread")]
async fn claiming_and_connecting_again_do_not_wait_crosswise() {
    let mut world = World::new().await;
    world.idle().await;
    let acme = world.organization("Acme").await;
    world.connect_with(&acme, "11", "12", None, "old").await;
    let sql = world.sql().await;
    sql.batch_execute("BEGIN; SELECT FROM wazapp.number_pace FOR UPDATE").await.expect("claiming begins");
    let claiming = async {
        let waits =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        world.until("connecting waits for the pace", async || world.count(waits).await == 1).await;
        let turn = "INSERT INTO wazapp.pair_pace (organization_id, number_id, recipient, next_at)
                    SELECT organization_id, id, '34600111222', now() FROM wazapp.number; COMMIT";
        sql.batch_execute(turn).await.expect("it goes on");
    };
    tokio::join!(claiming, world.connect_with(&acme, "11", "12", None, "new"));
    drop(sql);
    world.end().await;
}

/// Looking whose turn it is finds those who have something to send, some at a time, whoever is connected and however much
/// waits; the test prints how long it took.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_finds_whose_turn_it_is_among_thousands_of_numbers() {
    let mut world = World::new().await;
    world.idle().await;
    let big = world.organization("Big").await;
    world.connect(&big, "11", "12", None).await;
    let sql = world.sql().await;
    let look = async |what: &str| {
        sql.batch_execute("ANALYZE").await.expect("statistics");
        let mut times = Vec::new();
        let mut turns = 0;
        for _ in 0..10 {
            let tx = world.database().operator().await.expect("a transaction");
            let began = Instant::now();
            turns = outbox::any_organization_turns(&tx, world.now(), &[]).await.expect("the turns").len();
            times.push(began.elapsed());
        }
        let least = times.into_iter().min().expect("some");
        eprintln!("{what}: {least:.1?} for {turns} turns");
        turns
    };
    sql.batch_execute(
        "INSERT INTO wazapp.number (organization_id, id, phone_number_id, waba_id, status)
         SELECT o.id, gen_random_uuid(), 'many' || n, 'many', 'connected' FROM wazapp.organization o, generate_series(1, 5000) n;
         INSERT INTO wazapp.number_pace (organization_id, number_id)
         SELECT organization_id, id FROM wazapp.number ON CONFLICT DO NOTHING",
    )
    .await
    .expect("5,000 numbers");
    sql.batch_execute(QUEUE).await.expect("a function");
    look("5,000 numbers, nothing waits").await;
    let queue = async |numbers: &str, people: i32, each: i32, send_at: &str| {
        let queue = format!("SELECT pg_temp.queue('{numbers}', {people}, {each}, '{{}}', {send_at})");
        sql.batch_execute(&queue).await.expect("they are queued");
    };
    queue("^11$", 1, 10_000, "now()").await;
    assert_eq!(look("10,000 wait at one of them").await, 1);
    queue("^many1", 3, 1, "now() + interval '1 hour'").await;
    assert_eq!(look("3,000 planned messages at 1,111 more").await, 1);
    queue("^many", 1, 1, "now()").await;
    assert_eq!(look("something waits at all 5,001").await, 64, "some at a time");
    // Of one conversation with 10,000, its first is found.
    let row = sql.query_one("SELECT id FROM wazapp.number WHERE phone_number_id = '11'", &[]).await.expect("its id");
    let turn = Turn::of(big.id, row.get(0));
    let tx = world.database().operator().await.expect("a transaction");
    let began = Instant::now();
    let claim = outbox::any_organization_claim(&tx, world.now(), &[(turn, 20)]).await.expect("the statement runs");
    eprintln!("the first of 10,000 to one person is claimed in {:.1?}", began.elapsed());
    assert_eq!(claim.messages().count(), 1);
    drop((tx, sql));
    world.end().await;
}
