//! A history: everything that Meta can tell of a few people, at times that meet and cross.

mod news;

use e2e::body;
use e2e::random::Random;
use serde_json::{Value, json};

/// Stand for the numbers that a history is told to, and their digits.
const NUMBER: &str = "700000000000111";
const BESIDE: &str = "700000000000222";
const BUSINESS: &str = "15550001111";
const BUSINESS_BESIDE: &str = "15550002222";

/// A body of a tale, told to an organization's numbers.
pub(crate) fn for_numbers(value: &Value, numbers: &[String; 2]) -> Value {
    let text = value.to_string().replace(NUMBER, &numbers[0]).replace(BESIDE, &numbers[1]);
    serde_json::from_str(&text).expect("it was JSON before")
}

/// A body as the number beside it gets it.
fn beside(value: &Value) -> Value {
    let text = value.to_string().replace(NUMBER, BESIDE).replace(BUSINESS, BUSINESS_BESIDE);
    serde_json::from_str(&text).expect("it was JSON before")
}

/// Phones, some of which WhatsApp spells in two ways. They are few, so that they change hands.
const PHONES: [&str; 6] =
    ["34600000001", "5215512345678", "525512345678", "5511987654321", "551187654321", "447700900101"];
const USERS: [&str; 5] = ["MX.A1", "MX.A2", "MX.B1", "ES.C1", "ES.D1"];
const NAMES: [&str; 3] = ["Ana", "Bo", "Cé"];
const USERNAMES: [&str; 2] = ["cafe", "bar"];

fn pick<'a>(random: &mut Random, words: &[&'a str]) -> &'a str {
    words[random.below(words.len())]
}

/// Bodies in the order of their making, with the ids that later ones of the same number may point at.
pub(crate) struct Tale {
    pub(crate) bodies: Vec<Value>,
    wamids: Vec<String>,
    sent: Vec<String>,
    /// Bodies of the number beside, and its ids.
    beside: Beside,
    next: usize,
    base: i64,
    range: usize,
}

#[derive(Default)]
struct Beside {
    bodies: Vec<bool>,
    wamids: Vec<String>,
    sent: Vec<String>,
}

impl Tale {
    /// The same people write to one number, or to two.
    pub(crate) fn new(random: &mut Random, now: i64, two: bool) -> Self {
        // Within seconds that are often the same, within a minute, within an afternoon, within months.
        let range = [4, 60, 4 * 3600, 90 * 24 * 3600][random.below(4)];
        let base = now - i64::try_from(range).expect("it fits") - 100;
        let (bodies, wamids, sent) = (Vec::new(), Vec::new(), Vec::new());
        let mut tale = Self { bodies, wamids, sent, beside: Beside::default(), next: 0, base, range };
        for _ in 0..6 + random.below(18) {
            let beside = two && random.below(3) == 0;
            if beside {
                tale.change_over();
            }
            tale.step(random);
            tale.beside.bodies.resize(tale.bodies.len(), false);
            if beside {
                tale.change_over();
            }
        }
        for (body, _) in tale.bodies.iter_mut().zip(&tale.beside.bodies).filter(|(_, beside)| **beside) {
            *body = beside(body);
        }
        tale
    }

    /// The other number's turn.
    fn change_over(&mut self) {
        std::mem::swap(&mut self.wamids, &mut self.beside.wamids);
        std::mem::swap(&mut self.sent, &mut self.beside.sent);
        self.beside.bodies.iter_mut().for_each(|beside| *beside = !*beside);
    }

    fn at(&self, random: &mut Random) -> i64 {
        self.base + i64::try_from(random.below(self.range)).expect("it fits")
    }

    fn wamid(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("wamid.{:03}.{kind}", self.next)
    }

    fn target(&mut self, random: &mut Random) -> String {
        if self.wamids.is_empty() || random.below(6) == 0 {
            // One that comes later, or never.
            return format!("wamid.{:03}.text", self.next + 1 + random.below(4));
        }
        self.wamids[random.below(self.wamids.len())].clone()
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(35) {
            0..5 => self.text(random),
            5..7 => self.echo(random),
            7 => self.standby(random),
            8..10 => self.again(random),
            10 => self.past(random),
            11 => self.file(random),
            12 => self.effect(random, "reaction"),
            13..15 => self.effect(random, "edit"),
            15 => self.effect(random, "revoke"),
            16..18 => self.status(random),
            18 => self.book(random),
            19 => self.call(random),
            20..22 => self.moved(random),
            22 => self.number(random),
            23 => self.group(random),
            24..26 => self.picture(random),
            26 => self.effect(random, "edit"),
            27 => self.ours(random),
            28 => self.status(random),
            29 => self.renamed(random),
            30 => self.unreadable(random),
            31 => self.payment(random),
            32..34 => self.retold(random),
            _ => self.call(random),
        }
    }

