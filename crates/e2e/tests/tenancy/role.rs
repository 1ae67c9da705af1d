//! What PostgreSQL itself refuses the web role, whatever statement a handler might send by mistake.

use e2e::cluster;
use jiff::ToSpan;
use model::database::Access;
use serde_json::json;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::twins::{PEOPLE, Twins};

/// A session as the web role, and who is in it.
async fn web(twins: &Twins) -> Client {
    let database = database_name(twins).await;
    let mut config = Access::socket(&cluster::socket_dir(), &database).pooled;
    let (client, connection) = config.user("wazapp_web").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn database_name(twins: &Twins) -> String {
    let sql = twins.world.sql().await;
    let row = sql.query_one("SELECT current_database()::text", &[]).await;
    row.unwrap().get(0)
}

/// What belongs to people, wherever they work, the web role sees of one person alone.
const PEOPLES: [&str; 2] = ["user", "session"];

/// The tables with an organization, and those without.
async fn tables(sql: &Client) -> (Vec<String>, Vec<String>) {
    let rows = sql
        .query(
            "SELECT c.relname::text, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id')
                                     AND c.relrowsecurity AND c.relname <> 'session'
             FROM pg_class c WHERE c.relnamespace = 'wazapp'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1",
            &[],
        )
        .await
        .unwrap();
    let (own, global): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.get::<_, bool>(1));
    let names = |rows: Vec<&tokio_postgres::Row>| rows.iter().map(|row| row.get(0)).collect();
    (names(own), names(global))
}

async fn count(client: &Client, table: &str, condition: &str) -> Result<i64, tokio_postgres::Error> {
    let statement = format!("SELECT count(*) FROM wazapp.{table} WHERE {condition}");
    Ok(client.query_one(&statement, &[]).await?.get(0))
}

/// Runs a statement that must fail, in a transaction of its own, and answers why it did.
async fn refused(client: &Client, organization: Uuid, statement: &str) -> SqlState {
    client.batch_execute(&format!("BEGIN; SET LOCAL app.organization_id = '{organization}'")).await.unwrap();
    let error = client.batch_execute(statement).await.err().unwrap_or_else(|| panic!("this went through: {statement}"));
    client.batch_execute("ROLLBACK").await.unwrap();
    error.code().expect("PostgreSQL refused it").clone()
}

