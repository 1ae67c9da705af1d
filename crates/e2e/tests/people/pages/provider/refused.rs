//! Answers that are not the provider's, not this browser's, or not in time.

use std::time::{Duration, Instant};

use e2e::IdentityProvider;
use e2e::canary::{self, Canaries};
use e2e::program::Installation;
use reqwest::StatusCode;
use serde_json::json;

use super::{Browser, CALLBACK, PASSWORD, Scene, back, parameter, set_up, with};

/// Whether somebody came in, or was told that their attempt holds no more.
async fn is_lost(browser: &mut Browser, path: &str) {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text);
    assert!(answer.text.contains("Este intento ya no vale"), "{path}: {}", answer.text);
    assert!(!browser.cookies.contains_key("wazapp"), "{path}");
}

/// An answer is taken from the browser that began, with the state that it was given, once, within ten minutes, on any node.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_taken_once_from_the_browser_that_began() {
    let scene = Scene::called(Some("http://127.0.0.1:9"), &[]).await;
    set_up(&scene.world).await;
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    let mut browser = scene.browser();
    let answer = scene.go(&mut browser, "s-1", "/inbox").await;

    is_lost(&mut scene.browser(), &answer).await;
    let mut other = scene.browser();
    other.get("/login/provider").await;
    is_lost(&mut other, &answer).await;
    let (code, state) =
        (parameter(&format!("http://a{answer}"), "code"), parameter(&format!("http://a{answer}"), "state"));
    for wrong in [
        format!("{CALLBACK}?code={code}"),
        format!("{CALLBACK}?code={code}&state="),
        format!("{CALLBACK}?code={code}&state={state}A"),
        CALLBACK.to_owned(),
    ] {
        is_lost(&mut browser, &wrong).await;
    }
    // None of which took the flow away from whoever began it; another node finishes it as well.
    let node = scene.world.node().await;
    let mut elsewhere = browser.clone();
    elsewhere.url = node.url();
    assert_eq!(elsewhere.get(&answer).await.leads_to(), "/inbox");
    is_lost(&mut browser, &answer).await;

    let mut late = scene.browser();
    let answer = scene.go(&mut late, "s-1", "/inbox").await;
    scene.world.pass(Duration::from_secs(601));
    is_lost(&mut late, &answer).await;
    node.stop().await;
    scene.end().await;
}

/// A cookie that was changed, or sealed for something else, is no flow.
#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_flow_is_none() {
    let scene = Scene::new(&[]).await;
    let owner = set_up(&scene.world).await;
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    let mut browser = scene.browser();
    let answer = scene.go(&mut browser, "s-1", "/inbox").await;
    let flow = browser.cookies["wazapp-flow"].clone();
    for made_up in [
        flow[..flow.len() - 4].to_owned(),
        format!("{flow}AAAA"),
        "AAAA".into(),
        owner.cookies["wazapp-device"].clone(),
    ] {
        let mut browser = scene.browser();
        browser.cookies.insert("wazapp-flow".into(), made_up);
        is_lost(&mut browser, &answer).await;
    }
    scene.end().await;
}

/// A code, or an ID token, of another flow or another client is worth nothing here.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_meant_for_another_is_worth_nothing() {
    let scene = Scene::new(&[]).await;
    set_up(&scene.world).await;
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    let mut other = scene.browser();
    let (mut one, mut two) = (scene.browser(), scene.browser());
    let first = one.get("/login/provider").await.leads_to().to_owned();
    let second = two.get("/login/provider").await.leads_to().to_owned();
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(parameter(&first, name), parameter(&second, name), "{name}");
    }
    assert_eq!(parameter(&first, "code_challenge_method"), "S256");
    // The victim's code, put into the attacker's own flow: its proof is missing.
    let theirs = scene.provider.sign_in("s-1", &second).await;
    let injected = with(
        &format!("http://a{CALLBACK}?state={}", parameter(&first, "state")),
        "code",
        &parameter(theirs.as_str(), "code"),
    );
    // The nonce of another flow, in a code that this flow's proof opens.
    let nonce = with(&first, "nonce", &parameter(&second, "nonce"));
    let third = other.get("/login/provider").await.leads_to().to_owned();
    let client = with(&third, "client_id", "another");
    let of_client = scene.provider.sign_in("s-1", &client).await;
    let mut fourth = one.clone();
    for (browser, path) in
        [(&mut one, injected.trim_start_matches("http://a").to_owned()), (&mut other, back(&of_client))]
    {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.text.contains("No se pudo comprobar lo que dijo Acme SSO"), "{}", answer.text);
        assert!(!browser.cookies.contains_key("wazapp"), "{path}");
    }
    is_lost(&mut fourth, &back(&scene.provider.sign_in("s-1", &nonce).await)).await;
    let mut fresh = scene.browser();
    let begun = fresh.get("/login/provider").await.leads_to().to_owned();
    let answer = back(&scene.provider.sign_in("s-1", &with(&begun, "nonce", "of-another-flow")).await);
    assert!(fresh.get(&answer).await.text.contains("No se pudo comprobar"), "a nonce of another flow");
    scene.end().await;
}

