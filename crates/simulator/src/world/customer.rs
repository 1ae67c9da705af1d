//! WhatsApp users: numbers of several countries, users known by id and username only, phones that are on or off.

use std::collections::{BTreeSet, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Direction, Task, World};
use crate::chance::Chance;
use crate::webhook::Update;

/// What could not be delivered is kept for this long (§11).
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// When a customer's phone shows what came, and tells the business so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reads {
    /// A moment after it came.
    #[default]
    Soon,
    /// When a person opens the chat on the phone page.
    Opened,
    /// Receives, never opens.
    Never,
    /// The phone is off: not even delivered.
    Off,
}

/// One rule of a script: what the customer answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// Answers where the text contains this, whatever the case; empty: always.
    #[serde(default)]
    pub(crate) when: String,
    /// Meta's message object, as `{"type":"text","text":{"body":"…"}}`; `{"type":"tap"}` taps the first button or row.
    pub(crate) answer: serde_json::Value,
    /// Seconds until it answers.
    #[serde(default)]
    pub(crate) after_seconds: f64,
}

/// A WhatsApp user.
#[derive(Clone, Debug)]
pub(crate) struct Customer {
    /// The simulator's own name for them.
    pub(crate) key: String,
    /// The profile's name.
    pub(crate) name: Option<String>,
    /// The digits people dial; `None`: known by user id and username only.
    pub(crate) phone: Option<String>,
    /// The digits WhatsApp knows them by (§12).
    pub(crate) wa_id: Option<String>,
    /// ISO country, as in user ids.
    pub(crate) country: String,
    pub(crate) username: Option<String>,
    /// Hides the phone behind the username (§6).
    pub(crate) hides_phone: bool,
    /// Their id in each business portfolio.
    pub(crate) user_ids: HashMap<String, String>,
    /// False: no such account (131026).
    pub(crate) on_whatsapp: bool,
    pub(crate) reads: Reads,
    /// Numbers that they block.
    pub(crate) blocks: BTreeSet<String>,
    /// Numbers whose marketing they stopped (131050).
    pub(crate) stopped_marketing: BTreeSet<String>,
    pub(crate) script: Vec<Rule>,
    /// What `recipient_identity_key_hash` must be, where a check of identities is on (137000).
    pub(crate) identity_key_hash: Option<String>,
    /// When the script answered in the last minute.
    pub(crate) answers: VecDeque<Timestamp>,
}

impl Customer {
    /// Takes a first phone, in digits.
    pub(crate) fn take_phone(&mut self, phone: &str) {
        self.phone = Some(phone.to_owned());
        self.wa_id = Some(wa_id(phone));
    }

    /// As it is shown to tests and to the phone page.
    pub(crate) fn show(&self) -> Value {
        json!({
            "key": self.key, "name": self.name, "phone": self.phone, "wa_id": self.wa_id, "country": self.country,
            "username": self.username, "hides_phone": self.hides_phone, "user_ids": self.user_ids,
            "on_whatsapp": self.on_whatsapp, "reads": self.reads, "blocks": self.blocks,
            "stopped_marketing": self.stopped_marketing, "script": self.script,
        })
    }
}

/// The digits of a phone as people write it, with `+`, spaces, hyphens and brackets; `None`: it isn't one.
pub(crate) fn digits(written: &str) -> Option<String> {
    let digits: String = written.chars().filter(|char| !" +-()./\u{a0}".contains(*char)).collect();
    let phone = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    phone.then_some(digits)
}

/// A username as WhatsApp keeps it, 3 to 35 of `a-z0-9._` (§6), from one with or without `@`; `None`: it can't be one.
pub(crate) fn username(written: &str) -> Option<String> {
    let name = written.trim().trim_start_matches('@').to_lowercase();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'_';
    ((3..=35).contains(&name.len()) && name.bytes().all(fits)).then_some(name)
}

/// The digits WhatsApp knows a dialed number by (§12): Mexico's mobiles gain a 1, Argentina's a 9, and Brazil's accounts
/// outside the areas 11 to 28 lose the ninth digit.
pub(crate) fn wa_id(dialed: &str) -> String {
    let rest = |country: &str| dialed.strip_prefix(country);
    if let Some(rest) = rest("52").filter(|rest| rest.len() == 10) {
        return format!("521{rest}");
    }
    if let Some(rest) = rest("54").filter(|rest| rest.len() == 10) {
        return format!("549{rest}");
    }
    if let Some(rest) = rest("55").filter(|rest| rest.len() == 11 && &rest[2..3] == "9") {
        let area: u32 = rest[..2].parse().unwrap_or(0);
        if area > 28 {
            return format!("55{}{}", &rest[..2], &rest[3..]);
        }
    }
    dialed.to_owned()
}

