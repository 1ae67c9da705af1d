//! Traces: what a request or a job took, told to a collector by OTLP over HTTP. A collector that is slow, full or away holds nothing up:
//! a bounded number of spans waits for it, and what finds no room is counted and forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use metrics::{counter, describe_counter};
use opentelemetry::trace::{SpanKind, Status, TracerProvider};
use opentelemetry::{Context as TraceContext, KeyValue, Value, global};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor,
};
use tokio::runtime::Handle;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::config::Config;
use crate::outside;

/// Spans that may wait for the collector.
const QUEUE: usize = 2048;
/// How long the last of them are waited for at the end.
const LAST: Duration = Duration::from_secs(3);

/// One call of the collector, at most, unless a variable says how many milliseconds.
const CALL: Duration = Duration::from_secs(10);
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];

/// Who says by a variable of its own where traces go: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// The spans that are told: those of our own that say what was done, never a line of the log in them.
const OURS: [&str; 3] = ["web", "worker", "wazapp"];

/// What is told of a span, by what it is called in the code: nothing else leaves, whatever a span comes to have.
const TOLD: [(&str, &str); 13] = [
    ("id", "wazapp.request.id"),
    ("method", "http.request.method"),
    (web::ROUTE, web::ROUTE),
    (web::STATUS, web::STATUS),
    ("app", "wazapp.app.id"),
    ("bytes", "wazapp.webhook.bytes"),
    ("bodies", "wazapp.bodies"),
    ("lanes", "wazapp.lanes"),
    ("organization", "wazapp.organization.id"),
    ("message_id", "wazapp.message.id"),
    ("endpoint", "wazapp.endpoint.id"),
    ("attempt", "wazapp.attempt"),
    ("what", "wazapp.job"),
];

/// A collector, and what waits for it.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// The collector that is set; refused if it cannot be one. Called within the runtime, which the calls are made on.
    pub(crate) fn read(config: &Config) -> anyhow::Result<Option<Self>> {
        let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let is_off = said("OTEL_SDK_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true"))
            || said("OTEL_TRACES_EXPORTER").is_some_and(|word| word == "none");
        let theirs = ENDPOINTS.into_iter().find(|&name| said(name).is_some());
        if is_off || (config.otlp_endpoint.is_none() && theirs.is_none()) {
            return Ok(None);
        }
        // Between tries the exporter looks at the same variables; a call under way is ended by us alone.
        let call =
            TIMEOUTS.into_iter().find_map(said).and_then(|text| text.parse().ok()).map_or(CALL, Duration::from_millis);
        let client = outside::http().timeout(call).build().context("no HTTP client for traces")?;
        let caller = Caller { client, runtime: Handle::current() };
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(caller)
            .with_protocol(Protocol::HttpBinary);
        if let Some(base) = &config.otlp_endpoint {
            exporter = exporter.with_endpoint(format!("{base}/v1/traces"));
        }
        let exporter = exporter.build().with_context(|| {
            let named = theirs.filter(|_| config.otlp_endpoint.is_none()).unwrap_or("WAZAPP_OTLP_ENDPOINT");
            format!("traces cannot be told: look at {named}, and at what else is set of OTEL_EXPORTER_OTLP_*")
        })?;
        global::set_text_map_propagator(TraceContextPropagator::new());
        Ok(Some(Self(provider(exporter))))
    }

    /// Hears of spans.
    pub(super) fn layer<S>(&self) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let ours = |target: &str| OURS.contains(&target.split("::").next().unwrap_or_default());
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("wazapp"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(move |of| of.is_span() && *of.level() <= tracing::Level::INFO && ours(of.target())))
            .boxed()
    }

    /// Tells what still waits, for no longer than [`LAST`].
    pub(crate) async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(LAST)).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "the last traces were not told");
        }
    }
}

