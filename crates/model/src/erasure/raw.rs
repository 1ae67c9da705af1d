//! Raw bodies of Meta's: they came before anyone knew whose they are.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Database, Operator, Result};
use crate::scope::Scope;

/// Whose numbers and accounts a body may name.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// The organization's numbers, each with when who began to have it: the oldest first; `true`: this organization.
    pub numbers: BTreeMap<String, Vec<(Timestamp, bool)>>,
    /// The accounts that have numbers of this organization alone.
    pub accounts: BTreeSet<String>,
}

impl Holdings {
    /// Whether others had the number too.
    pub fn is_shared(&self, phone_number_id: &str) -> bool {
        self.numbers.get(phone_number_id).is_some_and(|claims| claims.iter().any(|(_, ours)| !ours))
    }

    /// Whether the number was the organization's at this time. What is older than every claim is the first's.
    pub fn has(&self, phone_number_id: &str, at: Timestamp) -> bool {
        self.numbers.get(phone_number_id).is_some_and(|claims| {
            let then = claims.iter().rev().find(|(since, _)| *since <= at).or(claims.first());
            then.is_none_or(|(_, ours)| *ours)
        })
    }

    /// What stands in every body of the organization, as JSON writes it.
    pub fn words(&self) -> Vec<String> {
        self.numbers.keys().chain(&self.accounts).map(|id| format!("\"{id}\"")).collect()
    }

    /// The same of what was never another's.
    pub fn own_words(&self) -> Vec<String> {
        let own = self.numbers.keys().filter(|id| !self.is_shared(id));
        own.chain(&self.accounts).map(|id| format!("\"{id}\"")).collect()
    }
}

/// Reads them.
pub async fn any_organization_holdings(tx: &Operator, scope: &Scope) -> Result<Holdings> {
    let organization_id = scope.organization_id();
    let own = tx
        .query(
            "SELECT phone_number_id, waba_id FROM wazapp.number WHERE organization_id = $1
             UNION SELECT phone_number_id, NULL FROM wazapp.former_claim WHERE organization_id = $1",
            &[&organization_id],
        )
        .await?;
    let mut holdings = Holdings::default();
    for row in &own {
        holdings.numbers.entry(row.get(0)).or_default();
        holdings.accounts.extend(row.get::<_, Option<String>>(1));
    }
    let numbers: Vec<String> = holdings.numbers.keys().cloned().collect();
    let claims = tx
        .query(
            "SELECT phone_number_id, claimed_at AS since, organization_id = $1 AS ours FROM wazapp.number_claim
               WHERE phone_number_id = ANY ($2::text[])
             UNION SELECT phone_number_id, claimed_at, organization_id = $1 FROM wazapp.former_claim
               WHERE phone_number_id = ANY ($2)
             UNION SELECT phone_number_id, connected_at, true FROM wazapp.number
               WHERE organization_id = $1 AND connected_at IS NOT NULL
             ORDER BY since",
            &[&organization_id, &numbers],
        )
        .await?;
    for row in &claims {
        holdings.numbers.entry(row.get(0)).or_default().push((row.get(1), row.get(2)));
    }
    let accounts: Vec<String> = holdings.accounts.iter().cloned().collect();
    let shared = tx
        .query(
            "SELECT DISTINCT waba_id FROM wazapp.number WHERE organization_id <> $1 AND waba_id = ANY ($2::text[])",
            &[&organization_id, &accounts],
        )
        .await?;
    for row in &shared {
        holdings.accounts.remove(row.get::<_, &str>(0));
    }
    Ok(holdings)
}

