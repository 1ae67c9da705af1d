//! What each webhook item means. Nothing here talks to the database: a batch's items are folded, in order, over what
//! was loaded, and the result is written afterwards.

mod accounts;
mod amend;
mod contacts;
mod messages;
mod rendition;
mod statuses;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use model::contact;
use model::conversation::{self, Group, Peer};
use model::cost::{Priced, Tally};
use model::event::{Events, Kind, Lines, New};
use model::media;
use model::message::{self, Amendment, Key, NewReaction, NewVersion};
use model::number;
use model::number_check::Again;
use model::outbox::Failing;
use model::status;
use model::template;
use serde_json::Value;
use uuid::Uuid;
use whatsapp::webhook::{Change, Item};

use super::Outcome;
use super::load::Loaded;
use super::people::{Names, People};
use super::route::{Batch, Routed};

/// Everything a batch writes.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) contacts: Vec<contact::Known>,
    pub(super) names: Names,
    /// Contacts that go if nothing stands with them, by organization.
    pub(super) unused: BTreeMap<Uuid, BTreeSet<Uuid>>,
    pub(super) conversations_new: Vec<conversation::Known>,
    pub(super) conversations_changed: Vec<conversation::Known>,
    /// Conversations whose messages came or went otherwise than at their end: they are worked out again.
    pub(super) recounted: BTreeMap<Uuid, BTreeSet<Uuid>>,
    /// Conversations that a message left, by organization, each with where it is now.
    pub(super) left: BTreeMap<Uuid, BTreeMap<Uuid, Uuid>>,
    pub(super) groups: BTreeMap<(Uuid, Uuid, String), Group>,
    pub(super) messages: Vec<message::New>,
    pub(super) updates: Vec<message::Update>,
    pub(super) versions: BTreeMap<(Uuid, Uuid, String), NewVersion>,
    pub(super) reactions: Vec<NewReaction>,
    pub(super) media: BTreeMap<(Uuid, Uuid), media::New>,
    pub(super) statuses: Vec<(status::Update, String, Timestamp)>,
    pub(super) costs: Tally,
    pub(super) events: Events,
    pub(super) look_again: BTreeSet<Again>,
    pub(super) failing: Failing,
    pub(super) numbers: Vec<number::Facts>,
    pub(super) imports: Vec<number::Import>,
    pub(super) templates: Vec<template::Facts>,
    pub(super) outcome: Outcome,
}

/// Folds a routed batch over what was loaded.
pub(super) fn fold(batch: &Batch, lines: Lines<'_>, loaded: Loaded) -> Written {
    let mut fold = Fold::new(lines, loaded);
    let now = batch.changes.iter().map(|routed| routed.received_at).max().unwrap_or_default();
    for echo in &batch.settled {
        fold.sent(&echo.key, echo.message_id, now);
    }
    for routed in &batch.changes {
        fold.show_number(routed);
        for item in &routed.change.items {
            fold.item(routed, item);
        }
    }
    for told in &batch.other_accounts {
        fold.other_account(told);
    }
    fold.written.look_again.extend(&batch.look_again);
    fold.finish(now)
}

/// Meta's time of an item; failing that its entry's, failing that ours.
pub(super) fn time(timestamp: Option<i64>, change: &Change, received_at: Timestamp) -> Timestamp {
    timestamp.or(change.entry_time).and_then(|second| Timestamp::from_second(second).ok()).unwrap_or(received_at)
}

/// A conversation in memory, and whether it must be written.
struct Open {
    known: conversation::Known,
    stored: bool,
    changed: bool,
}

/// A message in memory: stored before, or new in this batch at this place.
struct Seen {
    known: message::Known,
    new: Option<usize>,
    changed: bool,
}

struct Fold<'t> {
    lines: Lines<'t>,
    people: People,
    /// Contacts whose change an event tells already.
    told: HashSet<Uuid>,
    conversations: HashMap<(Uuid, Uuid, Peer), Open>,
    messages: HashMap<Key, Seen>,
    amendments: HashMap<Key, Vec<Amendment>>,
    statuses: HashMap<Key, Vec<status::Known>>,
    /// What those say of prices, where more was said.
    priced: HashMap<Key, Priced>,
    notices: HashSet<(Uuid, Vec<u8>)>,
    written: Written,
}

