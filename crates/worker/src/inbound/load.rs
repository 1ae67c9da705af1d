//! What is already known about everyone and everything a batch speaks of.

use std::collections::{BTreeSet, HashMap, HashSet};

use futures::try_join;
use model::conversation::{self, Peer};
use model::database::Result;
use model::event::{self, Lines};
use model::message::{self, Amendment, Key};
use model::status;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use whatsapp::webhook::{Change, Direction, Effect, HistoryProgress, Item, Message};

use super::people::{People, at, placed};
use super::route::{Batch, Routed};
use crate::advice::advised_text;

/// The stored state that a batch starts from.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) people: People,
    pub(super) conversations: HashMap<(Uuid, Uuid, Peer), conversation::Known>,
    pub(super) messages: HashMap<Key, message::Known>,
    pub(super) amendments: HashMap<Key, Vec<Amendment>>,
    /// With their errors as they are shown.
    pub(super) statuses: HashMap<Key, Vec<status::Known>>,
    pub(super) notices: HashSet<(Uuid, Vec<u8>)>,
}

/// What to ask for.
#[derive(Default)]
struct Wanted {
    conversations: BTreeSet<(Uuid, Uuid, Peer)>,
    messages: BTreeSet<Key>,
    /// Those of them that the batch tells itself.
    told: BTreeSet<Key>,
    amended: BTreeSet<Key>,
    statuses: BTreeSet<Key>,
    notices: BTreeSet<(Uuid, Vec<u8>)>,
}

/// Reads it, people first: they lead to their conversations.
pub(super) async fn load(tx: &Lines<'_>, batch: &Batch) -> Result<Loaded> {
    let people = People::find(tx, batch).await?;
    let mut wanted = Wanted::default();
    for routed in &batch.changes {
        for item in &routed.change.items {
            wanted.add(routed, item, &people);
        }
    }
    let told = wanted.told;
    let conversations: Vec<_> = wanted.conversations.into_iter().collect();
    let messages: Vec<_> = wanted.messages.into_iter().collect();
    let amended: Vec<_> = wanted.amended.into_iter().collect();
    let statuses: Vec<_> = wanted.statuses.into_iter().collect();
    let notices: Vec<_> = wanted.notices.into_iter().collect();
    let (conversations, messages, amendments, statuses, notices) = try_join!(
        conversation::any_organization_find(tx, &conversations),
        message::any_organization_find(tx, &messages),
        message::any_organization_find_amendments(tx, &amended),
        status::any_organization_find(tx, &statuses),
        event::any_organization_find_fingerprints(tx, &notices),
    )?;
    let conversations = with_told_again(tx, conversations, &messages, &told).await?;
    let mut loaded = Loaded {
        people,
        conversations: conversations
            .into_iter()
            .map(|known| ((known.organization_id, known.number_id, known.peer.clone()), known))
            .collect(),
        messages: messages.into_iter().collect(),
        notices: notices.into_iter().collect(),
        ..Loaded::default()
    };
    for (key, amendment) in amendments {
        loaded.amendments.entry(key).or_default().push(amendment);
    }
    for known in statuses {
        let errors = known.errors.as_deref().map(advised_text);
        let of_message = loaded.statuses.entry(known.update.message.clone()).or_default();
        of_message.push(status::Known { errors, ..known });
    }
    Ok(loaded)
}

/// Adds the conversations in which messages stand that the batch tells again: an account that says who wrote it otherwise
/// leads to another one.
async fn with_told_again(
    tx: &Lines<'_>,
    mut conversations: Vec<conversation::Known>,
    messages: &[(Key, message::Known)],
    told: &BTreeSet<Key>,
) -> Result<Vec<conversation::Known>> {
    let there: HashSet<Uuid> = conversations.iter().map(|known| known.id).collect();
    let others: BTreeSet<(Uuid, Uuid)> = messages
        .iter()
        .filter(|(key, known)| told.contains(key) && !there.contains(&known.conversation_id))
        .map(|(key, known)| (key.organization_id, known.conversation_id))
        .collect();
    let others: Vec<(Uuid, Uuid)> = others.into_iter().collect();
    conversations.extend(conversation::any_organization_load(tx, &others).await?);
    Ok(conversations)
}

impl Wanted {
    fn add(&mut self, routed: &Routed, item: &Item, people: &People) {
        match item {
            Item::Message(message) => {
                let own = key(routed, &message.wamid);
                if let Some(target) = target(&message.effect) {
                    self.messages.insert(key(routed, target));
                    self.amended.insert(key(routed, target));
                }
                self.amended.insert(own.clone());
                if message.direction == Direction::Outbound {
                    self.statuses.insert(own.clone());
                }
                self.told.insert(own.clone());
                self.messages.insert(own);
                if let Some(peer) = peer(routed, message, people) {
                    self.conversations.insert((routed.route.organization_id, routed.route.number_id, peer));
                }
            }
            Item::Status(status) => {
                let message = key(routed, &status.wamid);
                self.messages.insert(message.clone());
                self.statuses.insert(message);
            }
            Item::Notice(notice) => {
                self.notices.insert((routed.route.organization_id, fingerprint(&notice.key)));
                self.messages.extend(notice.wamid.as_ref().map(|wamid| key(routed, wamid)));
            }
            Item::Error(error) => {
                _ = self.notices.insert((routed.route.organization_id, error_fingerprint(&routed.change, error)))
            }
            Item::History(progress) => {
                self.notices.insert((routed.route.organization_id, history_fingerprint(routed, progress)));
            }
            Item::ContactSync(_) | Item::Template(_) | Item::Number(_) | Item::Bad(_) => {}
        }
    }
}

/// The message an effect is on.
pub(super) fn target(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::Reaction { target, .. } | Effect::Edit { target, .. } | Effect::Revoke { target } => Some(target),
        Effect::Plain | Effect::Identity { .. } | Effect::Line => None,
    }
}

/// Meta's identity of a message of this change.
pub(super) fn key(routed: &Routed, wamid: &str) -> Key {
    Key { organization_id: routed.route.organization_id, number_id: routed.route.number_id, wamid: wamid.to_owned() }
}

/// Who a message's conversation is with.
pub(super) fn peer(routed: &Routed, message: &Message, people: &People) -> Option<Peer> {
    if let Some(group) = &message.group_id {
        return Some(Peer::Group(group.clone()));
    }
    people.of(routed.route.organization_id, placed(message), at(routed, message)).map(Peer::Contact)
}

/// Sixteen bytes that stand for a notice.
pub(super) fn fingerprint(text: &str) -> Vec<u8> {
    Sha256::digest(text)[..16].to_vec()
}

/// An error names no id and no time of its own, so the same words in the same entry are the same error.
pub(super) fn error_fingerprint(change: &Change, error: &Value) -> Vec<u8> {
    fingerprint(&format!(
        "error {} {:?} {:?} {:?} {error}",
        change.field, change.entry_id, change.entry_time, change.phone_number_id
    ))
}

pub(super) fn history_fingerprint(routed: &Routed, progress: &HistoryProgress) -> Vec<u8> {
    fingerprint(&format!("history {} {progress:?}", routed.route.number_id))
}
