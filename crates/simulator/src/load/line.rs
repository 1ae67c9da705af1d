//! One kept-alive connection that posts signed bodies: just enough HTTP/1.1, as little work as can be.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::ledger::{Answer, Fault};

/// A server that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same for taking a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// A connection unused for longer may have been closed by the server, which is not the server's fault.
const FRESH: Duration = Duration::from_secs(2);
/// The longest answer that is read to its end.
const LONGEST: usize = 64 * 1024;

/// Where to post.
#[derive(Debug)]
pub(super) struct Address {
    sockets: Vec<SocketAddr>,
    /// All of a request up to the signature.
    head: Vec<u8>,
}

impl Address {
    pub(super) async fn resolve(url: &str) -> Result<Self> {
        let uri: http::Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            bail!("load is posted over plain http, next to the server: {url} should begin with http://");
        }
        let authority = uri.authority().with_context(|| format!("{url} names no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(80);
        let found = tokio::net::lookup_host((host, port)).await;
        let sockets: Vec<SocketAddr> = found.with_context(|| format!("looking up {host}"))?.collect();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\n\
             Content-Type: application/json\r\nX-Hub-Signature-256: sha256="
        );
        Ok(Self { sockets, head: head.into_bytes() })
    }

    fn connect(&self) -> Option<TcpStream> {
        let stream =
            self.sockets.iter().find_map(|socket| TcpStream::connect_timeout(socket, CONNECT_PATIENCE).ok())?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        Some(stream)
    }
}

/// Signs with an app's secret.
#[derive(Clone)]
pub(super) struct Signer(Hmac<Sha256>);

impl Signer {
    pub(super) fn new(app_secret: &str) -> Self {
        Self(Hmac::new_from_slice(app_secret.as_bytes()).expect("any length will do as a key"))
    }

    /// The lowercase hex of `X-Hub-Signature-256`, behind `sha256=`.
    fn sign(&self, body: &[u8]) -> [u8; 64] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut hmac = self.0.clone();
        hmac.update(body);
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(hmac.finalize().into_bytes()) {
            pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        hex
    }
}

/// A connection, opened when it is needed and kept while the server keeps it.
pub(super) struct Line {
    address: Arc<Address>,
    signer: Signer,
    stream: Option<TcpStream>,
    used: Instant,
    out: Vec<u8>,
    read: Vec<u8>,
}

impl Line {
    pub(super) fn new(address: Arc<Address>, signer: Signer) -> Self {
        Self { address, signer, stream: None, used: Instant::now(), out: Vec::new(), read: vec![0; 4096] }
    }

    /// Connects ahead of the first request, and answers whether somebody took it.
    pub(super) fn open(&mut self) -> bool {
        self.stream = self.address.connect();
        self.used = Instant::now();
        self.stream.is_some()
    }

    /// Posts one body and waits for the answer. The first time given back is when the request was about to be written.
    pub(super) fn post(&mut self, body: &[u8]) -> (Instant, Answer) {
        self.out.clear();
        self.out.extend_from_slice(&self.address.head);
        self.out.extend_from_slice(&self.signer.sign(body));
        self.out.extend_from_slice(b"\r\nContent-Length: ");
        self.out.extend_from_slice(body.len().to_string().as_bytes());
        self.out.extend_from_slice(b"\r\n\r\n");
        self.out.extend_from_slice(body);

        let written = Instant::now();
        let kept = self.stream.take().filter(|stream| written - self.used < FRESH || is_alive(stream));
        let Some(mut stream) = kept.or_else(|| self.address.connect()) else {
            return (written, Answer::Error(Fault::Connect));
        };
        let answer = match exchange(&mut stream, &self.out, &mut self.read) {
            Ok(Exchanged { status, kept }) => {
                self.stream = kept.then_some(stream);
                Answer::Status(status)
            }
            Err(fault) => Answer::Error(fault),
        };
        self.used = Instant::now();
        (written, answer)
    }
}

/// Whether the other side still holds the connection, as far as is known here.
fn is_alive(stream: &TcpStream) -> bool {
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    stream.set_nonblocking(false).is_ok() && peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Exchanged {
    status: u16,
    /// The connection can take another request.
    kept: bool,
}

fn exchange(stream: &mut TcpStream, request: &[u8], read: &mut Vec<u8>) -> Result<Exchanged, Fault> {
    // A server may answer and close before it has read everything, so a failed write is not the end.
    let wrote = stream.write_all(request).map_err(|error| fault(&error));
    let mut length = 0;
    loop {
        if length == read.len() {
            read.resize(2 * length, 0);
        }
        match stream.read(&mut read[length..]) {
            Ok(0) => return Err(wrote.err().unwrap_or(Fault::Closed)),
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(wrote.err().unwrap_or(fault(&error))),
        }
        if let Some(Exchanged { status, kept }) = parse(&read[..length])? {
            return Ok(Exchanged { status, kept: kept && wrote.is_ok() });
        }
    }
}

fn fault(error: &std::io::Error) -> Fault {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Fault::Timeout,
        _ => Fault::Closed,
    }
}

