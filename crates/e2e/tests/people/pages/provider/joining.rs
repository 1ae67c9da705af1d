//! Who comes to work where by the provider: by a rule, or by an invitation.

use model::act::Role;
use reqwest::StatusCode;
use serde_json::json;

use super::{PASSWORD, Scene, invite, set_up};

const ESPIGA: &str = "panaderia-la-espiga";

/// A role of somebody, by their address; empty: they work nowhere.
async fn roles(scene: &Scene, email: &str) -> Vec<String> {
    let sql = scene.world.sql().await;
    let rows = sql
        .query(
            "SELECT o.slug || ':' || m.role FROM wazapp.membership m JOIN wazapp.\"user\" u ON u.id = m.user_id
             JOIN wazapp.organization o ON o.id = m.organization_id WHERE u.email = $1 ORDER BY 1",
            &[&email],
        )
        .await;
    rows.expect("the statement runs").iter().map(|row| row.get(0)).collect()
}

/// Whom a rule fits works there from the first sign-in on; whom none fits is told that nobody has invited them.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_lets_in_whom_it_fits_and_nobody_else() {
    let domain = format!("example.com={ESPIGA}:agent");
    let claim = format!("groups:managers={ESPIGA}:admin");
    let scene = Scene::new(&[&claim, &domain, "example.com=nowhere:agent"]).await;
    let mut owner = set_up(&scene.world).await;
    scene.provider.knows("s-2", "eva@example.com", true).await;
    let mut eva = scene.browser();
    assert_eq!(scene.sign_in(&mut eva, "s-2").await.leads_to(), "/inbox");
    assert!(eva.get("/inbox").await.text.contains("Panadería La Espiga"));
    assert_eq!(roles(&scene, "eva@example.com").await, [format!("{ESPIGA}:agent")]);
    let audit = owner.get("/settings/audit").await.text;
    assert!(audit.contains("entró al equipo por una regla"), "{audit}");

    let manager = json!({ "people": { "s-3": { "email": "leo@other.mx", "email_verified": true, "groups": ["a", "managers"] } } });
    scene.provider.set(manager).await;
    assert_eq!(scene.sign_in(&mut scene.browser(), "s-3").await.leads_to(), "/inbox");
    assert_eq!(roles(&scene, "leo@other.mx").await, [format!("{ESPIGA}:admin")]);

    for (subject, email, verified, said) in [
        ("s-4", "ana@other.mx", true, "Nadie te ha invitado todavía"),
        ("s-5", "ana@example.com.evil.mx", true, "Nadie te ha invitado todavía"),
        ("s-6", "ana@example.com", false, "Acme SSO no confirma tu correo"),
    ] {
        scene.provider.knows(subject, email, verified).await;
        let mut browser = scene.browser();
        let answer = scene.sign_in(&mut browser, subject).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text.contains(said), "{email}: {}", answer.text);
        assert!(!browser.cookies.contains_key("wazapp"), "{email}");
    }
    scene.provider.set(json!({ "people": { "s-7": { "groups": "managers" } } })).await;
    let nameless = scene.sign_in(&mut scene.browser(), "s-7").await;
    assert!(nameless.text.contains("Acme SSO no confirma tu correo"), "{}", nameless.text);
    assert_eq!(
        (scene.count("\"user\"").await, scene.count("provider_account").await),
        (3, 2),
        "nothing is left of them"
    );
    scene.end().await;
}

/// A rule says with what somebody begins. What the organization says of them after that holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_undoes_nothing_that_the_organization_did() {
    let scene = Scene::new(&[&format!("example.com={ESPIGA}:agent")]).await;
    let mut owner = set_up(&scene.world).await;
    scene.provider.knows("s-2", "eva@example.com", true).await;
    assert_eq!(scene.sign_in(&mut scene.browser(), "s-2").await.leads_to(), "/inbox");
    let sql = scene.world.sql().await;
    let id: uuid::Uuid =
        sql.query_one("SELECT id FROM wazapp.\"user\" WHERE email = 'eva@example.com'", &[]).await.unwrap().get(0);
    owner.post(&format!("/settings/members/{id}/role"), &[("role", "viewer")]).await;
    assert_eq!(scene.sign_in(&mut scene.browser(), "s-2").await.leads_to(), "/inbox");
    assert_eq!(roles(&scene, "eva@example.com").await, [format!("{ESPIGA}:viewer")]);

    let removed = owner.post(&format!("/settings/members/{id}/remove"), &[]).await;
    assert_eq!(removed.leads_to(), "/settings/members", "{}", removed.text);
    let mut eva = scene.browser();
    assert_eq!(scene.sign_in(&mut eva, "s-2").await.leads_to(), "/inbox");
    assert_eq!(roles(&scene, "eva@example.com").await, [""; 0], "let go is let go");
    // Nor does a new link to the same account.
    sql.execute("DELETE FROM wazapp.provider_account", &[]).await.unwrap();
    assert_eq!(scene.sign_in(&mut eva, "s-2").await.leads_to(), "/inbox");
    assert_eq!(roles(&scene, "eva@example.com").await, [""; 0]);

    let link = invite(&mut owner, "eva@example.com", Role::Agent).await;
    assert_eq!(scene.sign_in_to(&mut eva, "s-2", &link).await.leads_to(), "/inbox");
    assert_eq!(roles(&scene, "eva@example.com").await, [format!("{ESPIGA}:agent")], "an invitation brings them back");
    assert_eq!(scene.count("departure").await, 0);
    drop(sql);
    scene.end().await;
}