impl<'t> Fold<'t> {
    fn new(lines: Lines<'t>, loaded: Loaded) -> Self {
        Self {
            lines,
            told: HashSet::new(),
            people: loaded.people,
            conversations: loaded
                .conversations
                .into_iter()
                .map(|(key, known)| (key, Open { known, stored: true, changed: false }))
                .collect(),
            messages: loaded
                .messages
                .into_iter()
                .map(|(key, known)| (key, Seen { known, new: None, changed: false }))
                .collect(),
            amendments: loaded.amendments,
            statuses: loaded.statuses,
            priced: HashMap::new(),
            notices: loaded.notices,
            written: Written::default(),
        }
    }

    fn item(&mut self, routed: &Routed, item: &Item) {
        match item {
            Item::Message(message) => self.message(routed, message),
            Item::Status(status) => self.status(routed, status),
            Item::ContactSync(sync) => self.contact_sync(routed, sync),
            Item::History(progress) => self.history(routed, progress),
            Item::Error(error) => self.error(routed, error),
            Item::Template(update) => self.template(routed, update),
            Item::Number(update) => self.number(routed, update),
            Item::Notice(notice) => self.notice(routed, notice),
            Item::Bad(_) => {} // taken out when the batch was routed
        }
    }

    fn first_time(&mut self, routed: &Routed, print: &[u8]) -> bool {
        // Whether it was told before cannot be known any more.
        if routed.route.since.is_past_events(routed.received_at) {
            self.written.outcome.past += 1;
            return false;
        }
        let first = self.notices.insert((routed.route.organization_id, print.to_vec()));
        self.written.outcome.duplicates += u64::from(!first);
        first
    }

    fn record(
        &mut self,
        organization_id: Uuid,
        kind: Kind,
        at: Timestamp,
        subject_id: Option<Uuid>,
        data: Option<&Value>,
        fingerprint: Option<Vec<u8>>,
    ) {
        let data = data.map(Value::to_string);
        let event = New { kind, at, subject_id, data, fingerprint };
        self.lines.note(&mut self.written.events, organization_id, event);
        self.written.outcome.events += 1;
    }

    /// Whoever has a conversation in which messages only came is not asked for.
    fn perhaps_unused(&self) -> BTreeMap<Uuid, BTreeSet<Uuid>> {
        let recounted = |open: &Open| {
            self.written.recounted.get(&open.known.organization_id).is_some_and(|ids| ids.contains(&open.known.id))
        };
        let talking: HashSet<Uuid> = self
            .conversations
            .values()
            .filter(|open| open.changed && !recounted(open))
            .filter_map(|open| match open.known.peer {
                Peer::Contact(contact) => Some(contact),
                Peer::Group(_) => None,
            })
            .collect();
        let mut unused: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
        for (organization_id, contact) in self.people.doubtful().filter(|(_, contact)| !talking.contains(contact)) {
            unused.entry(organization_id).or_default().insert(contact);
        }
        unused
    }

    fn finish(mut self, now: Timestamp) -> Written {
        self.tell_regrouped(now);
        for (organization_id, contact_id) in self.people.changed() {
            if !self.told.contains(&contact_id) {
                self.contact_event(organization_id, contact_id, now);
            }
        }
        let unused = self.perhaps_unused();
        let mut written = self.written;
        written.unused = unused;
        for (key, seen) in self.messages {
            match seen.new {
                Some(place) => {
                    let new = &mut written.messages[place];
                    new.conversation_id = seen.known.conversation_id;
                    new.sequence = seen.known.sequence.unwrap_or(new.sequence);
                    new.kind = seen.known.kind;
                    new.text = seen.known.text;
                    if let Some(retold) = seen.known.retold {
                        new.origin = retold.origin;
                        new.payload = retold.payload;
                        new.reply_to_wamid = retold.reply_to_wamid.or(new.reply_to_wamid.take());
                        new.referral = retold.referral.or(new.referral.take());
                    }
                    new.party = seen.known.party.unwrap_or_else(|| std::mem::take(&mut new.party));
                    new.counts = seen.known.counts;
                    new.rendition = seen.known.rank.rendition;
                    new.timestamp = seen.known.at;
                    new.status = seen.known.status;
                    new.error = seen.known.error;
                    new.edited_at = seen.known.edited_at;
                    new.revoked_at = seen.known.revoked_at;
                }
                None if seen.changed => {
                    written.updates.push(message::Update { organization_id: key.organization_id, message: seen.known });
                }
                None => {}
            }
        }
        for open in self.conversations.into_values() {
            match (open.stored, open.changed) {
                (false, _) => written.conversations_new.push(open.known),
                (true, true) => written.conversations_changed.push(open.known),
                (true, false) => {}
            }
        }
        (written.contacts, written.names) = self.people.into_changes();
        written
    }
}

/// PostgreSQL's text holds no NUL.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}
