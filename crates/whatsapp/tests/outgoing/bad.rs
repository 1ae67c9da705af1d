//! Bad bodies: which field, which rule, and words in both languages.

use serde_json::{Value, json};
use whatsapp::outgoing::{Problem, Problems, Rule, check};

use crate::good::{interactive, template};

/// What every problem owes to the person who reads it.
pub(crate) fn assert_well_said(problem: &Problem) {
    let Problem { field, en, es, .. } = problem;
    assert!(!en.is_empty() && !es.is_empty() && en != es, "{problem:?}");
    for words in [en, es] {
        assert!(words.starts_with(&format!("`{field}` ")), "{problem:?}");
        assert!(words.ends_with(['.', '?']), "{problem:?}");
    }
}

pub(crate) fn found(problems: &Problems) -> Vec<(&str, Rule)> {
    problems.iter().for_each(assert_well_said);
    problems.iter().map(|problem| (problem.field.as_str(), problem.rule)).collect()
}

/// A body has exactly these problems, in this order.
fn assert_bad(body: &Value, expected: &[(&str, Rule)]) {
    match check(body) {
        Ok(out) => panic!("{body} is taken as {out:?}"),
        Err(problems) => assert_eq!(found(&problems), expected, "{body}"),
    }
}

fn long(characters: usize) -> String {
    "ñ".repeat(characters)
}

#[test]
fn envelopes() {
    let text = json!({"body": "Hi"});
    for (body, expected) in [
        (json!(null), vec![("$", Rule::WrongType)]),
        (json!([]), vec![("$", Rule::WrongType)]),
        (json!({}), vec![("text", Rule::Missing)]),
        (json!({"type": "txet", "text": text}), vec![("type", Rule::NotOneOf)]),
        (json!({"type": 1, "text": text}), vec![("type", Rule::WrongType)]),
        (json!({"type": "pin", "pin": {}}), vec![("type", Rule::Unsupported)]),
        (json!({"image": {"id": "1"}}), vec![("type", Rule::Missing)]),
        (json!({"type": "image", "text": text}), vec![("image", Rule::Missing), ("text", Rule::NotAllowed)]),
        (json!({"type": "text", "text": text, "image": {}}), vec![("image", Rule::NotAllowed)]),
        (json!({"text": text, "contxt": {"message_id": "wamid.A"}}), vec![("contxt", Rule::UnknownKey)]),
        (json!({"text": text, "recipient_type": "group"}), vec![("recipient_type", Rule::Unsupported)]),
        (json!({"text": text, "recipient_type": "all"}), vec![("recipient_type", Rule::NotOneOf)]),
        (json!({"text": text, "context": {}}), vec![("context.message_id", Rule::Missing)]),
        (json!({"text": text, "context": "wamid.A"}), vec![("context", Rule::WrongType)]),
        (json!({"text": text, "context": {"message_id": "w", "from": "1"}}), vec![("context.from", Rule::UnknownKey)]),
        (
            json!({"text": text, "biz_opaque_callback_data": long(513)}),
            vec![("biz_opaque_callback_data", Rule::TooLong)],
        ),
        (json!({"status": "read", "message_id": "wamid.A"}), vec![("status", Rule::NotAllowed)]),
    ] {
        assert_bad(&body, &expected);
    }
}

#[test]
fn direct_send() {
    let text = json!({"body": "Hi"});
    for (body, expected) in [
        (json!({"text": text, "category": "marketing"}), vec![("category", Rule::NotOneOf)]),
        (json!({"text": {"body": long(1025)}, "category": "utility"}), vec![("text.body", Rule::TooLong)]),
        (json!({"text": text, "ttl_seconds": 60}), vec![("ttl_seconds", Rule::NotAllowed)]),
        (json!({"text": text, "category": "utility", "ttl_seconds": 43_201}), vec![("ttl_seconds", Rule::OutOfRange)]),
        (
            json!({"text": text, "category": "authentication", "ttl_seconds": 901}),
            vec![("ttl_seconds", Rule::OutOfRange)],
        ),
        (
            json!({"text": text, "category": "authentication", "direct_send_config": {"template_name": "a"}}),
            vec![("direct_send_config", Rule::NotAllowed)],
        ),
        (
            json!({"text": text, "category": "utility", "direct_send_config": {"template_name": "A b"}}),
            vec![("direct_send_config.template_name", Rule::Format)],
        ),
        (json!({"type": "image", "image": {"id": "1"}, "category": "utility"}), vec![("category", Rule::NotAllowed)]),
    ] {
        assert_bad(&body, &expected);
    }
    let mut body = interactive("location_request_message", json!({"name": "send_location"}));
    body["category"] = json!("utility");
    assert_bad(&body, &[("category", Rule::NotAllowed)]);
}