/// Reads an answer; `None`: there is more to come. Of one whose end is not told by its length, the status is enough,
/// and the connection is given up.
fn parse(bytes: &[u8]) -> Result<Option<Exchanged>, Fault> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if bytes.len() > LONGEST { Err(Fault::Unreadable) } else { Ok(None) };
    };
    let text = std::str::from_utf8(&bytes[..head]).map_err(|_| Fault::Unreadable)?;
    let mut lines = text.split("\r\n");
    let first = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let status = first.ok_or(Fault::Unreadable)?;
    let (mut body, mut kept) = (None, true);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            body = Some(value.parse::<usize>().map_err(|_| Fault::Unreadable)?);
        } else if name.eq_ignore_ascii_case("connection") {
            kept = !value.eq_ignore_ascii_case("close");
        }
    }
    match body.or((status == 204).then_some(0)) {
        Some(body) if body <= LONGEST => Ok((bytes.len() >= head + 4 + body).then_some(Exchanged { status, kept })),
        _ => Ok(Some(Exchanged { status, kept: false })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(body: &str) -> String {
        String::from_utf8(Signer::new("test_app_secret").sign(body.as_bytes()).to_vec()).expect("ASCII")
    }

    /// A body with names beyond ASCII, escaped; what Meta's signature is made over.
    const ESCAPED: &str = concat!(
        r#"{"object":"whatsapp_business_account","entry":[{"id":"419561257915477","changes":[{"value":"#,
        r#"{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550783881","#,
        r#""phone_number_id":"106540352242922"},"contacts":[{"profile":{"name":"Sheena Nelson"},"#,
        r#""wa_id":"16505551234"}],"messages":[{"from":"16505551234","#,
        r#""id":"wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=","timestamp":"1744344496","#,
        r#""type":"contacts","contacts":[{"name":{"first_name":"Luc\u00eda","last_name":"G\u00f3mez","#,
        r#""formatted_name":"Luc\u00eda G\u00f3mez"},"org":{"company":"Google"},"#,
        r#""phones":[{"phone":"+1 (983) 555-2319","wa_id":"19835552319","type":"MOBILE"}]}]}]},"#,
        r#""field":"messages"}]}]}"#,
    );

    #[test]
    fn signs_as_meta_does() {
        let empty = r#"{"object":"whatsapp_business_account","entry":[]}"#;
        assert_eq!(hex(empty), "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756");
        assert_eq!(hex(ESCAPED), "c1c31e3847a6702c014b509eee5fa6a906649beee1e92baf17fbca74e206c37a");
        let raw = ESCAPED.replace(r"\u00ed", "í").replace(r"\u00f3", "ó");
        assert_eq!(hex(&raw), "2d13874e58bd1b4386794463ef51fc657dadb829197e184c37013c6eefdcc02e");
    }

    #[test]
    fn reads_an_answer_when_it_is_whole() {
        let full = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
        for end in 0..full.len() {
            assert_eq!(parse(&full[..end]), Ok(None), "{end}");
        }
        assert_eq!(parse(full), Ok(Some(Exchanged { status: 503, kept: true })));
        let last = b"HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(parse(last), Ok(Some(Exchanged { status: 200, kept: false })));
        let chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(parse(chunks), Ok(Some(Exchanged { status: 200, kept: false })));
        assert_eq!(parse(b"SMTP ready\r\n\r\n"), Err(Fault::Unreadable));
    }

    #[tokio::test]
    async fn only_plain_http_is_posted_to() {
        let refused = Address::resolve("https://127.0.0.1/webhook").await.expect_err("TLS");
        assert!(refused.to_string().contains("http://"));
        let address = Address::resolve("http://127.0.0.1:81/webhook/7?x=1").await.expect("an address");
        assert_eq!(address.sockets, ["127.0.0.1:81".parse().expect("a socket")]);
        assert!(address.head.starts_with(b"POST /webhook/7?x=1 HTTP/1.1\r\nHost: 127.0.0.1:81\r\n"));
    }
}
