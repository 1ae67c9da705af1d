//! `wazapp number token`.

use std::process::ExitCode;

use model::connection::{How, New, Wishes};
use serde_json::json;

use super::{NumberArg, attempt};
use crate::commands::{SecretArg, find_organization};
use crate::config::Config;
use crate::open;
use crate::print::Print;

#[derive(Debug, clap::Args)]
pub(crate) struct Token {
    #[command(flatten)]
    number: NumberArg,
    /// The access token; - reads it from standard input.
    #[arg(long)]
    token: SecretArg,
    /// Also for the organization's other connected numbers of the same account.
    #[arg(long)]
    account: bool,
}

pub(super) async fn run(config: &Config, print: &Print, token: Token) -> anyhow::Result<ExitCode> {
    let phone_number_id = token.number.phone_number_id.as_str();
    let organization = token.number.organization.organization.as_str();
    let text = token.token.read()?;
    open::with(config, async |opened| {
        let settings = attempt::settings(config, &opened).await?;
        let tx = opened.database.operator().await?;
        let scope = find_organization(&tx, organization).await?.scope();
        tx.commit().await?;
        let found = attempt::find(&opened, (&scope, organization), phone_number_id).await?;
        let new = New {
            phone_number_id: Some(phone_number_id),
            waba_id: Some(&found.waba_id),
            app_id: found.app_id.as_deref(),
            number_id: Some(found.number_id),
            wishes: Wishes { account: token.account, ..Wishes::default() },
            token: Some(&text),
            ..New::of(How::Rotation)
        };
        let made = attempt::make(&opened, &settings, print, &scope, &new).await?;
        if let Some(line) = attempt::why(&made) {
            return Ok(print.refused(&attempt::refusal(&made, &line), &line));
        }
        let value = json!({
            "id": found.number_id, "phone_number_id": phone_number_id, "status": "connected", "steps": made.steps,
        });
        print.answer(&value, || format!("{phone_number_id} has the new token."));
        Ok(ExitCode::SUCCESS)
    })
    .await
}
