//! A move of files that is killed in the middle, and begun again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::until;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::media::{kept, moved, there, with_bucket};
use super::{LUCIA, Stage, WORD};
use crate::backup::files;
use crate::media::s3::S3;

/// Of a large document.
const LARGE: usize = 12 << 20;

/// A way to an HTTP server on which so many bytes are carried, either way, and then none.
struct Narrow {
    address: SocketAddr,
    waiting: Arc<AtomicUsize>,
    _accepting: JoinSet<()>,
}

impl Narrow {
    async fn way(to: SocketAddr, bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
        let address = listener.local_addr().expect("its address");
        let (left, waiting) = (Arc::new(Semaphore::new(bytes)), Arc::new(AtomicUsize::new(0)));
        let mut accepting = JoinSet::new();
        let counted = waiting.clone();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (left, waiting) = (left.clone(), counted.clone());
                connections.spawn(async move {
                    let server = TcpStream::connect(to).await.expect("it listens");
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::join!(
                        carry(from_client, to_server, &left, &waiting),
                        carry(from_server, to_client, &left, &waiting)
                    );
                });
            }
        });
        Self { address, waiting, _accepting: accepting }
    }

    /// Nothing is carried any more.
    async fn stands(&self) {
        until("it stands in the middle", async || self.waiting.load(Ordering::SeqCst) > 0).await;
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    left: &Semaphore,
    waiting: &AtomicUsize,
) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let many = u32::try_from(length).expect("a few");
        waiting.fetch_add(1, Ordering::SeqCst);
        left.acquire_many(many).await.expect("it is open").forget();
        waiting.fetch_sub(1, Ordering::SeqCst);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// Of what lies under a hash, all of it is what the hash is of.
fn whole(found: &BTreeMap<PathBuf, Vec<u8>>) {
    for (name, bytes) in found {
        let is = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
        assert_eq!(name.file_name().and_then(std::ffi::OsStr::to_str), Some(is.as_str()), "half of a file");
    }
}

/// With two large documents beside a picture and its thumbnail.
async fn with_documents() -> Stage {
    let stage = Stage::new().await;
    let server = stage.installation.serve().await;
    stage.meta.callback(&format!("{}/webhook", server.url()), WORD).await;
    let before = kept(&stage).len();
    for byte in [7, 8] {
        let data = data_encoding::BASE64.encode(&vec![byte; LARGE]);
        let document = json!({ "data": data, "mime_type": "application/pdf", "filename": "a.pdf" });
        stage.meta.customer_sends(&stage.number, LUCIA, json!({ "type": "document", "document": document })).await;
    }
    until("they are kept", async || kept(&stage).len() == before + 2).await;
    assert!(server.terminate().await.0.success());
    stage
}

/// Kills a move that has come to the middle.
async fn killed(stage: &Stage, s3: &S3, arguments: &[&str]) {
    let narrow = Narrow::way(s3.address(), LARGE).await;
    let mut command = stage.installation.command(&[&["move", "media"], arguments].concat());
    command.env("AWS_ENDPOINT", format!("http://{}", narrow.address)).stdout(Stdio::null()).stderr(Stdio::null());
    let mut moving = command.spawn().expect("it starts");
    narrow.stands().await;
    moving.kill().await.expect("a process of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_on_its_way_to_a_bucket_and_on_its_way_back_it_goes_on() {
    let (s3, stage) = (S3::start().await, with_documents().await);
    let stage = Stage { installation: with_bucket(stage.installation, &s3), ..stage };
    let (all, bucket) = (kept(&stage), "s3://media/killed");
    killed(&stage, &s3, &["--to", bucket]).await;
    let found = there(&s3, "killed", all.keys()).await;
    assert!(found.len() < all.len(), "it was killed in the middle");
    whole(&found);
    assert!(kept(&stage) == all, "nothing left the old place");
    let said = moved(&stage, &["--to", bucket]).await;
    assert_eq!(said["moved"]["copied"], all.len() - found.len(), "{said}");
    assert!(there(&s3, "killed", all.keys()).await == all);

    // Back, into another directory than the first.
    let back = stage.installation.data_dir().join("back");
    let to = format!("file:{}", back.display());
    let named = || {
        let mut found = files(&back);
        found.retain(|path, _| path.file_name().is_some_and(|name| name.len() == 64));
        found
    };
    killed(&stage, &s3, &["--from", bucket, "--to", &to]).await;
    let found = named();
    assert!(found.len() < all.len(), "it was killed in the middle");
    whole(&found);
    let said = moved(&stage, &["--from", bucket, "--to", &to]).await;
    assert_eq!(said["moved"]["copied"], all.len() - found.len(), "{said}");
    assert!(named() == all);
    assert!(there(&s3, "killed", all.keys()).await == all, "nothing left the bucket");

    // Killed while the old ones go: what is there is there, and the rest goes.
    killed_while_they_go(&stage, &s3, &["--from", bucket, "--to", &to, "--remove"]).await;
    assert!(named() == all);
    moved(&stage, &["--from", bucket, "--to", &to, "--remove"]).await;
    assert!(there(&s3, "killed", all.keys()).await.is_empty() && named() == all);
    stage.meta.stop().await;
}

/// Kills a move when the first of the old files has gone.
async fn killed_while_they_go(stage: &Stage, s3: &S3, arguments: &[&str]) {
    let names: Vec<PathBuf> = kept(stage).into_keys().collect();
    let mut command = stage.installation.command(&[&["move", "media"], arguments].concat());
    let mut moving = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    until("one has gone", async || there(s3, "killed", names.iter()).await.len() < names.len()).await;
    moving.kill().await.expect("a process of ours");
}
