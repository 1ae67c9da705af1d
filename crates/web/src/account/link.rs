//! `/demo/{token}`: the link that the demo prints, which signs its visitor in.

use axum::Extension;
use axum::extract::{self, Path};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use model::user;
use secrecy::SecretString;

use super::{come_in, dead_end};
use crate::State;
use crate::pages::{Failure, Key, OwnPath, Page};
use crate::serve::Client;
use crate::session::enter;

/// Signs the visitor in, once.
pub(super) async fn visit(
    extract::State(state): extract::State<State>,
    client: Option<Extension<Client>>,
    page: Page,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    // A browser that fetches ahead is nobody who came. https://fetch.spec.whatwg.org/#sec-purpose-header
    if headers.contains_key("sec-purpose") {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    let tx = state.database.people().await?;
    let email = state.sign_in_link.as_ref().and_then(|link| link.take(&SecretString::from(token)));
    let user = match email {
        Some(email) => user::by_email(&tx, email).await?.map(|(user, _)| user),
        None => None,
    };
    let Some(user) = user else {
        return Ok(dead_end(page, StatusCode::GONE, Key("void-password-title"), Key("void-visit")));
    };
    let client = client.map(|Extension(client)| client);
    let entry = enter(&state, &tx, client.as_ref(), &headers, &user).await?;
    tx.commit().await?;
    Ok(come_in(&state, &page, &entry, &OwnPath::inbox(), None))
}
