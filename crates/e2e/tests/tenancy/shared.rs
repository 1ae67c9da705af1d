//! Organizations with numbers in one account, and accounts that Meta names for a number that is in another.

use e2e::{Organization, World, body};
use serde_json::{Value, json};

const ACCOUNT: &str = "20650000000001";
const AT: i64 = 1_795_000_000;
const ANA: &str = "34600111222";

/// A message that tells a number's digits, as every message does.
async fn tell_digits(world: &World, phone_number_id: &str, digits: &str) {
    let value = json!({
        "messaging_product": "whatsapp", "contacts": [body::contact(ANA, "Ana")],
        "metadata": { "display_phone_number": digits, "phone_number_id": phone_number_id },
        "messages": [body::text_message(ANA, &format!("wamid.{phone_number_id}"), AT, "Hi")],
    });
    let change = json!({ "field": "messages", "value": value });
    world.receive(&body::envelope(&[body::entry(ACCOUNT, &[change])])).await;
}

/// All that an organization was told by name of an account's field.
async fn told(world: &World, organization: &Organization) -> Vec<Value> {
    let mut all = world.all(organization, "/events?limit=100").await;
    all.retain(|event| event["data"]["field"].is_string());
    all
}

/// One account, three organizations; the third's number is not one that Meta told the digits of.
async fn stage() -> (World, [Organization; 3]) {
    let world = World::new().await;
    let mut all = Vec::new();
    for (name, phone_number_id) in [("Alder", "101"), ("Birch", "102"), ("Cedar", "103")] {
        let organization = world.organization(name).await;
        world.connect(&organization, phone_number_id, ACCOUNT, None).await;
        all.push(organization);
    }
    // Mexico: the one that Meta's lists show has no 1 after the country.
    tell_digits(&world, "101", "5215512345678").await;
    tell_digits(&world, "102", "15550002222").await;
    (world, all.try_into().expect("three"))
}

/// Every field that names a number by its digits, with the number's digits as Meta may spell them.
fn news_of(digits: &str) -> Vec<(&'static str, Value)> {
    vec![
        (
            "phone_number_quality_update",
            json!({ "display_phone_number": digits, "event": "FLAGGED", "current_limit": "TIER_1K" }),
        ),
        (
            "phone_number_name_update",
            json!({ "display_phone_number": digits, "decision": "APPROVED", "requested_verified_name": "N" }),
        ),
        ("business_username_updates", json!({ "display_phone_number": digits, "username": "n", "status": "approved" })),
        ("security", json!({ "display_phone_number": digits, "event": "PIN_CHANGED" })),
        (
            "account_update",
            json!({ "event": "ACCOUNT_VIOLATION", "phone_number": digits, "violation_info": { "violation_type": "X" } }),
        ),
        ("a_field_of_tomorrow", json!({ "display_phone_number": digits, "event": "SOMETHING" })),
    ]
}

