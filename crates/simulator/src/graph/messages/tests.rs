//! Bodies that Meta takes and bodies that it refuses, against a world without a network.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{marketing_messages, messages};
use crate::error::GraphError;
use crate::graph::call::Body;
use crate::graph::{Answer, Call, Reply};
use crate::world::{Draft, Throughput, World};

const CUSTOMER: &str = "16505551234";

/// A furnished world, one of its numbers, and a customer.
struct Bench {
    world: World,
    number: String,
    waba: String,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        let now = Timestamp::from_second(1_790_000_000).expect("a time");
        let world = World::furnished(7, None, None, now);
        let number = world.numbers.keys().next().expect("a furnished world has numbers").clone();
        let waba = world.numbers[&number].waba_id.clone();
        Self { world, number, waba, now }
    }

    fn call(&mut self, run: fn(&mut Call<'_>) -> Answer, body: Value) -> Result<Value, GraphError> {
        let Value::Object(mut fields) = body else { panic!("a body is an object") };
        fields.entry("messaging_product").or_insert("whatsapp".into());
        let headers = http::HeaderMap::new();
        let mut call = Call {
            world: &mut self.world,
            now: self.now,
            object: self.number.clone(),
            rest: String::new(),
            query: Map::new(),
            headers: &headers,
            body: Body { fields, ..Body::default() },
            token: None,
            app_id: String::new(),
            origin: "http://127.0.0.1".into(),
            version: String::new(),
            word: String::new(),
        };
        match run(&mut call)? {
            Reply::Json(answer) | Reply::Accepted { answer, .. } => Ok(answer),
            _ => panic!("a send is answered with JSON"),
        }
    }

    /// Sends to the customer, unless the body names somebody.
    fn send(&mut self, mut body: Value) -> Result<Value, GraphError> {
        if body.get("to").is_none() && body.get("recipient").is_none() && body.get("status").is_none() {
            body["to"] = CUSTOMER.into();
        }
        self.call(messages, body)
    }

    fn template(&mut self, draft: &Value) {
        let text = |key: &str, or: &str| draft[key].as_str().unwrap_or(or).to_owned();
        let draft = Draft {
            name: text("name", ""),
            language: text("language", "en_US"),
            category: text("category", "UTILITY"),
            parameter_format: text("parameter_format", "POSITIONAL"),
            components: draft["components"].as_array().cloned().unwrap_or_default(),
            ttl_seconds: None,
        };
        let (waba, now) = (self.waba.clone(), self.now);
        self.world.create_template(&waba, draft, true, now);
    }

    fn medium(&mut self, mime: &str, bytes: usize) -> String {
        let bytes = Bytes::from(vec![1; bytes]);
        self.world.keep_media(&self.number.clone(), mime, None, bytes, false, self.now)
    }

    /// The template that was sent last, as the customer sees it.
    fn rendered(&self) -> Value {
        let last = self.world.accepted.last().expect("something was accepted");
        self.world.messages[&last.id].rendered.clone().expect("a template")
    }
}

/// A text of so many characters.
fn long(count: usize) -> String {
    "ñ".repeat(count)
}

fn interactive(kind: &str, action: Value) -> Value {
    json!({ "type": "interactive", "interactive": { "type": kind, "body": { "text": "Choose" }, "action": action } })
}

fn buttons(rows: &[(&str, &str)]) -> Value {
    let rows = rows.iter().map(|(id, title)| json!({ "type": "reply", "reply": { "id": id, "title": title } }));
    interactive("button", json!({ "buttons": rows.collect::<Vec<_>>() }))
}

fn list(sections: Value) -> Value {
    interactive("list", json!({ "button": "Menu", "sections": sections }))
}

fn rows(from: usize, to: usize) -> Vec<Value> {
    (from..to).map(|i| json!({ "id": format!("r{i}"), "title": format!("Row {i}"), "description": "d" })).collect()
}

fn flow(change: Value) -> Value {
    let mut parameters = json!({ "flow_message_version": "3", "flow_id": "1", "flow_cta": "Book" });
    for (key, value) in change.as_object().expect("an object") {
        parameters[key] = value.clone();
    }
    interactive("flow", json!({ "name": "flow", "parameters": parameters }))
}

fn link_card(index: usize, kind: &str) -> Value {
    json!({
        "card_index": index, "type": "cta_url", "header": { "type": kind, kind: { "link": "https://example.com/a" } },
        "body": { "text": "Fresh" },
        "action": { "name": "cta_url", "parameters": { "display_text": "Buy", "url": "https://example.com" } },
    })
}

fn product_card(index: usize, catalog: &str) -> Value {
    json!({
        "card_index": index, "type": "product", "action": { "product_retailer_id": "a", "catalog_id": catalog }
    })
}

fn reply_card(index: usize) -> Value {
    let mut card = link_card(index, "image");
    card["action"] = json!({ "buttons": [
        { "type": "quick_reply", "quick_reply": { "id": format!("b{index}"), "title": "More" } }
    ] });
    card
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    body.pointer_mut(parent).expect("what the pointer names")[key] = value;
    body
}

fn order() -> Value {
    interactive(
        "order_details",
        json!({ "name": "review_and_pay", "parameters": {
            "reference_id": "r1", "type": "physical-goods", "currency": "BRL",
            "total_amount": { "value": 1100, "offset": 100 },
            "order": { "status": "pending", "subtotal": { "value": 1100, "offset": 100 }, "items": [
                { "retailer_id": "1", "name": "bread", "quantity": 1, "amount": { "value": 1100, "offset": 100 } },
            ] },
        } }),
    )
}

