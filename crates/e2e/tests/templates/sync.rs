//! An account's templates are those that Meta lists, and what its webhooks say since.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::database::Pipeline;
use model::template::{self, Facts, sync};
use reqwest::Method;
use serde_json::{Value, json};

use super::{PAUSE, Stage, id, simple};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_is_read_and_shows_what_its_templates_ask_for() {
    let stage = Stage::new().await;
    let all = stage.all().await;
    let names: BTreeSet<&str> = all.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["hello_world", "login_code", "menu_cards", "order_update", "promo_image"].into());
    assert!(all.iter().all(|row| row["sends"] == json!({ "now": true, "why": null })), "{all:#?}");
    assert_eq!(
        stage.world.events(&stage.organization, "template.updated").await.len(),
        0,
        "the first reading is no news"
    );

    let promo = stage.named("promo_image").await;
    assert_eq!(promo["preview"]["body"], "Hi Ann, this week everything from the oven is 20% off. See you soon!");
    assert_eq!(promo["preview"]["header"]["type"], "image");
    assert_eq!(promo["preview"]["buttons"][0]["value"], "https://example.com/offers/oven");
    let asked: Vec<(&Value, &Value, &Value)> = promo["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["component"], &one["type"], &one["name"]))
        .collect();
    let (text, null) = (json!("text"), Value::Null);
    assert_eq!(
        asked,
        [
            (&json!("header"), &json!("image"), &null),
            (&json!("body"), &text, &json!("1")),
            (&json!("body"), &text, &json!("2")),
            (&json!("button"), &text, &null),
            (&json!("button"), &json!("payload"), &null),
        ]
    );
    let code = stage.named("login_code").await;
    assert!(code["preview"]["body"].as_str().unwrap().contains("123456"), "{code:#}");
    let cards = stage.named("menu_cards").await;
    assert_eq!(cards["preview"]["cards"].as_array().unwrap().len(), 2);

    for (query, found) in [
        ("status=approved", 5),
        ("status=REJECTED", 0),
        ("language=es_MX", 1),
        ("category=MARKETING", 2),
        ("q=ORDER", 1),
        ("waba_id=1", 0),
    ] {
        assert_eq!(stage.world.all(&stage.organization, &format!("/templates?{query}")).await.len(), found, "{query}");
    }
    let by_number = format!("/templates?number_id={}&limit=2", stage.number_id);
    assert_eq!(stage.world.all(&stage.organization, &by_number).await.len(), 5);
    let (status, _) = stage.world.get(&stage.organization, "/templates?colour=red").await;
    assert_eq!(status, 400);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_are_read_to_their_end() {
    let stage = Stage::new().await;
    for nth in 0..120 {
        if nth == 90 {
            // Meta lets an account create a hundred in an hour.
            stage.world.advance(HOUR + PAUSE).await;
        }
        stage.created_elsewhere(&simple(&format!("bulk_{nth}"))).await;
    }
    stage.reviewed().await;
    stage.sync_now().await;
    let all = stage.all().await;
    let ids: BTreeSet<&str> = all.iter().map(|row| row["template_id"].as_str().unwrap()).collect();
    assert_eq!((all.len(), ids.len()), (125, 125), "each once");
    assert!(all.iter().all(|row| row["status"] == "APPROVED" && row["parameters"].is_array()));
    stage.world.end().await;
}

/// What changed at Meta without a webhook is told once; what did not change is not told.
#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_and_what_is_gone_is_deleted() {
    let stage = Stage::new().await;
    let sql = stage.world.sql().await;
    sql.batch_execute(
        "UPDATE wazapp.template SET status = 'PENDING', facts_at = '2020-01-01' WHERE name = 'order_update';
         INSERT INTO wazapp.template (organization_id, id, waba_id, template_id, name, language, status, facts_at, components, components_whole)
         SELECT organization_id, gen_random_uuid(), waba_id, '1', 'ghost', 'es', 'APPROVED', '2020-01-01', '[]', true
         FROM wazapp.template WHERE name = 'order_update'",
    )
    .await
    .unwrap();
    stage.sync_now().await;
    stage.sync_now().await;
    let told = stage.world.events(&stage.organization, "template.updated").await;
    let told: Vec<(&Value, &Value, &Value)> = told
        .iter()
        .map(|event| (&event["data"]["field"], &event["data"]["name"], &event["data"]["data"]["status"]))
        .collect();
    let sync = json!("sync");
    assert_eq!(
        told,
        [(&sync, &json!("order_update"), &json!("APPROVED")), (&sync, &json!("ghost"), &json!("DELETED"))]
    );
    assert_eq!(stage.all().await.len(), 5, "what is deleted is listed where it is asked for");
    let deleted = stage.world.all(&stage.organization, "/templates?status=DELETED").await;
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["sends"]["now"], false);
    drop(sql);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_say_what_becomes_of_a_template() {
    let stage = Stage::new().await;
    let template = stage.named("order_update").await;
    let now = async || stage.template(id(&template)).await;
    stage.world.advance(PAUSE).await;
    stage.happens(&template, json!({ "event": "PAUSED" })).await;
    let paused = now().await;
    assert_eq!((&paused["status"], &paused["sends"]["now"]), (&json!("PAUSED"), &json!(false)));
    assert!(paused["sends"]["why"]["es"].as_str().unwrap().contains("pausó"), "{paused:#}");
    stage.world.advance(HOUR * 4).await;
    stage.world.settle().await;
    stage.until(id(&template), "APPROVED").await;
    stage.happens(&template, json!({ "quality": "RED" })).await;
    stage.happens(&template, json!({ "event": "FLAGGED" })).await;
    let flagged = now().await;
    assert_eq!(
        (&flagged["status"], &flagged["quality"], &flagged["sends"]["now"]),
        (&json!("APPROVED"), &json!("RED"), &json!(true))
    );
    stage.happens(&template, json!({ "category": "MARKETING" })).await;
    assert_eq!(now().await["category"], "MARKETING");
    stage.happens(&template, json!({ "event": "DISABLED" })).await;
    assert_eq!(now().await["status"], "DISABLED");
    // The next reading agrees.
    stage.sync_now().await;
    let read = now().await;
    assert_eq!(
        (&read["status"], &read["quality"], &read["category"]),
        (&json!("DISABLED"), &json!("RED"), &json!("MARKETING"))
    );
    assert_eq!((&read["previous_category"], &read["preview"]), (&json!("UTILITY"), &template["preview"]));
    stage.world.end().await;
}