/// Both have a message waiting, under the same key, a recipient who must be left alone for a while, and templates that
/// are read.
async fn queue(twins: &Twins, sql: &Client) {
    for (nth, organization) in twins.organizations.iter().enumerate() {
        let body = json!({
            "number_id": twins.numbers[nth], "to": PEOPLE[0], "send_at": e2e::outside::now() + 24.hours(),
            "type": "template", "template": { "name": "order_ready", "language": { "code": "es" } },
        });
        let url = format!("{}/api/v1/messages", twins.world.url());
        let asked = twins.world.client().post(url).bearer_auth(&organization.key).header("idempotency-key", "1");
        let answer = asked.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    }
    sql.batch_execute(
        "INSERT INTO wazapp.pair_pace (organization_id, number_id, recipient, next_at)
         SELECT organization_id, id, '34600111222', now() FROM wazapp.number;
         INSERT INTO wazapp.upload (organization_id, number_id, file, mime_type, meta_id, uploaded_at)
         SELECT n.organization_id, n.id, f.sha256, 'text/plain', '77', now()
         FROM wazapp.number n JOIN wazapp.file f ON f.organization_id = n.organization_id;
         INSERT INTO wazapp.made_at_meta (organization_id, kind, meta_id, made_at)
         SELECT id, 'flow', '78', now() FROM wazapp.organization;
         INSERT INTO wazapp.receipt (organization_id, conversation_id, number_id, wamid, message_at, state, next_at, deadline)
         SELECT organization_id, id, number_id, 'wamid.read', now(), 'told', now(), now() FROM wazapp.conversation;
         -- What is told of people who go by several names, and of groups.
         INSERT INTO wazapp.contact_identity_past (organization_id, kind, value, until, contact_id)
         SELECT organization_id, 'username', 'before', now(), id FROM wazapp.contact ON CONFLICT DO NOTHING;
         INSERT INTO wazapp.identity_link (organization_id, kind, value, holder_kind, holder_value, realm, first_at)
         SELECT id, 'wa_id', '34600111222', 'user_id', 'ES.1', '1', now() FROM wazapp.organization ON CONFLICT DO NOTHING;
         INSERT INTO wazapp.identity_spelling (organization_id, kind, value, written, first_at)
         SELECT id, 'wa_id', '5215512345678', '525512345678', now() FROM wazapp.organization ON CONFLICT DO NOTHING;
         INSERT INTO wazapp.identity_move (organization_id, kind, value, to_kind, to_value, at)
         SELECT id, 'wa_id', '34600111222', 'wa_id', '34600111223', now() FROM wazapp.organization ON CONFLICT DO NOTHING;
         INSERT INTO wazapp.book_entry (organization_id, kind, value, name, at)
         SELECT id, 'wa_id', '34600111222', name, now() FROM wazapp.organization ON CONFLICT DO NOTHING;
         INSERT INTO wazapp.contact_merge (organization_id, id, vanished_id, survivor_id, merged_at)
         SELECT organization_id, id, id, id, now() FROM wazapp.contact;
         INSERT INTO wazapp.conversation_merge (organization_id, vanished_id, survivor_id, merged_at)
         SELECT organization_id, id, id, now() FROM wazapp.conversation;
         INSERT INTO wazapp.conversation_group (organization_id, number_id, group_id, subject, at)
         SELECT organization_id, id, 'group', phone_number_id, now() FROM wazapp.number;
         INSERT INTO wazapp.event_mark (organization_id, at, last)
         SELECT organization_id, now(), last FROM wazapp.organization_sequence;
         -- People who work there, and what they did.
         INSERT INTO wazapp.\"user\" (id, email, email_key, name, language, zone)
         SELECT id, slug || '@example.com', slug || '@example.com', name, 'es', 'UTC' FROM wazapp.organization;
         INSERT INTO wazapp.session (user_id, id, hash, organization_id, proven, device, address, expires_at)
         SELECT id, id, 'h', id, true, '', '', now() + interval '1 day' FROM wazapp.organization;
         INSERT INTO wazapp.membership (organization_id, user_id, role) SELECT id, id, 'owner' FROM wazapp.organization;
         INSERT INTO wazapp.entry (organization_id, user_id, ends_at) SELECT id, id, now() FROM wazapp.organization;
         INSERT INTO wazapp.invitation (organization_id, id, hash, role, invited_by_name, expires_at)
         SELECT id, id, 'h', 'agent', 'Ana', now() FROM wazapp.organization;
         INSERT INTO wazapp.mail (id, organization_id, invitation_id, kind, recipient, language, created_at, due_at)
         SELECT id, id, id, 'invitation', 'ana@example.com', 'es', now(), 'infinity' FROM wazapp.organization;
         INSERT INTO wazapp.invitation_link (organization_id, hash, invitation_id)
         SELECT id, 'h', id FROM wazapp.organization;
         INSERT INTO wazapp.team (organization_id, id, name) SELECT id, id, 'Ventas' FROM wazapp.organization;
         INSERT INTO wazapp.team_member (organization_id, team_id, user_id) SELECT id, id, id FROM wazapp.organization;
         INSERT INTO wazapp.sight (organization_id, viewer_id, sees) SELECT id, id, 'all' FROM wazapp.organization;
         INSERT INTO wazapp.departure (organization_id, user_id, left_at) SELECT id, id, now() FROM wazapp.organization;
         INSERT INTO wazapp.draft (organization_id, conversation_id, user_id, text, version)
         SELECT organization_id, id, organization_id, 'Abrimos a', 1 FROM wazapp.conversation;
         INSERT INTO wazapp.presence (organization_id, conversation_id, user_id, until)
         SELECT organization_id, id, organization_id, now() FROM wazapp.conversation;
         INSERT INTO wazapp.seen (organization_id, conversation_id, user_id, through)
         SELECT organization_id, id, organization_id, 1 FROM wazapp.conversation;
         INSERT INTO wazapp.audit (organization_id, id, at, actor, actor_name, act)
         SELECT id, id, now(), 'user', 'Ana', 'members.manage/add' FROM wazapp.organization;
         -- Programs, and what they are told.
         INSERT INTO wazapp.endpoint (organization_id, id, url, format, description, concurrency, in_order, header_names, secret,
           state, state_at, cursor, next_at, created_at)
         SELECT id, id, 'https://example.com', 'meta', '', 1, false, '{}', (SELECT key_id FROM wazapp.sealing_key LIMIT 1), 'off',
           now(), 0, now(), now() FROM wazapp.organization;
         INSERT INTO wazapp.relay (organization_id, sequence, parts, body, received_at, created_at)
         SELECT id, 1, '[]', '', now(), now() FROM wazapp.organization;
         INSERT INTO wazapp.delivery (organization_id, id, endpoint_id, kind, state, due_at, created_at)
         SELECT id, id, id, 'message.received', 'waiting', now(), now() FROM wazapp.organization;
         INSERT INTO wazapp.delivery_attempt (organization_id, delivery_id, number, at, took_ms)
         SELECT id, id, 1, now(), 1 FROM wazapp.organization;
         -- As the worker would, a moment later.
         INSERT INTO wazapp.template_sync (organization_id, waba_id, due_at)
         SELECT organization_id, waba_id, now() FROM wazapp.number ON CONFLICT DO NOTHING",
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_organization_there_are_no_rows() {
    let twins = Twins::new().await;
    let (sql, web) = (twins.world.sql().await, web(&twins).await);
    let (own, _) = tables(&sql).await;
    assert!(own.len() >= 13, "{own:?}");
    for named in ["RESET app.organization_id", "SET app.organization_id = ''"] {
        web.batch_execute(named).await.unwrap();
        for table in own.iter().map(String::as_str).chain(["organization"]) {
            assert_eq!(count(&web, table, "true").await.unwrap(), 0, "{table} after {named}");
        }
    }
    web.batch_execute("SET app.organization_id = 'all'").await.unwrap();
    for table in &own {
        // A word that is no id is an error, not a way in; an empty table has no row to try it on.
        match count(&web, table, "true").await {
            Ok(rows) => assert_eq!(rows, 0, "{table}"),
            Err(error) => assert_eq!(error.code(), Some(&SqlState::INVALID_TEXT_REPRESENTATION)),
        }
    }
    drop((sql, web));
    twins.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inside_an_organization_there_are_only_its_rows() {
    let twins = Twins::new().await;
    let (sql, web) = (twins.world.sql().await, web(&twins).await);
    queue(&twins, &sql).await;
    let (own, _) = tables(&sql).await;
    let mut filled = 0;
    for organization in &twins.organizations {
        let id = organization.id;
        // The one person of it, so that what is theirs alone is there too.
        web.batch_execute(&format!("SET app.organization_id = '{id}'; SET app.user_id = '{id}'")).await.unwrap();
        for table in &own {
            let its = format!("organization_id = '{id}'");
            let there = count(&sql, table, &its).await.unwrap();
            assert_eq!(count(&web, table, "true").await.unwrap(), there, "{table}");
            assert_eq!(count(&web, table, &its).await.unwrap(), there, "{table}");
            filled += usize::from(there > 0);
        }
        assert_eq!(count(&web, "organization", "true").await.unwrap(), 1);
    }
    assert!(filled >= 2 * (own.len() - 1), "the twins have rows nearly everywhere: {filled} of 2 × {own:?}");
    drop((sql, web));
    twins.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_into_another_organization() {
    let twins = Twins::new().await;
    let (sql, web) = (twins.world.sql().await, web(&twins).await);
    let [first, second] = [twins.organizations[0].id, twins.organizations[1].id];
    let event = |organization: Uuid, sequence: i64| {
        format!(
            "INSERT INTO wazapp.event (organization_id, sequence, id, type, timestamp)
             VALUES ('{organization}', {sequence}, gen_random_uuid(), 'forged', now())"
        )
    };
    assert_eq!(refused(&web, first, &event(second, 100_000)).await, SqlState::INSUFFICIENT_PRIVILEGE);
    // The same statement inside its own organization is taken: it was the other's id that was refused.
    web.batch_execute(&format!(
        "BEGIN; SET LOCAL app.organization_id = '{first}'; {}; ROLLBACK",
        event(first, 100_000)
    ))
    .await
    .unwrap();
    // A key that the other has already tells nothing either.
    assert_eq!(refused(&web, first, &event(second, 1)).await, SqlState::INSUFFICIENT_PRIVILEGE);

    // Under a key that is noted: what names no such one is nobody's to write.
    let key = sql.query_one("SELECT encode(key_id, 'hex') FROM wazapp.sealing_key", &[]).await.unwrap();
    let forged =
        format!("UPDATE wazapp.connection SET token = decode('{}', 'hex') || 'forged'", key.get::<_, String>(0));
    for (statement, column) in [
        ("UPDATE wazapp.conversation SET state = 'resolved', assignee_id = gen_random_uuid()", "assignee_id"),
        ("UPDATE wazapp.contact SET own_name = 'forged'", "own_name"),
        ("UPDATE wazapp.api_key SET last_used_at = '2001-01-01'", "last_used_at"),
        ("UPDATE wazapp.organization_sequence SET last = 7", "last"),
        (forged.as_str(), "token"),
    ] {
        let table = statement.split(['.', ' ']).nth(2).unwrap();
        let state = format!(
            "SELECT string_agg({column}::text, ',' ORDER BY t::text) FROM wazapp.{table} t WHERE organization_id = '{second}'"
        );
        let before: Option<String> = sql.query_one(&state, &[]).await.unwrap().get(0);
        web.batch_execute(&format!("BEGIN; SET LOCAL app.organization_id = '{first}'")).await.unwrap();
        let all = web.execute(statement, &[]).await.unwrap();
        assert!(all > 0, "{table} has rows of the first");
        let others = format!("{statement} WHERE organization_id = '{second}'");
        assert_eq!(web.execute(&others, &[]).await.unwrap(), 0, "{table}");
        web.batch_execute("COMMIT").await.unwrap();
        let after: Option<String> = sql.query_one(&state, &[]).await.unwrap().get(0);
        assert_eq!(after, before, "{table} of the second");
    }
    // Repaired, so that the world's own checks hold at its end.
    sql.batch_execute(
        "UPDATE wazapp.organization_sequence s SET last =
           (SELECT count(*) FROM wazapp.event e WHERE e.organization_id = s.organization_id)",
    )
    .await
    .unwrap();
    drop((sql, web));
    twins.world.end().await;
}

/// Where requests take rows of their own organization away.
const DELETED: [&str; 6] = ["membership", "team", "team_member", "sight", "presence", "endpoint"];

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_not_moved_made_or_removed() {
    let twins = Twins::new().await;
    let (sql, web) = (twins.world.sql().await, web(&twins).await);
    let [first, second] = [twins.organizations[0].id, twins.organizations[1].id];
    let (own, _) = tables(&sql).await;
    for table in &own {
        for statement in [
            format!("UPDATE wazapp.{table} SET organization_id = '{second}'"),
            format!("DELETE FROM wazapp.{}", if DELETED.contains(&table.as_str()) { "message" } else { table }),
            format!("TRUNCATE wazapp.{table} CASCADE"),
            format!("ALTER TABLE wazapp.{table} DISABLE ROW LEVEL SECURITY"),
            format!("CREATE POLICY mine ON wazapp.{table} USING (true)"),
            format!(
                "CREATE TRIGGER mine BEFORE UPDATE ON wazapp.{table} EXECUTE FUNCTION suppress_redundant_updates_trigger()"
            ),
        ] {
            let why = refused(&web, first, &statement).await;
            assert_eq!(why, SqlState::INSUFFICIENT_PRIVILEGE, "{statement}");
        }
        // Requests write messages and whom they are for; see the lists of the catalog's lint.
        let written = [
            "event",
            "message",
            "outbox",
            "idempotency_key",
            "conversation",
            "contact",
            "contact_identity",
            "connection",
            "receipt",
            "file",
            "media",
            "price_list",
            "invitation",
            "team",
            "team_member",
            "sight",
            "api_key",
            "audit",
            "departure",
            "mail",
            "endpoint",
            "delivery",
            "draft",
            "presence",
            "seen",
        ];
        if !written.contains(&table.as_str()) {
            let statement = format!("INSERT INTO wazapp.{table} (organization_id) VALUES ('{first}')");
            assert_eq!(refused(&web, first, &statement).await, SqlState::INSUFFICIENT_PRIVILEGE, "{statement}");
        }
    }
    drop((sql, web));
    twins.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_an_organizations_is_out_of_reach() {
    let twins = Twins::new().await;
    let (sql, web) = (twins.world.sql().await, web(&twins).await);
    let (_, global) = tables(&sql).await;
    assert!(global.iter().any(|name| name == "inbound_default"), "{global:?}");
    assert!(global.iter().any(|name| name.starts_with("inbound_2")), "{global:?}");
    let first = twins.organizations[0].id;
    for table in global.iter().filter(|name| *name != "organization" && !PEOPLES.contains(&name.as_str())) {
        for statement in [
            format!("SELECT count(*) FROM wazapp.{table}"),
            format!("SELECT FROM wazapp.{table}"),
            format!("COPY wazapp.{table} TO STDOUT"),
            format!("LOCK TABLE wazapp.{table} IN ACCESS SHARE MODE"),
        ] {
            let why = refused(&web, first, &statement).await;
            assert_eq!(why, SqlState::INSUFFICIENT_PRIVILEGE, "{statement}");
        }
    }
    drop((sql, web));
    twins.world.end().await;
}

/// Of people the web role sees those who work where it is at work, and of one person what is theirs: never what is kept of a
/// password or a seed.
#[tokio::test(flavor = "multi_thread")]
async fn people_are_seen_by_themselves_and_by_those_who_work_with_them() {
    let twins = Twins::new().await;
    let (sql, web) = (twins.world.sql().await, web(&twins).await);
    queue(&twins, &sql).await;
    let [first, second] = [twins.organizations[0].id, twins.organizations[1].id];
    let ids = async |table: &str| -> Vec<Uuid> {
        let rows = web.query(&format!("SELECT id FROM wazapp.\"{table}\""), &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    assert!(ids("user").await.is_empty() && ids("session").await.is_empty());
    web.batch_execute(&format!("SET app.organization_id = '{first}'")).await.unwrap();
    let (seen, sessions) = (ids("user").await, ids("session").await);
    assert!(seen.contains(&first) && !seen.contains(&second) && sessions.is_empty(), "{seen:?} {sessions:?}");
    assert_eq!(count(&web, "draft", "true").await.unwrap(), 0, "nobody's drafts are anybody's");
    for (person, theirs) in [(second, 0), (first, 1)] {
        web.batch_execute(&format!("SET app.user_id = '{person}'")).await.unwrap();
        assert_eq!(count(&web, "draft", "true").await.unwrap().min(1), theirs, "drafts as {person}");
    }
    web.batch_execute(&format!("RESET app.organization_id; SET app.user_id = '{second}'")).await.unwrap();
    assert_eq!((ids("user").await, ids("session").await), (vec![second], vec![second]), "their own, and nobody's else");
    for statement in [
        "SELECT password FROM wazapp.\"user\"",
        "SELECT totp FROM wazapp.\"user\"",
        "SELECT * FROM wazapp.\"user\"",
        "UPDATE wazapp.\"user\" SET is_operator = true",
        "DELETE FROM wazapp.session",
        "UPDATE wazapp.session SET organization_id = NULL",
        "UPDATE wazapp.audit SET actor_name = 'nobody'",
        "DELETE FROM wazapp.audit",
    ] {
        let why = refused(&web, first, statement).await;
        assert_eq!(why, SqlState::INSUFFICIENT_PRIVILEGE, "{statement}");
    }
    drop((sql, web));
    twins.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_web_role_becomes_nobody_else() {
    let twins = Twins::new().await;
    let web = web(&twins).await;
    let first = twins.organizations[0].id;
    for statement in [
        "SET ROLE wazapp_worker",
        "SET LOCAL ROLE wazapp_worker",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION wazapp_worker",
        "SET LOCAL row_security = off; SELECT count(*) FROM wazapp.message",
        "ALTER ROLE wazapp_web BYPASSRLS",
        "GRANT wazapp_worker TO wazapp_web",
        "CREATE TABLE wazapp.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT set_config('role', 'wazapp_worker', true)",
        "CREATE FUNCTION wazapp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE ROLE mine",
        "COPY wazapp.message TO PROGRAM 'cat'",
        "SELECT pg_read_file('PG_VERSION')",
    ] {
        let why = refused(&web, first, statement).await;
        assert_eq!(why, SqlState::INSUFFICIENT_PRIVILEGE, "{statement}");
    }
    drop(web);
    twins.world.end().await;
}
