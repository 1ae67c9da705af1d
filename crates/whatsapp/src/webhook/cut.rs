//! A part of a body, in Meta's own bytes.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// A body of it: all that is kept, and the order of all members, stays byte for byte.
    pub bytes: Vec<u8>,
    /// Nothing was cut out.
    pub is_whole: bool,
    /// No change is in it.
    pub is_empty: bool,
}

/// A body of those changes alone that `keep` names by their entry and their place in it. What holds no change is cut out too.
/// `None`: the body is not plain JSON of this shape. It is not either where an object names a member twice: one reader takes
/// the first and another the last, so nobody can say what it holds.
pub fn cut(body: &[u8], keep: impl Fn((usize, usize)) -> bool) -> Option<Cut> {
    serde_json::from_slice::<Unambiguous>(body).ok()?;
    let all: Members = serde_json::from_slice(body).ok()?;
    let entries: Vec<&RawValue> = serde_json::from_str(all.member("entry")?.get()).ok()?;
    let (mut kept, mut is_whole) = (Vec::new(), true);
    for (n, entry) in entries.into_iter().enumerate() {
        let read = serde_json::from_str::<Members>(entry.get()).ok();
        let read = read.and_then(|entry| Some((entry.changes()?, entry)));
        let Some((changes, entry)) = read else {
            is_whole = false;
            continue;
        };
        let count = changes.len();
        let changes = changes.into_iter().enumerate().filter(|(k, _)| keep((n, *k)));
        let changes: Vec<&str> = changes.map(|(_, change)| change.get()).collect();
        is_whole &= !changes.is_empty() && changes.len() == count;
        if !changes.is_empty() {
            kept.push(entry.with("changes", &changes));
        }
    }
    let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
    Some(Cut { bytes: all.with("entry", &kept).into_bytes(), is_whole, is_empty: kept.is_empty() })
}

/// Any JSON in which no object names a member twice.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Unambiguous;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut names = HashSet::new();
                while let Some((name, Unambiguous)) = map.next_entry::<String, _>()? {
                    if !names.insert(name) {
                        return Err(A::Error::custom("a member is named twice"));
                    }
                }
                Ok(Unambiguous)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                while let Some(Unambiguous) = list.next_element()? {}
                Ok(Unambiguous)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Unambiguous)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Unambiguous)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Unambiguous)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Unambiguous)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Unambiguous)
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Unambiguous)
            }
        }
        deserializer.deserialize_any(Once)
    }
}

/// An object's members, in their order and as they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    fn member(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| *value)
    }

    fn changes(&self) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.member("changes")?.get()).ok()
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
        let cut = cut(BODY.as_bytes(), |at| keep.contains(&at)).unwrap();
        assert_eq!((cut.is_whole, cut.is_empty), (keep.len() == 3, keep.is_empty()));
        String::from_utf8(cut.bytes).unwrap()
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
        let odd = r#"{"entry":[7,{"id":"1"},{"changes":{}},{"changes":[]},{"changes":[{"field":"a"}]}]}"#;
        let cut = cut(odd.as_bytes(), |_| true).unwrap();
        assert_eq!((cut.bytes.as_slice(), cut.is_whole), (&br#"{"entry":[{"changes":[{"field":"a"}]}]}"#[..], false));
    }

    #[test]
    fn what_names_a_member_twice_is_not_cut_however_the_name_is_spelled() {
        for body in [
            r#"{"entry":[],"entry":[]}"#,
            r#"{"entry":[{"changes":[],"changes":[]}]}"#,
            r#"{"entry":[{"changes":[{"value":{"a":1},"field":"x","value":{}}]}]}"#,
            r#"{"entry":[{"changes":[{"value":{"messages":[{"text":{"body":"a","b\u006fdy":"b"}}]}}]}]}"#,
        ] {
            assert_eq!(cut(body.as_bytes(), |_| true), None, "{body}");
        }
        let plain = r#"{"entry":[{"changes":[{"value":{"a":[1,-1,1.5,null,true,"a"],"b":{"a":1}},"field":"x"}]}]}"#;
        assert!(cut(plain.as_bytes(), |_| true).unwrap().is_whole);
    }
}
