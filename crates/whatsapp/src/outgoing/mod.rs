//! What can be sent, checked before Meta sees it.
//!
//! [`check`] takes the body of Meta's messages API, finds everything in it that Meta would
//! refuse and says so in words for people; what it lets through is in Meta's shape, with what
//! the inbox and the outbox need to know beside it. [`fill`] does the same for the values of a
//! template whose definition is at hand. The limits and their sources are in `limits.rs`.
//!
//! A new message type is a [`Kind`], a reader in a file of its own, and a line in `content`.

mod account;
mod as_meta;
mod contacts;
mod direct;
mod interactive;
mod limits;
mod location;
mod media;
mod media_file;
mod near;
mod place;
mod problem;
mod reaction;
mod reader;
mod receipt;
mod recipient;
mod report;
mod shown;
mod template;
mod wording;

use serde_json::Value;

use direct::Category;
use place::Place;
use reader::Fields;
use report::Report;

pub use account::MessagingAccount;
pub use as_meta::check_as_meta;
pub use media::{MediaKind, MediaSource, MediaUse};
pub use media_file::{LARGEST_FILE, MediaFile, essence, largest, mime_types};
pub use near::nearest;
pub use problem::{Problem, Problems, Rule};
pub use receipt::read_receipt;
pub use recipient::{Recipient, recipient};
pub use template::{
    ButtonPreview, CardPreview, HeaderPreview, NewTemplate, TemplateEdit, TemplateOutline, TemplateParameter,
    TemplatePreview, TemplateUse, check_template, check_template_edit, fill, outline, rejection, why_not_sent,
};

/// A message that Meta should take.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Its type.
    pub kind: Kind,
    /// Meta's body without `messaging_product`, `to` and `recipient`: nothing in it that Meta
    /// does not know, `type` always there, ids as texts, no `null`, no NUL.
    pub body: Value,
    /// A short readable form: the words, a caption, "📍 …", a template's name. Empty for a
    /// reaction taken away.
    pub text: String,
    /// The wamid of the message that this one answers.
    pub reply_to: Option<String>,
    /// The files in it, in the order of the body.
    pub media: Vec<MediaUse>,
    /// The template, if it is one.
    pub template: Option<TemplateUse>,
    /// Whether the customer must have written within the last 24 hours: everything but
    /// templates and Direct Send.
    pub needs_window: bool,
    /// Whether it can only go to a phone number (error 131062). Known here for Direct Send;
    /// for a template its definition tells, see [`TemplatePreview::needs_phone`].
    pub needs_phone: bool,
    /// The Messaging account that it names. Whether the number is in it is for others to know.
    pub messaging_account: Option<MessagingAccount>,
}

/// The types of message that can be sent to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A song or a voice note.
    Audio,
    /// A file.
    Document,
    /// A sticker.
    Sticker,
    /// A place.
    Location,
    /// Contact cards.
    Contacts,
    /// An emoji on a message.
    Reaction,
    /// Buttons, lists, forms, products.
    Interactive,
    /// A template.
    Template,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 11] = [
        Kind::Text,
        Kind::Image,
        Kind::Video,
        Kind::Audio,
        Kind::Document,
        Kind::Sticker,
        Kind::Location,
        Kind::Contacts,
        Kind::Reaction,
        Kind::Interactive,
        Kind::Template,
    ];

    /// Meta's word for it, which is also the key of its object.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Image => "image",
            Kind::Video => "video",
            Kind::Audio => "audio",
            Kind::Document => "document",
            Kind::Sticker => "sticker",
            Kind::Location => "location",
            Kind::Contacts => "contacts",
            Kind::Reaction => "reaction",
            Kind::Interactive => "interactive",
            Kind::Template => "template",
        }
    }
}

/// Checks the body of Meta's messages API, as far as it can be told without asking Meta.
///
/// Without `type` it is a text, as with Meta. `messaging_product`, `to` and `recipient` may be
/// there and are left out of the result. So are keys at the top that Meta would ignore;
/// further down Meta answers them with error 100, "Unexpected key", and so do we.
pub fn check(body: &Value) -> Result<Outgoing, Problems> {
    checked(body, envelope_as_metas)
}

