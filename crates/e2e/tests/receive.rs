//! Webhooks come in; the API shows them once, in their own organization.

use e2e::{World, body};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_becomes_a_conversation() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    world.receive(&body::text("100", "34600111222", "wamid.1", 1_795_000_000, "¡Hola!")).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["last_message"]["preview"], "¡Hola!");
    assert_eq!(conversation["contact"]["wa_id"], "34600111222");
    world.end().await;
}