fn provider(exporter: opentelemetry_otlp::SpanExporter) -> SdkTracerProvider {
    let waiting = Arc::new(AtomicUsize::new(0));
    let exporter = Telling { exporter, waiting: waiting.clone(), is_away: AtomicBool::new(false) };
    let batches = BatchConfigBuilder::default().with_max_queue_size(QUEUE).build();
    let next = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    let mut resource = Resource::builder();
    let names = |said: String| said.contains("service.name=");
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() && !std::env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(names) {
        resource = resource.with_service_name("wazapp");
    }
    let resource = resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build();
    SdkTracerProvider::builder().with_span_processor(Bounded { next, waiting }).with_resource(resource).build()
}

pub(super) fn describe() {
    describe_counter!("wazapp_spans_told_total", "Spans of traces that the collector took");
    describe_counter!("wazapp_spans_dropped_total", "Spans of traces that nobody took, by reason");
    counter!("wazapp_spans_told_total").absolute(0);
    for reason in ["no_room", "collector"] {
        counter!("wazapp_spans_dropped_total", "reason" => reason).absolute(0);
    }
}

fn dropped(reason: &'static str, count: usize) {
    counter!("wazapp_spans_dropped_total", "reason" => reason).increment(count as u64);
}

/// Lets as many spans wait as there is room for, and counts the others, which the queue behind would drop unseen.
#[derive(Debug)]
struct Bounded {
    next: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, context: &TraceContext) {
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= QUEUE {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return dropped("no_room", 1);
        }
        self.next.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// Tells of a span what may be told, and counts how it went.
#[derive(Debug)]
struct Telling {
    exporter: opentelemetry_otlp::SpanExporter,
    waiting: Arc<AtomicUsize>,
    is_away: AtomicBool,
}

impl SpanExporter for Telling {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let told = self.exporter.export(batch.into_iter().map(told).collect()).await;
        self.waiting.fetch_sub(count, Ordering::AcqRel);
        match &told {
            Ok(()) => counter!("wazapp_spans_told_total").increment(count as u64),
            Err(_) => dropped("collector", count),
        }
        // Not why: an address may have a password in it.
        match (told.is_err(), self.is_away.swap(told.is_err(), Ordering::AcqRel)) {
            (true, false) => {
                tracing::warn!("the collector of traces refuses, or does not answer: spans are dropped until it does")
            }
            (false, true) => tracing::info!("the collector of traces answers again"),
            _ => {}
        }
        told
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// A span as others read it: by OpenTelemetry's names, and named by what was asked for.
fn told(mut span: SpanData) -> SpanData {
    span.attributes = span
        .attributes
        .into_iter()
        .filter_map(|one| {
            let (_, name) = TOLD.iter().find(|(ours, _)| *ours == one.key.as_str())?;
            Some(KeyValue::new(*name, one.value))
        })
        .collect();
    let value = |name: &str| span.attributes.iter().find(|one| one.key.as_str() == name).map(|one| one.value.clone());
    span.span_kind = match &*span.name {
        "request" => SpanKind::Server,
        "send" | "deliver" => SpanKind::Client,
        _ => SpanKind::Internal,
    };
    let words = match &*span.name {
        "request" => [value("http.request.method"), value(web::ROUTE)],
        "job" => [Some("job".into()), value("wazapp.job")],
        _ => [None, None],
    };
    let name: Vec<String> = words.into_iter().flatten().map(|word| word.to_string()).collect();
    if matches!(value(web::STATUS), Some(Value::I64(500..))) {
        span.status = Status::error("");
    }
    if !name.is_empty() {
        span.name = name.join(" ").into();
    }
    span
}

/// Calls the collector on the runtime: the thread that gathers spans is none of its own.
#[derive(Debug)]
struct Caller {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Caller {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let call = reqwest::Request::try_from(request)?;
        let client = self.client.clone();
        let called = self.runtime.spawn(async move {
            let answer = client.execute(call).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, answer.bytes().await?))
        });
        let (status, headers, body) = called.await??;
        let mut answer = Response::new(body);
        (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
        Ok(answer)
    }
}
