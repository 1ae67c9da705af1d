//! What is done with a conversation besides answering it.

use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use model::act::Act;
use model::conversation::{self, Change, State, Unfit};
use model::event;
use uuid::Uuid;

use super::head::Head;
use super::house::House;
use super::stream;
use super::thread;
use super::view::Wanted;
use crate::pages::{Entered, Failure, Notice, PathId, Visit};

/// Marks what was seen as read, up to a message.
pub(super) async fn read(
    visit: Visit,
    PathId(id): PathId,
    wanted: Wanted,
    entered: Entered,
) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ChangeConversation).await?;
    let through = entered.text("through").parse().map_err(|_| Failure::NoForm)?;
    conversation::mark_read_through(&tx, visit.now(), id, Some(through)).await?.ok_or(Failure::NotThere)?;
    tx.commit().await?;
    Ok(Redirect::to(&format!("/inbox/{id}?{}", wanted.query())).into_response())
}

/// Marks it as unread, and leads to the list: whoever stayed would have read it again.
pub(super) async fn unread(visit: Visit, PathId(id): PathId, wanted: Wanted) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ChangeConversation).await?;
    let id = thread::follow(&tx, id).await?.id;
    conversation::mark_unread(&tx, visit.now(), id).await?.ok_or(Failure::NotThere)?;
    tx.commit().await?;
    let to = Redirect::to(&format!("/inbox?{}", wanted.query()));
    Ok(([Notice::Saved.leave(visit.page.is_https)], to).into_response())
}

/// Closes it, or takes it up again.
pub(super) async fn state(
    visit: Visit,
    PathId(id): PathId,
    wanted: Wanted,
    entered: Entered,
) -> Result<Response, Failure> {
    let state = match entered.text("state") {
        "active" => State::Active,
        "waiting" => State::Waiting,
        "resolved" => State::Resolved,
        _ => return Err(Failure::NoForm),
    };
    // What is undone is what still stands: a customer who wrote meanwhile is not put aside.
    let was = if entered.has("undo", "1") { Some(State::Resolved) } else { None };
    let changed = change(&visit, id, was, &Change { state: Some(state), ..Change::default() }).await?;
    let notice = if state == State::Resolved { Notice::Resolved } else { Notice::Saved };
    let to = Redirect::to(&format!("/inbox/{id}?{}", wanted.query()));
    if !changed {
        return Ok(to.into_response());
    }
    Ok(([notice.leave(visit.page.is_https)], to).into_response())
}

/// Hands it to somebody, or to a team, or takes it from them. A page with a script has only what stands above the conversation
/// drawn anew: what is read there stays where it is.
pub(super) async fn assign(
    visit: Visit,
    PathId(id): PathId,
    wanted: Wanted,
    headers: HeaderMap,
    entered: Entered,
) -> Result<Response, Failure> {
    let (assignee_id, team_id) = (whose(&visit, entered.text("assignee"))?, whose(&visit, entered.text("team"))?);
    change(&visit, id, None, &Change { assignee_id, team_id, ..Change::default() }).await?;
    let tx = visit.begin(Act::Read).await?;
    let query = wanted.query();
    // Who hands on what they saw because it was theirs sees it no more.
    let Some(found) = conversation::get(&tx, id).await? else {
        tx.close();
        return Ok(Redirect::to(&format!("/inbox?{query}")).into_response());
    };
    if !stream::takes_streams(&headers) {
        tx.close();
        return Ok(Redirect::to(&format!("/inbox/{id}?{query}")).into_response());
    }
    let house = House::read(&tx, visit.now()).await?;
    let head = Head::of(&visit, &house, &found);
    tx.close();
    Ok(stream::headed(visit.page, query, head))
}

/// To whom a form hands something; nothing where it says nothing.
fn whose(visit: &Visit, entered: &str) -> Result<Option<Option<Uuid>>, Failure> {
    match entered {
        "" => Ok(None),
        "none" => Ok(Some(None)),
        "me" => Ok(Some(Some(visit.user().id))),
        id => id.parse().map(|id| Some(Some(id))).map_err(|_| Failure::NoForm),
    }
}

/// Changes a conversation, wherever it went on; with `was`, only while it is still so. False: it is not.
async fn change(visit: &Visit, id: Uuid, was: Option<State>, change: &Change) -> Result<bool, Failure> {
    let tx = visit.begin(Act::ChangeConversation).await?;
    if was.is_some() {
        // Nobody changes it beside us from here on.
        event::line(&tx).await?;
    }
    let found = thread::follow(&tx, id).await?;
    if was.is_some_and(|was| found.state != was) {
        tx.close();
        return Ok(false);
    }
    let id = found.id;
    match conversation::unfit(&tx, change).await? {
        // A page that was open for long offers who left meanwhile.
        Some(Unfit::Assignee | Unfit::Team) => return Err(Failure::NotThere),
        None => conversation::change(&tx, visit.now(), id, change).await?.ok_or(Failure::NotThere)?,
    };
    tx.commit().await?;
    Ok(true)
}
