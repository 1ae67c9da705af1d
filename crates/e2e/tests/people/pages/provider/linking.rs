//! Whose account somebody at the provider is, and for how long.

use std::time::Duration;

use e2e::World;
use model::act::Role;
use reqwest::StatusCode;
use serde_json::json;

use super::{Browser, PASSWORD, Scene, back, first, invite, set_up};

/// Whoever has an account and a verified address signs in with it, and is known from then on whatever the address becomes.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_found_once_by_its_address_and_then_by_who_it_is() {
    let scene = Scene::new(&[]).await;
    set_up(&scene.world).await;
    scene.provider.knows("s-1", "Lucia@Example.com", true).await;
    let mut browser = scene.browser();
    assert!(browser.get("/login").await.text.contains("Continuar con Acme SSO"));
    let came = scene.sign_in_to(&mut browser, "s-1", "/settings/profile").await;
    assert_eq!((came.status, came.leads_to()), (StatusCode::SEE_OTHER, "/settings/profile"), "{}", came.text);
    let profile = browser.get("/settings/profile").await.text;
    assert!(profile.contains("Entras también con Acme SSO, como Lucia@Example.com."), "{profile}");
    assert!(!browser.cookies.contains_key("wazapp-flow"), "the flow is forgotten");

    // Known by who they are: an address that changed, is verified no more, or is somebody else's by now, changes nothing.
    scene.provider.knows("s-1", "otra@example.com", false).await;
    assert_eq!(scene.sign_in(&mut scene.browser(), "s-1").await.leads_to(), "/inbox");
    assert_eq!(scene.count("\"user\"").await, 1);
    // What the provider says within the ID token is as good as what it says when asked.
    scene.provider.set(json!({ "inToken": true })).await;
    assert_eq!(scene.sign_in(&mut scene.browser(), "s-1").await.leads_to(), "/inbox");
    scene.end().await;
}

/// A provider that gives an address to somebody else does not give them the account.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_somebody_elses_by_now_opens_nothing() {
    let scene = Scene::new(&["example.com=panaderia-la-espiga:agent"]).await;
    set_up(&scene.world).await;
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    assert_eq!(scene.sign_in(&mut scene.browser(), "s-1").await.leads_to(), "/inbox");
    scene.provider.knows("s-2", "lucia@example.com", true).await;
    let mut other = scene.browser();
    let answer = scene.sign_in(&mut other, "s-2").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("Esta cuenta es de otra persona en Acme SSO"), "{}", answer.text);
    assert_eq!(other.get("/inbox").await.leads_to(), "/login?next=%2Finbox");
    assert_eq!((scene.count("\"user\"").await, scene.count("provider_account").await), (1, 1));
    scene.end().await;
}

/// Whoever invites, or is invited, may make an account of anybody's address, with a password of their own. It does not become
/// the account of who has that address, in which the maker would sit beside them.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_somebody_planted_is_not_taken_for_theirs() {
    let scene = Scene::new(&["example.com=panaderia-la-espiga:agent"]).await;
    set_up(&scene.world).await;
    let other = scene.world.organization("Other").await;
    let mut villain = Browser::of(&scene.world, &scene.world.member(&other, Role::Owner).await);
    let mut planted = Vec::new();
    for (named, email) in [("", "eva@example.com"), ("ana@example.com", "ana@example.com")] {
        let link = invite(&mut villain, named, Role::Agent).await;
        let mut browser = scene.browser();
        let fields = [("name", "X"), ("email", email), ("password", PASSWORD)];
        assert_eq!(browser.post(&link, &fields).await.leads_to(), "/inbox");
        planted.push((browser, email));
    }
    for (nth, (mut browser, email)) in planted.into_iter().enumerate() {
        let subject = format!("s-{nth}");
        scene.provider.knows(&subject, email, true).await;
        let refused = scene.sign_in(&mut scene.browser(), &subject).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.text.contains("Con este correo ya hay una cuenta"), "{}", refused.text);
        assert_eq!(scene.count("provider_account").await, i64::try_from(nth).unwrap());
        // Whoever is both, signed in here and there, links them from their profile.
        assert!(browser.get("/settings/profile").await.text.contains("Continuar con Acme SSO"));
        let linked = scene.sign_in_to(&mut browser, &subject, "/settings/profile").await;
        assert_eq!(linked.leads_to(), "/settings/profile", "{}", linked.text);
        assert!(browser.get("/settings/profile").await.text.contains("Entras también con Acme SSO"));
    }
    // Where whoever runs the server took the password away, nobody is left to share it with.
    let sql = scene.world.sql().await;
    sql.execute("DELETE FROM wazapp.provider_account", &[]).await.unwrap();
    sql.execute("UPDATE wazapp.\"user\" SET password = NULL WHERE email = 'eva@example.com'", &[]).await.unwrap();
    assert_eq!(scene.sign_in(&mut scene.browser(), "s-0").await.leads_to(), "/inbox");
    drop(sql);
    scene.end().await;
}

