//! New templates and changes of templates: any JSON, any damage to a good one.

use proptest::prelude::*;
use serde_json::{Value, json};
use whatsapp::outgoing::{check_template, check_template_edit, outline};

use crate::bad::assert_well_said;
use crate::properties::damage;

/// The members and words that the reader looks at.
static KEYS: [&str; 55] = [
    "name",
    "language",
    "category",
    "parameter_format",
    "message_send_ttl_seconds",
    "components",
    "type",
    "format",
    "text",
    "example",
    "header_text",
    "header_handle",
    "header_text_named_params",
    "body_text",
    "body_text_named_params",
    "param_name",
    "buttons",
    "url",
    "phone_number",
    "flow_id",
    "flow_action",
    "flow_name",
    "flow_json",
    "navigate_screen",
    "otp_type",
    "autofill_text",
    "supported_apps",
    "package_name",
    "signature_hash",
    "zero_tap_terms_accepted",
    "add_security_recommendation",
    "code_expiration_minutes",
    "limited_time_offer",
    "has_expiration",
    "cards",
    "library_template_name",
    "library_template_button_inputs",
    "library_template_body_inputs",
    "allow_category_change",
    "cta_url_link_tracking_opted_out",
    "sub_category",
    "degrees_of_freedom_spec",
    "bid_spec",
    "base_url",
    "url_suffix_example",
    "id",
    "title",
    "icon",
    "voice_call",
    "ttl_minutes",
    "policy",
    "code",
    "asset_id",
    "catalog_id",
    "display_format",
];
static WORDS: [&str; 34] = [
    "",
    "es",
    "en_US",
    "MARKETING",
    "utility",
    "AUTHENTICATION",
    "POSITIONAL",
    "named",
    "HEADER",
    "body",
    "FOOTER",
    "BUTTONS",
    "CAROUSEL",
    "LIMITED_TIME_OFFER",
    "CALL_PERMISSION_REQUEST",
    "TEXT",
    "IMAGE",
    "LOCATION",
    "PRODUCT",
    "URL",
    "QUICK_REPLY",
    "PHONE_NUMBER",
    "COPY_CODE",
    "FLOW",
    "OTP",
    "ONE_TAP",
    "ZERO_TAP",
    "MPM",
    "CATALOG",
    "navigate",
    "Hola {{1}}, {{who}}",
    "{{2}} {{ {{1}}",
    "https://a.b/{{1}}",
    "a\u{0}b",
];

fn any_json() -> impl Strategy<Value = Value> {
    crate::any_json::any_json(&KEYS, &WORDS, -2..12_i64, (7, 96))
}

