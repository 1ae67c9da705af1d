//! Mail to people, through a mail server that is a process of its own.

mod commands;
mod encrypted;

use std::time::{Duration, Instant};

use e2e::mail_server::{Asks, Mail, MailServer, post};
use e2e::{Options, Organization, World, until};
use model::act::Role;
use model::mail::{self, INVITATIONS_A_DAY};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::pages::guessing::longer;
use super::pages::{Browser, PASSWORD, invite, set_up};

/// A claim of a mail that nobody came back from is over by then.
const CLAIM: Duration = Duration::from_secs(301);

async fn world(server: &MailServer) -> World {
    World::with(Options { post: Some(server.post()), ..Options::default() }).await
}

/// Invites somebody through the API.
async fn invited(world: &World, acme: &Organization, email: &str) -> Value {
    let owner = world.member(acme, Role::Owner).await;
    let wanted = json!({ "role": "agent", "email": email });
    let (status, made) = world.as_person(Method::POST, &owner, "/invitations", Some(&wanted)).await;
    assert_eq!(status, 201, "{made}");
    made
}

/// What became of the mail of the one invitation that there is.
async fn mailed(world: &World, acme: &Organization) -> Value {
    let owner = world.member(acme, Role::Owner).await;
    let (_, all) = world.as_person(Method::GET, &owner, "/invitations", None).await;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(1), "{all}");
    all["data"][0]["mail"].clone()
}

async fn until_mail_is(world: &World, acme: &Organization, state: &str) -> Value {
    until(&format!("the mail is {state}"), async || mailed(world, acme).await["state"] == state).await;
    mailed(world, acme).await
}

async fn until_it_was_tried(world: &World, acme: &Organization) -> Value {
    until("it was tried in vain", async || mailed(world, acme).await["error"].is_object()).await;
    mailed(world, acme).await
}

fn header<'a>(mail: &'a Mail, name: &str) -> Vec<&'a str> {
    mail.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
}

/// An invitation arrives once, in the words of whoever invites, and lets its reader in; so would the link that was shown.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_arrives_with_a_link_that_works() {
    let server = MailServer::start(Asks::default()).await;
    let world = world(&server).await;
    let mut owner = set_up(&world).await;
    let shown = invite(&mut owner, "luis@example.com", Role::Agent).await;
    let mail = server.nth(1).await;
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("wazapp@example.com", &["luis@example.com".to_owned()][..]));
    assert_eq!(mail.subject, "Lucía Pérez te invita a Panadería La Espiga");
    assert_eq!(header(&mail, "from"), ["La Espiga <wazapp@example.com>"]);
    assert_eq!(header(&mail, "auto-submitted"), ["auto-generated"]);
    assert!(mail.text.contains("Agente") && mail.text.contains("7 días"), "{}", mail.text);
    assert!(!mail.html.contains("src=") && !mail.html.contains("<img"), "nothing is loaded: {}", mail.html);
    until("the list says so", async || owner.get("/settings/members").await.text.contains("enviada por correo")).await;

    let path = mail.path(world.url());
    assert_ne!(path, shown, "no link waits to be sent");
    let mut luis = Browser::new(&world);
    assert!(luis.get(&path).await.text.contains("luis@example.com"));
    let fields = [("name", "Luis"), ("email", "luis@example.com"), ("password", PASSWORD), ("zone", "UTC")];
    assert_eq!(luis.post(&path, &fields).await.leads_to(), "/inbox");
    for link in [&path, &shown] {
        assert!(Browser::new(&world).get(link).await.text.contains("Esta invitación ya se usó"));
    }
    world.pass(Duration::from_secs(24 * 3600));
    assert_eq!(server.mails().len(), 1);
    world.end().await;
}

