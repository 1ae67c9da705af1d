//! `wazapp user`: accounts of people.

use anyhow::{Context, bail};
use clap::Subcommand;
use jiff::Timestamp;
use model::act::Role;
use model::audit::{self, Actor, Deed};
use model::database::Operator;
use model::mail::{self, Kind};
use model::membership::{self, Begun};
use model::name::Name;
use model::user::{self, Email, Language, NewUser, User};
use model::{Clock, provider_account, session};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::find_organization;
use crate::config::Config;
use crate::open;
use crate::print::{Print, table};
use crate::serve::public_url;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account; answers a link, to be used once, by which its owner sets a password.
    Create {
        /// The organization it is to work in, by id or slug.
        #[arg(long = "org", value_name = "ORG")]
        organization: Option<String>,
        /// By which they sign in.
        #[arg(long)]
        email: Email,
        /// What people call them; left out: the address's first part.
        #[arg(long)]
        name: Option<String>,
        /// owner, admin, agent or viewer.
        #[arg(long, default_value = "agent", value_parser = role)]
        role: Role,
        /// They also run this server: they see every organization's name and health.
        #[arg(long)]
        operator: bool,
        /// es or en.
        #[arg(long, default_value = "es", value_parser = language)]
        language: Language,
    },
    /// List all accounts.
    List,
    /// Forget somebody's password and whom they are at an identity provider, and end their sessions; answers a link by which they
    /// set another password.
    Reset {
        /// The account's address.
        email: Email,
        /// Also forget the second factor: its codes, keys and recovery codes.
        #[arg(long)]
        second_factor: bool,
    },
    /// Remove an account with its sessions and memberships. What was theirs in an organization is nobody's.
    Remove {
        /// The account's address.
        email: Email,
    },
}

pub(super) fn role(word: &str) -> Result<Role, String> {
    Role::of(word).ok_or_else(|| "a role is owner, admin, agent or viewer".to_owned())
}

fn language(word: &str) -> Result<Language, String> {
    Language::of(word).ok_or_else(|| "a language is es or en".to_owned())
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { organization, email, name, role, operator, language } => {
            let name = name.unwrap_or_else(|| email.as_str().split('@').next().unwrap_or_default().to_owned());
            let name = Name::read(&name, 100)?;
            let new = NewUser {
                email: &email,
                name: name.as_str(),
                password: None,
                is_operator: operator,
                vouched: true,
                language,
                zone: "UTC",
            };
            create(config, print, (organization.as_deref(), role), &new).await
        }
        Command::List => list(config, print).await,
        Command::Reset { email, second_factor } => reset(config, print, &email, second_factor).await,
        Command::Remove { email } => remove(config, print, &email).await,
    }
}

async fn create(config: &Config, print: &Print, works: (Option<&str>, Role), new: &NewUser<'_>) -> anyhow::Result<()> {
    let (made, link) = make(config, works, new).await?;
    show_link(config, print, &made, &link, &format!("Made an account for {}.", made.email));
    Ok(())
}

/// An account, and the link by which its owner sets a password.
pub(super) async fn make(
    config: &Config,
    (organization, role): (Option<&str>, Role),
    new: &NewUser<'_>,
) -> anyhow::Result<(User, SecretString)> {
    if organization.is_none() && !new.is_operator {
        bail!("say where they work: --org ORG, or --operator for somebody who runs this server");
    }
    open::with(config, async |opened| {
        let (tx, now) = (opened.database.operator().await?, Clock::default().now());
        let organization = match organization {
            Some(name) => Some(find_organization(&tx, name).await?),
            None => None,
        };
        let made = user::create(&tx, now, new).await?.with_context(|| {
            format!("{} has an account already: wazapp member add lets it work in another organization", new.email)
        })?;
        let link = link(config, &tx, now, &made, Kind::Account).await?;
        if let Some(organization) = &organization {
            join(&tx, now, &organization.scope(), &made, role).await?;
        }
        let after = json!({ "email": made.email, "is_operator": made.is_operator });
        let deed = Deed::of_server("user.create", made.id, made.name.as_str()).changed(None, Some(after));
        audit::record_of_server(&tx, now, &Actor::operator(), &deed).await?;
        tx.commit().await?;
        Ok((made, link))
    })
    .await
}

/// Lets somebody work in an organization, and writes it down there.
pub(super) async fn join(
    tx: &Operator,
    now: Timestamp,
    scope: &model::Scope,
    user: &User,
    role: Role,
) -> anyhow::Result<()> {
    membership::add(tx, now, scope, user.id, role).await?;
    let deed = membership::begun(Begun::Added, user, role);
    audit::any_organization_record(tx, scope, now, &Actor::operator(), &deed).await?;
    Ok(())
}

