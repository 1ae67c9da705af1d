//! An S3 server of the test's own; `scripts/need moto` has installed it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use e2e::until;
use model::store::Store;
use model::store::shelf::Shelf;

pub(crate) struct S3 {
    server: Child,
    address: SocketAddr,
    url: String,
}

impl S3 {
    pub(crate) async fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools-moto/bin/moto_server");
        let address = e2e::outside::free_address();
        let server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto_server starts: scripts/need moto installs it");
        let s3 = Self { server, address, url: format!("http://{address}") };
        let client = e2e::outside::http().build().expect("a client");
        until("the S3 server makes a bucket", async || {
            let made = client.put(format!("{}/media", s3.url)).send().await;
            made.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        s3
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How programs reach it.
    pub(crate) fn settings(&self) -> [(&str, &str); 5] {
        [
            ("AWS_ENDPOINT", self.url.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ALLOW_HTTP", "true"),
        ]
    }

    /// Puts other bytes in the place of an object's, below this prefix.
    pub(crate) async fn spoil(&self, prefix: &str, name: &str, bytes: Vec<u8>) {
        let shelf = Shelf::of(self.store(prefix));
        shelf.remove(name).await.expect("it goes");
        let mut laying = shelf.begin(name).await.expect("another one comes");
        laying.put(bytes.into()).await.expect("its bytes");
        laying.complete().await.expect("it is there");
    }

    /// A store in its bucket.
    pub(crate) fn store(&self, prefix: &str) -> Store {
        Store::s3_with(&self.settings(), "media", prefix).expect("a store")
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
