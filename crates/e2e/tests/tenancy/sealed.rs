//! Secrets at rest: readable nowhere, and openable only in the row they belong to.

use e2e::World;
use model::number::{self, Connect};
use model::secret::Place;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

async fn connect(world: &World, organization: &e2e::Organization, phone_number_id: &str, token: &str) -> Uuid {
    let token = SecretString::from(token);
    let with = Connect { phone_number_id, waba_id: "2", app_id: None, token: &token };
    let tx = world.database().operator().await.unwrap();
    let connected = number::connect(&tx, world.keyring(), &organization.scope, with).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    connected.id
}

/// The token of a number as its row holds it.
async fn token(sql: &tokio_postgres::Client, number: Uuid) -> Vec<u8> {
    let row = sql.query_one("SELECT token FROM wazapp.number WHERE id = $1", &[&number]).await;
    row.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_another_organizations_row_does_not_open() {
    let world = World::new().await;
    let organizations = [world.organization("First").await, world.organization("Second").await];
    let numbers = [
        connect(&world, &organizations[0], "11", "EAA-first").await,
        connect(&world, &organizations[1], "12", "EAA-second").await,
    ];
    let sql = world.sql().await;
    let open = |nth: usize, sealed: &[u8]| {
        let (organization, row) = (organizations[nth].id, numbers[nth].to_string());
        let place = Place { organization, column: "number.token", row: &row };
        let opened = world.keyring().open(place, sealed);
        opened.map(|secret| secret.expose_secret().to_owned()).map_err(|error| error.to_string())
    };
    assert_eq!(open(0, &token(&sql, numbers[0]).await).as_deref(), Ok("EAA-first"));
    assert_eq!(open(1, &token(&sql, numbers[1]).await).as_deref(), Ok("EAA-second"));
    let swap = "UPDATE wazapp.number n SET token = o.token FROM wazapp.number o WHERE o.id <> n.id";
    assert_eq!(sql.execute(swap, &[]).await.unwrap(), 2);
    for (nth, number) in numbers.into_iter().enumerate() {
        let refusal = open(nth, &token(&sql, number).await).unwrap_err();
        assert!(!refusal.contains("EAA"), "{refusal}");
    }
    sql.execute(swap, &[]).await.unwrap();
    assert_eq!(open(0, &token(&sql, numbers[0]).await).as_deref(), Ok("EAA-first"), "back in its row");
    drop(sql);
    world.end().await;
}

/// Every column that holds bytes: sealed, or why not. A new one is a line here.
const BYTES: &[(&str, Bytes)] = &[
    ("app.verify_token", Bytes::Sealed("id")),
    ("app_secret.sealed", Bytes::Sealed("id")),
    ("number.token", Bytes::Sealed("id")),
    ("connection.token", Bytes::SealedFor("an attempt to connect, until its end")),
    ("connection.code", Bytes::SealedFor("the same")),
    ("connection.pin", Bytes::SealedFor("the same")),
    ("api_key.hash", Bytes::Open("a hash of random bits")),
    ("sealing_key.key_id", Bytes::Open("tells keys apart, and opens nothing")),
    ("migration.checksum", Bytes::Open("of what is in the program")),
    ("event.fingerprint", Bytes::Open("a hash of a notice")),
    ("inbound.body", Bytes::Open("what Meta posted, as it was signed")),
    ("quarantine.body", Bytes::Open("the same")),
    ("quarantine.fingerprint", Bytes::Open("a hash of it")),
    ("idempotency_key.fingerprint", Bytes::Open("a hash of a request")),
];

#[derive(Clone, Copy, Debug)]
enum Bytes {
    /// Sealed for its row, which this column names.
    Sealed(&'static str),
    /// Sealed for a while, and tried where it is made.
    SealedFor(&'static str),
    /// No secret.
    Open(&'static str),
}

/// What opens in its row opens in no other, whatever the table.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_sealed_opens_in_another_row() {
    let world = World::new().await;
    for nth in ["1", "2"] {
        let organization = world.organization(&format!("Number {nth}")).await;
        connect(&world, &organization, nth, &format!("EAA-{nth}")).await;
        let tx = world.database().operator().await.unwrap();
        let (secret, verify) =
            (SecretString::from(format!("secret {nth}")), SecretString::from(format!("verify {nth}")));
        assert!(model::app::add(&tx, world.keyring(), nth, nth, &secret, Some(&verify)).await.unwrap());
        tx.commit().await.unwrap();
    }
    let sql = world.sql().await;
    let columns = sql
        .query(
            "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE c.relnamespace = 'wazapp'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND a.atttypid = 'bytea'::regtype AND a.attnum > 0 ORDER BY 1",
            &[],
        )
        .await
        .unwrap();
    let mut swapped = 0;
    for column in columns {
        let column: String = column.get(0);
        let what = BYTES.iter().find(|(name, _)| *name == column).map(|(_, what)| *what);
        match what.unwrap_or_else(|| panic!("{column}: is it sealed, or why not?")) {
            Bytes::SealedFor(why) | Bytes::Open(why) => assert!(!why.is_empty()),
            Bytes::Sealed(key) => {
                let (table, name) = column.split_once('.').unwrap();
                let owner =
                    if table == "number" { "organization_id" } else { "'00000000-0000-0000-0000-000000000000'::uuid" };
                let statement = format!("SELECT {owner}, {key}::text, {name} FROM wazapp.{table}");
                let rows = sql.query(&statement, &[]).await.unwrap();
                assert_eq!(rows.len(), 2, "{column}");
                for (row, other) in [(0, 0), (1, 1), (0, 1), (1, 0)] {
                    let place = Place { organization: rows[row].get(0), column: &column, row: rows[row].get(1) };
                    let opened = world.keyring().open(place, rows[other].get(2));
                    assert_eq!(opened.is_ok(), row == other, "{column}");
                }
                swapped += 1;
            }
        }
    }
    assert_eq!(swapped, 3);
    drop(sql);
    world.end().await;
}

/// Every column of every table, as text and as bytes, of every secret there is.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_stored_in_the_clear() {
    let world = World::new().await;
    let organization = world.organization("First").await;
    let number = connect(&world, &organization, "11", "EAA-canary-token-0123456789").await;
    let tx = world.database().operator().await.unwrap();
    let (secret, verify) = ("canary-app-secret-0123456789", "canary-verify-token-0123456789");
    let (sealed_secret, sealed_verify) = (SecretString::from(secret), SecretString::from(verify));
    let added = model::app::add(&tx, world.keyring(), "900", "Own", &sealed_secret, Some(&sealed_verify)).await;
    assert!(added.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(world.get(&organization, "/me").await.0, 200, "the key was used");
    world.receive(&e2e::body::text("11", "34600111222", "wamid.1", 1_795_000_000, "readable")).await;

    let sql = world.sql().await;
    let tables = sql
        .query(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')",
            &[],
        )
        .await
        .unwrap();
    assert!(tables.len() >= 20);
    let mut readable = 0;
    for table in tables {
        let table: String = table.get(0);
        let rows = sql.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap();
        for row in rows {
            let row: String = row.get(0);
            readable += usize::from(row.contains("readable") || row.contains(&hex("readable")));
            for canary in [&organization.key, "EAA-canary-token-0123456789", secret, verify] {
                let plain =
                    row.contains(canary) || row.contains(&hex(canary)) || row.contains(&canary[canary.len() - 12..]);
                assert!(!plain, "{table} shows {canary}");
            }
        }
    }
    assert!(readable >= 2, "the search finds what is in the clear: the message and its webhook");
    let sealed = token(&sql, number).await;
    assert!(sealed.len() > "EAA-canary-token-0123456789".len() + 40);
    drop(sql);
    world.end().await;
}

/// As PostgreSQL prints bytea.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
