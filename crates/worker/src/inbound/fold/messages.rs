//! Messages, and what they do to conversations and to each other.

use std::collections::HashMap;

use jiff::Timestamp;
use model::Moment;
use model::conversation::{self, Peer, State};
use model::event::Kind;
use model::media;
use model::message::{self, Amendment, Key, NewReaction};
use serde_json::Value;
use uuid::Uuid;
use whatsapp::webhook::{Direction, Effect, Media, Message, Origin};

use super::super::load::{key, peer, target};
use super::super::past::is_past;
use super::super::people::{at, placed};
use super::super::route::Routed;
use super::amend::{amend, edited_file};
use super::rendition::{counts, origin, party, rank};
use super::{Fold, Open, Seen, Written, without_nul};

/// Who reacts when it is not the contact.
const BUSINESS: &str = "business";

impl Written {
    /// A file to fetch. A message carries one: an edit may bring another.
    pub(super) fn file(&mut self, media: media::New) {
        self.media.insert((media.organization_id, media.message_id), media);
    }

    /// Works a conversation out again, behind everything else.
    pub(super) fn recount(&mut self, organization_id: Uuid, conversation_id: Uuid) {
        self.recounted.entry(organization_id).or_default().insert(conversation_id);
    }

    /// A message goes from one conversation to another.
    pub(super) fn leave(&mut self, organization_id: Uuid, from: Uuid, to: Uuid) {
        self.recount(organization_id, from);
        self.recount(organization_id, to);
        let left = self.left.entry(organization_id).or_default();
        left.values_mut().filter(|there| **there == from).for_each(|there| *there = to);
        left.insert(from, to);
    }
}

impl Fold<'_> {
    pub(super) fn message(&mut self, routed: &Routed, message: &Message) {
        let own = key(routed, &message.wamid);
        if self.messages.contains_key(&own) {
            self.known_message(routed, message, &own);
            return;
        }
        if is_past(routed, message) {
            self.written.outcome.past += 1;
            return;
        }
        let Some(peer) = peer(routed, message, &self.people) else {
            return;
        };
        let at = at(routed, message);
        let author = self.meet(routed, message);

        let conversation = Self::open(&mut self.conversations, routed, peer, at);
        let sequence = conversation.known.next_sequence();
        let conversation_id = conversation.known.id;
        let id = Uuid::now_v7();
        touch(conversation, message, id, at, routed.received_at);
        let counts = counts(message);
        conversation.known.unread_count += i32::from(counts);

        let outbound = message.direction == Direction::Outbound;
        let new = new_message(routed, message, id, conversation_id, sequence, author);
        let mut seen = Seen {
            known: message::Known {
                id,
                conversation_id,
                kind: new.kind.clone(),
                outbound,
                text: new.text.clone(),
                original: new.text.clone(),
                rank: rank(message),
                sha256: message.media.as_ref().and_then(|media| media.sha256.clone()),
                retold: None,
                party: Some(new.party.clone()),
                sequence: Some(sequence),
                counts,
                at,
                status: outbound.then(|| history_status(message)).flatten(),
                error: new.error.clone(),
                callback_data: None,
                edited_at: None,
                revoked_at: None,
            },
            new: Some(self.written.messages.len()),
            changed: false,
        };
        if let Some(found) = brings(message) {
            self.written.file(file(own.organization_id, id, found));
        }
        self.written.messages.push(new);
        self.written.outcome.messages += 1;
        // What came before its message waits for it.
        self.show_amended(&own, &mut seen);
        if outbound {
            self.show_status(&own, &mut seen);
        }
        self.messages.insert(own.clone(), seen);

        self.effect(routed, message, author, at);
        if message.origin != Origin::History {
            self.told_of(&own, outbound, at);
        }
    }

    fn told_of(&mut self, own: &Key, outbound: bool, at: Timestamp) {
        let id = self.messages.get(own).map(|seen| seen.known.id);
        let kind = if outbound { Kind::MessageSent } else { Kind::MessageReceived };
        self.record(own.organization_id, kind, at, id, None, None);
    }

    /// A message takes what its amendments make of it.
    pub(super) fn show_amended(&mut self, own: &Key, seen: &mut Seen) {
        let amendments = self.amendments.get(own).map_or(&[][..], Vec::as_slice);
        if amendments.is_empty() {
            return;
        }
        for version in amend(&mut seen.known, own.organization_id, amendments) {
            let key = (version.organization_id, version.message_id, version.replaced_by.clone());
            self.written.versions.insert(key, version);
        }
        if let Some(media) = edited_file(&seen.known, amendments) {
            self.written.file(media);
        }
        seen.changed = true;
    }

    /// Learns what the message calls its author, and answers who that is.
    pub(super) fn meet(&mut self, routed: &Routed, message: &Message) -> Option<Uuid> {
        let author = self.people.of(routed.route.organization_id, placed(message), at(routed, message))?;
        self.people.call(author, placed(message), &Moment::new(at(routed, message), message.wamid.clone()));
        Some(author)
    }

    pub(super) fn open<'a>(
        conversations: &'a mut HashMap<(Uuid, Uuid, Peer), Open>,
        routed: &Routed,
        peer: Peer,
        at: Timestamp,
    ) -> &'a mut Open {
        let route = &routed.route;
        conversations.entry((route.organization_id, route.number_id, peer.clone())).or_insert_with(|| {
            let known = conversation::Known::begin(route.organization_id, route.number_id, peer, at);
            Open { known, stored: false, changed: true }
        })
    }

    /// What a message does to another one; of several accounts of it, the better one's counts.
    pub(super) fn effect(&mut self, routed: &Routed, message: &Message, author: Option<Uuid>, at: Timestamp) {
        let outbound = message.direction == Direction::Outbound;
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
                self.amend_target(&target, Amendment { wamid: message.wamid.clone(), outbound, text, media, at });
            }
            Effect::Revoke { target } => {
                let deletion = Amendment { wamid: message.wamid.clone(), outbound, text: None, media: None, at };
                self.amend_target(&key(routed, target), deletion);
            }
        }
    }

    fn amend_target(&mut self, target: &Key, amendment: Amendment) {
        let (at, outbound) = (amendment.at, amendment.outbound);
        let amendments = self.amendments.entry(target.clone()).or_default();
        amendments.retain(|known| known.wamid != amendment.wamid);
        amendments.push(amendment);
        // The other side's changes nothing, so nothing is told of the message.
        if self.messages.get(target).is_some_and(|seen| seen.known.outbound != outbound) {
            return;
        }
        if let Some(mut seen) = self.messages.remove(target) {
            self.show_amended(target, &mut seen);
            self.messages.insert(target.clone(), seen);
        }
        self.target_event(target, at);
    }

    pub(super) fn target_event(&mut self, target: &Key, at: Timestamp) {
        if let Some(seen) = self.messages.get(target) {
            let id = seen.known.id;
            self.record(target.organization_id, Kind::MessageUpdated, at, Some(id), None, None);
        }
    }
}

