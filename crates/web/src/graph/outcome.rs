//! Waiting for what becomes of a queued message, for a caller who knows no queue.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::outbox::{self, Acceptance, Cancelled, Fate};
use model::trouble::{Code, Trouble, Word};
use model::{CommitError, Scope};
use uuid::Uuid;

use super::call::Call;
use super::error::GraphError;
use crate::behind::write_down;

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
pub(super) async fn wait(call: &Call, mut waiting: Waiting, patience: &Patience) -> Result<Ended, GraphError> {
    let (state, message_id) = (&call.state, waiting.message_id);
    let watch = state.wake.watch(message_id);
    let began = state.clock.now();
    let mut pause = FIRST_PAUSE;
    loop {
        let seen = waiting.look().await;
        let waited = state.clock.now().duration_since(began);
        match seen {
            Some(Fate::Accepted { wamid, acceptance }) => {
                return waiting.end(Ok(Ended::Sent(Sent { wamid, acceptance })));
            }
            Some(Fate::Failed { error }) if error.code == Word::Cancelled => {
                let ended = waiting.held.take().map_or(Ok(Ended::TakenBack), Err);
                return waiting.end(ended);
            }
            Some(Fate::Failed { error }) => return waiting.end(Err(failed(&error))),
            Some(Fate::Unknown) => return waiting.end(Err(unknown(message_id))),
            Some(Fate::Waiting { preparing, rests_until, pause_reason, last_error }) => {
                let hopeless = rests_until.is_some_and(|until| until > began + patience.leaves);
                if hopeless || waited > patience.leaves {
                    let of_file = preparing.then(|| Trouble::not_uploaded("Its files are on their way to Meta."));
                    let held = match (last_error, pause_reason.filter(|_| hopeless)) {
                        // Meta's answer to this message.
                        (Some(said), _) => held(Some(&said), rests_until),
                        (None, Some(reason)) => rests(&reason),
                        (None, None) => held(of_file.as_ref(), rests_until),
                    };
                    match waiting.take_back().await {
                        Ok(true) => return waiting.end(Err(held)),
                        Ok(false) => {}
                        // The next look tells whether it was taken back.
                        Err(_) => waiting.held = Some(held),
                    }
                }
            }
            Some(Fate::UnderWay) | None => {}
        }
        if waited > patience.waits {
            // Where it still waits unseen, it is taken back once the database is there again.
            return Err(unknown(message_id));
        }
        tokio::select! {
            () = watch.heard() => {}
            () = tokio::time::sleep(pause) => pause = (pause * 3 / 2).min(LONGEST_PAUSE),
        }
    }
}

/// Somebody waits for a message. Whoever hangs up gets no answer and may send it again, so it is taken back then, or
/// tried no more.
pub(super) struct Waiting {
    state: crate::State,
    scope: Scope,
    message_id: Uuid,
    /// Why it was to be taken back, where nobody knows whether it was.
    held: Option<GraphError>,
    over: bool,
}

impl Waiting {
    /// From before it is queued.
    pub(super) fn new(call: &Call, message_id: Uuid) -> Self {
        Self { state: call.state.clone(), scope: call.scope, message_id, held: None, over: false }
    }

    /// It is another message that is waited for.
    pub(super) fn waits_for(&mut self, message_id: Uuid) {
        self.message_id = message_id;
    }

    /// There is nothing to wait for.
    pub(super) fn ends(&mut self) {
        self.over = true;
    }

    fn end<T>(mut self, with: Result<T, GraphError>) -> Result<T, GraphError> {
        self.over = true;
        with
    }

    /// How far it is. `None`: it cannot be seen now, which says nothing of it.
    async fn look(&self) -> Option<Fate> {
        let look = async {
            let tx = self.state.database.tenant(&self.scope).await?;
            outbox::fate(&tx, self.message_id).await
        };
        look.await.inspect_err(|error| tracing::debug!(%error, "a message in the queue could not be looked at")).ok()?
    }

    async fn take_back(&self) -> Result<bool, CommitError> {
        take_back(&self.state, &self.scope, self.message_id).await
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (state, scope, message_id) = (self.state.clone(), self.scope, self.message_id);
        tokio::spawn(write_down("that a message's sender waits no more", move || {
            let state = state.clone();
            async move { take_back(&state, &scope, message_id).await }
        }));
    }
}

