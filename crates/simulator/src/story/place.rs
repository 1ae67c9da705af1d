//! A story into the world: the customer, the thread, and every message as both sides have it.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Line, Reached, Story, clock};
use crate::chance::Chance;
use crate::webhook::Update;
use crate::world::customer::Reads;
use crate::world::{Direction, KINDS, Media, Message, World};

/// A message of the past, as `history` tells it.
#[derive(Debug)]
pub(super) struct Row {
    /// Meta's object: who, when, what.
    pub(super) value: Map<String, Value>,
    pub(super) direction: Direction,
    pub(super) at: Timestamp,
    /// `READ`, `DELIVERED` or `SENT` (§7.2).
    pub(super) status: &'static str,
    pub(super) is_medium: bool,
}

/// A conversation that stands in the world, and what is to be told of it.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) number: String,
    /// The person in `contacts[]`.
    pub(super) contact: Value,
    pub(super) past: Vec<Row>,
    /// Of the last day: the updates of each message, in order.
    pub(super) recent: Vec<Vec<Update>>,
}

/// Places a story as it stands at a time. `None`: the customer has written with the number already.
pub(super) fn place(world: &mut World, story: &Story, number: &str, now: Timestamp) -> Option<Placed> {
    let customer = customer(world, story);
    if world.threads.contains_key(&(number.to_owned(), customer.clone())) {
        return None;
    }
    // Ids follow from the story alone: told again by another simulator, it is the same messages.
    let who = story.phone.as_ref().or(story.username.as_ref()).unwrap_or(&story.name);
    let own = Chance::named(world.seed, &["story", number, who]);
    let chance = std::mem::replace(&mut world.chance, own);
    // What is said here was read when the story says so.
    let reads = std::mem::replace(&mut world.customers[&customer].reads, Reads::Opened);
    let mut placing = Placing { world, number, customer: &customer, wamids: HashMap::new() };
    let (past, recent) = placing.sessions(story, now);
    world.chance = chance;
    world.customers[&customer].reads = reads;
    let contact = world.contact(number, &customer, now);
    Some(Placed { number: number.to_owned(), contact, past, recent })
}

fn customer(world: &mut World, story: &Story) -> String {
    let known = match (&story.phone, &story.username) {
        (Some(phone), _) => world.customer_by_phone(phone),
        (None, Some(username)) => world.customer_by_username(username),
        (None, None) => None,
    };
    if let Some(known) = known {
        return known.key.clone();
    }
    let key = world.add_customer(Some(&story.name), story.phone.as_deref(), story.username.as_deref());
    if let Some(country) = &story.country {
        world.customers[&key].country.clone_from(country);
    }
    key
}

struct Placing<'a> {
    world: &'a mut World,
    number: &'a str,
    customer: &'a str,
    /// Of lines that have a name.
    wamids: HashMap<&'a str, String>,
}

impl<'a> Placing<'a> {
    fn sessions(&mut self, story: &'a Story, now: Timestamp) -> (Vec<Row>, Vec<Vec<Update>>) {
        let clock = clock(&self.world.numbers[self.number].digits);
        let (mut past, mut recent) = (Vec::new(), Vec::new());
        for session in &story.sessions {
            let mut at = session.begins(now, clock);
            for (nth, line) in session.lines.iter().enumerate() {
                if nth > 0 {
                    at += self.pause(line);
                }
                let (row, updates) = self.say(line, at);
                if session.is_recent() {
                    recent.push(updates);
                } else {
                    past.push(row);
                }
            }
            if !session.is_recent() {
                self.read_before(at);
            }
        }
        (past, recent)
    }

    /// People do not write on the minute.
    fn pause(&mut self, line: &Line) -> SignedDuration {
        let odd = self.world.chance.between(0, 40) as i64;
        line.after.unwrap_or(SignedDuration::from_secs(35)) + SignedDuration::from_secs(odd)
    }

    /// Says a line: as history tells it, and the updates that tell it as it happens.
    fn say(&mut self, line: &'a Line, at: Timestamp) -> (Row, Vec<Update>) {
        let before = self.world.outgoing.len();
        let from_customer = line.r#in.is_some();
        let said = line.r#in.as_ref().or(line.out.as_ref()).unwrap_or(&Value::Null);
        let message = whole(said, line.to.as_deref().and_then(|to| self.wamids.get(to)));
        let message = self.world.complete(self.number, message, at).expect("a test says every line");
        let value = if from_customer { self.customer_says(message, at) } else { self.business_says(message, line, at) };
        if let Some(name) = &line.name {
            let wamid = value["id"].as_str().unwrap_or_default().to_owned();
            self.wamids.insert(name, wamid);
        }
        let row = Row {
            is_medium: KINDS.iter().any(|kind| value["type"] == kind.name),
            direction: if from_customer { Direction::FromCustomer } else { Direction::FromBusiness },
            at,
            status: if from_customer { "READ" } else { line.status.steps()[line.status.steps().len() - 1].1 },
            value,
        };
        (row, self.world.outgoing.split_off(before).into())
    }

