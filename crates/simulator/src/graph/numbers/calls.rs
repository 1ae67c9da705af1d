//! Calls that a business makes (§7.3). Nobody answers them here: they ring until they are ended.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::{Answer, Call, Reply};
use super::{number_of, settings};
use crate::error::GraphError;
use crate::webhook::Update;
use crate::world::customer::is_user_id;
use crate::world::{Direction, Task, World};

/// Calls in a day to who permitted them, and requests for a permission.
const CALLS_A_DAY: u32 = 100;
const REQUESTS_A_DAY: u32 = 1;

/// Whether a customer lets a number call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permission {
    None,
    Until(i64),
    Permanent,
}

/// `GET /{phone-number-id}/call_permissions?user_wa_id=`, or `recipient=` for a user id.
pub(super) fn permissions(call: &mut Call<'_>) -> Answer {
    let user = call.text("user_wa_id").or_else(|| call.text("recipient"));
    let user = user.ok_or_else(|| super::super::call::missing("user_wa_id"))?;
    let customer = find(call, &user);
    let permission = customer.map_or(Permission::None, |key| permission(call.world, &call.object, &key, call.now));
    let shown = match permission {
        Permission::None => json!({ "status": "no_permission" }),
        Permission::Until(end) => json!({ "status": "temporary", "expiration_time": end }),
        Permission::Permanent => json!({ "status": "permanent" }),
    };
    let may_call = permission != Permission::None;
    let limit = |most: u32| json!([{ "time_period": "PT24H", "current_usage": 0, "max_allowed": most }]);
    Ok(Reply::Json(json!({
        "messaging_product": "whatsapp",
        "permission": shown,
        "actions": [
            {
                "action_name": "send_call_permission_request", "can_perform_action": permission != Permission::Permanent,
                "limits": limit(REQUESTS_A_DAY),
            },
            { "action_name": "start_call", "can_perform_action": may_call, "limits": limit(CALLS_A_DAY) },
        ],
    })))
}

/// `POST /{phone-number-id}/calls`.
pub(super) fn call(call: &mut Call<'_>) -> Answer {
    call.for_whatsapp()?;
    let action = call.required("action")?;
    if !settings::calls_enabled(number_of(call)) {
        return Err(GraphError::of(138000).details("Calling API is not enabled for this phone number."));
    }
    match action.as_str() {
        "connect" => connect(call),
        "terminate" => terminate(call),
        // These answer a call of a customer's, and nobody calls.
        "pre_accept" | "accept" | "reject" => Err(no_such_call()),
        _ => Err(GraphError::of(100)
            .message("(#100) Param action must be one of {connect, pre_accept, accept, reject, terminate}")),
    }
}

fn connect(call: &mut Call<'_>) -> Answer {
    let session = call.json("session")?.ok_or_else(|| super::super::call::missing("session"))?;
    if session["sdp_type"] != "offer" || !session["sdp"].as_str().is_some_and(|sdp| sdp.starts_with("v=0")) {
        return Err(GraphError::of(131009).details("session must have sdp_type offer, and an SDP in sdp."));
    }
    let to = call.text("to").or_else(|| call.text("recipient")).ok_or_else(|| super::super::call::missing("to"))?;
    let customer = find(call, &to);
    let permitted = customer.filter(|key| permission(call.world, &call.object, key, call.now) != Permission::None);
    let Some(customer) = permitted else {
        return Err(GraphError::of(138006).details("No approved call permission from the recipient."));
    };
    let id = format!("wacid.{}", call.world.chance.opaque(24));
    number_of(call).ringing.insert(id.clone(), customer.clone());
    rings(call, &id, &customer);
    Ok(Reply::Json(json!({ "messaging_product": "whatsapp", "calls": [{ "id": id }] })))
}

/// The customer's phone rings a moment later.
fn rings(call: &mut Call<'_>, id: &str, customer: &str) {
    let contact = call.world.contact(&call.object, customer, call.now);
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": call.world.metadata(&call.object),
        "statuses": [{
            "id": id, "type": "call", "status": "RINGING", "timestamp": call.now.as_second().to_string(),
            "recipient_id": contact["wa_id"], "recipient_user_id": contact["user_id"],
        }],
    });
    let update = Update::number(&number_of(call).waba_id.clone(), &call.object, "calls", value);
    call.world.within(call.now, 50, 300, Task::Emit(Box::new(update)));
}

fn terminate(call: &mut Call<'_>) -> Answer {
    let id = call.required("call_id")?;
    let customer = number_of(call).ringing.shift_remove(&id).ok_or_else(no_such_call)?;
    let contact = call.world.contact(&call.object, &customer, call.now);
    let value = json!({
        "contacts": [contact],
        "calls": [{
            "id": id, "to": contact["wa_id"], "from": number_of(call).digits, "event": "terminate",
            "direction": "BUSINESS_INITIATED", "timestamp": call.now.as_second().to_string(), "status": "FAILED",
        }],
    });
    call.world.tell_number(&call.object, "calls", value);
    Reply::success()
}

fn no_such_call() -> GraphError {
    GraphError::invalid("Param call_id is not a call under way.")
}

/// What the customer's last answer to a request for permission says.
fn permission(world: &World, phone_number_id: &str, customer: &str, now: Timestamp) -> Permission {
    let Some(thread) = world.threads.get(&(phone_number_id.to_owned(), customer.to_owned())) else {
        return Permission::None;
    };
    let answers = thread.wamids.iter().rev().filter_map(|wamid| world.messages.get(wamid));
    let mut answers = answers.filter(|message| {
        message.direction == Direction::FromCustomer && message.content["type"] == "call_permission_reply"
    });
    let Some(answer) = answers.next() else { return Permission::None };
    let reply = &answer.content["call_permission_reply"];
    if reply["response"] != "accept" {
        return Permission::None;
    }
    if reply["is_permanent"] == true {
        return Permission::Permanent;
    }
    let week = answer.at + SignedDuration::from_hours(7 * 24);
    let end = match &reply["expiration_timestamp"] {
        Value::Number(end) => end.as_i64(),
        Value::String(end) => end.parse().ok(),
        _ => None,
    };
    let end = end.unwrap_or_else(|| week.as_second());
    if end > now.as_second() { Permission::Until(end) } else { Permission::None }
}

fn find(call: &Call<'_>, user: &str) -> Option<String> {
    let customer = if is_user_id(user) {
        let business = call.world.business_of(&call.object)?;
        call.world.customer_by_user_id(&business.id, user)
    } else {
        let digits: String = user.chars().filter(char::is_ascii_digit).collect();
        call.world.customer_by_phone(&digits)
    };
    customer.map(|customer| customer.key.clone())
}
