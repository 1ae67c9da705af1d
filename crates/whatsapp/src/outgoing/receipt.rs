//! Blue ticks, and "typing…".

use serde_json::{Value, json};

/// The whole body that marks a message, and those before it, as read. With `typing` the
/// customer sees "typing…" until the next message or for 25 seconds (pages "Mark messages as
/// read" and "Typing indicators").
pub fn read_receipt(wamid: &str, typing: bool) -> Value {
    let mut body = json!({"messaging_product": "whatsapp", "status": "read", "message_id": wamid});
    if typing {
        body["typing_indicator"] = json!({"type": "text"});
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_in_metas_examples() {
        let read = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.A"});
        assert_eq!(read_receipt("wamid.A", false), read);
        let typing = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.A",
            "typing_indicator": {"type": "text"}});
        assert_eq!(read_receipt("wamid.A", true), typing);
    }
}
