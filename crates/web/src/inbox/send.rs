//! Answering from a page.

use axum::extract::{self, Request};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use jiff::Timestamp;
use model::DatabaseError;
use model::act::Act;
use model::conversation::{self, Change, Conversation};
use model::database::Tenant;
use model::message::{self, Message};
use model::number;
use model::outbox::{self, Content, Options, Refusal, To};
use model::user::Language;
use model::{draft, event, membership, receipt};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Showing;
use super::again;
use super::compose::{self, Composed, Written};
use super::house::House;
use super::is_frame;
use super::plan;
use super::stream::{Messages, streamed, takes_streams};
use super::thread::{self, Question, Thread, Unseen, Writing};
use super::view::Wanted;
use crate::State;
use crate::pages::{Entered, Failure, Key, PathId, Said, Visit, say};
use crate::sending::{self, Queued};

/// What is to be sent, and how it is known again.
pub(super) struct Wish {
    pub(super) conversation_id: Uuid,
    /// What the message will be called: by this the same form is known when it comes twice.
    pub(super) id: Uuid,
    /// As Meta has it, which the id stands for.
    pub(super) body: Value,
    pub(super) content: Content,
    /// What its writer typed, which is no draft any more; `None`: nothing.
    pub(super) typed: Option<String>,
    /// What whoever writes knows of the conversation; `None`: it goes whatever came since.
    pub(super) known: Option<Known>,
    /// The conversation is theirs from now on.
    pub(super) takes: bool,
    /// Whoever writes has read what the customer wrote.
    pub(super) reads: bool,
    /// Not before this time.
    pub(super) send_at: Option<Timestamp>,
    /// The message that it is once more: only while that one did not go.
    pub(super) again: Option<Uuid>,
}

/// What whoever writes knows of the conversation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Up to which message they saw it.
    seen: i64,
    /// Whose it is, if they were asked.
    owner: Option<Uuid>,
}

impl Known {
    /// What a form says of it; what was sent before is asked nothing.
    pub(super) fn of(entered: &Entered) -> Option<Self> {
        let seen = if entered.has("anyway", "1") { Some(i64::MAX) } else { entered.text("seen").parse().ok() };
        let owner = entered.text("owner").parse().ok();
        entered.text("again").is_empty().then(|| Self { seen: seen.unwrap_or(i64::MAX), owner })
    }
}

/// What became of it.
pub(super) enum Sent {
    Queued(Box<Message>),
    Refused(Refusal),
    /// They are asked first.
    Asked(Question),
    /// It is not to go, or not at that time; why.
    Unfit(Key),
}

/// Puts it into the queue, and has the customer told that what they wrote was read, where it was.
pub(super) async fn queue(state: &State, visit: &Visit, tx: Tenant, wish: &Wish) -> Result<Sent, Failure> {
    let operation = format!("inbox {}", wish.conversation_id);
    let mut said = wish.body.clone();
    if let Some(at) = wish.send_at {
        said["send_at"] = json!(at);
    }
    // Whatever page asks that a message be said again means the same.
    let key = wish.again.map_or_else(|| format!("inbox:{}", wish.id), |again| format!("inbox:again:{again}"));
    let idempotency = sending::idempotency(key, &operation, &said);
    // Nobody answers beside us from here on, and the same form does not come twice.
    event::line(&tx).await?;
    if let Some(answer) = outbox::repeated(&tx, &idempotency).await? {
        return Ok(answer.map_or_else(Sent::Refused, |message| Sent::Queued(Box::new(message))));
    }
    // A message that was queued before its time, and is asked for again behind it, is found above.
    if let Some(key) = wish.send_at.and_then(|at| plan::unfit(at, visit.now())) {
        return Ok(Sent::Unfit(key));
    }
    if let Some(id) = wish.again
        && !again::is_still_open(&tx, wish.conversation_id, id).await?
    {
        return Ok(Sent::Unfit(Key("again-gone")));
    }
    if let Some(question) = question(&tx, visit, wish).await? {
        return Ok(Sent::Asked(question));
    }
    if wish.takes {
        let mine = Change { assignee_id: Some(Some(visit.user().id)), ..Change::default() };
        conversation::change(&tx, visit.now(), wish.conversation_id, &mine).await?;
    }
    let options = Options {
        id: Some(wish.id),
        sender_id: Some(visit.user().id),
        send_at: wish.send_at,
        repeats: wish.again,
        ..Options::default()
    };
    if wish.reads {
        receipt::queue(&tx, visit.now(), wish.conversation_id).await?;
    }
    if let Some(typed) = &wish.typed {
        draft::sent(&tx, visit.user().id, wish.conversation_id, typed).await?;
    }
    let to = To::Conversation(wish.conversation_id);
    let wish = outbox::Wish { to: &to, content: &wish.content, options: &options, idempotency: Some(&idempotency) };
    match sending::queue(state, tx, wish).await? {
        Ok(Queued::Surely(message)) => {
            state.receipt_wake.queued();
            Ok(Sent::Queued(Box::new(message)))
        }
        Ok(Queued::Perhaps(_)) => Err(Failure::InDoubt),
        Err(refusal) => Ok(Sent::Refused(refusal)),
    }
}

