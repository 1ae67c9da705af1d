//! A conversation, with its messages.

use std::borrow::Borrow;
use std::collections::HashMap;

use model::conversation::{self, Conversation, SERVICE_WINDOW};
use model::database::Tenant;
use model::draft::{self, Draft};
use model::message::{self, Message};
use model::template::{Template, known};
use model::user::Language;
use model::{DatabaseError, contact, template};
use serde_json::Value;
use uuid::Uuid;

use super::again;
use super::bubble::{Bubble, Drawing};
use super::compose::Attached;
use super::head::{Composes, Head, composes};
use super::house::House;
use super::list::{Choice, who};
use super::pane::Pane;
use super::sent::template_of;
use super::view::Wanted;
use crate::pages::{Entered, Failure, Key, Said, Visit, say};

/// A conversation, as its page shows it.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    pub(super) id: Uuid,
    pub(super) who: String,
    pub(super) is_group: bool,
    pub(super) head: Head,
    /// The number of the last event that it knows.
    pub(super) live: i64,
    pub(super) bubbles: Vec<Bubble>,
    /// The message before which it goes on, and the one behind which it does.
    pub(super) older: Option<Uuid>,
    pub(super) newer: Option<Uuid>,
    /// The message that it opens at.
    pub(super) around: Option<Uuid>,
    /// Before which message what is unread begins.
    pub(super) unread_from: Option<Uuid>,
    pub(super) unread: i32,
    /// The last of its messages that is shown.
    pub(super) seen: i64,
    /// The message that is answered, if one is.
    pub(super) reply: Option<Uuid>,
    pub(super) composer: Composer,
    /// What its reader had begun to write, here or elsewhere.
    pub(super) draft: Draft,
}

/// What can be written.
#[derive(Clone, Debug)]
pub(super) enum Composer {
    /// Anything.
    Text,
    /// Templates alone; why.
    Templates { why: Said, templates: Vec<Choice> },
    /// Nothing; why.
    Off(Said),
}

/// What whoever writes is asked before it goes.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// Somebody answered what they had not seen.
    Unseen(Unseen),
    /// The conversation is somebody else's.
    Elsewhere { id: Uuid, name: String },
}

impl Question {
    /// In words.
    pub(super) fn said(&self, language: Language) -> Said {
        match self {
            Self::Unseen(unseen) => say(language, Key("unseen")).with("name", &unseen.author),
            Self::Elsewhere { name, .. } => say(language, Key("elsewhere-has")).with("name", name),
        }
    }
}

/// Somebody answered what whoever writes had not seen.
#[derive(Clone, Debug)]
pub(super) struct Unseen {
    /// Who.
    pub(super) author: String,
    /// What.
    pub(super) bubble: Uuid,
}

/// What a page of a conversation has to say of what was just sent.
#[derive(Debug)]
pub(super) struct Writing {
    /// What the next message will be called.
    pub(super) id: Uuid,
    /// What was entered.
    pub(super) entered: Entered,
    /// What is asked before it goes.
    pub(super) question: Option<Question>,
    /// A file that is here already.
    pub(super) attached: Option<Attached>,
}

impl Writing {
    /// By whose care for the conversation the next message is not asked about any more.
    pub(super) fn owner(&self) -> String {
        match &self.question {
            Some(Question::Elsewhere { id, .. }) => id.to_string(),
            Some(Question::Unseen(_)) | None => self.entered.text("owner").to_owned(),
        }
    }
}

impl Default for Writing {
    fn default() -> Self {
        Self { id: Uuid::now_v7(), entered: Entered::default(), question: None, attached: None }
    }
}

impl Thread {
    /// Where it is, as it is shown now.
    pub(super) fn address(&self, query: &str) -> String {
        format!("/inbox/{}?{query}", self.id)
    }

    /// Where the templates are that can be sent in it.
    pub(super) fn templates(&self) -> String {
        super::template::address(self.id)
    }

    /// Reads it, or where it went on.
    pub(super) async fn read(
        tx: &Tenant,
        visit: &Visit,
        house: &House,
        one: &Conversation,
        wanted: &Wanted,
    ) -> Result<Self, Failure> {
        let language = visit.page.language;
        let pane = Pane::read(tx, one, wanted.part()).await?;
        let bubbles = bubbles(tx, visit, one, &pane.messages, &house.names()).await?;
        let seen = pane.messages.iter().map(|message| message.sequence).max().unwrap_or(0);
        let composer = composer(tx, visit, house, one).await?;
        let draft = draft::get(tx, visit.user().id, one.id).await?;
        Ok(Self {
            id: one.id,
            who: who(one, language),
            is_group: one.contact.is_none(),
            head: Head::of(visit, house, one),
            live: house.live,
            unread_from: pane.unread_from,
            unread: one.unread_count,
            older: pane.older,
            newer: pane.newer,
            around: pane.around,
            seen,
            reply: wanted.reply.filter(|id| bubbles.iter().any(|bubble| bubble.id == *id && bubble.quotable)),
            bubbles,
            composer,
            draft: draft.unwrap_or_default(),
        })
    }

    /// Whether what is new begins with this message.
    pub(super) fn is_first_unread(&self, id: impl Borrow<Uuid>) -> bool {
        self.unread_from.as_ref() == Some(id.borrow())
    }