/// What was taken back before it was sent is not sent; what a suspended organization wants sent waits.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_is_not_sent() {
    let mut server = MailServer::down();
    let world = world(&server).await;
    let acme = world.organization("Acme").await;
    let made = invited(&world, &acme, "luis@example.com").await;
    until_it_was_tried(&world, &acme).await;
    let owner = world.member(&acme, Role::Owner).await;
    let path = format!("/invitations/{}", made["id"].as_str().expect("an id"));
    assert_eq!(world.as_person(Method::DELETE, &owner, &path, None).await.0, 200);
    invited(&world, &acme, "ana@example.com").await;
    until_it_was_tried(&world, &acme).await;
    let suspend = async |suspended| {
        let tx = world.database().operator().await.expect("a transaction");
        model::organization::suspend(&tx, world.now(), &acme.scope, suspended).await.expect("the statement runs");
        tx.commit().await.expect("it is so");
    };
    suspend(true).await;
    server.up(Asks::default()).await;
    world.pass(Duration::from_secs(60));
    let other = world.organization("Other").await;
    invited(&world, &other, "eva@example.com").await;
    assert_eq!(server.nth(1).await.to, ["eva@example.com"], "the others' is sent");
    suspend(false).await;
    assert_eq!(server.nth(2).await.to, ["ana@example.com"]);
    world.end().await;
}

/// A server that is away loses nothing: the inviter sees it, and the mail arrives once when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_server_arrives_once() {
    let mut server = MailServer::down();
    let world = world(&server).await;
    let acme = world.organization("Acme").await;
    assert_eq!(invited(&world, &acme, "luis@example.com").await["mail"]["state"], "waiting");
    let waits = until_it_was_tried(&world, &acme).await;
    assert_eq!((&waits["state"], &waits["error"]["code"]), (&json!("waiting"), &json!("mail_not_sent")), "{waits}");
    server.up(Asks::default()).await;
    world.pass(Duration::from_secs(31));
    let mail = server.nth(1).await;
    assert_eq!(until_mail_is(&world, &acme, "sent").await["error"], Value::Null);
    for _ in 0..3 {
        world.pass(CLAIM);
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    assert_eq!(server.mails().len(), 1, "once");
    assert_eq!(Browser::new(&world).get(&mail.path(world.url())).await.status, StatusCode::OK);
    world.end().await;
}

/// After a day of a server that is away the mail is given up, with a reason.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_it_is_given_up() {
    let server = MailServer::down();
    let world = world(&server).await;
    let acme = world.organization("Acme").await;
    invited(&world, &acme, "luis@example.com").await;
    until_it_was_tried(&world, &acme).await;
    world.pass(Duration::from_secs(25 * 3600));
    let failed = until_mail_is(&world, &acme, "failed").await;
    assert_eq!(failed["error"]["code"], "mail_not_sent", "{failed}");
    world.end().await;
}

/// Who is refused for good is not written to again, and the inviter reads why; who is refused for now is.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_recipient_is_told_to_the_inviter() {
    let server = MailServer::start(Asks::default()).await;
    let world = world(&server).await;
    let acme = world.organization("Acme").await;
    invited(&world, &acme, "refused@example.com").await;
    let failed = until_mail_is(&world, &acme, "failed").await;
    assert_eq!(failed["error"]["code"], "mail_refused", "{failed}");
    assert!(failed["error"]["message"].as_str().is_some_and(|text| text.contains("nobody of that name")), "{failed}");
    assert_eq!(failed["error"]["advice"]["es"], "Revisa la dirección, o entrega tú un enlace.");

    let owner = world.member(&acme, Role::Owner).await;
    let page = Browser::of(&world, &owner).get("/settings/members").await.text;
    assert!(page.contains("el correo fue rechazado"), "{page}");
    let other = world.organization("Other").await;
    invited(&world, &other, "later@example.com").await;
    assert_eq!(until_it_was_tried(&world, &other).await["state"], "waiting");
    world.end().await;
}

/// A server that refuses our sign-in is nobody's refusal: mail waits, and arrives when the password is right.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_keeps_mail_waiting() {
    let mut server = MailServer::start(Asks { login: Some(("ana", "another word")), ..Asks::default() }).await;
    let url = server.url_at("smtp", "127.0.0.1", "ana:p%C3%A1ss%20w:rd");
    let world = World::with(Options { post: Some(post(&url)), ..Options::default() }).await;
    let acme = world.organization("Acme").await;
    invited(&world, &acme, "luis@example.com").await;
    let waits = until_it_was_tried(&world, &acme).await;
    assert_eq!((&waits["state"], &waits["error"]["code"]), (&json!("waiting"), &json!("mail_not_sent")), "{waits}");
    assert!(!waits.to_string().contains("w:rd"), "{waits}");
    server.stop();
    server.up(Asks { login: Some(("ana", "páss w:rd")), ..Asks::default() }).await;
    world.pass(Duration::from_secs(31));
    server.nth(1).await;
    until_mail_is(&world, &acme, "sent").await;
    world.end().await;
}

