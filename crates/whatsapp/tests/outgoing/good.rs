//! One good body per type and subtype, and what is said about it.

use serde_json::{Value, json};
use whatsapp::outgoing::{Kind, MediaKind, MediaSource, MediaUse, Outgoing, TemplateUse, check};

pub(crate) fn checked(body: &Value) -> Outgoing {
    check(body).unwrap_or_else(|problems| panic!("{body}: {problems}"))
}

/// An interactive message with a body.
pub(crate) fn interactive(kind: &str, action: Value) -> Value {
    json!({"type": "interactive", "interactive": {"type": kind, "body": {"text": "Hi"}, "action": action}})
}

pub(crate) fn template(components: Value) -> Value {
    json!({"type": "template", "template": {"name": "order_sent", "language": {"code": "es"}, "components": components}})
}

fn link_card(index: u32) -> Value {
    json!({"card_index": index, "type": "cta_url", "header": {"type": "image", "image": {"link": "https://a.b/c.jpg"}},
        "body": {"text": "one\ntwo\nthree"},
        "action": {"name": "cta_url", "parameters": {"display_text": "Buy", "url": "https://a.b"}}})
}

fn reply_card(index: u32) -> Value {
    json!({"card_index": index, "type": "cta_url", "header": {"type": "video", "video": {"id": "1"}},
        "action": {"buttons": [{"type": "quick_reply", "quick_reply": {"id": "a", "title": "A"}}]}})
}

fn product_card(index: u32) -> Value {
    json!({"card_index": index, "type": "product", "action": {"product_retailer_id": "p", "catalog_id": "7"}})
}

/// Bodies in Meta's own shape, with their kind and readable text.
pub(crate) fn bodies() -> Vec<(Value, Kind, &'static str)> {
    let mut bodies = plain();
    bodies.extend(interactives().into_iter().map(|(body, text)| (body, Kind::Interactive, text)));
    bodies.extend(templates().into_iter().map(|body| (body, Kind::Template, "order_sent")));
    bodies
}

fn plain() -> Vec<(Value, Kind, &'static str)> {
    vec![
        (json!({"type": "text", "text": {"body": "Hello", "preview_url": true}}), Kind::Text, "Hello"),
        (json!({"type": "text", "text": {"body": "Hello"}, "context": {"message_id": "wamid.A"}}), Kind::Text, "Hello"),
        (
            json!({"type": "text", "text": {"body": "Hello"}, "recipient_type": "individual",
                "biz_opaque_callback_data": "x", "recipient_identity_key_hash": "DF2lS5v2W6x="}),
            Kind::Text,
            "Hello",
        ),
        (
            json!({"type": "text", "text": {"body": "Sent"}, "category": "utility", "ttl_seconds": 30,
                "direct_send_config": {"template_name": "a_1"}}),
            Kind::Text,
            "Sent",
        ),
        (json!({"type": "text", "text": {"body": "1234"}, "category": "authentication"}), Kind::Text, "1234"),
        (json!({"type": "text", "text": {"body": "Hi"}, "category": "service"}), Kind::Text, "Hi"),
        (json!({"type": "image", "image": {"id": "1", "caption": "Taj"}}), Kind::Image, "Taj"),
        (json!({"type": "image", "image": {"link": "https://a.b/c.png"}}), Kind::Image, "📷"),
        (json!({"type": "video", "video": {"id": "1"}}), Kind::Video, "🎥"),
        (json!({"type": "audio", "audio": {"id": "1", "voice": true}}), Kind::Audio, "🎤"),
        (json!({"type": "audio", "audio": {"link": "http://a.b/c"}}), Kind::Audio, "🎵"),
        (json!({"type": "document", "document": {"id": "1", "filename": "a.pdf"}}), Kind::Document, "📄 a.pdf"),
        (json!({"type": "document", "document": {"id": "1", "filename": "a", "caption": "C"}}), Kind::Document, "C"),
        (json!({"type": "sticker", "sticker": {"id": "1"}}), Kind::Sticker, "💟"),
        (
            json!({"type": "location", "location": {"latitude": "37.44", "longitude": "-122.1", "name": "Philz", "address": "101"}}),
            Kind::Location,
            "📍 Philz, 101",
        ),
        (json!({"type": "location", "location": {"latitude": 0, "longitude": -180.0}}), Kind::Location, "📍 0, -180.0"),
        (
            json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "Ana B", "first_name": "Ana"},
                "phones": [{"phone": "+1", "type": "CELL", "wa_id": "1"}], "emails": [{"email": "a@b", "type": "WORK"}],
                "urls": [{"url": "a.b", "type": "WORK"}], "addresses": [{"city": "X", "country_code": "us"}],
                "org": {"company": "C", "title": "T"}, "birthday": "1999-01-23"}, {"name": {"formatted_name": "D"}}]}),
            Kind::Contacts,
            "👤 Ana B, D",
        ),
        (json!({"type": "reaction", "reaction": {"message_id": "wamid.A", "emoji": "😀"}}), Kind::Reaction, "😀"),
        (json!({"type": "reaction", "reaction": {"message_id": "wamid.A", "emoji": ""}}), Kind::Reaction, ""),
    ]
}

