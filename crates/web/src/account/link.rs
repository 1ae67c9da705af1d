//! `/demo/{token}`: the link that the demo prints, which signs its visitor in.

use axum::Extension;
use axum::extract::{self, Path};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};
use model::user::{self, Email};
use secrecy::SecretString;

use super::{come_in, dead_end};
use crate::State;
use crate::pages::{Failure, Key, OwnPath, Page};
use crate::serve::Client;
use crate::session::{Entry, enter};

/// Signs the visitor in, once.
pub(super) async fn visit(
    extract::State(state): extract::State<State>,
    client: Option<Extension<Client>>,
    method: Method,
    page: Page,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    // Whoever fetches ahead, or asks for the head alone, is nobody who came. https://fetch.spec.whatwg.org/#sec-purpose-header
    if method != Method::GET || headers.contains_key("sec-purpose") {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    let link = state.sign_in_link.as_ref();
    let Some((link, email)) = link.and_then(|link| Some((link, link.take(&SecretString::from(token))?))) else {
        return Ok(dead_end(page, StatusCode::GONE, Key("void-password-title"), Key("void-visit")));
    };
    let client = client.map(|Extension(client)| client);
    let entered = sign_in(&state, email, client.as_ref(), &headers).await;
    if entered.is_err() {
        link.give_back();
    }
    Ok(come_in(&state, &page, &entered?, &OwnPath::inbox(), None))
}

async fn sign_in(state: &State, email: &Email, client: Option<&Client>, headers: &HeaderMap) -> Result<Entry, Failure> {
    let tx = state.database.people().await?;
    let (user, _) = user::by_email(&tx, email).await?.ok_or(Failure::Internal)?;
    let entry = enter(state, &tx, client, headers, &user).await?;
    tx.commit().await?;
    Ok(entry)
}
