//! Where objects are files, they are this user's alone: files 0600 in directories 0700, whatever the umask is.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{ErrorKind, Result};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use object_store::path::Path as Object;

use super::Store;

const DIRECTORY: u32 = 0o700;
const FILE: u32 = 0o600;

/// Makes a directory with those above it.
pub(super) fn make(directory: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY).create(directory)
}

impl Store {
    /// Makes the directory that an object is about to lie in.
    pub(super) async fn make_way(&self, object: &Object) -> super::Result<()> {
        self.in_directory(object, |_, file| file.parent().map_or(Ok(()), make)).await
    }

    /// Closes an object that was just written, and where it is unfinished, the file that stands for it until then.
    pub(super) async fn close(&self, object: &Object) -> super::Result<()> {
        self.in_directory(object, |_, file| {
            let unfinished = format!("{}#", file.file_name().unwrap_or_default().to_string_lossy());
            for entry in fs::read_dir(file.parent().unwrap_or(file))?.flatten() {
                if entry.file_name().to_string_lossy().starts_with(&unfinished) {
                    tighten(&entry.path(), FILE)?;
                }
            }
            tighten(file, FILE).map(|_| ())
        })
        .await
    }

    /// Closes what lies about open, as older versions left it; answers how much it was.
    pub async fn close_all(&self) -> super::Result<u64> {
        let Some(directory) = self.directory.clone() else { return Ok(0) };
        let closed = tokio::task::spawn_blocking(move || close_below(&directory)).await;
        closed.map_err(std::io::Error::other).and_then(|closed| closed).map_err(failed)
    }

    async fn in_directory(
        &self,
        object: &Object,
        work: impl FnOnce(&Path, &Path) -> Result<()> + Send + 'static,
    ) -> super::Result<()> {
        let Some(directory) = self.directory.clone() else { return Ok(()) };
        let file = directory.join(object.as_ref());
        let done = tokio::task::spawn_blocking(move || work(&directory, &file)).await;
        done.map_err(std::io::Error::other).and_then(|done| done).map_err(failed)
    }
}

fn failed(error: std::io::Error) -> super::StoreError {
    super::StoreError::Failed(object_store::Error::Generic { store: "directory", source: Box::new(error) })
}

/// Answers whether it was open. What is gone meanwhile is closed.
fn tighten(path: &Path, mode: u32) -> Result<bool> {
    let closed = fs::symlink_metadata(path).and_then(|found| match found.permissions().mode() & 0o777 {
        _ if found.is_symlink() => Ok(false),
        there if there & !mode == 0 => Ok(false),
        _ => fs::set_permissions(path, Permissions::from_mode(mode)).map(|()| true),
    });
    match closed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        closed => closed,
    }
}

fn close_below(directory: &Path) -> Result<u64> {
    let mut closed = u64::from(tighten(directory, DIRECTORY)?);
    let mut directories: Vec<PathBuf> = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)?.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                closed += u64::from(tighten(&entry.path(), DIRECTORY)?);
                directories.push(entry.path());
            } else if kind.is_file() {
                closed += u64::from(tighten(&entry.path(), FILE)?);
            }
        }
    }
    Ok(closed)
}