#[test]
fn every_type_is_taken() {
    let mut bench = Bench::new();
    let image = bench.medium("image/png", 100);
    let video = bench.medium("video/mp4", 100);
    let note = bench.medium("audio/ogg; codecs=opus", 100);
    let pdf = bench.medium("application/pdf", 100);
    let sticker = bench.medium("image/webp", 100);
    let link = "https://example.com/file";
    let accepted = [
        json!({ "type": "text", "text": { "body": "hi", "preview_url": true } }),
        json!({ "text": { "body": long(4096) } }),
        json!({ "type": "TEXT", "text": { "body": "hi" } }),
        json!({ "type": "text", "text": "{\"body\":\"as a form writes it\"}" }),
        json!({ "type": "image", "image": { "id": image, "caption": long(1024) } }),
        json!({ "type": "image", "image": { "link": link } }),
        json!({ "type": "video", "video": { "id": video, "caption": "c" } }),
        json!({ "type": "audio", "audio": { "id": note, "voice": true } }),
        json!({ "type": "audio", "audio": { "link": link } }),
        json!({ "type": "document", "document": { "id": pdf, "filename": "a.pdf", "caption": "c" } }),
        json!({ "type": "document", "document": { "id": image, "filename": "a.png" } }),
        json!({ "type": "sticker", "sticker": { "id": sticker } }),
        json!({ "type": "location", "location": { "latitude": "37.44", "longitude": "-122.16" } }),
        json!({ "type": "location", "location": { "latitude": 0, "longitude": 180.0, "name": "n", "address": "a" } }),
        json!({ "type": "contacts", "contacts": [{
            "name": { "formatted_name": "Ann B", "first_name": "Ann" }, "birthday": "1999-01-23",
            "phones": [{ "phone": "+1 650 555 1234", "type": "CELL", "wa_id": "16505551234" }],
            "emails": [{ "email": "a@b.c", "type": "WORK" }], "urls": [{ "url": "https://a.b" }],
            "addresses": [{ "city": "Menlo Park", "country_code": "us" }], "org": { "company": "B" },
        }] }),
        json!({ "type": "reaction", "reaction": { "message_id": "wamid.HBgL", "emoji": "👍🏽" } }),
        json!({ "type": "reaction", "reaction": { "message_id": "wamid.HBgL", "emoji": "" } }),
        buttons(&[("a", "Yes"), ("b", "No"), ("c", "Perhaps")]),
        with(buttons(&[("a", "Yes")]), "/interactive/header", json!({ "type": "image", "image": { "id": image } })),
        with(buttons(&[("a", "Yes")]), "/interactive/header", json!({ "type": "text", "text": long(60) })),
        with(buttons(&[("a", "Yes")]), "/interactive/footer", json!({ "text": long(60) })),
        list(json!([{ "title": "A", "rows": rows(0, 5) }, { "title": "B", "rows": rows(5, 10) }])),
        list(json!([{ "rows": rows(0, 10) }])),
        with(list(json!([{ "rows": rows(0, 1) }])), "/interactive/body/text", long(4096).into()),
        interactive(
            "cta_url",
            json!({ "name": "cta_url", "parameters": { "display_text": "See", "url": "https://example.com/?a=b" } }),
        ),
        flow(json!({ "flow_token": "t", "mode": "draft", "flow_action": "navigate",
            "flow_action_payload": { "screen": "S", "data": { "a": 1 } } })),
        flow(json!({ "flow_id": null, "flow_name": "booking", "flow_action": "data_exchange" })),
        interactive("product", json!({ "catalog_id": "1", "product_retailer_id": "a" })),
        json!({ "type": "interactive", "interactive": {
            "type": "product", "action": { "catalog_id": "1", "product_retailer_id": "a" } } }),
        with(
            interactive(
                "product_list",
                json!({ "catalog_id": "1", "sections": [{ "title": "t", "product_items": [
                    { "product_retailer_id": "a" }] }] }),
            ),
            "/interactive/header",
            json!({ "type": "text", "text": "h" }),
        ),
        interactive(
            "catalog_message",
            json!({ "name": "catalog_message", "parameters": { "thumbnail_product_retailer_id": "a" } }),
        ),
        interactive("location_request_message", json!({ "name": "send_location" })),
        interactive(
            "address_message",
            json!({ "name": "address_message", "parameters": { "country": "IN", "values": { "name": "A" },
                "saved_addresses": [{ "id": "1", "value": { "city": "Mumbai" } }],
                "validation_errors": { "in_pin_code": "no such code" } } }),
        ),
        interactive("carousel", json!({ "cards": [link_card(0, "image"), link_card(1, "image")] })),
        interactive("carousel", json!({ "cards": [reply_card(1), reply_card(0), reply_card(2)] })),
        interactive("carousel", json!({ "cards": [product_card(0, "1"), product_card(1, "1")] })),
        interactive("call_permission_request", json!({ "name": "call_permission_request" })),
        interactive(
            "voice_call",
            json!({ "name": "voice_call", "parameters": { "display_text": "Call", "ttl_minutes": 100 } }),
        ),
        interactive("request_contact_info", json!({ "name": "request_contact_info" })),
        order(),
        interactive(
            "order_status",
            json!({ "name": "review_order", "parameters": { "reference_id": "r1", "order": { "status": "shipped" } } }),
        ),
        json!({ "type": "text", "text": { "body": "hi" }, "context": { "message_id": "wamid.HBgL" },
            "biz_opaque_callback_data": long(512), "recipient_type": "individual" }),
        json!({ "type": "text", "text": { "body": "hi" }, "category": "utility", "message_send_ttl_seconds": 30 }),
        json!({ "type": "text", "text": { "body": "hi" }, "messaging_account_id": bench.waba }),
        json!({ "type": "template", "template": { "name": "hello_world", "language": { "code": "en_US" } } }),
    ];
    for (i, body) in accepted.iter().enumerate() {
        // Of one customer, the pair limit would stop so many.
        let body = with(body.clone(), "/to", format!("+1 (650) 555-{:04}", 2000 + i).into());
        let answer = bench.send(body.clone());
        let answer = answer.unwrap_or_else(|error| panic!("{body}\n{:?} {:?}", error.message, error.details));
        assert_eq!(answer["contacts"][0]["wa_id"], format!("1650555{}", 2000 + i));
        let templated = body["type"] == "template";
        assert_eq!(answer["messages"][0].get("message_status").is_some(), templated, "{body}");
        let row = bench.world.accepted.last().expect("accepted");
        assert_eq!(row.id, answer["messages"][0]["id"], "{body}");
        assert_eq!(row.request["to"], body["to"]);
        bench.now += SignedDuration::from_secs(1);
    }
}

