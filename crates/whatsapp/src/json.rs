//! Reading JSON that keeps no promise: ids as numbers, times as words, NUL in names.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) type Map = serde_json::Map<String, Value>;

/// Longer "ids" are no ids: they would not fit a database index.
pub(crate) const LONGEST_ID: usize = 512;

/// 2009-01-01, before WhatsApp was there: what claims to be older, such as a time of 0, names no time.
const START_OF_TIME: i64 = 1_230_768_000;

/// 2100-01-01, the end of believable time stamps; milliseconds lie far beyond it.
const END_OF_TIME: i64 = 4_102_444_800;

/// Lenient access to the members of a JSON value; whatever does not fit reads as absent.
pub(crate) trait Read {
    /// A string (or number) without NUL; empty is absent.
    fn text(&self, key: &str) -> Option<String>;
    /// A string or whole number that can serve as an id.
    fn id(&self, key: &str) -> Option<String>;
    /// Unix seconds, as string or number, between 2009 and 2100.
    fn seconds(&self, key: &str) -> Option<i64>;
    /// A whole number, perhaps written as a string.
    fn int(&self, key: &str) -> Option<i64>;
    /// A yes or no, perhaps written as a string.
    fn flag(&self, key: &str) -> Option<bool>;
    /// Texts of an array, or of one text with commas.
    fn words(&self, key: &str) -> Vec<String>;
    /// A member that is an object.
    fn object(&self, key: &str) -> Option<&Value>;
    /// The elements of an array.
    fn list(&self, key: &str) -> &[Value];
    /// Whether the member is there and not null.
    fn has(&self, key: &str) -> bool;
    /// An array of errors as Meta nests them, if there are any.
    fn errors(&self) -> Option<Value>;
}

impl Read for Value {
    fn text(&self, key: &str) -> Option<String> {
        as_text(self.get(key)?)
    }

    fn id(&self, key: &str) -> Option<String> {
        as_id(self.get(key)?)
    }

    fn seconds(&self, key: &str) -> Option<i64> {
        self.int(key).filter(|t| (START_OF_TIME..END_OF_TIME).contains(t))
    }

