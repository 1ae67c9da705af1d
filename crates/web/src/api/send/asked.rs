//! What may be asked for, as the document shows it.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::OnUnknown;
use crate::api::fields::{Time, given};

/// A message to send: Meta's object below `messaging_product` and `to`, and beside it what wazapp is to know.
#[derive(ToSchema)]
#[schema(example = json!({"type": "text", "text": {"body": "Sí, hasta las 20."}}))]
#[expect(dead_code, reason = "members that are Meta's are documented here and read by `outgoing`")]
pub(in crate::api) struct NewMessage {
    /// Meta's type; `text` if left out. The member of the same name holds what it says:
    /// `{"type":"image","image":{"id":"…"}}`, with the `id` of a medium of yours, or one of Meta's.
    #[schema(example = "text")]
    r#type: Option<String>,
    #[serde(flatten)]
    #[schema(inline)]
    says: Says,
    /// The message it answers, by Meta's id: `{"message_id":"wamid…"}`.
    #[schema(value_type = Option<Object>)]
    context: Option<Value>,
    /// A word of your own, up to 512 characters: the message shows it as `callback_data`, and so does every
    /// `message.status` event.
    #[schema(value_type = Option<String>, example = "order-7")]
    biz_opaque_callback_data: Option<String>,
    /// The Messaging account it goes by, and is paid by: the number's `waba_id`. Needed where the number's token reaches several
    /// accounts that have the number. `paid_messaging_account_id` is Meta's former name for it.
    #[schema(value_type = Option<String>, example = "102290129340398")]
    messaging_account_id: Option<String>,
    /// Sent in its place where the service window is closed when it leaves: `{"template": {…}}`.
    #[schema(value_type = Object, required = false)]
    when_window_closed: Option<Value>,
    #[serde(flatten)]
    #[schema(inline)]
    wishes: Wishes,
}

/// What a message says, as Meta has it: of each type the member of its name.
#[derive(ToSchema)]
#[expect(dead_code, reason = "members that are Meta's are documented here and read by `outgoing`")]
struct Says {
    /// A text.
    #[schema(value_type = Option<Object>)]
    text: Option<Value>,
    /// A picture.
    #[schema(value_type = Option<Object>)]
    image: Option<Value>,
    /// A video.
    #[schema(value_type = Option<Object>)]
    video: Option<Value>,
    /// A sound, or a voice message.
    #[schema(value_type = Option<Object>)]
    audio: Option<Value>,
    /// A file.
    #[schema(value_type = Option<Object>)]
    document: Option<Value>,
    /// A sticker.
    #[schema(value_type = Option<Object>)]
    sticker: Option<Value>,
    /// A template.
    #[schema(value_type = Option<Object>)]
    template: Option<Value>,
    /// Buttons, a list, a form, products and the like.
    #[schema(value_type = Option<Object>)]
    interactive: Option<Value>,
    /// A place.
    #[schema(value_type = Option<Object>)]
    location: Option<Value>,
    /// Address cards.
    #[schema(value_type = Option<Vec<Object>>)]
    contacts: Option<Value>,
    /// An emoji on a message.
    #[schema(value_type = Option<Object>)]
    reaction: Option<Value>,
}

/// The same, with the number it is sent from and whom it is for.
#[derive(ToSchema)]
#[schema(example = json!({
    "number_id": "019a0b1c-0000-7000-8000-00000000a001", "to": "+54 9 11 5555-1234",
    "type": "template", "template": {"name": "order_ready", "language": {"code": "es_AR"}}
}))]
#[expect(dead_code, reason = "members that are Meta's are documented here and read by `outgoing`")]
pub(in crate::api) struct NewMessageTo {
    /// The number to send from, by its `id`.
    number_id: Uuid,
    /// Whom it is for: a phone number with its country code, as people write it, or a user id.
    #[schema(value_type = String, required = false, example = "+54 9 11 5555-1234")]
    to: Option<String>,
    /// The same by user id, as Meta names it. With both, it is sent to `to`, in the conversation that either leads to.
    #[schema(value_type = String, required = false, example = "AR.13491208655302741918")]
    recipient: Option<String>,
    #[serde(flatten)]
    #[schema(inline)]
    message: NewMessage,
}

/// What wazapp is to know of a message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Wishes {
    /// Not before this time, up to a year ahead.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, format = DateTime)]
    pub(super) send_at: Option<Time>,
    /// Given up at this time, if it could not be sent by then; 24 hours after it was to leave if left out.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, format = DateTime)]
    pub(super) deadline: Option<Time>,
    /// What to do when Meta's answer does not come, so that nobody knows whether it was sent. `settle`, the rule: it is
    /// `unknown` until a status tells. `resend`: it is sent again, perhaps a second time.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = OnUnknown)]
    pub(super) on_unknown: Option<OnUnknown>,
    /// Lets it wait behind messages without this.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    pub(super) bulk: Option<bool>,
    /// `true`: it goes to Meta also where the service window is known to be closed here, for whoever knows better.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    pub(super) force: Option<bool>,
}

pub(super) const WISHES: &[&str] = &["send_at", "deadline", "on_unknown", "bulk", "force"];

/// What stands beside Meta's members, for who misspells one.
pub(super) const BESIDE: &[&str] =
    &["send_at", "deadline", "on_unknown", "bulk", "when_window_closed", "number_id", "biz_opaque_callback_data"];
