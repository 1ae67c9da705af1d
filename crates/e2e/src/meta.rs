//! Meta's side of a world, steered and observed from outside, over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Options, Simulator};
use tokio::net::TcpListener;

use crate::wait::{PATIENCE, until};

/// A number out of the box, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedNumber {
    /// Meta's id.
    pub phone_number_id: String,
    /// Digits with the country code.
    pub digits: String,
    /// Its account.
    pub waba_id: String,
    /// Its portfolio.
    pub business_id: String,
    /// Opens the account.
    pub token: String,
}

/// A simulator in this process, on a port of its own.
#[derive(Debug)]
pub struct Meta {
    running: Simulator,
    url: String,
    client: reqwest::Client,
}

impl Meta {
    /// Starts one.
    pub async fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let running = Simulator::start(options, listener).expect("the simulator starts");
        let client = crate::outside::http().timeout(PATIENCE).user_agent("wazapp-tests");
        Self { url: running.url(), running, client: client.build().expect("an HTTP client") }
    }

    /// Where it listens, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it.
    pub async fn stop(self) {
        self.running.stop().await;
    }

    /// A request to a path; an error where no whole answer came.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<(u16, String), reqwest::Error> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await?))
    }

    /// A Graph call; answers status and JSON.
    pub async fn graph(&self, method: Method, path: &str, token: &str, body: Option<&Value>) -> (u16, Value) {
        let path = format!("/v26.0/{path}");
        let (status, text) = self.request(method, &path, Some(token), body).await.expect("an answer");
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path} answers no JSON ({error}): {text}")))
    }

    /// A call below `/_sim` that must succeed.
    pub async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let path = format!("/_sim/{path}");
        let (status, text) = self.request(method, &path, None, body).await.expect("an answer");
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// `/_sim/state`.
    pub async fn state(&self) -> Value {
        self.control(Method::GET, "state", None).await
    }

    /// The numbers out of the box.
    pub async fn numbers(&self) -> Vec<SimulatedNumber> {
        let state = self.state().await;
        let word = |value: &Value| value.as_str().expect("text").to_owned();
        let mut all = Vec::new();
        for business in state["businesses"].as_array().expect("a list") {
            for waba in business["wabas"].as_array().expect("a list") {
                for number in waba["numbers"].as_array().expect("a list") {
                    all.push(SimulatedNumber {
                        phone_number_id: word(&number["phone_number_id"]),
                        digits: word(&number["display_phone_number"]),
                        waba_id: word(&waba["id"]),
                        business_id: word(&business["id"]),
                        // Of a sign-up there is none before its code is exchanged.
                        token: waba["token"].as_str().unwrap_or_default().to_owned(),
                    });
                }
            }
        }
        all
    }

    /// A customer writes; answers the wamid.
    pub async fn customer_sends(&self, number: &SimulatedNumber, from: &str, message: Value) -> String {
        let mut body = message;
        body["phone_number_id"] = number.phone_number_id.clone().into();
        body["from"] = from.into();
        let answer = self.control(Method::POST, "messages", Some(&body)).await;
        answer["id"].as_str().expect("a wamid").to_owned()
    }

    /// A customer writes a text; answers the wamid.
    pub async fn customer_says(&self, number: &SimulatedNumber, from: &str, text: &str) -> String {
        self.customer_sends(number, from, json!({ "type": "text", "text": { "body": text } })).await
    }

    /// A send by the business, as it is answered; an error where no whole answer came.
    pub async fn try_send(
        &self,
        number: &SimulatedNumber,
        to: &str,
        message: Value,
    ) -> Result<(u16, String), reqwest::Error> {
        let mut body = message;
        body["messaging_product"] = "whatsapp".into();
        body["to"] = to.into();
        let path = format!("/v26.0/{}/messages", number.phone_number_id);
        self.request(Method::POST, &path, Some(&number.token), Some(&body)).await
    }

    /// A text of the business that must be accepted; answers the wamid.
    pub async fn business_says(&self, number: &SimulatedNumber, to: &str, text: &str) -> String {
        let message = json!({ "type": "text", "text": { "body": text } });
        let (status, answer) = self.try_send(number, to, message).await.expect("an answer");
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        answer["messages"][0]["id"].as_str().expect("a wamid").to_owned()
    }

    /// Puts faults in force.
    pub async fn faults(&self, faults: Value) {
        self.control(Method::POST, "faults", Some(&faults)).await;
    }

    /// Ends all faults.
    pub async fn no_faults(&self) {
        self.control(Method::DELETE, "faults", None).await;
    }

    /// How often each kind of fault in force, or used up, struck.
    pub async fn struck(&self) -> BTreeMap<String, u64> {
        let faults = self.control(Method::GET, "faults", None).await;
        let mut all = BTreeMap::new();
        for fault in faults["data"].as_array().expect("a list") {
            let kind = fault["kind"].as_str().expect("a kind").to_owned();
            *all.entry(kind).or_default() += fault["happened"].as_u64().expect("a count");
        }
        all
    }

    /// How often faults struck, whatever their kind.
    pub async fn strikes(&self) -> u64 {
        self.struck().await.values().sum()
    }

    /// Whether every fault that was to strike a number of times did.
    pub async fn used_up(&self) -> bool {
        let faults = self.control(Method::GET, "faults", None).await;
        let mut counts = faults["data"].as_array().expect("a list").iter().filter_map(|fault| fault["count"].as_u64());
        counts.all(|left| left == 0)
    }

    /// An approved template without parameters of a number's account, as a message names it.
    pub async fn simple_template(&self, number: &SimulatedNumber) -> Value {
        let path = format!("{}/message_templates?limit=100", number.waba_id);
        let (_, answer) = self.graph(Method::GET, &path, &number.token, None).await;
        let simple = |row: &&Value| row["status"] == "APPROVED" && !row["components"].to_string().contains("{{");
        let found = answer["data"].as_array().and_then(|all| all.iter().find(simple));
        let found = found.unwrap_or_else(|| panic!("no simple template in {answer:#}"));
        json!({ "name": found["name"], "language": { "code": found["language"] } })
    }

    /// What was truly accepted on a number.
    pub async fn accepted(&self, number: &SimulatedNumber) -> Vec<Value> {
        let path = format!("accepted?phone_number_id={}", number.phone_number_id);
        let answer = self.control(Method::GET, &path, None).await;
        answer["data"].as_array().expect("a list").clone()
    }

    /// Every webhook sent.
    pub async fn posts(&self) -> Vec<Value> {
        let ledger = self.control(Method::GET, "ledger", None).await;
        ledger["posts"].as_array().expect("a list").clone()
    }

    /// Puts its clock ahead.
    pub async fn advance(&self, by: Duration) {
        let by = format!("{}ms", by.as_millis());
        self.control(Method::POST, "clock", Some(&json!({ "advance": by }))).await;
    }

    /// Lets its clock run faster.
    pub async fn speed(&self, speed: f64) {
        self.control(Method::POST, "clock", Some(&json!({ "speed": speed }))).await;
    }

    /// Sends webhooks there from now on.
    pub async fn callback(&self, url: &str, verify_token: &str) {
        let body = json!({ "url": url, "verify_token": verify_token });
        self.control(Method::POST, "callback", Some(&body)).await;
    }

    /// Waits until nothing is being sent and nothing waits to be tried again.
    pub async fn settle(&self) {
        until("every webhook is delivered", async || self.state().await["settled"] == true).await;
    }
}
