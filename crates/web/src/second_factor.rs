//! The second step of signing in: a code of an app, or a recovery code.

use http::HeaderMap;
use jiff::SignedDuration;
use metrics::counter;
use model::CommitError;
use model::database::{Operator, Result};
use model::second_factor;
use model::session::SignedIn;
use model::sign_in::{self, Attempt};
use model::user::User;
use secrecy::{ExposeSecret, SecretString};

use crate::State;
use crate::cookie;
use crate::key::signed_in;
use crate::serve::Client;
use crate::session::{Entry, enter_as, known_device};

/// What became of a code.
#[derive(Debug)]
pub(crate) enum Second {
    /// It was one of theirs.
    In(Entry),
    /// It was none, or was used before.
    Wrong,
    /// Too many tries: nothing was looked at.
    Wait(SignedDuration),
    /// Nobody is half-way in.
    NotDue,
}

/// Whoever showed their password, and owes a second factor.
pub(crate) async fn half_way(state: &State, client: Option<&Client>, headers: &HeaderMap) -> Result<Option<User>> {
    let Some(session) = cookie::session(headers) else { return Ok(None) };
    let known = signed_in(state, client, &session).await?;
    Ok(known.and_then(|SignedIn { user, proven, .. }| (!proven).then_some(user)))
}

/// Looks at the code of whoever is half-way in. Their session becomes another one.
pub(crate) async fn second(
    state: &State,
    client: Option<&Client>,
    headers: &HeaderMap,
    code: SecretString,
) -> Result<Second> {
    let Some(user) = half_way(state, client, headers).await? else { return Ok(Second::NotDue) };
    let tx = match use_up(state, headers, &user, &code).await? {
        Used::Up(tx) => tx,
        Used::Wrong => return Ok(Second::Wrong),
        Used::Wait(wait) => return Ok(Second::Wait(wait)),
    };
    let entry = enter_as(state, &tx, client, headers, &user, true).await?;
    tx.commit().await.map_err(CommitError::in_job)?;
    Ok(Second::In(entry))
}

/// What became of a code, before what it was for is done.
#[derive(Debug)]
pub(crate) enum Used {
    /// It is used up in this transaction.
    Up(Box<Operator>),
    /// It was none, or was used before.
    Wrong,
    /// Too many tries: nothing was looked at.
    Wait(SignedDuration),
}

/// Uses up a code of somebody who is known already; tries are counted.
pub(crate) async fn use_up(state: &State, headers: &HeaderMap, user: &User, code: &SecretString) -> Result<Used> {
    let now = state.clock.now();
    let device = known_device(state, headers, user.email.as_str());
    let attempt = Attempt::Code { user_id: user.id, device: device.as_deref() };
    let tx = state.database.people().await?;
    if let Err(wait) = sign_in::attempt(&tx, now, &attempt).await? {
        return Ok(Used::Wait(wait));
    }
    tx.commit().await.map_err(CommitError::in_job)?;
    let tx = state.database.people().await?;
    if !second_factor::use_up(&tx, &state.keyring, now, user.id, code.expose_secret()).await? {
        tx.close();
        counter!("wazapp_bad_sign_ins_total").increment(1);
        return Ok(Used::Wrong);
    }
    sign_in::passed(&tx, &attempt).await?;
    Ok(Used::Up(Box::new(tx)))
}
