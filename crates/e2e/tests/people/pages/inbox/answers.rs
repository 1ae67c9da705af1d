//! What answers a customer, what is sent once more, and what stays of words that did not go.

use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::Browser;
use super::super::inbox_messages::PICTURE;
use super::{LUCIA, Stage, hidden};

const ANA: &str = "34600333444";

impl Stage {
    async fn with(&self, who: &str) -> Value {
        let all = self.world.conversations(&self.organization).await;
        all.into_iter().find(|one| one["contact"]["wa_id"] == who).expect("a conversation")
    }

    /// Sends this as Marta, has Meta refuse it, and answers the message.
    async fn fails(&self, browser: &mut Browser, body: &str, file: Option<(&str, &str, &[u8])>) -> Value {
        self.world.meta().faults(json!([{ "kind": "error", "edge": "messages", "code": 131_008 }])).await;
        let form = [("body", body)];
        let answer = match file {
            Some(file) => browser.post_file(&self.path("/messages"), &form, file).await,
            None => browser.post(&self.path("/messages"), &form).await,
        };
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let kind = if file.is_some() { "image" } else { "text" };
        let failed =
            async || self.sent().await.into_iter().find(|one| one["status"] == "failed" && one["type"] == kind);
        self.world.until("it failed", async || failed().await.is_some()).await;
        self.world.meta().no_faults().await;
        failed().await.expect("it failed")
    }

    /// What Meta took: a text as it is, a file as its type and its caption.
    async fn taken(&self) -> Vec<String> {
        let all = self.world.meta().accepted(&self.number).await;
        let said = |one: &Value| {
            let (one, kind) = (&one["request"], one["request"]["type"].as_str().unwrap_or_default());
            match kind {
                "text" => one["text"]["body"].as_str().unwrap_or_default().to_owned(),
                kind => format!("{kind} {}", one[kind]["caption"].as_str().unwrap_or_default()),
            }
        };
        all.iter().filter(|one| one["kind"] == "message").map(said).collect()
    }
}

