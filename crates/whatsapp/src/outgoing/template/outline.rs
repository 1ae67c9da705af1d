//! What a template looks like with its samples in it, and what a send has to give.

use serde_json::Value;

use super::super::media::{MediaKind, MediaSource};
use super::buttons::{self, demand};
use super::definition::{Button, Definition, Header};
use super::preview::{ButtonPreview, CardPreview, HeaderPreview, TemplatePreview};
use super::slots;

/// A template at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateOutline {
    /// As a customer would see it, with what Meta was shown for its slots; a slot without a sample stays as written.
    pub preview: TemplatePreview,
    /// What a send may or must give, in the order of the template.
    pub parameters: Vec<TemplateParameter>,
}

/// One thing that a send gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateParameter {
    /// The component of the send that it goes in: `header`, `body`, `button` or `limited_time_offer`.
    pub component: &'static str,
    /// The card of the carousel, from 0, whose component that is.
    pub card: Option<usize>,
    /// The button, from 0.
    pub button: Option<usize>,
    /// The button's `sub_type`.
    pub sub_type: Option<&'static str>,
    /// The slot: `1`, or `first_name`.
    pub name: Option<String>,
    /// Whether it is given by name, as `parameter_name`; else by its place.
    pub named: bool,
    /// The parameter's `type`: `text`, `image`, `payload`, …
    pub kind: &'static str,
    /// Whether Meta refuses a send without it.
    pub required: bool,
    /// What Meta was shown for it.
    pub sample: Option<String>,
}

/// Describes a template by its `components` as Meta lists them.
pub fn outline(components: &Value) -> TemplateOutline {
    let template = Definition::of(components);
    let mut parameters = Vec::new();
    let (header, body, buttons) = parts(&template, None, &mut parameters);
    if template.offer.is_some_and(|offer| offer["limited_time_offer"]["has_expiration"] == true) {
        let kind = "limited_time_offer";
        parameters.push(TemplateParameter { component: kind, kind, ..parameter() });
    }
    let cards = template.cards.as_deref().unwrap_or_default().iter().enumerate();
    let cards = cards
        .map(|(n, card)| {
            let (header, body, buttons) = parts(card, Some(n), &mut parameters);
            CardPreview { header, body, buttons }
        })
        .collect();
    let preview = TemplatePreview {
        header,
        body: body.unwrap_or_default(),
        footer: template.footer.map(str::to_owned),
        buttons,
        cards,
        needs_phone: template.is_authentication(),
    };
    TemplateOutline { preview, parameters }
}

type Parts = (Option<HeaderPreview>, Option<String>, Vec<ButtonPreview>);

fn parts(template: &Definition, card: Option<usize>, into: &mut Vec<TemplateParameter>) -> Parts {
    let header = template.header.as_ref().and_then(|header| shown_header(header, card, into));
    let body = template.body.map(|text| text_with_samples("body", text, template.body_example, card, into));
    let code = slots::names(template.body.unwrap_or_default())
        .first()
        .and_then(|name| samples(template.body_example, "body").of(name));
    let buttons =
        template.buttons.iter().enumerate().map(|(n, button)| one_button(n, button, code.as_deref(), card, into));
    (header, body, buttons.collect())
}

/// A parameter that must be given, of which nothing is known yet.
fn parameter() -> TemplateParameter {
    TemplateParameter {
        component: "",
        card: None,
        button: None,
        sub_type: None,
        name: None,
        named: false,
        kind: "text",
        required: true,
        sample: None,
    }
}

fn shown_header(header: &Header, card: Option<usize>, into: &mut Vec<TemplateParameter>) -> Option<HeaderPreview> {
    if header.format == "TEXT" {
        return Some(HeaderPreview::Text(text_with_samples("header", header.text, header.example, card, into)));
    }
    let kind = ["image", "video", "document", "location", "product"]
        .into_iter()
        .find(|kind| kind.eq_ignore_ascii_case(&header.format))?;
    let sample = first_text(&header.example["header_handle"]).unwrap_or_default();
    into.push(TemplateParameter {
        component: "header",
        card,
        kind,
        sample: Some(sample.clone()).filter(|sample| !sample.is_empty()),
        ..parameter()
    });
    Some(match MediaKind::of_header(kind) {
        Some(kind) => HeaderPreview::Media { kind, source: MediaSource::Link(sample) },
        None if kind == "location" => HeaderPreview::Location(String::new()),
        None => HeaderPreview::Product(String::new()),
    })
}

