//! The past of an owner's phone app, and how it is told when the number comes to the API (§7.2).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Direction, KINDS, Message, World};
use crate::error::GraphError;

/// Messages in one update at most.
const CHUNK: usize = 500;

/// Phases by the age of messages: the last day, up to 90 days, up to 180.
const PHASES: [SignedDuration; 3] =
    [SignedDuration::from_hours(24), SignedDuration::from_hours(90 * 24), SignedDuration::from_hours(180 * 24)];

/// Media of this age come again, with what they hold.
const MEDIA_COME: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Who wrote, how many hours ago, and what.
type Said = (Direction, i64, &'static str);

const PABLO: &str = "Pablo Morales";
const PABLOS_PHONE: &str = "16505550177";
const PABLOS_CHAT: &[Said] = &[
    (Direction::FromCustomer, 2500, "Hi, are you open on Sundays?"),
    (Direction::FromBusiness, 2499, "We are, from nine to two."),
    (Direction::FromCustomer, 5, "Can I order the same as last time?"),
];

const LUCIA: &str = "Lucía Fernández";
const LUCIAS_PHONE: &str = "525512340099";
const LUCIAS_CHAT: &[Said] = &[
    (Direction::FromBusiness, 80, "Su pedido está listo 🎉"),
    (Direction::FromCustomer, 79, "¡Gracias! Paso por él."),
];

impl World {
    /// Gives a number a past: two people who wrote with its owner over the last months.
    pub(crate) fn furnish_past(&mut self, phone_number_id: &str, now: Timestamp) {
        for (name, phone, said) in [(PABLO, PABLOS_PHONE, PABLOS_CHAT), (LUCIA, LUCIAS_PHONE, LUCIAS_CHAT)] {
            let customer = self.customer_dialed(phone);
            self.customers[&customer].name.get_or_insert_with(|| name.to_owned());
            for (direction, age, body) in said {
                self.recall(phone_number_id, &customer, *direction, body, now - SignedDuration::from_hours(*age));
            }
        }
    }

    /// Adds a text that was said on the owner's phone; nobody is told.
    fn recall(&mut self, phone_number_id: &str, customer: &str, direction: Direction, body: &str, at: Timestamp) {
        let digits = self.customers[customer].wa_id.clone().unwrap_or_default();
        let wamid = self.chance.wamid(&digits);
        let message = Message {
            statuses: vec![("delivered", at), ("read", at)],
            ..Message::said(direction, (phone_number_id, customer), &wamid, "text", json!({ "body": body }), at)
        };
        self.messages.insert(wamid.clone(), message);
        let thread = self.threads.entry((phone_number_id.into(), customer.into())).or_default();
        thread.wamids.push(wamid);
    }

    /// `smb_app_state_sync`: the people in the owner's phone.
    pub(crate) fn tell_contacts(&mut self, phone_number_id: &str, now: Timestamp) {
        let business = self.business_of(phone_number_id).map(|business| business.id.clone()).unwrap_or_default();
        let mut rows = Vec::new();
        for customer in self.people_of(phone_number_id) {
            let user_id = self.user_id(&customer, &business);
            let customer = &self.customers[&customer];
            let mut contact = Map::new();
            if let Some(name) = &customer.name {
                contact.insert("full_name".into(), name.clone().into());
                contact.insert("first_name".into(), name.split(' ').next().unwrap_or(name).into());
            }
            if let Some(wa_id) = &customer.wa_id {
                contact.insert("phone_number".into(), wa_id.clone().into());
            }
            contact.insert("user_id".into(), user_id.into());
            if let Some(username) = &customer.username {
                contact.insert("username".into(), username.clone().into());
            }
            rows.push(json!({
                "type": "contact", "contact": contact, "action": "add",
                "metadata": { "timestamp": now.as_second().to_string() },
            }));
        }
        if !rows.is_empty() {
            self.tell_number(phone_number_id, "smb_app_state_sync", json!({ "state_sync": rows }));
        }
    }

    /// `history`: what was said, phase by phase; or that the owner keeps it.
    pub(crate) fn tell_history(&mut self, phone_number_id: &str, now: Timestamp) {
        if !self.numbers[phone_number_id].shares_history {
            let error = GraphError::of(2_593_109).details("History sharing is turned off by the business");
            let history = json!([{ "errors": [error.in_webhook()] }]);
            return self.tell_number(phone_number_id, "history", json!({ "history": history }));
        }
        let chunks = self.chunks(phone_number_id, now);
        let all = chunks.len().max(1);
        if chunks.is_empty() {
            self.tell_chunk(phone_number_id, 2, 1, 100, json!([]));
        }
        for (place, (phase, order, threads)) in chunks.into_iter().enumerate() {
            self.tell_chunk(phone_number_id, phase, order, (place + 1) * 100 / all, threads);
        }
        self.tell_media(phone_number_id, now);
    }

    fn tell_chunk(&mut self, phone_number_id: &str, phase: usize, order: usize, progress: usize, threads: Value) {
        let metadata = json!({ "phase": phase, "chunk_order": order, "progress": progress });
        let history = json!([{ "metadata": metadata, "threads": threads }]);
        self.tell_number(phone_number_id, "history", json!({ "history": history }));
    }

    /// Who has a conversation with a number, by key.
    fn people_of(&self, phone_number_id: &str) -> Vec<String> {
        let of_number = self.threads.keys().filter(|(number, _)| number == phone_number_id);
        of_number.map(|(_, customer)| customer.clone()).collect()
    }

    /// The threads of a number, in parts: phase, order in it, and `threads[]`.
    fn chunks(&mut self, phone_number_id: &str, now: Timestamp) -> Vec<(usize, usize, Value)> {
        let mut chunks = Vec::new();
        for phase in 0..PHASES.len() {
            let (mut threads, mut count, mut order) = (Vec::new(), 0, 1);
            for customer in self.people_of(phone_number_id) {
                let said = self.said(phone_number_id, &customer, phase, now);
                for part in said.chunks(CHUNK) {
                    if count + part.len() > CHUNK {
                        chunks.push((phase, order, Value::from(std::mem::take(&mut threads))));
                        (count, order) = (0, order + 1);
                    }
                    count += part.len();
                    threads.push(self.thread_value(phone_number_id, &customer, part));
                }
            }
            if !threads.is_empty() {
                chunks.push((phase, order, threads.into()));
            }
        }
        chunks
    }

    /// The messages of a thread whose age is of this phase.
    fn said(&self, phone_number_id: &str, customer: &str, phase: usize, now: Timestamp) -> Vec<Value> {
        let from = if phase == 0 { SignedDuration::ZERO } else { PHASES[phase - 1] };
        let thread = self.threads.get(&(phone_number_id.to_owned(), customer.to_owned()));
        let wamids = thread.map(|thread| thread.wamids.as_slice()).unwrap_or_default();
        let messages = wamids.iter().filter_map(|wamid| self.messages.get(wamid));
        let of_phase = messages.filter(|message| (from..PHASES[phase]).contains(&now.duration_since(message.at)));
        of_phase.map(|message| self.past(message)).collect()
    }

    fn thread_value(&mut self, phone_number_id: &str, customer: &str, messages: &[Value]) -> Value {
        let business = self.business_of(phone_number_id).map(|business| business.id.clone()).unwrap_or_default();
        let user_id = self.user_id(customer, &business);
        let customer = &self.customers[customer];
        let mut context = Map::from_iter([("user_id".to_owned(), Value::from(user_id))]);
        if let Some(username) = &customer.username {
            context.insert("username".into(), username.clone().into());
        }
        let mut thread = Map::new();
        if let Some(wa_id) = &customer.wa_id {
            thread.insert("id".into(), wa_id.clone().into());
            context.insert("wa_id".into(), wa_id.clone().into());
        }
        thread.insert("context".into(), context.into());
        thread.insert("messages".into(), messages.into());
        thread.into()
    }

    /// A message as history tells it: media without what they hold.
    fn past(&self, message: &Message) -> Value {
        let mut row = self.row_of(message);
        if is_medium(message) {
            row.insert("type".into(), "media_placeholder".into());
        } else {
            row.insert("type".into(), message.kind.clone().into());
            row.insert(message.kind.clone(), message.content.clone());
        }
        let last = message.statuses.last().map_or("pending", |(status, _)| *status);
        let status = if last == "failed" { "ERROR".to_owned() } else { last.to_ascii_uppercase() };
        row.insert("history_context".into(), json!({ "status": status }));
        row.into()
    }

    /// Who wrote, to whom, when.
    fn row_of(&self, message: &Message) -> Map<String, Value> {
        let business = self.numbers[&message.phone_number_id].digits.clone();
        let wa_id = self.customers[&message.customer].wa_id.clone();
        let mut row = Map::new();
        match message.direction {
            Direction::FromBusiness => {
                row.insert("from".into(), business.into());
                wa_id.map(|wa_id| row.insert("to".into(), wa_id.into()));
            }
            Direction::FromCustomer => {
                wa_id.map(|wa_id| row.insert("from".into(), wa_id.into()));
            }
        }
        row.insert("id".into(), message.wamid.clone().into());
        row.insert("timestamp".into(), message.at.as_second().to_string().into());
        row
    }

    /// The media of the last two weeks, each in an update of its own.
    fn tell_media(&mut self, phone_number_id: &str, now: Timestamp) {
        let people = self.people_of(phone_number_id);
        let threads = people.iter().filter_map(|key| self.threads.get(&(phone_number_id.to_owned(), key.clone())));
        let messages = threads.flat_map(|thread| &thread.wamids).filter_map(|wamid| self.messages.get(wamid));
        let recent = messages.filter(|one| is_medium(one) && now.duration_since(one.at) < MEDIA_COME);
        let values = recent.map(|message| {
            let mut row = self.row_of(message);
            row.insert("type".into(), message.kind.clone().into());
            row.insert(message.kind.clone(), message.content.clone());
            let list = if message.direction == Direction::FromCustomer { "messages" } else { "message_echoes" };
            json!({ list: [row] })
        });
        for value in values.collect::<Vec<_>>() {
            self.tell_number(phone_number_id, "history", value);
        }
    }
}

fn is_medium(message: &Message) -> bool {
    KINDS.iter().any(|kind| kind.name == message.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_comes_in_phases_and_ends_at_100() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let mut world = World::furnished(1, None, None, now);
        let number = world.numbers.keys().next().expect("there are numbers").clone();
        world.furnish_past(&number, now);
        world.tell_history(&number, now);
        let told: Vec<Value> = world.outgoing.drain(..).map(|update| update.value["history"][0].clone()).collect();
        let phases: Vec<_> = told.iter().map(|chunk| chunk["metadata"]["phase"].as_i64()).collect();
        assert_eq!(phases, [Some(0), Some(1), Some(2)]);
        assert_eq!(told[2]["metadata"]["progress"], 100);
        let count: usize = told
            .iter()
            .flat_map(|chunk| chunk["threads"].as_array().expect("threads"))
            .map(|thread| thread["messages"].as_array().expect("messages").len())
            .sum();
        assert_eq!(count, 5);
    }

    #[test]
    fn who_keeps_the_past_says_so() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let mut world = World::furnished(1, None, None, now);
        let number = world.numbers.keys().next().expect("there are numbers").clone();
        world.numbers[&number].shares_history = false;
        world.tell_history(&number, now);
        assert_eq!(world.outgoing[0].value["history"][0]["errors"][0]["code"], 2_593_109);
    }
}
