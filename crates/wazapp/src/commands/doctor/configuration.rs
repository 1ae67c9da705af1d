//! Settings that are allowed, and that Meta's way in needs otherwise.

use super::finding::Finding;
use crate::config::Config;

const AREA: &str = "Configuration";

pub(super) fn check(config: &Config, public_url: &str) -> Vec<Finding> {
    let mut findings = vec![verify_token(config), app_secret(config), app_id(config), https(public_url), graph(config)];
    findings.extend(open_to_all(config).map(|(says, fix)| Finding::warning(AREA, "listen", says, fix)));
    findings
}

/// Where whoever reaches this machine speaks to the server in the clear, and no proxy is known that would not: what is so, and what
/// mends it.
pub(crate) fn open_to_all(config: &Config) -> Option<(String, &'static str)> {
    let (address, known) = (config.listen, config.https.is_some() || !config.trusted_proxies.is_empty());
    (!address.ip().is_loopback() && !known).then(|| {
        let says = format!("{address} is open to whoever reaches this machine, without TLS: passwords and keys can be read on the way");
        let fix = "WAZAPP_DOMAIN=YOUR.NAME for HTTPS by itself; behind a proxy WAZAPP_TRUSTED_PROXIES=its addresses, or \
                   WAZAPP_LISTEN=127.0.0.1:8080 where it is on this machine";
        (says, fix)
    })
}

/// Whether somebody said this setting.
pub(super) fn is_set(config: &Config, key: &str) -> bool {
    config.show().iter().any(|line| line.key == key && line.source != "default" && line.value.is_some())
}

fn verify_token(config: &Config) -> Finding {
    if config.meta_verify_token.is_some() {
        return Finding::good(AREA, "meta_verify_token", "set");
    }
    Finding::warning(
        AREA,
        "meta_verify_token",
        "not set: Meta's handshake with the default App's callback is answered 403",
        "WAZAPP_META_VERIFY_TOKEN=… (any word of your own), the same word in the App's dashboard, WhatsApp, Configuration",
    )
}

fn app_secret(config: &Config) -> Finding {
    if is_set(config, "meta_app_secret") {
        return Finding::good(AREA, "meta_app_secret", "set");
    }
    Finding::warning(
        AREA,
        "meta_app_secret",
        "not set: webhooks of Meta's are refused against a random secret that only this server knows",
        "WAZAPP_META_APP_SECRET=… (Meta's App dashboard, App settings, Basic)",
    )
}

fn app_id(config: &Config) -> Finding {
    match &config.meta_app_id {
        Some(id) => Finding::good(AREA, "meta_app_id", id),
        None => Finding::warning(
            AREA,
            "meta_app_id",
            "not set: tokens and the App's subscription cannot be looked at, and the ends of tokens not told ahead",
            "WAZAPP_META_APP_ID=… (Meta's App dashboard, App settings, Basic)",
        ),
    }
}

fn https(url: &str) -> Finding {
    if url.starts_with("https://") {
        return Finding::good(AREA, "public_url", url);
    }
    Finding::warning(
        AREA,
        "public_url",
        format!("{url}: Meta calls HTTPS alone, with a certificate of a public authority"),
        "WAZAPP_PUBLIC_URL=https://YOUR.NAME, and a TLS proxy in front (docs/operate.md, TLS proxy)",
    )
}

fn graph(config: &Config) -> Finding {
    let says = format!("{}/{}", config.graph_url, config.graph_version);
    if is_set(config, "graph_url") && config.graph_url != "https://graph.facebook.com" {
        return Finding::warning(
            AREA,
            "graph_url",
            format!("{says}: that is not Meta"),
            "leave WAZAPP_GRAPH_URL unset, unless a simulator is meant to stand there",
        );
    }
    Finding::good(AREA, "graph_url", says)
}
