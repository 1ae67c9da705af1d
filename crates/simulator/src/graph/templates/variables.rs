//! Variables in a template's texts: `{{1}}`, `{{2}}`, … or `{{first_name}}` (§9.1).

/// How a template names its variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Positional,
    Named,
}

/// The variables of a text, each once, in the order in which they come. Errors, in words: braces that don't close, a
/// name that isn't one, numbers that aren't 1, 2, 3, …
pub(super) fn variables(text: &str, format: Format) -> Result<Vec<String>, String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        let end = after.find("}}").ok_or("a variable is not closed by }}")?;
        if before.contains("}}") {
            return Err("}} closes no variable".into());
        }
        let name = &after[..end];
        if !fits(name, format) {
            return Err(match format {
                Format::Positional => format!("{{{{{name}}}}} is not a number, as {{{{1}}}}, as parameter_format says"),
                Format::Named => format!("{{{{{name}}}}} is not a name of small letters, digits and underscores"),
            });
        }
        if !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
        rest = &after[end + 2..];
    }
    if rest.contains("}}") {
        return Err("}} closes no variable".into());
    }
    let ordered = (1..=found.len()).all(|number| found.iter().any(|name| *name == number.to_string()));
    if format == Format::Positional && !ordered {
        return Err("the variables must be numbered 1, 2, 3, … without a gap".into());
    }
    Ok(found)
}

fn fits(name: &str, format: Format) -> bool {
    match format {
        Format::Positional => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()),
        Format::Named => {
            name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        }
    }
}

/// Whether a text begins or ends with a variable, which Meta does not take in a body (2388299).
pub(super) fn at_an_end(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("{{") || text.ends_with("}}")
}

/// Whether a text has too few words for its variables (2388293). Meta does not publish the measure: here a text with n
/// variables needs 2n + 1 words of its own.
pub(super) fn too_many(text: &str, variables: usize) -> bool {
    let mut own = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        own.push_str(before);
        own.push(' ');
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    own.push_str(rest);
    variables > 0 && words(&own) < 2 * variables + 1
}

/// Words of a text; of a script that puts no spaces between them, each letter is one.
fn words(text: &str) -> usize {
    let unspaced =
        |char: char| matches!(char, '\u{e00}'..='\u{eff}' | '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}');
    let spaced = text.split(|char: char| char.is_whitespace() || unspaced(char));
    spaced.filter(|word| word.contains(char::is_alphanumeric)).count() + text.chars().filter(|c| unspaced(*c)).count()
}

#[cfg(test)]
mod tests {
    use super::Format::{Named, Positional};
    use super::*;

    #[test]
    fn variables_are_found_and_checked() {
        assert_eq!(variables("Hi {{1}}, {{2}} and {{1}}!", Positional).expect("two"), ["1", "2"]);
        assert_eq!(variables("No braces { } here", Positional).expect("none"), Vec::<String>::new());
        assert_eq!(variables("Hi {{first_name}}!", Named).expect("one"), ["first_name"]);
        for wrong in ["Hi {{2}}!", "Hi {{1}} {{3}}!", "Hi {{name}}!", "Hi {{1", "Hi 1}}", "a }} b {{1}}", "Hi {{}}!"] {
            assert!(variables(wrong, Positional).is_err(), "{wrong}");
        }
        for wrong in ["Hi {{1}}!", "Hi {{Name}}!", "Hi {{ name }}!"] {
            assert!(variables(wrong, Named).is_err(), "{wrong}");
        }
    }

    #[test]
    fn texts_need_words_of_their_own() {
        assert!(too_many("Hi {{1}}!", 1));
        assert!(!too_many("Hi {{1}}, welcome back!", 1));
        assert!(too_many("{{1}} {{2}} is ready", 2));
        assert!(!too_many("Just words", 0));
        assert!(!too_many("您好{{1}}欢迎", 1));
        assert!(at_an_end(" {{1}} hello") && at_an_end("hello {{1}}\n") && !at_an_end("hello {{1}}."));
    }
}
