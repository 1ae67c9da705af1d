//! Calls to the provider: no redirect is followed, an answer has a time and a length.

use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use crate::outside;

/// Name, TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(5);

/// A whole call.
const CALL: Duration = Duration::from_secs(10);

/// The longest answer. A provider's keys take a few kilobytes.
const LONGEST: usize = 256 << 10;

/// A client of the provider.
#[derive(Clone, Debug)]
pub(super) struct Http(reqwest::Client);

/// Why there is no answer. It tells no address: some hold a code.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// It was not reached, or broke off.
    #[error("{0}")]
    Unreached(#[source] reqwest::Error),
    /// It is longer than any such answer.
    #[error("the answer is longer than {LONGEST} bytes")]
    TooLong,
    /// What came is no answer of HTTP.
    #[error("{0}")]
    Odd(#[from] http::Error),
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreached(error.without_url())
    }
}

impl Http {
    /// Over HTTPS alone, where the provider itself is named by it.
    pub(super) fn new(https_only: bool) -> reqwest::Result<Self> {
        let client = outside::http()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .https_only(https_only)
            .connect_timeout(CONNECT)
            .timeout(CALL)
            .build()?;
        Ok(Self(client))
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let mut answer = self.0.execute(reqwest::Request::try_from(request)?).await?;
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            if body.len() + piece.len() > LONGEST {
                return Err(NoAnswer::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        let mut response = http::Response::builder().status(answer.status()).body(body)?;
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, NoAnswer>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.answer(request))
    }
}
