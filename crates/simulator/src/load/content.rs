//! Bodies as Meta sends them: compact JSON, everything beyond ASCII escaped, written straight into bytes.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::ledger::{Kind, Message};
use super::{Plan, Target};

/// What Meta's clock is taken to run at when bodies are sent as fast as answered.
const NOMINAL_RATE: f64 = 1000.0;
/// The most messages of one body.
const BATCH: usize = 8;

const PHRASES: [&str; 16] = [
    "¡Hola! ¿Tienen la chaqueta azul en talla M?",
    "Buenos días, quisiera saber el precio del envío a Medellín",
    "¿Me pueden confirmar la cita de mañana a las 10? 🙏",
    "Muchas gracias por la ayuda, quedó perfecto 😊",
    "Ya hice la transferencia, aquí les mando el comprobante 👇",
    "¿A qué hora cierran hoy?",
    "Señorita, el pedido llegó incompleto 😕 faltan dos cajas de té y una de café",
    "Listo, quedo pendiente entonces 👍🏽",
    "Hi! Is the \"Aurora\" lamp back in stock?",
    "Good afternoon, I would like to know whether it can be sent to my office before Friday. I can pay by card or by \
     transfer, whichever is easier.",
    "Thanks a lot! 🎉",
    "Could you please send me the invoice for order A/2231?",
    "Can I change the delivery address?\nIt is 12 Main St now",
    "Where is my parcel? The tracking page has said \"on its way\" for three days 📦",
    "ok",
    "Perfect, see you at 5 pm 👨\u{200d}👩\u{200d}👧",
];
const PLACES: [&str; 4] = ["Parque de la 93", "Café Águila", "Main Street Market", "Plaza Mayor"];
const TITLES: [&str; 4] = ["Sí, confirmo", "Hablar con asesor", "Yes, please", "Not now"];
const EMOJIS: [&str; 5] = ["👍", "❤️", "😂", "🙏", "🎉"];
const NAMES: [&str; 12] = [
    "José Núñez",
    "María Fernanda",
    "Ana 🌸",
    "Sheena Nelson",
    "Luis A. Peña",
    "Tom O'Neil",
    "Zoë",
    "Carolina Gómez",
    "Andrés",
    "Priya",
    "Mr. \"B\"",
    "Lucía",
];

/// A body, and what it carries.
#[derive(Debug)]
pub(super) struct Body {
    /// Its place in the plan.
    pub(super) number: u64,
    pub(super) bytes: Bytes,
    pub(super) messages: Box<[Message]>,
}

/// Makes one body after the other, from the plan alone.
pub(super) struct Content {
    random: fastrand::Rng,
    numbers: Vec<Number>,
    customers_per_number: u32,
    customers: HashMap<(usize, u32), Customer>,
    phrases: Vec<Phrase>,
    batch: f64,
    start: i64,
    rate: f64,
    /// What all ids of the run have in common.
    base: u64,
    bodies: u64,
    messages: u64,
}

/// A target, ready to be written.
struct Number {
    waba_id: String,
    phone_number_id: Arc<str>,
    /// The account, the number and the head of a value, as JSON.
    entry: Vec<u8>,
    value: Vec<u8>,
    /// User ids are those of a business.
    business: u64,
}

/// Who writes.
struct Customer {
    wa_id: Arc<str>,
    /// Their element of `contacts`, and how each of their messages begins, as JSON.
    contact: Vec<u8>,
    from: Vec<u8>,
    /// Their last message, for a reaction.
    last: Option<u64>,
}

struct Phrase {
    text: &'static str,
    json: Vec<u8>,
}

impl Content {
    pub(super) fn new(plan: &Plan) -> Self {
        let start = plan.start.as_second();
        Self {
            random: fastrand::Rng::with_seed(plan.seed),
            numbers: plan.targets.iter().map(Number::new).collect(),
            customers_per_number: plan.customers_per_number,
            customers: HashMap::new(),
            phrases: PHRASES.iter().map(|text| Phrase { text, json: escaped(text) }).collect(),
            batch: plan.batch,
            start,
            rate: plan.rate.unwrap_or(NOMINAL_RATE),
            base: mixed(plan.seed ^ mixed(start.cast_unsigned())),
            bodies: 0,
            messages: 0,
        }
    }