/// A template that someone made in WhatsApp Manager is known by its webhook, and by what Meta lists of it soon after.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_about_a_stranger_brings_all_of_it() {
    let stage = Stage::new().await;
    let before = stage.sync().await["synced_at"].clone();
    stage.world.advance(PAUSE).await;
    stage.created_elsewhere(&simple("made_elsewhere")).await;
    stage.reviewed().await;
    stage.world.advance(PAUSE).await;
    stage.synced_after(&before).await;
    let template = stage.named("made_elsewhere").await;
    assert_eq!((&template["status"], &template["category"]), (&json!("APPROVED"), &json!("UTILITY")));
    assert_eq!(template["preview"]["body"], "Hola Ana, tu pedido 77 ya está listo para recoger.");
    assert_eq!(template["parameters"].as_array().unwrap().len(), 2);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_six_hours_it_is_read_by_itself() {
    let stage = Stage::new().await;
    let before = stage.sync().await;
    let due: jiff::Timestamp = before["due_at"].as_str().unwrap().parse().unwrap();
    let hours = due.duration_since(stage.world.now()).as_hours();
    assert!((5..=6).contains(&hours), "{before}");
    stage.world.advance(HOUR * 6 + PAUSE).await;
    stage.synced_after(&before["synced_at"]).await;
    stage.world.end().await;
}

