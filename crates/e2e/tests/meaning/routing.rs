//! Whose it is: numbers, accounts, Apps; and what belongs to nobody waits in quarantine.

use e2e::{World, body};
use model::quarantine::Filter;
use serde_json::{Value, json};
use worker::inbound::replay_quarantine;

use super::{ACCOUNT, ANA, NUMBER, an_hour_ago, set_up, wamids};

async fn replay(world: &World) -> worker::inbound::Outcome {
    replay_quarantine(world.database(), world.clock(), &Filter::default(), |_| ()).await.expect("the replay runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_body_of_two_organizations_is_shared_out() {
    let (world, acme) = set_up().await;
    let bravo = world.organization("Bravo").await;
    world.connect(&bravo, "201", "301", None).await;
    let at = an_hour_ago();
    let message = |number: &str, wamid: &str| {
        body::change(
            number,
            "messages",
            &json!({
                "contacts": [body::contact(ANA, number)], "messages": [body::text_message(ANA, wamid, at, number)],
            }),
        )
    };
    // Within one entry and across entries; the same wamid in both organizations.
    world
        .receive(&body::envelope(&[
            body::entry(ACCOUNT, &[message(NUMBER, "wamid.1"), message("201", "wamid.1")]),
            body::entry("301", &[message("201", "wamid.2"), message(NUMBER, "wamid.2")]),
        ]))
        .await;
    for (organization, number) in [(&acme, NUMBER), (&bravo, "201")] {
        let conversation = world.conversation(organization).await;
        let messages = world.messages(organization, &conversation).await;
        assert_eq!(wamids(&messages), ["wamid.1", "wamid.2"]);
        assert!(messages.iter().all(|one| one["text"] == number), "{messages:#?}");
        assert_eq!(conversation["contact"]["name"], number, "each knows its own Ana");
    }
    world.end().await;
}

/// For each place k of a body: the item there is broken, its siblings are kept, and the broken one waits alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_item_hurts_only_itself() {
    let broken = [json!(null), json!("text"), json!(7), json!([]), json!({}), json!([{ "id": "wamid.inner" }])];
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let (mut kept, mut waiting) = (0, 0);
    for (b, bad) in broken.iter().enumerate() {
        for place in 0..4 {
            let list = |what: &str, good: &dyn Fn(String) -> Value| -> Vec<Value> {
                (0..4)
                    .map(|n| if n == place { bad.clone() } else { good(format!("wamid.{what}.{b}.{place}.{n}")) })
                    .collect()
            };
            let members = json!({
                "messages": list("m", &|wamid| body::text_message(ANA, &wamid, at, "x")),
                "statuses": list("s", &|wamid| body::status_of(&wamid, "sent", at, ANA)),
            });
            world.receive(&body::value(NUMBER, &members)).await;
            kept += 3;
            waiting += 2;
        }
    }
    let conversation = world.conversation(&acme).await;
    assert_eq!(world.messages(&acme, &conversation).await.len(), kept);
    assert_eq!(world.events(&acme, "message.status").await.len(), kept);
    let rows = world
        .sql()
        .await
        .query("SELECT reason, phone_number_id, repeats FROM wazapp.quarantine", &[])
        .await
        .expect("rows");
    let seen: i32 = rows.iter().map(|row| 1 + row.get::<_, i32>(2)).sum();
    assert_eq!(seen, waiting, "each bad one, and nothing else");
    assert!(rows.iter().all(|row| row.get::<_, &str>(0) == "bad_change" && row.get::<_, &str>(1) == NUMBER));
    world.end().await;
}

/// The same one level up: changes and entries.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_change_or_entry_hurts_only_itself() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    let mut kept = 0;
    for (b, bad) in [json!(null), json!(1), json!({ "field": "messages" }), json!({ "field": "messages", "value": [] })]
        .iter()
        .enumerate()
    {
        for place in 0..3 {
            let change = |n: usize, level: &str| {
                let wamid = format!("wamid.{level}.{b}.{place}.{n}");
                body::change(NUMBER, "messages", &json!({ "messages": [body::text_message(ANA, &wamid, at, "x")] }))
            };
            let changes: Vec<Value> = (0..3).map(|n| if n == place { bad.clone() } else { change(n, "c") }).collect();
            world.receive(&body::envelope(&[body::entry(ACCOUNT, &changes)])).await;
            let entries: Vec<Value> = (0..3)
                .map(|n| if n == place { bad.clone() } else { body::entry(ACCOUNT, &[change(n, "e")]) })
                .collect();
            world.receive(&body::envelope(&entries)).await;
            kept += 4;
        }
    }
    let conversation = world.conversation(&acme).await;
    assert_eq!(world.messages(&acme, &conversation).await.len(), kept);
    assert!(!world.quarantine().await.is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_nobody_waits_and_is_applied_once() {
    let world = World::new().await;
    let at = an_hour_ago();
    for nth in 0..5 {
        world.take(&body::text(NUMBER, ANA, &format!("wamid.{nth}"), at + nth, &format!("{nth}"))).await;
    }
    // Meta repeats what it likes; the same input is one row.
    world.take(&body::text(NUMBER, ANA, "wamid.0", at, "0")).await;
    world.take(&body::echo(NUMBER, ANA, "wamid.e", at + 10, "echo")).await;
    world.drain().await;
    let waiting = world.quarantine().await;
    assert_eq!(waiting.len(), 6, "{waiting:?}");
    assert!(waiting.iter().all(|row| row.0 == "unknown_number" && row.1.as_deref() == Some(NUMBER)));
    assert_eq!(replay(&world).await.messages, 0, "still nobody's");
    assert_eq!(world.quarantine().await.len(), 6);

    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, ACCOUNT, None).await;
    let done = replay(&world).await;
    assert_eq!((done.messages, done.applied), (6, 6));
    let conversation = world.conversation(&acme).await;
    let messages = world.messages(&acme, &conversation).await;
    assert_eq!(wamids(&messages), ["wamid.0", "wamid.1", "wamid.2", "wamid.3", "wamid.4", "wamid.e"]);
    assert_eq!(world.quarantine().await, []);
    assert_eq!(replay(&world).await.messages, 0, "twice is once");
    assert_eq!(world.messages(&acme, &conversation).await.len(), 6);
    assert_eq!(world.conversation(&acme).await["unread_count"], 5);
    world.end().await;
}