    fn customer_says(&mut self, message: Map<String, Value>, at: Timestamp) -> Map<String, Value> {
        self.world.customer_sends(self.number, self.customer, message, at).expect("nobody is blocked in a new world");
        let told = self.world.outgoing.back().map(|update| update.value["messages"][0].clone());
        let Some(Value::Object(row)) = told else { unreachable!("what a customer sends is told") };
        let wamid = row["id"].as_str().unwrap_or_default();
        if let Some(message) = self.world.messages.get_mut(wamid) {
            message.statuses.push(("delivered", at));
        }
        row
    }

    /// The owner writes on the phone app: an echo, and what became of it.
    fn business_says(&mut self, message: Map<String, Value>, line: &Line, at: Timestamp) -> Map<String, Value> {
        let wa_id = self.world.customers[self.customer].wa_id.clone();
        let wamid = self.world.chance.wamid(wa_id.as_deref().unwrap_or("0"));
        let contact = self.world.contact(self.number, self.customer, at);
        let row = self.echo(message, &wamid, wa_id.as_deref(), &contact, at);
        self.keep(&row, &wamid, wa_id.is_some(), at);
        self.world.tell_number(
            self.number,
            "smb_message_echoes",
            json!({ "contacts": [contact], "message_echoes": [row] }),
        );
        // Of a reaction only `sent` comes back (§8.2).
        let reached = if row["type"] == "reaction" { Reached::Sent } else { line.status };
        for (seconds, _, status) in reached.steps() {
            self.world.step(&wamid, status, at + SignedDuration::from_secs(*seconds));
        }
        self.read_before(at);
        row
    }

    /// A message of the owner in `message_echoes[]` (§7.2).
    fn echo(
        &self,
        message: Map<String, Value>,
        wamid: &str,
        wa_id: Option<&str>,
        contact: &Value,
        at: Timestamp,
    ) -> Map<String, Value> {
        let mut row = Map::new();
        row.insert("from".into(), self.world.numbers[self.number].digits.clone().into());
        if let Some(wa_id) = wa_id {
            row.insert("to".into(), wa_id.into());
        }
        row.insert("to_user_id".into(), contact["user_id"].clone());
        row.insert("id".into(), wamid.into());
        row.insert("timestamp".into(), at.as_second().to_string().into());
        row.extend(message);
        row
    }

    fn keep(&mut self, row: &Map<String, Value>, wamid: &str, to_phone: bool, at: Timestamp) {
        let kind = row["type"].as_str().unwrap_or_default().to_owned();
        let content = row.get(&kind).cloned().unwrap_or_default();
        if let Some(media) = content["id"].as_str().and_then(|id| self.world.media.get_mut(id)) {
            media.inbound = false;
            media.expires_at = at + Media::life(false);
        }
        self.world.react(self.number, self.customer, Direction::FromBusiness, &content);
        let between = (self.number, self.customer);
        let message = Message {
            reply_to: row.get("context").and_then(|context| context["id"].as_str()).map(str::to_owned),
            to_phone,
            ..Message::said(Direction::FromBusiness, between, wamid, &kind, content, at)
        };
        let thread = self.world.threads.entry((self.number.to_owned(), self.customer.to_owned())).or_default();
        if kind != "reaction" {
            thread.wamids.push(wamid.to_owned());
        }
        if to_phone {
            thread.last_touch = Some(at);
        }
        self.world.messages.insert(wamid.to_owned(), message);
    }

    /// Who answers has read what came before.
    fn read_before(&mut self, at: Timestamp) {
        let wamids = self.world.threads.get(&(self.number.to_owned(), self.customer.to_owned()));
        for wamid in wamids.map(|thread| thread.wamids.clone()).unwrap_or_default() {
            let message = self.world.messages.get_mut(&wamid);
            let Some(message) = message.filter(|message| message.direction == Direction::FromCustomer) else {
                continue;
            };
            if !message.has("read") {
                message.statuses.push(("read", at));
            }
        }
    }
}

impl Reached {
    /// Seconds after the message, what history calls it, and what a status does.
    fn steps(self) -> &'static [(i64, &'static str, &'static str)] {
        const STEPS: [(i64, &str, &str); 3] =
            [(0, "SENT", "sent"), (1, "DELIVERED", "delivered"), (19, "READ", "read")];
        match self {
            Self::Sent => &STEPS[..1],
            Self::Delivered => &STEPS[..2],
            Self::Read => &STEPS,
        }
    }
}

