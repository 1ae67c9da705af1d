//! One call: its URL, its token, its answer.

use http::{HeaderValue, Method, header};
use reqwest::{RequestBuilder, Response, Url, multipart};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::scrub::scrub;
use super::{Content, Credential, Failure, Graph, MetaError};
use crate::json::Read;

/// The longest answer that is read. A page of a hundred templates is well below a tenth of it.
const LONGEST_ANSWER: usize = 16 << 20;

/// Longer words are no ids.
const LONGEST_SEGMENT: usize = 256;

/// What a request carries.
pub(super) enum Body<'a> {
    Nothing,
    Json(&'a Value),
    Form(&'a [(&'a str, &'a str)]),
    Parts(multipart::Form),
    Content(Content),
}

/// A call, as its family puts it.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) body: Body<'a>,
    /// `None`: the request proves itself by its body.
    pub(super) credential: Option<&'a Credential>,
    /// Secrets of the request beside the credential's, which no error may show.
    pub(super) hidden: &'a [&'a str],
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: &'a [&'a str], credential: &'a Credential) -> Self {
        Self { method, path, query: &[], body: Body::Nothing, credential: Some(credential), hidden: &[] }
    }

    fn hidden(&self) -> Vec<String> {
        let of_credential = self.credential.into_iter().flat_map(Credential::hidden);
        of_credential.chain(self.hidden.iter().copied()).map(str::to_owned).collect()
    }
}

/// A complete answer in JSON, whatever it says.
pub(super) struct Answer {
    pub(super) http: u16,
    pub(super) body: Value,
    hidden: Vec<String>,
}

impl Answer {
    /// The error in it.
    pub(super) fn error(&self) -> Option<MetaError> {
        let hidden: Vec<&str> = self.hidden.iter().map(String::as_str).collect();
        MetaError::read(self.http, &self.body, &hidden)
    }

    /// Its status and the whole of it, without what must not be seen.
    pub(super) fn relayed(mut self) -> (u16, Value) {
        let hidden: Vec<&str> = self.hidden.iter().map(String::as_str).collect();
        scrub(&mut self.body, &hidden);
        (self.http, self.body)
    }

    /// What it brings, unless it is an error.
    pub(super) fn good(self) -> Result<Value, Failure> {
        let success = (200..300).contains(&self.http);
        match self.error() {
            Some(error) if !success => Err(Failure::Refused(Box::new(error))),
            Some(_) => Err(Failure::unreadable(self.http, "an error with the status of success")),
            None if self.body.get("error").is_some() => Err(Failure::unreadable(self.http, "an error without a code")),
            None if !success => Err(Failure::unreadable(self.http, "no success, and no error")),
            None => Ok(self.body),
        }
    }
}

