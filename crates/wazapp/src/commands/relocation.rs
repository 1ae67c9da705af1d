//! `wazapp move`.

mod database;
mod media;
mod place;

use anyhow::bail;
use clap::{Args, Subcommand};
use model::Clock;
use model::relocation::{self, Standing};
use serde_json::json;

pub(super) use place::{Reached, data_dir};

use crate::config::Config;
use crate::open;
use crate::print::Print;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Move all rows to another PostgreSQL: from the private one to an external one, back, or between two. No server
    /// may run meanwhile.
    Database(database::Move),
    /// Copy all files of media to another store: a bucket, or a directory. The server may run meanwhile.
    Media(media::Move),
    /// Stay: serve this place again, from which a move of the database was begun.
    Cancel(Cancel),
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// Though the move had come to its end: what the new place has received and sent since is given up, and no server
    /// runs there.
    #[arg(long)]
    abandon: bool,
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Database(asked) => database::run(config, print, asked).await,
        Command::Media(asked) => media::run(config, print, &asked).await,
        Command::Cancel(cancel) => stay(config, print, &cancel).await,
    }
}

async fn stay(config: &Config, print: &Print, cancel: &Cancel) -> anyhow::Result<()> {
    open::as_it_is(config, async |database| {
        // While somebody moves it, or ends a move, this waits.
        let _mover = relocation::only_mover(&database).await?;
        let _alone = relocation::alone(&database).await?;
        let tx = database.operator().await?;
        let standing = relocation::standing(&tx).await?;
        match &standing {
            Standing::Left(_) if !cancel.abandon => bail!(
                "{}. Or, if what that place has received and sent since is to be given up and no server runs there: wazapp move cancel --abandon",
                standing.refusal().unwrap_or_default()
            ),
            Standing::Arriving(_) => bail!("{}", standing.refusal().unwrap_or_default()),
            Standing::Open | Standing::Leaving(_) | Standing::Left(_) => {}
        }
        let now = Clock::default().now();
        match &standing {
            Standing::Left(_) => relocation::abandon(&tx, now).await?,
            _ => relocation::cancel(&tx, now).await?,
        }
        // Whoever was killed just before the end of a move may have come to it meanwhile.
        if let Some(refusal) = relocation::standing(&tx).await?.refusal() {
            bail!("{refusal}");
        }
        tx.commit().await?;
        let was_open = standing == Standing::Open;
        print.answer(&json!({ "open": true, "was_open": was_open }), || match was_open {
            true => "Nothing was being moved from here.".to_owned(),
            false => "This place is served again: wazapp serve".to_owned(),
        });
        Ok(())
    })
    .await
}
