//! WhatsApp users: numbers of several countries, users known by id and username only, scripts that answer.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::World;

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
        };
        self.customers.insert(key.clone(), customer);
        self.changed("", "", "customers");
        key
    }

    /// A customer's id in a portfolio, made on first use.
    pub(crate) fn user_id(&mut self, customer: &str, business_id: &str) -> String {
        let Self { customers, chance, .. } = self;
        let customer = customers.get_mut(customer).expect("the caller has a key of a customer");
        let made = customer.user_ids.entry(business_id.to_owned());
        made.or_insert_with(|| chance.user_id(&customer.country)).clone()
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
    fn user_ids_are_told_from_phones() {
        assert!(is_user_id("US.13491208655302741918"));
        assert!(is_user_id("US.ENT.11815799212886844830"));
        assert!(!is_user_id("16505551234"));
        assert!(!is_user_id("us.134"));
    }
}
