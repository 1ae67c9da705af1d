//! A template as the customer will see it.

use super::super::media::{MediaKind, MediaSource};

/// A filled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplatePreview {
    /// What stands above the body.
    pub header: Option<HeaderPreview>,
    /// The words.
    pub body: String,
    /// The small words below.
    pub footer: Option<String>,
    /// The buttons, in the template's order.
    pub buttons: Vec<ButtonPreview>,
    /// The cards of a carousel, in the template's order.
    pub cards: Vec<CardPreview>,
    /// Whether it carries a one-time password and so can only go to a phone number
    /// (error 131062).
    pub needs_phone: bool,
}

impl TemplatePreview {
    /// All its words, a line for each part: what an inbox shows of it.
    pub fn words(&self) -> String {
        let header = self.header.as_ref().map(HeaderPreview::words);
        let cards = self.cards.iter().filter_map(|card| card.body.clone());
        let parts = header.into_iter().chain([self.body.clone()]).chain(cards).chain(self.footer.clone());
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    }
}

impl HeaderPreview {
    /// Its text, or the sign for what it is.
    fn words(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Media { kind: MediaKind::Image, .. } => "📷".to_owned(),
            Self::Media { kind: MediaKind::Video, .. } => "🎥".to_owned(),
            Self::Media { .. } => "📄".to_owned(),
            Self::Location(place) => format!("📍 {place}").trim_end().to_owned(),
            Self::Product(id) => format!("🛒 {id}").trim_end().to_owned(),
        }
    }
}

/// One card of a carousel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardPreview {
    /// What stands above the body.
    pub header: Option<HeaderPreview>,
    /// The words, if the card has any.
    pub body: Option<String>,
    /// The buttons, in the template's order.
    pub buttons: Vec<ButtonPreview>,
}

/// What can stand above the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderPreview {
    /// A line of text.
    Text(String),
    /// A picture, a film or a file.
    Media {
        /// Which of them.
        kind: MediaKind,
        /// Where its bytes are.
        source: MediaSource,
    },
    /// A place: its name and address, or its coordinates.
    Location(String),
    /// A product of a catalog, by its retailer id.
    Product(String),
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ButtonPreview {
    /// Meta's word for what it is: `QUICK_REPLY`, `URL`, `COPY_CODE`, …
    pub kind: String,
    /// Its label; empty where the phone writes it in its own language.
    pub text: String,
    /// The address it opens, the number it calls or the code it copies.
    pub value: Option<String>,
}
