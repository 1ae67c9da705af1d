//! Signing in, and who visits a page.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use http::header::USER_AGENT;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use model::act::Act;
use model::audit::{self, Actor, Deed};
use model::database::{Operator, Result, Tenant};
use model::session::{self, AtWork, NewSession, SignedIn};
use model::sign_in::{self, Attempt};
use model::user::{self, Email, Language, User};
use model::{Clock, CommitError, Database};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::State;
use crate::cookie;
use crate::key::{Who, signed_in};
use crate::pages::Notice;
use crate::serve::Client;

/// Where people sign in.
pub(crate) const LOGIN: &str = "/login";

/// What became of an e-mail address and a password.
#[derive(Debug)]
pub(crate) enum SignIn {
    /// They are an account's.
    In(Entry),
    /// There is no such account, or it has another password.
    Wrong,
    /// Too many tries: nothing was looked at.
    Wait(SignedDuration),
    /// Too many sign in at this moment: nothing was looked at.
    Busy,
}

/// What a browser holds once somebody came in.
#[derive(Debug)]
pub(crate) struct Entry {
    /// By which their session is found.
    pub(crate) session_id: Uuid,
    /// Their session; where a second factor is due, it opens nothing yet.
    pub(crate) session: SecretString,
    /// By which this browser is known next time.
    pub(crate) device: String,
    /// Whether a second factor is due.
    pub(crate) second_factor: bool,
    /// In which they read, for pages that do not know yet who looks.
    pub(crate) language: Language,
}

impl Entry {
    /// The answer with the cookies that it sets.
    pub(crate) fn set(&self, state: &State, answer: impl IntoResponse) -> Response {
        let cookies = [
            cookie::set_session(state, &self.session),
            cookie::set_device(state, &self.device),
            cookie::set_language(state, self.language),
        ];
        let mut answer = answer.into_response();
        for cookie in cookies {
            answer.headers_mut().append(http::header::SET_COOKIE, cookie);
        }
        answer
    }
}

/// Signs in with an e-mail address and a password.
pub(crate) async fn sign_in(
    state: &State,
    client: Option<&Client>,
    headers: &HeaderMap,
    typed: &str,
    password: SecretString,
) -> Result<SignIn> {
    let user = match prove(state, client, headers, typed, password).await? {
        Proof::Of(user) => user,
        Proof::Wrong => return Ok(SignIn::Wrong),
        Proof::Wait(wait) => return Ok(SignIn::Wait(wait)),
        Proof::Busy => return Ok(SignIn::Busy),
    };
    let tx = state.database.people().await?;
    let entry = enter(state, &tx, client, headers, &user).await?;
    tx.commit().await.map_err(CommitError::in_job)?;
    Ok(SignIn::In(entry))
}

/// What a password says of who entered it.
#[derive(Debug)]
pub(crate) enum Proof {
    /// They are this account's person.
    Of(Box<User>),
    /// There is no such account, or it has another password.
    Wrong,
    /// Too many tries: nothing was looked at.
    Wait(SignedDuration),
    /// Too many sign in at this moment: nothing was looked at.
    Busy,
}

/// Looks at an e-mail address and a password. Words and time are the same whether or not there is such an account.
pub(crate) async fn prove(
    state: &State,
    client: Option<&Client>,
    headers: &HeaderMap,
    typed: &str,
    password: SecretString,
) -> Result<Proof> {
    let now = state.clock.now();
    let address = address_of(client);
    let device = known_device(state, headers, typed);
    let attempt = Attempt::Password { account: typed, address: &address, device: device.as_deref() };
    let tx = state.database.people().await?;
    if let Err(wait) = sign_in::attempt(&tx, now, &attempt).await? {
        return Ok(Proof::Wait(wait));
    }
    tx.commit().await.map_err(CommitError::in_job)?;
    let known = match typed.parse::<Email>() {
        Ok(email) => {
            let tx = state.database.people().await?;
            let known = user::by_email(&tx, &email).await?;
            tx.close();
            known
        }
        Err(_) => None,
    };
    let (user, kept) = known.unzip();
    let Ok(is_it) = state.passwords.verify(password, kept.flatten()).await else { return Ok(Proof::Busy) };
    let Some(user) = user.filter(|_| is_it) else {
        counter!("wazapp_bad_sign_ins_total").increment(1);
        return Ok(Proof::Wrong);
    };
    let tx = state.database.people().await?;
    sign_in::passed(&tx, &attempt).await?;
    tx.commit().await.map_err(CommitError::in_job)?;
    Ok(Proof::Of(Box::new(user)))
}

