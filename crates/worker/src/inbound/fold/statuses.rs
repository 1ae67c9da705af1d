//! What became of messages of the business.

use jiff::{SignedDuration, Timestamp};
use model::cost::{Priced, is_delivered};
use model::event::Kind;
use model::message::Key;
use model::status;
use serde_json::Value;
use uuid::Uuid;
use whatsapp::webhook::Status;

use super::super::load::key;
use super::super::route::Routed;
use super::{Fold, Seen, Written, time};
use crate::advice::{advised, stops_others};

/// What failed longer ago says nothing of a number now.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// When a message of ours was written, as its id (UUIDv7) says.
fn written_at(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
}

/// What an account of an update brings.
enum Heard {
    /// Nothing that we do not know.
    Nothing,
    /// More of an update that we have.
    More,
    /// An update.
    Update,
}

impl Written {
    /// A message failed with these errors, perhaps for the sake of its account.
    fn fails(&mut self, message: &Key, errors: Option<&Value>, at: Timestamp, received_at: Timestamp) {
        let reason = errors.and_then(stops_others).filter(|_| received_at.duration_since(at) < FRESH);
        let Some(reason) = reason else { return };
        let number = (message.organization_id, message.number_id);
        if self.failing.get(&number).is_none_or(|newest| newest.0 <= at) {
            self.failing.insert(number, (at, reason.into()));
        }
    }
}

impl Fold<'_> {
    /// A send of ours, known to have reached Meta since a status of this batch said so.
    pub(super) fn sent(&mut self, message: &Key, id: Uuid, at: Timestamp) {
        // What came before without our id waits for the message like everything else.
        self.show_known_status(message);
        self.record(message.organization_id, Kind::MessageSent, at, Some(id), None, None);
    }

    /// A message shows how far its updates have taken it.
    pub(super) fn show_status(&mut self, message: &Key, seen: &mut Seen) {
        let updates = self.statuses.get(message).into_iter().flatten();
        let updates = updates.map(|known| (&known.update, known.errors.as_deref()));
        seen.changed |= status::show(&mut seen.known.status, &mut seen.known.error, updates);
    }

    fn show_known_status(&mut self, message: &Key) {
        if let Some(mut seen) = self.messages.remove(message) {
            if seen.known.outbound {
                self.show_status(message, &mut seen);
            }
            self.messages.insert(message.clone(), seen);
        }
    }

    /// Learns an update, and counts its message as what all of its updates say.
    fn hear(&mut self, routed: &Routed, heard: status::Known, payload: &Value) -> Heard {
        let message = heard.update.message.clone();
        let counted = self.was_counted(routed, &message);
        let known = self.statuses.entry(message.clone()).or_default();
        let priced = self.priced.entry(message.clone()).or_insert_with(|| Priced::read(known));
        let before = priced.charge();
        let what = match known.iter().position(|known| known.update == heard.update) {
            Some(place) if !heard.shows_over(&known[place]) => return Heard::Nothing,
            Some(place) => {
                known[place] = heard;
                *priced = Priced::read(known);
                Heard::More
            }
            None => {
                priced.add(&heard.update, payload, heard.received_at);
                known.push(heard);
                Heard::Update
            }
        };
        if !counted {
            self.written.costs.recount(message.organization_id, message.number_id, before, priced.charge());
        }
        what
    }

    /// Whether a message was delivered, and so counted, by updates that may have gone since.
    fn was_counted(&self, routed: &Routed, message: &Key) -> bool {
        self.messages.get(message).is_some_and(|seen| {
            routed.route.since.is_past_statuses(seen.known.at) && seen.known.status.as_deref().is_some_and(is_delivered)
        })
    }

    /// Whether an update is of a message, or of a time, that went past its retention: it is not kept. A message that is here
    /// climbs all the same.
    fn is_past(&self, routed: &Routed, status: &Status, message: &Key, at: Timestamp) -> bool {
        let since = &routed.route.since;
        if self.messages.contains_key(message) {
            return since.is_past_statuses(at);
        }
        // What we sent is called by our id of it, which says when it was written.
        let written = status.callback_data.as_deref().and_then(|text| text.parse().ok()).and_then(written_at);
        since.is_past_statuses(at) || since.is_past_messages(written.map_or(at, |written| written.min(at)))
    }

    /// Whether an update that is not kept takes its message further.
    fn climbs(&self, update: &status::Update) -> bool {
        self.messages.get(&update.message).is_some_and(|seen| {
            let now = seen.known.status.as_deref();
            seen.known.outbound && status::climb(now, &update.status).as_deref() != now
        })
    }

    /// Another account of an update that we have says more. It is no other step, so no event tells of one.
    fn retell_status(&mut self, update: status::Update, payload: String, (at, received_at): (Timestamp, Timestamp)) {
        let message = update.message.clone();
        match self.written.statuses.iter_mut().find(|(known, _, _)| *known == update) {
            Some(row) => row.1 = payload,
            None => self.written.statuses.push((update, payload, received_at)),
        }
        self.show_known_status(&message);
        self.target_event(&message, at);
    }

    pub(super) fn status(&mut self, routed: &Routed, status: &Status) {
        let message = key(routed, &status.wamid);
        let at = time(status.timestamp, &routed.change, routed.received_at);
        let update = status::Update {
            message: message.clone(),
            status: status.status.clone(),
            participant: status.participant.clone().unwrap_or_default(),
            at: status
                .timestamp
                .and_then(|second| Timestamp::from_second(second).ok())
                .unwrap_or(Timestamp::UNIX_EPOCH),
        };
        let advised = status.errors.clone().map(advised);
        let payload = status.payload.to_string();
        let heard = status::Known {
            update: update.clone(),
            errors: advised.as_ref().map(Value::to_string),
            payload: payload.clone(),
            received_at: routed.received_at,
        };
        let past = self.is_past(routed, status, &message, at);
        if past && !self.climbs(&update) {
            self.written.outcome.past += 1;
            return;
        }
        match self.hear(routed, heard, &status.payload) {
            Heard::Nothing => {
                self.written.outcome.duplicates += 1;
                return;
            }
            Heard::More => return self.retell_status(update, payload, (at, routed.received_at)),
            Heard::Update => {}
        }
        let mut message_id = None;
        let mut callback_data = status.callback_data.clone();
        if let Some(seen) = self.messages.get_mut(&message) {
            message_id = Some(seen.known.id);
            // Meta echoes our id; its sender asked for their own word.
            if callback_data.as_deref().and_then(|text| text.parse().ok()) == message_id {
                callback_data.clone_from(&seen.known.callback_data);
            }
        }
        self.show_known_status(&message);
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
        self.written.fails(&message, advised.as_ref(), at, routed.received_at);
        if !past {
            self.written.statuses.push((update, payload, routed.received_at));
        }
        self.written.outcome.statuses += u64::from(!past);
        self.record(message.organization_id, Kind::MessageStatus, at, message_id, Some(&told.json()), None);
    }
}
