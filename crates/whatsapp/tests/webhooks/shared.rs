//! The fixtures shared by all parts of the project, if they are there.

use std::collections::BTreeMap;

use serde_json::Value;
use whatsapp::webhook::{Effect, Item, Part, parse, peek_only_statuses, peek_phone_number_id};

use crate::show::{changes, fixtures, items};

fn shared() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/whatsapp/fixtures/webhooks");
    let found = fixtures(folder);
    if found.is_empty() {
        eprintln!("SKIPPED shared fixtures: {folder}");
    }
    found
}

/// Counts each id of a message, status or echo: under `messages` and the like, at any depth.
fn ids_of(value: &Value, ids: &mut BTreeMap<String, usize>) {
    match value {
        Value::Object(map) => {
            for (key, member) in map {
                if ["messages", "statuses", "message_echoes"].contains(&key.as_str()) {
                    for element in member.as_array().into_iter().flatten() {
                        *ids.entry(element["id"].as_str().unwrap().to_owned()).or_default() += 1;
                    }
                } else {
                    ids_of(member, ids);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|element| ids_of(element, ids)),
        _ => {}
    }
}

#[test]
fn nothing_is_bad_and_nothing_is_lost() {
    for (name, body) in shared() {
        let mut expected = BTreeMap::new();
        ids_of(&serde_json::from_slice(&body).unwrap(), &mut expected);
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        let parts = parse(&body);
        assert!(!parts.is_empty(), "{name}");
        for part in &parts {
            let Part::Change(change) = part else { panic!("{name}: {part:?}") };
            assert!(!change.field.is_empty(), "{name}");
            assert!(!change.items.is_empty(), "{name}");
            for item in &change.items {
                let id = match item {
                    Item::Message(message) if message.kind == "call" => continue,
                    Item::Message(message) => message.wamid.clone(),
                    Item::Status(status) => status.wamid.clone(),
                    Item::Bad(bad) => panic!("{name}: {bad:?}"),
                    _ => continue,
                };
                *found.entry(id).or_default() += 1;
            }
        }
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn changes_come_back_the_same() {
    for (name, body) in shared() {
        for change in changes(&parse(&body)) {
            let again = parse(&change.to_body());
            let [Part::Change(same)] = again.as_slice() else { panic!("{name}: {again:?}") };
            assert_eq!(same.items, change.items, "{name}");
            assert_eq!(same.waba_ids, change.waba_ids, "{name}");
            assert_eq!(same.phone_number_id, change.phone_number_id, "{name}");
        }
    }
}

#[test]
fn a_glance_agrees_with_the_whole() {
    for (name, body) in shared() {
        let peeked = peek_phone_number_id(&body).map(|id| String::from_utf8(id.to_vec()).unwrap());
        let parsed = changes(&parse(&body)).find_map(|change| change.phone_number_id.clone());
        assert_eq!(peeked, parsed, "{name}");
        let told = items(&body);
        let is_all_statuses = !told.is_empty() && told.iter().all(|item| matches!(item, Item::Status(_)));
        assert!(is_all_statuses || !peek_only_statuses(&body), "{name}");
    }
}

#[test]
fn every_message_has_somebody_and_a_text() {
    for (name, body) in shared() {
        for item in items(&body) {
            let Item::Message(message) = item else {
                continue;
            };
            assert!(!message.party.is_empty(), "{name}");
            let silent = matches!(message.effect, Effect::Reaction { emoji: None, .. });
            assert_eq!(message.text.is_empty(), silent, "{name}");
            assert!(!message.text.starts_with('['), "{name}: {}", message.text);
        }
    }
}

#[test]
fn well_known_shapes_read_as_expected() {
    let fixtures: BTreeMap<String, Vec<u8>> = shared().into_iter().collect();
    let fields = [
        ("account-update-partner-app-installed-app-only", "account_update"),
        ("account-update-partner-app-uninstalled-misplaced-field", "account_update"),
    ];
    let texts = [
        ("text", "Does it come in another color?"),
        ("image-caption", "Taj Mahal"),
        ("image-no-caption", "📷"),
        ("audio-voice", "🎤"),
        ("sticker-static", "💟"),
        ("document-with-url-doc", "my receipt"),
        ("location-live-no-name", "📍 12.25089, 43.90539"),
        ("location-named", "📍 Philz Coffee, 101 Forest Ave, Palo Alto, CA 94301"),
        ("contacts-several", "👤 Chandler Bing, Monica, Rachel Green"),
        ("interactive-button-reply", "Cancel"),
        ("interactive-list-reply", "Priority Mail Express"),
        (
            "interactive-nfm-reply-flow",
            "📝 comment_text: Comment Text\ndelivery_rating: 4\npurchase_rating: 2\nrecommend_radio: 0\ncs_rating: 0",
        ),
        ("interactive-call-permission-accept", "📞 accept"),
        ("button-template-quick-reply", "Unsubscribe"),
        ("order-doc", "🛒 2 × di9ozbzfi4, 1 × nqryix03ez\nLove these!"),
        ("reaction", "👍"),
        ("reaction-removed-empty-emoji", ""),
        ("edit-image", "Updated image caption"),
        ("revoke", "🚫"),
        ("system-user-changed-number", "User Sheena Nelson changed from 16505551234 to 12195555358"),
        ("unsupported-131051", "⚠️ Message type unknown"),
        ("unsupported-doc", "⚠️ edit"),
        ("unknown-type-131051-old-shape", "⚠️ Unsupported message type"),
        ("standby-echo-text", "Hello! Your order #12345 has shipped."),
        ("calls-connect-user-initiated", "📞 connect"),
    ];
    if fixtures.is_empty() {
        return;
    }
    for (name, field) in fields {
        let parts = parse(&fixtures[name]);
        assert!(changes(&parts).all(|change| change.field == field), "{name}");
    }
    for (name, text) in texts {
        let texts: Vec<String> = items(&fixtures[name])
            .into_iter()
            .filter_map(|item| match item {
                Item::Message(message) => Some(message.text),
                _ => None,
            })
            .collect();
        assert_eq!(texts, [text], "{name}");
    }
}
