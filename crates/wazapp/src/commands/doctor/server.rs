//! Whether a server runs on this data directory, and is ready.

use std::net::SocketAddr;
use std::time::Duration;

use super::finding::Finding;
use crate::config::Config;
use crate::serve::running_address;

const AREA: &str = "Server";

const PATIENCE: Duration = Duration::from_secs(5);

/// What was found of the server.
pub(super) struct Server {
    address: Option<String>,
    finding: Finding,
}

impl Server {
    /// Asks the server that `DATA_DIR/wazapp.json` names.
    pub(super) async fn find(config: &Config) -> Self {
        let Some(address) = running_address(&config.data_dir) else {
            let says = "none runs on this data directory: nothing is received, applied or sent by it";
            return Self { address: None, finding: Finding::warning(AREA, "wazapp serve", says, "wazapp serve") };
        };
        let url = format!("http://{}/readyz", dialable(&address));
        let finding = match ask(&url).await {
            Ok((200, _)) => Finding::good(AREA, &address, "ready"),
            Ok((status, words)) => {
                let says = format!("not ready ({status}): {}", words.trim());
                Finding::broken(AREA, &address, says, "see its log; what is broken below may be why")
            }
            Err(error) => {
                let says = format!("does not answer ({error}), though DATA_DIR/wazapp.json names it");
                return Self { address: None, finding: Finding::broken(AREA, &address, says, "wazapp serve") };
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
        let bound = self.address.as_deref().and_then(|address| address.parse::<SocketAddr>().ok());
        config.public_url(bound.unwrap_or(config.listen))
    }
}

/// A wildcard address is no destination.
fn dialable(address: &str) -> String {
    address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:")
}

async fn ask(url: &str) -> Result<(u16, String), reqwest::Error> {
    let client = crate::outside::http().timeout(PATIENCE).build()?;
    let answer = client.get(url).send().await.map_err(reqwest::Error::without_url)?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.map_err(reqwest::Error::without_url)?))
}
