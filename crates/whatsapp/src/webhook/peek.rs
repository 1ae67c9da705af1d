//! A glance at a body before it is parsed.

use memchr::memmem;

use crate::json::LONGEST_ID;

const KEY: &[u8] = b"\"phone_number_id\"";

/// The first `phone_number_id` in the raw bytes, string or number, without parsing.
///
/// Only a hint, good for choosing a lane: what routes a change is
/// [`Change::phone_number_id`](super::Change::phone_number_id).
pub fn peek_phone_number_id(body: &[u8]) -> Option<&[u8]> {
    memmem::find_iter(body, KEY).find_map(|at| value_after(&body[at + KEY.len()..]))
}

/// Whether a body tells statuses of messages, and nothing that somebody waits for: no message, no call.
///
/// Only a hint: what a body tells is known when it is parsed.
pub fn peek_only_statuses(body: &[u8]) -> bool {
    let has = |key: &[u8]| {
        memmem::find_iter(body, key).any(|at| body[at + key.len()..].trim_ascii_start().first() == Some(&b':'))
    };
    has(b"\"statuses\"") && !has(b"\"messages\"") && memmem::find(body, b"\"calls\"").is_none()
}

fn value_after(rest: &[u8]) -> Option<&[u8]> {
    let value = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let id = match value.strip_prefix(b"\"") {
        Some(string) => until_quote(string)?,
        None => leading_digits(value),
    };
    (1..=LONGEST_ID).contains(&id.len()).then_some(id)
}

fn until_quote(string: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr2(b'"', b'\\', string)?;
    (string[end] == b'"').then(|| &string[..end])
}

fn leading_digits(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|b| !b.is_ascii_digit()).unwrap_or(value.len());
    &value[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_statuses_from_what_is_waited_for() {
        for (body, alone) in [
            (r#"{"field":"messages","value":{"statuses":[{"id":"wamid.1"}]}}"#, true),
            (r#"{"value":{"contacts":[],"statuses" : []},"field" : "messages" }"#, true),
            (r#"{"field":"messages","value":{"messages":[{"text":{"body":"\"statuses\":"}}]}}"#, false),
            (r#"{"value":{"statuses":[]},"other":{"messages" :[]}}"#, false),
            (r#"{"field":"calls","value":{"statuses":[{"status":"RINGING"}]}}"#, false),
            (r#"{"field":"statuses"}"#, false),
            ("", false),
        ] {
            assert_eq!(peek_only_statuses(body.as_bytes()), alone, "{body}");
        }
    }

    #[test]
    fn finds_strings_and_numbers() {
        for (body, found) in [
            (r#"{"phone_number_id":"123"}"#, Some("123")),
            (r#"{"phone_number_id" : 123, "a":1}"#, Some("123")),
            (r#"{"phone_number_id":null,"x":{"phone_number_id":"7"}}"#, Some("7")),
            (r#"["phone_number_id","phone_number_id"]"#, None),
            (r#"{"phone_number_id":"1\u0032"}"#, None),
            (r#"{"phone_number_id":""}"#, None),
            (r#"{"phone_number_id":"12"#, None),
            (r#"{"phone_number_id"#, None),
            (r#"{"phone_number_id""#, None),
            (r#"{"t":"say \"phone_number_id\":\"9\""}"#, None),
            ("", None),
        ] {
            let peeked = peek_phone_number_id(body.as_bytes());
            assert_eq!(peeked, found.map(str::as_bytes), "{body}");
        }
    }
}
