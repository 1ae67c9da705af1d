//! Embedded Signup: the code becomes a token, and the browser tells which account and which number.

use jiff::SignedDuration;
use model::database::{Operator, Result};
use model::trouble::{Trouble, WhoseMove, Word, Words};
use whatsapp::graph::{Failure, MetaError};

use super::desk::{Came, Desk};
use super::trouble;

/// What the browser hears comes within moments of the code. After this long it goes on with what the token says.
const SESSION_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// Subcodes of Meta's refusal of a code.
const CODE_EXPIRED: i64 = 36_007;
const CODE_USED: i64 = 36_009;

/// Exchanges the code. It is good once, so an answer that did not come is not asked for again.
pub(super) async fn exchange(desk: &mut Desk<'_>) -> Came {
    let Some(app) = desk.app().await else { return trouble::no_app().into() };
    let code = match desk.job.code(&desk.settings.to_meta.keyring) {
        Ok(Some(code)) => code,
        Ok(None) => return no_code().into(),
        Err(unopenable) => return trouble::unopenable(&unopenable.to_string()).into(),
    };
    let granted = match desk.settings.to_meta.graph.exchange_code(&app.id, &app.secret, &code).await {
        Ok(granted) => granted,
        // The code did not leave this machine.
        Err(failure @ Failure::NotSent(_)) => return failure.into(),
        Err(Failure::Refused(error)) => {
            desk.job.forget_code();
            return refused(&app.id, &error).into();
        }
        Err(failure @ Failure::Unknown(_)) => {
            desk.job.forget_code();
            return trouble::of(&failure).advising(sign_up_again()).into();
        }
    };
    desk.job.forget_code();
    desk.job.keep_token(&desk.settings.to_meta.keyring, &granted.token);
    desk.job.learned.token_app_id = Some(app.id);
    desk.job.learned.token_expires_at = granted
        .expires_in
        .and_then(|life| SignedDuration::try_from(life).ok())
        .and_then(|life| desk.now().checked_add(life).ok());
    Came::done("Meta gave a token for the code.", "Meta dio un token por el código.")
}

fn no_code() -> Trouble {
    Trouble::new(Word::NoCode, "There is no code any more.", sign_up_again()).for_whom(WhoseMove::Organization)
}

fn sign_up_again() -> Words {
    Words::new(
        "A code is good once, and for half a minute. Open Meta's window again and send the new code to retry.",
        "Un código vale una vez, y durante medio minuto. Abre otra vez la ventana de Meta y envía el código nuevo para \
         reintentar.",
    )
}

fn refused(app_id: &str, error: &MetaError) -> Trouble {
    match (error.code, error.subcode) {
        (101, _) | (1, _) | (190, _) => trouble::wrong_secret(app_id, error),
        (100, Some(CODE_EXPIRED | CODE_USED)) => trouble::refused(error).advising(sign_up_again()),
        (100, _) => trouble::instead(
            error,
            format!(
                "Meta does not know this code. It must come from a sign-up with App {app_id}; open Meta's window again and \
                 send the new code to retry."
            ),
            format!(
                "Meta no conoce este código. Debe venir de un registro con la App {app_id}; abre otra vez la ventana de \
                 Meta y envía el código nuevo para reintentar."
            ),
            WhoseMove::Organization,
        ),
        _ => trouble::refused(error),
    }
}

/// Waits a moment for what the browser heard.
pub(super) async fn session(desk: &mut Desk<'_>, tx: &Operator) -> Result<Came> {
    let until = desk.job.connection.created_at + SESSION_WITHIN;
    let still_waiting = desk.now() < until;
    desk.job.any_organization_hear_session(tx, still_waiting).await?;
    Ok(match (&desk.job.session_event, desk.job.awaits_session) {
        (Some(event), _) => {
            let event = event.clone();
            Came::done(format!("The browser heard {event}."), format!("El navegador recibió {event}."))
        }
        (None, true) => Came::Waits(until),
        (None, false) => Came::skipped(
            "Nothing came from the browser, so the token's account is taken, if it has one alone.",
            "No llegó nada del navegador, así que se toma la cuenta del token, si tiene una sola.",
        ),
    })
}
