//! Where the bytes of media are: a directory, or an S3 bucket.
//!
//! Bytes lie under their organization and their SHA-256, `ORGANIZATION/ab/SHA256`, so the same bytes are one object in an
//! organization, and nothing in a name comes from outside. Nothing is ever whole in memory but a small file. What bytes
//! mean, and whether they may go, is [`crate::file`]'s to say.

mod check;
mod leftovers;
mod private;
pub mod shelf;
mod writing;

use std::fmt;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig};
use uuid::Uuid;

pub use writing::{HEAD, Writing, Written};

/// S3 refuses parts that are smaller, but for the last one.
const S3_PART: usize = 5 << 20;
const FILE_PART: usize = 1 << 20;

/// Where unfinished bytes lie, in every organization.
const TEMPORARY: &str = "tmp";

/// The bytes of all organizations' media. Clones share their connections.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    /// Where objects are files.
    directory: Option<PathBuf>,
    part: usize,
    shown: Arc<str>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.shown)
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Why bytes could not be written, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// They are not there.
    #[error("the media store has no such file")]
    Missing,
    /// The store cannot be opened as it is configured; the text says what to do.
    #[error("{0}")]
    Unfit(String),
    /// The disk, the network or the other side failed: the same may work later.
    #[error("the media store failed: {0}")]
    Failed(object_store::Error),
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            other => Self::Failed(other),
        }
    }
}

/// The result of everything here.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Bytes on their way out.
pub type Reading = BoxStream<'static, Result<Bytes>>;

/// An object as the store lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its SHA-256; `None`: it is unfinished, or not ours.
    pub sha256: Option<String>,
    /// When it was written.
    pub written_at: Timestamp,
    /// Bytes.
    pub size: u64,
    path: Path,
}

impl Store {
    /// A directory; it is made if it is not there, for this user alone.
    pub fn directory(directory: &FilePath) -> Result<Self> {
        let unfit = |error: &dyn fmt::Display| {
            StoreError::Unfit(format!(
                "the media directory {} cannot be used ({error}): check WAZAPP_MEDIA_URL and its permissions",
                directory.display()
            ))
        };
        private::make(directory).map_err(|error| unfit(&error))?;
        let files = LocalFileSystem::new_with_prefix(directory).map_err(|error| unfit(&error))?;
        Ok(Self {
            // What is called stored outlives a power cut.
            objects: Arc::new(files.with_fsync(true)),
            directory: Some(directory.to_owned()),
            part: FILE_PART,
            shown: format!("file:{}", directory.display()).into(),
        })
    }

    /// An S3 bucket, or one of its kind. Region, endpoint and credentials come from the `AWS_*` variables that every S3
    /// tool reads.
    pub fn s3(bucket: &str, prefix: &str) -> Result<Self> {
        Self::s3_from(AmazonS3Builder::from_env(), bucket, prefix)
    }

    /// The same with settings of the caller's choice, named as the variables are.
    pub fn s3_with(settings: &[(&str, &str)], bucket: &str, prefix: &str) -> Result<Self> {
        let builder = settings.iter().try_fold(AmazonS3Builder::new(), |builder, (name, value)| {
            Ok::<_, StoreError>(builder.with_config(name.to_ascii_lowercase().parse()?, *value))
        })?;
        Self::s3_from(builder, bucket, prefix)
    }

