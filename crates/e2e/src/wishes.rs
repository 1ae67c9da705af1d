//! A program that sends message after message, and asks for each under its key until it is taken.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::meta::{Meta, SimulatedNumber};

/// Between two messages, and between two tries.
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// The program at work.
#[derive(Debug)]
pub struct Wishes {
    task: JoinHandle<Vec<String>>,
    stop: CancellationToken,
}

impl Wishes {
    /// Begins: each message goes to somebody new, and to the next of the servers; what one does not take, the next one is asked.
    pub async fn begin(urls: &[&str], key: &str, meta: &Meta, number: &SimulatedNumber) -> Self {
        let client = crate::outside::http().timeout(Duration::from_secs(10)).build().expect("a client");
        let numbers = client.get(format!("{}/api/v1/numbers", urls[0])).bearer_auth(key).send().await;
        let numbers = json_of(numbers.expect("an answer")).await.expect("a whole answer");
        let number_id = numbers["data"][0]["id"].clone();
        let template = meta.simple_template(number).await;
        let asked: Vec<_> =
            urls.iter().map(|url| client.post(format!("{url}/api/v1/messages")).bearer_auth(key)).collect();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut taken = Vec::new();
            for nth in 0_usize.. {
                if stopped.is_cancelled() {
                    break;
                }
                let to = format!("346{nth:08}");
                let body = json!({ "number_id": number_id, "to": to, "type": "template", "template": template });
                taken.push(until_taken(&asked, nth, &body.to_string()).await);
                tokio::time::sleep(PAUSE).await;
            }
            taken
        });
        Self { task, stop }
    }

    /// Ends with the message at hand; answers the ids of all that were taken.
    pub async fn stop(self) -> Vec<String> {
        self.stop.cancel();
        self.task.await.expect("a program sees nothing but 202, 500, 503 and broken connections")
    }
}

async fn until_taken(asked: &[reqwest::RequestBuilder], nth: usize, body: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    for asked in asked.iter().cycle().skip(nth % asked.len()) {
        let asked = asked.try_clone().expect("it has no body yet").header("idempotency-key", format!("wish-{nth}"));
        if let Ok(answer) = asked.header("content-type", "application/json").body(body.to_owned()).send().await {
            let status = answer.status().as_u16();
            match json_of(answer).await {
                Some(answer) if status == 202 => return answer["id"].as_str().expect("an id").to_owned(),
                Some(answer) => assert!([500, 503].contains(&status), "{status}: {answer}"),
                None => {}
            }
        }
        assert!(Instant::now() < deadline, "a message is never taken");
        tokio::time::sleep(PAUSE).await;
    }
    unreachable!("there is a server")
}

/// None: it broke off.
async fn json_of(answer: reqwest::Response) -> Option<Value> {
    Some(serde_json::from_str(&answer.text().await.ok()?).expect("JSON"))
}

/// How often Meta truly accepted each message, by our ids.
pub async fn accepted(meta: &Meta, number: &SimulatedNumber) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in meta.accepted(number).await {
        let ours = row["request"]["biz_opaque_callback_data"].as_str().expect("our id").to_owned();
        *counts.entry(ours).or_default() += 1;
    }
    counts
}
