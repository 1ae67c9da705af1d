//! One readable line or more for any message, without words of any language.

use serde_json::Value;

use super::form;
use crate::json::{Read, as_text};

/// What stands for a message that has no words of its own.
const SIGNS: [(&str, &str); 15] = [
    ("image", "📷"),
    ("video", "🎥"),
    ("audio", "🎵"),
    ("voice", "🎤"),
    ("document", "📄"),
    ("sticker", "💟"),
    ("location", "📍"),
    ("contacts", "👤"),
    ("order", "🛒"),
    ("system", "ℹ️"),
    ("revoke", "🚫"),
    ("request_welcome", "👋"),
    ("unsupported", "⚠️"),
    ("unknown", "⚠️"),
    ("media_placeholder", "📎"),
];

/// Long lists (shared contacts, ordered items) are cut after this many.
const SHOWN: usize = 5;

/// The text of a message; `shape` names the member that holds its content.
pub(super) fn of(message: &Value, shape: &str) -> String {
    let content = message.get(shape).unwrap_or(&Value::Null);
    let text = match shape {
        "text" if !content.is_null() => Some(words(content).unwrap_or_default()),
        "location" => Some(location(content)),
        "contacts" => Some(contacts(message.list(shape))),
        "interactive" => interactive(content),
        "button" => content.text("text").or_else(|| content.text("payload")),
        "order" => Some(order(content)),
        "reaction" => Some(content.text("emoji").unwrap_or_default()),
        "edit" => content.get("message").map(|inner| of(inner, super::message::shape_of(inner))),
        "revoke" | "request_welcome" | "media_placeholder" => None,
        "unsupported" | "unknown" => Some(unsupported(message)),
        "template" => content.text("name"),
        _ => words(content).or_else(|| file(content, shape)),
    };
    text.unwrap_or_else(|| match sign(shape) {
        "" => format!("[{shape}]"),
        sign => sign.to_owned(),
    })
}

fn sign(shape: &str) -> &'static str {
    SIGNS.iter().find(|(kind, _)| *kind == shape).map_or("", |(_, sign)| sign)
}

/// A sign and what follows it, with a space only if something does.
fn signed(shape: &str, rest: &str) -> String {
    format!("{} {rest}", sign(shape)).trim_end().to_owned()
}

/// The words of content of any type, known or not.
fn words(content: &Value) -> Option<String> {
    let named = || ["body", "text", "caption"].iter().find_map(|key| nested_text(content, key));
    as_text(content).or_else(named)
}

/// A text, be it bare or in an object of its own: `"x"` or `{"text": "x"}`.
fn nested_text(content: &Value, key: &str) -> Option<String> {
    let text = content.get(key)?;
    as_text(text).or_else(|| text.text("text")).or_else(|| text.text("body"))
}

fn file(content: &Value, shape: &str) -> Option<String> {
    if content.get("voice") == Some(&Value::Bool(true)) {
        return Some(sign("voice").to_owned());
    }
    let filename = content.text("filename")?;
    super::media::KINDS.contains(&shape).then(|| signed(shape, &filename))
}

fn location(place: &Value) -> String {
    let joined = |keys: [&str; 2]| {
        let parts: Vec<String> = keys.iter().filter_map(|key| place.text(key)).collect();
        Some(parts.join(", ")).filter(|s| !s.is_empty())
    };
    let shown = joined(["name", "address"]).or_else(|| joined(["latitude", "longitude"]));
    signed("location", &shown.unwrap_or_default())
}

fn contacts(cards: &[Value]) -> String {
    signed("contacts", &listed(cards, contact_name))
}

fn contact_name(card: &Value) -> Option<String> {
    let name = card.get("name").unwrap_or(&Value::Null);
    let parts = || {
        let parts = ["first_name", "last_name"].iter().filter_map(|key| name.text(key));
        Some(parts.collect::<Vec<_>>().join(" ")).filter(|s| !s.is_empty())
    };
    let phone = || card.list("phones").iter().find_map(|phone| phone.text("phone"));
    name.text("formatted_name")
        .or_else(parts)
        .or_else(|| as_text(name))
        .or_else(|| card.get("org")?.text("company"))
        .or_else(phone)
}

fn order(order: &Value) -> String {
    let items = listed(order.list("product_items"), |item| {
        let quantity = item.text("quantity").unwrap_or_else(|| "1".to_owned());
        Some(format!("{quantity} × {}", item.text("product_retailer_id")?))
    });
    let head = signed("order", &items);
    match order.text("text") {
        Some(text) => format!("{head}\n{text}"),
        None => head,
    }
}

fn listed(list: &[Value], name: impl Fn(&Value) -> Option<String>) -> String {
    let mut names: Vec<String> = list.iter().filter_map(name).take(SHOWN + 1).collect();
    if names.len() > SHOWN {
        names[SHOWN] = "…".to_owned();
    }
    names.join(", ")
}

/// A reply to buttons, lists, flows; or, in an echo, the interactive message itself.
fn interactive(interactive: &Value) -> Option<String> {
    let reply = |kind: &str| interactive.object(kind);
    for kind in ["button_reply", "list_reply"] {
        if let Some(reply) = reply(kind) {
            return reply.text("title").or_else(|| reply.text("id"));
        }
    }
    if let Some(form) = reply("nfm_reply") {
        let answers = form::answers(interactive).and_then(|answers| form::words(&answers));
        let body = || form.text("body").unwrap_or_else(|| "📝".to_owned());
        return Some(answers.map_or_else(body, |answers| format!("📝 {answers}")));
    }
    if let Some(answer) = reply("call_permission_reply") {
        let answer = answer.text("response").unwrap_or_default();
        return Some(format!("📞 {answer}").trim_end().to_owned());
    }
    if let Some(payment) = reply("payment_method") {
        let method = payment.text("payment_method").unwrap_or_default();
        return Some(format!("💳 {method}").trim_end().to_owned());
    }
    let sent = || words(interactive).or_else(|| nested_text(interactive, "header"));
    let other = || interactive.object(interactive.get("type")?.as_str()?);
    sent().or_else(|| {
        let other = other()?;
        words(other).or_else(|| other.text("title"))
    })
}

