//! Downloads of media: `GET` the URL that a look-up or a webhook names, with the token.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use http::header;
use reqwest::{Response, Url};
use tokio::time::timeout;

use super::call::bearer;
use super::failure::words;
use super::{Credential, Failure, Graph, MetaError};

/// Where Meta keeps media: hosts that end so, and the beginning of their paths. Nowhere else does a token go.
const MEDIA: [(&str, &str); 3] = [(".fbsbx.com", ATTACHMENTS), (".fbcdn.net", "/"), (".whatsapp.net", "/")];

/// The path of media at `lookaside.fbsbx.com`, and at whatever stands in Meta's place.
const ATTACHMENTS: &str = "/whatsapp_business/attachments/";

/// Meta's own API, whose media are elsewhere.
const META: &str = "graph.facebook.com";

/// The longest refusal that is read.
const LONGEST_REFUSAL: usize = 64 << 10;

/// Why a medium did not come. Nothing is changed by a download, so each may be tried again; the kinds say how.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DownloadFailure {
    /// The URL is not Meta's, or not over HTTPS. Nothing was asked, and the token stayed here.
    #[error("the media URL is not one of Meta's")]
    ForeignUrl,
    /// The URL is good no longer, or the medium is gone: look it up by its id again. Meta answers 404.
    #[error("the media URL has expired, or the medium is gone")]
    Expired,
    /// Meta said no, as to a token that is worth nothing.
    #[error(transparent)]
    Refused(Box<MetaError>),
    /// It is longer than allowed.
    #[error("the medium is longer than {limit} bytes")]
    TooLong {
        /// The most that was allowed.
        limit: u64,
    },
    /// Anything that may pass: no connection, a break in the middle, silence, an answer that is none.
    #[error("the medium did not come: {0}")]
    Broken(String),
}

impl From<Failure> for DownloadFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => Self::Refused(error),
            other => Self::Broken(other.to_string()),
        }
    }
}

/// A medium on its way.
pub struct Download {
    response: Response,
    /// Its type, as the server says.
    pub mime_type: Option<String>,
    /// Its length, as the server says.
    pub length: Option<u64>,
    limit: u64,
    taken: u64,
    patience: Duration,
}

impl Download {
    /// The next piece; `None` after the last one, when all that was announced is here.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, DownloadFailure> {
        let piece = timeout(self.patience, self.response.chunk()).await.map_err(|_| silence())?;
        let piece = piece.map_err(|error| DownloadFailure::Broken(words(error)))?;
        self.taken += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if self.taken > self.limit {
            return Err(DownloadFailure::TooLong { limit: self.limit });
        }
        Ok(piece)
    }

    /// The pieces as a stream, which ends after a failure.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, DownloadFailure>> + Send {
        futures::stream::try_unfold(self, |mut download| async move {
            Ok(download.piece().await?.map(|piece| (piece, download)))
        })
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Download");
        shown.field("mime_type", &self.mime_type).field("length", &self.length).finish_non_exhaustive()
    }
}

impl Graph {
    /// Downloads a medium of up to `limit` bytes. The URL must be one of Meta's media; where the base URL
    /// is another host, which plays Meta, one of that very host's.
    pub async fn download(&self, credential: &Credential, url: &str, limit: u64) -> Result<Download, DownloadFailure> {
        let url = Url::parse(url).ok().filter(|url| self.may_have_token(url)).ok_or(DownloadFailure::ForeignUrl)?;
        let request = self.client.get(url).header(header::AUTHORIZATION, bearer(credential)?);
        let patience = self.timeouts.piece;
        let response = timeout(patience, request.send()).await.map_err(|_| silence())?.map_err(Failure::sending)?;
        if response.status() != 200 {
            return Err(refusal(response, credential, patience).await);
        }
        let length = response.content_length();
        if length.is_some_and(|length| length > limit) {
            return Err(DownloadFailure::TooLong { limit });
        }
        let mime_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mime_type = mime_type.map(str::to_owned);
        Ok(Download { response, mime_type, length, limit, taken: 0, patience })
    }

