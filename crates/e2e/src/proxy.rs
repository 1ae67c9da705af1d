//! A way to PostgreSQL that can be cut: a Unix socket that leads to another one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

const SOCKET: &str = ".s.PGSQL.5432";

/// Where a connection is cut that carries a transaction to its end.
struct Trap {
    /// What is written in the transaction.
    text: String,
    /// Whether PostgreSQL gets the COMMIT.
    commits: bool,
    /// Whether every other connection is cut before this one is.
    with_all: bool,
    cut: oneshot::Sender<()>,
}

/// How much is carried yet before everything is cut, and for how long.
struct Fuse {
    left: usize,
    away: Duration,
}

/// What all connections have in common.
struct Line {
    whole: watch::Sender<bool>,
    trap: Mutex<Option<Trap>>,
    fuse: Mutex<Option<Fuse>>,
}

/// The proxy; it ends when dropped.
pub struct Proxy {
    directory: TempDir,
    line: Arc<Line>,
    _accepting: JoinSet<()>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({})", self.directory.path().display())
    }
}

impl Proxy {
    /// Leads to the PostgreSQL whose socket is in `target`.
    pub fn start(target: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("wazapp-proxy-").tempdir().expect("a temporary directory");
        let listener = UnixListener::bind(directory.path().join(SOCKET)).expect("a socket of the proxy");
        let line = Arc::new(Line { whole: watch::Sender::new(true), trap: Mutex::default(), fuse: Mutex::default() });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, target.join(SOCKET), line.clone()));
        Self { directory, line, _accepting: accepting }
    }

    /// The directory of its socket.
    pub fn socket_dir(&self) -> &Path {
        self.directory.path()
    }

    /// Cuts every connection and refuses new ones.
    pub fn cut(&self) {
        self.line.whole.send_replace(false);
    }

    /// Cuts every connection; new ones are taken at once.
    pub fn shake(&self) {
        self.cut();
        self.mend();
    }

    /// Cuts every connection, in the middle of whatever is carried, once so many bytes more were carried either way; new ones
    /// are taken after this time.
    pub fn cut_after(&self, bytes: usize, away: Duration) {
        *self.line.fuse.lock().expect("no panic") = Some(Fuse { left: bytes, away });
    }

    /// Lets the transaction in which this text is written commit, and cuts its connection before the answer. Once; then what
    /// is returned is ready.
    pub fn lose_commit(&self, text: impl Into<String>) -> oneshot::Receiver<()> {
        self.trap(text.into(), true, false)
    }

    /// The same, and every other connection is cut before the client knows: it can ask nobody what became of it.
    pub fn lose_commit_and_cut(&self, text: impl Into<String>) -> oneshot::Receiver<()> {
        self.trap(text.into(), true, true)
    }

    /// Cuts the connection of the transaction in which this text is written in the place of its COMMIT. Once; then what is
    /// returned is ready.
    pub fn stop_commit(&self, text: impl Into<String>) -> oneshot::Receiver<()> {
        self.trap(text.into(), false, false)
    }

    fn trap(&self, text: String, commits: bool, with_all: bool) -> oneshot::Receiver<()> {
        let (cut, is_cut) = oneshot::channel();
        *self.line.trap.lock().expect("no panic") = Some(Trap { text, commits, with_all, cut });
        is_cut
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.line.mend();
    }
}

async fn accept(listener: UnixListener, target: PathBuf, line: Arc<Line>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        // Subscribed before the look: a cut between the two is a change that is heard.
        let mut cut = line.whole.subscribe();
        if !*cut.borrow_and_update() {
            continue;
        }
        let (target, line) = (target.clone(), line.clone());
        connections.spawn(async move {
            let Ok(server) = UnixStream::connect(target).await else {
                return;
            };
            tokio::select! {
                () = line.carry(client, server) => {}
                _ = cut.changed() => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Line {
    fn mend(&self) {
        // Connections that were never cut hear nothing of it.
        self.whole.send_if_modified(|whole| !std::mem::replace(whole, true));
    }

    /// Carries both ways until one side ends, or until an answer is lost.
    async fn carry(self: &Arc<Self>, mut client: UnixStream, mut server: UnixStream) {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let mut caught = None;
        let forth = self.pump(&mut from_client, &mut to_server, |piece| self.ends(&mut caught, piece));
        let back = self.pump(&mut from_server, &mut to_client, |_| Piece::Passes);
        tokio::select! {
            biased;
            () = forth => {}
            () = back => {}
        }
        if let Some(Trap { commits, with_all, cut, .. }) = caught {
            if commits {
                // PostgreSQL answers when it has committed.
                let _ = from_server.read(&mut [0; 64]).await;
            }
            if with_all {
                self.whole.send_replace(false);
            }
            let _ = cut.send(());
        }
    }

    /// What is to become of a piece of a connection, whose transaction may be the one that is waited for.
    fn ends(&self, caught: &mut Option<Trap>, piece: &[u8]) -> Piece {
        let has = |text: &str| piece.windows(text.len()).any(|window| window == text.as_bytes());
        let mut trap = self.trap.lock().expect("no panic");
        if trap.as_ref().is_some_and(|trap| has(&trap.text)) {
            *caught = trap.take();
        } else if caught.is_some() && has("ROLLBACK") {
            // It only read: the one that writes is another.
            *trap = caught.take();
        }
        match caught {
            Some(trap) if has("COMMIT") => {
                if trap.commits {
                    Piece::IsTheLast
                } else {
                    Piece::Stops
                }
            }
            _ => Piece::Passes,
        }
    }

    async fn pump(
        self: &Arc<Self>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        mut look: impl FnMut(&[u8]) -> Piece,
    ) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = from.read(&mut buffer).await.unwrap_or(0);
            let piece = look(&buffer[..length]);
            if length == 0 || matches!(piece, Piece::Stops) {
                return;
            }
            let (passes, blown) = self.burn(length);
            let carried = to.write_all(&buffer[..passes]).await;
            if let Some(away) = blown {
                let line = self.clone();
                tokio::spawn(async move {
                    line.whole.send_replace(false);
                    tokio::time::sleep(away).await;
                    line.mend();
                });
                return;
            }
            if carried.is_err() || matches!(piece, Piece::IsTheLast) {
                return;
            }
        }
    }

    /// How much of this many bytes is carried, and for how long nothing is after it.
    fn burn(&self, bytes: usize) -> (usize, Option<Duration>) {
        let mut fuse = self.fuse.lock().expect("no panic");
        match fuse.take() {
            Some(Fuse { left, away }) if left < bytes => (left, Some(away)),
            Some(Fuse { left, away }) => {
                *fuse = Some(Fuse { left: left - bytes, away });
                (bytes, None)
            }
            None => (bytes, None),
        }
    }
}

/// What becomes of some bytes on their way to PostgreSQL.
enum Piece {
    Passes,
    IsTheLast,
    Stops,
}
