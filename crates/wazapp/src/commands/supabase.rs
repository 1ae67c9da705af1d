//! `wazapp supabase`: what an organization does with a database of its own.

mod said;

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use futures::FutureExt;
use indicatif::ProgressBar;
use model::tls::Way;
use secrecy::ExposeSecret;
use serde_json::json;
use sync::{Connect, Options, Stop, Tell};
use tokio::signal::unix::{SignalKind, signal};

use super::remote;
use crate::print::Print;
use said::Said;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keep a read-only copy of one organization's conversations, messages, contacts and statuses in a PostgreSQL of its
    /// own, such as a Supabase project.
    Sync(Sync),
}

/// Reads the API with the key in WAZAPP_SYNC_KEY, and writes to the database in WAZAPP_SYNC_DATABASE_URL; with _FILE behind
/// its name, a variable names a file that holds it.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Where wazapp answers, like https://wa.example.com [default: WAZAPP_SYNC_API].
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// The schema of the copy's tables, which is made if there is none.
    #[arg(long, default_value = "wazapp")]
    schema: String,
    /// The role whose members read the rows that their token's claims name.
    #[arg(long, default_value = "authenticated")]
    role: String,
    /// Where the claims name the organization. Users must not be able to change it themselves.
    #[arg(long, default_value = "app_metadata.organization_id", value_parser = claim)]
    claim: String,
    /// The publication that tells of changes, made if there is none [default: supabase_realtime, where there is one].
    #[arg(long, value_name = "NAME")]
    publication: Option<String>,
    /// Stop when the copy is level with the log.
    #[arg(long)]
    once: bool,
    /// Make the tables, policies and publication, and stop.
    #[arg(long, conflicts_with = "once")]
    init: bool,
    /// Take the copy from a copier that is known to have ended, without waiting for that to show.
    #[arg(long)]
    take_over: bool,
    /// How often everything is read anew, in hours, for what no event tells.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=24 * 90))]
    full_every: u32,
}

/// Names with dots between them.
fn claim(text: &str) -> Result<String, String> {
    let fits = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    if !text.split('.').all(fits) {
        return Err("names with dots between them are expected, like app_metadata.organization_id".into());
    }
    if text.starts_with("user_metadata") {
        return Err("users change their user_metadata themselves, and would read others' rows: use app_metadata".into());
    }
    Ok(text.to_owned())
}

pub(crate) async fn run(print: &Print, command: Command) -> anyhow::Result<()> {
    let Command::Sync(wanted) = command;
    let said = Said::read(wanted.api.as_deref())?;
    remote::warn_in_the_clear(&said.api);
    for (name, flag) in [(&wanted.schema, "--schema"), (&wanted.role, "--role")] {
        if name.is_empty() || name.len() > 63 || name.contains('\0') {
            bail!("{flag}: a name of 1 to 63 bytes is expected");
        }
    }
    let way = Arc::new(Way::read(said.database_url.expose_secret(), said::DATABASE_URL)?);
    let connect: Connect = Arc::new(move || {
        let way = way.clone();
        async move { way.connect().await }.boxed()
    });
    let options = Options {
        api: said.api.into(),
        key: said.key,
        schema: wanted.schema,
        role: wanted.role,
        claim: wanted.claim,
        publication: wanted.publication,
        once: wanted.once,
        prepare_only: wanted.init,
        take_over: wanted.take_over,
        full_every: Duration::from_secs(u64::from(wanted.full_every) * 3600),
    };
    let (stop, telling) = (Stop::new(), Telling::new(print));
    let _listening = listen(&stop)?;
    sync::run(&options, connect, &stop, &telling).await?;
    telling.bar.finish_and_clear();
    print.answer(&json!({ "ended": true }), || "ended".to_owned());
    Ok(())
}

/// Ctrl-C and SIGTERM end the copier between two steps.
fn listen(stop: &Stop) -> anyhow::Result<tokio_util::task::AbortOnDropHandle<()>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = stop.clone();
    Ok(tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        stop.cancel();
    })))
}

/// How it goes, on standard error: a line where something happens, a sign of life where somebody watches.
struct Telling {
    bar: ProgressBar,
}

impl Telling {
    fn new(print: &Print) -> Self {
        Self { bar: print.progress("rows read") }
    }
}

/// Where nobody watches, so many rows are a line.
const WORTH_A_LINE: u64 = 50_000;

impl Tell for Telling {
    fn line(&self, words: &str) {
        self.bar.suspend(|| eprintln!("{words}"));
    }

    fn copied(&self, table: &'static str, rows: u64) {
        self.bar.set_position(rows);
        self.bar.set_message(table);
        if self.bar.is_hidden() && rows > 0 && rows.is_multiple_of(WORTH_A_LINE) {
            eprintln!("{table}: {rows} rows read");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::claim;

    #[test]
    fn a_claim_that_users_change_themselves_is_refused() {
        assert_eq!(claim("app_metadata.organization_id").as_deref(), Ok("app_metadata.organization_id"));
        for bad in ["", "a..b", "a'b", "a}b", "user_metadata.organization_id"] {
            assert!(claim(bad).is_err(), "{bad}");
        }
    }
}
