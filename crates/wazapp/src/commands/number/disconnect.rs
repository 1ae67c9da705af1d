//! `wazapp number disconnect`.

use std::process::ExitCode;

use model::connection::{How, New, Wishes};
use serde_json::json;

use super::{NumberArg, attempt};
use crate::commands::find_organization;
use crate::config::Config;
use crate::open;
use crate::print::Print;

#[derive(Debug, clap::Args)]
pub(crate) struct Disconnect {
    #[command(flatten)]
    number: NumberArg,
    /// Also take it off the Cloud API at Meta; never one that is shared with the WhatsApp Business app.
    #[arg(long)]
    deregister: bool,
    /// Leave the App subscribed to the account's webhooks.
    #[arg(long)]
    keep_subscription: bool,
}

pub(super) async fn run(config: &Config, print: &Print, disconnect: Disconnect) -> anyhow::Result<ExitCode> {
    let phone_number_id = disconnect.number.phone_number_id.as_str();
    let organization = disconnect.number.organization.organization.as_str();
    open::with(config, async |opened| {
        let settings = attempt::settings(config, &opened).await?;
        let tx = opened.database.operator().await?;
        let scope = find_organization(&tx, organization).await?.scope();
        tx.close();
        let found = attempt::find(&opened, (&scope, organization), phone_number_id).await?;
        let new = New {
            phone_number_id: Some(phone_number_id),
            waba_id: Some(&found.waba_id),
            app_id: found.app_id.as_deref(),
            number_id: Some(found.number_id),
            wishes: Wishes {
                deregister: disconnect.deregister,
                keep_subscription: disconnect.keep_subscription,
                ..Wishes::default()
            },
            ..New::of(How::Disconnection)
        };
        let made = attempt::make(&opened, &settings, print, &scope, &new).await?;
        if let Some(line) = attempt::why(&made) {
            return Ok(print.refused(&attempt::refusal(&made, &line), &line));
        }
        let value = json!({
            "id": found.number_id, "phone_number_id": phone_number_id, "status": "disconnected",
            "warnings": made.warnings(), "steps": made.steps,
        });
        print.answer(&value, || {
            format!("Disconnected {phone_number_id}. Its history stays; its webhooks go to quarantine from now on.")
        });
        Ok(ExitCode::SUCCESS)
    })
    .await
}
