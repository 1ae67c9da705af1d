//! `/login/second`: the code that is due after the password.

use axum::Extension;
use axum::extract::{self, Query};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{come_in, wait};
use crate::State;
use crate::pages::{Entered, Failure, Key, OwnPath, Page, say, shown};
use crate::second_factor::{Second, half_way, second};
use crate::serve::Client;
use crate::session::LOGIN;

/// Where to go on.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    next: Option<OwnPath>,
}

#[derive(askama::Template)]
#[template(path = "account/second.html")]
struct SecondPage {
    page: Page,
    entered: Entered,
    next: OwnPath,
}

/// The form, for whoever is half-way in.
pub(super) async fn form(
    extract::State(state): extract::State<State>,
    client: Option<Extension<Client>>,
    page: Page,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let client = client.map(|Extension(client)| client);
    let Some(user) = half_way(&state, client.as_ref(), &headers).await? else {
        return Ok(Redirect::to(LOGIN).into_response());
    };
    let page = Page { language: user.language, ..page };
    let next = asked.next.unwrap_or_else(OwnPath::inbox);
    Ok(shown(StatusCode::OK, &SecondPage { page, entered: Entered::default(), next }))
}

/// Looks at the code.
pub(super) async fn send(
    extract::State(state): extract::State<State>,
    client: Option<Extension<Client>>,
    page: Page,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let next = OwnPath::read(entered.text("next")).unwrap_or_else(OwnPath::inbox);
    let client = client.map(|Extension(client)| client);
    let (status, said) = match second(&state, client.as_ref(), &headers, entered.secret("code")).await? {
        Second::In(entry) => return Ok(come_in(&state, &page, &entry, &next, None)),
        Second::NotDue => return Ok(Redirect::to(LOGIN).into_response()),
        Second::Wrong => (StatusCode::UNPROCESSABLE_ENTITY, say(page.language, Key("second-factor-wrong"))),
        Second::Wait(long) => (StatusCode::TOO_MANY_REQUESTS, wait(page.language, long)),
    };
    entered.fault("code", said);
    Ok(shown(status, &SecondPage { page, entered, next }))
}
