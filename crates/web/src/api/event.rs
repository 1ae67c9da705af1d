//! `/events`

use axum::Json;
use model::event::{self, Event};
use model::page::Page;
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Caller;
use super::example;
use super::fields::{Query, given};
use super::paging::{Limit, Sequence};
use super::refusals::Always;
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
/// end of the log for now. `data` shows a message as it is at the time of reading.
#[utoipa::path(
    get, path = "/events", operation_id = "listEvents", tag = "Events", params(Wanted),
    responses(
        (status = 200, description = "A page of events.", body = Page<Event>,
         example = json!(example::page(example::event()))),
        Always,
    ),
)]
pub(super) async fn list(caller: Caller, Query(wanted): Query<Wanted>) -> Result<Json<Page<Event>>, Problem> {
    let (after, limit) = (wanted.after(), wanted.limit.0);
    let tx = caller.begin().await?;
    let data = event::list(&tx, after, limit).await?;
    tx.close();
    let full = usize::try_from(limit).is_ok_and(|limit| data.len() == limit);
    let last = data.last().map(|event| event.sequence.to_string());
    Ok(Json(Page { data, next_cursor: last.filter(|_| full) }))
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
