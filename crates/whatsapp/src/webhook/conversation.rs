//! Messages, echoes and statuses, in our own conversations or in those we stand by.

use serde_json::Value;

use super::change::Item;
use super::effect::Effect;
use super::history;
use super::items::{Items, Nest};
use super::message::{Direction, Message, Origin, Place, content_of, is_for_group};
use super::notice::Notice;
use super::party::{Business, Contacts, End, Party, customer};
use super::status::{Status, recipient};
use crate::json::Read;

impl Items<'_> {
    /// Reads the lists of a value, or of the `standby` object within one.
    pub(super) fn conversation<'v>(
        &mut self,
        nest: Nest<'v>,
        holder: &'v Value,
        contacts: &Contacts,
        origin: Origin,
    ) -> bool {
        let business = self.scope.business();
        let alone = |key: &str| holder.list(key).len() == 1;
        let received = self.each(nest, holder, "messages", |items, message| {
            let direction = match origin {
                Origin::History => history::direction(message, &Party::default(), business),
                Origin::Echo => Direction::Outbound,
                _ if business.sent(message) => Direction::Outbound,
                _ => Direction::Inbound,
            };
            // What the business wrote is an echo, also where the field is that of what customers write.
            let origin = match (origin, direction) {
                (Origin::Webhook, Direction::Outbound) => Origin::Echo,
                (Origin::Standby, Direction::Outbound) => Origin::StandbyEcho,
                _ => origin,
            };
            let mut party = match direction {
                Direction::Inbound => sender(message),
                Direction::Outbound => customer(message, End::To, business),
            };
            contacts.complete(&mut party, alone("messages"));
            items.message(message, Place { origin, direction, party });
            Ok(())
        });
        let echoed = self.each(nest, holder, "message_echoes", |items, echo| {
            let origin = match origin {
                Origin::Standby => Origin::StandbyEcho,
                Origin::History => Origin::History,
                _ => Origin::Echo,
            };
            let mut party = echo_recipient(echo, business);
            if !is_for_group(content_of(echo)) {
                contacts.complete(&mut party, alone("message_echoes"));
            }
            items.message(echo, Place { origin, direction: Direction::Outbound, party });
            Ok(())
        });
        let reported = self.each(nest, holder, "statuses", |items, status| {
            match status_of(&items.scope.field, status) {
                About::Delivery => {}
                about => {
                    items.other_status(status, about, contacts, alone("statuses"));
                    return Ok(());
                }
            }
            let standby = origin == Origin::Standby;
            let status = Status::read(status, contacts, alone("statuses"), standby);
            items.push(Item::Status(Box::new(status.ok_or("without id")?)));
            Ok(())
        });
        received | echoed | reported
    }

    pub(super) fn message(&mut self, payload: &Value, place: Place) {
        let mut message = Message::read(payload, place);
        // A system message need not name a sender: then it is about whom it describes.
        if message.party.is_empty()
            && let Effect::Identity { previous, .. } = &message.effect
        {
            message.party.clone_from(previous);
        }
        self.push(Item::Message(Box::new(message)));
    }

    /// A status of something else than the delivery of a message: told, and moving nothing.
    fn other_status(&mut self, status: &Value, about: About, contacts: &Contacts, alone: bool) {
        let mut party = recipient(status);
        contacts.complete(&mut party, alone);
        let mut notice = Notice::read(self.scope, status).named(status.text("status")).about(party);
        if let About::Message(kind) = about {
            kind.clone_into(&mut notice.kind);
            notice.wamid = status.id("id");
        }
        self.push(Item::Notice(notice));
    }
}

/// What a status is about.
#[derive(Clone, Copy, PartialEq)]
enum About {
    /// How far a message has got.
    Delivery,
    /// A call.
    Call,
    /// Something else about a message, by the name of its notices.
    Message(&'static str),
}

/// `type` says what a status is about; those without one, and those of a message, are of its delivery.
fn status_of(field: &str, status: &Value) -> About {
    let kind = status.text("type").unwrap_or_default().to_lowercase();
    match kind.as_str() {
        _ if field == "calls" => About::Call,
        "call" => About::Call,
        "payment" => About::Message("payment"),
        "" if status.object("payment").is_some() => About::Message("payment"),
        "" | "message" | "status" => About::Delivery,
        _ => About::Message("status"),
    }
}

pub(super) fn sender(message: &Value) -> Party {
    Party::new(message.id("from"), message.id("from_user_id"), message.id("from_parent_user_id"))
}

fn echo_recipient(echo: &Value, business: Business<'_>) -> Party {
    let content = content_of(echo);
    if is_for_group(content) || echo.has("group_id") {
        return Party::default();
    }
    let mut party = customer(echo, End::To, business);
    party.fill(&customer(content, End::To, business));
    party
}