#[test]
fn what_is_wrong_is_refused_by_name() {
    let mut bench = Bench::new();
    let customers = bench.world.customers.len();
    let image = bench.medium("image/png", 100);
    let large = bench.medium("image/png", (5 << 20) + 1);
    let mp3 = bench.medium("audio/mpeg", 100);
    let sticker = bench.medium("image/webp", (100 << 10) + 1);
    let own = bench.world.numbers[&bench.number].digits.clone();
    let text = json!({ "type": "text", "text": { "body": "hi" } });
    let contact = |card: Value| json!({ "type": "contacts", "contacts": [card] });
    let cards = |cards: Vec<Value>| interactive("carousel", json!({ "cards": cards }));
    let one = || buttons(&[("a", "Yes")]);
    let address = |parameters: Value| {
        interactive("address_message", json!({ "name": "address_message", "parameters": parameters }))
    };
    let refused: Vec<(Value, i64, &str)> = vec![
        // Whom it is for.
        (with(text.clone(), "/to", "".into()), 100, "parameter to is required"),
        (with(text.clone(), "/to", "hello".into()), 131009, "malformed"),
        (with(text.clone(), "/to", "12345".into()), 131009, "malformed"),
        (with(text.clone(), "/to", "05551234567".into()), 131009, "malformed"),
        (with(text.clone(), "/to", own.clone().into()), 131021, "same"),
        (with(text.clone(), "/recipient", "US.13491208655302741918".into()), 131026, "user id"),
        (with(text.clone(), "/recipient", "16505551234".into()), 131009, "business-scoped"),
        (with(text.clone(), "/recipient_type", "group".into()), 131041, "group"),
        (with(text.clone(), "/recipient_type", "crowd".into()), 100, "{GROUP, INDIVIDUAL}"),
        // What goes with every type.
        (with(text.clone(), "/messaging_product", "sms".into()), 100, "messaging_product"),
        (with(text.clone(), "/context", json!({})), 100, "context['message_id'] is required"),
        (with(text.clone(), "/context", json!({ "message_id": "abc" })), 131009, "context['message_id']"),
        (with(text.clone(), "/biz_opaque_callback_data", long(513).into()), 100, "512"),
        (with(text.clone(), "/messaging_account_id", "1".into()), 131009, "messaging_account_id"),
        (with(text.clone(), "/paid_messaging_account_id", "1".into()), 131009, "paid_messaging_account_id"),
        (with(text.clone(), "/category", "marketing".into()), 100, "category"),
        (with(text.clone(), "/category", "authentication".into()), 100, "not enabled"),
        (json!({ "type": "image", "image": { "id": image }, "category": "utility" }), 100, "Direct Send takes text"),
        (
            json!({ "text": { "body": "a" }, "category": "utility", "message_send_ttl_seconds": 29 }),
            100,
            "message_send_ttl_seconds",
        ),
        (with(text.clone(), "/type", "poll".into()), 100, "Param type must be one of {AUDIO, CONTACTS"),
        (json!({ "type": "pin", "pin": { "type": "pin", "message_id": "wamid.A" } }), 100, "groups only"),
        (json!({ "type": "gif", "gif": {} }), 131051, "gif"),
        (json!({ "interactive": {} }), 131008, "text"),
        (json!({ "type": "image" }), 131008, "image"),
        // Text.
        (json!({ "text": {} }), 100, "text['body'] is required"),
        (json!({ "text": { "body": "" } }), 100, "text['body'] is required"),
        (json!({ "text": { "body": 5 } }), 100, "text['body'] must be a string"),
        (json!({ "text": { "body": long(4097) } }), 100, "at most 4096"),
        (json!({ "text": { "body": "a", "preview": true } }), 100, "Unexpected key \"preview\" on param \"text\""),
        (json!({ "text": { "body": "a", "preview_url": 1 } }), 100, "boolean"),
        (json!({ "text": "hi" }), 100, "valid JSON"),
        // Media.
        (json!({ "type": "image", "image": {} }), 131008, "id and link"),
        (json!({ "type": "image", "image": { "id": image, "link": "https://a.b" } }), 100, "not both"),
        (json!({ "type": "image", "image": { "id": "1" } }), 100, "image['id'] is not a valid whatsapp business"),
        (json!({ "type": "image", "image": { "link": "a.b/c.png" } }), 100, "image['link'] is not a valid URI"),
        (json!({ "type": "image", "image": { "id": mp3 } }), 131053, "audio/mpeg"),
        (json!({ "type": "image", "image": { "id": large } }), 131053, "5242880"),
        (json!({ "type": "sticker", "sticker": { "id": sticker } }), 131053, "102400"),
        (json!({ "type": "image", "image": { "id": image, "filename": "a" } }), 100, "Unexpected key \"filename\""),
        (json!({ "type": "image", "image": { "id": image, "caption": long(1025) } }), 100, "image['caption']"),
        (json!({ "type": "audio", "audio": { "id": mp3, "caption": "a" } }), 100, "Unexpected key \"caption\""),
        (json!({ "type": "audio", "audio": { "id": mp3, "voice": true } }), 131053, "audio/ogg"),
        (json!({ "type": "sticker", "sticker": { "id": sticker, "caption": "a" } }), 100, "Unexpected key"),
        // Places, people, reactions.
        (json!({ "type": "location", "location": { "latitude": 1 } }), 100, "location['longitude'] is required"),
        (json!({ "type": "location", "location": { "latitude": 91, "longitude": 0 } }), 131009, "latitude"),
        (json!({ "type": "location", "location": { "latitude": 1, "longitude": "east" } }), 131009, "longitude"),
        (json!({ "type": "contacts", "contacts": [] }), 131008, "at least one"),
        (json!({ "type": "contacts", "contacts": {} }), 100, "array"),
        (contact(json!({ "phones": [] })), 100, "contacts[0]['name'] is required"),
        (contact(json!({ "name": { "first_name": "A" } })), 100, "formatted_name"),
        (contact(json!({ "name": { "formatted_name": "A" } })), 131009, "first_name"),
        (
            contact(json!({ "name": { "formatted_name": "A", "first_name": "A" }, "birthday": "23/01/1999" })),
            131009,
            "YYYY-MM-DD",
        ),
        (
            contact(json!({ "name": { "formatted_name": "A", "first_name": "A" }, "phones": [{ "number": "1" }] })),
            100,
            "contacts[0]['phones'][0]",
        ),
        (json!({ "type": "reaction", "reaction": { "emoji": "👍" } }), 100, "reaction['message_id']"),
        (json!({ "type": "reaction", "reaction": { "message_id": "wamid.A" } }), 100, "reaction['emoji']"),
        (json!({ "type": "reaction", "reaction": { "message_id": "wamid.A", "emoji": "ok" } }), 131009, "emoji"),
        (json!({ "type": "reaction", "reaction": { "message_id": "A", "emoji": "👍" } }), 131009, "message_id"),
        // Interactive: what all have.
        (json!({ "type": "interactive", "interactive": {} }), 100, "interactive['type'] is required"),
        (interactive("poll", json!({})), 100, "interactive['type'] must be one of {BUTTON, LIST"),
        (with(one(), "/interactive/templateId", "x".into()), 100, "Unexpected key \"templateId\" on param"),
        (with(one(), "/interactive/body", Value::Null), 100, "interactive['body'] is required"),
        (with(one(), "/interactive/body", json!({ "text": "" })), 100, "interactive['body']['text'] is required"),
        (with(one(), "/interactive/body/text", long(1025).into()), 131009, "Body text length invalid"),
        (with(one(), "/interactive/footer", json!({ "text": long(61) })), 131009, "Footer text length invalid"),
        (with(one(), "/interactive/header", json!({ "type": "text" })), 131009, "Text cannot be null"),
        (
            with(one(), "/interactive/header", json!({ "type": "text", "text": long(61) })),
            131009,
            "Header text length invalid. Min length: 1, Max length: 60",
        ),
        (with(one(), "/interactive/header", json!({ "type": "audio" })), 100, "interactive['header']['type']"),
        (
            with(one(), "/interactive/header", json!({ "type": "image", "image": {} })),
            131008,
            "interactive['header']['image']",
        ),
        (
            with(one(), "/interactive/header", json!({ "type": "image", "image": { "id": image, "caption": "a" } })),
            100,
            "caption",
        ),
        (with(one(), "/interactive/action", Value::Null), 100, "interactive['action'] is required"),
        // Buttons.
        (buttons(&[]), 131009, "Invalid buttons count"),
        (buttons(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]), 131009, "Max allowed buttons: 3"),
        (buttons(&[("a", "1"), ("a", "2")]), 131009, "Duplicated button id"),
        (buttons(&[("a", "1"), ("b", "1")]), 131009, "Duplicated button title"),
        (buttons(&[("a", &long(21))]), 131009, "Button title length invalid. Min length: 1, Max length: 20"),
        (buttons(&[(&long(257), "a")]), 131009, "Button id length invalid"),
        (buttons(&[("a", "")]), 100, "interactive['action']['buttons'][0]['reply']['title'] is required"),
        // Lists.
        (list(json!([])), 131009, "Invalid sections count"),
        (list(json!([{ "rows": rows(0, 11) }])), 131009, "Total row count exceed max allowed count: 10"),
        (
            list(json!([{ "title": "A", "rows": rows(0, 6) }, { "title": "B", "rows": rows(6, 11) }])),
            131009,
            "Total row count",
        ),
        (
            list(json!([{ "title": "A", "rows": rows(0, 1) }, { "rows": rows(1, 2) }])),
            131009,
            "Section title is required",
        ),
        (list(json!([{ "title": long(25), "rows": rows(0, 1) }])), 131009, "Section title is too long"),
        (
            list(json!([{ "rows": [{ "id": "a", "title": long(25) }] }])),
            131009,
            "Row title is too long. Max length is 24",
        ),
        (list(json!([{ "rows": [{ "id": long(201), "title": "a" }] }])), 131009, "Row id is too long"),
        (
            list(json!([{ "rows": [{ "id": "a", "title": "a", "description": long(73) }] }])),
            131009,
            "Row description is too long",
        ),
        (list(json!([{ "rows": [{ "id": "a", "title": "a" }, { "id": "a", "title": "b" }] }])), 131009, "row id"),
        (list(json!([{ "rows": [{ "id": "a" }] }])), 100, "['sections'][0]['rows'][0]['title'] is required"),
        (with(list(json!([{ "rows": rows(0, 1) }])), "/interactive/action/button", long(21).into()), 131009, "label"),
        (
            with(
                list(json!([{ "rows": rows(0, 1) }])),
                "/interactive/header",
                json!({ "type": "image", "image": { "id": image } }),
            ),
            131009,
            "not supported here",
        ),
        // The other actions.
        (
            interactive(
                "cta_url",
                json!({ "name": "cta_url", "parameters": { "display_text": "See", "url": "example.com" } }),
            ),
            131009,
            "not a valid URL",
        ),
        (interactive("cta_url", json!({ "name": "open", "parameters": {} })), 131009, "must be cta_url"),
        (flow(json!({ "flow_name": "also" })), 131009, "exactly one of flow_id and flow_name"),
        (flow(json!({ "flow_message_version": "2" })), 131009, "must be 3"),
        (flow(json!({ "flow_cta": long(31) })), 131009, "Flow cta"),
        (flow(json!({ "mode": "secret" })), 100, "{DRAFT, PUBLISHED}"),
        (flow(json!({ "flow_action_payload": { "screen": "S", "data": {} } })), 131009, "not empty"),
        (interactive("product", json!({ "catalog_id": "1" })), 100, "product_retailer_id"),
        (
            interactive(
                "product_list",
                json!({ "catalog_id": "1", "sections": [{ "product_items": [{ "product_retailer_id": "a" }] }] }),
            ),
            100,
            "interactive['header'] is required",
        ),
        (
            with(
                interactive("catalog_message", json!({ "name": "catalog_message" })),
                "/interactive/header",
                json!({ "type": "text", "text": "a" }),
            ),
            100,
            "not allowed for catalog_message",
        ),
        (interactive("location_request_message", json!({ "name": "location" })), 131009, "send_location"),
        (address(json!({ "country": "MX" })), 131009, "IN or SG"),
        (address(json!("JSON Payload")), 100, "must be a JSON object"),
        (cards(vec![link_card(0, "image")]), 131009, "Invalid cards count"),
        (cards((0..11).map(|i| link_card(i, "image")).collect()), 131009, "Max allowed cards: 10"),
        (cards(vec![link_card(0, "image"), link_card(0, "image")]), 131009, "Duplicated card_index"),
        (cards(vec![link_card(0, "image"), link_card(2, "image")]), 131009, "between 0 and 1"),
        (cards(vec![link_card(0, "image"), link_card(1, "video")]), 131009, "look alike"),
        (cards(vec![link_card(0, "image"), reply_card(1)]), 131009, "look alike"),
        (cards(vec![product_card(0, "1"), product_card(1, "2")]), 131009, "look alike"),
        (
            interactive("voice_call", json!({ "name": "voice_call", "parameters": { "ttl_minutes": 0 } })),
            100,
            "ttl_minutes",
        ),
        (interactive("request_contact_info", json!({ "name": "contact_request" })), 131009, "request_contact_info"),
        (with(order(), "/interactive/action/parameters/currency", "MXN".into()), 131009, "currency"),
        // Receipts.
        (json!({ "status": "delivered", "message_id": "wamid.A" }), 100, "{READ}"),
        (json!({ "status": "read" }), 100, "message_id"),
        (json!({ "status": "read", "message_id": "wamid.A" }), 131009, "message_id"),
    ];
    for (body, code, word) in refused {
        let Err(error) = bench.send(body.clone()) else { panic!("taken, for {code} {word}: {body}") };
        let said = format!("{} {}", error.message.as_deref().unwrap_or(""), error.details.as_deref().unwrap_or(""));
        assert_eq!((error.code, error.http), (code, 400), "{said}\n{body}");
        assert!(said.contains(word), "{said}\n{body}");
    }
    assert!(bench.world.accepted.is_empty(), "what is refused is not accepted");
    assert_eq!(bench.world.customers.len(), customers, "and nobody is made of it");
}