    fn int(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Value::String(s) => s.trim().parse().ok(),
            Value::Number(n) => n.as_i64().or_else(|| n.as_f64().and_then(whole)),
            _ => None,
        }
    }

    fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(s) => s.parse().ok(),
            _ => None,
        }
    }

    fn words(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            Some(Value::Array(list)) => list.iter().filter_map(as_text).collect(),
            Some(Value::String(s)) => {
                s.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    fn object(&self, key: &str) -> Option<&Value> {
        self.get(key).filter(|v| v.is_object())
    }

    fn list(&self, key: &str) -> &[Value] {
        self.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn has(&self, key: &str) -> bool {
        self.get(key).is_some_and(|v| !v.is_null())
    }

    fn errors(&self) -> Option<Value> {
        match self.get("errors")? {
            Value::Array(list) if list.is_empty() => None,
            Value::Array(list) => Some(Value::Array(list.clone())),
            one @ Value::Object(_) => Some(Value::Array(vec![one.clone()])),
            _ => None,
        }
    }
}

pub(crate) fn as_text(v: &Value) -> Option<String> {
    match v {
        Value::String(s) => Some(without_nul(s)).filter(|s| !s.is_empty()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

pub(crate) fn as_id(v: &Value) -> Option<String> {
    let id = match v {
        Value::String(s) => without_nul(s.trim()),
        Value::Number(n) if n.is_f64() => whole(n.as_f64()?)?.to_string(),
        Value::Number(n) => n.to_string(),
        _ => return None,
    };
    (1..=LONGEST_ID).contains(&id.len()).then_some(id)
}

/// A float that is a whole number and exact (below 2^53).
fn whole(f: f64) -> Option<i64> {
    (f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0).then_some(f as i64)
}

/// PostgreSQL's text refuses NUL, so no typed string carries one.
fn without_nul(s: &str) -> String {
    if s.contains('\0') { s.replace('\0', "") } else { s.to_owned() }
}

/// What a value is, for an error message that must not show the value itself.
pub(crate) fn type_of(v: &Value) -> &'static str {
    match v {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(map) if map.is_empty() => "an empty object",
        Value::Object(_) => "an object",
    }
}

/// Reads a body; one that is not quite JSON is mended once and read again.
pub(crate) fn parse(body: &[u8]) -> Result<Value, String> {
    let strict = match serde_json::from_slice(body) {
        Ok(value) => return Ok(value),
        Err(e) => e,
    };
    match mended(body) {
        Some(text) => serde_json::from_str(&text).map_err(|e| describe(&e)),
        None => Err(describe(&strict)),
    }
}

fn describe(e: &serde_json::Error) -> String {
    if e.to_string().starts_with("recursion limit exceeded") {
        "nested too deep".to_owned()
    } else {
        format!("no JSON from line {}, column {}", e.line(), e.column())
    }
}

/// The body with the three faults mended that do not touch its structure: invalid UTF-8,
/// half surrogate pairs (RFC 8259, section 8.2) and a byte order mark. `None` if it has none.
fn mended(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let bare = text.trim_start_matches('\u{feff}');
    let paired = with_paired_surrogates(bare);
    let changed = matches!(text, Cow::Owned(_)) || bare.len() < text.len() || paired.is_some();
    changed.then(|| paired.unwrap_or_else(|| bare.to_owned()))
}

fn with_paired_surrogates(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        at += found;
        match escaped_unit(bytes, at) {
            Some(0xD800..=0xDBFF) if matches!(escaped_unit(bytes, at + 6), Some(0xDC00..=0xDFFF)) => {
                at += 12;
            }
            Some(0xD800..=0xDFFF) => {
                out.push_str(&text[copied..at]);
                out.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            _ => at = (at + 2).min(bytes.len()),
        }
    }
    (copied > 0).then(|| out + &text[copied..])
}

/// The UTF-16 unit of a `\uXXXX` escape that starts here.
fn escaped_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let hex = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    if !hex.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

/// Hex SHA-256 over the parts; equal JSON gives an equal hash, whatever the order of keys.
pub fn hash(parts: &[&Value]) -> String {
    let mut canonical = Vec::new();
    for part in parts {
        write_sorted(part, &mut canonical);
        canonical.push(b'\n');
    }
    HEXLOWER.encode(&Sha256::digest(&canonical))
}

fn write_sorted(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'{');
            for (key, member) in members {
                write(&Value::String(key.clone()), out);
                out.push(b':');
                write_sorted(member, out);
                out.push(b',');
            }
            out.push(b'}');
        }
        Value::Array(list) => {
            out.push(b'[');
            for element in list {
                write_sorted(element, out);
                out.push(b',');
            }
            out.push(b']');
        }
        scalar => write(scalar, out),
    }
}

pub(crate) fn write(value: &Value, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("a JSON value always serialises");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_can_be_ids_and_words_cannot_be_times() {
        let v = json!({"n": 16505551234_u64, "f": 1.5, "w": 12.0, "s": " a\u{0}b ", "e": "", "o": {}});
        assert_eq!(v.id("n").as_deref(), Some("16505551234"));
        assert_eq!(v.id("f"), None);
        assert_eq!(v.id("w").as_deref(), Some("12"));
        assert_eq!(v.id("s").as_deref(), Some("ab"));
        assert_eq!(v.id("e"), None);
        assert_eq!(v.id("o"), None);
        assert_eq!(json!({"x": "a".repeat(513)}).id("x"), None);
        for (time, seconds) in [
            (json!("1749416383"), Some(1_749_416_383)),
            (json!(1749416383), Some(1_749_416_383)),
            (json!(1749416383.0), Some(1_749_416_383)),
            (json!("0"), None),
            (json!("1230767999"), None),
            (json!(-1), None),
            (json!("TIMESTAMP"), None),
            (json!(1749416383000_u64), None),
            (json!(4_102_444_800_u64), None),
            (json!(u64::MAX), None),
            (json!(null), None),
        ] {
            assert_eq!(json!({"t": time}).seconds("t"), seconds, "{time}");
        }
    }

    #[test]
    fn half_surrogates_are_replaced_and_pairs_are_kept() {
        for (raw, read) in [
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\ude00x""#, "\u{fffd}x"),
            (r#""a\ud83d\ud83d\ude00b""#, "a\u{fffd}😀b"),
            (r#""\\\ud83d""#, "\\\u{fffd}"),
            (r#""\\ud83d \udfff""#, "\\ud83d \u{fffd}"),
        ] {
            assert_eq!(parse(raw.as_bytes()), Ok(json!(read)), "{raw}");
        }
        assert!(parse(br#""\ud83""#).is_err());
        assert!(parse(br#""\ud8"#).is_err());
    }

    #[test]
    fn broken_utf8_and_a_byte_order_mark_are_mended() {
        assert_eq!(parse(b"\"a\xffb\""), Ok(json!("a\u{fffd}b")));
        assert_eq!(parse(b"\xef\xbb\xbf{}"), Ok(json!({})));
        assert_eq!(parse(b"\xff{}"), Err("no JSON from line 1, column 1".to_owned()));
    }

    #[test]
    fn hashes_ignore_the_order_of_keys_only() {
        let a = parse(br#"{"a":1,"b":[1,2]}"#).unwrap();
        let b = parse(br#"{"b":[1,2],"a":1}"#).unwrap();
        let c = parse(br#"{"b":[2,1],"a":1}"#).unwrap();
        assert_eq!(hash(&[&a]), hash(&[&b]));
        assert_ne!(hash(&[&a]), hash(&[&c]));
        assert_ne!(hash(&[&json!("ab"), &json!("c")]), hash(&[&json!("a"), &json!("bc")]));
    }
}
