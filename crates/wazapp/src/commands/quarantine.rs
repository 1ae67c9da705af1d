//! `wazapp quarantine`.

use clap::{Args, Subcommand};
use model::Clock;
use model::quarantine::{self, Filter};
use serde_json::json;

use crate::config::Config;
use crate::open;
use crate::print::{Print, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what is kept, oldest first.
    List {
        #[command(flatten)]
        only: Only,
        /// Show what was replayed since, too.
        #[arg(long)]
        replayed: bool,
        /// How many at the most.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Apply what is kept, in the order it was received. What still cannot be applied stays.
    Replay {
        #[command(flatten)]
        only: Only,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Only {
    /// Only what names this number.
    #[arg(long)]
    phone_number_id: Option<String>,
    /// Only what is kept for this reason, such as unknown_number.
    #[arg(long)]
    reason: Option<String>,
}

impl Only {
    fn filter(self, replayed: bool) -> Filter {
        Filter { phone_number_id: self.phone_number_id, reason: self.reason, replayed }
    }
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { only, replayed, limit } => {
            let filter = only.filter(replayed);
            let kept = open::with(config, async |opened| {
                let tx = opened.database.operator().await?;
                let kept = quarantine::list(&tx, &filter, None, limit).await?;
                tx.close();
                Ok(kept)
            })
            .await?;
            print.answer(&kept, || {
                let rows: Vec<Vec<String>> = kept
                    .iter()
                    .map(|row| {
                        vec![
                            row.received_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                            row.reason.clone(),
                            row.detail.clone(),
                            row.field.clone().unwrap_or_default(),
                            row.size.to_string(),
                            row.repeats.to_string(),
                        ]
                    })
                    .collect();
                if rows.is_empty() {
                    "Nothing is in quarantine.".into()
                } else {
                    table(&["RECEIVED", "REASON", "DETAIL", "FIELD", "BYTES", "REPEATS"], &rows)
                }
            });
        }
        Command::Replay { only } => {
            let filter = only.filter(false);
            let bar = print.progress("inputs read");
            let outcome = open::with(config, async |opened| {
                Ok(worker::inbound::replay_quarantine(&opened.database, &Clock::default(), &filter, |read| {
                    bar.set_position(read)
                })
                .await?)
            })
            .await?;
            bar.finish_and_clear();
            let answer = json!({
                "applied": outcome.applied, "quarantined": outcome.quarantined, "messages": outcome.messages,
                "statuses": outcome.statuses, "events": outcome.events, "duplicates": outcome.duplicates,
            });
            print.answer(&answer, || {
                format!(
                    "Applied {} ({} messages, {} statuses); {} stay in quarantine.",
                    outcome.applied, outcome.messages, outcome.statuses, outcome.quarantined
                )
            });
        }
    }
    Ok(())
}