fn new_message(
    routed: &Routed,
    message: &Message,
    id: Uuid,
    conversation_id: Uuid,
    sequence: i64,
    author: Option<Uuid>,
) -> message::New {
    message::New {
        organization_id: routed.route.organization_id,
        id,
        conversation_id,
        number_id: routed.route.number_id,
        contact_id: message.group_id.as_ref().and(author),
        sequence,
        outbound: message.direction == Direction::Outbound,
        origin: origin(message.origin),
        kind: without_nul(&message.kind),
        text: message.text.clone(),
        payload: message.payload.to_string(),
        wamid: message.wamid.clone(),
        reply_to_wamid: reply_to(message),
        party: party(placed(message)).to_string(),
        counts: counts(message),
        rendition: rank(message).rendition,
        referral: message.referral.as_ref().map(Value::to_string),
        status: None,
        error: message.errors.as_ref().map(Value::to_string),
        edited_at: None,
        revoked_at: None,
        timestamp: at(routed, message),
        received_at: routed.received_at,
    }
}

/// The file that a message brings; an edit keeps the one that it puts in a place.
pub(super) fn brings(message: &Message) -> Option<&Media> {
    let edited = if let Effect::Edit { media, .. } = &message.effect { media.as_ref() } else { None };
    message.media.as_ref().or(edited)
}

/// What a message answers or changes.
pub(super) fn reply_to(message: &Message) -> Option<String> {
    target(&message.effect).map(str::to_owned).or_else(|| message.reply_to.clone())
}

/// What a message does to its conversation, however often it is said.
pub(super) fn touch(open: &mut Open, message: &Message, id: Uuid, at: Timestamp, now: Timestamp) {
    open.changed = true;
    let conversation = &mut open.known;
    let plain = message.effect == Effect::Plain;
    let call = message.kind == "call";
    let moment = Moment::new(at, message.wamid.clone());
    conversation.stand(at);
    if plain || call {
        conversation.show(id, moment.clone());
    }
    if let Some(referral) = &message.referral {
        conversation.referral.learn_first(Some(referral.to_string()), moment);
    }
    // Of what was said in one second, the customer's waits for an answer.
    if counts(message) {
        conversation.state.learn(State::Active, Moment::new(at, format!("1{}", message.wamid)));
    } else if message.origin == Origin::Echo && message.direction == Direction::Outbound && plain {
        conversation.state.learn(State::Waiting, Moment::new(at, format!("0{}", message.wamid)));
    } else if message.origin != Origin::History {
        conversation.go_on();
    }
    let opens = match (message.origin, message.direction) {
        // Messages and calls of the user open the window; news about them does not.
        (Origin::Webhook, Direction::Inbound) => {
            call || !matches!(message.effect, Effect::Line | Effect::Identity { .. })
        }
        (Origin::Standby, Direction::Inbound) => true,
        (Origin::History, Direction::Inbound) => at + conversation::SERVICE_WINDOW > now,
        _ => false,
    };
    if opens {
        conversation.open_window(at, now);
    }
}

/// Of several reactions of one person to one message the latest counts.
fn keep_latest(reactions: &mut Vec<NewReaction>, reaction: NewReaction) {
    match reactions.iter_mut().find(|known| known.target == reaction.target && known.reactor == reaction.reactor) {
        Some(known) if (known.at, &known.wamid) <= (reaction.at, &reaction.wamid) => *known = reaction,
        Some(_) => {}
        None => reactions.push(reaction),
    }
}

pub(super) fn file(organization_id: Uuid, message_id: Uuid, media: &Media) -> media::New {
    media::New {
        organization_id,
        message_id,
        meta_id: media.id.clone(),
        url: media.url.clone(),
        mime_type: media.mime_type.clone(),
        filename: media.filename.clone(),
        sha256: media.sha256.clone(),
        own_sha256: None,
    }
}

/// The ladder's word for what an import says of an old message.
pub(super) fn history_status(message: &Message) -> Option<String> {
    match message.history_status.as_deref()? {
        "pending" => Some("accepted".into()),
        "error" => Some("failed".into()),
        other => Some(other.into()),
    }
}
