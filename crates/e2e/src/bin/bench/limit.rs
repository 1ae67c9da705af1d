//! The floor: how many messages PostgreSQL takes when nothing but PostgreSQL is in the way.
//!
//! Batches of 200, set-based, one round trip each, the least a visible message needs: its row, its conversation, its
//! event, its organization's sequence. No raw log, no parsing, no routing, no look-ups: the writer knows everything.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::body::{self, Random, Writer};
use crate::clock;
use crate::stage::{Bench, say};

const BATCH: usize = 200;

/// Rows a second. The best of some tries: what another process took away is not PostgreSQL's limit.
#[derive(Debug, Serialize)]
pub(crate) struct Limit {
    pub(crate) one_connection: f64,
    pub(crate) two_connections: f64,
    /// One and two connections, in turn.
    tries: Vec<(f64, f64)>,
}

pub(crate) async fn run(bench: &Bench<'_>) -> Result<Limit> {
    bench.copy("floor").await?;
    let mut tries = Vec::new();
    for _ in 0..bench.options.scale(3, 2) {
        let time = Duration::from_secs(bench.options.scale(3, 2));
        tries.push((rows_per_second(bench, 1, time).await?, rows_per_second(bench, 2, time).await?));
    }
    let limit = Limit {
        one_connection: tries.iter().map(|one| one.0).fold(0.0, f64::max),
        two_connections: tries.iter().map(|one| one.1).fold(0.0, f64::max),
        tries,
    };
    bench.cluster.remove("floor").await?;
    say(&format!(
        "limit, batches of {BATCH}: {:.0} rows/s on one connection, {:.0} on two",
        limit.one_connection, limit.two_connections
    ));
    Ok(limit)
}

async fn rows_per_second(bench: &Bench<'_>, connections: usize, time: Duration) -> Result<f64> {
    let mut lanes = Vec::new();
    for nth in 0..connections {
        let client = bench.cluster.connect("floor").await?;
        lanes.push(Lane::open(client, nth, connections).await?);
    }
    let began = clock::now();
    let tasks: Vec<_> = lanes.into_iter().map(|lane| tokio::spawn(lane.fill(began + time))).collect();
    let mut rows = 0;
    for task in tasks {
        rows += task.await??;
    }
    Ok(rows as f64 / began.elapsed().as_secs_f64())
}

/// One connection.
struct Lane {
    client: Client,
    write: Write,
    maker: Maker,
}

impl Lane {
    async fn open(client: Client, nth: usize, lanes: usize) -> Result<Self> {
        // Unnested arrays are estimated wrongly; every statement here is meant to look rows up by key.
        client
            .batch_execute(
                "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
                 SET plan_cache_mode = force_generic_plan",
            )
            .await?;
        let maker = Maker::load(&client, nth, lanes).await?;
        let write = Write::prepare(&client).await.context("preparing the batch")?;
        Ok(Self { client, write, maker })
    }

    /// Writes batch after batch; the next is put together while PostgreSQL works on the one before.
    async fn fill(mut self, end: Instant) -> Result<u64> {
        let mut batch = self.maker.next();
        let mut rows = 0;
        while clock::now() < end {
            let maker = &mut self.maker;
            let (written, next) = futures::join!(self.write.batch(&self.client, &batch), async { maker.next() });
            written?;
            rows += BATCH as u64;
            batch = next;
        }
        Ok(rows)
    }
}

struct Conversation {
    organization_id: Uuid,
    id: Uuid,
    number_id: Uuid,
    last_sequence: i64,
}

/// Puts batches together, for the organizations that are one connection's alone, so that two never wait for each other.
struct Maker {
    conversations: Vec<Conversation>,
    sequences: HashMap<Uuid, i64>,
    random: Random,
    made: u64,
}

impl Maker {
    async fn load(client: &Client, nth: usize, lanes: usize) -> Result<Self> {
        let organizations = "SELECT organization_id, last FROM wazapp.organization_sequence ORDER BY organization_id";
        let organizations = client.query(organizations, &[]).await?;
        let own = organizations.iter().skip(nth).step_by(lanes);
        let sequences: HashMap<Uuid, i64> = own.map(|row| (row.get(0), row.get(1))).collect();

        let conversations =
            "SELECT organization_id, id, number_id, last_sequence FROM wazapp.conversation ORDER BY 1, 2";
        let conversations = client.query(conversations, &[]).await?.into_iter().map(|row| Conversation {
            organization_id: row.get(0),
            id: row.get(1),
            number_id: row.get(2),
            last_sequence: row.get(3),
        });
        let conversations = conversations.filter(|one| sequences.contains_key(&one.organization_id)).collect();
        let first = clock::timestamp().as_nanosecond() as u64;
        Ok(Self { conversations, sequences, random: Random(nth as u64 + 1), made: first })
    }

    /// Sorted by key, as everything that writes does.
    fn next(&mut self) -> Batch {
        let conversations = self.conversations.len() as u64;
        let mut picked: Vec<usize> = (0..BATCH).map(|_| self.random.below(conversations) as usize).collect();
        picked.sort_unstable();
        let (mut batch, now) = (Batch::default(), clock::timestamp());
        for index in picked {
            self.made += 1;
            let conversation = &mut self.conversations[index];
            conversation.last_sequence += 1;
            let sequence = self.sequences.entry(conversation.organization_id).or_default();
            *sequence += 1;
            batch.add(conversation, *sequence, now, self.made, body::text(&mut self.random));
        }
        batch
    }
}

