//! Whoever owns an organization is written to when one of its programs is not told any more.

use std::time::Duration;

use e2e::mail_server::{Asks, MailServer};
use e2e::receiver::{Receiver, Reply};
use e2e::{Options, World};
use model::act::Role;
use reqwest::Method;
use serde_json::json;

use super::{acme, add, write};

/// Each owner once, by its name and never by its URL, and nobody else; what is on again is told to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn owners_are_written_to_once() {
    let (server, hook) = (MailServer::start(Asks::default()).await, Receiver::open().await);
    let world = World::with(Options { post: Some(server.post()), ..Options::default() }).await;
    let acme = acme(&world).await;
    let owners = [world.member(&acme, Role::Owner).await, world.member(&acme, Role::Owner).await];
    world.member(&acme, Role::Admin).await;
    let strangers = world.organization("Strangers").await;
    world.member(&strangers, Role::Owner).await;
    let made = add(&world, &acme, &hook, &json!({ "description": "La tienda" })).await;
    hook.reply_next(&[Reply::Status(410)]);
    write(&world, 1).await;
    server.nth(2).await;
    let path = format!("/endpoints/{}", made.id);
    assert_eq!(world.read(&acme, &path).await["state"], "gone");
    // Gone once more, it is news once more; by then it was looked for it again.
    assert_eq!(world.patch(&acme, &path, &json!({ "state": "on" })).await.0, 200);
    hook.until_count(2).await;
    hook.reply_next(&[Reply::Status(410)]);
    write(&world, 2).await;
    server.nth(4).await;
    let mails = server.mails();
    let mut told: Vec<&str> = mails.iter().flat_map(|mail| mail.to.iter().map(String::as_str)).collect();
    told.sort_unstable();
    let mut expected: Vec<&str> = owners.iter().flat_map(|owner| [owner.email.as_str(); 2]).collect();
    expected.sort_unstable();
    assert_eq!(told, expected);
    for mail in &mails {
        assert_eq!(mail.subject, "Acme: La tienda ya no recibe lo que pasa");
        let settings = format!("{}/settings/endpoints/{}", world.url(), made.id);
        assert!(mail.text.contains(&settings) && mail.html.contains(&settings), "{}", mail.text);
        assert!(!mail.text.contains(hook.url()) && !mail.html.contains(hook.url()), "{}", mail.text);
    }
    world.end().await;
}

/// Who owns it no more when the mail goes out is told nothing.
#[tokio::test(flavor = "multi_thread")]
async fn who_owns_it_no_more_is_told_nothing() {
    let (mut server, hook) = (MailServer::down(), Receiver::open().await);
    let world = World::with(Options { post: Some(server.post()), ..Options::default() }).await;
    let acme = acme(&world).await;
    let (stays, leaves) = (world.member(&acme, Role::Owner).await, world.member(&acme, Role::Owner).await);
    add(&world, &acme, &hook, &json!({ "description": "La tienda" })).await;
    hook.reply_next(&[Reply::Status(410)]);
    write(&world, 1).await;
    let noted = "SELECT count(*) FROM wazapp.mail WHERE kind = 'endpoint'";
    world.until("both are to be told", async || world.count(noted).await == 2).await;
    let path = format!("/members/{}", leaves.user_id);
    let demoted = world.as_person(Method::PATCH, &stays, &path, Some(&json!({ "role": "agent" }))).await;
    assert_eq!(demoted.0, 200, "{}", demoted.1);
    server.up(Asks::default()).await;
    world.pass(Duration::from_secs(3600));
    world.until("nothing waits", async || world.count(&format!("{noted} AND sent_at IS NULL")).await == 0).await;
    let told: Vec<String> = server.mails().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(told, [stays.email]);
    world.end().await;
}
