//! `wazapp postgres`.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};
use indicatif::HumanCount;
use model::Clock;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use worker::relocation::database;

use super::backup::{Shown, stop_by_signal};
use super::relocation::{Reached, data_dir};
use crate::config::Config;
use crate::postgres::{self, PostgresError};
use crate::print::Print;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Go on with a newer major version of PostgreSQL, of the newest that is installed. The old one's programs are
    /// needed once more; its cluster is kept. No server may run meanwhile.
    Upgrade(Upgrade),
}

#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// The directory of the old version's programs, if they are not where Debian has them.
    #[arg(long, value_name = "DIR")]
    old_bin: Option<PathBuf>,
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    let Command::Upgrade(asked) = command;
    if config.database_url.is_some() {
        bail!(
            "WAZAPP_DATABASE_URL is set, so whoever runs that PostgreSQL upgrades it; wazapp upgrades the private one alone"
        );
    }
    let options = config.private_postgres();
    if let Some(old) = postgres::finish_upgrade(&options)? {
        return done(print, &options.data_dir, old, None);
    }
    let old_bin = asked.old_bin.as_deref();
    let Some(upgrade) = postgres::Upgrade::plan(&options, old_bin)? else {
        print.answer(&json!({ "upgraded": false }), || {
            "Nothing to upgrade: there is no private PostgreSQL of an older version than the newest that is installed. For a newer one: apt-get \
             install postgresql-N"
                .to_owned()
        });
        return Ok(());
    };
    print.line(&format!("From PostgreSQL {} to {}", upgrade.from, upgrade.to));
    let name = |major| format!("the private PostgreSQL {major} in {}", data_dir(config).display());
    let old = Reached::private(config, &upgrade.old_options(), name(upgrade.from)).await?;
    let moved = move_over(config, print, &upgrade, &old, name(upgrade.to)).await;
    let closed = old.close().await;
    let rows = moved?;
    closed?;
    upgrade.exchange(&mut |line| eprintln!("{line}")).await.map_err(not_exchanged)?;
    done(print, &options.data_dir, upgrade.from, Some(rows))
}

fn not_exchanged(error: PostgresError) -> anyhow::Error {
    anyhow::Error::from(error).context(
        "all rows are in the new PostgreSQL, and it could not take the old one's place: run the same command again",
    )
}

/// Answers how many rows there are.
async fn move_over(
    config: &Config,
    print: &Print,
    upgrade: &postgres::Upgrade,
    old: &Reached,
    name: String,
) -> anyhow::Result<u64> {
    old.refuse_server()?;
    let new = upgrade.new_options()?;
    let new = Reached::private(config, &new, name).await?;
    let moved = carry(print, old, &new).await;
    let closed = new.close().await;
    let rows = moved?;
    closed.map(|()| rows)
}

async fn carry(print: &Print, old: &Reached, new: &Reached) -> anyhow::Result<u64> {
    let places = (old.place(), new.place());
    let (shown, clock, stop) = (Shown::new(print, "upgrading"), Clock::default(), CancellationToken::new());
    let _ends = stop_by_signal(&stop)?;
    let told = |progress| shown.told(progress);
    // Killed between the last row and the exchange.
    let proof = if database::has_moved(places.0, places.1).await? {
        database::compared(places.0, places.1, &told).await?
    } else {
        tokio::select! {
            moved = database::run(places.0, places.1, true, &clock, &told) => moved?,
            () = stop.cancelled() => {
                if !database::give_up(&old.database, &clock).await? {
                    bail!("stopped just before the end: run the same command again, which goes on");
                }
                bail!("stopped: nothing was changed");
            }
        }
    };
    shown.over();
    Ok(proof.rows())
}

fn done(print: &Print, data_dir: &Path, old: u32, rows: Option<u64>) -> anyhow::Result<()> {
    let kept = data_dir.join(format!("postgres-{old}"));
    let own = postgres::own_settings(&kept);
    let answer = json!({ "upgraded": true, "from": old, "rows": rows, "kept": kept, "own_settings": own });
    print.answer(&answer, || {
        let rows = rows.map_or_else(String::new, |rows| {
            format!("{} rows are there, each table the same on both sides. ", HumanCount(rows))
        });
        let mut words = format!(
            "Upgraded. {rows}wazapp serve goes on with the new PostgreSQL.\nThe old cluster is kept in {}: remove it when you do \
             not want it any more.",
            kept.display()
        );
        if !own.is_empty() {
            words += &format!(
                "\nYour own settings were not taken over; put them at the end of the new postgresql.conf:\n    {}",
                own.join("\n    ")
            );
        }
        words
    });
    Ok(())
}
