//! Where backups go, who opens them, and the secrets of DATA_DIR that go with them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use model::secret::{KeyId, Keyring};
use model::store::shelf::Shelf;
use secrecy::{ExposeSecret, SecretString};
use worker::backup::Recipients;

use super::data_dir::create_data_dir;
use super::layers::Layers;
use super::{Config, ConfigError, MASTER_KEY, keys, parse};

/// The random secret of the default App, where the operator said none.
const APP_SECRET: &str = "app-secret";

/// A place for backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupPlace {
    /// A directory, and the name in it if one was said.
    Directory(PathBuf, Option<String>),
    /// The same of a bucket.
    S3 {
        /// Its name.
        bucket: String,
        /// What every key starts with; may be empty.
        prefix: String,
        /// The last part of the key.
        name: Option<String>,
    },
}

impl BackupPlace {
    /// `s3://BUCKET/PREFIX`, a directory, or a file in one. What ends in `.age` is a file.
    pub fn read(text: &str) -> Result<Self, String> {
        let problem =
            || format!("\"{text}\" is not a place for backups: write a file, a directory, or s3://BUCKET/PREFIX");
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                return Err(problem());
            }
            let (prefix, last) = key.trim_matches('/').rsplit_once('/').unwrap_or(("", key.trim_matches('/')));
            let (bucket, is_file) = (bucket.to_owned(), last.ends_with(".age"));
            return Ok(match is_file {
                true => Self::S3 { bucket, prefix: prefix.to_owned(), name: Some(last.to_owned()) },
                false => Self::S3 { bucket, prefix: key.trim_matches('/').to_owned(), name: None },
            });
        }
        let path = text.strip_prefix("file:").unwrap_or(text);
        let path = Path::new(path.strip_prefix("//").unwrap_or(path));
        if text.ends_with('/') || path.is_dir() {
            return Ok(Self::Directory(path.to_owned(), None));
        }
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(problem)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self::Directory(directory.to_owned(), Some(name.to_owned())))
    }

    fn always(text: &str) -> Result<Self, String> {
        match Self::read(text)? {
            Self::Directory(path, Some(name)) if !name.ends_with(".age") => Ok(Self::Directory(path.join(name), None)),
            Self::Directory(_, Some(_)) | Self::S3 { name: Some(_), .. } => {
                Err(format!("\"{text}\" is one file: write the directory or s3://BUCKET/PREFIX that backups go to"))
            }
            place => Ok(place),
        }
    }

    /// Opens it.
    pub fn shelf(&self) -> Result<Shelf, model::store::StoreError> {
        match self {
            Self::Directory(path, _) => Shelf::directory(path),
            Self::S3 { bucket, prefix, .. } => Shelf::s3(bucket, prefix),
        }
    }

    /// The name that was said.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Directory(_, name) | Self::S3 { name, .. } => name.as_deref(),
        }
    }
}

/// Backups that are made by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Backups {
    /// Where they go.
    pub to: BackupPlace,
    /// Who can open them.
    pub recipients: Recipients,
    /// Hours from one to the next.
    pub every_hours: i64,
    /// So many are kept.
    pub keep: usize,
}

pub(super) fn read(said: &Layers) -> Result<Option<Backups>, ConfigError> {
    let (every_hours, keep) = (said.number("backup_every", 1..=8760)?, said.number("backup_keep", 1..=10_000)?);
    let Some(to) = said.optional("backup_to", BackupPlace::always)? else { return Ok(None) };
    let Some(recipients) = said.optional("backup_recipient", Recipients::read)? else {
        said.refuse(
            "backup_to",
            "set without backup_recipient: a backup is always encrypted. wazapp backup key --to FILE makes a key and prints what \
             WAZAPP_BACKUP_RECIPIENT is to be",
        )?;
        return Ok(None);
    };
    Ok(Some(Backups { to, recipients, every_hours, keep }))
}

/// Where the secrets of DATA_DIR are, to be read when a backup is made.
#[derive(Clone, Debug)]
pub(crate) struct KeptKeys {
    master_keys: Option<SecretString>,
    data_dir: PathBuf,
}

