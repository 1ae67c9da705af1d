//! `wazapp backup`.

use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use model::Clock;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use worker::backup::{self, Ending, Progress, Recipients, Source};

use crate::caution;
use crate::config::{BackupPlace, Config};
use crate::open;
use crate::print::Print;
use crate::serve::Signals;

/// Where nobody watches, a line says how far it is this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Backup {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where it goes: a file, a directory, or s3://BUCKET/PREFIX; where backups go by themselves if not said.
    #[arg(long, value_name = "FILE|s3://…")]
    to: Option<String>,
    /// Who can open it, a recipient of age (age1…); several may be said. As configured if not said.
    #[arg(long = "recipient", value_name = "AGE")]
    recipients: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key: the identity, which opens backups, goes to a file; the recipient, by which they are made, is printed.
    Key {
        /// The new file. Keep it, and a copy of it, where the server is not.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

pub(crate) async fn run(config: &Config, print: &Print, backup: &Backup) -> anyhow::Result<()> {
    match &backup.command {
        Some(Command::Key { to }) => make_key(print, to),
        None => make(config, print, backup).await,
    }
}

fn make_key(print: &Print, path: &Path) -> anyhow::Result<()> {
    let (identity, recipient) = backup::new_key();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(identity.expose_secret().as_bytes())?;
        file.sync_all()
    });
    written.with_context(|| format!("{} cannot be made: say a file that is not there yet", path.display()))?;
    print.answer(&json!({ "recipient": recipient, "identity": path }), || {
        format!(
            "Recipient: {recipient}\nMake backups with it: wazapp backup --to FILE --recipient {recipient}\n\
             {} opens them. Without that file nobody can: keep copies of it away from this server.",
            path.display()
        )
    });
    Ok(())
}

async fn make(config: &Config, print: &Print, backup: &Backup) -> anyhow::Result<()> {
    let place = match &backup.to {
        Some(to) => BackupPlace::read(to).map_err(|problem| anyhow::anyhow!("--to: {problem}"))?,
        None => config
            .backups
            .as_ref()
            .map(|backups| backups.to.clone())
            .context("say where it goes: --to FILE, or s3://BUCKET/PREFIX")?,
    };
    let recipients = match backup.recipients.as_slice() {
        [] => config.backup_recipients.clone().context(
            "a backup is always encrypted: say who can open it with --recipient. wazapp backup key --to FILE makes a key and prints it",
        )?,
        said => Recipients::read(&said.join(" ")).map_err(|problem| anyhow::anyhow!("--recipient: {problem}"))?,
    };
    let shelf = place.shelf()?;
    open::with(config, async |opened| {
        let (store, now) = (open::store(config)?, Clock::default().now());
        let name = place.name().map_or_else(|| backup::schedule::name(now), str::to_owned);
        let source = Source {
            database: &opened.database,
            store: &store,
            keys: config.kept_keys().read().context("a key in DATA_DIR cannot be read")?,
            version: env!("CARGO_PKG_VERSION"),
            now,
        };
        let shown = Shown::new(print, "backing up");
        let stop = CancellationToken::new();
        let _ends = stop_by_signal(&stop)?;
        let made = backup::make(source, (&shelf, &name), &recipients, &|progress| shown.told(progress), &stop).await?;
        shown.over();
        let answer = json!({
            "to": shelf.to_string(), "name": name, "size": made.size, "made_at": now, "rows": made.ending.rows(),
            "files": made.ending.files, "files_bytes": made.ending.files_bytes, "missing": made.ending.missing,
            "damaged": made.ending.damaged,
        });
        print.answer(&answer, || format!("{name} is in {shelf}: {}, {}", HumanBytes(made.size), held(&made.ending)));
        Ok(())
    })
    .await
}

/// What a backup holds, in words.
pub(super) fn held(ending: &Ending) -> String {
    let mut words = format!(
        "{} rows of {} tables and {} files ({})",
        ending.rows(),
        ending.tables.len(),
        ending.files,
        HumanBytes(ending.files_bytes)
    );
    for (files, what) in [(&ending.missing, "were not in the store"), (&ending.damaged, "are damaged in the store")] {
        if !files.is_empty() {
            words += &format!("\n{} files {what}: {}", files.len(), files.join(", "));
        }
    }
    words
}

/// Ctrl-C and SIGTERM end it in order, for as long as what this answers is there.
pub(super) fn stop_by_signal(stop: &CancellationToken) -> anyhow::Result<tokio_util::task::AbortOnDropHandle<()>> {
    let (mut signals, stop) = (Signals::new()?, stop.clone());
    Ok(tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
        signals.any().await;
        stop.cancel();
    })))
}

/// How far it is, on standard error.
pub(super) struct Shown {
    what: &'static str,
    bar: ProgressBar,
    lines: bool,
    last: Mutex<Instant>,
}

impl Shown {
    pub(super) fn new(print: &Print, what: &'static str) -> Self {
        let watched = std::io::stderr().is_terminal();
        let bar = match watched && !print.json {
            true => {
                let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("the template is valid");
                let bar = ProgressBar::new_spinner().with_style(style).with_message(what);
                bar.enable_steady_tick(Duration::from_millis(120));
                bar
            }
            false => ProgressBar::hidden(),
        };
        Self { what, bar, lines: !watched, last: Mutex::new(Instant::now()) }
    }

    pub(super) fn told(&self, progress: Progress) {
        let files = match progress.all_files {
            0 => progress.files.to_string(),
            all => format!("{}/{all}", progress.files),
        };
        let words = || {
            format!(
                "{}: table {}/{}, {} rows, {files} files, {}",
                self.what,
                progress.tables,
                progress.all_tables,
                progress.rows,
                HumanBytes(progress.bytes)
            )
        };
        if !self.bar.is_hidden() {
            self.bar.set_message(words());
        }
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.lines && last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            eprintln!("{}", words());
        }
    }

    pub(super) fn over(&self) {
        self.bar.finish_and_clear();
    }
}

/// A text of a file that only its owner should read.
pub(super) fn identities(path: &Path) -> anyhow::Result<backup::Identities> {
    if let Some(found) = caution::open_file(path, rustix::process::geteuid().as_raw()) {
        eprintln!("warning: {found}");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    match backup::Identities::read(&text) {
        Ok(identities) => Ok(identities),
        Err(problem) => bail!("{}: {problem}", path.display()),
    }
}
