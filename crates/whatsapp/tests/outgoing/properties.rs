//! Any JSON, any damage to a good body.

use proptest::prelude::*;
use serde_json::{Value, json};
use whatsapp::outgoing::{check, fill, recipient};

use crate::bad::assert_well_said;
use crate::good::bodies;

/// The members and words that the reader looks at, so that arbitrary values meet its code.
static KEYS: [&str; 56] = [
    "type",
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
    "template",
    "context",
    "category",
    "body",
    "header",
    "footer",
    "action",
    "buttons",
    "button",
    "sections",
    "rows",
    "cards",
    "card_index",
    "parameters",
    "components",
    "name",
    "language",
    "code",
    "sub_type",
    "index",
    "id",
    "link",
    "caption",
    "latitude",
    "longitude",
    "message_id",
    "emoji",
    "title",
    "reply",
    "url",
    "display_text",
    "product_items",
    "catalog_id",
    "product_retailer_id",
    "currency",
    "date_time",
    "payload",
    "parameter_name",
    "format",
    "formatted_name",
    "phones",
    "limited_time_offer",
    "recipient_type",
    "ttl_seconds",
    "product",
];
static WORDS: [&str; 26] = [
    "",
    "text",
    "image",
    "document",
    "interactive",
    "template",
    "button",
    "list",
    "cta_url",
    "carousel",
    "flow",
    "product",
    "url",
    "quick_reply",
    "copy_code",
    "header",
    "BODY",
    "BUTTONS",
    "URL",
    "CAROUSEL",
    "payload",
    "utility",
    "0",
    "https://a.b",
    "{{1}} {{name}}",
    "a\u{0}b",
];

fn any_json() -> impl Strategy<Value = Value> {
    crate::any_json::any_json(&KEYS, &WORDS, -2..12_i64, (7, 96))
}

fn damaged() -> impl Strategy<Value = Value> {
    damage(bodies().into_iter().map(|(body, ..)| body).collect(), any_json())
}

/// One of these bodies, where some values are others, some are gone and some are new.
pub(crate) fn damage(bodies: Vec<Value>, any_json: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let blow = (any::<prop::sample::Index>(), any_json, 0..3_u8);
    (any::<prop::sample::Index>(), prop::collection::vec(blow, 0..4)).prop_map(move |(which, blows)| {
        let mut body = which.get(&bodies).clone();
        for (at, value, how) in blows {
            let mut places = Vec::new();
            pointers(&body, String::new(), &mut places);
            let hit = body.pointer_mut(&places[at.index(places.len())]).unwrap();
            match (how, hit) {
                (0, Value::Object(members)) => {
                    members.insert("tilte".to_owned(), value);
                }
                (1, Value::Array(list)) if list.len() < 20 => list.extend(list.clone()),
                (_, hit) => *hit = value,
            }
        }
        body
    })
}

fn pointers(value: &Value, here: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                pointers(member, format!("{here}/{}", key.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(list) => {
            for (n, element) in list.iter().enumerate() {
                pointers(element, format!("{here}/{n}"), places);
            }
        }
        _ => {}
    }
    places.push(here);
}

/// It is taken and taken again the same, or refused twice the same in good words.
fn assert_settled(body: &Value) {
    match check(body) {
        Ok(out) => {
            assert_eq!(check(&out.body).as_ref(), Ok(&out), "{body}");
            assert_eq!(out.body["type"], out.kind.as_str());
            assert!(!out.body.to_string().contains("\\u0000"), "{body}");
            assert!(out.media.iter().all(|used| out.body.pointer(&used.place).is_some_and(Value::is_object)));
            if let Some(template) = &out.template {
                let _ = fill(&json!([{"type": "BODY", "text": "{{1}}"}]), &template.parameters);
            }
        }
        Err(problems) => {
            problems.iter().for_each(assert_well_said);
            assert_eq!(check(body), Err(problems));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_is_judged(body in any_json()) {
        assert_settled(&body);
    }

    #[test]
    fn any_content_is_judged(kind in prop::sample::select(&["text", "image", "location", "contacts", "interactive", "template"][..]), content in any_json()) {
        assert_settled(&json!({"type": kind, kind: content}));
    }

    #[test]
    fn any_damage_is_judged(body in damaged()) {
        assert_settled(&body);
    }

    #[test]
    fn any_template_is_filled_or_refused(template in any_json(), components in any_json(), body in damaged()) {
        for parameters in [&components, &body["template"]["components"]] {
            if let Err(problems) = fill(&template, parameters) {
                problems.iter().for_each(assert_well_said);
            }
        }
    }

    #[test]
    fn any_text_is_filled(text in r"(\{\{|\}\}|\{|\}|[12ab ñ]){0,20}", value in ".{1,8}") {
        let template = json!([{"type": "BODY", "text": text}]);
        let _ = fill(&template, &json!([{"type": "body", "parameters": [{"type": "text", "text": value}]}]));
    }

    #[test]
    fn any_recipient_is_read_or_refused(to in r"(\PC|[+0-9() -]){0,20}") {
        match recipient(&to) {
            Ok(read) => prop_assert_eq!(recipient(&to), Ok(read)),
            Err(problem) => assert_well_said(&problem),
        }
    }
}