    /// The next body.
    pub(super) fn next(&mut self) -> Body {
        let number = self.bodies;
        self.bodies += 1;
        let timestamp = self.start + (number as f64 / self.rate) as i64;
        let count = if self.random.f64() < self.batch { self.random.usize(2..=BATCH) } else { 1 };
        let mut out = Vec::with_capacity(640 + 400 * (count - 1));
        let mut messages = Vec::with_capacity(count);

        out.extend_from_slice(br#"{"object":"whatsapp_business_account","entry":["#);
        let mut before: Option<usize> = None;
        while messages.len() < count {
            // One in two further changes is another number's, be it of the same account or of another.
            let target = match before {
                Some(before) if self.random.bool() => before,
                _ => self.random.usize(..self.numbers.len()),
            };
            match before {
                Some(before) if self.numbers[before].waba_id == self.numbers[target].waba_id => out.push(b','),
                Some(_) => {
                    out.extend_from_slice(b"]},");
                    out.extend_from_slice(&self.numbers[target].entry);
                }
                None => out.extend_from_slice(&self.numbers[target].entry),
            }
            before = Some(target);
            let most = count - messages.len();
            let held = if most == 1 { 1 } else { self.random.usize(1..=most) };
            self.change(target, held, timestamp, &mut out, &mut messages);
        }
        out.extend_from_slice(b"]}]}");
        Body { number, bytes: out.into(), messages: messages.into() }
    }

    fn change(&mut self, target: usize, count: usize, timestamp: i64, out: &mut Vec<u8>, messages: &mut Vec<Message>) {
        let authors: Vec<u32> = (0..count).map(|_| self.random.u32(..self.customers_per_number)).collect();
        out.extend_from_slice(&self.numbers[target].value);
        for (at, author) in authors.iter().enumerate() {
            if authors[..at].contains(author) {
                continue;
            }
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&self.customer(target, *author).contact);
        }
        out.extend_from_slice(br#"],"messages":["#);
        for (at, author) in authors.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            messages.push(self.message(target, author, timestamp, out));
        }
        out.extend_from_slice(br#"]},"field":"messages"}"#);
    }

    fn customer(&mut self, target: usize, author: u32) -> &mut Customer {
        self.customers
            .entry((target, author))
            .or_insert_with(|| Customer::new(&self.numbers[target], person(target, author, self.customers_per_number)))
    }

    fn message(&mut self, target: usize, author: u32, timestamp: i64, out: &mut Vec<u8>) -> Message {
        let number = self.messages;
        self.messages += 1;
        let (chance, pick) = (self.random.u8(..100), self.random.usize(..PHRASES.len()));
        let id = mixed(self.base.wrapping_add(number));
        let customer = self.customer(target, author);
        let (wa_id, last) = (customer.wa_id.clone(), customer.last.replace(id));
        let wamid = wamid(&wa_id, id);

        out.extend_from_slice(&customer.from);
        out.extend_from_slice(br#""id":""#);
        out.extend_from_slice(wamid.as_bytes());
        out.extend_from_slice(br#"","timestamp":""#);
        push_number(out, timestamp.unsigned_abs());
        let (kind, text) = match (chance, last) {
            (0..=2, _) => {
                let phrase = &self.phrases[pick];
                out.extend_from_slice(br#"","type":"image","image":{"caption":""#);
                let caption = numbered(out, phrase.text, &phrase.json, number);
                out.extend_from_slice(br#"","mime_type":"image/jpeg","sha256":""#);
                let hash: Vec<u8> = (1..5).flat_map(|part| mixed(id ^ part).to_be_bytes()).collect();
                out.extend_from_slice(STANDARD.encode(hash).as_bytes());
                out.extend_from_slice(br#"","id":""#);
                push_number(out, id % 900_000_000_000_000 + 100_000_000_000_000);
                out.extend_from_slice(br#""}}"#);
                (Kind::Image, caption)
            }
            (3..=4, _) => {
                let place = PLACES[pick % PLACES.len()];
                out.extend_from_slice(br#"","type":"location","location":{"latitude":4."#);
                push_number(out, (600_000 + id % 100_000) | 1);
                out.extend_from_slice(br#","longitude":-74."#);
                push_number(out, (100_000 + id / 100_000 % 100_000) | 1);
                out.extend_from_slice(br#","name":""#);
                let name = numbered(out, place, &escaped(place), number);
                out.extend_from_slice(br#"","address":"Calle "#);
                push_number(out, id % 180 + 1);
                out.extend_from_slice(br#", Bogot\u00e1"}}"#);
                (Kind::Location, name)
            }
            (5..=7, Some(last)) => {
                let emoji = EMOJIS[pick % EMOJIS.len()];
                out.extend_from_slice(br#"","type":"reaction","reaction":{"message_id":""#);
                out.extend_from_slice(self::wamid(&wa_id, last).as_bytes());
                out.extend_from_slice(br#"","emoji":""#);
                escape(out, emoji);
                out.extend_from_slice(br#""}}"#);
                (Kind::Reaction, emoji.into())
            }
            (8..=9, _) => {
                let title = TITLES[pick % TITLES.len()];
                out.extend_from_slice(
                    br#"","type":"interactive","interactive":{"type":"button_reply","button_reply":{"id":"b"#,
                );
                push_number(out, (pick % TITLES.len()) as u64);
                out.extend_from_slice(br#"","title":""#);
                let title = numbered(out, title, &escaped(title), number);
                out.extend_from_slice(br#""}}}"#);
                (Kind::Interactive, title)
            }
            _ => {
                let phrase = &self.phrases[pick];
                out.extend_from_slice(br#"","type":"text","text":{"body":""#);
                let body = numbered(out, phrase.text, &phrase.json, number);
                out.extend_from_slice(br#""}}"#);
                (Kind::Text, body)
            }
        };
        let phone_number_id = self.numbers[target].phone_number_id.clone();
        Message { phone_number_id, customer: wa_id, wamid: wamid.into(), kind, text }
    }
}

impl Number {
    fn new(target: &Target) -> Self {
        let mut entry = br#"{"id":""#.to_vec();
        escape(&mut entry, &target.waba_id);
        entry.extend_from_slice(br#"","changes":["#);
        let mut value = br#"{"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":""#.to_vec();
        escape(&mut value, &target.display_phone_number);
        value.extend_from_slice(br#"","phone_number_id":""#);
        escape(&mut value, &target.phone_number_id);
        value.extend_from_slice(br#""},"contacts":["#);
        Self {
            waba_id: target.waba_id.clone(),
            phone_number_id: target.phone_number_id.as_str().into(),
            entry,
            value,
            business: target.organization.bytes().fold(0, |sum, byte| mixed(sum ^ u64::from(byte))),
        }
    }
}

impl Customer {
    /// By who it is and whom they write to alone: the same person has the same ids in every run.
    fn new(number: &Number, person: u64) -> Self {
        let (country, wa_id) =
            if person % 3 == 2 { ("ES", format!("346{person:08}")) } else { ("CO", format!("573{person:09}")) };
        let user = mixed(number.business ^ mixed(person)) % 9_000_000_000_000_000_000 + 1_000_000_000_000_000_000;
        let name = NAMES[(mixed(person) % NAMES.len() as u64) as usize];
        let mut contact = br#"{"profile":{"name":""#.to_vec();
        escape(&mut contact, name);
        contact.extend_from_slice(format!(r#""}},"wa_id":"{wa_id}","user_id":"{country}.{user}"}}"#).as_bytes());
        let from = format!(r#"{{"from":"{wa_id}","from_user_id":"{country}.{user}","#).into_bytes();
        Self { wa_id: wa_id.into(), contact, from, last: None }
    }
}

/// Every second customer of a number is a person who writes to all numbers; the others write to that one only.
fn person(target: usize, author: u32, customers_per_number: u32) -> u64 {
    let own = if author.is_multiple_of(2) { 0 } else { (target as u64 + 1) * u64::from(customers_per_number) };
    own + u64::from(author)
}

/// `wamid.` and base64, with the customer's digits inside, as in Meta's.
fn wamid(wa_id: &str, id: u64) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut inside = [0u8; 64];
    let digits = wa_id.len().min(32);
    inside[..3].copy_from_slice(&[0x1d, 0x04, digits as u8]);
    inside[3..3 + digits].copy_from_slice(&wa_id.as_bytes()[..digits]);
    let mut end = 3 + digits;
    inside[end..end + 6].copy_from_slice(&[0x15, 0x02, 0x00, 0x12, 0x18, 0x12]);
    end += 6;
    inside[end..end + 2].copy_from_slice(b"3A");
    for (place, byte) in inside[end + 2..end + 18].iter_mut().zip((0..16).rev()) {
        *place = HEX[(id >> (4 * byte)) as usize & 15];
    }
    let mut wamid = String::with_capacity(64);
    wamid.push_str("wamid.");
    STANDARD.encode_string(&inside[..end + 19], &mut wamid);
    wamid
}

/// Writes the words and the message's number behind them, so that no two are alike, and answers them as plain text.
fn numbered(out: &mut Vec<u8>, text: &str, json: &[u8], number: u64) -> Box<str> {
    out.extend_from_slice(json);
    out.extend_from_slice(b" #");
    let at = out.len();
    push_number(out, number);
    let mut plain = String::with_capacity(text.len() + 2 + out.len() - at);
    plain.push_str(text);
    plain.push_str(" #");
    plain.extend(out[at..].iter().map(|digit| char::from(*digit)));
    plain.into()
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn escaped(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 2);
    escape(&mut out, text);
    out
}

/// Writes the inside of a JSON string as Meta does: `\uXXXX` for all that is not ASCII, surrogate pairs for emoji.
fn escape(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
            '\n' => out.extend_from_slice(br"\n"),
            ' '..='~' => out.push(character as u8),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }
}

/// The finish of splitmix64: no two numbers mix to the same.
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::{BTreeMap, HashSet};

    use serde_json::Value;

    use super::*;

    fn target(organization: &str, n: u64) -> Target {
        Target {
            organization: organization.into(),
            api_key: Some(format!("wz_{organization}")),
            waba_id: format!("21020{organization}"),
            phone_number_id: format!("1065{n:011}"),
            display_phone_number: format!("5760{n:08}"),
        }
    }

    /// Two organizations, one with two numbers.
    pub(crate) fn plan() -> Plan {
        let targets = vec![target("1", 1), target("1", 2), target("2", 3)];
        Plan { targets, customers_per_number: 10, ..Plan::default() }
    }

    fn bodies(plan: &Plan, count: usize) -> Vec<Body> {
        let mut content = Content::new(plan);
        (0..count).map(|_| content.next()).collect()
    }

    fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
        value[name].as_array().expect("an array")
    }

    /// What the JSON itself says: number, customer, id, readable text.
    fn read(bytes: &[u8]) -> Vec<(String, String, String, String)> {
        let json: Value = serde_json::from_slice(bytes).expect("JSON");
        let mut read = Vec::new();
        for entry in list(&json, "entry") {
            for change in list(entry, "changes") {
                let value = &change["value"];
                let known: HashSet<&Value> = list(value, "contacts").iter().map(|contact| &contact["wa_id"]).collect();
                assert_eq!(known.len(), list(value, "contacts").len(), "contacts are folded");
                for message in list(value, "messages") {
                    assert!(known.contains(&message["from"]));
                    let content = &message[message["type"].as_str().expect("a type")];
                    let words = ["body", "caption", "name", "emoji"].iter().find_map(|key| content[key].as_str());
                    let words = words.or(content["button_reply"]["title"].as_str());
                    let of = |value: &Value| value.as_str().expect("a string").to_owned();
                    let number = of(&value["metadata"]["phone_number_id"]);
                    read.push((number, of(&message["from"]), of(&message["id"]), words.expect("words").to_owned()));
                }
            }
        }
        read
    }

    #[test]
    fn a_body_carries_what_it_says_it_does() {
        let plan = Plan { batch: 0.3, ..plan() };
        let (mut wamids, mut kinds) = (HashSet::new(), BTreeMap::new());
        for body in bodies(&plan, 3000) {
            assert!(body.bytes.is_ascii());
            let said: Vec<_> = body
                .messages
                .iter()
                .map(|m| {
                    (m.phone_number_id.to_string(), m.customer.to_string(), m.wamid.to_string(), m.text.to_string())
                })
                .collect();
            assert_eq!(read(&body.bytes), said);
            for message in body.messages {
                assert!(wamids.insert(message.wamid));
                *kinds.entry(format!("{:?}", message.kind)).or_insert(0) += 1;
            }
        }
        assert!(kinds["Text"] > wamids.len() * 8 / 10, "{kinds:?}");
        assert_eq!(kinds.len(), 5, "{kinds:?}");
    }

    #[test]
    fn json_is_compact() {
        for body in bodies(&Plan { batch: 0.3, ..plan() }, 500) {
            // Numbers and the hash are written the same way by anyone; escapes are not, so they go first.
            let json: Value = serde_json::from_slice(&body.bytes).expect("JSON");
            let mut again = Vec::new();
            for character in serde_json::to_string(&json).expect("text").chars() {
                match character {
                    ' '..='~' => again.push(character as u8),
                    _ => escape(&mut again, character.encode_utf8(&mut [0; 4])),
                }
            }
            assert_eq!(String::from_utf8_lossy(&body.bytes), String::from_utf8_lossy(&again));
        }
    }

    #[test]
    fn a_person_is_the_same_in_every_run_and_some_write_to_every_number() {
        let users = |seed| {
            let mut users = BTreeMap::new();
            for body in bodies(&Plan { seed, batch: 0.0, ..plan() }, 1000) {
                let json: Value = serde_json::from_slice(&body.bytes).expect("JSON");
                let value = &json["entry"][0]["changes"][0]["value"];
                let contact = value["contacts"][0].clone();
                let key = (json["entry"][0]["id"].to_string(), contact["wa_id"].to_string());
                let seen: &mut (Value, HashSet<String>) = users.entry(key).or_insert((contact.clone(), HashSet::new()));
                assert_eq!(seen.0, contact);
                seen.1.insert(value["metadata"]["phone_number_id"].to_string());
            }
            users
        };
        let users = (users(1), users(2));
        assert_eq!(users.0, users.1);
        assert!(users.0.values().any(|(_, numbers)| numbers.len() == 2));
        assert!(users.0.values().any(|(_, numbers)| numbers.len() == 1));
        let user =
            |account: &str| users.0[&(format!("\"{account}\""), "\"573000000000\"".to_owned())].0["user_id"].clone();
        assert_ne!(user("210201"), user("210202"), "user ids are a business's own");
    }

    #[test]
    fn another_start_or_seed_has_other_ids() {
        let ids = |plan: &Plan| -> HashSet<Box<str>> {
            bodies(plan, 300).into_iter().flat_map(|body| body.messages).map(|message| message.wamid).collect()
        };
        let first = ids(&plan());
        assert!(first.is_disjoint(&ids(&Plan { seed: 2, ..plan() })));
        assert!(first.is_disjoint(&ids(&Plan { start: jiff::Timestamp::constant(1_795_000_060, 0), ..plan() })));
    }

    #[test]
    fn metas_time_goes_by_the_rate() {
        let plan = Plan { rate: Some(10.0), batch: 0.0, ..plan() };
        let times: Vec<String> = bodies(&plan, 25)
            .iter()
            .map(|body| {
                let json: Value = serde_json::from_slice(&body.bytes).expect("JSON");
                json["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"].as_str().expect("text").to_owned()
            })
            .collect();
        assert_eq!(
            (times[0].as_str(), times[9].as_str(), times[24].as_str()),
            ("1795000000", "1795000000", "1795000002")
        );
    }

    #[test]
    fn escapes_as_meta_does() {
        assert_eq!(escaped("Lucía \"G\" 😀\n\\"), br#"Luc\u00eda \"G\" \ud83d\ude00\n\\"#);
    }
}