#[test]
fn texts_and_files() {
    for (body, expected) in [
        (json!({"text": "Hi"}), vec![("text", Rule::WrongType)]),
        (json!({"text": {}}), vec![("text.body", Rule::Missing)]),
        (json!({"text": {"body": null}}), vec![("text.body", Rule::Missing)]),
        (json!({"text": {"body": " \n"}}), vec![("text.body", Rule::Empty)]),
        (json!({"text": {"body": "\u{0}"}}), vec![("text.body", Rule::Empty)]),
        (json!({"text": {"body": 5}}), vec![("text.body", Rule::WrongType)]),
        (json!({"text": {"body": long(4097)}}), vec![("text.body", Rule::TooLong)]),
        (json!({"text": {"body": "Hi", "preview_url": "true"}}), vec![("text.preview_url", Rule::WrongType)]),
        (json!({"text": {"boddy": "Hi"}}), vec![("text.body", Rule::Missing), ("text.boddy", Rule::UnknownKey)]),
        (json!({"type": "image", "image": {}}), vec![("image", Rule::Missing)]),
        (json!({"type": "image", "image": {"id": "1", "link": "https://a.b"}}), vec![("image", Rule::Conflict)]),
        (json!({"type": "image", "image": {"link": "a.b/c.png"}}), vec![("image.link", Rule::Format)]),
        (json!({"type": "image", "image": {"id": "1", "caption": long(1025)}}), vec![("image.caption", Rule::TooLong)]),
        (json!({"type": "image", "image": {"id": 1.5}}), vec![("image.id", Rule::WrongType)]),
        (json!({"type": "image", "image": {"id": ""}}), vec![("image.id", Rule::Empty)]),
        (json!({"type": "image", "image": {"id": long(513)}}), vec![("image.id", Rule::TooLong)]),
        (json!({"type": "video", "video": {"id": "1", "filename": "x"}}), vec![("video.filename", Rule::UnknownKey)]),
        (json!({"type": "audio", "audio": {"id": "1", "caption": "x"}}), vec![("audio.caption", Rule::UnknownKey)]),
        (json!({"type": "audio", "audio": {"id": "1", "voice": 1}}), vec![("audio.voice", Rule::WrongType)]),
        (
            json!({"type": "document", "document": {"id": "1", "filename": 5}}),
            vec![("document.filename", Rule::WrongType)],
        ),
        (
            json!({"type": "sticker", "sticker": {"id": "1", "caption": "x"}}),
            vec![("sticker.caption", Rule::UnknownKey)],
        ),
    ] {
        assert_bad(&body, &expected);
    }
}

#[test]
fn places_cards_and_reactions() {
    let named = json!({"formatted_name": "Ana"});
    for (body, expected) in [
        (
            json!({"type": "location", "location": {"latitude": 91, "longitude": "-181"}}),
            vec![("location.latitude", Rule::OutOfRange), ("location.longitude", Rule::OutOfRange)],
        ),
        (
            json!({"type": "location", "location": {"latitude": "north"}}),
            vec![("location.latitude", Rule::WrongType), ("location.longitude", Rule::Missing)],
        ),
        (
            json!({"type": "location", "location": {"latitude": "NaN", "longitude": 0}}),
            vec![("location.latitude", Rule::WrongType)],
        ),
        (json!({"type": "contacts", "contacts": {}}), vec![("contacts", Rule::WrongType)]),
        (json!({"type": "contacts", "contacts": []}), vec![("contacts", Rule::TooFew)]),
        (json!({"type": "contacts", "contacts": vec![json!({"name": named}); 258]}), vec![("contacts", Rule::TooMany)]),
        (json!({"type": "contacts", "contacts": [{}]}), vec![("contacts[0].name", Rule::Missing)]),
        (
            json!({"type": "contacts", "contacts": [{"name": named}, {"name": {"first_name": "B"}}]}),
            vec![("contacts[1].name.formatted_name", Rule::Missing)],
        ),
        (
            json!({"type": "contacts", "contacts": [{"name": named, "birthday": "23/01/1999", "phones": [{"number": "1"}]}]}),
            vec![("contacts[0].phones[0].number", Rule::UnknownKey), ("contacts[0].birthday", Rule::Format)],
        ),
        (json!({"type": "reaction", "reaction": {"message_id": "wamid.A"}}), vec![("reaction.emoji", Rule::Missing)]),
        (
            json!({"type": "reaction", "reaction": {"message_id": "wamid.A", "emoji": "x"}, "context": {"message_id": "w"}}),
            vec![("context", Rule::NotAllowed)],
        ),
    ] {
        assert_bad(&body, &expected);
    }
}

