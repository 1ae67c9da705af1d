//! What grows without end gets an end: events, updates of statuses and messages go past their retention, in batches, and do
//! not come back.

use std::time::Duration;

use e2e::{Options, Organization, World, body};
use model::retention::{self, Days, Gone, Kept, Retention};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(86_400);
const NUMBER: &str = "106540352242922";
const OTHER_NUMBER: &str = "106540352242923";
const LUCIA: &str = "34600111222";

mod events;
mod messages;
mod statuses;

fn days(number: u16) -> Days {
    Days(Some(number))
}

/// A server that keeps things for so long, with two organizations.
struct Stage {
    world: World,
    acme: Organization,
    other: Organization,
}

impl Stage {
    async fn with(retention: Retention) -> Self {
        let world = World::with(Options { retention, ..Options::default() }).await;
        let acme = world.organization("Acme").await;
        world.connect(&acme, NUMBER, "102290129340398", None).await;
        let other = world.organization("Other").await;
        world.connect(&other, OTHER_NUMBER, "102290129340399", None).await;
        Self { world, acme, other }
    }

    /// The second that the server's clock shows.
    fn second(&self) -> i64 {
        self.world.now().as_second()
    }

    async fn writes(&self, wamid: &str) {
        self.world.receive(&body::text(NUMBER, LUCIA, wamid, self.second(), wamid)).await;
    }

    async fn drop_past(&self) -> Gone {
        self.world.drop_past().await.expect("it runs")
    }

    /// A day later, what stands in the logs has been noted.
    async fn noted(&self) {
        self.world.advance(DAY + DAY / 24).await;
        assert_eq!(self.drop_past().await, Gone::default());
    }

    async fn set(&self, organization: &Organization, kept: Kept, days: Option<Days>) {
        let tx = self.world.database().operator().await.expect("a transaction");
        retention::any_organization_set(&tx, &organization.scope, kept, days).await.expect("it is set");
        tx.commit().await.expect("it is committed");
    }

    async fn events(&self, query: &str) -> (u16, Value) {
        self.world.get(&self.acme, &format!("/events{query}")).await
    }

    /// The numbers of the events that are read.
    async fn sequences(&self, query: &str) -> Vec<i64> {
        let (status, page) = self.events(query).await;
        assert_eq!(status, 200, "{page}");
        let rows = page["data"].as_array().expect("rows");
        rows.iter().map(|row| row["sequence"].as_i64().expect("a number")).collect()
    }
}

/// What goes of one organization goes of no other, and each sees its own alone.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_is_each_organizations_own() {
    let stage = Stage::with(Retention::default()).await;
    stage.set(&stage.acme, Kept::Events, Some(days(8))).await;
    stage.writes("wamid.a").await;
    stage.world.receive(&body::text(OTHER_NUMBER, LUCIA, "wamid.b", stage.second(), "b")).await;
    stage.noted().await;
    stage.world.advance(DAY * 10).await;
    assert_eq!(stage.drop_past().await, Gone { events: 1, ..Gone::default() });
    let shown = async |of: &Organization| stage.world.read(of, "/me").await;
    let (acme, other) = (shown(&stage.acme).await, shown(&stage.other).await);
    assert_eq!(acme["organization"]["event_retention_days"], 8);
    assert_eq!(acme["gone"], json!({ "events": 1, "statuses": 0, "messages": 0 }));
    assert_eq!(other["organization"]["event_retention_days"], Value::Null);
    assert_eq!(other["gone"], json!({ "events": 0, "statuses": 0, "messages": 0 }));
    assert_eq!(stage.world.read(&stage.other, "/events").await["data"].as_array().map(Vec::len), Some(1));
    stage.world.end().await;
}

/// However often a round breaks off, nothing is half gone, and the next one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_breaks_off_leaves_nothing_half() {
    const MESSAGES: i64 = 700;
    let all = Retention { events: days(8), statuses: days(8), messages: days(8) };
    let stage = Stage::with(all).await;
    let now = stage.second();
    for tens in 0..MESSAGES / 10 {
        let rows = (0..10).map(|nth| body::text_message(LUCIA, &format!("wamid.{tens}.{nth}"), now, "Hello"));
        let mut members = json!({ "messages": rows.collect::<Vec<_>>() });
        members["contacts"] = json!([body::contact(LUCIA, "Lucía")]);
        stage.world.take(&body::value(NUMBER, &members)).await;
        let rows = (0..10).map(|nth| body::status_of(&format!("wamid.out.{tens}.{nth}"), "delivered", now, LUCIA));
        stage.world.take(&body::value(NUMBER, &json!({ "statuses": rows.collect::<Vec<_>>() }))).await;
    }
    stage.world.drain().await;
    stage.noted().await;
    stage.world.advance(DAY * 10).await;
    let mut broke_off = 0;
    for nth in 1_u64.. {
        let round = tokio::time::timeout(Duration::from_millis(nth * 7), stage.world.drop_past()).await;
        stage.world.check().await;
        let counted =
            "SELECT (SELECT count(*) FROM wazapp.message) + (SELECT sum(messages_gone) FROM wazapp.retention)";
        assert_eq!(stage.world.count(&format!("{counted}::bigint")).await, MESSAGES);
        let counted = "SELECT (SELECT count(*) FROM wazapp.status) + (SELECT sum(statuses_gone) FROM wazapp.retention)";
        assert_eq!(stage.world.count(&format!("{counted}::bigint")).await, MESSAGES);
        if let Ok(round) = round {
            round.expect("it runs");
            break;
        }
        broke_off += 1;
    }
    assert!(broke_off > 0, "it was too quick to be broken off");
    let gone = stage.world.read(&stage.acme, "/me").await["gone"].clone();
    assert_eq!(gone, json!({ "events": 2 * MESSAGES, "statuses": MESSAGES, "messages": MESSAGES }));
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.message").await, 0);
    stage.world.end().await;
}