fn interactives() -> Vec<(Value, &'static str)> {
    let button = |id: &str, title: &str| json!({"type": "reply", "reply": {"id": id, "title": title}});
    let framed = json!({"type": "interactive", "interactive": {"type": "button",
        "header": {"type": "document", "document": {"id": "1", "filename": "a.pdf"}}, "body": {"text": "Choose"},
        "footer": {"text": "small"}, "action": {"buttons": [button("a", "A"), button("b", "B")]}}});
    let products = json!([{"title": "T", "product_items": [{"product_retailer_id": "p"}]}]);
    let mut list_of_products = interactive("product_list", json!({"catalog_id": "7", "sections": products}));
    list_of_products["interactive"]["header"] = json!({"type": "text", "text": "Our hats"});
    let money = json!({"value": 1100, "offset": 100});
    vec![
        (framed, "Choose"),
        (
            interactive(
                "list",
                json!({"button": "Open", "sections": [
                    {"title": "S", "rows": [{"id": "1", "title": "One", "description": "first"}]},
                    {"title": "T", "rows": [{"id": "2", "title": "Two"}]}]}),
            ),
            "Hi",
        ),
        (interactive("list", json!({"button": "Open", "sections": [{"rows": [{"id": "1", "title": "One"}]}]})), "Hi"),
        (
            interactive(
                "cta_url",
                json!({"name": "cta_url", "parameters": {"display_text": "Go", "url": "https://a.b"}}),
            ),
            "Hi",
        ),
        (
            interactive(
                "flow",
                json!({"name": "flow", "parameters": {"flow_message_version": "3", "flow_id": "9", "flow_cta": "Open",
                    "flow_token": "t", "mode": "draft", "flow_action": "navigate",
                    "flow_action_payload": {"screen": "S", "data": {"any": {"thing": null}}}}}),
            ),
            "Hi",
        ),
        (
            json!({"type": "interactive", "interactive": {"type": "product",
                "action": {"catalog_id": "7", "product_retailer_id": "hat"}}}),
            "🛒 hat",
        ),
        (list_of_products, "Hi"),
        (interactive("catalog_message", json!({"name": "catalog_message"})), "Hi"),
        (interactive("location_request_message", json!({"name": "send_location"})), "Hi"),
        (
            interactive(
                "address_message",
                json!({"name": "address_message", "parameters": {"country": "IN", "values": {"name": "N"},
                    "saved_addresses": [{"id": "a", "value": {"city": "C"}}], "validation_errors": {"city": "?"}}}),
            ),
            "Hi",
        ),
        (interactive("carousel", json!({"cards": [link_card(0), link_card(1)]})), "Hi"),
        (interactive("carousel", json!({"cards": [reply_card(0), reply_card(1)]})), "Hi"),
        (interactive("carousel", json!({"cards": [product_card(0), product_card(1)]})), "Hi"),
        (
            json!({"type": "interactive", "interactive": {"type": "call_permission_request",
                "action": {"name": "call_permission_request"}}}),
            "📞",
        ),
        (
            interactive(
                "voice_call",
                json!({"name": "voice_call", "parameters": {"display_text": "Call", "ttl_minutes": 100, "payload": "p"}}),
            ),
            "Hi",
        ),
        (interactive("request_contact_info", json!({"name": "request_contact_info"})), "Hi"),
        (
            interactive(
                "order_details",
                json!({"name": "review_and_pay", "parameters": {"reference_id": "r", "currency": "INR",
                    "total_amount": money, "order": {"status": "pending"}, "payment_settings": [{"type": "pix"}]}}),
            ),
            "Hi",
        ),
        (
            interactive(
                "order_status",
                json!({"name": "review_order", "parameters": {"reference_id": "r", "order": {"status": "shipped"}}}),
            ),
            "Hi",
        ),
    ]
}

