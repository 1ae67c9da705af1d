//! Numbers are kept current: looked at once a day, soon after news, and spoken of before their token ends.

use std::time::Duration;

use e2e::{Options, Organization, SimulatedNumber, World};
use reqwest::Method;
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 3600);
const LUCIA: &str = "34600111222";

/// An organization with a number of the simulator.
struct Stage {
    world: World,
    organization: Organization,
    number: SimulatedNumber,
}

impl Stage {
    async fn new() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let world = World::with(Options { simulated: true, ..options }).await;
        let organization = world.organization("Café Lucero").await;
        let number = world.meta().numbers().await.remove(0);
        world.connect_simulated(&organization, &number).await;
        Self { world, organization, number }
    }

    async fn shown(&self) -> Value {
        self.world.read(&self.organization, "/numbers").await["data"][0].clone()
    }

    /// The events that looks made.
    async fn told(&self) -> Vec<Value> {
        let all = self.world.events(&self.organization, "number.updated").await;
        all.into_iter().map(|event| event["data"].clone()).filter(|data| data["field"] == "check").collect()
    }

    /// Something happens to the number at Meta's.
    async fn happens(&self, change: &Value) {
        let path = format!("numbers/{}", self.number.phone_number_id);
        self.world.meta().control(Method::POST, &path, Some(change)).await;
    }

    /// A token of the number's account that lives so long.
    async fn token(&self, lives: Duration) -> String {
        let wish = json!({ "waba_id": self.number.waba_id, "expires_in": lives.as_secs() });
        let made = self.world.meta().control(Method::POST, "tokens", Some(&wish)).await;
        made["token"].as_str().expect("a token").to_owned()
    }

    async fn connect_with(&self, token: &str) {
        let number = &self.number;
        self.world.connect_with(&self.organization, &number.phone_number_id, &number.waba_id, None, token).await;
    }

    async fn send(&self, text: &str) -> String {
        let body = json!({ "number_id": self.shown().await["id"], "to": LUCIA, "text": { "body": text } });
        let (status, answer) = self.world.post_api(&self.organization, "/messages", &body).await;
        assert_eq!(status, 202, "{answer}");
        answer["id"].as_str().expect("an id").to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meta_shows_of_a_number_is_shown_and_told_once() {
    let stage = Stage::new().await;
    let world = &stage.world;
    assert_eq!(stage.shown().await["checked_at"], Value::Null);
    assert_eq!(world.look_at_numbers().await, 1);
    let shown = stage.shown().await;
    assert_eq!((&shown["quality_rating"], &shown["meta_status"]), (&json!("GREEN"), &json!("CONNECTED")), "{shown:#}");
    assert_eq!((&shown["platform_type"], &shown["throughput"]), (&json!("CLOUD_API"), &json!("STANDARD")));
    assert_eq!(shown["health"]["can_send_message"], "AVAILABLE");
    assert_eq!(shown["display_phone_number"], stage.number.digits);
    assert_eq!((&shown["is_on_biz_app"], &shown["problem"]), (&json!(false), &Value::Null));
    assert!(shown["verified_name"].is_string() && shown["messaging_limit"].is_string(), "{shown:#}");
    assert!(shown["checked_at"].is_string());
    let told = stage.told().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["data"]["quality_rating"], "GREEN");
    assert_eq!((&told[0]["number_id"], &told[0]["problem"]), (&shown["id"], &Value::Null));

    // Not again before a day is over, and nothing new then.
    world.advance(Duration::from_secs(21 * 3600)).await;
    assert_eq!(world.look_at_numbers().await, 0);
    world.advance(Duration::from_secs(5 * 3600)).await;
    assert_eq!(world.look_at_numbers().await, 1);
    assert_eq!(stage.told().await.len(), 1);
    assert!(stage.shown().await["checked_at"].as_str() > shown["checked_at"].as_str());
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_a_number_lead_to_another_look() {
    let stage = Stage::new().await;
    let world = &stage.world;
    world.look_at_numbers().await;
    world.advance(Duration::from_secs(60)).await;
    assert_eq!(world.look_at_numbers().await, 0);
    stage.happens(&json!({ "throughput": "HIGH" })).await;
    stage.happens(&json!({ "quality": "RED" })).await;
    world.settle().await;
    assert_eq!(world.look_at_numbers().await, 1, "several news are one look");
    let shown = stage.shown().await;
    assert_eq!((&shown["quality_rating"], &shown["throughput"]), (&json!("RED"), &json!("HIGH")), "{shown:#}");
    assert_eq!(stage.told().await.last().unwrap()["data"]["quality_rating"], "RED");
    stage.world.end().await;
}

/// A number that is also on a phone is slower at Meta's, whether or not its history was imported.
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_number_keeps_to_its_own_pace_and_a_raised_one_goes_faster() {
    let stage = Stage::new().await;
    let world = &stage.world;
    for (change, fits) in [
        (json!({ "coexistence": true }), 2..=3),
        (json!({ "coexistence": false }), 8..=10),
        (json!({ "throughput": "HIGH" }), 20..=20),
    ] {
        stage.happens(&change).await;
        world.advance(2 * DAY).await;
        world.settle().await;
        assert_eq!(world.look_at_numbers().await, 1);
        // As many as one claim takes, of what waits for different people, on a clock that stands still.
        let later = world.now() + jiff::SignedDuration::from_hours(1);
        for nth in 0..25 {
            let body = json!({
                "number_id": stage.shown().await["id"], "to": format!("346002{nth:05}"), "send_at": later,
                "type": "text", "text": { "body": "Hola" },
                "when_window_closed": { "template": { "name": "x", "language": { "code": "es" } } },
            });
            let (status, answer) = world.post_api(&stage.organization, "/messages", &body).await;
            assert_eq!(status, 202, "{answer}");
        }
        let tx = world.database().operator().await.unwrap();
        let at = later + jiff::SignedDuration::from_secs(1);
        let turn = model::outbox::any_organization_turns(&tx, at, &[]).await.unwrap().remove(0);
        let claim = model::outbox::any_organization_claim(&tx, at, &[(turn, 100)]).await.unwrap();
        let fit = claim.messages().count();
        assert!(fits.contains(&fit), "{change}: {fit}");
        drop(tx);
        world.sql().await.batch_execute("DELETE FROM wazapp.outbox").await.unwrap();
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tokens_end_is_told_ahead_and_at_the_end() {
    let stage = Stage::new().await;
    let world = &stage.world;
    stage.connect_with(&stage.token(20 * DAY).await).await;
    world.look_at_numbers().await;
    let shown = stage.shown().await;
    assert!(shown["token_expires_at"].is_string() && shown["problem"].is_null(), "{shown:#}");

    let mut told = Vec::new();
    for _ in 0..21 * 4 {
        world.advance(DAY / 4).await;
        world.look_at_numbers().await;
        let problem = stage.shown().await["problem"].clone();
        if problem.is_object() && told.last() != Some(&problem) {
            told.push(problem);
        }
    }
    let words: Vec<(&str, Option<i64>)> =
        told.iter().map(|problem| (problem["code"].as_str().unwrap(), problem["days"].as_i64())).collect();
    let expires = |days| ("token_expires", Some(days));
    assert_eq!(words, [expires(14), expires(7), expires(3), expires(1), ("token_refused", None)]);
    assert!(told.iter().all(|problem| problem["advice"]["es"].is_string() && problem["advice"]["en"].is_string()));
    assert_eq!(told[0]["at"], shown["token_expires_at"]);
    let events = stage.told().await;
    let with_problem = events.iter().filter(|data| data["data"].get("problem").is_some()).count();
    assert_eq!(with_problem, 5, "each is told once: {events:#?}");
    let shown = stage.shown().await;
    assert_eq!(shown["send_paused"]["reason"]["code"], 190, "{shown:#}");

    // Another token ends all of it.
    world.connect_simulated(&stage.organization, &stage.number).await;
    world.advance(Duration::from_secs(61)).await;
    assert_eq!(world.look_at_numbers().await, 1);
    let shown = stage.shown().await;
    assert_eq!((&shown["problem"], &shown["send_paused"]), (&Value::Null, &Value::Null), "{shown:#}");
    assert_eq!(shown["token_expires_at"], Value::Null);
    stage.world.end().await;
}

/// Meta refuses a token while something is sent: the number rests at once, and the look behind it says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_refused_while_sending_is_a_problem_until_it_is_good_again() {
    let stage = Stage::with(Options { looks_at_numbers: true, ..Options::default() }).await;
    let world = &stage.world;
    world.until("the number is looked at", async || stage.shown().await["checked_at"].is_string()).await;
    world.meta().customer_says(&stage.number, LUCIA, "Hola").await;
    world.settle().await;
    world.meta().control(Method::DELETE, "tokens", Some(&json!({ "token": stage.number.token }))).await;
    let message = stage.send("uno").await;
    world.until("the number rests", async || stage.shown().await["send_paused"].is_object()).await;
    // An account's numbers are looked at a minute apart.
    world.advance(Duration::from_secs(61)).await;
    // Whatever else met the dead token is only a doubt, until a look that began behind it: again a minute apart.
    let refused = async || {
        let code = stage.shown().await["problem"]["code"].clone();
        assert!(code.is_null() || code == "refused_aside" || code == "token_refused", "{code}");
        if code == "refused_aside" {
            world.advance(Duration::from_secs(61)).await;
        }
        code == "token_refused"
    };
    world.until("the problem is told", refused).await;
    assert_eq!(stage.shown().await["problem"]["meta_code"], 190);
    assert_eq!(stage.told().await.last().unwrap()["problem"]["code"], "token_refused");

    stage.connect_with(&stage.token(300 * DAY).await).await;
    let sent = async || world.read(&stage.organization, &format!("/messages/{message}")).await["status"] == "read";
    world.until("the message is sent", sent).await;
    world.advance(Duration::from_secs(61)).await;
    let known = async || {
        let shown = stage.shown().await;
        shown["problem"].is_null() && shown["token_expires_at"].is_string()
    };
    world.until("the new token is known", known).await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meta_that_does_not_answer_changes_nothing() {
    let stage = Stage::new().await;
    let world = &stage.world;
    world.look_at_numbers().await;
    let before = stage.shown().await;
    for fault in [
        json!([{ "kind": "html_500", "edge": "*" }]),
        json!([{ "kind": "reset", "edge": "*" }]),
        json!([{ "kind": "error", "code": 4, "edge": "*" }]),
        json!([{ "kind": "error", "code": 2, "edge": "*" }]),
    ] {
        world.advance(2 * DAY).await;
        world.meta().faults(fault).await;
        assert_eq!(world.look_at_numbers().await, 1);
        assert_eq!(stage.shown().await, before, "nothing is forgotten, and nothing paused");
        assert_eq!(world.look_at_numbers().await, 0, "and Meta is left alone for a while");
        world.meta().no_faults().await;
        world.advance(Duration::from_secs(3601)).await;
        assert_eq!(world.look_at_numbers().await, 1, "then asked again");
        world.sql().await.batch_execute("UPDATE wazapp.number SET checked_at = NULL").await.unwrap();
        let after = stage.shown().await;
        assert_eq!(after["quality_rating"], before["quality_rating"]);
        let checked =
            "UPDATE wazapp.number SET checked_at = $1::text::timestamptz, token_checked_at = $2::text::timestamptz";
        let then = ["checked_at", "token_checked_at"].map(|field| before[field].as_str().unwrap());
        world.sql().await.execute(checked, &[&then[0], &then[1]]).await.unwrap();
    }
    assert_eq!(stage.told().await.len(), 1);
    stage.world.end().await;
}

/// What a look heard is old where something was told meanwhile: another look follows, and nothing is put back.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_was_overtaken_settles_nothing() {
    let stage = Stage::new().await;
    let world = &stage.world;
    let tx = world.database().operator().await.unwrap();
    let claimed = model::number_check::any_organization_claim(&tx, world.now()).await.unwrap().expect("it is due");
    assert!(model::number_check::any_organization_claim(&tx, world.now()).await.unwrap().is_none(), "once");
    tx.commit().await.unwrap();
    stage.happens(&json!({ "quality": "RED" })).await;
    world.settle().await;
    let old = model::number_check::Shown { quality_rating: Some("GREEN".into()), ..Default::default() };
    let seen = model::number_check::Seen::Number(Box::new(old), None, None);
    let settled = model::number_check::any_organization_settle(world.database(), world.now(), &claimed, &seen);
    assert!(!settled.await.unwrap());
    world.advance(Duration::from_secs(61)).await;
    assert_eq!(world.look_at_numbers().await, 1);
    assert_eq!(stage.shown().await["quality_rating"], "RED");
    stage.world.end().await;
}

/// Numbers of one account are looked at one after the other, others beside them.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_asked_once_a_minute_at_most() {
    let stage = Stage::new().await;
    let world = &stage.world;
    let all = world.meta().numbers().await;
    for number in &all[1..] {
        world.connect_simulated(&stage.organization, number).await;
    }
    let accounts: std::collections::BTreeSet<&str> = all.iter().map(|number| number.waba_id.as_str()).collect();
    let mut rounds = vec![world.look_at_numbers().await];
    while rounds.last() != Some(&0) {
        world.advance(Duration::from_secs(61)).await;
        rounds.push(world.look_at_numbers().await);
    }
    assert_eq!(rounds.iter().sum::<usize>(), all.len(), "{rounds:?}");
    assert!(rounds.iter().all(|looks| *looks <= accounts.len()), "{rounds:?}");
    stage.world.end().await;
}

/// What this version does not know, a newer one wrote, or somebody's hand: it is named, and never taken for something else.
#[tokio::test(flavor = "multi_thread")]
async fn a_stored_problem_that_nobody_knows_is_an_error_that_names_its_column() {
    let stage = Stage::new().await;
    let world = &stage.world;
    let odd = r#"UPDATE wazapp.number SET problem = '{"code": "tomorrows", "message": "…", "advice": {"en": "…", "es": "…"}}'"#;
    world.sql().await.execute(odd, &[]).await.unwrap();
    let tx = world.database().operator().await.unwrap();
    let refused = model::number::any_organization_list(&tx, None, world.now()).await.unwrap_err().to_string();
    tx.close();
    assert!(refused.contains("number.problem") && refused.contains("`tomorrows`"), "{refused}");
    world.sql().await.execute("UPDATE wazapp.number SET problem = NULL", &[]).await.unwrap();
    assert_eq!(stage.shown().await["problem"], Value::Null);
    stage.world.end().await;
}
