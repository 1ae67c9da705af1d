//! `/events`

use axum::Json;
use model::event::{self, Event, LogBegins};
use model::page::Page;
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Caller;
use super::example;
use super::fields::{Query, given};
use super::language::Language;
use super::paging::{Limit, Sequence};
use super::refusals::{self, Always};
use crate::problem::Problem;

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
/// the log begins now.
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
    let data = read.map_err(|LogBegins { oldest }| gone(after, oldest, language))?;
    let full = usize::try_from(limit).is_ok_and(|limit| data.len() == limit);
    let last = data.last().map(|event| event.sequence.to_string());
    Ok(Json(Page { data, next_cursor: last.filter(|_| full) }))
}

fn gone(after: i64, oldest: i64, language: Language) -> Problem {
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
    Problem::log_begins_later(oldest, language.of(en, es))
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
