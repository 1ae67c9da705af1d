//! As whom PostgreSQL runs: it refuses root, so root hands it to the data
//! directory's owner or to user `postgres`; anybody else runs it as oneself.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::geteuid;

use super::binaries;
use super::error::{Context, PostgresError};
use crate::config::close_directory;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An operating system user, and how to run a program as them.
#[derive(Debug)]
pub(super) struct Account {
    /// Their name.
    pub(super) name: String,
    uid: u32,
    gid: u32,
    is_other: bool,
    setpriv: PathBuf,
}

impl Account {
    /// The owner of the cluster or else of the data directory; for root's
    /// directories user `postgres`.
    pub(super) fn for_cluster(cluster: &Path, data_dir: &Path) -> Result<Self, PostgresError> {
        let own = geteuid().as_raw();
        let uid = match own {
            0 => match owner(cluster).or(owner(data_dir)) {
                Some(uid) => uid,
                None => id("-u", "postgres").ok_or_else(|| PostgresError::NoPostgresUser(data_dir.to_owned()))?,
            },
            own => own,
        };
        let name: Option<String> = id("-un", &uid.to_string());
        let name = name.ok_or(PostgresError::NamelessUser(uid))?;
        Ok(Self {
            gid: id("-g", &name).ok_or(PostgresError::NamelessUser(uid))?,
            name,
            uid,
            is_other: own != uid,
            setpriv: setpriv()?,
        })
    }

    /// Makes sure that this user owns the cluster and can get there.
    pub(super) fn own_and_enter(&self, cluster: &Path, data_dir: &Path) -> Result<(), PostgresError> {
        if let Ok(found) = fs::symlink_metadata(cluster)
            && found.uid() != self.uid
        {
            if !geteuid().is_root() {
                return Err(PostgresError::OtherOwner { path: cluster.to_owned(), owner: found.uid() });
            }
            self.own_tree(cluster)?;
        }
        if self.is_other {
            self.enter(data_dir)?;
        }
        Ok(())
    }

    /// Only the data directory itself is opened; what lies above it is the
    /// operator's to decide.
    fn enter(&self, data_dir: &Path) -> Result<(), PostgresError> {
        let found = fs::metadata(data_dir).context("read", data_dir)?;
        if found.uid() != self.uid && found.mode() & 0o001 == 0 {
            let open = Permissions::from_mode((found.mode() & 0o7777) | 0o001);
            fs::set_permissions(data_dir, open).context("chmod", data_dir)?;
        }
        if self.can_enter(data_dir)? {
            return Ok(());
        }
        let mut above: Vec<&Path> = data_dir.ancestors().collect();
        above.reverse();
        for directory in above {
            if !self.can_enter(directory)? {
                return Err(PostgresError::Unreachable { user: self.name.clone(), path: directory.to_owned() });
            }
        }
        Ok(())
    }

    fn can_enter(&self, directory: &Path) -> Result<bool, PostgresError> {
        let shell = Path::new("/bin/sh");
        let mut command = self.command(shell, "KILL")?;
        command.args(["-c", "cd -- \"$1\"", "sh"]).arg(directory);
        let output = command.output().context("run", shell)?;
        Ok(output.status.success())
    }

    /// A program under this account, without our environment and without our
    /// terminal's signals. It gets `death` when the thread that spawned it
    /// ends, which a kill -9 of this process brings about too.
    pub(super) fn command(&self, program: &Path, death: &str) -> Result<Command, PostgresError> {
        let mut command = Command::new(&self.setpriv);
        command.arg(format!("--pdeathsig={death}"));
        if self.is_other {
            command.arg(format!("--reuid={}", self.uid));
            command.arg(format!("--regid={}", self.gid));
            command.arg("--init-groups");
        }
        command.arg("--").arg(program);
        command
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::null())
            .process_group(0);
        Ok(command)
    }

    /// Runs a program to its end; must be called off the async threads.
    pub(super) fn run(&self, command: &mut Command) -> Result<Output, PostgresError> {
        command.output().context("run", &self.setpriv)
    }

    /// A directory for this user alone.
    pub(super) fn make_private_dir(&self, path: &Path) -> Result<(), PostgresError> {
        if let Err(error) = fs::create_dir(path)
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(error).context("create", path);
        }
        // Under /tmp somebody else may have been here first.
        let found = fs::symlink_metadata(path).context("read", path)?;
        if !found.is_dir() || ![self.uid, geteuid().as_raw()].contains(&found.uid()) {
            return Err(PostgresError::OtherOwner { path: path.to_owned(), owner: found.uid() });
        }
        close_directory(path).context("chmod", path)?;
        self.own(path)
    }

    /// Hands a file to this user.
    pub(super) fn own(&self, path: &Path) -> Result<(), PostgresError> {
        match self.is_other {
            true => lchown(path, Some(self.uid), Some(self.gid)).context("chown", path),
            false => Ok(()),
        }
    }

    fn own_tree(&self, path: &Path) -> Result<(), PostgresError> {
        self.own(path)?;
        if !fs::symlink_metadata(path).context("read", path)?.is_dir() {
            return Ok(());
        }
        for entry in fs::read_dir(path).context("read", path)? {
            self.own_tree(&entry.context("read", path)?.path())?;
        }
        Ok(())
    }
}

/// The owner of a path that exists and is not root's.
fn owner(path: &Path) -> Option<u32> {
    let uid = fs::symlink_metadata(path).ok()?.uid();
    (uid != 0).then_some(uid)
}

/// Asks `id`, which knows users of LDAP and the like too.
pub(crate) fn id<T: std::str::FromStr>(option: &str, user: &str) -> Option<T> {
    let output = Command::new("id").args([option, "--", user]).env("PATH", PATH).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().parse().ok())?
}

/// util-linux's setpriv; busybox has one that cannot do what we need.
fn setpriv() -> Result<PathBuf, PostgresError> {
    let path = binaries::in_path("setpriv")
        .or_else(|| Some(PathBuf::from("/usr/bin/setpriv")).filter(|path| path.is_file()))
        .ok_or(PostgresError::NoSetpriv)?;
    let help = Command::new(&path).arg("--help").output();
    match help {
        Ok(help) if String::from_utf8_lossy(&help.stdout).contains("--pdeathsig") => Ok(path),
        _ => Err(PostgresError::NoSetpriv),
    }
}

/// The name of the user that this process runs as.
pub(super) fn own_name() -> Result<String, PostgresError> {
    let uid = geteuid().as_raw();
    id("-un", &uid.to_string()).ok_or(PostgresError::NamelessUser(uid))
}