#[test]
fn buttons_and_lists() {
    let button = |id: &str, title: &str| json!({"type": "reply", "reply": {"id": id, "title": title}});
    let row = |id: &str| json!({"id": id, "title": "T"});
    let buttons = |buttons: Value| interactive("button", json!({"buttons": buttons}));
    let list = |sections: Value| interactive("list", json!({"button": "Open", "sections": sections}));
    let at = |rest: &str| format!("interactive.action.{rest}");
    let rows: Vec<Value> = (0..11).map(|n| row(&n.to_string())).collect();
    for (body, expected) in [
        (buttons(json!([])), vec![("buttons", Rule::TooFew)]),
        (buttons(json!(["a", "b", "c", "d"].map(|id| button(id, id)))), vec![("buttons", Rule::TooMany)]),
        (
            buttons(json!([button("a", "A"), button("a", "A")])),
            vec![("buttons[1].reply.id", Rule::Duplicate), ("buttons[1].reply.title", Rule::Duplicate)],
        ),
        (
            buttons(json!([button(&long(257), &long(21))])),
            vec![("buttons[0].reply.id", Rule::TooLong), ("buttons[0].reply.title", Rule::TooLong)],
        ),
        (
            buttons(json!([{"type": "url", "reply": {"id": "a", "title": "A"}}])),
            vec![("buttons[0].type", Rule::NotOneOf)],
        ),
        (buttons(json!(["a"])), vec![("buttons[0]", Rule::WrongType)]),
        (list(json!([{"rows": rows}])), vec![("sections", Rule::TooMany)]),
        (list(json!([{"rows": []}])), vec![("sections[0].rows", Rule::TooFew)]),
        (
            list(json!([{"rows": [row("a")]}, {"title": "S", "rows": [row("a")]}])),
            vec![("sections[0].title", Rule::Missing), ("sections[1].rows[0].id", Rule::Duplicate)],
        ),
        (
            list(json!([{"title": long(25), "rows": [{"id": long(201), "title": long(25), "description": long(73)}]}])),
            vec![
                ("sections[0].title", Rule::TooLong),
                ("sections[0].rows[0].id", Rule::TooLong),
                ("sections[0].rows[0].title", Rule::TooLong),
                ("sections[0].rows[0].description", Rule::TooLong),
            ],
        ),
        (
            interactive("list", json!({"button": long(21), "sections": [{"rows": [row("a")]}]})),
            vec![("button", Rule::TooLong)],
        ),
    ] {
        let expected: Vec<(String, Rule)> = expected.into_iter().map(|(field, rule)| (at(field), rule)).collect();
        let expected: Vec<(&str, Rule)> = expected.iter().map(|(field, rule)| (field.as_str(), *rule)).collect();
        assert_bad(&body, &expected);
    }
}

