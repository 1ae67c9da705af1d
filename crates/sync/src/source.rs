//! wazapp's API, read with a key.

use std::time::Duration;

use futures::StreamExt;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::error::{Result, Trouble};
use crate::outside;
use crate::record::Record;

/// As many rows are asked for at once, which is the API's most.
pub(crate) const LOT: usize = 100;

/// An answer takes no longer.
const ANSWER: Duration = Duration::from_secs(60);

/// The longest answer: a page of a hundred messages, each with all that Meta says of one.
const LONGEST: usize = 128 << 20;

/// The longest refusal, and the longest that a stream says at once.
const LONGEST_REFUSAL: usize = 1 << 20;
const LONGEST_FRAME: usize = 16 << 20;

/// A stream says at least every 15 seconds that it is alive.
pub(crate) const SILENCE: Duration = Duration::from_secs(45);

/// Whom the key stands for.
#[derive(Debug, Deserialize)]
pub(crate) struct Organization {
    pub(crate) id: Uuid,
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
struct Me {
    organization: Organization,
}

/// A part of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// Something that happened.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) sequence: i64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) conversation_id: Option<Uuid>,
    pub(crate) data: Box<RawValue>,
}

/// The API of one organization.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    client: reqwest::Client,
    base: String,
    key: SecretString,
}

impl Source {
    pub(crate) fn new(api: &str, key: SecretString) -> Result<Self> {
        let base = api.trim_end_matches('/').trim_end_matches("/api/v1").to_owned();
        let client = outside::http()
            .connect_timeout(Duration::from_secs(10))
            .user_agent(concat!("wazapp-sync/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Trouble::Final(format!("no HTTP client can be made: {error}")))?;
        Ok(Self { client, base, key })
    }

    /// Whom the key stands for.
    pub(crate) async fn organization(&self) -> Result<Organization> {
        Ok(self.read::<Me>("/me").await?.organization)
    }

    /// Where the log ends now.
    pub(crate) async fn log_end(&self) -> Result<i64> {
        let mut stream = self.stream().await?;
        match tokio::time::timeout(SILENCE, stream.next()).await {
            Ok(Some(heard)) => Ok(heard?.sequence),
            _ => Err(Trouble::passing("wazapp's stream of events says nothing")),
        }
    }

    /// What a stream of events says from now on, each frame in short.
    pub(crate) async fn stream(&self) -> Result<impl futures::Stream<Item = Result<Frame>> + Unpin> {
        let answer = self.client.get(self.url("/events/stream")).bearer_auth(self.key.expose_secret()).send();
        let answer = tokio::time::timeout(ANSWER, async { self.taken(answer.await.map_err(unreachable)?).await }).await;
        let bytes = answer.map_err(|_| Trouble::passing("wazapp does not answer"))??.bytes_stream();
        let frames = futures::stream::unfold((bytes, Vec::new()), async |(mut bytes, mut held)| {
            loop {
                if let Some(frame) = Frame::take(&mut held) {
                    return Some((Ok(frame), (bytes, held)));
                }
                match bytes.next().await? {
                    _ if held.len() > LONGEST_FRAME => {
                        let words = "wazapp's stream of events says more at once than it ever has to say";
                        return Some((Err(Trouble::passing(words)), (bytes, held)));
                    }
                    Ok(part) => held.extend_from_slice(&part),
                    Err(error) => return Some((Err(unreachable(error)), (bytes, held))),
                }
            }
        });
        Ok(Box::pin(frames))
    }

    /// The events behind one.
    pub(crate) async fn events(&self, after: i64) -> Result<Vec<Event>> {
        Ok(self.read::<Page<Event>>(&format!("/events?after={after}&limit={LOT}")).await?.data)
    }

    /// Part of a list, `path` with its parameters.
    pub(crate) async fn page(&self, path: &str, cursor: Option<&str>) -> Result<Page<Record>> {
        let (sign, cursor) = (if path.contains('?') { '&' } else { '?' }, cursor.map(|text| format!("&cursor={text}")));
        self.read(&format!("{path}{sign}limit={LOT}{}", cursor.unwrap_or_default())).await
    }

    /// Rows by their ids; those that are not there are left out.
    pub(crate) async fn these(&self, list: &str, ids: &[Uuid]) -> Result<Vec<Record>> {
        let mut rows = Vec::new();
        for lot in ids.chunks(LOT) {
            rows.extend(self.read::<Page<Record>>(&format!("/{list}?id={}", with_commas(lot))).await?.data);
        }
        Ok(rows)
    }

    /// Every update of the statuses of some messages.
    pub(crate) async fn statuses(&self, messages: &[Uuid]) -> Result<Vec<Record>> {
        let mut rows = Vec::new();
        for lot in messages.chunks(LOT) {
            let path = format!("/statuses?message_id={}", with_commas(lot));
            let mut cursor: Option<String> = None;
            loop {
                let page = self.page(&path, cursor.as_deref()).await?;
                rows.extend(page.data);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(rows)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.base)
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = self.client.get(self.url(path)).timeout(ANSWER).bearer_auth(self.key.expose_secret());
        let answer = self.taken(request.send().await.map_err(unreachable)?).await?;
        let bytes = whole(answer, LONGEST).await.map_err(unreachable)?;
        let bytes = bytes.ok_or_else(|| self.no_wazapp(&format!("more than {LONGEST} bytes")))?;
        serde_json::from_slice(&bytes).map_err(|error| self.no_wazapp(&error.to_string()))
    }

    fn no_wazapp(&self, why: &str) -> Trouble {
        Trouble::Final(format!(
            "{} answers something else than wazapp's API ({why}): name the address of a wazapp of this version or newer",
            self.base
        ))
    }

    /// The answer, if it is one.
    async fn taken(&self, answer: Response) -> Result<Response> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let wait = answer.headers().get(RETRY_AFTER).and_then(|text| text.to_str().ok()?.parse().ok());
        let problem = Problem::read(answer).await;
        let said = problem.detail.unwrap_or_default();
        Err(match status {
            StatusCode::UNAUTHORIZED => Trouble::Final(format!(
                "wazapp refuses the API key: {said} Whoever works in the organization makes another one with the scope read"
            )),
            StatusCode::FORBIDDEN => Trouble::Final(format!("the API key may not read this: {said}")),
            StatusCode::GONE => Trouble::LogBegan,
            StatusCode::MOVED_PERMANENTLY => Trouble::Moved,
            StatusCode::NOT_FOUND if problem.kind.as_deref() == Some("/docs#not-found") => Trouble::Moved,
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Trouble::Place,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => waiting(status, &said, wait),
            _ if status.is_server_error() => waiting(status, &said, wait),
            _ => Trouble::Final(format!(
                "{} answers {status} where wazapp's API should be: name the address of a wazapp of this version or newer",
                self.base
            )),
        })
    }
}

fn waiting(status: StatusCode, said: &str, wait: Option<u64>) -> Trouble {
    Trouble::Passing(
        format!("wazapp answers {status}: {said}"),
        wait.map(|seconds| Duration::from_secs(seconds.min(60))),
    )
}

fn with_commas(ids: &[Uuid]) -> String {
    ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",")
}

fn unreachable(error: reqwest::Error) -> Trouble {
    let error = error.without_url();
    let mut words = format!("wazapp does not answer: {error}");
    let mut below = std::error::Error::source(&error);
    while let Some(cause) = below {
        words.push_str(&format!(": {cause}"));
        below = cause.source();
    }
    Trouble::passing(words)
}

/// What a refusal says.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: Option<String>,
    detail: Option<String>,
}

