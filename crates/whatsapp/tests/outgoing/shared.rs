//! Meta's own examples, in the folder beside the repository where there is one.

use std::fs;
use std::path::Path;

use serde_json::Value;
use whatsapp::outgoing::{check, fill, read_receipt};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/whatsapp/fixtures/graph");

/// Examples that are refused, and why that is right.
const REFUSED: [(&str, &str, &str); 5] = [
    (
        "POST_phone-number-id-messages.json 30",
        "type",
        "a list message without `type`: Meta takes it for a text, the example of the reply lacks it by mistake",
    ),
    (
        "POST_phone-number-id-messages.json 38",
        "template.components[1].parameters[0].text",
        "`\"text\": true` behind a quick reply: Meta asks for a text",
    ),
    ("doc_address-messages.json 1", "interactive.action.parameters", "`\"JSON Payload\"` stands for an object"),
    ("doc_groups-messaging.json 0", "recipient_type", "messages to groups are not sent"),
    ("doc_groups-messaging.json 2", "type", "pins exist only in groups"),
];

/// A message or read receipt of Meta's messages API; not, say, a call or a registration.
fn is_send(body: &Value) -> bool {
    let object = |key: &str| body.get(key).is_some();
    let content = ["text", "interactive", "template", "image", "contacts"].into_iter().any(object);
    body["messaging_product"] == "whatsapp" && (content || object("type") || body["status"] == "read")
}

/// The requests to send in one file: those marked as such.
fn sends(path: &Path) -> Vec<(String, Value)> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let examples = file["examples"].as_array().cloned().unwrap_or_default();
    let requests = examples.into_iter().enumerate().filter(|(_, example)| example["kind"] == "request");
    requests
        .map(|(n, example)| (format!("{name} {n}"), filled_in("", &example["body"])))
        .filter(|(_, body)| is_send(body))
        .collect()
}

fn all() -> Vec<(String, Value)> {
    let Ok(entries) = fs::read_dir(FOLDER) else {
        eprintln!("SKIPPED Meta's examples of messages: no {FOLDER}");
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().filter(|path| path.extension().is_some_and(|e| e == "json")).flat_map(|path| sends(path)).collect()
}

/// Puts something sensible where the example says `<LINK>`; other placeholders will do.
fn filled_in(key: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(key, member)| (key.clone(), filled_in(key, member))).collect(),
        Value::Array(list) => list.iter().map(|element| filled_in(key, element)).collect(),
        Value::String(text) if is_placeholder(text) => Value::from(stand_in(key, text)),
        other => other.clone(),
    }
}

fn is_placeholder(text: &str) -> bool {
    text.starts_with(['<', '{'])
        || text.contains("http(s)")
        || ["template-name", "language-and-locale-code"].contains(&text)
}

fn stand_in<'a>(key: &str, text: &'a str) -> &'a str {
    match key {
        "link" | "url" => "https://example.com/a.jpg",
        "name" => "a_name",
        "code" => "en_US",
        "country" => "IN",
        "type" => "text",
        "latitude" | "longitude" => "12.5",
        _ => text,
    }
}

#[test]
fn metas_examples_are_taken_or_listed() {
    let mut refused = Vec::new();
    let sends = all();
    for (name, body) in &sends {
        if body["status"] == "read" {
            let wamid = body["message_id"].as_str().unwrap();
            assert_eq!(&read_receipt(wamid, body.get("typing_indicator").is_some()), body, "{name}");
            continue;
        }
        match (check(body), REFUSED.iter().find(|(listed, ..)| listed == name)) {
            (Ok(_), None) => {}
            (Err(problems), Some((name, field, _))) => {
                assert!(problems.iter().any(|problem| problem.field == *field), "{name}: {problems}");
                refused.push(*name);
            }
            (Err(problems), None) => panic!("{name}: {problems}\n{body}"),
            (Ok(_), Some((.., why))) => panic!("{name} is taken now, though {why}"),
        }
    }
    if !sends.is_empty() {
        assert!(sends.len() > 80, "only {} examples", sends.len());
        assert_eq!(refused.len(), REFUSED.len(), "refused: {refused:?}");
    }
}

/// Pages that show a template and how to send it.
#[test]
fn metas_templates_are_filled_by_metas_sends() {
    let pages = [
        ("catalog-templates", 1, 4, "Get Rs 100 off on all orders above 400Rs!"),
        ("coupon-templates", 1, 4, "use code 25OFF to get 25% off"),
        ("custom-marketing-templates", 3, 8, "Welcome to Lucky Shrub, Jessica!"),
        ("limited-time-offer-templates", 2, 5, "Good news, Pablo! Use code CARIBE25"),
        ("media-card-carousel-templates", 2, 5, "Rare succulents for sale! Pablo,"),
        ("mpm-templates", 2, 5, "Use code 10OFF"),
        ("spm-templates", 1, 3, "Use code 25OFF to get 25% off"),
        ("utility-templates", 2, 6, "for 4 at Lucky Shrub Eatery on Saturday"),
        ("copy-code-button-authentication-templates", 0, 1, "<ONE-TIME PASSWORD>"),
        ("autofill-button-authentication-templates", 0, 4, "J$FpnYnP"),
    ];
    for (page, definition, send, words) in pages {
        let path = format!("{FOLDER}/doc_{page}.json");
        let Ok(file) = fs::read(&path) else {
            eprintln!("SKIPPED template of {page}: no {path}");
            continue;
        };
        let file: Value = serde_json::from_slice(&file).unwrap();
        let body = |n: usize| &file["examples"][n]["body"];
        let out = fill(&body(definition)["components"], &body(send)["template"]["components"]);
        let seen = out.unwrap_or_else(|problems| panic!("{page}: {problems}"));
        assert!(seen.body.contains(words), "{page}: {}", seen.body);
        assert_eq!(seen.needs_phone, page.contains("authentication"), "{page}");
    }
}
