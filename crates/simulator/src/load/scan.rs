//! Reading a wazapp server through its API.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Requests at a time.
const PARALLEL: usize = 12;
/// The longest page there is.
const LIMIT: usize = 100;
/// How often a request is made when the server is not able to answer, waiting twice as long each time.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// A server that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// An organization, and the key that opens what is its own.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) organization: Arc<str>,
    pub(super) api_key: Arc<str>,
}

/// A conversation that was found, and whose it is.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) organization: Arc<str>,
    pub(super) phone_number_id: String,
    pub(super) customer: Option<String>,
}

/// A message that was found.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    pub(super) direction: String,
    pub(super) wamid: Option<String>,
    pub(super) text: Option<String>,
}

/// A server's API.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: reqwest::Client,
    url: String,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Conversation {
    id: String,
    phone_number_id: String,
    contact: Option<Contact>,
}

#[derive(Deserialize)]
struct Contact {
    wa_id: Option<String>,
}

impl Api {
    /// The server at this URL, which may or may not name `/api/v1` itself.
    pub(super) fn new(url: &str) -> Result<Self> {
        let client = crate::outside::http().timeout(PATIENCE).build()?;
        let url = url.trim_end_matches('/').trim_end_matches("/api/v1");
        Ok(Self { client, url: format!("{url}/api/v1") })
    }

    /// Hands every message of all these organizations to `each`, a page of one conversation at a time.
    pub(super) async fn messages(&self, owners: &[Owner], mut each: impl FnMut(&Thread, Vec<Found>)) -> Result<()> {
        let listed = owners.iter().map(|owner| self.threads(owner));
        let threads: Vec<Vec<_>> = stream::iter(listed).buffer_unordered(PARALLEL).try_collect().await?;
        let threads = threads.into_iter().flatten().map(|(owner, id, thread)| {
            let (path, thread) = (format!("conversations/{id}/messages"), Arc::new(thread));
            self.pages::<Found>(owner, path).map_ok(move |page| (thread.clone(), page)).boxed()
        });
        let mut pages = stream::iter(threads).flatten_unordered(PARALLEL);
        while let Some((thread, page)) = pages.try_next().await? {
            each(&thread, page);
        }
        Ok(())
    }

    async fn threads<'a>(&'a self, owner: &'a Owner) -> Result<Vec<(&'a Owner, String, Thread)>> {
        let (mut threads, mut known) = (Vec::new(), HashSet::new());
        let mut pages = self.pages::<Conversation>(owner, "conversations".to_owned());
        while let Some(page) = pages.try_next().await? {
            for Conversation { id, phone_number_id, contact } in page {
                // One that moves while the list is read could be listed twice; its messages are not two for that.
                if known.insert(id.clone()) {
                    let customer = contact.and_then(|contact| contact.wa_id);
                    let thread = Thread { organization: owner.organization.clone(), phone_number_id, customer };
                    threads.push((owner, id, thread));
                }
            }
        }
        Ok(threads)
    }

    fn pages<'a, T: DeserializeOwned + Send + 'a>(
        &'a self,
        owner: &'a Owner,
        path: String,
    ) -> BoxStream<'a, Result<Vec<T>>> {
        let first = Some(format!("{}/{path}?limit={LIMIT}", self.url));
        let next = move |url: Option<String>| {
            let base = format!("{}/{path}?limit={LIMIT}&cursor=", self.url);
            async move {
                let Some(url) = url else { return Ok(None) };
                let bytes = self.get(owner, &url).await?;
                let page: Page<T> = serde_json::from_slice(&bytes).with_context(|| format!("the answer of {url}"))?;
                let next = page.next_cursor.map(|cursor| {
                    let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
                    base + &cursor
                });
                ensure!(next.as_ref() != Some(&url), "{url} leads to itself");
                Ok(Some((page.data, next)))
            }
        };
        stream::try_unfold(first, next).boxed()
    }

    async fn get(&self, owner: &Owner, url: &str) -> Result<Bytes> {
        let mut wait = FIRST_WAIT;
        for tried in 1.. {
            let error = match self.once(owner, url).await {
                Ok((status, bytes)) if status == StatusCode::OK => return Ok(bytes),
                Ok((status, _)) if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                    bail!("{url} answered {status} to the key of organization {}", owner.organization);
                }
                Ok((status, _)) => anyhow::anyhow!("it answered {status}"),
                Err(error) => error.without_url().into(),
            };
            if tried == TRIES {
                return Err(error.context(format!("reading {url}, {TRIES} times")));
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        unreachable!("the last try returns")
    }

    async fn once(&self, owner: &Owner, url: &str) -> reqwest::Result<(StatusCode, Bytes)> {
        let answer = self.client.get(url).bearer_auth(&owner.api_key).send().await?;
        Ok((answer.status(), answer.bytes().await?))
    }
}
