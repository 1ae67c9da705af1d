//! A raw body without what is somebody's: of an organization its changes, of a contact the messages, statuses and names that tell of it.

use memchr::memmem;
use model::erasure::mark;
use serde_json::{Map, Value, json};

/// What is to go.
#[derive(Clone, Copy, Debug)]
pub(super) enum What<'a> {
    /// Whole changes.
    Changes,
    /// What holds one of these words.
    Words(&'a [String]),
}

/// What is left of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// All of it.
    All,
    /// A body without what went.
    Some(Vec<u8>),
    /// Nothing that would say anything.
    Nothing,
}

/// Takes out of a body what is to go, of the changes that are `whose`: told the account, and the change. `in_place`: changes
/// that say nothing any more keep their places. What is not a body of Meta's goes as a whole.
pub(super) fn prune(body: &[u8], whose: impl Fn(&str, &Value) -> bool, what: What<'_>, in_place: bool) -> Left {
    if let What::Words(words) = what
        && !words.iter().any(|word| memmem::find(body, word.as_bytes()).is_some())
    {
        return Left::All;
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(body) else { return Left::Nothing };
    let Some(Value::Array(entries)) = body.get_mut("entry") else { return Left::Nothing };
    let (mut touched, mut says) = (false, false);
    for entry in entries.iter_mut() {
        let account = entry.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(Value::Array(changes)) = entry.get_mut("changes") else { continue };
        changes.retain_mut(|change| {
            let goes = whose(&account, change)
                && match what {
                    What::Changes => true,
                    What::Words(words) => {
                        let cut = cut(change, words);
                        touched |= cut.took;
                        cut.names || cut.emptied && !cut.filled
                    }
                };
            touched |= goes;
            says |= !goes;
            if goes && in_place {
                let field = change.get("field").cloned().unwrap_or_default();
                *change = json!({ "field": field, "value": {} });
            }
            !goes || in_place
        });
    }
    entries.retain(|entry| in_place || entry.get("changes") != Some(&json!([])));
    match (touched, says) {
        (false, _) => Left::All,
        (true, false) => Left::Nothing,
        (true, true) => Left::Some(body.to_string().into_bytes()),
    }
}

/// Whether one of these words stands in a body.
pub(super) fn holds(body: &[u8], words: &[String]) -> bool {
    words.iter().any(|word| !mark::places(body, word).is_empty())
}

/// The number that a change names.
pub(super) fn number(change: &Value) -> Option<&str> {
    change.pointer("/value/metadata/phone_number_id").and_then(Value::as_str)
}

/// What a change tells of: messages and statuses, each by Meta's id and time.
pub(super) fn items(change: &Value) -> impl Iterator<Item = (Option<&str>, Option<i64>)> {
    let lists = ["messages", "statuses", "message_echoes"];
    let items = lists.into_iter().filter_map(|list| change.get("value")?.get(list)?.as_array()).flatten();
    items.map(|item| {
        let time = item.get("timestamp").and_then(|time| time.as_str()?.parse().ok());
        (item.get("id").and_then(Value::as_str), time)
    })
}

/// All messages that a body tells of, by Meta's ids.
pub(super) fn wamids(body: &[u8]) -> Vec<String> {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let lists = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let changes = lists(&body, "entry").into_iter().flat_map(|entry| lists(&entry, "changes"));
    changes.flat_map(|change| items(&change).filter_map(|(id, _)| id.map(str::to_owned)).collect::<Vec<_>>()).collect()
}

/// What became of a value.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    /// It names them itself, outside of lists: it goes from the list that it is in.
    names: bool,
    /// A list lost all that it had.
    emptied: bool,
    /// A list has something left.
    filled: bool,
    /// Something was taken out.
    took: bool,
}

fn cut(value: &mut Value, words: &[String]) -> Cut {
    let is = |text: &str| words.iter().any(|word| text.strip_prefix('+').unwrap_or(text) == word);
    match value {
        Value::String(text) if is(text) => Cut { names: true, ..Cut::default() },
        // Who tells of them goes on telling, without.
        Value::String(text) => {
            let left = mark::without(text, words);
            let took = left.is_some();
            left.into_iter().for_each(|left| *text = left);
            Cut { took, ..Cut::default() }
        }
        Value::Number(number) => Cut { names: is(&number.to_string()), ..Cut::default() },
        Value::Array(values) => {
            let (before, mut took) = (values.len(), false);
            values.retain_mut(|value| {
                let cut = cut(value, words);
                took |= cut.took;
                !(cut.names || cut.emptied && !cut.filled)
            });
            took |= values.len() < before;
            Cut { names: false, emptied: took && values.is_empty(), filled: !values.is_empty(), took }
        }
        Value::Object(members) => of_object(members, words),
        Value::Null | Value::Bool(_) => Cut::default(),
    }
}

