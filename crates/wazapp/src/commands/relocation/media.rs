//! `wazapp move media`.

use anyhow::bail;
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use model::relocation;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use worker::relocation::media::{self, Moved, Way};

use super::super::backup::{Shown, stop_by_signal};
use crate::config::{Config, MediaUrl};
use crate::open;
use crate::print::Print;

#[derive(Debug, Args)]
pub(crate) struct Move {
    /// Where to: s3://BUCKET/PREFIX, reached as the AWS_* variables say, or file:DIR.
    #[arg(long, value_name = "s3://…|file:DIR")]
    to: String,
    /// Where from, if not as WAZAPP_MEDIA_URL says.
    #[arg(long, value_name = "s3://…|file:DIR")]
    from: Option<String>,
    /// Read back all that is there and hold it against its SHA-256; else what was copied before is known by its size.
    #[arg(long)]
    check: bool,
    /// Once all is there, take it away from the old place.
    #[arg(long)]
    remove: bool,
}

pub(crate) async fn run(config: &Config, print: &Print, asked: &Move) -> anyhow::Result<()> {
    let read = |flag, text: &str| MediaUrl::read(text).map_err(|problem| anyhow::anyhow!("{flag}: {problem}"));
    let to = read("--to", &asked.to)?;
    let from = match &asked.from {
        Some(from) => read("--from", from)?,
        None => config.media_url.clone(),
    };
    if from == to {
        bail!("--to: the files are there: {from} is where they are to be moved from");
    }
    open::with(config, async |opened| {
        let (old, new) = (open::store_at(&from)?, open::store_at(&to)?);
        let way = Way { database: &opened.database, from: &old, to: &new, reads_back: asked.check };
        let (shown, stop) = (Shown::new(print, "copying files"), CancellationToken::new());
        let _ends = stop_by_signal(&stop)?;
        let told = |progress| shown.told(progress);
        let work = async {
            let (moved, running) = tokio::join!(media::run(way, &told), relocation::running(&opened.database));
            let running = match asked.remove {
                // Who came while files were copied counts too.
                true => relocation::running(&opened.database).await,
                false => running,
            };
            anyhow::Ok((moved?, running?))
        };
        let (mut moved, running) = tokio::select! {
            done = work => done?,
            () = stop.cancelled() => bail!("stopped: what was copied is there, and is not copied again"),
        };
        // Each says itself where it reads, whatever the settings of this command are.
        let place = new.place();
        let elsewhere = running.into_iter().find(|server| server.media.as_ref() != Some(&place));
        let in_use = elsewhere.map(|server| server.name);
        if asked.remove {
            if let Some(server) = &in_use {
                bail!(
                    "all is there, and nothing was removed: a server runs ({server}) that does not read from {to}. Stop it first, \
                     and start it with WAZAPP_MEDIA_URL={to}"
                );
            }
            tokio::select! {
                removed = media::remove(way, &mut moved) => removed?,
                () = stop.cancelled() => bail!("stopped: not all was removed from {from}; run the same command again"),
            }
        }
        shown.over();
        let setting = format!("WAZAPP_MEDIA_URL={to}");
        let answer = json!({
            "from": from.to_string(), "to": to.to_string(), "moved": moved, "server": in_use, "setting": setting,
        });
        print.answer(&answer, || words(&from, &to, &moved, in_use.as_deref(), to == config.media_url));
        Ok(())
    })
    .await
}

fn words(from: &MediaUrl, to: &MediaUrl, moved: &Moved, in_use: Option<&str>, is_set: bool) -> String {
    let mut words = format!(
        "{} files ({}) are in {to}, of which {} ({}) were copied now.",
        HumanCount(moved.files - (moved.missing.len() + moved.damaged.len()) as u64),
        HumanBytes(moved.bytes),
        HumanCount(moved.copied),
        HumanBytes(moved.copied_bytes)
    );
    for (files, what) in
        [(&moved.missing, "are in neither place"), (&moved.damaged, "are damaged in the old place and were not copied")]
    {
        if !files.is_empty() {
            words += &format!("\n{} files {what}: {}", files.len(), files.join(", "));
        }
    }
    if moved.removed > 0 {
        words += &format!("\n{} files were removed from {from}.", HumanCount(moved.removed));
    }
    match in_use {
        Some(server) => {
            words += &format!(
                "\n\nA server runs ({server}): what it takes in from now on is in {from} alone. Stop it, run the same command again, which copies \
                 that alone, and then set WAZAPP_MEDIA_URL={to} and start it."
            );
        }
        None if !is_set => words += &format!("\n\nNow set WAZAPP_MEDIA_URL={to} and start the server."),
        None => {}
    }
    if moved.removed == 0 {
        words += &format!(
            "\n{from} has all its files as before; once the server runs with the new setting, --from {from} --remove takes them away."
        );
    }
    words
}
