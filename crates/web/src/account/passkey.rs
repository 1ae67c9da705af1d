//! `/login/passkey`: coming in by a passkey, alone or after a password.

use axum::extract;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;
use webauthn_rs::prelude::PublicKeyCredential;

use crate::State;
use crate::pages::{Failure, OwnPath};
use crate::passkey::{self, Answer, relying_party};
use crate::second_factor::half_way;
use crate::serve::Client;

/// Asks the browser to show one.
pub(super) async fn ask(extract::State(state): extract::State<State>) -> Result<Response, Failure> {
    let party = relying_party(&state).ok_or(Failure::NotThere)?;
    let tx = state.database.people().await?;
    let asked = passkey::ask_to_sign_in(&party, &tx, state.clock.now()).await?.ok_or(Failure::Internal)?;
    tx.commit().await?;
    Ok(Json(asked).into_response())
}

/// What the browser answers, and where to go on.
#[derive(Deserialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    answer: Answer<PublicKeyCredential>,
    next: Option<OwnPath>,
}

/// Signs in whoever's it is.
pub(super) async fn send(
    extract::State(state): extract::State<State>,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
    Json(shown): Json<Shown>,
) -> Result<Response, Failure> {
    let party = relying_party(&state).ok_or(Failure::NotThere)?;
    let client = client.map(|Extension(client)| client);
    let due = half_way(&state, client.as_ref(), &headers).await?;
    let entry = passkey::sign_in(&state, &party, client.as_ref(), &headers, due.as_ref(), &shown.answer).await?;
    let Some(entry) = entry else { return Ok(StatusCode::UNPROCESSABLE_ENTITY.into_response()) };
    let next = shown.next.unwrap_or_else(OwnPath::inbox);
    Ok(entry.set(&state, Json(json!({ "to": next.as_str() }))))
}
