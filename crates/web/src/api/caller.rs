//! Who asks: the organization behind the API key.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use jiff::Timestamp;
use model::database::Tenant;
use model::{Clock, Database, Scope};
use secrecy::SecretString;
use uuid::Uuid;

use crate::State;
use crate::key::{Admitted, Refused, admit};
use crate::problem::Problem;
use crate::serve::Client;

/// A caller whose API key is in force.
#[derive(Debug)]
pub(super) struct Caller {
    database: Database,
    clock: Clock,
    admitted: Admitted,
}

impl Caller {
    /// Opens a transaction inside the caller's organization.
    ///
    /// Only once the request is read: a body that trickles in must not hold a connection.
    pub(super) async fn begin(&self) -> Result<Tenant, Problem> {
        Ok(self.database.tenant(self.scope()).await?)
    }

    /// For what opens its own transactions.
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// The time of what it does.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The key that was shown.
    pub(super) fn key_id(&self) -> Uuid {
        self.admitted.key_id
    }

    /// Whose rows these are.
    pub(super) fn scope(&self) -> &Scope {
        &self.admitted.scope
    }
}

impl FromRequestParts<State> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let key = presented(&parts.headers).ok_or_else(|| {
            Problem::unauthorized(
                "This request carries no API key. Send one as `Authorization: Bearer wz_…`; `wazapp key create` makes it.",
            )
        })?;
        let admitted = admit(state, parts.extensions.get::<Client>(), &key).await?;
        Ok(Self { database: state.database.clone(), clock: state.clock.clone(), admitted })
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotInForce => Self::unauthorized(
                "This API key is not in force: mistyped, revoked, or of another server. Send one that is; `wazapp key create` makes it.",
            ),
            Refused::TooMany => Self::too_many(
                "Your organization has as many requests under way as it may. Nothing was done: send this one again when \
                 some of them are answered.",
            ),
            Refused::Database(error) => error.into(),
        }
    }
}

/// The key of the one `Authorization` header. With two of them nobody could say who asks.
fn presented(headers: &HeaderMap) -> Option<SecretString> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (only, None) = (all.next()?, all.next()) else {
        return None;
    };
    let (scheme, key) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| SecretString::from(key.trim()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn presented_in(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        presented(&headers).map(|key| key.expose_secret().to_owned())
    }

    #[test]
    fn a_key_is_a_bearer_token() {
        assert_eq!(presented_in(&["Bearer wz_a"]).as_deref(), Some("wz_a"));
        assert_eq!(presented_in(&["bearer  wz_a"]).as_deref(), Some("wz_a"));
        for other in [&[][..], &["wz_a"], &["Basic wz_a"], &["Bearer"], &["Bearer wz_a", "Bearer wz_b"]] {
            assert_eq!(presented_in(other), None, "{other:?}");
        }
    }
}
