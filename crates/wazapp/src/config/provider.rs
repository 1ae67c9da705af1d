//! The settings of an identity provider: its three or none, and what goes with them.

use model::name::Name;
use secrecy::SecretString;
use web::{JoinRule, ProviderSettings};

use super::error::ConfigError;
use super::layers::Layers;
use super::parse;

/// Without one of them nobody could sign in by it.
const NEEDED: [&str; 3] = ["oidc_issuer", "oidc_client_id", "oidc_client_secret"];

/// What is said of the provider, if there is one.
pub(super) fn read(said: &Layers) -> Result<Option<ProviderSettings>, ConfigError> {
    refuse_half(said)?;
    let Some(issuer) = said.optional("oidc_issuer", issuer)? else { return Ok(None) };
    let name = match said.optional("oidc_name", name)? {
        Some(name) => name,
        None => host(&issuer).to_owned(),
    };
    let client_secret: Option<SecretString> = said.optional("oidc_client_secret", parse::secret)?;
    Ok(Some(ProviderSettings {
        client_id: said.required("oidc_client_id", |text| Ok(text.to_owned()))?,
        client_secret: client_secret.unwrap_or_default(),
        name,
        scopes: said.text("oidc_scopes").split_whitespace().map(str::to_owned).collect(),
        join: said.list("oidc_join", |text| text.parse::<JoinRule>().map_err(|error| error.to_string()))?,
        issuer,
    }))
}

/// All three are set or none, and nothing else without them.
fn refuse_half(said: &Layers) -> Result<(), ConfigError> {
    let missing: Vec<String> =
        NEEDED.iter().filter(|key| !said.is_set(key)).map(|key| format!("WAZAPP_{}", key.to_uppercase())).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let problem = format!(
        "set without {}: sign-in by an identity provider needs all of issuer, client_id and client_secret, \
         so set what is missing, or unset this one",
        missing.join(" and ")
    );
    for key in NEEDED.into_iter().chain(["oidc_name", "oidc_join"]) {
        said.refuse(key, &problem)?;
    }
    Ok(())
}

/// As the provider names itself, to the last slash. Only on this machine may it do without HTTPS: who stands between would
/// else be whoever they like.
fn issuer(text: &str) -> Result<String, String> {
    let url = parse::http_url(text)?;
    let is_here =
        ["127.0.0.1", "[::1]", "localhost"].contains(&host(&url).rsplit_once(':').map_or(host(&url), |(host, _)| host));
    match url.starts_with("https://") || is_here {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "\"{text}\" is not reached over HTTPS, so anybody between could sign in as anyone: write https://"
        )),
    }
}

/// The host of a URL that was looked at, with its port.
fn host(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest.split('/').next().unwrap_or_default())
}

fn name(text: &str) -> Result<String, String> {
    Name::read(text, 40).map(|name| name.as_str().to_owned()).map_err(|error| error.to_string())
}
