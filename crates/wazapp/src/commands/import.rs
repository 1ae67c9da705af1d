//! `wazapp import`.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use model::{Clock, organization};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use worker::transfer::{Destination, Opened, TransferError};

use super::backup::{Shown, stop_by_signal};
use crate::config::Config;
use crate::open;
use crate::print::{Print, table};

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The export: its folder, or the file that ends in .tar.zst.
    #[arg(value_name = "FOLDER|FILE.tar.zst")]
    from: PathBuf,
    /// Under this short name, where another organization has the one that it had.
    #[arg(long = "as", value_name = "SLUG")]
    slug: Option<String>,
}

pub(crate) async fn run(config: &Config, print: &Print, asked: &Import) -> anyhow::Result<()> {
    if let Some(slug) = &asked.slug
        && organization::slug(slug) != *slug
    {
        bail!(
            "--as: {slug:?} is no short name: write lower case letters, digits and hyphens, such as {}",
            organization::slug(slug)
        );
    }
    let scratch = std::env::temp_dir().join(format!("wazapp-import-{}", std::process::id()));
    let stop = CancellationToken::new();
    let _ends = stop_by_signal(&stop)?;
    let exported = tokio::select! {
        opened = Opened::open(&asked.from, &scratch) => opened?,
        () = stop.cancelled() => return Err(TransferError::Stopped.into()),
    };
    open::with(config, async |opened| {
        let store = open::store(config)?;
        let to = Destination {
            database: &opened.database,
            store: &store,
            keyring: opened.keyring.clone(),
            slug: asked.slug.clone(),
            now: Clock::default().now(),
        };
        let shown = Shown::new(print, "importing");
        let told = |progress| shown.told(progress);
        let taken = tokio::select! {
            taken = exported.import(to, &told) => taken?,
            () = stop.cancelled() => return Err(TransferError::Stopped.into()),
        };
        shown.over();
        let whose = &exported.manifest().organization;
        print.answer(&json!({ "organization": { "id": whose.id, "slug": taken.slug }, "taken": taken }), || {
            let rows: Vec<Vec<String>> =
                taken.tables.iter().filter(|(_, rows)| **rows > 0).map(|(name, rows)| vec![name.clone(), rows.to_string()]).collect();
            format!(
                "{}\n{} files of media.\n\n{} is here. Nothing is sent: its numbers are disconnected (wazapp number connect), its endpoints off \
                 and signed by new secrets, its API keys and Apps are to be made anew, and its people sign in once their passwords \
                 are set (wazapp user reset).",
                table(&["TABLE", "ROWS"], &rows),
                taken.files,
                taken.slug
            )
        });
        Ok(())
    })
    .await
}