impl Graph {
    /// Any call of the Graph API: what stands below the calls of this module, and for those that it lacks. `path` is
    /// `["106540352242922", "settings"]`, without the version; each word of it is letters, digits, `_`, `-`, `:` and
    /// `=` alone.
    pub async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        credential: &Credential,
    ) -> Result<Value, Failure> {
        let body = body.map_or(Body::Nothing, Body::Json);
        self.ask(Call { query, body, ..Call::new(method, path, credential) }).await
    }

    /// Makes a call; answers what it brings.
    pub(super) async fn ask(&self, call: Call<'_>) -> Result<Value, Failure> {
        self.exchange(call).await?.good()
    }

    /// Makes a call; answers what is read in what it brings, without which the answer is none.
    pub(super) async fn bring<T>(
        &self,
        call: Call<'_>,
        read: impl FnOnce(&Value) -> Option<T>,
        lacking: &'static str,
    ) -> Result<T, Failure> {
        let answer = self.exchange(call).await?;
        let http = answer.http;
        read(&answer.good()?).ok_or(Failure::unreadable(http, lacking))
    }

    /// Makes a call that brings nothing but `{"success":true}`.
    pub(super) async fn command(&self, call: Call<'_>) -> Result<(), Failure> {
        let success = |answer: &Value| answer.flag("success").filter(|success| *success).map(drop);
        self.bring(call, success, "it does not say success").await
    }

    /// Makes a call; answers what Meta said in full, be it an error.
    pub(super) async fn exchange(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let hidden = call.hidden();
        let response = self.request(call)?.send().await.map_err(Failure::sending)?;
        let http = response.status().as_u16();
        let body = read(response).await?;
        let body = serde_json::from_slice(&body).map_err(|_| Failure::unreadable(http, kind_of(&body)))?;
        Ok(Answer { http, body, hidden })
    }

    fn request(&self, call: Call<'_>) -> Result<RequestBuilder, Failure> {
        let url = self.url(&call)?;
        let mut request = self.client.request(call.method, url).timeout(self.timeouts.call);
        if let Some(credential) = call.credential {
            // Resumable uploads know another word for it.
            let scheme =
                if call.path.first().is_some_and(|word| word.starts_with("upload:")) { "OAuth" } else { "Bearer" };
            request = request.header(header::AUTHORIZATION, authorization(scheme, credential)?);
        }
        Ok(match call.body {
            Body::Nothing => request,
            Body::Json(body) => {
                request.header(header::CONTENT_TYPE, "application/json; charset=utf-8").body(body.to_string())
            }
            Body::Form(pairs) => {
                let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
            }
            Body::Parts(form) => request.multipart(form).timeout(self.timeouts.upload),
            Body::Content(content) => content.put(request, self.timeouts.upload),
        })
    }

    fn url(&self, call: &Call<'_>) -> Result<Url, Failure> {
        if !call.path.iter().all(|segment| is_segment(segment)) {
            return Err(Failure::malformed("a word of its path is no id"));
        }
        let mut url = (*self.base).clone();
        url.path_segments_mut().map_err(|()| Failure::malformed("the base URL has no path"))?.extend(call.path);
        let proof = call.credential.and_then(Credential::proof);
        if !call.query.is_empty() || proof.is_some() {
            let mut pairs = url.query_pairs_mut();
            pairs.extend_pairs(call.query).extend_pairs(proof.map(|proof| ("appsecret_proof", proof)));
        }
        Ok(url)
    }
}

/// `Bearer …`, which `Debug` of a request does not show.
pub(super) fn bearer(credential: &Credential) -> Result<HeaderValue, Failure> {
    authorization("Bearer", credential)
}

fn authorization(scheme: &str, credential: &Credential) -> Result<HeaderValue, Failure> {
    let value = HeaderValue::from_str(&format!("{scheme} {}", credential.token.expose_secret()));
    let mut value = value.map_err(|_| Failure::malformed("the access token has characters that no token has"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// An id of Meta's objects, which are decimal.
pub(super) fn digits(id: &str) -> Result<&str, Failure> {
    if (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(id);
    }
    Err(Failure::malformed("an id is not made of digits"))
}

/// Whether a word may stand in a path. Anything that could lead elsewhere (`/`, `?`, `..`) is refused, not escaped: an
/// id that has it came from no answer of Meta's.
fn is_segment(word: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:=".contains(&byte);
    (1..=LONGEST_SEGMENT).contains(&word.len()) && word.bytes().all(fits)
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let http = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(Failure::reading)? {
        if body.len() + piece.len() > LONGEST_ANSWER {
            return Err(Failure::unreadable(http, "it is too long"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// What an answer is that is no JSON.
fn kind_of(body: &[u8]) -> &'static str {
    match body.trim_ascii_start().first() {
        None => "it is empty",
        Some(b'<') => "it is a page of HTML",
        Some(b'{' | b'[') => "it is broken JSON",
        Some(_) => "it is no JSON",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_of_ids() {
        for good in ["106540352242922", "message_templates", "upload:MTphdHRhY2g=", "Y2FwaV9ncm91cDo"] {
            assert!(is_segment(good), "{good}");
        }
        let long = "1".repeat(LONGEST_SEGMENT + 1);
        for wrong in ["", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a\\b", "a b", "ñ", "1\n", "a.b", &long] {
            assert!(!is_segment(wrong), "{wrong}");
        }
        assert!(digits("106540352242922").is_ok());
        for wrong in ["", "12a", "-1", "１２", "1/2", &"1".repeat(33)] {
            assert!(digits(wrong).is_err(), "{wrong}");
        }
    }
}
