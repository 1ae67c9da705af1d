//! Guessing, and what a sign-in gives away.

use std::time::{Duration, Instant};

use e2e::{Options, World};
use reqwest::StatusCode;

use super::{Browser, PASSWORD, set_up};

const EMAIL: &str = "lucia@example.com";

async fn behind_a_proxy() -> World {
    World::with(Options { proxy_trusted: true, ..Options::default() }).await
}

async fn try_in(browser: &mut Browser, email: &str, password: &str) -> StatusCode {
    browser.post("/login", &[("email", email), ("password", password)]).await.status
}

/// 1,000 tries at one account, from 50 addresses: a handful are looked at. Meanwhile its own browser comes in, and so does
/// an office of people behind one of those addresses.
#[tokio::test(flavor = "multi_thread")]
async fn many_addresses_guess_at_one_account() {
    let world = behind_a_proxy().await;
    let owner = set_up(&world).await;
    let mut looked_at = 0;
    for nth in 0..1000 {
        let mut thief = Browser::new(&world).saying("x-forwarded-for", &format!("198.51.100.{}", nth % 50));
        match try_in(&mut thief, EMAIL, &format!("una frase mala {nth}")).await {
            StatusCode::UNPROCESSABLE_ENTITY => looked_at += 1,
            status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "try {nth}"),
        }
    }
    assert!((5..100).contains(&looked_at), "{looked_at} were looked at");
    let mut stranger = Browser::new(&world).saying("x-forwarded-for", "203.0.113.9");
    assert_eq!(try_in(&mut stranger, EMAIL, PASSWORD).await, StatusCode::TOO_MANY_REQUESTS, "another browser waits");
    let mut own = Browser { cookies: owner.cookies.clone(), ..Browser::new(&world) };
    own.cookies.retain(|name, _| name.contains("device"));
    assert_eq!(try_in(&mut own, EMAIL, PASSWORD).await, StatusCode::SEE_OTHER, "its own browser does not");
    world.pass(Duration::from_secs(40));
    assert_eq!(try_in(&mut stranger, EMAIL, PASSWORD).await, StatusCode::SEE_OTHER, "nobody waits for long");
    world.end().await;
}

/// Twenty people behind one address mistype once each, and come in.
#[tokio::test(flavor = "multi_thread")]
async fn an_office_behind_one_address_comes_in() {
    let world = behind_a_proxy().await;
    set_up(&world).await;
    let kept = model::user::Passwords::default().hash(PASSWORD.to_owned().into()).await.unwrap();
    let acme = world.organization("Acme").await;
    for nth in 0..20 {
        let person = world.member(&acme, model::act::Role::Agent).await;
        let tx = world.database().operator().await.unwrap();
        model::user::set_password(&tx, world.now(), person.user_id, Some(&kept)).await.unwrap();
        tx.commit().await.unwrap();
        let mut browser = Browser::new(&world).saying("x-forwarded-for", "192.0.2.7");
        assert_eq!(
            try_in(&mut browser, &person.email, "una frase mala").await,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{nth}"
        );
        assert_eq!(try_in(&mut browser, &person.email, PASSWORD).await, StatusCode::SEE_OTHER, "{nth}");
    }
    world.end().await;
}

/// A stolen session does not guess the password that it is asked for before something is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_session_guesses_no_password() {
    let world = World::new().await;
    let mut thief = set_up(&world).await;
    thief.cookies.retain(|name, _| !name.contains("device"));
    for path in ["/settings/profile/password", "/settings/second-factor/app"] {
        let mut waited = false;
        for nth in 0..12 {
            let guess = format!("una frase mala {nth}");
            let answer = thief.post(path, &[("current", guess.as_str()), ("password", "otra frase larga")]).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
            waited |= answer.text.contains("Espera ");
        }
        assert!(waited, "{path} counts tries");
    }
    world.end().await;
}

/// A session that somebody else planted in a browser is not taken over: it ends, and the browser gets another.
#[tokio::test(flavor = "multi_thread")]
async fn a_planted_session_is_not_taken_over() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let planted = owner.cookies["wazapp"].clone();
    let mut victim = Browser::new(&world);
    victim.cookies.insert("wazapp".into(), planted.clone());
    assert_eq!(try_in(&mut victim, EMAIL, PASSWORD).await, StatusCode::SEE_OTHER);
    assert_ne!(victim.cookies["wazapp"], planted);
    assert!(owner.get("/settings/profile").await.leads_to().starts_with("/login"), "what was planted opens nothing");
    let mut made_up = Browser::new(&world);
    made_up.cookies.insert("wazapp".into(), "AAAA".into());
    assert_eq!(try_in(&mut made_up, EMAIL, PASSWORD).await, StatusCode::SEE_OTHER);
    assert_ne!(made_up.cookies["wazapp"], "AAAA");
    world.end().await;
}

/// The share of pairs in which the first took longer: a half where both take as long (Mann and Whitney's U).
pub(crate) fn longer(first: &[Duration], second: &[Duration]) -> f64 {
    let wins = first.iter().flat_map(|one| second.iter().map(move |other| one > other));
    let (mut won, mut all) = (0.0, 0.0);
    for win in wins {
        won += f64::from(u8::from(win));
        all += 1.0;
    }
    won / all
}

/// An absent account takes as long as a wrong password: 200 tries each, in turns, so that whatever else the machine does
/// falls on both. Without the work of hashing nearly every pair would fall on one side.
#[tokio::test(flavor = "multi_thread")]
async fn an_absent_account_takes_as_long() {
    let world = behind_a_proxy().await;
    set_up(&world).await;
    let (mut there, mut absent) = (Vec::new(), Vec::new());
    for nth in 0..200 {
        // What was tried before is forgiven.
        world.pass(Duration::from_secs(13 * 3600));
        for (email, took) in [(EMAIL.to_owned(), &mut there), (format!("nadie{nth}@example.com"), &mut absent)] {
            let mut browser = Browser::new(&world).saying("x-forwarded-for", "192.0.2.7");
            let began = Instant::now();
            assert_eq!(try_in(&mut browser, &email, "una frase mala").await, StatusCode::UNPROCESSABLE_ENTITY);
            took.push(began.elapsed());
        }
    }
    let share = longer(&there, &absent);
    assert!((0.25..0.75).contains(&share), "in {share} of pairs the account that is there takes longer");
    world.end().await;
}
