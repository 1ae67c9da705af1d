//! Whom a number hears no more.

use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use model::act::Act;
use model::user::Language;
use whatsapp::graph::MetaError;

use super::contact::{answer, path};
use super::thread;
use super::view::Wanted;
use crate::State;
use crate::blocking::{self, NotDone};
use crate::pages::{Entered, Failure, Key, Notice, PathId, Said, Visit, say};

/// Has Meta block the contact of a conversation on its number, or block them no more.
pub(super) async fn block(
    extract::State(state): extract::State<State>,
    visit: Visit,
    PathId(id): PathId,
    wanted: Wanted,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let blocks = match entered.text("to") {
        "block" => true,
        "unblock" => false,
        _ => return Err(Failure::NoForm),
    };
    let tx = visit.begin(Act::BlockContact).await?;
    let one = thread::follow(&tx, id).await?;
    tx.close();
    let contact = one.contact.clone().ok_or(Failure::NotThere)?;
    let scope = visit.scope()?;
    if let Err(not_done) = blocking::ask(&state, &scope, one.number_id, &contact, blocks).await? {
        entered.fault("block", why(&not_done, visit.page.language));
        let tx = visit.begin(Act::BlockContact).await?;
        return answer(tx, &visit, (id, &wanted), (StatusCode::CONFLICT, Some(entered))).await;
    }
    let by = (visit.now(), visit.visitor.actor());
    blocking::note(&state, &scope, by, (one.id, contact), blocks).await.ok_or(Failure::InDoubt)?;
    Ok(([Notice::Saved.leave(visit.page.is_https)], Redirect::to(&path(one.id, &wanted))).into_response())
}

fn why(not_done: &NotDone, language: Language) -> Said {
    match not_done {
        NotDone::Disconnected => say(language, Key("block-off")),
        NotDone::Nameless => say(language, Key("send-nameless")),
        NotDone::NotWithinADay => say(language, Key("block-too-late")),
        NotDone::Refused(error) => refused(error, language),
        NotDone::Unknown => say(language, Key("block-unknown")),
    }
}

fn refused(error: &MetaError, language: Language) -> Said {
    let words = error.explanation();
    let why = match language {
        Language::Es => words.es,
        Language::En => words.en,
    };
    say(language, Key("block-refused")).with("reason", why).count("code", error.code)
}