#[test]
fn frames_of_interactive_messages() {
    let action = json!({"name": "cta_url", "parameters": {"display_text": "Go", "url": "https://a.b"}});
    let with = |key: &str, value: Value| {
        let mut body = interactive("cta_url", action.clone());
        body["interactive"][key] = value;
        body
    };
    let in_list = |header: Value| {
        let mut body = interactive("list", json!({"button": "B", "sections": [{"rows": [{"id": "1", "title": "T"}]}]}));
        body["interactive"]["header"] = header;
        body
    };
    let product = json!({"catalog_id": "7", "product_retailer_id": "p"});
    for (body, expected) in [
        (json!({"type": "interactive", "interactive": {}}), vec![("interactive.type", Rule::Missing)]),
        (
            json!({"type": "interactive", "interactive": {"type": "buttons"}}),
            vec![("interactive.type", Rule::NotOneOf)],
        ),
        (with("body", json!(null)), vec![("interactive.body", Rule::Missing)]),
        (with("body", json!({"text": long(1025)})), vec![("interactive.body.text", Rule::TooLong)]),
        (with("footer", json!({"text": long(61)})), vec![("interactive.footer.text", Rule::TooLong)]),
        (with("header", json!({"type": "text", "text": long(61)})), vec![("interactive.header.text", Rule::TooLong)]),
        (with("header", json!({"type": "audio"})), vec![("interactive.header.type", Rule::NotOneOf)]),
        (with("header", json!({"type": "image", "image": {}})), vec![("interactive.header.image", Rule::Missing)]),
        (with("header", json!({"text": "H"})), vec![("interactive.header.type", Rule::Missing)]),
        (with("bdoy", json!({})), vec![("interactive.bdoy", Rule::UnknownKey)]),
        (with("action", json!(null)), vec![("interactive.action", Rule::Missing)]),
        (in_list(json!({"type": "image", "image": {"id": "1"}})), vec![("interactive.header.type", Rule::NotOneOf)]),
        (
            interactive(
                "product_list",
                json!({"catalog_id": "7", "sections": [{"product_items": [{"product_retailer_id": "p"}]}]}),
            ),
            vec![("interactive.header", Rule::Missing)],
        ),
        (
            json!({"type": "interactive", "interactive": {"type": "product", "header": {"type": "text", "text": "H"}, "action": product}}),
            vec![("interactive.header", Rule::NotAllowed)],
        ),
    ] {
        assert_bad(&body, &expected);
    }
}

#[test]
fn actions_of_interactive_messages() {
    let flow = |parameters: Value| interactive("flow", json!({"name": "flow", "parameters": parameters}));
    let call = |parameters: Value| interactive("voice_call", json!({"name": "voice_call", "parameters": parameters}));
    let p = "interactive.action.parameters";
    let product = json!({"product_retailer_id": "p"});
    let many = json!([{"title": "S", "product_items": vec![product.clone(); 16]}, {"title": "T", "product_items": vec![product; 15]}]);
    let mut products = interactive("product_list", json!({"catalog_id": "7", "sections": many}));
    products["interactive"]["header"] = json!({"type": "text", "text": "H"});
    for (body, expected) in [
        (
            interactive("cta_url", json!({"name": "url", "parameters": {"display_text": long(21), "url": "a.b"}})),
            vec![
                ("interactive.action.name".to_owned(), Rule::NotOneOf),
                (format!("{p}.display_text"), Rule::TooLong),
                (format!("{p}.url"), Rule::Format),
            ],
        ),
        (
            flow(json!({"flow_message_version": "2", "flow_cta": "x", "flow_id": "1"})),
            vec![(format!("{p}.flow_message_version"), Rule::NotOneOf)],
        ),
        (flow(json!({"flow_message_version": "3", "flow_cta": "x"})), vec![(format!("{p}.flow_id"), Rule::Missing)]),
        (
            flow(json!({"flow_message_version": "3", "flow_cta": "x", "flow_id": "1", "flow_name": "n"})),
            vec![(format!("{p}.flow_id"), Rule::Conflict)],
        ),
        (
            flow(
                json!({"flow_message_version": "3", "flow_cta": "x", "flow_id": "1", "flow_action": "go", "flow_action_payload": {"data": {}}}),
            ),
            vec![
                (format!("{p}.flow_action"), Rule::NotOneOf),
                (format!("{p}.flow_action_payload.screen"), Rule::Missing),
                (format!("{p}.flow_action_payload.data"), Rule::Empty),
            ],
        ),
        (call(json!({"ttl_minutes": 0})), vec![(format!("{p}.ttl_minutes"), Rule::OutOfRange)]),
        (call(json!({"ttl_minutes": "soon"})), vec![(format!("{p}.ttl_minutes"), Rule::WrongType)]),
        (
            interactive("location_request_message", json!({})),
            vec![("interactive.action.name".to_owned(), Rule::Missing)],
        ),
        (
            interactive("address_message", json!({"name": "address_message", "parameters": {"country": "ES"}})),
            vec![(format!("{p}.country"), Rule::NotOneOf)],
        ),
        (
            interactive("request_contact_info", json!({"name": "contact_request"})),
            vec![("interactive.action.name".to_owned(), Rule::NotOneOf)],
        ),
        (products, vec![("interactive.action.sections".to_owned(), Rule::TooMany)]),
        (
            interactive(
                "order_details",
                json!({"name": "review_and_pay", "parameters": {"reference_id": "r", "currency": "rupee", "total_amount": {"value": 1}}}),
            ),
            vec![(format!("{p}.currency"), Rule::Format), (format!("{p}.total_amount.offset"), Rule::Missing)],
        ),
        (
            interactive(
                "order_status",
                json!({"name": "review_order", "parameters": {"reference_id": 36, "order": {}}}),
            ),
            vec![(format!("{p}.reference_id"), Rule::WrongType), (format!("{p}.order.status"), Rule::Missing)],
        ),
    ] {
        let expected: Vec<(&str, Rule)> = expected.iter().map(|(field, rule)| (field.as_str(), *rule)).collect();
        assert_bad(&body, &expected);
    }
}

