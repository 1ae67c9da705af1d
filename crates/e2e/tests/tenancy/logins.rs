//! An external PostgreSQL with a login for requests beside the owner's: nothing on a request's connection becomes the worker.

use e2e::World;
use model::database::Access;
use model::{Database, DatabaseError, migrate};
use tokio_postgres::error::SqlState;

/// How this user comes to the world's database.
fn url(world: &World, user: &str) -> String {
    world.database_url().replacen("postgres@", &format!("{user}@"), 1)
}

fn database(world: &World, web: &str) -> Database {
    let access = Access::external(&world.database_url(), None).expect("a URL");
    Database::new(access.with_web_login(&url(world, web)).expect("a URL"), 2).expect("pools")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requests_connection_becomes_nobody_else() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    let database = database(&world, "wazapp_web");
    assert!(database.access().has_two_logins());
    assert!(migrate::run(&database).await.expect("it is fit").is_empty());
    let tx = database.tenant(&acme.scope).await.expect("a transaction");
    let own = model::organization::own(&tx).await.expect("its rows are seen").expect("it is there");
    assert_eq!(own.id, acme.id);
    tx.commit().await.expect("it is committed");
    database.operator().await.expect("the worker has the other login").commit().await.expect("it is committed");

    let web = url(&world, "wazapp_web");
    let config: tokio_postgres::Config = web.split('?').next().expect("a URL").parse().expect("a URL");
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("it logs in");
    tokio::spawn(connection);
    for statement in [
        "SELECT set_config('role', 'wazapp_worker', false)",
        "SET ROLE wazapp_worker",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "CREATE TEMPORARY TABLE mine (id int)",
    ] {
        let error = client.batch_execute(statement).await.expect_err(statement);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
    }
    drop(client);
    database.close();
    world.end().await;
}

/// A login that reaches further is no second login, and one that reaches nothing is of no use: both are said at the start.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_reaches_further_is_refused() {
    let world = World::new().await;
    for (user, says) in [("postgres", "can become"), ("wazapp_worker", "is not a member of wazapp_web")] {
        let database = database(&world, user);
        let refused = migrate::run(&database).await.expect_err(says);
        assert!(matches!(&refused, DatabaseError::Unfit(text) if text.contains(says)), "{user}: {refused}");
        database.close();
    }
    let one = Access::external(&world.database_url(), None).expect("a URL");
    assert!(!one.has_two_logins(), "the owner's login for everything is one");
    world.end().await;
}
