//! One version after the other, and beside it: a newer one extends the schema under those that run, and an older one does not
//! begin on what it does not know.

use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::ledger::{Ledger, Persistence};
use e2e::program::Installation;
use e2e::wishes::{Wishes, accepted};
use e2e::{World, cluster, until};
use model::Database;
use model::database::Access;
use model::migrate::{self, MIGRATIONS, Migration};
use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use uuid::Uuid;

/// A step that only the next version knows.
const NEXT: &str = "INSERT INTO wazapp.migration (name, checksum) VALUES ('29991231000000_next', '\\x00')";

/// The next version gives every table a column and makes one more, while this one is at work.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_goes_on_while_a_newer_one_extends_the_schema() {
    let world = World::simulated().await;
    let organization = world.organization("Café Lucero").await;
    let number = world.meta().numbers().await.remove(0);
    world.connect_simulated(&organization, &number).await;
    let ledger = Ledger::new(&number.phone_number_id, world.secret());
    let wishes = Wishes::begin(&[world.url()], &organization.key, world.meta(), &number).await;
    let posting = ledger.flow(&[world.url()], "side", Duration::from_millis(20));
    ledger.until_taken(100).await;

    let sql = world.sql().await;
    let tables =
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'wazapp'::regnamespace AND c.relkind IN ('r', 'p')
                  AND NOT c.relispartition AND c.relname <> 'migration' ORDER BY 1";
    let tables = sql.query(tables, &[]).await.expect("the catalog");
    let mut again = 0;
    for table in &tables {
        let table: &str = table.get(0);
        let extended = format!("ALTER TABLE wazapp.{table} ADD COLUMN of_the_next_version text");
        sql.batch_execute(&extended).await.expect("a new column");
        // What was prepared for the former schema fails once, is forgotten everywhere, and is prepared anew.
        for path in ["/conversations", "/numbers", "/events", "/me", "/contacts"] {
            until("it is answered", async || {
                let (status, answer) = world.get(&organization, path).await;
                assert!(status == 200 || status == 503, "{table}: {path}: {status} {answer}");
                again += usize::from(status == 503);
                status == 200
            })
            .await;
        }
    }
    sql.batch_execute("CREATE TABLE wazapp.of_the_next_version (id uuid PRIMARY KEY)").await.expect("a new table");
    sql.batch_execute(NEXT).await.expect("it is noted");
    assert!(tables.len() > 30, "each table has a new column");
    ledger.until_taken(ledger.taken() + 100).await;
    assert!(model::migrate::is_current(world.database()).await.expect("an answer"), "it is still ready");
    posting.stop().await;
    let taken = wishes.stop().await;
    assert_eq!(ledger.refused(), 0, "no webhook was refused");
    eprintln!("{} tables extended: {} webhooks, 0 refused; {again} reads asked again", tables.len(), ledger.taken());
    ledger.assert_shown(world.url(), &organization.key, &ledger.wamids(true)).await;
    until("each message left", async || {
        let accepted = accepted(world.meta(), &number).await;
        taken.iter().all(|id| accepted.get(id) == Some(&1))
    })
    .await;
    drop(sql);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_does_not_begin_on_a_newer_schema() {
    let world = World::new().await;
    let older = Installation::new()
        .setting("WAZAPP_DATABASE_URL", &world.database_url())
        .setting("WAZAPP_MASTER_KEY", &"07".repeat(32));
    let migrated = older.run(&["migrate"]).await;
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    world.sql().await.batch_execute(NEXT).await.expect("it is noted");
    for command in [["serve"].as_slice(), &["migrate"], &["org", "create", "Acme"]] {
        let refused = older.run(command).await;
        let says = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{command:?}: {says}");
        assert!(says.contains("29991231000000_next") && says.contains("run that version"), "{command:?}: {says}");
    }
    assert_eq!(world.count("SELECT count(*) FROM wazapp.organization").await, 0, "and nothing was written");
    world.end().await;
}

