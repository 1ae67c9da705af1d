//! A message as a thread draws it. Nothing in it depends on who looks, but for their language and zone.

use std::collections::{HashMap, HashSet};

use model::message::Message;
use model::template::Template;
use model::user::Language;
use serde_json::Value;
use uuid::Uuid;
use whatsapp::outgoing::MediaKind;

use super::card::{Card, cards};
use super::fault::Fault;
use super::file::Shown;
use super::forward;
use super::markup::{Piece, pieces};
use super::plan::Planned;
use super::reaction::OFFERED;
use super::sent::{AsSent, Pressable, pressables, template_of};
use super::tick::Tick;
use crate::pages::{Key, Said, Times, say};

/// On which side a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The customer's.
    In,
    /// The business's.
    Out,
    /// Nobody's: a line across.
    Line,
}

impl Side {
    /// Its class.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Line => "line",
        }
    }
}

/// The message that another one answers.
#[derive(Clone, Debug)]
pub(super) struct Quote {
    /// Ours; none: it is not here.
    pub(super) id: Option<Uuid>,
    /// Who wrote it.
    pub(super) author: Option<String>,
    /// The beginning of its text.
    pub(super) text: String,
}

/// A reaction, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Reacted {
    /// The emoji.
    pub(super) emoji: String,
    /// Who reacted, in words.
    pub(super) said: Said,
}

/// A message as a thread draws it.
#[derive(Clone, Debug)]
pub(super) struct Bubble {
    pub(super) id: Uuid,
    pub(super) conversation_id: Uuid,
    pub(super) sequence: i64,
    /// Meta's second, by which the thread is in order.
    pub(super) second: i64,
    pub(super) side: Side,
    /// Who wrote it.
    pub(super) author: String,
    pub(super) clock: String,
    pub(super) iso: String,
    /// Its day, for comparing and for reading.
    pub(super) date: String,
    pub(super) day: Said,
    /// Whether it is the first of its day, among those that are shown with it.
    pub(super) begins_day: bool,
    /// What kind of message it is, for who does not see it.
    pub(super) kind: Option<Key>,
    /// What a line across says.
    pub(super) line: Option<Said>,
    pub(super) pieces: Vec<Piece>,
    pub(super) file: Option<Shown>,
    pub(super) cards: Vec<Card>,
    /// Whether it was passed on to whoever sent it.
    pub(super) forwarded: bool,
    /// Where a place is on a map.
    pub(super) map: Option<String>,
    /// What can be pressed below it.
    pub(super) buttons: Vec<Pressable>,
    /// A template of ours, as the customer sees it.
    pub(super) sent: Option<AsSent>,
    pub(super) quote: Option<Quote>,
    pub(super) reactions: Vec<Reacted>,
    pub(super) edited: bool,
    pub(super) revoked: bool,
    pub(super) tick: Option<Tick>,
    /// When it leaves, where that is later.
    pub(super) planned: Option<Planned>,
    pub(super) fault: Option<Fault>,
    /// The whole object, of a type that nobody here knows.
    pub(super) json: Option<String>,
    /// What it will be called if it is sent once more: the same form sends it once.
    pub(super) again: Option<Uuid>,
    /// Whether a reply can name it.
    pub(super) quotable: bool,
    /// Whether it can be passed on.
    pub(super) goes_on: bool,
    /// What a press reacts with; ours among it.
    pub(super) offered: Vec<String>,
    /// What we reacted with.
    pub(super) mine: Option<String>,
}

impl Bubble {
    /// Whether there is anything to do with it.
    pub(super) fn has_menu(&self) -> bool {
        self.planned.is_some() || self.quotable || self.goes_on || !self.pieces.is_empty()
    }

    /// Whether we reacted with this.
    pub(super) fn is_mine(&self, emoji: impl AsRef<str>) -> bool {
        self.mine.as_deref() == Some(emoji.as_ref())
    }
}

/// Types that have a name for who does not see them.
const KINDS: [(&str, Key); 14] = [
    ("text", Key("kind-text")),
    ("image", Key("kind-image")),
    ("video", Key("kind-video")),
    ("audio", Key("kind-audio")),
    ("voice", Key("kind-audio")),
    ("document", Key("kind-document")),
    ("sticker", Key("kind-sticker")),
    ("location", Key("kind-location")),
    ("contacts", Key("kind-contacts")),
    ("interactive", Key("kind-interactive")),
    ("button", Key("kind-button")),
    ("order", Key("kind-order")),
    ("template", Key("kind-template")),
    ("call", Key("kind-call")),
];

/// Types that show themselves as they are, without a name.
const PLAIN: [&str; 5] = ["system", "request_welcome", "unsupported", "unknown", "media_placeholder"];

/// What a type of message is called.
pub(super) fn kind_of(kind: &str) -> Option<Key> {
    KINDS.iter().find(|(known, _)| *known == kind).map(|(_, key)| *key)
}