    /// Somebody, named by a phone, a user id or both, with a name or none.
    fn person(random: &mut Random) -> (Value, Value) {
        let (mut named, mut contact) = (json!({}), json!({ "profile": {} }));
        let how = random.below(4);
        if how != 0 {
            let phone = PHONES[random.below(PHONES.len())];
            (named["from"], contact["wa_id"]) = (json!(phone), json!(phone));
        }
        if how == 0 || how == 3 {
            let user = USERS[random.below(USERS.len())];
            (named["from_user_id"], contact["user_id"]) = (json!(user), json!(user));
        }
        if random.below(3) > 0 {
            contact["profile"]["name"] = json!(NAMES[random.below(NAMES.len())]);
        }
        if random.below(4) == 0 {
            contact["profile"]["username"] = json!(USERNAMES[random.below(USERNAMES.len())]);
        }
        (named, contact)
    }

    fn message(named: &Value, wamid: &str, at: i64, kind: &str, content: Value) -> Value {
        let mut message = named.clone();
        message["id"] = json!(wamid);
        message["timestamp"] = json!(at.to_string());
        message["type"] = json!(kind);
        message[kind] = content;
        message
    }

    fn live(&mut self, message: Value, contact: &Value) {
        self.bodies.push(body::value(NUMBER, &json!({ "contacts": [contact], "messages": [message] })));
    }

    fn text(&mut self, random: &mut Random) {
        let (named, contact) = Self::person(random);
        let (wamid, at) = (self.wamid("text"), self.at(random));
        let mut message = Self::message(&named, &wamid, at, "text", json!({ "body": format!("text {wamid}") }));
        if random.below(5) == 0 {
            message["referral"] = json!({ "source_id": wamid });
        }
        self.wamids.push(wamid);
        self.live(message, &contact);
    }

    fn echo(&mut self, random: &mut Random) {
        let (wamid, at) = (self.wamid("echo"), self.at(random));
        let to = PHONES[random.below(PHONES.len())];
        self.wamids.push(wamid.clone());
        self.sent.push(wamid.clone());
        let mut value = body::echo(NUMBER, to, &wamid, at, &format!("echo {wamid}"));
        // Some come on the field of what customers write.
        if random.below(3) == 0 {
            let echo = value["entry"][0]["changes"][0]["value"]["message_echoes"][0].clone();
            value = body::value(NUMBER, &json!({ "messages": [echo], "contacts": [body::contact(to, NAMES[0])] }));
        }
        self.bodies.push(value);
    }

    fn standby(&mut self, random: &mut Random) {
        let (named, contact) = Self::person(random);
        let (wamid, at) = (self.wamid("text"), self.at(random));
        let message = Self::message(&named, &wamid, at, "text", json!({ "body": format!("standby {wamid}") }));
        let members = json!({ "standby": { "contacts": [contact], "messages": [message] } });
        self.wamids.push(wamid);
        let aside = body::single(body::change(NUMBER, "standby", &members));
        if random.below(2) == 0 {
            self.bodies.push(body::value(NUMBER, &members["standby"]));
        }
        self.bodies.push(aside);
    }

    /// A message that came before, told once more by the past.
    fn again(&mut self, random: &mut Random) {
        let known: Vec<(Value, bool)> = self
            .bodies
            .iter()
            .zip(&self.beside.bodies)
            .filter(|(_, beside)| !**beside)
            .filter_map(|(body, _)| {
                let value = &body["entry"][0]["changes"][0]["value"];
                let message = value["messages"].get(0).or_else(|| value["message_echoes"].get(0))?;
                let ours = message["from"] == BUSINESS;
                (message["type"] == "text" && message["group_id"].is_null()).then(|| (message.clone(), ours))
            })
            .collect();
        if known.is_empty() {
            return;
        }
        let (mut message, ours) = known[random.below(known.len())].clone();
        let with = if ours { &message["to"] } else { &message["from"] };
        let with = with.as_str().or(message["from_user_id"].as_str()).expect("somebody").to_owned();
        message["history_context"] = json!({ "status": pick(random, &["READ", "DELIVERED", "ERROR"]) });
        let chunk = i64::try_from(random.below(3)).expect("it fits");
        self.bodies.push(body::history(NUMBER, chunk, 10 * (1 + chunk), &[(&with, vec![message])]));
    }

