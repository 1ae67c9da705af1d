//! `wazapp app`.

pub(super) mod setup;

use anyhow::bail;
use clap::Subcommand;
use model::Clock;
use model::app::{AppDeed, Change, Need, Removal, Rotated, Use, record};
use model::audit::Actor;
use serde_json::json;

use super::{SecretArg, find_organization};
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
        /// Whose App it is, by the organization's short name: it alone may name it, and may set where its webhooks go.
        /// Without this the App is the server's, and numbers are connected through it by commands only.
        #[arg(long)]
        org: Option<String>,
    },
    /// Have an App's webhooks come to this server, and have it hear of all that is needed: what is clicked in Meta's dashboard
    /// under WhatsApp, Configuration. Run it beside the server: Meta asks its callback to prove itself.
    Setup {
        /// Meta's id of the App; the default one if left out.
        #[arg(long)]
        app_id: Option<String>,
        /// Also where its webhooks go to another server now, which hears nothing more then.
        #[arg(long)]
        replace: bool,
    },
    /// List the Apps.
    List,
    /// Accept a new secret, or a new verify token, beside those in force.
    Rotate {
        /// Meta's id of the App.
        #[arg(long)]
        app_id: String,
        /// The new secret; - reads it from standard input.
        #[arg(long)]
        secret: Option<SecretArg>,
        /// The new verify token for Meta's handshake; - reads it from standard input.
        #[arg(long)]
        verify_token: Option<SecretArg>,
        /// Refuse the old ones of what is given from now on; alone, all but the newest of both.
        #[arg(long)]
        drop_old: bool,
    },
    /// Remove an App that nobody uses; its webhooks are refused from then on.
    Remove {
        /// Meta's id of the App.
        #[arg(long)]
        app_id: String,
    },
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { app_id, name, secret, verify_token, org } => {
            let name = name.unwrap_or_else(|| app_id.clone());
            add(config, print, &New { app_id, name, secret, verify_token, org }).await?;
        }
        Command::Setup { app_id, replace } => setup::run(config, print, app_id.as_deref(), replace).await?,
        Command::List => {
            let all = open::with(config, async |opened| {
                let tx = opened.database.operator().await?;
                let all = model::app::list(&tx).await?;
                tx.close();
                Ok(all)
            })
            .await?;
            print.answer(&all, || {
                let mut rows = vec![vec![
                    config.meta_app_id.clone().unwrap_or_else(|| "(default)".into()),
                    "the default App".into(),
                    "(server)".into(),
                    "configured".into(),
                    if config.meta_verify_token.is_some() { "configured".into() } else { "none".into() },
                ]];
                rows.extend(all.iter().map(|app| {
                    let owner = app.organization.clone().unwrap_or_else(|| "(server)".into());
                    let counts = [app.secrets, app.verify_tokens].map(|count| count.to_string());
                    [vec![app.id.clone(), app.name.clone(), owner], counts.to_vec()].concat()
                }));
                table(&["APP", "NAME", "ORGANIZATION", "SECRETS", "VERIFY TOKENS"], &rows)
            });
        }
        Command::Rotate { app_id, secret, verify_token, drop_old } => {
            let secret = secret.as_ref().map(SecretArg::read).transpose()?;
            let verify_token = verify_token.as_ref().map(SecretArg::read).transpose()?;
            let change = Change { secret: secret.as_ref(), verify_token: verify_token.as_ref(), drop_old };
            rotate(config, print, &app_id, &change).await?;
        }
        Command::Remove { app_id } => remove(config, print, &app_id).await?,
    }
    Ok(())
}

fn unknown(config: &Config, app_id: &str) -> anyhow::Error {
    match config.meta_app_id.as_deref() == Some(app_id) {
        true => anyhow::anyhow!(
            "App {app_id} is the default App: WAZAPP_META_APP_SECRET, WAZAPP_META_VERIFY_TOKEN and WAZAPP_META_APP_ID say it"
        ),
        false => anyhow::anyhow!("there is no App {app_id}: see wazapp app list"),
    }
}

