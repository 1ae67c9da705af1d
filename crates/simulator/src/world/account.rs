//! Apps, businesses, WhatsApp Business Accounts, numbers and tokens.

use std::collections::{BTreeSet, HashMap, VecDeque};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::Value;

/// A callback and the word that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Callback {
    pub(crate) url: String,
    pub(crate) verify_token: String,
}

/// An App's subscription to `whatsapp_business_account` (§2.6).
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) callback: Callback,
    pub(crate) fields: BTreeSet<String>,
}

/// A Meta App.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) secret: String,
    /// "Require App Secret": calls need `appsecret_proof`.
    pub(crate) needs_proof: bool,
    pub(crate) subscription: Option<Subscription>,
}

/// A business portfolio.
#[derive(Clone, Debug)]
pub(crate) struct Business {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) verified: bool,
    /// Customers it may begin with in 24 h, outside of windows; `None`: unlimited (§11).
    pub(crate) messaging_limit: Option<u32>,
    /// When it last began with a customer.
    pub(crate) begun: HashMap<String, Timestamp>,
}

/// A WhatsApp Business Account.
#[derive(Clone, Debug)]
pub(crate) struct Waba {
    pub(crate) id: String,
    pub(crate) business_id: String,
    pub(crate) name: String,
    pub(crate) currency: String,
    pub(crate) country: String,
    pub(crate) timezone_id: String,
    pub(crate) namespace: String,
    /// Apps that hear of it, each with its override, if any.
    pub(crate) subscribed: IndexMap<String, Option<Callback>>,
    /// When templates were created in the last hour (§9.1).
    pub(crate) creations: VecDeque<Timestamp>,
    /// Template names that may not be used again before a time (§9.1).
    pub(crate) blocked_names: HashMap<String, Timestamp>,
    /// Management calls of the last hour (§11).
    pub(crate) calls: VecDeque<Timestamp>,
}

/// What a number may send in a second (§11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Throughput {
    /// 80 a second.
    Standard,
    /// 1,000 a second.
    High,
    /// 20 a second: the owner's phone app works beside the API.
    Coexistence,
}

impl Throughput {
    /// Messages a second.
    pub(crate) fn per_second(self) -> usize {
        match self {
            Self::Standard => 80,
            Self::High => 1000,
            Self::Coexistence => 20,
        }
    }
}

/// A business profile (§9.2).
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    pub(crate) about: String,
    pub(crate) address: String,
    pub(crate) description: String,
    pub(crate) email: String,
    pub(crate) websites: Vec<String>,
    pub(crate) vertical: String,
    pub(crate) picture: Option<String>,
}

/// A business phone number.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    pub(crate) id: String,
    pub(crate) waba_id: String,
    /// The country code and the rest, as in webhooks.
    pub(crate) digits: String,
    /// As people write it.
    pub(crate) display: String,
    pub(crate) verified_name: String,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    pub(crate) quality: String,
    pub(crate) throughput: Throughput,
    pub(crate) registered: bool,
    /// Two-step verification.
    pub(crate) pin: Option<String>,
    pub(crate) wrong_pins: VecDeque<Timestamp>,
    /// `VERIFIED`, `NOT_VERIFIED` or `EXPIRED`.
    pub(crate) code_status: String,
    /// The code that was sent by SMS or voice.
    pub(crate) code: Option<String>,
    /// Registrations and deregistrations of the last 72 h (§9.2).
    pub(crate) registrations: VecDeque<Timestamp>,
    pub(crate) profile: Profile,
    pub(crate) settings: Value,
    pub(crate) automation: Value,
    pub(crate) commerce: Value,
    pub(crate) username: Option<String>,
    /// Customers it blocks.
    pub(crate) blocked: BTreeSet<String>,
    pub(crate) override_callback: Option<Callback>,
    /// Sends of the last second.
    pub(crate) sends: VecDeque<Timestamp>,
    /// Accepts nothing until then (131057).
    pub(crate) maintenance_until: Option<Timestamp>,
    /// The coexistence syncs that were used (§7.2).
    pub(crate) synced: BTreeSet<String>,
    pub(crate) onboarded_at: Timestamp,
}

/// An access token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) app_id: String,
    pub(crate) user_id: String,
    /// `whatsapp_business_messaging`, `whatsapp_business_management`, …
    pub(crate) scopes: Vec<String>,
    /// The WABAs that it opens.
    pub(crate) wabas: Vec<String>,
    pub(crate) business_id: String,
    pub(crate) issued_at: Timestamp,
    /// `None`: never.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked: bool,
}

/// A code of Embedded Signup: good for 30 seconds, once (§9.3).
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) app_id: String,
    pub(crate) wabas: Vec<String>,
    pub(crate) business_id: String,
    pub(crate) expires_at: Timestamp,
}
