//! Where backups are kept: a directory, or a bucket, by the same clients as media.

use std::fmt;
use std::path::Path as FilePath;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};

use super::{Reading, Result, Store, StoreError, private};

/// Files under names of the caller's.
#[derive(Clone, Debug)]
pub struct Shelf(Store);

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A file that lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelved {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was written.
    pub written_at: Timestamp,
}

impl Shelf {
    /// A directory; its last part is made if it is not there, for this user alone.
    pub fn directory(directory: &FilePath) -> Result<Self> {
        let unfit = |error: &dyn fmt::Display| {
            StoreError::Unfit(format!("the directory {} cannot be used: {error}", directory.display()))
        };
        if !directory.is_dir() {
            if !directory.parent().is_some_and(|parent| parent.as_os_str().is_empty() || parent.is_dir()) {
                return Err(unfit(&"the one above it is not there"));
            }
            private::make(directory).map_err(|error| unfit(&error))?;
        }
        let store = Store::directory(directory).map_err(|error| match error {
            StoreError::Unfit(_) => unfit(&"see that this user may write there"),
            other => other,
        })?;
        Ok(Self(store))
    }

    /// A bucket, reached as the `AWS_*` variables say.
    pub fn s3(bucket: &str, prefix: &str) -> Result<Self> {
        Store::s3(bucket, prefix).map(Self).map_err(|error| match error {
            StoreError::Unfit(_) => {
                StoreError::Unfit(format!("the bucket {bucket} cannot be used: check its name and the AWS_* variables"))
            }
            other => other,
        })
    }

    /// A store of the caller's.
    pub fn of(store: Store) -> Self {
        Self(store)
    }

    /// A new file, which appears whole, once [`Laying::complete`] is through. Refused where there is one of this name.
    pub async fn begin(&self, name: &str) -> Result<Laying> {
        let path = named(name)?;
        match self.0.objects.head(&path).await.map_err(StoreError::from) {
            Err(StoreError::Missing) => {}
            Err(error) => return Err(error),
            Ok(_) => return Err(StoreError::Unfit(format!("{name} is there already in {self}: give another name"))),
        }
        let upload = self.0.objects.put_multipart(&path).await?;
        self.0.close(&path).await?;
        Ok(Laying(upload))
    }

    /// A file's bytes.
    pub async fn read(&self, name: &str) -> Result<Reading> {
        let found = self.0.objects.get(&named(name)?).await?;
        Ok(found.into_stream().map_err(StoreError::from).boxed())
    }

    /// What lies there, the oldest first.
    pub async fn list(&self) -> Result<Vec<Shelved>> {
        let found = self.0.objects.list_with_delimiter(None).await?;
        let shelved = found.objects.into_iter().filter_map(|object| {
            Some(Shelved {
                name: object.location.filename()?.to_owned(),
                size: object.size,
                written_at: Timestamp::from_microsecond(object.last_modified.timestamp_micros()).ok()?,
            })
        });
        let mut shelved: Vec<Shelved> = shelved.collect();
        shelved.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(shelved)
    }

    /// Takes a file away.
    pub async fn remove(&self, name: &str) -> Result<()> {
        self.0.remove(&named(name)?).await
    }
}

fn named(name: &str) -> Result<Path> {
    let plain = |name: &&str| !name.is_empty() && !name.contains('/') && Path::from(*name).as_ref() == *name;
    match Some(name).filter(plain) {
        Some(name) => Ok(Path::from(name)),
        None => Err(StoreError::Unfit(format!(
            "{name:?} cannot be the name of a backup: write letters, digits, and - _ . between them"
        ))),
    }
}

/// A file on its way. Dropped, it leaves nothing in a directory; in a bucket, [`Laying::abort`] takes its parts away.
#[derive(Debug)]
pub struct Laying(Box<dyn MultipartUpload>);

impl Laying {
    /// The next part. All but the last are of one size.
    pub async fn put(&mut self, part: Bytes) -> Result<()> {
        Ok(self.0.put_part(PutPayload::from_bytes(part)).await?)
    }

    /// All of it is there, and outlives a power cut.
    pub async fn complete(&mut self) -> Result<()> {
        self.0.complete().await?;
        Ok(())
    }

    /// Nothing of it stays.
    pub async fn abort(&mut self) -> Result<()> {
        Ok(self.0.abort().await?)
    }
}
