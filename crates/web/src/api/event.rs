//! `/events`

use axum::Json;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName};
use model::event::{self, Event, Kind, LogBegins};
use model::page::Page;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::caller::Caller;
use super::example;
use super::fields::{Query, given};
use super::language::Language;
use super::paging::{Limit, Sequence};
use super::refusals::{self, Always};
use crate::State;
use crate::live::{Filter, Follows, Right};
use crate::problem::Problem;

/// The number of the last event that a client got of a stream, when it comes again.
/// <https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header>
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Has nginx pass on what comes at once.
/// <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering>
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// Which part of the log to read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The `sequence` of the last event you know; the answer begins behind it. Left out or 0: the beginning.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<i64>, minimum = 0)]
    after: Option<Sequence>,
    /// The `next_cursor` of the page before: the same as `after`, and stronger, so that the other parameters may stay.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    cursor: Option<Sequence>,
    /// The most rows to answer.
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

impl Wanted {
    fn after(&self) -> i64 {
        self.cursor.or(self.after).map_or(0, |sequence| sequence.0)
    }
}

/// Read the event log
///
/// Everything that happened in your organization, oldest first. Read on with `after` set to the last `sequence` you
/// have: nothing is skipped, however late it was written. `next_cursor` is null once the page is not full, which is the
/// end of the log for now. `data` shows a message as it is at the time of reading; null if it is past its retention.
///
/// Events go when they are past their retention, oldest first. Whoever asks for what has gone is told so (410), and where
/// the log begins now; so is whoever knows more than a log that was restored from a backup.
#[utoipa::path(
    get, path = "/events", operation_id = "listEvents", tag = "Events", params(Wanted),
    responses(
        (status = 200, description = "A page of events.", body = Page<Event>,
         example = json!(example::page(example::event()))),
        refusals::LogBegins,
        Always,
    ),
)]
pub(super) async fn list(
    caller: Caller,
    language: Language,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<Event>>, Problem> {
    let (after, limit) = (wanted.after(), wanted.limit.0);
    let tx = caller.begin().await?;
    let read = event::list(&tx, after, limit).await?;
    tx.close();
    let data = read.map_err(|begins| not_of_this_log(after, begins, language))?;
    let full = usize::try_from(limit).is_ok_and(|limit| data.len() == limit);
    let last = data.last().map(|event| event.sequence.to_string());
    Ok(Json(Page { data, next_cursor: last.filter(|_| full) }))
}

/// Which part of the log to follow.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Followed {
    /// The `sequence` of the last event you know: the stream begins behind it. Left out: now. `Last-Event-ID` is
    /// stronger.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<i64>, minimum = 0)]
    after: Option<Sequence>,
    /// Only events of these types, with commas between them: `message.received,message.status`. `meta.*` is all that
    /// begin so.
    #[serde(default, rename = "type", deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    kinds: Option<Kinds>,
    /// Only events that name this number.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<Uuid>)]
    number_id: Option<Uuid>,
    /// Only events that name this conversation.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<Uuid>)]
    conversation_id: Option<Uuid>,
}

/// Words between commas.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Kinds(Vec<String>);

impl TryFrom<String> for Kinds {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let words: Vec<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
        match words.iter().find(|word| !Kind::may_be(word)) {
            Some(word) => Err(format!(
                "no event has the type `{word}`; types with commas between them are expected, such as \
                 `message.received,message.*,meta.account_update`"
            )),
            None => Ok(Self(words)),
        }
    }
}