/// Begins a session of somebody who proved who they are, but for a second factor. What the browser held before opens nothing
/// more: a session that somebody else planted there would else be theirs.
pub(crate) async fn enter(
    state: &State,
    tx: &Operator,
    client: Option<&Client>,
    headers: &HeaderMap,
    user: &User,
) -> Result<Entry> {
    enter_as(state, tx, client, headers, user, !user.second_factor).await
}

/// The same; `proven`: no second factor is due any more.
pub(crate) async fn enter_as(
    state: &State,
    tx: &Operator,
    client: Option<&Client>,
    headers: &HeaderMap,
    user: &User,
    proven: bool,
) -> Result<Entry> {
    let now = state.clock.now();
    let device = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    let new = NewSession { user_id: user.id, proven, device, address: &address_of(client) };
    if let Some(before) = cookie::session(headers) {
        session::end_presented(tx, &before).await?;
    }
    let (session_id, session) = session::begin(tx, now, &new).await?;
    let device = sign_in::device(tx, &state.keyring, &user.email).await?;
    Ok(Entry { session_id, session, device, second_factor: !proven, language: user.language })
}

/// Where somebody is, as tries and sessions are told apart by it.
pub(crate) fn address_of(client: Option<&Client>) -> String {
    client.map_or_else(|| "unknown".to_owned(), |client| client.peer().to_string())
}

/// What the browser holds that says this account signed in here before.
pub(crate) fn known_device(state: &State, headers: &HeaderMap, account: &str) -> Option<String> {
    cookie::device(headers).filter(|device| sign_in::is_device(&state.keyring, device, account))
}

/// Whoever is signed in and visits a page. Who is not is led to sign in, and back.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// The person.
    pub(crate) user: User,
    /// The session they are signed in by.
    pub(crate) session_id: Uuid,
    /// Where they are at work; `None`: nowhere yet.
    pub(crate) at_work: Option<AtWork>,
    database: Database,
    clock: Clock,
    client: Option<Client>,
}

impl Visitor {
    /// Whether they may do it where they are at work.
    pub(crate) fn may(&self, act: Act) -> bool {
        self.at_work.is_some_and(|at_work| at_work.may(act))
    }

    /// Opens a transaction where they are at work, if they may do this there.
    pub(crate) async fn begin(&self, act: Act) -> Result<Option<Tenant>> {
        match self.at_work.filter(|_| self.may(act)) {
            Some(at_work) => Ok(Some(self.database.tenant(&at_work.scope).await?)),
            None => Ok(None),
        }
    }

    /// Where they ask from.
    pub(crate) fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// The time of what they do.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// As the audit names them.
    pub(crate) fn actor(&self) -> Actor {
        Who::actor_of(&self.user, self.client.as_ref())
    }

    /// Writes down what is done in this transaction.
    pub(crate) async fn audit(&self, tx: &Tenant, deed: &Deed) -> Result<()> {
        audit::record(tx, self.now(), &self.actor(), deed).await
    }
}

