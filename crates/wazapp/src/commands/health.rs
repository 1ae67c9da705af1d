//! `wazapp health`: whether the server that runs here is ready, for whoever keeps it running.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use crate::config::Config;
use crate::outside;
use crate::print::Print;
use crate::serve::running_address;

/// A server that takes longer is not well.
const WITHIN: Duration = Duration::from_secs(5);

pub(crate) async fn run(config: &Config, print: &Print) -> anyhow::Result<ExitCode> {
    Ok(match ask(config).await {
        Ok(()) => {
            print.answer(&json!({ "ready": true }), || "ready".to_owned());
            ExitCode::SUCCESS
        }
        Err(why) => print.refused(&json!({ "ready": false, "why": why }), &why),
    })
}

async fn ask(config: &Config) -> Result<(), String> {
    let address = running_address(&config.data_dir)
        .ok_or_else(|| format!("no server runs on {}: start it with wazapp serve", config.data_dir.display()))?;
    let client = outside::http().timeout(WITHIN).build().map_err(|error| error.to_string())?;
    let asked = client.get(format!("http://{address}/readyz")).send().await;
    let answer = asked.map_err(|_| format!("nothing answers at {address}: see the server's log"))?;
    let status = answer.status();
    let words = answer.text().await.unwrap_or_default();
    if status.is_success() { Ok(()) } else { Err(words.trim().to_owned()) }
}
