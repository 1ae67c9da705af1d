//! `wazapp org`.

mod limit;

use anyhow::bail;
use clap::Subcommand;

use super::find_organization;
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
        /// How long its media are kept: a number of days, or `forever`.
        #[arg(long, value_name = "DAYS", value_parser = retention)]
        media_retention_days: Retention,
    },
    /// Show what an organization has taken and may take; change its limits: a number, `none`, or `default`.
    Limit(limit::Limits),
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { name } => create(config, print, name.trim()).await,
        Command::List => list(config, print).await,
        Command::Set { organization, media_retention_days } => {
            set(config, print, &organization, media_retention_days).await
        }
        Command::Limit(limits) => limit::run(config, print, &limits).await,
    }
}

/// How long media are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention(Option<i32>);

fn retention(text: &str) -> Result<Retention, String> {
    match text.parse() {
        _ if text == "forever" => Ok(Retention(None)),
        Ok(days @ 1..=36_500) => Ok(Retention(Some(days))),
        _ => Err("write a number of days from 1 to 36500, or forever".into()),
    }
}

impl std::fmt::Display for Retention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("for ever"),
            Some(1) => f.write_str("1 day"),
            Some(days) => write!(f, "{days} days"),
        }
    }
}

async fn set(
    config: &Config,
    print: &Print,
    organization: &OrganizationArg,
    retention: Retention,
) -> anyhow::Result<()> {
    let changed = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let found = find_organization(&tx, &organization.organization).await?;
        let changed = model::organization::keep_media(&tx, &found.scope(), retention.0).await?;
        tx.commit().await?;
        Ok(changed.unwrap_or(found))
    })
    .await?;
    print.answer(&changed, || format!("Media of {} are kept {retention}.", changed.name));
    Ok(())
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
        tx.commit().await?;
        Ok(all)
    })
    .await?;
    print.answer(&all, || {
        let rows: Vec<Vec<String>> = all
            .iter()
            .map(|row| {
                let kept = Retention(row.media_retention_days).to_string();
                vec![row.slug.clone(), row.name.clone(), row.id.to_string(), kept]
            })
            .collect();
        if rows.is_empty() {
            "No organizations yet: wazapp org create NAME".into()
        } else {
            table(&["SLUG", "NAME", "ID", "MEDIA KEPT"], &rows)
        }
    });
    Ok(())
}