/// A good one of each kind.
fn good() -> Vec<Value> {
    let template = |category: &str, format: &str, components: Value| {
        json!({ "name": "a_name", "language": "es", "category": category, "parameter_format": format,
                "components": components })
    };
    let body = json!({ "type": "BODY", "text": "Mira lo que trae la semana." });
    let sample = json!({ "header_handle": ["4::aW1hZ2UvcG5n:ARb"] });
    let card = json!({ "components": [
        { "type": "HEADER", "format": "IMAGE", "example": sample },
        { "type": "BODY", "text": "Desde {{1}} hoy, mientras dure.", "example": { "body_text": [["$6"]] } },
        { "type": "BUTTONS", "buttons": [{ "type": "QUICK_REPLY", "text": "Más" }] }] });
    vec![
        template(
            "UTILITY",
            "NAMED",
            json!([
                { "type": "HEADER", "format": "TEXT", "text": "Pedido de {{who}}",
                  "example": { "header_text_named_params": [{ "param_name": "who", "example": "Ana" }] } },
                { "type": "BODY", "text": "Tu pedido {{order}} ya salió de la tienda.",
                  "example": { "body_text_named_params": [{ "param_name": "order", "example": "77" }] } },
                { "type": "FOOTER", "text": "Café Lucero" }]),
        ),
        template(
            "MARKETING",
            "POSITIONAL",
            json!([{ "type": "HEADER", "format": "IMAGE", "example": sample }, body, { "type": "BUTTONS", "buttons": [
                { "type": "COPY_CODE", "example": "25OFF" },
                { "type": "URL", "text": "Ver", "url": "https://example.com/o/{{1}}",
                  "example": ["https://example.com/o/77"] },
                { "type": "PHONE_NUMBER", "text": "Llamar", "phone_number": "+525585261100" }] }]),
        ),
        template("MARKETING", "POSITIONAL", json!([body, { "type": "CAROUSEL", "cards": [card, card] }])),
        template(
            "MARKETING",
            "POSITIONAL",
            json!([
                { "type": "LIMITED_TIME_OFFER", "limited_time_offer": { "text": "¡Se acaba!", "has_expiration": true } },
                body,
                { "type": "BUTTONS", "buttons": [{ "type": "COPY_CODE", "example": "25OFF" },
                    { "type": "URL", "text": "Ir", "url": "https://example.com" }] }]),
        ),
        template(
            "UTILITY",
            "POSITIONAL",
            json!([body, { "type": "BUTTONS", "buttons": [{ "type": "FLOW", "text": "Reservar", "flow_id": "77",
                "flow_action": "navigate", "navigate_screen": "A" }] }]),
        ),
        template(
            "AUTHENTICATION",
            "POSITIONAL",
            json!([
                { "type": "BODY", "add_security_recommendation": true },
                { "type": "FOOTER", "code_expiration_minutes": 5 },
                { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE", "text": "Copiar" }] }]),
        ),
    ]
}

/// It is taken and taken again the same, or refused twice the same in good words.
fn assert_settled(given: &Value) {
    match check_template(given) {
        Ok(new) => {
            assert_eq!(check_template(&new.body).as_ref(), Ok(&new), "{given}");
            assert!(!new.body.to_string().contains("\\u0000"), "{given}");
            assert!(["AUTHENTICATION", "MARKETING", "UTILITY"].contains(&new.category));
            assert_eq!((&new.body["name"], &new.body["language"]), (&json!(new.name), &json!(new.language)));
            assert!(
                new.samples.iter().all(|used| new.body.pointer(&used.place).is_some_and(Value::is_string)),
                "{given}"
            );
            let shown = outline(&new.body["components"]);
            assert_eq!(outline(&new.body["components"]), shown);
        }
        Err(problems) => {
            problems.iter().for_each(assert_well_said);
            assert_eq!(check_template(given), Err(problems));
        }
    }
}

fn assert_change_settled(given: &Value, category: Option<&str>, format: Option<&str>) {
    match check_template_edit(given, category, format) {
        Ok(edit) => {
            assert_eq!(check_template_edit(&edit.body, category, format).as_ref(), Ok(&edit), "{given}");
            assert!(!edit.body.to_string().contains("\\u0000"), "{given}");
            assert!(edit.body.as_object().is_some_and(|members| !members.is_empty()), "{given}");
        }
        Err(problems) => {
            problems.iter().for_each(assert_well_said);
            assert_eq!(check_template_edit(given, category, format), Err(problems));
        }
    }
}

/// How a template is that is to change.
fn standing() -> impl Strategy<Value = (Option<&'static str>, Option<&'static str>)> {
    let categories = [None, Some("AUTHENTICATION"), Some("MARKETING"), Some("UTILITY"), Some("A_NEW_ONE")];
    let formats = [None, Some("POSITIONAL"), Some("NAMED")];
    (prop::sample::select(categories.to_vec()), prop::sample::select(formats.to_vec()))
}

#[test]
fn the_good_ones_are_good() {
    for template in good() {
        let new = check_template(&template).unwrap_or_else(|problems| panic!("{template}: {problems:?}"));
        assert_eq!(new.body, template);
        let change = json!({ "components": template["components"] });
        let (category, format) = (template["category"].as_str(), template["parameter_format"].as_str());
        let edit = check_template_edit(&change, category, format);
        assert_eq!(edit.unwrap_or_else(|problems| panic!("{template}: {problems:?}")).body, change);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_is_judged(given in any_json(), (category, format) in standing()) {
        assert_settled(&given);
        assert_change_settled(&given, category, format);
    }

    #[test]
    fn any_components_are_judged(components in any_json(), (category, format) in standing()) {
        let named = json!({ "name": "a_name", "language": "es", "category": category, "parameter_format": format,
                            "components": components });
        assert_settled(&named);
        assert_change_settled(&json!({ "components": components }), category, format);
    }

    #[test]
    fn any_damage_is_judged(given in damage(good(), any_json()), (category, format) in standing()) {
        assert_settled(&given);
        let mut change = given;
        if let Some(members) = change.as_object_mut() {
            members.retain(|key, _| key == "components" || key == "category");
        }
        assert_change_settled(&change, category, format);
    }

    /// Meta's list may show anything as a template's components.
    #[test]
    fn any_components_have_an_outline(components in any_json(), given in damage(good(), any_json())) {
        for components in [&components, &given["components"], &given] {
            let shown = outline(components);
            prop_assert_eq!(outline(components), shown);
        }
    }
}
