//! Coming in: set-up, sign-in, invitations, password links.

use std::time::Duration;

use e2e::World;
use model::act::Role;
use model::user;
use reqwest::StatusCode;
use secrecy::ExposeSecret;

use super::{Browser, PASSWORD, first, invite, set_up, two};

/// Only who has the code sets up, and only once.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_set_up_once_by_whoever_has_the_code() {
    let world = World::new().await;
    let mut browser = Browser::new(&world);
    assert_eq!(browser.get("/login").await.leads_to(), "/setup", "nobody could sign in yet");
    assert_eq!(browser.get("/setup").await.status, 200);
    for code in ["", "ABCD-2345-EFGH-6789", "WRLD-SETS-UPBY"] {
        let answer = browser.post("/setup", &first("lucia@example.com", code)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{code}");
        assert!(answer.text.contains("Este no es el código.") && answer.text.contains("value=\"lucia@example.com\""));
        assert!(!answer.text.contains(PASSWORD), "a password is never shown again");
    }
    let mut fields = first("no address", e2e::SET_UP_CODE);
    fields[3].1 = "corta";
    let answer = browser.post("/setup", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("nombre@ejemplo.mx") && answer.text.contains("Es demasiado corta"), "{}", answer.text);

    let mut owner = set_up(&world).await;
    let welcome = owner.get("/welcome").await.text;
    for card in ["Conectar número", "Invitar al equipo", "Ver la demostración"] {
        assert!(welcome.contains(card), "{card}");
    }
    for answer in
        [browser.get("/setup").await, browser.post("/setup", &first("eva@example.com", e2e::SET_UP_CODE)).await]
    {
        assert_eq!(answer.status, StatusCode::GONE);
        assert!(answer.text.contains("El servidor ya está preparado"));
    }
    assert_eq!(world.count("SELECT count(*) FROM wazapp.\"user\"").await, 1);
    world.end().await;
}

/// At an address that nothing has, people read a page in their words; programs read what Meta says.
#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_address_has_a_page_for_people_alone() {
    let world = World::new().await;
    let mut person = Browser::new(&world).saying("accept", "text/html,*/*;q=0.8");
    let answer = person.get("/inbx").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.text.contains("Aquí no hay nada") && answer.text.contains("href=\"/inbox\""), "{}", answer.text);
    let policy = answer.headers["content-security-policy"].to_str().expect("a text");
    assert!(policy.contains("style-src 'self'"), "{policy}");
    for (mut program, path) in [
        (Browser::new(&world), "/inbx"),
        (Browser::new(&world).saying("accept", "application/json"), "/inbx"),
        (person, "/v26.0/106540352242922"),
    ] {
        let answer = program.get(path).await;
        assert!(answer.text.starts_with("{\"error\""), "{path}: {}", answer.text);
    }
    world.end().await;
}

/// A wrong password and an absent account are told in the same words; who tries on waits.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_come_in_is_told_nothing() {
    let world = World::new().await;
    set_up(&world).await;
    let mut pages = Vec::new();
    for email in ["lucia@example.com", "nobody@example.com", "no address"] {
        let mut browser = Browser::new(&world);
        let answer = browser.post("/login", &[("email", email), ("password", "otra frase cualquiera")]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text.contains("El correo o la contraseña no coinciden."), "{}", answer.text);
        assert!(!answer.text.contains("otra frase"), "a password is never shown again");
        pages.push(answer.text.replace(email, "EMAIL"));
    }
    assert!(pages.iter().all(|page| *page == pages[0]));
    let mut browser = Browser::new(&world);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let answer = browser.post("/login", &[("email", "eva@example.com"), ("password", "otra frase")]).await;
        waits.push(answer.status == StatusCode::TOO_MANY_REQUESTS && answer.text.contains("Espera "));
    }
    assert!(!waits[0] && waits[11], "{waits:?}");
    world.end().await;
}

/// A session ends where it is left: what the browser held opens nothing any more.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_gone() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let stolen = owner.clone();
    let left = owner.post("/logout", &[]).await;
    assert_eq!((left.leads_to(), left.header("clear-site-data")), ("/login", "\"cache\", \"storage\""));
    assert!(owner.get("/login").await.text.contains("Saliste."));
    assert!(!owner.get("/login").await.text.contains("Saliste."), "it is said once");
    assert_eq!(stolen.clone().get("/inbox").await.leads_to(), "/login?next=%2Finbox");

    let fields = [("email", "Lucia@Example.com"), ("password", PASSWORD)];
    let (mut one, mut two) = (Browser::new(&world), Browser::new(&world));
    assert_eq!(one.post("/login", &fields).await.leads_to(), "/inbox");
    assert_eq!(two.post("/login", &fields).await.leads_to(), "/inbox");
    let change = [("current", PASSWORD), ("password", "otra frase de prueba")];
    let wrong = [("current", "no es esta frase"), ("password", "otra frase de prueba")];
    assert!(one.post("/settings/profile/password", &wrong).await.text.contains("No es tu contraseña actual."));
    assert_eq!(one.post("/settings/profile/password", &change).await.leads_to(), "/settings/profile");
    assert_eq!(one.get("/inbox").await.status, 200);
    assert_eq!(two.get("/inbox").await.leads_to(), "/login?next=%2Finbox", "other sessions end");
    assert!(two.get("/login").await.text.contains("Tu sesión terminó."), "and are told so");
    assert_eq!(one.post("/settings/profile/sessions/end", &[]).await.leads_to(), "/login");
    assert_eq!(one.get("/inbox").await.leads_to(), "/login?next=%2Finbox");
    world.end().await;
}

