//! An external PostgreSQL with a login for requests beside the owner's: nothing on a request's connection becomes the worker.

use e2e::World;
use model::database::Access;
use model::{Database, DatabaseError, migrate};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

/// A world, and logins of this test's own in its cluster.
struct Stage {
    world: World,
    sql: Client,
    logins: Vec<String>,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new().await;
        let sql = world.sql().await;
        Self { world, sql, logins: Vec::new() }
    }

    /// Makes a login that is a member of these roles; answers the URL by which it comes.
    async fn login(&mut self, member_of: &[&str]) -> String {
        let name = format!("login_{}", Uuid::now_v7().simple());
        let mut made = format!("CREATE ROLE {name} LOGIN;");
        for role in member_of {
            made += &format!("GRANT {role} TO {name};");
        }
        self.sql.batch_execute(&made).await.expect("a role");
        self.logins.push(name.clone());
        self.world.database_url().replacen("postgres@", &format!("{name}@"), 1)
    }

    fn database(&self, web: &str) -> Database {
        let access = Access::external(&self.world.database_url(), None).expect("a URL");
        Database::new(access.with_web_login(web).expect("a URL"), 2).expect("pools")
    }

    async fn end(self) {
        for name in &self.logins {
            self.sql.batch_execute(&format!("DROP ROLE {name}")).await.expect("it goes");
        }
        drop(self.sql);
        self.world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requests_connection_becomes_nobody_else() {
    let mut stage = Stage::new().await;
    let acme = stage.world.organization("Acme").await;
    let url = stage.login(&["wazapp_web"]).await;
    let database = stage.database(&url);
    assert!(migrate::run(&database).await.expect("it is fit").is_empty());
    let tx = database.tenant(&acme.scope).await.expect("a transaction");
    let own = model::organization::own(&tx).await.expect("its rows are seen").expect("it is there");
    assert_eq!(own.id, acme.id);
    tx.commit().await.expect("it is committed");
    database.operator().await.expect("the worker has the other login").commit().await.expect("it is committed");

    let config: tokio_postgres::Config = url.split('?').next().expect("a URL").parse().expect("a URL");
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
    stage.end().await;
}

/// A login that reaches further is no second login, and one that reaches nothing is of no use: both are said at the start.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_reaches_further_is_refused() {
    let mut stage = Stage::new().await;
    let wrong = [
        (stage.login(&["wazapp_web", "wazapp_worker"]).await, "can become wazapp_worker"),
        (stage.login(&["postgres"]).await, "can become"),
        (stage.login(&[]).await, "is not a member of wazapp_web"),
        (stage.world.database_url(), "can become"),
    ];
    for (url, says) in wrong {
        let database = stage.database(&url);
        let refused = migrate::run(&database).await.expect_err(says);
        assert!(matches!(&refused, DatabaseError::Unfit(text) if text.contains(says)), "{says}: {refused}");
        database.close();
    }
    stage.end().await;
}