    /// The element that holds its messages.
    pub(super) fn messages_element(&self) -> String {
        messages_element(self.id)
    }
}

/// The element that holds a conversation's messages.
pub(super) fn messages_element(conversation_id: Uuid) -> String {
    format!("messages-{conversation_id}")
}

/// A conversation that is there, or [`Failure`]; one that vanished leads to where it went on.
pub(super) async fn find(tx: &Tenant, id: Uuid) -> Result<Found, Failure> {
    if let Some(found) = conversation::get(tx, id).await? {
        return Ok(Found::Here(Box::new(found)));
    }
    conversation::survivor(tx, id).await?.map(Found::At).ok_or(Failure::NotThere)
}

/// A conversation that is there, or the one in which it went on.
pub(super) async fn follow(tx: &Tenant, id: Uuid) -> Result<Box<Conversation>, Failure> {
    match find(tx, id).await? {
        Found::Here(found) => Ok(found),
        Found::At(survivor) => Ok(Box::new(conversation::get(tx, survivor).await?.ok_or(Failure::NotThere)?)),
    }
}

/// A message of a conversation, wherever it went on.
pub(super) async fn message_of(
    tx: &Tenant,
    id: Uuid,
    message_id: Uuid,
) -> Result<(Box<Conversation>, Message), Failure> {
    let found = follow(tx, id).await?;
    let message = message::these(tx, found.id, vec![message_id]).await?.pop().ok_or(Failure::NotThere)?;
    Ok((found, message))
}

/// Where a conversation is.
pub(super) enum Found {
    /// Here.
    Here(Box<Conversation>),
    /// It went on under this id.
    At(Uuid),
}

/// Draws messages, in their order.
pub(super) async fn bubbles(
    tx: &Tenant,
    visit: &Visit,
    one: &Conversation,
    messages: &[Message],
    people: &HashMap<Uuid, String>,
) -> Result<Vec<Bubble>, DatabaseError> {
    let wamids = messages.iter().filter_map(|message| message.reply_to_wamid.clone()).collect();
    let quoted = message::quoted(tx, one.id, wamids).await?;
    let quoted = quoted.into_iter().filter_map(|message| Some((message.wamid.clone()?, message))).collect();
    let writers: Vec<Uuid> = messages.iter().filter_map(|message| message.contact_id).collect();
    let others = contact::names(tx, writers).await?.into_iter().collect();
    let templates = templates(tx, one.number_id, messages).await?;
    let again = again::offered(tx, messages).await?;
    let (times, contact) = (visit.times(), who(one, visit.page.language));
    let drawing = Drawing {
        language: visit.page.language,
        times: &times,
        contact: &contact,
        people,
        others: &others,
        quoted: &quoted,
        templates: &templates,
        again: &again,
    };
    let mut bubbles: Vec<Bubble> = messages.iter().map(|message| drawing.bubble(message)).collect();
    let mut day = None;
    for bubble in &mut bubbles {
        bubble.begins_day = day.as_ref() != Some(&bubble.date);
        day = Some(bubble.date.clone());
    }
    Ok(bubbles)
}

/// The templates that messages of ours are of, by name and language.
async fn templates(
    tx: &Tenant,
    number_id: Uuid,
    messages: &[Message],
) -> Result<HashMap<(String, String), Template>, DatabaseError> {
    let ours = messages.iter().filter(|one| one.r#type == "template" && one.direction == "outbound");
    let payloads = ours.filter_map(|one| serde_json::from_str::<Value>(one.payload.0.get()).ok());
    let mut wanted: Vec<(String, String)> = payloads.filter_map(|payload| template_of(&payload)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let found = if wanted.is_empty() { Vec::new() } else { known::these(tx, number_id, &wanted).await? };
    let named = |one: Template| Some(((one.name.clone()?, one.language.clone()?), one));
    Ok(found.into_iter().filter_map(named).collect())
}

async fn composer(tx: &Tenant, visit: &Visit, house: &House, one: &Conversation) -> Result<Composer, DatabaseError> {
    let language = visit.page.language;
    match composes(visit, house, one) {
        Composes::Text => return Ok(Composer::Text),
        Composes::Nothing(why) => return Ok(Composer::Off(say(language, why))),
        Composes::Templates => {}
    }
    let name = who(one, language);
    let ends_at = match one.window_expires_at {
        Some(end) => Some(end),
        // What was written before anybody here heard it opened no window, and is in the conversation all the same.
        None => message::last_inbound(tx, one.id).await?.and_then(|at| at.checked_add(SERVICE_WINDOW).ok()),
    };
    let why = match ends_at {
        Some(end) => {
            let passed = visit.times().length(visit.now().duration_since(end));
            say(language, Key("window-closed")).with("passed", passed).with("name", name)
        }
        None => say(language, Key("window-never")).with("name", name),
    };
    Ok(Composer::Templates { why, templates: approved(tx, one.number_id).await? })
}

/// The templates that can be sent from a number, by name.
pub(super) async fn approved(tx: &Tenant, number_id: Uuid) -> Result<Vec<Choice>, DatabaseError> {
    let all = template::approved(tx, number_id).await?;
    Ok(all.into_iter().map(|(id, name, language)| Choice { id, name: format!("{name} · {language}") }).collect())
}
