//! A database that moves to another place, and which of the two places is served.
//!
//! Two servers on two copies would send the same messages. So a place is closed before anything is copied from it, the
//! place that it goes to stays closed until all of it is there and was seen to be the same, and the old one is marked
//! as left before the new one opens. At no moment are both open, whenever the move is broken off.

use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::database::{Database, DatabaseError, Operator, Result};
use crate::inspect;
use crate::secret::holder::{self, Alive};

/// Shared by whoever works on a database by a command; alone, by a move. Any number that nobody else locks.
const LOCK: i64 = 0x7761_7a61_6d6f;

/// Had by one move from a place at a time, from before it closes the place until it has opened one.
const MOVER: i64 = LOCK + 1;

/// What a place says of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// The same on both sides, and another one for each copy: whatever a place is called, it has come to one alone.
    pub id: Uuid,
    /// The other side, for people.
    pub place: String,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When all was there.
    pub ended_at: Option<Timestamp>,
}

/// Whether a place is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Open,
    /// A move from here was begun, and not ended.
    Leaving(Relocation),
    /// Everything is elsewhere now.
    Left(Relocation),
    /// A move to here was begun, and not ended.
    Arriving(Relocation),
}

impl Standing {
    /// Why nothing works on it, with the way on; `None`: it is open.
    pub fn refusal(&self) -> Option<String> {
        Some(match self {
            Self::Open => return None,
            Self::Leaving(to) => format!(
                "this database is being moved to {} since {}: run the same command again to finish it (wazapp move database, or \
                 wazapp postgres upgrade), or wazapp move cancel to stay here",
                to.place, to.begun_at
            ),
            Self::Left(to) => format!(
                "this database was moved to {} at {} and is not served here any more: set WAZAPP_DATABASE_URL to that place (unset it for \
                 the private one). The way back is wazapp move database, run there with --to this place",
                to.place,
                to.ended_at.unwrap_or(to.begun_at)
            ),
            Self::Arriving(from) => format!(
                "the move from {} to this database did not come to its end: run the same command again, with the settings of that place",
                from.place
            ),
        })
    }
}

fn read(row: &Row) -> Relocation {
    Relocation {
        id: row.get("id"),
        place: row.get("place"),
        begun_at: row.get("begun_at"),
        ended_at: row.get("ended_at"),
    }
}

/// The first row says it.
const STANDING: &str = "SELECT id, side, place, begun_at, ended_at FROM wazapp.relocation
    WHERE cancelled_at IS NULL AND (side = 'from' OR ended_at IS NULL) ORDER BY side, begun_at DESC";

fn read_standing(rows: &[Row]) -> Standing {
    rows.first().map_or(Standing::Open, |row| match (row.get("side"), read(row)) {
        ("from", left) if left.ended_at.is_some() => Standing::Left(left),
        ("from", leaving) => Standing::Leaving(leaving),
        (_, arriving) => Standing::Arriving(arriving),
    })
}

/// Whether the place is served.
pub async fn standing(tx: &Operator) -> Result<Standing> {
    Ok(read_standing(&tx.query(STANDING, &[]).await?))
}

/// The same for who enters the place: a move that comes to its end is waited for, and none does before this transaction ends.
/// So either this knows that everything is elsewhere, or [`came_back`] knows who entered.
pub(crate) async fn standing_held(tx: &Operator) -> Result<Standing> {
    Ok(read_standing(&tx.query(&format!("{STANDING} FOR SHARE"), &[]).await?))
}

/// The same of a database whose schema may be that of another version, or none: that was never closed.
pub async fn of(database: &Database) -> Result<Standing> {
    inspect::check_sessions(database).await?;
    let client = database.owner().await?;
    match knows_moves(&client).await? {
        true => Ok(read_standing(&client.query(STANDING, &[]).await?)),
        false => Ok(Standing::Open),
    }
}

