//! From one PostgreSQL to another: all rows of one moment, while nobody works on either, and at the end the proof that
//! both hold the same.

use futures::TryStreamExt;
use jiff::Timestamp;
use model::backup::{Load, LoadRows, Snapshot, Table, analyze};
use model::relocation::{self, Relocation, Standing};
use model::{Clock, Database, migrate};
use serde::Serialize;
use uuid::Uuid;

use super::sum::Sum;
use super::{Progress, RelocationError, Result, TableSum, Told};

/// Of a place and its moment: which servers run, and what a place says of moves.
const OF_THE_PLACE: [&str; 2] = ["key_holder", "relocation"];

/// So many bytes are told of at once.
const TOLD_EVERY: u64 = 1 << 20;

/// A database, and what people call it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its connections.
    pub database: &'a Database,
    /// Without secrets.
    pub name: &'a str,
}

/// What moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Each table, the same on both sides.
    pub tables: Vec<TableSum>,
    /// Whether all of it was there from an earlier try.
    pub was_there: bool,
}

impl Proof {
    /// Of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// Moves everything. The place that is left is closed from here on, and opens again if it fails; the other one opens
/// when the first is marked as left. Whoever is killed meanwhile leaves both closed, and the same again goes on.
pub async fn run(from: Place<'_>, to: Place<'_>, is_private: bool, clock: &Clock, told: Told<'_>) -> Result<Proof> {
    let _mover = relocation::only_mover(from.database).await?;
    let earlier = match relocation::of(from.database).await? {
        standing @ Standing::Arriving(_) => {
            return Err(RelocationError::Refused(standing.refusal().unwrap_or_default()));
        }
        Standing::Left(left) => return finish(from, to, &left, clock, told).await,
        Standing::Leaving(leaving) if has_arrived(to, &leaving).await? => Some(leaving),
        Standing::Open | Standing::Leaving(_) => None,
    };
    migrate::run(from.database).await?;
    Load::check(to.database, &known(from.database).await?).await?;
    let moved = leave(from, to, earlier, is_private, clock, told).await;
    if moved.is_err() {
        // Where it cannot be opened again, it says itself what to do.
        let _ = reopen(from.database, clock).await;
    }
    moved
}

/// Whether everything has moved from one of these to the other, to its end.
pub async fn has_moved(from: Place<'_>, to: Place<'_>) -> Result<bool> {
    let Standing::Left(left) = relocation::of(from.database).await? else { return Ok(false) };
    let arrival = relocation::arrival(to.database, left.id).await?;
    Ok(arrival.is_some_and(|arrival| arrival.ended_at.is_some()))
}

/// Both sides, held against each other.
pub async fn compared(from: Place<'_>, to: Place<'_>, told: Told<'_>) -> Result<Proof> {
    prove(sums(from.database, told).await?, to, true, told).await
}

/// Opens the place again from which a move was begun. Until that side has ended the other one is closed, whatever has
/// come to it. Answers whether it is open.
pub async fn give_up(from: &Database, clock: &Clock) -> Result<bool> {
    // A move of somebody else's is not given up by who only waited for it.
    let _mover = relocation::only_mover(from).await?;
    reopen(from, clock).await
}

async fn reopen(from: &Database, clock: &Clock) -> Result<bool> {
    let tx = from.operator().await?;
    relocation::cancel(&tx, clock.now()).await?;
    let standing = relocation::standing(&tx).await?;
    tx.commit_in_job().await?;
    Ok(!matches!(standing, Standing::Left(_)))
}

async fn known(from: &Database) -> Result<Vec<Uuid>> {
    let tx = from.operator().await?;
    let known = relocation::known(&tx).await?;
    tx.close();
    Ok(known)
}

async fn close(from: Place<'_>, to: Place<'_>, clock: &Clock) -> Result<Relocation> {
    let tx = from.database.operator().await?;
    let leaving = relocation::leave(&tx, to.name, clock.now()).await?;
    tx.commit_in_job().await?;
    Ok(leaving)
}

/// `earlier` is a try that was broken off when all was there.
async fn leave(
    from: Place<'_>,
    to: Place<'_>,
    earlier: Option<Relocation>,
    is_private: bool,
    clock: &Clock,
    told: Told<'_>,
) -> Result<Proof> {
    let came_before = earlier.is_some();
    let mut leaving = match earlier {
        Some(earlier) => earlier,
        None => close(from, to, clock).await?,
    };
    // Who began before is waited for, or refused; who begins now sees that it is closed.
    let _alone = relocation::alone(from.database).await?;
    // Whether one runs on a private one is known for certain.
    if !is_private && let Some(server) = relocation::still_running(from.database).await?.first() {
        return Err(runs(from, &server.name));
    }
    let mut left = None;
    if came_before {
        left = same_sums(from, to, told).await?;
        if left.is_none() {
            leaving = close(from, to, clock).await?;
        }
    }
    let was_there = left.is_some();
    let left = match left {
        Some(left) => left,
        None => copy(from, to, &leaving, clock.now(), told).await?,
    };
    migrate::run(to.database).await?;
    analyze(to.database).await?;
    let proof = prove(left, to, was_there, told).await?;
    let tx = from.database.operator().await?;
    relocation::end_leaving(&tx, leaving.id, clock.now()).await?;
    if !is_private && let Some(server) = relocation::came_back(&tx).await? {
        return Err(runs(from, &server));
    }
    tx.commit_in_job().await?;
    open(to, &leaving, clock).await?;
    Ok(proof)
}

fn runs(from: Place<'_>, server: &str) -> RelocationError {
    RelocationError::Refused(format!("a server runs on {} ({server}): stop it first", from.name))
}

/// What both hold, where it is the same.
async fn same_sums(from: Place<'_>, to: Place<'_>, told: Told<'_>) -> Result<Option<Vec<TableSum>>> {
    let (left, there) = (sums(from.database, told).await?, sums(to.database, told).await?);
    Ok((left == there).then_some(left))
}

async fn has_arrived(to: Place<'_>, leaving: &Relocation) -> Result<bool> {
    let arrival = relocation::arrival(to.database, leaving.id).await?;
    Ok(arrival.is_some_and(|arrival| arrival.ended_at.is_none()))
}

/// The first side had ended, and whoever was at it was killed before the other one was opened. Neither is brought to another version
/// of the schema before: both were left as they were compared.
async fn finish(from: Place<'_>, to: Place<'_>, left: &Relocation, clock: &Clock, told: Told<'_>) -> Result<Proof> {
    if !has_arrived(to, left).await? {
        return Err(RelocationError::Refused(Standing::Left(left.clone()).refusal().unwrap_or_default()));
    }
    let proof = compared(from, to, told).await?;
    open(to, left, clock).await?;
    Ok(proof)
}

async fn open(to: Place<'_>, leaving: &Relocation, clock: &Clock) -> Result<()> {
    let tx = to.database.operator().await?;
    relocation::end_arriving(&tx, leaving.id, clock.now()).await?;
    Ok(tx.commit_in_job().await?)
}

async fn prove(left: Vec<TableSum>, to: Place<'_>, was_there: bool, told: Told<'_>) -> Result<Proof> {
    let there = sums(to.database, told).await?;
    if left == there {
        return Ok(Proof { tables: left, was_there });
    }
    let differs = left.iter().find(|table| !there.contains(table)).or(there.iter().find(|table| !left.contains(table)));
    Err(RelocationError::Differs(differs.map_or_else(|| "the schema".to_owned(), |table| table.name.clone())))
}

async fn copy(
    from: Place<'_>,
    to: Place<'_>,
    leaving: &Relocation,
    now: Timestamp,
    told: Told<'_>,
) -> Result<Vec<TableSum>> {
    let snapshot = Snapshot::take(from.database).await?;
    let load = Load::begin(to.database, snapshot.contents(), &known(from.database).await?).await?;
    let sums = read(snapshot, Some(&load), told).await?;
    load.arrive(leaving.id, from.name, now).await?;
    Ok(sums)
}

async fn sums(database: &Database, told: Told<'_>) -> Result<Vec<TableSum>> {
    read(Snapshot::take(database).await?, None, told).await
}

/// Reads all tables, and puts what is read where it goes.
async fn read(snapshot: Snapshot, into: Option<&Load>, told: Told<'_>) -> Result<Vec<TableSum>> {
    let tables = snapshot.contents().tables.clone();
    let mut progress = Progress { all_tables: tables.len() as u64, ..Progress::default() };
    let mut sums = Vec::new();
    for table in &tables {
        let rows = match into {
            Some(load) => Some(load.rows(table).await?),
            None => None,
        };
        let sum = read_table(&snapshot, table, rows, &mut progress, told).await?;
        if !OF_THE_PLACE.contains(&&*table.name) {
            sums.push(sum);
        }
    }
    snapshot.end().await?;
    Ok(sums)
}

async fn read_table(
    snapshot: &Snapshot,
    table: &Table,
    mut into: Option<LoadRows>,
    progress: &mut Progress,
    told: Told<'_>,
) -> Result<TableSum> {
    let (mut rows, mut sum, mut told_at) = (snapshot.rows(table).await?, Sum::default(), progress.bytes);
    while let Some(bytes) = rows.try_next().await? {
        sum.add(&bytes);
        progress.bytes += bytes.len() as u64;
        if let Some(into) = &mut into {
            into.push(bytes).await?;
        }
        if progress.bytes - told_at >= TOLD_EVERY {
            told_at = progress.bytes;
            told(Progress { rows: progress.rows + sum.rows, ..*progress });
        }
    }
    if let Some(into) = into
        && into.finish().await? != sum.rows
    {
        return Err(RelocationError::Differs(table.name.clone()));
    }
    progress.tables += 1;
    progress.rows += sum.rows;
    told(*progress);
    Ok(sum.of(&table.name))
}
