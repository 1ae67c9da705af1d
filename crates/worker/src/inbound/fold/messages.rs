//! Messages, and what they do to conversations and to each other.

use std::collections::HashMap;

use jiff::Timestamp;
use model::conversation::{self, Peer, State};
use model::media;
use model::message::{self, Amendment, Key, NewReaction, NewVersion};
use serde_json::Value;
use uuid::Uuid;
use whatsapp::webhook::{Direction, Effect, Message, Origin};

use super::super::load::{key, peer, target};
use super::super::route::Routed;
use super::statuses::advance;
use super::{Fold, Open, Seen, Written, time, without_nul};

/// Who reacts when it is not the contact.
const BUSINESS: &str = "business";

/// Stands for a file in an import until the file comes.
const MEDIA_PLACEHOLDER: &str = "media_placeholder";

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

impl Fold {
    pub(super) fn message(&mut self, routed: &Routed, message: &Message) {
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
            reply_to_wamid: target(&message.effect).map(str::to_owned).or_else(|| message.reply_to.clone()),
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
