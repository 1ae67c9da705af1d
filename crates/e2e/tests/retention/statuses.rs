//! The history of statuses goes; what a message shows, and what it cost, stays.

use model::retention::{Gone, Kept, Retention};
use serde_json::{Value, json};

use super::{DAY, LUCIA, NUMBER, Stage, body, days};

fn kept(number: u16) -> Retention {
    Retention { statuses: days(number), ..Retention::default() }
}

fn priced(wamid: &str, status: &str, second: i64) -> Value {
    let mut row = body::status_of(wamid, status, second, LUCIA);
    row["pricing"] = json!({ "billable": true, "pricing_model": "PMP", "type": "regular", "category": "marketing" });
    body::value(NUMBER, &json!({ "statuses": [row] }))
}

impl Stage {
    async fn shows(&self, wamid: &str) -> Value {
        self.world.message(&self.acme, wamid).await["status"].clone()
    }

    async fn history(&self, wamid: &str) -> Vec<String> {
        let rows = self.world.read(&self.acme, &format!("/statuses?wamid={wamid}")).await;
        let rows = rows["data"].as_array().expect("rows").clone();
        rows.iter().map(|row| row["status"].as_str().expect("a word").to_owned()).collect()
    }

    async fn charged(&self) -> i64 {
        self.world.count("SELECT coalesce(sum(messages), 0)::bigint FROM wazapp.cost").await
    }

    async fn told(&self) -> usize {
        self.world.events(&self.acme, "message.status").await.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_goes_and_the_message_shows_what_it_showed() {
    let stage = Stage::with(kept(30)).await;
    let sent = stage.second();
    stage.world.receive(&body::echo(NUMBER, LUCIA, "wamid.1", sent, "Hello")).await;
    stage.world.receive(&priced("wamid.1", "sent", sent)).await;
    stage.world.receive(&priced("wamid.1", "delivered", sent + 1)).await;
    // Nobody knows its message.
    stage.world.receive(&body::status(NUMBER, "wamid.waits", "sent", sent, LUCIA)).await;
    stage.world.advance(DAY * 31).await;
    let young = stage.second();
    stage.world.receive(&body::echo(NUMBER, LUCIA, "wamid.2", young, "Hello again")).await;
    stage.world.receive(&priced("wamid.2", "sent", young)).await;
    assert_eq!((stage.charged().await, stage.told().await), (1, 4));
    assert_eq!(stage.drop_past().await, Gone { statuses: 3, ..Gone::default() });
    assert_eq!((stage.shows("wamid.1").await, stage.shows("wamid.2").await), (json!("delivered"), json!("sent")));
    assert_eq!((stage.history("wamid.1").await.len(), stage.history("wamid.2").await.len()), (0, 1));

    // What is told again of what went changes nothing, is not told, and not charged.
    for (status, second) in [("sent", sent), ("delivered", sent + 1)] {
        stage.world.receive(&priced("wamid.1", status, second)).await;
    }
    stage.world.receive(&body::status(NUMBER, "wamid.waits", "sent", sent, LUCIA)).await;
    assert_eq!((stage.shows("wamid.1").await, stage.charged().await, stage.told().await), (json!("delivered"), 1, 4));
    assert_eq!(stage.history("wamid.1").await.len(), 0);

    // News of now is news: the message climbs, once, and is charged no second time.
    let read = stage.second();
    for _ in 0..2 {
        stage.world.receive(&priced("wamid.1", "read", read)).await;
    }
    assert_eq!((stage.shows("wamid.1").await, stage.charged().await, stage.told().await), (json!("read"), 1, 5));
    assert_eq!(stage.history("wamid.1").await, ["read"]);
    stage.world.end().await;
}

/// A message that was not delivered before its history went is charged when it is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_delivered_late_is_charged_once() {
    let stage = Stage::with(kept(8)).await;
    let sent = stage.second();
    stage.world.receive(&body::echo(NUMBER, LUCIA, "wamid.1", sent, "Hello")).await;
    stage.world.receive(&priced("wamid.1", "sent", sent)).await;
    stage.world.advance(DAY * 20).await;
    assert_eq!(stage.drop_past().await.statuses, 1);
    assert_eq!(stage.charged().await, 0);
    for status in ["delivered", "read"] {
        stage.world.receive(&priced("wamid.1", status, stage.second())).await;
    }
    assert_eq!(stage.charged().await, 1);
    // Told late of a time of which all went: it is not kept, and the message climbs all the same.
    stage.world.receive(&body::echo(NUMBER, LUCIA, "wamid.2", sent, "Hello")).await;
    for _ in 0..2 {
        stage.world.receive(&body::status(NUMBER, "wamid.2", "delivered", sent + 5, LUCIA)).await;
        stage.world.receive(&body::status(NUMBER, "wamid.2", "sent", sent + 3, LUCIA)).await;
    }
    assert_eq!((stage.shows("wamid.2").await, stage.history("wamid.2").await.len()), (json!("delivered"), 0));
    let told = stage.world.events(&stage.acme, "message.status").await;
    assert_eq!(told.iter().filter(|event| event["data"]["wamid"] == "wamid.2").count(), 1);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_has_days_of_its_own() {
    let stage = Stage::with(Retention::default()).await;
    for number in [NUMBER, super::OTHER_NUMBER] {
        stage.world.receive(&body::status(number, "wamid.1", "sent", stage.second(), LUCIA)).await;
    }
    stage.set(&stage.other, Kept::Statuses, Some(days(8))).await;
    stage.world.advance(DAY * 9).await;
    assert_eq!(stage.drop_past().await.statuses, 1);
    assert_eq!(stage.history("wamid.1").await, ["sent"]);
    stage.world.end().await;
}
