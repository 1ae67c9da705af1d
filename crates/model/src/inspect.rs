//! What a look at the database shows an operator. Nothing here changes anything.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::clock::Clock;
use crate::database::{Database, DatabaseError, Operator, Result};
use crate::migrate;

/// Beyond so many, waiting bodies are not counted.
const MANY: i64 = 100_000;

/// A pooler that has nothing to wait for answers sooner.
const POOLERS_ANSWER: Duration = Duration::from_secs(5);

/// The server behind the direct connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// PostgreSQL's major version.
    pub major: i32,
    /// What makes it unfit for wazapp, with the fix; empty: nothing.
    pub faults: Vec<String>,
    /// What is a person's to weigh.
    pub at_start: AtStart,
    /// Whether connections lead to a transaction pooler, which keeps no session.
    pub transaction_pooler: bool,
}

/// What is a person's to weigh of a server, and looked at whenever one starts on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtStart {
    /// The login, where it is a superuser. A private PostgreSQL's is, and lets in nobody else.
    pub superuser: Option<String>,
    /// How far its clock runs ahead of ours; negative: behind.
    pub ahead: SignedDuration,
}

/// Looks at the login and at the clock.
pub async fn at_start(database: &Database) -> Result<AtStart> {
    weigh(database, &database.owner().await?).await
}

async fn weigh(database: &Database, client: &Client) -> Result<AtStart> {
    let asked = "SELECT rolname::text FROM pg_roles WHERE rolname = session_user AND rolsuper";
    let superuser = match database.access().roles_log_in {
        true => None,
        false => client.query_opt(asked, &[]).await?.map(|row| row.get(0)),
    };
    Ok(AtStart { superuser, ahead: ahead(client).await? })
}

/// Looks at the server and at wazapp's roles.
pub async fn server(database: &Database) -> Result<Server> {
    let client = database.owner().await?;
    let major = client.query_one("SELECT current_setting('server_version_num')::int / 10000", &[]).await?.get(0);
    let mut faults = Vec::new();
    faults.extend(fault(migrate::check_server(&client).await)?);
    for role in ["wazapp_web", "wazapp_worker"] {
        // Before the first migration there are none.
        let known = client.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&role]).await?.is_some();
        if known {
            faults.extend(fault(migrate::check_role(&client, role).await)?);
        }
    }
    let at_start = weigh(database, &client).await?;
    let other = database.owner().await?;
    Ok(Server { major, faults, at_start, transaction_pooler: shares_sessions(&client, &other).await? })
}

/// A server whose work would fail behind a transaction pooler is refused, with the setting that mends it. Nothing stands before a
/// private PostgreSQL.
pub(crate) async fn check_sessions(database: &Database) -> Result<()> {
    let access = database.access();
    if access.roles_log_in {
        return Ok(());
    }
    let (first, second) = (database.owner().await?, database.owner().await?);
    // A pooler with a single connection lets the first wait for the second.
    let shared = tokio::time::timeout(POOLERS_ANSWER, shares_sessions(&first, &second)).await;
    if !shared.unwrap_or(Ok(true))? {
        return Ok(());
    }
    let says = if access.transaction_pooler {
        "WAZAPP_DATABASE_DIRECT_URL leads to a transaction pooler"
    } else {
        "WAZAPP_DATABASE_URL leads to a transaction pooler, and WAZAPP_DATABASE_DIRECT_URL is not set"
    };
    Err(DatabaseError::Unfit(format!(
        "{says}: migrations, receiving and applying need connections that keep their session. Set WAZAPP_DATABASE_DIRECT_URL to the \
         address of PostgreSQL itself, or of a session pooler (on Supabase, port 5432)"
    )))
}

fn fault<T>(checked: Result<T>) -> Result<Option<String>> {
    match checked {
        Ok(_) => Ok(None),
        Err(DatabaseError::Unfit(fault)) => Ok(Some(fault)),
        Err(error) => Err(error),
    }
}

async fn ahead(client: &Client) -> Result<SignedDuration> {
    let before = Clock::default().now();
    let theirs: Timestamp = client.query_one("SELECT clock_timestamp()", &[]).await?.get(0);
    let ours = before + Clock::default().now().duration_since(before) / 2;
    Ok(theirs.duration_since(ours))
}

/// Two connections of ours that meet the same backend, or one that changes its backend, have a pooler in between. The
/// second holds a transaction open, so that a pooler must give the first another backend.
async fn shares_sessions(first: &Client, second: &Client) -> Result<bool> {
    let before = backend(first).await?;
    second.batch_execute("BEGIN").await?;
    let others = backend(second).await?;
    let after = backend(first).await?;
    second.batch_execute("ROLLBACK").await?;
    Ok(before == others || before != after)
}

async fn backend(client: &Client) -> Result<Option<String>> {
    let answer = client.simple_query("SELECT pg_backend_pid()").await?;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}

/// How much waits to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Bodies received and not applied, counted up to a hundred thousand.
    pub bodies: i64,
    /// When the oldest of them was received.
    pub oldest: Option<Timestamp>,
    /// Inputs in quarantine that were not replayed.
    pub quarantined: i64,
}

/// Looks at the first queue.
pub async fn any_organization_waiting(tx: &Operator) -> Result<Waiting> {
    let row = tx
        .query_opt(
            "SELECT (SELECT count(*) FROM wazapp.quarantine WHERE replayed_at IS NULL) AS quarantined,
                    count(*) AS bodies, min(received_at) AS oldest
             FROM (SELECT i.received_at FROM wazapp.stream s CROSS JOIN wazapp.lane l
                   LEFT JOIN wazapp.lane_cursor c ON c.lane = l.id AND c.stream_id = s.id
                   JOIN wazapp.inbound i ON i.stream_id = s.id AND i.lane = l.id AND i.position > coalesce(c.position, 0)
                   LIMIT $1) waiting",
            &[&MANY],
        )
        .await?;
    Ok(row.map_or(Waiting { bodies: 0, oldest: None, quarantined: 0 }, |row| Waiting {
        bodies: row.get("bodies"),
        oldest: row.get("oldest"),
        quarantined: row.get("quarantined"),
    }))
}