/// Follow the event log
///
/// The same events, live, as server-sent events: `id` is the event's `sequence`, `event` its `type`, `data` the event. A
/// client that comes again with `Last-Event-ID` (browsers' `EventSource` does) or `after` misses nothing and gets nothing
/// twice. Once what was there is told, and every 15 seconds without news, an event `heartbeat` tells how far the log was
/// followed. The stream ends within 5 seconds when the key is revoked, and when the server stops: come again. Who asks for
/// events that have gone is told where the log begins, as by `GET /events`.
#[utoipa::path(
    get, path = "/events/stream", operation_id = "followEvents", tag = "Events",
    params(Followed, ("Last-Event-ID" = Option<i64>, Header, description = "The `id` of the last event of a stream before.")),
    responses(
        (status = 200, description = "Events, as they come.", content_type = "text/event-stream", body = String),
        refusals::LogBegins,
        Always,
    ),
)]
pub(super) async fn follow(
    caller: Caller,
    Shared(state): Shared<State>,
    language: Language,
    headers: HeaderMap,
    Query(wanted): Query<Followed>,
) -> Result<Response, Problem> {
    let after = last_event_id(&headers)?.or(wanted.after.map(|sequence| sequence.0));
    let place = state.desk.stream(caller.scope()).ok_or_else(|| {
        Problem::too_many(
            "Your organization follows its events as often as it may at once. Close a stream, then open another.",
        )
    })?;
    let right = Right::of(caller.who(), *caller.scope());
    let follows = Follows { scope: *caller.scope(), right, stopping: state.stopping.clone() };
    let kinds = wanted.kinds.map_or_else(Vec::new, |kinds| kinds.0);
    let filter = Filter { kinds, number_id: wanted.number_id, conversation_id: wanted.conversation_id };
    let reader = state.live.follow(&state.database, follows, after, (filter, place)).await?;
    let reader = reader.map_err(|begins| not_of_this_log(after.unwrap_or(0), begins, language))?;
    let head = [(CONTENT_TYPE, "text/event-stream"), UNBUFFERED];
    Ok((head, Body::from_stream(reader.frames())).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let sequence = value.to_str().ok().and_then(|text| Sequence::try_from(text.to_owned()).ok());
    sequence.map(|sequence| Some(sequence.0)).ok_or_else(|| {
        Problem::malformed("`Last-Event-ID` is the `id` of an event that a stream brought: a whole number.")
    })
}

fn not_of_this_log(after: i64, begins: LogBegins, language: Language) -> Problem {
    let newest = begins.newest;
    if after <= newest {
        return gone(after, begins, language);
    }
    let en = format!(
        "Event {after} is not in this log, which ends with {newest}. If you have read it, a backup was restored that is older: \
         read what you keep of messages and conversations anew, then go on with after={newest}."
    );
    let es = format!(
        "El evento {after} no está en este registro, que termina en {newest}. Si lo leíste, se restauró una copia de seguridad \
         anterior: vuelve a leer lo que guardas de mensajes y conversaciones, y sigue con after={newest}."
    );
    Problem::log_begins_later(begins, language.of(en, es))
}

fn gone(after: i64, begins: LogBegins, language: Language) -> Problem {
    let oldest = begins.oldest;
    // It is before the oldest, so there is a number behind it.
    let (first, last, behind) = (after + 1, oldest - 1, oldest - 1);
    let en = format!(
        "Events {first} to {last} are past their retention and have gone: they cannot be read any more. The log begins at \
         {oldest}. Read what you keep of messages and conversations anew, then go on with after={behind}. Whoever runs this \
         server sets how long events are kept: wazapp org set --event-retention-days."
    );
    let es = format!(
        "Los eventos {first} a {last} pasaron su plazo de conservación y ya no están: no se pueden leer más. El registro \
         empieza en {oldest}. Vuelve a leer lo que guardas de mensajes y conversaciones, y sigue con after={behind}. Quien \
         administra este servidor decide cuánto se guardan los eventos: wazapp org set --event-retention-days."
    );
    Problem::log_begins_later(begins, language.of(en, es))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(after: Option<i64>, cursor: Option<i64>) -> Wanted {
        Wanted { after: after.map(Sequence), cursor: cursor.map(Sequence), limit: Limit::default() }
    }

    #[test]
    fn a_cursor_is_an_after_that_came_later() {
        assert_eq!(wanted(None, None).after(), 0);
        assert_eq!(wanted(Some(7), None).after(), 7);
        assert_eq!(wanted(None, Some(7)).after(), 7);
        assert_eq!(wanted(Some(7), Some(57)).after(), 57);
    }
}