async fn rotate(config: &Config, print: &Print, app_id: &str, change: &Change<'_>) -> anyhow::Result<()> {
    let gets = match (change.secret.is_some(), change.verify_token.is_some()) {
        (true, true) => "a new secret and a new verify token",
        (true, false) => "a new secret",
        (false, true) => "a new verify token",
        (false, false) if change.drop_old => "only its newest secret and verify token",
        (false, false) => {
            bail!("name what is new: --secret, --verify-token or both; --drop-old alone ends the old ones")
        }
    };
    let known = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let known = match (change.secret, change.verify_token) {
            (None, None) => model::app::drop_old(&tx, app_id).await?.is_some(),
            _ => model::app::rotate(&tx, &opened.keyring, app_id, change).await?,
        };
        let (secret, verify_token) = (change.secret.is_some(), change.verify_token.is_some());
        let deed = AppDeed::Rotated(Rotated { secret, verify_token, dropped_old: change.drop_old });
        record(&tx, Clock::default().now(), &Actor::operator(), app_id, deed).await?;
        tx.commit().await?;
        Ok(known)
    })
    .await?;
    if !known {
        return Err(unknown(config, app_id));
    }
    let answer = json!({
        "id": app_id, "dropped_old": change.drop_old, "secret": change.secret.is_some(),
        "verify_token": change.verify_token.is_some(),
    });
    print.answer(&answer, || {
        let old = match change.drop_old {
            true => "the old ones are refused",
            false => "the old ones still count; --drop-old ends them",
        };
        format!("App {app_id} has {gets}; {old}. A running server follows within seconds.")
    });
    Ok(())
}

async fn remove(config: &Config, print: &Print, app_id: &str) -> anyhow::Result<()> {
    let removed = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        Ok(model::app::any_organization_remove(tx, Clock::default().now(), &Actor::operator(), app_id).await?)
    })
    .await?;
    match removed {
        Removal::Unknown => Err(unknown(config, app_id)),
        Removal::Used(uses) => bail!(
            "App {app_id} is in use: {}. Disconnect those numbers (wazapp number disconnect), or connect them through another \
             App, then run this again",
            uses.iter().map(in_words).collect::<Vec<_>>().join("; ")
        ),
        Removal::Removed => {
            print.answer(&json!({ "id": app_id, "removed": true }), || {
                format!("Removed App {app_id}. A running server refuses its webhooks within seconds.")
            });
            Ok(())
        }
    }
}

fn in_words(one: &Use) -> String {
    let number = one.phone_number_id.as_ref().map_or_else(|| "a number".to_owned(), |id| format!("number {id}"));
    let (number, organization) = (number, &one.organization);
    match one.how {
        Need::Webhooks => format!("{number} of {organization} is connected through it"),
        Need::Token => format!("the token of {number} of {organization} is proved with its secret"),
        Need::Attempt => format!("{organization} is connecting {number} through it"),
    }
}

/// An App to add.
pub(super) struct New {
    pub(super) app_id: String,
    pub(super) name: String,
    pub(super) secret: SecretArg,
    pub(super) verify_token: Option<SecretArg>,
    pub(super) org: Option<String>,
}

async fn add(config: &Config, print: &Print, new: &New) -> anyhow::Result<()> {
    let New { app_id, name, .. } = new;
    if !keep(config, new).await? {
        bail!("App {app_id} was added before: wazapp app rotate gives it another secret");
    }
    print.answer(&json!({ "id": app_id, "name": name, "organization": new.org }), || {
        format!("Added App {app_id}. In Meta's dashboard its callback is PUBLIC_URL/webhook/{app_id}.")
    });
    Ok(())
}

/// False: it was there before, and stays as it is.
pub(super) async fn keep(config: &Config, new: &New) -> anyhow::Result<bool> {
    let New { app_id, name, .. } = new;
    if config.meta_app_id.as_deref() == Some(app_id.as_str()) {
        bail!("App {app_id} is the default App: its secret is WAZAPP_META_APP_SECRET");
    }
    if app_id.is_empty() || !app_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        bail!("an App's id is Meta's number for it, digits only");
    }
    let secret = new.secret.read()?;
    let verify_token = new.verify_token.as_ref().map(SecretArg::read).transpose()?;
    open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let owner = match &new.org {
            Some(slug) => Some(find_organization(&tx, slug).await?),
            None => None,
        };
        let made = model::app::add(&tx, &opened.keyring, app_id, name, &secret, verify_token.as_ref()).await?;
        if let Some(owner) = owner.filter(|_| made) {
            model::app::give_to(&tx, app_id, &owner.scope()).await?;
        }
        if made {
            record(&tx, Clock::default().now(), &Actor::operator(), app_id, AppDeed::Added).await?;
        }
        tx.commit().await?;
        Ok(made)
    })
    .await
}