    fn past(&mut self, random: &mut Random) {
        let with = PHONES[random.below(PHONES.len())];
        let messages = (0..1 + random.below(3))
            .map(|nth| {
                let (wamid, at) = (self.wamid("text"), self.at(random));
                self.wamids.push(wamid.clone());
                let (from, to) = if nth % 2 == 0 { (with, BUSINESS) } else { (BUSINESS, with) };
                let named = json!({ "from": from, "to": to, "history_context": { "status": "READ" } });
                Self::message(&named, &wamid, at, "text", json!({ "body": format!("past {wamid}") }))
            })
            .collect();
        self.bodies.push(body::history(NUMBER, 1, 100, &[(with, messages)]));
    }

    /// A file of the past, before or after the chunk that says whose thread it is in.
    fn file(&mut self, random: &mut Random) {
        let (wamid, at) = (self.wamid("text"), self.at(random));
        self.wamids.push(wamid.clone());
        let with = PHONES[random.below(PHONES.len())];
        let from = if random.below(2) == 0 { BUSINESS } else { with };
        let content =
            json!({ "id": format!("file {wamid}"), "mime_type": "image/jpeg", "sha256": "eA==", "caption": "c" });
        let file = Self::message(&json!({ "from": from }), &wamid, at, "image", content);
        self.bodies.push(body::single(body::change(NUMBER, "history", &json!({ "messages": [file] }))));
        let placeholder = json!({ "from": from, "id": wamid, "timestamp": at.to_string(), "type": "media_placeholder",
            "history_context": { "status": "READ" } });
        self.bodies.push(body::history(NUMBER, 1, 100, &[(with, vec![placeholder])]));
    }

    /// A file as Meta names it. Files are few, so that some are the same.
    fn image(random: &mut Random, id: &str, caption: &str) -> Value {
        let sha256 = format!("{:064x}", random.below(3));
        json!({ "id": format!("file {id}"), "mime_type": "image/jpeg", "sha256": sha256, "caption": caption })
    }

    /// A picture, perhaps seen while another app has the conversation, too.
    fn picture(&mut self, random: &mut Random) {
        let (named, contact) = Self::person(random);
        let (wamid, at) = (self.wamid("text"), self.at(random));
        let image = Self::image(random, &wamid, "a picture");
        let message = Self::message(&named, &wamid, at, "image", image);
        if random.below(4) == 0 {
            let members = json!({ "standby": { "contacts": [contact], "messages": [message] } });
            self.bodies.push(body::single(body::change(NUMBER, "standby", &members)));
        }
        self.wamids.push(wamid);
        self.live(message, &contact);
    }

    /// A message that Meta cannot show, which it can later.
    fn unreadable(&mut self, random: &mut Random) {
        let (named, contact) = Self::person(random);
        let (wamid, at) = (self.wamid("text"), self.at(random));
        let mut message = named.clone();
        (message["id"], message["timestamp"], message["type"]) =
            (json!(wamid), json!(at.to_string()), json!("unsupported"));
        message["errors"] = json!([{ "code": 131_051, "title": "Message type unknown" }]);
        self.live(message, &contact);
        if random.below(2) == 0 {
            let message = Self::message(&named, &wamid, at, "text", json!({ "body": format!("readable {wamid}") }));
            self.live(message, &contact);
        }
        self.wamids.push(wamid);
    }

    fn doing(random: &mut Random, kind: &str, target: &str, wamid: &str) -> Value {
        match kind {
            "reaction" => json!({ "message_id": target, "emoji": pick(random, &["👍", "❤️", ""]) }),
            "edit" if random.below(3) == 0 => json!({ "original_message_id": target,
                "message": { "type": "image", "image": Self::image(random, wamid, wamid) } }),
            "edit" => {
                // Some change nothing.
                let text = [format!("edited by {wamid}"), format!("text {target}")][random.below(2)].clone();
                json!({ "original_message_id": target, "message": { "type": "text", "text": { "body": text } } })
            }
            _ => json!({ "original_message_id": target }),
        }
    }

