//! Sending many messages at once: `POST /messages/batch`

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use futures::future::join_all;
use model::database::Tenant;
use model::message::Message;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::caller::Caller;
use super::example;
use super::fields::{ManyMembers, Members, Nothing, Query, given};
use super::language::Language;
use super::refusals::{Always, BadBody, OverQuota};
use super::send::asked::NewMessageTo;
use super::send::{self, ADDRESS, Address};
use super::send_headers::Key;
use crate::key::Refused;
use crate::problem::{Details, Problem};
use crate::sending::{self, Order};

/// So many messages are taken at once.
const MOST: usize = 1_000;

/// So many of them take their places at once.
const AT_ONCE: usize = 64;

/// Messages to send.
#[derive(ToSchema)]
#[schema(example = json!({"messages": [
    {"number_id": "019a0b1c-0000-7000-8000-00000000a001", "to": "+54 9 11 5555-1234", "idempotency_key": "order-7",
     "type": "template", "template": {"name": "order_ready", "language": {"code": "es_AR"}}}
]}))]
#[expect(dead_code, reason = "only described: each is read on its own, so that one that is wrong stops no other")]
pub(super) struct NewMessages {
    /// Up to 1,000, each as `POST /messages` takes it.
    messages: Vec<NewMessageWithKey>,
}

/// A message of many, with its key.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
struct NewMessageWithKey {
    /// A text of your own making, in place of the header `Idempotency-Key`. The same message with the same key is queued once,
    /// whichever way it comes; for 8 days.
    #[schema(value_type = String, required = false, example = "order-7")]
    idempotency_key: Option<String>,
    #[serde(flatten)]
    #[schema(inline)]
    message: NewMessageTo,
}

/// What became of each message, in the order in which they were sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Results {
    data: Vec<Outcome>,
}

/// What became of one of them.
#[derive(Debug, Serialize, ToSchema)]
struct Outcome {
    /// The status that `POST /messages` would have had: 202 is a message that is queued.
    #[schema(example = 202)]
    status: u16,
    /// The message, queued.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
    /// Why it is not queued.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Details>,
}

impl From<Result<Message, Problem>> for Outcome {
    fn from(result: Result<Message, Problem>) -> Self {
        match result.map_err(Problem::into_details) {
            Ok(message) => Self { status: 202, message: Some(message), problem: None },
            Err(problem) => Self { status: problem.status, message: None, problem: Some(problem) },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    #[serde(default, deserialize_with = "given")]
    idempotency_key: Option<String>,
}

/// Send many messages
///
/// Up to 1,000 messages to whomever, each with a key of its own. They are queued in their order, and each has its own answer: one
/// that is wrong stops no other.
#[utoipa::path(
    post, path = "/messages/batch", operation_id = "sendMessages", tag = "Messages",
    request_body = NewMessages,
    responses(
        (status = 200, description = "What became of each.", body = Results,
         example = json!({ "data": [{ "status": 202, "message": example::queued() }] })),
        Always, BadBody, OverQuota,
    ),
)]
pub(super) async fn to_recipients(
    caller: Caller,
    State(state): State<crate::State>,
    _: Query<Nothing>,
    language: Language,
    key: Key,
    request: Request,
) -> Result<Json<Results>, Problem> {
    // Before it is read: what many of these hold together is much.
    let _place = state.desk.batch(caller.scope()).ok_or(Refused::TooMany)?;
    let many = ManyMembers::from_request(request, &state).await?;
    if key.is_there() {
        return Err(Problem::malformed(
            "Here the header `Idempotency-Key` says nothing: give each message its own `idempotency_key`.",
        ));
    }
    if many.messages.is_empty() || many.messages.len() > MOST {
        return Err(Problem::malformed(format!("The field `messages` must hold 1 to {MOST} messages.")));
    }
    let batch = Batch { caller: &caller, state: &state, language };
    let read = many.messages.iter().map(|message| batch.read(message));
    let read = batch.look_further(read.collect()).await?;
    let (mut read, mut data) = (read.into_iter(), Vec::new());
    while !read.as_slice().is_empty() {
        // These take their places at once, and are written together, in their order; others' come in between.
        let queued = join_all(read.by_ref().take(AT_ONCE).map(|one| batch.queue(one))).await;
        data.extend(queued.into_iter().map(Outcome::from));
    }
    Ok(Json(Results { data }))
}

/// Whose messages they are.
struct Batch<'b> {
    caller: &'b Caller,
    state: &'b crate::State,
    language: Language,
}

/// How far one of them is.
enum One {
    /// It is to be queued.
    Checked(Box<send::Checked>),
    /// It was queued before.
    Before(Box<Message>),
}

impl Batch<'_> {
    fn read(&self, message: &RawValue) -> Result<One, Problem> {
        let mut members = Members::parse(message.get())?;
        let key = Key::written(members.take::<Own>(&["idempotency_key"])?.idempotency_key)?;
        let idempotency = key.with("POST /messages", &members.value());
        let to = members.take::<Address>(ADDRESS)?.to(self.language)?;
        let wanted = send::read(members, self.language, self.state.clock.now())?;
        Ok(One::Checked(Box::new(send::Checked { to, wanted, idempotency })))
    }

    /// Looks files and templates up for all that show any.
    async fn look_further(&self, mut all: Vec<Result<One, Problem>>) -> Result<Vec<Result<One, Problem>>, Problem> {
        let looks =
            |one: &Result<One, Problem>| matches!(one, Ok(One::Checked(checked)) if checked.wanted.looks_further());
        if !all.iter().any(looks) {
            return Ok(all);
        }
        let (tx, mut files) = (self.caller.begin().await?, false);
        for one in all.iter_mut().filter(|one| looks(one)) {
            if let Ok(One::Checked(checked)) = one {
                files |= checked.wanted.shows_files();
                match self.look(&tx, checked).await {
                    Ok(None) => {}
                    Ok(Some(before)) => *one = Ok(One::Before(Box::new(before))),
                    Err(problem) => *one = Err(problem),
                }
            }
        }
        sending::looked(tx, files).await.map_err(|error| self.language.problem(error))?;
        Ok(all)
    }

    async fn look(&self, tx: &Tenant, one: &mut send::Checked) -> Result<Option<Message>, Problem> {
        let before = one.wanted.before(tx, one.idempotency.as_ref(), self.language).await?;
        if before.is_none() {
            one.wanted.look_further(tx, self.state.clock.now(), &one.to, self.language).await?;
        }
        Ok(before)
    }

    async fn queue(&self, one: Result<One, Problem>) -> Result<Message, Problem> {
        let checked = match one? {
            One::Before(message) => return Ok(*message),
            One::Checked(checked) => *checked,
        };
        let has_key = checked.idempotency.is_some();
        let order: Order = checked.wanted.order(self.caller, checked.to, checked.idempotency);
        let queued = self.state.gathering.queue(self.state, self.caller.scope(), order).await;
        send::answer(queued, has_key, self.language)
    }
}
