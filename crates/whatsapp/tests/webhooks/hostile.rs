//! Bodies no one should send. Each must end in parts, never in a panic.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use whatsapp::webhook::{Bad, BadReason, Item, Part, parse, peek_phone_number_id};

use crate::show::{body, changes, items, own_fixtures};

fn only_bad(body: &[u8]) -> Bad {
    match parse(body).as_slice() {
        [Part::Bad(bad)] => bad.clone(),
        parts => panic!("{} parts", parts.len()),
    }
}

fn text_body(text: &str) -> Vec<u8> {
    let raw = body(json!({"messages": [{"from": "1", "id": "w", "type": "text", "text": {"body": "TEXT"}}]}));
    String::from_utf8(raw).unwrap().replace("TEXT", text).into_bytes()
}

fn text_of(body: &[u8]) -> String {
    match items(body).as_slice() {
        [Item::Message(message)] => message.text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_json_is_kept_raw() {
    for raw in
        [&b""[..], b" ", b"{", b"hello", b"{} {}", b"[] x", b"\xff\xfe", b"nul", b"{\"a\":1e999}", b"\x1f\x8b\x08"]
    {
        let bad = only_bad(raw);
        assert_eq!(bad.reason, BadReason::NotJson, "{raw:?}");
        assert_eq!(bad.body, raw);
        assert_eq!(only_bad(&bad.body), bad);
    }
}

#[test]
fn two_documents_are_no_document() {
    let twice = text_body("x").repeat(2);
    let bad = only_bad(&twice);
    assert_eq!((bad.reason, bad.body), (BadReason::NotJson, twice));
}

#[test]
fn other_json_is_a_bad_envelope() {
    for (raw, detail) in [
        ("null", "body is null"),
        ("[]", "body is an array"),
        ("7", "body is a number"),
        ("{}", "entry is missing"),
        (r#"{"object":"page","entry":[{"id":"1","changes":[]}]}"#, "object is page"),
        (r#"{"object":"in<s>\n","entry":[]}"#, "object is ins"),
        (r#"{"object":5,"entry":[]}"#, "object is a number"),
        (r#"{"object":"whatsapp_business_account"}"#, "entry is missing"),
        (r#"{"object":"whatsapp_business_account","entry":{}}"#, "entry is an empty object"),
        (r#"{"object":"whatsapp_business_account","entry":null}"#, "entry is null"),
    ] {
        let bad = only_bad(raw.as_bytes());
        assert_eq!((bad.reason, bad.detail.as_str()), (BadReason::BadEnvelope, detail), "{raw}");
        assert_eq!(bad.body, raw.as_bytes());
    }
}

#[test]
fn empty_lists_are_no_parts() {
    for raw in [
        r#"{"object":"whatsapp_business_account","entry":[]}"#,
        r#"{"entry":[]}"#,
        r#"{"object":null,"entry":[{"id":"1","changes":[]}]}"#,
    ] {
        assert_eq!(parse(raw.as_bytes()), [], "{raw}");
    }
}

#[test]
fn bad_entries_and_changes_keep_bodies_of_their_own() {
    let raw = r#"{"object":"whatsapp_business_account","entry":[5,{"id":"1"},{"id":"2","changes":7},
        {"id":"3","time":9,"changes":[null,{},{"field":"messages","value":[]},{"field":"x","value":{"k":1}}]}]}"#;
    let parts = parse(raw.as_bytes());
    let reasons: Vec<_> = parts
        .iter()
        .map(|part| match part {
            Part::Bad(bad) => bad.detail.as_str(),
            Part::Change(_) => "good",
        })
        .collect();
    assert_eq!(
        reasons,
        [
            "entry[0] is a number",
            "entry[1].changes is missing",
            "entry[2].changes is a number",
            "entry[3].changes[0] is null",
            "entry[3].changes[1].value is missing",
            "entry[3].changes[2].value is an array",
            "good",
        ]
    );
    for part in &parts {
        if let Part::Bad(bad) = part {
            let again = only_bad(&bad.body);
            assert_eq!((again.reason, &again.body), (bad.reason, &bad.body));
        }
    }
}

#[test]
fn every_truncation_is_survived() {
    for (name, whole) in own_fixtures() {
        for end in 0..whole.trim_ascii_end().len() {
            let bad = only_bad(&whole[..end]);
            assert_eq!(bad.reason, BadReason::NotJson, "{name} cut at {end}");
            peek_phone_number_id(&whole[..end]);
        }
    }
}

#[test]
fn half_surrogates_and_broken_utf8_are_mended() {
    assert_eq!(text_of(&text_body(r"a\ud83d")), "a\u{fffd}");
    assert_eq!(text_of(&text_body(r"\ude00\ud83d\ude00")), "\u{fffd}😀");
    let mut broken = text_body("a?b");
    let at = broken.windows(3).position(|w| w == b"a?b").unwrap();
    broken[at + 1] = 0xff;
    assert_eq!(text_of(&broken), "a\u{fffd}b");
}

#[test]
fn nul_is_stripped_from_text_and_kept_in_the_payload() {
    let raw = body(json!({
        "contacts": [{"wa_id": "1\u{0}2", "profile": {"name": "A\u{0}"}}],
        "messages": [{"from": "12", "id": "w\u{0}1", "type": "text", "text": {"body": "x\u{0}y"}}]}));
    let found = items(&raw);
    let [Item::Message(message)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((message.wamid.as_str(), message.text.as_str()), ("w1", "xy"));
    assert_eq!(message.party.name.as_deref(), Some("A"));
    assert_eq!(message.payload["text"]["body"], "x\u{0}y");
}

#[test]
fn deep_nesting_is_refused_by_name() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(only_bad(deep.as_bytes()).detail, "nested too deep");
    }
    let unclosed = "[".repeat(100_000);
    assert_eq!(only_bad(unclosed.as_bytes()).reason, BadReason::NotJson);
}

#[test]
fn a_million_keys_are_read() {
    let keys: String = (0..1_000_000).map(|n| format!(r#""k{n}":0,"#)).collect();
    let raw =
        format!(r#"{{"entry":[{{"changes":[{{"field":"messages","value":{{{keys}"messages":[{{"id":"w"}}]}}}}]}}]}}"#);
    let found = items(raw.as_bytes());
    assert!(matches!(found.as_slice(), [Item::Message(m)] if m.wamid == "w"));
}

#[test]
fn of_duplicate_keys_the_last_wins() {
    let raw = br#"{"entry":[],"entry":[{"changes":[{"field":"x","field":"messages",
        "value":{"messages":[{"id":"a","id":"b","type":"text","text":{"body":"1","body":"2"}}]}}]}]}"#;
    let found = items(raw);
    let [Item::Message(message)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((message.wamid.as_str(), message.text.as_str()), ("b", "2"));
}

#[test]
fn long_and_strange_text_is_kept() {
    let long = "é".repeat(100_000);
    assert_eq!(text_of(&text_body(&long)), long);
    let strange = "\u{202e}evil\u{202c} a\u{301}\u{301} =HYPERLINK(1) <b>";
    assert_eq!(text_of(&text_body(strange)), strange);
}

#[test]
fn lists_that_are_no_lists_are_bad_items() {
    for wrong in [json!(5), json!("x"), json!({"id": "w"}), json!(true)] {
        let found = items(&body(json!({"messages": wrong, "statuses": [{"id": "s", "status": "sent"}]})));
        let [Item::Status(_), Item::Bad(bad)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(items(&bad.body), [Item::Bad(bad.clone())]);
    }
    assert_eq!(items(&body(json!({"messages": null, "statuses": []}))), []);
}

#[test]
fn a_bad_item_at_any_place_leaves_the_others() {
    for place in 0..5 {
        let mut messages: Vec<Value> = (0..4).map(|n| json!({"id": format!("w{n}"), "type": "text"})).collect();
        messages.insert(place, json!(["?"]));
        let metadata = json!({"phone_number_id": "77"});
        let raw = body(json!({"metadata": metadata, "messages": messages}));
        let found = items(&raw);
        let good = found.iter().filter(|item| matches!(item, Item::Message(_))).count();
        let Some(Item::Bad(bad)) = found.last() else { panic!("{found:?}") };
        assert_eq!((good, found.len()), (4, 5));
        assert_eq!(bad.detail, format!("messages[{place}] is an array"));
        let alone = parse(&bad.body);
        let change = changes(&alone).next().unwrap();
        assert_eq!(change.phone_number_id.as_deref(), Some("77"));
        assert!(matches!(change.items.as_slice(), [Item::Bad(again)] if again.body == bad.body));
    }
}

/// A body of many tiny bad items, each kept in an envelope of its own, would fill memory.
#[test]
fn a_flood_of_bad_items_is_kept_once() {
    let flood = vec![1; 500_000];
    let raw = body(json!({ "messages": flood }));
    let found = items(&raw);
    let [Item::Bad(bad)] = found.as_slice() else { panic!("{} items", found.len()) };
    assert!(bad.body.len() < raw.len() + 100);
    assert_eq!(items(&bad.body), found);

    let raw = serde_json::to_vec(&json!({ "entry": flood })).unwrap();
    let bad = only_bad(&raw);
    assert_eq!((bad.reason, bad.body), (BadReason::BadEntry, raw));
}

/// What an entry or value says for all must not be copied to each at full length.
#[test]
fn a_large_envelope_is_not_repeated() {
    let big = "x".repeat(1_000_000);
    let change = json!({"field": "messages", "value": {"metadata": {"m": big}, "messages": [1, 2, 3]}});
    let raw = json!({"entry": [{"id": big, "note": big, "changes": vec![json!({"value": {"a": 1}}); 1000]},
        {"changes": [change]}]});
    let parts = parse(&serde_json::to_vec(&raw).unwrap());
    assert_eq!(parts.len(), 1001);
    for change in changes(&parts).take(1000) {
        assert!(change.to_body().len() < 1000);
        assert_eq!(change.entry_id, None);
    }
    let Some(Part::Change(last)) = parts.last() else { panic!() };
    assert_eq!(last.items.len(), 3);
    for item in &last.items {
        assert!(matches!(item, Item::Bad(bad) if bad.body.len() < 1000));
    }
}

/// Four times the messages must not take sixteen times as long, whatever is looked up.
#[test]
fn long_bodies_take_linear_time() {
    let threads = |n: usize| {
        let contacts: Vec<Value> = (0..n).map(|k| json!({"wa_id": k.to_string(), "profile": {"name": "N"}})).collect();
        let messages: Vec<Value> = (0..n)
            .map(|k| json!({"from": k.to_string(), "id": format!("w{k}"), "type": "text", "text": {"body": "x"}}))
            .collect();
        let threads: Vec<Value> = messages.iter().map(|m| json!({"id": m["from"], "messages": [m]})).collect();
        body(json!({"contacts": contacts, "messages": messages,
            "history": [{"metadata": {"phase": 0}, "threads": threads}]}))
    };
    let time = |n: usize| {
        let raw = threads(n);
        let best = (0..3).map(|_| {
            let start = Instant::now();
            assert_eq!(items(&raw).len(), 2 * n + 1);
            start.elapsed()
        });
        best.min().unwrap().max(Duration::from_millis(1))
    };
    let (short, long) = (time(2_500), time(10_000));
    assert!(long < short * 12, "{short:?} for 2,500 and {long:?} for 10,000");
}

#[test]
fn a_thousand_entries_are_a_thousand_parts() {
    let entry = |n: usize| {
        json!({"id": n.to_string(), "changes": [{"field": "messages", "value": {
            "metadata": {"phone_number_id": n.to_string()}, "messages": [{"id": format!("w{n}"), "type": "text"}]}}]})
    };
    let raw = json!({"object": "whatsapp_business_account", "entry": (0..1000).map(entry).collect::<Vec<_>>()});
    let parts = parse(&serde_json::to_vec(&raw).unwrap());
    let ids: Vec<_> = changes(&parts).map(|change| change.phone_number_id.clone().unwrap()).collect();
    assert_eq!(ids, (0..1000).map(|n: usize| n.to_string()).collect::<Vec<_>>());
}
