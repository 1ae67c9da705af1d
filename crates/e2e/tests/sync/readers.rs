//! Who reads a copy, and what.

use e2e::{Organization, World, body};
use serde_json::json;
use tokio_postgres::error::SqlState;

use super::{Copier, Elsewhere, assert_equal, tenant};

const TABLES: [&str; 4] = ["contacts", "conversations", "messages", "statuses"];

/// Supabase's roles, which belong to the whole cluster of the tests.
async fn roles(elsewhere: &Elsewhere) {
    for role in ["anon", "authenticated", "service_role"] {
        let sql = format!("CREATE ROLE {role} NOLOGIN");
        match elsewhere.sql.batch_execute(&sql).await {
            Ok(()) => {}
            Err(error) => {
                let known = [Some(&SqlState::DUPLICATE_OBJECT), Some(&SqlState::UNIQUE_VIOLATION)];
                assert!(known.contains(&error.code()), "{error}");
            }
        }
    }
}

/// How many rows of each table somebody reads, as PostgREST lets them: in a transaction, with their role and claims.
async fn read_as(elsewhere: &Elsewhere, role: &str, claims: &str) -> Result<Vec<i64>, SqlState> {
    let mut counts = Vec::new();
    for table in TABLES {
        let sql = format!("SELECT count(*) FROM wazapp.{table}");
        counts.push(act_as(elsewhere, role, claims, &sql).await?.unwrap_or_default());
    }
    Ok(counts)
}

async fn act_as(elsewhere: &Elsewhere, role: &str, claims: &str, sql: &str) -> Result<Option<i64>, SqlState> {
    let client = &elsewhere.sql;
    client.batch_execute("BEGIN").await.unwrap();
    client.batch_execute(&format!("SET LOCAL ROLE {role}")).await.unwrap();
    client.query("SELECT set_config('request.jwt.claims', $1, true)", &[&claims]).await.unwrap();
    let answer = client.query(sql, &[]).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    let answer = answer.map_err(|error| error.code().cloned().expect("PostgreSQL's answer"))?;
    Ok(answer.first().and_then(|row| row.try_get(0).ok()))
}

fn claims_of(organization: &Organization) -> String {
    json!({ "sub": "u", "role": "authenticated", "app_metadata": { "organization_id": organization.id } }).to_string()
}

async fn furnished(world: &World, name: &str, nth: u64, messages: u64) -> Organization {
    let (organization, numbers) = tenant(world, name, nth).await;
    let now = world.now().as_second();
    for message in 0..messages {
        let wamid = format!("wamid.{nth}.{message}");
        world.receive(&body::echo(&numbers[0], &format!("3460000000{message}"), &wamid, now, "hola")).await;
        world.receive(&body::status(&numbers[0], &wamid, "sent", now, "34600000001")).await;
        world.receive(&body::status(&numbers[0], &wamid, "read", now + 1, "34600000001")).await;
    }
    organization
}

/// Two organizations share a database; each reader sees what their token names, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn each_reads_what_their_token_names() {
    let (world, elsewhere) = (World::new().await, Elsewhere::new().await);
    roles(&elsewhere).await;
    elsewhere.sql.batch_execute("CREATE PUBLICATION supabase_realtime").await.unwrap();
    let (acme, beta) = (furnished(&world, "Acme", 1, 2).await, furnished(&world, "Beta", 2, 3).await);
    for organization in [&acme, &beta] {
        Copier::new(&world, organization, &elsewhere).once().await;
        assert_equal(&world, organization, &elsewhere).await;
    }
    assert_eq!(elsewhere.number("SELECT count(*) FROM wazapp.messages").await, 5);

    assert_eq!(read_as(&elsewhere, "authenticated", &claims_of(&acme)).await, Ok(vec![2, 2, 2, 4]));
    assert_eq!(read_as(&elsewhere, "authenticated", &claims_of(&beta)).await, Ok(vec![3, 3, 3, 6]));
    let own_word = json!({ "user_metadata": { "organization_id": acme.id }, "organization_id": acme.id }).to_string();
    for nobodys in ["", "{}", r#"{"app_metadata":{}}"#, r#"{"app_metadata":null}"#, own_word.as_str()] {
        assert_eq!(read_as(&elsewhere, "authenticated", nobodys).await, Ok(vec![0; 4]), "{nobodys}");
    }
    let nonsense = r#"{"app_metadata":{"organization_id":"acme"}}"#;
    assert!(read_as(&elsewhere, "authenticated", nonsense).await.is_err());
    assert_eq!(read_as(&elsewhere, "anon", &claims_of(&acme)).await, Err(SqlState::INSUFFICIENT_PRIVILEGE));
    assert_eq!(
        read_as(&elsewhere, "service_role", "").await,
        Ok(vec![0; 4]),
        "on Supabase it passes over policies, for which it needs the right to read"
    );
    for role in ["authenticated", "anon"] {
        for table in TABLES {
            for sql in [
                format!("DELETE FROM wazapp.{table}"),
                format!("UPDATE wazapp.{table} SET organization_id = '{}'", acme.id),
                format!("INSERT INTO wazapp.{table} SELECT * FROM wazapp.{table}"),
                format!("TRUNCATE wazapp.{table}"),
            ] {
                let done = act_as(&elsewhere, role, &claims_of(&acme), &sql).await;
                assert_eq!(done, Err(SqlState::INSUFFICIENT_PRIVILEGE), "{role}: {sql}");
            }
        }
        for own in ["sync", "sync_todo", "sync_schema"] {
            let done = act_as(&elsewhere, role, &claims_of(&acme), &format!("SELECT count(*) FROM wazapp.{own}")).await;
            assert_eq!(done, Err(SqlState::INSUFFICIENT_PRIVILEGE), "{role}: {own}");
        }
    }
    realtime_tells_of_all(&elsewhere).await;
    world.end().await;
    elsewhere.end().await;
}

