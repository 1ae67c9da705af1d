//! A mail server of the test's own; `scripts/need smtp` has installed what it is made with.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use tempfile::TempDir;
use tokio::net::TcpStream;
use worker::mail::Post;

use crate::{outside, until};

const PROGRAM: &str = include_str!("mail_server.py");

/// How a mail server is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asks<'a> {
    /// The user and password that it asks for.
    pub login: Option<(&'a str, &'a str)>,
    /// Whether it encrypts, with a certificate that nobody vouches for.
    pub encrypts: bool,
    /// Whether it does so from the first byte.
    pub implicit: bool,
}

/// A mail that it was handed.
#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// Its recipients.
    pub to: Vec<String>,
    /// Every header, by name.
    pub headers: Vec<(String, String)>,
    /// What it is about.
    pub subject: String,
    /// Its own name.
    pub id: String,
    /// As plain text.
    pub text: String,
    /// As HTML.
    pub html: String,
    /// Whether it came encrypted.
    pub encrypted: bool,
}

impl Mail {
    /// The path of the link that it brings, below this address; the same in both of its forms.
    pub fn path(&self, url: &str) -> String {
        let link = self.text.split_whitespace().find(|word| word.starts_with(&format!("{url}/")) && word.len() > 40);
        let link = link.unwrap_or_else(|| panic!("no link of {url}: {}", self.text));
        assert!(self.html.contains(link), "{}", self.html);
        link[url.len()..].to_owned()
    }
}

/// A mail server that keeps what it is handed.
#[derive(Debug)]
pub struct MailServer {
    port: u16,
    running: Option<Child>,
    place: TempDir,
}

impl MailServer {
    /// One that does not run yet.
    pub fn down() -> Self {
        let port = outside::free_address().port();
        Self { port, running: None, place: TempDir::with_prefix("wazapp-mail-").expect("a directory") }
    }

    /// One that runs.
    pub async fn start(asks: Asks<'_>) -> Self {
        let mut server = Self::down();
        server.up(asks).await;
        server
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Starts it.
    pub async fn up(&mut self, asks: Asks<'_>) {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools-smtp/bin/python");
        let mut command = Command::new(python);
        command.args(["-c", PROGRAM]).arg(self.file("mails")).arg(self.port.to_string());
        command.env("HANG_UP", self.file("hang-up")).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, password)) = asks.login {
            command.env("USER", user).env("PASSWORD", password);
        }
        if asks.encrypts {
            command.env("CERTIFICATE", self.certificate()).env("KEY", self.file("key"));
        }
        if asks.implicit {
            command.env("IMPLICIT", "1");
        }
        self.running = Some(command.spawn().expect("Python starts: scripts/need smtp installs what it runs"));
        let port = self.port;
        until("the mail server listens", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
    }

    fn certificate(&self) -> PathBuf {
        let certificate = self.file("certificate");
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=mail.example.com",
                "-keyout",
            ])
            .arg(self.file("key"))
            .arg("-out")
            .arg(&certificate)
            .stderr(Stdio::null())
            .status();
        assert!(made.expect("openssl runs: scripts/need smtp installs it").success());
        certificate
    }

    /// Stops it; what it was handed stays.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.kill();
            let _ = running.wait();
        }
    }

    /// From now on it keeps a mail and breaks off before it answers, or not any more.
    pub fn hangs_up(&self, hangs_up: bool) {
        match hangs_up {
            true => std::fs::write(self.file("hang-up"), "").expect("a file"),
            false => std::fs::remove_file(self.file("hang-up")).expect("the file"),
        }
    }

    /// Its URL on this address, with a login or without.
    pub fn url_at(&self, scheme: &str, host: &str, login: &str) -> String {
        let at = if login.is_empty() { "" } else { "@" };
        format!("{scheme}://{login}{at}{host}:{}", self.port)
    }

    /// The way to it without a login.
    pub fn post(&self) -> Post {
        post(&self.url_at("smtp", "127.0.0.1", ""))
    }

    /// What it was handed so far, in order.
    pub fn mails(&self) -> Vec<Mail> {
        let text = std::fs::read_to_string(self.file("mails")).unwrap_or_default();
        // The last line may be on its way.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("a mail")).collect()
    }

    /// Waits until there are so many; answers the last.
    pub async fn nth(&self, count: usize) -> Mail {
        until(&format!("{count} mails are there"), async || self.mails().len() >= count).await;
        let mails = self.mails();
        assert_eq!(mails.len(), count, "{mails:#?}");
        mails.into_iter().next_back().expect("one")
    }

    /// Whom it saw try to sign in.
    pub fn sign_ins(&self) -> String {
        std::fs::read_to_string(self.file("mails.log")).unwrap_or_default()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The way to a mail server.
pub fn post(url: &str) -> Post {
    Post {
        smtp: url.parse().expect("the URL of a mail server"),
        sender: "La Espiga <wazapp@example.com>".parse().expect("a sender"),
    }
}