/// Spellings under which one account is reached (§12).
fn spellings(digits: &str) -> Vec<String> {
    let mut all = vec![digits.to_owned(), wa_id(digits)];
    for (with, without) in [("521", "52"), ("549", "54")] {
        if let Some(rest) = digits.strip_prefix(with).filter(|rest| rest.len() == 10) {
            all.push(format!("{without}{rest}"));
        }
    }
    if let Some(rest) = digits.strip_prefix("55") {
        match rest.len() {
            10 => all.push(format!("55{}9{}", &rest[..2], &rest[2..])),
            11 if &rest[2..3] == "9" => all.push(format!("55{}{}", &rest[..2], &rest[3..])),
            _ => {}
        }
    }
    all
}

/// The ISO country of a number, by its code.
pub(crate) fn country(digits: &str) -> &'static str {
    const CODES: &[(&str, &str)] = &[
        ("52", "MX"),
        ("54", "AR"),
        ("55", "BR"),
        ("57", "CO"),
        ("56", "CL"),
        ("51", "PE"),
        ("34", "ES"),
        ("44", "GB"),
        ("49", "DE"),
        ("33", "FR"),
        ("91", "IN"),
        ("65", "SG"),
        ("1", "US"),
    ];
    CODES.iter().find(|(code, _)| digits.starts_with(code)).map_or("US", |(_, country)| country)
}