async fn knows_moves(client: &Client) -> Result<bool> {
    Ok(client.query_one("SELECT to_regclass('wazapp.relocation') IS NOT NULL", &[]).await?.get(0))
}

/// Refused where the place is not served; its schema is as it is.
pub async fn check(database: &Database) -> Result<()> {
    of(database).await?.refusal().map_or(Ok(()), |why| Err(DatabaseError::Unfit(why)))
}

/// Closes this place, which everything is to leave for another one; whoever begins to work on it from now on is
/// refused. What was copied by a move that was begun before is nobody's from here on.
pub async fn leave(tx: &Operator, place: &str, now: Timestamp) -> Result<Relocation> {
    cancel(tx, now).await?;
    let row = tx
        .query_opt(
            "INSERT INTO wazapp.relocation (id, side, place, begun_at) VALUES ($1, 'from', $2, $3)
             RETURNING id, place, begun_at, ended_at",
            &[&Uuid::now_v7(), &place, &now],
        )
        .await?;
    Ok(read(&row.expect("it is made")))
}

/// Moves that this place took part in, by which another one knows it.
pub async fn known(tx: &Operator) -> Result<Vec<Uuid>> {
    let rows = tx.query("SELECT DISTINCT id FROM wazapp.relocation", &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What a place says of this move as the one that it goes to, whichever version its schema is of.
pub async fn arrival(database: &Database, id: Uuid) -> Result<Option<Relocation>> {
    let client = database.owner().await?;
    if !knows_moves(&client).await? {
        return Ok(None);
    }
    let arrived = "SELECT id, place, begun_at, ended_at FROM wazapp.relocation WHERE id = $1 AND side = 'to'";
    Ok(client.query_opt(arrived, &[&id]).await?.as_ref().map(read))
}

/// All is elsewhere, and this place is left. Refused where it was opened again meanwhile: then the other one must not open.
pub async fn end_leaving(tx: &Operator, id: Uuid, now: Timestamp) -> Result<()> {
    let ended = tx
        .query_opt(
            "UPDATE wazapp.relocation SET ended_at = $2
             WHERE id = $1 AND side = 'from' AND ended_at IS NULL AND cancelled_at IS NULL RETURNING id",
            &[&id, &now],
        )
        .await?;
    ended.map(drop).ok_or_else(|| {
        DatabaseError::Unfit(
            "the move was given up meanwhile, and this place is served: run the same command again".into(),
        )
    })
}

/// All is here, and the other side has ended: this place opens.
pub async fn end_arriving(tx: &Operator, id: Uuid, now: Timestamp) -> Result<()> {
    let sql = "UPDATE wazapp.relocation SET ended_at = $2 WHERE id = $1 AND side = 'to' AND ended_at IS NULL";
    tx.query(sql, &[&id, &now]).await?;
    Ok(())
}

/// This place is served after all, unless it was left meanwhile. What was copied of it elsewhere stays closed there, and is
/// known, so that a next move may replace it.
pub async fn cancel(tx: &Operator, now: Timestamp) -> Result<()> {
    // Who just ends a move is waited for, and what has ended stays as it is.
    tx.query(
        "UPDATE wazapp.relocation SET cancelled_at = $1
         WHERE side = 'from' AND ended_at IS NULL AND cancelled_at IS NULL",
        &[&now],
    )
    .await?;
    Ok(())
}

/// This place is served again though everything is elsewhere: that place must be served by nobody any more.
pub async fn abandon(tx: &Operator, now: Timestamp) -> Result<()> {
    // The other place is open: no next move may take it for its own.
    tx.query("DELETE FROM wazapp.relocation WHERE side = 'from' AND ended_at IS NOT NULL", &[]).await?;
    cancel(tx, now).await
}

/// The servers that run on this database: those that show themselves while this waits, which it does where any is noted.
pub async fn running(database: &Database) -> Result<Vec<Alive>> {
    Ok(holder::alive(&database.owner().await?).await?.0)
}

/// The same of a closed place that nobody else works on. The others have died, and are forgotten: one that was only held up comes back by
/// itself, and is seen by [`came_back`].
pub async fn still_running(database: &Database) -> Result<Vec<Alive>> {
    let client = database.owner().await?;
    let (alive, silent) = holder::alive(&client).await?;
    for (id, beat) in silent {
        client.execute("DELETE FROM wazapp.key_holder WHERE id = $1 AND beat = $2", &[&id, &beat]).await?;
    }
    Ok(alive)
}

/// Any that is noted, behind [`still_running`].
pub async fn came_back(tx: &Operator) -> Result<Option<String>> {
    Ok(holder::list(tx).await?.into_iter().next().map(|server| server.name))
}

/// Somebody works on the database: no move ends meanwhile. It is so until it is dropped.
pub struct Presence(#[expect(dead_code, reason = "its session holds the lock")] Client);

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Presence")
    }
}

/// Holds the lock in this way, as soon as nobody stands against it.
async fn session(database: &Database, lock: &str, key: i64) -> Result<Presence> {
    let client = database.owner().await?;
    // It idles for long, and does not wait for long.
    client
        .batch_execute(
            "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout', 'idle_session_timeout');
             SET lock_timeout = '10s'",
        )
        .await?;
    match client.batch_execute(&format!("SELECT {lock}({key})")).await {
        Ok(()) => Ok(Presence(client)),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Err(DatabaseError::Unfit(
            "a wazapp command that works on this database stands against this one: wait until it has ended".into(),
        )),
        Err(error) => Err(error.into()),
    }
}

/// Begins to work on a database; refused where the place is not served.
pub async fn enter(database: &Database) -> Result<Presence> {
    check(database).await?;
    let session = session(database, "pg_advisory_lock_shared", LOCK).await?;
    // Behind the lock once more: a place is closed before the lock is taken alone.
    check(database).await?;
    Ok(session)
}

/// Waits a while until nobody works on it by a command; nor does anybody until this is dropped.
pub async fn alone(database: &Database) -> Result<Presence> {
    session(database, "pg_advisory_lock", LOCK).await
}

/// Waits a while until nobody else moves everything from here; nor does anybody until this is dropped.
pub async fn only_mover(database: &Database) -> Result<Presence> {
    session(database, "pg_advisory_lock", MOVER).await
}

/// Notes that a move comes to an end here, in the transaction that brings everything. Moves from the former place are
/// not this one's.
pub(crate) async fn arrive(client: &Client, id: Uuid, from: &str, now: Timestamp) -> Result<()> {
    client.batch_execute("DELETE FROM wazapp.relocation WHERE side = 'from'").await?;
    client
        .execute(
            "INSERT INTO wazapp.relocation (id, side, place, begun_at) VALUES ($1, 'to', $2, $3)",
            &[&id, &from, &now],
        )
        .await?;
    Ok(())
}

/// Whether what a database holds may be taken away by a move that knows these: it was left by one of them, or one of
/// them did not come to its end here. Such a place is served by nobody.
pub(crate) async fn may_be_replaced(client: &Client, known: &[Uuid]) -> Result<bool> {
    if known.is_empty() || !knows_moves(client).await? {
        return Ok(false);
    }
    let sides = client
        .query_one(
            "SELECT bool_or(side = 'from' AND ended_at IS NULL AND cancelled_at IS NULL),
                    bool_or(side = 'from' AND ended_at IS NOT NULL OR side = 'to' AND ended_at IS NULL)
             FROM wazapp.relocation WHERE id = ANY ($1)",
            &[&known],
        )
        .await?;
    if sides.get::<_, Option<bool>>(0) == Some(true) {
        return Err(DatabaseError::Unfit("that is the database that is to be moved: say another one with --to".into()));
    }
    Ok(sides.get::<_, Option<bool>>(1) == Some(true))
}