    /// Whether the token may go there.
    fn may_have_token(&self, url: &Url) -> bool {
        if !url.username().is_empty() || url.password().is_some() {
            return false;
        }
        if self.base.host_str() != Some(META) {
            return url.origin() == self.base.origin() && url.path().starts_with(ATTACHMENTS);
        }
        let host = url.host_str().unwrap_or_default();
        let is_there = |(end, path): &(&str, &str)| host.ends_with(end) && url.path().starts_with(path);
        url.scheme() == "https" && url.port().is_none() && MEDIA.iter().any(is_there)
    }
}

async fn refusal(mut response: Response, credential: &Credential, patience: Duration) -> DownloadFailure {
    let http = response.status().as_u16();
    if matches!(http, 404 | 410) {
        return DownloadFailure::Expired;
    }
    let mut body = Vec::new();
    while let Ok(Ok(Some(piece))) = timeout(patience, response.chunk()).await
        && body.len() < LONGEST_REFUSAL
    {
        body.extend_from_slice(&piece);
    }
    let hidden: Vec<&str> = credential.hidden().collect();
    let error = serde_json::from_slice(&body).ok().and_then(|body| MetaError::read(http, &body, &hidden));
    match error {
        Some(error) => DownloadFailure::Refused(Box::new(error)),
        None => DownloadFailure::Broken(format!("HTTP {http}")),
    }
}

fn silence() -> DownloadFailure {
    DownloadFailure::Broken("nothing came in time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_meta_alone() {
        let graph = Graph::new("https://graph.facebook.com", "v26.0").expect("a client");
        let may = |url: &str| graph.may_have_token(&Url::parse(url).expect("a URL"));
        for good in [
            "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1&ext=2&hash=3",
            "https://scontent.xx.fbcdn.net/a",
            "https://mmg.whatsapp.net/a",
            "https://LOOKASIDE.FBSBX.COM/whatsapp_business/attachments/?mid=1",
            "https://lookaside.fbsbx.com:443/whatsapp_business/attachments/?mid=1",
        ] {
            assert!(may(good), "{good}");
        }
        for wrong in [
            "http://lookaside.fbsbx.com/whatsapp_business/attachments/",
            "https://lookaside.fbsbx.com:8443/whatsapp_business/attachments/",
            "https://lookaside.fbsbx.com/a",
            "https://lookaside.fbsbx.com/whatsapp_business/attachments/../a",
            "https://lookaside.fbsbx.com/whatsapp_business/attachments/%2e%2e/a",
            "https://lookaside.fbsbx.com.evil.example/whatsapp_business/attachments/",
            "https://evilfbsbx.com/whatsapp_business/attachments/",
            "https://lookaside.fbsbx.com@evil.example/whatsapp_business/attachments/",
            "https://token@lookaside.fbsbx.com/whatsapp_business/attachments/",
            "https://graph.facebook.com/whatsapp_business/attachments/",
            "https://graph.facebook.com/v26.0/1065/subscribed_apps",
            "https://www.facebook.com/whatsapp_business/attachments/",
            "https://evil.example/lookaside.fbsbx.com",
            "https://evil.example#.fbsbx.com",
            "https://evil.example\\.fbsbx.com",
            "https://127.0.0.1/a",
            "https://[::1]/a",
            "ftp://lookaside.fbsbx.com/a",
            "file:///etc/passwd",
            "data:text/plain,a",
        ] {
            assert!(!may(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_host_of_the_base_is_that_host_alone() {
        let graph = Graph::new("http://127.0.0.1:8090/meta", "v26.0").expect("a client");
        let may = |url: &str| graph.may_have_token(&Url::parse(url).expect("a URL"));
        assert!(may("http://127.0.0.1:8090/whatsapp_business/attachments/?mid=1"));
        for wrong in [
            "http://127.0.0.1:8090/a",
            "http://127.0.0.1:8090/meta/v26.0/1065/deregister",
            "http://127.0.0.1:8091/whatsapp_business/attachments/",
            "https://127.0.0.1:8090/whatsapp_business/attachments/",
            "http://user@127.0.0.1:8090/whatsapp_business/attachments/",
            "http://localhost:8090/whatsapp_business/attachments/",
            "https://lookaside.fbsbx.com/whatsapp_business/attachments/",
        ] {
            assert!(!may(wrong), "{wrong}");
        }
    }
}
