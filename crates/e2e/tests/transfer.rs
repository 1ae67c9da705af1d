//! An organization, or one contact, taken out whole, put in elsewhere the same, and erased without a rest.

mod erase;
mod import;
mod together;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use e2e::program::Installation;
use e2e::{Organization, World, body};
use model::transfer::{LEFT_BEHIND, NOT_TAKEN_IN, OF_A_PERSON, OF_THE_SERVER, PEOPLE, PLAIN_BYTES, SECRETS};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::backup::{refusal, text};

const LUCIA: &str = "34600111222";
const MARCO: &str = "34600999888";

/// Nobody else is called so.
const NAME: &str = "Lucía Ñandubay";

/// Of the world's keyring.
const MASTER_KEY: [u8; 32] = [7; 32];

const NUMBER: &str = "106540352242922";
const ACCOUNT: &str = "102290129340398";
const NEIGHBOUR_NUMBER: &str = "106540352249999";
const NEIGHBOUR_ACCOUNT: &str = "102290129349999";

/// Two organizations that both know Lucía. One body brought what she wrote to either.
struct Stage {
    world: World,
    cafe: Organization,
    neighbour: Organization,
    directory: TempDir,
}

fn said(from: &str, name: &str, wamid: &str, text: &str) -> Value {
    json!({
        "contacts": [body::contact(from, name)],
        "messages": [body::text_message(from, wamid, 1_795_000_000, text)],
    })
}

impl Stage {
    async fn new() -> Self {
        Self::within(World::new().await).await
    }

    async fn within(world: World) -> Self {
        let cafe = world.organization("Café Lucero").await;
        let neighbour = world.organization("Neighbour").await;
        world.connect(&cafe, NUMBER, ACCOUNT, None).await;
        world.connect(&neighbour, NEIGHBOUR_NUMBER, NEIGHBOUR_ACCOUNT, None).await;
        let both = body::envelope(&[
            body::entry(ACCOUNT, &[body::change(NUMBER, "messages", &said(LUCIA, NAME, "wamid.cafe.1", "hola café"))]),
            body::entry(
                NEIGHBOUR_ACCOUNT,
                &[body::change(NEIGHBOUR_NUMBER, "messages", &said(LUCIA, NAME, "wamid.next.1", "hola vecino"))],
            ),
        ]);
        world.receive(&both).await;
        for nth in 2..150 {
            let text = format!("mensaje {nth}");
            world.take(&body::value(NUMBER, &said(LUCIA, NAME, &format!("wamid.cafe.{nth}"), &text))).await;
        }
        // Marco wrote too, in one body with her, and told somebody her number.
        let together = json!({
            "contacts": [body::contact(LUCIA, NAME), body::contact(MARCO, "Marco")],
            "messages": [
                body::text_message(LUCIA, "wamid.cafe.both.1", 1_795_000_100, "junto"),
                body::text_message(MARCO, "wamid.cafe.both.2", 1_795_000_100, &format!("llama al {LUCIA}")),
            ],
        });
        world.receive(&body::value(NUMBER, &together)).await;
        let stage =
            Self { world, cafe, neighbour, directory: TempDir::with_prefix("wazapp-transfer-").expect("a directory") };
        stage.furnish().await;
        stage
    }

    /// Files, of which one is hers and in both organizations, one hers and Marco's; an endpoint; words that people wrote of her.
    async fn furnish(&self) {
        let lucia = self.contact(&self.cafe, LUCIA).await;
        let (status, answer) = self
            .world
            .patch(&self.cafe, &format!("/contacts/{lucia}"), &json!({ "notes": "paga tarde", "own_name": NAME }))
            .await;
        assert_eq!(status, 200, "{answer}");
        let endpoint = json!({ "url": "http://127.0.0.1:9/hook", "format": "wazapp" });
        let (status, answer) = self.world.post_api(&self.cafe, "/endpoints", &endpoint).await;
        assert_eq!(status, 201, "{answer}");
        for (organization, wamid, bytes) in [
            (&self.cafe, "wamid.cafe.1", b"shared by organizations".as_slice()),
            (&self.neighbour, "wamid.next.1", b"shared by organizations"),
            (&self.cafe, "wamid.cafe.2", b"hers and his"),
            (&self.cafe, "wamid.cafe.both.2", b"hers and his"),
        ] {
            self.attach(organization, wamid, bytes).await;
        }
    }

    /// Gives a message a file, as if it had been fetched.
    async fn attach(&self, organization: &Organization, wamid: &str, bytes: &[u8]) {
        let (world, scope) = (&self.world, &organization.scope);
        let mut writing = world.store().writer(organization.id);
        writing.push(bytes.to_vec().into()).await.expect("it is written");
        let kept = model::file::keep(world.database(), scope, writing, world.now()).await.expect("it is kept");
        let sql = world.sql().await;
        sql.execute(
            "INSERT INTO wazapp.media (organization_id, id, message_id, state, file, filename, fetched_at)
             SELECT organization_id, $2, id, 'stored', $3, 'factura.pdf', $4 FROM wazapp.message
             WHERE organization_id = $1 AND wamid = $5",
            &[&organization.id, &uuid::Uuid::now_v7(), &kept.sha256, &world.now(), &wamid],
        )
        .await
        .expect("a row");
    }

