//! News of accounts, numbers, templates and people's preferences: events, and facts where we keep them.

use e2e::body;
use serde_json::{Value, json};

use super::{ACCOUNT, ANA, NUMBER, an_hour_ago, set_up};

#[tokio::test(flavor = "multi_thread")]
async fn each_piece_of_news_is_one_event_of_its_name() {
    let (world, acme) = set_up().await;
    world.receive(&body::text(NUMBER, ANA, "wamid.1", an_hour_ago(), "Hi")).await;
    let contact = world.conversation(&acme).await["contact"]["id"].clone();
    let at = an_hour_ago();
    let preference = json!({ "contacts": [{ "wa_id": ANA }], "user_preferences": [{
        "wa_id": ANA, "category": "marketing_messages", "value": "stop", "timestamp": at,
    }] });
    let handover = json!({ "messaging_product": "whatsapp",
        "recipient": { "phone_number_id": NUMBER, "display_phone_number": "15550001111" },
        "sender": { "phone_number": ANA }, "type": "control_passed", "timestamp": at.to_string(),
        "control_passed": { "new_owner_role": "escalation" } });
    let news = [
        ("meta.user_preferences", body::single(body::change(NUMBER, "user_preferences", &preference)), "stop"),
        ("meta.messaging_handovers", body::account("9999", "messaging_handovers", &handover), "control_passed"),
        (
            "meta.flows",
            body::account(
                ACCOUNT,
                "flows",
                &json!({ "event": "FLOW_STATUS_CHANGE", "flow_id": "6", "new_status": "PUBLISHED" }),
            ),
            "FLOW_STATUS_CHANGE",
        ),
        (
            "meta.account_alerts",
            body::account(ACCOUNT, "account_alerts", &json!({ "alert_info": { "alert_type": "OBA_APPROVED" } })),
            "OBA_APPROVED",
        ),
        (
            "meta.account_review_update",
            body::account(ACCOUNT, "account_review_update", &json!({ "decision": "APPROVED" })),
            "APPROVED",
        ),
        (
            "meta.group_lifecycle_update",
            body::single(body::change(
                NUMBER,
                "group_lifecycle_update",
                &json!({ "groups": [{
            "timestamp": at.to_string(), "group_id": "g", "type": "group_create", "subject": "Trip" }] }),
            )),
            "group_create",
        ),
    ];
    for (kind, body, name) in &news {
        for _ in 0..2 {
            world.receive(body).await;
        }
        let events = world.events(&acme, kind).await;
        assert_eq!(events.len(), 1, "{kind}, once: {events:#?}");
        assert_eq!(events[0]["data"]["name"], *name, "{kind}");
    }
    for kind in ["meta.user_preferences", "meta.messaging_handovers"] {
        assert_eq!(world.events(&acme, kind).await[0]["data"]["contact_id"], contact, "{kind}");
    }
    assert_eq!(world.quarantine().await, []);
    assert_eq!(world.conversation(&acme).await["unread_count"], 1);
    world.end().await;
}

/// Meta tells each number of a group, or of a customer who wants nothing any more, the same in the same second.
#[tokio::test(flavor = "multi_thread")]
async fn what_two_numbers_are_told_alike_is_news_of_both() {
    let (world, acme) = set_up().await;
    world.connect(&acme, "101", ACCOUNT, None).await;
    let at = e2e::outside::now().as_second().to_string();
    let group = json!({ "groups": [{
        "timestamp": at, "group_id": "g", "type": "group_create", "subject": "Trip" }] });
    let wish = json!({ "user_preferences": [{
        "wa_id": "34600111222", "category": "marketing_messages", "value": "stop", "timestamp": at }] });
    for number in [NUMBER, "101", NUMBER] {
        for (field, value) in [("group_lifecycle_update", &group), ("user_preferences", &wish)] {
            world.receive(&body::single(body::change(number, field, value))).await;
        }
    }
    for kind in ["meta.group_lifecycle_update", "meta.user_preferences"] {
        let events = world.events(&acme, kind).await;
        let of: Vec<_> = events.iter().map(|event| event["data"]["phone_number_id"].as_str().expect("one")).collect();
        assert_eq!(of, [NUMBER, "101"], "{kind}");
    }
    world.end().await;
}

/// For partner events the entry is the partner's portfolio: the account is in `waba_info`.
#[tokio::test(flavor = "multi_thread")]
async fn a_partners_event_finds_the_account_inside_it() {
    let (world, acme) = set_up().await;
    let value = json!({ "event": "PARTNER_ADDED", "waba_info": { "waba_id": ACCOUNT, "owner_business_id": "5" } });
    world.receive(&body::account("35602282435505", "account_update", &value)).await;
    let events = world.events(&acme, "meta.account_update").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["name"], "PARTNER_ADDED");
    assert_eq!(events[0]["data"]["waba_id"], ACCOUNT);
    assert_eq!(world.quarantine().await, []);
    world.end().await;
}

