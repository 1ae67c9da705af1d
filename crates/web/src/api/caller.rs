//! Who asks: the organization behind the API key, or where whoever is signed in is at work.

use std::ops::Deref;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use jiff::Timestamp;
use model::act::Act;
use model::audit::{self, Actor, Deed};
use model::database::{Operator, Tenant};
use model::{Clock, CommitError, Database, Scope};
use secrecy::SecretString;

use crate::State;
use crate::cookie;
use crate::key::{Admitted, Refused, Who, admit, admit_session};
use crate::problem::Problem;
use crate::serve::Client;

/// A caller who is known, and who may do what the route is for.
#[derive(Debug)]
pub(super) struct Caller {
    database: Database,
    clock: Clock,
    admitted: Admitted,
    client: Option<Client>,
    act: Act,
}

/// A transaction of an act that the audit tells of: with the deed it ends, or not at all.
#[must_use = "what is not committed with its deed is not done"]
pub(super) struct Acting<'c, T = Tenant> {
    tx: T,
    caller: &'c Caller,
}

impl<T> Deref for Acting<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.tx
    }
}

impl Acting<'_> {
    /// Writes down what was done, and ends the transaction.
    pub(super) async fn commit(self, deed: Deed) -> Result<(), CommitError> {
        let (now, actor) = (self.caller.now(), self.caller.actor());
        audit::record(&self.tx, now, &actor, &deed).await?;
        self.tx.commit().await
    }
}

impl Acting<'_, Operator> {
    /// The same.
    pub(super) async fn commit(self, deed: Deed) -> Result<(), CommitError> {
        let (now, actor) = (self.caller.now(), self.caller.actor());
        audit::any_organization_record(&self.tx, self.caller.scope(), now, &actor, &deed).await?;
        self.tx.commit().await
    }
}

impl Caller {
    /// Opens a transaction inside the caller's organization.
    ///
    /// Only once the request is read: a body that trickles in must not hold a connection.
    ///
    /// Of an act that the audit tells of it only reads: [`Self::begin_act`] is what changes something.
    pub(super) async fn begin(&self) -> Result<Tenant, Problem> {
        let tx = self.database.tenant(self.scope()).await?;
        if self.act.is_audited() {
            tx.only_read().await?;
        }
        Ok(tx)
    }

    /// Opens the transaction in which an act is done that the audit tells of.
    pub(super) async fn begin_act(&self) -> Result<Acting<'_>, Problem> {
        Ok(Acting { tx: self.database.tenant(self.scope()).await?, caller: self })
    }

    /// The same across organizations, for what only the worker may write.
    pub(super) async fn begin_act_beyond(&self) -> Result<Acting<'_, Operator>, Problem> {
        Ok(Acting { tx: self.database.operator_for(self.scope()).await?, caller: self })
    }

    /// Opens a transaction that marks what an act is about to use, and is none itself.
    pub(super) async fn begin_before_act(&self) -> Result<Tenant, Problem> {
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

    /// Who it is.
    pub(super) fn who(&self) -> &Who {
        &self.admitted.who
    }

    /// As the audit names them.
    pub(super) fn actor(&self) -> Actor {
        self.admitted.who.actor(self.client.as_ref())
    }

    /// What they may do, with the limits that they have.
    pub(super) fn acts(&self) -> impl Iterator<Item = Act> {
        Act::ALL.iter().copied().filter(|act| self.admitted.may(*act))
    }

    /// Refuses who is limited to a part of the organization what would reach beyond it.
    pub(super) fn sees_all(&self, what: &str) -> Result<(), Problem> {
        if self.scope().viewer_id().is_some() { Err(beyond_limits(what)) } else { Ok(()) }
    }

    /// Whose rows these are.
    pub(super) fn scope(&self) -> &Scope {
        &self.admitted.scope
    }
}

impl FromRequestParts<State> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let Some(&act) = parts.extensions.get::<Act>() else {
            tracing::error!(path = parts.uri.path(), "the route names no act: nobody may do it");
            return Err(Problem::internal());
        };
        let client = parts.extensions.get::<Client>().cloned();
        let admitted = match (presented(&parts.headers), cookie::session(&parts.headers)) {
            (Some(key), _) => admit(state, client.as_ref(), &key).await?,
            (None, Some(session)) if !parts.headers.contains_key(AUTHORIZATION) => {
                admit_session(state, client.as_ref(), &session).await?
            }
            _ => return Err(keyless()),
        };
        if !admitted.who.may(act) {
            return Err(may_not(&admitted.who, act));
        }
        if admitted.is_beyond_limits(act) {
            return Err(beyond_limits(act.word()));
        }
        Ok(Self { database: state.database.clone(), clock: state.clock.clone(), admitted, client, act })
    }
}

/// Says that nobody knows who asks.
pub(crate) fn keyless() -> Problem {
    Problem::unauthorized(
        "This request carries no API key. Send one as `Authorization: Bearer wz_…`; `wazapp key create` makes it.",
    )
}

/// Says that it takes somebody who sees everything.
fn beyond_limits(what: &str) -> Problem {
    Problem::forbidden(format!(
        "You see a part of your organization here, and this ({what}) takes seeing all of it. Ask an owner or administrator who does."
    ))
}

/// Says who may.
fn may_not(who: &Who, act: Act) -> Problem {
    Problem::forbidden(match (who, act.scope()) {
        (Who::Person { role, .. }, _) => format!(
            "You are {} here, and this ({}) takes {}. Ask an owner or administrator of your organization.",
            role.word(),
            act.word(),
            act.role().word()
        ),
        (Who::Key { .. }, Some(scope)) => format!(
            "This key is not for this ({}): it takes the scope `{}`. Make a key that has it: `wazapp key create --scope {1}`.",
            act.word(),
            scope.word()
        ),
        (Who::Key { .. }, None) => format!(
            "No key may do this ({}): it is done by people who are signed in, or by `wazapp` on the server.",
            act.word()
        ),
    })
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotInForce => Self::unauthorized(
                "This API key is not in force: mistyped, revoked, or of another server. Send one that is; `wazapp key create` makes it.",
            ),
            Refused::NotSignedIn => Self::unauthorized("Your session has ended. Sign in again at /login."),
            Refused::NoOrganization => Self::forbidden(
                "You work in no organization that is open to you. Choose another one, or ask to be invited.",
            ),
            Refused::LacksSecondFactor => Self::forbidden(
                "Your organization asks for a second factor. Set one up in your profile: /settings/profile.",
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
pub(crate) fn presented(headers: &HeaderMap) -> Option<SecretString> {
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