/// A reading that fails leaves everything as it is, says why, and is made again.
#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_fails_is_made_again() {
    let stage = Stage::new().await;
    let all = stage.all().await;
    for (fault, code) in [
        (json!({ "kind": "error", "code": 80007, "edge": "message_templates" }), json!(80007)),
        (json!({ "kind": "hang", "edge": "message_templates" }), json!("no_answer")),
        (json!({ "kind": "truncate_answer", "edge": "message_templates" }), json!("no_answer")),
        (json!({ "kind": "html_500", "edge": "message_templates" }), json!("no_answer")),
    ] {
        stage.world.meta().faults(json!([fault])).await;
        stage.world.advance(PAUSE).await;
        let before = stage.sync().await["synced_at"].clone();
        stage.world.post_api(&stage.organization, "/templates/sync", &json!({})).await;
        stage.world.until("it failed", async || stage.sync().await["error"]["code"] == code).await;
        let failed = stage.sync().await;
        assert_eq!(failed["synced_at"], before);
        assert!(failed["error"]["advice"]["es"].is_string() && failed["error"]["message"].is_string(), "{failed:#}");
        assert_eq!(stage.all().await, all, "{fault}");
        stage.world.meta().no_faults().await;
        stage.world.advance(HOUR * 2).await;
        stage.synced_after(&before).await;
        assert_eq!(stage.sync().await["error"], Value::Null);
        stage.world.advance(HOUR).await;
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_read_an_account_once() {
    let stage = Stage::new().await;
    let node = stage.world.node().await;
    // Each answered call is counted.
    stage.world.meta().faults(json!([{ "kind": "slow", "edge": "message_templates", "seconds": 0.0 }])).await;
    for _ in 0..3 {
        stage.sync_now().await;
    }
    assert_eq!(stage.world.meta().strikes().await, 3);
    node.stop().await;
    stage.world.end().await;
}

/// What is asked for while an account is being read, by a person or because a webhook named a template of which too little
/// is known, is read behind that; ten seconds lie between two readings all the same.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_during_a_reading_is_served_by_the_next() {
    let mut stage = Stage::new().await;
    stage.world.stop().await;
    let database = stage.world.database_apart();
    let scope = stage.organization.scope;
    let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs();
    let mut began = Timestamp::from_second(stage.world.now().as_second()).unwrap();
    for (webhook_after, asked_after, next) in [
        (None, None, 3600),
        (Some(3), None, 10),
        (Some(25), None, 25),
        (None, Some(4), 10),
        // Long after the first lease, in the hold of the second.
        (None, Some(100), 100),
        (Some(100), Some(50), 50),
    ] {
        began += HOUR;
        let tx = database.operator().await.unwrap();
        sync::ask(&tx, &scope, None, began).await.unwrap();
        let claimed = sync::any_organization_claim(&tx, began).await.unwrap().expect("it is due");
        tx.commit().await.unwrap();
        let after = |seconds: i64| began + SignedDuration::from_secs(seconds);
        let written = sync::page(database.operator().await.unwrap(), &claimed, after(60), &[]).await.unwrap();
        assert!(written, "it is still ours");
        if let Some(seconds) = webhook_after {
            let facts = Facts {
                organization_id: stage.organization.id,
                waba_id: stage.number.waba_id.clone(),
                template_id: began.as_second().to_string(),
                at: after(seconds),
                ..Facts::default()
            };
            let tx = database.operator().await.unwrap();
            let mut pipeline = Pipeline::at(e2e::outside::now());
            template::any_organization_learn(&mut pipeline, &facts);
            tx.finish(pipeline).await.unwrap();
        }
        if let Some(seconds) = asked_after {
            let tx = database.operator().await.unwrap();
            sync::ask(&tx, &scope, None, after(seconds)).await.unwrap();
            tx.commit().await.unwrap();
        }
        sync::finish(database.operator().await.unwrap(), &claimed, after(120), after(3600)).await.unwrap();
        let tx = database.tenant(&scope).await.unwrap();
        let read = sync::list(&tx).await.unwrap().remove(0);
        assert_eq!(seconds(began, read.due_at), next, "{webhook_after:?} {asked_after:?}");
    }
    database.close();
    stage.world.end().await;
}

