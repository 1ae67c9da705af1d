//! Logs, metrics and traces.

mod traces;

use std::io::IsTerminal;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

pub(crate) use traces::Traces;

use crate::config::{Config, LogFormat};

/// Seconds, from a fast commit to a stuck one.
const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];
const BODIES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];

/// Sends log lines to standard error: text on a terminal, JSON otherwise.
pub(crate) fn log(config: &Config) {
    Registry::default().with(lines(config)).init();
}

/// The same, and tells traces to a collector where one is set.
pub(crate) fn log_and_trace(config: &Config) -> anyhow::Result<Option<Traces>> {
    let Some(traces) = Traces::read(config)? else {
        log(config);
        return Ok(None);
    };
    Registry::default().with(lines(config)).with(traces.layer()).init();
    Ok(Some(traces))
}

/// Lines of the log.
fn lines(config: &Config) -> Box<dyn Layer<Registry> + Send + Sync> {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    // Their finer levels tell all that is said: every statement with its parameters, every call of an assistant and its answer.
    // Messages, names and numbers are never logged. And h2 warns of each connection that floods it: a flood of the log.
    let filter = ["tokio_postgres=warn", "rmcp=warn", "h2=error"]
        .into_iter()
        .fold(filter, |filter, directive| filter.add_directive(directive.parse().expect("a directive")));
    let json = match config.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    if json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).with_filter(filter).boxed()
    } else {
        lines.with_target(false).with_filter(filter).boxed()
    }
}

/// Starts counting, and answers what renders the counts.
pub(crate) fn metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bodies".into()), BODIES)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    for (name, what) in [
        ("wazapp_bodies_received_total", "Webhook bodies committed and answered 200"),
        ("wazapp_bodies_applied_total", "Webhook bodies of which everything was applied"),
        ("wazapp_bodies_quarantined_total", "Webhook bodies of which something went to quarantine"),
        ("wazapp_messages_total", "Messages stored"),
        ("wazapp_statuses_total", "Statuses stored"),
        ("wazapp_events_total", "Events recorded"),
        ("wazapp_duplicates_total", "Messages, statuses and notices that were stored before"),
        ("wazapp_apply_failures_total", "Batches that did not commit"),
    ] {
        describe_counter!(name, what);
        // A counter that exists from the start is one that can be alerted on.
        counter!(name).absolute(0);
    }
    describe_counter!("wazapp_webhooks_total", "Webhook POSTs by outcome");
    for outcome in ["stored", "unsigned", "too_large", "too_slow", "broken", "busy", "database_away"] {
        counter!("wazapp_webhooks_total", "outcome" => outcome).absolute(0);
    }
    describe_counter!("wazapp_template_readings_total", "Readings of an account's templates by outcome");
    for outcome in ["whole", "failed", "lost"] {
        counter!("wazapp_template_readings_total", "outcome" => outcome).absolute(0);
    }
    traces::describe();
    describe_counter!("wazapp_bytes_received_total", Unit::Bytes, "Bytes of webhook bodies committed");
    describe_histogram!("wazapp_receive_commit_seconds", Unit::Seconds, "Time to commit a batch of webhook bodies");
    describe_histogram!("wazapp_receive_batch_bodies", "Webhook bodies in one commit");
    describe_histogram!("wazapp_apply_seconds", Unit::Seconds, "Time to apply a batch");
    describe_histogram!("wazapp_apply_batch_bodies", "Webhook bodies in one applied batch");
    describe_histogram!(
        "wazapp_apply_lag_seconds",
        Unit::Seconds,
        "Age of the oldest body of a batch when it was applied"
    );
    describe_gauge!("wazapp_inbound_waiting", "Webhook bodies this process knows to be waiting to be applied");
    describe_gauge!("wazapp_receive_queue", "Webhook bodies waiting for a commit");
    describe_gauge!("wazapp_database_connections", "Database connections by pool and state");
    describe_gauge!("wazapp_http_connections", "Client connections open");
    describe_gauge!("wazapp_receive_last_commit_timestamp", Unit::Seconds, "When a webhook body was last committed");
}