#[test]
fn carousels() {
    let card = |index: Value, changed: Value| {
        let mut card = json!({"card_index": index, "type": "cta_url", "header": {"type": "image", "image": {"id": "1"}},
            "action": {"name": "cta_url", "parameters": {"display_text": "Go", "url": "https://a.b"}}});
        for (key, value) in changed.as_object().into_iter().flatten() {
            card[key] = value.clone();
        }
        card
    };
    let replies = json!({"buttons": [{"type": "quick_reply", "quick_reply": {"id": "a", "title": "A"}}]});
    let video = json!({"type": "video", "video": {"id": "1"}});
    let first = card(json!(0), json!({}));
    let product = |catalog: &str, n: u8| json!({"card_index": n, "type": "product", "action": {"product_retailer_id": "p", "catalog_id": catalog}});
    for (cards, expected) in [
        (json!([first]), vec![("", Rule::TooFew)]),
        (json!([first, card(json!("0"), json!({}))]), vec![("[1].card_index", Rule::Duplicate)]),
        (json!([first, card(json!(10), json!({}))]), vec![("[1].card_index", Rule::OutOfRange)]),
        (json!([first, card(json!(1), json!({"action": replies}))]), vec![("[1]", Rule::Mismatch)]),
        (json!([first, card(json!(1), json!({"header": video}))]), vec![("[1]", Rule::Mismatch)]),
        (json!([product("7", 0), product("8", 1)]), vec![("[1]", Rule::Mismatch)]),
        (json!([first, card(json!(1), json!({"header": null}))]), vec![("[1].header", Rule::Missing)]),
        (json!([first, card(json!(1), json!({"body": {"text": long(161)}}))]), vec![("[1].body.text", Rule::TooLong)]),
        (
            json!([first, card(json!(1), json!({"body": {"text": "a\nb\nc\nd"}}))]),
            vec![("[1].body.text", Rule::Format)],
        ),
        (json!([first, card(json!(1), json!({"type": "text"}))]), vec![("[1].type", Rule::NotOneOf)]),
    ] {
        let expected: Vec<(String, Rule)> =
            expected.into_iter().map(|(field, rule)| (format!("interactive.action.cards{field}"), rule)).collect();
        let expected: Vec<(&str, Rule)> = expected.iter().map(|(field, rule)| (field.as_str(), *rule)).collect();
        assert_bad(&interactive("carousel", json!({"cards": cards})), &expected);
    }
}

#[test]
fn templates() {
    for (given, expected) in [
        (json!({}), vec![("template.name", Rule::Missing), ("template.language", Rule::Missing)]),
        (json!({"name": "Order-Sent", "language": {"code": "es"}}), vec![("template.name", Rule::Format)]),
        (json!({"name": long(513), "language": {"code": "es"}}), vec![("template.name", Rule::TooLong)]),
        (json!({"name": "a", "language": "es"}), vec![("template.language", Rule::WrongType)]),
        (json!({"name": "a", "language": {"code": "es-ES"}}), vec![("template.language.code", Rule::Format)]),
        (
            json!({"name": "a", "language": {"code": "es", "policystring": "deterministic"}}),
            vec![("template.language.policystring", Rule::UnknownKey)],
        ),
        (
            json!({"name": "a", "language": {"code": "es"}, "components": {}}),
            vec![("template.components", Rule::WrongType)],
        ),
        (
            json!({"name": "a", "language": {"code": "es"}, "parameters": []}),
            vec![("template.parameters", Rule::UnknownKey)],
        ),
    ] {
        assert_bad(&json!({"type": "template", "template": given}), &expected);
    }
}

