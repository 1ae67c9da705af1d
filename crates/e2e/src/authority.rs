//! An authority that gives certificates, which others wrote: Debian's `pebble`, with a DNS of its own. `scripts/need pebble`
//! installs both.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use reqwest::Certificate;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{outside, until};

/// Seconds that a certificate holds: as those of the most used authority.
const VALIDITY: u32 = 90 * 24 * 3600;

/// The key, and its id, of an account that was made beforehand.
pub const BINDING: (&str, &str) = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W");

/// An authority at work, in whose DNS every name is 127.0.0.1. It ends with the test.
#[derive(Debug)]
pub struct Authority {
    processes: Vec<Child>,
    place: TempDir,
    listen: SocketAddr,
    control: SocketAddr,
    http: SocketAddr,
    tls: SocketAddr,
    own: String,
}

impl Authority {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with(false).await
    }

    /// Starts one that takes new accounts only with [`BINDING`].
    pub async fn start_bound() -> Self {
        Self::start_with(true).await
    }

    async fn start_with(bound: bool) -> Self {
        let [listen, control, http, tls, dns, fake] = [(); 6].map(|()| outside::free_address());
        let place = TempDir::with_prefix("wazapp-authority-").expect("a directory");
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let (own, file) = (made.cert.pem(), |name: &str| place.path().join(name));
        std::fs::write(file("own.pem"), &own).expect("written");
        std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).expect("written");
        let config = json!({ "pebble": {
            "listenAddress": listen, "managementListenAddress": control,
            "certificate": file("own.pem"), "privateKey": file("key.pem"),
            "httpPort": http.port(), "tlsPort": tls.port(),
            "ocspResponderURL": "", "externalAccountBindingRequired": bound, "externalAccountMACKeys": { BINDING.0: BINDING.1 }, "certificateValidityPeriod": VALIDITY,
        }});
        std::fs::write(file("config.json"), config.to_string()).expect("written");
        let run = |command: &mut Command| {
            let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().expect("it starts: scripts/need pebble installs it")
        };
        let names = run(Command::new("pebble-challtestsrv")
            .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""])
            .args(["-dns01", &dns.to_string(), "-management", &fake.to_string()]));
        let pebble = run(Command::new("pebble")
            .args(["-dnsserver", &dns.to_string(), "-config"])
            .arg(file("config.json"))
            .envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0"), ("PEBBLE_AUTHZREUSE", "0")]));
        let authority = Self { processes: vec![names, pebble], place, listen, control, http, tls, own };
        for address in [listen, control, fake] {
            until("the authority listens", async || TcpStream::connect(address).await.is_ok()).await;
        }
        authority
    }

    /// The URL of its directory.
    pub fn directory(&self) -> String {
        format!("https://{}/dir", self.listen)
    }

    /// The file, in PEM, by which it proves itself.
    pub fn own_file(&self) -> String {
        self.place.path().join("own.pem").display().to_string()
    }

    /// The same, itself.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// Where it looks for every domain over HTTP.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where it looks for every domain over TLS.
    pub fn tls(&self) -> SocketAddr {
        self.tls
    }

    /// What the certificates that it gives are trusted by.
    pub async fn root(&self) -> Certificate {
        let own = Certificate::from_pem(self.own.as_bytes()).expect("a certificate");
        let client = outside::http().tls_certs_only([own]).build().expect("a client");
        let answer = client.get(format!("https://{}/roots/0", self.control)).send().await.expect("an answer");
        Certificate::from_pem(&answer.bytes().await.expect("PEM")).expect("a certificate")
    }
}

impl Authority {
    /// Ends it; its file stays.
    pub fn stop(&mut self) {
        for mut process in self.processes.drain(..) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.stop();
    }
}
