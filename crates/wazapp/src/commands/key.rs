//! `wazapp key`.

use anyhow::bail;
use clap::Subcommand;
use model::{Clock, api_key};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::find_organization;
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
        Command::Create { organization, name } => {
            let (key, text) = open::with(config, async |opened| {
                let tx = opened.database.operator().await?;
                let scope = find_organization(&tx, &organization.organization).await?.scope();
                let made = api_key::create(&tx, &scope, &name).await?;
                tx.commit().await?;
                Ok(made)
            })
            .await?;
            // The one place where a key is shown.
            let text = text.expose_secret();
            print.answer(&json!({ "id": key.id, "key": text }), || {
                format!("{text}\n\nKeep it: it is not shown again. Its id is {}.", key.id)
            });
        }
        Command::List { organization } => {
            let all = open::with(config, async |opened| {
                let tx = opened.database.operator().await?;
                let scope = find_organization(&tx, &organization.organization).await?.scope();
                let all = api_key::list(&tx, &scope).await?;
                tx.close();
                Ok(all)
            })
            .await?;
            print.answer(&all, || {
                let rows: Vec<Vec<String>> = all
                    .iter()
                    .map(|key| {
                        let state = if key.revoked_at.is_some() { "revoked" } else { "in force" };
                        let used = key.last_used_at.map_or_else(|| "never".into(), |at| at.to_string());
                        vec![key.id.to_string(), key.name.clone(), format!("…{}", key.hint), state.into(), used]
                    })
                    .collect();
                if rows.is_empty() {
                    "No keys yet: wazapp key create".into()
                } else {
                    table(&["ID", "NAME", "KEY", "STATE", "LAST USED"], &rows)
                }
            });
        }
        Command::Revoke { organization, id } => {
            let done = open::with(config, async |opened| {
                let tx = opened.database.operator().await?;
                let scope = find_organization(&tx, &organization.organization).await?.scope();
                let done = api_key::revoke(&tx, Clock::default().now(), &scope, id).await?;
                tx.commit().await?;
                Ok(done)
            })
            .await?;
            if !done {
                bail!("{} has no key {id} in force: see wazapp key list", organization.organization);
            }
            print.answer(&json!({ "id": id, "revoked": true }), || format!("Revoked {id}."));
        }
    }
    Ok(())
}
