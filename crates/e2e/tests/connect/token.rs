//! By ids and a token.

use std::time::Duration;

use e2e::{Options, World};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Stage, id, refused, step, steps, wish};

const EVERYTHING_DONE: &[&str] = &[
    "token:done",
    "number:done",
    "account:done",
    "claim:done",
    "subscribe:done",
    "fields:done",
    "callback:done",
    "register:skipped",
    "sync:skipped",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_connected_step_by_step() {
    let stage = Stage::new().await;
    stage.unsubscribe().await;
    let number = stage.connected().await;
    assert_eq!(number["status"], "connected");
    assert_eq!(
        (&number["display_phone_number"], &number["verified_name"]),
        (&json!("525585261100"), &json!("Café Lucero"))
    );
    assert_eq!((&number["quality_rating"], &number["platform_type"]), (&json!("GREEN"), &json!("CLOUD_API")));
    assert_eq!((&number["throughput"], &number["is_on_biz_app"]), (&json!("STANDARD"), &json!(false)));
    assert!(number["messaging_limit"].is_string() && number["token_checked_at"].is_string(), "{number:#}");
    assert_eq!((&number["token_expires_at"], &number["warnings"]), (&Value::Null, &json!([])));
    assert_eq!(steps(&number["connection"]), EVERYTHING_DONE);
    assert!(number["connection"]["steps"].as_array().unwrap().iter().all(|step| step["at"].is_string()));
    assert!(!number.to_string().contains(&stage.number.token), "no answer shows a token");

    // It is as it was answered, for everybody who looks.
    let path = format!("/numbers/{}", id(&number));
    let alone = stage.world.read(&stage.organization, &path).await;
    assert_eq!(stage.numbers().await, std::slice::from_ref(&alone));
    assert_eq!((&alone["id"], &alone["token_checked_at"]), (&number["id"], &number["token_checked_at"]));
    let attempts = stage.world.all(&stage.organization, "/connections").await;
    assert_eq!(attempts, [number["connection"].clone()]);
    let path = format!("/connections/{}", id(&attempts[0]));
    assert_eq!(stage.world.read(&stage.organization, &path).await, attempts[0]);
    let events = stage.world.events(&stage.organization, "number.updated").await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["data"]["id"], &events[0]["data"]["status"]), (&number["id"], &json!("connected")));
    assert_eq!(stage.subscribed().await.len(), 1, "the App hears of the account");
    // Nothing of the token is left where it was needed.
    let kept = "SELECT count(*) FROM wazapp.connection WHERE token IS NOT NULL OR code IS NOT NULL OR pin IS NOT NULL";
    assert_eq!(stage.world.count(kept).await, 0);

    // And it works, both ways.
    stage.world.meta().customer_says(&stage.number, "34600111222", "¿Abren hoy?").await;
    stage.world.settle().await;
    let conversation = stage.world.conversation(&stage.organization).await;
    let path = format!("/conversations/{}/messages", id(&conversation));
    let (status, message) =
        stage.world.post_api(&stage.organization, &path, &json!({ "text": { "body": "Sí" } })).await;
    assert_eq!(status, 202, "{message}");
    stage.world.until("it is accepted", async || !stage.world.meta().accepted(&stage.number).await.is_empty()).await;
    stage.world.settle().await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_good_is_refused_and_another_goes_on_from_there() {
    let stage = Stage::new().await;
    let other_app = stage.meta("apps", &json!({ "id": "555000111" })).await;
    let revoked = stage.token(json!({})).await;
    stage.world.meta().control(Method::DELETE, "tokens", Some(&json!({ "token": revoked }))).await;
    let expiring = stage.token(json!({ "expires_in": 60 })).await;
    stage.world.advance(Duration::from_secs(61)).await;
    let strangers = stage.world.meta().numbers().await.remove(2).token;
    for (token, code) in [
        ("nonsense".to_owned(), json!(190)),
        (revoked, json!(190)),
        (expiring, json!("token_expired")),
        (stage.token(json!({ "app_id": id(&other_app) })).await, json!(100)),
        (stage.token(json!({ "scopes": ["whatsapp_business_messaging"] })).await, json!("token_lacks_permission")),
        (strangers, json!("token_of_another_account")),
    ] {
        let mut wish = stage.wish();
        wish["token"] = json!(token);
        let answer = stage.connect(&wish).await;
        assert!(!answer.1.to_string().contains(&token), "no answer shows a token: {answer:?}");
        let attempt = refused(&answer, "token", code);
        assert_eq!(steps(&attempt)[1..4], ["number:pending", "account:pending", "claim:pending"]);
        assert!(stage.numbers().await.is_empty(), "nothing is claimed before it is proved");
    }
    let attempts = stage.world.all(&stage.organization, "/connections?limit=2").await;
    assert_eq!(attempts.len(), 6);
    assert!(attempts.iter().all(|attempt| attempt["state"] == "failed"));
    let (status, number) = stage.retry(&attempts[0], &json!({ "token": stage.number.token })).await;
    assert_eq!(status, 200, "{number:#}");
    assert_eq!(steps(&number["connection"]), EVERYTHING_DONE);
    assert_eq!(stage.numbers().await.len(), 1);
    // What is done is not resumed.
    let (status, problem) = stage.retry(&number["connection"], &json!({})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/docs#conflict")));
    stage.world.end().await;
}

/// Tokens are judged by what they open: Embedded Signup gives out some with other words, and some that name no account.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_words_is_taken_where_it_opens_the_number() {
    let stage = Stage::new().await;
    let (messaging, management) = ("whatsapp_business_messaging", "whatsapp_business_management");
    let events = "whatsapp_business_manage_events";
    for (with, lacks) in [
        (json!({ "scopes": [messaging, events] }), Some(management)),
        (json!({ "scopes": [messaging, events], "names_accounts": false }), Some(management)),
        (json!({ "scopes": [messaging, management], "names_accounts": false }), None),
        (json!({ "scopes": [management] }), Some(messaging)),
    ] {
        let mut wish = stage.wish();
        wish["token"] = json!(stage.token(with.clone()).await);
        let (status, number) = stage.connect(&wish).await;
        assert_eq!(status, 201, "{with}: {number:#}");
        let warning = &step(&number["connection"], "token")["warning"];
        match lacks {
            Some(word) => {
                assert_eq!(warning["code"], "token_lacks_permission", "{number:#}");
                assert!(warning["message"].as_str().unwrap().contains(word), "{warning}");
                assert_eq!(&number["warnings"][0], warning, "it is told");
            }
            None => assert!(warning.is_null(), "{warning}"),
        }
        let path = format!("/numbers/{}/token", id(&number));
        let rotation = json!({ "token": wish["token"] });
        let (status, answer) = stage.world.put_api(&stage.organization, &path, &rotation).await;
        assert_eq!(status, 200, "{answer:#}");
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_do_not_fit_together_are_refused() {
    let stage = Stage::new().await;
    let all = stage.world.meta().numbers().await;
    let mut wish = stage.wish();
    wish["phone_number_id"] = json!("99999");
    let attempt = refused(&stage.connect(&wish).await, "number", 100);
    assert!(step(&attempt, "number")["error"]["message"].as_str().unwrap().contains("99999"));

    // A number that the token may see, of another account.
    let both = stage.meta("signup", &json!({ "business": stage.number.business_id })).await;
    let code = both["code"].as_str().unwrap();
    let secret = stage.world.secret();
    let path = format!("oauth/access_token?client_id=670843887433847&client_secret={secret}&code={code}");
    let (status, granted) = stage.world.meta().graph(Method::GET, &path, "", None).await;
    assert_eq!(status, 200, "{granted}");
    let mut wish = stage.wish();
    wish["token"] = granted["access_token"].clone();
    wish["waba_id"] = both["session"]["data"]["waba_id"].clone();
    refused(&stage.connect(&wish).await, "account", "number_of_another_account");
    assert!(stage.numbers().await.is_empty());

    for (field, value, status) in [
        ("phone_number_id", json!("+52 55"), 422),
        ("phone_number_id", json!(17), 400),
        ("waba_id", json!(""), 422),
        ("token", json!("two words"), 422),
        ("token", Value::Null, 400),
        ("pin", json!("12345"), 422),
        ("app_id", json!("404"), 422),
        ("surprise", json!(true), 400),
        ("signup", json!({ "code": "AQ" }), 400),
    ] {
        let mut wish = super::wish(&all[0]);
        wish[field] = value;
        let (answered, problem) = stage.connect(&wish).await;
        assert_eq!(answered, status, "{field}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(field) || field == "signup", "{field}: {problem}");
    }
    let (status, problem) = stage.connect(&json!({})).await;
    assert_eq!(status, 400, "{problem}");
    stage.world.end().await;
}

/// Whose it is, is not told; and who comes first has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_belongs_to_one() {
    let stage = Stage::new().await;
    let other = stage.world.organization("Harbor & Pine").await;
    let token = stage.token(json!({})).await;
    for round in 0..5 {
        let mut theirs = stage.wish();
        theirs["token"] = json!(token);
        let ours = stage.wish();
        let (a, b) = tokio::join!(stage.connect(&ours), stage.world.post_api(&other, "/numbers", &theirs));
        let won: Vec<bool> = [&a, &b].into_iter().map(|(status, _)| *status == 201).collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "round {round}: {a:?} {b:?}");
        let (winner, lost) = if won[0] { (&stage.organization, &b) } else { (&other, &a) };
        let attempt = refused(lost, "claim", "taken");
        let names = [stage.organization.slug.as_str(), other.slug.as_str(), "Lucero", "Harbor"];
        let shown = step(&attempt, "claim").to_string();
        assert!(!names.iter().any(|name| shown.contains(name)), "{shown}");
        let number = stage.world.all(winner, "/numbers").await.remove(0);
        let (status, _) = stage.world.delete(winner, &format!("/numbers/{}", id(&number))).await;
        assert_eq!(status, 200);
        // It is free now: who lost resumes, and gets it.
        let loser = if won[0] { &other } else { &stage.organization };
        let path = format!("/connections/{}/retry", id(&attempt));
        let (status, answer) = stage.world.post_api(loser, &path, &json!({})).await;
        assert_eq!((status, &answer["status"]), (200, &json!("connected")), "{answer}");
        let (status, _) = stage.world.delete(loser, &format!("/numbers/{}", id(&answer))).await;
        assert_eq!(status, 200);
    }
    stage.world.end().await;
}

/// A number that is not registered needs a PIN, and a wrong one is told as such.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_registered_with_its_pin() {
    let stage = Stage::new().await;
    let path = stage.number.phone_number_id.as_str();
    let pin = json!({ "pin": "654321" });
    let (status, _) = stage.world.meta().graph(Method::POST, path, &stage.number.token, Some(&pin)).await;
    assert_eq!(status, 200);
    let settings = format!("numbers/{}", stage.number.phone_number_id);
    stage.meta(&settings, &json!({ "registered": false })).await;

    let attempt = refused(&stage.connect(&stage.wish()).await, "register", "pin_needed");
    assert_eq!(steps(&attempt)[3], "claim:done", "it is connected meanwhile");
    let attempt = refused(&stage.retry(&attempt, &json!({ "pin": "111111" })).await, "register", 133_005);
    assert_eq!(step(&attempt, "register")["error"]["whose_move"], "organization");
    let attempt = refused(&stage.retry(&attempt, &json!({})).await, "register", "pin_needed");
    // What was done is not done again.
    let before = step(&attempt, "claim")["at"].clone();
    let (status, number) = stage.retry(&attempt, &json!({ "pin": "654321" })).await;
    assert_eq!(status, 200, "{number:#}");
    assert_eq!(step(&number["connection"], "register")["state"], "done");
    assert_eq!(step(&number["connection"], "claim")["at"], before);
    assert_eq!(number["platform_type"], "CLOUD_API");
    let state = stage.world.meta().state().await.to_string();
    assert!(!state.contains(r#""registered":false"#), "{state}");
    // Connected again, it is not registered again.
    let number = stage.connected().await;
    assert_eq!(step(&number["connection"], "register")["state"], "skipped");
    stage.world.end().await;
}

/// Too many wrong PINs, too many registrations: each refusal of Meta's is told in words, and can be resumed.
#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_a_registration_is_told() {
    let stage = Stage::new().await;
    let settings = format!("numbers/{}", stage.number.phone_number_id);
    stage.meta(&settings, &json!({ "registered": false })).await;
    let mut wish = stage.wish();
    wish["pin"] = json!("123456");
    let mut attempt = Value::Null;
    for code in [133_006, 133_008, 133_009, 133_015, 133_016] {
        let fault = json!([{ "kind": "error", "edge": "register", "code": code, "count": 1 }]);
        stage.world.meta().faults(fault).await;
        let answer = match &attempt {
            Value::Null => stage.connect(&wish).await,
            attempt => stage.retry(attempt, &json!({ "pin": "123456" })).await,
        };
        attempt = refused(&answer, "register", code);
    }
    let (status, answer) = stage.retry(&attempt, &json!({ "pin": "123456" })).await;
    assert_eq!(status, 200, "{answer:#}");
    stage.world.end().await;
}

/// A call that Meta does not answer is made again; one that it never answers stops the attempt, which can be resumed.
#[tokio::test(flavor = "multi_thread")]
async fn what_brings_no_answer_is_tried_again() {
    let stage = Stage::new().await;
    stage.unsubscribe().await;
    for fault in [
        json!({ "kind": "reset", "phone_number_id": "debug_token", "edge": "", "count": 1 }),
        json!({ "kind": "html_500", "phone_number_id": stage.number.phone_number_id, "edge": "", "count": 1 }),
        json!({ "kind": "hang", "edge": "phone_numbers", "count": 1 }),
        json!({ "kind": "reset_after_accept", "edge": "subscribed_apps", "count": 2 }),
        json!({ "kind": "error", "edge": "subscriptions", "code": 2, "count": 1 }),
    ] {
        stage.world.meta().faults(json!([fault])).await;
    }
    let number = stage.connected().await;
    assert_eq!(steps(&number["connection"]), EVERYTHING_DONE);
    assert_eq!(stage.subscribed().await.len(), 1);

    stage.world.meta().no_faults().await;
    stage.world.meta().faults(json!([{ "kind": "reset", "edge": "phone_numbers" }])).await;
    let attempt = refused(&stage.connect(&stage.wish()).await, "account", "no_answer");
    assert_eq!(step(&attempt, "account")["error"]["whose_move"], "operator");
    stage.world.meta().no_faults().await;
    let (status, answer) = stage.retry(&attempt, &json!({})).await;
    assert_eq!(status, 200, "{answer:#}");
    stage.world.end().await;
}

/// A refusal that Meta means is not asked for twice.
#[tokio::test(flavor = "multi_thread")]
async fn each_call_may_be_refused_and_the_step_says_so() {
    let stage = Stage::new().await;
    stage.unsubscribe().await;
    let (number, account) = (stage.number.phone_number_id.as_str(), stage.number.waba_id.as_str());
    for (object, edge, at, code) in [
        ("debug_token", "", "token", 4242),
        (number, "", "number", 4242),
        (account, "phone_numbers", "account", 10),
        (account, "subscribed_apps", "subscribe", 200),
    ] {
        let fault = json!([{ "kind": "error", "phone_number_id": object, "edge": edge, "code": code, "http_status": 400,
                             "count": 1 }]);
        stage.world.meta().faults(fault).await;
        let attempt = refused(&stage.connect(&stage.wish()).await, at, code);
        let (status, answer) = stage.retry(&attempt, &json!({})).await;
        assert_eq!(status, 200, "{at}: {answer:#}");
        stage.unsubscribe().await;
    }
    // The App's own subscription is looked at, and stops nothing.
    stage.world.meta().faults(json!([{ "kind": "error", "edge": "subscriptions", "code": 200, "count": 1 }])).await;
    let number = stage.connected().await;
    assert_eq!(number["warnings"][0]["code"], 200, "{number:#}");
    stage.world.end().await;
}

/// What the App does not hear of is a warning that says what to set, and set if that is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn the_apps_webhooks_are_looked_at_and_set_on_demand() {
    let stage = Stage::new().await;
    let app_token = format!("670843887433847|{}", stage.world.secret());
    let only = async |fields: &str| {
        let path = "670843887433847/subscriptions";
        let (status, _) = stage.world.meta().graph(Method::DELETE, path, &app_token, None).await;
        assert_eq!(status, 200);
        let body = json!({ "object": "whatsapp_business_account", "callback_url": format!("{}/webhook", stage.world.url()),
                           "verify_token": stage.verify_token(), "fields": fields });
        if !fields.is_empty() {
            let (status, answer) = stage.world.meta().graph(Method::POST, path, &app_token, Some(&body)).await;
            assert_eq!(status, 200, "{answer}");
        }
    };
    only("account_update,calls").await;
    let number = stage.connected().await;
    let warning = &number["warnings"][0];
    assert_eq!(warning["code"], "messages_missing", "{number:#}");
    assert!(warning["message"].as_str().unwrap().contains("message_template_status_update"), "{warning}");
    assert!(!warning["message"].as_str().unwrap().contains("account_update"), "{warning}");
    only("").await;
    assert_eq!(stage.connected().await["warnings"][0]["code"], "no_subscription");
    only("calls").await;
    // Others come through the server's App too, so its webhooks are its operator's to set: by a command.
    let mut wish = stage.wish();
    wish["set_webhook"] = json!(true);
    let (status, problem) = stage.connect(&wish).await;
    assert_eq!((status, &problem["type"]), (403, &json!("/docs#forbidden")), "{problem:#}");
    let path = "670843887433847/subscriptions";
    let (_, now) = stage.world.meta().graph(Method::GET, path, &app_token, None).await;
    assert!(!now["data"][0]["fields"].to_string().contains(r#""messages""#), "nothing was set: {now}");
    stage.world.end().await;
}

/// Without the App's id nothing can be asked of it, which is said; the number is connected all the same.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_app_id_what_can_be_asked_is_asked() {
    let world = World::with(Options { app_id: None, ..Options::default() }).await;
    let meta = e2e::Meta::start(simulator::Options { seed: 3, ..simulator::Options::default() }).await;
    let organization = world.organization("Café Lucero").await;
    let number = meta.numbers().await.remove(0);
    // This world's server knows no Meta: nobody answers there.
    let (status, problem) = world.post_api(&organization, "/numbers", &wish(&number)).await;
    let attempt = refused(&(status, problem), "number", "no_answer");
    let skipped = step(&attempt, "token");
    assert_eq!(skipped["state"], "skipped");
    assert!(skipped["detail"]["en"].as_str().unwrap().contains("WAZAPP_META_APP_ID"), "{skipped}");
    meta.stop().await;
    world.end().await;
}

/// An organization brings an App of its own: its secret proves the token, its path takes the webhooks.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_an_app_of_its_own() {
    let stage = Stage::new().await;
    let app = stage.meta("apps", &json!({ "id": "555000111", "needs_proof": true })).await;
    stage.world.app("555000111", app["secret"].as_str().unwrap()).await;
    let mut wish = stage.wish();
    wish["token"] = json!(stage.token(json!({ "app_id": "555000111" })).await);
    wish["app_id"] = json!("555000111");
    // As long as it is not this organization's, it is an App like any that is not there.
    let mut nobodys = wish.clone();
    nobodys["app_id"] = json!("555000112");
    let stranger = stage.world.organization("Harbor & Pine").await;
    assert_eq!(stage.connect(&wish).await, stage.connect(&nobodys).await);
    stage.world.give_app("555000111", &stranger).await;
    let (status, problem) = stage.connect(&wish).await;
    assert_eq!((status, problem), stage.connect(&nobodys).await);
    assert_eq!(status, 422);
    stage.world.give_app("555000111", &stage.organization).await;
    let (status, number) = stage.connect(&wish).await;
    assert_eq!(status, 201, "{number:#}");
    assert_eq!(number["connection"]["app_id"], "555000111");
    assert!(stage.subscribed().await.contains(&json!("555000111")));
    // No webhook is set for it, and it has no verify token: both are told.
    let codes: Vec<&Value> = number["warnings"].as_array().unwrap().iter().map(|warning| &warning["code"]).collect();
    assert_eq!(codes, [&json!("no_subscription"), &json!("no_verify_token")]);
    // Where its webhooks go is the organization's to set, where it has a verify token.
    wish["set_webhook"] = json!(true);
    let (status, asked) = stage.connect(&wish).await;
    assert!(status == 422 && asked.to_string().contains("no_verify_token"), "{asked:#}");
    // The server's own App may be named by its id.
    let mut wish = stage.wish();
    wish["app_id"] = json!("670843887433847");
    let (status, number) = stage.connect(&wish).await;
    assert_eq!((status, &number["connection"]["app_id"]), (201, &Value::Null), "{number:#}");
    stage.world.end().await;
}

/// Secrets of what failed are kept for a week, so that it can be resumed without them.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_forgotten_after_a_week() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "error", "edge": "phone_numbers", "code": 10, "count": 1 }])).await;
    let attempt = refused(&stage.connect(&stage.wish()).await, "account", 10);
    let sweep = async || {
        let tx = stage.world.database().operator().await.unwrap();
        let swept = model::connection::any_organization_sweep(&tx, stage.world.now()).await.unwrap();
        tx.commit().await.unwrap();
        swept
    };
    stage.world.advance(Duration::from_secs(6 * 86_400)).await;
    assert_eq!(sweep().await, (0, 0));
    stage.world.advance(Duration::from_secs(2 * 86_400)).await;
    assert_eq!(sweep().await, (1, 0));
    let (status, problem) = stage.retry(&attempt, &json!({})).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("token"), "{problem}");
    let (status, answer) = stage.retry(&attempt, &json!({ "token": stage.number.token })).await;
    assert_eq!(status, 200, "{answer:#}");
    stage.world.end().await;
}
