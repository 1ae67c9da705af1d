//! Settings that are allowed, and that Meta's way in needs otherwise.

use super::finding::Finding;
use crate::caution::{self, Caution};
use crate::config::Config;

const AREA: &str = "Configuration";

/// `others`: how many Apps the database has.
pub(super) fn check(config: &Config, public_url: &str, others: usize) -> Vec<Finding> {
    let mut findings = match has_default_app(config) || others == 0 {
        true => vec![verify_token(config), app_secret(config), app_id(config)],
        false => vec![Finding::good(AREA, "default App", format!("none; the database has {}", apps(others)))],
    };
    findings.extend([https(public_url), graph(config)]);
    let warning = |found: Caution| Finding::warning(AREA, found.subject, found.says, found.fix);
    findings.extend(caution::of(config).into_iter().map(warning));
    findings
}

/// Whether somebody said this setting.
pub(super) fn is_set(config: &Config, key: &str) -> bool {
    config.show().iter().any(|line| line.key == key && line.source != "default" && line.value.is_some())
}

/// Whether the settings name an App, be it by a part of what it takes.
pub(super) fn has_default_app(config: &Config) -> bool {
    config.meta_verify_token.is_some() || config.meta_app_id.is_some() || is_set(config, "meta_app_secret")
}

fn apps(count: usize) -> String {
    if count == 1 { "1 App".into() } else { format!("{count} Apps") }
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