/// The same subject at another provider is somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_subject_is_known_at_its_own_provider_alone() {
    let scene = Scene::new(&[]).await;
    set_up(&scene.world).await;
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    assert_eq!(scene.sign_in(&mut scene.browser(), "s-1").await.leads_to(), "/inbox");
    let sql = scene.world.sql().await;
    sql.execute("UPDATE wazapp.provider_account SET issuer = 'https://another.example'", &[]).await.unwrap();
    for (email, verified, said) in [
        ("lucia@example.com", true, "Esta cuenta es de otra persona"),
        ("lucia@example.com", false, "Acme SSO no confirma tu correo"),
        ("eva@example.com", true, "Nadie te ha invitado todavía"),
    ] {
        scene.provider.knows("s-1", email, verified).await;
        let answer = scene.sign_in(&mut scene.browser(), "s-1").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text.contains(said), "{said}: {}", answer.text);
    }
    drop(sql);
    scene.end().await;
}

/// What a browser held before, perhaps planted there, opens nothing behind the sign-in; and the account's own steps remain.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_a_new_one_and_a_second_factor_is_asked_all_the_same() {
    let scene = Scene::new(&[]).await;
    let planted = set_up(&scene.world).await;
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    let mut browser = planted.clone();
    assert_eq!(scene.sign_in(&mut browser, "s-1").await.leads_to(), "/inbox");
    assert_ne!(planted.cookies["wazapp"], browser.cookies["wazapp"]);
    assert_eq!(planted.clone().get("/inbox").await.leads_to(), "/login?next=%2Finbox", "it ended");
    assert_eq!(browser.get("/inbox").await.status, 200);

    let sql = scene.world.sql().await;
    sql.execute("UPDATE wazapp.\"user\" SET second_factor = true", &[]).await.unwrap();
    let mut browser = scene.browser();
    assert_eq!(scene.sign_in(&mut browser, "s-1").await.leads_to(), "/login/second?next=%2Finbox");
    assert_eq!(browser.get("/inbox").await.leads_to(), "/login?next=%2Finbox", "half a session opens nothing");
    drop(sql);
    scene.end().await;
}

