//! Templates filled in: what the customer will see, and what does not fit.

use serde_json::{Value, json};
use whatsapp::outgoing::{ButtonPreview, HeaderPreview, MediaKind, MediaSource, Rule, TemplatePreview, fill};

use crate::bad::found;

fn preview(template: &Value, parameters: Value) -> TemplatePreview {
    fill(template, &parameters).unwrap_or_else(|problems| panic!("{template} with {parameters}: {problems}"))
}

fn texts(values: &[&str]) -> Value {
    values.iter().map(|value| json!({"type": "text", "text": value})).collect()
}

fn body(values: &[&str]) -> Value {
    json!({"type": "body", "parameters": texts(values)})
}

fn named(values: &[(&str, &str)]) -> Value {
    let parameters: Value =
        values.iter().map(|(name, value)| json!({"type": "text", "parameter_name": name, "text": value})).collect();
    json!({"type": "body", "parameters": parameters})
}

fn button(kind: &str, text: &str, value: Option<&str>) -> ButtonPreview {
    ButtonPreview { kind: kind.to_owned(), text: text.to_owned(), value: value.map(str::to_owned) }
}

/// With a text header, positional, and a button of every sort that takes something.
fn offer() -> Value {
    json!([
        {"type": "HEADER", "format": "TEXT", "text": "Our {{1}} is on!", "example": {"header_text": ["Spring Sale"]}},
        {"type": "BODY", "text": "Hi {{1}}, use code {{2}} before {{3}}, {{1}}."},
        {"type": "FOOTER", "text": "Bye"},
        {"type": "BUTTONS", "buttons": [
            {"type": "QUICK_REPLY", "text": "Stop"},
            {"type": "URL", "text": "Shop", "url": "https://a.b/{{1}}"},
            {"type": "URL", "text": "Home", "url": "https://a.b/"},
            {"type": "PHONE_NUMBER", "text": "Call us", "phone_number": "+15550051310"},
            {"type": "COPY_CODE", "text": "Copy offer code"},
            {"type": "VOICE_CALL", "text": "Call"}]}
    ])
}

fn offer_values() -> Value {
    json!([
        {"type": "header", "parameters": texts(&["Fall Sale"])},
        {"type": "body", "parameters": [{"type": "text", "text": "Ana"},
            {"type": "currency", "currency": {"fallback_value": "$1", "code": "USD", "amount_1000": 1000}},
            {"type": "date_time", "date_time": {"fallback_value": "Friday"}}]},
        {"type": "button", "sub_type": "url", "index": "1", "parameters": texts(&["shoes"])},
        {"type": "button", "sub_type": "copy_code", "index": 4, "parameters": [{"type": "coupon_code", "coupon_code": "25OFF"}]},
        {"type": "button", "sub_type": "voice_call", "parameters": [{"type": "ttl_minutes", "ttl_minutes": 5}]}
    ])
}

#[test]
fn a_positional_template() {
    let seen = preview(&offer(), offer_values());
    assert_eq!(seen.header, Some(HeaderPreview::Text("Our Fall Sale is on!".to_owned())));
    assert_eq!(seen.body, "Hi Ana, use code $1 before Friday, Ana.");
    assert_eq!(seen.footer.as_deref(), Some("Bye"));
    let buttons = [
        button("QUICK_REPLY", "Stop", None),
        button("URL", "Shop", Some("https://a.b/shoes")),
        button("URL", "Home", Some("https://a.b/")),
        button("PHONE_NUMBER", "Call us", Some("+15550051310")),
        button("COPY_CODE", "Copy offer code", Some("25OFF")),
        button("VOICE_CALL", "Call", None),
    ];
    assert_eq!(seen.buttons, buttons);
    assert!(!seen.needs_phone);
}

