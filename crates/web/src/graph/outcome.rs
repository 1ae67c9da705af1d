//! Waiting for what becomes of a queued message, for a caller who knows no queue.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::outbox::{self, Acceptance, Cancelled, Fate};
use model::{DatabaseError, Scope};
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::Call;
use super::error::GraphError;

/// How long a caller waits, where it does not say: longer than a message is tried, and a call takes.
const TRIED: SignedDuration = SignedDuration::from_secs(25);
const LEAVES: SignedDuration = SignedDuration::from_secs(28);
const WAITS: SignedDuration = SignedDuration::from_secs(60);

/// How long a caller waits for its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    tried: SignedDuration,
    leaves: SignedDuration,
    waits: SignedDuration,
}

impl Patience {
    /// A caller that says how long it waits hears before that what came of it.
    pub(super) fn of(call: &Call) -> Self {
        Self::within(call.patience)
    }

    fn within(said: Option<Duration>) -> Self {
        let part = |of: f64, most: SignedDuration| {
            let part = said.and_then(|said| SignedDuration::try_from(said.mul_f64(of)).ok());
            part.map_or(most, |part| part.min(most))
        };
        Self { tried: part(0.8, TRIED), leaves: part(0.85, LEAVES), waits: part(0.95, WAITS) }
    }

    /// A message is tried so long.
    pub(super) fn tried(self) -> SignedDuration {
        self.tried
    }
}

/// The worker's word for a message whose files did not reach Meta.
const NOT_UPLOADED: &str = "not_uploaded";

/// The word for a message that was taken back.
const CANCELLED: &str = "cancelled";

/// Looks without a hint come after pauses that grow.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A message that Meta has.
pub(super) struct Sent {
    pub(super) wamid: String,
    pub(super) acceptance: Option<Acceptance>,
}

/// How waiting ended well, or without an answer.
pub(super) enum Ended {
    /// Meta has it.
    Sent(Sent),
    /// It was taken back: by another request that waited for it too, or by people.
    TakenBack,
}

/// Waits until Meta has a message, or an error says why not. What provably was not sent is never sent later, so that a
/// caller who tries again sends it once.
pub(super) async fn wait(call: &Call, message_id: Uuid, patience: &Patience) -> Result<Ended, GraphError> {
    let state = &call.state;
    let watch = state.wake.watch(message_id);
    let waiting = Waiting { state: state.clone(), scope: call.scope, message_id, over: false };
    let began = state.clock.now();
    let mut pause = FIRST_PAUSE;
    loop {
        let waited = state.clock.now().duration_since(began);
        match look(call, message_id).await? {
            Fate::Accepted { wamid, acceptance } => return waiting.end(Ok(Ended::Sent(Sent { wamid, acceptance }))),
            Fate::Failed { error } if error["code"] == CANCELLED => return waiting.end(Ok(Ended::TakenBack)),
            Fate::Failed { error } => return waiting.end(Err(failed(&error))),
            Fate::Unknown => return waiting.end(Err(unknown(message_id))),
            Fate::Waiting { preparing, rests_until, pause_reason, last_error } => {
                let hopeless = rests_until.is_some_and(|until| until > began + patience.leaves);
                if (hopeless || waited > patience.leaves) && waiting.take_back().await? {
                    let of_file = preparing.then(|| json!({ "code": NOT_UPLOADED }));
                    let why = pause_reason.filter(|_| hopeless).or(last_error).or(of_file);
                    return waiting.end(Err(held(why.as_ref(), rests_until)));
                }
            }
            Fate::UnderWay if waited > patience.waits => return waiting.end(Err(unknown(message_id))),
            Fate::UnderWay => {}
        }
        tokio::select! {
            () = watch.heard() => {}
            () = tokio::time::sleep(pause) => pause = (pause * 3 / 2).min(LONGEST_PAUSE),
        }
    }
}

async fn look(call: &Call, message_id: Uuid) -> Result<Fate, GraphError> {
    let tx = call.begin().await?;
    let fate = outbox::fate(&tx, message_id).await?;
    tx.commit().await?;
    Ok(fate.unwrap_or(Fate::Unknown))
}

/// Somebody waits for a message. Whoever hangs up gets no answer and may send it again, so it is taken back then, or
/// tried no more.
struct Waiting {
    state: crate::State,
    scope: Scope,
    message_id: Uuid,
    over: bool,
}

impl Waiting {
    fn end<T>(mut self, with: Result<T, GraphError>) -> Result<T, GraphError> {
        self.over = true;
        with
    }