/// Why it cannot be sent, in words.
pub(super) fn why(refusal: &Refusal) -> Result<Key, Failure> {
    Ok(match refusal {
        Refusal::NotThere(_) => return Err(Failure::NotThere),
        Refusal::Disconnected => Key("composer-off"),
        Refusal::Group => Key("composer-group"),
        Refusal::Nameless => Key("send-nameless"),
        Refusal::NeedsPhone => Key("send-needs-phone"),
        Refusal::KeyReused => Key("send-twice"),
        Refusal::WindowClosed { .. } => Key("send-window-closed"),
        Refusal::OverQuota(exceeded) => return Err(DatabaseError::OverQuota(*exceeded).into()),
    })
}

/// The same of a message that was to leave later: the window is asked about as it will be then.
pub(super) fn why_of(refusal: &Refusal, send_at: Option<Timestamp>) -> Result<Key, Failure> {
    match (refusal, send_at) {
        (Refusal::WindowClosed { .. }, Some(_)) => Ok(Key("plan-window")),
        _ => why(refusal),
    }
}

/// Sends what was written in a conversation: a text, or a file with what is said about it.
pub(super) async fn send(
    extract::State(state): extract::State<State>,
    visit: Visit,
    PathId(id): PathId,
    wanted: Wanted,
    request: Request,
) -> Result<Response, Failure> {
    let headers = request.headers().clone();
    let mut entered = compose::read(&state, &visit, id, request).await?;
    let tx = visit.begin(Act::Send).await?;
    let found = thread::follow(&tx, id).await?;
    let (query, language) = (wanted.query(), visit.page.language);
    let showing = Showing { visit, id: found.id, wanted, is_frame: is_frame(&headers) };
    if !entered.is_sound() {
        return showing.refused(tx, StatusCode::UNPROCESSABLE_ENTITY, entered, None).await;
    }
    let again = again::wanted(&tx, found.id, entered.text("again")).await?;
    let composed = match &again {
        Some(message) => again::compose(&tx, showing.visit.now(), message, language).await?,
        None => written(&tx, &showing.visit, &found, &Written::of(&entered)).await?,
    };
    let send_at = if again.is_some() { Ok(None) } else { plan::wished(&entered, &showing.visit) };
    let (Composed { body, content }, send_at) = match composed.and_then(|composed| Ok((composed, send_at?))) {
        Ok(fit) => fit,
        Err(said) => {
            entered.fault("body", said);
            return showing.refused(tx, StatusCode::UNPROCESSABLE_ENTITY, entered, None).await;
        }
    };
    // What is sent once more is nothing that was typed now: what is, stays.
    let typed = again.is_none().then(|| entered.text("body").to_owned());
    let wish = Wish {
        conversation_id: found.id,
        id: message_id(&entered),
        body,
        content,
        typed,
        known: Known::of(&entered),
        takes: takes(&showing.visit, &entered),
        reads: true,
        send_at,
        again: again.map(|message| message.id),
    };
    match queue(&state, &showing.visit, tx, &wish).await? {
        Sent::Queued(message) if takes_streams(&headers) => {
            answer(&showing.visit, query, (id, &message), entered.has("only", "message")).await
        }
        Sent::Queued(_) => Ok(Redirect::to(&format!("/inbox/{id}?{query}")).into_response()),
        Sent::Asked(question) => {
            let tx = showing.visit.begin(Act::Send).await?;
            showing.refused(tx, StatusCode::CONFLICT, entered, Some(question)).await
        }
        Sent::Unfit(key) => {
            entered.fault("body", say(language, key));
            let tx = showing.visit.begin(Act::Send).await?;
            showing.refused(tx, StatusCode::UNPROCESSABLE_ENTITY, entered, None).await
        }
        Sent::Refused(refusal) => {
            entered.fault("body", say(language, why_of(&refusal, send_at)?));
            let tx = showing.visit.begin(Act::Send).await?;
            showing.refused(tx, StatusCode::CONFLICT, entered, None).await
        }
    }
}

impl Showing {
    /// Shows the conversation again, with what was entered.
    pub(super) async fn refused(
        self,
        tx: Tenant,
        status: StatusCode,
        entered: Entered,
        question: Option<Question>,
    ) -> Result<Response, Failure> {
        let written = Written::of(&entered);
        let attached = written.attached(&tx).await?;
        self.answer(tx, status, Writing { entered, question, attached, ..Writing::default() }).await
    }
}

