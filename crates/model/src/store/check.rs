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
