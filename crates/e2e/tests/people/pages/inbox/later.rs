//! What is written now and leaves later.

use std::time::Duration;

use jiff::{SignedDuration, tz::TimeZone};
use model::act::Role;
use reqwest::{Method, StatusCode};
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

/// A time that was chosen and not confirmed sends nothing: Enter is no answer to the question when.
#[tokio::test(flavor = "multi_thread")]
async fn enter_sends_nothing_that_was_meant_for_later() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    let form = [("body", "Buenos días"), ("at", &stage.at(60))];
    let answer = browser.post(&stage.path("/messages"), &form).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("Pulsa «Programar»") && answer.text.contains("Buenos días"), "{}", answer.text);
    assert_eq!(stage.sent().await.len(), 0);
    stage.world.end().await;
}

/// A form whose answer was lost is asked for again, behind the time that it planned for: it is the same message.
#[tokio::test(flavor = "multi_thread")]
async fn a_planned_form_that_comes_again_late_is_the_same_message() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    let page = browser.get(&stage.path("")).await.text;
    let (id, seen, at) = (hidden(&page, "id").to_owned(), hidden(&page, "seen").to_owned(), stage.at(3));
    let form = [("id", id.as_str()), ("seen", &seen), ("body", "Enseguida"), ("later", "1"), ("at", &at)];
    for _ in 0..2 {
        let answer = browser.post(&stage.path("/messages"), &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        stage.world.advance(Duration::from_secs(600)).await;
    }
    assert_eq!(stage.sent().await.len(), 1);
    stage.world.end().await;
}

/// A colleague's words come back as they were typed, without the line that says whose they were.
#[tokio::test(flavor = "multi_thread")]
async fn a_colleagues_words_come_back_without_their_name() {
    let stage = Stage::new().await;
    let owner = stage.world.member(&stage.organization, Role::Owner).await;
    let number = stage.world.all(&stage.organization, "/numbers").await.remove(0);
    let path = format!("/numbers/{}", number["id"].as_str().expect("an id"));
    let line = json!({ "author_line": "name" });
    assert_eq!(stage.world.as_person(Method::PATCH, &owner, &path, Some(&line)).await.0, 200);
    let mut hers = Browser::of(&stage.world, &stage.marta);
    stage.plan(&mut hers, &stage.at(60), "Hasta mañana").await;
    let planned = stage.sent().await.remove(0);
    assert_eq!(planned["text"], "*Marta Ruiz*\nHasta mañana");
    // How messages begin is another by then.
    let line = json!({ "author_line": "first_name" });
    assert_eq!(stage.world.as_person(Method::PATCH, &owner, &path, Some(&line)).await.0, 200);
    let mut his = Browser::of(&stage.world, &owner);
    his.post("/settings/profile", &[("name", "Luis Soto"), ("language", "es"), ("zone", "America/Mexico_City")]).await;
    let change = stage.path(&format!("/messages/{}/plan", planned["id"].as_str().expect("an id")));
    assert_eq!(his.post(&change, &[("do", "edit")]).await.status, StatusCode::SEE_OTHER);
    let page = his.get(&stage.path("")).await.text;
    assert!(page.contains(">Hasta mañana</textarea>"), "{page}");
    stage.world.end().await;
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
