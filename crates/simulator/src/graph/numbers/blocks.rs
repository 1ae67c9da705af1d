//! Customers whom a number blocks (§9.2), or takes out of the contact book (§6).

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;
use crate::world::customer::is_user_id;

/// Who wrote within this time can be blocked.
const WROTE_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Customers that a number may block.
const MOST: usize = 64_000;

/// `POST /{phone-number-id}/block_users`.
pub(super) fn block(call: &mut Call<'_>) -> Answer {
    change(call, "added_users", |call, customer| {
        let thread = call.world.threads.get(&(call.object.clone(), customer.to_owned()));
        let wrote = thread.and_then(|thread| thread.last_inbound);
        if wrote.is_none_or(|at| call.now.duration_since(at) >= WROTE_WITHIN) {
            return Err(GraphError::of(131047).details("The user has not messaged the business in the last 24 hours."));
        }
        number_of(call).blocked.insert(customer.to_owned());
        Ok(())
    })
}

/// `DELETE /{phone-number-id}/block_users`. Who is not blocked is free all the same.
pub(super) fn unblock(call: &mut Call<'_>) -> Answer {
    change(call, "removed_users", |call, customer| {
        number_of(call).blocked.remove(customer);
        Ok(())
    })
}

/// `GET /{phone-number-id}/block_users`: pages of `{"block_users": [...]}`.
pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let business = business(call);
    let blocked = number_of(call).blocked.clone();
    let rows = blocked.iter().filter_map(|key| call.world.customers.get(key)).map(|customer| {
        let user_id = customer.user_ids.get(&business);
        let input = customer.wa_id.as_ref().or(user_id);
        let mut row = Map::from_iter([("input".to_owned(), json!(input))]);
        if let Some(wa_id) = &customer.wa_id {
            row.insert("wa_id".into(), wa_id.clone().into());
        }
        if let Some(user_id) = user_id {
            row.insert("user_id".into(), user_id.clone().into());
        }
        Value::Object(row)
    });
    let mut page = call.page(rows.collect(), "block_users")?;
    if page["data"] != json!([]) {
        page["data"] = json!([{ "block_users": page["data"] }]);
    }
    Ok(Reply::Json(page))
}

/// `DELETE /{phone-number-id}/contact_book?messaging_product=whatsapp&bsuid=`: whether the book had this user.
pub(super) fn forget(call: &mut Call<'_>) -> Answer {
    call.for_whatsapp()?;
    let user_id = call.text("bsuid").or_else(|| call.text("user_id"));
    let user_id = user_id.ok_or_else(|| super::super::call::missing("bsuid"))?;
    if !is_user_id(&user_id) {
        return Err(GraphError::invalid("Param bsuid must be a business-scoped user ID."));
    }
    let business = business(call);
    let customer = call.world.customer_by_user_id(&business, &user_id).map(|customer| customer.key.clone());
    let thread = customer.and_then(|key| call.world.threads.get_mut(&(call.object.clone(), key)));
    // What the number knew of the user's phone is what was touched (§6).
    let deleted = thread.and_then(|thread| thread.last_touch.take()).is_some();
    Ok(Reply::Json(json!({ "messaging_product": "whatsapp", "success": true, "deleted": deleted })))
}

/// Does one thing to each user of a list; who can't be served is named, with an error for the whole.
fn change(
    call: &mut Call<'_>,
    served: &str,
    mut each: impl FnMut(&mut Call<'_>, &str) -> Result<(), GraphError>,
) -> Answer {
    call.for_whatsapp()?;
    let users = call.json("block_users")?.ok_or_else(|| super::super::call::missing("block_users"))?;
    let users = users.as_array().filter(|users| !users.is_empty()).cloned();
    let users =
        users.ok_or_else(|| GraphError::of(100).message("(#100) Param block_users must be a non-empty array"))?;
    if served == "added_users" && number_of(call).blocked.len() + users.len() > MOST {
        return Err(GraphError::of(139101).details("The block list is full: it holds 64000 users."));
    }
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for user in &users {
        let (input, mut row) = name(user);
        let found = find(call, &input);
        if let Some(wa_id) = found.as_ref().and_then(|key| call.world.customers[key].wa_id.clone())
            && !is_user_id(&input)
        {
            row.insert("wa_id".into(), wa_id.into());
        }
        let outcome = match &found {
            Some(customer) => each(call, customer),
            None => Err(GraphError::of(131047).details("The user has not messaged the business.")),
        };
        match outcome {
            Ok(()) => done.push(row),
            Err(error) => {
                let details = json!({ "details": error.details });
                let message = format!("(#{}) {}", error.code, error.title);
                row.insert("errors".into(), json!([{ "message": message, "code": error.code, "error_data": details }]));
                failed.push(row);
            }
        }
    }
    answer(call, served, &done, &failed)
}

fn answer(call: &mut Call<'_>, served: &str, done: &[Map<String, Value>], failed: &[Map<String, Value>]) -> Answer {
    let mut answer = json!({ "messaging_product": "whatsapp", "block_users": { served: done } });
    if failed.is_empty() {
        return Ok(Reply::Json(answer));
    }
    answer["block_users"]["failed_users"] = json!(failed);
    let error = GraphError::of(139100)
        .details("Failed to block some users, see the block_users response list for details")
        .envelope(&call.world.chance.alphanumeric(23));
    answer["error"] = error["error"].clone();
    Ok(Reply::Status(400, answer))
}

/// How a request names a user, and the row that answers.
fn name(user: &Value) -> (String, Map<String, Value>) {
    let word = |name: &str| user[name].as_str().map(str::to_owned);
    let input = word("user").or_else(|| word("user_id")).unwrap_or_default();
    let mut row = Map::from_iter([("input".to_owned(), Value::from(input.clone()))]);
    if is_user_id(&input) {
        row.insert("user_id".into(), input.clone().into());
    }
    (input, row)
}

fn find(call: &Call<'_>, input: &str) -> Option<String> {
    let business = business(call);
    let customer = if is_user_id(input) {
        call.world.customer_by_user_id(&business, input)
    } else {
        let digits: String = input.chars().filter(char::is_ascii_digit).collect();
        call.world.customer_by_phone(&digits)
    };
    customer.map(|customer| customer.key.clone())
}

fn business(call: &Call<'_>) -> String {
    call.world.business_of(&call.object).map(|business| business.id.clone()).unwrap_or_default()
}