/// Went wrong: a reading held its account's row while it waited for the organization's turn to write, and whoever
/// applied a template's webhook held the turn and wanted the row: one of the two was rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_waits_for_its_turn_holds_nothing() {
    let stage = Stage::new().await;
    let before = stage.sync().await["synced_at"].clone();
    let mut sql = stage.world.sql().await;
    let applying = sql.transaction().await.unwrap();
    let line = "SELECT last FROM wazapp.organization_sequence WHERE organization_id = $1 FOR NO KEY UPDATE";
    applying.query_one(line, &[&stage.organization.id]).await.unwrap();
    stage.world.advance(PAUSE).await;
    stage.world.post_api(&stage.organization, "/templates/sync", &json!({})).await;
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                 AND query LIKE '%organization_sequence%'";
    stage.world.until("the reading waits", async || stage.world.count(waits).await == 1).await;
    let account = "SELECT due_at FROM wazapp.template_sync WHERE organization_id = $1 FOR UPDATE NOWAIT";
    applying.query_one(account, &[&stage.organization.id]).await.expect("nobody holds it");
    applying.commit().await.unwrap();
    stage.synced_after(&before).await;
    stage.world.end().await;
}

/// Two numbers of one account may be two organizations'.
#[tokio::test(flavor = "multi_thread")]
async fn organizations_that_share_an_account_have_their_own_rows() {
    let stage = Stage::new().await;
    let second = stage.world.organization("Sucursal").await;
    let sibling = stage.world.meta().numbers().await.remove(1);
    assert_eq!(sibling.waba_id, stage.number.waba_id);
    stage.world.connect_simulated(&second, &sibling).await;
    stage.world.until("both have theirs", async || stage.world.all(&second, "/templates").await.len() == 5).await;
    let ids = |all: &[Value]| all.iter().map(|row| id(row).to_owned()).collect::<BTreeSet<_>>();
    let (mine, theirs) = (stage.all().await, stage.world.all(&second, "/templates").await);
    assert!(ids(&mine).is_disjoint(&ids(&theirs)));
    assert_eq!(stage.world.get(&second, &format!("/templates/{}", id(&mine[0]))).await.0, 404);
    assert_eq!(stage.world.delete(&second, &format!("/templates/{}", id(&mine[0]))).await.0, 404);
    // Gone with its number, the account is read no more; its templates stay.
    stage.world.disconnect(&second, &sibling.phone_number_id).await;
    stage.world.advance(HOUR * 7).await;
    stage.world.until("it is forgotten", async || stage.world.all(&second, "/templates/sync").await.is_empty()).await;
    assert_eq!(stage.world.all(&second, "/templates").await.len(), 5);
    let path = format!("{}/message_templates?limit=1", stage.number.waba_id);
    assert_eq!(stage.world.meta().graph(Method::GET, &path, &stage.number.token, None).await.0, 200);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_no_good_is_told() {
    let stage = Stage::new().await;
    stage
        .world
        .connect_with(&stage.organization, &stage.number.phone_number_id, &stage.number.waba_id, None, "EAAwrong")
        .await;
    stage.world.advance(PAUSE).await;
    stage.world.post_api(&stage.organization, "/templates/sync", &json!({})).await;
    stage.world.until("it failed", async || stage.sync().await["error"]["code"] == 190).await;
    let (status, problem) = stage.try_create(&simple("order_ready")).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/docs#refused")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("190"), "{problem}");
    assert!(!problem.to_string().contains("EAAwrong"));
    stage.world.end().await;
}
