//! What a collector hears of requests and jobs, and that nobody waits for it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use data_encoding::HEXLOWER;
use e2e::program::{Installation, Server};
use e2e::receiver::Receiver;
use e2e::{Meta, canary, outside, until};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Said;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::Instant;

const TEXT: &str = "¿Tienen mesa para dos?";
const ANSWER: &str = "Sí, a las nueve.";
const CUSTOMER: &str = "34600111222";
/// Of somebody who calls.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
/// What it keeps of its trace, in words of its own.
const KEEPS: &str = "palabras-de-otra-casa";

/// A collector that keeps what it is told.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Bytes>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let keep = collector.clone();
        let told = async move |body: Bytes| {
            keep.0.lock().expect("nobody panicked").push(body);
            // An empty answer is a whole one: everything was taken.
            Bytes::new()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(axum::serve(listener, Router::new().route("/v1/traces", post(told))).into_future());
        (collector, url)
    }

    fn bodies(&self) -> Vec<Bytes> {
        self.0.lock().expect("nobody panicked").clone()
    }

    fn spans(&self) -> Vec<Span> {
        let told = self.bodies().into_iter().map(|body| ExportTraceServiceRequest::decode(body).expect("OTLP"));
        let resources = told.flat_map(|one| one.resource_spans);
        resources.flat_map(|one| one.scope_spans).flat_map(|one| one.spans).collect()
    }

    async fn hears(&self, name: &str) -> Span {
        let found = || self.spans().into_iter().find(|span| span.name == name);
        until(&format!("a span {name}"), async || found().is_some()).await;
        found().expect("a span")
    }
}

fn says(span: &Span, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|one| one.key == name)?.value.as_ref()?.value.as_ref()?;
    Some(match value {
        Said::StringValue(text) => text.clone(),
        Said::IntValue(number) => number.to_string(),
        other => panic!("{name}: {other:?}"),
    })
}