/// What messages are drawn from, beside themselves.
#[derive(Debug)]
pub(super) struct Drawing<'a> {
    pub(super) language: Language,
    pub(super) times: &'a Times,
    /// Whom the conversation is with.
    pub(super) contact: &'a str,
    /// Who works here.
    pub(super) people: &'a HashMap<Uuid, String>,
    /// Who writes in a group.
    pub(super) others: &'a HashMap<Uuid, String>,
    /// The messages that others answer, by Meta's id.
    pub(super) quoted: &'a HashMap<String, Message>,
    /// The templates that messages of ours are of, by name and language.
    pub(super) templates: &'a HashMap<(String, String), Template>,
    /// The messages that can be said again.
    pub(super) again: &'a HashSet<Uuid>,
}

impl Drawing<'_> {
    /// Draws a message.
    pub(super) fn bubble(&self, message: &Message) -> Bubble {
        let payload: Value = serde_json::from_str(message.payload.0.get()).unwrap_or_default();
        let line = self.line(message);
        let side = match (&line, message.direction.as_str()) {
            (Some(_), _) => Side::Line,
            (None, "outbound") => Side::Out,
            (None, _) => Side::In,
        };
        let known = kind_of(&message.r#type);
        let mut sent = self.sent(message, &payload);
        let above = sent.as_ref().and_then(|sent| sent.file).map(MediaKind::as_str);
        let kind = above.unwrap_or(&message.r#type);
        let file = message.media.as_ref().map(|media| Shown::of(media, kind, self.language));
        if let (Some(sent), Some(_)) = (&mut sent, &file) {
            sent.file = None;
        }
        let (words, cards) = (self.words(message, file.as_ref()), cards(&message.r#type, &payload, self.language));
        // Of a type that nobody here knows, and of what would show nothing, the object itself is shown.
        let is_blank = words.trim().is_empty() && cards.is_empty() && file.is_none();
        let is_strange = known.is_none() && !PLAIN.contains(&message.r#type.as_str()) || is_blank;
        let is_strange = is_strange && line.is_none();
        let mine = own_reaction(message);
        Bubble {
            id: message.id,
            conversation_id: message.conversation_id,
            sequence: message.sequence,
            second: message.timestamp.as_second(),
            side,
            author: self.author(message),
            clock: self.times.clock(message.timestamp),
            iso: message.timestamp.to_string(),
            date: self.times.date(message.timestamp),
            day: self.times.day(message.timestamp),
            begins_day: true,
            kind: known,
            line,
            pieces: pieces(&words),
            cards,
            forwarded: is_forwarded(&payload),
            file,
            map: map(&message.r#type, &payload),
            buttons: pressables(&payload),
            sent,
            quote: self.quote(message),
            reactions: self.reactions(message),
            edited: message.edited_at.is_some(),
            revoked: message.revoked_at.is_some(),
            tick: Tick::of(message),
            planned: Planned::of(message, self.times, self.language),
            fault: Fault::of(message, self.contact, self.language),
            json: is_strange.then(|| serde_json::to_string_pretty(&payload).unwrap_or_default()),
            again: self.again.contains(&message.id).then(Uuid::now_v7),
            quotable: message.wamid.is_some() && side != Side::Line && message.revoked_at.is_none(),
            goes_on: forward::goes_on(message),
            offered: offered(mine.as_deref()),
            mine,
        }
    }

    /// How the customer sees a template of ours.
    fn sent(&self, message: &Message, payload: &Value) -> Option<AsSent> {
        if message.direction != "outbound" || message.r#type != "template" {
            return None;
        }
        let template = self.templates.get(&template_of(payload)?)?;
        AsSent::of_message(template, payload, &message.text, self.language)
    }

    /// What stands for a message without words of its own is not said twice beside its file.
    fn words(&self, message: &Message, file: Option<&Shown>) -> String {
        match (message.r#type.as_str(), file) {
            ("unsupported" | "unknown", _) => {
                say(self.language, Key("unsupported")).with("name", self.contact).to_string()
            }
            ("media_placeholder", None) => say(self.language, Key("media-not-given")).to_string(),
            (_, Some(file)) if file.says(&message.text) => String::new(),
            // What cards say is not said twice.
            ("contacts", _) => String::new(),
            ("order", _) => message.text.split_once('\n').map_or_else(String::new, |(_, words)| words.to_owned()),
            (kind, None) => match kind_of(kind).filter(|_| kind != "text" && is_sign(&message.text, kind)) {
                Some(known) => {
                    format!("{} {}", message.text.replace(['[', ']'], "").replace(kind, ""), say(self.language, known))
                }
                None => message.text.clone(),
            },
            _ => message.text.clone(),
        }
    }

    fn author(&self, message: &Message) -> String {
        let named = |id: Option<Uuid>, names: &HashMap<Uuid, String>| id.and_then(|id| names.get(&id).cloned());
        if message.direction == "outbound" {
            let by = named(message.sender_id, self.people);
            return by.unwrap_or_else(|| {
                let key = match message.origin.as_str() {
                    "echo" | "standby_echo" | "history" => Key("author-phone"),
                    _ => Key("author-program"),
                };
                say(self.language, key).to_string()
            });
        }
        named(message.contact_id, self.others).unwrap_or_else(|| self.contact.to_owned())
    }

    fn line(&self, message: &Message) -> Option<Said> {
        let who = || self.author(message);
        Some(match message.r#type.as_str() {
            "reaction" if message.text.is_empty() => say(self.language, Key("line-unreacted")).with("who", who()),
            "reaction" => say(self.language, Key("line-reacted")).with("who", who()).with("emoji", &message.text),
            "edit" => say(self.language, Key("line-edited")).with("who", who()),
            "revoke" => say(self.language, Key("line-revoked")).with("who", who()),
            "system" => say(self.language, Key("line-system")).with("text", &message.text),
            "request_welcome" => say(self.language, Key("line-welcome")).with("who", who()),
            _ => return None,
        })
    }

    fn quote(&self, message: &Message) -> Option<Quote> {
        let wamid = message
            .reply_to_wamid
            .as_ref()
            .filter(|_| !matches!(message.r#type.as_str(), "reaction" | "edit" | "revoke"))?;
        Some(match self.quoted.get(wamid) {
            Some(quoted) => Quote {
                id: Some(quoted.id),
                author: Some(self.author(quoted)),
                text: quoted.text.chars().take(QUOTED).collect(),
            },
            None => Quote { id: None, author: None, text: say(self.language, Key("quote-gone")).to_string() },
        })
    }

    fn reactions(&self, message: &Message) -> Vec<Reacted> {
        let all: Vec<Value> = serde_json::from_str(message.reactions.0.get()).unwrap_or_default();
        let one = |reaction: &Value| -> Option<Reacted> {
            let emoji = reaction["emoji"].as_str()?.to_owned();
            let from = reaction["from"].as_str()?;
            let who = match from.parse::<Uuid>() {
                Ok(id) => self.others.get(&id).cloned().unwrap_or_else(|| self.contact.to_owned()),
                Err(_) => say(self.language, Key("author-us")).to_string(),
            };
            let said = say(self.language, Key("reacted")).with("who", who).with("emoji", &emoji);
            Some(Reacted { emoji, said })
        };
        all.iter().filter_map(one).collect()
    }
}

/// Whether a text only stands for a message without words: a sign, or the name of its type.
fn is_sign(text: &str, kind: &str) -> bool {
    !text.chars().any(char::is_alphanumeric) || text == format!("[{kind}]")
}

fn is_forwarded(payload: &Value) -> bool {
    ["forwarded", "frequently_forwarded"].iter().any(|word| payload["context"][*word] == true)
}

/// What the business reacted with.
fn own_reaction(message: &Message) -> Option<String> {
    let all: Vec<Value> = serde_json::from_str(message.reactions.0.get()).unwrap_or_default();
    let own = all.into_iter().find(|reaction| reaction["from"] == "business")?;
    own["emoji"].as_str().map(str::to_owned)
}

/// What a press reacts with: the usual ones, and what it was reacted with.
fn offered(mine: Option<&str>) -> Vec<String> {
    let other = mine.filter(|emoji| !OFFERED.contains(emoji));
    other.into_iter().chain(OFFERED).map(str::to_owned).collect()
}

/// So much of a quoted text is shown.
const QUOTED: usize = 160;

/// Where a place is on a map.
fn map(kind: &str, payload: &Value) -> Option<String> {
    let place = payload.get("location").filter(|_| kind == "location")?;
    let degrees = |name: &str| {
        let told = &place[name];
        told.as_f64().or_else(|| told.as_str().and_then(|text| text.trim().parse().ok())).filter(|at| at.abs() <= 180.0)
    };
    let (latitude, longitude) = (degrees("latitude")?, degrees("longitude")?);
    Some(format!("https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}#map=17/{latitude}/{longitude}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_is_on_a_map_only_if_it_is_one() {
        let at =
            |latitude: Value| map("location", &json!({ "location": { "latitude": latitude, "longitude": -99.1 } }));
        assert_eq!(
            at(json!(19.4)).as_deref(),
            Some("https://www.openstreetmap.org/?mlat=19.4&mlon=-99.1#map=17/19.4/-99.1")
        );
        assert_eq!(at(json!("19.4")), at(json!(19.4)));
        for nowhere in [json!("javascript:"), json!(null), json!(9e9), json!({})] {
            assert_eq!(at(nowhere), None);
        }
    }
}
