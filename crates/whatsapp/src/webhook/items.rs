//! From the value of a change to its items, whatever the field promises.

use serde_json::{Value, json};

use super::calls;
use super::change::Item;
use super::contact_sync::ContactSync;
use super::envelope::{Bad, BadReason, MOST_BAD, is_small};
use super::field::{self, Subject};
use super::history;
use super::message::Origin;
use super::notice::Notice;
use super::number::NumberUpdate;
use super::party::{Contacts, Party};
use super::scope::Scope;
use super::template::TemplateUpdate;
use crate::json::{Map, Read, type_of};

pub(super) fn read(scope: &Scope) -> Vec<Item> {
    let mut items = Items { scope, list: Vec::new(), bad: Vec::new() };
    let value = scope.value;
    let listed = field::has_lists(&scope.field, value) && items.lists(value);
    // The errors a flow's health event lists are its content.
    let of_a_flow = scope.field == "flows" || value.has("flow_id");
    let errors = !of_a_flow && items.errors(value);
    let said_all = listed || (errors && field::has_lists(&scope.field, value));
    if scope.field == "user_id_update" {
        items.user_id_updates(value);
    } else if !said_all {
        items.subject(value);
    }
    items.finish()
}

/// Where in the value a list is; needed to build a body of one of its elements.
#[derive(Clone, Copy)]
pub(super) enum Nest<'v> {
    Value,
    Standby,
    Chunk,
    Thread(&'v Value),
}

impl Nest<'_> {
    fn wrap(self, key: &str, list: Value) -> Map {
        let mut inner = json!({ key: list });
        let outer = match self {
            Nest::Value => inner,
            Nest::Standby => json!({ "standby": inner }),
            Nest::Chunk => json!({ "history": [inner] }),
            Nest::Thread(thread) => {
                for key in ["id", "context"] {
                    if let Some(member) = thread.get(key).filter(|member| is_small(member)) {
                        inner[key] = member.clone();
                    }
                }
                json!({ "history": [{ "threads": [inner] }] })
            }
        };
        match outer {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

/// The items read so far.
pub(super) struct Items<'a> {
    pub(super) scope: &'a Scope<'a>,
    list: Vec<Item>,
    bad: Vec<Bad>,
}

/// Why an element of a list is of no use, as the end of a sentence.
type Unusable = &'static str;

impl<'a> Items<'a> {
    pub(super) fn push(&mut self, item: Item) {
        self.list.push(item);
    }

    fn finish(mut self) -> Vec<Item> {
        if self.bad.len() > MOST_BAD {
            self.bad = vec![Bad {
                reason: BadReason::BadChange,
                detail: format!("more than {MOST_BAD} bad items"),
                body: self.scope.body(),
            }];
        }
        self.list.extend(self.bad.into_iter().map(Item::Bad));
        self.list
    }

    /// Reads each element of a list; one that is of no use does not hurt the others.
    /// False if there is no such list.
    pub(super) fn each<'v>(
        &mut self,
        nest: Nest<'v>,
        holder: &'v Value,
        key: &str,
        read: impl Fn(&mut Items<'a>, &'v Value) -> Result<(), Unusable>,
    ) -> bool {
        match holder.get(key) {
            None | Some(Value::Null) => return false,
            Some(Value::Array(list)) => {
                for (n, element) in list.iter().enumerate() {
                    let result = match element {
                        Value::Object(map) if !map.is_empty() => read(self, element),
                        other => Err(type_of(other)),
                    };
                    if let Err(problem) = result {
                        let alone = Value::Array(vec![element.clone()]);
                        self.reject(format!("{key}[{n}] is {problem}"), nest, key, alone);
                    }
                }
            }
            Some(other) => {
                self.reject(format!("{key} is {}", type_of(other)), nest, key, other.clone());
            }
        }
        true
    }

    fn reject(&mut self, detail: String, nest: Nest, key: &str, list: Value) {
        // One more than are kept, so that `finish` sees there were too many.
        if self.bad.len() <= MOST_BAD {
            let body = self.scope.body_with(nest.wrap(key, list));
            self.bad.push(Bad { reason: BadReason::BadChange, detail, body });
        }
    }

    /// Everything that comes in lists. False if none of the lists is there.
    fn lists(&mut self, value: &Value) -> bool {
        let contacts = Contacts::read(value, self.scope.business());
        let origin = match self.scope.field.as_str() {
            "standby" => Origin::Standby,
            "history" => Origin::History,
            "smb_message_echoes" | "message_echoes" => Origin::Echo,
            _ => Origin::Webhook,
        };
        let mut found = self.conversation(Nest::Value, value, &contacts, origin);
        if let Some(standby) = value.object("standby") {
            let own = Contacts::read(standby, self.scope.business());
            let contacts = if standby.has("contacts") { &own } else { &contacts };
            found |= self.conversation(Nest::Standby, standby, contacts, Origin::Standby);
        } else {
            found |= self.each(Nest::Value, value, "standby", |_, _| Err("in a list"));
        }
        found |= history::read(self, value, &contacts);
        found |= self.each(Nest::Value, value, "state_sync", |items, entry| {
            let sync = ContactSync::read(entry);
            items.push(match sync {
                Some(sync) => Item::ContactSync(sync),
                None => Item::Notice(Notice::read(items.scope, entry)),
            });
            Ok(())
        });
        found |= calls::read(self, value, &contacts);
        for key in ["groups", "user_preferences"] {
            found |= self.each(Nest::Value, value, key, |items, event| {
                let mut party = Party::read(event);
                if !party.is_empty() {
                    contacts.complete(&mut party, value.list(key).len() == 1);
                }
                items.push(Item::Notice(Notice::read(items.scope, event).about(party)));
                Ok(())
            });
        }
        found |= self.each(Nest::Value, value, "automatic_events", |items, event| {
            items.push(Item::Notice(Notice::read(items.scope, event)));
            Ok(())
        });
        found
    }

    /// Errors of the account as a whole.
    fn errors(&mut self, value: &Value) -> bool {
        let Some(Value::Array(errors)) = value.errors() else {
            return false;
        };
        self.list.extend(errors.into_iter().map(Item::Error));
        true
    }

    /// An event about one thing: a template, a number, anything.
    fn subject(&mut self, value: &Value) {
        let subject = field::subject(&self.scope.field, value);
        match subject {
            Subject::Template => self.push(Item::Template(TemplateUpdate::read(value))),
            Subject::Number => self.push(Item::Number(NumberUpdate::read(value))),
            Subject::Other => {}
        }
        let notice = Notice { subject, ..Notice::read(self.scope, value) };
        self.push(Item::Notice(match value.object("sender") {
            Some(sender) => notice.about(Party::read(sender)),
            None => notice,
        }));
    }
}
