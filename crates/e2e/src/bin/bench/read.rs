//! Reading through the API in an organization that has much, beside one that has little: what a list and a thread cost must not
//! grow with what is there.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::measure::Spread;
use crate::stage::{Bench, say};
use crate::{clock, statements, world};

/// Rows of a page.
const PAGE: usize = 50;
/// Each is read so often for warmth before it counts.
const WARM: usize = 50;

/// What an organization has.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Size {
    pub(crate) conversations: i64,
    pub(crate) messages: i64,
    /// Of them, in the longest conversation.
    pub(crate) longest: i64,
}

/// What one reading took in both.
#[derive(Debug, Serialize)]
pub(crate) struct Reading {
    pub(crate) what: &'static str,
    pub(crate) much: Spread,
    pub(crate) little: Spread,
}

#[derive(Debug, Serialize)]
pub(crate) struct Read {
    pub(crate) much: Size,
    pub(crate) little: Size,
    /// Each of so many others, beside which both are read.
    pub(crate) others: (u32, Size),
    pub(crate) readings: Vec<Reading>,
}

/// What is read, with the path below the API's; `{}` is the longest conversation.
const READINGS: [(&str, &str); 4] = [
    ("conversations, newest first", "/conversations?limit=50"),
    ("those that wait for an answer", "/conversations?state=active&limit=50"),
    ("the longest conversation's newest messages", "/conversations/{}/messages?limit=50"),
    ("contacts", "/contacts?limit=50"),
];

pub(crate) async fn run(bench: &Bench<'_>) -> Result<Read> {
    let setup = bench.copy("read").await?;
    let client = bench.cluster.connect("read").await?;
    let (conversations, messages) = bench.options.scale((10_000, 1_000_000), (1_000, 100_000));
    let much = Size { conversations, messages, longest: messages / 20 };
    let little = Size { conversations: 240, messages: 1_000, longest: 100 };
    let ids = [bench.organization(0), bench.organization(1)];
    // Five million in all.
    let other = Size { conversations: 50, messages: 5_000, longest: 500 };
    let others = bench.options.scale(998, 10);
    say(&format!(
        "read: {messages} messages in one organization, {} in another, {} in each of {others} others",
        little.messages, other.messages
    ));
    let mut longest = Vec::new();
    for (id, size) in ids.iter().zip([much, little]) {
        longest.push(fill(&client, *id, size).await?);
    }
    for nth in 0..others {
        fill(&client, bench.organization(2 + nth), other).await?;
    }
    say("filled");
    client.batch_execute("VACUUM (ANALYZE)").await?;
    let keys = world::keys(&client, &ids).await?;
    if bench.options.statements {
        statements::reset(&bench.cluster.connect("postgres").await?).await?;
    }
    let mut server = setup.serve().await?;
    let mut reader = Reader { http: Client::builder().no_proxy().build()?, at: server.address(), keys, longest };
    let times = bench.options.scale(1_000, 300);
    let mut readings = Vec::new();
    for (what, path) in READINGS {
        let reading = reader.read(what, path, times).await.with_context(|| what.to_owned())?;
        say(&format!("{what}: {} where there is much, {} where there is little", reading.much, reading.little));
        readings.push(reading);
    }
    server.stop();
    drop(client);
    if bench.options.statements {
        statements::tell(&bench.cluster.connect("postgres").await?, "read").await?;
    }
    bench.cluster.remove("read").await?;
    Ok(Read { much, little, others: (others, other), readings })
}

struct Reader {
    http: Client,
    at: SocketAddr,
    keys: Vec<String>,
    longest: Vec<Uuid>,
}

impl Reader {
    /// One after the other, in turns: whatever else the machine does, it does to both.
    async fn read(&mut self, what: &'static str, path: &str, times: usize) -> Result<Reading> {
        let mut took = [Vec::new(), Vec::new()];
        for nth in 0..times + WARM {
            for (of, took) in took.iter_mut().enumerate() {
                let path = path.replace("{}", &self.longest[of].to_string());
                let request =
                    self.http.get(format!("http://{}/api/v1{path}", self.at)).bearer_auth(&self.keys[of]).build()?;
                let began = clock::now();
                let answer = self.http.execute(request).await?;
                let (status, body) = (answer.status(), answer.bytes().await?);
                let micros = began.elapsed().as_micros();
                ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
                if nth >= WARM {
                    took.push(u32::try_from(micros).unwrap_or(u32::MAX));
                } else {
                    let page: Value = serde_json::from_slice(&body)?;
                    let rows = page["data"].as_array().map_or(0, Vec::len);
                    ensure!(rows == PAGE, "{rows} rows instead of {PAGE}");
                }
            }
        }
        let [much, little] = took.map(Spread::of);
        Ok(Reading { what, much, little })
    }
}

