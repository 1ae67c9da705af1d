//! What is written now and leaves later.

use std::time::Duration;

use jiff::{SignedDuration, tz::TimeZone};
use reqwest::StatusCode;
use serde_json::json;

use super::super::Browser;
use super::{Stage, hidden};

impl Stage {
    /// In so many minutes, as a field of Marta's page says it.
    fn at(&self, minutes: i64) -> String {
        let zone = TimeZone::get("America/Mexico_City").expect("a zone");
        let at = self.world.now() + SignedDuration::from_mins(minutes);
        at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    async fn plan(&self, browser: &mut Browser, at: &str, said: &str) -> super::super::Answer {
        let page = browser.get(&self.path("")).await.text;
        let (id, seen) = (hidden(&page, "id").to_owned(), hidden(&page, "seen").to_owned());
        let form = [("id", id.as_str()), ("seen", &seen), ("body", said), ("later", "1"), ("at", at)];
        browser.post(&self.path("/messages"), &form).await
    }
}

/// Planned, shown with its time, given another one, sent at once, taken back, and written anew; once each.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_planned_without_scripts() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    for wrong in ["", "mañana", &stage.at(-60), &stage.at(60 * 24 * 400)] {
        let answer = stage.plan(&mut browser, wrong, "Buenos días").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(answer.text.contains("Buenos días"), "what was written stays");
    }
    let closed = stage.plan(&mut browser, &stage.at(60 * 25), "Buenos días").await;
    assert_eq!(closed.status, StatusCode::CONFLICT);
    assert!(closed.text.contains("la ventana de 24 h estará cerrada"), "{}", closed.text);
    assert_eq!(stage.sent().await.len(), 0, "nothing was queued");

    assert_eq!(stage.plan(&mut browser, &stage.at(60), "Buenos días").await.status, StatusCode::SEE_OTHER);
    let planned = stage.sent().await.remove(0);
    let id = planned["id"].as_str().expect("an id").to_owned();
    let page = browser.get(&stage.path("")).await.text;
    assert!(page.contains("Se enviará ") && page.contains(&format!("value=\"{}\"", stage.at(60))), "{page}");
    let change = stage.path(&format!("/messages/{id}/plan"));
    let past = browser.post(&change, &[("do", "change"), ("at", &stage.at(-60))]).await;
    assert_eq!(past.status, StatusCode::CONFLICT);
    assert!(past.text.contains("Esa hora ya pasó."), "{}", past.text);
    let moved = browser.post(&change, &[("do", "change"), ("at", &stage.at(120))]).await;
    assert_eq!(moved.status, StatusCode::SEE_OTHER, "{}", moved.text);
    stage.world.advance(Duration::from_secs(3900)).await;
    stage.world.settle().await;
    assert_eq!(stage.sent().await[0]["status"], "queued", "it waits for its new time");
    browser.post(&change, &[("do", "now")]).await;
    stage.world.until("it is delivered", async || stage.sent().await[0]["status"] == "delivered").await;
    let late = browser.post(&change, &[("do", "cancel")]).await;
    assert!(late.text.contains("Este mensaje ya salió"), "{}", late.text);

    assert_eq!(stage.plan(&mut browser, &stage.at(60), "Hasta mañana").await.status, StatusCode::SEE_OTHER);
    let second = stage.sent().await.into_iter().find(|one| one["text"] == "Hasta mañana").expect("it is queued");
    let change = stage.path(&format!("/messages/{}/plan", second["id"].as_str().expect("an id")));
    assert_eq!(browser.post(&change, &[("do", "edit")]).await.status, StatusCode::SEE_OTHER);
    let page = browser.get(&stage.path("")).await.text;
    assert!(page.contains(">Hasta mañana</textarea>"), "its words are in the box: {page}");
    let failed = stage.sent().await.into_iter().filter(|one| one["error"]["code"] == json!("cancelled")).count();
    assert_eq!(failed, 1);
    stage.world.end().await;
}
