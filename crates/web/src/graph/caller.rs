//! Who asks: the organization behind the API key that stands in the place of Meta's access token.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;

use super::error::GraphError;
use crate::key::{Admitted, Refused, admit};
use crate::serve::Client;

/// The parameter that carries a key, in the query or in the body.
pub(super) const PARAMETER: &str = "access_token";

/// The keys that a request carries in its headers and its query.
#[derive(Debug)]
pub(super) enum Presented {
    /// None: it may be in the body.
    None,
    /// One, perhaps in several places.
    One {
        /// It.
        key: SecretString,
        /// Whether it stands in the query: then it belongs into links to further pages, too.
        in_query: bool,
    },
    /// Two that differ, or what is none: nobody could say who asks.
    Unclear,
}

/// The organization of a key, with a place among its requests.
pub(super) async fn admitted(
    state: &crate::State,
    client: Option<&Client>,
    key: &SecretString,
) -> Result<Admitted, GraphError> {
    Ok(admit(state, client, key).await?)
}

impl From<Refused> for GraphError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotInForce | Refused::NotSignedIn | Refused::NoOrganization | Refused::LacksSecondFactor => {
                Self::wrong_token()
            }
            Refused::TooMany => Self::too_many(),
            Refused::Database(error) => error.into(),
        }
    }
}

/// What the headers and the query say of who asks.
pub(super) fn presented(headers: &HeaderMap, query: &[(String, String)]) -> Presented {
    let in_headers = headers.get_all(AUTHORIZATION).iter().map(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        // Resumable uploads know another word for it.
        ["bearer", "oauth"].contains(&scheme.to_ascii_lowercase().as_str()).then(|| key.trim())
    });
    let in_query = query.iter().filter(|(name, _)| name == PARAMETER).map(|(_, key)| Some(key.as_str()));
    let is_in_query = in_query.clone().next().is_some();
    let mut all: Vec<Option<&str>> = in_headers.chain(in_query).collect();
    all.dedup();
    match all.as_slice() {
        [] => Presented::None,
        [Some(only)] if !only.is_empty() => Presented::One { key: SecretString::from(*only), in_query: is_in_query },
        _ => Presented::Unclear,
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
        let query: Vec<_> = query.iter().map(|key| (PARAMETER.to_owned(), (*key).to_owned())).collect();
        match presented(&map, &query) {
            Presented::One { key, in_query } => {
                assert_eq!(in_query, !query.is_empty());
                Some(key.expose_secret().to_owned())
            }
            Presented::None | Presented::Unclear => None,
        }
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
