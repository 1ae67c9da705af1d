//! `/login`, `/logout`

use axum::Extension;
use axum::extract::{self, Query};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{HeaderName, HeaderValue, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use model::{session, user};
use serde::Deserialize;

use super::provider::Way;
use super::{come_in, wait};
use crate::pages::{Entered, Failure, Key, Notice, OwnPath, Page, say, shown};
use crate::serve::Client;
use crate::session::{SignIn, sign_in};
use crate::{State, cookie};

/// Where to go on.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    next: Option<OwnPath>,
}

#[derive(askama::Template)]
#[template(path = "account/sign_in.html")]
struct SignInPage {
    page: Page,
    entered: Entered,
    next: OwnPath,
    provider: Option<Way>,
}

impl SignInPage {
    fn shown(state: &State, status: StatusCode, page: Page, entered: Entered, next: OwnPath) -> Response {
        let provider = Way::to(state.provider.as_ref(), &next);
        shown(status, &Self { page, entered, next, provider })
    }
}

/// The form. While nobody has an account, the first one is made elsewhere.
pub(super) async fn form(
    extract::State(state): extract::State<State>,
    page: Page,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let tx = state.database.people().await?;
    let is_new = !user::are_any(&tx).await?;
    tx.close();
    if is_new {
        return Ok(Redirect::to("/setup").into_response());
    }
    let next = asked.next.unwrap_or_else(OwnPath::inbox);
    Ok(SignInPage::shown(&state, StatusCode::OK, page, Entered::default(), next))
}

/// Looks at what was entered.
pub(super) async fn send(
    extract::State(state): extract::State<State>,
    client: Option<Extension<Client>>,
    page: Page,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let next = OwnPath::read(entered.text("next")).unwrap_or_else(OwnPath::inbox);
    let (client, password) = (client.map(|Extension(client)| client), entered.secret("password"));
    let (status, said) = match sign_in(&state, client.as_ref(), &headers, entered.text("email"), password).await? {
        SignIn::In(entry) => {
            return Ok(come_in(&state, &page, &entry, &next, None));
        }
        SignIn::Wrong => (StatusCode::UNPROCESSABLE_ENTITY, say(page.language, Key("sign-in-mismatch"))),
        SignIn::Wait(long) => (StatusCode::TOO_MANY_REQUESTS, wait(page.language, long)),
        SignIn::Busy => return Err(Failure::Busy),
    };
    entered.fault("form", said);
    Ok(SignInPage::shown(&state, status, page, entered, next))
}

/// Has a browser forget what it kept of pages, and what waits in it.
const FORGET: (HeaderName, HeaderValue) =
    (HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\", \"storage\""));

/// Ends the session, whether or not there is one.
pub(super) async fn end(
    extract::State(state): extract::State<State>,
    page: Page,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if let Some(session) = cookie::session(&headers) {
        let tx = state.database.people().await?;
        session::end_presented(&tx, &session).await?;
        tx.commit().await?;
    }
    let mut answer = ([FORGET, Notice::SignedOut.leave(page.is_https)], Redirect::to("/login")).into_response();
    answer.headers_mut().append(SET_COOKIE, cookie::forget_session(&state));
    Ok(answer)
}
