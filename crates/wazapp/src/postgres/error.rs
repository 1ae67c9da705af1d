//! Why the private PostgreSQL cannot be used, in a line with the fix.

use std::io;
use std::path::{Path, PathBuf};

/// Why the private PostgreSQL cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PostgresError {
    #[error("PostgreSQL 15 or newer is not installed: apt-get install postgresql (or set WAZAPP_DATABASE_URL)")]
    NotInstalled,

    #[error(
        "postgres_bin: {} holds no PostgreSQL 15 or newer (postgres and initdb): correct or unset WAZAPP_POSTGRES_BIN", .0.display()
    )]
    NotThere(PathBuf),

    #[error(
        "{} was made by PostgreSQL {made_by}, found is only {found}: apt-get install postgresql-{made_by}, and then run wazapp postgres upgrade to go on with a newer one", cluster.display()
    )]
    OtherMajor { cluster: PathBuf, made_by: u32, found: String },

    #[error(
        "{} was made by PostgreSQL {made_by}, whose programs are needed once more: apt-get install postgresql-{made_by}, or say where they are with --old-bin DIR", cluster.display()
    )]
    NoOldPrograms { cluster: PathBuf, made_by: u32 },

    #[error("{} is in the way, from an earlier upgrade: move it away, or remove it", .0.display())]
    InTheWay(PathBuf),

    #[error("{} is no PostgreSQL cluster (no PG_VERSION): move it away", .0.display())]
    NoCluster(PathBuf),

    #[error("setpriv is not installed or too simple: apt-get install util-linux")]
    NoSetpriv,

    #[error(
        "PostgreSQL does not run as root, and there is no user postgres: apt-get install postgresql makes it, or chown {} to another user", .0.display()
    )]
    NoPostgresUser(PathBuf),

    #[error("user id {0} has no name, which PostgreSQL needs: add it to /etc/passwd")]
    NamelessUser(u32),

    #[error("{} belongs to user id {owner}: run wazapp as that user or as root", path.display())]
    OtherOwner { path: PathBuf, owner: u32 },

    #[error(
        "PostgreSQL runs as user {user}, who cannot enter {}: chmod o+x {}, or set WAZAPP_DATA_DIR to another place like /var/lib/wazapp", .path.display(), .path.display()
    )]
    Unreachable { user: String, path: PathBuf },

    #[error(
        "another wazapp (pid {pid}) uses {}: stop it, or give this one its own WAZAPP_DATA_DIR", data_dir.display()
    )]
    InUse { pid: u32, data_dir: PathBuf },

    #[error("wazapp (pid {pid}) uses {}, but its PostgreSQL does not answer: see {}", data_dir.display(), log.display())]
    NoAnswer { pid: u32, data_dir: PathBuf, log: PathBuf },

    #[error("PostgreSQL (pid {pid}) already runs on {}: stop it with kill -INT {pid}", cluster.display())]
    StillRuns { pid: i32, cluster: PathBuf },

    #[error("{program} failed: {reason}")]
    Failed { program: String, reason: String },

    #[error("PostgreSQL did not start: {reason} (see {})", log.display())]
    NotStarted { reason: String, log: PathBuf },

    #[error("cannot {verb} {}: {error}", path.display())]
    Io { verb: &'static str, path: PathBuf, error: io::Error },

    #[error("wazapp is shutting down")]
    ShuttingDown,
}

/// Says what was tried on which path.
pub(super) trait Context<T> {
    fn context(self, verb: &'static str, path: &Path) -> Result<T, PostgresError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, verb: &'static str, path: &Path) -> Result<T, PostgresError> {
        self.map_err(|error| PostgresError::Io { verb, path: path.to_owned(), error })
    }
}
