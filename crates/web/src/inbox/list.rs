//! The list of conversations.

use std::collections::HashMap;

use jiff::SignedDuration;
use model::act::Act;
use model::conversation::{self, Conversation, Counts, Filter, State};
use model::database::Tenant;
use model::number::Number;
use model::user::Language;
use model::{DatabaseError, draft, endpoint, membership, name};
use uuid::Uuid;

use super::bubble::kind_of;
use super::house::House;
use super::tick::Tick;
use super::view::{View, Wanted};
use crate::pages::{Failure, Key, Said, Times, Visit, say};

/// So many rows are sent at once.
const ROWS: i64 = 50;

/// From here on the end of a window is what matters most of a conversation.
pub(super) const SOON: SignedDuration = SignedDuration::from_hours(2);

/// A conversation as the list shows it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: Uuid,
    /// The time of its last message in microseconds, by which the list is in order.
    pub(super) at: i64,
    pub(super) who: String,
    pub(super) time: String,
    pub(super) iso: String,
    pub(super) preview: String,
    /// How what the reader had begun to write there begins.
    pub(super) draft: Option<String>,
    pub(super) tick: Option<Tick>,
    pub(super) unread: i32,
    /// Why somebody should look at it.
    pub(super) urgent: Option<Urgent>,
    pub(super) assignee: Option<String>,
}

/// Why somebody should look at a conversation.
#[derive(Clone, Debug)]
pub(super) struct Urgent {
    pub(super) class: &'static str,
    pub(super) said: Said,
}

/// A view, with how much waits in it.
#[derive(Clone, Debug)]
pub(super) struct Tab {
    pub(super) view: View,
    pub(super) count: Option<String>,
}

/// What the list names, and leads to or narrows by.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) id: Uuid,
    pub(super) name: String,
}

/// The list of conversations, as far as it is sent.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) wanted: Wanted,
    pub(super) tabs: Vec<Tab>,
    pub(super) numbers: Vec<Choice>,
    pub(super) teams: Vec<Choice>,
    pub(super) rows: Vec<Row>,
    /// The place where it goes on.
    pub(super) next: Option<String>,
    /// The number of the last event that it knows.
    pub(super) live: i64,
    /// Where a first message can be sent to, while there is none.
    pub(super) first_number: Option<String>,
    /// Programs that hear nothing any more, for whoever looks after them.
    pub(super) lost: Vec<Choice>,
}

impl List {
    /// Reads it.
    pub(super) async fn read(tx: &Tenant, visit: &Visit, house: &House, wanted: Wanted) -> Result<Self, Failure> {
        let me = visit.user().id;
        let page = conversation::list(tx, &wanted.filter(me), wanted.after, ROWS).await?;
        // Whoever looks at an empty view, and has conversations elsewhere, waits for nobody's first message.
        let is_first =
            page.data.is_empty() && conversation::list(tx, &Filter::default(), None, 1).await?.data.is_empty();
        let first_number = house.numbers.first().map(Number::phone).filter(|_| is_first);
        let numbers = house.numbers.iter().map(|one| Choice { id: one.id, name: one.name() }).collect();
        let teams = house.teams.iter().map(|team| Choice { id: team.id, name: team.name.clone() }).collect();
        let (live, people) = (house.live, house.names());
        let times = visit.times();
        let mut rows: Vec<Row> =
            page.data.iter().map(|one| Row::of(one, &people, &times, visit.page.language)).collect();
        begun(tx, visit, &mut rows).await?;
        let tabs = tabs(conversation::counts(tx, me).await?);
        let lost = if visit.may(Act::ManageEndpoints) { endpoint::lost(tx).await? } else { Vec::new() };
        let lost = lost.into_iter().map(|one| Choice { id: one.id, name: one.host() }).collect();
        Ok(Self { wanted, tabs, numbers, teams, rows, next: page.next_cursor, live, first_number, lost })
    }

    /// Whether there is a choice of numbers.
    pub(super) fn chooses_number(&self) -> bool {
        self.numbers.len() > 1
    }
}

/// The views with their counts.
pub(super) fn tabs(counts: Counts) -> Vec<Tab> {
    let count = |count: i64| match count {
        0 => None,
        conversation::COUNTED.. => Some(format!("{}+", conversation::COUNTED - 1)),
        few => Some(few.to_string()),
    };
    let of = |view| match view {
        View::Active => count(counts.active),
        View::Mine => count(counts.mine),
        View::Unassigned => count(counts.unassigned),
        View::Waiting | View::Resolved | View::All => None,
    };
    View::ALL.map(|view| Tab { view, count: of(view) }).into()
}

