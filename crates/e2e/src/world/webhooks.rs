//! Webhooks as Meta sends them, and how to wait until they are applied.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::Instant;
use whatsapp::signature;

use super::{World, client};
use crate::body;
use crate::wait::{PATIENCE, until};

/// Where to post webhooks, and with what secret; can be taken to other tasks.
#[derive(Clone, Debug)]
pub struct Posts {
    client: reqwest::Client,
    url: String,
    secret: String,
}

impl Posts {
    /// One connection of its own for each of these.
    pub fn new(url: &str, secret: &str) -> Self {
        Self::through(client(), url, secret)
    }

    /// The same by a client of the test's choice.
    pub fn through(client: reqwest::Client, url: &str, secret: &str) -> Self {
        Self { client, url: url.to_owned(), secret: secret.to_owned() }
    }

    /// Posts a signed body to `/webhook`.
    pub async fn post(&self, body: impl AsRef<[u8]>) -> u16 {
        self.try_post(body.as_ref()).await.expect("an answer")
    }

    /// Posts a signed body to `/webhook`; an error where the connection broke.
    pub async fn try_post(&self, body: &[u8]) -> Result<u16> {
        post(&self.client, &self.url, "/webhook", &self.secret, body).await
    }

    /// Posts a signed body to another path.
    pub async fn post_to(&self, path: &str, body: &[u8]) -> u16 {
        post(&self.client, &self.url, path, &self.secret, body).await.expect("an answer")
    }
}

impl World {
    /// Posts a signed body to `/webhook`.
    pub async fn post(&self, body: impl AsRef<[u8]>) -> u16 {
        self.post_to("/webhook", self.secret(), body.as_ref()).await
    }

    /// Posts a body, signed with this secret, to this path.
    pub async fn post_to(&self, path: &str, secret: &str, body: &[u8]) -> u16 {
        post(&self.client, &self.url, path, secret, body).await.expect("an answer")
    }

    /// Posts a signed body, which must be taken, and waits until it is applied.
    pub async fn receive(&self, value: &Value) {
        self.take(value).await;
        self.drain().await;
    }

    /// Posts a signed body, which must be taken.
    pub async fn take(&self, value: &Value) {
        assert_eq!(self.post(body::bytes(value)).await, 200, "{value}");
    }

    /// A poster for other tasks.
    pub fn posts(&self) -> Posts {
        Posts::new(&self.url, self.secret())
    }

    /// Waits until every body received is applied.
    pub async fn drain(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = self
                .sql
                .query(
                    "SELECT i.lane, count(*) AS bodies, min(i.position) AS first FROM wazapp.inbound i
                     -- A stream is forgotten once all of it is applied.
                     JOIN wazapp.stream s ON s.id = i.stream_id
                     LEFT JOIN wazapp.lane_cursor c ON c.lane = i.lane AND c.stream_id = i.stream_id
                     WHERE i.position > coalesce(c.position, 0) GROUP BY i.lane, i.stream_id",
                    &[],
                )
                .await
                .expect("the inbound log can be read");
            if left.is_empty() {
                return;
            }
            if Instant::now() > deadline {
                let left: Vec<String> = left
                    .iter()
                    .map(|row| {
                        let (lane, bodies): (i16, i64) = (row.get(0), row.get(1));
                        let first: i64 = row.get(2);
                        format!("lane {lane}: {bodies} from position {first} on")
                    })
                    .collect();
                panic!("not applied after {PATIENCE:?}: {}", left.join("; "));
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, holds: impl AsyncFnMut() -> bool) {
        until(what, holds).await;
    }
}

async fn post(client: &reqwest::Client, url: &str, path: &str, secret: &str, body: &[u8]) -> Result<u16> {
    let answer = client
        .post(format!("{url}{path}"))
        .header(signature::HEADER, signature::sign(secret, body))
        .header("content-type", "application/json")
        .body(body.to_vec())
        .send()
        .await
        .context("no answer")?;
    Ok(answer.status().as_u16())
}