/// A conversation as the first version wrote it.
const FIRST_DATA: &str = "
    INSERT INTO wazapp.organization (id, slug, name) VALUES ('00000000-0000-7000-8000-000000000001', 'acme', 'Acme');
    INSERT INTO wazapp.organization_sequence (organization_id, last) VALUES ('00000000-0000-7000-8000-000000000001', 1);
    INSERT INTO wazapp.number (organization_id, id, phone_number_id, waba_id, status)
      VALUES ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002', '106540352242922', '1', 'connected');
    INSERT INTO wazapp.number_claim (phone_number_id, organization_id, number_id, waba_id)
      VALUES ('106540352242922', '00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002', '1');
    INSERT INTO wazapp.contact (organization_id, id, profile_name, wa_id)
      VALUES ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000003', 'Lucía', '34600000000');
    INSERT INTO wazapp.contact_identity (organization_id, kind, value, contact_id)
      VALUES ('00000000-0000-7000-8000-000000000001', 'wa_id', '34600000000', '00000000-0000-7000-8000-000000000003');
    INSERT INTO wazapp.conversation (organization_id, id, number_id, contact_id, state, unread_count, last_sequence,
                                     last_message_id, last_message_at, last_inbound_at)
      VALUES ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000004',
              '00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000003', 'active', 1, 1,
              '00000000-0000-7000-8000-000000000005', '2026-11-01T10:00:00Z', '2026-11-01T10:00:00Z');
    INSERT INTO wazapp.message (organization_id, id, conversation_id, number_id, sequence, direction, origin, type, text, payload,
                                wamid, timestamp, received_at)
      VALUES ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000005',
              '00000000-0000-7000-8000-000000000004', '00000000-0000-7000-8000-000000000002', 1, 'inbound', 'webhook', 'text',
              'Hola', '{\"type\": \"text\", \"text\": {\"body\": \"Hola\"}}', 'wamid.first', '2026-11-01T10:00:00Z',
              '2026-11-01T10:00:01Z');
    INSERT INTO wazapp.event (organization_id, sequence, id, type, timestamp, subject_id)
      VALUES ('00000000-0000-7000-8000-000000000001', 1, '00000000-0000-7000-8000-000000000006', 'message.received',
              '2026-11-01T10:00:01Z', '00000000-0000-7000-8000-000000000005');";

fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/migrations")
}

fn text(migration: &Migration) -> String {
    std::fs::read_to_string(migrations().join(format!("{}.sql", migration.name))).expect(migration.name)
}

/// Takes one step as an older version did.
async fn step(sql: &Client, migration: &Migration) {
    let text = text(migration);
    let digest = Sha256::digest(&text).to_vec();
    sql.batch_execute(&format!("BEGIN; {text}")).await.unwrap_or_else(|error| panic!("{}: {error:?}", migration.name));
    let noted = "INSERT INTO wazapp.migration (name, checksum) VALUES ($1, $2)";
    sql.execute(noted, &[&migration.name, &digest]).await.expect("it is noted");
    sql.batch_execute("COMMIT").await.expect("it is kept");
}

/// From whichever version somebody comes: what was written stays, and the server works on it. `WAZAPP_EVERY_STEP=1` tries each.
#[tokio::test(flavor = "multi_thread")]
async fn any_earlier_schema_is_brought_up_to_date() {
    let every: usize = std::env::var("WAZAPP_EVERY_STEP").map_or(8, |text| text.parse().expect("a number"));
    let socket_dir = cluster::socket_dir();
    let earlier = format!("earlier_{}", Uuid::now_v7().simple());
    let admin = cluster::connect(&socket_dir, "postgres").await.expect("a connection");
    admin.batch_execute(&format!("CREATE DATABASE {earlier}")).await.expect("a database");
    let last = MIGRATIONS.len() - 1;
    for (nth, migration) in MIGRATIONS.iter().enumerate() {
        let sql = cluster::connect(&socket_dir, &earlier).await.expect("a connection");
        if nth == 0 {
            let table = "CREATE SCHEMA wazapp; CREATE TABLE wazapp.migration (
                           name text PRIMARY KEY, checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";
            sql.batch_execute(table).await.expect("a place to note steps");
        }
        step(&sql, migration).await;
        if nth == 0 {
            sql.batch_execute(FIRST_DATA).await.expect("a conversation");
        }
        // Nobody may be there while it is copied.
        drop(sql);
        if nth % every == 0 || nth + 1 == last {
            let copy = format!("{earlier}_{nth}");
            admin.batch_execute(&format!("CREATE DATABASE {copy} TEMPLATE {earlier}")).await.expect("a copy");
            brought_up_to_date(&socket_dir, &copy, nth).await;
            cluster::remove(&socket_dir, &copy).await.expect("it goes");
        }
    }
    cluster::remove(&socket_dir, &earlier).await.expect("it goes");
}

