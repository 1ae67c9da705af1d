//! `/password/{token}`: choosing a password by a link.

use axum::Extension;
use axum::extract::{self, Path};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use model::{audit, session, user};
use secrecy::{ExposeSecret, SecretString};

use super::{come_in, dead_end, new_password};
use crate::State;
use crate::key::Who;
use crate::pages::{Entered, Failure, Key, Notice, OwnPath, Page, UNTOLD, shown};
use crate::serve::Client;
use crate::session::enter;

/// Where an account's password is set: a link that is shown once, or mailed.
pub(crate) fn password_link(public_url: &str, token: &SecretString) -> String {
    format!("{}/password/{}", public_url.trim_end_matches('/'), token.expose_secret())
}

#[derive(askama::Template)]
#[template(path = "account/password.html")]
struct PasswordPage {
    page: Page,
    token: String,
    email: String,
    entered: Entered,
}

fn void(page: Page) -> Response {
    dead_end(page, StatusCode::GONE, Key("void-password-title"), Key("void-password"))
}

/// The form, while the link holds.
pub(super) async fn form(
    extract::State(state): extract::State<State>,
    page: Page,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let tx = state.database.people().await?;
    let whose = user::by_password_link(&tx, state.clock.now(), &SecretString::from(token.clone())).await?;
    tx.close();
    let Some(user) = whose else { return Ok(void(page)) };
    let page = Page { language: user.language, ..page };
    let shape = PasswordPage { page, token, email: user.email.to_string(), entered: Entered::default() };
    Ok(([UNTOLD], shown(StatusCode::OK, &shape)).into_response())
}

/// Sets the password, ends every session there was, and begins one.
pub(super) async fn send(
    extract::State(state): extract::State<State>,
    client: Option<Extension<Client>>,
    page: Page,
    Path(token): Path<String>,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let (now, link) = (state.clock.now(), SecretString::from(token.clone()));
    let tx = state.database.people().await?;
    let whose = user::by_password_link(&tx, now, &link).await?;
    tx.close();
    let Some(user) = whose else { return Ok(void(page)) };
    let page = Page { language: user.language, ..page };
    let password = new_password(&mut entered, page.language, user.email.as_str());
    if !entered.is_sound() {
        let shape = PasswordPage { page, token, email: user.email.to_string(), entered };
        return Ok(([UNTOLD], shown(StatusCode::UNPROCESSABLE_ENTITY, &shape)).into_response());
    }
    let kept = state.passwords.hash(password).await.map_err(|_| Failure::Busy)?;
    let tx = state.database.people().await?;
    if !user::use_password_link(&tx, now, &link).await? {
        return Ok(void(page));
    }
    user::set_password(&tx, now, user.id, Some(&kept)).await?;
    session::end_all(&tx, user.id, None).await?;
    let client = client.map(|Extension(client)| client);
    let actor = Who::actor_of(&user, client.as_ref());
    audit::any_organization_record_of(&tx, now, &actor, &user, &user.password_changed()).await?;
    let entry = enter(&state, &tx, client.as_ref(), &headers, &user).await?;
    tx.commit().await?;
    Ok(come_in(&state, &page, &entry, &OwnPath::inbox(), Some(Notice::PasswordChanged)))
}