async fn ask(server: &Server, key: &str, method: Method, path: &str, body: Option<&Value>) -> (String, Value) {
    let client = outside::http().build().expect("a client");
    let asked = client.request(method, format!("{}/api/v1{path}", server.url())).bearer_auth(key);
    let asked =
        asked.header("traceparent", format!("00-{TRACE}-{PARENT}-01")).header("tracestate", format!("casa={KEEPS}"));
    let asked = match body {
        Some(body) => asked.header("content-type", "application/json").body(body.to_string()),
        None => asked,
    };
    let answer = asked.send().await.expect("an answer");
    let id = answer.headers()["x-request-id"].to_str().expect("an id").to_owned();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    (id, serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_hears_of_requests_and_of_jobs_and_of_nobody() {
    let (collector, url) = Collector::start().await;
    let meta = Meta::start(simulator::Options { seed: 31, ..simulator::Options::default() }).await;
    let number = meta.numbers().await.remove(0);
    let installation = Installation::beside(&meta, "a-word")
        .await
        .setting("WAZAPP_OTLP_ENDPOINT", &url)
        .setting("WAZAPP_LOG", "warn")
        .setting("WAZAPP_ALLOW_TARGETS", "127.0.0.0/8")
        .setting("OTEL_BSP_SCHEDULE_DELAY", "50");
    let server = installation.serve().await;
    installation.json(&["org", "create", "Acme"]).await;
    installation.connect("acme", &number, &number.token).await;
    let receiver = Receiver::open().await;
    installation.json(&["endpoint", "add", "--org", "acme", "--url", receiver.url(), "--format", "wazapp"]).await;
    let key = installation.json(&["key", "create", "--org", "acme"]).await["key"].as_str().expect("a key").to_owned();

    meta.callback(&format!("{}/webhook", server.url()), "a-word").await;
    meta.customer_says(&number, CUSTOMER, TEXT).await;
    until("the conversation is there", async || {
        ask(&server, &key, Method::GET, "/conversations", None).await.1["data"][0].is_object()
    })
    .await;
    let (asked, list) = ask(&server, &key, Method::GET, "/conversations", None).await;
    let conversation = list["data"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/conversations/{conversation}/messages");
    let body = json!({ "type": "text", "text": { "body": ANSWER } });
    let (_, message) = ask(&server, &key, Method::POST, &path, Some(&body)).await;

    // A webhook: what is written down, within the request that brought it.
    let webhook = collector.hears("webhook").await;
    let spans = collector.spans();
    let whole = spans.iter().find(|span| span.span_id == webhook.parent_span_id).expect("its request");
    assert_eq!((whole.name.as_str(), &whole.trace_id), ("POST /webhook", &webhook.trace_id));
    assert_eq!(says(whole, "http.response.status_code").as_deref(), Some("200"));
    assert!(whole.parent_span_id.is_empty(), "nobody traces Meta");
    collector.hears("apply").await;

    // A caller's trace goes on; the route is a template.
    until("the request was told", async || {
        collector.spans().iter().any(|span| says(span, "wazapp.request.id").as_ref() == Some(&asked))
    })
    .await;
    let spans = collector.spans();
    let request = spans.iter().find(|span| says(span, "wazapp.request.id").as_ref() == Some(&asked)).expect("it");
    assert_eq!(request.name, "GET /api/v1/conversations");
    assert_eq!(
        (HEXLOWER.encode(&request.trace_id).as_str(), HEXLOWER.encode(&request.parent_span_id).as_str()),
        (TRACE, PARENT)
    );
    collector.hears("POST /api/v1/conversations/{id}/messages").await;

    // What came of it.
    let send = collector.hears("send").await;
    assert_eq!(says(&send, "wazapp.message.id").as_deref(), message["id"].as_str());
    assert!(send.end_time_unix_nano > send.start_time_unix_nano);
    collector.hears("deliver").await;
    assert!(server.terminate().await.0.success());
    let secrets = [TEXT, ANSWER, CUSTOMER, KEEPS, &number.digits, &number.token, &key, &conversation, receiver.url()];
    for body in collector.bodies() {
        for secret in secrets {
            assert!(!canary::contains(&body, secret.as_bytes()), "{secret} was told");
        }
    }
    meta.stop().await;
}

/// What was not told yet when the server is asked to end is told then.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_spans_are_told_at_the_end() {
    let (collector, url) = Collector::start().await;
    let installation =
        Installation::new().setting("OTEL_EXPORTER_OTLP_ENDPOINT", &url).setting("OTEL_BSP_SCHEDULE_DELAY", "3600000");
    let server = installation.serve().await;
    let client = outside::http().build().expect("a client");
    assert_eq!(client.get(format!("{}/livez", server.url())).send().await.expect("an answer").status(), 200);
    assert!(collector.bodies().is_empty(), "nothing is told yet");
    let (status, took, _) = server.terminate().await;
    assert!(status.success() && took < Duration::from_secs(20), "{status} {took:?}");
    assert!(collector.spans().iter().any(|span| span.name == "GET /livez"));
}

/// How long so many requests take, one after the other.
async fn requests(server: &Server, count: usize) -> Duration {
    let client = outside::http().build().expect("a client");
    let begun = Instant::now();
    for _ in 0..count {
        let answer = client.get(format!("{}/livez", server.url())).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_collector_that_does_not_answer() {
    // It takes calls, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let (_collector, answering) = Collector::start().await;
    let plain = Installation::new();
    let told = Installation::new().setting("WAZAPP_OTLP_ENDPOINT", &answering);
    // It is waited for until the end, so what finds no room is known.
    let untold =
        Installation::new().setting("WAZAPP_OTLP_ENDPOINT", &url).setting("OTEL_EXPORTER_OTLP_TIMEOUT", "600000");
    let (plain, told, untold) = (plain.serve().await, told.serve().await, untold.serve().await);
    // In turn, so that whatever else the machine does meets all of them; more in all than may wait.
    let mut best = [Duration::MAX; 3];
    for _ in 0..10 {
        for (server, best) in [&plain, &told, &untold].into_iter().zip(&mut best) {
            *best = requests(server, 300).await.min(*best);
        }
    }
    let [without, with, silent_one] = best;
    eprintln!(
        "300 requests: {without:?} without a collector, {with:?} with one, {silent_one:?} with one that is silent"
    );
    assert!(silent_one < with * 3 / 2 + Duration::from_millis(50), "{silent_one:?} with a silent one, {with:?} else");
    let client = outside::http().build().expect("a client");
    let metrics = client.get(format!("{}/metrics", untold.url())).send().await.expect("an answer").text().await;
    let metrics = metrics.expect("a text");
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("wazapp_spans_dropped_total{reason=\"no_room\"} "));
    let dropped: u64 = dropped.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{metrics}"));
    assert!((900..1100).contains(&dropped), "{dropped} found no room");
    let (status, took, log) = untold.terminate().await;
    assert!(status.success() && took < Duration::from_secs(20), "{status} {took:?}");
    assert!(log.contains("the last traces were not told"), "{log}");
    assert!(plain.terminate().await.0.success() && told.terminate().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_collector_is_refused() {
    for name in ["WAZAPP_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
        let output = Installation::new().setting(name, "no where").run(&["serve"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(name), "{said}");
    }
}
