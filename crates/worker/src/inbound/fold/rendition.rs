//! Several accounts of one message: live and from the past, while another app had the conversation and afterwards, a call
//! as it begins and as it ends. The fullest shows, whichever came first, and none takes away what another one said.

use jiff::Timestamp;
use model::event::Kind;
use model::message::{self, Key, Rank, Retold};
use model::status::climb;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use whatsapp::webhook::{Direction, Effect, Message, Origin, Party};

use super::super::load::{peer, target};
use super::super::people::{at, placed};
use super::super::route::Routed;
use super::messages::{brings, file, history_status, reply_to, touch};
use super::{Fold, Seen, without_nul};

/// How an account came, from the past up; the ones of a rendition.
const PAST: i16 = 1;

/// What was sent from here is told by nobody better.
const OURS: i16 = 90;

/// Whether a message waits for an answer: what a customer writes to us, and a call that nobody took.
pub(super) fn counts(message: &Message) -> bool {
    let ours = message.origin == Origin::Webhook && message.direction == Direction::Inbound;
    ours && (message.effect == Effect::Plain || missed(message))
}

fn missed(message: &Message) -> bool {
    let call = &message.payload;
    let ended = message.kind == "call" && call["event"] == "terminate";
    let taken = match call["status"].as_str() {
        Some(status) => status.eq_ignore_ascii_case("completed"),
        None => call["duration"].as_i64().is_some_and(|seconds| seconds > 0),
    };
    ended && !taken
}

/// How this account of a message stands among others.
pub(super) fn rank(message: &Message) -> Rank {
    let full = match (message.kind.as_str(), message.payload["event"].as_str()) {
        ("media_placeholder", _) => 0,
        ("unsupported" | "unknown", _) => 1,
        ("call", Some("terminate")) => 4,
        ("call", event) if event != Some("connect") => 3,
        _ => 2,
    };
    let way = match message.origin {
        Origin::Webhook => 5,
        Origin::Standby => 4,
        Origin::Echo => 3,
        Origin::StandbyEcho => 2,
        Origin::History => PAST,
    };
    Rank {
        rendition: full * 10 + way,
        digest: Sha256::digest(without_addresses(&message.payload.to_string())).to_vec(),
    }
}

/// An account as JSON without the addresses of its files, which are others each time it is told. What is stored is
/// compared the same way ([`message::any_organization_find`]).
fn without_addresses(account: &str) -> String {
    const BEGIN: &str = "\"url\":\"";
    let mut parts = account.split(BEGIN);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str(BEGIN);
        whole.push_str(part.find('"').map_or(part, |end| &part[end..]));
    }
    whole
}

pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Webhook => "webhook",
        Origin::Standby => "standby",
        Origin::Echo => "echo",
        Origin::StandbyEcho => "standby_echo",
        Origin::History => "history",
    }
}

/// How a message names its customer, as JSON.
pub(super) fn party(party: &Party) -> Value {
    let members = [
        ("wa_id", &party.wa_id),
        ("user_id", &party.user_id),
        ("parent_user_id", &party.parent_user_id),
        ("username", &party.username),
        ("name", &party.name),
    ];
    let said = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value.clone()?))));
    Value::Object(said.collect::<Map<_, _>>())
}

/// What is kept of how a customer was named: each member by the better account that has it.
fn both(stored: Option<&str>, said: &Value, said_wins: bool) -> String {
    let stored = stored.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    let (first, then) = if said_wins { (said, &stored) } else { (&stored, said) };
    let mut members = first.as_object().cloned().unwrap_or_default();
    for (key, value) in then.as_object().into_iter().flatten() {
        members.entry(key.clone()).or_insert_with(|| value.clone());
    }
    Value::Object(members).to_string()
}

/// How strong the strongest name is that a party has: the less, the stronger.
fn strength(party: &Value) -> usize {
    let names = ["user_id", "parent_user_id", "wa_id", "username"];
    names.iter().position(|name| party.get(name).is_some()).unwrap_or(names.len())
}

/// The same of what is stored; what is from before that was kept is not moved.
fn strength_of(stored: Option<&str>) -> usize {
    stored.map_or(0, |text| strength(&serde_json::from_str(text).unwrap_or(Value::Null)))
}

