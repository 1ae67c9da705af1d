//! Codes of an app and recovery codes: each opens once, and nobody guesses them.

use std::time::Duration;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use e2e::canary::{self, Canaries};
use e2e::{Options, World};
use model::act::Role;
use model::organization;
use reqwest::{Method, StatusCode};
use totp_rs::Builder;

use super::{Answer, Browser, PASSWORD, invite, set_up, two};

const EMAIL: &str = "lucia@example.com";
const STEP: Duration = Duration::from_secs(30);
const ME: &str = "/settings/second-factor";

/// What an app shows now that has this key.
pub(crate) fn code(world: &World, key: &str) -> String {
    let key = BASE32_NOPAD.decode(key.replace(' ', "").as_bytes()).expect("base 32");
    let totp = Builder::new().with_secret(key).build().expect("a key of the standard's length");
    totp.generate(world.now().as_second().unsigned_abs()).to_string()
}

/// Another one than that.
fn not(code: &str) -> String {
    code.chars().map(|digit| if digit == '9' { '0' } else { char::from(digit as u8 + 1) }).collect()
}

/// The recovery codes that a page shows.
fn recovery_codes(page: &Answer) -> Vec<String> {
    let codes = page.text.split("<code>").skip(1).map(|rest| rest.split('<').next().unwrap_or_default().to_owned());
    codes.collect()
}

/// An app that is turned on.
pub(crate) struct App {
    pub(crate) key: String,
    recovery_codes: Vec<String>,
    /// The code that turned it on.
    used: String,
}

/// Turns the app on in a browser that is signed in.
pub(crate) async fn turn_on(world: &World, browser: &mut Browser) -> App {
    let given = browser.post(&format!("{ME}/app"), &[("current", PASSWORD)]).await;
    assert_eq!(given.status, StatusCode::CREATED, "{}", given.text);
    let key = given.shown_once().to_owned();
    assert!(given.text.contains("otpauth://totp/wazapp:lucia@example.com?secret="), "{}", given.text);
    let used = code(world, &key);
    let on = browser.post(&format!("{ME}/app/confirm"), &[("code", used.as_str())]).await;
    assert_eq!(on.status, StatusCode::CREATED, "{}", on.text);
    let recovery_codes = recovery_codes(&on);
    assert_eq!(recovery_codes.len(), 10);
    App { key, recovery_codes, used }
}

/// Another browser, in which the password was right and a code is due.
async fn half_way(world: &World, address: &str) -> Browser {
    let mut browser = Browser::new(world).saying("x-forwarded-for", address);
    let answer = browser.post("/login", &[("email", EMAIL), ("password", PASSWORD), ("next", "/settings")]).await;
    assert_eq!(answer.leads_to(), "/login/second?next=%2Fsettings", "{}", answer.text);
    browser
}

async fn send(browser: &mut Browser, code: &str) -> Answer {
    browser.post("/login/second", &[("code", code), ("next", "/settings")]).await
}

