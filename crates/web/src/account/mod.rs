//! Where people come in: sign-in, set-up, invitations, and links by which a password is set.

mod arrival;
mod forgotten;
mod invitation;
mod link;
mod passkey;
mod password;
mod provider;
mod second;
mod set_up;
mod sign_in;

pub(crate) use invitation::{days_left, invitation_link};
pub(crate) use password::password_link;
pub(crate) use provider::Way;

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::StatusCode;
use model::user::{self, Email, Language, Unfit, is_zone};
use secrecy::SecretString;

use crate::State;
use crate::pages::{Entered, Key, Notice, OwnPath, Page, Said, UNTOLD, say, shown};
use crate::provider::CALLBACK;
use crate::session::Entry;

/// The longest name of a person or an organization, in characters.
pub(crate) const LONGEST_NAME: usize = 100;

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/login", get(sign_in::form).post(sign_in::send))
        .route("/login/second", get(second::form).post(second::send))
        .route("/login/passkey/ask", post(passkey::ask))
        .route("/login/passkey", post(passkey::send))
        .route("/login/provider", get(provider::begin))
        .route(CALLBACK, get(provider::come_back))
        .route("/logout", post(sign_in::end))
        .route("/setup", get(set_up::form).post(set_up::send))
        .route("/welcome", get(set_up::welcome))
        .route("/welcome/demo", get(set_up::demo))
        .route("/demo/{token}", get(link::visit))
        .route("/invitation/{token}", get(invitation::form).post(invitation::accept))
        .route("/password/forgot", get(forgotten::form).post(forgotten::send))
        .route("/password/{token}", get(password::form).post(password::send))
}

/// The e-mail address of a form.
pub(crate) fn email(entered: &mut Entered, language: Language) -> Option<Email> {
    let email = entered.text("email").parse().ok();
    if email.is_none() {
        entered.fault("email", say(language, Key("fault-email")));
    }
    email
}

/// A new password of a form, if it may be taken for this account.
pub(crate) fn new_password(entered: &mut Entered, language: Language, email: &str) -> SecretString {
    let password = entered.secret("password");
    let key = match user::fit(&password, email) {
        Ok(()) => return password,
        Err(Unfit::TooShort) => Key("fault-password-short"),
        Err(Unfit::TooLong) => Key("fault-password-long"),
        Err(Unfit::TooCommon) => Key("fault-password-common"),
    };
    entered.fault("password", say(language, key));
    password
}

/// The time zone of a form.
pub(crate) fn zone(entered: &mut Entered, language: Language) -> String {
    let zone = entered.text("zone").to_owned();
    if !is_zone(&zone) {
        entered.fault("zone", say(language, Key("fault-zone")));
    }
    zone
}

/// The time zones to choose from, by name.
pub(crate) fn zones() -> Vec<String> {
    let zones = jiff::tz::db().available().map(|name| name.to_string());
    // Those that nobody lives in, and the short names of old, only make the list longer.
    let mut zones: Vec<String> = zones.filter(|name| name.contains('/') && !name.starts_with("Etc/")).collect();
    zones.push("UTC".into());
    zones.sort();
    zones
}

/// How long to wait, in words.
pub(crate) fn wait(language: Language, wait: jiff::SignedDuration) -> Said {
    say(language, Key("wait")).count("seconds", wait.as_secs() + i64::from(wait.subsec_nanos() > 0))
}

/// Somebody came in; what is still due comes before where they want to go.
fn come_in(state: &State, page: &Page, entry: &Entry, next: &OwnPath, notice: Option<Notice>) -> Response {
    let encoded: String = form_urlencoded::byte_serialize(next.as_str().as_bytes()).collect();
    let to = if entry.second_factor { format!("/login/second?next={encoded}") } else { next.to_string() };
    let notice = notice.filter(|_| !entry.second_factor).map(|notice| [notice.leave(page.is_https)]);
    let answer = Redirect::to(&to);
    match notice {
        Some(notice) => entry.set(state, (notice, answer)),
        None => entry.set(state, answer),
    }
}

#[derive(askama::Template)]
#[template(path = "account/void.html")]
struct DeadEnd {
    page: Page,
    title: Key,
    text: Key,
}

/// A link, or a code, that opens nothing.
fn dead_end(page: Page, status: StatusCode, title: Key, text: Key) -> Response {
    ([UNTOLD], shown(status, &DeadEnd { page, title, text })).into_response()
}
