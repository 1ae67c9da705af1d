//! A row as the API tells it, its JSON untouched.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// A row of the API's.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Record(HashMap<String, Box<RawValue>>);

impl Record {
    /// Reads one; `None`: it is no object, as where a message has gone.
    pub(crate) fn read(text: &RawValue) -> Option<Self> {
        serde_json::from_str(text.get()).ok()
    }

    /// The JSON at a place in it; null is nothing.
    pub(crate) fn json(&self, place: &[&str]) -> Option<String> {
        let (name, inner) = place.split_first()?;
        let value = self.0.get(*name)?;
        if value.get() == "null" {
            return None;
        }
        if inner.is_empty() { Some(value.get().to_owned()) } else { Self::read(value)?.json(inner) }
    }

    /// The text at a place in it, or the JSON of what is no text. PostgreSQL's text holds no NUL.
    pub(crate) fn text(&self, place: &[&str]) -> Option<String> {
        let json = self.json(place)?;
        let text = serde_json::from_str::<String>(&json).unwrap_or(json);
        Some(if text.contains('\0') { text.replace('\0', "") } else { text })
    }

    /// The id at a place in it.
    pub(crate) fn id(&self, place: &[&str]) -> Option<Uuid> {
        self.text(place)?.parse().ok()
    }

    /// Of a message: whether it may have statuses.
    pub(crate) fn is_outbound(&self) -> bool {
        self.text(&["direction"]).as_deref() == Some("outbound")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_as_it_was_said() {
        let record: Record = serde_json::from_str(
            r#"{"text":"a\u0000\"b","payload":{"n": 1.0e400, "z":"\u0000", "z":2},"contact":{"id":null},"none":null}"#,
        )
        .unwrap();
        assert_eq!(record.text(&["text"]).as_deref(), Some("a\"b"));
        assert_eq!(record.json(&["payload"]).as_deref(), Some(r#"{"n": 1.0e400, "z":"\u0000", "z":2}"#));
        assert_eq!(record.text(&["none"]), None);
        assert_eq!(record.text(&["contact", "id"]), None);
        assert_eq!(record.text(&["group", "id"]), None);
    }
}