/// A seed counts once a first code confirmed it; from then on each code opens once, and half a session opens nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_due_after_the_password_and_opens_once() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let refused = owner.post(&format!("{ME}/app"), &[("current", "otra frase cualquiera")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "a stolen session sees no key");
    let unconfirmed = owner.post(&format!("{ME}/app"), &[("current", PASSWORD)]).await.shown_once().to_owned();
    let wrong = owner.post(&format!("{ME}/app/confirm"), &[("code", not(&code(&world, &unconfirmed)).as_str())]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut other = Browser::new(&world);
    let answer = other.post("/login", &[("email", EMAIL), ("password", PASSWORD)]).await;
    assert_eq!(answer.leads_to(), "/inbox", "nothing is due before a code confirmed it");

    let App { key, used, .. } = turn_on(&world, &mut owner).await;
    assert_ne!(key, unconfirmed, "whoever saw an earlier key knows nothing");
    assert_eq!(owner.get("/settings/profile").await.status, 200, "sessions of before stay");
    assert_eq!(other.get("/settings/profile").await.status, 200);

    let mut half = half_way(&world, "192.0.2.1").await;
    let planted = half.clone();
    assert!(half.get("/settings/profile").await.leads_to().starts_with("/login"), "half a session opens no page");
    assert_eq!(half.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED, "and nothing of the API");
    assert_eq!(send(&mut half, &used).await.status, StatusCode::UNPROCESSABLE_ENTITY, "it turned the app on already");
    world.pass(STEP);
    let fresh = code(&world, &key);
    assert_eq!(send(&mut half, &not(&fresh)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let came_in = send(&mut half, &fresh).await;
    assert_eq!(came_in.leads_to(), "/settings", "{}", came_in.text);
    assert_eq!(half.get("/settings/profile").await.status, 200);
    let mut planted = planted;
    assert!(planted.get("/settings/profile").await.leads_to().starts_with("/login"), "the half session is no more");
    let mut again = half_way(&world, "192.0.2.2").await;
    assert_eq!(send(&mut again, &fresh).await.status, StatusCode::UNPROCESSABLE_ENTITY, "no code opens twice");
    world.end().await;
}

/// Two who show the same code at once: one comes in.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_with_one_code_one_comes_in() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let App { key, recovery_codes: codes, .. } = turn_on(&world, &mut owner).await;
    world.pass(STEP);
    for same in [code(&world, &key), codes[0].clone()] {
        let (mut one, mut other) = (half_way(&world, "192.0.2.1").await, half_way(&world, "192.0.2.2").await);
        let (one, other) = tokio::join!(send(&mut one, &same), send(&mut other, &same));
        let came = [one, other].iter().filter(|answer| answer.status == StatusCode::SEE_OTHER).count();
        assert_eq!(came, 1);
    }
    world.end().await;
}

/// A recovery code opens once, as people type it; new ones take the place of all before.
#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_opens_once() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let App { recovery_codes: codes, .. } = turn_on(&world, &mut owner).await;
    let mut one = half_way(&world, "192.0.2.1").await;
    assert_eq!(send(&mut one, &codes[0].to_lowercase().replace('-', " ")).await.leads_to(), "/settings");
    let mut two = half_way(&world, "192.0.2.1").await;
    assert_eq!(send(&mut two, &codes[0]).await.status, StatusCode::UNPROCESSABLE_ENTITY, "it was used");
    let given = owner.post(&format!("{ME}/codes"), &[("current", PASSWORD)]).await;
    let new = recovery_codes(&given);
    assert_eq!(new.len(), 10, "{}", given.text);
    assert_eq!(send(&mut two, &codes[1]).await.status, StatusCode::UNPROCESSABLE_ENTITY, "it was replaced");
    assert_eq!(send(&mut two, &new[0]).await.leads_to(), "/settings");
    world.end().await;
}

