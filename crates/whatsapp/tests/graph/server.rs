//! A server that answers requests as it is told, or breaks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with a request, once it has read it.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// A whole answer: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// The connection is reset.
    Reset,
    /// Nothing, until the client gives up.
    Hang,
}

impl Act {
    pub(crate) fn json(http: u16, body: &Value) -> Self {
        Self::Answer(http, vec![("content-type", "application/json".into())], body.to_string().into_bytes())
    }

    pub(crate) fn text(http: u16, body: &str) -> Self {
        Self::Answer(http, vec![("content-type", "text/html".into())], body.as_bytes().to_vec())
    }

    pub(crate) fn raw(bytes: &str) -> Self {
        Self::Raw(bytes.as_bytes().to_vec())
    }
}

/// A request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST /v26.0/1/messages`, with the query.
    pub(crate) line: String,
    /// By name in lower case.
    pub(crate) headers: HashMap<String, String>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    requests: Vec<Request>,
}

/// The server. It ends with the test's runtime.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    /// Does these one after another, a request each; the last one also with all that follow.
    pub(crate) async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let acts: Arc<Vec<Act>> = Arc::new(acts.into_iter().collect());
        let watched = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                watched.lock().expect("no panic").connections += 1;
                tokio::spawn(serve(stream, acts.clone(), watched.clone()));
            }
        });
        Self { url, seen }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().expect("no panic").requests.clone()
    }

    /// The one request so far.
    pub(crate) fn request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().expect("no panic").connections
    }
}

async fn serve(mut stream: TcpStream, acts: Arc<Vec<Act>>, seen: Arc<Mutex<Seen>>) {
    while let Some(request) = read(&mut stream).await {
        let act = {
            let mut seen = seen.lock().expect("no panic");
            let place = seen.requests.len().min(acts.len() - 1);
            seen.requests.push(request);
            acts[place].clone()
        };
        match act {
            Act::Answer(http, headers, body) => {
                let mut answer = format!("HTTP/1.1 {http} Said\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    answer += &format!("{name}: {value}\r\n");
                }
                let answer = [answer.as_bytes(), b"\r\n", &body].concat();
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
            }
            Act::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Act::Reset => {
                stream.set_zero_linger().expect("a socket");
                return;
            }
            Act::Hang => std::future::pending().await,
        }
    }
}

/// A request with its body; `None` at the end of the connection.
async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        more(stream, &mut bytes).await?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().expect("a length"));
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        more(stream, &mut body).await?;
    }
    Some(Request { line, headers, body })
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(bytes).await.ok()?;
    (read > 0).then_some(())
}
