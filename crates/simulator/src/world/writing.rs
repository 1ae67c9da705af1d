//! What a customer writes, made whole: types inferred, media handed to Meta, mistakes told in words.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::samples::sample;
use super::{Direction, World};
use crate::error::GraphError;

/// Types of §4.2, in the order in which a message without `type` is searched for them.
const TYPES: &[&str] = &[
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "interactive",
    "button",
    "order",
    "reaction",
    "edit",
    "revoke",
    "system",
    "unsupported",
    "request_welcome",
];

/// What stands beside a message's content, and is no type.
const BESIDE: &[&str] = &["context", "referral", "errors", "group_id", "from_parent_user_id", "from_logical_id"];

/// Characters of a text at most (§4.2).
const LONGEST_TEXT: usize = 4096;

/// Base64 with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl World {
    /// A customer's message object, made whole for [`World::customer_sends`]: the type inferred where it is missing,
    /// media as Meta's objects, by `{"id"}` of a medium the number received, by `{"data"}` in base64, or a sample. What
    /// is not known passes unchanged, for Meta may add types. In words where it can't be.
    pub(crate) fn complete(
        &mut self,
        phone_number_id: &str,
        mut message: Map<String, Value>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, String> {
        let kind = kind_of(&message)?;
        message.insert("type".into(), kind.clone().into());
        let content = message.remove(&kind);
        if let Some(content) = self.complete_content(phone_number_id, &kind, content, now)? {
            message.insert(kind.clone(), content);
        }
        if kind == "unsupported" {
            let error = GraphError::any(400, 131051, "Message type unknown")
                .details("Message type is currently not supported.");
            message.entry("errors").or_insert_with(|| json!([error.in_webhook()]));
        }
        if let Some(context) = message.get_mut("context") {
            self.complete_context(context)?;
        }
        Ok(message)
    }

    /// What stands below the type's name; `None` where there is nothing.
    fn complete_content(
        &mut self,
        phone_number_id: &str,
        kind: &str,
        content: Option<Value>,
        now: Timestamp,
    ) -> Result<Option<Value>, String> {
        if sample(kind).is_some() {
            let content = content.unwrap_or_else(|| json!({}));
            return self.complete_media(phone_number_id, kind, content, now).map(Some);
        }
        let Some(mut content) = content else {
            return match kind {
                "unsupported" | "request_welcome" => Ok(None),
                _ if TYPES.contains(&kind) => Err(format!("a message of type {kind} needs {kind}")),
                _ => Ok(None),
            };
        };
        match kind {
            "text" => text(&content)?,
            "location" => location(&content)?,
            "contacts" => contacts(&content)?,
            "interactive" => interactive(&mut content)?,
            "button" => button(&mut content)?,
            "order" => order(&content)?,
            "reaction" => needs(&content, "reaction", "message_id")?,
            "revoke" => needs(&content, "revoke", "original_message_id")?,
            "system" => needs(&content, "system", "type")?,
            "edit" => self.complete_edit(phone_number_id, &mut content, now)?,
            _ => {}
        }
        Ok(Some(content))
    }

    /// A medium as it stands in a webhook (§4.2), its other fields kept.
    fn complete_media(
        &mut self,
        phone_number_id: &str,
        kind: &str,
        content: Value,
        now: Timestamp,
    ) -> Result<Value, String> {
        let Value::Object(mut content) = content else { return Err(format!("{kind} is an object")) };
        let word = |content: &mut Map<String, Value>, name: &str| match content.remove(name) {
            Some(Value::String(word)) => Some(word),
            _ => None,
        };
        let data = word(&mut content, "data");
        let mime = word(&mut content, "mime_type");
        let named = content.get("filename").and_then(Value::as_str).map(str::to_owned);
        let id = match (word(&mut content, "id"), data) {
            (Some(_), Some(_)) => return Err(format!("{kind} has id or data, not both")),
            (Some(id), None) => match self.media.get(&id) {
                Some(media) if media.inbound => id,
                Some(_) => return Err(format!("medium {id} is one that the business uploaded")),
                None => return Err(format!("there is no medium {id}")),
            },
            (None, Some(data)) => {
                let bytes = BASE64.decode(data.trim()).map_err(|why| format!("{kind}.data is not base64: {why}"))?;
                let default = sample(kind).map_or("application/octet-stream", |sample| sample.mime);
                let mime = mime.as_deref().unwrap_or(default);
                self.receive_media(phone_number_id, mime, named.as_deref(), Bytes::from(bytes), now)
            }
            (None, None) => {
                let sample = sample(kind).ok_or_else(|| format!("{kind} carries no medium"))?;
                let name = named.as_deref().or(sample.filename);
                self.receive_media(phone_number_id, sample.mime, name, sample.bytes, now)
            }
        };
        let filename = self.media[&id].filename.clone();
        let Value::Object(mut whole) = self.media_object(&id, phone_number_id) else {
            return Err(format!("there is no medium {id}"));
        };
        if kind == "document" {
            whole.insert("filename".into(), filename.unwrap_or_else(|| "document".into()).into());
        }
        if kind == "audio" {
            // What WhatsApp records is a voice note; a file that was picked is not.
            let recorded = whole["mime_type"].as_str().is_some_and(|mime| mime.starts_with("audio/ogg"));
            whole.insert("voice".into(), recorded.into());
        }
        if kind == "sticker" {
            whole.insert("animated".into(), false.into());
        }
        whole.extend(content);
        Ok(Value::Object(whole))
    }

    /// An edit (§4.2): the message in it is whole, and without a medium of its own keeps the one it had.
    fn complete_edit(&mut self, phone_number_id: &str, edit: &mut Value, now: Timestamp) -> Result<(), String> {
        needs(edit, "edit", "original_message_id")?;
        let original = edit["original_message_id"].as_str().unwrap_or_default();
        let original = self.messages.get(original).map(|original| (original.kind.clone(), original.content.clone()));
        let Some(Value::Object(mut message)) = edit.get_mut("message").map(Value::take) else {
            return Err("edit needs message: the whole message as it is now".into());
        };
        let kind = kind_of(&message)?;
        message.insert("type".into(), kind.clone().into());
        let mut content = message.remove(&kind);
        if sample(&kind).is_some()
            && let Some((was, Value::Object(mut before))) = original
            && was == kind
            && content.as_ref().is_none_or(|content| content.get("id").is_none() && content.get("data").is_none())
        {
            before.remove("caption");
            if let Some(Value::Object(changed)) = content {
                before.extend(changed);
            }
            content = Some(Value::Object(before));
        } else {
            content = self.complete_content(phone_number_id, &kind, content, now)?;
        }
        message.extend(content.map(|content| (kind, content)));
        edit["message"] = Value::Object(message);
        Ok(())
    }

    /// A context (§4.4) of an answer to the customer's own message names the customer.
    fn complete_context(&self, context: &mut Value) -> Result<(), String> {
        let Value::Object(context) = context else {
            return Err("context is an object, as {\"id\":\"wamid…\"}".into());
        };
        let answered = context.get("id").and_then(Value::as_str).and_then(|wamid| self.messages.get(wamid));
        if let Some(answered) = answered.filter(|answered| answered.direction == Direction::FromCustomer)
            && let Some(wa_id) = &self.customers[&answered.customer].wa_id
        {
            context.entry("from").or_insert_with(|| wa_id.clone().into());
        }
        Ok(())
    }
}

