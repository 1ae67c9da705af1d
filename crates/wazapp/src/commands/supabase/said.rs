//! What a copier is told by its environment. Its secrets stand nowhere else: other users of a machine see arguments.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use secrecy::SecretString;

/// Where wazapp answers.
const API: &str = "WAZAPP_SYNC_API";
/// The API key.
const KEY: &str = "WAZAPP_SYNC_KEY";
/// The database of the copy.
pub(super) const DATABASE_URL: &str = "WAZAPP_SYNC_DATABASE_URL";

const PREFIX: &str = "WAZAPP_SYNC_";

pub(super) struct Said {
    pub(super) api: String,
    pub(super) key: SecretString,
    pub(super) database_url: SecretString,
}

impl Said {
    pub(super) fn read(api: Option<&str>) -> anyhow::Result<Self> {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::of(api, &variables.filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty()).collect())
    }

    fn of(api: Option<&str>, variables: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        for name in variables.keys() {
            if ![API, KEY, DATABASE_URL].contains(&name.strip_suffix("_FILE").unwrap_or(name)) {
                bail!("{name} is not known: {API}, {KEY} and {DATABASE_URL} are, each also with _FILE behind it");
            }
        }
        let api = match api {
            Some(api) => api.to_owned(),
            None => one(variables, API)?.context(format!("where wazapp answers is not said: set {API}, or --api"))?,
        };
        let url = reqwest::Url::parse(&api).ok().filter(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
        });
        // What is no URL may hold a secret, and is not repeated.
        url.context(format!("{API} or --api is no address: https://wa.example.com, with no key in it"))?;
        let key = one(variables, KEY)?.context(format!(
            "the API key is not said: make one with the scope read (wazapp key create --scope read), and set {KEY} or {KEY}_FILE"
        ))?;
        if !key.starts_with("wz_") {
            bail!("{KEY} is no API key: those begin with wz_");
        }
        let database_url = one(variables, DATABASE_URL)?
            .context(format!("the database of the copy is not said: set {DATABASE_URL} or {DATABASE_URL}_FILE"))?;
        Ok(Self { api, key: key.into(), database_url: database_url.into() })
    }

    /// Whether what is said to the API can be read on its way.
    pub(super) fn is_in_the_clear(&self) -> bool {
        let url = reqwest::Url::parse(&self.api).ok();
        let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or_default();
        let is_here = host == "localhost" || host.starts_with("127.") || host == "[::1]";
        self.api.starts_with("http:") && !is_here
    }
}

/// What a variable says, or the file that its namesake names.
fn one(variables: &BTreeMap<String, String>, name: &str) -> anyhow::Result<Option<String>> {
    let file = format!("{name}_FILE");
    match (variables.get(name), variables.get(&file)) {
        (Some(_), Some(_)) => bail!("both {name} and {file} are set: unset one"),
        (Some(text), None) => Ok(Some(text.trim().to_owned())),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("{file}: {path} cannot be read"))?;
            Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
        }
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &[(&str, &str)]) -> anyhow::Result<Said> {
        let said = said.iter().map(|(name, value)| (format!("{PREFIX}{name}"), (*value).to_owned()));
        Said::of(None, &said.collect())
    }

    const WHOLE: [(&str, &str); 3] =
        [("API", "https://wa.example.com"), ("KEY", "wz_1"), ("DATABASE_URL", "postgres://u:p@h/d")];

    #[test]
    fn all_of_it_is_asked_for_and_nothing_is_repeated() {
        assert!(read(&WHOLE).is_ok());
        for left_out in 0..3 {
            let mut said = WHOLE.to_vec();
            let (name, _) = said.remove(left_out);
            let refused = read(&said).err().expect("it is not whole").to_string();
            assert!(refused.contains(&format!("{PREFIX}{name}")), "{refused}");
        }
        for wrong in [
            ("API", "https://wz_secret@x"),
            ("API", "wz_secret"),
            ("KEY", "secret"),
            ("KYE", "secret"),
            ("KEY_FILE", "/secret"),
        ] {
            let refused = read(&[&WHOLE[..], &[wrong]].concat()).err().expect("it is wrong").to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn what_can_be_read_on_its_way_is_told() {
        let clear = |api: &str| read(&[("API", api), WHOLE[1], WHOLE[2]]).unwrap().is_in_the_clear();
        assert!(clear("http://wa.example.com") && !clear("http://127.0.0.1:8080") && !clear("https://wa.example.com"));
    }
}