impl FromRequestParts<State> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let client = parts.extensions.get::<Client>().cloned();
        let known = match cookie::session(&parts.headers) {
            Some(session) => signed_in(state, client.as_ref(), &session).await.map_err(|error| {
                tracing::warn!(error = %error.reason(), "a session could not be looked up");
                crate::problem::Problem::from(error).into_response()
            })?,
            None => None,
        };
        let is_over = known.is_none() && cookie::session(&parts.headers).is_some();
        let Some(SignedIn { user, session_id, proven: true, at_work }) = known else {
            let mut answer = to_login(parts).into_response();
            if is_over {
                let (name, value) = Notice::SessionOver.leave(state.public_url.starts_with("https://"));
                answer.headers_mut().append(name, value);
            }
            return Err(answer);
        };
        Ok(Self { user, session_id, at_work, database: state.database.clone(), clock: state.clock.clone(), client })
    }
}

/// To where people sign in; from there, back to a page that was to be read.
fn to_login(parts: &Parts) -> Redirect {
    let path = parts.uri.path_and_query().map_or("/", |whole| whole.as_str());
    if parts.method != http::Method::GET || path == "/" {
        return Redirect::to(LOGIN);
    }
    let next: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
    Redirect::to(&format!("{LOGIN}?next={next}"))
}

/// A link that signs somebody in without asking, once: a demo's, which runs for whoever started it.
#[derive(Clone)]
pub struct SignInLink {
    email: Email,
    token: SecretString,
    used: Arc<AtomicBool>,
}

impl std::fmt::Debug for SignInLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignInLink(••••)")
    }
}

impl SignInLink {
    /// One for the account of this address; the token is not to be guessed.
    pub fn new(email: Email, token: SecretString) -> Self {
        Self { email, token, used: Arc::default() }
    }

    /// Where it is, on the server that others call so.
    pub fn address(&self, public_url: &str) -> String {
        format!("{}/demo/{}", public_url.trim_end_matches('/'), self.token.expose_secret())
    }

    /// Whose account it opens, if this is it and nobody used it before.
    pub(crate) fn take(&self, token: &SecretString) -> Option<&Email> {
        let digest = |token: &SecretString| Sha256::digest(token.expose_secret());
        let is_it = digest(token) == digest(&self.token);
        (is_it && !self.used.swap(true, Ordering::Relaxed)).then_some(&self.email)
    }

    /// Nobody came in by it after all.
    pub(crate) fn give_back(&self) {
        self.used.store(false, Ordering::Relaxed);
    }
}

/// The one-time code by which the first person sets this server up.
#[derive(Clone, Default)]
pub struct SetUpCode(Option<SecretString>);

impl std::fmt::Debug for SetUpCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SetUpCode(••••)")
    }
}

impl SetUpCode {
    /// This code; people may leave out its hyphens, and need not care for case.
    pub fn new(code: SecretString) -> Self {
        Self(Some(code))
    }

    /// Whether this is it.
    pub(crate) fn is(&self, typed: &str) -> bool {
        let plain = |text: &str| -> String {
            text.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_uppercase()).collect()
        };
        let Some(code) = &self.0 else { return false };
        let (code, typed) = (plain(code.expose_secret()), plain(typed));
        // Hashes are compared: how far they agree says nothing of the code.
        !code.is_empty() && Sha256::digest(code) == Sha256::digest(typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_signs_in_once() {
        let link = SignInLink::new("lucia@example.com".parse().unwrap(), SecretString::from("secret"));
        assert!(link.take(&SecretString::from("other")).is_none() && link.take(&SecretString::from("")).is_none());
        assert_eq!(link.take(&SecretString::from("secret")).map(Email::as_str), Some("lucia@example.com"));
        assert!(link.clone().take(&SecretString::from("secret")).is_none());
        link.give_back();
        assert!(link.take(&SecretString::from("secret")).is_some());
        assert_eq!(format!("{link:?}"), "SignInLink(••••)");
    }

    #[test]
    fn only_the_code_sets_up() {
        let code = SetUpCode::new(SecretString::from("ABCD-2345-EFGH-6789"));
        assert!(code.is("abcd2345efgh6789") && code.is(" ABCD-2345-EFGH-6789 "));
        assert!(!code.is("") && !code.is("ABCD-2345-EFGH-678") && !SetUpCode::default().is(""));
        assert_eq!(format!("{code:?}"), "SetUpCode(••••)");
    }
}
