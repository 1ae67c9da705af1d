//! Secrets taken out of what Meta says: "Malformed access token EAA…" repeats the token.

use serde_json::Value;

const DOTS: &str = "…";

/// The shortest run of letters that begins like a token and counts as one.
const SHORTEST_TOKEN: usize = 20;

/// Puts dots in the place of these secrets, and of whatever looks like a token, in every text of a value.
pub(super) fn scrub(value: &mut Value, hidden: &[&str]) {
    match value {
        Value::String(text) => *text = scrubbed(text, hidden),
        Value::Array(list) => list.iter_mut().for_each(|value| scrub(value, hidden)),
        Value::Object(map) => map.values_mut().for_each(|value| scrub(value, hidden)),
        _ => {}
    }
}

fn scrubbed(text: &str, hidden: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in hidden.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, DOTS);
    }
    without_tokens(&text)
}

/// Meta's tokens begin with `EAA`. A wamid may have these letters in its middle, never at its start.
fn without_tokens(text: &str) -> String {
    let of_token = |char: char| char.is_ascii_alphanumeric() || "_-".contains(char);
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(of_token) {
        let word = &rest[start..];
        let word = &word[..word.find(|char| !of_token(char)).unwrap_or(word.len())];
        kept.push_str(&rest[..start]);
        kept.push_str(if word.starts_with("EAA") && word.len() >= SHORTEST_TOKEN { DOTS } else { word });
        rest = &rest[start + word.len()..];
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_meta_repeats_is_dots() {
        let mut error = serde_json::json!({
            "message": "Malformed access token hush-hush",
            "data": ["EAAN6tcBzAUBOwtDtTfmZCJ9n3FHpSDcDTH86ekf, and no more", "1234|secret."],
        });
        scrub(&mut error, &["hush-hush", "secret", ""]);
        let expected = serde_json::json!({
            "message": "Malformed access token …",
            "data": ["…, and no more", "1234|…."],
        });
        assert_eq!(error, expected);
    }

    #[test]
    fn what_is_no_token_stays() {
        for text in ["", "…", "EAA", "EAAshort", "wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI1RjQyNUE3NEYxMzAzMzQ5MkEAEAAAAA=="]
        {
            assert_eq!(scrubbed(text, &[]), text);
        }
    }
}
