//! pgbouncer in transaction mode, as a process of its own: whoever comes through it keeps a session for a transaction alone.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::wait::until;

/// A pooler before the tests' cluster. It ends with the test.
#[derive(Debug)]
pub struct Pooler {
    process: Child,
    directory: TempDir,
}

impl Pooler {
    /// Starts one. `scripts/need pooler` has installed it.
    pub async fn start(socket_dir: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("wazapp-pooler-").tempdir_in(crate::cluster::memory());
        let directory = directory.expect("a directory");
        let place = directory.path().to_owned();
        // It runs as somebody else where the tests run as root.
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o777)).expect("a directory of ours");
        let settings = format!(
            "[databases]\n* = host={} user=postgres\n\
             [pgbouncer]\nlisten_addr =\nlisten_port = 5432\nunix_socket_dir = {}\nauth_type = any\npool_mode = transaction\n\
             max_client_conn = 1000\ndefault_pool_size = 12\n",
            socket_dir.display(),
            place.display()
        );
        let file = place.join("pgbouncer.ini");
        std::fs::write(&file, settings).expect("a file in it");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a file of ours");
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].map(PathBuf::from);
        let program =
            program.into_iter().find(|path| path.is_file()).expect("pgbouncer: scripts/need pooler installs it");
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let log = std::fs::File::create(place.join("log")).expect("a file in it");
        let process = command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let mut pooler = Self { process: process.expect("pgbouncer starts"), directory };
        let socket = pooler.socket_dir().join(".s.PGSQL.5432");
        until("pgbouncer listens", async || {
            if let Ok(Some(ended)) = pooler.process.try_wait() {
                panic!("pgbouncer ended ({ended}): {}", std::fs::read_to_string(place.join("log")).unwrap_or_default());
            }
            UnixStream::connect(&socket).is_ok()
        })
        .await;
        pooler
    }

    /// The directory of its socket.
    pub fn socket_dir(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