/// Two organizations may have numbers in one account; each hears the account's news.
#[tokio::test(flavor = "multi_thread")]
async fn news_of_an_account_goes_to_everyone_in_it() {
    let (world, acme) = set_up().await;
    let bravo = world.organization("Bravo").await;
    world.connect(&bravo, "201", ACCOUNT, None).await;
    world.connect(&acme, "101", ACCOUNT, None).await;
    world.receive(&body::account(ACCOUNT, "account_update", &json!({ "event": "DISABLED_UPDATE" }))).await;
    for organization in [&acme, &bravo] {
        assert_eq!(world.events(organization, "meta.account_update").await.len(), 1, "{}", organization.slug);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_a_template_is_kept_and_told() {
    let (world, acme) = set_up().await;
    let status = |event: &str, reason: Value| {
        json!({ "event": event, "message_template_id": 594_425,
        "message_template_name": "order_update", "message_template_language": "en_US", "reason": reason })
    };
    world
        .receive(&body::account(
            ACCOUNT,
            "message_template_status_update",
            &status("REJECTED", json!("TAG_CONTENT_MISMATCH")),
        ))
        .await;
    world.receive(&body::account(ACCOUNT, "message_template_status_update", &status("APPROVED", json!("NONE")))).await;
    world.receive(&body::account(ACCOUNT, "message_template_quality_update", &json!({ "new_quality_score": "YELLOW",
        "message_template_id": 594_425, "message_template_name": "order_update", "message_template_language": "en_US" }))).await;
    let names: Vec<Value> =
        world.events(&acme, "template.updated").await.iter().map(|one| one["data"]["name"].clone()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!((&names[0], &names[1]), (&json!("REJECTED"), &json!("APPROVED")));
    let rows = world
        .sql()
        .await
        .query("SELECT name, language, status, quality FROM wazapp.template", &[])
        .await
        .expect("rows");
    assert_eq!(rows.len(), 1);
    let facts: Vec<String> = (0..4).map(|column| rows[0].get(column)).collect();
    assert_eq!(facts, ["order_update", "en_US", "APPROVED", "YELLOW"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_a_number_shows_on_it() {
    let (world, acme) = set_up().await;
    // A message first: it tells the number as people dial it, by which the account's news finds it.
    world.receive(&body::text(NUMBER, ANA, "wamid.1", an_hour_ago(), "Hi")).await;
    for (field, value) in [
        (
            "phone_number_quality_update",
            json!({ "display_phone_number": "15550001111", "event": "UPGRADE",
            "current_limit": "TIER_10K", "max_daily_conversations_per_business": "TIER_10K" }),
        ),
        (
            "phone_number_name_update",
            json!({ "display_phone_number": "15550001111", "decision": "APPROVED",
            "requested_verified_name": "Acme Coffee", "rejection_reason": null }),
        ),
        (
            "account_settings_update",
            json!({ "messaging_product": "whatsapp",
            "phone_number_settings": { "phone_number_id": NUMBER, "calling": { "status": "ENABLED" } } }),
        ),
    ] {
        world.receive(&body::account(ACCOUNT, field, &value)).await;
    }
    let number = world.all(&acme, "/numbers").await.remove(0);
    assert_eq!(number["display_phone_number"], "15550001111");
    assert_eq!((&number["messaging_limit"], &number["quality_event"]), (&json!("TIER_10K"), &json!("UPGRADE")));
    assert_eq!((&number["verified_name"], &number["name_status"]), (&json!("Acme Coffee"), &json!("APPROVED")));
    assert_eq!(number["settings"]["calling"]["status"], "ENABLED");
    assert_eq!(world.events(&acme, "number.updated").await.len(), 3);
    world.end().await;
}

/// An account's news of one number is not news of its sisters.
#[tokio::test(flavor = "multi_thread")]
async fn news_of_one_number_does_not_show_on_another() {
    let (world, acme) = set_up().await;
    world.connect(&acme, "101", ACCOUNT, None).await;
    world.receive(&body::text(NUMBER, ANA, "wamid.1", an_hour_ago(), "Hi")).await;
    world
        .receive(&body::account(
            ACCOUNT,
            "phone_number_quality_update",
            &json!({ "display_phone_number": "15550001111", "event": "FLAGGED", "current_limit": "TIER_1K" }),
        ))
        .await;
    let numbers = world.all(&acme, "/numbers").await;
    let quality =
        |id: &str| numbers.iter().find(|one| one["phone_number_id"] == id).expect("a number")["quality_event"].clone();
    assert_eq!(quality(NUMBER), "FLAGGED");
    assert_eq!(quality("101"), Value::Null);
    world.end().await;
}
