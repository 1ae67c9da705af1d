//! Whom a message is for: a phone in `to`, else a user id in `recipient` (§6, §8.1, §12).

use serde_json::{Value, json};

use super::part::{not_one_of, refused};
use crate::error::GraphError;
use crate::graph::Call;
use crate::graph::call::missing;
use crate::world::World;
use crate::world::customer::{is_user_id, wa_id};

/// Digits that a number has, its country's code among them.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Whom a message is for.
#[derive(Debug)]
pub(super) struct Recipient {
    /// As the request names them.
    input: String,
    /// The digits that were dialed; `None`: a user id was named.
    digits: Option<String>,
    /// The customer's key; `None`: nobody wrote with this number before, yet any number may be somebody.
    customer: Option<String>,
    /// Whether a user id stands where a phone belongs: Meta was seen to take such a message, and to lose it.
    lost: bool,
}

impl Recipient {
    /// Whom the request names; `to` wins over `recipient`. Errors: 100 (nobody named), 131009 (no phone, no user id),
    /// 131021 (the sender), 131026 (an unknown user id), 131041 (a group: none are simulated), 130403 (blocked).
    pub(super) fn of(call: &Call<'_>) -> Result<Self, GraphError> {
        check_type(call)?;
        let named = |name: &str| call.text(name).filter(|text| !text.trim().is_empty());
        let recipient = match (named("to"), named("recipient")) {
            (Some(to), _) => Self::phone(call, to)?,
            (None, Some(recipient)) => Self::user(call, recipient)?,
            (None, None) => return Err(missing("to")),
        };
        let blocked = &call.world.numbers[&call.object].blocked;
        if recipient.customer.as_ref().is_some_and(|key| blocked.contains(key)) {
            return Err(GraphError::of(130403).details("The recipient is blocked by this business phone number."));
        }
        Ok(recipient)
    }

    fn phone(call: &Call<'_>, to: String) -> Result<Self, GraphError> {
        if is_user_id(&to) {
            return Ok(Self { input: to, digits: None, customer: None, lost: true });
        }
        let digits: String = to.chars().filter(|char| !matches!(char, '+' | ' ' | '-' | '(' | ')')).collect();
        let number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        if !number || !DIGITS.contains(&digits.len()) {
            return Err(refused("to: the phone number is malformed. Use the format: +1234567890"));
        }
        if wa_id(&digits) == wa_id(&call.world.numbers[&call.object].digits) {
            return Err(GraphError::of(131021).details("Sender and recipient phone number is the same."));
        }
        let customer = call.world.customer_by_phone(&digits).map(|customer| customer.key.clone());
        Ok(Self { input: to, digits: Some(digits), customer, lost: false })
    }

    fn user(call: &Call<'_>, recipient: String) -> Result<Self, GraphError> {
        if !is_user_id(&recipient) {
            return Err(refused("recipient: not a business-scoped user id"));
        }
        let business = call.world.business_of(&call.object).map(|business| business.id.as_str());
        let customer = business.and_then(|id| call.world.customer_by_user_id(id, &recipient));
        match customer {
            Some(customer) => {
                Ok(Self { customer: Some(customer.key.clone()), digits: None, input: recipient, lost: false })
            }
            None => Err(GraphError::of(131026).details("recipient: the user id is not known to this business.")),
        }
    }

    /// Whether the message is taken and never heard of again.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// The row in the answer of one whose message is lost.
    pub(super) fn lost_contact(&self) -> Value {
        json!({ "input": self.input, "wa_id": self.input })
    }

    /// Whether a phone was named, else a user id.
    pub(super) fn is_phone(&self) -> bool {
        self.digits.is_some()
    }

    /// The customer's key, if anybody wrote with this number before.
    pub(super) fn known(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    /// The customer's key; who was never written to is made.
    pub(super) fn reach(&self, world: &mut World) -> String {
        match (&self.customer, &self.digits) {
            (Some(key), _) => key.clone(),
            (None, digits) => world.customer_dialed(digits.as_deref().unwrap_or_default()),
        }
    }

    /// `recipient_identity_key_hash`, where it is given and the customer's is known, must be theirs (137000).
    pub(super) fn same_key(&self, call: &Call<'_>) -> Result<(), GraphError> {
        let Some(given) = call.text("recipient_identity_key_hash") else { return Ok(()) };
        let customer = self.customer.as_ref().and_then(|key| call.world.customers.get(key));
        match customer.and_then(|customer| customer.identity_key_hash.as_deref()) {
            Some(hash) if hash != given => Err(GraphError::of(137000)
                .details("The recipient's identity key hash is another one: the identity may have changed.")),
            _ => Ok(()),
        }
    }

    /// The customer's row in the answer: `wa_id` may be other digits than those dialed (§12); to a user id, no phone
    /// (§6).
    pub(super) fn contact(&self, world: &World, customer: &str) -> Value {
        match self.digits {
            Some(_) => json!({ "input": self.input, "wa_id": world.customers[customer].wa_id }),
            None => json!({ "input": self.input, "user_id": self.input }),
        }
    }
}

fn check_type(call: &Call<'_>) -> Result<(), GraphError> {
    let kind = call.text("recipient_type").unwrap_or_else(|| "individual".into());
    match kind.to_ascii_lowercase().as_str() {
        "individual" => Ok(()),
        "group" => Err(GraphError::of(131041).details("The group does not exist, or this number is not in it.")),
        _ => Err(not_one_of("recipient_type", &["GROUP", "INDIVIDUAL"], &kind)),
    }
}
