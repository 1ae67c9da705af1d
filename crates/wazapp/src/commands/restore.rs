//! `wazapp restore`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use model::restoration::{self, Held, Waiting};
use model::{Clock, Database, migrate};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use worker::backup::{BackupError, Opened, Target};

use super::backup::{Shown, held, identities, stop_by_signal};
use crate::config::{BackupPlace, Config, Restorable};
use crate::open;
use crate::print::Print;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Restore {
    #[command(subcommand)]
    command: Option<Command>,
    /// The backup: a file, or s3://BUCKET/KEY.
    #[arg(long, value_name = "FILE|s3://…", required = true)]
    from: Option<String>,
    /// The file with the identity that opens it (AGE-SECRET-KEY-1…).
    #[arg(long, value_name = "FILE", required = true)]
    identity: Option<PathBuf>,
    /// Read all of it and see whether it is whole. Nothing is written anywhere, and no database is needed.
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a restored server would send if it were released.
    Held,
    /// Hold a database that was brought back to a point in time by other means, before a server runs on it.
    Hold {
        /// The point, such as 2026-11-29T14:05:00Z.
        #[arg(long, value_name = "TIME")]
        as_of: Timestamp,
    },
    /// Let a restored server send, call endpoints and mail again.
    Release {
        /// What was queued when the backup was made fails instead: the server that it was made of may have sent it since.
        #[arg(long)]
        drop_queued: bool,
    },
}

pub(crate) async fn run(config: &Config, print: &Print, restore: &Restore) -> anyhow::Result<()> {
    match &restore.command {
        Some(Command::Held) => open::with(config, async |opened| show_held(print, &opened.database).await).await,
        Some(Command::Release { drop_queued }) => {
            open::with(config, async |opened| release(print, &opened.database, *drop_queued).await).await
        }
        Some(Command::Hold { as_of }) => {
            open::with(config, async |opened| hold(print, &opened.database, *as_of).await).await
        }
        None => take_in(config, print, restore).await,
    }
}

async fn take_in(config: &Config, print: &Print, restore: &Restore) -> anyhow::Result<()> {
    let from = restore.from.as_deref().context("say which backup: --from FILE, or s3://BUCKET/KEY")?;
    let identity = restore.identity.as_deref().context("say what opens it: --identity FILE")?;
    let opened = opened(from, identity).await?;
    let manifest = opened.manifest().clone();
    let made = json!({ "made_at": manifest.made_at, "wazapp": manifest.wazapp });
    if restore.check {
        let shown = Shown::new(print, "checking");
        let ending = opened.check(&|progress| shown.told(progress)).await?;
        shown.over();
        print.answer(&json!({ "checked": made, "holds": ending }), || {
            format!("The backup of {} by wazapp {} is whole: {}", manifest.made_at, manifest.wazapp, held(&ending))
        });
        return Ok(());
    }
    let keys = config.restorable(opened.keys())?;
    let (ending, waiting) =
        open::as_it_is(config, async |database| put_in(config, print, (opened, &keys), &database).await).await?;
    print.answer(&json!({ "restored": made, "holds": ending, "held": waiting }), || {
        format!(
            "Restored as of {}: {}\n\nNothing leaves it yet: {}\nThe server that the backup was made of may have sent some of that \
             since, and must not run beside this one. Then, on this one:\n\n    wazapp serve\n    wazapp restore release    or: \
             wazapp restore release --drop-queued",
            manifest.made_at,
            held(&ending),
            words(&waiting)
        )
    });
    Ok(())
}

async fn opened(from: &str, identity: &std::path::Path) -> anyhow::Result<Opened> {
    let identities = identities(identity)?;
    if from.starts_with("s3://") {
        let place = BackupPlace::read(from).map_err(|problem| anyhow::anyhow!("--from: {problem}"))?;
        let name = place.name().context("--from names no backup: write s3://BUCKET/PREFIX/NAME.age")?;
        let reading = place.shelf()?.read(name).await.with_context(|| format!("{from} cannot be read"))?;
        return Ok(Opened::stored(reading, identities).await?);
    }
    let file = std::fs::File::open(from).with_context(|| format!("{from} cannot be read"))?;
    Ok(Opened::file(file, identities).await?)
}

async fn put_in(
    config: &Config,
    print: &Print,
    (opened, keys): (Opened, &Restorable),
    database: &Database,
) -> anyhow::Result<(worker::backup::Ending, Waiting)> {
    let (store, now) = (open::store(config)?, Clock::default().now());
    let target = Target { database, store: &store, now };
    let shown = Shown::new(print, "restoring");
    let stop = CancellationToken::new();
    let _ends = stop_by_signal(&stop)?;
    let told = |progress| shown.told(progress);
    let ending = tokio::select! {
        done = opened.restore(target, &told, || keys.place().map_err(BackupError::from)) => done?,
        () = stop.cancelled() => return Err(BackupError::Stopped.into()),
    };
    migrate::run(database)
        .await
        .context("all is restored, but the schema could not be brought up to date: wazapp migrate")?;
    model::backup::analyze(database).await?;
    shown.over();
    let tx = database.operator().await?;
    let waiting = restoration::any_organization_waiting(&tx, now).await?;
    tx.close();
    Ok((ending, waiting))
}

async fn show_held(print: &Print, database: &Database) -> anyhow::Result<()> {
    let tx = database.operator().await?;
    let held = restoration::held(&tx).await?;
    let waiting = restoration::any_organization_waiting(&tx, Clock::default().now()).await?;
    tx.close();
    print.answer(&json!({ "held": held, "waiting": waiting }), || match held {
        Some(held) => format!("{}: {}", since(&held), words(&waiting)),
        None => "Nothing is held.".to_owned(),
    });
    Ok(())
}

async fn hold(print: &Print, database: &Database, as_of: Timestamp) -> anyhow::Result<()> {
    let (tx, now) = (database.operator().await?, Clock::default().now());
    restoration::hold(&tx, as_of, now).await?;
    let (held, waiting) = (restoration::held(&tx).await?, restoration::any_organization_waiting(&tx, now).await?);
    tx.commit().await?;
    print.answer(&json!({ "held": held, "waiting": waiting }), || {
        format!("Held: {} Let it go with wazapp restore release.", words(&waiting))
    });
    Ok(())
}

async fn release(print: &Print, database: &Database, drop_queued: bool) -> anyhow::Result<()> {
    let (tx, now) = (database.operator().await?, Clock::default().now());
    let Some(held) = restoration::held(&tx).await? else {
        tx.close();
        print.answer(&json!({ "released": false }), || "Nothing is held.".to_owned());
        return Ok(());
    };
    let before = restoration::any_organization_waiting(&tx, now).await?;
    print.line(&format!("{}: {}", since(&held), words(&before)));
    let dropped = if drop_queued { restoration::any_organization_drop_queued(&tx, held, now).await? } else { 0 };
    restoration::release(&tx, now).await?;
    tx.commit().await?;
    print.answer(&json!({ "released": true, "waiting": before, "dropped": dropped }), || match drop_queued {
        true => format!("Released. {dropped} messages that were queued before the backup are not sent: they fail."),
        false => "Released: what waits leaves now.".to_owned(),
    });
    Ok(())
}

fn since(held: &Held) -> String {
    format!("Held since {}, when a backup of {} was restored", held.restored_at, held.made_at)
}

fn words(waiting: &Waiting) -> String {
    format!(
        "{} messages ({} of them due), at least {} calls to endpoints and {} mails wait.",
        waiting.messages, waiting.due, waiting.deliveries, waiting.mails
    )
}
