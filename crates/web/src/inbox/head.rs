//! What stands above a conversation: whom it is with, until when anything can be written, whose it is. A page that is open
//! hears when that changes, and asks for it alone.

use std::borrow::Borrow;

use jiff::Timestamp;
use model::act::Act;
use model::conversation::{Conversation, State};
use uuid::Uuid;

use super::house::House;
use super::list::{Choice, SOON, who};
use crate::pages::{Key, Moment, Said, Visit, say};

/// What stands above a conversation.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) id: Uuid,
    pub(super) who: String,
    /// What else is known of them: phone, user id, username.
    pub(super) known_as: Vec<String>,
    pub(super) number: String,
    pub(super) state: State,
    pub(super) window: Option<Window>,
    /// Since when their messages are kept away.
    pub(super) blocked: Option<Moment>,
    pub(super) assignee: Option<Uuid>,
    pub(super) team: Option<Uuid>,
    pub(super) people: Vec<Choice>,
    pub(super) teams: Vec<Choice>,
    pub(super) may_change: bool,
    /// What can be written now.
    pub(super) composes: &'static str,
}

/// The service window, as the header shows it.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) class: &'static str,
    pub(super) said: Said,
    pub(super) ends_at: Timestamp,
}

impl Head {
    /// Of a conversation, as it is now.
    pub(super) fn of(visit: &Visit, house: &House, one: &Conversation) -> Self {
        let number = house.number(one.number_id);
        let known_as = one.contact.as_ref().map_or_else(Vec::new, |contact| {
            let phone = contact.wa_id.as_ref().map(|digits| format!("+{digits}"));
            let username = contact.username.as_ref().map(|name| format!("@{name}"));
            let or_id = if phone.is_none() && username.is_none() { contact.user_id.clone() } else { None };
            phone.into_iter().chain(username).chain(or_id).collect()
        });
        let choice = |id, name: &String| Choice { id, name: name.clone() };
        Self {
            id: one.id,
            who: who(one, visit.page.language),
            known_as,
            number: number.map(|number| number.name()).unwrap_or_default(),
            state: one.state,
            window: window(one, visit),
            blocked: one.blocked_at.map(|at| visit.times().moment(at)),
            assignee: one.assignee_id,
            team: one.team_id,
            people: house.people.iter().map(|(id, name)| choice(*id, name)).collect(),
            teams: house.teams.iter().map(|team| choice(team.id, &team.name)).collect(),
            may_change: visit.may(Act::ChangeConversation),
            composes: match composes(visit, house, one) {
                Composes::Text => "text",
                Composes::Templates => "templates",
                Composes::Nothing(_) => "nothing",
            },
        }
    }

    /// Whose it is, in words.
    pub(super) fn assignee_name(&self) -> Option<&str> {
        let id = self.assignee?;
        self.people.iter().find(|person| person.id == id).map(|person| person.name.as_str())
    }

    /// Whether it is closed.
    pub(super) fn is_resolved(&self) -> bool {
        self.state == State::Resolved
    }

    /// Whether it is this person's.
    pub(super) fn is_assigned(&self, id: impl Borrow<Uuid>) -> bool {
        self.assignee.as_ref() == Some(id.borrow())
    }

    /// Whether it is this team's.
    pub(super) fn is_of_team(&self, id: impl Borrow<Uuid>) -> bool {
        self.team.as_ref() == Some(id.borrow())
    }
}

/// What a reader can write in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Composes {
    /// Anything.
    Text,
    /// Templates alone.
    Templates,
    /// Nothing; why.
    Nothing(Key),
}

/// What a reader can write in a conversation now.
pub(super) fn composes(visit: &Visit, house: &House, one: &Conversation) -> Composes {
    if !visit.may(Act::Send) {
        return Composes::Nothing(Key("composer-viewer"));
    }
    if one.contact.is_none() {
        return Composes::Nothing(Key("composer-group"));
    }
    if house.number(one.number_id).is_none_or(|number| number.status != "connected") {
        return Composes::Nothing(Key("composer-off"));
    }
    if one.window_expires_at.is_some_and(|end| end > visit.now()) { Composes::Text } else { Composes::Templates }
}

fn window(one: &Conversation, visit: &Visit) -> Option<Window> {
    let (language, ends_at) = (visit.page.language, one.window_expires_at?);
    let left = ends_at.duration_since(visit.now());
    if !left.is_positive() {
        return Some(Window { class: "over", said: say(language, Key("window-over")), ends_at });
    }
    let length = visit.times().length(left);
    let class = if left < SOON { "warn" } else { "" };
    Some(Window { class, said: say(language, Key("window-left")).with("left", length), ends_at })
}
