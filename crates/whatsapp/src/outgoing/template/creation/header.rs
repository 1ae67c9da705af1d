//! What stands above the body (pages "Template components" and "Template media").

use serde_json::Value;

use super::super::super::limits;
use super::super::super::media::{MediaKind, MediaSource, MediaUse};
use super::super::super::problem::{Problem, Rule};
use super::super::super::reader::Fields;
use super::{Rules, text};

const FORMATS: [&str; 6] = ["TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION", "PRODUCT"];

/// Checks a header; answers its format in capitals.
pub(super) fn check(header: &mut Fields, rules: &Rules) -> Option<&'static str> {
    let Some(format) = header.word_in_any_case("format", &FORMATS) else {
        header.leave_open();
        return None;
    };
    match format {
        "TEXT" => words(header, rules),
        "IMAGE" | "VIDEO" | "DOCUMENT" => sample(header, format),
        _ => {}
    }
    Some(format)
}

fn words(header: &mut Fields, rules: &Rules) {
    let Some(text) = header.text("text", limits::HEADER) else {
        header.anything_if_given("example");
        return;
    };
    if text.contains(['\n', '*', '~', '`']) || text.chars().any(text::is_emoji) {
        let en = "may not have line breaks, emojis, or the signs `*`, `~` and back quotes: remove them.";
        let es = "no puede llevar saltos de línea, emojis, ni los signos `*`, `~` y comillas invertidas: quítalos.";
        header.add(Problem::format(&header.at("text"), en, es));
    }
    let names = text::variables(header, text, rules);
    if names.len() > 1 {
        let en = format!("has {} variables, and a header may have one: keep one of them.", names.len());
        let es = format!("tiene {} variables, y un encabezado puede tener una: deja una.", names.len());
        header.add(Problem::at(&header.at("text"), Rule::TooMany, en, es));
    }
    text::samples(header, "header_text", "header_text_named_params", &names, rules);
}

/// A file that was uploaded as a sample, by its handle.
fn sample(header: &mut Fields, format: &str) {
    let kind = match format {
        "IMAGE" => MediaKind::Image,
        "VIDEO" => MediaKind::Video,
        _ => MediaKind::Document,
    };
    if !header.has("example") {
        header.peek("example");
        let en = "is missing: Meta wants a sample file, by its handle in `header_handle`. Add it.";
        let es = "falta: Meta pide un archivo de ejemplo, por su identificador en `header_handle`. Añádelo.";
        header.add(Problem::at(&header.at("example"), Rule::Missing, en, es));
        return;
    }
    header.within("example", |example| {
        let place = example.at("header_handle");
        let given = example.anything_if_given("header_handle");
        let handles: Vec<&str> = match given {
            Some(Value::String(handle)) => vec![handle],
            Some(Value::Array(handles)) => handles.iter().map(|handle| handle.as_str().unwrap_or_default()).collect(),
            _ => Vec::new(),
        };
        if handles.is_empty() || handles.iter().any(|handle| handle.trim().is_empty()) {
            let en = "must be a list with the handle of an uploaded sample file.";
            let es = "tiene que ser una lista con el identificador de un archivo de ejemplo subido.";
            example.add(Problem::at(&place, Rule::Missing, en, es));
            return;
        }
        for (n, handle) in handles.into_iter().enumerate() {
            let place = if given.is_some_and(Value::is_array) { place.index(n) } else { place.clone() };
            let source = MediaSource::Id(handle.to_owned());
            example.report().add_media(MediaUse { place: place.pointer().to_owned(), kind, source });
        }
    });
}
