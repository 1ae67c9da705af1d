//! `wazapp member`: who works in an organization.

use anyhow::{Context, bail};
use clap::Subcommand;
use jiff::Timestamp;
use model::act::Role;
use model::audit::{self, Actor};
use model::membership::{self, Changed, Member};
use model::user::{self, Email, User};
use model::{Clock, Database, organization};
use serde_json::json;
use uuid::Uuid;

use super::find_organization;
use super::user::{join, role};
use crate::cli::OrganizationArg;
use crate::config::Config;
use crate::open;
use crate::print::{Print, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let somebody who has an account work in an organization, or in another role.
    Add {
        #[command(flatten)]
        organization: OrganizationArg,
        /// The account's address.
        #[arg(long)]
        email: Email,
        /// owner, admin, agent or viewer.
        #[arg(long, default_value = "agent", value_parser = role)]
        role: Role,
    },
    /// List who works in an organization.
    List {
        #[command(flatten)]
        organization: OrganizationArg,
    },
    /// Let somebody work there no more: their sessions end there, their conversations are nobody's.
    Remove {
        #[command(flatten)]
        organization: OrganizationArg,
        /// The account's address.
        #[arg(long)]
        email: Email,
    },
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { organization, email, role } => add(config, print, &organization, &email, role).await,
        Command::List { organization } => list(config, print, &organization).await,
        Command::Remove { organization, email } => remove(config, print, &organization, &email).await,
    }
}

async fn add(
    config: &Config,
    print: &Print,
    organization: &OrganizationArg,
    email: &Email,
    role: Role,
) -> anyhow::Result<()> {
    let user = open::with(config, async |opened| {
        let (tx, now) = (opened.database.operator().await?, Clock::default().now());
        let scope = find_organization(&tx, &organization.organization).await?.scope();
        let (user, _) = user::by_email(&tx, email).await?.with_context(|| {
            format!("{email} has no account yet: wazapp user create --org ORG --email {email} makes it")
        })?;
        let inside = opened.database.tenant(&scope).await?;
        let Some(before) = membership::get(&inside, user.id).await? else {
            join(&tx, now, &scope, &user, role).await?;
            tx.commit().await?;
            return Ok(user);
        };
        match membership::change_role(&inside, now, user.id, role).await? {
            Changed::Done(_) => {}
            Changed::NotThere => bail!("{email} was let go at this moment: run this again"),
            Changed::LastOwner => bail!("{}", last_owner(email, &organization.organization)),
        }
        let after = Member { role, ..before.clone() };
        audit::record(&inside, now, &Actor::operator(), &after.changed(&before)).await?;
        inside.commit().await?;
        Ok(user)
    })
    .await?;
    let where_ = &organization.organization;
    print.answer(&json!({ "user_id": user.id, "role": role }), || {
        format!("{email} works in {where_} as {}.", role.word())
    });
    Ok(())
}

async fn list(config: &Config, print: &Print, organization: &OrganizationArg) -> anyhow::Result<()> {
    let all = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let scope = find_organization(&tx, &organization.organization).await?.scope();
        tx.close();
        let tx = opened.database.tenant(&scope).await?;
        let all = membership::list(&tx).await?;
        tx.close();
        Ok(all)
    })
    .await?;
    print.answer(&all, || {
        let rows: Vec<Vec<String>> = all
            .iter()
            .map(|member| {
                let seen = member.last_seen_at.map_or_else(|| "never".into(), |at| at.to_string());
                let open = member.open_conversations.to_string();
                vec![member.email.clone(), member.name.clone(), member.role.word().into(), seen, open]
            })
            .collect();
        if rows.is_empty() {
            "Nobody works here yet: wazapp user create".into()
        } else {
            table(&["EMAIL", "NAME", "ROLE", "LAST SEEN", "OPEN"], &rows)
        }
    });
    Ok(())
}

async fn remove(config: &Config, print: &Print, organization: &OrganizationArg, email: &Email) -> anyhow::Result<()> {
    let left = open::with(config, async |opened| {
        let (tx, now) = (opened.database.operator().await?, Clock::default().now());
        let found = find_organization(&tx, &organization.organization).await?;
        let (user, _) = user::by_email(&tx, email).await?.with_context(|| format!("{email} has no account"))?;
        tx.close();
        leave(&opened.database, now, found.id, &user).await
    })
    .await?;
    let where_ = &organization.organization;
    print.answer(&json!({ "removed": true, "unassigned": left }), || {
        format!("{email} works in {where_} no more. {left} conversations that were theirs are nobody's.")
    });
    Ok(())
}

fn last_owner(email: &Email, organization: &str) -> String {
    format!(
        "{email} is the last owner of {organization}: make somebody else one first (wazapp member add --role owner)"
    )
}

/// Lets somebody work in an organization no more, and writes it down there.
pub(super) async fn leave(
    database: &Database,
    now: Timestamp,
    organization_id: Uuid,
    user: &User,
) -> anyhow::Result<usize> {
    let tx = database.operator().await?;
    let found = organization::find(&tx, &organization_id.to_string()).await?.context("the organization has gone")?;
    tx.close();
    let tx = database.tenant(&found.scope()).await?;
    let member = membership::get(&tx, user.id)
        .await?
        .with_context(|| format!("{} does not work in {}", user.email, found.slug))?;
    let left = match membership::remove(&tx, now, user.id).await? {
        Changed::Done(left) => left,
        Changed::NotThere => bail!("{} does not work in {}", user.email, found.slug),
        Changed::LastOwner => bail!("{}", last_owner(&user.email, &found.slug)),
    };
    audit::record(&tx, now, &Actor::operator(), &member.let_go()).await?;
    tx.commit().await?;
    Ok(left)
}
