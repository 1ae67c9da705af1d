//! Secrets at rest: readable nowhere, and openable only in the row they belong to.

use std::collections::BTreeSet;

use e2e::World;
use e2e::canary::{self, Canaries};
use model::certificate::account::{self, Account};
use model::certificate::{self, Issued, Wanted};
use model::connection::{self, How, New};
use model::endpoint;
use model::event;
use model::number::{self, Proof};
use model::secret::Place;
use model::secret::sealed::{COLUMNS, Column, Owner};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

async fn connect(world: &World, organization: &e2e::Organization, phone_number_id: &str, token: &str) -> Uuid {
    let token = SecretString::from(token);
    let proof = Proof::operators_word(&organization.scope, phone_number_id, "2", None, &token);
    let tx = world.database().operator().await.unwrap();
    let line = event::line_of(&tx, &organization.scope).await.unwrap();
    let connected = number::connect(&line, world.keyring(), &proof, world.now()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    connected
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

/// Every other column that holds bytes, and why they may be read.
const OPEN: &[&str] = &[
    // A hash of random bits.
    "api_key.hash",
    "session.hash",
    "invitation.hash",
    "invitation_link.hash",
    "password_link.hash",
    "recovery_code.hash",
    "passkey_ceremony.hash",
    // What a browser names its key by; the key's public half opens nothing.
    "passkey.credential_id",
    // A hash of who tried to sign in, and from where.
    "sign_in_try.subject",
    // Tells keys apart, and opens nothing.
    "sealing_key.key_id",
    "key_holder.seals",
    // Of what is in the program.
    "migration.checksum",
    // What Meta sent, for an endpoint that is told of it.
    "relay.body",
    // A hash of a notice.
    "event.fingerprint",
    // What Meta posted, as it was signed, and what of it could not be applied.
    "inbound.body",
    "quarantine.body",
    // The key that a sealed value names, as PostgreSQL reads it from the value.
    "app_secret.sealed_key",
    "app_verify_token.sealed_key",
    "number.token_key",
    "endpoint.secret_key",
    "endpoint.former_secret_key",
    "endpoint.headers_key",
    "connection.token_key",
    "connection.code_key",
    "connection.pin_key",
    "user.totp_key",
    "acme_account.credentials_key",
    "certificate.private_key_key",
    // Hashes of it, and of a request.
    "quarantine.fingerprint",
    "idempotency_key.fingerprint",
];

/// Begins an attempt to connect with all that is secret; nobody else goes on with it.
async fn attempt(world: &World, organization: &e2e::Organization, phone_number_id: &str, secrets: [&str; 3]) {
    let [token, code, pin] = secrets.map(SecretString::from);
    let new = New {
        phone_number_id: Some(phone_number_id),
        waba_id: Some("2"),
        token: Some(&token),
        code: Some(&code),
        pin: Some(&pin),
        ..New::of(How::Signup)
    };
    let tx = world.database().operator().await.unwrap();
    let (scope, keyring) = (&organization.scope, world.keyring());
    connection::any_organization_begin(&tx, scope, keyring, world.now(), &new).await.unwrap();
    tx.commit().await.unwrap();
}

/// Makes an endpoint with all that is secret, and another secret for it.
async fn told(world: &World, organization: &e2e::Organization) {
    let wanted = endpoint::Wanted {
        url: "https://example.com/".into(),
        kinds: None,
        number_ids: None,
        description: String::new(),
        rate: None,
        concurrency: 1,
        in_order: false,
        gather: None,
    };
    let headers = [("X-Key".to_owned(), SecretString::from("a header"))].into_iter().collect();
    let (scope, keyring, now) = (&organization.scope, world.keyring(), world.now());
    let tx = world.database().tenant(scope).await.unwrap();
    let made = endpoint::create(&tx, now, keyring, endpoint::Format::Wazapp, &wanted, &headers).await.unwrap();
    tx.commit().await.unwrap();
    let tx = world.database().operator().await.unwrap();
    endpoint::any_organization_rotate(&tx, now, keyring, scope, made.unwrap().0.id).await.unwrap();
    tx.commit().await.unwrap();
}

/// Gets a certificate from an authority, as its protocol would.
async fn certified(world: &World, nth: &str) {
    let (keyring, now) = (world.keyring(), world.now());
    let wanted = Wanted::new(&format!("https://ca-{nth}.example.com"), &["wa.example.com".to_owned()]);
    let tx = world.database().operator().await.unwrap();
    let account = Account { email: None, credentials: format!("account {nth}").into() };
    account::keep(&tx, keyring, &wanted, &account, now).await.unwrap();
    let attempt = certificate::begin(&tx, &wanted, now).await.unwrap().expect("nobody is at it");
    let issued = Issued { chain: String::new(), key: format!("key {nth}").into(), not_before: now, not_after: now };
    assert!(attempt.succeeded(&tx, keyring, &issued, now).await.unwrap());
    tx.commit().await.unwrap();
}

/// What opens in its row opens in no other, whatever the table, and in no other column.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_sealed_opens_in_another_row() {
    let world = World::new().await;
    for nth in ["1", "2"] {
        let organization = world.organization(&format!("Number {nth}")).await;
        connect(&world, &organization, nth, &format!("EAA-{nth}")).await;
        attempt(&world, &organization, nth, ["a token", "a code", "a pin"]).await;
        let tx = world.database().operator().await.unwrap();
        let (secret, verify) =
            (SecretString::from(format!("secret {nth}")), SecretString::from(format!("verify {nth}")));
        assert!(model::app::add(&tx, world.keyring(), nth, nth, &secret, Some(&verify)).await.unwrap());
        tx.commit().await.unwrap();
        told(&world, &organization).await;
        certified(&world, nth).await;
    }
    let sql = world.sql().await;
    let columns = sql
        .query(
            "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE c.relnamespace = 'wazapp'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND a.atttypid = 'bytea'::regtype AND a.attnum > 0",
            &[],
        )
        .await
        .unwrap();
    let found: BTreeSet<&str> = columns.iter().map(|column| column.get(0)).collect();
    let sealed: Vec<String> = COLUMNS.iter().map(|column| column.title()).collect();
    let known: BTreeSet<&str> = sealed.iter().map(String::as_str).chain(OPEN.iter().copied()).collect();
    assert_eq!(found, known, "each is a line in COLUMNS, or in OPEN, which says why not");
    // People have no seeds here.
    for column in COLUMNS.iter().filter(|column| column.table != "user") {
        let Column { table, name, row, .. } = column;
        let owner = match column.owner {
            Owner::Server => "'00000000-0000-0000-0000-000000000000'::uuid",
            Owner::Organization => "organization_id",
        };
        let statement = format!("SELECT {owner}, {row}::text, {name} FROM wazapp.{table}");
        let rows = sql.query(&statement, &[]).await.unwrap();
        let column = column.sealed_for;
        assert_eq!(rows.len(), 2, "{column}");
        for (row, other) in [(0, 0), (1, 1), (0, 1), (1, 0)] {
            let (organization, id): (Uuid, &str) = (rows[row].get(0), rows[row].get(1));
            let open = |column| {
                let place = Place { organization, column, row: id };
                world.keyring().open(place, rows[other].get(2)).is_ok()
            };
            assert_eq!(open(column), row == other, "{column}");
            for another in COLUMNS.iter().filter(|another| another.sealed_for != column) {
                assert!(!open(another.sealed_for), "{column} opens as {}", another.title());
            }
        }
    }
    drop(sql);
    world.end().await;
}

/// PostgreSQL holds every sealed value to a key that is noted: none can be written under a key that went, and none goes that a
/// value names.
#[tokio::test(flavor = "multi_thread")]
async fn every_sealed_value_names_a_key_that_is_noted() {
    let world = World::new().await;
    let sql = world.sql().await;
    for column in COLUMNS {
        let Column { table, name, .. } = column;
        let held = sql
            .query(
                "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_constraint c
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum] AND a.attgenerated = 's'
                 JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                 WHERE c.contype = 'f' AND c.convalidated AND c.conrelid = ('wazapp.' || $1::text)::regclass
                   AND c.confrelid = 'wazapp.sealing_key'::regclass AND a.attname::text = $2::text || '_key'",
                &[table, name],
            )
            .await
            .unwrap();
        let made_of = held.first().map(|row| row.get::<_, String>(0).replace('"', "").to_lowercase());
        assert_eq!(made_of, Some(format!("substring({name} from 1 for 4)")), "{}", column.title());
    }
    drop(sql);
    world.end().await;
}

