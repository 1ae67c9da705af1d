//! `wazapp key-ring status`.

use jiff::Timestamp;
use model::Database;
use model::secret::holder::{self, SeenHolder};
use model::secret::ring::{self, Change, NotedKey, Stage};
use model::secret::{KeyId, Keyring};
use serde::Serialize;

use crate::config::{Config, KeySource};
use crate::open;
use crate::print::{Print, table};

/// The master keys, as people and machines are shown them.
#[derive(Debug, Serialize)]
struct Status {
    keys: Vec<Key>,
    servers: Vec<Server>,
    /// What to do next; null: nothing.
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Key {
    id: KeyId,
    /// Null: the database does not know it.
    stage: Option<Stage>,
    /// Whether this command has it.
    here: bool,
    /// How many secrets it seals.
    seals: i64,
}

#[derive(Debug, Serialize)]
struct Server {
    name: String,
    keys: Vec<KeyId>,
    seen_at: Timestamp,
}

pub(super) async fn run(config: &Config, print: &Print) -> anyhow::Result<()> {
    let keyring = open::keyring(config)?;
    let status = open::as_it_is(config, async |database| look(config, &keyring, &database).await).await?;
    print.answer(&status, || words(&status));
    Ok(())
}

async fn look(config: &Config, keyring: &Keyring, database: &Database) -> anyhow::Result<Status> {
    let tx = database.operator().await?;
    let noted = ring::noted(&tx).await?;
    let counts = ring::any_organization_counts(&tx).await?;
    let servers = holder::list(&tx).await?;
    tx.close();
    let strangers = keyring.listed().into_iter().filter(|id| noted.iter().all(|key| key.id != *id));
    let ids = noted.iter().map(|key| (key.id, Some(key.stage))).chain(strangers.map(|id| (id, None)));
    let keys = ids.map(|(id, stage)| Key {
        id,
        stage,
        here: keyring.has(id),
        seals: counts.iter().filter(|(_, key, _)| *key == id).map(|(_, _, many)| many).sum(),
    });
    let next = next(&config.key_source(), keyring, &noted);
    Ok(Status { keys: keys.collect(), servers: servers.into_iter().map(server).collect(), next })
}

fn server(seen: SeenHolder) -> Server {
    Server { name: seen.name, keys: seen.keys, seen_at: seen.seen_at }
}

fn next(source: &KeySource, keyring: &Keyring, noted: &[NotedKey]) -> Option<String> {
    if let Some(lacks) = ring::lacks(keyring, noted) {
        return Some(format!("{lacks}; if it is lost for good: wazapp key-ring forget"));
    }
    Some(match (Change::under_way(&keyring.listed(), noted)?, source) {
        (Change::Begins(id), KeySource::Own(_)) => format!("wazapp key-ring rotate goes on to key {id}"),
        (Change::Begins(id), _) => {
            format!("when every server was started with key {id} in its list: wazapp key-ring rotate")
        }
        (Change::Reseals, _) | (Change::Ends, KeySource::Own(_)) => "wazapp key-ring rotate goes on".to_owned(),
        (Change::Ends, _) => {
            "take the keys behind the first out of WAZAPP_MASTER_KEY; nothing is sealed under them".to_owned()
        }
    })
}

fn words(status: &Status) -> String {
    let short = |ids: &[KeyId]| ids.iter().map(KeyId::to_string).collect::<Vec<_>>().join(" ");
    let keys: Vec<Vec<String>> = status
        .keys
        .iter()
        .map(|key| {
            let stage = match key.stage {
                Some(Stage::Seals) => "seals",
                Some(Stage::Coming) => "to come",
                Some(Stage::Going) => "to go",
                None => "listed only",
            };
            let here = if key.here { "yes" } else { "no" };
            vec![key.id.to_string(), stage.to_owned(), here.to_owned(), key.seals.to_string()]
        })
        .collect();
    let servers: Vec<Vec<String>> = status
        .servers
        .iter()
        .map(|server| vec![server.name.clone(), short(&server.keys), format!("{:.0}", server.seen_at)])
        .collect();
    let mut parts = vec![table(&["KEY", "STATE", "HERE", "SECRETS"], &keys)];
    if !servers.is_empty() {
        parts.push(table(&["SERVER", "HAS", "LAST SEEN"], &servers));
    }
    parts.push(
        status.next.as_ref().map_or_else(|| "Nothing is to be done.".to_owned(), |next| format!("Next: {next}.")),
    );
    parts.join("\n\n")
}