impl Problem {
    /// One that cannot be read says nothing.
    async fn read(answer: Response) -> Self {
        let bytes = whole(answer, LONGEST_REFUSAL).await.ok().flatten().unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
}

/// The body of an answer; `None`: it is longer than this.
async fn whole(mut answer: Response, longest: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        if body.len() + part.len() > longest {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}

/// A frame of a stream: how far the log is, and whether that is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) sequence: i64,
    pub(crate) is_news: bool,
}

impl Frame {
    /// Takes the first whole frame from what was heard.
    fn take(held: &mut Vec<u8>) -> Option<Self> {
        loop {
            let end = held.windows(2).position(|pair| pair == b"\n\n")?;
            let frame: Vec<u8> = held.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&frame);
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let Some(sequence) = field("id:").and_then(|number| number.parse().ok()) {
                return Some(Self { sequence, is_news: field("event:") != Some("heartbeat") });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_read_as_far_as_it_may_be_long() {
        let answer = || Response::from(http::Response::new("four"));
        assert_eq!(whole(answer(), 4).await.unwrap().as_deref(), Some(b"four".as_slice()));
        assert_eq!(whole(answer(), 3).await.unwrap(), None);
    }

    #[test]
    fn frames_are_taken_one_by_one() {
        let mut held =
            b": hello\n\nid: 7\nevent: heartbeat\ndata: {\"sequence\":7}\n\nid: 8\nevent: message.re".to_vec();
        assert_eq!(Frame::take(&mut held), Some(Frame { sequence: 7, is_news: false }));
        assert_eq!(Frame::take(&mut held), None);
        held.extend_from_slice(b"ceived\ndata: {}\n\n");
        assert_eq!(Frame::take(&mut held), Some(Frame { sequence: 8, is_news: true }));
        assert!(held.is_empty());
    }
}