/// Every column of every table, as text and as bytes, of every secret there is.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_stored_in_the_clear() {
    let world = World::new().await;
    let organization = world.organization("First").await;
    let number = connect(&world, &organization, "11", "EAA-canary-token-0123456789").await;
    let attempted =
        ["canary-attempts-token-0123456789", "canary-attempts-code-0123456789", "canary-attempts-pin-0123456789"];
    attempt(&world, &organization, "12", attempted).await;
    let tx = world.database().operator().await.unwrap();
    let (secret, verify) = ("canary-app-secret-0123456789", "canary-verify-token-0123456789");
    let (sealed_secret, sealed_verify) = (SecretString::from(secret), SecretString::from(verify));
    let added = model::app::add(&tx, world.keyring(), "900", "Own", &sealed_secret, Some(&sealed_verify)).await;
    assert!(added.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(world.get(&organization, "/me").await.0, 200, "the key was used");
    world.receive(&e2e::body::text("11", "34600111222", "wamid.1", 1_795_000_000, "readable")).await;

    let sql = world.sql().await;
    let rows = canary::rows(&sql).await;
    assert!(
        rows.contains("readable") && rows.contains(&canary::hex("readable")),
        "the search finds what is in the clear"
    );
    Canaries::of(&[
        ("API key", organization.key.as_str()),
        ("access token", "EAA-canary-token-0123456789"),
        ("App's secret", secret),
        ("verify token", verify),
        ("token of an attempt", attempted[0]),
        ("code of an attempt", attempted[1]),
        ("PIN of an attempt", attempted[2]),
    ])
    .assert_absent("the database", rows.as_bytes());
    let sealed = token(&sql, number).await;
    assert!(sealed.len() > "EAA-canary-token-0123456789".len() + 40);
    drop(sql);
    world.end().await;
}
