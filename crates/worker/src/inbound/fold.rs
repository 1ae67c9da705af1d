//! What each webhook item means. Nothing here talks to the database: a batch's items are folded, in order, over what
//! was loaded, and the result is written afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use model::contact::{self, Identity};
use model::conversation::{self, Peer, State};
use model::cost::{Priced, Tally, is_delivered};
use model::event;
use model::media;
use model::message::{self, Amendment, Key, NewReaction, NewVersion};
use model::number::{self, Route};
use model::number_check::Again;
use model::status;
use model::template;
use serde_json::{Value, json};
use uuid::Uuid;
use whatsapp::webhook::{
    Change, ContactSync, Direction, Effect, HistoryProgress, Item, Message, Notice, NumberUpdate, Origin, Party,
    Status, SyncAction, TemplateUpdate,
};

use super::Outcome;
use super::load::{Loaded, error_fingerprint, fingerprint, history_fingerprint, key, peer};
use super::people::People;
use super::route::{Batch, Routed};
use crate::advice::advised;

/// Who reacts when it is not the contact.
const BUSINESS: &str = "business";

/// Stands for a file in an import until the file comes.
const MEDIA_PLACEHOLDER: &str = "media_placeholder";

/// News of an account after which its numbers may be other than before.
const TOUCHES_NUMBERS: &[&str] =
    &["account_update", "account_alerts", "account_review_update", "business_capability_update"];

/// Everything a batch writes.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) contacts: Vec<contact::Known>,
    pub(super) identities: Vec<(Identity, Uuid)>,
    pub(super) unused: Vec<(Uuid, Uuid)>,
    pub(super) conversations_new: Vec<conversation::Known>,
    pub(super) conversations_changed: Vec<conversation::Known>,
    pub(super) messages: Vec<message::New>,
    pub(super) updates: Vec<message::Update>,
    pub(super) versions: Vec<NewVersion>,
    pub(super) reactions: Vec<NewReaction>,
    pub(super) media: BTreeMap<(Uuid, Uuid), media::New>,
    pub(super) statuses: Vec<(status::Update, String, Timestamp)>,
    pub(super) costs: Tally,
    pub(super) events: Vec<event::New>,
    pub(super) look_again: BTreeSet<Again>,
    pub(super) numbers: Vec<number::Facts>,
    pub(super) numbers_shown: BTreeMap<(Uuid, Uuid), String>,
    pub(super) templates: Vec<template::Facts>,
    pub(super) outcome: Outcome,
}

impl Written {
    /// A file to fetch. A message carries one: an edit may bring another.
    fn file(&mut self, media: media::New) {
        self.media.insert((media.organization_id, media.message_id), media);
    }

    /// Applies an edit or a deletion, with the file that the edit which now shows brings.
    fn amend(&mut self, message: &mut message::Known, organization_id: Uuid, amendment: &Amendment) {
        self.versions.extend(amend(message, organization_id, amendment));
        let shows = message.revoked_at.is_none() && message.edited_at == Some(amendment.at);
        if let Some(media) = amendment.media.as_ref().filter(|_| shows) {
            self.file(media::New { message_id: message.id, ..media.clone() });
        }
    }
}