/// Whether a word is a user id, of a portfolio or of its parent (§6).
pub(crate) fn is_user_id(word: &str) -> bool {
    let Some((country, rest)) = word.split_once('.') else {
        return false;
    };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl World {
    /// The customer whom these digits reach, if one is known.
    pub(crate) fn customer_by_phone(&self, digits: &str) -> Option<&Customer> {
        let spellings = spellings(digits);
        self.customers.values().find(|customer| {
            [&customer.phone, &customer.wa_id].into_iter().flatten().any(|known| spellings.contains(known))
        })
    }

    /// The customer whom these digits reach; a new one where nobody is known: any number may be somebody.
    pub(crate) fn customer_dialed(&mut self, digits: &str) -> String {
        if let Some(customer) = self.customer_by_phone(digits) {
            return customer.key.clone();
        }
        self.add_customer(None, Some(digits), None)
    }

    /// The customer of a user id, in the portfolio of a number.
    pub(crate) fn customer_by_user_id(&self, business_id: &str, user_id: &str) -> Option<&Customer> {
        self.customers.values().find(|customer| customer.user_ids.get(business_id).is_some_and(|id| id == user_id))
    }

    /// Adds a customer; answers the key. Without a phone: known by user id and username only.
    pub(crate) fn add_customer(&mut self, name: Option<&str>, phone: Option<&str>, username: Option<&str>) -> String {
        let key = format!("c{}", self.customers.len() + 1);
        let country = country(phone.unwrap_or_default());
        let customer = Customer {
            key: key.clone(),
            name: name.map(str::to_owned),
            phone: phone.map(str::to_owned),
            wa_id: phone.map(wa_id),
            country: country.to_owned(),
            username: username.map(str::to_owned),
            hides_phone: username.is_some(),
            user_ids: HashMap::new(),
            on_whatsapp: true,
            reads: Reads::default(),
            blocks: BTreeSet::new(),
            stopped_marketing: BTreeSet::new(),
            script: Vec::new(),
            identity_key_hash: None,
            answers: VecDeque::new(),
        };
        self.customers.insert(key.clone(), customer);
        self.changed("", "", "customers");
        key
    }

    /// Who writes to a number, by digits, user id or username; made where not known. A name becomes the profile's.
    pub(crate) fn customer_writing(&mut self, phone_number_id: &str, from: &str, name: Option<&str>) -> String {
        let from = from.trim();
        let business = self.business_of(phone_number_id).map(|business| business.id.clone()).unwrap_or_default();
        let short = !from.is_empty() && from.bytes().all(|byte| byte.is_ascii_digit());
        let key = if let Some(digits) = digits(from).or_else(|| short.then(|| from.to_owned())) {
            self.customer_dialed(&digits)
        } else if is_user_id(from) {
            match self.customer_by_user_id(&business, from) {
                Some(customer) => customer.key.clone(),
                None => self.add_by_user_id(&business, from),
            }
        } else {
            let username = from.trim_start_matches('@').to_lowercase();
            match self.customer_by_username(&username) {
                Some(customer) => customer.key.clone(),
                None => self.add_customer(None, None, Some(&username)),
            }
        };
        if let Some(name) = name {
            self.customers[&key].name = Some(name.to_owned());
        }
        key
    }

    /// The customer of a username, written as WhatsApp keeps it.
    pub(crate) fn customer_by_username(&self, username: &str) -> Option<&Customer> {
        self.customers.values().find(|customer| customer.username.as_deref() == Some(username))
    }

    /// Adds a customer that a portfolio knows by this user id only.
    fn add_by_user_id(&mut self, business_id: &str, user_id: &str) -> String {
        let key = self.add_customer(None, None, None);
        let customer = &mut self.customers[&key];
        customer.country = user_id.split('.').next().unwrap_or_default().to_owned();
        customer.user_ids.insert(business_id.to_owned(), user_id.to_owned());
        key
    }

    /// Sets when a phone shows what came. Turned on again, it receives what waited, unless that is too old.
    pub(crate) fn set_reads(&mut self, customer: &str, reads: Reads, now: Timestamp) {
        let was = std::mem::replace(&mut self.customers[customer].reads, reads);
        if was == Reads::Off && reads != Reads::Off {
            let of_customer = self.threads.iter().filter(|((_, key), _)| key == customer);
            let waits = |wamid: &&String| {
                self.messages.get(*wamid).is_some_and(|message| {
                    message.direction == Direction::FromBusiness
                        && message.statuses.last().is_some_and(|(status, _)| *status == "sent")
                        && now.duration_since(message.at) < KEPT
                })
            };
            let wamids: Vec<String> =
                of_customer.flat_map(|(_, thread)| &thread.wamids).filter(waits).cloned().collect();
            for wamid in wamids {
                self.within(now, 50, 250, Task::Status { wamid, status: "delivered" });
            }
        }
        self.changed(customer, "", "customers");
    }

    /// The customer takes another phone number, given in digits. Every number with a thread hears of it in a system
    /// message (§4.5), and user ids are made anew (§6). Who hides the phone shows it here neither.
    pub(crate) fn change_number(&mut self, customer: &str, phone: &str, now: Timestamp) {
        let new_wa_id = wa_id(phone);
        let country = country(phone);
        let portfolios: Vec<String> = self.customers[customer].user_ids.keys().cloned().collect();
        let fresh: HashMap<String, String> =
            portfolios.into_iter().map(|business| (business, self.chance.user_id(country))).collect();
        let numbers: Vec<String> =
            self.threads.keys().filter(|(_, key)| key == customer).map(|(number, _)| number.clone()).collect();
        for number in numbers {
            let business = self.business_of(&number).map(|business| business.id.clone()).unwrap_or_default();
            let known = &self.customers[customer];
            let shown = self.phone_shown(&number, customer, now);
            let mut system = Map::new();
            let old = known.wa_id.clone().filter(|_| shown);
            if let Some(old) = &old {
                let name = known.name.as_deref().unwrap_or("A");
                let body = format!("User {name} changed from {old} to {new_wa_id}");
                system.insert("body".into(), body.into());
                system.insert("wa_id".into(), new_wa_id.clone().into());
            } else {
                system.insert("body".into(), "User changed their user id".into());
            }
            let kind = if old.is_some() { "user_changed_number" } else { "user_changed_user_id" };
            system.insert("type".into(), kind.into());
            system.insert("user_id".into(), fresh.get(&business).cloned().into());
            system.insert("previous_user_id".into(), known.user_ids.get(&business).cloned().into());
            let message = json!({ "type": "system", "system": system });
            if let Value::Object(message) = message {
                self.customer_sends(&number, customer, message, now);
            }
        }
        let known = &mut self.customers[customer];
        known.phone = Some(phone.to_owned());
        known.wa_id = Some(new_wa_id);
        known.country = country.to_owned();
        known.user_ids = fresh;
        self.changed(customer, "", "customers");
    }

    /// An App took a webhook: what customers wrote in it has arrived, as their phones show.
    pub(crate) fn heard(&mut self, post: u64, now: Timestamp) {
        let wamids = self.ledger.post(post).map(|post| post.wamids.clone()).unwrap_or_default();
        for wamid in wamids {
            let Some(message) = self.messages.get_mut(&wamid) else { continue };
            let fresh = !message.has("delivered");
            if message.direction == Direction::FromCustomer && fresh {
                message.statuses.push(("delivered", now));
                let (customer, number) = (message.customer.clone(), message.phone_number_id.clone());
                self.changed(&customer, &number, "status");
            }
        }
    }

    /// The customer stops a number's marketing, or takes it again; the Apps hear of it (§7).
    pub(crate) fn prefers_marketing(&mut self, phone_number_id: &str, customer: &str, stop: bool, now: Timestamp) {
        let stopped = &mut self.customers[customer].stopped_marketing;
        if stop {
            stopped.insert(phone_number_id.to_owned());
        } else {
            stopped.remove(phone_number_id);
        }
        let Some(waba) = self.waba_of(phone_number_id).map(|waba| waba.id.clone()) else { return };
        let contact = self.contact(phone_number_id, customer, now);
        let value = if stop { "stop" } else { "resume" };
        let mut preference = Map::new();
        if let Some(wa_id) = contact.get("wa_id") {
            preference.insert("wa_id".into(), wa_id.clone());
        }
        preference.insert("user_id".into(), contact["user_id"].clone());
        preference.insert("detail".into(), format!("User requested to {value} marketing messages").into());
        preference.insert("category".into(), "marketing_messages".into());
        preference.insert("value".into(), value.into());
        preference.insert("timestamp".into(), now.as_second().into());
        self.emit(Update {
            entry_id: waba.clone(),
            waba_id: waba,
            phone_number_id: Some(phone_number_id.to_owned()),
            field: "user_preferences".into(),
            value: json!({
                "messaging_product": "whatsapp",
                "metadata": self.metadata(phone_number_id),
                "contacts": [contact],
                "user_preferences": [preference],
            }),
            time: None,
            wamid: None,
            held: false,
            together: false,
        });
        self.changed(customer, phone_number_id, "customers");
    }

    /// A customer's id in a portfolio, made on first use: the same in every world of this seed.
    pub(crate) fn user_id(&mut self, customer: &str, business_id: &str) -> String {
        let seed = self.seed;
        let customer = self.customers.get_mut(customer).expect("the caller has a key of a customer");
        let name = customer.wa_id.as_ref().or(customer.username.as_ref()).unwrap_or(&customer.key);
        let made = customer.user_ids.entry(business_id.to_owned());
        made.or_insert_with(|| Chance::named(seed, &[business_id, name]).user_id(&customer.country)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_known_under_other_digits_in_three_countries() {
        assert_eq!(wa_id("525512345678"), "5215512345678");
        assert_eq!(wa_id("5215512345678"), "5215512345678");
        assert_eq!(wa_id("541123456789"), "5491123456789");
        assert_eq!(wa_id("5511912345678"), "5511912345678", "São Paulo keeps the ninth digit");
        assert_eq!(wa_id("5585912345678"), "558512345678", "Fortaleza's older accounts do not");
        assert_eq!(wa_id("16505551234"), "16505551234");
    }

    #[test]
    fn one_account_under_every_spelling() {
        let mut world = World::empty(1);
        let key = world.customer_dialed("525512345678");
        assert_eq!(world.customer_dialed("5215512345678"), key);
        let key = world.customer_dialed("5585912345678");
        assert_eq!(world.customer_dialed("558512345678"), key);
        assert_ne!(world.customer_dialed("16505551234"), key);
    }

    #[test]
    fn phones_and_usernames_are_read_as_people_write_them() {
        assert_eq!(digits("+52 (55) 1234-5678").as_deref(), Some("525512345678"));
        assert_eq!(digits("12345"), None);
        assert_eq!(digits("US.13491208655302741918"), None);
        assert_eq!(username("@Ana.Torres").as_deref(), Some("ana.torres"));
        assert_eq!(username("ab"), None);
        assert_eq!(username("ana torres"), None);
    }

    #[test]
    fn user_ids_do_not_depend_on_what_happened_before() {
        let id = |before: usize| {
            let mut world = World::empty(7);
            (0..before).for_each(|_| drop(world.chance.id()));
            let key = world.customer_dialed("16505551234");
            (world.user_id(&key, "1"), world.user_id(&key, "2"))
        };
        let (one, other) = id(0);
        assert!(is_user_id(&one) && one != other);
        assert_eq!(id(9), (one, other));
    }

    #[test]
    fn user_ids_are_told_from_phones() {
        assert!(is_user_id("US.13491208655302741918"));
        assert!(is_user_id("US.ENT.11815799212886844830"));
        assert!(!is_user_id("16505551234"));
        assert!(!is_user_id("us.134"));
    }
}
