//! `wazapp health`: whether the server that runs here is ready, for whoever keeps it running.

use std::process::ExitCode;

use serde_json::json;

use super::doctor::server::readiness;
use crate::config::Config;
use crate::print::Print;
use crate::serve::running_here;

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
    let here = running_here(&config.data_dir)
        .ok_or_else(|| format!("no server runs on {}: start it with wazapp serve", config.data_dir.display()))?;
    match readiness(&here).await {
        Ok((200, _)) => Ok(()),
        Ok((_, words)) => Err(words.trim().to_owned()),
        Err(_) => Err(format!("nothing answers at {here}: see the server's log")),
    }
}
