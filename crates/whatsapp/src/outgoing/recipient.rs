//! Who a message goes to.

use super::limits;
use super::place::Place;
use super::problem::{Problem, Rule};
use crate::phone;

/// Somebody who can be written to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// A phone number, digits only, with its country code: goes into `to`.
    Phone(String),
    /// A business-scoped user id: goes into `recipient`.
    UserId(String),
}

/// Reads a recipient as people write it: `+34 600 (00)-0000`, `US.13491208655302741918`.
pub fn recipient(to: &str) -> Result<Recipient, Problem> {
    let to = to.trim();
    let place = Place::root().key("to");
    if to.is_empty() {
        return Err(Problem::missing(&place));
    }
    if phone::is_user_id(to) {
        return Ok(Recipient::UserId(to.to_owned()));
    }
    if is_group(to) {
        let en = "is a group: messages to groups are not possible here, write to one person.";
        let es = "es un grupo: aquí no se puede escribir a grupos, escribe a una persona.";
        return Err(Problem::at(&place, Rule::Unsupported, en, es));
    }
    phone_number(to).map(Recipient::Phone).ok_or_else(|| {
        let en = "must be a phone number with its country code, as +34600000000, \
            or a user id, as US.13491208655302741918.";
        let es = "tiene que ser un teléfono con su código de país, como +34600000000, \
            o un identificador de usuario, como US.13491208655302741918.";
        Problem::format(&place, en, es)
    })
}

/// The digits; no country code begins with a zero.
fn phone_number(to: &str) -> Option<String> {
    let written = to.strip_prefix('+').unwrap_or(to);
    let tolerated = |c: char| c.is_ascii_digit() || c.is_whitespace() || matches!(c, '-' | '(' | ')');
    let digits = phone::digits(written);
    let good = written.chars().all(tolerated) && limits::PHONE_DIGITS.contains(&digits.len());
    (good && !digits.starts_with('0')).then_some(digits)
}

/// Meta's group ids are `capi_group:…` in base64; those of the app end in `@g.us`.
fn is_group(to: &str) -> bool {
    to.starts_with("Y2FwaV9ncm91cDo") || to.ends_with("@g.us")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (written, digits) in [
            ("+16505551234", "16505551234"),
            ("16505551234", "16505551234"),
            (" +34 600-00 (00) 00 ", "34600000000"),
            ("+58\u{a0}412 5551234", "584125551234"),
            ("1234567", "1234567"),
            ("123456789012345", "123456789012345"),
        ] {
            assert_eq!(recipient(written), Ok(Recipient::Phone(digits.to_owned())), "{written}");
        }
    }

    #[test]
    fn user_ids_are_recognised() {
        for id in ["US.13491208655302741918", "US.ENT.11815799212886844830"] {
            assert_eq!(recipient(id), Ok(Recipient::UserId(id.to_owned())));
        }
    }

    #[test]
    fn the_rest_is_refused_with_words() {
        for (written, rule) in [
            ("", Rule::Missing),
            ("  ", Rule::Missing),
            ("123456", Rule::Format),
            ("1234567890123456", Rule::Format),
            ("0034600000000", Rule::Format),
            ("1+6505551234", Rule::Format),
            ("++16505551234", Rule::Format),
            ("٣٤٦٠٠٠٠٠٠٠٠", Rule::Format),
            ("@sheena", Rule::Format),
            ("us.1", Rule::Format),
            ("Y2FwaV9ncm91cDoxNzA1NTU1MDEzOToxMjAzNjM0MDQ2OTQyMzM4MjAZD", Rule::Unsupported),
            ("120363404694233820@g.us", Rule::Unsupported),
        ] {
            let problem = recipient(written).unwrap_err();
            assert_eq!((problem.field.as_str(), problem.rule), ("to", rule), "{written}");
        }
    }
}
