//! Whoever owns an organization is written to when one of its programs is not told any more.

use e2e::mail_server::{Asks, MailServer};
use e2e::receiver::{Receiver, Reply};
use e2e::{Options, World};
use model::act::Role;
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
