//! `POST /{phone-number-id}/messages` and `/marketing_messages`: a business writes to a customer (§8).

mod contacts;
mod direct;
mod interactive;
mod kinds;
mod limits;
mod media;
mod part;
mod reaction;
mod receipt;
mod recipient;
mod template;
#[cfg(test)]
mod tests;
mod unfold;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Call, Needs, Object, Operation, Reply, op};
use crate::error::{Follows, GraphError};
use crate::world::{Accepted, Sent, World};
use part::{Part, structure};
use recipient::Recipient;

/// `biz_opaque_callback_data` (§8.1).
const OPAQUE_CHARACTERS: usize = 512;

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        Method::POST,
        Object::Number,
        "messages",
        Needs::Messaging,
        Follows::Fixture("POST_phone-number-id-messages.json"),
        messages,
    ),
    op(
        Method::POST,
        Object::Number,
        "marketing_messages",
        Needs::Messaging,
        Follows::Fixture("POST_phone-number-id-marketing-messages.json"),
        marketing_messages,
    ),
];

/// What a check looks up, and the links it met on its way.
#[derive(Debug)]
struct Check<'a> {
    world: &'a World,
    phone_number_id: &'a str,
    now: Timestamp,
    /// Media given by link, in the request's order: Meta fetches them after it accepted (§8.3).
    links: Vec<String>,
}

/// What a message says, found good.
#[derive(Debug)]
struct Content {
    /// Meta's type.
    kind: &'static str,
    /// Meta's object below it.
    value: Value,
    /// `marketing`, `utility`, `authentication` or `service`.
    category: String,
    /// A template as the customer sees it.
    rendered: Option<Value>,
    link: Option<String>,
}

/// Sends a message, or marks one as read.
///
/// Answers `{messaging_product, contacts[{input, wa_id | user_id}], messages[{id, message_status?}]}` (§8.1); of a
/// receipt `{"success": true}`.
fn messages(call: &mut Call<'_>) -> Answer {
    unfold::members(&mut call.body.fields);
    call.for_whatsapp()?;
    limits::ready(call)?;
    if call.param("status").is_some() {
        return receipt::read(call);
    }
    account(call)?;
    let recipient = Recipient::of(call)?;
    let content = kinds::check(call, &recipient)?;
    send(call, recipient, content)
}

/// The Messaging account that a send names, by either name, must be one that the number is in. Meta says that others are refused,
/// and not by which code (autumn 2026, §3).
fn account(call: &Call<'_>) -> Result<(), GraphError> {
    let own = call.world.waba_of(&call.object).map(|waba| waba.id.as_str());
    for name in ["messaging_account_id", "paid_messaging_account_id"] {
        if call.text(name).is_some_and(|named| own != Some(named.as_str())) {
            return Err(GraphError::of(131009).details(format!("{name} is no Messaging account of this phone number.")));
        }
    }
    Ok(())
}

/// Sends a marketing template (§8.2, the end); refuses everything else with 100, 131055 or 134100.
fn marketing_messages(call: &mut Call<'_>) -> Answer {
    call.for_whatsapp()?;
    limits::ready(call)?;
    if call.param("status").is_some() {
        return Err(GraphError::of(131055).details("Only marketing template messages are supported"));
    }
    if call.text("type").as_deref() != Some("template") {
        return Err(GraphError::invalid("Message must be a template message."));
    }
    if let Some(policy) = call.param("product_policy") {
        Part::of("product_policy", policy).one_of(&["CLOUD_API_FALLBACK", "STRICT"])?;
    }
    if let Some(sharing) = call.param("message_activity_sharing") {
        Part::of("message_activity_sharing", sharing).truth()?;
    }
    let recipient = Recipient::of(call)?;
    let content = kinds::check(call, &recipient)?;
    if content.category != "marketing" {
        return Err(GraphError::of(134100).details("You're only able to send marketing messages on this API."));
    }
    send(call, recipient, content)
}

/// Takes what was found good: counts it, remembers it, and hands it to the world.
fn send(call: &mut Call<'_>, recipient: Recipient, content: Content) -> Answer {
    let direct = direct::category(call, &content)?;
    let (reply_to, opaque) = (reply_to(call)?, opaque(call)?);
    recipient.same_key(call)?;
    limits::count(call, recipient.known())?;
    if recipient.is_lost() {
        return Ok(lose(call, &recipient));
    }
    let customer = recipient.reach(call.world);
    limits::borrow(call, &customer);
    let is_template = content.kind == "template";
    let sent = Sent {
        phone_number_id: call.object.clone(),
        customer: customer.clone(),
        to_phone: recipient.is_phone(),
        kind: content.kind.into(),
        content: content.value,
        reply_to,
        opaque,
        direct: direct.is_some(),
        category: direct.unwrap_or(content.category),
        rendered: content.rendered,
        link: content.link,
    };
    let wamid = call.world.business_sends(sent, call.now);
    remember(call, &wamid, "message");
    let mut message = json!({ "id": wamid });
    if is_template {
        message["message_status"] = "accepted".into();
    }
    let answer = json!({
        "messaging_product": "whatsapp",
        "contacts": [recipient.contact(call.world, &customer)],
        "messages": [message],
    });
    Ok(Reply::Accepted { wamid, answer })
}

/// Takes a message of which nothing is heard again.
fn lose(call: &mut Call<'_>, recipient: &Recipient) -> Reply {
    let wamid = call.world.chance.wamid("0");
    remember(call, &wamid, "lost");
    let contacts = [recipient.lost_contact()];
    let answer = json!({ "messaging_product": "whatsapp", "contacts": contacts, "messages": [{ "id": wamid }] });
    Reply::Accepted { wamid, answer }
}

/// Enters a request among those that were truly accepted.
fn remember(call: &mut Call<'_>, id: &str, kind: &'static str) {
    call.world.accepted.push(Accepted {
        phone_number_id: call.object.clone(),
        id: id.to_owned(),
        kind,
        at: call.now,
        request: Value::Object(call.body.fields.clone()),
    });
}

/// The message that this one answers. Meta takes an id that it does not know, and shows no quote then.
fn reply_to(call: &Call<'_>) -> Result<Option<String>, GraphError> {
    let Some(context) = call.json("context")? else { return Ok(None) };
    let context = Part::of("context", &context);
    context.keys(&["message_id"])?;
    let id = context.words("message_id")?;
    if !part::is_message_id(id) {
        return Err(context.need("message_id")?.refused("is not a WhatsApp message id"));
    }
    Ok(Some(id.to_owned()))
}

/// What comes back in the statuses.
fn opaque(call: &Call<'_>) -> Result<Option<String>, GraphError> {
    let opaque = call.text("biz_opaque_callback_data");
    match &opaque {
        Some(text) if text.chars().count() > OPAQUE_CHARACTERS => Err(structure(format!(
            "Param biz_opaque_callback_data must be at most {OPAQUE_CHARACTERS} characters long."
        ))),
        _ => Ok(opaque),
    }
}