/// Fills an organization; answers its longest conversation.
async fn fill(client: &tokio_postgres::Client, organization: Uuid, size: Size) -> Result<Uuid> {
    let Size { conversations, messages, longest } = size;
    // Ids of their own beside those that are there, in order, as UUIDv7 are.
    let id = "('11111111-' || substr(n.hex, 1, 4) || '-7000-8000-' || substr(n.hex, 5, 12))::uuid";
    let contacts = format!(
        "INSERT INTO wazapp.contact (organization_id, id, profile_name, wa_id)
         SELECT $1, {id}, 'Cliente ' || n.nth, '59' || (100000000 + n.nth)
         FROM (SELECT nth, lpad(to_hex(nth), 16, '0') AS hex FROM generate_series(0, $2::bigint - 1) nth) n"
    );
    client.execute(&contacts, &[&organization, &conversations]).await.context("contacts")?;
    let threads = format!(
        "INSERT INTO wazapp.conversation (organization_id, id, number_id, contact_id, state, last_message_at)
         SELECT $1, {id}, b.id, {id}, (ARRAY['active', 'waiting', 'resolved'])[1 + n.nth % 3], now()
         FROM (SELECT nth, lpad(to_hex(nth), 16, '0') AS hex FROM generate_series(0, $2::bigint - 1) nth) n
         CROSS JOIN (SELECT id FROM wazapp.number WHERE organization_id = $1) b"
    );
    client.execute(&threads, &[&organization, &conversations]).await.context("conversations")?;
    let rows = format!(
        "INSERT INTO wazapp.message (organization_id, id, conversation_id, number_id, sequence, direction, origin, type, text,
           payload, wamid, status, timestamp, received_at)
         SELECT $1, {id}, v.id, v.number_id, n.sequence,
           CASE WHEN n.nth % 2 = 0 THEN 'inbound' ELSE 'outbound' END, CASE WHEN n.nth % 2 = 0 THEN 'webhook' ELSE 'api' END,
           'text', 'Mensaje ' || n.nth, json_build_object('type', 'text', 'text', json_build_object('body', 'Mensaje ' || n.nth)),
           'wamid.READ' || n.nth, CASE WHEN n.nth % 2 = 1 THEN 'read' END, n.at, n.at
         FROM (SELECT nth, lpad(to_hex(nth), 16, '0') AS hex, now() - ($3 - nth) * interval '2 seconds' AS at,
                 CASE WHEN nth < $4 THEN 0 ELSE 1 + (nth - $4) % ($2::bigint - 1) END AS thread,
                 CASE WHEN nth < $4 THEN nth ELSE (nth - $4) / ($2::bigint - 1) END + 1 AS sequence
               FROM generate_series(0, $3::bigint - 1) nth) n
         JOIN wazapp.conversation v ON v.organization_id = $1
           AND v.id = ('11111111-0000-7000-8000-' || lpad(to_hex(n.thread), 12, '0'))::uuid"
    );
    client.execute(&rows, &[&organization, &conversations, &messages, &longest]).await.context("messages")?;
    client
        .execute(
            "UPDATE wazapp.conversation v SET last_sequence = l.sequence, last_message_id = l.id, last_message_at = l.timestamp,
               last_inbound_at = l.timestamp, window_expires_at = l.timestamp + interval '24 hours',
               unread_count = CASE WHEN v.state = 'active' THEN 1 ELSE 0 END
             FROM (SELECT DISTINCT ON (conversation_id) conversation_id, id, sequence, timestamp FROM wazapp.message
                   WHERE organization_id = $1 ORDER BY conversation_id, sequence DESC) l
             WHERE v.organization_id = $1 AND v.id = l.conversation_id",
            &[&organization],
        )
        .await
        .context("last messages")?;
    Ok("11111111-0000-7000-8000-000000000000".parse()?)
}
