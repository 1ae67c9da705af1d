//! Messages that leave later: when, and another time, at once, or not at all.

use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use model::act::Act;
use model::database::Tenant;
use model::draft::{self, Kept};
use model::message::Message;
use model::number::AuthorLine;
use model::outbox::{self, Cancelled, Replanned};
use model::user::Language;
use uuid::Uuid;

use super::Showing;
use super::is_frame;
use super::send::{answer, called};
use super::stream::takes_streams;
use super::thread;
use super::view::Wanted;
use crate::State;
use crate::pages::{Entered, Failure, Key, PathId, Said, Times, Visit, say};
use crate::sending::FAR;

/// When a message leaves that is planned for later.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) said: Said,
    /// As a field of a form has it, in the zone of whoever reads.
    pub(super) local: String,
    /// Whether its words can be written anew.
    pub(super) is_text: bool,
}

impl Planned {
    pub(super) fn of(message: &Message, times: &Times, language: Language) -> Option<Self> {
        // One whose time has come waits as any other does.
        let at = message.send_at.filter(|at| times.until(*at).is_positive())?;
        let said = say(language, Key("planned-for")).with("when", times.ahead(at));
        Some(Self { said, local: times.local(at), is_text: message.r#type == "text" })
    }
}

/// When a form wants its message to leave; `None`: now. A time that was chosen and not confirmed is asked about: whoever presses
/// Enter does not send at once what was meant for tomorrow.
pub(super) fn wished(entered: &Entered, visit: &Visit) -> Result<Option<Timestamp>, Said> {
    match (entered.has("later", "1"), entered.text("at")) {
        (true, _) => time(entered, visit).map(Some),
        (false, "") => Ok(None),
        (false, _) => Err(say(visit.page.language, Key("plan-which"))),
    }
}

/// The time that was entered, in the zone of whoever did.
fn time(entered: &Entered, visit: &Visit) -> Result<Timestamp, Said> {
    let at = visit.times().read_local(entered.text("at"));
    at.ok_or_else(|| say(visit.page.language, Key("plan-unread")))
}

/// Why no message can be planned for this time.
pub(super) fn unfit(at: Timestamp, now: Timestamp) -> Option<Key> {
    match at.duration_since(now) {
        ahead if ahead > FAR => Some(Key("plan-far")),
        // Whoever plans for this very minute means now.
        ahead if ahead < SignedDuration::from_mins(-1) => Some(Key("plan-past")),
        _ => None,
    }
}

/// What is wanted of a planned message.
enum Change {
    At(Timestamp),
    /// Its words come back to whoever takes it back.
    Edit,
    Cancel,
}

/// Gives a message that was planned another time, or takes it back.
pub(super) async fn change(
    extract::State(state): extract::State<State>,
    visit: Visit,
    PathId((id, message_id)): PathId<(Uuid, Uuid)>,
    wanted: Wanted,
    headers: HeaderMap,
    entered: Entered,
) -> Result<Response, Failure> {
    let (language, query, now) = (visit.page.language, wanted.query(), visit.now());
    let change = match entered.text("do") {
        "change" => time(&entered, &visit).and_then(|at| match unfit(at, now) {
            Some(key) => Err(say(language, key)),
            None => Ok(Change::At(at)),
        }),
        "now" => Ok(Change::At(now)),
        "edit" => Ok(Change::Edit),
        "cancel" => Ok(Change::Cancel),
        _ => return Err(Failure::NoForm),
    };
    let tx = visit.begin(Act::Send).await?;
    let (found, message) = thread::message_of(&tx, id, message_id).await?;
    let at = found.id;
    let comes_back = matches!(change, Ok(Change::Edit));
    let done = match change {
        Err(said) => Err(said),
        Ok(Change::At(send_at)) => match outbox::replan(&tx, now, message_id, send_at).await? {
            Some(Replanned::Done(message)) => Ok(message),
            Some(Replanned::TooLate(_)) => Err(say(language, Key("plan-too-late"))),
            Some(Replanned::WindowClosed { .. }) => Err(say(language, Key("plan-window"))),
            None => return Err(Failure::NotThere),
        },
        Ok(Change::Edit) if message.r#type != "text" => return Err(Failure::NoForm),
        Ok(Change::Edit | Change::Cancel) => match outbox::cancel(&tx, now, message_id).await? {
            Some(Cancelled::Done(message)) => Ok(message),
            Some(Cancelled::TooLate(_)) => Err(say(language, Key("plan-too-late"))),
            None => return Err(Failure::NotThere),
        },
    };
    let done = match done {
        Ok(_) if comes_back => {
            let words = words(&tx, &message).await?;
            match draft::keep(&tx, now, visit.user().id, at, (&words, 0)).await? {
                Kept::As(_) => done,
                Kept::Newer(_) => Err(say(language, Key("plan-draft"))),
            }
        }
        done => done,
    };
    let message = match done {
        Ok(message) => message,
        Err(said) => {
            tx.close();
            let showing = Showing { visit, id: at, wanted, is_frame: is_frame(&headers) };
            return showing.complain(&headers, StatusCode::CONFLICT, said).await;
        }
    };
    tx.commit().await?;
    // It may leave sooner now, and so may those behind it.
    state.wake.queued();
    if takes_streams(&headers) {
        return answer(&visit, query, (id, &message), !comes_back).await;
    }
    Ok(Redirect::to(&format!("/inbox/{id}?{query}&message={message_id}")).into_response())
}

/// What its writer typed, without the line that says who they are.
async fn words(tx: &Tenant, message: &Message) -> Result<String, Failure> {
    let writer = called(tx, message.sender_id).await?;
    let typed = writer.as_deref().map_or(message.text.as_str(), |name| AuthorLine::typed(&message.text, name));
    Ok(typed.to_owned())
}
