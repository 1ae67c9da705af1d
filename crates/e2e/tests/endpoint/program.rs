//! Programs that others run behind an endpoint, as processes of the test.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use e2e::{Organization, World, outside};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::Made;

/// A program at work. It ends with the test.
pub(super) struct Program {
    _process: Child,
    lines: UnboundedReceiver<String>,
    /// What it said so far.
    pub said: Vec<String>,
    pub url: String,
}

/// The crate's folder.
pub(super) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Deno, running a file with what it may do; it reaches this machine alone.
pub(super) fn deno(may: &[&str], file: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut deno = Command::new(here().join("deno/node_modules/.bin/deno"));
    deno.args(["run", "--no-check", "--no-remote", "--no-prompt", "--allow-env", "--allow-net=127.0.0.1"]);
    deno.args(may).arg(file).env("NO_COLOR", "1");
    deno
}

impl Program {
    /// Starts it, and waits until it says where it listens.
    pub(super) async fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?} is there: {error}"));
        let (heard, lines) = unbounded_channel();
        listen(process.stdout.take().expect("a pipe"), heard.clone());
        listen(process.stderr.take().expect("a pipe"), heard);
        let mut program = Self { _process: process, lines, said: Vec::new(), url: String::new() };
        let line = program.line("istening on ").await;
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("an address");
        program.url = url.trim_end_matches('/').to_owned();
        program
    }

    /// Waits until it says something.
    pub(super) async fn line(&mut self, words: &str) -> String {
        loop {
            let line = timeout(Duration::from_secs(30), self.lines.recv()).await.ok().flatten();
            let line = line.unwrap_or_else(|| panic!("it never said {words:?}: {:#?}", self.said));
            self.said.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    /// An endpoint of an organization's leads to a path of it, and is called.
    pub(super) async fn is_told(&self, world: &World, organization: &Organization, made: &Made, path: &str) {
        let wanted = json!({ "url": format!("{}{path}", self.url), "state": "on" });
        let (status, answer) = world.patch(organization, &format!("/endpoints/{}", made.id), &wanted).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// What it answers to a call.
    pub(super) async fn post(&self, path: &str, headers: &[(&str, String)], body: &[u8]) -> StatusCode {
        let mut said = HeaderMap::new();
        for (name, value) in headers {
            said.insert(name.parse::<HeaderName>().expect("a name"), value.parse().expect("a value"));
        }
        let client = outside::http().build().expect("a client");
        let call = client.post(format!("{}{path}", self.url)).headers(said).body(body.to_vec());
        call.send().await.expect("an answer").status()
    }

    /// What it answers to a body that is to have so many bytes, of which so many are sent.
    pub(super) async fn hears_of_much(&self, length: usize, sent: usize) -> String {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let head = format!("POST / HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), &vec![b' '; sent]].concat()).await.expect("sent");
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.expect("an answer");
        line
    }

    /// What our secret signed is taken; what is forged, old or nonsense is not.
    pub(super) async fn knows_what_is_signed(&self, now: jiff::Timestamp, secret: &str) {
        let event =
            br#"{"id":"1","sequence":1,"type":"message.received","conversation_id":null,"data":{"id":"forged"}}"#;
        let signed = |at: jiff::Timestamp, secret: &str| -> Vec<(&'static str, String)> {
            let headers = worker::delivery::signed("1", at, event, &secret.to_owned().into());
            let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
            names.into_iter().zip(headers.into_iter().map(|(_, value)| value)).collect()
        };
        let with = |nth: usize, text: &str| {
            let mut headers = signed(now, secret);
            headers[nth].1 = text.to_owned();
            headers
        };
        let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let accepted = self.post("", &signed(now, secret), event).await;
        assert_eq!(accepted, StatusCode::ACCEPTED, "the test signs as we do");
        let (past, future) = (now - jiff::SignedDuration::from_mins(10), now + jiff::SignedDuration::from_mins(10));
        for (why, headers, body) in [
            ("another secret", signed(now, other), &event[..]),
            ("kept and sent again", signed(past, secret), &event[..]),
            ("of a time to come", signed(future, secret), &event[..]),
            ("other bytes", signed(now, secret), &b"{}"[..]),
            ("another id", with(0, "2"), &event[..]),
            ("no signature", signed(now, secret)[..2].to_vec(), &event[..]),
            ("no headers", Vec::new(), &event[..]),
            ("no time", with(1, "x"), &event[..]),
            ("no base64", with(2, "v1,%"), &event[..]),
            ("no version", with(2, "v1"), &event[..]),
        ] {
            assert_eq!(self.post("", &headers, body).await, StatusCode::UNAUTHORIZED, "{why}");
        }
    }
}

fn listen(stream: impl AsyncRead + Unpin + Send + 'static, heard: UnboundedSender<String>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let _ = heard.send(line);
        }
    });
}

/// An endpoint that is off until its program knows the secret.
pub(super) async fn add_off(world: &World, organization: &Organization, format: &str) -> Made {
    let wanted = json!({ "url": "http://127.0.0.1:9/", "format": format });
    let (status, made) = world.post_api(organization, "/endpoints", &wanted).await;
    assert_eq!(status, 201, "{made}");
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    let made = Made { id: text("id"), secret: text("secret") };
    let (status, _) = world.patch(organization, &format!("/endpoints/{}", made.id), &json!({ "state": "off" })).await;
    assert_eq!(status, 200);
    made
}