/// The type a message names, or the one whose content it holds.
fn kind_of(message: &Map<String, Value>) -> Result<String, String> {
    match message.get("type") {
        Some(Value::String(kind)) if !kind.is_empty() => return Ok(kind.clone()),
        None => {}
        Some(_) => return Err("type is a word".into()),
    }
    if let Some(kind) = TYPES.iter().find(|kind| message.contains_key(**kind)) {
        return Ok((*kind).to_owned());
    }
    let mut others = message.keys().filter(|key| !BESIDE.contains(&key.as_str()));
    match (others.next(), others.next()) {
        (Some(kind), None) => Ok(kind.clone()),
        _ => Err("type says what the message is: text, image, location, …".into()),
    }
}

/// A field that is a word and must be there.
fn needs(content: &Value, kind: &str, name: &str) -> Result<(), String> {
    match content.get(name) {
        Some(Value::String(word)) if !word.is_empty() => Ok(()),
        _ => Err(format!("{kind} needs {name}")),
    }
}

fn text(content: &Value) -> Result<(), String> {
    needs(content, "text", "body")?;
    match content["body"].as_str().unwrap_or_default().chars().count() {
        length if length > LONGEST_TEXT => {
            Err(format!("text.body has {length} characters; {LONGEST_TEXT} is the most"))
        }
        _ => Ok(()),
    }
}