/// All tables are published, and each row that changes or goes is known by its key.
async fn realtime_tells_of_all(elsewhere: &Elsewhere) {
    let published =
        "SELECT count(*) FROM pg_publication_tables WHERE pubname = 'supabase_realtime' AND schemaname = 'wazapp'";
    assert_eq!(elsewhere.number(published).await, 4);
    let keyed = "SELECT count(*) FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
                 WHERE c.relnamespace = 'wazapp'::regnamespace AND c.relreplident = 'd'
                   AND c.relname IN ('contacts', 'conversations', 'messages', 'statuses')";
    assert_eq!(elsewhere.number(keyed).await, 4);
    let open = "SELECT count(*) FROM pg_class WHERE relnamespace = 'wazapp'::regnamespace AND relkind = 'r' AND NOT relrowsecurity";
    assert_eq!(elsewhere.number(open).await, 0, "every table has row-level security");
}

/// On a PostgreSQL without Supabase's roles and publication: they are said, and rights follow when the role comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_plain_postgresql_does() {
    let (world, elsewhere) = (World::new().await, Elsewhere::new().await);
    let acme = furnished(&world, "Acme", 1, 1).await;
    let copier = Copier::new(&world, &acme, &elsewhere);
    // A schema that somebody made before keeps the rights in it.
    elsewhere.sql.batch_execute("CREATE SCHEMA before; GRANT USAGE ON SCHEMA before TO PUBLIC").await.unwrap();
    let output = copier.run(&["--init", "--schema", "before"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let open = "SELECT count(*) FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'before' AND grantee = 0";
    assert_eq!(elsewhere.number(open).await, 1);
    let role = format!("reader \"{}", elsewhere.name);
    let flags =
        ["--once", "--schema", "my \"copy", "--role", role.as_str(), "--claim", "org", "--publication", "told \"too"];
    let output = copier.run(&flags).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("there is no role"), "{said}");
    let quoted = format!("\"{}\"", role.replace('"', "\"\""));
    elsewhere.sql.batch_execute(&format!("CREATE ROLE {quoted} NOLOGIN")).await.unwrap();
    let output = copier.run(&flags).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let count = "SELECT count(*) FROM \"my \"\"copy\".messages";
    let claims = json!({ "org": acme.id }).to_string();
    assert_eq!(act_as(&elsewhere, &quoted, &claims, count).await, Ok(Some(1)));
    assert_eq!(act_as(&elsewhere, &quoted, "", count).await, Ok(Some(0)));
    let published = "SELECT count(*) FROM pg_publication_tables WHERE pubname = 'told \"too'";
    assert_eq!(elsewhere.number(published).await, 4);
    // A copier with another claim does not take the rows from these readers; somebody who wants that says so.
    let mut other = flags;
    other[6] = "app_metadata.org";
    let output = copier.run(&other).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("--claim org") && said.contains("--init"), "{said}");
    assert_eq!(act_as(&elsewhere, &quoted, &claims, count).await, Ok(Some(1)));
    other[0] = "--init";
    assert!(copier.run(&other).await.status.success());
    assert_eq!(act_as(&elsewhere, &quoted, &claims, count).await, Ok(Some(0)));
    elsewhere.sql.batch_execute(&format!("DROP OWNED BY {quoted}; DROP ROLE {quoted}")).await.unwrap();
    world.end().await;
    elsewhere.end().await;
}