/// Rows of those of these conversations that the view shows.
pub(super) async fn rows(
    tx: &Tenant,
    visit: &Visit,
    wanted: &Wanted,
    ids: Vec<Uuid>,
) -> Result<Vec<Row>, DatabaseError> {
    let filter = wanted.filter(visit.user().id);
    let people: HashMap<Uuid, String> = membership::names(tx).await?.into_iter().collect();
    let times = visit.times();
    let found = conversation::these(tx, ids).await?;
    let shown = found.iter().filter(|one| filter.shows(one));
    let mut rows: Vec<Row> = shown.map(|one| Row::of(one, &people, &times, visit.page.language)).collect();
    begun(tx, visit, &mut rows).await?;
    Ok(rows)
}

/// Notes what the reader had begun to write in them.
async fn begun(tx: &Tenant, visit: &Visit, rows: &mut [Row]) -> Result<(), DatabaseError> {
    let ids = rows.iter().map(|row| row.id).collect();
    let mut drafts = draft::beginnings(tx, visit.user().id, ids).await?;
    for row in rows {
        row.draft = drafts.remove(&row.id);
    }
    Ok(())
}

impl Row {
    fn of(one: &Conversation, people: &HashMap<Uuid, String>, times: &Times, language: Language) -> Self {
        let last = one.last_message.as_ref();
        let at = last.map_or(one.created_at, |last| last.timestamp);
        let preview = last.map_or_else(String::new, |last| {
            if matches!(last.r#type.as_str(), "unsupported" | "unknown") {
                return say(language, Key("unsupported")).with("name", who(one, language)).to_string();
            }
            let is_sign = !last.preview.chars().any(char::is_alphanumeric);
            match kind_of(&last.r#type).filter(|_| is_sign && last.r#type != "text") {
                Some(kind) => format!("{} {}", last.preview, say(language, kind)).trim().to_owned(),
                None => last.preview.clone(),
            }
        });
        Self {
            id: one.id,
            at: at.as_microsecond(),
            who: who(one, language),
            time: times.short(at),
            iso: at.to_string(),
            preview,
            draft: None,
            tick: last.and_then(Tick::of_last),
            unread: one.unread_count,
            urgent: urgent(one, times, language),
            assignee: one.assignee_id.and_then(|id| people.get(&id).cloned()),
        }
    }

    /// Which of eight colours their initials have.
    pub(super) fn tone(&self) -> u128 {
        self.id.as_u128() % 8
    }

    /// Its element of the page.
    pub(super) fn element(&self) -> String {
        element(self.id)
    }
}

/// The element of a conversation's row.
pub(super) fn element(id: Uuid) -> String {
    format!("c-{id}")
}

/// Whom a conversation is with, as well as that is known.
pub(super) fn who(one: &Conversation, language: Language) -> String {
    let Some(contact) = &one.contact else {
        return one
            .group_subject
            .clone()
            .filter(|name| name::shows(name))
            .unwrap_or_else(|| say(language, Key("group")).to_string());
    };
    contact
        .name
        .clone()
        .filter(|name| name::shows(name))
        .or_else(|| contact.wa_id.as_ref().map(|digits| format!("+{digits}")))
        .or_else(|| contact.username.as_ref().map(|name| format!("@{name}")))
        .or_else(|| contact.user_id.clone())
        .unwrap_or_else(|| say(language, Key("nobody-named")).to_string())
}

/// The one thing that matters most about it.
fn urgent(one: &Conversation, times: &Times, language: Language) -> Option<Urgent> {
    let is_failed = one.last_message.as_ref().is_some_and(|last| last.status.as_deref() == Some("failed"));
    if is_failed {
        return Some(Urgent { class: "danger", said: say(language, Key("tick-failed")) });
    }
    if one.state != State::Active {
        return None;
    }
    let left = one.window_expires_at.map(|end| times.until(end));
    if let Some(left) = left.filter(|left| left.is_positive() && *left < SOON) {
        let said = say(language, Key("row-window")).with("left", times.length(left));
        return Some(Urgent { class: "warn", said });
    }
    let waited = one.last_inbound_at.map(|at| -times.until(at))?;
    Some(Urgent { class: "", said: say(language, Key("row-waits")).with("waited", times.length(waited)) })
}
