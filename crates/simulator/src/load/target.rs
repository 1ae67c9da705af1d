//! Whom to write to.

use std::fmt;

/// A number, whose it is, and how to see what arrived there.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// The organization, by any name that tells it from others.
    pub organization: String,
    /// An API key of the organization; only comparing needs it.
    pub api_key: Option<String>,
    /// The account the number belongs to.
    pub waba_id: String,
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// The number itself, digits alone.
    pub display_phone_number: String,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("organization", &self.organization)
            .field("api_key", &self.api_key.as_ref().map(|_| "…"))
            .field("waba_id", &self.waba_id)
            .field("phone_number_id", &self.phone_number_id)
            .field("display_phone_number", &self.display_phone_number)
            .finish()
    }
}
