//! All that Meta knows: Apps, businesses, numbers, customers, what was said, and what is to happen when.

use std::collections::{BTreeMap, HashMap, VecDeque};

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::broadcast;

use crate::chance::Chance;
use crate::error::GraphError;
use crate::faults::Faults;
use crate::webhook::{Ledger, Update};

mod account;
pub(crate) mod customer;
mod flow;
mod furnish;
mod history;
mod media;
mod message;
mod samples;
pub(crate) mod script;
mod signup;
mod template;
mod traffic;
mod writing;

pub(crate) use account::{
    App, Business, Callback, Code, Number, Profile, QrCode, Subscription, Throughput, Token, Waba,
};
pub(crate) use customer::Customer;
pub(crate) use flow::Flow;
pub(crate) use media::{KINDS, Media, Upload, essence, most, unfit};
pub(crate) use message::{Direction, Message, Thread};
pub(crate) use signup::SignUp;
pub(crate) use template::{Draft, Review, Template, authentication_words};
pub(crate) use traffic::Sent;

/// A request that was truly accepted.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Accepted {
    pub(crate) phone_number_id: String,
    /// The message's id; of a read receipt, the id it names.
    pub(crate) id: String,
    /// `message`, `read`, or `lost`: taken, and never heard of again.
    pub(crate) kind: &'static str,
    pub(crate) at: Timestamp,
    /// The request's body as it came.
    pub(crate) request: Value,
}

/// What is to happen at a time.
#[derive(Debug)]
pub(crate) enum Task {
    /// A message of the business gets its next status.
    Status { wamid: String, status: &'static str },
    /// A message of the business fails.
    Fail { wamid: String, error: GraphError },
    /// A medium given by link is fetched, and fails the message where it can't be.
    Fetch { wamid: String, url: String },
    /// A template is judged.
    Review { template_id: String },
    /// A customer's script answers.
    Answer { customer: String, phone_number_id: String, message: Value },
    /// An update that was held back leaves.
    Emit(Box<Update>),
    /// A webhook is tried again.
    Try { post: u64 },
}

/// Something a phone page may want to redraw.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Change {
    /// The customer whose phone it is; empty: everybody's.
    pub(crate) customer: String,
    /// The number in whose thread it happened.
    pub(crate) phone_number_id: String,
    /// `message`, `status`, `typing`, `customers`, …
    pub(crate) what: &'static str,
}

/// All that Meta knows.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) chance: Chance,
    pub(crate) apps: IndexMap<String, App>,
    pub(crate) businesses: IndexMap<String, Business>,
    pub(crate) wabas: IndexMap<String, Waba>,
    pub(crate) numbers: IndexMap<String, Number>,
    pub(crate) tokens: IndexMap<String, Token>,
    /// Codes of Embedded Signup, until they are exchanged.
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) templates: IndexMap<String, Template>,
    pub(crate) flows: IndexMap<String, Flow>,
    pub(crate) media: HashMap<String, Media>,
    pub(crate) uploads: HashMap<String, Upload>,
    pub(crate) customers: IndexMap<String, Customer>,
    /// By number and customer.
    pub(crate) threads: IndexMap<(String, String), Thread>,
    /// By wamid.
    pub(crate) messages: HashMap<String, Message>,
    pub(crate) accepted: Vec<Accepted>,
    pub(crate) faults: Faults,
    /// Updates that wait to leave.
    pub(crate) outgoing: VecDeque<Update>,
    pub(crate) ledger: Ledger,
    pub(crate) live: broadcast::Sender<Change>,
    /// Share of updates that share a POST with others, where several wait.
    pub(crate) batching: f64,
    /// `http://host`, as the App last reached us: media URLs in webhooks begin with it.
    pub(crate) origin: String,
    agenda: BTreeMap<(Timestamp, u64), Task>,
    ticket: u64,
}

impl World {
    /// An empty world.
    pub(crate) fn empty(seed: u64) -> Self {
        Self {
            seed,
            chance: Chance::new(seed),
            apps: IndexMap::new(),
            businesses: IndexMap::new(),
            wabas: IndexMap::new(),
            numbers: IndexMap::new(),
            tokens: IndexMap::new(),
            codes: HashMap::new(),
            templates: IndexMap::new(),
            flows: IndexMap::new(),
            media: HashMap::new(),
            uploads: HashMap::new(),
            customers: IndexMap::new(),
            threads: IndexMap::new(),
            messages: HashMap::new(),
            accepted: Vec::new(),
            faults: Faults::default(),
            outgoing: VecDeque::new(),
            ledger: Ledger::default(),
            live: broadcast::Sender::new(1024),
            batching: 0.5,
            origin: String::new(),
            agenda: BTreeMap::new(),
            ticket: 0,
        }
    }

    /// Puts a task on the agenda.
    pub(crate) fn at(&mut self, when: Timestamp, task: Task) {
        self.ticket += 1;
        self.agenda.insert((when, self.ticket), task);
    }

    /// Puts a task on the agenda, some milliseconds of the simulator's time from now.
    pub(crate) fn within(&mut self, now: Timestamp, from_ms: u64, to_ms: u64, task: Task) {
        let wait = SignedDuration::from_millis(self.chance.between(from_ms, to_ms) as i64);
        self.at(now + wait, task);
    }

    /// When the next task is due.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.agenda.first_key_value().map(|((when, _), _)| *when)
    }

    /// The next task that is due at this time.
    pub(crate) fn next_task(&mut self, now: Timestamp) -> Option<Task> {
        let ((when, ticket), task) = self.agenda.pop_first()?;
        if when > now {
            self.agenda.insert((when, ticket), task);
            return None;
        }
        Some(task)
    }

    /// Hands an update to the webhooks.
    pub(crate) fn emit(&mut self, update: Update) {
        self.outgoing.push_back(update);
    }

    /// Tells phone pages.
    pub(crate) fn changed(&self, customer: &str, phone_number_id: &str, what: &'static str) {
        // Nobody may be looking.
        let _ = self.live.send(Change { customer: customer.into(), phone_number_id: phone_number_id.into(), what });
    }

    /// The WABA of a number.
    pub(crate) fn waba_of(&self, phone_number_id: &str) -> Option<&Waba> {
        self.wabas.get(&self.numbers.get(phone_number_id)?.waba_id)
    }

    /// The business portfolio of a number.
    pub(crate) fn business_of(&self, phone_number_id: &str) -> Option<&Business> {
        self.businesses.get(&self.waba_of(phone_number_id)?.business_id)
    }

    /// The `metadata` of a number in a webhook (§3).
    pub(crate) fn metadata(&self, phone_number_id: &str) -> Value {
        let digits = self.numbers.get(phone_number_id).map_or("", |number| number.digits.as_str());
        serde_json::json!({ "display_phone_number": digits, "phone_number_id": phone_number_id })
    }
}
