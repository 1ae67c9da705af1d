//! Webhook bodies as Meta sends them: compact, ASCII, everything else escaped.

use serde_json::{Value, json};

/// One change of `messages`-like form for a number: metadata and the given members.
pub fn change(phone_number_id: &str, field: &str, members: &Value) -> Value {
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550001111", "phone_number_id": phone_number_id },
    });
    merge(&mut value, members);
    json!({ "field": field, "value": value })
}

/// An entry of an account with changes.
pub fn entry(id: &str, changes: &[Value]) -> Value {
    json!({ "id": id, "changes": changes })
}

/// A body of entries.
pub fn envelope(entries: &[Value]) -> Value {
    json!({ "object": "whatsapp_business_account", "entry": entries })
}

/// A body of one change. No account is named, as by Meta's test button: numbers are routed by their own id.
pub fn single(change: Value) -> Value {
    envelope(&[entry("0", &[change])])
}

/// A body of one change of field `messages`.
pub fn value(phone_number_id: &str, members: &Value) -> Value {
    single(change(phone_number_id, "messages", members))
}

/// A contact as Meta lists it beside messages.
pub fn contact(wa_id: &str, name: &str) -> Value {
    json!({ "profile": { "name": name }, "wa_id": wa_id })
}

/// A body of one message, which names its sender as `from`; with the sender's contact.
pub fn message(phone_number_id: &str, message: Value) -> Value {
    let mut members = json!({});
    if let Some(from) = message.get("from").and_then(Value::as_str) {
        members["contacts"] = json!([contact(from, &format!("Name of {from}"))]);
    }
    members["messages"] = json!([message]);
    value(phone_number_id, &members)
}

/// A text message, for [`message`] or a list.
pub fn text_message(from: &str, wamid: &str, timestamp: i64, text: &str) -> Value {
    json!({ "from": from, "id": wamid, "timestamp": timestamp.to_string(), "type": "text", "text": { "body": text } })
}

/// A body of one text message.
pub fn text(phone_number_id: &str, from: &str, wamid: &str, timestamp: i64, text: &str) -> Value {
    message(phone_number_id, text_message(from, wamid, timestamp, text))
}

/// A status, for [`value`] in a list.
pub fn status_of(wamid: &str, status: &str, timestamp: i64, recipient: &str) -> Value {
    json!({ "id": wamid, "status": status, "timestamp": timestamp.to_string(), "recipient_id": recipient })
}

/// A body of one status.
pub fn status(phone_number_id: &str, wamid: &str, status: &str, timestamp: i64, recipient: &str) -> Value {
    value(phone_number_id, &json!({ "statuses": [status_of(wamid, status, timestamp, recipient)] }))
}

/// A body of one message that the business wrote on its phone.
pub fn echo(phone_number_id: &str, to: &str, wamid: &str, timestamp: i64, text: &str) -> Value {
    single(change(
        phone_number_id,
        "smb_message_echoes",
        &json!({ "message_echoes": [{
            "from": "15550001111", "to": to, "id": wamid, "timestamp": timestamp.to_string(),
            "type": "text", "text": { "body": text },
        }] }),
    ))
}

/// A body of a chunk of a phone's history: threads of (customer, messages).
pub fn history(phone_number_id: &str, chunk: i64, progress: i64, threads: &[(&str, Vec<Value>)]) -> Value {
    let threads: Vec<Value> =
        threads.iter().map(|(customer, messages)| json!({ "id": customer, "messages": messages })).collect();
    single(change(
        phone_number_id,
        "history",
        &json!({ "history": [{
            "metadata": { "phase": 0, "chunk_order": chunk, "progress": progress },
            "threads": threads,
        }] }),
    ))
}

/// A body of one change of an account, not of a number.
pub fn account(waba_id: &str, field: &str, value: &Value) -> Value {
    envelope(&[json!({
        "id": waba_id, "time": 1_739_321_024, "changes": [{ "field": field, "value": value }],
    })])
}

/// The bytes of a body: compact, with everything beyond ASCII escaped, as Meta signs it.
pub fn bytes(body: &Value) -> Vec<u8> {
    let text = body.to_string();
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out.into_bytes()
}

/// Adds the members of one object to another.
fn merge(into: &mut Value, members: &Value) {
    if let (Some(into), Some(members)) = (into.as_object_mut(), members.as_object()) {
        for (key, value) in members {
            into.insert(key.clone(), value.clone());
        }
    }
}
