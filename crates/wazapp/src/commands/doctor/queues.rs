//! What waits: received bodies, quarantine, messages to send.

use jiff::SignedDuration;
use model::{inspect, outbox};

use super::Examination;
use super::finding::{Finding, whole};
use super::server::Server;

const AREA: &str = "Queues";

/// What waits longer than this waits for something.
const LONG: SignedDuration = SignedDuration::from_secs(60);

pub(super) async fn check(of: &Examination<'_>, server: &Server) -> anyhow::Result<Vec<Finding>> {
    let tx = of.database.operator().await?;
    let waiting = inspect::any_organization_waiting(&tx).await?;
    let backlog = outbox::any_organization_backlog(&tx, of.now).await?;
    tx.close();
    Ok(vec![
        received(of, &waiting, server),
        quarantine(waiting.quarantined),
        to_send(&backlog, server),
        unknown(&backlog),
    ])
}

fn received(of: &Examination<'_>, waiting: &inspect::Waiting, server: &Server) -> Finding {
    let Some(oldest) = waiting.oldest else {
        return Finding::good(AREA, "received", "all of it is applied");
    };
    let age = of.now.duration_since(oldest);
    let says = format!("{} bodies wait to be applied, the oldest for {age:#}", waiting.bodies, age = whole(age));
    if age < LONG && server.runs() {
        Finding::good(AREA, "received", says)
    } else if server.runs() {
        Finding::broken(AREA, "received", says, "see the server's log, and wazapp_apply_failures_total at /metrics")
    } else {
        Finding::warning(AREA, "received", says, "wazapp serve")
    }
}

fn quarantine(waiting: i64) -> Finding {
    if waiting == 0 {
        return Finding::good(AREA, "quarantine", "empty");
    }
    let says = format!("{waiting} inputs of Meta's belong to no connected number, or could not be applied");
    Finding::warning(
        AREA,
        "quarantine",
        says,
        "wazapp quarantine list; when the cause is gone: wazapp quarantine replay",
    )
}

fn to_send(backlog: &outbox::Backlog, server: &Server) -> Finding {
    let says = match backlog.waiting {
        0 => "nothing waits".to_owned(),
        waiting => format!("{waiting} messages wait, the oldest for {:#}", whole(backlog.age)),
    };
    if backlog.waiting == 0 || backlog.age < LONG && server.runs() {
        return Finding::good(AREA, "to send", says);
    }
    let fix = if server.runs() { "see Numbers below: one that rests keeps its messages" } else { "wazapp serve" };
    Finding::warning(AREA, "to send", says, fix)
}

fn unknown(backlog: &outbox::Backlog) -> Finding {
    match backlog.unknown {
        0 => Finding::good(AREA, "unknown", "none"),
        unknown => Finding::warning(
            AREA,
            "unknown",
            format!("of {unknown} messages nobody knows whether they were sent; their statuses will say so"),
            "see that webhooks arrive (Callback below); docs/api.md, Sending",
        ),
    }
}
