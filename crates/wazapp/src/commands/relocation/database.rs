//! `wazapp move database`.

use anyhow::{Context, bail};
use clap::Args;
use indicatif::HumanCount;
use model::{Clock, relocation};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use worker::relocation::database::{self, Proof};

use super::super::SecretArg;
use super::super::backup::{Shown, stop_by_signal};
use super::place::{Place, Reached};
use crate::config::Config;
use crate::mark;
use crate::print::Print;

#[derive(Debug, Args)]
pub(crate) struct Move {
    /// Where to: postgres://USER:PASSWORD@HOST:PORT/DATABASE of an empty database, - to read that from standard input,
    /// or private for the one in DATA_DIR.
    #[arg(long, value_name = "URL|private")]
    to: SecretArg,
    /// Where that URL leads to a transaction pooler: the server itself, as WAZAPP_DATABASE_DIRECT_URL will say.
    #[arg(long, value_name = "URL")]
    to_direct: Option<SecretArg>,
    /// A login for requests alone, as WAZAPP_DATABASE_WEB_URL will say.
    #[arg(long, value_name = "URL")]
    to_web: Option<SecretArg>,
}

pub(crate) async fn run(config: &Config, print: &Print, asked: Move) -> anyhow::Result<()> {
    let (to, direct) = (asked.to.read()?, asked.to_direct.as_ref().map(SecretArg::read).transpose()?);
    let web = asked.to_web.as_ref().map(SecretArg::read).transpose()?;
    let target = Place::said(&to, direct.as_ref(), web.as_ref())?;
    let source = Place::configured(config)?;
    if target.is_private() && source.is_private() {
        bail!(
            "--to private: that is where it is; the database to be moved is the one of WAZAPP_DATABASE_URL, which is not set"
        );
    }
    let (from_private, to_private) = (source.is_private(), target.is_private());
    let from = source.reach(config).await?;
    // It would hold DATA_DIR, which a private target is started in.
    if let Err(runs) = from.refuse_servers().await {
        from.close().await?;
        return Err(runs);
    }
    let done = match target.reach(config).await {
        Ok(to) => {
            let moved = carry(print, &from, from_private, &to).await;
            let name = to.name.clone();
            let closed = to.close().await;
            moved.and_then(|proof| closed.map(|()| (proof, name)))
        }
        Err(error) => Err(error.context("--to")),
    };
    let name = from.name.clone();
    from.close().await?;
    let (proof, to) = done?;
    if to_private {
        mark::clear(&config.data_dir)?;
    }
    let settings = settings(&asked, to_private);
    let answer = json!({
        "from": name, "to": to, "rows": proof.rows(), "tables": proof.tables, "was_there": proof.was_there, "settings": settings,
    });
    print.answer(&answer, || words(&name, &to, &proof, &settings));
    Ok(())
}

async fn carry(print: &Print, from: &Reached, from_private: bool, to: &Reached) -> anyhow::Result<Proof> {
    to.refuse_server()?;
    relocation::of(&to.database).await.context("--to")?;
    let (shown, clock, stop) = (Shown::new(print, "moving"), Clock::default(), CancellationToken::new());
    let _ends = stop_by_signal(&stop)?;
    let places = (from.place(), to.place());
    let told = |progress| shown.told(progress);
    let moved = tokio::select! {
        moved = database::run(places.0, places.1, from_private, &clock, &told) => moved?,
        () = stop.cancelled() => {
            if !database::give_up(&from.database, &clock).await? {
                bail!("stopped just before the end, when {} was left already: run the same command again, which opens the new place", from.name);
            }
            bail!("stopped: nothing was moved, and {} is served as before", from.name);
        }
    };
    shown.over();
    Ok(moved)
}

/// What is to be set, for whoever starts the server.
fn settings(asked: &Move, to_private: bool) -> Vec<&'static str> {
    if to_private {
        return vec!["unset WAZAPP_DATABASE_URL, WAZAPP_DATABASE_DIRECT_URL and WAZAPP_DATABASE_WEB_URL"];
    }
    let direct = match asked.to_direct {
        Some(_) => "WAZAPP_DATABASE_DIRECT_URL=the URL of --to-direct",
        None => "unset WAZAPP_DATABASE_DIRECT_URL",
    };
    let web = match asked.to_web {
        Some(_) => "WAZAPP_DATABASE_WEB_URL=the URL of --to-web",
        None => "unset WAZAPP_DATABASE_WEB_URL",
    };
    vec!["WAZAPP_DATABASE_URL=the URL of --to", direct, web]
}

fn words(from: &str, to: &str, proof: &Proof, settings: &[&str]) -> String {
    let again = if proof.was_there { " (they were there from an earlier try)" } else { "" };
    format!(
        "{} rows of {} tables are in {to}{again}, each table with the same rows and the same sum on both sides.\n\nNow set this, and start the \
         server:\n\n    {}\n\nFiles of media and the keys in DATA_DIR stay where they are, and are needed as before. The rows in {from} stay \
         there and are not served any more: wazapp serve refuses, so that nothing is sent twice. Take them away when you do not \
         want them.",
        HumanCount(proof.rows()),
        proof.tables.len(),
        settings.join("\n    ")
    )
}
