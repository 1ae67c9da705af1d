//! `wazapp number callback`.

use std::process::ExitCode;

use model::Clock;
use model::audit::{self, Actor};
use model::number::{self, NumberDeed};
use serde_json::{Value, json};
use whatsapp::graph::{Credential, Failure, Graph};

use super::{NumberArg, attempt};
use crate::commands::find_organization;
use crate::config::Config;
use crate::open;
use crate::print::Print;

#[derive(Debug, clap::Args)]
pub(crate) struct Callback {
    #[command(flatten)]
    number: NumberArg,
    /// Take the number's own callback away: its webhooks go to its account's then, or to its App's.
    #[arg(long)]
    clear: bool,
}

/// Whose callback one is, as Meta names it and as people do; the first that is there counts.
const LEVELS: [(&str, &str); 3] = [
    ("phone_number", "the number's own"),
    ("whatsapp_business_account", "its account's"),
    ("application", "its App's"),
];

pub(super) async fn run(config: &Config, print: &Print, callback: Callback) -> anyhow::Result<ExitCode> {
    let phone_number_id = callback.number.phone_number_id.as_str();
    let organization = callback.number.organization.organization.as_str();
    let shown = open::with(config, async |opened| {
        let settings = attempt::settings(config, &opened).await?;
        let tx = opened.database.operator().await?;
        let scope = find_organization(&tx, organization).await?.scope();
        tx.commit().await?;
        let found = attempt::find(&opened, (&scope, organization), phone_number_id).await?;
        let credential = Credential::from(found.open(&opened.keyring, &settings.to_meta.apps)?);
        let shown = webhooks(&settings.to_meta.graph, &credential, phone_number_id, callback.clear).await;
        if let Ok(webhooks) = &shown {
            let tx = opened.database.operator().await?;
            let now = Clock::default().now();
            number::noted(&tx, &scope, found.number_id, webhooks, now).await?;
            if let Some(number) = number::find(&tx, &scope, found.number_id, now).await?.filter(|_| callback.clear) {
                let deed = number.deed(NumberDeed::CallbackCleared);
                audit::any_organization_record(&tx, &scope, now, &Actor::operator(), &deed).await?;
            }
            tx.commit().await?;
        }
        Ok(shown)
    })
    .await?;
    let webhooks = match shown {
        Ok(webhooks) => webhooks,
        Err(failure) => {
            let line = format!("{failure}. {}", failure.explanation().en);
            return Ok(print.refused(&json!({ "error": line, "phone_number_id": phone_number_id }), &line));
        }
    };
    let value = json!({ "phone_number_id": phone_number_id, "webhooks": webhooks });
    print.answer(&value, || words(phone_number_id, &webhooks));
    Ok(ExitCode::SUCCESS)
}

/// Where Meta says that the webhooks go, after the number's own callback was taken away where that is asked for.
async fn webhooks(graph: &Graph, credential: &Credential, number: &str, clear: bool) -> Result<Value, Failure> {
    const WEBHOOKS: &str = "webhook_configuration";
    if clear {
        graph.override_number(credential, number, None).await?;
    }
    let shown = graph.number(credential, number, &[WEBHOOKS]).await?;
    Ok(shown.whole.get(WEBHOOKS).filter(|shown| shown.is_object()).cloned().unwrap_or_else(|| json!({})))
}

fn words(phone_number_id: &str, webhooks: &Value) -> String {
    let mut levels = LEVELS.iter().filter_map(|(name, whose)| Some((webhooks.get(*name)?.as_str()?, *whose)));
    let Some((url, whose)) = levels.next() else {
        return format!("Meta names no callback for {phone_number_id}: its App has no webhook subscription.");
    };
    let others: Vec<String> = levels.map(|(url, whose)| format!("\n  behind it, {whose}: {url}")).collect();
    format!("The webhooks of {phone_number_id} go to {url}, {whose} callback.{}", others.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_callback_counts() {
        let all = json!({ "application": "https://a", "phone_number": "https://n" });
        assert_eq!(
            words("7", &all),
            "The webhooks of 7 go to https://n, the number's own callback.\n  behind it, its App's: https://a"
        );
        assert!(words("7", &json!({})).contains("no webhook subscription"));
    }
}
