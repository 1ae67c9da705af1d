//! Which conversations a list shows, as its address says it.

use std::borrow::Borrow;

use model::conversation::{Filter, State};
use model::page::Cursor;
use uuid::Uuid;

use crate::pages::Key;

/// A view of the inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum View {
    /// What waits for an answer of ours.
    #[default]
    Active,
    /// Of that, what is the reader's.
    Mine,
    /// Of that, what is nobody's.
    Unassigned,
    /// What waits for the customer.
    Waiting,
    /// What people closed.
    Resolved,
    /// All.
    All,
}

impl View {
    /// All of them, as the pages list them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Active, Self::Mine, Self::Unassigned, Self::Waiting, Self::Resolved, Self::All];

    /// As an address has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Mine => "mine",
            Self::Unassigned => "unassigned",
            Self::Waiting => "waiting",
            Self::Resolved => "resolved",
            Self::All => "all",
        }
    }

    /// Its name.
    pub(crate) fn key(self) -> Key {
        match self {
            Self::Active => Key("view-active"),
            Self::Mine => Key("view-mine"),
            Self::Unassigned => Key("view-unassigned"),
            Self::Waiting => Key("view-waiting"),
            Self::Resolved => Key("view-resolved"),
            Self::All => Key("view-all"),
        }
    }
}

/// Which part of a conversation is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    /// Where what is unread begins; without any, its end.
    #[default]
    Unread,
    /// Its end.
    Latest,
    /// Around this message.
    Around(Uuid),
    /// What stands before this message.
    Before(Uuid),
    /// What stands behind this message.
    Behind(Uuid),
}

/// What an address wants to see. What it says badly narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The view.
    pub(crate) view: View,
    /// Only on this number.
    pub(crate) number: Option<Uuid>,
    /// Only this team's.
    pub(crate) team: Option<Uuid>,
    /// Only with unread messages.
    pub(crate) unread: bool,
    /// Behind the last row of the page before.
    pub(crate) after: Option<Cursor>,
    /// The message that is answered.
    pub(crate) reply: Option<Uuid>,
    /// Which part of the conversation.
    pub(crate) part: Part,
    /// Up to which message the reader saw a conversation.
    pub(crate) seen: Option<i64>,
}

impl Wanted {
    /// Reads an address's query.
    pub(crate) fn read(query: Option<&str>) -> Self {
        let mut wanted = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "view" => wanted.view = View::ALL.into_iter().find(|view| view.word() == value).unwrap_or_default(),
                "number" => wanted.number = value.parse().ok(),
                "team" => wanted.team = value.parse().ok(),
                "seen" => wanted.seen = value.parse().ok(),
                "unread" => wanted.unread = value == "1",
                "reply" => wanted.reply = value.parse().ok(),
                "after" => wanted.after = Cursor::decode(&value),
                "latest" => wanted.part = Part::Latest,
                "message" => wanted.turn_to(&value, Part::Around),
                "older" => wanted.turn_to(&value, Part::Before),
                "newer" => wanted.turn_to(&value, Part::Behind),
                _ => {}
            }
        }
        wanted
    }

    fn turn_to(&mut self, id: &str, part: fn(Uuid) -> Part) {
        if let Ok(id) = id.parse() {
            self.part = part(id);
        }
    }

    /// Which part of a conversation: where nothing else is said, what is answered is in it.
    pub(crate) fn part(&self) -> Part {
        match (self.part, self.reply) {
            (Part::Unread, Some(reply)) => Part::Around(reply),
            (part, _) => part,
        }
    }

    /// The same as a query, without the place in the list.
    pub(crate) fn query(&self) -> String {
        let mut query = format!("view={}", self.view.word());
        for (name, id) in [("number", self.number), ("team", self.team)] {
            if let Some(id) = id {
                query += &format!("&{name}={id}");
            }
        }
        query + if self.unread { "&unread=1" } else { "" }
    }

    /// With another view.
    pub(crate) fn of_view(&self, view: impl Borrow<View>) -> Self {
        Self { view: *view.borrow(), after: None, ..self.clone() }
    }

    /// With unread ones alone, or not.
    pub(crate) fn turned_unread(&self) -> Self {
        Self { unread: !self.unread, after: None, ..self.clone() }
    }

    /// On this number alone, or on any.
    pub(crate) fn on_number(&self, number: Option<&Uuid>) -> Self {
        Self { number: number.copied(), after: None, ..self.clone() }
    }

    /// Of this team alone, or of any.
    pub(crate) fn of_team(&self, team: Option<&Uuid>) -> Self {
        Self { team: team.copied(), after: None, ..self.clone() }
    }

    /// Whether it is narrowed to this number.
    pub(crate) fn is_on(&self, number: impl Borrow<Uuid>) -> bool {
        self.number.as_ref() == Some(number.borrow())
    }

    /// Whether it is narrowed to this team.
    pub(crate) fn is_of(&self, team: impl Borrow<Uuid>) -> bool {
        self.team.as_ref() == Some(team.borrow())
    }

    /// Whether anything but the view narrows it.
    pub(crate) fn is_narrowed(&self) -> bool {
        self.unread || self.number.is_some() || self.team.is_some()
    }

    /// What the database is asked for.
    pub(crate) fn filter(&self, me: Uuid) -> Filter {
        let (state, assignee_id, unassigned) = match self.view {
            View::Active => (Some(State::Active), None, false),
            View::Mine => (Some(State::Active), Some(me), false),
            View::Unassigned => (Some(State::Active), None, true),
            View::Waiting => (Some(State::Waiting), None, false),
            View::Resolved => (Some(State::Resolved), None, false),
            View::All => (None, None, false),
        };
        Filter {
            state,
            assignee_id,
            unassigned,
            unread: self.unread,
            number_id: self.number,
            team_id: self.team,
            ..Filter::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_wanted() {
        let number = Uuid::from_u128(7);
        let query = format!("view=mine&number={number}&unread=1");
        let wanted = Wanted::read(Some(&query));
        assert_eq!((wanted.view, wanted.number, wanted.unread), (View::Mine, Some(number), true));
        assert_eq!(wanted.query(), query);
        assert!(wanted.is_narrowed() && !wanted.turned_unread().on_number(None).is_narrowed());
        assert_eq!(Wanted::read(Some(&format!("message={number}"))).part, Part::Around(number));
        for nonsense in
            ["message=x&older=&newer=%00", "view=<script>", "number=1&team=x&unread=yes", "after=%00", "view", ""]
        {
            assert_eq!(Wanted::read(Some(nonsense)), Wanted::default(), "{nonsense}");
        }
    }
}
