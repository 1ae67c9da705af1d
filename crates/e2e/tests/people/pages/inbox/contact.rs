//! Whom a conversation is with, and how the customer sees who writes.

use model::act::Role;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::super::Browser;
use super::{LUCIA, Stage, hidden, limit};

/// Their names are shown, one of our own is given and taken back, and what else is written with them is listed as far as the
/// reader sees it.
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_known_and_named() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    let (panel, thread) = (stage.path("/contact"), stage.path(""));
    let page = browser.get(&panel).await.text;
    assert!(page.contains(&format!("+{LUCIA}")) && page.contains("Nombre propio"), "{page}");
    assert_eq!(browser.post(&panel, &[("own_name", "Lucía, la del pan")]).await.status, StatusCode::SEE_OTHER);
    assert!(browser.get(&thread).await.text.contains("Lucía, la del pan"));
    let long = "ñ".repeat(201);
    let refused = browser.post(&panel, &[("own_name", &long)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert_eq!(browser.post(&panel, &[("own_name", "")]).await.status, StatusCode::SEE_OTHER);
    assert!(!browser.get(&thread).await.text.contains("la del pan"));
    // A viewer looks, and changes nothing; who does not see the conversation finds nothing.
    let viewer = stage.world.member(&stage.organization, Role::Viewer).await;
    let mut reader = Browser::of(&stage.world, &viewer);
    let page = reader.get(&panel).await.text;
    assert!(page.contains(LUCIA) && !page.contains("Bloquear") && !page.contains("own_name"), "{page}");
    for (path, form) in [(&panel, ("own_name", "x")), (&stage.path("/block"), ("to", "block"))] {
        assert_eq!(reader.post(path, &[form]).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    limit(&stage, &stage.marta).await;
    let other = stage.world.organization("Other").await;
    let stranger = stage.world.member(&other, Role::Owner).await;
    for person in [&stage.marta, &stranger] {
        let mut browser = Browser::of(&stage.world, person);
        assert_eq!(browser.get(&panel).await.status, StatusCode::NOT_FOUND);
        for (path, form) in [(&panel, ("own_name", "x")), (&stage.path("/block"), ("to", "block"))] {
            assert_eq!(browser.post(path, &[form]).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    stage.world.end().await;
}

/// Meta blocks and unblocks; what it did is shown, told, and written down with who had it done. What it refuses is said in words.
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_blocked_at_meta() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    let (panel, block) = (stage.path("/contact"), stage.path("/block"));
    assert!(browser.get(&panel).await.text.contains("Bloquear"));
    let done = browser.post(&block, &[("to", "block")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    assert!(stage.shown().await["blocked_at"].is_string());
    let page = browser.get(&panel).await.text;
    assert!(page.contains("Bloqueado:") && page.contains("Desbloquear"), "{page}");
    assert_eq!(browser.post(&block, &[("to", "unblock")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(stage.shown().await["blocked_at"], Value::Null);
    let owner = stage.world.member(&stage.organization, Role::Owner).await;
    let audit = Browser::of(&stage.world, &owner).get("/settings/audit").await.text;
    assert!(audit.contains("bloqueó a") && audit.contains("desbloqueó a"), "{audit}");
    // Only who wrote within a day can be blocked.
    stage.world.advance(std::time::Duration::from_secs(25 * 3600)).await;
    let refused = browser.post(&block, &[("to", "block")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    assert!(refused.text.contains("últimas 24 horas"), "{}", refused.text);
    assert_eq!(stage.shown().await["blocked_at"], Value::Null);
    stage.world.end().await;
}

/// A program has the same done, with a key that may; the audit says which key did it. What is repeated does no harm.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_blocks_a_contact() {
    let stage = Stage::new().await;
    let path = format!("/conversations/{}/block", stage.conversation);
    for _ in 0..2 {
        let (status, answer) = stage.world.post_api(&stage.organization, &path, &json!({})).await;
        assert_eq!((status, answer["blocked_at"].is_string()), (200, true), "{answer}");
    }
    let other = stage.world.organization("Other").await;
    assert_eq!(stage.world.delete(&other, &path).await.0, 404);
    let (status, answer) = stage.world.delete(&stage.organization, &path).await;
    assert_eq!((status, &answer["blocked_at"]), (200, &Value::Null), "{answer}");
    let owner = stage.world.member(&stage.organization, Role::Owner).await;
    let (_, audit) = stage.world.as_person(reqwest::Method::GET, &owner, "/audit", None).await;
    let rows = audit["data"].as_array().expect("rows");
    let deeds: Vec<&str> = rows.iter().filter_map(|row| row["act"].as_str()?.strip_prefix("contacts.block/")).collect();
    assert_eq!(deeds, ["unblock", "block"], "what changed nothing is no deed: {audit}");
    assert!(rows.iter().filter(|row| row["act"] == "contacts.block/block").all(|row| row["actor"]["kind"] == "key"));
    // What Meta has against it is told.
    stage.world.advance(std::time::Duration::from_secs(25 * 3600)).await;
    let (status, problem) = stage.world.post_api(&stage.organization, &path, &json!({})).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().expect("words").contains("within 24 hours"), "{problem}");
    assert_eq!(stage.shown().await["blocked_at"], Value::Null);
    stage.world.end().await;
}

/// Where a number has it so, the customer sees who writes: before texts of people, never before templates.
#[tokio::test(flavor = "multi_thread")]
async fn the_customer_sees_who_writes() {
    let stage = Stage::new().await;
    let owner = stage.world.member(&stage.organization, Role::Owner).await;
    let (mut hers, mut settings) = (Browser::of(&stage.world, &stage.marta), Browser::of(&stage.world, &owner));
    let id = stage.shown().await["number_id"].as_str().expect("an id").to_owned();
    let path = format!("/settings/numbers/{id}/author-line");
    assert_eq!(hers.post(&path, &[("author_line", "name")]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(settings.post(&path, &[("author_line", "shout")]).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(settings.post(&path, &[("author_line", "name")]).await.status, StatusCode::SEE_OTHER);
    assert!(settings.get("/settings/numbers").await.text.contains("value=\"name\" selected"));
    let form = hers.get(&stage.path("")).await.text;
    let (id_of_message, text) = (hidden(&form, "id").to_owned(), "Abrimos a las 8.");
    let fields = [("id", id_of_message.as_str()), ("body", text)];
    assert_eq!(hers.post(&stage.path("/messages"), &fields).await.status, StatusCode::SEE_OTHER);
    let sent = stage.sent().await;
    let shown = sent[0]["text"].as_str().expect("a text").to_owned();
    assert!(shown.starts_with('*') && shown.ends_with(&format!("*\n{text}")), "{shown}");
    // The same form again is the same message, whatever the number says by then.
    let number = format!("/numbers/{id}");
    let (status, changed) =
        stage.world.patch(&stage.organization, &number, &json!({ "author_line": "first_name" })).await;
    assert_eq!((status, &changed["author_line"]), (200, &json!("first_name")), "{changed}");
    assert_eq!(hers.post(&stage.path("/messages"), &fields).await.status, StatusCode::SEE_OTHER);
    assert_eq!(stage.sent().await.len(), 1);
    // What programs send goes as it is.
    let body = json!({ "number_id": id, "to": LUCIA, "text": { "body": text } });
    let (status, answer) = stage.world.post_api(&stage.organization, "/messages", &body).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!(answer["text"], text);
    stage.world.end().await;
}

/// Who turned keys off has them off wherever they sign in.
#[tokio::test(flavor = "multi_thread")]
async fn keys_alone_can_be_turned_off() {
    let stage = Stage::new().await;
    let [mut desk, mut phone] = [Browser::of(&stage.world, &stage.marta), Browser::of(&stage.world, &stage.marta)];
    assert!(!desk.get("/inbox").await.text.contains("data-shortcuts=\"off\""));
    desk.post("/settings/profile/shortcuts", &[]).await;
    assert!(phone.get("/inbox").await.text.contains("data-shortcuts=\"off\""));
    phone.post("/settings/profile/shortcuts", &[("shortcuts", "on")]).await;
    assert!(!desk.get("/inbox").await.text.contains("data-shortcuts=\"off\""));
    stage.world.end().await;
}
