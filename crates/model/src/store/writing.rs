//! Bytes on their way in.

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Result, Store, content, temporary};

/// So many first bytes say what a file is.
pub const HEAD: usize = 8 << 10;

/// A file being written. Dropped before [`Writing::finish`], it leaves nothing.
#[derive(Debug)]
pub struct Writing {
    store: Store,
    organization_id: Uuid,
    hash: Sha256,
    size: u64,
    head: Vec<u8>,
    buffer: BytesMut,
    /// A file that is longer than a part goes to a temporary place, part by part.
    parts: Option<Parts>,
}

#[derive(Debug)]
struct Parts {
    path: Path,
    upload: Option<Box<dyn MultipartUpload>>,
}

/// A file whose bytes are all here, not yet in their place. Dropped before [`Written::keep`], it leaves nothing.
#[derive(Debug)]
pub struct Written {
    /// Hexadecimal, in lower case.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// The first bytes, up to [`HEAD`].
    pub head: Vec<u8>,
    /// The owner.
    pub organization_id: Uuid,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Memory(Store, Bytes),
    Temporary(Temporary),
}

/// An object that goes unless it is put in its place.
#[derive(Debug)]
struct Temporary {
    store: Store,
    path: Option<Path>,
}

impl Writing {
    pub(super) fn new(store: Store, organization_id: Uuid) -> Self {
        Self {
            store,
            organization_id,
            hash: Sha256::new(),
            size: 0,
            head: Vec::new(),
            buffer: BytesMut::new(),
            parts: None,
        }
    }

    /// How much was pushed, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next piece. What is full of it is in the store when this returns.
    pub async fn push(&mut self, piece: Bytes) -> Result<()> {
        self.hash.update(&piece);
        self.size += piece.len() as u64;
        self.head.extend_from_slice(&piece[..piece.len().min(HEAD - self.head.len())]);
        self.buffer.extend_from_slice(&piece);
        while self.buffer.len() > self.store.part {
            let part = self.buffer.split_to(self.store.part).freeze();
            self.put(part).await?;
        }
        Ok(())
    }

    async fn put(&mut self, part: Bytes) -> Result<()> {
        if self.parts.is_none() {
            let path = temporary(self.organization_id);
            self.store.make_way(&path).await?;
            let upload = self.store.objects.put_multipart(&path).await?;
            self.store.close(&path).await?;
            self.parts = Some(Parts { path, upload: Some(upload) });
        }
        if let Some(upload) = self.parts.as_mut().and_then(|parts| parts.upload.as_mut()) {
            upload.put_part(PutPayload::from_bytes(part)).await?;
        }
        Ok(())
    }

    /// All pieces were pushed.
    pub async fn finish(mut self) -> Result<Written> {
        let rest = std::mem::take(&mut self.buffer).freeze();
        let held = match self.parts.is_some() {
            false => Held::Memory(self.store.clone(), rest),
            true => {
                self.put(rest).await?;
                Held::Temporary(self.complete().await?)
            }
        };
        Ok(Written {
            sha256: data_encoding::HEXLOWER.encode(&std::mem::take(&mut self.hash).finalize()),
            size: self.size,
            head: std::mem::take(&mut self.head),
            organization_id: self.organization_id,
            held,
        })
    }

    async fn complete(&mut self) -> Result<Temporary> {
        let mut parts = self.parts.take().expect("there are parts");
        let done = parts.upload.as_mut().expect("it was not aborted").complete().await;
        if done.is_ok() {
            parts.upload = None;
        }
        done?;
        Ok(Temporary { store: self.store.clone(), path: Some(parts.path.clone()) })
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { upload.abort().await });
        }
    }
}

impl Written {
    /// Puts the bytes in their place. [`crate::file`] says so first, or nobody would know of them.
    pub async fn keep(self) -> Result<()> {
        let place = content(self.organization_id, &self.sha256)?;
        match self.held {
            Held::Memory(store, bytes) => {
                store.make_way(&place).await?;
                store.objects.put(&place, PutPayload::from_bytes(bytes)).await?;
                store.close(&place).await?;
            }
            Held::Temporary(mut held) => {
                let path = held.path.as_ref().expect("it is in its place only now");
                held.store.make_way(&place).await?;
                // It was closed when it was begun.
                held.store.objects.rename(path, &place).await?;
                held.path = None;
            }
        }
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Some(path) = self.path.take() else { return };
        let store = self.store.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { store.remove(&path).await });
        }
    }
}