    async fn take_back(&self) -> Result<bool, DatabaseError> {
        take_back(&self.state, &self.scope, self.message_id).await
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (state, scope, message_id) = (self.state.clone(), self.scope, self.message_id);
        tokio::spawn(async move {
            if let Err(error) = take_back(&state, &scope, message_id).await {
                tracing::warn!(%error, message = %message_id, "a message whose sender hung up could not be taken back");
            }
        });
    }
}

/// Takes a message back; false: it is at Meta now, which is its last try, or further.
async fn take_back(state: &crate::State, scope: &Scope, message_id: Uuid) -> Result<bool, DatabaseError> {
    let tx = state.database.tenant(scope).await?;
    let cancelled = outbox::cancel(&tx, state.clock.now(), message_id).await?;
    let done = matches!(cancelled, Some(Cancelled::Done(_)));
    if !done {
        outbox::try_no_more(&tx, state.clock.now(), message_id).await?;
    }
    tx.commit().await?;
    if done {
        // Messages behind it need not wait for it any more.
        state.wake.queued();
    }
    Ok(done)
}

/// The error of a message that was taken back.
pub(super) fn taken_back() -> GraphError {
    GraphError::new(400, 135000, "(#135000) Generic user error")
        .details("The message was cancelled before it was sent.")
}

/// A message that was never sent, and will not be.
fn failed(error: &Value) -> GraphError {
    match error["code"].as_str() {
        Some("deadline") => held(Some(&error["last_error"]), None),
        _ => GraphError::kept(error).unwrap_or_else(|| {
            let said = error["message"].as_str().unwrap_or("wazapp could not put this to Meta");
            GraphError::new(400, 100, "(#100) Invalid parameter").details(format!("{said}. Nothing was sent."))
        }),
    }
}

/// A message that waited in vain, and was not sent: Meta's own words where it said something, else that there was no room.
fn held(why: Option<&Value>, rests_until: Option<Timestamp>) -> GraphError {
    let of_meta = why.and_then(GraphError::kept);
    match (of_meta, why.and_then(|why| why["code"].as_str())) {
        (Some(error), _) if rests_until == Some(Timestamp::MAX) => error,
        (Some(error), _) => error.transient(true),
        (None, Some("no_token")) => model::link::NoToken::None.into(),
        (None, Some("not_sent" | NOT_UPLOADED)) => GraphError::new(500, 131016, "(#131016) Service unavailable")
            .details("wazapp cannot reach Meta. Nothing was sent; send it again later.")
            .transient(true),
        (None, _) => GraphError::new(400, 130429, "(#130429) Rate limit hit")
            .details("Too much waits to be sent from this number, or to this recipient. Nothing was sent; send it again later.")
            .transient(true),
    }
}

fn unknown(message_id: Uuid) -> GraphError {
    GraphError::new(400, 1, "(#1) An unknown error has occurred.")
        .details(format!(
            "Meta's answer did not arrive whole: this message may have been sent. It is not sent again by itself, and if \
             you do, it may arrive twice. Message {message_id} of wazapp's API tells once a status comes."
        ))
        .transient(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_hears_before_its_patience_ends() {
        let seconds = |said: Option<u64>| {
            let Patience { tried, leaves, waits } = Patience::within(said.map(Duration::from_secs));
            [tried, leaves, waits].map(|part| part.as_millis())
        };
        assert_eq!(seconds(None), [25_000, 28_000, 60_000]);
        assert_eq!(seconds(Some(600)), [25_000, 28_000, 60_000]);
        assert_eq!(seconds(Some(10)), [8_000, 8_500, 9_500]);
    }

    #[test]
    fn what_waited_in_vain_is_told_in_metas_words() {
        let limit = json!({ "code": 131056, "message": "(#131056) Pair rate limit hit", "http_status": 400 });
        assert_eq!(held(Some(&limit), None).code(), 131056);
        assert_eq!(held(None, None).code(), 130429);
        assert_eq!(held(Some(&json!({ "code": "not_sent" })), None).code(), 131016);
        assert_eq!(held(Some(&json!({ "code": "not_uploaded" })), None).code(), 131016);
        assert_eq!(held(Some(&json!({ "code": "no_token" })), Some(Timestamp::MAX)).code(), 131005);
        let late = json!({ "code": "deadline", "last_error": limit });
        assert_eq!(failed(&late).code(), 131056);
        assert_eq!(failed(&json!({ "code": "deadline", "last_error": null })).code(), 130429);
    }

    #[test]
    fn what_failed_is_told_in_metas_words() {
        let error = json!({ "code": 131026, "message": "(#131026) Message undeliverable", "http_status": 400 });
        assert_eq!(failed(&error).code(), 131026);
        assert_eq!(failed(&json!({ "code": "not_sent", "message": "the file's type is none" })).code(), 100);
    }
}
