//! Whether the store works.

use bytes::Bytes;
use futures::TryStreamExt;
use uuid::Uuid;

use super::{Result, Store, StoreError};

impl Store {
    /// Writes, reads and deletes a small file. It lies under an organization that is none, so no other file is touched.
    pub async fn check(&self) -> Result<()> {
        self.probe().await.map_err(|error| match error {
            StoreError::Missing => StoreError::Unfit(format!("{self} cannot be written to: there is no such bucket")),
            other => other,
        })
    }

    /// Whether what is written here is seen there: two names of one place.
    pub async fn is_also(&self, other: &Store) -> Result<bool> {
        let mut writing = self.writer(Uuid::nil());
        writing.push(Bytes::from(format!("wazapp {}", Uuid::now_v7()))).await?;
        let written = writing.finish().await?;
        let (sha256, size) = (written.sha256.clone(), written.size);
        written.keep().await?;
        let seen = match other.read(Uuid::nil(), &sha256, 0..size).await {
            Ok(_) => Ok(true),
            Err(StoreError::Missing) => Ok(false),
            Err(error) => Err(error),
        };
        self.delete(Uuid::nil(), &sha256).await?;
        seen
    }

    async fn probe(&self) -> Result<()> {
        let probe = Bytes::from(format!("wazapp {}", Uuid::now_v7()));
        let mut writing = self.writer(Uuid::nil());
        writing.push(probe.clone()).await?;
        let written = writing.finish().await?;
        let sha256 = written.sha256.clone();
        written.keep().await?;
        let read = self.read(Uuid::nil(), &sha256, 0..probe.len() as u64).await?;
        let read: Vec<Bytes> = read.try_collect().await?;
        self.delete(Uuid::nil(), &sha256).await?;
        match read.concat() == probe {
            true => Ok(()),
            false => Err(StoreError::Unfit(format!("{self} gave other bytes back than were written"))),
        }
    }
}
