//! The kinds of events, and the word that each is stored and told by.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::database::{DatabaseError, Result};

/// The kinds with their words, in the order in which docs/api.md tells of them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal,)+) => {
        /// What an event tells of.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
            /// Any other news of Meta's, by its field: `meta.<field>`.
            Meta(String),
        }

        impl Kind {
            /// All that have a word of ours.
            pub const OURS: &[Self] = &[$(Self::$kind),+];

            /// The word that is stored and told.
            pub fn word(&self) -> Cow<'static, str> {
                match self {
                    $(Self::$kind => Cow::Borrowed($word),)+
                    Self::Meta(field) => Cow::Owned(format!("{META}{field}")),
                }
            }

            /// Reads what people type.
            pub fn of(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$kind),)+
                    other => other.strip_prefix(META).map(|field| Self::Meta(field.to_owned())),
                }
            }
        }
    };
}

const META: &str = "meta.";

kinds! {
    /// An inbound line.
    MessageReceived = "message.received",
    /// A message was taken by Meta, or seen from outside.
    MessageSent = "message.sent",
    /// A message was edited, deleted or reacted to.
    MessageUpdated = "message.updated",
    /// A message's file is in another state.
    MessageMedia = "message.media",
    /// An update of a status.
    MessageStatus = "message.status",
    /// Someone changed a conversation, or marked it as read.
    ConversationUpdated = "conversation.updated",
    /// A contact changed.
    ContactUpdated = "contact.updated",
    /// Two contacts are one.
    ContactMerged = "contact.merged",
    /// So are their conversations on a number.
    ConversationMerged = "conversation.merged",
    /// What was one contact's is two contacts'.
    ContactSeparated = "contact.separated",
    /// News of a payment that a message asked for.
    MessagePayment = "message.payment",
    /// News of a number.
    NumberUpdated = "number.updated",
    /// News of a template.
    TemplateUpdated = "template.updated",
    /// An endpoint was turned on or off.
    EndpointUpdated = "endpoint.updated",
    /// A chunk of a phone's history came, or was refused.
    HistoryProgress = "history.progress",
    /// An error of the account, of no single message.
    MetaError = "meta.error",
}

impl Kind {
    /// News that Meta sent under this field, of which there is no more to say. PostgreSQL's text holds no NUL.
    pub fn meta(field: &str) -> Self {
        match field {
            "" => Self::Meta("unknown".to_owned()),
            field => Self::Meta(field.replace('\0', "")),
        }
    }

    /// Whether an event may have this type, or, of `message.*`, one that begins so.
    pub fn may_be(word: &str) -> bool {
        match word.strip_suffix('*') {
            Some(beginning) if beginning.starts_with(META) || META.starts_with(beginning) => true,
            Some(beginning) => Self::OURS.iter().any(|kind| kind.word().starts_with(beginning)),
            None => Self::of(word).is_some(),
        }
    }

    /// Whether it is of this type, or, of `message.*`, begins so.
    pub fn is(&self, word: &str) -> bool {
        match word.strip_suffix('*') {
            Some(beginning) => self.word().starts_with(beginning),
            None => self.word() == word,
        }
    }

    /// Reads a stored word.
    pub(super) fn read(word: &str) -> Result<Self> {
        Self::of(word).ok_or_else(|| DatabaseError::UnknownWord { column: "event.type", word: word.to_owned() })
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.word())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_is_read_as_the_kind_that_wrote_it() {
        let theirs = [Kind::meta("account_update"), Kind::meta("")];
        for kind in Kind::OURS.iter().chain(&theirs) {
            assert_eq!(Kind::read(&kind.word()).unwrap(), *kind);
        }
        assert_eq!(Kind::meta("").word(), "meta.unknown");
        assert_eq!(Kind::meta("a\0b").word(), "meta.ab");
    }

    #[test]
    fn an_unknown_word_is_an_error_that_says_where_it_stands() {
        let refused = Kind::read("message.recieved").unwrap_err().to_string();
        assert!(refused.contains("event.type") && refused.contains("message.recieved"), "{refused}");
    }

    #[test]
    fn a_type_that_no_event_has_is_known_as_that() {
        for word in ["message.received", "message.*", "m*", "*", "meta.*", "meta.account*", "meta.account_update"] {
            assert!(Kind::may_be(word), "{word}");
        }
        for word in ["", "message", "mesage.*", "message.recieved", "message.*d", "Message.*"] {
            assert!(!Kind::may_be(word), "{word}");
        }
    }

    #[test]
    fn the_documentation_tells_of_every_kind_and_of_no_other() {
        let page = include_str!("../../../../docs/api.md");
        let rows = page.lines().skip_while(|line| !line.starts_with("| type | when |")).skip(2);
        let first = rows.take_while(|line| line.starts_with('|')).filter_map(|row| row.split('|').nth(1));
        let told: BTreeSet<String> =
            first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
        let known: BTreeSet<String> =
            Kind::OURS.iter().map(|kind| kind.word().into_owned()).chain(["meta.<field>".to_owned()]).collect();
        assert_eq!(told, known);
    }
}
