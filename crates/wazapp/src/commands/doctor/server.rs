//! Whether a server runs on this data directory, and is ready.

use std::net::SocketAddr;
use std::time::Duration;

use super::finding::Finding;
use crate::config::Config;
use crate::serve::{running_address, running_here};

const AREA: &str = "Server";

const PATIENCE: Duration = Duration::from_secs(5);

/// What was found of the server.
pub(super) struct Server {
    address: Option<SocketAddr>,
    finding: Finding,
}

impl Server {
    /// Asks the server that `DATA_DIR/wazapp.json` names.
    pub(super) async fn find(config: &Config) -> Self {
        let running = (running_address(&config.data_dir), running_here(&config.data_dir));
        let (Some(address), Some(here)) = running else {
            let says = "none runs on this data directory: nothing is received, applied or sent by it";
            return Self { address: None, finding: Finding::warning(AREA, "wazapp serve", says, "wazapp serve") };
        };
        let finding = match readiness(&here).await {
            Ok((200, _)) => Finding::good(AREA, address.to_string(), "ready"),
            Ok((status, words)) => {
                let says = format!("not ready ({status}): {}", words.trim());
                Finding::broken(AREA, address.to_string(), says, "see its log; what is broken below may be why")
            }
            Err(error) => {
                let says = format!("does not answer ({error}), though DATA_DIR/wazapp.json names it");
                let finding = Finding::broken(AREA, address.to_string(), says, "wazapp serve");
                return Self { address: None, finding };
            }
        };
        Self { address: Some(address), finding }
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        vec![self.finding.clone()]
    }

    /// Whether it answers.
    pub(super) fn runs(&self) -> bool {
        self.address.is_some()
    }

    /// What others call it.
    pub(super) fn public_url(&self, config: &Config) -> String {
        config.public_url(self.address.unwrap_or(config.listen))
    }
}

/// What the server that is called so says of itself.
pub(in crate::commands) async fn readiness(here: &str) -> Result<(u16, String), reqwest::Error> {
    let client = crate::outside::http().timeout(PATIENCE).build()?;
    let answer = client.get(format!("{here}/readyz")).send().await.map_err(reqwest::Error::without_url)?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.map_err(reqwest::Error::without_url)?))
}