#[test]
fn a_named_template() {
    let template =
        json!([{"type": "header", "format": "image"}, {"type": "body", "text": "{{first_name}}: {{ code }}!"}]);
    let image = json!({"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]});
    let seen = preview(&template, json!([image, named(&[("code", "X"), ("first_name", "Ana")])]));
    assert_eq!(seen.body, "Ana: X!");
    let source = MediaSource::Id("1".to_owned());
    assert_eq!(seen.header, Some(HeaderPreview::Media { kind: MediaKind::Image, source }));
}

#[test]
fn a_template_without_values() {
    let template = json!([{"type": "BODY", "text": "Hello"}, {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Hi"}]}]);
    for parameters in [json!([]), json!(null), json!([{"type": "body", "parameters": []}]), json!([{"type": "header"}])]
    {
        assert_eq!(preview(&template, parameters).body, "Hello");
    }
    let payload = json!([{"type": "button", "sub_type": "quick_reply", "index": 0, "parameters": [{"type": "payload", "payload": "p"}]}]);
    assert_eq!(preview(&template, payload).buttons, [button("QUICK_REPLY", "Hi", None)]);
}

/// A definition is not the sender's fault: whatever it is, it is read.
#[test]
fn odd_definitions_are_read() {
    for template in [json!(null), json!([]), json!("x"), json!([1, {"type": "BODY"}, {"type": "BUTTONS"}])] {
        assert_eq!(preview(&template, json!([])).body, "");
    }
}

#[test]
fn one_time_passwords_need_a_phone() {
    let values =
        json!([body(&["1234"]), {"type": "button", "sub_type": "url", "index": 0, "parameters": texts(&["1234"])}]);
    let url = "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}";
    for (template, words) in [
        (
            json!([{"type": "BODY", "text": "*{{1}}* is your code."}, {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Copy", "url": url}]}]),
            "*1234* is your code.",
        ),
        (
            json!([{"type": "body", "add_security_recommendation": true}, {"type": "buttons", "buttons": [{"type": "otp", "otp_type": "copy_code"}]}]),
            "1234",
        ),
    ] {
        let seen = preview(&template, values.clone());
        assert_eq!(seen.body, words);
        assert!(seen.needs_phone);
        assert!(seen.buttons[0].value.as_deref().is_some_and(|value| value.ends_with("1234")));
        let without = fill(&template, &json!([body(&["1234"])])).unwrap_err();
        assert_eq!(found(&without), [("template.components", Rule::Missing)]);
    }
}

#[test]
fn carousels_offers_places_and_products() {
    let card = json!({"components": [{"type": "header", "format": "product"}, {"type": "body", "text": "{{1}}!"},
        {"type": "buttons", "buttons": [{"type": "spm", "text": "View"}]}]});
    let template = json!([{"type": "header", "format": "location"}, {"type": "body", "text": "Look"},
        {"type": "limited_time_offer", "limited_time_offer": {"text": "Ends", "has_expiration": true}},
        {"type": "carousel", "cards": [card, card]}]);
    let sent = |index: u8, id: &str| {
        json!({"card_index": index, "components": [body(&[id]), {"type": "header", "parameters": [
            {"type": "product", "product": {"product_retailer_id": id, "catalog_id": "7"}}]}]})
    };
    let header = json!({"type": "header", "parameters": [{"type": "location", "location": {"latitude": 1, "longitude": 2, "name": "N"}}]});
    let offer = json!({"type": "limited_time_offer", "parameters": [{"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1}}]});
    let seen = preview(&template, json!([header, offer, {"type": "carousel", "cards": [sent(1, "b"), sent(0, "a")]}]));
    assert_eq!(seen.header, Some(HeaderPreview::Location("N".to_owned())));
    let bodies: Vec<_> = seen.cards.iter().map(|card| card.body.as_deref()).collect();
    assert_eq!(bodies, [Some("a!"), Some("b!")]);
    assert_eq!(seen.cards[1].header, Some(HeaderPreview::Product("b".to_owned())));
    assert_eq!(seen.cards[0].buttons, [button("SPM", "View", None)]);

    let problems = fill(&template, &json!([{"type": "carousel", "cards": [sent(0, "a")]}])).unwrap_err();
    let expected = [
        ("template.components", Rule::Missing),
        ("template.components[0].cards", Rule::Mismatch),
        ("template.components", Rule::Missing),
    ];
    assert_eq!(found(&problems), expected);
}

#[test]
fn what_does_not_fit_is_told() {
    let plain = json!([{"type": "BODY", "text": "Hello"}]);
    let two = json!([{"type": "BODY", "text": "{{1}} {{2}}"}, {"type": "FOOTER", "text": "F"}]);
    let names = json!([{"type": "BODY", "text": "{{first_name}} {{code}}"}]);
    let image = json!([{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Hello"}]);
    let buttons = |button: Value| json!([{"type": "BODY", "text": "B"}, {"type": "BUTTONS", "buttons": [button]}]);
    let url = buttons(json!({"type": "URL", "text": "U", "url": "https://a.b/{{1}}"}));
    let fixed = buttons(json!({"type": "URL", "text": "U", "url": "https://a.b"}));
    let send = |sub_type: &str, index: u8, parameters: Value| json!([{"type": "button", "sub_type": sub_type, "index": index, "parameters": parameters}]);
    let carousel = json!([{"type": "carousel", "cards": [{"card_index": 0, "components": []}]}]);
    let lto = json!([{"type": "limited_time_offer", "parameters": [{"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1}}]}]);
    let params = "template.components[0].parameters";
    for (template, parameters, expected) in [
        (&plain, json!([body(&["x"])]), vec![(params, Rule::Mismatch)]),
        (
            &plain,
            json!([{"type": "header", "parameters": texts(&["x"])}]),
            vec![("template.components[0]", Rule::Mismatch)],
        ),
        (&plain, carousel, vec![("template.components[0]", Rule::Mismatch)]),
        (&plain, lto, vec![("template.components[0]", Rule::Mismatch)]),
        (&plain, send("url", 0, texts(&["x"])), vec![("template.components[0]", Rule::Mismatch)]),
        (&two, json!([]), vec![("template.components", Rule::Missing)]),
        (&two, json!([body(&["x"])]), vec![(params, Rule::Mismatch)]),
        (&two, json!([body(&["x", "y", "z"])]), vec![(params, Rule::Mismatch)]),
        (
            &two,
            json!([named(&[("a", "x"), ("b", "y")])]),
            vec![
                ("template.components[0].parameters[0].parameter_name", Rule::NotAllowed),
                ("template.components[0].parameters[1].parameter_name", Rule::NotAllowed),
            ],
        ),
        (&two, json!([body(&[&"x".repeat(1023), "y"])]), vec![(params, Rule::TooLong)]),
        (
            &names,
            json!([body(&["x", "y"])]),
            vec![
                ("template.components[0].parameters[0].parameter_name", Rule::Missing),
                ("template.components[0].parameters[1].parameter_name", Rule::Missing),
                (params, Rule::Mismatch),
            ],
        ),
        (
            &names,
            json!([named(&[("code", "x"), ("firstname", "y")])]),
            vec![("template.components[0].parameters[1].parameter_name", Rule::NotOneOf), (params, Rule::Mismatch)],
        ),
        (&names, json!([named(&[("code", "x")])]), vec![(params, Rule::Mismatch)]),
        (&image, json!([]), vec![("template.components", Rule::Missing)]),
        (
            &image,
            json!([{"type": "header", "parameters": texts(&["x"])}]),
            vec![("template.components[0].parameters[0].type", Rule::Mismatch)],
        ),
        (&url, json!([]), vec![("template.components", Rule::Missing)]),
        (&url, send("url", 0, json!([])), vec![("template.components[0]", Rule::Missing)]),
        (
            &url,
            send("url", 1, texts(&["x"])),
            vec![("template.components", Rule::Missing), ("template.components[0]", Rule::Mismatch)],
        ),
        (
            &url,
            send("quick_reply", 0, json!([{"type": "payload", "payload": "p"}])),
            vec![("template.components[0].sub_type", Rule::Mismatch)],
        ),
        (&fixed, send("url", 0, texts(&["x"])), vec![("template.components[0].sub_type", Rule::Mismatch)]),
    ] {
        let problems = fill(template, &parameters).expect_err(&format!("{template} with {parameters}"));
        let mut found = found(&problems);
        found.sort();
        let mut expected = expected;
        expected.sort();
        assert_eq!(found, expected, "{template} with {parameters}");
    }
}

#[test]
fn broken_values_are_told_before_anything_else() {
    let problems = fill(&offer(), &json!([{"type": "body", "parameters": [{"type": "text", "text": 5}]}])).unwrap_err();
    assert_eq!(found(&problems), [("template.components[0].parameters[0].text", Rule::WrongType)]);
}

#[test]
fn the_words_name_the_slots() {
    let template = json!([{"type": "BODY", "text": "{{1}} {{2}}"}]);
    let problems = fill(&template, &json!([body(&["x"])])).unwrap_err();
    let first = problems.iter().next().unwrap();
    assert_eq!(
        first.en,
        "`template.components[0].parameters` must have 2 and has 1: one for each of {{1}}, {{2}} in the template's body."
    );
    assert_eq!(
        first.es,
        "`template.components[0].parameters` tiene que llevar 2 y lleva 1: uno para cada uno de {{1}}, {{2}} del cuerpo de la plantilla."
    );
}