#[test]
fn another_account_s_medium_and_an_old_one_are_none() {
    let mut bench = Bench::new();
    let other = bench.world.numbers.keys().nth(2).expect("a number of another account").clone();
    let foreign = bench.world.keep_media(&other, "image/png", None, Bytes::from_static(b"x"), false, bench.now);
    let error = bench.send(json!({ "type": "image", "image": { "id": foreign } })).expect_err("another account's");
    assert_eq!(error.code, 100);
    let own = bench.medium("image/png", 1);
    assert!(bench.send(json!({ "type": "image", "image": { "id": own } })).is_ok());
    bench.now += SignedDuration::from_hours(30 * 24);
    let error = bench.send(json!({ "type": "image", "image": { "id": own } })).expect_err("kept 30 days");
    assert!(error.message.is_some_and(|text| text.contains("media attachment ID")));
}

#[test]
fn numbers_come_back_under_other_digits() {
    let mut bench = Bench::new();
    let customers = bench.world.customers.len();
    for (to, wa_id) in [
        ("+52 55 1234 5678", "5215512345678"),
        ("5215512345678", "5215512345678"),
        ("+54 11 2345-6789", "5491123456789"),
        ("+55 (85) 91234-5678", "558512345678"),
        ("558512345678", "558512345678"),
    ] {
        let answer = bench.send(json!({ "to": to, "text": { "body": "hi" } })).expect("taken");
        assert_eq!(answer["contacts"], json!([{ "input": to, "wa_id": wa_id }]));
    }
    assert_eq!(bench.world.customers.len(), customers + 3, "one account under every spelling");
}

