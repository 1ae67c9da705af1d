//! `wazapp org`.

mod limit;
mod retention;

use clap::Subcommand;
use model::Clock;
use model::audit::{self, Actor};
use model::name::Name;
use serde_json::json;

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
        #[command(flatten)]
        retention: retention::Wishes,
    },
    /// Let nobody work in an organization, neither people nor programs, until it is resumed. What comes from Meta is kept.
    Suspend {
        #[command(flatten)]
        organization: OrganizationArg,
    },
    /// Let people and programs work in a suspended organization again.
    Resume {
        #[command(flatten)]
        organization: OrganizationArg,
    },
    /// Show what an organization has taken and may take; change its limits: a number, `none`, or `default`.
    Limit(limit::Limits),
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { name } => create(config, print, name.trim()).await,
        Command::List => list(config, print).await,
        Command::Set { organization, retention } => retention::set(config, print, &organization, &retention).await,
        Command::Suspend { organization } => suspend(config, print, &organization, true).await,
        Command::Resume { organization } => suspend(config, print, &organization, false).await,
        Command::Limit(limits) => limit::run(config, print, &limits).await,
    }
}

async fn create(config: &Config, print: &Print, name: &str) -> anyhow::Result<()> {
    let made = make(config, &Name::read(name, 200)?).await?;
    print.answer(&made, || format!("Created {} with slug {} ({}).", made.name, made.slug, made.id));
    Ok(())
}

pub(super) async fn make(config: &Config, name: &Name) -> anyhow::Result<model::organization::Organization> {
    open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let made = model::organization::create(&tx, name.as_str()).await?;
        let now = Clock::default().now();
        audit::any_organization_record(&tx, &made.scope(), now, &Actor::operator(), &made.made()).await?;
        tx.commit().await?;
        Ok(made)
    })
    .await
}

async fn suspend(
    config: &Config,
    print: &Print,
    organization: &OrganizationArg,
    suspended: bool,
) -> anyhow::Result<()> {
    let changed = open::with(config, async |opened| {
        let (tx, now) = (opened.database.operator().await?, Clock::default().now());
        let scope = find_organization(&tx, &organization.organization).await?.scope();
        let changed = model::organization::suspend(&tx, now, &scope, suspended).await?;
        if let Some(changed) = &changed {
            let deed = changed.suspended(suspended);
            audit::any_organization_record(&tx, &scope, now, &Actor::operator(), &deed).await?;
        }
        tx.commit().await?;
        Ok(changed)
    })
    .await?;
    let name = &organization.organization;
    print.answer(&json!({ "suspended": suspended, "changed": changed.is_some() }), || {
        match (changed.is_some(), suspended) {
            (true, true) => format!("Nobody works in {name} any more. wazapp org resume --org {name} lets them again."),
            (true, false) => format!("People and programs work in {name} again."),
            (false, true) => format!("{name} is suspended already."),
            (false, false) => format!("{name} is not suspended."),
        }
    });
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
