//! People and system users who may work with an account.

use serde_json::{Map, Value, json};

use super::super::call::missing;
use super::super::{Answer, Call, Reply};
use super::waba_of;
use crate::error::GraphError;

const SHOWN: &[&str] = &["name", "business", "user_type"];

const TASKS: &[&str] = &[
    "MANAGE",
    "DEVELOP",
    "MANAGE_TEMPLATES",
    "VIEW_TEMPLATES",
    "MANAGE_PHONE",
    "MANAGE_PHONE_ASSETS",
    "VIEW_PHONE_ASSETS",
    "MANAGE_EXTENSIONS",
    "MANAGE_USERS",
    "MESSAGING",
    "VIEW_COST",
    "VIEW_INSIGHTS",
    "FULL_CONTROL",
];

/// `GET /{waba-id}/assigned_users?business=`: the holders of tokens, and who was let in.
pub(super) fn list(call: &mut Call<'_>) -> Answer {
    call.required("business")?;
    let waba = &call.world.wabas[&call.object];
    let business = &call.world.businesses[&waba.business_id];
    let holders = call.world.tokens.values().filter(|token| !token.revoked && token.wabas.contains(&waba.id));
    let mut rows: Vec<Map<String, Value>> = Vec::new();
    let mut enter = |id: &str, name: String, kind: &str, tasks: Value| {
        if rows.iter().all(|row| row["id"] != id) {
            let business = json!({ "id": business.id, "name": business.name });
            let row = json!({ "id": id, "name": name, "business": business, "user_type": kind, "tasks": tasks });
            rows.extend(row.as_object().cloned());
        }
    };
    for token in holders {
        enter(&token.user_id, format!("System user {}", token.user_id), "SYSTEM_USER", json!(["MANAGE"]));
    }
    for (id, tasks) in &waba.users {
        enter(id, format!("User {id}"), "BUSINESS_USER", json!(tasks));
    }
    let total = rows.len();
    let rows: Result<Vec<Value>, GraphError> = rows.iter().map(|row| call.pick(row, SHOWN)).collect();
    let mut page = call.page(rows?, "assigned_users")?;
    page["summary"] = json!({ "total_count": total });
    Ok(Reply::Json(page))
}

/// `POST /{waba-id}/assigned_users` `{"user", "tasks"}`.
pub(super) fn assign(call: &mut Call<'_>) -> Answer {
    let user = read_user(call)?;
    let tasks = call.json("tasks")?.ok_or_else(|| missing("tasks"))?;
    let tasks: Option<Vec<String>> =
        tasks.as_array().and_then(|list| list.iter().map(|task| task.as_str().map(str::to_owned)).collect());
    let known = |task: &String| TASKS.contains(&task.as_str());
    let tasks = tasks.filter(|tasks| !tasks.is_empty() && tasks.iter().all(known));
    let tasks = tasks.ok_or_else(|| {
        GraphError::of(100).message(format!("(#100) Param tasks must be one of {{{}}}", TASKS.join(", ")))
    })?;
    waba_of(call).users.insert(user, tasks);
    Reply::success()
}

/// `DELETE /{waba-id}/assigned_users` `{"user"}`.
pub(super) fn remove(call: &mut Call<'_>) -> Answer {
    let user = read_user(call)?;
    if waba_of(call).users.shift_remove(&user).is_none() {
        return Err(GraphError::invalid("The user is not assigned to this account."));
    }
    Reply::success()
}

fn read_user(call: &Call<'_>) -> Result<String, GraphError> {
    let user = call.required("user")?;
    if user.is_empty() || !user.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(GraphError::of(100).message("(#100) Param user must be an ID"));
    }
    Ok(user)
}
