//! `{{1}}` and `{{first_name}}` in a template's text.

/// A stretch of a template's text.
#[derive(Debug, PartialEq)]
enum Piece<'t> {
    Words(&'t str),
    Slot(&'t str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(open) = rest[from..].find("{{").map(|found| from + found) {
        let Some(close) = rest[open + 2..].find("}}").map(|found| open + 2 + found) else {
            break;
        };
        let name = rest[open + 2..close].trim();
        if is_name(name) {
            pieces.push(Piece::Words(&rest[..open]));
            pieces.push(Piece::Slot(name));
            rest = &rest[close + 2..];
            from = 0;
        } else {
            from = open + 1;
        }
    }
    pieces.push(Piece::Words(rest));
    pieces
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The names of the slots, each once, in the order of the text.
pub(super) fn names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for piece in pieces(text) {
        if let Piece::Slot(name) = piece
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// Whether the slots are numbers, as in every template of the positional format.
pub(super) fn are_positional(names: &[&str]) -> bool {
    names.iter().all(|name| name.bytes().all(|b| b.is_ascii_digit()))
}

/// The text with values in its slots; a slot without a value stays as it is written.
pub(super) fn filled(text: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Words(words) => filled.push_str(words),
            Piece::Slot(name) => match values.iter().find(|(slot, _)| *slot == name) {
                Some((_, value)) => filled.push_str(value),
                None => filled.push_str(&written(name)),
            },
        }
    }
    filled
}

/// As it stands in the template.
pub(super) fn written(name: &str) -> String {
    format!("{{{{{name}}}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_found() {
        for (text, expected) in [
            ("", vec![]),
            ("no slots { } {{ }} {{a b}}", vec![]),
            ("Hi {{1}}, {{ 2 }} and {{1}}", vec!["1", "2"]),
            ("{{first_name}}{{code}}", vec!["first_name", "code"]),
            ("{{{1}}}", vec!["1"]),
            ("{{ {{1}}", vec!["1"]),
            ("{{1", vec![]),
            ("ñ{{ñ}}{{x}}ñ", vec!["x"]),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }

    #[test]
    fn slots_are_filled() {
        let values = [("1", "Ana {{2}}".to_owned()), ("2", "ñ".to_owned())];
        assert_eq!(filled("Hi {{1}}, {{ 2 }}, {{3}}{", &values), "Hi Ana {{2}}, ñ, {{3}}{");
        assert_eq!(filled("{{{1}}}", &values), "{Ana {{2}}}");
        assert_eq!(filled("plain", &values), "plain");
    }
}
