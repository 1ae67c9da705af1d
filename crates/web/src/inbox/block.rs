//! Whom a number hears no more: Meta is asked, and what it did is written down.

use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use model::act::Act;
use model::audit::{self, Deed};
use model::contact::ContactSummary;
use model::conversation;
use model::link::{self, By};
use model::user::Language;
use uuid::Uuid;
use whatsapp::graph::{Blocks, Credential, Failure as NotDone, MetaError, User};
use whatsapp::verdict::Explanation;

use super::contact::{answer, path};
use super::thread;
use super::view::Wanted;
use crate::State;
use crate::behind;
use crate::pages::{Entered, Failure, Key, Notice, PathId, Said, Visit, say};

/// Meta's code where somebody did not write within a day: only who did can be blocked.
const NOT_WITHIN_A_DAY: i64 = 131_047;

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
    if let Err(said) = ask(&state, &visit, one.number_id, &contact, blocks).await? {
        entered.fault("block", said);
        let tx = visit.begin(Act::BlockContact).await?;
        return answer(tx, &visit, (id, &wanted), (StatusCode::CONFLICT, Some(entered))).await;
    }
    note(&state, &visit, (one.id, contact), blocks).await?;
    Ok(([Notice::Saved.leave(visit.page.is_https)], Redirect::to(&path(one.id, &wanted))).into_response())
}

/// Asks Meta; why it did not, in words.
async fn ask(
    state: &State,
    visit: &Visit,
    number_id: Uuid,
    contact: &ContactSummary,
    blocks: bool,
) -> Result<Result<(), Said>, Failure> {
    let language = visit.page.language;
    let scope = visit.visitor.at_work.ok_or(Failure::Nowhere)?.scope;
    let tx = state.database.operator_for(&scope).await?;
    let link = link::find(&tx, &scope, By::Id(number_id)).await?;
    tx.close();
    let opened = link.and_then(|link| Some((link.open(&state.keyring, &state.apps).ok()?, link)));
    let Some((secrets, link)) = opened else { return Ok(Err(say(language, Key("block-off")))) };
    let user = match (&contact.wa_id, &contact.user_id) {
        (Some(digits), _) => User::Phone(digits),
        (None, Some(user_id)) => User::UserId(user_id),
        (None, None) => return Ok(Err(say(language, Key("send-nameless")))),
    };
    let credential = Credential::from(secrets);
    let asked = match blocks {
        true => state.graph.block_users(&credential, &link.phone_number_id, &[user]).await,
        false => state.graph.unblock_users(&credential, &link.phone_number_id, &[user]).await,
    };
    Ok(came_of(asked, language))
}

/// What came of it. To ask Meta once more does no harm, so nothing is to be looked for first.
fn came_of(asked: Result<Blocks, NotDone>, language: Language) -> Result<(), Said> {
    match asked {
        Ok(blocks) => match blocks.failed.first() {
            None => Ok(()),
            Some(failed) => Err(failed
                .errors
                .first()
                .map_or_else(|| say(language, Key("block-unknown")), |error| refused(error, language))),
        },
        Err(NotDone::Refused(error)) => Err(refused(&error, language)),
        Err(NotDone::NotSent(_) | NotDone::Unknown(_)) => Err(say(language, Key("block-unknown"))),
    }
}

fn refused(error: &MetaError, language: Language) -> Said {
    if error.code == NOT_WITHIN_A_DAY {
        return say(language, Key("block-too-late"));
    }
    let Explanation { en, es, .. } = error.explanation();
    let why = match language {
        Language::Es => es,
        Language::En => en,
    };
    say(language, Key("block-refused")).with("reason", why).count("code", error.code)
}

/// Writes down what Meta did, whether or not whoever asked still waits.
async fn note(
    state: &State,
    visit: &Visit,
    (id, contact): (Uuid, ContactSummary),
    blocks: bool,
) -> Result<(), Failure> {
    let name = contact.name.or(contact.wa_id).unwrap_or_default();
    let deed = match blocks {
        true => Deed::new(Act::BlockContact, "block", contact.id, name),
        false => Deed::new(Act::BlockContact, "unblock", contact.id, name),
    };
    let scope = visit.visitor.at_work.ok_or(Failure::Nowhere)?.scope;
    let (database, now, actor) = (state.database.clone(), visit.now(), visit.visitor.actor());
    let written = behind::write_down("whom Meta blocks", move || {
        let (database, actor, deed) = (database.clone(), actor.clone(), deed.clone());
        async move {
            let tx = database.tenant(&scope).await?;
            conversation::set_blocked(&tx, now, id, blocks.then_some(now)).await?;
            audit::record(&tx, now, &actor, &deed).await?;
            tx.commit().await
        }
    });
    written.await.ok_or(Failure::InDoubt)
}