#[test]
fn a_user_id_is_answered_without_a_phone() {
    let mut bench = Bench::new();
    let business = bench.world.business_of(&bench.number).expect("a portfolio").id.clone();
    let key = bench.world.add_customer(Some("Ann"), Some(CUSTOMER), Some("ann"));
    let user_id = bench.world.user_id(&key, &business);
    let answer = bench.send(json!({ "recipient": user_id, "text": { "body": "hi" } })).expect("taken");
    assert_eq!(answer["contacts"], json!([{ "input": user_id, "user_id": user_id }]));
    let answer = bench.send(json!({ "recipient": user_id, "to": "16505559999", "text": { "body": "hi" } }));
    assert_eq!(answer.expect("taken")["contacts"][0]["wa_id"], "16505559999", "to wins");
    let code = json!({ "type": "template", "template": { "name": "login_code", "language": { "code": "en_US" } } });
    let error = bench.send(with(code, "/recipient", user_id.into())).expect_err("codes need a phone");
    assert_eq!(error.code, 131062);
}

#[test]
fn a_changed_identity_is_refused() {
    let mut bench = Bench::new();
    let key = bench.world.customer_dialed(CUSTOMER);
    let text = json!({ "text": { "body": "hi" }, "recipient_identity_key_hash": "DF2lS5v2W6x=" });
    assert!(bench.send(text.clone()).is_ok(), "nothing is known of the customer's");
    bench.world.customers[&key].identity_key_hash = Some("AAAAAAAAAAA=".into());
    assert_eq!(bench.send(text).expect_err("another one").code, 137000);
}

#[test]
fn receipts_mark_what_came_before() {
    let mut bench = Bench::new();
    let key = bench.world.customer_dialed(CUSTOMER);
    let mut write = || {
        let text = json!({ "type": "text", "text": { "body": "hi" } }).as_object().cloned().expect("an object");
        bench.world.customer_sends(&bench.number, &key, text, bench.now).expect("heard")
    };
    let (first, second) = (write(), write());
    let receipt = json!({ "status": "read", "message_id": second, "typing_indicator": { "type": "text" } });
    assert_eq!(bench.send(receipt).expect("taken"), json!({ "success": true }));
    for wamid in [first, second] {
        assert!(bench.world.messages[&wamid].has("read"));
    }
    assert_eq!(bench.world.accepted[0].kind, "read");
    let thread = &bench.world.threads[&(bench.number.clone(), key)];
    assert_eq!(thread.typing_until, Some(bench.now + SignedDuration::from_secs(25)));
}

fn template(name: &str, components: Value) -> Value {
    json!({ "type": "template", "template": {
        "name": name, "language": { "code": "en_US", "policy": "deterministic" }, "components": components } })
}

fn texts(words: &[&str]) -> Value {
    words.iter().map(|word| json!({ "type": "text", "text": word })).collect()
}

