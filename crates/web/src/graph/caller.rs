//! Who asks: the organization behind the API key that stands in the place of Meta's access token.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;

use super::error::GraphError;
use crate::key::{Admitted, Refused, admit};
use crate::serve::Client;

/// The organization of the key in the header, or in the query.
pub(super) async fn admitted(
    state: &crate::State,
    client: Option<&Client>,
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<Admitted, GraphError> {
    let key = presented(headers, query).ok_or_else(GraphError::no_token)?;
    Ok(admit(state, client, &key).await?)
}

impl From<Refused> for GraphError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotInForce => Self::wrong_token(),
            Refused::TooMany => Self::too_many(),
            Refused::Database(error) => error.into(),
        }
    }
}

/// The one key that a request carries: with two of them nobody could say who asks.
fn presented(headers: &HeaderMap, query: &[(String, String)]) -> Option<SecretString> {
    let in_headers = headers.get_all(AUTHORIZATION).iter().map(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        // Resumable uploads know another word for it.
        ["bearer", "oauth"].contains(&scheme.to_ascii_lowercase().as_str()).then(|| key.trim())
    });
    let in_query = query.iter().filter(|(name, _)| name == "access_token").map(|(_, key)| Some(key.as_str()));
    let mut all: Vec<Option<&str>> = in_headers.chain(in_query).collect();
    all.dedup();
    match all.as_slice() {
        [Some(only)] if !only.is_empty() => Some(SecretString::from(*only)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn key(headers: &[&'static str], query: &[&str]) -> Option<String> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(AUTHORIZATION, value.parse().unwrap());
        }
        let query: Vec<_> = query.iter().map(|key| ("access_token".to_owned(), (*key).to_owned())).collect();
        presented(&map, &query).map(|key| key.expose_secret().to_owned())
    }

    #[test]
    fn a_key_is_in_the_header_or_in_the_query() {
        assert_eq!(key(&["Bearer wz_a"], &[]).as_deref(), Some("wz_a"));
        assert_eq!(key(&["OAuth wz_a"], &[]).as_deref(), Some("wz_a"));
        assert_eq!(key(&[], &["wz_a"]).as_deref(), Some("wz_a"));
        assert_eq!(key(&["Bearer wz_a"], &["wz_a"]).as_deref(), Some("wz_a"), "twice the same");
        for (headers, query) in [
            (&[][..], &[][..]),
            (&["Bearer"], &[]),
            (&["Basic wz_a"], &[]),
            (&["Bearer wz_a"], &["wz_b"]),
            (&["Bearer wz_a", "Bearer wz_b"], &[]),
            (&[], &[""]),
        ] {
            assert_eq!(key(headers, query), None, "{headers:?} {query:?}");
        }
    }
}
