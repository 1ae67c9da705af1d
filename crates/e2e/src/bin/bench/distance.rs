//! A database 20 ms away, and what an application that writes message by message makes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::body::{self, Random, Shape, Writer};
use crate::exact::Exactness;
use crate::measure::median;
use crate::proxy::Proxy;
use crate::source::Pick;
use crate::stage::{Bench, DUPLICATES, Phase, say};
use crate::{clock, cluster};

/// Each way.
const DELAY: Duration = Duration::from_millis(10);
/// The pool of the application that writes message by message.
const POOL: usize = 16;

#[derive(Debug, Serialize)]
pub(crate) struct Distance {
    pub(crate) round_trip_ms: f64,
    pub(crate) wazapp: Phase,
    /// Messages a second, one transaction each, with the look-ups and rows that wazapp has: 8 round trips.
    pub(crate) per_message: f64,
    /// The same, cut down to what cannot be left out: 4 round trips.
    pub(crate) per_message_least: f64,
}

pub(crate) async fn run(bench: &Bench<'_>) -> Result<(Distance, Exactness)> {
    let proxy = Proxy::start(bench.cluster.address(), DELAY).await?;
    let mut stage = bench.stage("distance", proxy.address()).await?;
    let time = Duration::from_secs(bench.options.scale(10, 4));
    let wazapp = stage.closed("database 20 ms away", 256, time, Pick::Anyone, DUPLICATES).await?;
    let (_, exactness) = stage.end().await?;

    bench.copy("per_message").await?;
    let time = Duration::from_secs(bench.options.scale(6, 3));
    let distance = Distance {
        round_trip_ms: round_trip(&proxy).await?,
        wazapp,
        per_message: per_message(bench, &proxy, Style::Usual, time).await?,
        per_message_least: per_message(bench, &proxy, Style::Least, time).await?,
    };
    bench.cluster.remove("per_message").await?;
    say(&format!(
        "message by message, pool of {POOL}: {:.0}/s (8 round trips), {:.0}/s (4) of {:.1} ms",
        distance.per_message, distance.per_message_least, distance.round_trip_ms
    ));
    Ok((distance, exactness))
}

