//! A template as the API shows it.

use jiff::Timestamp;
use model::template::Template;
use model::trouble::Words;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use whatsapp::outgoing::{self, MediaSource};
use whatsapp::verdict::Explanation;

/// A template in one language, of one of your accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct MessageTemplate {
    /// UUIDv7.
    id: Uuid,
    /// Meta's id of its account.
    waba_id: String,
    /// Meta's id: one for each name and language.
    template_id: String,
    /// Its name; null until Meta says it.
    name: Option<String>,
    /// Such as `es_AR`.
    language: Option<String>,
    /// `PENDING`, `APPROVED`, `REJECTED`, `PAUSED`, `DISABLED`, `DELETED`, … as Meta says.
    status: Option<String>,
    /// `AUTHENTICATION`, `MARKETING` or `UTILITY`: what it is charged by.
    category: Option<String>,
    /// The category that Meta took it out of.
    previous_category: Option<String>,
    /// What customers think of it: `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    quality: Option<String>,
    /// Why it was rejected.
    reason: Option<TemplateReason>,
    /// Whether a message can be sent with it now.
    sends: TemplateSends,
    /// How it looks, with the samples that Meta was shown; null until it is known.
    preview: Option<TemplatePreview>,
    /// What a message gives, in the order of the template; null until it is known.
    parameters: Option<Vec<TemplateParameter>>,
    /// `POSITIONAL`: values go by their place. `NAMED`: by their name.
    parameter_format: Option<String>,
    /// Its parts, as Meta writes them.
    #[schema(value_type = Option<Vec<Object>>)]
    components: Option<Value>,
    /// How long Meta tries to deliver it, in seconds; null: as long as it does with its category.
    message_send_ttl_seconds: Option<i32>,
    /// When it came to be known here.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When something last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

fn words(explanation: &Explanation) -> Words {
    Words::new(explanation.en, explanation.es)
}

/// Why Meta rejected a template.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct TemplateReason {
    /// Meta's word, such as `INVALID_FORMAT`.
    code: String,
    /// What it means, and what to do.
    advice: Words,
}

/// Whether a template can be sent.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct TemplateSends {
    /// Whether it can be sent now.
    now: bool,
    /// Why not, and what to do.
    why: Option<Words>,
}

/// A template as a customer sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct TemplatePreview {
    /// What stands above the body.
    header: Option<TemplateHeader>,
    /// The words; empty: there are none.
    body: String,
    /// The small words below.
    footer: Option<String>,
    /// The buttons, from the first to the last.
    buttons: Vec<TemplateButton>,
    /// The cards of a carousel, from the first to the last.
    cards: Vec<TemplateCard>,
}

/// What stands above the body.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct TemplateHeader {
    /// `text`, `image`, `video`, `document`, `location` or `product`.
    r#type: &'static str,
    /// Its words, for a text.
    text: Option<String>,
    /// Where its sample is, for a file; Meta's addresses end after some days.
    link: Option<String>,
}

/// A button.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct TemplateButton {
    /// Meta's word for what it is: `QUICK_REPLY`, `URL`, `COPY_CODE`, …
    r#type: String,
    /// Its label; empty where the phone writes it.
    text: String,
    /// The address it opens, the number it calls or the code it copies.
    value: Option<String>,
}

/// A card of a carousel.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct TemplateCard {
    /// What stands above the body.
    header: Option<TemplateHeader>,
    /// The words, if it has any.
    body: Option<String>,
    /// The buttons, from the first to the last.
    buttons: Vec<TemplateButton>,
}

/// One value that a message gives.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct TemplateParameter {
    /// The component of the message it goes in: `header`, `body`, `button` or `limited_time_offer`.
    component: &'static str,
    /// The card of the carousel that the component is on, from 0.
    card: Option<usize>,
    /// The button, from 0: `index`.
    button: Option<usize>,
    /// The button's `sub_type`.
    sub_type: Option<&'static str>,
    /// `1`, `2`, … or `first_name`.
    name: Option<String>,
    /// Whether it is given by name, as `parameter_name`; else by its place.
    named: bool,
    /// The parameter's `type`: `text`, `image`, `payload`, …
    r#type: &'static str,
    /// Whether a message without it is refused.
    required: bool,
    /// What Meta was shown for it.
    sample: Option<String>,
}

impl From<Template> for MessageTemplate {
    fn from(template: Template) -> Self {
        let why = outgoing::why_not_sent(template.status.as_deref()).map(words);
        let outline = template.components.as_ref().map(outgoing::outline);
        let (preview, parameters) = outline.map(|outline| (outline.preview, outline.parameters)).unzip();
        Self {
            reason: template.reason.map(|code| TemplateReason { advice: words(outgoing::rejection(&code)), code }),
            sends: TemplateSends { now: why.is_none(), why },
            preview: preview.map(TemplatePreview::from),
            parameters: parameters
                .filter(|_| template.components_whole)
                .map(|all| all.into_iter().map(TemplateParameter::from).collect()),
            id: template.id,
            waba_id: template.waba_id,
            template_id: template.template_id,
            name: template.name,
            language: template.language,
            status: template.status,
            category: template.category,
            previous_category: template.previous_category,
            quality: template.quality,
            parameter_format: template.parameter_format,
            components: template.components,
            message_send_ttl_seconds: template.ttl_seconds,
            created_at: template.created_at,
            updated_at: template.updated_at,
        }
    }
}

impl From<outgoing::TemplatePreview> for TemplatePreview {
    fn from(preview: outgoing::TemplatePreview) -> Self {
        let card = |card: outgoing::CardPreview| TemplateCard {
            header: card.header.map(TemplateHeader::from),
            body: card.body,
            buttons: card.buttons.into_iter().map(TemplateButton::from).collect(),
        };
        Self {
            header: preview.header.map(TemplateHeader::from),
            body: preview.body,
            footer: preview.footer,
            buttons: preview.buttons.into_iter().map(TemplateButton::from).collect(),
            cards: preview.cards.into_iter().map(card).collect(),
        }
    }
}

impl From<outgoing::HeaderPreview> for TemplateHeader {
    fn from(header: outgoing::HeaderPreview) -> Self {
        let (r#type, text, link) = match header {
            outgoing::HeaderPreview::Text(text) => ("text", Some(text), None),
            outgoing::HeaderPreview::Media { kind, source: MediaSource::Link(link) } => {
                (kind.as_str(), None, Some(link))
            }
            outgoing::HeaderPreview::Media { kind, .. } => (kind.as_str(), None, None),
            outgoing::HeaderPreview::Location(_) => ("location", None, None),
            outgoing::HeaderPreview::Product(_) => ("product", None, None),
        };
        // A handle leads nowhere.
        Self { r#type, text, link: link.filter(|link| link.starts_with("http")) }
    }
}

impl From<outgoing::ButtonPreview> for TemplateButton {
    fn from(button: outgoing::ButtonPreview) -> Self {
        Self { r#type: button.kind, text: button.text, value: button.value }
    }
}

impl From<outgoing::TemplateParameter> for TemplateParameter {
    fn from(parameter: outgoing::TemplateParameter) -> Self {
        Self {
            component: parameter.component,
            card: parameter.card,
            button: parameter.button,
            sub_type: parameter.sub_type,
            name: parameter.name,
            named: parameter.named,
            r#type: parameter.kind,
            required: parameter.required,
            sample: parameter.sample,
        }
    }
}
