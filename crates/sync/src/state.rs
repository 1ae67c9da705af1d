//! How far a copy is. It stands in the copy's own database, and changes in the transaction that writes the rows.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::table::{CONTACTS, CONVERSATIONS, MESSAGES, Table};

/// The list that a reading of everything is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Contacts,
    Conversations,
    Messages,
}

impl Stage {
    pub(crate) fn word(self) -> &'static str {
        self.table().name
    }

    fn read(word: &str) -> Option<Self> {
        [Self::Contacts, Self::Conversations, Self::Messages].into_iter().find(|stage| stage.word() == word)
    }

    pub(crate) fn table(self) -> &'static Table {
        match self {
            Self::Contacts => &CONTACTS,
            Self::Conversations => &CONVERSATIONS,
            Self::Messages => &MESSAGES,
        }
    }

    /// The list, last made first: nothing that happens moves its pages.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Contacts => "/contacts",
            Self::Conversations => "/conversations?order=id",
            Self::Messages => "/messages",
        }
    }

    pub(crate) fn next(self) -> Option<Self> {
        match self {
            Self::Contacts => Some(Self::Conversations),
            Self::Conversations => Some(Self::Messages),
            Self::Messages => None,
        }
    }
}

/// A reading of everything, list by list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) stage: Stage,
    /// The API's cursor of the next page; `None`: the first.
    pub(crate) page: Option<String>,
    /// The id with which the page before ended: the next one lies below.
    pub(crate) below: Option<Uuid>,
}

impl Walk {
    /// The beginning of a list.
    pub(crate) fn begin(stage: Stage) -> Self {
        Self { stage, page: None, below: None }
    }
}

/// How far a copy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The last event that is in the copy.
    pub(crate) cursor: i64,
    /// The reading of everything that is under way.
    pub(crate) walk: Option<Walk>,
    /// Whether another one follows it.
    pub(crate) again: bool,
    /// Whether everything was last read so long ago that it is time again.
    pub(crate) is_due: bool,
}

impl State {
    /// A copy that begins at this event.
    pub(crate) fn begin(cursor: i64) -> Self {
        let walk = Some(Walk::begin(Stage::Contacts));
        Self { cursor, walk, again: false, is_due: false }
    }

    /// Everything is to be read once more, from now on.
    pub(crate) fn read_anew(&mut self) {
        match &self.walk {
            // What it has read so far may be what has changed.
            Some(walk) if walk.stage != Stage::Contacts || walk.page.is_some() => self.again = true,
            _ => self.walk = Some(Walk::begin(Stage::Contacts)),
        }
    }

    pub(crate) fn read(row: &Row) -> Self {
        let stage = row.get::<_, Option<&str>>("walk_stage").and_then(Stage::read);
        Self {
            cursor: row.get("cursor"),
            walk: stage.map(|stage| Walk { stage, page: row.get("walk_page"), below: row.get("walk_below") }),
            again: row.get("walk_again"),
            is_due: row.get("is_due"),
        }
    }
}

/// What is still to be read, because an event or a reading gave reason to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    /// All conversations of a contact, and their threads.
    Person,
    /// All messages of a conversation.
    Thread,
    /// One contact.
    Contact,
    /// One conversation.
    Conversation,
    /// One message.
    Message,
}

impl Task {
    /// In the order in which they are done: what reads much leaves less to the others.
    pub(crate) const ALL: [Self; 5] = [Self::Person, Self::Thread, Self::Contact, Self::Conversation, Self::Message];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Thread => "thread",
            Self::Contact => "contact",
            Self::Conversation => "conversation",
            Self::Message => "message",
        }
    }

    pub(crate) fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.word() == word)
    }

    /// The task to look at rows of this table again.
    pub(crate) fn of(stage: Stage) -> Self {
        match stage {
            Stage::Contacts => Self::Contact,
            Stage::Conversations => Self::Conversation,
            Stage::Messages => Self::Message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_the_change_is_read_again() {
        let mut state = State::begin(7);
        state.read_anew();
        assert_eq!((state.again, state.walk.clone()), (false, Some(Walk::begin(Stage::Contacts))));
        state.walk = Some(Walk::begin(Stage::Messages));
        state.read_anew();
        assert!(state.again && state.walk == Some(Walk::begin(Stage::Messages)));
        state.walk = None;
        state.read_anew();
        assert_eq!(state.walk, Some(Walk::begin(Stage::Contacts)));
    }
}