    fn s3_from(builder: AmazonS3Builder, bucket: &str, prefix: &str) -> Result<Self> {
        let client = |key, value: &str| (AmazonS3ConfigKey::Client(key), value.to_owned());
        // A long file takes its time; silence does not.
        let patience = [client(ClientConfigKey::Timeout, "1 hour"), client(ClientConfigKey::ReadTimeout, "30 seconds")];
        let builder = patience.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value));
        let retry = RetryConfig { max_retries: 3, ..RetryConfig::default() };
        let objects = builder.with_bucket_name(bucket).with_retry(retry).build().map_err(|error| {
            StoreError::Unfit(format!(
                "the media bucket {bucket} cannot be used ({error}): check WAZAPP_MEDIA_URL and the AWS_* variables"
            ))
        })?;
        let objects: Arc<dyn ObjectStore> = match prefix {
            "" => Arc::new(objects),
            prefix => Arc::new(PrefixStore::new(objects, prefix)),
        };
        let shown = format!("s3://{bucket}/{prefix}").into();
        Ok(Self { objects, directory: None, part: S3_PART, shown })
    }

    /// What every server of this store calls it: a directory by its path from the root, past all links.
    pub fn place(&self) -> String {
        let directory = self.directory.as_ref().and_then(|directory| std::fs::canonicalize(directory).ok());
        directory.map_or_else(|| self.shown.to_string(), |directory| format!("file:{}", directory.display()))
    }

    /// Bytes of an organization, to be pushed piece by piece.
    pub fn writer(&self, organization_id: Uuid) -> Writing {
        Writing::new(self.clone(), organization_id)
    }

    /// A range of a file's bytes.
    pub async fn read(&self, organization_id: Uuid, sha256: &str, range: Range<u64>) -> Result<Reading> {
        let path = content(organization_id, sha256)?;
        if range.is_empty() {
            // No bytes cannot be asked for as a range.
            self.objects.head(&path).await?;
            return Ok(futures::stream::empty().boxed());
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.objects.get_opts(&path, options).await?;
        Ok(found.into_stream().map_err(StoreError::from).boxed())
    }

    /// All of a file's bytes, with how many they are.
    pub async fn read_all(&self, organization_id: Uuid, sha256: &str) -> Result<(u64, Reading)> {
        let found = self.objects.get(&content(organization_id, sha256)?).await?;
        Ok((found.meta.size, found.into_stream().map_err(StoreError::from).boxed()))
    }

    /// A small file's bytes at once.
    pub async fn read_whole(&self, organization_id: Uuid, sha256: &str, limit: u64) -> Result<Bytes> {
        let found = self.objects.get(&content(organization_id, sha256)?).await?;
        if found.meta.size > limit {
            return Err(StoreError::Unfit(format!("the file is longer than {limit} bytes")));
        }
        Ok(found.bytes().await?)
    }

    /// Deletes a file's bytes; nothing to delete is as good.
    pub async fn delete(&self, organization_id: Uuid, sha256: &str) -> Result<()> {
        self.remove(&content(organization_id, sha256)?).await
    }

    /// Deletes what a listing named.
    pub async fn delete_listed(&self, listed: &Listed) -> Result<()> {
        self.remove(&listed.path).await
    }

    /// Everything that lies about of an organization, unfinished bytes too.
    pub fn list(&self, organization_id: Uuid) -> BoxStream<'static, Result<Listed>> {
        let prefix = Path::from(organization_id.to_string());
        let listed = self.objects.list(Some(&prefix)).map(|object| {
            let object = object?;
            let written_at = Timestamp::from_microsecond(object.last_modified.timestamp_micros());
            Ok(Listed {
                sha256: object.location.filename().filter(|name| is_sha256(name)).map(str::to_owned),
                written_at: written_at.unwrap_or(Timestamp::MAX),
                size: object.size,
                path: object.location,
            })
        });
        listed.boxed()
    }

    async fn remove(&self, path: &Path) -> Result<()> {
        match self.objects.delete(path).await.map_err(StoreError::from) {
            Err(StoreError::Missing) => Ok(()),
            done => done,
        }
    }
}

/// Where a file's bytes are.
fn content(organization_id: Uuid, sha256: &str) -> Result<Path> {
    if !is_sha256(sha256) {
        return Err(StoreError::Missing);
    }
    Ok(Path::from_iter([organization_id.to_string().as_str(), &sha256[..2], sha256]))
}

fn temporary(organization_id: Uuid) -> Path {
    Path::from_iter([organization_id.to_string().as_str(), TEMPORARY, &Uuid::now_v7().to_string()])
}

/// Sixty-four digits in lower case.
fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hash_is_a_name() {
        let hash = "ab".repeat(32);
        let path = content(Uuid::nil(), &hash).expect("a hash");
        assert_eq!(path.as_ref(), format!("00000000-0000-0000-0000-000000000000/ab/{hash}"));
        for wrong in ["", "..", "../../etc/passwd", &hash[1..], &hash.to_uppercase(), &format!("{}/", &hash[1..])] {
            assert!(content(Uuid::nil(), wrong).is_err(), "{wrong}");
        }
    }
}
