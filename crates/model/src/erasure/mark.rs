//! Where a word that stands for somebody alone stands, and where other words only hold its letters.
//!
//! A phone is within many a longer one, and a short one within many a time. So a mark counts where nothing before or behind it
//! goes on with it, and one that is short where it is all that is said. In Rust and in SQL the rule is the same.

use std::ops::Range;

/// What is shorter counts as a whole value alone.
const SHORT: usize = 8;

/// Stands where words were.
pub const ERASED: &str = "[erased]";

/// Where a mark stands in a text, or in JSON as it is written.
pub fn places(text: &[u8], mark: &str) -> Vec<Range<usize>> {
    let mark = mark.as_bytes();
    let (mut places, mut from) = (Vec::new(), 0);
    while let Some(at) = text.get(from..).and_then(|rest| rest.windows(mark.len()).position(|window| window == mark)) {
        let place = from + at..from + at + mark.len();
        let (before, behind) = (&text[..place.start], &text[place.end..]);
        let stands =
            if mark.len() < SHORT { is_all(before, behind) } else { ends_before(before) && begins_behind(behind) };
        from = if stands { place.end } else { place.start + 1 };
        places.extend(stands.then_some(place));
    }
    places
}

/// A text without the marks that stand in it; `None`: none does.
pub fn without(text: &str, marks: &[String]) -> Option<String> {
    let mut rest: Option<String> = None;
    for mark in marks {
        let text = rest.as_deref().unwrap_or(text);
        let found = places(text.as_bytes(), mark);
        if !found.is_empty() {
            let mut left = text.to_owned();
            found.into_iter().rev().for_each(|place| left.replace_range(place, ERASED));
            rest = Some(left);
        }
    }
    rest
}

/// The text, or the string in JSON, says nothing else.
fn is_all(before: &[u8], behind: &[u8]) -> bool {
    let before = before.strip_suffix(b"+").unwrap_or(before);
    matches!(before.last(), None | Some(b'"')) && matches!(behind.first(), None | Some(b'"'))
}

/// Nothing before goes on with it: a letter or digit does, unless an escape of JSON or of an address ends there.
fn ends_before(before: &[u8]) -> bool {
    match before {
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] => true,
        [.., b'\\', b'u', a, b, c, d] if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) => true,
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
        [.., last] => !last.is_ascii_alphanumeric(),
        [] => true,
    }
}

/// Nothing behind goes on with it: a letter or digit does, and what makes it a number with a fraction. A file's ending does not.
fn begins_behind(behind: &[u8]) -> bool {
    match behind {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|digit| digit.is_ascii_digit()).count();
            digits == 0 || rest.get(digits).is_some_and(u8::is_ascii_alphanumeric)
        }
        [first, ..] => !first.is_ascii_alphanumeric(),
        [] => true,
    }
}

/// The same rule for PostgreSQL. What stands before and behind are its first and second group.
/// <https://www.postgresql.org/docs/15/functions-matching.html#POSIX-SYNTAX-DETAILS>
pub fn pattern(mark: &str) -> String {
    let mut word = String::new();
    for char in mark.chars() {
        if !char.is_alphanumeric() {
            word.push('\\');
        }
        word.push(char);
    }
    if mark.len() < SHORT {
        return format!(r#"((?:^|")\+?){word}($|")"#);
    }
    let before = r"((?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4})|(?<=%[0-9a-fA-F]{2})|(?<![0-9A-Za-z]))";
    format!(r"{before}{word}((?![0-9A-Za-z])(?!\.[0-9]+($|[^0-9A-Za-z])))")
}

/// Whether one of the marks `$6` stands in an expression; `$7` are their patterns. Most texts hold none, which is seen without one.
macro_rules! tells_of_them {
    ($text:literal) => {
        concat!(
            "EXISTS (SELECT FROM unnest($6::text[], $7::text[]) AS k (mark, pattern)
             WHERE strpos(",
            $text,
            ", k.mark) > 0 AND ",
            $text,
            " ~ k.pattern)"
        )
    };
}
pub(crate) use tells_of_them;

#[cfg(test)]
mod tests {
    use super::*;

    fn stands(text: &str, mark: &str) -> bool {
        !places(text.as_bytes(), mark).is_empty()
    }

    #[test]
    fn what_goes_on_is_another() {
        let phone = "15512345678";
        for text in [
            "15512345678",
            "+15512345678",
            "llama al 15512345678.",
            r"a\n15512345678",
            r"\u00f115512345678",
            "a:15512345678,b",
            "https://api.whatsapp.com/send?phone=%2B15512345678",
            "VID-15512345678.3gp",
            "1.15512345678",
        ] {
            assert!(stands(text, phone), "{text}");
        }
        for text in
            ["5215512345678", "155123456789", "a15512345678", "15512345678b", "15512345678.5", "15512345678.50,"]
        {
            assert!(!stands(text, phone), "{text}");
        }
        assert_eq!(places(b"15512345678 5215512345678 15512345678", phone), [0..11, 26..37]);
    }

    #[test]
    fn what_is_short_is_all_that_is_said() {
        for text in ["1796021", "+1796021", r#"{"from":"1796021"}"#, r#"["+1796021"]"#] {
            assert!(stands(text, "1796021"), "{text}");
        }
        for text in ["1796021234", r#"{"timestamp":"1796021234"}"#, "call 1796021", "11796021"] {
            assert!(!stands(text, "1796021"), "{text}");
        }
    }

    #[test]
    fn the_rest_of_a_text_stays() {
        let marks = ["15512345678".to_owned()];
        let without = |text| without(text, &marks);
        assert_eq!(without("call +15512345678 or 5215512345678").as_deref(), Some("call +[erased] or 5215512345678"));
        assert_eq!(without("5215512345678"), None);
    }
}
