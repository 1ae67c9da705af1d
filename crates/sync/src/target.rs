//! The database of the copy. Nothing is kept of a connection but what a transaction holds, so a transaction pooler may stand
//! between.

use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::change::{Change, Writing};
use crate::error::{Result, Trouble};
use crate::state::{Stage, State, Task};
use crate::table::quoted;
use crate::{Connect, lease};

/// A step's statements take no longer: a connection that hangs is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// With each transaction the database itself is told how long it may take: of a copier whose machine is gone, nobody else
/// would end it, and the one that takes its place would wait for its locks. A transaction pooler keeps no other settings.
const BEGIN: &str = "BEGIN;
     SET LOCAL lock_timeout = '5s';
     SET LOCAL statement_timeout = '60s';
     SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// So many tasks are looked at together.
const LOT: i64 = 100;

/// So many rows that a list has not are noted together.
const STRAYS: i64 = 1_000;

/// A part of a list: its ids lie between these, and are these.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) stage: Stage,
    pub(crate) from: Uuid,
    pub(crate) below: Uuid,
    pub(crate) ids: Vec<Uuid>,
}

/// Rows that a part of a list has not.
#[derive(Debug)]
pub(crate) struct Strays {
    pub(crate) ids: Vec<Uuid>,
    /// There may be more, below this one.
    pub(crate) rest_below: Option<Uuid>,
}

/// A copy, and the way to it.
pub(crate) struct Target {
    connect: Connect,
    client: Option<Client>,
    schema: String,
    organization: Uuid,
    holder: Uuid,
    full_every: Duration,
}

impl Target {
    pub(crate) fn new(connect: Connect, schema: &str, organization: Uuid, full_every: Duration) -> Self {
        Self { connect, client: None, schema: schema.to_owned(), organization, holder: Uuid::now_v7(), full_every }
    }

    /// Whose rows it writes.
    pub(crate) fn organization(&self) -> Uuid {
        self.organization
    }

