//! What a copier is told by its environment. Its secrets stand nowhere else: other users of a machine see arguments.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::commands::remote;

/// Where wazapp answers.
const API: &str = "WAZAPP_SYNC_API";
/// The API key.
const KEY: &str = "WAZAPP_SYNC_KEY";
/// The database of the copy.
pub(super) const DATABASE_URL: &str = "WAZAPP_SYNC_DATABASE_URL";

const PREFIX: &str = "WAZAPP_SYNC_";

pub(super) struct Said {
    pub(super) api: Url,
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
        let (api, said_by) = match api {
            Some(api) => (api.to_owned(), "--api"),
            None => {
                let said = one(variables, API)?;
                let said = said.context(format!("where wazapp answers is not said: set {API}, or --api"))?;
                (said.expose_secret().to_owned(), API)
            }
        };
        let api = remote::address(&api, said_by)?;
        let key = one(variables, KEY)?.context(format!(
            "the API key is not said: make one with the scope read (wazapp key create --scope read), and set {KEY} or {KEY}_FILE"
        ))?;
        if !key.expose_secret().starts_with("wz_") {
            bail!("{KEY} is no API key: those begin with wz_");
        }
        let database_url = one(variables, DATABASE_URL)?
            .context(format!("the database of the copy is not said: set {DATABASE_URL} or {DATABASE_URL}_FILE"))?;
        Ok(Self { api, key, database_url })
    }
}

/// What a variable says, or the file that its namesake names.
fn one(variables: &BTreeMap<String, String>, name: &str) -> anyhow::Result<Option<SecretString>> {
    let file = variables.get(&format!("{name}_FILE")).map(PathBuf::from);
    remote::secret(name, variables.get(name).cloned(), file)
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
}