    fn effect(&mut self, random: &mut Random, kind: &str) {
        let (mut named, contact) = Self::person(random);
        if random.below(8) == 0 {
            named["group_id"] = json!("group");
        }
        let (target, wamid, at) = (self.target(random), self.wamid(kind), self.at(random));
        let message = Self::message(&named, &wamid, at, kind, Self::doing(random, kind, &target, &wamid));
        if random.below(6) == 0 {
            let members = json!({ "standby": { "contacts": [contact], "messages": [message] } });
            self.bodies.push(body::single(body::change(NUMBER, "standby", &members)));
        }
        self.live(message, &contact);
    }

    /// What somebody did to a message, or a picture, told once more with other contents.
    fn retold(&mut self, random: &mut Random) {
        let told: Vec<&Value> = self
            .bodies
            .iter()
            .zip(&self.beside.bodies)
            .filter(|(body, beside)| {
                let kind = &body["entry"][0]["changes"][0]["value"]["messages"][0]["type"];
                !**beside && (kind == "edit" || kind == "image" || kind == "reaction")
            })
            .map(|(body, _)| body)
            .collect();
        if told.is_empty() {
            return;
        }
        let mut body = told[random.below(told.len())].clone();
        let message = &mut body["entry"][0]["changes"][0]["value"]["messages"][0];
        let wamid = message["id"].as_str().expect("an id").to_owned();
        let other = format!("{wamid} retold {}", random.below(3));
        match message["type"].as_str() {
            Some("image") => message["image"] = Self::image(random, &wamid, &other),
            Some("reaction") => message["reaction"]["emoji"] = json!(pick(random, &["👍", "❤️", ""])),
            _ if message["edit"]["message"]["type"] == "image" => {
                message["edit"]["message"]["image"] = Self::image(random, &wamid, &other);
            }
            _ => message["edit"]["message"] = json!({ "type": "text", "text": { "body": other } }),
        }
        self.bodies.push(body);
    }

    /// The business reacts, edits or deletes on its phone.
    fn ours(&mut self, random: &mut Random) {
        let kind = pick(random, &["reaction", "edit", "revoke"]);
        let (target, wamid, at) = (self.target(random), self.wamid(kind), self.at(random));
        let named = json!({ "from": BUSINESS, "to": PHONES[random.below(PHONES.len())] });
        let message = Self::message(&named, &wamid, at, kind, Self::doing(random, kind, &target, &wamid));
        let members = json!({ "message_echoes": [message] });
        self.bodies.push(body::single(body::change(NUMBER, "smb_message_echoes", &members)));
    }

    fn status(&mut self, random: &mut Random) {
        if self.sent.is_empty() {
            return;
        }
        let wamid = self.sent[random.below(self.sent.len())].clone();
        let (at, with) = (self.at(random), PHONES[random.below(PHONES.len())]);
        let mut status = body::status_of(&wamid, ["sent", "delivered", "read", "failed"][random.below(4)], at, with);
        if status["status"] == "failed" {
            status["errors"] = json!([{ "code": 131_000 + random.below(50), "title": "x" }]);
        } else if random.below(2) == 0 {
            status["pricing"] =
                json!({ "billable": true, "category": "utility", "pricing_model": "PMP", "type": "regular" });
        }
        if random.below(3) == 0 {
            status["recipient_user_id"] = json!(USERS[random.below(USERS.len())]);
        }
        self.bodies.push(body::value(NUMBER, &json!({ "statuses": [status] })));
    }

    /// How a payment that was asked for goes on: several steps of one message.
    fn payment(&mut self, random: &mut Random) {
        let with = PHONES[random.below(PHONES.len())];
        let wamid =
            if self.sent.is_empty() { self.wamid("echo") } else { self.sent[random.below(self.sent.len())].clone() };
        for step in ["pending", "failed", "success"].iter().take(1 + random.below(3)) {
            let mut status = body::status_of(&wamid, "captured", self.at(random), with);
            if random.below(2) == 0 {
                status["status"] = json!(step);
            }
            status["type"] = json!("payment");
            status["payment"] = json!({ "reference_id": "r", "amount": { "value": 100, "offset": 100 },
                "transaction": { "id": "t", "status": step } });
            self.bodies.push(body::value(NUMBER, &json!({ "statuses": [status] })));
        }
    }
}