/// The owner of an account unlinks it, by the password that is left to come in by.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_password_unlinks() {
    let scene = Scene::new(&[]).await;
    let mut owner = set_up(&scene.world).await;
    let unlink = "/settings/profile/provider/unlink";
    assert_eq!(owner.get(unlink).await.status, StatusCode::NOT_FOUND, "there is nothing to unlink");
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    let mut by_provider = scene.browser();
    assert_eq!(scene.sign_in(&mut by_provider, "s-1").await.leads_to(), "/inbox");
    assert_eq!(owner.get(unlink).await.status, 200);
    let wrong = owner.post(unlink, &[("current", "no es esta frase")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("No es tu contraseña actual."));
    assert_eq!(owner.post(unlink, &[("current", PASSWORD)]).await.leads_to(), "/settings/profile");
    assert_eq!(by_provider.get("/inbox").await.leads_to(), "/login?next=%2Finbox", "other sessions end");
    assert_eq!(scene.count("provider_account").await, 0);
    let audit = "SELECT count(*) FROM wazapp.server_audit WHERE act IN ('server/user.link', 'server/user.unlink')";
    assert_eq!(scene.world.count(audit).await, 2, "both are written down");

    // An account without a password keeps its only way in.
    let link = invite(&mut owner, "eva@example.com", Role::Agent).await;
    scene.provider.knows("s-2", "eva@example.com", true).await;
    let mut eva = scene.browser();
    assert_eq!(scene.sign_in_to(&mut eva, "s-2", &link).await.leads_to(), "/inbox");
    assert!(eva.get("/settings/profile").await.text.contains("Para quitarlo, elige antes una contraseña"));
    assert_eq!(eva.post(unlink, &[("current", "")]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.count("provider_account").await, 1);
    scene.end().await;
}

/// Whoever has no password proves themselves by having signed in just now, where others are asked for it: so an organization
/// that wants a second factor is served.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_password_proves_themselves_by_a_fresh_sign_in() {
    let scene = Scene::new(&["example.com=panaderia-la-espiga:agent"]).await;
    set_up(&scene.world).await;
    scene.provider.knows("s-2", "eva@example.com", true).await;
    let sql = scene.world.sql().await;
    sql.execute("UPDATE wazapp.organization SET second_factor = true", &[]).await.unwrap();
    let mut eva = scene.browser();
    assert_eq!(scene.sign_in(&mut eva, "s-2").await.leads_to(), "/inbox");
    assert_eq!(eva.get("/settings/members").await.status, StatusCode::FORBIDDEN, "a second factor is wanted");
    let app = "/settings/second-factor/app";
    let asked = eva.get(app).await.text;
    assert!(asked.contains("Tu cuenta no tiene contraseña") && !asked.contains("name=\"current\""), "{asked}");
    scene.world.pass(Duration::from_secs(11 * 60));
    let stale = eva.post(app, &[]).await;
    assert_eq!(stale.status, StatusCode::UNPROCESSABLE_ENTITY, "a stolen session makes itself no way to stay");
    assert!(stale.text.contains("en los diez minutos después de entrar"), "{}", stale.text);
    let change = [("current", ""), ("password", "otra frase de prueba")];
    assert_eq!(eva.post("/settings/profile/password", &change).await.status, StatusCode::UNPROCESSABLE_ENTITY);

    scene.provider.set(json!({ "lie": null })).await;
    let mut eva = scene.browser();
    let begun = eva.get("/login/provider").await;
    let came = scene.provider.sign_in("s-2", begun.leads_to()).await;
    scene.world.pass(Duration::from_secs(1));
    assert_eq!(eva.get(&back(&came)).await.leads_to(), "/inbox");
    assert_eq!(eva.post(app, &[]).await.status, StatusCode::CREATED);
    assert_eq!(eva.post("/settings/profile/password", &change).await.leads_to(), "/settings/profile");
    assert_eq!(eva.post(app, &[]).await.status, StatusCode::UNPROCESSABLE_ENTITY, "now there is one to be asked for");
    drop(sql);
    scene.end().await;
}

/// A server without a provider says nothing of one.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_there_is_no_such_way() {
    let world = World::new().await;
    let mut browser = Browser::new(&world);
    browser.post("/setup", &first("lucia@example.com", e2e::SET_UP_CODE)).await;
    for path in ["/login/provider", "/login/provider/callback?code=a&state=b", "/settings/profile/provider/unlink"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(!browser.get("/login").await.text.contains("Continuar con"));
    assert!(!browser.get("/settings/profile").await.text.contains("Proveedor de identidad"));
    world.end().await;
}