/// The columns of 200 messages, and of the rows that change with them.
#[derive(Default)]
struct Batch {
    organization: Vec<Uuid>,
    id: Vec<Uuid>,
    conversation: Vec<Uuid>,
    number: Vec<Uuid>,
    sequence: Vec<i64>,
    text: Vec<&'static str>,
    payload: Vec<String>,
    wamid: Vec<String>,
    event: Vec<Uuid>,
    event_sequence: Vec<i64>,
    at: Timestamp,
    /// By organization and conversation: how many messages, the last one's sequence and id.
    conversations: BTreeMap<(Uuid, Uuid), (i32, i64, Uuid)>,
    organizations: BTreeMap<Uuid, i64>,
}

impl Batch {
    fn add(&mut self, conversation: &Conversation, event_sequence: i64, now: Timestamp, n: u64, text: &'static str) {
        let &Conversation { organization_id, id: conversation_id, number_id, last_sequence } = conversation;
        let writer = Writer { organization: (n % 1000) as u32, contact: (n % 100) as u32 };
        let id = Uuid::now_v7();
        self.organization.push(organization_id);
        self.id.push(id);
        self.conversation.push(conversation_id);
        self.number.push(number_id);
        self.sequence.push(last_sequence);
        self.text.push(text);
        self.payload.push(body::message(writer, n, now.as_second(), text));
        self.wamid.push(body::wamid(writer, n));
        self.event.push(Uuid::now_v7());
        self.event_sequence.push(event_sequence);
        self.at = now;
        let changed = self.conversations.entry((organization_id, conversation_id)).or_insert((0, 0, id));
        *changed = (changed.0 + 1, last_sequence, id);
        self.organizations.insert(organization_id, event_sequence);
    }
}

/// The statements of a batch.
struct Write {
    sequences: Statement,
    messages: Statement,
    conversations: Statement,
    events: Statement,
}

impl Write {
    async fn prepare(client: &Client) -> Result<Self> {
        Ok(Self {
            sequences: client
                .prepare(
                    "UPDATE wazapp.organization_sequence AS mine SET last = new.last
                     FROM unnest($1::uuid[], $2::int8[]) AS new (organization_id, last)
                     WHERE mine.organization_id = new.organization_id",
                )
                .await?,
            messages: client
                .prepare(
                    "INSERT INTO wazapp.message (organization_id, id, conversation_id, number_id, sequence, direction,
                                                 origin, type, text, payload, wamid, timestamp, received_at)
                     SELECT organization_id, id, conversation_id, number_id, sequence, 'inbound',
                            'customer', 'text', text, payload::json, wamid, $9, $9
                     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int8[], $6::text[], $7::text[],
                                 $8::text[])
                          AS new (organization_id, id, conversation_id, number_id, sequence, text, payload, wamid)
                     ON CONFLICT DO NOTHING",
                )
                .await?,
            conversations: client
                .prepare(
                    "UPDATE wazapp.conversation AS mine
                     SET unread_count = unread_count + new.messages, last_sequence = new.sequence,
                         last_message_id = new.message_id, last_message_at = $6, last_inbound_at = $6,
                         window_expires_at = $7, state = 'active', updated_at = $6
                     FROM unnest($1::uuid[], $2::uuid[], $3::int4[], $4::int8[], $5::uuid[])
                          AS new (organization_id, id, messages, sequence, message_id)
                     WHERE mine.organization_id = new.organization_id AND mine.id = new.id",
                )
                .await?,
            events: client
                .prepare(
                    "INSERT INTO wazapp.event (organization_id, sequence, id, type, timestamp, subject_id)
                     SELECT organization_id, sequence, id, 'message.received', $5, subject_id
                     FROM unnest($1::uuid[], $2::int8[], $3::uuid[], $4::uuid[])
                          AS new (organization_id, sequence, id, subject_id)",
                )
                .await?,
        })
    }

    /// One transaction, all of it sent at once.
    async fn batch(&self, client: &Client, batch: &Batch) -> Result<()> {
        let sequences: (Vec<Uuid>, Vec<i64>) = batch.organizations.iter().unzip();
        let keys: (Vec<Uuid>, Vec<Uuid>) = batch.conversations.keys().copied().unzip();
        let counts: Vec<i32> = batch.conversations.values().map(|changed| changed.0).collect();
        let last: (Vec<i64>, Vec<Uuid>) = batch.conversations.values().map(|changed| (changed.1, changed.2)).unzip();
        let window = batch.at + SignedDuration::from_hours(24);
        let sequences = async { client.execute(&self.sequences, &[&sequences.0, &sequences.1]).await };
        let Batch { organization, id, conversation, number, sequence, text, payload, wamid, at, .. } = batch;
        let messages = async {
            let values: [&(dyn ToSql + Sync); 9] =
                [organization, id, conversation, number, sequence, text, payload, wamid, at];
            client.execute(&self.messages, &values).await
        };
        let conversations = async {
            let values: [&(dyn ToSql + Sync); 7] = [&keys.0, &keys.1, &counts, &last.0, &last.1, at, &window];
            client.execute(&self.conversations, &values).await
        };
        let events =
            async { client.execute(&self.events, &[organization, &batch.event_sequence, &batch.event, id, at]).await };
        futures::try_join!(
            client.batch_execute("BEGIN"),
            sequences,
            messages,
            conversations,
            events,
            client.batch_execute("COMMIT"),
        )
        .map(drop)
        .context("a batch")
    }
}
