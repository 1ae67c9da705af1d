//! The words of each problem, English and Spanish side by side.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::place::Place;
use super::problem::{Problem, Rule};

/// What a JSON value can be asked to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Text,
    Id,
    Object,
    List,
    Number,
    Whole,
    Flag,
}

impl Shape {
    fn en(self) -> &'static str {
        match self {
            Shape::Text => "a text in quotes",
            Shape::Id => "an id in quotes",
            Shape::Object => "an object `{…}`",
            Shape::List => "a list `[…]`",
            Shape::Number => "a number",
            Shape::Whole => "a whole number",
            Shape::Flag => "`true` or `false`",
        }
    }

    fn es(self) -> &'static str {
        match self {
            Shape::Text => "un texto entre comillas",
            Shape::Id => "un identificador entre comillas",
            Shape::Object => "un objeto `{…}`",
            Shape::List => "una lista `[…]`",
            Shape::Number => "un número",
            Shape::Whole => "un número entero",
            Shape::Flag => "`true` o `false`",
        }
    }
}

impl Problem {
    /// Any other problem; both texts begin with the field's name.
    pub(super) fn at(place: &Place, rule: Rule, en: impl Display, es: impl Display) -> Self {
        let field = place.field();
        Problem { field: field.to_owned(), rule, en: format!("`{field}` {en}"), es: format!("`{field}` {es}") }
    }

    pub(super) fn missing(place: &Place) -> Self {
        Self::at(place, Rule::Missing, "is missing: add it.", "falta: añádelo.")
    }

    pub(super) fn missing_word(place: &Place, known: &[&str]) -> Self {
        let (en, es) = (quoted(known, "or"), quoted(known, "o"));
        Self::at(place, Rule::Missing, format!("is missing: write {en}."), format!("falta: escribe {es}."))
    }

    pub(super) fn empty(place: &Place) -> Self {
        let en = "is empty: write something or leave it out.";
        Self::at(place, Rule::Empty, en, "está vacío: escribe algo o quítalo.")
    }

    pub(super) fn wrong_type(place: &Place, shape: Shape) -> Self {
        let (en, es) = (format!("must be {}.", shape.en()), format!("tiene que ser {}.", shape.es()));
        Self::at(place, Rule::WrongType, en, es)
    }

    pub(super) fn too_long(place: &Place, have: usize, most: usize) -> Self {
        let over = have - most;
        let en = format!("has {have} characters and WhatsApp takes {most}: shorten it by {over}.");
        let es = format!("tiene {have} caracteres y WhatsApp admite {most}: acórtalo en {over}.");
        Self::at(place, Rule::TooLong, en, es)
    }

    pub(super) fn too_few(place: &Place, have: usize, least: usize) -> Self {
        let en = format!("has {have} and WhatsApp wants {least} or more: add {}.", least - have);
        let es = format!("tiene {have} y WhatsApp pide {least} o más: añade {}.", least - have);
        Self::at(place, Rule::TooFew, en, es)
    }

    pub(super) fn too_many(place: &Place, have: usize, most: usize) -> Self {
        let en = format!("has {have} and WhatsApp takes {most}: remove {}.", have - most);
        let es = format!("tiene {have} y WhatsApp admite {most}: quita {}.", have - most);
        Self::at(place, Rule::TooMany, en, es)
    }

    pub(super) fn out_of_range<N: Display>(place: &Place, range: &RangeInclusive<N>) -> Self {
        let (from, to) = (range.start(), range.end());
        let en = format!("must be between {from} and {to}.");
        Self::at(place, Rule::OutOfRange, en, format!("tiene que estar entre {from} y {to}."))
    }

    pub(super) fn not_one_of(place: &Place, known: &[&str], meant: Option<&str>) -> Self {
        let en = format!("must be {}.{}", quoted(known, "or"), did_you_mean(meant).0);
        let es = format!("tiene que ser {}.{}", quoted(known, "o"), did_you_mean(meant).1);
        Self::at(place, Rule::NotOneOf, en, es)
    }

    pub(super) fn unknown_key(place: &Place, known: &[&str], meant: Option<&str>) -> Self {
        let (hint_en, hint_es) = match meant {
            Some(_) => did_you_mean(meant),
            None if known.is_empty() => (" Remove it.".to_owned(), " Quítalo.".to_owned()),
            None => (
                format!(" Remove it; here there can be {}.", quoted(known, "or")),
                format!(" Quítalo; aquí puede haber {}.", quoted(known, "o")),
            ),
        };
        let en = format!("is not known to WhatsApp.{hint_en}");
        Self::at(place, Rule::UnknownKey, en, format!("no existe en WhatsApp.{hint_es}"))
    }

    pub(super) fn unknown_member(place: &Place, meant: Option<&str>) -> Self {
        let (hint_en, hint_es) = match meant {
            Some(_) => did_you_mean(meant),
            None => (" Remove it.".to_owned(), " Quítalo.".to_owned()),
        };
        let en = format!("is known neither to WhatsApp nor here, and nothing would come of it.{hint_en}");
        let es = format!("no lo conoce ni WhatsApp ni este servidor, y no tendría efecto.{hint_es}");
        Self::at(place, Rule::UnknownKey, en, es)
    }

    pub(super) fn duplicate(place: &Place, first: &Place) -> Self {
        let first = first.field();
        let en = format!("says the same as `{first}`: they must differ, change one.");
        Self::at(place, Rule::Duplicate, en, format!("repite lo de `{first}`: tienen que ser distintos, cambia uno."))
    }

    pub(super) fn not_allowed(place: &Place, en: impl Display, es: impl Display) -> Self {
        Self::at(place, Rule::NotAllowed, en, es)
    }

    pub(super) fn format(place: &Place, en: impl Display, es: impl Display) -> Self {
        Self::at(place, Rule::Format, en, es)
    }

    pub(super) fn mismatch(place: &Place, en: impl Display, es: impl Display) -> Self {
        Self::at(place, Rule::Mismatch, en, es)
    }
}

fn did_you_mean(meant: Option<&str>) -> (String, String) {
    meant.map_or_else(Default::default, |word| {
        (format!(" Did you mean `{word}`?"), format!(" ¿Querías decir `{word}`?"))
    })
}

/// `` `a`, `b` or `c` ``.
pub(super) fn quoted(words: &[&str], or: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {or} {last}", rest.join(", ")),
        None => String::new(),
    }
}