/// What the form says that its message will be called; what is no name of a message is none.
pub(super) fn message_id(entered: &Entered) -> Uuid {
    let named = entered.text("id").parse::<Uuid>().ok();
    named.filter(|id| id.get_version_num() == 7).unwrap_or_else(Uuid::now_v7)
}

/// The line that says who writes, where the number has one.
async fn author_line(tx: &Tenant, now: Timestamp, number_id: Uuid, writer: &str) -> Result<Option<String>, Failure> {
    let number = number::get(tx, number_id, now).await?;
    Ok(number.and_then(|(number, _)| number.author_line.of_writer(writer)))
}

/// What was written: a file with what is said about it, or a text.
async fn written(
    tx: &Tenant,
    visit: &Visit,
    found: &Conversation,
    written: &Written,
) -> Result<Result<Composed, Said>, Failure> {
    let (now, language) = (visit.now(), visit.page.language);
    let reply_to = answered(tx, found.id, written.reply).await?;
    if let Some(file) = written.file() {
        return file.message(tx, now, reply_to, language).await;
    }
    let line = author_line(tx, now, found.number_id, &visit.user().name).await?;
    Ok(text(&written.words, line.as_deref(), reply_to, language))
}

/// What was typed, and what the customer gets: behind the line that says who writes.
fn text(typed: &str, line: Option<&str>, reply_to: Option<String>, language: Language) -> Result<Composed, Said> {
    let composed = compose::text(typed, reply_to.clone(), language)?;
    match line {
        // The id stands for what was typed: how messages begin may be another by the time that it comes again.
        Some(line) => {
            let content = compose::text(&format!("{line}\n{typed}"), reply_to, language)?.content;
            Ok(Composed { content, ..composed })
        }
        None => Ok(composed),
    }
}

/// Meta's id of the message of this conversation that is answered.
async fn answered(tx: &Tenant, conversation_id: Uuid, id: Option<Uuid>) -> Result<Option<String>, Failure> {
    let Some(id) = id else { return Ok(None) };
    let found = message::these(tx, conversation_id, vec![id]).await?.pop();
    Ok(found.and_then(|message| message.wamid))
}

/// Whether whoever writes takes the conversation with it, as they may.
pub(super) fn takes(visit: &Visit, entered: &Entered) -> bool {
    entered.has("take", "1") && visit.may(Act::ChangeConversation)
}

/// What is asked before it goes: whether a colleague's newer answer was seen, and whether it is meant to go where somebody
/// else has the conversation.
async fn question(tx: &Tenant, visit: &Visit, wish: &Wish) -> Result<Option<Question>, Failure> {
    let Some(known) = wish.known else { return Ok(None) };
    let me = visit.user().id;
    if let Some(answer) = message::answered_since(tx, wish.conversation_id, known.seen, me).await? {
        let author = called(tx, answer.sender_id).await?;
        let author = author.unwrap_or_else(|| say(visit.page.language, Key("author-us")).to_string());
        return Ok(Some(Question::Unseen(Unseen { author, bubble: answer.id })));
    }
    let owner = conversation::get(tx, wish.conversation_id).await?.and_then(|one| one.assignee_id);
    let Some(id) = owner.filter(|id| *id != me && known.owner != Some(*id) && !wish.takes) else { return Ok(None) };
    Ok(called(tx, Some(id)).await?.map(|name| Question::Elsewhere { id, name }))
}

/// What somebody who works here is called.
pub(super) async fn called(tx: &Tenant, who: Option<Uuid>) -> Result<Option<String>, Failure> {
    Ok(membership::names(tx).await?.into_iter().find(|(id, _)| Some(*id) == who).map(|(_, name)| name))
}

/// The message where it belongs on the page of a conversation, which may have gone on elsewhere; and, unless it is wanted
/// alone, an empty composer.
pub(super) async fn answer(
    visit: &Visit,
    query: String,
    (id, message): (Uuid, &Message),
    alone: bool,
) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Read).await?;
    let found = thread::follow(&tx, message.conversation_id).await?;
    let house = House::read(&tx, visit.now()).await?;
    let bubbles = thread::bubbles(&tx, visit, &found, std::slice::from_ref(message), &house.names()).await?;
    // A page that has written on keeps its composer.
    let thread = if alone { None } else { Some(Thread::read(&tx, visit, &house, &found, &Wanted::default()).await?) };
    tx.close();
    let (page, target) = (visit.page.clone(), thread::messages_element(id));
    let answer = Messages { page, query, target, bubbles, head: None, thread, writing: Writing::default() };
    Ok(streamed(StatusCode::CREATED, &answer))
}