/// An ID token is believed that the provider signed with its own key, for this server, in this flow, and that holds still.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_that_cannot_be_believed_is_not() {
    let scene = Scene::new(&[]).await;
    set_up(&scene.world).await;
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    for lie in ["unsigned", "secret", "key", "audience", "issuer", "expired", "nonce", "no-nonce"] {
        scene.provider.set(json!({ "lie": lie })).await;
        let mut browser = scene.browser();
        let answer = scene.sign_in(&mut browser, "s-1").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{lie}");
        assert!(answer.text.contains("No se pudo comprobar lo que dijo Acme SSO"), "{lie}: {}", answer.text);
        assert!(!browser.cookies.contains_key("wazapp"), "{lie}");
    }
    scene.provider.set(json!({ "lie": null })).await;
    assert_eq!(scene.sign_in(&mut scene.browser(), "s-1").await.leads_to(), "/inbox");
    // A provider that changes its keys is asked for them again, but not for each answer.
    scene.provider.set(json!({ "keys": 2 })).await;
    let early = scene.sign_in(&mut scene.browser(), "s-1").await;
    assert_eq!(early.status, StatusCode::FORBIDDEN);
    scene.world.pass(Duration::from_secs(61));
    assert_eq!(scene.sign_in(&mut scene.browser(), "s-1").await.leads_to(), "/inbox");
    scene.end().await;
}

/// Whoever cancels at the provider is told so; and whoever comes back in the name of another provider is not heard.
#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_is_not_signed_in() {
    let scene = Scene::new(&[]).await;
    set_up(&scene.world).await;
    scene.provider.set(json!({ "denies": true })).await;
    let mut browser = scene.browser();
    let answer = scene.sign_in(&mut browser, "s-1").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("No entraste con Acme SSO"), "{}", answer.text);
    scene.provider.set(json!({ "denies": false })).await;
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    let mut browser = scene.browser();
    let answer = scene.go(&mut browser, "s-1", "/inbox").await;
    let elsewhere = with(&format!("http://a{answer}"), "iss", "https://elsewhere.example");
    is_lost(&mut browser, elsewhere.trim_start_matches("http://a")).await;
    scene.end().await;
}

/// A provider that is away, or speaks like none, keeps nobody from signing in otherwise, and nobody waits for it in a row.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_nobodys_fault() {
    let mut scene = Scene::new(&[]).await;
    set_up(&scene.world).await;
    for discovery in ["page", "long", "redirect", "error", "other"] {
        scene.provider.set(json!({ "discovery": discovery })).await;
        let answer = scene.browser().get("/login/provider?next=/settings").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{discovery}");
        assert!(answer.text.contains("Acme SSO no contesta"), "{discovery}: {}", answer.text);
        assert!(answer.text.contains("/login/provider?next=%2Fsettings"), "it can be tried again: {}", answer.text);
        scene.world.pass(Duration::from_secs(6));
    }
    scene.provider.set(json!({ "discovery": null })).await;
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    let mut browser = scene.browser();
    let answer = scene.go(&mut browser, "s-1", "/inbox").await;
    scene.provider.stop().await;
    let away = browser.get(&answer).await;
    assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        away.text.contains("Acme SSO no contesta")
            && !away.text.contains(&parameter(&format!("http://a{answer}"), "code"))
    );
    scene.world.pass(Duration::from_secs(2 * 3600));
    let began = Instant::now();
    let mut english = scene.browser().saying("accept-language", "en");
    assert!(english.get("/login/provider").await.text.contains("Acme SSO does not answer"));
    let fields = [("email", "lucia@example.com"), ("password", PASSWORD)];
    assert_eq!(scene.browser().post("/login", &fields).await.leads_to(), "/inbox");
    assert!(began.elapsed() < Duration::from_secs(8));
    scene.world.end().await;
}