/// Which of these messages, by Meta's ids, the organization has.
pub async fn any_organization_having(tx: &Operator, scope: &Scope, wamids: &[String]) -> Result<BTreeSet<String>> {
    let rows = tx
        .query(
            "SELECT DISTINCT wamid FROM wazapp.message WHERE organization_id = $1 AND wamid = ANY ($2)",
            &[&scope.organization_id(), &wamids.to_vec()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Where a body is kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// In the log of what was received.
    Inbound {
        /// Its stream.
        stream_id: Uuid,
        /// Its lane.
        lane: i16,
        /// Its place in the stream.
        position: i64,
    },
    /// In quarantine.
    Quarantine(Uuid),
    /// For endpoints in Meta's format.
    Relay(i64),
}

/// A body that holds what is sought.
#[derive(Clone, Debug)]
pub struct Raw {
    /// Where it is.
    pub place: Place,
    /// When it was received.
    pub received_at: Timestamp,
    /// The bytes.
    pub body: Bytes,
}

macro_rules! holds {
    ($body:literal, $words:literal) => {
        concat!(
            "EXISTS (SELECT FROM unnest(",
            $words,
            "::text[]) AS k (word) WHERE position(convert_to(k.word, 'UTF8') IN ",
            $body,
            ") > 0)"
        )
    };
}

/// Begins a walk over the log of what was received, and quarantine: bodies that hold one of the first words and one of the others, until
/// a time.
pub async fn any_organization_open_raw(
    tx: &Operator,
    (numbers, words): (&[String], &[String]),
    until: Timestamp,
) -> Result<()> {
    tx.execute("SET LOCAL enable_seqscan = on").await?;
    tx.execute("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
    tx.query(
        concat!(
            "DECLARE raw NO SCROLL CURSOR FOR
             SELECT i.stream_id, i.lane, i.position, NULL::uuid AS id, i.received_at, i.body FROM wazapp.inbound i
               WHERE i.received_at <= $3::timestamptz AND ",
            holds!("i.body", "$1"),
            " AND ",
            holds!("i.body", "$2"),
            " UNION ALL SELECT NULL, NULL, NULL, q.id, q.received_at, q.body FROM wazapp.quarantine q
               WHERE q.received_at <= $3 AND ",
            holds!("q.body", "$1"),
            " AND ",
            holds!("q.body", "$2"),
        ),
        &[&numbers.to_vec(), &words.to_vec(), &until],
    )
    .await?;
    Ok(())
}

/// The next bodies of the walk; none: it is over.
pub async fn any_organization_next_raw(tx: &Operator) -> Result<Vec<Raw>> {
    let rows = tx.query("FETCH 200 FROM raw", &[]).await?;
    let place = |row: &Row| match row.get::<_, Option<Uuid>>("id") {
        Some(id) => Place::Quarantine(id),
        None => {
            Place::Inbound { stream_id: row.get("stream_id"), lane: row.get("lane"), position: row.get("position") }
        }
    };
    let body = |row: &Row| Bytes::copy_from_slice(row.get("body"));
    Ok(rows.iter().map(|row| Raw { place: place(row), received_at: row.get("received_at"), body: body(row) }).collect())
}

/// Bodies for the organization's endpoints, behind that of a sequence, that may hold one of these words.
pub async fn any_organization_relayed(tx: &Operator, scope: &Scope, words: &[String], after: i64) -> Result<Vec<Raw>> {
    let rows = tx
        .query(
            concat!(
                "SELECT t.sequence, t.received_at, t.body FROM wazapp.relay t WHERE t.organization_id = $1 AND t.sequence > $3 AND ",
                holds!("t.body", "$2"),
                " ORDER BY t.sequence LIMIT 200"
            ),
            &[&scope.organization_id(), &words.to_vec(), &after],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Raw {
            place: Place::Relay(row.get("sequence")),
            received_at: row.get("received_at"),
            body: Bytes::copy_from_slice(row.get("body")),
        })
        .collect())
}

/// Puts other bodies in the place of these; `None`: nothing of one is left. What was received is the owner's alone to change.
pub async fn any_organization_rewrite(
    database: &Database,
    scope: &Scope,
    bodies: &[(Raw, Option<Vec<u8>>)],
) -> Result<()> {
    let (owner, tx) = (database.owner().await?, database.operator().await?);
    owner.batch_execute("BEGIN").await?;
    for (raw, body) in bodies {
        let organization_id = scope.organization_id();
        match (&raw.place, body) {
            (Place::Inbound { stream_id, lane, position }, Some(body)) => {
                let change = "UPDATE wazapp.inbound SET body = $5
                              WHERE stream_id = $1 AND lane = $2 AND position = $3 AND received_at = $4";
                owner.execute(change, &[stream_id, lane, position, &raw.received_at, body]).await?;
            }
            (Place::Inbound { stream_id, lane, position }, None) => {
                let change = "DELETE FROM wazapp.inbound
                              WHERE stream_id = $1 AND lane = $2 AND position = $3 AND received_at = $4";
                owner.execute(change, &[stream_id, lane, position, &raw.received_at]).await?;
            }
            (Place::Quarantine(id), Some(body)) => {
                tx.query("UPDATE wazapp.quarantine SET body = $2 WHERE id = $1", &[id, body]).await?;
            }
            (Place::Quarantine(id), None) => {
                tx.query("DELETE FROM wazapp.quarantine WHERE id = $1", &[id]).await?;
            }
            (Place::Relay(sequence), Some(body)) => {
                let change = "UPDATE wazapp.relay SET body = $3 WHERE organization_id = $1 AND sequence = $2";
                tx.query(change, &[&organization_id, sequence, body]).await?;
            }
            // What is not there any more is not told: its delivery is over.
            (Place::Relay(sequence), None) => {
                let change = "DELETE FROM wazapp.relay WHERE organization_id = $1 AND sequence = $2";
                tx.query(change, &[&organization_id, sequence]).await?;
            }
        }
    }
    owner.batch_execute("COMMIT").await?;
    tx.commit_in_job().await
}

/// How many bodies in the log of what was received, and in quarantine, hold one of the first words and one of the others, of those
/// that came until a time.
pub async fn any_organization_raw_left(
    tx: &Operator,
    (numbers, words): (&[String], &[String]),
    until: Timestamp,
) -> Result<(u64, u64)> {
    let row = tx
        .query_opt(
            concat!(
                "SELECT (SELECT count(*) FROM wazapp.inbound i WHERE i.received_at <= $3::timestamptz AND ",
                holds!("i.body", "$1"),
                " AND ",
                holds!("i.body", "$2"),
                "), (SELECT count(*) FROM wazapp.quarantine q WHERE q.received_at <= $3 AND ",
                holds!("q.body", "$1"),
                " AND ",
                holds!("q.body", "$2"),
                ")"
            ),
            &[&numbers.to_vec(), &words.to_vec(), &until],
        )
        .await?;
    let number = |row: &Row, nth| u64::try_from(row.get::<_, i64>(nth)).unwrap_or(0);
    Ok(row.map_or((0, 0), |row| (number(&row, 0), number(&row, 1))))
}
