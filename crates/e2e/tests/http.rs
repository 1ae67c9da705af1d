//! The doors beside the webhook's POST: Meta's handshake, operators' pages, and secrets that change while it runs.

use e2e::program::Installation;
use e2e::{Options, World, body};
use model::app::{Change, Need, Removal, Use};
use secrecy::SecretString;
use serde_json::Value;

async fn get(world: &World, path: &str) -> (u16, String, String) {
    let answer = world.client().get(format!("{}{path}", world.url())).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().expect("ASCII").to_owned());
    (status, kind.unwrap_or_default(), answer.text().await.expect("a text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handshake_echoes_the_challenge_to_who_knows_the_token() {
    let options = Options { verify_token: Some("let me in".into()), app_id: Some("444".into()), ..Options::default() };
    let world = World::with(options).await;
    let asked = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=let%20me%20in";
    for path in ["/webhook", "/webhook/444"] {
        let (status, kind, text) = get(&world, &format!("{path}?{asked}")).await;
        assert_eq!((status, text.as_str()), (200, "1158201444"), "{path}");
        assert!(kind.starts_with("text/plain"), "{kind}");
    }
    // What is echoed is text, never a page.
    let (status, kind, text) =
        get(&world, "/webhook?hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=let+me+in").await;
    assert_eq!((status, text.as_str()), (200, "<script>"));
    assert!(kind.starts_with("text/plain"), "{kind}");
    for bad in [
        "",
        "hub.mode=subscribe",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.challenge=1&hub.verify_token=let%20me%20in",
        "hub.mode=subscribe&hub.verify_token=let%20me%20in",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=Let%20me%20in",
        "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=let%20me%20in",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=let%20me%20in&hub.verify_token=x",
        "%",
    ] {
        let (status, _, text) = get(&world, &format!("/webhook?{bad}")).await;
        assert_eq!(status, 403, "{bad:?}");
        assert!(!text.contains("let me in"), "the token is told to nobody");
    }
    assert_eq!(get(&world, &format!("/webhook/445?{asked}")).await.0, 403, "an App that is not there");
    world.end().await;
}

/// Without a token configured nobody can pass, also not with an empty one.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_there_is_no_handshake() {
    let world = World::new().await;
    for token in ["", "x", "null", "undefined"] {
        let path = format!("/webhook?hub.mode=subscribe&hub.challenge=1&hub.verify_token={token}");
        assert_eq!(get(&world, &path).await.0, 403, "{token:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apps_handshake_has_its_own_token() {
    let world = World::with(Options { verify_token: Some("ours".into()), ..Options::default() }).await;
    let tx = world.database().operator().await.expect("a transaction");
    let (secret, token) = (SecretString::from("s"), SecretString::from("theirs"));
    let made = model::app::add(&tx, world.keyring(), "555", "Theirs", &secret, Some(&token)).await;
    assert!(made.expect("the statement runs"));
    tx.commit().await.expect("the App is there");
    let path = |token: &str| format!("/webhook/555?hub.mode=subscribe&hub.challenge=77&hub.verify_token={token}");
    world.until("the App is known", async || get(&world, &path("theirs")).await.0 == 200).await;
    assert_eq!(get(&world, &path("theirs")).await.2, "77");
    assert_eq!(get(&world, &path("ours")).await.0, 403);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_is_only_who_has_a_database() {
    let world = World::with(Options { proxied: true, ..Options::default() }).await;
    assert_eq!(get(&world, "/livez").await.0, 200);
    assert_eq!(get(&world, "/readyz").await.0, 200);
    world.proxy().cut();
    world.until("it is not ready", async || get(&world, "/readyz").await.0 == 503).await;
    assert_eq!(get(&world, "/livez").await.0, 200, "the process is up all the same");
    world.proxy().mend();
    world.until("it is ready again", async || get(&world, "/readyz").await.0 == 200).await;
    world.end().await;
}

/// A secret is rotated while webhooks come: the old one counts until it is dropped, and no restart is needed.
#[tokio::test(flavor = "multi_thread")]
async fn an_apps_secret_is_rotated_live() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.app("555", "first").await;
    world.connect(&acme, "100", "200", Some("555")).await;
    let mut sent = 0;
    let mut post = async |secret: &str| {
        sent += 1;
        let body = body::bytes(&body::text("100", "34600111222", &format!("wamid.{sent}"), 1_795_000_000, "x"));
        world.post_to("/webhook/555", secret, &body).await
    };
    world.until("the App is known", async || post("first").await == 200).await;
    assert_eq!(post("second").await, 401);
    let rotate = async |secret: &str, drop_old: bool| {
        let tx = world.database().operator().await.expect("a transaction");
        let secret = SecretString::from(secret);
        let change = Change { secret: Some(&secret), drop_old, ..Change::default() };
        let known = model::app::rotate(&tx, world.keyring(), "555", &change).await;
        assert!(known.expect("the statement runs"));
        tx.commit().await.expect("the secret is there");
    };
    rotate("second", false).await;
    world.until("the new one counts", async || post("second").await == 200).await;
    assert_eq!(post("first").await, 200, "both count");
    rotate("third", true).await;
    world.until("the newest counts", async || post("third").await == 200).await;
    assert_eq!(post("first").await, 401);
    assert_eq!(post("second").await, 401);
    world.end().await;
}

/// Of Meta's dashboard and the App here one changes first: meanwhile both verify tokens count.
#[tokio::test(flavor = "multi_thread")]
async fn an_apps_verify_token_is_rotated_live() {
    let world = World::new().await;
    world.app("555", "secret").await;
    let path = |token: &str| format!("/webhook/555?hub.mode=subscribe&hub.challenge=77&hub.verify_token={token}");
    let answers = async |token: &str| get(&world, &path(token)).await.0;
    let change = async |token: &str, drop_old: bool| {
        let tx = world.database().operator().await.expect("a transaction");
        let token = SecretString::from(token);
        let change = Change { verify_token: Some(&token), drop_old, ..Change::default() };
        assert!(model::app::rotate(&tx, world.keyring(), "555", &change).await.expect("the statement runs"));
        tx.commit().await.expect("the token is there");
    };
    change("first", false).await;
    world.until("it counts", async || answers("first").await == 200).await;
    change("second", false).await;
    world.until("the new one counts", async || answers("second").await == 200).await;
    assert_eq!((answers("first").await, answers("third").await), (200, 403));
    change("third", true).await;
    world.until("the newest counts", async || answers("third").await == 200).await;
    assert_eq!((answers("first").await, answers("second").await), (403, 403));
    // What is dropped alone leaves the newest of each kind.
    change("fourth", false).await;
    let tx = world.database().operator().await.expect("a transaction");
    assert_eq!(model::app::drop_old(&tx, "555").await.expect("the statement runs"), Some(1));
    tx.commit().await.expect("it is gone");
    world.until("it is refused", async || answers("third").await == 403).await;
    assert_eq!(answers("fourth").await, 200);
    assert_eq!(world.post_to("/webhook/555", "secret", b"{}").await, 200, "its secret is as it was");
    world.end().await;
}

/// An App goes when nobody needs it, its webhooks with it, and the Apps beside it keep their lanes.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_used_is_not_removed() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    for app in ["555", "556"] {
        world.app(app, app).await;
    }
    world.connect(&acme, "100", "200", Some("555")).await;
    let remove = async |id: &str| {
        let tx = world.database().operator().await.expect("a transaction");
        model::app::any_organization_remove(tx, world.now(), &model::audit::Actor::operator(), id)
            .await
            .expect("the statements run")
    };
    let of = |how| Use { organization: "acme".into(), phone_number_id: Some("100".into()), how };
    assert_eq!(remove("555").await, Removal::Used(vec![of(Need::Webhooks)]));
    world.until("both are known", async || world.post_to("/webhook/556", "556", b"{}").await == 200).await;
    let lane = "SELECT lane::int8 FROM wazapp.inbound WHERE app_id = '556' ORDER BY received_at DESC LIMIT 1";
    let before = world.count(lane).await;

    world
        .sql()
        .await
        .execute("UPDATE wazapp.number SET token_app_id = '555', app_id = NULL", &[])
        .await
        .expect("it runs");
    world.sql().await.execute("UPDATE wazapp.number_claim SET app_id = NULL", &[]).await.expect("it runs");
    assert_eq!(remove("555").await, Removal::Used(vec![of(Need::Token)]));
    world.sql().await.execute("UPDATE wazapp.number SET token_app_id = NULL", &[]).await.expect("it runs");
    assert_eq!((remove("555").await, remove("555").await), (Removal::Removed, Removal::Unknown));
    world.until("it is refused", async || world.post_to("/webhook/555", "555", b"{}").await == 401).await;
    assert_eq!(world.post_to("/webhook/556", "556", b"{ }").await, 200);
    assert_eq!(world.count(lane).await, before);
    let left = "SELECT (SELECT count(*) FROM wazapp.app_secret) + (SELECT count(*) FROM wazapp.app_verify_token)";
    assert_eq!(world.count(left).await, 1, "its secrets went with it");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_app_may_have_two_secrets() {
    let world = World::with(Options { secrets: vec!["new".into(), "old".into()], ..Options::default() }).await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    for (nth, secret) in ["new", "old"].iter().enumerate() {
        let body = body::bytes(&body::text("100", "34600111222", &format!("wamid.{nth}"), 1_795_000_000, "x"));
        assert_eq!(world.post_to("/webhook", secret, &body).await, 200);
    }
    assert_eq!(world.post_to("/webhook", "new,old", b"{}").await, 401);
    assert_eq!(world.post_to("/webhook", "", b"{}").await, 401);
    world.drain().await;
    assert_eq!(world.all_messages(&acme).await.len(), 2);
    world.end().await;
}

/// What the server forgot in between it finds again: nothing that was taken needs the process that took it.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_changes_nothing() {
    let mut world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    for nth in 0..3 {
        let text = body::text("100", "34600111222", &format!("wamid.{nth}"), 1_795_000_000 + nth, "x");
        world.take(&text).await;
        world.restart().await;
    }
    world.drain().await;
    let conversation: Value = world.conversation(&acme).await;
    assert_eq!(conversation["unread_count"], 3);
    world.end().await;
}

