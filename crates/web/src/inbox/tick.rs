//! How far a message has come, as its tick says.

use model::conversation::LastMessage;
use model::message::Message;

use crate::pages::{Icon, Key};

/// A tick with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tick {
    /// Its class.
    pub(super) class: &'static str,
    /// What it looks like.
    pub(super) icon: Icon,
    /// What it means.
    pub(super) key: Key,
}

/// The ladder, from the queue to the customer's eyes.
const LADDER: [(&str, Tick); 9] = [
    ("queued", tick("waits", Icon("clock"), Key("tick-queued"))),
    ("sending", tick("waits", Icon("clock"), Key("tick-sending"))),
    ("accepted", tick("sent", Icon("check"), Key("tick-sent"))),
    ("sent", tick("sent", Icon("check"), Key("tick-sent"))),
    ("delivered", tick("delivered", Icon("check-check"), Key("tick-delivered"))),
    ("read", tick("read", Icon("check-check"), Key("tick-read"))),
    ("played", tick("read", Icon("mic"), Key("tick-played"))),
    ("failed", tick("failed", Icon("circle-alert"), Key("tick-failed"))),
    ("unknown", tick("doubtful", Icon("circle-question-mark"), Key("tick-unknown"))),
];

const fn tick(class: &'static str, icon: Icon, key: Key) -> Tick {
    Tick { class, icon, key }
}

impl Tick {
    /// A message's; the customer's have none.
    pub(super) fn of(message: &Message) -> Option<Self> {
        Self::named(&message.direction, message.status.as_deref())
    }

    /// The same of the last message of a conversation.
    pub(super) fn of_last(last: &LastMessage) -> Option<Self> {
        Self::named(&last.direction, last.status.as_deref())
    }

    fn named(direction: &str, status: Option<&str>) -> Option<Self> {
        let status = status.filter(|_| direction == "outbound")?;
        LADDER.iter().find(|(word, _)| *word == status).map(|(_, tick)| *tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_business_wrote_has_a_tick() {
        assert_eq!(Tick::named("outbound", Some("read")).map(|tick| tick.class), Some("read"));
        assert_eq!(Tick::named("inbound", Some("read")), None);
        assert_eq!(Tick::named("outbound", Some("made up")), None);
        assert_eq!(Tick::named("outbound", None), None);
    }
}