/// What others call themselves adds no header and no recipient, is no markup, and no link.
#[tokio::test(flavor = "multi_thread")]
async fn names_are_names() {
    let server = MailServer::start(Asks::default()).await;
    let world = world(&server).await;
    let hostile = [
        "Acme\r\nBcc: all@example.com\r\n\r\n<h1>Hola",
        "<img src=\"https://evil.example/x.png\"><script>alert(1)</script>",
        "Ñandú & Hijos 👩‍👩‍👧 \u{202e}elpmaxe.live",
        "https://evil.example/login =?utf-8?q?Bcc=3A_x?=",
        &"n".repeat(200),
    ];
    for (nth, name) in hostile.into_iter().enumerate() {
        let organization = world.organization(name).await;
        invited(&world, &organization, &format!("p{nth}@example.com")).await;
        let mail = server.nth(nth + 1).await;
        assert_eq!(mail.to, [format!("p{nth}@example.com")]);
        assert!(header(&mail, "bcc").is_empty() && header(&mail, "to").len() == 1, "{:?}", mail.headers);
        assert_eq!(header(&mail, "subject").len(), 1);
        assert!(
            !mail.html.contains("<img") && !mail.html.contains("<script") && !mail.html.contains("<h1"),
            "{}",
            mail.html
        );
        for part in [&mail.text, &mail.html] {
            assert!(!part.contains("evil.example") && !part.contains('\u{202e}'), "{part}");
            assert!(part.lines().all(|line| !line.to_lowercase().starts_with("bcc")), "{part}");
        }
        mail.path(world.url());
    }
    world.end().await;
}

/// A mail that was taken, of which nobody heard, comes a second time: under the same name, and both links work until one was
/// used. One that was claimed by a server that died comes once.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_off_comes_at_most_twice() {
    let server = MailServer::start(Asks::default()).await;
    let mut world = world(&server).await;
    let acme = world.organization("Acme").await;
    server.hangs_up(true);
    invited(&world, &acme, "luis@example.com").await;
    until_it_was_tried(&world, &acme).await;
    server.hangs_up(false);
    world.pass(Duration::from_secs(31));
    server.nth(2).await;
    until_mail_is(&world, &acme, "sent").await;
    let mails = server.mails();
    assert_eq!(mails[0].id, mails[1].id, "mail programs may show one");
    let paths = [0, 1].map(|nth: usize| mails[nth].path(world.url()));
    for path in &paths {
        assert_eq!(Browser::new(&world).get(path).await.status, StatusCode::OK);
    }
    let fields = [("name", "Luis"), ("email", "luis@example.com"), ("password", PASSWORD), ("zone", "UTC")];
    assert_eq!(Browser::new(&world).post(&paths[0], &fields).await.leads_to(), "/inbox");
    assert_eq!(Browser::new(&world).get(&paths[1]).await.status, StatusCode::GONE);

    world.idle().await;
    let typed = "luis@example.com".parse().expect("an address");
    let tx = world.database().operator().await.expect("a transaction");
    mail::write_to(&tx, world.now(), mail::Kind::Reset, &typed, Default::default()).await.expect("it is noted");
    let claimed = mail::any_organization_claim(&tx, world.now(), 9).await.expect("it is claimed");
    let letter = mail::letter(&tx, world.now(), &claimed[0]).await.expect("a letter");
    assert_eq!((claimed.len(), letter.is_some()), (1, true));
    tx.commit().await.expect("and then its server dies");
    world.restart().await;
    world.pass(CLAIM);
    let mail = server.nth(3).await;
    let mut luis = Browser::new(&world);
    assert_eq!(luis.post(&mail.path(world.url()), &[("password", "otra frase larga")]).await.leads_to(), "/inbox");
    world.end().await;
}

