//! Texts with variables, and a sample for each (errors 2388040, 2388047, 2388072, 2388073, 2388299).

use serde_json::Value;

use super::super::super::limits::ANY;
use super::super::super::near::nearest;
use super::super::super::problem::{Problem, Rule};
use super::super::super::reader::Fields;
use super::super::slots;
use super::Rules;

/// Body: page "Template components".
pub(super) const BODY: usize = 1024;
/// Body of a card: pages "Media card carousel templates" and "Product card carousel templates".
pub(super) const CARD_BODY: usize = 160;
/// Footer: page "Template components".
const FOOTER: usize = 60;

/// A body; answers its length in characters.
pub(super) fn body(body: &mut Fields, rules: &Rules, most: usize) -> usize {
    let Some(text) = body.text("text", most) else {
        body.anything_if_given("example");
        return 0;
    };
    let trimmed = text.trim();
    if trimmed.starts_with("{{") || trimmed.ends_with("}}") {
        let en = "may not begin or end with a variable: write words before and behind it.";
        let es = "no puede empezar ni terminar con una variable: escribe palabras antes y después.";
        body.add(Problem::format(&body.at("text"), en, es));
    }
    let names = variables(body, text, rules);
    samples(body, "body_text", "body_text_named_params", &names, rules);
    text.chars().count()
}

pub(super) fn footer(footer: &mut Fields) {
    let Some(text) = footer.text("text", FOOTER) else {
        return;
    };
    if text.contains("{{") || text.contains('\n') || text.chars().any(is_emoji) {
        let en = "may not have variables, line breaks or emojis: remove them.";
        let es = "no puede llevar variables, saltos de línea ni emojis: quítalos.";
        footer.add(Problem::format(&footer.at("text"), en, es));
    }
}

/// The variables of a text, in the order in which they come. What is wrong with them is noted.
pub(super) fn variables(part: &Fields, text: &str, rules: &Rules) -> Vec<String> {
    let names = slots::names(text);
    let place = part.at("text");
    let emptied: Vec<(&str, String)> = names.iter().map(|name| (*name, String::new())).collect();
    let rest = slots::filled(text, &emptied);
    if rest.contains("{{") || rest.contains("}}") {
        let en = "has `{{` or `}}` that make no variable: write `{{1}}` or `{{first_name}}`, or remove them.";
        let es = "tiene `{{` o `}}` que no forman una variable: escribe `{{1}}` o `{{nombre}}`, o quítalos.";
        part.add(Problem::format(&place, en, es));
    }
    let digits = |name: &&str| name.bytes().all(|b| b.is_ascii_digit());
    let numbered = names.iter().all(digits);
    if rules.named && names.iter().any(digits) {
        let en = "has numbered variables, and `parameter_format` is `NAMED`: give them names, as `{{first_name}}`.";
        let es = "tiene variables con número, y `parameter_format` es `NAMED`: ponles nombre, como `{{nombre}}`.";
        part.add(Problem::mismatch(&place, en, es));
    } else if rules.named && names.iter().any(|name| name.bytes().any(|b| b.is_ascii_uppercase())) {
        let en = "has a variable with capitals: names have small letters, digits and `_`.";
        let es = "tiene una variable con mayúsculas: los nombres llevan minúsculas, cifras y `_`.";
        part.add(Problem::format(&place, en, es));
    } else if !rules.named && !numbered {
        let en = "has variables with names: number them, as `{{1}}`, or set `parameter_format` to `NAMED`.";
        let es = "tiene variables con nombre: numéralas, como `{{1}}`, o pon `parameter_format` en `NAMED`.";
        part.add(Problem::mismatch(&place, en, es));
    } else if !rules.named && !(1..=names.len()).all(|n| names.contains(&n.to_string().as_str())) {
        let en = "must number its variables from `{{1}}` on, without a gap.";
        let es = "tiene que numerar sus variables desde `{{1}}`, sin saltos.";
        part.add(Problem::format(&place, en, es));
    }
    names.into_iter().map(str::to_owned).collect()
}

/// A sample for each variable. Without variables there need be none.
pub(super) fn samples(part: &mut Fields, numbered: &'static str, named: &'static str, names: &[String], rules: &Rules) {
    if names.is_empty() {
        part.anything_if_given("example");
        return;
    }
    let key = if rules.named { named } else { numbered };
    let listed: Vec<String> = names.iter().map(|name| slots::written(name)).collect();
    let listed = listed.join(", ");
    if !part.has("example") {
        part.peek("example");
        let en = format!("is missing: Meta wants a sample for each of {listed}, in `{key}`. Add them.");
        let es = format!("falta: Meta pide un ejemplo para cada uno de {listed}, en `{key}`. Añádelos.");
        part.add(Problem::at(&part.at("example"), Rule::Missing, en, es));
        return;
    }
    part.within("example", |example| {
        if rules.named {
            by_name(example, named, names)
        } else {
            by_position(example, numbered, &listed, names.len())
        }
        example.keep_rest();
    });
}

fn by_name(example: &mut Fields, key: &'static str, names: &[String]) {
    let given = example.each(key, &(1..=ANY), |one| {
        let name = one.text("param_name", ANY);
        one.text("example", ANY);
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Some(name) = name.filter(|name| !known.contains(name)) {
            let meant = nearest(name, known.iter().copied());
            one.add(Problem::not_one_of(&one.at("param_name"), &known, meant));
        }
        name
    });
    let missing: Vec<String> = names
        .iter()
        .filter(|name| !given.iter().flatten().any(|had| had == name))
        .map(|name| slots::written(name))
        .collect();
    if !given.is_empty() && !missing.is_empty() {
        let missing = missing.join(", ");
        let en = format!("has no sample for {missing}: add it, with its `param_name`.");
        let es = format!("no tiene ejemplo para {missing}: añádelo, con su `param_name`.");
        example.add(Problem::mismatch(&example.at(key), en, es));
    }
}

/// One row of samples, several, or one sample by itself: Meta's examples have all three.
fn by_position(example: &mut Fields, key: &'static str, listed: &str, wanted: usize) {
    let place = example.at(key);
    let Some(given) = example.anything_if_given(key) else {
        let en = format!("is missing: give a sample for each of {listed}.");
        let es = format!("falta: da un ejemplo para cada uno de {listed}.");
        example.add(Problem::at(&place, Rule::Missing, en, es));
        return;
    };
    let texts = |row: &[Value]| row.iter().all(|text| text.as_str().is_some_and(|text| !text.trim().is_empty()));
    let counts: Option<Vec<usize>> = match given {
        Value::String(text) => (!text.trim().is_empty()).then(|| vec![1]),
        Value::Array(rows) if rows.first().is_some_and(Value::is_array) => {
            rows.iter().map(|row| row.as_array().filter(|row| texts(row)).map(Vec::len)).collect()
        }
        Value::Array(row) => texts(row).then(|| vec![row.len()]),
        _ => None,
    };
    if counts.is_none_or(|counts| counts.iter().any(|count| *count != wanted)) {
        let en = format!("must have a text for each of {listed}: {wanted} in a row.");
        let es = format!("tiene que llevar un texto para cada uno de {listed}: {wanted} por fila.");
        example.add(Problem::mismatch(&place, en, es));
    }
}

/// Pictures among letters, as far as Meta is known to refuse them.
pub(super) fn is_emoji(char: char) -> bool {
    matches!(char, '\u{1F1E6}'..='\u{1F1FF}' | '\u{1F300}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{FE0F}')
}