async fn round_trip(proxy: &Proxy) -> Result<f64> {
    let client = cluster::connect(proxy.address(), "per_message").await?;
    let mut took = Vec::new();
    for _ in 0..20 {
        let began = clock::now();
        client.simple_query("SELECT 1").await?;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(median(took))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Usual,
    Least,
}

/// Messages a second of an application with a pool of 16, one transaction for each.
async fn per_message(bench: &Bench<'_>, proxy: &Proxy, style: Style, time: Duration) -> Result<f64> {
    let mut connections = Vec::new();
    let numbers = Arc::new(AtomicU64::new(clock::timestamp().as_nanosecond() as u64));
    for nth in 0..POOL as u64 {
        let client = cluster::connect(proxy.address(), "per_message").await?;
        let app = App::new(client, bench.shape, nth, Arc::clone(&numbers))
            .await
            .context("the application to compare with")?;
        connections.push(app);
    }
    let began = clock::now();
    let mut tasks = JoinSet::new();
    for app in connections {
        tasks.spawn(app.run(style, began + time));
    }
    let mut messages = 0;
    while let Some(task) = tasks.join_next().await {
        messages += task??;
    }
    Ok(messages as f64 / began.elapsed().as_secs_f64())
}

/// One connection of the application's pool.
struct App {
    client: Client,
    claim: Statement,
    conversation: Statement,
    sequence: Statement,
    update: Statement,
    insert: Statement,
    event: Statement,
    shape: Shape,
    random: Random,
    numbers: Arc<AtomicU64>,
}

impl App {
    async fn new(client: Client, shape: Shape, nth: u64, numbers: Arc<AtomicU64>) -> Result<Self> {
        Ok(Self {
            claim: client
                .prepare("SELECT organization_id, number_id FROM wazapp.number_claim WHERE phone_number_id = $1")
                .await?,
            conversation: client
                .prepare(
                    "SELECT conversation.id FROM wazapp.contact_identity AS name
                     JOIN wazapp.conversation USING (organization_id, contact_id)
                     WHERE name.organization_id = $1 AND name.kind = 'wa_id' AND name.value = $2 AND number_id = $3",
                )
                .await?,
            sequence: client
                .prepare(
                    "UPDATE wazapp.organization_sequence SET last = last + 1 WHERE organization_id = $1 RETURNING last",
                )
                .await?,
            update: client
                .prepare(
                    "UPDATE wazapp.conversation
                     SET unread_count = unread_count + 1, last_sequence = last_sequence + 1, last_message_id = $3,
                         last_message_at = $4, last_inbound_at = $4, state = 'active', updated_at = $4
                     WHERE organization_id = $1 AND id = $2 RETURNING last_sequence",
                )
                .await?,
            insert: client
                .prepare(
                    "INSERT INTO wazapp.message (organization_id, id, conversation_id, number_id, sequence, direction,
                                                 origin, type, text, payload, wamid, timestamp, received_at)
                     VALUES ($1, $2, $3, $4, $5, 'inbound', 'customer', 'text', $6, $7::text::json, $8, $9, $9)
                     ON CONFLICT (organization_id, number_id, wamid) DO NOTHING",
                )
                .await?,
            event: client
                .prepare(
                    "INSERT INTO wazapp.event (organization_id, sequence, id, type, timestamp, subject_id)
                     VALUES ($1, $2, $3, 'message.received', $4, $5)",
                )
                .await?,
            client,
            shape,
            random: Random(nth + 1),
            numbers,
        })
    }

    async fn run(mut self, style: Style, end: Instant) -> Result<u64> {
        let mut messages = 0;
        let mut known = None;
        while clock::now() < end {
            let writer = self.next_writer();
            // The least knows its conversation: one of its own, so that no other connection waits for it.
            if style == Style::Least && known.is_none() {
                known = Some(self.route(writer).await?);
            }
            self.message(style, writer, known).await?;
            messages += 1;
        }
        Ok(messages)
    }

    fn next_writer(&mut self) -> Writer {
        Writer {
            organization: self.random.below(self.shape.organizations.into()) as u32,
            contact: self.random.below(self.shape.contacts.into()) as u32,
        }
    }

    /// Organization, number and conversation: 2 round trips.
    async fn route(&self, writer: Writer) -> Result<(Uuid, Uuid, Uuid)> {
        let claim = self.client.query_one(&self.claim, &[&body::phone_number_id(writer.organization)]).await?;
        let (organization_id, number_id): (Uuid, Uuid) = (claim.get(0), claim.get(1));
        let found = self.client.query_one(&self.conversation, &[&organization_id, &writer.wa_id(), &number_id]).await?;
        Ok((organization_id, number_id, found.get(0)))
    }

    /// One transaction, statement by statement.
    async fn message(&mut self, style: Style, writer: Writer, known: Option<(Uuid, Uuid, Uuid)>) -> Result<()> {
        self.client.batch_execute("BEGIN").await?;
        let (organization_id, number_id, conversation_id) = match known {
            Some(known) => known,
            None => self.route(writer).await?,
        };
        let event_sequence: Option<i64> = match style {
            Style::Usual => Some(self.client.query_one(&self.sequence, &[&organization_id]).await?.get(0)),
            Style::Least => None,
        };
        let (id, now) = (Uuid::now_v7(), clock::timestamp());
        let updated = self.client.query_one(&self.update, &[&organization_id, &conversation_id, &id, &now]).await?;
        let sequence: i64 = updated.get(0);
        let (n, text) = (self.numbers.fetch_add(1, Ordering::Relaxed), body::text(&mut self.random));
        let (payload, wamid) = (body::message(writer, n, now.as_second(), text), body::wamid(writer, n));
        self.client
            .execute(
                &self.insert,
                &[&organization_id, &id, &conversation_id, &number_id, &sequence, &text, &payload, &wamid, &now],
            )
            .await?;
        if let Some(sequence) = event_sequence {
            self.client.execute(&self.event, &[&organization_id, &sequence, &Uuid::now_v7(), &now, &id]).await?;
        }
        self.client.batch_execute("COMMIT").await?;
        Ok(())
    }
}
