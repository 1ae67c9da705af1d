//! What failed goes on, and takes nothing that was not proved.

use model::connection::{self, Resume};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Stage, id, refused, step, steps};

impl Stage {
    /// Connects a number up to the PIN that it lacks; answers the attempt, which failed.
    async fn without_a_pin(&self) -> Value {
        let settings = format!("numbers/{}", self.number.phone_number_id);
        self.meta(&settings, &json!({ "registered": false })).await;
        refused(&self.connect(&self.wish()).await, "register", "pin_needed")
    }
}

/// Whoever had a token for a number that another organization has could take any other number with it: the attempt stopped at
/// the claim, and went on there with the id that the retry named, of which nobody had asked Meta.
#[tokio::test(flavor = "multi_thread")]
async fn another_id_is_proved_before_it_is_claimed() {
    let stage = Stage::new().await;
    let all = stage.world.meta().numbers().await;
    let other = stage.world.organization("Harbor & Pine").await;
    let (status, _) = stage.world.post_api(&other, "/numbers", &stage.wish()).await;
    assert_eq!(status, 201);

    let attempt = refused(&stage.connect(&stage.wish()).await, "claim", "taken");
    let strangers = &all[2];
    assert_ne!(strangers.waba_id, stage.number.waba_id);
    let attempt = stage.retry(&attempt, &json!({ "phone_number_id": strangers.phone_number_id })).await;
    let attempt = refused(&attempt, "number", 100);
    assert!(stage.numbers().await.is_empty(), "the token does not open it");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.number_claim").await, 1);
    // One that the token opens is another matter; from then on it is the attempt's.
    let (status, number) = stage.retry(&attempt, &json!({ "phone_number_id": all[1].phone_number_id })).await;
    assert_eq!((status, &number["phone_number_id"]), (200, &json!(all[1].phone_number_id)), "{number:#}");
    stage.world.end().await;
}

/// The same, were there a way to the claim that passes the proof by.
#[tokio::test(flavor = "multi_thread")]
async fn the_claim_itself_looks_for_the_proof() {
    let stage = Stage::new().await;
    let all = stage.world.meta().numbers().await;
    let other = stage.world.organization("Harbor & Pine").await;
    assert_eq!(stage.world.post_api(&other, "/numbers", &stage.wish()).await.0, 201);
    let attempt = refused(&stage.connect(&stage.wish()).await, "claim", "taken");
    let sql = stage.world.sql().await;
    let mut named = 0;
    let goes_on =
        "UPDATE wazapp.connection SET phone_number_id = $1, waba_id = $2, state = 'running', due_at = 'epoch',
                     ended_at = NULL, steps = replace(steps::text, 'failed', 'pending')::json WHERE state = 'failed'";
    for (number, account) in [(&all[2], &all[0]), (&all[0], &all[2])] {
        named += sql.execute(goes_on, &[&number.phone_number_id, &account.waba_id]).await.unwrap();
        let path = format!("/connections/{}", id(&attempt));
        let now = async || stage.world.read(&stage.organization, &path).await;
        stage.world.until("it stops", async || now().await["state"] == "failed").await;
        assert_eq!(step(&now().await, "claim")["error"]["code"], "unproved", "{:#}", now().await);
    }
    assert_eq!((named, stage.numbers().await.len()), (2, 0));
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_has_its_number_takes_no_other() {
    let stage = Stage::new().await;
    let second = stage.world.meta().numbers().await.remove(1);
    let with_another = json!({ "phone_number_id": second.phone_number_id });
    let number = stage.connected().await;
    let path = format!("/numbers/{}/token", id(&number));
    let answer = stage.world.put_api(&stage.organization, &path, &json!({ "token": "nonsense" })).await;
    let rotation = refused(&answer, "token", 190);
    for attempt in [rotation.clone(), stage.without_a_pin().await] {
        let (status, problem) = stage.retry(&attempt, &with_another).await;
        assert_eq!((status, &problem["type"]), (409, &json!("/docs#conflict")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("phone_number_id"), "{problem}");
    }
    // Its own may be said again.
    let own = json!({ "phone_number_id": stage.number.phone_number_id, "token": stage.token(json!({})).await });
    let (status, answer) = stage.retry(&rotation, &own).await;
    assert_eq!((status, &answer["id"]), (200, &number["id"]), "{answer:#}");
    assert_eq!(steps(&answer["connection"]), ["token:done", "number:done", "store:done"]);
    stage.world.end().await;
}

/// What a browser says later would name another number than the one that the token proves.
#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_token_waits_for_no_session() {
    let stage = Stage::new().await;
    let (status, attempt) = stage.connect(&json!({ "signup": { "code": "AQnonsense" } })).await;
    assert_eq!(status, 202, "{attempt:#}");
    let over = stage.until_over(&attempt).await;
    assert_eq!((&over["state"], &step(&over, "exchange")["error"]["code"]), (&json!("failed"), &json!(100)));
    let token = SecretString::from(stage.token(json!({})).await);
    let tx = stage.world.database().tenant(&stage.organization.scope).await.unwrap();
    let with = Resume { token: Some(&token), ..Resume::default() };
    let attempt = id(&attempt).parse().unwrap();
    let resumed = connection::retry(&tx, stage.world.keyring(), stage.world.now(), attempt, &with).await;
    assert_eq!(resumed.unwrap().expect("the attempt").expect("it has failed").awaits, None);
    stage.world.end().await;
}

/// The organization that a number was taken from kept its token with an attempt that lacked a PIN: for a week it could
/// register the number, and ask for its webhooks.
#[tokio::test(flavor = "multi_thread")]
async fn who_lost_a_number_cannot_go_on_with_its_token() {
    let stage = Stage::new().await;
    let other = stage.world.organization("Harbor & Pine").await;
    let attempt = stage.without_a_pin().await;
    let tx = stage.world.database().operator().await.unwrap();
    let scopes = (&stage.organization.scope, &other.scope);
    let (keyring, now) = (stage.world.keyring(), stage.world.now());
    let moved = model::number::hand_over(&tx, keyring, scopes, &stage.number.phone_number_id, now).await;
    assert!(moved.unwrap().is_some_and(|moved| moved.is_ok()));
    tx.commit().await.unwrap();
    let (status, problem) = stage.retry(&attempt, &json!({ "pin": "654321" })).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("token"), "{problem}");
    // With the token it proves itself from the beginning, and finds that another has the number.
    let with = json!({ "pin": "654321", "token": stage.number.token });
    refused(&stage.retry(&attempt, &with).await, "claim", "taken");
    stage.world.end().await;
}

/// Registering wrote all that its attempt had learned, over the facts of a token that came meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn registering_leaves_a_newer_token_as_it_is() {
    let stage = Stage::new().await;
    let attempt = stage.without_a_pin().await;
    let number = stage.numbers().await.remove(0);
    let path = format!("/numbers/{}/token", id(&number));
    let ends = json!({ "token": stage.token(json!({ "expires_in": 5_000_000 })).await });
    let (status, renewed) = stage.world.put_api(&stage.organization, &path, &ends).await;
    assert_eq!(status, 200, "{renewed:#}");
    let (status, registered) = stage.retry(&attempt, &json!({ "pin": "654321" })).await;
    assert_eq!((status, &registered["platform_type"]), (200, &json!("CLOUD_API")), "{registered:#}");
    assert!(renewed["token_expires_at"].is_string());
    assert_eq!(registered["token_expires_at"], renewed["token_expires_at"]);
    stage.world.end().await;
}