/// What people write is one number's: without it in the body nobody of a shared account is given it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_names_no_number_is_nobodys_of_a_shared_account() {
    let (world, organizations) = stage().await;
    let mut before = Vec::new();
    for organization in &organizations {
        before.push(world.all_messages(organization).await.len());
    }
    let status = json!({ "id": "wamid.s", "status": "sent", "timestamp": AT.to_string(), "recipient_id": ANA });
    for (wamid, metadata) in [("wamid.none", None), ("wamid.empty", Some(json!({}))), ("wamid.null", Some(json!(null)))]
    {
        for mut value in [
            json!({ "contacts": [body::contact(ANA, "Ana")], "messages": [body::text_message(ANA, wamid, AT, "private")] }),
            json!({ "statuses": [status] }),
        ] {
            if let Some(metadata) = &metadata {
                value["metadata"] = metadata.clone();
            }
            let change = json!({ "field": "messages", "value": value });
            world.receive(&body::envelope(&[body::entry(ACCOUNT, &[change])])).await;
        }
    }
    for (organization, before) in organizations.iter().zip(before) {
        assert_eq!(world.all_messages(organization).await.len(), before, "{}", organization.slug);
    }
    let reasons: Vec<String> = world.quarantine().await.into_iter().map(|row| row.0).collect();
    assert_eq!(reasons, ["unknown_number"; 6]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_one_number_are_told_to_its_organization_alone() {
    let (world, [alder, birch, cedar]) = stage().await;
    for digits in ["5215512345678", "+52 55 1234 5678"] {
        for (field, value) in news_of(digits) {
            world.receive(&body::account(ACCOUNT, field, &value)).await;
        }
    }
    let heard = told(&world, &alder).await;
    assert_eq!(heard.len(), 12, "{heard:#?}");
    assert!(heard.iter().all(|event| event["data"]["phone_number_id"] == "101"), "{heard:#?}");
    for other in [&birch, &cedar] {
        assert_eq!(told(&world, other).await, Vec::<Value>::new(), "{}", other.slug);
    }
    assert_eq!(world.quarantine().await, []);
    // What is of the whole account is everybody's.
    world.receive(&body::account(ACCOUNT, "account_update", &json!({ "event": "VERIFIED_ACCOUNT" }))).await;
    for (organization, events) in [(&alder, 13), (&birch, 1), (&cedar, 1)] {
        assert_eq!(told(&world, organization).await.len(), events, "{}", organization.slug);
    }
    world.end().await;
}

/// A number of the account that nobody has here, or of which nobody knows the digits.
#[tokio::test(flavor = "multi_thread")]
async fn news_of_a_strange_number_are_told_to_nobody() {
    let (world, organizations) = stage().await;
    for (field, value) in news_of("15559998888") {
        world.receive(&body::account(ACCOUNT, field, &value)).await;
    }
    let alert =
        json!({ "entity_type": "PHONE_NUMBER", "entity_id": "909", "alert_info": { "alert_type": "OBA_REJECTED" } });
    world.receive(&body::account(ACCOUNT, "account_alerts", &alert)).await;
    for organization in &organizations {
        assert_eq!(told(&world, organization).await, Vec::<Value>::new(), "{}", organization.slug);
    }
    let waiting = world.quarantine().await;
    assert_eq!(waiting.len(), 7, "{waiting:?}");
    assert!(waiting.iter().all(|(reason, ..)| reason == "unknown_number"), "{waiting:?}");
    world.end().await;
}

/// The number's own account stands with its claim. Another is told, once, and it is a matter for the next look; only where
/// nobody knows what the claim stands on, and the account is another organization's, nothing is routed.
#[tokio::test(flavor = "multi_thread")]
async fn another_account_is_not_passed_over() {
    let world = World::new().await;
    let (first, second) = (world.organization("First").await, world.organization("Second").await);
    world.connect(&first, "101", ACCOUNT, None).await;
    world.connect(&second, "201", "20650000000002", None).await;
    let under = |account: &str, wamid: &str| {
        let message = json!({ "messages": [body::text_message(ANA, wamid, AT, wamid)] });
        body::envelope(&[body::entry(account, &[body::change("201", "messages", &message)])])
    };
    for (nth, account) in ["20650000000002", "0", ACCOUNT, ACCOUNT, "77"].iter().enumerate() {
        world.receive(&under(account, &format!("wamid.{nth}"))).await;
    }
    assert_eq!(world.all_messages(&second).await.len(), 5);
    let heard = told(&world, &second).await;
    assert_eq!(heard.len(), 1, "{heard:#?}");
    assert_eq!(
        (&heard[0]["data"]["name"], &heard[0]["data"]["data"]["named"]),
        (&json!("other_account"), &json!(ACCOUNT))
    );
    assert_eq!(world.count("SELECT count(*) FROM wazapp.number_claim WHERE other_account IS NOT NULL").await, 1);

    let sql = world.sql().await;
    sql.execute("UPDATE wazapp.number_claim SET proof = 'none'", &[]).await.unwrap();
    world.receive(&under("77", "wamid.77")).await;
    world.receive(&under(ACCOUNT, "wamid.hijacked")).await;
    assert_eq!(world.all_messages(&second).await.len(), 6);
    let waiting = world.quarantine().await;
    assert_eq!(waiting, [("wrong_account".to_owned(), Some("201".to_owned()), Some("messages".to_owned()))]);
    drop(sql);
    world.end().await;
}

/// Meta is asked, and says what the number's problem is; connecting it again with the right account ends that.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_says_whether_the_number_is_in_its_account() {
    let world = World::simulated().await;
    let organization = world.organization("First").await;
    let numbers = world.meta().numbers().await;
    let (own, strange) = (&numbers[0], &numbers[2]);
    // By an operator's word, and a wrong one: the number is in another account.
    world.connect_with(&organization, &own.phone_number_id, &strange.waba_id, None, &own.token).await;
    world.meta().customer_says(own, ANA, "Hola").await;
    world.settle().await;
    assert_eq!(world.all_messages(&organization).await.len(), 1);
    world.look_at_numbers().await;
    let number = world.all(&organization, "/numbers").await.remove(0);
    assert_eq!(number["problem"]["code"], "other_account", "{number:#}");
    assert!(number["problem"]["message"].as_str().unwrap().contains(&own.waba_id), "{number:#}");

    world.connect_simulated(&organization, own).await;
    world.meta().customer_says(own, ANA, "¿Hola?").await;
    world.settle().await;
    world.advance(std::time::Duration::from_secs(120)).await;
    world.look_at_numbers().await;
    let number = world.all(&organization, "/numbers").await.remove(0);
    assert_eq!(number["problem"], Value::Null, "{number:#}");
    world.end().await;
}