fn location(content: &Value) -> Result<(), String> {
    for (name, most) in [("latitude", 90.0), ("longitude", 180.0)] {
        let number = match &content[name] {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if !number.is_some_and(|number: f64| number.abs() <= most) {
            return Err(format!("location needs {name}, a number from -{most} to {most}"));
        }
    }
    Ok(())
}

fn contacts(content: &Value) -> Result<(), String> {
    match content.as_array() {
        Some(list) if !list.is_empty() && list.iter().all(Value::is_object) => Ok(()),
        _ => Err("contacts is a list with at least one contact".into()),
    }
}

/// Answers to interactive messages (§4.3); kinds beyond these pass.
fn interactive(content: &mut Value) -> Result<(), String> {
    const KINDS: &[&str] = &["button_reply", "list_reply", "nfm_reply", "call_permission_reply", "payment_method"];
    let Value::Object(fields) = content else { return Err("interactive is an object".into()) };
    if !fields.contains_key("type")
        && let Some(kind) = KINDS.iter().find(|kind| fields.contains_key(**kind))
    {
        fields.insert("type".into(), (*kind).into());
    }
    needs(content, "interactive", "type")?;
    let kind = content["type"].as_str().unwrap_or_default().to_owned();
    let needed: &[&str] = match kind.as_str() {
        "button_reply" | "list_reply" => &["id", "title"],
        "nfm_reply" => &["response_json"],
        "call_permission_reply" => &["response"],
        _ => &[],
    };
    needed.iter().try_for_each(|name| needs(&content[&kind], &kind, name))
}

/// A tap on a template's quick reply: without a payload of its own, the button's text (§4.2).
fn button(content: &mut Value) -> Result<(), String> {
    needs(content, "button", "text")?;
    let text = content["text"].clone();
    if let Value::Object(button) = content {
        button.entry("payload").or_insert(text);
    }
    Ok(())
}

fn order(content: &Value) -> Result<(), String> {
    needs(content, "order", "catalog_id")?;
    match content["product_items"].as_array() {
        Some(items) if !items.is_empty() => Ok(()),
        _ => Err("order needs product_items, a list with at least one product".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn complete(world: &mut World, message: Value) -> Result<Value, String> {
        let number = world.numbers.keys().next().expect("a number").clone();
        let Value::Object(message) = message else { panic!("an object") };
        world.complete(&number, message, NOW).map(Value::Object)
    }

    #[test]
    fn types_are_inferred_and_unknown_ones_pass() {
        let mut world = World::furnished(1, None, None, NOW);
        let whole = complete(&mut world, json!({ "text": { "body": "hola" } })).expect("whole");
        assert_eq!(whole, json!({ "type": "text", "text": { "body": "hola" } }));
        let whole = complete(&mut world, json!({ "hologram": { "depth": 3 } })).expect("whole");
        assert_eq!(whole, json!({ "type": "hologram", "hologram": { "depth": 3 } }));
        let whole = complete(&mut world, json!({ "type": "unsupported" })).expect("whole");
        assert_eq!(whole["errors"][0]["code"], 131051);
        let whole = complete(&mut world, json!({ "button": { "text": "Sí" } })).expect("whole");
        assert_eq!(whole["button"]["payload"], "Sí");
        let whole = complete(&mut world, json!({ "interactive": { "list_reply": { "id": "1", "title": "a" } } }));
        assert_eq!(whole.expect("whole")["interactive"]["type"], "list_reply");
    }

    #[test]
    fn media_come_from_a_sample_from_data_or_from_before() {
        let mut world = World::furnished(1, None, None, NOW);
        let whole = complete(&mut world, json!({ "image": { "caption": "café" } })).expect("whole");
        let image = &whole["image"];
        assert_eq!((&image["mime_type"], &image["caption"]), (&json!("image/png"), &json!("café")));
        assert!(image["url"].is_string() && image["sha256"].is_string());
        let again = complete(&mut world, json!({ "image": { "id": image["id"] } })).expect("whole");
        assert_eq!(again["image"]["sha256"], image["sha256"]);
        let data = json!({ "document": { "data": "aG9sYQ", "mime_type": "text/plain", "filename": "a.txt" } });
        let whole = complete(&mut world, data).expect("whole");
        let id = whole["document"]["id"].as_str().expect("an id");
        assert_eq!(world.media[id].bytes, "hola".as_bytes());
        assert_eq!(whole["document"]["filename"], "a.txt");
        let whole = complete(&mut world, json!({ "type": "audio" })).expect("whole");
        assert_eq!(whole["audio"]["voice"], true);
    }

    #[test]
    fn what_cannot_be_is_told_in_words() {
        let mut world = World::furnished(1, None, None, NOW);
        for (message, why) in [
            (json!({}), "type says what the message is: text, image, location, …"),
            (json!({ "type": "text" }), "a message of type text needs text"),
            (json!({ "text": { "body": "" } }), "text needs body"),
            (json!({ "image": { "id": "77" } }), "there is no medium 77"),
            (json!({ "image": { "data": "%" } }), "image.data is not base64: Invalid symbol 37, offset 0."),
            (
                json!({ "location": { "latitude": 91, "longitude": 0 } }),
                "location needs latitude, a number from -90 to 90",
            ),
            (
                json!({ "interactive": { "type": "button_reply", "button_reply": { "id": "1" } } }),
                "button_reply needs title",
            ),
            (json!({ "reaction": { "emoji": "😀" } }), "reaction needs message_id"),
            (json!({ "contacts": [] }), "contacts is a list with at least one contact"),
        ] {
            assert_eq!(complete(&mut world, message), Err(why.to_owned()));
        }
    }

    #[test]
    fn an_edited_caption_keeps_the_picture() {
        let mut world = World::furnished(1, None, None, NOW);
        let number = world.numbers.keys().next().expect("a number").clone();
        let customer = world.customer_writing(&number, "525512345678", None);
        let Ok(Value::Object(message)) = complete(&mut world, json!({ "image": { "caption": "one" } })) else {
            panic!("whole")
        };
        let id = message["image"]["id"].clone();
        let wamid = world.customer_sends(&number, &customer, message, NOW).expect("heard");
        let edit = json!({ "edit": { "original_message_id": wamid, "message": { "image": { "caption": "two" } } } });
        let whole = complete(&mut world, edit).expect("whole");
        assert_eq!(whole["edit"]["message"]["image"]["id"], id);
        assert_eq!(whole["edit"]["message"]["image"]["caption"], "two");
        assert_eq!(whole["edit"]["message"]["type"], "image");
    }
}