/// An invitation says who invites to what, opens once, and for whom it is.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_opens_once() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let link = invite(&mut owner, "", Role::Agent).await;
    let mut marta = Browser::new(&world);
    let offer = marta.get(&link).await;
    assert!(
        offer.text.contains("Lucía Pérez te invita a atender a los clientes de Panadería La Espiga."),
        "{}",
        offer.text
    );
    assert!(offer.text.contains("Agente"));
    let fields = [("name", "Marta Ruiz"), ("email", "marta@example.com"), ("password", PASSWORD)];
    let taken = [("name", "Marta Ruiz"), ("email", "LUCIA@example.com"), ("password", PASSWORD)];
    assert_eq!(Browser::new(&world).post(&link, &taken).await.status, StatusCode::CONFLICT);
    assert_eq!(marta.post(&link, &fields).await.leads_to(), "/inbox");
    assert!(marta.get("/inbox").await.text.contains("Panadería La Espiga"));
    for answer in [Browser::new(&world).get(&link).await, Browser::new(&world).post(&link, &fields).await] {
        assert_eq!(answer.status, StatusCode::GONE);
        assert!(answer.text.contains("Esta invitación ya se usó"));
    }

    let meant = invite(&mut owner, "eva@example.com", Role::Viewer).await;
    assert_eq!(marta.post(&meant, &[]).await.status, StatusCode::FORBIDDEN, "it is for somebody else");
    let other = [("name", "Eva"), ("email", "otra@example.com"), ("password", PASSWORD)];
    assert_eq!(Browser::new(&world).post(&meant, &other).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = owner.get("/settings/members").await.text;
    let id =
        page.split("/settings/invitations/").nth(1).and_then(|rest| rest.split('/').next()).expect("an invitation");
    let revoked = owner.post(&format!("/settings/invitations/{id}/revoke"), &[]).await;
    assert_eq!(revoked.leads_to(), "/settings/members");
    assert!(Browser::new(&world).get(&meant).await.text.contains("Esta invitación se anuló"));

    let late = invite(&mut owner, "", Role::Viewer).await;
    world.advance(Duration::from_secs(7 * 24 * 3600)).await;
    assert!(Browser::new(&world).get(&late).await.text.contains("Esta invitación caducó"));
    for unknown in ["/invitation/wi_none".to_owned(), format!("{late}A"), late.replace("wi_", "wx_")] {
        assert_eq!(Browser::new(&world).get(&unknown).await.status, StatusCode::NOT_FOUND, "{unknown}");
    }
    world.end().await;
}

/// Who has an account accepts with it, and goes to work there.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_an_account_is_invited_too() {
    let world = World::new().await;
    let ((_, owner), (_, luis)) = two(&world, Role::Owner).await;
    let link = invite(&mut Browser::of(&world, &owner), &luis.email, Role::Admin).await;
    let mut browser = Browser::of(&world, &luis);
    assert!(browser.get(&link).await.text.contains(&luis.email));
    assert_eq!(browser.post(&link, &[]).await.leads_to(), "/inbox");
    let page = browser.get("/settings/members").await.text;
    assert!(page.contains("Personas · Acme") && page.contains("Other"), "{page}");
    let id =
        page.split("name=\"organization\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("another");
    assert_eq!(browser.post("/organization", &[("organization", id)]).await.leads_to(), "/inbox");
    assert!(browser.get("/settings/members").await.text.contains("Personas · Other"));
    let stranger = Browser::of(&world, &owner).post("/organization", &[("organization", id)]).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
    world.end().await;
}

/// A link sets a password once, and ends what was open.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_link_works_once() {
    let world = World::new().await;
    let ((_, marta), _) = two(&world, Role::Agent).await;
    let tx = world.database().operator().await.expect("a transaction");
    let link = user::password_link(&tx, world.now(), marta.user_id).await.expect("a link");
    tx.commit().await.expect("it is there");
    let path = format!("/password/{}", link.expose_secret());
    let mut browser = Browser::new(&world);
    assert!(browser.get(&path).await.text.contains(&marta.email));
    let short = browser.post(&path, &[("password", "corta")]).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(browser.post(&path, &[("password", PASSWORD)]).await.leads_to(), "/inbox");
    assert_eq!(browser.get("/inbox").await.status, 200);
    assert_eq!(Browser::of(&world, &marta).get("/inbox").await.leads_to(), "/login?next=%2Finbox");
    for answer in [browser.get(&path).await, browser.post(&path, &[("password", PASSWORD)]).await] {
        assert_eq!(answer.status, StatusCode::GONE);
    }
    let fields = [("email", marta.email.as_str()), ("password", PASSWORD)];
    assert_eq!(Browser::new(&world).post("/login", &fields).await.leads_to(), "/inbox");
    world.end().await;
}