fn body(words: &[&str]) -> Value {
    json!([{ "type": "body", "parameters": texts(words) }])
}

/// Templates of every make.
fn templates(bench: &mut Bench) {
    for draft in [
        json!({ "name": "order", "components": [
            { "type": "HEADER", "format": "TEXT", "text": "Order {{1}}" },
            { "type": "BODY", "text": "Hi {{1}}, {{2}} is ready." },
            { "type": "FOOTER", "text": "Thanks" },
            { "type": "BUTTONS", "buttons": [
                { "type": "URL", "text": "Track", "url": "https://example.com/t/{{1}}" },
                { "type": "PHONE_NUMBER", "text": "Call", "phone_number": "+15550051310" },
                { "type": "QUICK_REPLY", "text": "Stop" },
            ] },
        ] }),
        json!({ "name": "plain", "components": [{ "type": "BODY", "text": "Hi {{1}}, {{2}}" }] }),
        json!({ "name": "named", "parameter_format": "NAMED", "components": [
            { "type": "BODY", "text": "{{first_name}}, your table is at {{time}}." }] }),
        json!({ "name": "picture", "category": "MARKETING", "components": [
            { "type": "HEADER", "format": "IMAGE" }, { "type": "BODY", "text": "Look" }] }),
        json!({ "name": "place", "components": [
            { "type": "HEADER", "format": "LOCATION" }, { "type": "BODY", "text": "Here" }] }),
        json!({ "name": "coupon", "category": "MARKETING", "components": [
            { "type": "LIMITED_TIME_OFFER", "limited_time_offer": { "text": "Ends soon", "has_expiration": true } },
            { "type": "BODY", "text": "Save" },
            { "type": "BUTTONS", "buttons": [
                { "type": "COPY_CODE", "example": "X" },
                { "type": "URL", "text": "Book", "url": "https://example.com/{{1}}", "example": ["x"] },
            ] },
        ] }),
        json!({ "name": "shop", "category": "MARKETING", "components": [
            { "type": "BODY", "text": "Shop" },
            { "type": "BUTTONS", "buttons": [{ "type": "MPM", "text": "View items" }] }] }),
        json!({ "name": "booking", "components": [
            { "type": "BODY", "text": "Book" },
            { "type": "BUTTONS", "buttons": [{ "type": "FLOW", "text": "Open" }] }] }),
        json!({ "name": "one_product", "category": "MARKETING", "components": [
            { "type": "HEADER", "format": "PRODUCT" }, { "type": "BODY", "text": "New" },
            { "type": "BUTTONS", "buttons": [{ "type": "SPM", "text": "View" }] }] }),
    ] {
        bench.template(&draft);
    }
}

#[test]
fn templates_are_written_out_as_the_customer_sees_them() {
    let mut bench = Bench::new();
    templates(&mut bench);
    let image = bench.medium("image/jpeg", 10);
    let order = template(
        "order",
        json!([
            { "type": "header", "parameters": texts(&["A-1"]) },
            { "type": "body", "parameters": texts(&["Ann", "your latte"]) },
            { "type": "button", "sub_type": "url", "index": "0", "parameters": texts(&["a1"]) },
            { "type": "button", "sub_type": "QUICK_REPLY", "index": 2,
              "parameters": [{ "type": "payload", "payload": "stop-1" }] },
        ]),
    );
    let answer = bench.send(order).expect("taken");
    assert_eq!(answer["messages"][0]["message_status"], "accepted");
    let expected = json!({
        "header": { "type": "text", "text": "Order A-1" }, "body": "Hi Ann, your latte is ready.", "footer": "Thanks",
        "buttons": [
            { "type": "url", "text": "Track", "url": "https://example.com/t/a1" },
            { "type": "phone_number", "text": "Call", "phone": "+15550051310" },
            { "type": "quick_reply", "text": "Stop", "payload": "stop-1" },
        ],
    });
    assert_eq!(bench.rendered(), expected);

    let named = json!([{ "type": "body", "parameters": [
        { "type": "text", "parameter_name": "time", "text": "7:30 pm" },
        { "type": "text", "parameter_name": "first_name", "text": "Ann" },
    ] }]);
    bench.send(template("named", named)).expect("taken");
    assert_eq!(bench.rendered()["body"], "Ann, your table is at 7:30 pm.");

    let picture = json!([{ "type": "header", "parameters": [{ "type": "image", "image": { "id": image } }] }]);
    bench.send(template("picture", picture)).expect("taken");
    assert_eq!(bench.rendered()["header"], json!({ "type": "image", "media": { "id": image } }));
    let id = &bench.world.accepted.last().expect("accepted").id;
    assert_eq!(bench.world.messages[id].category, "marketing");

    let code = json!([
        { "type": "body", "parameters": texts(&["123456"]) },
        { "type": "button", "sub_type": "url", "index": 0, "parameters": texts(&["123456"]) },
    ]);
    bench.send(template("login_code", code)).expect("taken");
    let rendered = bench.rendered();
    let text = "*123456* is your verification code. For your security, do not share this code.";
    assert_eq!(rendered["body"], text);
    assert_eq!(rendered["footer"], "This code expires in 10 minutes.");
    assert_eq!(rendered["buttons"], json!([{ "type": "otp", "text": "Copy code", "payload": "123456" }]));

    let coupon = json!([
        { "type": "limited_time_offer", "parameters": [
            { "type": "limited_time_offer", "limited_time_offer": { "expiration_time_ms": 1_209_600_000 } }] },
        { "type": "button", "sub_type": "copy_code", "index": 0,
          "parameters": [{ "type": "coupon_code", "coupon_code": "CARIBE25" }] },
        { "type": "button", "sub_type": "url", "index": 1, "parameters": texts(&["n3mtql"]) },
    ]);
    bench.send(template("coupon", coupon)).expect("taken");
    let rendered = bench.rendered();
    assert_eq!(rendered["offer"], json!({ "text": "Ends soon", "expiration_time_ms": 1_209_600_000 }));
    assert_eq!(rendered["buttons"][0]["payload"], "CARIBE25");

    let card = |index: usize, price: &str, link: &str| {
        json!({ "card_index": index, "components": [
            { "type": "header", "parameters": [{ "type": "image", "image": { "link": link } }] },
            { "type": "body", "parameters": texts(&[price]) },
            { "type": "button", "sub_type": "quick_reply", "index": "0",
              "parameters": [{ "type": "payload", "payload": format!("more-{index}") }] },
            { "type": "button", "sub_type": "url", "index": "1", "parameters": texts(&["latte"]) },
        ] })
    };
    let cards = json!([
        { "type": "body", "parameters": texts(&["Ann"]) },
        { "type": "carousel", "cards": [card(1, "$4", "https://a.b/1.png"), card(0, "$6", "https://a.b/0.png")] },
    ]);
    bench.send(template("menu_cards", cards)).expect("taken");
    let cards = &bench.rendered()["cards"];
    assert_eq!(cards[0]["body"], "Oat latte for $6 today, while it lasts.");
    assert_eq!(cards[1]["header"], json!({ "type": "image", "media": { "link": "https://a.b/1.png" } }));
    assert_eq!(cards[1]["buttons"][1]["url"], "https://example.com/menu/latte");
    for (name, components) in [
        (
            "place",
            json!([{ "type": "header", "parameters": [
            { "type": "location", "location": { "latitude": "1", "longitude": "2" } }] }]),
        ),
        (
            "shop",
            json!([{ "type": "button", "sub_type": "mpm", "index": 0, "parameters": [{ "type": "action",
            "action": { "thumbnail_product_retailer_id": "a", "sections": [
                { "title": "t", "product_items": [{ "product_retailer_id": "a" }] }] } }] }]),
        ),
        (
            "booking",
            json!([{ "type": "button", "sub_type": "flow", "index": "0", "parameters": [
            { "type": "action", "action": { "flow_token": "t", "flow_action_data": { "a": 1 } } }] }]),
        ),
        (
            "one_product",
            json!([{ "type": "header", "parameters": [
            { "type": "product", "product": { "product_retailer_id": "a", "catalog_id": "1" } }] }]),
        ),
    ] {
        let sent = bench.send(template(name, components));
        assert!(sent.is_ok(), "{name}: {sent:?}");
    }
}

