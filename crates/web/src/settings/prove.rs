//! Whether somebody is who is signed in, before something is done that a stolen session must not do: by the password, or,
//! for who has none and signs in by the identity provider, by having signed in just now.

use http::HeaderMap;
use jiff::SignedDuration;
use model::{session, user};
use secrecy::SecretString;

use crate::State;
use crate::account::wait;
use crate::pages::{Entered, Failure, Key, Page, Said, Visit, say};
use crate::session::Proof;

/// A sign-in is fresh for so long.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// Asks for the password, and perhaps a code, before something is done.
#[derive(askama::Template)]
#[template(path = "settings/prove.html")]
pub(super) struct Prove {
    pub(super) page: Page,
    pub(super) title: Said,
    pub(super) means: Said,
    pub(super) does: Said,
    pub(super) back: &'static str,
    pub(super) asks_password: bool,
    pub(super) asks_code: bool,
    pub(super) entered: Entered,
}

/// Whether they are who is signed in.
pub(super) enum Themselves {
    /// They are.
    Yes,
    /// It is not their password.
    Wrong,
    /// Too many tries: nothing was looked at.
    Wait(SignedDuration),
    /// They have no password, and did not sign in just now.
    Stale,
}

/// Whether who is signed in has a password to be asked for.
pub(super) async fn asks_password(state: &State, visit: &Visit) -> Result<bool, Failure> {
    let tx = state.database.people().await?;
    let known = user::get(&tx, visit.user().id).await?;
    tx.close();
    Ok(known.is_some_and(|(_, password)| password.is_some()))
}

/// Whether `current` proves who is signed in; else that is a fault of the field. Answers whether there is a password to be
/// asked for. Tries are counted as those to sign in are: whoever holds a stolen session must not guess it here.
pub(super) async fn prove(
    state: &State,
    visit: &Visit,
    headers: &HeaderMap,
    entered: &mut Entered,
) -> Result<bool, Failure> {
    let asks_password = asks_password(state, visit).await?;
    let language = visit.page.language;
    let said = match themselves(state, visit, headers, entered.secret("current"), asks_password).await? {
        Themselves::Yes => return Ok(asks_password),
        Themselves::Wait(long) => wait(language, long),
        Themselves::Wrong => say(language, Key("fault-current")),
        Themselves::Stale => say(language, Key("prove-afresh")),
    };
    entered.fault("current", said);
    Ok(asks_password)
}

/// Whether they are who is signed in, by this password where they have one.
pub(super) async fn themselves(
    state: &State,
    visit: &Visit,
    headers: &HeaderMap,
    password: SecretString,
    asks_password: bool,
) -> Result<Themselves, Failure> {
    if !asks_password {
        return Ok(if is_fresh(state, visit).await? { Themselves::Yes } else { Themselves::Stale });
    }
    let email = visit.user().email.as_str();
    match crate::session::prove(state, visit.visitor.client(), headers, email, password).await? {
        Proof::Of(_) => Ok(Themselves::Yes),
        Proof::Wrong => Ok(Themselves::Wrong),
        Proof::Wait(long) => Ok(Themselves::Wait(long)),
        Proof::Busy => Err(Failure::Busy),
    }
}

async fn is_fresh(state: &State, visit: &Visit) -> Result<bool, Failure> {
    let tx = state.database.people().await?;
    let began = session::began(&tx, visit.user().id, visit.visitor.session_id).await?;
    tx.close();
    Ok(began.is_some_and(|began| visit.now().duration_since(began) < FRESH))
}