/// Who forgot their password has a link mailed. Nobody else learns whether there is such an account.
#[tokio::test(flavor = "multi_thread")]
async fn who_forgot_is_written_to() {
    let server = MailServer::start(Asks::default()).await;
    let world = world(&server).await;
    set_up(&world).await;
    let ask = async |email: &str| Browser::new(&world).post("/password/forgot", &[("email", email)]).await;
    let (absent, there) = (ask("nadie@example.com").await, ask("Lucia@Example.com").await);
    assert_eq!((absent.status, there.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(absent.text, there.text);
    let mail = server.nth(1).await;
    assert_eq!(mail.to, ["Lucia@Example.com"]);
    assert!(mail.subject == "Elige otra contraseña de wazapp" && mail.text.contains("2 horas"), "{}", mail.text);
    let path = mail.path(world.url());
    assert_eq!(Browser::new(&world).post(&path, &[("password", "otra frase larga")]).await.leads_to(), "/inbox");
    assert_eq!(Browser::new(&world).get(&path).await.status, StatusCode::GONE, "it works once");
    let count = "SELECT count(*) FROM wazapp.mail WHERE recipient = 'nadie@example.com'";
    until("who is not there is forgotten", async || {
        world.sql().await.query_one(count, &[]).await.expect("a count").get::<_, i64>(0) == 0
    })
    .await;

    // Few links are mailed to one account, from wherever they are asked for; another link works late no more.
    let mut last = there;
    for _ in 0..4 {
        last = ask("lucia@example.com").await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    let late = server.nth(3).await.path(world.url());
    world.pass(Duration::from_secs(2 * 3600 + 1));
    assert_eq!(Browser::new(&world).get(&late).await.status, StatusCode::GONE);
    assert_eq!(ask("nothing").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    world.end().await;
}

/// Asking for a link takes as long for an absent account: 200 times each, in turns.
#[tokio::test(flavor = "multi_thread")]
async fn an_absent_account_is_told_nothing_by_the_time() {
    let server = MailServer::down();
    let world = world(&server).await;
    set_up(&world).await;
    let (mut there, mut absent) = (Vec::new(), Vec::new());
    for nth in 0..200 {
        // What was asked before is forgiven.
        world.pass(Duration::from_secs(13 * 3600));
        for (email, took) in
            [("lucia@example.com".to_owned(), &mut there), (format!("n{nth}@example.com"), &mut absent)]
        {
            let mut browser = Browser::new(&world);
            let began = Instant::now();
            assert_eq!(browser.post("/password/forgot", &[("email", &email)]).await.status, StatusCode::OK, "{nth}");
            took.push(began.elapsed());
        }
    }
    let share = longer(&there, &absent);
    assert!((0.25..0.75).contains(&share), "in {share} of pairs the account that is there takes longer");
    world.end().await;
}

/// Where no mail is sent, the page says whom to ask, and takes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_links_are_shown() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    assert!(invite(&mut owner, "luis@example.com", Role::Agent).await.starts_with("/invitation/wi_"));
    let mut browser = Browser::new(&world);
    assert!(browser.get("/password/forgot").await.text.contains("wazapp user reset"));
    let asked = browser.post("/password/forgot", &[("email", "lucia@example.com")]).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mails = world.sql().await.query_one("SELECT count(*) FROM wazapp.mail", &[]).await.expect("a count");
    assert_eq!(mails.get::<_, i64>(0), 0, "nothing waits for a mail server that is not there");
    world.end().await;
}

/// An organization fills nobody's mailbox: beyond its share of a day, links are made and not mailed.
#[tokio::test(flavor = "multi_thread")]
async fn an_organization_has_its_share_of_mail() {
    let server = MailServer::down();
    let world = world(&server).await;
    let acme = world.organization("Acme").await;
    let fill = "INSERT INTO wazapp.mail (id, organization_id, invitation_id, kind, recipient, language, created_at, due_at, sent_at)
      SELECT gen_random_uuid(), $1, gen_random_uuid(), 'invitation', 'x@example.com', 'es', t, t, t
      FROM generate_series(1, $3), CAST($2 AS timestamptz) AS t";
    let share = i32::try_from(INVITATIONS_A_DAY).expect("a few") - 1;
    world.sql().await.execute(fill, &[&acme.id, &world.now(), &share]).await.expect("as if they were sent");
    assert_eq!(invited(&world, &acme, "luis@example.com").await["mail"]["state"], "waiting");
    let over = invited(&world, &acme, "ana@example.com").await;
    assert!(over["mail"].is_null() && over["link"].is_string(), "{over}");
    let other = world.organization("Other").await;
    assert_eq!(invited(&world, &other, "eva@example.com").await["mail"]["state"], "waiting", "others have theirs");
    world.pass(Duration::from_secs(24 * 3600 + 1));
    assert_eq!(invited(&world, &acme, "ana@example.com").await["mail"]["state"], "waiting");
    world.end().await;
}
