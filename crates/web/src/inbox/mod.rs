//! `/inbox`: conversations, and what people answer.
//!
//! Every address answers a whole page; where Turbo asks for the frame of the thread, the thread alone. One template draws a
//! message or a row, wherever it is shown: in a page, in the answer to a form, and in what a page asks for when it hears of
//! an event. What a page hears carries ids alone; what of it the reader may see is read anew, so that row-level security
//! decides of live updates as of everything else.

mod again;
mod block;
mod bubble;
mod card;
mod change;
mod compose;
mod contact;
mod draft;
mod fault;
mod file;
mod forward;
mod head;
mod house;
mod keys;
mod list;
mod markup;
mod pane;
mod plan;
mod reaction;
mod send;
mod sent;
mod stream;
mod template;
mod thread;
mod tick;
mod together;
mod view;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use model::act::Act;
use model::database::Tenant;
use uuid::Uuid;

use self::fault::Remedy;
use self::file::{State, Way};
use self::house::House;
use self::list::List;
use self::thread::{Composer, Found, Question, Thread, Writing};
use self::view::Wanted;
use crate::pages::{Failure, Page, PathId, Visit, shown};

pub(crate) fn routes() -> Router<crate::State> {
    Router::new()
        .route("/inbox", get(list_page))
        .route("/inbox/rows", get(stream::rows))
        .route("/inbox/{id}", get(thread_page))
        .route("/inbox/{id}/messages", get(stream::messages).post(send::send))
        .route("/inbox/{id}/messages/{message}/reaction", post(reaction::react))
        .route("/inbox/{id}/messages/{message}/plan", post(plan::change))
        .route("/inbox/{id}/messages/{message}/forward", get(forward::page).post(forward::send))
        .route("/inbox/{id}/templates", get(template::list))
        .route("/inbox/{id}/templates/{template}", get(template::form).post(template::send))
        .route("/inbox/{id}/files", post(compose::file))
        .route("/inbox/{id}/contact", get(contact::show).post(contact::rename))
        .route("/inbox/{id}/block", post(block::block))
        .route("/inbox/{id}/draft", post(draft::keep))
        .route("/inbox/{id}/presence", post(together::attend))
        .route("/inbox/{id}/read", post(change::read))
        .route("/inbox/{id}/unread", post(change::unread))
        .route("/inbox/{id}/state", post(change::state))
        .route("/inbox/{id}/assign", post(change::assign))
}

#[derive(askama::Template)]
#[template(path = "inbox/inbox.html")]
struct InboxPage {
    page: Page,
    query: String,
    /// Whether keys alone do something.
    shortcuts: bool,
    list: List,
    thread: Option<Thread>,
    writing: Writing,
}

#[derive(askama::Template)]
#[template(path = "inbox/frame.html")]
struct FramePage {
    page: Page,
    query: String,
    thread: Thread,
    writing: Writing,
}

impl FromRequestParts<crate::State> for Wanted {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &crate::State) -> Result<Self, Self::Rejection> {
        Ok(Self::read(parts.uri.query()))
    }
}

async fn list_page(visit: Visit, wanted: Wanted) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Read).await?;
    let query = wanted.query();
    let house = House::read(&tx, visit.now()).await?;
    let list = List::read(&tx, &visit, &house, wanted).await?;
    tx.close();
    let shortcuts = visit.user().shortcuts;
    let page = InboxPage { page: visit.page, query, shortcuts, list, thread: None, writing: Writing::default() };
    Ok(shown(StatusCode::OK, &page))
}

async fn thread_page(
    visit: Visit,
    PathId(id): PathId,
    wanted: Wanted,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Read).await?;
    let shown = Showing { visit, id, wanted, is_frame: is_frame(&headers) };
    shown.answer(tx, StatusCode::OK, Writing::default()).await
}

/// Whether Turbo asks for the thread alone.
/// <https://turbo.hotwired.dev/handbook/frames>
fn is_frame(headers: &HeaderMap) -> bool {
    headers.get("turbo-frame").is_some_and(|frame| frame == "thread")
}

/// A conversation's page that is about to be answered.
struct Showing {
    visit: Visit,
    id: Uuid,
    wanted: Wanted,
    is_frame: bool,
}

impl Showing {
    /// Answers it, as it is in this transaction.
    async fn answer(self, tx: Tenant, status: StatusCode, writing: Writing) -> Result<Response, Failure> {
        let Self { visit, id, wanted, is_frame } = self;
        let query = wanted.query();
        let found = match thread::find(&tx, id).await? {
            Found::Here(found) => found,
            Found::At(survivor) => return Ok(Redirect::to(&format!("/inbox/{survivor}?{query}")).into_response()),
        };
        let house = House::read(&tx, visit.now()).await?;
        let thread = Thread::read(&tx, &visit, &house, &found, &wanted).await?;
        if is_frame {
            tx.close();
            return Ok(shown(status, &FramePage { page: visit.page, query, thread, writing }));
        }
        let list = List::read(&tx, &visit, &house, wanted).await?;
        tx.close();
        let shortcuts = visit.user().shortcuts;
        Ok(shown(status, &InboxPage { page: visit.page, query, shortcuts, list, thread: Some(thread), writing }))
    }
}
