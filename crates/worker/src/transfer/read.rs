//! An export that is being read: looked through as a whole before anything of it is taken.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use model::transfer::Line;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::manifest::{FORMAT, MANIFEST, MEDIA, TABLES};
use super::{Manifest, Result, TableSum, TransferError, hex, is_sha256};

/// An export that is whole.
#[derive(Debug)]
pub struct Opened {
    folder: PathBuf,
    manifest: Manifest,
    media: Vec<String>,
    _scratch: Option<Scratch>,
}

/// A folder that goes with whoever has it.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// As much of a manifest as every format has.
#[derive(Debug, Deserialize)]
struct Format {
    format: u32,
    wazapp: String,
}

impl Opened {
    /// A folder, or an archive, which is unpacked into `scratch` first. Every file is held against what the manifest says of it.
    pub async fn open(path: &Path, scratch: &Path) -> Result<Self> {
        let (path, scratch) = (path.to_owned(), scratch.to_owned());
        let opened = tokio::task::spawn_blocking(move || open(&path, scratch));
        opened.await.unwrap_or_else(|error| Err(std::io::Error::other(error).into()))
    }

    /// Which export this is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The names of its files.
    pub fn media(&self) -> &[String] {
        &self.media
    }

    /// Where a file is.
    pub(super) fn file(&self, sha256: &str) -> PathBuf {
        self.folder.join(MEDIA).join(sha256)
    }

    /// The rows of a table, in order.
    pub(super) fn rows(&self, table: &str) -> Result<impl Iterator<Item = Result<Line>> + use<>> {
        let (file, name) = (File::open(table_path(&self.folder, table))?, table.to_owned());
        Ok(BufReader::new(file).lines().enumerate().map(move |(nth, line)| {
            serde_json::from_str(&line?).map_err(|error| damaged(&format!("line {} of {name}: {error}", nth + 1)))
        }))
    }
}

fn damaged(what: &str) -> TransferError {
    TransferError::Damaged(what.to_owned())
}

fn table_path(folder: &Path, table: &str) -> PathBuf {
    folder.join(TABLES).join(format!("{table}.jsonl"))
}

fn open(path: &Path, scratch: PathBuf) -> Result<Opened> {
    let (folder, scratch) = match path.is_dir() {
        true => (path.to_owned(), None),
        false => {
            let scratch = Scratch(scratch);
            unpack(path, &scratch.0)?;
            (scratch.0.clone(), Some(scratch))
        }
    };
    let manifest = std::fs::read(folder.join(MANIFEST)).map_err(|_| {
        TransferError::Refused(format!(
            "{} is no export, or one that was cut off: it has no {MANIFEST}",
            path.display()
        ))
    })?;
    let unreadable = |error: serde_json::Error| damaged(&format!("its manifest: {error}"));
    let format: Format = serde_json::from_slice(&manifest).map_err(unreadable)?;
    if format.format != FORMAT {
        return Err(TransferError::Refused(format!(
            "the export is of format {}, this wazapp reads {FORMAT}: import it with the version that made it, {}",
            format.format, format.wazapp
        )));
    }
    let manifest: Manifest = serde_json::from_slice(&manifest).map_err(unreadable)?;
    for table in &manifest.tables {
        check_table(&folder, table)?;
    }
    let known: BTreeSet<String> = manifest.tables.iter().map(|table| format!("{}.jsonl", table.name)).collect();
    if known.len() < manifest.tables.len() {
        return Err(damaged("its manifest names a table twice"));
    }
    if let Some(strange) = names(&folder.join(TABLES))?.into_iter().find(|name| !known.contains(name)) {
        return Err(damaged(&format!("its manifest does not know of {strange}")));
    }
    let media = names(&folder.join(MEDIA))?;
    for name in &media {
        if !is_sha256(name) || sum(&folder.join(MEDIA).join(name))?.1 != *name {
            return Err(damaged(&format!("the file {name} is not what it is called")));
        }
    }
    if media.len() as u64 != manifest.files {
        return Err(damaged(&format!("it holds {} files of {}", media.len(), manifest.files)));
    }
    Ok(Opened { folder, manifest, media, _scratch: scratch })
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(names) };
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn check_table(folder: &Path, table: &TableSum) -> Result<()> {
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if !plain(&table.name) {
        return Err(damaged(&format!("{:?} is the name of no table", table.name)));
    }
    let missing = |_| damaged(&format!("{} is not there", table.name));
    let (rows, sha256) = sum(&table_path(folder, &table.name)).map_err(missing)?;
    match sha256 == table.sha256 && rows == table.rows {
        true => Ok(()),
        false => Err(damaged(&format!("{} is not as it was written", table.name))),
    }
}

/// How many lines a file has, and its hash.
fn sum(path: &Path) -> std::io::Result<(u64, String)> {
    let (mut file, mut hash, mut lines, mut chunk) = (File::open(path)?, Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        let many = file.read(&mut chunk)?;
        if many == 0 {
            return Ok((lines, hex(hash)));
        }
        lines += chunk[..many].iter().filter(|byte| **byte == b'\n').count() as u64;
        hash.update(&chunk[..many]);
    }
}

/// Only what an export may hold gets a place, whatever an archive calls it.
fn unpack(path: &Path, folder: &Path) -> Result<()> {
    let refused = |error: std::io::Error| {
        TransferError::Refused(format!(
            "{} cannot be read as an export ({error}): say a folder, or a .tar.zst",
            path.display()
        ))
    };
    for one in [folder.to_owned(), folder.join(TABLES), folder.join(MEDIA)] {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(one)?;
    }
    let mut archive = tar::Archive::new(zstd::Decoder::new(File::open(path).map_err(refused)?).map_err(refused)?);
    for entry in archive.entries().map_err(refused)? {
        let mut entry = entry.map_err(refused)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let is_known = name == MANIFEST
            || name.strip_prefix("media/").is_some_and(is_sha256)
            || name.strip_prefix("tables/").and_then(|name| name.strip_suffix(".jsonl")).is_some_and(|table| {
                !table.is_empty() && table.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            });
        if !is_known {
            return Err(damaged(&format!("{name:?} belongs to no export")));
        }
        let place = folder.join(&name);
        if place.exists() {
            return Err(damaged(&format!("{name:?} is in it twice")));
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)?;
        std::io::copy(&mut entry, &mut file).map_err(refused)?;
    }
    Ok(())
}