/// Who is sent something is answered, be it passed on from elsewhere; where it comes from is as it was.
#[tokio::test(flavor = "multi_thread")]
async fn passing_on_answers_whom_it_goes_to_alone() {
    let stage = Stage::new().await;
    stage.world.meta().customer_says(&stage.number, ANA, "¿A qué hora abren?").await;
    stage.world.settle().await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    let (from, to) = (stage.with(LUCIA).await, stage.with(ANA).await);
    assert_eq!((&from["state"], &to["state"]), (&json!("active"), &json!("active")));
    let path = format!(
        "/inbox/{}/messages/{}/forward",
        from["id"].as_str().expect("an id"),
        from["last_message"]["id"].as_str().expect("an id"),
    );
    let answer = browser.post(&path, &[("to", to["id"].as_str().expect("an id"))]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    stage.world.settle().await;
    assert_eq!(stage.with(LUCIA).await, from, "nothing happened there");
    let answered = stage.with(ANA).await;
    assert_eq!((&answered["state"], &answered["unread_count"]), (&json!("waiting"), &json!(1)), "{answered}");
    stage.world.end().await;
}

/// What failed goes once more as it is stored, whatever the form says, and only while it did not go; it is nothing that was
/// typed now.
#[tokio::test(flavor = "multi_thread")]
async fn what_failed_goes_again_as_it_is_stored() {
    let stage = Stage::new().await;
    stage.world.meta().customer_says(&stage.number, ANA, "Hola").await;
    stage.world.settle().await;
    let number = format!("/numbers/{}", stage.with(LUCIA).await["number_id"].as_str().expect("an id"));
    stage.world.patch(&stage.organization, &number, &json!({ "author_line": "name" })).await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    let failed = stage.fails(&mut browser, "Hola, sí hay.", None).await;
    let id = failed["id"].as_str().expect("an id");
    stage.world.patch(&stage.organization, &number, &json!({ "author_line": "first_name" })).await;
    browser.post(&stage.path("/draft"), &[("body", "*Marta"), ("version", "0")]).await;
    let page = browser.get(&stage.path("")).await.text;
    let form = page.split("name=\"again\"").next().expect("a form").rsplit("<form").next().expect("a form");
    let name = hidden(form, "id").to_owned();
    let other = Uuid::now_v7().to_string();
    let forged = [("id", name.as_str()), ("again", id), ("body", "otra cosa"), ("media", &Uuid::now_v7().to_string())];
    // Twice from one page, and from another one that names it otherwise: it is said again once.
    for name in [&name, &name, &other] {
        let mut forged = forged;
        forged[0].1 = name;
        let answer = browser.post(&stage.path("/messages"), &forged).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    }
    let text = "*Marta Ruiz*\nHola, sí hay.";
    stage.world.until("it is taken", async || stage.taken().await == [text]).await;
    let page = browser.get(&stage.path("")).await.text;
    assert!(page.contains(">*Marta</textarea>"), "what was begun since stays");
    assert!(!page.contains("name=\"again\""), "it was said again");
    // Also long after, when nobody remembers the form any more.
    let repeat = [("again", id), ("body", "otra cosa")];
    stage.world.sql().await.execute("DELETE FROM wazapp.idempotency_key", &[]).await.expect("forgotten");
    assert_eq!(browser.post(&stage.path("/messages"), &repeat).await.status, StatusCode::UNPROCESSABLE_ENTITY);

    // What went does not go again; nor does what stands elsewhere, what a customer wrote, or what is no message.
    let inbound = stage.with(LUCIA).await;
    let foreign = format!("/inbox/{}/messages", stage.with(ANA).await["id"].as_str().expect("an id"));
    let answer = browser.post(&stage.path("/messages"), &[("again", &name), ("body", "otra cosa")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("Ese mensaje ya salió"), "{}", answer.text);
    let all = stage.world.all_messages(&stage.organization).await;
    let theirs = all.iter().find(|one| one["direction"] == "inbound" && one["conversation_id"] == inbound["id"]);
    let theirs = theirs.and_then(|one| one["id"].as_str()).expect("an id");
    for (path, again) in [(foreign, id), (stage.path("/messages"), theirs), (stage.path("/messages"), "x")] {
        let answer = browser.post(&path, &[("again", again), ("body", "otra cosa")]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{again}");
    }
    assert_eq!(stage.taken().await.len(), 1);

    let failed = stage.fails(&mut browser, "recién hecho", Some(PICTURE)).await;
    let again = [("again", failed["id"].as_str().expect("an id")), ("as", "document"), ("body", "otra cosa")];
    assert_eq!(browser.post(&stage.path("/messages"), &again).await.status, StatusCode::SEE_OTHER);
    stage.world.until("it is taken", async || stage.taken().await.len() == 2).await;
    assert_eq!(stage.taken().await[1], "image recién hecho");
    stage.world.end().await;
}

/// A file that is larger than any that WhatsApp takes costs no words, wherever they stand in the form; a page sends them first.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_far_too_large_costs_no_words() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    let page = browser.get(&stage.path("")).await.text;
    let (words, file) = (page.find("name=\"body\""), page.find("name=\"file\""));
    assert!(words.is_some() && words < file, "{page}");
    let mut bytes = vec![0; 102 << 20];
    bytes.extend_from_slice(b"\r\n--b\r\ncontent-disposition: form-data; name=\"body\"\r\n\r\nmis palabras");
    let before = [("at", "2030-01-02T10:30")];
    let answer = browser.post_file(&stage.path("/messages"), &before, ("a.pdf", "application/pdf", &bytes)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    for kept in ["El archivo pesa más de 100,0 MB", ">mis palabras</textarea>", "2030-01-02T10:30"] {
        assert!(answer.text.contains(kept), "{kept}: {}", answer.text);
    }
    assert!(stage.sent().await.is_empty());
    stage.world.end().await;
}