#[test]
fn components_of_templates() {
    let body = |parameters: Value| json!([{"type": "body", "parameters": parameters}]);
    let button = |sub_type: &str, parameters: Value| json!([{"type": "button", "sub_type": sub_type, "index": 0, "parameters": parameters}]);
    let x = json!({"type": "text", "text": "x"});
    let named = |name: &str| json!({"type": "text", "text": "x", "parameter_name": name});
    let one = "[0].parameters[0]";
    let coupon = |code: String| button("copy_code", json!([{"type": "coupon_code", "coupon_code": code}]));
    for (components, expected) in [
        (json!(["body"]), vec![("[0]".to_owned(), Rule::WrongType)]),
        (json!([{"type": "buttons"}]), vec![("[0].type".to_owned(), Rule::NotOneOf)]),
        (json!([{"parameters": [x]}]), vec![("[0].type".to_owned(), Rule::Missing)]),
        (json!([{"type": "body"}, {"type": "BODY"}]), vec![("[1].type".to_owned(), Rule::Duplicate)]),
        (json!([{"type": "header", "parameters": [x, x]}]), vec![("[0].parameters".to_owned(), Rule::TooMany)]),
        (body(json!([{"type": "image", "image": {"id": "1"}}])), vec![(format!("{one}.type"), Rule::NotOneOf)]),
        (body(json!([{"type": "text", "text": 9999}])), vec![(format!("{one}.text"), Rule::WrongType)]),
        (body(json!([{"type": "text", "text": ""}])), vec![(format!("{one}.text"), Rule::Empty)]),
        (body(json!([{"type": "text", "text": "a\nb"}])), vec![(format!("{one}.text"), Rule::Format)]),
        (body(json!([{"type": "text", "text": "a     b"}])), vec![(format!("{one}.text"), Rule::Format)]),
        (body(json!([named("a"), x])), vec![("[0].parameters".to_owned(), Rule::Mismatch)]),
        (body(json!([named("a"), named("a")])), vec![("[0].parameters[1].parameter_name".to_owned(), Rule::Duplicate)]),
        (
            body(
                json!([{"type": "currency", "currency": {"fallback_value": "1", "code": "EURO", "amount_1000": 1.5}}]),
            ),
            vec![
                (format!("{one}.currency.code"), Rule::Format),
                (format!("{one}.currency.amount_1000"), Rule::WrongType),
            ],
        ),
        (
            body(json!([{"type": "date_time", "date_time": {}}])),
            vec![(format!("{one}.date_time.fallback_value"), Rule::Missing)],
        ),
        (
            json!([{"type": "button", "sub_type": "url", "parameters": [x]}]),
            vec![("[0].index".to_owned(), Rule::Missing)],
        ),
        (
            json!([{"type": "button", "sub_type": "url", "index": "ten"}]),
            vec![("[0].index".to_owned(), Rule::WrongType)],
        ),
        (json!([{"type": "button", "sub_type": "url", "index": 10}]), vec![("[0].index".to_owned(), Rule::OutOfRange)]),
        (button("link", json!([x])), vec![("[0].sub_type".to_owned(), Rule::NotOneOf)]),
        (button("url", json!([{"type": "payload", "payload": "p"}])), vec![(format!("{one}.type"), Rule::NotOneOf)]),
        (coupon(long(21)), vec![(format!("{one}.coupon_code"), Rule::TooLong)]),
        (
            json!([{"type": "button", "sub_type": "url", "index": 0}, {"type": "button", "sub_type": "url", "index": "0"}]),
            vec![("[1].index".to_owned(), Rule::Duplicate)],
        ),
        (json!([{"type": "carousel", "cards": []}]), vec![("[0].cards".to_owned(), Rule::TooFew)]),
        (
            json!([{"type": "carousel", "cards": [{"card_index": 0, "components": [{"type": "carousel", "cards": []}]}]}]),
            vec![("[0].cards[0].components[0].type".to_owned(), Rule::NotOneOf)],
        ),
        (json!([{"type": "limited_time_offer"}]), vec![("[0].parameters".to_owned(), Rule::Missing)]),
    ] {
        let expected: Vec<(String, Rule)> =
            expected.into_iter().map(|(field, rule)| (format!("template.components{field}"), rule)).collect();
        let expected: Vec<(&str, Rule)> = expected.iter().map(|(field, rule)| (field.as_str(), *rule)).collect();
        assert_bad(&template(components), &expected);
    }
}

