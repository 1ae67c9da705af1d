//! The keys that this database notes: which one seals, which is to come, which is to go.

use super::{KeyId, Keyring, sealed};
use crate::database::{Database, DatabaseError, Operator, Result};

/// How far a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It seals nothing yet: servers are to have it first.
    Coming,
    /// What is sealed now is sealed under it.
    Seals,
    /// It only opens, until what it sealed is sealed anew.
    Going,
}

impl Stage {
    fn of(word: &str) -> Result<Self> {
        match word {
            "coming" => Ok(Self::Coming),
            "seals" => Ok(Self::Seals),
            "going" => Ok(Self::Going),
            _ => Err(DatabaseError::UnknownWord { column: "sealing_key.stage", word: word.to_owned() }),
        }
    }
}

/// A key, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotedKey {
    /// Which one.
    pub id: KeyId,
    /// How far it is.
    pub stage: Stage,
}

fn read(row: &tokio_postgres::Row) -> Result<NotedKey> {
    let id = KeyId::read(row.get("key_id"));
    let id = id.ok_or_else(|| DatabaseError::Unfit("sealing_key holds what is no key's id".into()))?;
    Ok(NotedKey { id, stage: Stage::of(row.get("stage"))? })
}

/// How far a change of the key is that was begun and is not through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This key is to seal, and does not yet.
    Begins(KeyId),
    /// It seals, and values are still sealed under others.
    Reseals,
    /// All is sealed under it; those before it are still listed.
    Ends,
}

impl Change {
    /// What is under way for who lists these keys. `None`: nothing.
    pub fn under_way(listed: &[KeyId], noted: &[NotedKey]) -> Option<Self> {
        let of = |stage| noted.iter().find(|key| key.stage == stage).map(|key| key.id);
        let (first, seals) = (*listed.first()?, of(Stage::Seals)?);
        if first != seals {
            return Some(Self::Begins(first));
        }
        if let Some(coming) = of(Stage::Coming) {
            return Some(Self::Begins(coming));
        }
        match of(Stage::Going) {
            Some(_) => Some(Self::Reseals),
            None => (listed.len() > 1).then_some(Self::Ends),
        }
    }
}

/// All keys that are noted, the oldest first. None: nothing was ever sealed.
pub async fn noted(tx: &Operator) -> Result<Vec<NotedKey>> {
    let rows = tx.query("SELECT key_id, stage FROM wazapp.sealing_key ORDER BY created_at, key_id", &[]).await?;
    rows.iter().map(read).collect()
}

/// The key that seals now.
pub(super) async fn seals(tx: &Operator) -> Result<KeyId> {
    let row = tx.query_opt("SELECT key_id, stage FROM wazapp.sealing_key WHERE stage = 'seals'", &[]).await?;
    let none = || DatabaseError::Unfit("no key seals this database's secrets: start wazapp serve once".into());
    Ok(read(&row.ok_or_else(none)?)?.id)
}

/// How many sealed values name each key, column by column.
pub async fn any_organization_counts(tx: &Operator) -> Result<Vec<(&'static sealed::Column, KeyId, i64)>> {
    let mut counts = Vec::new();
    for column in sealed::COLUMNS.iter().copied() {
        for row in tx.query(&column.count(), &[]).await? {
            let id = KeyId::read(row.get("key"));
            counts.extend(id.map(|id| (column, id, row.get("many"))));
        }
    }
    Ok(counts)
}

/// Gives up a key that is lost, and with it all that is sealed under it. Answers how many secrets that were; `None`: it is not
/// noted.
pub async fn any_organization_forget(tx: &Operator, id: KeyId) -> Result<Option<usize>> {
    let noted =
        tx.query("SELECT key_id FROM wazapp.sealing_key WHERE key_id = $1 FOR NO KEY UPDATE", &[&id.bytes()]).await?;
    if noted.is_empty() {
        return Ok(None);
    }
    let mut gone = 0;
    for column in sealed::COLUMNS {
        gone += tx.query(&column.forget(), &[&id.bytes()]).await?.len();
    }
    tx.query("DELETE FROM wazapp.sealing_key WHERE key_id = $1", &[&id.bytes()]).await?;
    // Where it was the one that sealed, the last one before it does again.
    tx.query(
        "UPDATE wazapp.sealing_key SET stage = 'seals'
         WHERE NOT EXISTS (SELECT FROM wazapp.sealing_key WHERE stage = 'seals')
           AND key_id = (SELECT key_id FROM wazapp.sealing_key WHERE stage = 'going' ORDER BY created_at DESC LIMIT 1)",
        &[],
    )
    .await?;
    Ok(Some(gone))
}

/// Notes the key that seals this database's secrets, if there is none yet; refused without all keys that secrets are sealed
/// with.
pub async fn check(database: &Database, keyring: &Keyring) -> Result<()> {
    let tx = database.operator().await?;
    admit(&tx, keyring).await?;
    tx.commit_in_job().await
}

/// The same in a transaction, until whose end no other key begins to seal. Answers all keys that are noted.
pub(super) async fn admit(tx: &Operator, keyring: &Keyring) -> Result<Vec<NotedKey>> {
    if let Some(first) = keyring.listed().first() {
        tx.query(
            "INSERT INTO wazapp.sealing_key (key_id, stage)
             SELECT $1, 'seals' WHERE NOT EXISTS (SELECT FROM wazapp.sealing_key) ON CONFLICT DO NOTHING",
            &[&first.bytes()],
        )
        .await?;
    }
    let rows = tx.query("SELECT key_id, stage FROM wazapp.sealing_key FOR SHARE", &[]).await?;
    let noted = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    take_up(keyring, &noted);
    match lacks(keyring, &noted) {
        None => Ok(noted),
        Some(says) => Err(DatabaseError::Unfit(says)),
    }
}

/// Requests of this process seal with the key that is noted to, from here on.
pub(super) fn take_up(keyring: &Keyring, noted: &[NotedKey]) {
    if let Some(key) = noted.iter().find(|key| key.stage == Stage::Seals) {
        keyring.take_up(key.id);
    }
}

/// What a process without all keys that secrets are sealed with is told. `None`: it has them.
pub fn lacks(keyring: &Keyring, noted: &[NotedKey]) -> Option<String> {
    let needed = noted.iter().filter(|key| key.stage != Stage::Coming);
    let (has, lacks): (Vec<&NotedKey>, Vec<&NotedKey>) = needed.partition(|key| keyring.has(key.id));
    let first = lacks.first()?;
    let ids: Vec<KeyId> = lacks.iter().map(|key| key.id).collect();
    Some(match has.is_empty() {
        true => {
            "this database's secrets are sealed with another master key: set WAZAPP_MASTER_KEY to that one, or put \
                 back its DATA_DIR/master-key"
                .to_owned()
        }
        false => lacking(&ids, first.stage),
    })
}

/// What to say where some keys are here, and these are not.
pub(super) fn lacking(ids: &[KeyId], stage: Stage) -> String {
    let ids: Vec<String> = ids.iter().map(KeyId::to_string).collect();
    let where_from = match stage {
        Stage::Going => {
            "secrets are still sealed with it; until wazapp key-ring rotate is through, every server needs both"
        }
        _ => "the master key was changed",
    };
    format!(
        "master key {} is not here ({where_from}): list it in WAZAPP_MASTER_KEY, or bring DATA_DIR/master-key from the \
         machine where wazapp key-ring rotate ran",
        ids.join(", ")
    )
}
