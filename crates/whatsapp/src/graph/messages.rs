//! Sends and read receipts: `POST /{phone-number-id}/messages`.

use http::Method;
use serde_json::{Value, json};

use super::call::{Body, Call, digits};
use super::{Credential, Failure, Graph};
use crate::json::Read;

/// A message that Meta accepted, which is not one that was sent: that, a status tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Meta's id of the message.
    pub wamid: String,
    /// The recipient's phone as Meta knows it, which may differ from the one that was written to; of a group, its id.
    /// Absent where the message went to a user id.
    pub wa_id: Option<String>,
    /// The recipient's business-scoped user id, where the message went to one.
    pub user_id: Option<String>,
    /// Of templates: `accepted`, `held_for_quality_assessment` or `paused`.
    pub message_status: Option<String>,
}

impl Sent {
    /// Reads Meta's answer. `None`: it has no message.
    pub fn read(answer: &Value) -> Option<Self> {
        let message = answer.list("messages").first()?;
        let contact = answer.list("contacts").first().unwrap_or(&Value::Null);
        Some(Self {
            wamid: message.text("id")?,
            wa_id: contact.text("wa_id"),
            user_id: contact.text("user_id"),
            message_status: message.text("message_status"),
        })
    }
}

impl Graph {
    /// Sends a message; `body` is the whole of Meta's, with `messaging_product`. Meta has no idempotency key: what
    /// ends in [`Failure::Unknown`] may have been accepted, and only a status that echoes `biz_opaque_callback_data`
    /// tells.
    pub async fn send_message(
        &self,
        credential: &Credential,
        phone_number_id: &str,
        body: &Value,
    ) -> Result<Sent, Failure> {
        let path = [digits(phone_number_id)?, "messages"];
        let call = Call { body: Body::Json(body), ..Call::new(Method::POST, &path, credential) };
        self.bring(call, Sent::read, "it names no message").await
    }

    /// Marks a customer's message, and those of the thread before it, as read; `typing` shows that somebody writes, until
    /// the next message or for 25 seconds.
    pub async fn mark_read(
        &self,
        credential: &Credential,
        phone_number_id: &str,
        wamid: &str,
        typing: bool,
    ) -> Result<(), Failure> {
        let path = [digits(phone_number_id)?, "messages"];
        let mut body = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": wamid });
        if typing {
            body["typing_indicator"] = json!({ "type": "text" });
        }
        self.command(Call { body: Body::Json(&body), ..Call::new(Method::POST, &path, credential) }).await
    }
}