/// Somebody who mends a body wants to mend it once.
#[test]
fn all_problems_are_told_at_once() {
    let body = json!({"type": "interactive", "context": {"id": "wamid.A"}, "interactive": {"type": "button",
        "header": {"type": "image", "image": {}}, "body": {"text": ""}, "action": {"buttons": [
            {"type": "reply", "reply": {"id": "a", "tittle": "A"}}]}}});
    assert_bad(
        &body,
        &[
            ("interactive.header.image", Rule::Missing),
            ("interactive.body.text", Rule::Empty),
            ("interactive.action.buttons[0].reply.title", Rule::Missing),
            ("interactive.action.buttons[0].reply.tittle", Rule::UnknownKey),
            ("context.message_id", Rule::Missing),
            ("context.id", Rule::UnknownKey),
        ],
    );
}

#[test]
fn a_hostile_body_has_a_hundred_problems() {
    let keys: serde_json::Map<String, Value> = (0..5000).map(|n| (format!("k{n}"), json!(1))).collect();
    let problems = check(&json!({"text": keys})).unwrap_err();
    assert_eq!(problems.iter().count(), 100);
}

#[test]
fn the_words_are_for_people() {
    for (body, en, es) in [
        (
            json!({"text": {"body": long(4100)}}),
            "`text.body` has 4100 characters and WhatsApp takes 4096: shorten it by 4.",
            "`text.body` tiene 4100 caracteres y WhatsApp admite 4096: acórtalo en 4.",
        ),
        (
            json!({"type": "imagee"}),
            "`type` must be `text`, `image`, `video`, `audio`, `document`, `sticker`, `location`, `contacts`, `reaction`, `interactive` or `template`. Did you mean `image`?",
            "`type` tiene que ser `text`, `image`, `video`, `audio`, `document`, `sticker`, `location`, `contacts`, `reaction`, `interactive` o `template`. ¿Querías decir `image`?",
        ),
        (
            json!({"text": {"body": "Hi", "previewUrl": true}}),
            "`text.previewUrl` is not known to WhatsApp. Did you mean `preview_url`?",
            "`text.previewUrl` no existe en WhatsApp. ¿Querías decir `preview_url`?",
        ),
        (
            json!({"type": "image", "image": {"link": "x"}}),
            "`image.link` must be a whole address that begins with https://, without spaces.",
            "`image.link` tiene que ser una dirección completa que empiece por https://, sin espacios.",
        ),
        (
            interactive(
                "button",
                json!({"buttons": [{"type": "reply", "reply": {"id": "a", "title": "x"}}, {"type": "reply", "reply": {"id": "a", "title": "x"}}]}),
            ),
            "`interactive.action.buttons[1].reply.id` says the same as `interactive.action.buttons[0].reply.id`: they must differ, change one.",
            "`interactive.action.buttons[1].reply.id` repite lo de `interactive.action.buttons[0].reply.id`: tienen que ser distintos, cambia uno.",
        ),
    ] {
        let problems = check(&body).unwrap_err();
        let first = problems.iter().next().unwrap();
        assert_eq!((first.en.as_str(), first.es.as_str()), (en, es));
    }
}

/// Bodies of messages are never logged, and problems may be.
#[test]
fn what_was_written_is_not_repeated() {
    let secret = "tell nobody";
    for body in [
        json!({"type": secret, "text": {"body": secret}}),
        json!({"text": [secret]}),
        json!({"type": "image", "image": {"link": secret, "caption": long(2000)}}),
        interactive(
            "button",
            json!({"buttons": [{"type": secret, "reply": {"id": secret, "title": secret.repeat(9)}}]}),
        ),
    ] {
        let problems = check(&body).unwrap_err();
        assert!(
            problems.iter().all(|problem| !problem.en.contains(secret) && !problem.es.contains(secret)),
            "{problems}"
        );
    }
}