/// Turning the app off takes the password and a code; with it go the recovery codes. An operator's reset forgets all of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_app_is_turned_off_by_its_owner_alone() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let App { key, recovery_codes: codes, .. } = turn_on(&world, &mut owner).await;
    let off = format!("{ME}/app/remove");
    world.pass(STEP);
    let fresh = code(&world, &key);
    let wrong = not(&fresh);
    for (password, code) in [("otra frase cualquiera", fresh.as_str()), (PASSWORD, wrong.as_str())] {
        let answer = owner.post(&off, &[("current", password), ("code", code)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let answer = owner.post(&off, &[("current", PASSWORD), ("code", fresh.as_str())]).await;
    assert_eq!(answer.leads_to(), ME, "{}", answer.text);
    let mut other = Browser::new(&world);
    assert_eq!(other.post("/login", &[("email", EMAIL), ("password", PASSWORD)]).await.leads_to(), "/inbox");
    assert_eq!(world.count("SELECT count(*) FROM wazapp.recovery_code").await, 0, "of {}", codes.len());

    turn_on(&world, &mut owner).await;
    let tx = world.database().operator().await.unwrap();
    let (user, _) = model::user::by_email(&tx, &EMAIL.parse().unwrap()).await.unwrap().unwrap();
    model::user::forget_second_factor(&tx, world.now(), user.id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(other.post("/login", &[("email", EMAIL), ("password", PASSWORD)]).await.leads_to(), "/inbox");
    assert_eq!(world.count("SELECT count(*) FROM wazapp.recovery_code").await, 0);
    world.end().await;
}

/// Whoever knows the password guesses at the code from many addresses: they wait, and the account's own browser does not.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_guesses_a_code() {
    let world = World::with(Options { proxy_trusted: true, ..Options::default() }).await;
    let mut owner = set_up(&world).await;
    let App { key, .. } = turn_on(&world, &mut owner).await;
    world.pass(STEP);
    let mut thief = half_way(&world, "198.51.100.1").await;
    // What says that this account signed in here before is not theirs.
    thief.cookies.retain(|name, _| !name.contains("device"));
    let mut looked_at = 0;
    for nth in 0..200 {
        thief.headers = vec![("x-forwarded-for", format!("198.51.100.{}", nth % 50))];
        let answer = send(&mut thief, &not(&code(&world, &key))).await;
        looked_at += usize::from(answer.status == StatusCode::UNPROCESSABLE_ENTITY);
        thief.cookies.retain(|name, _| !name.contains("device"));
    }
    assert!((5..12).contains(&looked_at), "{looked_at} were looked at: then they wait");
    for _ in 0..6 {
        world.pass(Duration::from_secs(70));
        send(&mut thief, &not(&code(&world, &key))).await;
        thief.cookies.retain(|name, _| !name.contains("device"));
    }
    assert_eq!(
        send(&mut thief, &code(&world, &key)).await.status,
        StatusCode::TOO_MANY_REQUESTS,
        "even with the right one"
    );
    let mut own = Browser { cookies: owner.cookies.clone(), ..Browser::new(&world) };
    own.cookies.retain(|name, _| name.contains("device"));
    own.post("/login", &[("email", EMAIL), ("password", PASSWORD)]).await;
    assert_eq!(send(&mut own, &code(&world, &key)).await.status, StatusCode::SEE_OTHER, "the account's own browser");
    world.end().await;
}

/// An organization that asks for a second factor shows nothing to members without one, in pages, API and streams.
#[tokio::test(flavor = "multi_thread")]
async fn an_organization_can_require_one() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let tx = world.database().operator().await.unwrap();
    let all = organization::list(&tx).await.unwrap();
    organization::require_second_factor(&tx, &all[0].scope(), true).await.unwrap().expect("it is there");
    tx.commit().await.unwrap();
    for page in ["/settings/members", "/settings/keys", "/settings/audit"] {
        let answer = owner.get(page).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{page}");
        assert!(answer.text.contains("Hace falta un segundo factor") && answer.text.contains("/settings/profile"));
    }
    for path in ["/api/v1/me", "/api/v1/conversations", "/api/v1/events", "/api/v1/events/stream"] {
        assert_eq!(owner.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    turn_on(&world, &mut owner).await;
    assert_eq!(owner.get("/settings/members").await.status, 200, "at once, in the session that is open");
    assert_eq!(owner.get("/api/v1/conversations").await.status, 200);
    world.end().await;
}

/// What proves who somebody is stands in no table as it is, nor as PostgreSQL prints its bytes.
#[tokio::test(flavor = "multi_thread")]
async fn no_table_shows_a_secret_of_people() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let invitation = invite(&mut owner, "eva@example.com", Role::Agent).await;
    let App { key, recovery_codes: codes, .. } = turn_on(&world, &mut owner).await;
    let key = key.replace(' ', "");
    let seed = HEXLOWER.encode(&BASE32_NOPAD.decode(key.as_bytes()).unwrap());
    let session = owner.cookies["wazapp"].clone();
    let token = invitation.rsplit('/').next().unwrap().to_owned();
    let mut secrets: Vec<(&str, &str)> = vec![
        ("password", PASSWORD),
        ("key", key.as_str()),
        ("seed", seed.as_str()),
        ("session", session.as_str()),
        ("invitation", token.as_str()),
    ];
    let bare: Vec<String> = codes.iter().map(|code| code.replace('-', "")).collect();
    secrets.extend(codes.iter().chain(&bare).map(|code| ("recovery code", code.as_str())));
    let rows = canary::rows(&world.sql().await).await;
    Canaries::of(&secrets).assert_absent("a table", rows.as_bytes());
    world.end().await;
}

/// Nobody's half session, passkey page or code leads into another person's account.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_one_persons_is_not_anothers() {
    let world = World::new().await;
    let ((_, marta), (_, luis)) = two(&world, Role::Agent).await;
    let tx = world.database().operator().await.unwrap();
    let made =
        model::passkey::add(&tx, world.now(), marta.user_id, b"credential", "{}", "Mi llave").await.unwrap().unwrap();
    let twice = model::passkey::add(&tx, world.now(), luis.user_id, b"credential", "{}", "Suya").await.unwrap();
    assert!(twice.is_none(), "one authenticator's key is one person's");
    tx.commit().await.unwrap();
    let (mut hers, mut his) = (Browser::of(&world, &marta), Browser::of(&world, &luis));
    let path = format!("/settings/passkeys/{}", made.id);
    assert_eq!(hers.get(&path).await.status, 200);
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::POST, path.clone()),
        (Method::GET, format!("{path}/remove")),
        (Method::POST, format!("{path}/remove")),
    ] {
        let answer = his.ask(method.clone(), &path, &[("name", "Robada"), ("current", PASSWORD)]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let rows = "SELECT count(*) FROM wazapp.passkey WHERE name = 'Mi llave'";
    assert_eq!(world.count(rows).await, 1);
    world.end().await;
}
