//! What was said between a number and a customer.

use jiff::Timestamp;
use serde_json::Value;

/// Who wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// The customer wrote.
    FromCustomer,
    /// The business wrote.
    FromBusiness,
}

/// A message, on both sides.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) wamid: String,
    pub(crate) phone_number_id: String,
    /// The customer's key.
    pub(crate) customer: String,
    pub(crate) direction: Direction,
    /// Meta's type.
    pub(crate) kind: String,
    /// Meta's object below the type's name; edits replace it.
    pub(crate) content: Value,
    /// The wamid it answers.
    pub(crate) reply_to: Option<String>,
    pub(crate) at: Timestamp,
    /// What became of it, in order; of a customer's message: `delivered` once an App took it, `read` once the business
    /// says so.
    pub(crate) statuses: Vec<(&'static str, Timestamp)>,
    /// `biz_opaque_callback_data` (§8.1).
    pub(crate) opaque: Option<String>,
    /// How the send named the customer: by phone, else by user id.
    pub(crate) to_phone: bool,
    /// `marketing`, `utility`, `authentication` or `service`.
    pub(crate) category: String,
    /// A template as the customer sees it: `{header?, body, footer?, buttons[], cards[]}`.
    pub(crate) rendered: Option<Value>,
    /// The emoji each side put on it.
    pub(crate) reactions: Vec<(Direction, String)>,
    pub(crate) edited: bool,
    pub(crate) deleted: bool,
    /// Why it failed.
    pub(crate) error: Option<Value>,
}

impl Message {
    /// What one side says to the other now, of which nothing has become yet.
    pub(crate) fn said(
        direction: Direction,
        (phone_number_id, customer): (&str, &str),
        wamid: &str,
        kind: &str,
        content: Value,
        at: Timestamp,
    ) -> Self {
        Self {
            wamid: wamid.to_owned(),
            phone_number_id: phone_number_id.to_owned(),
            customer: customer.to_owned(),
            direction,
            kind: kind.to_owned(),
            content,
            reply_to: None,
            at,
            statuses: Vec::new(),
            opaque: None,
            to_phone: true,
            category: "service".into(),
            rendered: None,
            reactions: Vec::new(),
            edited: false,
            deleted: false,
            error: None,
        }
    }

    /// Whether it has come to this step.
    pub(crate) fn has(&self, status: &str) -> bool {
        self.statuses.iter().any(|(known, _)| *known == status)
    }
}

/// A number's conversation with a customer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thread {
    /// In the order they were said.
    pub(crate) wamids: Vec<String>,
    /// The customer's last message or call: opens 24 hours (§11).
    pub(crate) last_inbound: Option<Timestamp>,
    /// A free entry point, from an ad: open until then.
    pub(crate) entry_point_until: Option<Timestamp>,
    /// Sends to this customer that the pair limit remembers (§11).
    pub(crate) pair_sends: std::collections::VecDeque<Timestamp>,
    /// The business shows that it types, until then.
    pub(crate) typing_until: Option<Timestamp>,
    /// When the user last wrote or was written to on this number: the phone number is shown for 30 days (§6).
    pub(crate) last_touch: Option<Timestamp>,
    /// When a person last looked at the chat on the phone page.
    pub(crate) looked_at: Option<Timestamp>,
}
