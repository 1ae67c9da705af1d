//! A way to PostgreSQL that asks, before every transaction begins, what the connection still carries.
//!
//! Between two users of a pooled connection nothing of the first may be left. The tap stands between pool and server:
//! when it sees a BEGIN, it holds it back, waits until the server has answered everything before, and asks the session
//! itself.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const SOCKET: &str = ".s.PGSQL.5432";

const QUESTION: &str = "SELECT current_user, current_setting('app.organization_id', true)";

/// What a session said of itself before a transaction began in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    /// Whether a transaction was open: `I` none, `T` one, `E` a failed one.
    pub(super) transaction: char,
    /// Its role.
    pub(super) role: String,
    /// The organization it was in; empty: none.
    pub(super) organization: String,
}

/// The tap; it ends when dropped.
#[derive(Debug)]
pub(super) struct Tap {
    directory: TempDir,
    carried: Arc<Mutex<Vec<Carried>>>,
    _accepting: JoinSet<()>,
}

impl Tap {
    /// Leads to the PostgreSQL whose socket is in `target`.
    pub(super) fn start(target: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("wazapp-tap-").tempdir().expect("a temporary directory");
        let listener = UnixListener::bind(directory.path().join(SOCKET)).expect("a socket");
        let carried = Arc::default();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, target.join(SOCKET), Arc::clone(&carried)));
        Self { directory, carried, _accepting: accepting }
    }

    /// The directory of its socket.
    pub(super) fn socket_dir(&self) -> &Path {
        self.directory.path()
    }

    /// What sessions carried since the last time.
    pub(super) fn carried(&self) -> Vec<Carried> {
        std::mem::take(&mut self.carried.lock().expect("nobody panics here"))
    }
}

async fn accept(listener: UnixListener, target: PathBuf, carried: Arc<Mutex<Vec<Carried>>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let server = UnixStream::connect(&target).await.expect("PostgreSQL listens");
        let carried = Arc::clone(&carried);
        connections.spawn(async move {
            // Ends when either side does.
            let _ = pass(client, server, &carried).await;
        });
    }
}

/// One message: its type, and the whole of it as sent.
struct Frame {
    kind: u8,
    bytes: Vec<u8>,
}

impl Frame {
    fn body(&self) -> &[u8] {
        &self.bytes[5..]
    }
}

async fn pass(client: UnixStream, server: UnixStream, carried: &Mutex<Vec<Carried>>) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    // The first message has no type.
    let length = from_client.read_u32().await?;
    let mut rest = vec![0; length as usize - 4];
    from_client.read_exact(&mut rest).await?;
    to_server.write_all(&[length.to_be_bytes().as_slice(), &rest].concat()).await?;

    let (mut requests, mut answers) = (frames(from_client), frames(from_server));
    // The end of the start-up is the first answer that is waited for.
    let (mut waited_for, mut status) = (1_u32, b'I');
    loop {
        tokio::select! {
            Some(answer) = answers.recv() => {
                if answer.kind == b'Z' {
                    waited_for -= 1;
                    status = answer.body()[0];
                }
                to_client.write_all(&answer.bytes).await?;
            }
            request = requests.recv() => {
                let Some(request) = request else { return Ok(()) };
                if request.kind == b'Q' && request.body().starts_with(b"BEGIN") {
                    while waited_for > 0 {
                        let Some(answer) = answers.recv().await else { return Ok(()) };
                        if answer.kind == b'Z' {
                            waited_for -= 1;
                            status = answer.body()[0];
                        }
                        to_client.write_all(&answer.bytes).await?;
                    }
                    let body = [QUESTION.as_bytes(), b"\0"].concat();
                    let length = u32::try_from(body.len() + 4).expect("a short question");
                    to_server.write_all(&[b"Q".as_slice(), &length.to_be_bytes(), &body].concat()).await?;
                    let (role, organization) = told(&mut answers).await;
                    let transaction = char::from(status);
                    let seen = Carried { transaction, role, organization };
                    carried.lock().expect("nobody panics here").push(seen);
                }
                // Query and Sync are each answered by one ReadyForQuery.
                if matches!(request.kind, b'Q' | b'S') {
                    waited_for += 1;
                }
                to_server.write_all(&request.bytes).await?;
            }
        }
    }
}

/// The two columns of the answer to [`QUESTION`].
async fn told(answers: &mut mpsc::UnboundedReceiver<Frame>) -> (String, String) {
    let mut told = (String::from("?"), String::from("?"));
    while let Some(answer) = answers.recv().await {
        match answer.kind {
            b'D' => {
                let mut rest = &answer.body()[2..];
                let mut column = || {
                    let length = i32::from_be_bytes(rest[..4].try_into().expect("a length"));
                    let length = usize::try_from(length).unwrap_or(0);
                    let text = String::from_utf8_lossy(&rest[4..4 + length]).into_owned();
                    rest = &rest[4 + length..];
                    text
                };
                told = (column(), column());
            }
            b'Z' => break,
            _ => {}
        }
    }
    told
}

/// Reads in a task of its own, so that half a message is never lost to a race.
fn frames(mut from: impl AsyncRead + Send + Unpin + 'static) -> mpsc::UnboundedReceiver<Frame> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(frame) = frame(&mut from).await {
            if sender.send(frame).is_err() {
                break;
            }
        }
    });
    receiver
}

async fn frame(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Frame> {
    let kind = from.read_u8().await?;
    let length = from.read_u32().await?;
    let mut bytes = vec![0; length as usize + 1];
    bytes[0] = kind;
    bytes[1..5].copy_from_slice(&length.to_be_bytes());
    from.read_exact(&mut bytes[5..]).await?;
    Ok(Frame { kind, bytes })
}
