//! `wazapp app`.

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;

use super::SecretArg;
use crate::config::Config;
use crate::open;
use crate::print::{Print, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a Meta App beside the default one; its webhooks come on /webhook/APP_ID.
    Add {
        /// Meta's id of the App.
        #[arg(long)]
        app_id: String,
        /// What to call it.
        #[arg(long)]
        name: Option<String>,
        /// The App secret; - reads it from standard input.
        #[arg(long)]
        secret: SecretArg,
        /// The verify token for Meta's handshake; - reads it from standard input.
        #[arg(long)]
        verify_token: Option<SecretArg>,
    },
    /// List the Apps.
    List,
    /// Accept a new secret beside those in force.
    Rotate {
        /// Meta's id of the App.
        #[arg(long)]
        app_id: String,
        /// The new secret; - reads it from standard input.
        #[arg(long)]
        secret: SecretArg,
        /// Refuse the old secrets from now on.
        #[arg(long)]
        drop_old: bool,
    },
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { app_id, name, secret: text, verify_token } => {
            if config.meta_app_id.as_deref() == Some(app_id.as_str()) {
                bail!("App {app_id} is the default App: its secret is WAZAPP_META_APP_SECRET");
            }
            if app_id.is_empty() || !app_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
                bail!("an App's id is Meta's number for it, digits only");
            }
            let secret = text.read()?;
            let verify_token = verify_token.as_ref().map(SecretArg::read).transpose()?;
            let name = name.unwrap_or_else(|| app_id.clone());
            let made = open::with(config, async |opened| {
                let tx = opened.database.operator().await?;
                let made =
                    model::app::add(&tx, &opened.keyring, &app_id, &name, &secret, verify_token.as_ref()).await?;
                tx.commit().await?;
                Ok(made)
            })
            .await?;
            if !made {
                bail!("App {app_id} was added before: wazapp app rotate gives it another secret");
            }
            print.answer(&json!({ "id": app_id, "name": name }), || {
                format!("Added App {app_id}. In Meta's dashboard its callback is PUBLIC_URL/webhook/{app_id}.")
            });
        }
        Command::List => {
            let all = open::with(config, async |opened| {
                let tx = opened.database.operator().await?;
                let all = model::app::list(&tx).await?;
                tx.commit().await?;
                Ok(all)
            })
            .await?;
            print.answer(&all, || {
                let mut rows = vec![vec![
                    config.meta_app_id.clone().unwrap_or_else(|| "(default)".into()),
                    "the default App".into(),
                    "configured".into(),
                ]];
                rows.extend(all.iter().map(|app| vec![app.id.clone(), app.name.clone(), app.secrets.to_string()]));
                table(&["APP", "NAME", "SECRETS"], &rows)
            });
        }
        Command::Rotate { app_id, secret: text, drop_old } => {
            let secret = text.read()?;
            let known = open::with(config, async |opened| {
                let tx = opened.database.operator().await?;
                let known = model::app::rotate(&tx, &opened.keyring, &app_id, &secret, drop_old).await?;
                tx.commit().await?;
                Ok(known)
            })
            .await?;
            if !known {
                bail!("there is no App {app_id}: see wazapp app list");
            }
            print.answer(&json!({ "id": app_id, "dropped_old": drop_old }), || {
                let old = if drop_old {
                    "the old ones are refused"
                } else {
                    "the old ones still count; --drop-old ends them"
                };
                format!("App {app_id} has a new secret; {old}. A running server follows within seconds.")
            });
        }
    }
    Ok(())
}