#[test]
fn templates_are_refused_as_meta_refuses_them() {
    let mut bench = Bench::new();
    templates(&mut bench);
    let image = bench.medium("image/jpeg", 10);
    for (name, status) in [("paused", "PAUSED"), ("disabled", "DISABLED"), ("pending", "PENDING")] {
        bench.template(&json!({ "name": name, "components": [{ "type": "BODY", "text": "Hi" }] }));
        let template = bench.world.templates.values_mut().find(|template| template.name == name);
        template.expect("just made").status = status.into();
    }
    let url = |parameters: Value| {
        json!([
            { "type": "header", "parameters": texts(&["A"]) }, { "type": "body", "parameters": texts(&["a", "b"]) },
            { "type": "button", "sub_type": "url", "index": 0, "parameters": parameters },
        ])
    };
    let mut other_language = template("plain", body(&["a", "b"]));
    other_language["template"]["language"]["code"] = "es".into();
    let refused: Vec<(Value, i64, u16, &str)> = vec![
        (template("unknown", json!([])), 132001, 404, "template name (unknown) does not exist in en_US"),
        (other_language, 132001, 404, "does not exist in es"),
        (template("pending", json!([])), 132001, 404, "pending"),
        (template("paused", json!([])), 132015, 400, "paused"),
        (template("disabled", json!([])), 132016, 400, "disabled"),
        (json!({ "type": "template", "template": { "name": "plain" } }), 100, 400, "template['language'] is required"),
        (json!({ "type": "template", "template": { "name": "plain", "language": "en_US" } }), 100, 400, "JSON object"),
        (
            template("plain", body(&["a"])),
            132000,
            400,
            "body: number of localizable_params (1) does not match the expected number of params (2)",
        ),
        (template("plain", json!([])), 132000, 400, "(0) does not match the expected number of params (2)"),
        (template("hello_world", body(&["a"])), 132000, 400, "(1) does not match the expected number of params (0)"),
        (template("hello_world", json!([{ "type": "footer" }])), 100, 400, "['components'][0]['type']"),
        (
            template("order", json!([{ "type": "body", "parameters": texts(&["a", "b"]) }])),
            132000,
            400,
            "header: number of localizable_params (0)",
        ),
        (template("plain", body(&["a", ""])), 131008, 400, "missing text value"),
        (template("plain", body(&["a", "b\nc"])), 132018, 400, "new-line"),
        (template("plain", body(&["a", "b     c"])), 132018, 400, "4 consecutive"),
        (template("plain", body(&["a", &long(1020)])), 132005, 400, "at most 1024"),
        (
            template(
                "plain",
                json!([{ "type": "body", "parameters": [
                { "type": "text", "text": "a" }, { "type": "image", "image": { "id": image } }] }]),
            ),
            132012,
            400,
            "body: Format mismatch, expected TEXT, received IMAGE",
        ),
        (
            template(
                "plain",
                json!([{ "type": "body", "parameters": [
                { "type": "text", "text": "a", "parameter_name": "x" }, { "type": "text", "text": "b" }] }]),
            ),
            132012,
            400,
            "no named parameters",
        ),
        (template("named", body(&["a", "b"])), 100, 400, "Parameter name is missing or empty"),
        (
            template(
                "named",
                json!([{ "type": "body", "parameters": [
                { "type": "text", "parameter_name": "first_name", "text": "a" },
                { "type": "text", "parameter_name": "hour", "text": "b" }] }]),
            ),
            132012,
            400,
            "hour",
        ),
        (template("picture", json!([])), 132012, 400, "header: Format mismatch, expected IMAGE, received UNKNOWN"),
        (
            template("picture", json!([{ "type": "header", "parameters": texts(&["a"]) }])),
            132012,
            400,
            "expected IMAGE, received TEXT",
        ),
        (
            template(
                "picture",
                json!([{ "type": "header", "parameters": [{ "type": "image", "image": { "id": "1" } }] }]),
            ),
            100,
            400,
            "template['components'][0]['parameters'][0]['image']['id'] is not a valid whatsapp",
        ),
        (template("order", url(json!([]))), 131008, 400, "Button at index 0 of type Url requires a parameter"),
        (template("order", url(json!([{ "type": "payload", "payload": "a" }]))), 132012, 400, "expected TEXT"),
        (
            template(
                "order",
                json!([
                { "type": "header", "parameters": texts(&["A"]) }, { "type": "body", "parameters": texts(&["a", "b"]) },
                { "type": "button", "sub_type": "quick_reply", "index": 0, "parameters": [] }]),
            ),
            132012,
            400,
            "expected URL, received QUICK_REPLY",
        ),
        (
            template(
                "order",
                json!([
                { "type": "header", "parameters": texts(&["A"]) }, { "type": "body", "parameters": texts(&["a", "b"]) },
                { "type": "button", "sub_type": "url", "index": 3, "parameters": texts(&["a"]) }]),
            ),
            131009,
            400,
            "no button at index 3",
        ),
        (template("coupon", json!([])), 131008, 400, "Button at index 0 of type CopyCode requires a parameter"),
        (template("booking", json!([])), 131008, 400, "Flow requires a parameter"),
        (template("login_code", body(&["1234"])), 131008, 400, "requires a parameter"),
        (template("menu_cards", json!([{ "type": "body", "parameters": texts(&["Ann"]) }])), 132000, 400, "carousel"),
    ];
    for (body, code, http, word) in refused {
        let Err(error) = bench.send(body.clone()) else { panic!("taken, for {code} {word}: {body}") };
        let said = format!("{} {}", error.message.as_deref().unwrap_or(""), error.details.as_deref().unwrap_or(""));
        assert_eq!((error.code, error.http), (code, http), "{said}\n{body}");
        assert!(said.contains(word), "{said}\n{body}");
    }
}

