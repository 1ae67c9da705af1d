//! A part of a body, in Meta's own bytes.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A body of those changes alone that `keep` names by their entry and their place in it: all else, and the order of all
/// members, stays byte for byte. `None`: the body is not plain JSON of this shape.
pub fn cut(body: &[u8], keep: impl Fn((usize, usize)) -> bool) -> Option<Vec<u8>> {
    let whole: Members = serde_json::from_slice(body).ok()?;
    let entries: Vec<&RawValue> = serde_json::from_str(whole.member("entry")?.get()).ok()?;
    let mut kept = Vec::new();
    for (n, entry) in entries.into_iter().enumerate() {
        let Ok(entry) = serde_json::from_str::<Members>(entry.get()) else { continue };
        let Some(changes) = entry.member("changes") else { continue };
        let Ok(changes) = serde_json::from_str::<Vec<&RawValue>>(changes.get()) else { continue };
        let changes = changes.into_iter().enumerate().filter(|(k, _)| keep((n, *k)));
        let changes: Vec<&str> = changes.map(|(_, change)| change.get()).collect();
        if !changes.is_empty() {
            kept.push(entry.with("changes", &changes));
        }
    }
    let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
    Some(whole.with("entry", &kept).into_bytes())
}

/// An object's members, in their order and as they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Of several of one name the last one counts.
    fn member(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rfind(|(own, _)| own == name).map(|(_, value)| *value)
    }

    /// The object with another list under a name.
    fn with(&self, name: &str, list: &[&str]) -> String {
        let list = format!("[{}]", list.join(","));
        let members = self.0.iter().map(|(own, value)| {
            let key = serde_json::to_string(own).expect("a text is JSON");
            let value = if own == name { list.as_str() } else { value.get() };
            format!("{key}:{value}")
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"object":"whatsapp_business_account","entry":[{"id":"1","time":7,"changes":[{"value":{"a": 1.0, "b":"\u00e9"},"field":"messages"},{"field":"x","value":{}}]},{"changes":[{"field":"y","value":{}}],"id":"2"}]}"#;

    fn kept(keep: &[(usize, usize)]) -> String {
        String::from_utf8(cut(BODY.as_bytes(), |at| keep.contains(&at)).unwrap()).unwrap()
    }

    #[test]
    fn what_is_kept_is_kept_byte_for_byte() {
        assert_eq!(kept(&[(0, 0), (0, 1), (1, 0)]), BODY);
        assert_eq!(
            kept(&[(0, 0)]),
            r#"{"object":"whatsapp_business_account","entry":[{"id":"1","time":7,"changes":[{"value":{"a": 1.0, "b":"\u00e9"},"field":"messages"}]}]}"#
        );
        assert_eq!(
            kept(&[(1, 0)]),
            r#"{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"y","value":{}}],"id":"2"}]}"#
        );
        assert_eq!(kept(&[]), r#"{"object":"whatsapp_business_account","entry":[]}"#);
    }

    #[test]
    fn what_is_no_such_body_is_not_cut() {
        for body in ["", "[]", "{}", r#"{"entry":7}"#, r#"{"entry":[],"x":}"#] {
            assert_eq!(cut(body.as_bytes(), |_| true), None, "{body}");
        }
        let odd = r#"{"entry":[7,{"id":"1"},{"changes":{}},{"changes":[{"field":"a"}]}]}"#;
        assert_eq!(cut(odd.as_bytes(), |_| true).unwrap(), br#"{"entry":[{"changes":[{"field":"a"}]}]}"#);
    }
}
