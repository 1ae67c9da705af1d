//! A way to PostgreSQL that can be cut: a Unix socket that leads to another one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const SOCKET: &str = ".s.PGSQL.5432";

/// The proxy; it ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    directory: TempDir,
    whole: Arc<watch::Sender<bool>>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Leads to the PostgreSQL whose socket is in `target`.
    pub fn start(target: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("wazapp-proxy-").tempdir().expect("a temporary directory");
        let listener = UnixListener::bind(directory.path().join(SOCKET)).expect("a socket of the proxy");
        let whole = Arc::new(watch::Sender::new(true));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, target.join(SOCKET), whole.clone()));
        Self { directory, whole, _accepting: accepting }
    }

    /// The directory of its socket.
    pub fn socket_dir(&self) -> &Path {
        self.directory.path()
    }

    /// Cuts every connection and refuses new ones.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Cuts every connection; new ones are taken at once.
    pub fn shake(&self) {
        self.whole.send_replace(false);
        self.whole.send_replace(true);
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn accept(listener: UnixListener, target: PathBuf, whole: Arc<watch::Sender<bool>>) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        // Subscribed before the look: a cut between the two is a change that is heard.
        let mut cut = whole.subscribe();
        if !*cut.borrow_and_update() {
            continue;
        }
        let target = target.clone();
        connections.spawn(async move {
            let Ok(mut server) = UnixStream::connect(target).await else {
                return;
            };
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = cut.changed() => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
