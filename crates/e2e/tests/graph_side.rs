//! The Graph-compatible side: what programs see that were written for Meta, with wazapp and a simulated Meta behind it. Not
//! one answer shows Meta's token.

mod asking;
mod foreign;
mod media;
mod messages;
mod shared;
mod waiting;
mod written;

use std::sync::Mutex;

use e2e::{Organization, SimulatedNumber, World};
use reqwest::Method;
use serde_json::{Value, json};

const LUCIA: &str = "34600111222";

/// Two organizations with a number each, in accounts of two portfolios. Lucía has written to the first just now.
struct Stage {
    world: World,
    organization: Organization,
    number: SimulatedNumber,
    stranger: Organization,
    strangers_number: SimulatedNumber,
    /// Everything that was answered, with its headers.
    answers: Mutex<Vec<String>>,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    fn code(&self) -> i64 {
        self.body["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {} {}", self.status, self.body))
    }

    fn details(&self) -> &str {
        self.body["error"]["error_data"]["details"].as_str().unwrap_or_else(|| panic!("no details: {}", self.body))
    }
}

impl Stage {
    async fn new() -> Self {
        let world = World::simulated().await;
        let organization = world.organization("Café Lucero").await;
        let stranger = world.organization("Harbor & Pine").await;
        let numbers = world.meta().numbers().await;
        let number = numbers[0].clone();
        let others = numbers.into_iter().find(|other| other.business_id != number.business_id);
        let strangers_number = others.expect("another portfolio");
        world.connect_simulated(&organization, &number).await;
        world.connect_simulated(&stranger, &strangers_number).await;
        world.meta().customer_says(&number, LUCIA, "¿Están abiertos?").await;
        world.settle().await;
        Self { world, organization, number, stranger, strangers_number, answers: Mutex::default() }
    }

    /// A second number in the account of the organization's.
    async fn beside(&self) -> SimulatedNumber {
        let own = &self.number;
        let is_beside =
            |other: &SimulatedNumber| other.waba_id == own.waba_id && other.phone_number_id != own.phone_number_id;
        let numbers = self.world.meta().numbers().await;
        numbers.into_iter().find(is_beside).expect("a second number in the account")
    }

    /// A call as the organization.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.ask_as(&self.organization.key, method, path, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    async fn ask_as(&self, key: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}/v23.0/{path}", self.world.url());
        let mut request = self.world.client().request(method, url).bearer_auth(key);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.heard(request).await
    }

    /// Makes a request, and keeps its answer.
    async fn heard(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.expect("a whole answer");
        self.answers.lock().unwrap().push(format!("{headers:?} {text}"));
        assert_eq!(headers["content-type"], "application/json; charset=UTF-8", "{text}");
        assert!(headers.contains_key("x-fb-trace-id"), "{headers:?}");
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"));
        if let Some(error) = body.get("error") {
            assert!(error["message"].is_string() && error["type"].is_string() && error["code"].is_i64(), "{error}");
            assert_eq!(error["fbtrace_id"], headers["x-fb-trace-id"].to_str().unwrap(), "{error}");
            assert!(status >= 400, "{status} {error}");
        }
        Answer { status, body }
    }

    /// Sends a text to Lucía.
    async fn says(&self, text: &str) -> Answer {
        self.send(json!({ "to": LUCIA, "text": { "body": text } })).await
    }

    /// Sends a text to Lucía, and hangs up as soon as a count is one.
    async fn hang_up(&self, text: &str, when: &str) {
        tokio::select! {
            answer = self.says(text) => panic!("it was answered: {answer:?}"),
            () = self.world.until("it is time to hang up", async || self.world.count(when).await == 1) => {}
        }
    }

    async fn send(&self, message: Value) -> Answer {
        let mut body = message;
        body["messaging_product"] = "whatsapp".into();
        self.ask(Method::POST, &format!("{}/messages", self.number.phone_number_id), Some(body)).await
    }

    /// The organization's outbound messages, oldest first.
    async fn outbound(&self) -> Vec<Value> {
        let all = self.world.all_messages(&self.organization).await;
        let mut all: Vec<Value> = all.into_iter().filter(|message| message["direction"] == "outbound").collect();
        all.sort_by_key(|message| message["sequence"].as_i64());
        all
    }

    /// What Meta truly accepted on the organization's number.
    async fn accepted(&self) -> Vec<Value> {
        self.world.meta().accepted(&self.number).await
    }

    /// Ends the world; not one answer showed what is Meta's.
    async fn end(self) {
        let numbers = self.world.meta().numbers().await;
        for answer in self.answers.into_inner().unwrap() {
            for secret in numbers.iter().map(|number| number.token.as_str()).chain([self.world.secret()]) {
                assert!(!answer.contains(secret), "a secret shows: {answer}");
            }
            for word in ["access_token=", "appsecret_proof", &self.world.meta().url()[7..]] {
                assert!(!answer.contains(word), "{word} shows: {answer}");
            }
        }
        self.world.settle().await;
        self.world.end().await;
    }
}

/// The part of a template that has words.
fn body(text: &str) -> Value {
    json!({ "type": "BODY", "text": text })
}