fn unsupported(message: &Value) -> String {
    let kind = message.get("unsupported").and_then(|u| u.text("type"));
    let error = || {
        let errors = message.errors()?;
        let first = errors.get(0)?;
        first.text("title").or_else(|| first.text("message"))
    };
    signed("unsupported", &kind.or_else(error).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_type_has_its_text() {
        for (shape, content, text) in [
            ("text", json!({"body": "Hi\u{0} there"}), "Hi there"),
            ("text", json!("bare"), "bare"),
            ("text", json!({"body": 12}), "12"),
            ("text", json!({"body": ""}), ""),
            ("text", json!(null), "[text]"),
            ("image", json!({"caption": "Taj"}), "Taj"),
            ("image", json!({"id": "1"}), "📷"),
            ("video", json!({"caption": null}), "🎥"),
            ("audio", json!({"voice": true}), "🎤"),
            ("audio", json!({"voice": false}), "🎵"),
            ("document", json!({"filename": "a.pdf"}), "📄 a.pdf"),
            ("document", json!({"filename": "a.pdf", "caption": "see"}), "see"),
            ("document", json!({}), "📄"),
            ("sticker", json!({}), "💟"),
            ("location", json!({"name": "Philz", "address": "101 Forest"}), "📍 Philz, 101 Forest"),
            ("location", json!({"latitude": 0.0, "longitude": "43.9", "name": ""}), "📍 0.0, 43.9"),
            ("location", json!({}), "📍"),
            (
                "contacts",
                json!([{"name": {"formatted_name": "A"}}, {"name": {"first_name": "B", "last_name": "C"}}]),
                "👤 A, B C",
            ),
            ("contacts", json!([{"org": {"company": "D"}}, {"phones": [{"phone": "+1"}]}, {}]), "👤 D, +1"),
            ("contacts", json!("?"), "👤"),
            ("interactive", json!({"type": "button_reply", "button_reply": {"id": "x", "title": "Yes"}}), "Yes"),
            ("interactive", json!({"list_reply": {"title": "Mail", "description": "Slow"}}), "Mail"),
            ("interactive", json!({"nfm_reply": {"body": "Sent"}}), "Sent"),
            ("interactive", json!({"nfm_reply": {"response_json": "{"}}), "📝"),
            (
                "interactive",
                json!({"nfm_reply": {"body": "Sent", "response_json": "{\"flow_token\": \"t\", \"size\": \"M\"}"}}),
                "📝 size: M",
            ),
            ("interactive", json!({"call_permission_reply": {"response": "accept"}}), "📞 accept"),
            ("interactive", json!({"payment_method": {"payment_method": "pix"}}), "💳 pix"),
            ("interactive", json!({"type": "list", "body": {"text": "Choose"}}), "Choose"),
            ("interactive", json!({"type": "cta_url", "header": {"type": "text", "text": "H"}}), "H"),
            ("interactive", json!({"type": "product", "product": {"title": "Hat"}}), "Hat"),
            ("interactive", json!({"type": "button_reply"}), "[interactive]"),
            ("button", json!({"text": "Stop", "payload": "p"}), "Stop"),
            ("button", json!({"payload": "p"}), "p"),
            (
                "order",
                json!({"product_items": [{"product_retailer_id": "hat", "quantity": "2"}], "text": "Love!"}),
                "🛒 2 × hat\nLove!",
            ),
            ("order", json!({"product_items": []}), "🛒"),
            ("reaction", json!({"emoji": "👍"}), "👍"),
            ("reaction", json!({"emoji": null}), ""),
            ("edit", json!({"message": {"type": "text", "text": {"body": "new"}}}), "new"),
            ("edit", json!({"message": {"image": {}}}), "📷"),
            ("edit", json!({}), "[edit]"),
            ("revoke", json!({"original_message_id": "x"}), "🚫"),
            ("system", json!({"body": "A is now B"}), "A is now B"),
            ("system", json!({"type": "user_changed_user_id"}), "ℹ️"),
            ("request_welcome", json!(null), "👋"),
            ("media_placeholder", json!(null), "📎"),
            ("unsupported", json!({"type": "poll"}), "⚠️ poll"),
            ("template", json!({"name": "order_sent"}), "order_sent"),
            ("poll", json!({"text": "Which?"}), "Which?"),
            ("poll", json!({"body": {"text": "Which?"}}), "Which?"),
            ("poll", json!({"filename": "x"}), "[poll]"),
            ("pin", json!({"type": "pin"}), "[pin]"),
        ] {
            let message = json!({ shape: content });
            assert_eq!(of(&message, shape), text, "{message}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let cards: Vec<Value> = (0..9).map(|n| json!({"name": n.to_string()})).collect();
        assert_eq!(contacts(&cards), "👤 0, 1, 2, 3, 4, …");
    }

    #[test]
    fn an_unsupported_message_shows_its_error() {
        let message = json!({"errors": [{"code": 131051, "title": "Type unknown"}]});
        assert_eq!(of(&message, "unsupported"), "⚠️ Type unknown");
        assert_eq!(of(&json!({}), "unknown"), "⚠️");
    }
}
