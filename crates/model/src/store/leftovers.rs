//! Files that a killed process left half written. Listings hide them, so they are looked for in the directory itself;
//! in S3, a lifecycle rule of the bucket ends uploads that nobody finished.

use std::fs;
use std::io::Result;
use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;
use uuid::Uuid;

use super::Store;

impl Store {
    /// Removes an organization's half written files that nobody has written to since `before`; answers how many.
    pub async fn sweep_leftovers(&self, organization_id: Uuid, before: Timestamp) -> Result<u64> {
        let Some(directory) = &self.directory else { return Ok(0) };
        let directory = directory.join(organization_id.to_string());
        tokio::task::spawn_blocking(move || sweep(&directory, before.into())).await?
    }
}

fn sweep(organization: &Path, before: SystemTime) -> Result<u64> {
    let mut removed = 0;
    for directory in entries(organization)?.filter(|path| path.is_dir()) {
        for file in entries(&directory)? {
            // The name of a finished file has no such sign.
            let half = file.file_name().is_some_and(|name| name.to_string_lossy().contains('#'));
            if half && fs::metadata(&file).and_then(|file| file.modified()).is_ok_and(|at| at < before) {
                fs::remove_file(&file)?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

fn entries(directory: &Path) -> Result<impl Iterator<Item = std::path::PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        entries => Some(entries?),
    };
    Ok(entries.into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path())))
}
