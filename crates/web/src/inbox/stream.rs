//! What a page that is open asks for when it hears of an event: messages and rows, drawn by the templates of the page.
//! <https://turbo.hotwired.dev/handbook/streams>

use axum::extract::RawQuery;
use axum::response::Response;
use http::HeaderMap;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use model::act::Act;
use model::message;
use model::{conversation, membership};
use uuid::Uuid;

use super::bubble::Bubble;
use super::fault::Remedy;
use super::file::{State, Way};
use super::head::Head;
use super::house::House;
use super::list::{self, Row, Tab};
use super::thread::{self, Composer, Question, Thread, Writing};
use super::view::Wanted;
use crate::pages::{Failure, Page, PathId, Said, Visit, accepts, shown};

/// Turbo's own type.
const TURBO_STREAM: HeaderValue = HeaderValue::from_static("text/vnd.turbo-stream.html; charset=utf-8");

/// So many are asked for at once.
const MOST: usize = 100;

/// Whether Turbo, or a page of ours, takes streams.
pub(super) fn takes_streams(headers: &HeaderMap) -> bool {
    accepts(headers, "text/vnd.turbo-stream.html")
}

/// Messages that are put where they belong, and what stands in the composer's place from now on.
#[derive(askama::Template)]
#[template(path = "inbox/stream_messages.html")]
pub(super) struct Messages {
    pub(super) page: Page,
    pub(super) query: String,
    pub(super) target: String,
    pub(super) bubbles: Vec<Bubble>,
    pub(super) head: Option<Head>,
    pub(super) thread: Option<Thread>,
    pub(super) writing: Writing,
}

#[derive(askama::Template)]
#[template(path = "inbox/stream_rows.html")]
struct Rows {
    page: Page,
    wanted: Wanted,
    rows: Vec<Row>,
    /// The elements of those that are to go.
    left: Vec<String>,
    tabs: Vec<Tab>,
    thread: Option<Thread>,
}

#[derive(askama::Template)]
#[template(path = "inbox/stream_alert.html")]
struct Alert {
    said: Said,
}

/// Tells a page that is open what went wrong, beside what it shows.
pub(super) fn alert(status: StatusCode, said: Said) -> Response {
    streamed(status, &Alert { said })
}

/// A stream as an answer.
pub(super) fn streamed(status: StatusCode, template: &impl askama::Template) -> Response {
    let mut answer = shown(status, template);
    answer.headers_mut().insert(CONTENT_TYPE, TURBO_STREAM);
    answer
}

/// What stands above a conversation, as it is now.
pub(super) fn headed(page: Page, query: String, head: Head) -> Response {
    let target = thread::messages_element(head.id);
    let (bubbles, writing) = (Vec::new(), Writing::default());
    streamed(StatusCode::OK, &Messages { page, query, target, bubbles, head: Some(head), thread: None, writing })
}

/// The ids that a query names.
fn ids(query: Option<&str>) -> Vec<Uuid> {
    let named = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).find(|(name, _)| name == "ids");
    let listed = named.map(|(_, list)| list.into_owned()).unwrap_or_default();
    listed.split(',').filter_map(|id| id.parse().ok()).take(MOST).collect()
}

/// What can be written as far as a page knows; none: it does not ask what stands above its conversation.
fn known_to_compose(query: Option<&str>) -> Option<String> {
    let mut named = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    named.find(|(name, _)| name == "composes").map(|(_, kind)| kind.into_owned())
}

/// These messages of a conversation, as they are now; and what stands above it, with another composer where another thing can
/// be written by now.
pub(super) async fn messages(
    visit: Visit,
    PathId(id): PathId,
    wanted: Wanted,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Read).await?;
    let found = thread::follow(&tx, id).await?;
    let mut messages = message::these(&tx, found.id, ids(query.as_deref())).await?;
    // A reaction that went, or was refused, shows on the message that it is to.
    let reacted = messages.iter().filter(|message| message.r#type == "reaction");
    let targets =
        message::quoted(&tx, found.id, reacted.filter_map(|message| message.reply_to_wamid.clone()).collect()).await?;
    let unasked = targets.into_iter().filter(|target| messages.iter().all(|message| message.id != target.id));
    let unasked: Vec<_> = unasked.collect();
    messages.extend(unasked);
    let (mut head, mut anew) = (None, None);
    let bubbles = match known_to_compose(query.as_deref()) {
        Some(composes) => {
            let house = House::read(&tx, visit.now()).await?;
            let now = Head::of(&visit, &house, &found);
            if now.composes != composes {
                anew = Some(Thread::read(&tx, &visit, &house, &found, &Wanted::default()).await?);
            }
            head = Some(now);
            thread::bubbles(&tx, &visit, &found, &messages, &house.names()).await?
        }
        None => {
            let people = membership::names(&tx).await?.into_iter().collect();
            thread::bubbles(&tx, &visit, &found, &messages, &people).await?
        }
    };
    tx.close();
    let target = thread::messages_element(id);
    let (query, writing) = (wanted.query(), Writing::default());
    let answer = Messages { page: visit.page, query, target, bubbles, head, thread: anew, writing };
    Ok(streamed(StatusCode::OK, &answer))
}

/// These conversations, as the list shows them now, and how much waits in each view.
pub(super) async fn rows(visit: Visit, wanted: Wanted, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Read).await?;
    let asked = ids(query.as_deref());
    let rows = list::rows(&tx, &visit, &wanted, asked.clone()).await?;
    // What the view shows no more, and what is not to be seen any more, leaves the list.
    let left = asked.into_iter().filter(|id| !rows.iter().any(|row| row.id == *id)).map(list::element).collect();
    let tabs = list::tabs(conversation::counts(&tx, visit.user().id).await?);
    tx.close();
    Ok(streamed(StatusCode::OK, &Rows { page: visit.page, wanted, rows, left, tabs, thread: None }))
}