/// A suspended organization lets nobody in, and whoever works there comes in to nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_organization_lets_nobody_in() {
    let scene = Scene::new(&[&format!("example.com={ESPIGA}:agent")]).await;
    set_up(&scene.world).await;
    scene.provider.knows("s-2", "eva@example.com", true).await;
    assert_eq!(scene.sign_in(&mut scene.browser(), "s-2").await.leads_to(), "/inbox");
    let sql = scene.world.sql().await;
    sql.execute("UPDATE wazapp.organization SET suspended_at = now()", &[]).await.unwrap();
    scene.provider.knows("s-3", "ana@example.com", true).await;
    let answer = scene.sign_in(&mut scene.browser(), "s-3").await;
    assert!(answer.text.contains("Nadie te ha invitado todavía"), "{}", answer.text);
    let mut eva = scene.browser();
    assert_eq!(scene.sign_in(&mut eva, "s-2").await.leads_to(), "/inbox");
    assert_eq!(eva.get("/settings/members").await.status, StatusCode::FORBIDDEN);
    assert!(!eva.get("/inbox").await.text.contains("Panadería La Espiga"));
    drop(sql);
    scene.end().await;
}

/// An invitation that is open in the browser is accepted by whoever it is for.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_accepted_by_the_provider() {
    let scene = Scene::new(&[]).await;
    let mut owner = set_up(&scene.world).await;
    let link = invite(&mut owner, "eva@example.com", Role::Viewer).await;
    let mut eva = scene.browser();
    let page = eva.get(&link).await.text;
    let encoded = link.replace('/', "%2F");
    assert!(page.contains(&format!("href=\"/login/provider?next={encoded}\"")), "{page}");

    scene.provider.knows("s-9", "ana@example.com", true).await;
    let mut ana = scene.browser();
    let other = scene.sign_in_to(&mut ana, "s-9", &link).await;
    assert!(other.text.contains("Nadie te ha invitado todavía"), "it is for somebody else: {}", other.text);
    scene.provider.knows("s-2", "eva@example.com", false).await;
    let unverified = scene.sign_in_to(&mut scene.browser(), "s-2", &link).await;
    assert!(unverified.text.contains("Acme SSO no confirma tu correo"), "{}", unverified.text);
    assert!(scene.browser().get(&link).await.text.contains("Panadería La Espiga"), "it holds still");

    scene.provider.knows("s-2", "EVA@example.com", true).await;
    assert_eq!(scene.sign_in_to(&mut eva, "s-2", &link).await.leads_to(), "/inbox");
    assert!(eva.get("/inbox").await.text.contains("Ya eres parte del equipo."));
    assert_eq!(roles(&scene, "EVA@example.com").await, [format!("{ESPIGA}:viewer")]);
    assert_eq!(scene.browser().get(&link).await.status, StatusCode::GONE, "it opens once");

    // Whoever has an account comes with it.
    scene.provider.knows("s-1", "lucia@example.com", true).await;
    let acme = scene.world.organization("Acme").await;
    let boss = scene.world.member(&acme, Role::Owner).await;
    let mut boss = super::Browser::of(&scene.world, &boss);
    let link = invite(&mut boss, "lucia@example.com", Role::Agent).await;
    let mut lucia = scene.browser();
    assert_eq!(scene.sign_in_to(&mut lucia, "s-1", &link).await.leads_to(), "/inbox");
    assert_eq!(roles(&scene, "lucia@example.com").await, ["acme:agent".to_owned(), format!("{ESPIGA}:owner")]);
    let fields = [("email", "lucia@example.com"), ("password", PASSWORD)];
    assert_eq!(scene.browser().post("/login", &fields).await.leads_to(), "/inbox", "the password is as it was");
    scene.end().await;
}

/// A page of somebody else's does not have a browser sign in, and with it accept something.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_by_somebody_elses_page() {
    let scene = Scene::new(&[]).await;
    let mut owner = set_up(&scene.world).await;
    let link = invite(&mut owner, "", Role::Agent).await;
    for site in ["cross-site", "same-site"] {
        let mut led = scene.browser().saying("sec-fetch-site", site);
        let answer = led.get(&format!("/login/provider?next={link}")).await;
        assert_eq!(answer.leads_to(), format!("/login?next={}", link.replace('/', "%2F")), "{site}");
        assert!(!led.cookies.contains_key("wazapp-flow"), "{site}");
    }
    for site in ["same-origin", "none"] {
        let answer = scene.browser().saying("sec-fetch-site", site).get("/login/provider").await;
        assert!(answer.leads_to().starts_with(scene.provider.issuer()), "{site}");
    }
    scene.end().await;
}
