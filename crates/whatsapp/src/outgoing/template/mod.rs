//! Templates: sending one, and filling one in.

mod button;
mod buttons;
mod component;
mod creation;
mod definition;
mod fill;
mod outline;
mod parameter;
mod preview;
mod sent;
mod slots;
mod standing;
mod values;

use serde_json::Value;

use super::limits;
use super::problem::Problem;
use super::reader::Fields;

pub(super) use component::list as components;
pub use creation::{NewTemplate, TemplateEdit, check_template, check_template_edit};
pub use fill::fill;
pub use outline::{TemplateOutline, TemplateParameter, outline};
pub use preview::{ButtonPreview, CardPreview, HeaderPreview, TemplatePreview};
pub use standing::{rejection, why_not_sent};

/// A template that is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateUse {
    /// Its name.
    pub name: String,
    /// Its language, as `es` or `en_US`.
    pub language: String,
    /// The `components` of the send, an array; for [`fill`].
    pub parameters: Value,
}

/// Page "Send templates". What the template itself asks for is checked by [`fill`].
pub(super) fn check(fields: &mut Fields) -> Option<TemplateUse> {
    fields.within("template", |template| {
        let name = name(template, "name");
        let language = template.within("language", language).flatten();
        components(template);
        let parameters = template.kept("components").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
        Some(TemplateUse { name: name?, language: language?, parameters })
    })?
}

/// A template's name (page "Template management").
pub(super) fn name(fields: &mut Fields, key: &'static str) -> Option<String> {
    let name = fields.text(key, limits::TEMPLATE_NAME)?;
    if !is_name(name) {
        let en = "may only have small letters a–z, digits and `_`.";
        fields.add(Problem::format(&fields.at(key), en, "solo puede llevar minúsculas a–z, cifras y `_`."));
        return None;
    }
    Some(name.to_owned())
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn language(language: &mut Fields) -> Option<String> {
    language.word_if_given("policy", &["deterministic"]);
    let code = language.text("code", limits::ANY)?;
    if !is_language(code) {
        let en = "must be a language as Meta writes it: `es`, `en_US`, `pt_BR`.";
        let es = "tiene que ser un idioma como lo escribe Meta: `es`, `en_US`, `pt_BR`.";
        language.add(Problem::format(&language.at("code"), en, es));
        return None;
    }
    Some(code.to_owned())
}

/// Two or three letters, perhaps `_` and a country.
fn is_language(code: &str) -> bool {
    let (language, country) = code.split_once('_').unwrap_or((code, "US"));
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && (2..=4).contains(&country.len())
        && country.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_from_words() {
        for good in ["es", "fil", "en_US", "zh_HK", "es_419", "sr_Latn"] {
            assert!(is_language(good), "{good}");
        }
        for bad in ["", "e", "es-ES", "Spanish", "EN_us", "es_", "es_ES_x", "ñs"] {
            assert!(!is_language(bad), "{bad}");
        }
    }
}
