//! What events give reason to read. The log is the truth of what changed, and the lists of how things are now.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::record::Record;
use crate::source::Event;
use crate::state::Task;

/// What a part of the log gives reason to read.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Messages as they are now: the log itself tells them.
    pub(crate) messages: BTreeMap<Uuid, Record>,
    /// Messages to read.
    pub(crate) message_ids: BTreeSet<Uuid>,
    /// Conversations to read.
    pub(crate) conversation_ids: BTreeSet<Uuid>,
    /// Contacts to read.
    pub(crate) contact_ids: BTreeSet<Uuid>,
    /// What takes more than a look.
    pub(crate) tasks: BTreeSet<(Task, Uuid)>,
    /// Contacts whose names stand in rows that moved.
    pub(crate) doubted_contacts: BTreeSet<Uuid>,
    /// Conversations whose messages moved.
    pub(crate) doubted_conversations: BTreeSet<Uuid>,
    /// Whether something happened that no event tells row by row.
    pub(crate) is_everything: bool,
}

impl News {
    pub(crate) fn of(events: &[Event]) -> Self {
        let mut news = Self::default();
        for event in events {
            news.conversation_ids.extend(event.conversation_id);
            news.hear(event, Record::read(&event.data));
        }
        news.message_ids.retain(|id| !news.messages.contains_key(id));
        news
    }

    fn hear(&mut self, event: &Event, data: Option<Record>) {
        // A message may have gone; messages that a phone's history brings have no events of their own.
        self.is_everything |= event.kind == "history.progress";
        let Some(data) = data else { return };
        let id = data.id(&["id"]);
        self.message_ids.extend(data.id(&["message_id"]));
        self.contact_ids.extend(data.id(&["contact_id"]));
        match event.kind.as_str() {
            "message.received" | "message.sent" | "message.updated" => {
                self.conversation_ids.extend(data.id(&["conversation_id"]));
                if let Some(id) = id {
                    self.messages.insert(id, data);
                }
            }
            "conversation.updated" => self.conversation_ids.extend(id),
            "contact.updated" => self.contact_ids.extend(id),
            "conversation.merged" => {
                let both = id.into_iter().chain(data.id(&["merged_id"]));
                self.conversation_ids.extend(both.clone());
                self.doubted_conversations.extend(both);
                self.tasks.extend(id.map(|id| (Task::Thread, id)));
            }
            "contact.merged" | "contact.separated" => {
                let other = data.id(&["merged_id"]).or(data.id(&["separated_id"]));
                for id in id.into_iter().chain(other) {
                    self.contact_ids.insert(id);
                    self.doubted_contacts.insert(id);
                    self.tasks.insert((Task::Person, id));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, data: &str) -> Event {
        serde_json::from_str(&format!(r#"{{"sequence":1,"type":"{kind}","conversation_id":null,"data":{data}}}"#))
            .unwrap()
    }

    #[test]
    fn what_is_told_whole_is_not_read_again() {
        let id = Uuid::now_v7();
        let news = News::of(&[
            event("message.status", &format!(r#"{{"message_id":"{id}"}}"#)),
            event("message.received", &format!(r#"{{"id":"{id}","conversation_id":"{id}"}}"#)),
            event("message.received", "null"),
            event("meta.tomorrow", r#"[1]"#),
        ]);
        assert!(news.message_ids.is_empty() && news.messages.contains_key(&id) && news.conversation_ids.contains(&id));
        assert!(!news.is_everything && News::of(&[event("history.progress", "{}")]).is_everything);
    }

    #[test]
    fn of_a_merge_both_are_looked_at() {
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        let news = News::of(&[event("contact.merged", &format!(r#"{{"id":"{one}","merged_id":"{other}"}}"#))]);
        assert_eq!(news.contact_ids, BTreeSet::from([one, other]));
        assert_eq!(news.tasks, BTreeSet::from([(Task::Person, one), (Task::Person, other)]));
    }
}