/// Whoever asks about a request can name it, and the log says what it has to say under that name.
#[tokio::test(flavor = "multi_thread")]
async fn each_request_has_a_name_in_its_answer_and_in_the_log() {
    let installation =
        Installation::new().setting("WAZAPP_META_VERIFY_TOKEN", "let me in").setting("WAZAPP_META_APP_SECRET", "s");
    let server = installation.serve().await;
    let ask = async |path: &str| {
        let request = e2e::outside::http().build().expect("a client").get(format!("{}{path}", server.url()));
        let answer = request.header("x-request-id", "of-my-own").send().await.expect("an answer");
        answer.headers()["x-request-id"].to_str().expect("ASCII").to_owned()
    };
    let handshake = "/webhook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=let%20me%20in";
    let mut named = Vec::new();
    for path in ["/livez", "/login", "/api/v1/me", "/nowhere", handshake] {
        named.push(ask(path).await);
    }
    for id in &named {
        assert!(id.parse::<uuid::Uuid>().is_ok_and(|id| id.get_version_num() == 7), "{id}");
        assert_eq!(named.iter().filter(|other| *other == id).count(), 1, "{id}");
    }
    let last = named.last().expect("the handshake's");
    e2e::until("the log says it", async || server.log().lines().any(|line| line.contains(last.as_str()))).await;
    assert!(!server.log().contains("of-my-own") && !server.log().contains("let%20me%20in"));
    assert!(server.terminate().await.0.success());
}
