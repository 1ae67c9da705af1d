//! `wazapp key-ring`.

mod rotate;
mod status;

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use model::secret::KeyId;
use model::secret::ring;
use serde_json::json;

use crate::config::Config;
use crate::open;
use crate::print::Print;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the master keys by their ids: how many secrets each seals, which servers have it, and what to do next.
    Status,
    /// Change the master key while servers run: seal every secret anew, then let go of the old key. May be repeated at any
    /// time: what was interrupted goes on.
    ///
    /// Where the key is in DATA_DIR/master-key, a new one is made. Where WAZAPP_MASTER_KEY says it, put a new one first in
    /// that list beforehand, on every server.
    Rotate,
    /// Give up a master key that is lost for good, and every secret that is sealed under it.
    Forget {
        /// The key's id, as status shows it.
        #[arg(long)]
        key: String,
    },
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Status => status::run(config, print).await?,
        Command::Rotate => rotate::run(config, print).await?,
        Command::Forget { key } => forget(config, print, &key).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn forget(config: &Config, print: &Print, key: &str) -> anyhow::Result<()> {
    let id = KeyId::parse(key).with_context(|| format!("{key:?} is no key's id: wazapp key-ring status shows them"))?;
    if open::keyring(config)?.has(id) {
        bail!(
            "key {id} is here, and what is sealed under it opens: wazapp key-ring rotate lets go of it without a loss"
        );
    }
    let gone = open::as_it_is(config, async |database| {
        let tx = database.operator().await?;
        let gone = ring::any_organization_forget(&tx, id).await?;
        tx.commit().await?;
        Ok(gone)
    })
    .await?;
    let Some(gone) = gone else { bail!("no secret is sealed under key {id}: see wazapp key-ring status") };
    print.answer(&json!({ "key": id, "secrets": gone }), || {
        format!(
            "Key {id} is given up, and {gone} secrets with it. Give them anew: wazapp number token for each number, wazapp \
             app rotate for each App."
        )
    });
    Ok(())
}
