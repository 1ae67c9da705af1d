//! `wazapp number`.

use anyhow::bail;
use clap::Subcommand;
use model::number::{self, Connect, Refusal};
use serde_json::json;

use super::{find_organization, secret};
use crate::cli::OrganizationArg;
use crate::config::Config;
use crate::open;
use crate::print::{Print, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connect a business phone number to an organization.
    Connect {
        #[command(flatten)]
        organization: OrganizationArg,
        /// Meta's id of the number.
        #[arg(long)]
        phone_number_id: String,
        /// Meta's id of its WhatsApp Business Account.
        #[arg(long)]
        waba_id: String,
        /// The access token; - reads it from standard input.
        #[arg(long)]
        token: String,
        /// The App its webhooks come through, if not the default one.
        #[arg(long)]
        app: Option<String>,
        /// Believe the ids and the token without asking Meta.
        #[arg(long)]
        skip_checks: bool,
    },
    /// List numbers.
    List {
        /// Only this organization's (id or slug).
        #[arg(long = "org", value_name = "ORG")]
        organization: Option<String>,
    },
    /// Disconnect a number; its history stays.
    Disconnect {
        #[command(flatten)]
        organization: OrganizationArg,
        /// Meta's id of the number.
        #[arg(long)]
        phone_number_id: String,
    },
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Connect { organization, phone_number_id, waba_id, token, app, skip_checks } => {
            if !skip_checks {
                bail!(
                    "this version does not ask Meta about a number yet: pass --skip-checks to believe the ids and the token"
                );
            }
            for (what, id) in [("phone-number-id", &phone_number_id), ("waba-id", &waba_id)] {
                if id.is_empty()
                    || id.len() > 128
                    || id.chars().any(|character| character.is_control() || character.is_whitespace())
                {
                    bail!("--{what} {id:?} is no id of Meta's: it is in WhatsApp Manager, digits only");
                }
            }
            let token = secret(&token)?;
            // The default App may be named by its id.
            let app = app.filter(|app| config.meta_app_id.as_deref() != Some(app.as_str()));
            let (connected, waiting) = open::with(config, async |opened| {
                let tx = opened.database.operator().await?;
                let scope = find_organization(&tx, &organization.organization).await?.scope();
                let with = Connect {
                    phone_number_id: &phone_number_id,
                    waba_id: &waba_id,
                    app_id: app.as_deref(),
                    token: &token,
                };
                let connected = match number::connect(&tx, &opened.keyring, &scope, with).await? {
                    Ok(connected) => connected,
                    Err(Refusal::Taken) => bail!(
                        "number {phone_number_id} is connected to another organization: disconnect it there first"
                    ),
                    Err(Refusal::UnknownApp) => {
                        bail!("there is no App {}: add it with wazapp app add", app.as_deref().unwrap_or_default())
                    }
                };
                let waiting = model::quarantine::waiting(&tx, &phone_number_id).await?;
                tx.commit().await?;
                Ok((connected, waiting))
            })
            .await?;
            let answer = json!({
                "id": connected.id, "phone_number_id": connected.phone_number_id, "status": connected.status, "quarantined": waiting,
            });
            print.answer(&answer, || {
                let mut words = format!(
                    "Connected {} to {} ({}).",
                    connected.phone_number_id, organization.organization, connected.id
                );
                if waiting > 0 {
                    let came =
                        if waiting == 1 { "One webhook came".into() } else { format!("{waiting} webhooks came") };
                    words += &format!(
                        "\n{came} for it before: wazapp quarantine replay --phone-number-id {phone_number_id}"
                    );
                }
                words
            });
        }
        Command::List { organization } => {
            let all = open::with(config, async |opened| {
                let tx = opened.database.operator().await?;
                let scope = match &organization {
                    Some(name) => Some(find_organization(&tx, name).await?.scope()),
                    None => None,
                };
                let all = number::any_organization_list(&tx, scope.as_ref()).await?;
                tx.commit().await?;
                Ok(all)
            })
            .await?;
            print.answer(&all, || {
                let rows: Vec<Vec<String>> = all
                    .iter()
                    .map(|row| {
                        vec![
                            row.organization.clone(),
                            row.number.phone_number_id.clone(),
                            row.number.display_phone_number.clone().unwrap_or_else(|| "-".into()),
                            row.number.status.clone(),
                            row.number.waba_id.clone(),
                            row.app_id.clone().unwrap_or_else(|| "(default)".into()),
                        ]
                    })
                    .collect();
                if rows.is_empty() {
                    "No numbers yet: wazapp number connect".into()
                } else {
                    table(&["ORG", "PHONE_NUMBER_ID", "NUMBER", "STATUS", "WABA", "APP"], &rows)
                }
            });
        }
        Command::Disconnect { organization, phone_number_id } => {
            let done = open::with(config, async |opened| {
                let tx = opened.database.operator().await?;
                let scope = find_organization(&tx, &organization.organization).await?.scope();
                let done = number::disconnect(&tx, &scope, &phone_number_id).await?;
                tx.commit().await?;
                Ok(done)
            })
            .await?;
            let Some(done) = done else {
                bail!("{} has no connected number {phone_number_id}: see wazapp number list", organization.organization)
            };
            print.answer(
                &json!({ "id": done.id, "phone_number_id": done.phone_number_id, "status": done.status }),
                || {
                    format!(
                        "Disconnected {phone_number_id}. Its history stays; its webhooks go to quarantine from now on."
                    )
                },
            );
        }
    }
    Ok(())
}
