//! Members that nobody knows, and what Meta added last.

use serde_json::{Value, json};
use whatsapp::outgoing::{Problems, check, check_strictly, check_template};

const BESIDE: &[&str] = &["send_at", "deadline", "on_unknown", "bulk", "when_window_closed", "number_id"];

fn fields(problems: &Problems) -> Vec<&str> {
    problems.iter().map(|problem| problem.field.as_str()).collect()
}

fn strictly(more: &Value) -> Result<Value, Problems> {
    let mut body = json!({ "type": "text", "text": { "body": "hola" } });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    check_strictly(&body, BESIDE).map(|outgoing| outgoing.body)
}

/// A message that was to leave tomorrow left at once, because nobody said that `sendAt` is nothing.
#[test]
fn a_misspelt_wish_is_refused_and_told_what_it_was_meant_to_be() {
    for (name, meant) in [
        ("sendAt", Some("send_at")),
        ("SendAt", Some("send_at")),
        ("send-at", Some("send_at")),
        ("scheduled_at", Some("send_at")),
        ("scheduledAt", Some("send_at")),
        ("deadLine", Some("deadline")),
        ("dead_line", Some("deadline")),
        ("expires_at", Some("deadline")),
        ("onUnknown", Some("on_unknown")),
        ("blk", Some("bulk")),
        ("priority", Some("bulk")),
        ("whenWindowClosed", Some("when_window_closed")),
        ("numberId", Some("number_id")),
        ("biz_opaque_callback", None),
        ("anything_else", None),
    ] {
        let refused = strictly(&json!({ name: "2026-12-01T00:00:00Z" })).expect_err(name);
        let problem = refused.iter().next().expect("a problem");
        assert_eq!((problem.field.as_str(), problem.rule.as_str()), (name, "unknown_key"));
        if let Some(meant) = meant {
            assert!(problem.en.contains(&format!("`{meant}`")), "{name}: {}", problem.en);
            assert!(problem.es.contains(&format!("`{meant}`")), "{name}: {}", problem.es);
        }
    }
    // What is Meta's is known, and null is as if it were not there.
    let metas = json!({ "messaging_product": "whatsapp", "recipient_type": "individual", "context": { "message_id": "wamid.1" },
                        "biz_opaque_callback_data": "order-7", "sendAt": null });
    assert!(strictly(&metas).is_ok());
    // Programs written for Meta may say what Meta ignores.
    assert!(check(&json!({ "text": { "body": "hola" }, "anything_else": 1 })).is_ok());
}

#[test]
fn a_value_behind_a_button_has_no_line_break() {
    let template = |value: &str| {
        let parameters = json!([{ "type": "text", "text": value }]);
        let button = json!({ "type": "button", "sub_type": "url", "index": "0", "parameters": parameters });
        json!({ "type": "template", "template": { "name": "x", "language": { "code": "es" }, "components": [button] } })
    };
    assert!(check(&template("orders/7")).is_ok());
    for broken in ["orders\n7", "orders/7\r\n", "a\tb"] {
        let refused = check(&template(broken)).expect_err(broken);
        assert_eq!(fields(&refused), ["template.components[0].parameters[0].text"]);
    }
}

#[test]
fn what_is_not_published_is_passed_on_whole() {
    for kind in ["booking_confirmation", "reminder"] {
        let interactive = json!({ "type": kind, "body": { "text": "Mañana a las 9" }, "action": { "name": kind, "parameters": { "a": [1] } },
                                  "details": { "start": 1 } });
        let outgoing = check(&json!({ "type": "interactive", "interactive": interactive })).expect(kind);
        assert_eq!(outgoing.body["interactive"], interactive);
        assert_eq!(outgoing.text, "Mañana a las 9");
    }
}

#[test]
fn a_template_of_metas_library_has_no_components_of_its_own() {
    let wanted = json!({
        "name": "entrega", "language": "es", "category": "UTILITY", "library_template_name": "delivery_update_1",
        "library_template_button_inputs": [{ "type": "URL", "url": { "base_url": "https://example.com/{{1}}" } }],
    });
    let taken = check_template(&wanted).expect("it is taken");
    assert_eq!(taken.body, wanted);
    let mut both = wanted.clone();
    both["components"] = json!([{ "type": "BODY", "text": "Hola" }]);
    assert_eq!(fields(&check_template(&both).expect_err("both")), ["components"]);
    let mut nameless = wanted;
    nameless.as_object_mut().expect("an object").remove("library_template_name");
    let refused = check_template(&nameless).expect_err("inputs of nothing");
    assert!(fields(&refused).contains(&"library_template_button_inputs"), "{refused:?}");
}
