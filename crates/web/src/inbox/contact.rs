//! Whom a conversation is with: their names, what else is written with them, files, and whether they are blocked.

use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use model::DatabaseError;
use model::act::Act;
use model::contact::{self, Change, Contact};
use model::conversation::{self, Conversation, Filter};
use model::database::Tenant;
use model::message;
use model::number::{self, Number};
use uuid::Uuid;

use super::file::{Shown, State, Way};
use super::list::who;
use super::thread;
use super::view::{View, Wanted};
use crate::pages::{Entered, Failure, Key, Moment, Notice, Page, PathId, Visit, shown};

/// So many conversations, and files, are shown.
const OTHERS: i64 = 20;
const FILES: i64 = 12;

/// The longest name that people give.
const LONGEST_NAME: usize = 200;

/// Another conversation with the same contact.
#[derive(Clone, Debug)]
struct Other {
    id: Uuid,
    number: String,
    state: Key,
    at: Moment,
}

#[derive(askama::Template)]
#[template(path = "inbox/contact.html")]
pub(super) struct ContactPage {
    page: Page,
    query: String,
    id: Uuid,
    who: String,
    number: String,
    contact: Option<Contact>,
    others: Vec<Other>,
    files: Vec<Shown>,
    blocked: Option<Moment>,
    may_name: bool,
    may_block: bool,
    entered: Entered,
}

impl ContactPage {
    async fn read(
        tx: &Tenant,
        visit: &Visit,
        one: &Conversation,
        wanted: &Wanted,
        entered: Option<Entered>,
    ) -> Result<Self, DatabaseError> {
        let (language, times) = (visit.page.language, visit.times());
        let contact = match &one.contact {
            Some(known) => contact::get(tx, known.id).await?,
            None => None,
        };
        let own_name = contact.as_ref().and_then(|contact| contact.own_name.clone()).unwrap_or_default();
        let numbers = number::list(tx, visit.now()).await?;
        let numbers: Vec<(Uuid, String)> = numbers.iter().map(|number| (number.id, named(number))).collect();
        let files = message::with_files(tx, one.id, FILES).await?;
        let shown = |message: &message::Message| Some(Shown::of(message.media.as_ref()?, &message.r#type, language));
        let name_of = |id: Uuid| numbers.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone());
        let other = |other: &Conversation| Other {
            id: other.id,
            number: name_of(other.number_id).unwrap_or_default(),
            state: state_key(other.state),
            at: times.moment(other.last_message.as_ref().map_or(other.created_at, |last| last.timestamp)),
        };
        Ok(Self {
            page: visit.page.clone(),
            query: wanted.query(),
            id: one.id,
            who: who(one, language),
            number: name_of(one.number_id).unwrap_or_default(),
            others: others(tx, one).await?.iter().map(other).collect(),
            files: files.iter().filter_map(shown).collect(),
            blocked: one.blocked_at.map(|at| times.moment(at)),
            may_name: contact.is_some() && visit.may(Act::ChangeContact),
            may_block: contact.is_some() && visit.may(Act::BlockContact),
            entered: entered.unwrap_or_else(|| Entered::of([("own_name", own_name.as_str())])),
            contact,
        })
    }

    /// What somebody may copy of whom they are known as.
    fn identities(&self) -> Vec<(Key, String)> {
        let Some(contact) = &self.contact else { return Vec::new() };
        let phone = contact.wa_id.as_ref().map(|digits| (Key("contact-phone"), format!("+{digits}")));
        let username = contact.username.as_ref().map(|name| (Key("contact-username"), format!("@{name}")));
        let user_id = contact.user_id.as_ref().map(|id| (Key("contact-user-id"), id.clone()));
        let profile = contact.profile_name.as_ref().map(|name| (Key("contact-profile-name"), name.clone()));
        phone.into_iter().chain(username).chain(user_id).chain(profile).collect()
    }
}

fn named(number: &Number) -> String {
    let (name, phone) = (number.name(), number.phone());
    if name == phone { phone } else { format!("{name} · {phone}") }
}

/// What a conversation is in, as the views are called.
fn state_key(state: conversation::State) -> Key {
    match state {
        conversation::State::Active => View::Active.key(),
        conversation::State::Waiting => View::Waiting.key(),
        conversation::State::Resolved => View::Resolved.key(),
    }
}

/// What else is written with the same contact, as far as the reader sees it.
async fn others(tx: &Tenant, one: &Conversation) -> Result<Vec<Conversation>, DatabaseError> {
    let Some(contact) = &one.contact else { return Ok(Vec::new()) };
    let filter = Filter { contact_id: Some(contact.id), ..Filter::default() };
    let mut found = conversation::list(tx, &filter, None, OTHERS).await?.data;
    found.retain(|other| other.id != one.id);
    Ok(found)
}

/// Shows it, with what was entered and is not taken.
pub(super) async fn answer(
    tx: Tenant,
    visit: &Visit,
    (id, wanted): (Uuid, &Wanted),
    (status, entered): (StatusCode, Option<Entered>),
) -> Result<Response, Failure> {
    let one = thread::follow(&tx, id).await?;
    let panel = ContactPage::read(&tx, visit, &one, wanted, entered).await?;
    tx.close();
    Ok(shown(status, &panel))
}

/// Where it is.
pub(super) fn path(id: Uuid, wanted: &Wanted) -> String {
    format!("/inbox/{id}/contact?{}", wanted.query())
}

/// Whom a conversation is with.
pub(super) async fn show(visit: Visit, PathId(id): PathId, wanted: Wanted) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Read).await?;
    answer(tx, &visit, (id, &wanted), (StatusCode::OK, None)).await
}

/// Gives them a name of the organization's own, or takes it away.
pub(super) async fn rename(
    visit: Visit,
    PathId(id): PathId,
    wanted: Wanted,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ChangeContact).await?;
    let contact_id = thread::follow(&tx, id).await?.contact.ok_or(Failure::NotThere)?.id;
    let name = match entered.text("own_name") {
        "" => None,
        _ => Some(entered.needed(visit.page.language, "own_name", LONGEST_NAME)),
    };
    if !entered.is_sound() {
        return answer(tx, &visit, (id, &wanted), (StatusCode::UNPROCESSABLE_ENTITY, Some(entered))).await;
    }
    let change = Change { own_name: Some(name), ..Change::default() };
    contact::change(&tx, visit.now(), contact_id, &change).await?.ok_or(Failure::NotThere)?;
    tx.commit().await?;
    Ok(([Notice::Saved.leave(visit.page.is_https)], Redirect::to(&path(id, &wanted))).into_response())
}