#[test]
fn marketing_messages_takes_marketing_templates_only() {
    let mut bench = Bench::new();
    templates(&mut bench);
    let mut post = |body: Value| bench.call(marketing_messages, with(body, "/to", CUSTOMER.into()));
    let error = post(json!({ "type": "text", "text": { "body": "hi" } })).expect_err("no template");
    assert_eq!((error.code, error.details.as_deref()), (100, Some("Message must be a template message.")));
    assert_eq!(post(template("hello_world", json!([]))).expect_err("utility").code, 134100);
    assert_eq!(post(json!({ "status": "read", "message_id": "wamid.A" })).expect_err("a receipt").code, 131055);
    let link = json!([{ "type": "header", "parameters": [{ "type": "image", "image": { "link": "https://a.b/c" } }] }]);
    let offer = with(template("picture", link), "/product_policy", "CLOUD_API_FALLBACK".into());
    let answer = post(with(offer.clone(), "/message_activity_sharing", true.into())).expect("taken");
    assert_eq!(answer["messages"][0]["message_status"], "accepted");
    assert_eq!(post(with(offer, "/product_policy", "LAX".into())).expect_err("a policy").code, 100);
}

#[test]
fn a_number_that_can_t_send_says_why() {
    let mut bench = Bench::new();
    let text = json!({ "text": { "body": "hi" } });
    let now = bench.now;
    let id = bench.number.clone();
    bench.world.numbers[&id].registered = false;
    assert_eq!(bench.send(text.clone()).expect_err("not registered").code, 133010);
    bench.world.numbers[&id].registered = true;
    bench.world.numbers[&id].maintenance_until = Some(now + SignedDuration::from_secs(60));
    let error = bench.send(text.clone()).expect_err("maintenance");
    assert_eq!((error.code, error.http), (131057, 500));
    bench.now += SignedDuration::from_secs(60);
    assert!(bench.send(text.clone()).is_ok());
    let key = bench.world.customer_dialed(CUSTOMER);
    bench.world.numbers[&id].blocked.insert(key);
    assert_eq!(bench.send(text).expect_err("blocked").code, 130403);
}

#[test]
fn throughput_counts_what_was_accepted_in_a_second() {
    let mut bench = Bench::new();
    let id = bench.number.clone();
    bench.world.numbers[&id].throughput = Throughput::Coexistence;
    let to = |i: usize| json!({ "to": format!("1650555{:04}", 3000 + i), "text": { "body": "hi" } });
    for i in 0..20 {
        bench.send(to(i)).expect("20 a second");
        assert!(bench.send(json!({ "text": {} })).is_err(), "what is refused does not count");
    }
    let error = bench.send(to(20)).expect_err("the 21st");
    let envelope = error.envelope("A");
    let expected = json!({ "error": {
        "message": "(#130429) Rate limit hit", "type": "OAuthException", "code": 130429,
        "error_data": { "messaging_product": "whatsapp",
            "details": "Cloud API message throughput has been reached." },
        "error_subcode": 2_494_055, "fbtrace_id": "A",
    } });
    assert_eq!((error.http, envelope), (400, expected));
    bench.now += SignedDuration::from_secs(1);
    bench.send(to(20)).expect("a second later");
}

#[test]
fn a_burst_to_one_customer_is_paid_back() {
    let mut bench = Bench::new();
    let text = json!({ "text": { "body": "hi" } });
    for _ in 0..45 {
        bench.send(text.clone()).expect("a burst of 45");
    }
    assert_eq!(bench.send(text.clone()).expect_err("the 46th").code, 131056);
    bench.send(json!({ "to": "16505559999", "text": { "body": "hi" } })).expect("another customer");
    bench.now += SignedDuration::from_secs(6);
    bench.send(text.clone()).expect("one was paid back");
    assert_eq!(bench.send(text.clone()).expect_err("only one").code, 131056);
    bench.now += SignedDuration::from_secs(45 * 6);
    for _ in 0..45 {
        bench.send(text.clone()).expect("all paid back");
    }
}

#[test]
fn direct_send_leaves_outside_the_window() {
    let mut bench = Bench::new();
    let text = json!({ "text": { "body": "Your order is ready" }, "category": "utility" });
    let answer = bench.send(text).expect("taken");
    let wamid = answer["messages"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(bench.world.messages[&wamid].category, "utility");
    let due = bench.now + SignedDuration::from_secs(1);
    let task = bench.world.next_task(due).expect("a status");
    assert!(matches!(task, crate::world::Task::Status { status: "sent", .. }), "{task:?}");
}
