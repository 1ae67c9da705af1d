//! `wazapp export`.

use std::path::PathBuf;

use clap::Args;
use indicatif::HumanBytes;
use model::audit::{self, Actor};
use model::{Clock, organization};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use worker::transfer::{Manifest, Source, Target, export};

use super::backup::{Shown, stop_by_signal};
use crate::cli::OrganizationArg;
use crate::config::Config;
use crate::open;
use crate::print::Print;

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    organization: OrganizationArg,
    /// Only what is of one contact: its id, phone, user id or username.
    #[arg(long, value_name = "CONTACT")]
    contact: Option<String>,
    /// Where it goes: a folder, or a file that ends in .tar.zst; neither may be there yet.
    #[arg(long, value_name = "FOLDER|FILE.tar.zst")]
    to: PathBuf,
}

pub(crate) async fn run(config: &Config, print: &Print, asked: &Export) -> anyhow::Result<()> {
    let target = Target::of(&asked.to);
    open::with(config, async |opened| {
        let (store, now) = (open::store(config)?, Clock::default().now());
        let source = Source { database: &opened.database, store: &store, version: env!("CARGO_PKG_VERSION"), now };
        let shown = Shown::new(print, "exporting");
        let stop = CancellationToken::new();
        let _ends = stop_by_signal(&stop)?;
        let whose = (asked.organization.organization.as_str(), asked.contact.as_deref());
        let made = export(source, whose, &target, &|progress| shown.told(progress), &stop).await?;
        shown.over();
        let tx = opened.database.operator().await?;
        if let Some(here) = organization::find(&tx, &made.organization.id.to_string()).await? {
            let deed = here.exported(asked.contact.is_none());
            audit::any_organization_record(&tx, &here.scope(), now, &Actor::operator(), &deed).await?;
        }
        tx.commit().await?;
        print.answer(&json!({ "to": asked.to, "holds": made }), || said(asked, &made));
        Ok(())
    })
    .await
}

fn said(asked: &Export, made: &Manifest) -> String {
    let mut words = format!(
        "{} is in {}: {} rows of {} tables and {} files ({}).",
        if asked.contact.is_some() { "What is of the contact" } else { made.organization.slug.as_str() },
        asked.to.display(),
        made.rows(),
        made.tables.len(),
        made.files,
        HumanBytes(made.files_bytes)
    );
    for (files, what) in [(&made.missing, "were not in the store"), (&made.damaged, "are damaged in the store")] {
        if !files.is_empty() {
            words += &format!("\n{} files {what}: {}", files.len(), files.join(", "));
        }
    }
    let empty: Vec<&str> = made.left_empty.iter().map(|left| left.what.as_str()).collect();
    if !empty.is_empty() {
        words += &format!("\nWithout secrets: {}.", empty.join(", "));
    }
    words
}