impl Fold<'_> {
    /// Another account of a message we have.
    pub(super) fn known_message(&mut self, routed: &Routed, message: &Message, own: &Key) {
        let Some(mut seen) = self.messages.remove(own) else { return };
        if seen.known.rank.rendition >= OURS {
            self.written.outcome.duplicates += 1;
            self.messages.insert(own.clone(), seen);
            return;
        }
        let before = seen.known.clone();
        let better = rank(message) > seen.known.rank;
        if better {
            retell(&mut seen.known, message);
        }
        if let (true, Some(status)) = (seen.known.outbound, history_status(message)) {
            seen.known.status = climb(seen.known.status.as_deref(), &status);
        }
        seen.known.at = seen.known.at.min(at(routed, message));
        let said = party(placed(message));
        seen.known.party = seen.known.party.as_deref().map(|stored| both(Some(stored), &said, better));
        self.move_to_customer(routed, message, &mut seen, &before);
        if seen.known.outbound {
            self.show_status(own, &mut seen);
        }
        if seen.known.party != before.party || better {
            self.meet(routed, message);
        }
        if better {
            if let Some(found) = brings(message) {
                self.written.file(file(own.organization_id, seen.known.id, found));
            }
            self.show_amended(own, &mut seen);
            self.take_part(message, &mut seen, &before, routed.received_at);
        }
        if seen.known.at != before.at {
            self.written.recount(own.organization_id, seen.known.conversation_id);
        }
        self.tell_retold(routed, message, own, seen, &before);
        if better && target(&message.effect).is_some() {
            let author = self.people.of(own.organization_id, placed(message), at(routed, message));
            self.effect(routed, message, author, at(routed, message));
        }
    }

    /// What the better account does to the conversation; unread is counted once.
    fn take_part(&mut self, message: &Message, seen: &mut Seen, before: &message::Known, now: Timestamp) {
        seen.known.counts |= counts(message);
        // Where it stands, which need not be where this account alone would put it.
        if let Some(open) = self.conversations.values_mut().find(|open| open.known.id == seen.known.conversation_id) {
            touch(open, message, seen.known.id, seen.known.at, now);
            open.known.unread_count += i32::from(seen.known.counts && !before.counts);
        }
    }

    /// A message that named nobody, or named somebody by less, stands where a better account says.
    fn move_to_customer(&mut self, routed: &Routed, message: &Message, seen: &mut Seen, before: &message::Known) {
        let said = placed(message);
        let better = strength(&party(said)) < strength_of(before.party.as_deref());
        let earlier = seen.known.at < before.at;
        let of_then = at(routed, message) == seen.known.at;
        if said.is_empty() || message.group_id.is_some() || !(better || earlier) || !of_then {
            return;
        }
        let Some(peer) = peer(routed, message, &self.people) else { return };
        let open = Self::open(&mut self.conversations, routed, peer, seen.known.at);
        if open.known.id == seen.known.conversation_id {
            return;
        }
        let organization_id = routed.route.organization_id;
        let left = std::mem::replace(&mut seen.known.conversation_id, open.known.id);
        seen.known.sequence = Some(open.known.next_sequence());
        touch(open, message, seen.known.id, seen.known.at, routed.received_at);
        open.known.unread_count += i32::from(before.counts);
        self.written.leave(organization_id, left, seen.known.conversation_id);
    }

    fn tell_retold(&mut self, routed: &Routed, message: &Message, own: &Key, mut seen: Seen, before: &message::Known) {
        let changed = seen.known != *before;
        seen.changed |= changed;
        let id = seen.known.id;
        let outbound = seen.known.outbound;
        self.messages.insert(own.clone(), seen);
        let at = at(routed, message);
        let live = message.origin != Origin::History && before.rank.rendition % 10 == PAST;
        if live {
            let kind = if outbound { Kind::MessageSent } else { Kind::MessageReceived };
            self.record(own.organization_id, kind, at, Some(id), None, None);
        } else if changed {
            self.record(own.organization_id, Kind::MessageUpdated, at, Some(id), None, None);
        } else {
            self.written.outcome.duplicates += 1;
        }
    }
}

fn retell(known: &mut message::Known, message: &Message) {
    known.kind = without_nul(&message.kind);
    known.original.clone_from(&message.text);
    if known.edited_at.is_none() && known.revoked_at.is_none() {
        known.text.clone_from(&message.text);
    }
    known.rank = rank(message);
    if let Some(media) = &message.media {
        known.sha256.clone_from(&media.sha256);
    }
    // An error says what is wrong with the account that shows: a message that can be read is not unsupported. What failed
    // is seen by its statuses.
    known.error = message.errors.as_ref().map(Value::to_string);
    known.retold = Some(Retold {
        origin: origin(message.origin),
        payload: message.payload.to_string(),
        reply_to_wamid: reply_to(message),
        referral: message.referral.as_ref().map(Value::to_string),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_file_makes_no_other_account() {
        let first = r#"{"image":{"id":"1","url":"https://a?x=1","caption":"\"url\":\"b\""}}"#;
        let again = r#"{"image":{"id":"1","url":"https://c?y=2","caption":"\"url\":\"b\""}}"#;
        assert_eq!(without_addresses(first), without_addresses(again));
        assert_eq!(without_addresses(first), r#"{"image":{"id":"1","url":"","caption":"\"url\":\"b\""}}"#);
        assert_eq!(without_addresses(r#"{"text":{"body":"url"}}"#), r#"{"text":{"body":"url"}}"#);
    }
}
