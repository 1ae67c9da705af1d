//! `wazapp erase`.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use dialoguer::Input;
use model::Clock;
use model::erasure::Found;
use serde_json::json;
use worker::erasure::{Erased, Source, erase_contact, erase_organization};

use super::backup::Shown;
use super::find_organization;
use crate::cli::OrganizationArg;
use crate::config::Config;
use crate::open;
use crate::print::{Print, table};

#[derive(Debug, Args)]
pub(crate) struct Erase {
    #[command(flatten)]
    organization: OrganizationArg,
    /// Only one of its contacts: its id, phone, user id or username.
    #[arg(long, value_name = "CONTACT")]
    contact: Option<String>,
    /// The organization's short name, which is asked for at a terminal: there is no way back.
    #[arg(long, value_name = "SLUG")]
    yes: Option<String>,
}

pub(crate) async fn run(config: &Config, print: &Print, asked: &Erase) -> anyhow::Result<ExitCode> {
    open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let organization = find_organization(&tx, &asked.organization.organization).await?;
        tx.close();
        confirm(print, asked, &organization.slug)?;
        let (store, clock) = (open::store(config)?, Clock::default());
        let source = Source { database: &opened.database, store: &store, clock: &clock };
        let shown = Shown::new(print, "erasing");
        let told = |progress| shown.told(progress);
        let erased = match &asked.contact {
            Some(who) => erase_contact(source, &organization.slug, who, &told).await?,
            None => erase_organization(source, &organization.slug, &told).await?,
        };
        shown.over();
        let answer = json!({ "organization": organization.slug, "erased": erased, "proven": erased.found.is_empty() });
        if erased.found.is_empty() {
            print.answer(&answer, || said(asked, &erased));
            return Ok(ExitCode::SUCCESS);
        }
        print.line(&said(asked, &erased));
        Ok(print
            .refused(&answer, "something is left, as listed: if it came in meanwhile, the same command erases it too"))
    })
    .await
}

/// Whoever means it types the name.
fn confirm(print: &Print, asked: &Erase, slug: &str) -> anyhow::Result<()> {
    let what = if asked.contact.is_some() { "a contact, with all messages and files," } else { "everything" };
    let typed = match &asked.yes {
        Some(yes) => yes.clone(),
        None if !print.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => Input::new()
            .with_prompt(format!("This erases {what} of {slug} for good. Type {slug} to go on"))
            .interact_text()?,
        None => bail!("this erases {what} of {slug} for good: say --yes {slug} if you mean it"),
    };
    if typed.trim() != slug {
        bail!("{:?} is not {slug}: nothing was erased", typed.trim());
    }
    Ok(())
}

fn said(asked: &Erase, erased: &Erased) -> String {
    let names: BTreeSet<&String> = erased.gone.keys().chain(erased.blanked.keys()).collect();
    let many = |rows: Option<&u64>| rows.map_or(String::new(), u64::to_string);
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .map(|name| vec![name.clone(), many(erased.gone.get(name)), many(erased.blanked.get(name))])
        .collect();
    let mut words = table(&["TABLE", "ROWS GONE", "STAY WITHOUT WORDS"], &rows);
    let searched =
        format!("{} columns of {} tables were looked through", erased.searched.columns, erased.searched.tables);
    words += &format!("\n{} files of media are gone.\n\nProof: {searched}", erased.files);
    let sought = if asked.contact.is_some() { "phones and ids of the contact" } else { "the organization" };
    words += &match erased.found.is_empty() {
        true => format!("; {sought}: found 0 times."),
        false => format!("; {sought} found in {}.", listed(&erased.found)),
    };
    if asked.contact.is_some() {
        words += &match erased.same_name.is_empty() {
            true => " The name and the username: found 0 times.".to_owned(),
            false => format!(" Others are called the same, in {}.", listed(&erased.same_name)),
        };
    }
    words += "\nBackups, exports and copies that were made before still hold it: they go as they are thrown away.";
    words
}

fn listed(found: &[Found]) -> String {
    let each = found.iter().map(|found| format!("{}.{} ({} rows)", found.table, found.column, found.rows));
    each.collect::<Vec<_>>().join(", ")
}