    /// Does something in a transaction; the connection of one that failed is not used again, so what it had begun is over.
    pub(crate) async fn with<T>(&mut self, act: impl AsyncFnOnce(&Client, &Self) -> Result<T>) -> Result<T> {
        let client = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => {
                let connected = tokio::time::timeout(PATIENCE, (self.connect)()).await;
                connected.map_err(|_| Trouble::passing("the database of the copy does not answer"))??
            }
        };
        let transaction = async {
            client.batch_execute(BEGIN).await?;
            let done = act(&client, self).await?;
            client.batch_execute("COMMIT").await?;
            Ok::<T, Trouble>(done)
        };
        let done = tokio::time::timeout(PATIENCE, transaction).await;
        let done = done.unwrap_or_else(|_| Err(Trouble::passing("the database of the copy does not answer")));
        if done.is_ok() {
            self.client = Some(client);
        }
        done
    }

    /// Takes the copy; false: another copier has it.
    pub(crate) async fn take(&mut self, from_others: bool) -> Result<bool> {
        let rows = self
            .with(async |client, this| {
                let sql = lease::take(&this.schema);
                this.query(client, &sql, &[(&this.holder, Type::UUID), (&from_others, Type::BOOL)]).await
            })
            .await?;
        Ok(!rows.is_empty())
    }

    /// Says that the copier is there.
    pub(crate) async fn sign(&mut self) -> Result<()> {
        self.with(async |client, this| {
            let rows = this.query(client, &lease::sign(&this.schema), &[(&this.holder, Type::UUID)]).await?;
            if rows.is_empty() { Err(lost()) } else { Ok(()) }
        })
        .await
    }

    /// Lets go of the copy.
    pub(crate) async fn let_go(&mut self) -> Result<()> {
        self.with(async |client, this| {
            this.query(client, &lease::let_go(&this.schema), &[(&this.holder, Type::UUID)]).await.map(|_| ())
        })
        .await
    }

    /// How far the copy is; `None`: it was not begun.
    pub(crate) async fn state(&mut self) -> Result<Option<State>> {
        let seconds = self.full_every.as_secs_f64();
        let rows = self
            .with(async |client, this| {
                this.query(client, &lease::read(&this.schema), &[(&seconds, Type::FLOAT8)]).await
            })
            .await?;
        Ok(rows.first().map(State::read))
    }

    /// Begins a copy, if nobody else did.
    pub(crate) async fn begin(&mut self, state: &State) -> Result<()> {
        let stage = state.walk.as_ref().map(|walk| walk.stage.word());
        self.with(async |client, this| {
            let sql = format!(
                "INSERT INTO {}.sync (organization_id, cursor, walk_stage) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                quoted(&this.schema)
            );
            this.query(client, &sql, &[(&state.cursor, Type::INT8), (&stage, Type::TEXT)]).await.map(|_| ())
        })
        .await
    }

    /// The tasks that come next: some of one kind, with the page that each is at.
    pub(crate) async fn tasks(&mut self) -> Result<Vec<(Task, Uuid, Option<String>)>> {
        let order: Vec<&str> = Task::ALL.iter().map(|task| task.word()).collect();
        let rows = self
            .with(async |client, this| {
                // Kind by kind, as the primary key has them: of millions no more than these are looked at.
                let sql = format!(
                    "SELECT k.kind, t.id, t.page FROM unnest($2) WITH ORDINALITY AS k (kind, nth)
                     CROSS JOIN LATERAL (SELECT id, page FROM {}.sync_todo
                                         WHERE organization_id = $1 AND kind = k.kind ORDER BY id LIMIT $3) t
                     ORDER BY k.nth, t.id LIMIT $3",
                    quoted(&this.schema)
                );
                this.query(client, &sql, &[(&order, Type::TEXT_ARRAY), (&LOT, Type::INT8)]).await
            })
            .await?;
        let read = |row: &Row| Some((Task::read(row.get("kind"))?, row.get("id"), row.get("page")));
        let mut tasks: Vec<(Task, Uuid, Option<String>)> = rows.iter().filter_map(read).collect();
        let first = tasks.first().map(|task| task.0);
        tasks.retain(|task| Some(task.0) == first);
        Ok(tasks)
    }

    /// What the copy has in a part of a list, and the list has not: the last of it, as many as are noted together.
    pub(crate) async fn strays(&mut self, part: &Part) -> Result<Strays> {
        let rows = self
            .with(async |client, this| {
                let sql = format!(
                    "SELECT id FROM {} WHERE organization_id = $1 AND id >= $2 AND id < $3 AND NOT id = ANY ($4)
                     ORDER BY id DESC LIMIT $5",
                    part.stage.table().of(&this.schema)
                );
                let bound: [(&(dyn ToSql + Sync), Type); 4] = [
                    (&part.from, Type::UUID),
                    (&part.below, Type::UUID),
                    (&part.ids, Type::UUID_ARRAY),
                    (&STRAYS, Type::INT8),
                ];
                this.query(client, &sql, &bound).await
            })
            .await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.get("id")).collect();
        let is_full = i64::try_from(ids.len()).is_ok_and(|found| found >= STRAYS);
        Ok(Strays { rest_below: ids.last().copied().filter(|_| is_full), ids })
    }

    /// Writes rows, and how far the copy is with them, at once or not at all. `walked`: everything was read just now.
    pub(crate) async fn commit(&mut self, state: &State, walked: bool, change: Change) -> Result<()> {
        self.with(async |client, this| {
            let walk = state.walk.as_ref();
            let (stage, page) = (walk.map(|walk| walk.stage.word()), walk.and_then(|walk| walk.page.as_deref()));
            let below = walk.and_then(|walk| walk.below);
            let moved = this
                .query(
                    client,
                    &lease::go_on(&this.schema),
                    &[
                        (&this.holder, Type::UUID),
                        (&state.cursor, Type::INT8),
                        (&stage, Type::TEXT),
                        (&page, Type::TEXT),
                        (&below, Type::UUID),
                        (&state.again, Type::BOOL),
                        (&walked, Type::BOOL),
                    ],
                )
                .await?;
            if moved.is_empty() {
                return Err(lost());
            }
            let writing = Writing { client, schema: &this.schema, organization: this.organization };
            writing.apply(change).await
        })
        .await
    }

    /// A statement whose first parameter is the organization.
    async fn query(&self, client: &Client, sql: &str, more: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<Row>> {
        let mut bound: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&self.organization, Type::UUID)];
        bound.extend(more.iter().cloned());
        Ok(client.query_typed(sql, &bound).await?)
    }
}

fn lost() -> Trouble {
    Trouble::Final(
        "another copier has taken this copy over, and goes on with it. One is enough: end the other, or leave it the copy"
            .into(),
    )
}