impl KeptKeys {
    /// Each with the name of its file.
    pub(crate) fn read(&self) -> std::io::Result<Vec<(String, SecretString)>> {
        let mut kept = Vec::new();
        for name in [MASTER_KEY, APP_SECRET] {
            let text = match std::fs::read_to_string(self.data_dir.join(name)) {
                _ if name == MASTER_KEY && self.master_keys.is_some() => self.master_keys.clone(),
                Ok(text) => Some(SecretString::from(text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            kept.extend(text.map(|text| (name.to_owned(), text)));
        }
        Ok(kept)
    }
}

/// Secrets of a backup that can be put in the place of none.
#[derive(Debug)]
pub(crate) struct Restorable {
    missing: Vec<(&'static str, SecretString)>,
    data_dir: PathBuf,
}

impl Config {
    /// The secrets that go into a backup.
    pub(crate) fn kept_keys(&self) -> KeptKeys {
        let listed = self.master_keys.as_ref().map(|keys| {
            let lines = keys.iter().map(|key| format!("{}\n", data_encoding::HEXLOWER.encode(key.expose_secret())));
            SecretString::from(lines.collect::<String>())
        });
        KeptKeys { master_keys: listed, data_dir: self.data_dir.clone() }
    }

    /// Whether a backup's secrets fit what is here. Refused where other master keys are: they could not open what is restored.
    pub(crate) fn restorable(&self, keys: &[(String, SecretString)]) -> anyhow::Result<Restorable> {
        let of = |name: &str| keys.iter().find(|(found, _)| found == name).map(|(_, text)| text.clone());
        let mut missing = Vec::new();
        if let Some(text) = of(MASTER_KEY) {
            let wanted = ids(&text)?;
            match (&self.master_keys, read_kept(&self.data_dir)?) {
                (Some(listed), _) => {
                    let listed = Keyring::new(listed.iter().map(|key| *key.expose_secret())).listed();
                    if let Some(id) = wanted.iter().find(|id| !listed.contains(id)) {
                        bail!(
                            "the backup's secrets are sealed with master key {id}, which WAZAPP_MASTER_KEY does not list: \
                               list it too, or unset WAZAPP_MASTER_KEY, and the backup's own key is put into DATA_DIR"
                        );
                    }
                }
                (None, Some(there)) if ids(&there)? == wanted => {}
                (None, Some(there)) => {
                    let there: Vec<String> = ids(&there)?.iter().map(KeyId::to_string).collect();
                    bail!(
                        "{} holds another master key ({}) than the backup's ({}): restore into another WAZAPP_DATA_DIR, or move \
                         that file away if nothing is sealed with it",
                        self.data_dir.join(MASTER_KEY).display(),
                        there.join(", "),
                        wanted.iter().map(KeyId::to_string).collect::<Vec<_>>().join(", ")
                    );
                }
                (None, None) => missing.push((MASTER_KEY, text)),
            }
        }
        if let Some(text) = of(APP_SECRET)
            && !self.data_dir.join(APP_SECRET).exists()
        {
            missing.push((APP_SECRET, text));
        }
        Ok(Restorable { missing, data_dir: self.data_dir.clone() })
    }
}

impl Restorable {
    /// Puts them in their places.
    pub(crate) fn place(&self) -> std::io::Result<()> {
        create_data_dir(&self.data_dir)?;
        for (name, text) in &self.missing {
            keys::replace(&self.data_dir, name, text)?;
        }
        Ok(())
    }
}

fn read_kept(data_dir: &Path) -> anyhow::Result<Option<SecretString>> {
    let path = data_dir.join(MASTER_KEY);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(SecretString::from(text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

fn ids(text: &SecretString) -> anyhow::Result<Vec<KeyId>> {
    let keys = parse::master_keys(text.expose_secret()).map_err(|problem| anyhow::anyhow!("a master key {problem}"))?;
    Ok(Keyring::new(keys.iter().map(|key| *key.expose_secret())).listed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_in_age_is_a_file() {
        let read = |text| BackupPlace::read(text).expect("a place");
        let s3 = |prefix: &str, name: Option<&str>| BackupPlace::S3 {
            bucket: "b".into(),
            prefix: prefix.into(),
            name: name.map(str::to_owned),
        };
        assert_eq!(read("s3://b"), s3("", None));
        assert_eq!(read("s3://b/daily/"), s3("daily", None));
        assert_eq!(read("s3://b/x/y/one.age"), s3("x/y", Some("one.age")));
        assert_eq!(read("s3://b/one.age"), s3("", Some("one.age")));
        assert_eq!(read("one.age"), BackupPlace::Directory(".".into(), Some("one.age".into())));
        assert_eq!(read("/nowhere/"), BackupPlace::Directory("/nowhere/".into(), None));
        assert!(BackupPlace::read("s3:///x").is_err() && BackupPlace::always("/x/one.age").is_err());
        assert_eq!(BackupPlace::always("/x/daily"), Ok(BackupPlace::Directory("/x/daily".into(), None)));
    }
}
