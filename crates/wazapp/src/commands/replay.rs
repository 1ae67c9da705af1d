//! `wazapp replay`.

use clap::Args;
use jiff::Timestamp;
use model::Clock;
use serde_json::json;

use crate::config::Config;
use crate::open;
use crate::print::Print;

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// From this time on, such as 2026-11-24T00:00:00Z.
    #[arg(long)]
    from: Timestamp,
    /// Before this time [default: now].
    #[arg(long)]
    until: Option<Timestamp>,
}

pub(crate) async fn run(config: &Config, print: &Print, replay: &Replay) -> anyhow::Result<()> {
    let until = replay.until.unwrap_or_else(|| Clock::default().now());
    anyhow::ensure!(replay.from < until, "--from {} is not before --until {until}", replay.from);
    let bar = print.progress("bodies read");
    let outcome = open::with(config, async |opened| {
        Ok(worker::inbound::replay_bodies(&opened.database, &Clock::default(), replay.from, until, |read| {
            bar.set_position(read)
        })
        .await?)
    })
    .await?;
    bar.finish_and_clear();
    let bodies = outcome.applied + outcome.quarantined;
    let answer = json!({
        "bodies": bodies, "applied": outcome.applied, "quarantined": outcome.quarantined, "messages": outcome.messages,
        "statuses": outcome.statuses, "events": outcome.events, "duplicates": outcome.duplicates,
    });
    print.answer(&answer, || {
        format!(
            "Read {bodies} bodies: {} messages, {} statuses and {} events are new, {} were there already; {} bodies have something in quarantine.",
            outcome.messages, outcome.statuses, outcome.events, outcome.duplicates, outcome.quarantined
        )
    });
    Ok(())
}