fn templates() -> Vec<Value> {
    let text = json!([{"type": "text", "text": "x"}]);
    let button = |sub_type: &str, index: Value, parameter: Value| json!({"type": "button", "sub_type": sub_type, "index": index, "parameters": [parameter]});
    vec![
        json!({"type": "template", "template": {"name": "order_sent", "language": {"code": "en_US", "policy": "deterministic"}}}),
        template(json!([])),
        template(json!([{"type": "header", "parameters": [{"type": "image", "image": {"link": "https://a.b"}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "x"},
                {"type": "currency", "currency": {"fallback_value": "$1", "code": "USD", "amount_1000": 1000}},
                {"type": "date_time", "date_time": {"fallback_value": "today", "year": 1977}}]}])),
        template(
            json!([{"type": "HEADER", "parameters": [{"type": "document", "document": {"id": "1", "filename": "a"}}]},
            {"type": "BODY", "parameters": [{"type": "text", "parameter_name": "who", "text": "x"}]}]),
        ),
        template(json!([{"type": "header", "parameters": [{"type": "location",
            "location": {"latitude": "1", "longitude": "2", "name": "N", "address": "A"}}]}])),
        template(json!([
            button("quick_reply", json!("0"), json!({"type": "payload", "payload": "p"})),
            button("url", json!(1), json!({"type": "text", "text": "a b"})),
            button("COPY_CODE", json!(2), json!({"type": "coupon_code", "coupon_code": "25OFF"})),
            button("flow", json!(3), json!({"type": "action", "action": {"flow_token": "t", "flow_action_data": {"a": 1}}})),
            button("CATALOG", json!(4), json!({"type": "action", "action": {"thumbnail_product_retailer_id": "p"}})),
            button("mpm", json!(5), json!({"type": "action", "action": {"thumbnail_product_retailer_id": "p",
                "sections": [{"title": "S", "product_items": [{"product_retailer_id": "p"}]}]}})),
            button("order_details", json!(6), json!({"type": "action", "action": {"order_details": {"any": 1}}})),
            {"type": "button", "sub_type": "voice_call", "parameters": [
                {"type": "ttl_minutes", "ttl_minutes": 5}, {"type": "payload", "payload": "p"}]},
        ])),
        template(
            json!([{"type": "body", "parameters": text}, {"type": "carousel", "cards": [{"card_index": 0, "components": [
            {"type": "header", "parameters": [{"type": "product", "product": {"product_retailer_id": "p", "catalog_id": "7"}}]},
            {"type": "body", "parameters": text}, button("url", json!("0"), json!({"type": "text", "text": "x"}))]}]}]),
        ),
        template(json!([{"type": "limited_time_offer", "parameters": [
                {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1_209_600_000}}]},
            {"type": "tap_target_configuration", "parameters": [{"type": "tap_target_configuration",
                "tap_target_configuration": [{"url": "https://a.b", "title": "T"}]}]},
            {"type": "order_status", "parameters": [{"type": "order_status",
                "order_status": {"reference_id": "r", "order": {"status": "shipped"}}}]}])),
    ]
}

#[test]
fn good_bodies_come_back_as_they_are() {
    for (body, kind, text) in bodies() {
        let out = checked(&body);
        assert_eq!(out.body, body);
        assert_eq!((out.kind, out.text.as_str()), (kind, text), "{body}");
    }
}

#[test]
fn every_kind_is_among_them() {
    for kind in Kind::ALL {
        assert!(bodies().iter().any(|(_, k, _)| *k == kind), "{kind:?}");
    }
}

