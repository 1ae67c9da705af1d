//! Schedules of an account. They are kept and shown; nothing goes by them.

use serde_json::{Map, Value, json};

use super::super::numbers::graph_time;
use super::super::{Answer, Call, Reply};
use super::waba_of;
use crate::error::GraphError;

const KINDS: &[&str] = &["BUSINESS_HOURS", "MAINTENANCE_WINDOW", "AUTOMATED_RESPONSE"];

const DAYS: &[&str] = &["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];

const SHOWN: &[&str] = &[
    "name",
    "status",
    "schedule_type",
    "description",
    "start_time",
    "end_time",
    "timezone",
    "days_of_week",
    "is_active",
];

/// Fields that a schedule may have beside those.
const MORE: &[&str] = &["created_time", "updated_time", "recurrence_pattern"];

/// `GET /{waba-id}/schedules`, newest first.
pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let schedules = waba_of(call).schedules.clone();
    let whole = schedules.iter().rev().map(|schedule| {
        let names = SHOWN.iter().chain(MORE).chain(&["id"]);
        names.map(|name| ((*name).to_owned(), schedule[*name].clone())).collect::<Map<String, Value>>()
    });
    let rows: Result<Vec<Value>, GraphError> = whole.map(|row| call.pick(&row, SHOWN)).collect();
    call.page(rows?, "schedules").map(Reply::Json)
}

/// `POST /{waba-id}/schedules`.
pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let kind = call.required("schedule_type")?;
    if !KINDS.contains(&kind.as_str()) {
        return Err(bad(&format!("schedule_type must be one of {{{}}}", KINDS.join(", "))));
    }
    let active = call.text("is_active").as_deref() != Some("false");
    let mut schedule = json!({
        "name": call.required("name")?, "schedule_type": kind, "is_active": active,
        "status": if active { "ACTIVE" } else { "INACTIVE" },
    });
    for name in ["start_time", "end_time"] {
        let time = call.required(name)?;
        if !is_time(&time) {
            return Err(bad(&format!("{name} must be a time as 09:00")));
        }
        schedule[name] = time.into();
    }
    if let Some(days) = call.json("days_of_week")? {
        let known = |day: &Value| day.as_str().is_some_and(|day| DAYS.contains(&day));
        if !days.as_array().is_some_and(|days| days.iter().all(known)) {
            return Err(bad(&format!("days_of_week must be of {{{}}}", DAYS.join(", "))));
        }
        schedule["days_of_week"] = days;
    }
    for name in ["description", "timezone"] {
        schedule[name] = json!(call.text(name));
    }
    schedule["recurrence_pattern"] = call.json("recurrence_pattern")?.unwrap_or_default();
    let (id, now) = (call.world.chance.id(), graph_time(call.now));
    schedule["id"] = id.clone().into();
    schedule["created_time"] = now.clone().into();
    schedule["updated_time"] = now.into();
    waba_of(call).schedules.push(schedule);
    Ok(Reply::Json(json!({ "id": id })))
}

/// `HH:MM`.
fn is_time(text: &str) -> bool {
    let below = |part: &str, end: u32| part.len() == 2 && part.parse::<u32>().is_ok_and(|number| number < end);
    text.split_once(':').is_some_and(|(hours, minutes)| below(hours, 24) && below(minutes, 60))
}

fn bad(why: &str) -> GraphError {
    GraphError::of(100).message(format!("(#100) Param {why}"))
}
