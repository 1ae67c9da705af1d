//! Who asks where only whoever runs the server may: never a key, and of organizations' contents nothing.

use axum::extract::FromRequestParts;
use http::request::Parts;
use model::audit::Actor;
use model::database::Operator;
use model::session::SignedIn;
use model::user::User;
use uuid::Uuid;

use crate::State;
use crate::cookie;
use crate::key::{Who, signed_in};
use crate::problem::Problem;
use crate::serve::Client;

/// Somebody who is signed in and runs this server.
#[derive(Debug)]
pub(super) struct ServerOperator {
    /// They.
    pub(super) user: User,
    /// The session they are signed in by.
    pub(super) session_id: Uuid,
    client: Option<Client>,
    state: State,
}

impl ServerOperator {
    /// Opens a transaction across organizations.
    pub(super) async fn begin(&self) -> Result<Operator, Problem> {
        Ok(self.state.database.people().await?)
    }

    /// The time of what they do.
    pub(super) fn now(&self) -> jiff::Timestamp {
        self.state.clock.now()
    }

    /// As the audit names them.
    pub(super) fn actor(&self) -> Actor {
        Who::actor_of(&self.user, self.client.as_ref())
    }
}

impl FromRequestParts<State> for ServerOperator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let client = parts.extensions.get::<Client>().cloned();
        let known = match cookie::session(&parts.headers) {
            Some(session) => signed_in(state, client.as_ref(), &session).await?,
            None => None,
        };
        let Some(SignedIn { user, session_id, proven: true, .. }) = known else {
            return Err(Problem::unauthorized(
                "Only whoever runs this server may ask this: sign in at /login. No key may.",
            ));
        };
        if !user.is_operator {
            return Err(Problem::forbidden("Only whoever runs this server may ask this."));
        }
        Ok(Self { user, session_id, client, state: state.clone() })
    }
}
