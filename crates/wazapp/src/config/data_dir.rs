//! DATA_DIR and the files in it, closed to others.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Makes the data directory, closed to others; its parents as usual.
pub fn create_data_dir(data_dir: &Path) -> io::Result<()> {
    if data_dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = data_dir.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// Makes a data directory within another one, for the same owner; whom root runs PostgreSQL as gets through to it.
pub(super) fn create_within(data_dir: &Path, name: &str) -> io::Result<PathBuf> {
    create_data_dir(data_dir)?;
    let found = fs::metadata(data_dir)?;
    if rustix::process::geteuid().is_root() && found.uid() == 0 && found.mode() & 0o001 == 0 {
        fs::set_permissions(data_dir, Permissions::from_mode((found.mode() & 0o7777) | 0o001))?;
    }
    let inner = data_dir.join(name);
    if !inner.is_dir() {
        create_data_dir(&inner)?;
        give_to_owner(&File::open(&inner)?, data_dir)?;
    }
    Ok(inner)
}

/// A file that root makes in somebody's directory is that somebody's, so that
/// an admin command run as root does not lock the server out.
pub(super) fn give_to_owner(file: &File, directory: &Path) -> io::Result<()> {
    let owner = fs::metadata(directory)?;
    if rustix::process::geteuid().is_root() && owner.uid() != 0 {
        fchown(file, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

/// Opens a file of DATA_DIR that is nobody else's business, made if need be.
pub(crate) fn open_private(path: &Path, directory: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)?;
    if file.metadata()?.len() == 0 {
        give_to_owner(&file, directory)?;
    }
    Ok(file)
}

/// Leaves a directory to its owner alone.
pub(crate) fn close_directory(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o700))
}
