//! Customers that answer by themselves, and what a message lets its reader tap.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Message, Task, World};

/// Answers of one script in a minute, at most: two machines that answer each other end here.
const ANSWERS_A_MINUTE: usize = 20;

/// Something that a message lets its reader tap, and that answers it.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    /// What the tap sends: a whole message of the customer.
    pub(crate) reply: Map<String, Value>,
}

/// What can be tapped, in order: buttons and rows of an interactive message (§4.3), quick replies of a template (§4.2).
pub(crate) fn choices(message: &Message) -> Vec<Choice> {
    match message.kind.as_str() {
        "interactive" => interactive(message),
        "template" => quick_replies(message),
        _ => Vec::new(),
    }
}

fn interactive(message: &Message) -> Vec<Choice> {
    let action = &message.content["action"];
    let buttons = list(&action["buttons"]).iter().map(|button| ("button_reply", &button["reply"]));
    let rows = list(&action["sections"]).iter().flat_map(|section| list(&section["rows"]));
    let cards = list(&action["cards"]).iter().flat_map(|card| list(&card["action"]["buttons"]));
    let cards = cards.map(|button| ("button_reply", button.get("quick_reply").unwrap_or(&button["reply"])));
    let all = buttons.chain(rows.map(|row| ("list_reply", row))).chain(cards);
    let choice = |(kind, option): (&str, &Value)| {
        let title = option["title"].as_str()?.to_owned();
        let description = option["description"].as_str().map(str::to_owned);
        let mut reply = json!({ "id": option["id"], "title": title });
        if let Some(description) = &description {
            reply["description"] = description.clone().into();
        }
        let inner = Map::from_iter([("type".to_owned(), kind.into()), (kind.to_owned(), reply)]);
        Some(Choice { title, description, reply: answer_to(message, "interactive", inner.into()) })
    };
    all.filter_map(choice).collect()
}

/// Quick replies as the template was rendered, those of its cards after its own.
fn quick_replies(message: &Message) -> Vec<Choice> {
    let Some(rendered) = &message.rendered else { return Vec::new() };
    let cards = list(&rendered["cards"]).iter().flat_map(|card| list(&card["buttons"]));
    let choice = |button: &Value| {
        let title = button["text"].as_str().filter(|_| is(&button["type"], "quick_reply"))?.to_owned();
        let payload = button.get("payload").cloned().unwrap_or_else(|| title.clone().into());
        let reply = answer_to(message, "button", json!({ "payload": payload, "text": title }));
        Some(Choice { title, description: None, reply })
    };
    list(&rendered["buttons"]).iter().chain(cards).filter_map(choice).collect()
}

fn answer_to(message: &Message, kind: &str, content: Value) -> Map<String, Value> {
    Map::from_iter([
        ("context".to_owned(), json!({ "id": message.wamid })),
        ("type".to_owned(), kind.into()),
        (kind.to_owned(), content),
    ])
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is(value: &Value, word: &str) -> bool {
    value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(word))
}

/// All that a person reads in a message, in small letters.
fn readable(message: &Message) -> String {
    let mut words = String::new();
    if message.kind == "template" {
        words.push_str(message.content["name"].as_str().unwrap_or_default());
    }
    collect(message.rendered.as_ref().unwrap_or(&message.content), &mut words);
    words.to_lowercase()
}

fn collect(value: &Value, words: &mut String) {
    const READ: &[&str] =
        &["body", "text", "caption", "title", "description", "display_text", "footer", "header", "name"];
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if READ.contains(&key.as_str()) => {
                        words.push('\n');
                        words.push_str(text);
                    }
                    Value::Object(_) | Value::Array(_) => collect(value, words),
                    _ => {}
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, words)),
        _ => {}
    }
}

impl World {
    /// Sets out what the customer's script answers to a message that came: the first rule that fits, in order. A tap
    /// fits only what can be tapped.
    pub(crate) fn script_answers(&mut self, wamid: &str, now: Timestamp) {
        let Some(message) = self.messages.get(wamid) else { return };
        let Some(customer) = self.customers.get_mut(&message.customer) else { return };
        if customer.script.is_empty() {
            return;
        }
        let text = readable(message);
        let answer = |rule: &super::customer::Rule| {
            if !text.contains(&rule.when.to_lowercase()) {
                return None;
            }
            let answer = if rule.answer["type"] == "tap" { tap(message, &rule.answer)? } else { rule.answer.clone() };
            Some((answer, rule.after_seconds))
        };
        let Some((answer, after)) = customer.script.iter().find_map(answer) else { return };
        if !may_answer(&mut customer.answers, now) {
            tracing::debug!(customer = customer.key, "its script answered enough for a minute");
            return;
        }
        let (customer, phone_number_id) = (customer.key.clone(), message.phone_number_id.clone());
        let when = now + SignedDuration::from_millis((after.clamp(0.0, 1e9) * 1000.0) as i64);
        self.at(when, Task::Answer { customer, phone_number_id, message: answer });
    }

