//! `/password/forgot`: a link to set another password, by mail where mail is sent.

use axum::Extension;
use axum::extract;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::mail::{self, Kind};
use model::sign_in::{self, Attempt};

use super::{email, wait};
use crate::State;
use crate::pages::{Entered, Failure, Page, UNTOLD, shown};
use crate::serve::Client;
use crate::session::address_of;

#[derive(askama::Template)]
#[template(path = "account/forgotten.html")]
struct Forgotten {
    page: Page,
    mails: bool,
    /// It was asked for.
    is_sent: bool,
    entered: Entered,
}

/// Asks for the address; where no mail is sent, says whom to ask for a link.
pub(super) async fn form(extract::State(state): extract::State<State>, page: Page) -> Response {
    let shape = Forgotten { page, mails: state.mails, is_sent: false, entered: Entered::default() };
    ([UNTOLD], shown(StatusCode::OK, &shape)).into_response()
}

/// Has a link mailed, if that address has an account. Nobody looks here whether it has: the worker does, so that neither the
/// answer nor its time tells.
pub(super) async fn send(
    extract::State(state): extract::State<State>,
    client: Option<Extension<Client>>,
    page: Page,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let (mails, language) = (state.mails, page.language);
    let typed = email(&mut entered, language).filter(|_| mails);
    let Some(recipient) = typed else {
        let shape = Forgotten { page, mails, is_sent: false, entered };
        return Ok(([UNTOLD], shown(StatusCode::UNPROCESSABLE_ENTITY, &shape)).into_response());
    };
    let (now, address) = (state.clock.now(), address_of(client.as_deref()));
    let tx = state.database.people().await?;
    let asked = Attempt::Link { account: recipient.as_str(), address: &address };
    if let Err(long) = sign_in::attempt(&tx, now, &asked).await? {
        tx.close();
        entered.fault("form", wait(language, long));
        let shape = Forgotten { page, mails, is_sent: false, entered };
        return Ok(([UNTOLD], shown(StatusCode::TOO_MANY_REQUESTS, &shape)).into_response());
    }
    mail::write_to(&tx, now, Kind::Forgotten, &recipient, language).await?;
    tx.commit().await?;
    state.mail_wake.queued();
    Ok(([UNTOLD], shown(StatusCode::OK, &Forgotten { page, mails, is_sent: true, entered })).into_response())
}