async fn brought_up_to_date(socket_dir: &Path, name: &str, from: usize) {
    let database = Database::new(Access::socket(socket_dir, name), 1).expect("a pool");
    let taken = migrate::run(&database).await.unwrap_or_else(|error| panic!("from {}: {error}", MIGRATIONS[from].name));
    let missing: Vec<&str> = MIGRATIONS[from + 1..].iter().map(|migration| migration.name).collect();
    assert_eq!(taken, missing);
    assert!(migrate::is_current(&database).await.expect("an answer"));
    database.close();
    let host = socket_dir.to_str().expect("UTF-8").replace('/', "%2F");
    let installation = Installation::new()
        .setting("WAZAPP_DATABASE_URL", &format!("postgres://postgres@{host}/{name}?sslmode=disable"))
        .setting("WAZAPP_META_APP_SECRET", "secret")
        .setting("WAZAPP_LOG", "warn");
    let server = installation.serve().await;
    let key = installation.json(&["key", "create", "--org", "acme"]).await;
    let ledger = Ledger::new("106540352242922", "secret");
    ledger.send(server.url(), "new", 1, Persistence::Retry).finished().await;
    ledger.note_taken("wamid.first");
    ledger.assert_shown(server.url(), key["key"].as_str().expect("a key"), &ledger.wamids(true)).await;
    assert!(server.terminate().await.0.success(), "from {}", MIGRATIONS[from].name);
}

/// Servers of the version before go on beside a new one, so a step takes nothing from them. Up to this one nothing was released.
const BEFORE_THE_FIRST_RELEASE: &str = "20261129042000_restoration";

/// What takes something from who wrote before, in the words of a step.
const TAKES: [&str; 7] =
    ["DROP TABLE ", "DROP COLUMN ", "RENAME ", "SET NOT NULL", "DROP DEFAULT", "ALTER TYPE ", " TYPE "];

/// The first statement of a step that an older version would stumble over.
fn contraction(text: &str) -> Option<String> {
    let code: Vec<&str> = text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let statements = code.split(';').map(|one| one.split_whitespace().collect::<Vec<_>>().join(" "));
    statements.into_iter().find(|statement| {
        let words = statement.to_uppercase();
        let alters = words.starts_with("ALTER ") || words.starts_with("DROP ");
        let adds_what_is_missing = words.contains(" ADD COLUMN ")
            && words.contains(" NOT NULL")
            && !words.contains(" DEFAULT ")
            && !words.contains(" GENERATED ");
        alters && (TAKES.iter().any(|takes| words.contains(takes)) || adds_what_is_missing)
    })
}

/// What a version no longer uses is taken away by a later one; such a step is named here, with the version that stopped using it.
const CONTRACTS: [(&str, &str); 0] = [];

#[test]
fn a_step_only_adds() {
    for migration in MIGRATIONS.iter().filter(|migration| migration.name > BEFORE_THE_FIRST_RELEASE) {
        if CONTRACTS.iter().all(|(name, _)| *name != migration.name) {
            assert_eq!(
                contraction(&text(migration)),
                None,
                "{}: first stop using it, take it away later",
                migration.name
            );
        }
    }
}

#[test]
fn what_takes_something_away_is_found() {
    for takes in [
        "ALTER TABLE wazapp.message DROP COLUMN text;",
        "CREATE TABLE wazapp.a (id uuid);\nALTER TABLE wazapp.message\n  RENAME COLUMN text TO body;",
        "DROP TABLE wazapp.message;",
        "ALTER TABLE wazapp.message ADD COLUMN a text NOT NULL;",
        "ALTER TABLE wazapp.message ALTER COLUMN a SET NOT NULL;",
        "ALTER TABLE wazapp.message ALTER COLUMN a TYPE bigint;",
    ] {
        assert!(contraction(takes).is_some(), "{takes}");
    }
    for adds in [
        "ALTER TABLE wazapp.message ADD COLUMN a text;",
        "ALTER TABLE wazapp.message ADD COLUMN a boolean NOT NULL DEFAULT false;",
        "ALTER TABLE wazapp.message ADD COLUMN a bytea NOT NULL GENERATED ALWAYS AS (substr(b, 1, 4)) STORED;",
        "CREATE TABLE wazapp.a (id uuid NOT NULL); -- DROP TABLE wazapp.b;",
        "CREATE INDEX a ON wazapp.message (a);",
    ] {
        assert_eq!(contraction(adds), None, "{adds}");
    }
}