fn text_with_samples(
    component: &'static str,
    text: &str,
    example: &Value,
    card: Option<usize>,
    into: &mut Vec<TemplateParameter>,
) -> String {
    let names = slots::names(text);
    let samples = samples(example, component);
    let named = !slots::are_positional(&names);
    for name in &names {
        let sample = samples.of(name);
        into.push(TemplateParameter { component, card, name: Some((*name).to_owned()), named, sample, ..parameter() });
    }
    let values: Vec<(&str, String)> = names.iter().filter_map(|name| Some((*name, samples.of(name)?))).collect();
    slots::filled(text, &values)
}

/// What Meta was shown for the slots of a text.
#[derive(Default)]
struct Samples(Vec<(String, String)>);

impl Samples {
    fn of(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, sample)| sample.clone())
    }
}

/// By position in `body_text` and `header_text`, of which the first row counts; by name in `…_named_params`.
fn samples(example: &Value, component: &str) -> Samples {
    if let Some(named) = example[format!("{component}_text_named_params")].as_array() {
        let text = |one: &Value, key: &str| one[key].as_str().map(str::to_owned);
        return Samples(
            named.iter().filter_map(|one| Some((text(one, "param_name")?, text(one, "example")?))).collect(),
        );
    }
    let row = match &example[format!("{component}_text")] {
        Value::Array(rows) if rows.first().is_some_and(Value::is_array) => rows[0].as_array().cloned(),
        Value::Array(row) => Some(row.clone()),
        Value::String(text) => Some(vec![text.clone().into()]),
        _ => None,
    };
    let numbered = row.unwrap_or_default().into_iter().enumerate();
    Samples(numbered.filter_map(|(n, text)| Some(((n + 1).to_string(), text.as_str()?.to_owned()))).collect())
}

fn first_text(value: &Value) -> Option<String> {
    match value {
        Value::Array(list) => list.first()?.as_str().map(str::to_owned),
        one => one.as_str().map(str::to_owned),
    }
}

fn one_button(
    n: usize,
    button: &Button,
    code: Option<&str>,
    card: Option<usize>,
    into: &mut Vec<TemplateParameter>,
) -> ButtonPreview {
    let example = first_text(&button.given["example"]).filter(|text| !text.is_empty());
    let sample = if button.is_otp() { code.map(str::to_owned).or(example) } else { example };
    let asked = demand(button).and_then(|demand| Some((*demand.sub_types.first()?, demand.needed)));
    if let Some((sub_type, required)) = asked {
        let kind = match sub_type {
            "url" => "text",
            "copy_code" => "coupon_code",
            "quick_reply" | "voice_call" => "payload",
            _ => "action",
        };
        into.push(TemplateParameter {
            component: "button",
            card,
            button: Some(n),
            sub_type: Some(sub_type),
            kind,
            required,
            sample: sample.clone().filter(|_| matches!(kind, "text" | "coupon_code")),
            ..parameter()
        });
    }
    let value = match button.kind.as_str() {
        "PHONE_NUMBER" => button.phone_number().map(str::to_owned),
        "COPY_CODE" => sample,
        _ => match (button.url(), sample) {
            (Some(url), Some(whole)) if !slots::names(url).is_empty() && whole.starts_with("http") => Some(whole),
            (Some(url), sample) => Some(slots::filled(url, &buttons::filling(url, sample))),
            (None, sample) => sample.filter(|_| button.is_otp()),
        },
    };
    ButtonPreview { kind: button.kind.clone(), text: button.text().unwrap_or_default().to_owned(), value }
}