/// A link by which somebody sets a password; another one is mailed to them where mail is sent.
async fn link(config: &Config, tx: &Operator, now: Timestamp, user: &User, kind: Kind) -> anyhow::Result<SecretString> {
    let link = user::password_link(tx, now, user.id).await?;
    if config.post.is_some() {
        mail::write_to(tx, now, kind, &user.email, user.language).await?;
    }
    Ok(link)
}

/// The page that a link opens.
pub(super) fn password_url(config: &Config, link: &SecretString) -> String {
    format!("{}/password/{}", public_url(config), link.expose_secret())
}

fn show_link(config: &Config, print: &Print, user: &User, link: &SecretString, what: &str) {
    let url = password_url(config, link);
    let mailed = config.post.is_some();
    print.answer(&json!({ "id": user.id, "email": user.email, "setup_url": url, "mailed": mailed }), || {
        let mail = if mailed { "The server mails them a link; this one does the same. " } else { "" };
        format!("{what} {mail}They set a password here; the link works once, for 7 days:\n\n{url}")
    });
}

async fn list(config: &Config, print: &Print) -> anyhow::Result<()> {
    let all = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let all = user::list(&tx).await?;
        tx.close();
        Ok(all)
    })
    .await?;
    print.answer(&all, || {
        let rows: Vec<Vec<String>> = all
            .iter()
            .map(|user| {
                let operator = if user.is_operator { "operator" } else { "" };
                let factor = if user.second_factor { "yes" } else { "no" };
                vec![
                    user.email.to_string(),
                    user.name.clone(),
                    operator.into(),
                    factor.into(),
                    user.created_at.to_string(),
                ]
            })
            .collect();
        if rows.is_empty() {
            "No accounts yet: open the server's /setup, or wazapp user create".into()
        } else {
            table(&["EMAIL", "NAME", "", "SECOND FACTOR", "SINCE"], &rows)
        }
    });
    Ok(())
}

async fn find(tx: &Operator, email: &Email) -> anyhow::Result<User> {
    let (user, _) =
        user::by_email(tx, email).await?.with_context(|| format!("{email} has no account: see wazapp user list"))?;
    Ok(user)
}

async fn reset(config: &Config, print: &Print, email: &Email, second_factor: bool) -> anyhow::Result<()> {
    let (user, link) = open::with(config, async |opened| {
        let (tx, now) = (opened.database.operator().await?, Clock::default().now());
        let user = find(&tx, email).await?;
        user::set_password(&tx, now, user.id, None).await?;
        if second_factor {
            user::forget_second_factor(&tx, now, user.id).await?;
        }
        provider_account::unlink(&tx, user.id).await?;
        session::end_all(&tx, user.id, None).await?;
        let link = link(config, &tx, now, &user, Kind::Reset).await?;
        let own = user.was_reset(second_factor);
        audit::any_organization_record_of(&tx, now, &Actor::operator(), &user, &own).await?;
        let after = json!({ "second_factor": user.second_factor && !second_factor });
        let deed = Deed::of_server("user.reset", user.id, user.name.as_str()).changed(None, Some(after));
        audit::record_of_server(&tx, now, &Actor::operator(), &deed).await?;
        tx.commit().await?;
        Ok((user, link))
    })
    .await?;
    show_link(config, print, &user, &link, &format!("{email} is signed out everywhere, and has no password."));
    Ok(())
}

async fn remove(config: &Config, print: &Print, email: &Email) -> anyhow::Result<()> {
    let user = open::with(config, async |opened| {
        let (tx, now) = (opened.database.operator().await?, Clock::default().now());
        let user = find(&tx, email).await?;
        let last = membership::any_organization_last_owner(&tx, user.id).await?;
        if !last.is_empty() {
            bail!(
                "{email} is the last owner of {}: make somebody else one first (wazapp member add --role owner)",
                last.join(", ")
            );
        }
        let places = membership::any_organization_of(&tx, now, user.id).await?;
        tx.close();
        for place in places.into_iter().filter(|place| place.is_member) {
            super::member::leave(&opened.database, now, place.organization_id, &user).await?;
        }
        let tx = opened.database.operator().await?;
        user::remove(&tx, user.id).await?;
        let before = json!({ "email": user.email, "is_operator": user.is_operator });
        let deed = Deed::of_server("user.remove", user.id, user.name.as_str()).changed(Some(before), None);
        audit::record_of_server(&tx, now, &Actor::operator(), &deed).await?;
        tx.commit().await?;
        Ok(user)
    })
    .await?;
    print.answer(&json!({ "id": user.id, "removed": true }), || format!("Removed the account of {email}."));
    Ok(())
}