/// Folds a routed batch over what was loaded.
pub(super) fn fold(batch: &Batch, loaded: Loaded) -> Written {
    let mut fold = Fold::new(batch, loaded);
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

struct Fold {
    people: People,
    /// Contacts whose change an event tells already.
    told: HashSet<Uuid>,
    conversations: HashMap<(Uuid, Uuid, Peer), Open>,
    messages: HashMap<Key, Seen>,
    amendments: HashMap<Key, Vec<Amendment>>,
    statuses: HashMap<Key, Vec<(status::Update, Option<String>)>>,
    priced: HashMap<Key, Priced>,
    /// What stored updates say of prices, read where a new one says something too.
    priced_before: HashMap<Key, Vec<status::Known>>,
    notices: HashSet<(Uuid, Vec<u8>)>,
    sequences: HashMap<Uuid, i64>,
    written: Written,
}

impl Fold {
    fn new(batch: &Batch, loaded: Loaded) -> Self {
        Self {
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
            priced_before: loaded.priced,
            notices: loaded.notices,
            sequences: batch.sequences.clone(),
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

    // Messages -------------------------------------------------------------------------------------------------------

    fn message(&mut self, routed: &Routed, message: &Message) {
        let own = key(routed, &message.wamid);
        if self.messages.contains_key(&own) {
            self.known_message(routed, message, &own);
            return;
        }
        let Some(peer) = peer(routed, message, &self.people) else {
            return;
        };
        let at = time(message.timestamp, &routed.change, routed.received_at);
        let author = self.meet(routed, message);

        let conversation = Self::open(&mut self.conversations, routed, message, peer.clone(), at);
        let sequence = conversation.known.next_sequence();
        let conversation_id = conversation.known.id;
        let id = Uuid::now_v7();
        touch(conversation, message, id, at, routed.received_at);

        let outbound = message.direction == Direction::Outbound;
        let new = message::New {
            organization_id: own.organization_id,
            id,
            conversation_id,
            number_id: own.number_id,
            contact_id: message.group_id.as_ref().and(author),
            sequence,
            outbound,
            origin: origin(message.origin),
            kind: without_nul(&message.kind),
            text: message.text.clone(),
            payload: message.payload.to_string(),
            wamid: message.wamid.clone(),
            reply_to_wamid: super::load::target(&message.effect)
                .map(str::to_owned)
                .or_else(|| message.reply_to.clone()),
            status: None,
            error: message.errors.as_ref().map(Value::to_string),
            edited_at: None,
            revoked_at: None,
            timestamp: at,
            received_at: routed.received_at,
        };
        let mut seen = Seen {
            known: message::Known {
                id,
                conversation_id,
                kind: new.kind.clone(),
                outbound,
                text: new.text.clone(),
                payload: None,
                status: outbound.then(|| history_status(message)).flatten(),
                error: new.error.clone(),
                callback_data: None,
                edited_at: None,
                revoked_at: None,
            },
            new: Some(self.written.messages.len()),
            changed: false,
        };
        // An edit keeps the file it brings, until its message comes.
        let edited = if let Effect::Edit { media, .. } = &message.effect { media.as_ref() } else { None };
        if let Some(found) = message.media.as_ref().or(edited) {
            self.written.file(file(own.organization_id, id, found));
        }
        // What came before its message waits for it.
        for amendment in self.amendments.get(&own).into_iter().flatten() {
            self.written.amend(&mut seen.known, own.organization_id, amendment);
        }
        if outbound {
            for (update, errors) in self.statuses.get(&own).into_iter().flatten() {
                advance(&mut seen.known, &update.status, errors.as_deref());
            }
        }
        self.written.messages.push(new);
        self.written.outcome.messages += 1;
        self.messages.insert(own.clone(), seen);

        self.effect(routed, message, author, at);
        if message.origin != Origin::History {
            let kind = if outbound { "message.sent" } else { "message.received" };
            self.record(own.organization_id, kind, at, Some(id), None, None);
        }
    }

    /// A message we have: a repeat, unless it says more than what we have.
    fn known_message(&mut self, routed: &Routed, message: &Message, own: &Key) {
        let Some(seen) = self.messages.get_mut(own) else { return };
        // An import first says that there is a file, and brings it later; a call's line ends with how the call ended.
        let brings_file = seen.known.kind == MEDIA_PLACEHOLDER && message.kind != MEDIA_PLACEHOLDER;
        let ended =
            seen.known.kind == "call" && message.text != seen.known.text && message.payload["event"] == "terminate";
        if !brings_file && !ended {
            self.written.outcome.duplicates += 1;
            return;
        }
        seen.known.kind = without_nul(&message.kind);
        seen.known.text.clone_from(&message.text);
        seen.known.payload = Some(message.payload.to_string());
        seen.changed = true;
        let id = seen.known.id;
        if let Some(found) = &message.media {
            self.written.file(file(own.organization_id, id, found));
        }
        let at = time(message.timestamp, &routed.change, routed.received_at);
        self.record(own.organization_id, "message.updated", at, Some(id), None, None);
    }

    /// Learns what the message says of its author, and answers who that is.
    fn meet(&mut self, routed: &Routed, message: &Message) -> Option<Uuid> {
        let organization_id = routed.route.organization_id;
        let author = match &message.effect {
            Effect::Identity { previous, current } => {
                let named = if previous.is_empty() { current } else { previous };
                let author = self.people.of(organization_id, named)?;
                self.people.observe(author, named, false);
                self.people.move_to(author, current);
                author
            }
            _ => {
                let author = self.people.of(organization_id, &message.party)?;
                // History tells of the past: its names are older than what live messages told.
                let named = message.origin != Origin::History
                    || self.people.get(author).is_some_and(|contact| contact.profile_name.is_none());
                self.people.observe(author, &message.party, named);
                author
            }
        };
        Some(author)
    }

    fn open<'a>(
        conversations: &'a mut HashMap<(Uuid, Uuid, Peer), Open>,
        routed: &Routed,
        message: &Message,
        peer: Peer,
        at: Timestamp,
    ) -> &'a mut Open {
        let route = &routed.route;
        conversations.entry((route.organization_id, route.number_id, peer.clone())).or_insert_with(|| {
            let state = match message.origin {
                // What an import brings waits for nobody.
                Origin::History => State::Resolved,
                _ => State::Waiting,
            };
            let known = conversation::Known::begin(route.organization_id, route.number_id, peer, at, state);
            Open { known, stored: false, changed: true }
        })
    }

    /// What a message does to another one.
    fn effect(&mut self, routed: &Routed, message: &Message, author: Option<Uuid>, at: Timestamp) {
        match &message.effect {
            Effect::Plain | Effect::Line => {}
            Effect::Identity { .. } => {
                if let Some(author) = author.filter(|author| self.people.is_stored(*author)) {
                    self.contact_event(routed.route.organization_id, author, at);
                }
            }
            Effect::Reaction { target, emoji } => {
                let reactor = match (message.direction, author) {
                    (Direction::Inbound, Some(author)) => author.to_string(),
                    _ => BUSINESS.to_owned(),
                };
                let target = key(routed, target);
                let reaction = NewReaction {
                    target: target.clone(),
                    reactor,
                    emoji: emoji.clone(),
                    wamid: message.wamid.clone(),
                    at,
                };
                keep_latest(&mut self.written.reactions, reaction);
                self.target_event(&target, at);
            }
            Effect::Edit { target, text, media, .. } => {
                let target = key(routed, target);
                let media = media.as_ref().map(|media| file(target.organization_id, Uuid::nil(), media));
                let text = Some(text.clone());
                self.amend_target(&target, Amendment { wamid: message.wamid.clone(), text, media, at });
            }
            Effect::Revoke { target } => {
                let deletion = Amendment { wamid: message.wamid.clone(), text: None, media: None, at };
                self.amend_target(&key(routed, target), deletion);
            }
        }
    }

    fn amend_target(&mut self, target: &Key, amendment: Amendment) {
        let at = amendment.at;
        if let Some(seen) = self.messages.get_mut(target) {
            self.written.amend(&mut seen.known, target.organization_id, &amendment);
            seen.changed = true;
        }
        self.target_event(target, at);
        self.amendments.entry(target.clone()).or_default().push(amendment);
    }

    fn target_event(&mut self, target: &Key, at: Timestamp) {
        if let Some(seen) = self.messages.get(target) {
            let id = seen.known.id;
            self.record(target.organization_id, "message.updated", at, Some(id), None, None);
        }
    }

    // Statuses -------------------------------------------------------------------------------------------------------

    /// A send of ours, known to have reached Meta since a status of this batch said so.
    fn sent(&mut self, message: &Key, id: Uuid, at: Timestamp) {
        // What came before without our id waits for the message like everything else.
        if let Some(seen) = self.messages.get_mut(message) {
            for (update, errors) in self.statuses.get(message).into_iter().flatten() {
                seen.changed |= advance(&mut seen.known, &update.status, errors.as_deref());
            }
        }
        self.record(message.organization_id, "message.sent", at, Some(id), None, None);
    }

    fn status(&mut self, routed: &Routed, status: &Status) {
        let message = key(routed, &status.wamid);
        let update = status::Update {
            message: message.clone(),
            status: status.status.clone(),
            participant: status.participant.clone().unwrap_or_default(),
            at: status
                .timestamp
                .and_then(|second| Timestamp::from_second(second).ok())
                .unwrap_or(Timestamp::UNIX_EPOCH),
        };
        let updates = self.statuses.entry(message.clone()).or_default();
        if updates.iter().any(|(known, _)| *known == update) {
            self.written.outcome.duplicates += 1;
            return;
        }
        let advised = status.errors.clone().map(advised);
        let errors = advised.as_ref().map(Value::to_string);
        updates.push((update.clone(), errors.clone()));
        if status.pricing.is_some() || is_delivered(&status.status) {
            let priced_before = || Priced::read(&self.priced_before.remove(&message).unwrap_or_default());
            let priced = self.priced.entry(message.clone()).or_insert_with(priced_before);
            let before = priced.charge();
            priced.add(&update, &status.payload, routed.received_at);
            self.written.costs.recount(message.organization_id, message.number_id, before, priced.charge());
        }
        if let Some(contact) = self.people.of(routed.route.organization_id, &status.recipient) {
            self.people.observe(contact, &status.recipient, false);
        }

        let mut message_id = None;
        let mut callback_data = status.callback_data.clone();
        if let Some(seen) = self.messages.get_mut(&message) {
            message_id = Some(seen.known.id);
            // Meta echoes our id; its sender asked for their own word.
            if callback_data.as_deref().and_then(|text| text.parse().ok()) == message_id {
                callback_data.clone_from(&seen.known.callback_data);
            }
            if seen.known.outbound {
                seen.changed |= advance(&mut seen.known, &status.status, errors.as_deref());
            }
        }
        let at = time(status.timestamp, &routed.change, routed.received_at);
        let told = status::Told {
            message_id,
            wamid: Some(&status.wamid),
            status: &status.status,
            timestamp: at,
            participant: status.participant.as_deref(),
            callback_data: callback_data.as_deref(),
            errors: advised.as_ref(),
            pricing: status.pricing.as_ref(),
            conversation: status.conversation.as_ref(),
        };
        self.written.statuses.push((update, status.payload.to_string(), routed.received_at));
        self.written.outcome.statuses += 1;
        self.record(message.organization_id, "message.status", at, message_id, Some(&told.json()), None);
    }

    // Contacts -------------------------------------------------------------------------------------------------------

    fn contact_sync(&mut self, routed: &Routed, sync: &ContactSync) {
        let organization_id = routed.route.organization_id;
        let Some(contact) = self.people.of(organization_id, &sync.party).filter(|_| !sync.party.is_empty()) else {
            return;
        };
        let before = self.people.get(contact).cloned();
        match sync.action {
            SyncAction::Add => {
                let Party { name, .. } = &sync.party;
                self.people.observe(contact, &Party { name: None, ..sync.party.clone() }, false);
                self.people.book(contact, name.as_deref());
            }
            SyncAction::Remove => {
                self.people.book(contact, None);
                self.written.unused.push((organization_id, contact));
            }
        }
        if before.as_ref() != self.people.get(contact) {
            let at = time(sync.timestamp, &routed.change, routed.received_at);
            self.contact_event(organization_id, contact, at);
        } else {
            self.written.outcome.duplicates += 1;
        }
    }

    fn contact_event(&mut self, organization_id: Uuid, contact_id: Uuid, at: Timestamp) {
        let Some(contact) = self.people.get(contact_id) else {
            return;
        };
        self.told.insert(contact_id);
        let data = json!({
            "id": contact.id, "profile_name": contact.profile_name, "wa_id": contact.wa_id, "user_id": contact.user_id,
            "parent_user_id": contact.parent_user_id, "username": contact.username,
        });
        self.record(organization_id, "contact.updated", at, Some(contact_id), Some(&data), None);
    }

    // Numbers, templates, accounts -----------------------------------------------------------------------------------

    fn show_number(&mut self, routed: &Routed) {
        let Some(digits) = routed.change.display_phone_number.as_ref().filter(|_| routed.by_number) else {
            return;
        };
        let route = &routed.route;
        let number = (route.organization_id, route.number_id);
        if route.display_phone_number.as_ref() != Some(digits) {
            self.written.numbers_shown.insert(number, digits.clone());
        }
    }

    fn history(&mut self, routed: &Routed, progress: &HistoryProgress) {
        let print = history_fingerprint(routed, progress);
        if !self.first_time(routed, &print) {
            return;
        }
        let at = time(None, &routed.change, routed.received_at);
        let data = json!({
            "number_id": routed.route.number_id, "phone_number_id": routed.route.phone_number_id, "phase": progress.phase,
            "chunk_order": progress.chunk_order, "progress": progress.progress, "errors": progress.errors,
        });
        self.written.numbers.push(number::Facts {
            organization_id: routed.route.organization_id,
            number_id: routed.route.number_id,
            at,
            history: Some(data.to_string()),
            ..number::Facts::default()
        });
        self.record(routed.route.organization_id, "history.progress", at, None, Some(&data), Some(print));
    }

    fn error(&mut self, routed: &Routed, error: &Value) {
        let print = error_fingerprint(&routed.change, error);
        if !self.first_time(routed, &print) {
            return;
        }
        let at = time(None, &routed.change, routed.received_at);
        let data = json!({
            "number_id": routed.route.number_id, "phone_number_id": routed.route.phone_number_id,
            "field": routed.change.field, "error": error,
        });
        self.record(routed.route.organization_id, "meta.error", at, None, Some(&data), Some(print));
    }

    fn template(&mut self, routed: &Routed, update: &TemplateUpdate) {
        let Some(template_id) = update.template_id.clone() else {
            return;
        };
        self.written.templates.push(template::Facts {
            organization_id: routed.route.organization_id,
            waba_id: routed.route.waba_id.clone(),
            template_id,
            name: update.name.clone(),
            language: update.language.clone(),
            status: update.status.clone(),
            category: update.category.clone(),
            quality: update.quality.clone(),
            reason: update.reason.clone(),
            components: update.components.as_ref().map(Value::to_string),
            at: time(None, &routed.change, routed.received_at),
        });
    }

    fn number(&mut self, routed: &Routed, update: &NumberUpdate) {
        // An account's news of one number is not news of the others.
        if !routed.by_number
            && update.display_phone_number.is_some()
            && update.display_phone_number != routed.route.display_phone_number
        {
            // Which of the others it is about is not known here.
            self.look_again(&routed.route, true);
            return;
        }
        self.look_again(&routed.route, false);
        self.written.numbers.push(number::Facts {
            organization_id: routed.route.organization_id,
            number_id: routed.route.number_id,
            at: time(None, &routed.change, routed.received_at),
            display_phone_number: None,
            verified_name: update.verified_name.clone(),
            username: update.username.clone(),
            quality_event: update.quality_event.clone(),
            messaging_limit: update.messaging_limit.clone(),
            throughput: update.throughput.clone(),
            name_status: update.name_status.clone(),
            settings: update.settings.as_ref().map(Value::to_string),
            history: None,
        });
    }

    /// Meta says that something changed: what else did is seen by looking.
    fn look_again(&mut self, route: &Route, whole_account: bool) {
        let (organization_id, number_id) = (route.organization_id, route.number_id);
        self.written.look_again.insert(Again { organization_id, number_id, whole_account });
    }

    fn notice(&mut self, routed: &Routed, notice: &Notice) {
        let print = fingerprint(&notice.key);
        if !self.first_time(routed, &print) {
            return;
        }
        let route = &routed.route;
        if TOUCHES_NUMBERS.contains(&notice.kind.as_str()) {
            self.look_again(route, true);
        }
        let at = time(notice.timestamp, &routed.change, routed.received_at);
        let contact = notice.party.as_ref().and_then(|party| self.people.of(route.organization_id, party));
        let mut data =
            json!({ "field": notice.kind, "name": notice.name, "waba_id": route.waba_id, "data": notice.data });
        if routed.by_number {
            data["number_id"] = json!(route.number_id);
            data["phone_number_id"] = json!(route.phone_number_id);
        }
        if let Some(contact) = contact {
            data["contact_id"] = json!(contact);
        }
        self.record(route.organization_id, &notice_kind(&notice.kind), at, None, Some(&data), Some(print));
    }

    // Events ---------------------------------------------------------------------------------------------------------

    fn first_time(&mut self, routed: &Routed, print: &[u8]) -> bool {
        let first = self.notices.insert((routed.route.organization_id, print.to_vec()));
        self.written.outcome.duplicates += u64::from(!first);
        first
    }

    fn record(
        &mut self,
        organization_id: Uuid,
        kind: &str,
        at: Timestamp,
        subject_id: Option<Uuid>,
        data: Option<&Value>,
        fingerprint: Option<Vec<u8>>,
    ) {
        let sequence = self.sequences.entry(organization_id).or_default();
        *sequence += 1;
        self.written.events.push(event::New {
            organization_id,
            sequence: *sequence,
            kind: kind.to_owned(),
            at,
            subject_id,
            data: data.map(Value::to_string),
            fingerprint,
        });
        self.written.outcome.events += 1;
    }

    fn finish(mut self, now: Timestamp) -> Written {
        for (organization_id, contact_id) in self.people.changed() {
            if !self.told.contains(&contact_id) {
                self.contact_event(organization_id, contact_id, now);
            }
        }
        let mut written = self.written;
        for (key, seen) in self.messages {
            match seen.new {
                Some(place) => {
                    let new = &mut written.messages[place];
                    new.kind = seen.known.kind;
                    new.text = seen.known.text;
                    new.payload = seen.known.payload.unwrap_or_else(|| std::mem::take(&mut new.payload));
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
        (written.contacts, written.identities) = self.people.into_changes();
        written
    }
}

/// What a message does to its conversation.
fn touch(open: &mut Open, message: &Message, id: Uuid, at: Timestamp, now: Timestamp) {
    open.changed = true;
    let conversation = &mut open.known;
    let plain = message.effect == Effect::Plain;
    let call = message.kind == "call";
    if plain || call {
        conversation.show(id, at);
    }
    if conversation.referral.is_none() {
        conversation.referral = message.referral.as_ref().map(Value::to_string);
    }
    match (message.origin, message.direction) {
        (Origin::Webhook, Direction::Inbound) => {
            if plain {
                conversation.unread_count += 1;
                conversation.state = State::Active;
            }
            // Messages and calls of the user open the window; news about them does not.
            if call || !matches!(message.effect, Effect::Line | Effect::Identity { .. }) {
                conversation.open_window(at, now);
            }
        }
        (Origin::Standby, Direction::Inbound) => conversation.open_window(at, now),
        (Origin::History, Direction::Inbound) if at + conversation::SERVICE_WINDOW > now => {
            conversation.open_window(at, now);
        }
        (Origin::Echo, Direction::Outbound) if plain => conversation.state = State::Waiting,
        _ => {}
    }
}

/// Applies an edit or a deletion; the latest edit shows, a deletion is final. Answers the text it replaced.
fn amend(message: &mut message::Known, organization_id: Uuid, amendment: &Amendment) -> Option<NewVersion> {
    let version = |text: &str| NewVersion {
        organization_id,
        message_id: message.id,
        replaced_by: amendment.wamid.clone(),
        replaced_at: amendment.at,
        text: text.to_owned(),
    };
    match &amendment.text {
        // Came too late: a newer edit or the deletion stands. The text is kept all the same.
        Some(text) if message.revoked_at.is_some() || message.edited_at > Some(amendment.at) => {
            message.edited_at = message.edited_at.max(Some(amendment.at));
            Some(version(text))
        }
        Some(text) => {
            let replaced = version(&message.text);
            message.text.clone_from(text);
            message.edited_at = Some(amendment.at);
            Some(replaced)
        }
        None if message.revoked_at.is_some() => None,
        None => {
            let replaced = version(&message.text);
            message.text.clear();
            message.revoked_at = Some(amendment.at);
            Some(replaced)
        }
    }
}

fn advance(message: &mut message::Known, update: &str, errors: Option<&str>) -> bool {
    status::advance(&mut message.status, &mut message.error, update, errors)
}

/// Of several reactions of one person to one message the latest counts.
fn keep_latest(reactions: &mut Vec<NewReaction>, reaction: NewReaction) {
    match reactions.iter_mut().find(|known| known.target == reaction.target && known.reactor == reaction.reactor) {
        Some(known) if known.at <= reaction.at => *known = reaction,
        Some(_) => {}
        None => reactions.push(reaction),
    }
}

fn file(organization_id: Uuid, message_id: Uuid, media: &whatsapp::webhook::Media) -> media::New {
    media::New {
        organization_id,
        message_id,
        meta_id: media.id.clone(),
        url: media.url.clone(),
        mime_type: media.mime_type.clone(),
        filename: media.filename.clone(),
        sha256: media.sha256.clone(),
    }
}

/// The ladder's word for what an import says of an old message.
fn history_status(message: &Message) -> Option<String> {
    match message.history_status.as_deref()? {
        "pending" => Some("accepted".into()),
        "error" => Some("failed".into()),
        other => Some(other.into()),
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Webhook => "webhook",
        Origin::Standby => "standby",
        Origin::Echo => "echo",
        Origin::StandbyEcho => "standby_echo",
        Origin::History => "history",
    }
}

/// The event type of a notice.
fn notice_kind(field: &str) -> String {
    match field {
        _ if field.starts_with("message_template_") || field.starts_with("template_") => "template.updated".into(),
        "phone_number_name_update"
        | "phone_number_quality_update"
        | "phone_number_username_update"
        | "account_settings_update"
        | "business_username_update"
        | "business_username_updates" => "number.updated".into(),
        "" => "meta.unknown".into(),
        other => format!("meta.{}", without_nul(other)),
    }
}

/// PostgreSQL's text holds no NUL.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}