/// The same for callers who are to hear of every member that nobody knows. `beside` are members that stand beside Meta's and
/// were taken out, so that one that is misspelt is told from what it was meant to be.
pub fn check_strictly(body: &Value, beside: &[&'static str]) -> Result<Outgoing, Problems> {
    checked(body, |body| {
        let read = envelope(body);
        for key in beside {
            body.peek(key);
        }
        body.note_unknown_beside(beside);
        read
    })
}

fn envelope_as_metas(body: &mut Fields) -> Option<Read> {
    let read = envelope(body);
    body.note_slips_only();
    read
}

fn checked(body: &Value, envelope: impl FnOnce(&mut Fields) -> Option<Read>) -> Result<Outgoing, Problems> {
    let body = without_nul(body);
    let report = Report::default();
    let read = Fields::read(&report, Place::root(), &body, envelope);
    let media = report.finish()?;
    let (read, body) = read.unwrap_or_default();
    let Read { kind, category, reply_to, template, messaging_account } =
        read.expect("a body that could not be read has a problem");
    Ok(Outgoing {
        kind,
        text: shown::text(kind, &body),
        body,
        reply_to,
        media,
        needs_window: template.is_none() && !category.is_direct(),
        needs_phone: category == Category::Authentication,
        messaging_account,
        template,
    })
}

struct Read {
    kind: Kind,
    category: Category,
    reply_to: Option<String>,
    template: Option<TemplateUse>,
    messaging_account: Option<MessagingAccount>,
}

fn envelope(body: &mut Fields) -> Option<Read> {
    let kind = kind(body);
    recipient_type(body);
    body.text_if_given("recipient_identity_key_hash", limits::ANY);
    body.text_if_given("biz_opaque_callback_data", limits::CALLBACK_DATA);
    let messaging_account = account::check(body);
    let category = direct::check(body);
    let template = kind.and_then(|kind| content(body, kind, category));
    let reply_to = body.within_if_given("context", |context| context.id("message_id")).flatten();
    others(body, kind);
    for key in ["messaging_product", "to", "recipient"] {
        body.peek(key);
    }
    Some(Read { kind: kind?, category, reply_to, template, messaging_account })
}

/// The type; `None` after noting what is wrong with it.
fn kind(body: &mut Fields) -> Option<Kind> {
    let names = Kind::ALL.map(Kind::as_str);
    if body.has("status") && !body.has("type") {
        let en = "belongs to a read receipt, which is no message: mark the conversation as read instead.";
        let es = "es de una confirmación de lectura, que no es un mensaje: marca la conversación como leída.";
        body.forbid("status", en, es);
        return None;
    }
    if body.has("type") {
        if body.peek("type").and_then(Value::as_str) == Some("pin") {
            let en = "`pin` only exists in groups, and messages to groups are not possible here.";
            let es = "`pin` solo existe en grupos, y aquí no se puede escribir a grupos.";
            body.add(Problem::at(&body.at("type"), Rule::Unsupported, en, es));
            return None;
        }
        let name = body.word("type", &names)?;
        return Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
    }
    body.peek("type");
    match names.into_iter().find(|name| body.has(name)) {
        None | Some("text") => {
            body.keep("type", "text");
            Some(Kind::Text)
        }
        Some(name) => {
            let en = format!("is missing: add `\"type\": \"{name}\"`; without it the message is a text.");
            let es = format!("falta: añade `\"type\": \"{name}\"`; sin él, el mensaje es un texto.");
            body.add(Problem::at(&body.at("type"), Rule::Missing, en, es));
            None
        }
    }
}

fn recipient_type(body: &mut Fields) {
    if body.word_if_given("recipient_type", &["individual", "group"]) == Some("group") {
        let en = "is `group`: messages to groups are not possible here, write to one person.";
        let es = "es `group`: aquí no se puede escribir a grupos, escribe a una persona.";
        body.add(Problem::at(&body.at("recipient_type"), Rule::Unsupported, en, es));
    }
}

/// The object that the type names.
fn content(body: &mut Fields, kind: Kind, category: Category) -> Option<TemplateUse> {
    let mut subtype = None;
    let mut template = None;
    match kind {
        Kind::Text => text(body, category),
        Kind::Image => media::message(body, MediaKind::Image),
        Kind::Video => media::message(body, MediaKind::Video),
        Kind::Audio => media::message(body, MediaKind::Audio),
        Kind::Document => media::message(body, MediaKind::Document),
        Kind::Sticker => media::message(body, MediaKind::Sticker),
        Kind::Location => location::check(body),
        Kind::Contacts => contacts::check(body),
        Kind::Reaction => reaction::check(body),
        Kind::Interactive => subtype = interactive::check(body),
        Kind::Template => template = template::check(body),
    }
    direct::note_kind(body, category, kind.as_str(), subtype);
    template
}

/// Page "Text messages".
fn text(body: &mut Fields, category: Category) {
    let most = if category.is_direct() { limits::DIRECT_TEXT } else { limits::TEXT };
    body.within("text", |text| {
        text.text("body", most);
        text.flag_if_given("preview_url");
    });
}

/// Objects of other types would be lost without a word.
fn others(body: &mut Fields, kind: Option<Kind>) {
    let Some(kind) = kind else {
        body.leave_open();
        return;
    };
    for other in Kind::ALL.into_iter().filter(|other| *other != kind) {
        let (name, other) = (kind.as_str(), other.as_str());
        let en = format!("would not be sent, as `type` is `{name}`: remove it, or change `type`.");
        let es = format!("no se enviaría, porque `type` es `{name}`: quítalo, o cambia `type`.");
        body.forbid(other, &en, &es);
    }
}

/// The same without NUL, which PostgreSQL stores in no text and no phone shows.
fn without_nul(value: &Value) -> Value {
    let clean = |text: &str| text.replace('\0', "");
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(list) => list.iter().map(without_nul).collect(),
        Value::Object(members) => members.iter().map(|(key, member)| (clean(key), without_nul(member))).collect(),
        other => other.clone(),
    }
}
