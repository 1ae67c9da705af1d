//! What stops a copier says whose move it is, and no secret.

use e2e::World;
use model::api_key::NewKey;
use uuid::Uuid;

use super::{Copier, Elsewhere, tenant};

async fn refused(copier: &Copier, arguments: &[&str]) -> String {
    let output = copier.run(arguments).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_move_it_is_is_said() {
    let (world, elsewhere) = (World::new().await, Elsewhere::new().await);
    let (acme, _) = tenant(&world, "Acme", 1).await;
    let wrong_key = format!("wz_{}", "A".repeat(acme.key.len() - 3));
    let said = refused(&Copier::with(world.url(), &wrong_key, &elsewhere.url()), &["--once"]).await;
    assert!(said.contains("refuses the API key") && !said.contains(&wrong_key), "{said}");
    let nowhere = elsewhere.url().replace(&elsewhere.name, "no_such_database");
    let said = refused(&Copier::with(world.url(), &acme.key, &nowhere), &["--once"]).await;
    assert!(said.contains("WAZAPP_SYNC_DATABASE_URL") && said.contains("3D000"), "{said}");
    let said =
        refused(&Copier::with(&format!("{}/elsewhere", world.url()), &acme.key, &elsewhere.url()), &["--once"]).await;
    assert!(said.contains("wazapp"), "{said}");
    let said = refused(&Copier::with(world.url(), &acme.key, "postgres//secret"), &["--once"]).await;
    assert!(said.contains("not a PostgreSQL URL") && !said.contains("secret"), "{said}");

    // A schema with something else in it is left as it is.
    let own = world.database_url();
    let said = refused(&Copier::with(world.url(), &acme.key, &own), &["--once"]).await;
    assert!(said.contains("--schema"), "{said}");
    let said = refused(&Copier::new(&world, &acme, &elsewhere), &["--role", "authenticated", "--schema", ""]).await;
    assert!(said.contains("--schema"), "{said}");

    // A user who may not make the schema.
    let role = format!("small_{}", elsewhere.name);
    elsewhere.sql.batch_execute(&format!("CREATE ROLE {role} LOGIN")).await.unwrap();
    let small = elsewhere.url().replace("postgres@", &format!("{role}@"));
    let said = refused(&Copier::with(world.url(), &acme.key, &small), &["--once"]).await;
    assert!(said.contains("WAZAPP_SYNC_DATABASE_URL"), "{said}");
    elsewhere.sql.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
    world.end().await;
    elsewhere.end().await;
}

/// A key that sees one number copies that number, and is not held up by what it does not see.
#[tokio::test(flavor = "multi_thread")]
async fn a_limited_key_copies_what_it_sees() {
    let (world, elsewhere) = (World::new().await, Elsewhere::new().await);
    let (acme, numbers) = tenant(&world, "Acme", 1).await;
    let all = world.all(&acme, "/numbers").await;
    let seen = all.iter().find(|one| one["phone_number_id"] == numbers[1]).expect("its number");
    let seen: Uuid = seen["id"].as_str().expect("an id").parse().expect("a UUID");
    let key = world.key(&acme.scope, &NewKey { number_ids: Some(&[seen]), ..NewKey::whole("limited") }).await;
    for (nth, number) in numbers.iter().enumerate() {
        let body = e2e::body::text(number, "34600000001", &format!("wamid.{nth}"), world.now().as_second(), "hola");
        world.receive(&body).await;
    }
    let copier = Copier::with(world.url(), &key, &elsewhere.url());
    copier.once().await;
    assert_eq!(elsewhere.number("SELECT count(*) FROM wazapp.messages WHERE wamid = 'wamid.1'").await, 1);
    assert_eq!(elsewhere.number("SELECT count(*) FROM wazapp.messages").await, 1);
    // What the key does not see is passed over: else it would be looked through again each time, until it is past its retention.
    let other = e2e::body::text(&numbers[0], "34600000001", "wamid.other", world.now().as_second(), "hola");
    world.receive(&other).await;
    copier.once().await;
    let end = world.all(&acme, "/events").await.last().and_then(|event| event["sequence"].as_i64());
    assert_eq!(Some(elsewhere.cursor(&acme).await), end);
    world.end().await;
    elsewhere.end().await;
}