    /// A script's answer is sent.
    pub(crate) fn answer(&mut self, customer: &str, phone_number_id: &str, message: &Value, now: Timestamp) {
        let Value::Object(message) = message else { return };
        match self.complete(phone_number_id, message.clone(), now) {
            Ok(message) => {
                self.customer_sends(phone_number_id, customer, message, now);
            }
            Err(why) => tracing::warn!(customer, "its script's answer can't be sent: {why}"),
        }
    }
}

/// The reply to a tap: on the button or row that `title` names, else on the first.
fn tap(message: &Message, answer: &Value) -> Option<Value> {
    let title = answer["title"].as_str();
    let wanted = |choice: &Choice| title.is_none_or(|title| choice.title.eq_ignore_ascii_case(title));
    choices(message).into_iter().find(wanted).map(|choice| choice.reply.into())
}

/// Whether one more answer fits into this minute; counts it if so.
fn may_answer(answers: &mut VecDeque<Timestamp>, now: Timestamp) -> bool {
    answers.retain(|at| now.duration_since(*at) < SignedDuration::from_mins(1));
    let fits = answers.len() < ANSWERS_A_MINUTE;
    if fits {
        answers.push_back(now);
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Sent;
    use crate::world::customer::Rule;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// A business that wrote to a customer with a script; the answers that are on the agenda.
    fn answers(script: Value, kind: &str, content: Value, rendered: Option<Value>) -> Vec<Value> {
        let mut world = World::furnished(1, None, None, NOW);
        let number = world.numbers.keys().next().expect("a number").clone();
        let customer = world.customer_writing(&number, "525512345678", Some("Ana"));
        world.customers[&customer].script = serde_json::from_value::<Vec<Rule>>(script).expect("a script");
        let hello = Map::from_iter([("type".to_owned(), json!("text")), ("text".to_owned(), json!({ "body": "hi" }))]);
        world.customer_sends(&number, &customer, hello, NOW);
        let sent = Sent {
            phone_number_id: number,
            customer,
            to_phone: true,
            kind: kind.into(),
            content,
            reply_to: None,
            opaque: None,
            category: "service".into(),
            rendered,
            link: None,
            direct: false,
        };
        let wamid = world.business_sends(sent, NOW);
        world.script_answers(&wamid, NOW);
        let later = NOW + SignedDuration::from_hours(1);
        let mut found = Vec::new();
        while let Some(task) = world.next_task(later) {
            if let Task::Answer { mut message, .. } = task {
                message.as_object_mut().expect("an object").shift_remove("context");
                found.push(message);
            }
        }
        found
    }

    #[test]
    fn the_first_rule_that_fits_answers() {
        let script = json!([
            { "when": "precio", "answer": { "text": { "body": "ok" } } },
            { "when": "", "answer": { "text": { "body": "?" } }, "after_seconds": 2.5 },
        ]);
        let found = answers(script.clone(), "text", json!({ "body": "El PRECIO es 3" }), None);
        assert_eq!(found, [json!({ "text": { "body": "ok" } })]);
        let found = answers(script, "text", json!({ "body": "Hola" }), None);
        assert_eq!(found, [json!({ "text": { "body": "?" } })]);
    }

    #[test]
    fn a_tap_answers_buttons_rows_and_quick_replies() {
        let tap = json!([{ "answer": { "type": "tap" } }]);
        let buttons = json!({ "type": "button", "body": { "text": "?" }, "action": { "buttons": [
            { "type": "reply", "reply": { "id": "y", "title": "Yes" } }] } });
        let reply = json!({ "type": "button_reply", "button_reply": { "id": "y", "title": "Yes" } });
        let found = answers(tap.clone(), "interactive", buttons, None);
        assert_eq!(found, [json!({ "type": "interactive", "interactive": reply })]);

        let rows = json!({ "type": "list", "action": { "sections": [{ "rows": [
            { "id": "1", "title": "One" }, { "id": "2", "title": "Two", "description": "later" }] }] } });
        let reply =
            json!({ "type": "list_reply", "list_reply": { "id": "2", "title": "Two", "description": "later" } });
        let second = json!([{ "answer": { "type": "tap", "title": "two" } }]);
        let found = answers(second, "interactive", rows, None);
        assert_eq!(found, [json!({ "type": "interactive", "interactive": reply })]);

        let rendered = json!({ "body": "…", "buttons": [
            { "type": "url", "text": "Open" }, { "type": "quick_reply", "text": "Stop", "payload": "p" }] });
        let found = answers(tap.clone(), "template", json!({ "name": "promo" }), Some(rendered));
        assert_eq!(found, [json!({ "type": "button", "button": { "payload": "p", "text": "Stop" } })]);

        assert_eq!(answers(tap, "text", json!({ "body": "nothing to tap" }), None), [] as [Value; 0]);
    }

    #[test]
    fn two_machines_that_answer_each_other_end() {
        let mut answers = VecDeque::new();
        let many = (0..100).filter(|_| may_answer(&mut answers, NOW)).count();
        assert_eq!(many, ANSWERS_A_MINUTE);
        assert!(may_answer(&mut answers, NOW + SignedDuration::from_mins(1)));
    }
}
