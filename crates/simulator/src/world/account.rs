//! Apps, businesses, WhatsApp Business Accounts, numbers and tokens.

use std::collections::{BTreeSet, HashMap, VecDeque};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::World;
use crate::webhook::Update;

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
    /// The portfolio that it belongs to: the partner's, in webhooks about partners (§3).
    pub(crate) business_id: String,
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
    /// Whether figures are kept of its templates.
    pub(crate) insights: bool,
    /// Apps that hear of it, each with its override, if any.
    pub(crate) subscribed: IndexMap<String, Option<Callback>>,
    /// When templates were created in the last hour (§9.1).
    pub(crate) creations: VecDeque<Timestamp>,
    /// Template names that may not be used again before a time (§9.1).
    pub(crate) blocked_names: HashMap<String, Timestamp>,
    /// Management calls of the last hour, by App (§11).
    pub(crate) calls: HashMap<String, VecDeque<Timestamp>>,
    /// People and system users who were let in, and what they may do.
    pub(crate) users: IndexMap<String, Vec<String>>,
    /// Schedules, as they were created, each with its id.
    pub(crate) schedules: Vec<Value>,
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

/// A code that opens a chat with a text begun.
#[derive(Clone, Debug)]
pub(crate) struct QrCode {
    pub(crate) prefilled_message: String,
    pub(crate) created_at: Timestamp,
    /// Where its picture is, once one was made.
    pub(crate) image: Option<String>,
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
    /// `APPROVED`, `PENDING_REVIEW`, `AVAILABLE_WITHOUT_REVIEW`, `DECLINED`, …
    pub(crate) name_status: String,
    /// A name that was asked for and is not decided on.
    pub(crate) new_name: Option<String>,
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
    /// When codes were asked for in the last hour.
    pub(crate) code_requests: VecDeque<Timestamp>,
    /// Wrong guesses of the present code.
    pub(crate) wrong_codes: u32,
    /// Registrations and deregistrations of the last 72 h (§9.2).
    pub(crate) registrations: VecDeque<Timestamp>,
    pub(crate) profile: Profile,
    pub(crate) settings: Value,
    pub(crate) automation: Value,
    pub(crate) commerce: Value,
    pub(crate) username: Option<String>,
    /// `approved` or `reserved` (§6).
    pub(crate) username_status: &'static str,
    /// Whether people find it by searching.
    pub(crate) searchable: bool,
    /// `NOT_STARTED`, `PENDING`, `APPROVED`, `REJECTED` or `CANCELLED`.
    pub(crate) official: &'static str,
    /// Who is answerable for the business, where a law asks for it.
    pub(crate) compliance: Map<String, Value>,
    /// The key that flows are encrypted with.
    pub(crate) public_key: Option<String>,
    pub(crate) qr_codes: IndexMap<String, QrCode>,
    /// Calls that it made and that are not over, with the customer's key (§7.3).
    pub(crate) ringing: IndexMap<String, String>,
    /// Whether the owner shares the past of the phone app (§7.2).
    pub(crate) shares_history: bool,
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
    /// Whether `debug_token` names them.
    pub(crate) names_wabas: bool,
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
    /// Whether it was exchanged.
    pub(crate) used: bool,
    /// Seconds that its token lives; `None`: for ever.
    pub(crate) token_life: Option<i64>,
    /// What its token may do; `None`: everything.
    pub(crate) scopes: Option<Vec<String>>,
}

impl Number {
    /// Whether the owner's phone app works beside the API (§7.2).
    pub(crate) fn coexists(&self) -> bool {
        self.throughput == Throughput::Coexistence
    }
}

impl Business {
    /// Its messaging limit as Meta names it (§11).
    pub(crate) fn tier(&self) -> &'static str {
        match self.messaging_limit {
            None => "TIER_UNLIMITED",
            Some(0..=50) => "TIER_50",
            Some(51..=250) => "TIER_250",
            Some(251..=2000) => "TIER_2K",
            Some(2001..=10_000) => "TIER_10K",
            Some(_) => "TIER_100K",
        }
    }
}

impl World {
    /// Tells of a number in a field of its account: the value gains the number's digits, the entry a time (§3.1).
    pub(crate) fn tell_account(&mut self, phone_number_id: &str, field: &str, value: Value, now: Timestamp) {
        let Some(number) = self.numbers.get(phone_number_id) else { return };
        let mut whole = Map::from_iter([("display_phone_number".to_owned(), number.digits.clone().into())]);
        if let Value::Object(value) = value {
            whole.extend(value);
        }
        let update = Update::account(&number.waba_id, field, whole.into(), now.as_second());
        self.emit(update);
    }

    /// Tells in a field of the number itself: the value gains product and metadata, the entry no time (§3).
    pub(crate) fn tell_number(&mut self, phone_number_id: &str, field: &str, value: Value) {
        let Some(number) = self.numbers.get(phone_number_id) else { return };
        let waba_id = number.waba_id.clone();
        let mut whole = json!({ "messaging_product": "whatsapp", "metadata": self.metadata(phone_number_id) });
        if let (Value::Object(whole), Value::Object(value)) = (&mut whole, value) {
            whole.extend(value);
        }
        self.emit(Update::number(&waba_id, phone_number_id, field, whole));
    }

    /// Tells the partner's portfolio of an App about an account (§3, §7.1).
    pub(crate) fn tell_partner(&mut self, app_id: &str, waba_id: &str, value: Value, now: Timestamp) {
        let Some(portfolio) = self.apps.get(app_id).map(|app| app.business_id.clone()) else { return };
        let update = Update::account(waba_id, "account_update", value, now.as_second());
        self.emit(Update { entry_id: portfolio, ..update });
    }
}