    async fn contact(&self, organization: &Organization, wa_id: &str) -> String {
        let contacts = self.world.all(organization, "/contacts").await;
        let found = contacts.iter().find(|contact| contact["wa_id"] == wa_id);
        found.unwrap_or_else(|| panic!("no {wa_id} in {contacts:?}"))["id"].as_str().expect("an id").to_owned()
    }

    fn source(&self) -> Installation {
        commands(&self.world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn export(&self, name: &str, more: &[&str]) -> (PathBuf, Value) {
        let path = self.path(name);
        let said = self
            .source()
            .json(&[&["export", "--organization", &self.cafe.slug, "--to", text(&path)], more].concat())
            .await;
        (path, said)
    }

    /// Every row of the neighbour, as text, by its table. When its templates are asked for again is the running server's to say.
    async fn neighbours_rows(&self) -> BTreeMap<String, Vec<String>> {
        let sql = self.world.sql().await;
        let tables = sql
            .query(
                "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
                 WHERE c.relnamespace = 'wazapp'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                   AND c.relname <> 'template_sync'",
                &[],
            )
            .await
            .expect("tables");
        let mut all = BTreeMap::new();
        for table in tables {
            let table: String = table.get(0);
            let rows = sql
                .query(
                    &format!("SELECT t::text FROM {table} t WHERE organization_id = $1 ORDER BY 1"),
                    &[&self.neighbour.id],
                )
                .await
                .expect("rows");
            all.insert(table, rows.iter().map(|row| row.get(0)).collect());
        }
        all
    }
}

/// A world's server as commands reach it.
fn commands(world: &World) -> Installation {
    Installation::new()
        .setting("WAZAPP_DATABASE_URL", &world.database_url())
        .setting("WAZAPP_MEDIA_URL", &format!("file:{}", world.media_dir().display()))
        .setting("WAZAPP_MASTER_KEY", &data_encoding::HEXLOWER.encode(&MASTER_KEY))
}

/// The rows of a table in an export.
fn rows(folder: &Path, table: &str) -> Vec<Value> {
    let text =
        std::fs::read_to_string(folder.join(format!("tables/{table}.jsonl"))).unwrap_or_else(|_| panic!("no {table}"));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The files of an export.
fn media(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder.join("media")).expect("a folder");
    let mut names: Vec<String> =
        names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Every table is taken along, or named with a reason; every table of an organization says what it has of a contact; and no column of bytes
/// is written out unless somebody said that it is no secret.
#[tokio::test(flavor = "multi_thread")]
async fn every_table_is_exported_or_named() {
    let world = World::new().await;
    let columns = world
        .sql()
        .await
        .query(
            "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL) FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
             WHERE c.relnamespace = 'wazapp'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition",
            &[],
        )
        .await
        .expect("the catalog");
    let mut tables: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for row in &columns {
        tables.entry(row.get(0)).or_default().push((row.get(1), row.get(2)));
    }
    for (table, columns) in &tables {
        let of_one = table == "organization" || columns.iter().any(|(name, _)| name == "organization_id");
        let of_server = OF_THE_SERVER.iter().any(|(name, _)| name == table) || table == PEOPLE;
        assert!(of_one != of_server, "{table}: is it an organization's? Else it is a line in OF_THE_SERVER");
        let of_a_person = OF_A_PERSON.iter().any(|(name, _)| name == table);
        assert_eq!(of_a_person, of_one, "{table}: what has it of a contact? A line in OF_A_PERSON says so");
        if of_server && table != PEOPLE || LEFT_BEHIND.iter().any(|(name, _)| name == table) {
            continue;
        }
        for (column, _) in columns.iter().filter(|(_, kind)| kind == "bytea") {
            let sealed = model::secret::sealed::COLUMNS.iter().any(|one| one.table == table && one.name == column);
            let named = SECRETS.iter().chain(PLAIN_BYTES).any(|(of, name, _)| of == table && name == column);
            assert!(sealed || named, "{table}.{column}: a secret, or a line in PLAIN_BYTES?");
        }
    }
    let named = LEFT_BEHIND.iter().chain(OF_THE_SERVER).chain(NOT_TAKEN_IN).map(|(name, _)| *name);
    for name in named.chain(OF_A_PERSON.iter().map(|(name, _)| *name)) {
        assert!(tables.contains_key(name), "{name} is no table any more");
    }
    world.end().await;
}
