//! The parameter `fields`, which asks for one thing inside another: `phone_numbers.limit(5){id},analytics.start(1)`.

/// The statistics of an account, which are of all its numbers unless it is told which.
pub(super) const COUNTED: [&str; 3] = ["analytics", "conversation_analytics", "pricing_analytics"];

/// The statistics of an account's templates, which are of everyone's sends.
pub(super) const OF_TEMPLATES: &str = "template_analytics";

/// The names asked for at the top, each with all that is said of it.
pub(super) fn top(text: &str) -> Vec<(&str, &str)> {
    let (mut depth, mut begin, mut all) = (0_usize, 0, Vec::new());
    let ends = text.char_indices().chain([(text.len(), ',')]);
    for (at, char) in ends {
        match char {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 || at == text.len() => {
                let whole = text[begin..at].trim();
                let name = whole.split(['.', '{', '(']).next().unwrap_or_default().trim();
                if !name.is_empty() {
                    all.push((name, whole));
                }
                begin = (at + 1).min(text.len());
            }
            _ => {}
        }
    }
    all
}

/// What a field is told by `.name(…)`, without the brackets.
pub(super) fn told<'a>(whole: &'a str, name: &str) -> Option<&'a str> {
    let begin = whole.find(&format!(".{name}("))? + name.len() + 2;
    let mut depth = 1_usize;
    for (at, char) in whole[begin..].char_indices() {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&whole[begin..begin + at]);
        }
    }
    None
}

/// Whether a thing is shown under another's name: then nobody could tell what it is.
pub(super) fn renames(text: &str) -> bool {
    text.split_whitespace().collect::<String>().to_ascii_lowercase().contains(".as(")
}

/// Whether statistics are asked for somewhere in it.
pub(super) fn counts(text: &str) -> bool {
    text.to_ascii_lowercase().contains("analytics")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_from_what_is_said_of_them() {
        let text = "id, phone_numbers.limit(5){id,name},analytics.start(1).phone_numbers([\"1\",\"2\"]),flows";
        let names: Vec<&str> = top(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["id", "phone_numbers", "analytics", "flows"]);
        assert_eq!(told(top(text)[2].1, "phone_numbers"), Some("[\"1\",\"2\"]"));
        assert_eq!(told("analytics.start(1)", "phone_numbers"), None);
        assert!(top("").is_empty() && top(",,").is_empty());
        assert_eq!(top("a{b").len(), 1, "what is not closed ends with the text");
        assert!(renames("phone_numbers . as (flows)") && !renames("id,last_onboarded_time"));
    }
}
