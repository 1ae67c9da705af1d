//! `wazapp org`.

mod limit;
mod retention;

use anyhow::bail;
use clap::Subcommand;

use crate::cli::OrganizationArg;
use crate::config::Config;
use crate::open;
use crate::print::{Print, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an organization.
    Create {
        /// Its name for people; its slug is made from it.
        name: String,
    },
    /// List all organizations.
    List,
    /// Change what holds for an organization.
    Set {
        #[command(flatten)]
        organization: OrganizationArg,
        #[command(flatten)]
        retention: retention::Wishes,
    },
    /// Show what an organization has taken and may take; change its limits: a number, `none`, or `default`.
    Limit(limit::Limits),
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { name } => create(config, print, name.trim()).await,
        Command::List => list(config, print).await,
        Command::Set { organization, retention } => retention::set(config, print, &organization, &retention).await,
        Command::Limit(limits) => limit::run(config, print, &limits).await,
    }
}

async fn create(config: &Config, print: &Print, name: &str) -> anyhow::Result<()> {
    if name.is_empty() || name.chars().count() > 200 {
        bail!("an organization's name has 1 to 200 characters");
    }
    let made = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let made = model::organization::create(&tx, name).await?;
        tx.commit().await?;
        Ok(made)
    })
    .await?;
    print.answer(&made, || format!("Created {} with slug {} ({}).", made.name, made.slug, made.id));
    Ok(())
}

async fn list(config: &Config, print: &Print) -> anyhow::Result<()> {
    let all = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let all = model::organization::list(&tx).await?;
        tx.close();
        Ok(all)
    })
    .await?;
    print.answer(&all, || {
        let rows: Vec<Vec<String>> = all
            .iter()
            .map(|row| {
                let mut cells = vec![row.slug.clone(), row.name.clone(), row.id.to_string()];
                cells.extend(retention::shown(row));
                cells
            })
            .collect();
        if rows.is_empty() {
            "No organizations yet: wazapp org create NAME".into()
        } else {
            table(&["SLUG", "NAME", "ID", "MEDIA KEPT", "EVENTS", "STATUSES", "MESSAGES"], &rows)
        }
    });
    Ok(())
}
