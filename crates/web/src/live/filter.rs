//! Of what a reader wants to hear.

use model::event::{Event, Kind};
use serde::Deserialize;
use uuid::Uuid;

/// What an event is about, as far as it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    kind: String,
    number_id: Option<Uuid>,
    conversation_id: Option<Uuid>,
}

/// Where what is told of a number, and of what stands in no conversation, names the number.
#[derive(Debug, Default, Deserialize)]
struct Named {
    id: Option<Uuid>,
    number_id: Option<Uuid>,
}

impl About {
    pub(crate) fn of(event: &Event) -> Self {
        let kind = event.r#type.word().into_owned();
        let number_id = event.number_id.or_else(|| {
            // What has another shape says nothing of it.
            let named: Named = serde_json::from_str(event.data.get()).unwrap_or_default();
            named.number_id.or(named.id.filter(|_| event.r#type == Kind::NumberUpdated))
        });
        Self { kind, number_id, conversation_id: event.conversation_id }
    }
}

/// Events of these kinds, of this number, of this conversation. What is not given narrows nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Words such as `message.received`, or `meta.*` for all that begin so.
    pub(crate) kinds: Vec<String>,
    pub(crate) number_id: Option<Uuid>,
    pub(crate) conversation_id: Option<Uuid>,
}

impl Filter {
    pub(crate) fn passes(&self, about: &About) -> bool {
        let of_kind = |word: &String| match word.strip_suffix('*') {
            Some(beginning) => about.kind.starts_with(beginning),
            None => about.kind == *word,
        };
        (self.kinds.is_empty() || self.kinds.iter().any(of_kind))
            && self.number_id.is_none_or(|id| about.number_id == Some(id))
            && self.conversation_id.is_none_or(|id| about.conversation_id == Some(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_passes() {
        let [number, conversation] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let about =
            About { kind: "message.status".into(), number_id: Some(number), conversation_id: Some(conversation) };
        let kinds =
            |words: &[&str]| Filter { kinds: words.iter().map(|&word| word.into()).collect(), ..Filter::default() };
        assert!(Filter::default().passes(&about));
        assert!(kinds(&["message.received", "message.status"]).passes(&about));
        assert!(kinds(&["message.*"]).passes(&about) && kinds(&["*"]).passes(&about));
        assert!(!kinds(&["meta.*"]).passes(&about) && !kinds(&["message.statuses"]).passes(&about));
        let of = |number_id, conversation_id| Filter { number_id, conversation_id, ..Filter::default() };
        assert!(of(Some(number), Some(conversation)).passes(&about));
        assert!(!of(Some(conversation), None).passes(&about) && !of(None, Some(number)).passes(&about));
        assert!(!of(Some(number), None).passes(&About::default()), "what names none is of none");
    }
}