fn of_object(members: &mut Map<String, Value>, words: &[String]) -> Cut {
    let mut all = Cut::default();
    for (name, value) in members {
        let one = cut(value, words);
        all.names |= one.names || words.iter().any(|word| !mark::places(name.as_bytes(), word).is_empty());
        all.emptied |= one.emptied;
        all.filled |= one.filled;
        all.took |= one.took;
    }
    all
}

#[cfg(test)]
mod tests {
    use model::erasure::mark::ERASED;

    use super::*;

    const LUCIA: &str = "34600111222";
    const MARCO: &str = "34600999888";

    fn contact(id: &str) -> Value {
        json!({ "profile": { "name": "somebody" }, "wa_id": id })
    }

    fn message(from: &str, text: &str) -> Value {
        json!({ "from": from, "id": "wamid.x", "type": "text", "text": { "body": text } })
    }

    fn change(number: &str, members: &Value) -> Value {
        let mut value = json!({ "metadata": { "phone_number_id": number } });
        value.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        json!({ "field": "messages", "value": value })
    }

    fn body(changes: &[Value]) -> Vec<u8> {
        json!({ "object": "whatsapp_business_account", "entry": [{ "id": "102", "changes": changes }] })
            .to_string()
            .into()
    }

    fn without(body: &[u8], what: What<'_>, in_place: bool) -> Left {
        prune(body, |_, change| number(change) == Some("1"), what, in_place)
    }

    #[test]
    fn only_what_tells_of_the_contact_goes() {
        let words = [LUCIA.to_owned()];
        let both = json!({ "contacts": [contact(LUCIA), contact(MARCO)], "messages": [message(LUCIA, "a"), message(MARCO, "b")] });
        let one = json!({ "contacts": [contact(MARCO)], "messages": [message(MARCO, "b")] });
        let alone = json!({ "contacts": [contact(LUCIA)], "messages": [message(LUCIA, "a")] });
        let status = json!({ "statuses": [{ "id": "wamid.y", "recipient_id": LUCIA, "errors": [{ "code": 1 }] }] });
        let history = json!({ "history": [{ "metadata": { "phase": 0 }, "threads": [{ "id": LUCIA, "messages": [message("1555", "c")] }] }] });
        let cut = |changes: &[Value]| without(&body(changes), What::Words(&words), false);
        assert_eq!(cut(&[change("1", &both)]), Left::Some(body(&[change("1", &one)])));
        assert_eq!(cut(&[change("1", &one)]), Left::All);
        for all in [&alone, &status, &history] {
            assert_eq!(cut(&[change("1", all)]), Left::Nothing, "{all}");
            assert_eq!(cut(&[change("1", all), change("1", &one)]), Left::Some(body(&[change("1", &one)])), "{all}");
            // Another organization's is not ours to cut.
            assert_eq!(cut(&[change("2", all)]), Left::All, "{all}");
        }
        let told = |phone: &str| json!({ "messages": [message(MARCO, &format!("call {phone}"))] });
        assert_eq!(cut(&[change("1", &told(LUCIA))]), Left::Some(body(&[change("1", &told(ERASED))])));
    }

    #[test]
    fn of_two_organizations_one_stays() {
        let said = json!({ "messages": [message(LUCIA, "a")] });
        let (ours, theirs) = (change("1", &said), change("2", &said));
        let of = |changes: &[Value]| without(&body(changes), What::Changes, false);
        assert_eq!(of(&[ours.clone(), theirs.clone()]), Left::Some(body(std::slice::from_ref(&theirs))));
        assert_eq!(of(std::slice::from_ref(&ours)), Left::Nothing);
        assert_eq!(of(&[theirs]), Left::All);
        assert_eq!(without(b"not JSON", What::Changes, false), Left::Nothing);
    }

    #[test]
    fn changes_keep_their_places_where_others_know_them_by_those() {
        let (words, said) = ([LUCIA.to_owned()], json!({ "messages": [message(LUCIA, "a")] }));
        let (hers, his) = (change("1", &said), change("1", &json!({ "messages": [message(MARCO, "b")] })));
        let blank = json!({ "field": "messages", "value": {} });
        let left = without(&body(&[hers, his.clone()]), What::Words(&words), true);
        assert_eq!(left, Left::Some(body(&[blank, his])));
    }
}
