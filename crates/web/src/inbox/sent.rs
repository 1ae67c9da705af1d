//! What the customer sees of a message that has parts: a template, before it goes and in the thread, and what can be pressed.

use model::template::Template;
use model::user::Language;
use serde_json::Value;
use whatsapp::outgoing::{self, ButtonPreview, CardPreview, HeaderPreview, MediaKind, TemplatePreview};

use super::bubble::kind_of;
use super::markup::{Piece, pieces};
use crate::pages::{Key, say};

/// Something that can be pressed on the customer's phone, and here cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pressable {
    pub(super) label: String,
    /// The address, the phone number or the code behind it.
    pub(super) leads: Option<String>,
}

/// A template as the customer sees it.
#[derive(Clone, Debug)]
pub(super) struct AsSent {
    /// The words above.
    pub(super) header: Option<String>,
    /// What kind of file stands above.
    pub(super) file: Option<MediaKind>,
    pub(super) body: Vec<Piece>,
    pub(super) footer: Option<String>,
    pub(super) buttons: Vec<Pressable>,
    /// What lies side by side below.
    pub(super) cards: Vec<Self>,
}

impl AsSent {
    pub(super) fn of(preview: TemplatePreview, language: Language) -> Self {
        let TemplatePreview { header, body, footer, buttons, cards, needs_phone: _ } = preview;
        let cards = cards.into_iter().map(|CardPreview { header, body, buttons }| {
            Self::plain(header, &body.unwrap_or_default(), buttons, language)
        });
        Self { footer, cards: cards.collect(), ..Self::plain(header, &body, buttons, language) }
    }

    /// What a template and each of its cards have.
    fn plain(header: Option<HeaderPreview>, body: &str, buttons: Vec<ButtonPreview>, language: Language) -> Self {
        let (header, file) = match header {
            Some(HeaderPreview::Media { kind, .. }) => (None, Some(kind)),
            Some(HeaderPreview::Text(text) | HeaderPreview::Location(text) | HeaderPreview::Product(text)) => {
                (Some(text).filter(|text| !text.is_empty()), None)
            }
            None => (None, None),
        };
        Self {
            header,
            file,
            body: pieces(body),
            footer: None,
            buttons: buttons.into_iter().filter_map(|button| Pressable::of(button, language)).collect(),
            cards: Vec::new(),
        }
    }

    /// Of a message that was sent, with what was given for it. `None`: the template is another one by now, and nobody knows
    /// how the customer saw it but for the words.
    pub(super) fn of_message(template: &Template, payload: &Value, words: &str, language: Language) -> Option<Self> {
        let components = template.components.as_ref().filter(|_| template.components_whole)?;
        let preview = outgoing::fill(components, &payload["template"]["components"]).ok()?;
        (preview.words() == words).then(|| Self::of(preview, language))
    }

    /// What the file above is called.
    pub(super) fn file_name(&self) -> Option<Key> {
        self.file.and_then(|kind| kind_of(kind.as_str()))
    }
}

/// Which template a message of ours is of: its name and language.
pub(super) fn template_of(payload: &Value) -> Option<(String, String)> {
    let template = &payload["template"];
    let spoken = template["language"]["code"].as_str()?;
    Some((template["name"].as_str()?.to_owned(), spoken.to_owned()))
}

impl Pressable {
    /// `None`: it has no words that anybody here knows.
    fn of(ButtonPreview { kind, text, value }: ButtonPreview, language: Language) -> Option<Self> {
        let label = match (text.trim(), kind.as_str()) {
            // The phone writes these in its own language.
            ("", "COPY_CODE" | "OTP") => say(language, Key("press-copy-code")).to_string(),
            ("", _) => return None,
            (label, _) => label.to_owned(),
        };
        Some(Self { label, leads: value.filter(|value| !value.is_empty()) })
    }
}

/// What can be pressed below an interactive message of ours.
pub(super) fn pressables(payload: &Value) -> Vec<Pressable> {
    let action = &payload["interactive"]["action"];
    let replies = action["buttons"].as_array().into_iter().flatten();
    let titles = replies.filter_map(|button| button["reply"]["title"].as_str());
    let plain = |label: &str| Pressable { label: label.to_owned(), leads: None };
    let parameters = &action["parameters"];
    let link = parameters["display_text"].as_str().or_else(|| parameters["flow_cta"].as_str());
    let link = link.map(|label| Pressable { leads: parameters["url"].as_str().map(str::to_owned), ..plain(label) });
    titles.chain(action["button"].as_str()).map(plain).chain(link).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pressed(payload: &Value) -> Vec<(String, Option<String>)> {
        pressables(payload).into_iter().map(|one| (one.label, one.leads)).collect()
    }

    #[test]
    fn what_can_be_pressed_says_where_it_leads() {
        let of = |action: Value| pressed(&json!({ "interactive": { "action": action } }));
        assert_eq!(of(json!({ "buttons": [{ "reply": { "id": "1", "title": "Sí" } }] })), [("Sí".to_owned(), None)]);
        assert_eq!(of(json!({ "button": "Ver", "sections": [] })), [("Ver".to_owned(), None)]);
        let link =
            json!({ "name": "cta_url", "parameters": { "display_text": "Pagar", "url": "https://pan.example" } });
        assert_eq!(of(link), [("Pagar".to_owned(), Some("https://pan.example".to_owned()))]);
        assert_eq!(of(json!({ "parameters": { "flow_cta": "Reservar" } })), [("Reservar".to_owned(), None)]);
        assert_eq!(pressed(&json!({ "text": { "body": "x" } })), []);
    }
}