/// The file of a picture that a line names.
fn picture_of(name: &Value) -> &'static [u8] {
    match name.as_str().unwrap_or_default() {
        "bench" => include_bytes!("pictures/bench.png"),
        "cat" => include_bytes!("pictures/cat.png"),
        "desserts" => include_bytes!("pictures/desserts.png"),
        "leg" => include_bytes!("pictures/leg.png"),
        "room" => include_bytes!("pictures/room.png"),
        "spilled" => include_bytes!("pictures/spilled.png"),
        "umbrella" => include_bytes!("pictures/umbrella.png"),
        other => unreachable!("there is no picture {other}"),
    }
}

/// Meta's message object of what a line says, with its target where that belongs.
fn whole(said: &Value, target: Option<&String>) -> Map<String, Value> {
    let mut message = match said {
        Value::Object(message) => message.clone(),
        said => Map::from_iter([("type".to_owned(), "text".into()), ("text".to_owned(), json!({ "body": said }))]),
    };
    let kind = message["type"].as_str().unwrap_or_default().to_owned();
    if let Some(content) = message.get_mut(&kind).and_then(Value::as_object_mut)
        && let Some(picture) = content.remove("picture")
    {
        content.insert("data".into(), STANDARD.encode(picture_of(&picture)).into());
        content.insert("mime_type".into(), "image/png".into());
    }
    if let Some(target) = target {
        match kind.as_str() {
            "reaction" => message[&kind]["message_id"] = target.clone().into(),
            "edit" | "revoke" => message[&kind]["original_message_id"] = target.clone().into(),
            _ => drop(message.insert("context".into(), json!({ "id": target }))),
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{FILES, stories};
    use super::*;
    use crate::world::script::choices;

    fn world(seed: u64, now: Timestamp) -> (World, Vec<Placed>) {
        let mut world = World::furnished(seed, Some("1"), Some("secret"), now);
        let numbers: Vec<String> = world.numbers.keys().cloned().collect();
        let mut placed = Vec::new();
        for (nth, (_, text)) in FILES.iter().enumerate() {
            for story in stories(text) {
                placed.extend(place(&mut world, &story, &numbers[nth * 2 + story.number], now));
            }
        }
        (world, placed)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    /// What identifies messages and people: wamids with their senders, media, user ids.
    fn identities(world: &World) -> BTreeSet<String> {
        let messages = world.messages.values().map(|message| format!("{} {:?}", message.wamid, message.direction));
        let people = world.customers.values().flat_map(|customer| customer.user_ids.values().cloned());
        messages.chain(people).chain(world.media.keys().cloned()).collect()
    }

    #[test]
    fn every_line_can_be_said_and_of_every_kind_there_is_one() {
        let (world, placed) = world(1, at(1_795_000_000));
        assert_eq!(placed.len(), world.threads.len());
        assert!(world.outgoing.is_empty(), "nobody is told yet");
        let kinds: BTreeSet<&str> = world.messages.values().map(|message| message.kind.as_str()).collect();
        for kind in [
            "text",
            "image",
            "audio",
            "document",
            "sticker",
            "location",
            "contacts",
            "interactive",
            "order",
            "reaction",
            "edit",
            "revoke",
        ] {
            assert!(kinds.contains(kind), "{kind}");
        }
        assert!(world.messages.values().any(|message| message.reply_to.is_some()));
        assert!(world.messages.values().any(|message| message.edited));
        assert!(world.messages.values().any(|message| message.deleted));
        assert!(world.messages.values().all(|message| !message.statuses.is_empty()));
    }

    #[test]
    fn who_taps_taps_what_was_there() {
        let (world, _) = world(1, at(1_795_000_000));
        let taps = world
            .messages
            .values()
            .filter(|message| ["list_reply", "button_reply"].iter().any(|kind| message.content["type"] == *kind));
        let mut count = 0;
        for tap in taps {
            let asked = &world.messages[tap.reply_to.as_ref().expect("a tap answers something")];
            let replies = choices(asked).into_iter().map(|choice| choice.reply["interactive"].clone());
            assert!(replies.into_iter().any(|reply| reply == tap.content), "{}", tap.content);
            count += 1;
        }
        assert!(count >= 4);
    }

    #[test]
    fn another_simulator_tells_the_same_messages() {
        let (first, _) = world(1, at(1_795_000_000));
        let (mut again, _) = world(1, at(1_795_600_123));
        assert_eq!(identities(&first), identities(&again));
        assert!(identities(&first).is_disjoint(&identities(&world(2, at(1_795_000_000)).0)));
        // Once in a world.
        let count = again.messages.len();
        let number = again.numbers.keys().next().expect("a number").clone();
        let story = stories(FILES[0].1).remove(0);
        assert!(place(&mut again, &story, &number, at(1_795_600_123)).is_none());
        assert_eq!(again.messages.len(), count);
    }
}