/// What Meta tolerates or ignores is brought into Meta's shape.
#[test]
fn odd_bodies_are_cleaned() {
    for (given, clean) in [
        (json!({"text": {"body": "Hi"}}), json!({"type": "text", "text": {"body": "Hi"}})),
        (
            json!({"messaging_product": "whatsapp", "to": "1", "recipient": "US.1", "text": {"body": "Hi"}, "on_unknown": "resend"}),
            json!({"type": "text", "text": {"body": "Hi"}}),
        ),
        (
            json!({"type": "text", "text": {"body": "H\u{0}i", "preview_url": null}, "image": null, "context": null}),
            json!({"type": "text", "text": {"body": "Hi"}}),
        ),
        (
            json!({"type": "image", "image": {"id": 1_479_537_139_650_973_u64, "caption": " ", "link": null}}),
            json!({"type": "image", "image": {"id": "1479537139650973"}}),
        ),
        (
            interactive(
                "flow",
                json!({"name": "flow", "parameters": {"flow_message_version": 3, "flow_name": "f", "flow_cta": "Open"}}),
            ),
            interactive(
                "flow",
                json!({"name": "flow", "parameters": {"flow_message_version": "3", "flow_name": "f", "flow_cta": "Open"}}),
            ),
        ),
    ] {
        assert_eq!(checked(&given).body, clean, "{given}");
    }
}

#[test]
fn the_message_answered_is_known() {
    let body = json!({"text": {"body": "Hi"}, "context": {"message_id": "wamid.A"}});
    assert_eq!(checked(&body).reply_to.as_deref(), Some("wamid.A"));
    assert_eq!(checked(&json!({"text": {"body": "Hi"}})).reply_to, None);
}

#[test]
fn files_are_found_wherever_they_are() {
    let header = |image: Value| json!({"type": "header", "parameters": [{"type": "image", "image": image}]});
    let body = template(json!([header(json!({"id": "1"})), {"type": "carousel", "cards": [
        {"card_index": 0, "components": [header(json!({"link": "https://a.b"}))]}]}]));
    let out = checked(&body);
    let places =
        ["/template/components/0/parameters/0/image", "/template/components/1/cards/0/components/0/parameters/0/image"];
    let sources = [MediaSource::Id("1".to_owned()), MediaSource::Link("https://a.b".to_owned())];
    let expected: Vec<MediaUse> = places
        .into_iter()
        .zip(sources)
        .map(|(place, source)| MediaUse { place: place.to_owned(), kind: MediaKind::Image, source })
        .collect();
    assert_eq!(out.media, expected);
    assert!(out.media.iter().all(|used| out.body.pointer(&used.place).is_some_and(Value::is_object)));
    let sticker = checked(&json!({"type": "sticker", "sticker": {"id": "1"}}));
    assert_eq!((sticker.media[0].place.as_str(), sticker.media[0].kind), ("/sticker", MediaKind::Sticker));
}

#[test]
fn a_template_is_told_apart() {
    let components = json!([{"type": "body", "parameters": [{"type": "text", "text": "x"}]}]);
    let used = TemplateUse { name: "order_sent".to_owned(), language: "es".to_owned(), parameters: components.clone() };
    assert_eq!(checked(&template(components)).template, Some(used));
    let bare =
        checked(&json!({"type": "template", "template": {"name": "hello_world", "language": {"code": "en_US"}}}));
    assert_eq!(bare.template.map(|used| used.parameters), Some(json!([])));
    assert_eq!(checked(&json!({"text": {"body": "Hi"}})).template, None);
}

#[test]
fn the_window_and_the_phone() {
    let text = |category: Value| json!({"text": {"body": "Hi"}, "category": category});
    for (body, window, phone) in [
        (text(json!(null)), true, false),
        (text(json!("service")), true, false),
        (text(json!("utility")), false, false),
        (text(json!("authentication")), false, true),
        (template(json!([])), false, false),
        (json!({"type": "sticker", "sticker": {"id": "1"}}), true, false),
    ] {
        let out = checked(&body);
        assert_eq!((out.needs_window, out.needs_phone), (window, phone), "{body}");
    }
}

/// Meta counts characters; an accent or an emoji is one, not its bytes.
#[test]
fn the_longest_text_fits() {
    for letter in ["a", "ñ", "😀"] {
        let body = json!({"text": {"body": letter.repeat(4096)}});
        assert!(check(&body).is_ok());
        assert!(check(&json!({"text": {"body": letter.repeat(4097)}})).is_err());
    }
}
