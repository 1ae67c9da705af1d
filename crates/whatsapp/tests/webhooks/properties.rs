//! Any JSON, and any damage to a good body.

use proptest::prelude::*;
use serde_json::{Value, json};
use whatsapp::webhook::{Item, Part, parse, peek_phone_number_id};

use crate::show::own_fixtures;

/// Every member name that the reader looks at, so that arbitrary values meet its code.
static KEYS: [&str; 52] = [
    "id",
    "type",
    "from",
    "to",
    "from_user_id",
    "to_user_id",
    "timestamp",
    "text",
    "body",
    "image",
    "caption",
    "audio",
    "location",
    "name",
    "contacts",
    "profile",
    "wa_id",
    "user_id",
    "username",
    "interactive",
    "button_reply",
    "nfm_reply",
    "order",
    "product_items",
    "reaction",
    "message_id",
    "emoji",
    "edit",
    "message",
    "original_message_id",
    "system",
    "context",
    "errors",
    "messages",
    "statuses",
    "status",
    "recipient_id",
    "conversation",
    "pricing",
    "standby",
    "message_echoes",
    "history",
    "threads",
    "metadata",
    "phone_number_id",
    "state_sync",
    "calls",
    "groups",
    "event",
    "message_template_id",
    "display_phone_number",
    "user_id_update",
];

static WORDS: [&str; 12] = [
    "",
    "text",
    "system",
    "edit",
    "user_changed_number",
    "16505551234",
    "US.1",
    "wamid.A",
    "group",
    "APPROVED",
    "1790000000",
    "a\u{0}b",
];

fn any_json() -> impl Strategy<Value = Value> {
    crate::any_json::any_json(&KEYS, &WORDS, any::<i64>(), (6, 64))
}

const FIELDS: [&str; 9] = [
    "messages",
    "standby",
    "history",
    "calls",
    "smb_message_echoes",
    "user_id_update",
    "message_template_status_update",
    "group_lifecycle_update",
    "anything",
];

/// A change to its body and back says the same, and so does each bad part.
fn check(body: &[u8]) {
    peek_phone_number_id(body);
    for part in parse(body) {
        match part {
            Part::Bad(bad) => {
                let again = parse(&bad.body);
                let same = matches!(&again[..], [Part::Bad(b)] if b.reason == bad.reason);
                assert!(same, "{again:?}");
            }
            Part::Change(change) => {
                let again = parse(&change.to_body());
                let [Part::Change(same)] = &again[..] else { panic!("{again:?}") };
                assert_eq!(same.items, change.items);
                assert_eq!(same.field, change.field);
                assert_eq!(same.waba_ids, change.waba_ids);
                for item in &change.items {
                    no_nul(item);
                }
            }
        }
    }
}

fn no_nul(item: &Item) {
    if let Item::Message(message) = item {
        let party = &message.party;
        let typed =
            [Some(&message.wamid), Some(&message.text), Some(&message.kind), party.name.as_ref(), party.wa_id.as_ref()];
        assert!(typed.into_iter().flatten().all(|text| !text.contains('\0')), "{message:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_is_read(value in any_json(), field in prop::sample::select(&FIELDS[..])) {
        let change = json!({"field": field, "value": value});
        let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change, value]}, value]});
        check(&serde_json::to_vec(&body).unwrap());
        check(&serde_json::to_vec(&value).unwrap());
    }

    #[test]
    fn any_message_is_read(messages in prop::collection::vec(any_json(), 1..4), contacts in any_json()) {
        for value in [
            json!({"messages": messages, "contacts": contacts}),
            json!({"standby": {"message_echoes": messages, "contacts": contacts}}),
            json!({"history": [{"threads": [{"id": "1", "messages": messages}]}]}),
            json!({"metadata": {"display_phone_number": "1"}, "calls": messages, "groups": messages, "statuses": messages}),
        ] {
            let field = value.as_object().unwrap().keys().next().unwrap().clone();
            let body = json!({"entry": [{"changes": [{"field": field, "value": value}]}]});
            check(&serde_json::to_vec(&body).unwrap());
        }
    }

    #[test]
    fn any_damage_is_survived(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let fixtures = own_fixtures();
        let mut body = which.get(&fixtures).1.clone();
        for (at, byte, how) in damage {
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                2 if body.len() > 1 => { body.remove(at); }
                // Quotes, brackets and digits keep more of the damage within JSON.
                _ => body[at] = b"\"{}[]:,019ntf\\u"[usize::from(byte) % 15],
            }
        }
        check(&body);
    }

    #[test]
    fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&body);
    }
}
