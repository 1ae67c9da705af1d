//! `/settings/passkeys`: making, naming and removing them.

use axum::Json;
use axum::extract::{self, Path};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use model::passkey::{self, Passkey};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;
use webauthn_rs::prelude::RegisterPublicKeyCredential;

use super::prove::{Prove, Themselves, asks_password, prove, themselves};
use crate::State;
use crate::account::LONGEST_NAME;
use crate::pages::{Entered, Failure, Key, Notice, Page, Visit, say, shown};
use crate::passkey::{Answer, ask_to_register, register, relying_party, secret};

const HERE: &str = "/settings/second-factor";

#[derive(askama::Template)]
#[template(path = "settings/passkey_new.html")]
struct NewPage {
    page: Page,
    entered: Entered,
    asks_password: bool,
}

/// The form; a script sends it.
pub(super) async fn form(extract::State(state): extract::State<State>, visit: Visit) -> Result<Response, Failure> {
    let asks_password = asks_password(&state, &visit).await?;
    Ok(shown(StatusCode::OK, &NewPage { page: visit.page, entered: Entered::default(), asks_password }))
}

/// What proves that the person themselves asks.
#[derive(Deserialize)]
pub(super) struct Wish {
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

/// Asks the browser to make one.
pub(super) async fn ask(
    extract::State(state): extract::State<State>,
    visit: Visit,
    headers: HeaderMap,
    Json(wish): Json<Wish>,
) -> Result<Response, Failure> {
    let party = relying_party(&state).ok_or(Failure::NotThere)?;
    let asks_password = asks_password(&state, &visit).await?;
    if !matches!(themselves(&state, &visit, &headers, wish.password, asks_password).await?, Themselves::Yes) {
        return Ok(StatusCode::UNPROCESSABLE_ENTITY.into_response());
    }
    let tx = state.database.people().await?;
    let asked = ask_to_register(&party, &tx, visit.now(), visit.user()).await?.ok_or(Failure::Internal)?;
    tx.commit().await?;
    Ok(Json(asked).into_response())
}

/// What the browser made, and how it is called.
#[derive(Deserialize)]
pub(super) struct Made {
    #[serde(flatten)]
    answer: Answer<RegisterPublicKeyCredential>,
    name: String,
}

/// Keeps it.
pub(super) async fn keep(
    extract::State(state): extract::State<State>,
    visit: Visit,
    Json(made): Json<Made>,
) -> Result<Response, Failure> {
    let party = relying_party(&state).ok_or(Failure::NotThere)?;
    let name: String = made.name.trim().chars().filter(|char| !char.is_control()).take(LONGEST_NAME).collect();
    let name = if name.is_empty() { "passkey" } else { &name };
    let tx = visit.begin_own(&state).await?;
    let kept = register(&party, &tx, visit.now(), visit.user(), &made.answer, name).await?;
    // What was asked is used up either way.
    let deed = kept.then(|| visit.user().passkey_added(name));
    tx.commit(deed.as_slice()).await?;
    if !kept {
        return Ok(StatusCode::UNPROCESSABLE_ENTITY.into_response());
    }
    let notice = Notice::PasskeyAdded.leave(visit.page.is_https);
    Ok(([notice], Json(json!({ "to": HERE }))).into_response())
}

#[derive(askama::Template)]
#[template(path = "settings/passkey.html")]
struct OnePage {
    page: Page,
    id: Uuid,
    name: String,
    entered: Entered,
}

/// One of theirs.
async fn one(state: &State, visit: &Visit, id: Uuid) -> Result<Passkey, Failure> {
    let tx = state.database.people().await?;
    let all = passkey::list(&tx, visit.user().id).await?;
    tx.close();
    all.into_iter().find(|passkey| passkey.id == id).ok_or(Failure::NotThere)
}

pub(super) async fn show(
    extract::State(state): extract::State<State>,
    visit: Visit,
    Path(id): Path<Uuid>,
) -> Result<Response, Failure> {
    let name = one(&state, &visit, id).await?.name;
    let entered = Entered::of([("name", name.as_str())]);
    Ok(shown(StatusCode::OK, &OnePage { page: visit.page, id, name, entered }))
}

/// Calls it by another name.
pub(super) async fn rename(
    extract::State(state): extract::State<State>,
    visit: Visit,
    Path(id): Path<Uuid>,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let name = entered.needed(visit.page.language, "name", LONGEST_NAME);
    if !entered.is_sound() {
        let name = one(&state, &visit, id).await?.name;
        return Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &OnePage { page: visit.page, id, name, entered }));
    }
    let before = one(&state, &visit, id).await?.name;
    let tx = visit.begin_own(&state).await?;
    if !passkey::rename(&tx, visit.user().id, id, &name).await? {
        return Err(Failure::NotThere);
    }
    tx.commit(&[visit.user().passkey_renamed(&before, &name)]).await?;
    Ok(([Notice::Saved.leave(visit.page.is_https)], Redirect::to(HERE)).into_response())
}

fn removal(page: Page, name: &str, asks_password: bool, entered: Entered) -> Prove {
    let title = say(page.language, Key("passkey-remove-title")).with("name", name);
    let (means, does) = (say(page.language, Key("passkey-remove-means")), say(page.language, Key("remove")));
    Prove { page, title, means, does, back: HERE, asks_password, asks_code: false, entered }
}

pub(super) async fn ask_remove(
    extract::State(state): extract::State<State>,
    visit: Visit,
    Path(id): Path<Uuid>,
) -> Result<Response, Failure> {
    let name = one(&state, &visit, id).await?.name;
    let asks_password = asks_password(&state, &visit).await?;
    Ok(shown(StatusCode::OK, &removal(visit.page, &name, asks_password, Entered::default())))
}

/// Forgets it.
pub(super) async fn remove(
    extract::State(state): extract::State<State>,
    visit: Visit,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let name = one(&state, &visit, id).await?.name;
    let asks_password = prove(&state, &visit, &headers, &mut entered).await?;
    if !entered.is_sound() {
        return Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &removal(visit.page, &name, asks_password, entered)));
    }
    let tx = visit.begin_own(&state).await?;
    passkey::remove(&tx, visit.now(), visit.user().id, id).await?.ok_or(Failure::NotThere)?;
    tx.commit(&[visit.user().passkey_removed(&name)]).await?;
    Ok(([Notice::PasskeyRemoved.leave(visit.page.is_https)], Redirect::to(HERE)).into_response())
}