/// Whoever has the provider asked for nothing is told to wait, by address; a sign-in takes its try back.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_does_not_have_the_provider_asked_for_ever() {
    let scene = Scene::new(&[]).await;
    set_up(&scene.world).await;
    let mut waits = 0;
    for _ in 0..34 {
        let mut browser = scene.browser();
        let begun = browser.get("/login/provider").await;
        let state = parameter(begun.leads_to(), "state");
        let answer = browser.get(&format!("{CALLBACK}?state={state}&code=made-up")).await;
        waits += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS && answer.text.contains("Espera "));
    }
    assert!(waits > 0, "somebody waits by then");
    scene.end().await;
}

/// Nothing of the provider's secrets is kept, shown or sent on.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_the_provider_are_nowhere() {
    let scene = Scene::new(&[]).await;
    set_up(&scene.world).await;
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    let mut browser = scene.browser();
    let begun = browser.get("/login/provider").await.leads_to().to_owned();
    assert!(!begun.contains("secret"), "{begun}");
    let (state, nonce) = (parameter(&begun, "state"), parameter(&begun, "nonce"));
    let came = scene.provider.sign_in("s-1", &begun).await;
    let code = parameter(came.as_str(), "code");
    let flow = browser.cookies["wazapp-flow"].clone();
    let answer = browser.get(&back(&came)).await;
    assert_eq!(answer.leads_to(), "/inbox");
    let tokens = scene.provider.last_tokens().await;
    let token = |name: &str| tokens[name].as_str().expect("a token").to_owned();
    let (access, id) = (token("access_token"), token("id_token"));
    let canaries = Canaries::of(&[
        ("client secret", "secret of wazapp"),
        ("state", &state),
        ("nonce", &nonce),
        ("code", &code),
        ("flow", &flow),
        ("access token", &access),
        ("ID token", &id),
    ]);
    canaries.assert_absent("the answer", format!("{:?} {}", answer.headers, answer.text).as_bytes());
    canaries.assert_absent("the database", canary::rows(&scene.world.sql().await).await.as_bytes());
    scene.end().await;
}

/// Nor are they logged, however much is logged.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_the_provider_are_not_logged() {
    let mut provider = IdentityProvider::start().await;
    let installation = Installation::new()
        .setting("WAZAPP_LOG", "trace")
        .setting("WAZAPP_OIDC_ISSUER", provider.issuer())
        .setting("WAZAPP_OIDC_CLIENT_ID", "wazapp")
        .setting("WAZAPP_OIDC_CLIENT_SECRET", "secret of wazapp")
        .setting("WAZAPP_OIDC_JOIN", "example.com=acme:agent");
    installation.json(&["org", "create", "Acme"]).await;
    let server = installation.serve().await;
    provider.set(json!({ "redirectUris": [format!("{}{CALLBACK}", server.url())] })).await;
    provider.knows("s-1", "eva@example.com", true).await;
    let mut browser = Browser::at(server.url());
    let mut canaries = vec![("client secret".to_owned(), "secret of wazapp".to_owned())];
    // One who comes in, one whose ID token is not believed.
    for (lie, status) in [(json!(null), StatusCode::SEE_OTHER), (json!("audience"), StatusCode::FORBIDDEN)] {
        provider.set(json!({ "lie": lie })).await;
        let begun = browser.get("/login/provider").await.leads_to().to_owned();
        canaries.push(("flow".into(), browser.cookies["wazapp-flow"].clone()));
        let came = provider.sign_in("s-1", &begun).await;
        let answer = browser.get(&back(&came)).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        let tokens = provider.last_tokens().await;
        for name in ["access_token", "id_token"] {
            canaries.push((name.into(), tokens[name].as_str().expect("a token").to_owned()));
        }
        for name in ["state", "nonce"] {
            canaries.push((name.into(), parameter(&begun, name)));
        }
        canaries.push(("code".into(), parameter(came.as_str(), "code")));
    }
    let metrics = browser.get("/metrics").await.text;
    let (stopped, _, log) = server.terminate().await;
    assert!(stopped.success() && log.contains("TRACE") && log.contains("is refused"), "it is as chatty as it can be");
    let named: Vec<(&str, &str)> = canaries.iter().map(|(name, secret)| (name.as_str(), secret.as_str())).collect();
    let canaries = Canaries::of(&named);
    canaries.assert_absent("the log", log.as_bytes());
    canaries.assert_absent("the metrics", metrics.as_bytes());
    provider.stop().await;
}
