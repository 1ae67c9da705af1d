//! Pages: what all of them share. Where a person signs in is [`crate::account`], what they set up is [`crate::settings`].

mod assets;
mod failure;
mod form;
mod headers;
mod named;
mod notice;
mod own_path;
mod packed;
mod page;
mod path_id;
mod visit;
mod when;
mod words;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use failure::Failure;
pub(crate) use form::Entered;
pub(crate) use headers::{UNTOLD, accepts};
pub(crate) use named::Named;
pub(crate) use notice::Notice;
pub(crate) use own_path::OwnPath;
pub(crate) use page::{Icon, Page, Theme, shown};
pub(crate) use path_id::PathId;
pub(crate) use visit::Visit;
pub(crate) use when::{Moment, Times};
pub(crate) use words::{Key, Said, say};

use axum::Router;
use axum::extract::{self, DefaultBodyLimit};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::Method;
use http::header::SET_COOKIE;
use model::user::Language;
use tower_http::csrf::CsrfLayer;

use crate::{State, account, cookie, inbox, server, settings};

/// The longest form.
const LONGEST_FORM: usize = 64 << 10;

/// All pages, and what they bring along.
pub(crate) fn router(state: &State) -> Router<State> {
    let pages = Router::new()
        .route("/language", post(choose_language))
        .route("/theme", post(choose_theme))
        .merge(account::routes())
        .merge(packed::packed(inbox::routes()))
        .merge(settings::routes())
        .merge(server::routes())
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .layer(own_pages_only(&state.public_url))
        .layer(from_fn_with_state(state.clone(), failure::explain));
    let pages = headers::all().into_iter().fold(pages, Router::layer);
    pages.route("/assets/{build}/{name}", get(assets::get))
}

/// What people find at an address that nothing has; programs are told what they understand.
pub(crate) fn nowhere(state: &State) -> Router {
    let page =
        Router::new().fallback(async || Failure::NotThere).layer(from_fn_with_state(state.clone(), failure::explain));
    headers::all().into_iter().fold(page, Router::layer)
}

/// Whether whoever asks would read a page.
pub(crate) fn are_read(request: &extract::Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD) && accepts(request.headers(), "text/html")
}

/// What changes anything is sent from a page of ours: of the host that was asked, or of the address that others know.
fn own_pages_only(public_url: &str) -> CsrfLayer {
    let (scheme, rest) = public_url.split_once("://").unwrap_or(("http", public_url));
    let origin = format!("{scheme}://{}", rest.split('/').next().unwrap_or_default());
    CsrfLayer::new().add_trusted_origin(&origin).unwrap_or_else(|error| {
        tracing::warn!(%error, "public_url is no origin of pages: only the host that was asked is trusted");
        CsrfLayer::new()
    })
}

async fn choose_language(extract::State(state): extract::State<State>, entered: Entered) -> Response {
    let back = Redirect::to(OwnPath::read(entered.text("next")).unwrap_or_else(OwnPath::inbox).as_str());
    match Language::of(entered.text("language")) {
        Some(language) => ([(SET_COOKIE, cookie::set_language(&state, language))], back).into_response(),
        None => back.into_response(),
    }
}

async fn choose_theme(page: Page, entered: Entered) -> Response {
    let back = Redirect::to("/settings/profile");
    match Theme::of(entered.text("theme")) {
        Some(theme) => ([(SET_COOKIE, theme.keep(page.is_https))], back).into_response(),
        None => back.into_response(),
    }
}

/// The first letters of a name's first and last word.
pub(crate) fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|char| char.is_alphanumeric()));
    let first = words.next();
    first.into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect()
}
