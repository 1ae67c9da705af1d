//! A number's username (§6).

use jiff::Timestamp;
use serde_json::json;

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;
use crate::world::World;

/// `GET /{phone-number-id}/username`: without `username` where it has none.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let number = number_of(call);
    Ok(Reply::Json(match &number.username {
        Some(name) => json!({ "username": name, "status": number.username_status }),
        None => json!({}),
    }))
}

/// `POST /{phone-number-id}/username` `{"username", "transfer_action"?}`.
pub(super) fn set(call: &mut Call<'_>) -> Answer {
    let name = call.required("username")?;
    let transfer = match call.text("transfer_action").as_deref() {
        None | Some("none") => false,
        Some("force_transfer") => true,
        Some(_) => {
            return Err(
                GraphError::of(100).message("(#100) Param transfer_action must be one of {none, force_transfer}")
            );
        }
    };
    check(call.world, &call.object, &name, transfer)?;
    give(call.world, &call.object, name, call.now);
    Ok(Reply::Json(json!({ "status": number_of(call).username_status })))
}

/// `DELETE /{phone-number-id}/username`.
pub(super) fn remove(call: &mut Call<'_>) -> Answer {
    if number_of(call).username.take().is_none() {
        return Err(GraphError::of(147004).details("The phone number has no username."));
    }
    call.world.tell_account(&call.object, "business_username_updates", json!({ "status": "deleted" }), call.now);
    Reply::success()
}

/// `GET /{phone-number-id}/username_suggestions`: free names, after the business's own.
pub(super) fn suggestions(call: &mut Call<'_>) -> Answer {
    let number = number_of(call);
    let letters =
        |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let words: Vec<String> =
        number.verified_name.split_whitespace().map(letters).filter(|word| !word.is_empty()).collect();
    let country = crate::world::customer::country(&number.digits).to_ascii_lowercase();
    let mut names = vec![words.concat(), words.join("_"), words.join("."), format!("{}_{country}", words.concat())];
    names.dedup();
    names.retain(|name| check(call.world, &call.object, name, false).is_ok());
    let data = if names.is_empty() { json!([]) } else { json!([{ "username_suggestions": names }]) };
    Ok(Reply::Json(json!({ "data": data })))
}

/// Whether a number may have this name: 3 to 35 of `a-z0-9._`, with a letter, and nobody else's.
pub(super) fn check(world: &World, phone_number_id: &str, name: &str, transfer: bool) -> Result<(), GraphError> {
    let in_form = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_'));
    let dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    let site = name.starts_with("www") || [".com", ".net", ".org", ".html"].iter().any(|end| name.ends_with(end));
    if !(3..=35).contains(&name.len()) || !in_form || dots || site || !name.bytes().any(|b| b.is_ascii_lowercase()) {
        return Err(GraphError::of(147001).details(
            "A username has 3 to 35 characters of a-z, 0-9, period and underscore, and at least one letter.",
        ));
    }
    if world.customers.values().any(|customer| customer.username.as_deref() == Some(name)) {
        return Err(GraphError::of(147002).details("The username is not available."));
    }
    let Some(holder) = world.numbers.values().find(|number| number.username.as_deref() == Some(name)) else {
        return Ok(());
    };
    let portfolio = |id: &str| world.business_of(id).map(|business| business.id.clone());
    if holder.id == phone_number_id {
        Ok(())
    } else if portfolio(&holder.id) != portfolio(phone_number_id) {
        Err(GraphError::of(147002).details("The username is not available."))
    } else if transfer {
        Ok(())
    } else {
        Err(GraphError::of(147003).details(
            "The username belongs to another phone number of the business. Use transfer_action force_transfer.",
        ))
    }
}

/// Gives a number this name, takes it from who had it, and tells so: approved at once where the number's own name is,
/// else reserved.
pub(super) fn give(world: &mut World, phone_number_id: &str, name: String, now: Timestamp) {
    let holder = world.numbers.values().find(|number| number.username.as_ref() == Some(&name));
    if let Some(holder) = holder.map(|number| number.id.clone()).filter(|id| id != phone_number_id) {
        world.numbers[&holder].username = None;
        world.tell_account(&holder, "business_username_updates", json!({ "status": "deleted" }), now);
    }
    let number = &mut world.numbers[phone_number_id];
    let approved = number.registered && number.name_status == "APPROVED";
    number.username_status = if approved { "approved" } else { "reserved" };
    number.username = Some(name.clone());
    let value = json!({ "username": name, "status": number.username_status });
    world.tell_account(phone_number_id, "business_username_updates", value, now);
}
