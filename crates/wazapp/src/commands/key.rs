//! `wazapp key`.

use anyhow::{Context, bail};
use clap::Subcommand;
use jiff::Timestamp;
use model::act::{Act, KeyScope};
use model::api_key::{ApiKey, NewKey};
use model::audit::Deed;
use model::name::Name;
use model::{Clock, api_key};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::{in_organization, scope_of};
use crate::cli::OrganizationArg;
use crate::config::Config;
use crate::open;
use crate::print::{Print, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an API key. It is shown once.
    Create {
        #[command(flatten)]
        organization: OrganizationArg,
        /// What to call it.
        #[arg(long, default_value = "API key")]
        name: String,
        /// What it is for: read, send, manage, with commas between them; left out: everything that a key may.
        #[arg(long = "scope", value_delimiter = ',', value_parser = key_scope, default_value = "read,send,manage")]
        scopes: Vec<KeyScope>,
        /// Only these numbers and their conversations, by `id`, with commas between them.
        #[arg(long = "number", value_delimiter = ',')]
        numbers: Vec<Uuid>,
        /// From when on it is refused by itself, such as 2027-01-01T00:00:00Z.
        #[arg(long)]
        expires_at: Option<Timestamp>,
    },
    /// List an organization's keys.
    List {
        #[command(flatten)]
        organization: OrganizationArg,
    },
    /// Refuse a key from now on.
    Revoke {
        #[command(flatten)]
        organization: OrganizationArg,
        /// The key's id, from `key list`.
        id: Uuid,
    },
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { organization, name, scopes, numbers, expires_at } => {
            let wanted = Wanted { name, scopes, numbers, expires_at };
            create(config, print, &organization, &wanted).await
        }
        Command::List { organization } => list(config, print, &organization).await,
        Command::Revoke { organization, id } => revoke(config, print, &organization, id).await,
    }
}

struct Wanted {
    name: String,
    scopes: Vec<KeyScope>,
    numbers: Vec<Uuid>,
    expires_at: Option<Timestamp>,
}

async fn create(config: &Config, print: &Print, organization: &OrganizationArg, wanted: &Wanted) -> anyhow::Result<()> {
    let name = Name::read(&wanted.name, 200)?;
    let (key, text) = in_organization(config, organization, async |tx, now| {
        if wanted.expires_at.is_some_and(|end| end <= now) {
            bail!("--expires-at is past: such a key would open nothing");
        }
        for id in &wanted.numbers {
            model::number::get(tx, *id, now)
                .await?
                .with_context(|| format!("there is no number {id}: see wazapp number list"))?;
        }
        let new = NewKey {
            name: name.as_str(),
            scopes: &wanted.scopes,
            number_ids: (!wanted.numbers.is_empty()).then_some(&wanted.numbers),
            expires_at: wanted.expires_at,
            created_by: None,
        };
        let made = api_key::create(tx, now, &new).await?;
        let after =
            json!({ "scopes": made.0.scopes, "number_ids": made.0.number_ids, "expires_at": made.0.expires_at });
        Ok((Deed::new(Act::ManageKeys, "create", made.0.id, wanted.name.as_str()).changed(None, Some(after)), made))
    })
    .await?;
    // The one place where a key is shown.
    let text = text.expose_secret();
    print.answer(&json!({ "id": key.id, "key": text }), || {
        format!("{text}\n\nKeep it: it is not shown again. Its id is {}.", key.id)
    });
    Ok(())
}

async fn list(config: &Config, print: &Print, organization: &OrganizationArg) -> anyhow::Result<()> {
    let all = open::with(config, async |opened| {
        let tx = opened.database.tenant(&scope_of(&opened.database, organization).await?).await?;
        let all = api_key::list(&tx).await?;
        tx.close();
        Ok(all)
    })
    .await?;
    let now = Clock::default().now();
    print.answer(&all, || {
        let rows: Vec<Vec<String>> = all.iter().map(|key| row(key, now)).collect();
        if rows.is_empty() {
            "No keys yet: wazapp key create".into()
        } else {
            table(&["ID", "NAME", "KEY", "FOR", "NUMBERS", "STATE", "LAST USED"], &rows)
        }
    });
    Ok(())
}

fn row(key: &ApiKey, now: Timestamp) -> Vec<String> {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(end)) if end <= now => format!("ended {end}"),
        (None, Some(end)) => format!("in force until {end}"),
        (None, None) => "in force".to_owned(),
    };
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.word()).collect();
    let numbers = key.number_ids.as_ref().map_or_else(|| "all".to_owned(), |ids| ids.len().to_string());
    let used = key.last_used_at.map_or_else(|| "never".into(), |at| at.to_string());
    vec![key.id.to_string(), key.name.clone(), format!("…{}", key.hint), scopes.join(" "), numbers, state, used]
}

async fn revoke(config: &Config, print: &Print, organization: &OrganizationArg, id: Uuid) -> anyhow::Result<()> {
    in_organization(config, organization, async |tx, now| {
        let revoked = api_key::revoke(tx, now, id).await?;
        let key = revoked
            .with_context(|| format!("{} has no key {id} in force: see wazapp key list", organization.organization))?;
        Ok((key.revoked(), ()))
    })
    .await?;
    print.answer(&json!({ "id": id, "revoked": true }), || format!("Revoked {id}."));
    Ok(())
}

fn key_scope(word: &str) -> Result<KeyScope, String> {
    KeyScope::of(word).ok_or_else(|| "a scope is read, send or manage".to_owned())
}