/// Takes a message back; false: it is at Meta now, which is its last try, or further.
async fn take_back(state: &crate::State, scope: &Scope, message_id: Uuid) -> Result<bool, CommitError> {
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
fn failed(error: &Trouble) -> GraphError {
    if error.code == Word::Deadline {
        return held(error.last_error.as_ref().and_then(Option::as_deref), None);
    }
    GraphError::kept(error).unwrap_or_else(|| {
        let details = format!("{}. Nothing was sent.", error.message);
        GraphError::new(400, 100, "(#100) Invalid parameter").details(details)
    })
}

/// A message that waited in vain, and was not sent: Meta's own words where it said something, else that there was no room.
fn held(why: Option<&Trouble>, rests_until: Option<Timestamp>) -> GraphError {
    let of_meta = why.and_then(GraphError::kept);
    match (of_meta, why.map(|why| why.code)) {
        (Some(error), _) if rests_until == Some(Timestamp::MAX) => error,
        (Some(error), _) => error.transient(true),
        (None, Some(Code::Ours(Word::NoToken))) => model::link::NoToken::None.into(),
        (None, Some(Code::Ours(Word::NotSent | Word::NotUploaded))) => GraphError::new(500, 131016, "(#131016) Service unavailable")
            .details("wazapp cannot reach Meta. Nothing was sent; send it again later.")
            .transient(true),
        (None, _) => GraphError::new(400, 130429, "(#130429) Rate limit hit")
            .details("Too much waits to be sent from this number, or to this recipient. Nothing was sent; send it again later.")
            .transient(true),
    }
}

/// A message from a number that rests for what Meta said of an earlier one. Of this one Meta said nothing.
fn rests(reason: &Trouble) -> GraphError {
    if reason.code == Word::NoToken {
        return model::link::NoToken::None.into();
    }
    let said = reason.message.trim_end_matches('.');
    let details = format!(
        "wazapp holds back what is sent from this number, because of what Meta answered before: {said}. Meta was not asked \
         about this message. Nothing was sent."
    );
    if reason.code.of_meta().is_some_and(GraphError::is_of_token) {
        return GraphError::access(format!("{details} Connect the number again with a token that works."));
    }
    GraphError::new(503, 131016, "(#131016) Service unavailable")
        .details(format!(
            "{details} Once that is mended: POST /api/v1/numbers/{{id}}/resume; or wait, since it is tried now and then."
        ))
        .transient(true)
}

fn unknown(message_id: Uuid) -> GraphError {
    GraphError::new(400, 1, "(#1) An unknown error has occurred.")
        .details(format!(
            "It is not known whether Meta took this message: it may have been sent. It is not sent again by itself, and if \
             you do, it may arrive twice. Message {message_id} of wazapp's API tells once it is known."
        ))
        .transient(false)
}

#[cfg(test)]
mod tests {
    use model::trouble::Words;
    use serde_json::{Value, json};

    use super::*;

    /// A stored one that says this.
    fn told(mut said: Value) -> Trouble {
        let said = said.as_object_mut().expect("an object");
        said.entry("message").or_insert_with(|| json!("…"));
        Words::new("…", "…").advise(said);
        serde_json::from_value(Value::from(said.clone())).expect("a trouble")
    }

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
        let limit = told(json!({ "code": 131056, "message": "(#131056) Pair rate limit hit", "http_status": 400 }));
        assert_eq!(held(Some(&limit), None).code(), 131056);
        assert_eq!(held(None, None).code(), 130429);
        assert_eq!(held(Some(&told(json!({ "code": "not_sent" }))), None).code(), 131016);
        assert_eq!(held(Some(&told(json!({ "code": "not_uploaded" }))), None).code(), 131016);
        let late = told(json!({ "code": "deadline", "last_error": limit }));
        assert_eq!(failed(&late).code(), 131056);
        assert_eq!(failed(&told(json!({ "code": "deadline", "last_error": null }))).code(), 130429);
    }

    /// What Meta said of an earlier message is no answer to this one.
    #[test]
    fn a_remembered_refusal_is_told_as_one() {
        let error = rests(&told(json!({ "code": 131042, "message": "(#131042) Business eligibility payment issue" })));
        assert_eq!(error.code(), 131016);
        assert_eq!(rests(&told(json!({ "code": 190, "message": "Session has expired" }))).code(), 131005);
        assert_eq!(rests(&told(json!({ "code": "no_token", "message": "the number has no token" }))).code(), 131005);
    }

    #[test]
    fn what_failed_is_told_in_metas_words() {
        let error = told(json!({ "code": 131026, "message": "(#131026) Message undeliverable", "http_status": 400 }));
        assert_eq!(failed(&error).code(), 131026);
        assert_eq!(failed(&told(json!({ "code": "not_sent", "message": "the file's type is none" }))).code(), 100);
    }
}
