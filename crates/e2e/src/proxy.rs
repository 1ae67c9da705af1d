//! A way to PostgreSQL that can be cut: a Unix socket that leads to another one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

const SOCKET: &str = ".s.PGSQL.5432";

/// Text that opens it, and who hears that a COMMIT went into it.
type Trap = Mutex<Option<(&'static str, oneshot::Sender<()>)>>;

/// The proxy; it ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    directory: TempDir,
    whole: Arc<watch::Sender<bool>>,
    trap: Arc<Trap>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Leads to the PostgreSQL whose socket is in `target`.
    pub fn start(target: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("wazapp-proxy-").tempdir().expect("a temporary directory");
        let listener = UnixListener::bind(directory.path().join(SOCKET)).expect("a socket of the proxy");
        let whole = Arc::new(watch::Sender::new(true));
        let trap = Arc::new(Trap::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, target.join(SOCKET), whole.clone(), trap.clone()));
        Self { directory, whole, trap, _accepting: accepting }
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

    /// Lets the transaction in which this text is written commit, and cuts its connection before the answer. Once; then what
    /// is returned is ready.
    pub fn lose_commit(&self, text: &'static str) -> oneshot::Receiver<()> {
        let (sender, lost) = oneshot::channel();
        *self.trap.lock().expect("no panic") = Some((text, sender));
        lost
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn accept(listener: UnixListener, target: PathBuf, whole: Arc<watch::Sender<bool>>, trap: Arc<Trap>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        // Subscribed before the look: a cut between the two is a change that is heard.
        let mut cut = whole.subscribe();
        if !*cut.borrow_and_update() {
            continue;
        }
        let (target, trap) = (target.clone(), trap.clone());
        connections.spawn(async move {
            let Ok(server) = UnixStream::connect(target).await else {
                return;
            };
            tokio::select! {
                () = carry(client, server, &trap) => {}
                _ = cut.changed() => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Carries both ways until one side ends, or until an answer is lost.
async fn carry(mut client: UnixStream, mut server: UnixStream, trap: &Trap) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let mut caught = None;
    let forth = async {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = from_client.read(&mut buffer).await.unwrap_or(0);
            if length == 0 || to_server.write_all(&buffer[..length]).await.is_err() {
                return;
            }
            let has = |text: &str| buffer[..length].windows(text.len()).any(|window| window == text.as_bytes());
            let mut trap = trap.lock().expect("no panic");
            if trap.as_ref().is_some_and(|(text, _)| has(text)) {
                caught = trap.take();
            }
            if caught.is_some() && has("COMMIT") {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = forth => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
    if let Some((_, lost)) = caught {
        // PostgreSQL answers when it has committed.
        let _ = from_server.read(&mut [0; 64]).await;
        let _ = lost.send(());
    }
}