/// An organization with an App of its own could sign anything: its App speaks for its own numbers only.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_speaks_only_for_its_own_numbers() {
    let (world, acme) = set_up().await;
    world.app("555", "their secret").await;
    let bravo = world.organization("Bravo").await;
    world.connect(&bravo, "201", "301", Some("555")).await;
    let at = an_hour_ago();
    let forged = body::bytes(&body::text(NUMBER, ANA, "wamid.forged", at, "transfer the money"));
    let wrong_way = body::bytes(&body::text("201", ANA, "wamid.wrong", at, "x"));
    let rightful = body::bytes(&body::text("201", ANA, "wamid.right", at, "x"));
    let account = body::bytes(&body::account(ACCOUNT, "account_update", &json!({ "event": "ACCOUNT_DELETED" })));
    // The App's first webhook may come before the server has heard of the App; Meta tries again, and so do we.
    world.until("the App is known", async || world.post_to("/webhook/555", "their secret", &forged).await == 200).await;
    assert_eq!(world.post_to("/webhook/555", "their secret", &account).await, 200);
    assert_eq!(world.post(&wrong_way).await, 200);
    assert_eq!(world.post_to("/webhook/555", "their secret", &rightful).await, 200);
    world.drain().await;
    assert!(world.conversations(&acme).await.is_empty());
    assert_eq!(world.events(&acme, "meta.account_update").await.len(), 0);
    assert_eq!(wamids(&world.all_messages(&bravo).await), ["wamid.right"]);
    let reasons: Vec<String> = world.quarantine().await.into_iter().map(|row| row.0).collect();
    assert_eq!(reasons, ["wrong_app", "wrong_app", "wrong_app"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entrys_id_does_not_matter_where_the_number_is_named() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    for (nth, entry_id) in [json!("0"), json!(102_290_129_340_398_i64), json!(null), json!({})].iter().enumerate() {
        let wamid = format!("wamid.{nth}");
        let change =
            body::change(NUMBER, "messages", &json!({ "messages": [body::text_message(ANA, &wamid, at, "x")] }));
        let mut entry = body::entry("", &[change]);
        entry["id"] = entry_id.clone();
        world.receive(&body::envelope(&[entry])).await;
    }
    // Ids as JSON numbers, everywhere.
    let numeric = json!({ "object": "whatsapp_business_account", "entry": [{ "id": 102_290_129_340_398_i64, "changes": [{
        "field": "messages", "value": {
            "metadata": { "display_phone_number": 15_550_001_111_i64, "phone_number_id": 106_540_352_242_922_i64 },
            "contacts": [{ "wa_id": 34_600_111_222_i64, "profile": { "name": "Ana" } }],
            "messages": [{ "from": 34_600_111_222_i64, "id": 77, "timestamp": at, "type": "text", "text": { "body": "numeric" } }],
        } }] }] });
    world.receive(&numeric).await;
    let conversation = world.conversation(&acme).await;
    let messages = world.messages(&acme, &conversation).await;
    assert_eq!(wamids(&messages), ["wamid.0", "wamid.1", "wamid.2", "wamid.3", "77"]);
    assert_eq!(world.quarantine().await, []);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_number_is_nobodys_until_it_is_connected_again() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "before")).await;
    world.disconnect(&acme, NUMBER).await;
    world.receive(&body::text(NUMBER, ANA, "wamid.2", at + 1, "meanwhile")).await;
    assert_eq!(world.quarantine().await.len(), 1);
    assert_eq!(world.all_messages(&acme).await.len(), 1, "its history stays readable");
    world.connect(&acme, NUMBER, ACCOUNT, None).await;
    replay(&world).await;
    world.receive(&body::text(NUMBER, ANA, "wamid.3", at + 2, "after")).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(wamids(&world.messages(&acme, &conversation).await), ["wamid.1", "wamid.2", "wamid.3"]);
    world.end().await;
}

/// The number moves to another organization: from then on it is theirs, and what was before is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_moves_leaves_its_past_behind() {
    let (world, acme) = set_up().await;
    let at = an_hour_ago();
    world.receive(&body::text(NUMBER, ANA, "wamid.1", at, "for Acme")).await;
    world.disconnect(&acme, NUMBER).await;
    let bravo = world.organization("Bravo").await;
    world.connect(&bravo, NUMBER, ACCOUNT, None).await;
    // By Meta's time: what is older than Bravo's claim is not Bravo's.
    world.receive(&body::text(NUMBER, ANA, "wamid.2", world.now().as_second(), "for Bravo")).await;
    assert_eq!(wamids(&world.all_messages(&acme).await), ["wamid.1"]);
    assert_eq!(wamids(&world.all_messages(&bravo).await), ["wamid.2"]);
    world.end().await;
}
