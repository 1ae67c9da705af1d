//! Our own fixtures, each with what must be read from it.

use whatsapp::webhook::{Change, Effect, Item, Message, parse};

use crate::show::{changes, items, lines, own_fixtures};

/// A line for each item, as `show` writes them, and for each bad part.
const EXPECTED: &[(&str, &[&str])] = &[
    ("address-book", &["contact Add 4915112345678/<Anna B.> at 1790000007", "contact Remove FR.55 at -"]),
    (
        "bad-among-good",
        &[
            "Webhook Inbound text wamid.B1 4915112345678/DE.77001122/<Anna Berg> “vor”",
            "Webhook Inbound text wamid.B2 4915112345678/DE.77001122/<Anna Berg> “nach”",
            "status sent wamid.B3 4915112345678/DE.77001122/<Anna Berg>",
            "bad messages[1] is a number",
            "bad messages[2] is null",
            "bad messages[3] is an empty object",
            "bad statuses[0] is without id",
        ],
    ),
    (
        "calls",
        &[
            "notice calls RINGING by 4915112345678/DE.77001122/<Anna Berg> at 1790000009",
            "notice calls connect by 4915112345678/DE.77001122/<Anna Berg> at 1790000008",
            "Webhook Inbound call call:wacid.C1 4915112345678/DE.77001122/<Anna Berg> “📞 connect” (line)",
            "notice calls terminate by 4915112345678/DE.77001122/<Anna Berg> at 1790000100",
            "Webhook Inbound call call:wacid.C1 4915112345678/DE.77001122/<Anna Berg> “📞 completed 1:32” (line)",
            "notice calls call_recording_available by 4915112345678/DE.77001122/<Anna Berg> at 1790000200",
            "error 138000",
        ],
    ),
    (
        "echoes",
        &[
            "Echo Outbound text wamid.H1 4915112345678/DE.77001122/<Anna Berg> “vom Handy”",
            "Echo Outbound revoke wamid.H2 4915112345678/DE.77001122/<Anna Berg> “🚫” (revoke of wamid.H1)",
            "Echo Outbound text wamid.H3 4915112345678 “unter anderem Namen”",
        ],
    ),
    (
        "effects",
        &[
            "Webhook Inbound reaction wamid.E1 4915112345678/DE.77001122/<Anna Berg> “❤\u{fe0f}” (reaction ❤\u{fe0f} on wamid.T1)",
            "Webhook Inbound reaction wamid.E2 4915112345678/DE.77001122/<Anna Berg> “” (reaction - on wamid.T1)",
            "Webhook Inbound edit wamid.E3 4915112345678/DE.77001122/<Anna Berg> “neu geschnitten” (edit of wamid.T2: video “neu geschnitten” 601)",
            "Webhook Inbound revoke wamid.E4 4915112345678/DE.77001122/<Anna Berg> “🚫” (revoke of wamid.T3)",
        ],
    ),
    (
        "everything-in-one-value",
        &[
            "Webhook Inbound text wamid.V1 4915112345678/DE.77001122/<Anna Berg> “a”",
            "status read wamid.V2 4915112345678/DE.77001122/<Anna Berg>",
            "error 131000",
        ],
    ),
    ("field-misplaced", &["notice account_update PARTNER_REMOVED by - at 1790000018"]),
    (
        "fields-nobody-knows",
        &[
            "notice tracking_events - by - at -",
            "Webhook Inbound text wamid.X1 4915112345678 “doch lesbar”",
            "notice audit_log - by - at -",
        ],
    ),
    (
        "groups",
        &[
            "notice group_participants_update group_join_request_created by 4915112345678/@anna at 1790000010",
            "notice group_participants_update group_participants_remove by - at 1790000011",
        ],
    ),
    ("handover", &["notice messaging_handovers control_taken by 4915112345678/DE.77001122 at 1790000019"]),
    (
        "history-chunk",
        &[
            "History Inbound text wamid.L1 4915112345678/DE.77001122/@anna “alt” was read",
            "History Outbound media_placeholder wamid.L2 4915112345678/DE.77001122/@anna “📎” was sent",
            "History Inbound text wamid.L3 FR.55 “sans numéro”",
            "history phase 1 chunk 2 progress 100 errors false",
            "bad messages[2] is a number",
        ],
    ),
    ("history-declined", &["history phase - chunk - progress - errors true"]),
    (
        "history-media",
        &[
            "History Outbound image wamid.L2 nobody “📷” file 801",
            "History Inbound image wamid.L4 4915112345678 “📷” file 802",
        ],
    ),
    (
        "identity-changes",
        &[
            "Webhook Inbound system wamid.Y1 4915112345678 “neue Nummer” (was 4915112345678 is 4915187654321)",
            "Webhook Inbound system wamid.Y2 4915112345678 “ℹ\u{fe0f}” (was 4915112345678 is 4915187654321)",
            "Webhook Inbound system wamid.Y3 DE.77 “ℹ\u{fe0f}” (was DE.77 is DE.88)",
            "Webhook Inbound system wamid.Y4 4915112345678 “Schlüssel neu” (line)",
        ],
    ),
    (
        "media-of-all-kinds",
        &[
            "Webhook Inbound image wamid.M1 4915112345678/DE.77001122/<Anna Berg> “Garten” file 501",
            "Webhook Inbound video wamid.M2 4915112345678/DE.77001122/<Anna Berg> “🎥” file 502",
            "Webhook Inbound audio wamid.M3 4915112345678/DE.77001122/<Anna Berg> “🎤” file 503",
            "Webhook Inbound voice wamid.M4 4915112345678/DE.77001122/<Anna Berg> “🎤” file 504",
            "Webhook Inbound document wamid.M5 4915112345678/DE.77001122/<Anna Berg> “📄 ../../Rechnung.pdf” file 505",
            "Webhook Inbound sticker wamid.M6 4915112345678/DE.77001122/<Anna Berg> “💟” file 506",
            "Webhook Inbound document wamid.M7 4915112345678/DE.77001122/<Anna Berg> “📄” file https://files.example/x.svg",
            "Webhook Inbound image wamid.M8 4915112345678/DE.77001122/<Anna Berg> “📷” with errors",
        ],
    ),
    (
        "number-news",
        &[
            "number 493012345600 THROUGHPUT_UPGRADE limit TIER_10K name - - username - throughput HIGH settings false",
            "notice phone_number_quality_update THROUGHPUT_UPGRADE by - at 1790000016",
            "number 493012345600 - limit - name - REJECTED username - throughput - settings false",
            "notice phone_number_name_update REJECTED by - at 1790000016",
            "number 493012345600 - limit - name - - username  throughput - settings false",
            "notice business_username_updates deleted by - at 1790000016",
            "number - - limit - name - - username - throughput - settings true",
            "notice account_settings_update PHONE_NUMBER_SETTINGS by - at 1790000016",
        ],
    ),
    (
        "order-location-contacts",
        &[
            "Webhook Inbound order wamid.O1 4915112345678 “🛒 2 × kaktus-3\nbitte schnell”",
            "Webhook Inbound location wamid.O2 4915112345678 “📍 52.52, 13.405”",
            "Webhook Inbound location wamid.O3 4915112345678 “📍 Café Süd”",
            "Webhook Inbound contacts wamid.O4 4915112345678 “👤 Eva Tal, Finn Ohm”",
        ],
    ),
    ("partner-added", &["notice account_update PARTNER_ADDED by - at 1790000017"]),
    ("preferences", &["notice user_preferences stop by 4915112345678/DE.77001122/<Anna Berg> at 1790000012"]),
    (
        "replies-and-forms",
        &[
            "Webhook Inbound interactive wamid.I1 4915112345678 “Ja”",
            "Webhook Inbound interactive wamid.I2 4915112345678 “Express”",
            "Webhook Inbound interactive wamid.I3 4915112345678 “📝”",
            "Webhook Inbound interactive wamid.I4 4915112345678 “📞 reject”",
            "Webhook Inbound button wamid.I5 4915112345678 “Abmelden”",
            "Webhook Inbound interactive wamid.I6 4915112345678 “Neu”",
        ],
    ),
    (
        "standby",
        &[
            "Standby Inbound text wamid.D1 4915112345678/DE.77001122/<Anna Berg> “an den Agenten”",
            "StandbyEcho Outbound template wamid.D3 4915112345678/DE.77001122/<Anna Berg> “lieferung_morgen” to wamid.D1",
            "StandbyEcho Outbound interactive wamid.D4 nobody “Wer kommt?” in Z3J1cHBlLTE",
            "status sent wamid.D2 4915112345678/DE.77001122/<Anna Berg> (standby)",
        ],
    ),
    (
        "status-failed-with-callback",
        &["status failed wamid.F1 4915112345678/DE.77001122/DE.ENT.5/<Anna Berg> for send:42 with errors"],
    ),
    (
        "statuses-of-a-group",
        &[
            "status delivered wamid.P1 4915112345678 in Z3J1cHBlLTE member 4915112345678 price \"group_service\"",
            "status delivered wamid.P1 FR.55 in Z3J1cHBlLTE member FR.55",
        ],
    ),
    (
        "template-components",
        &[
            "template 6 termin de status - category - quality - reason - components [{\"type\":\"HEADER\",\"format\":\"TEXT\",\"text\":\"Termin\"},{\"type\":\"BODY\",\"text\":\"Am {{1}}\"},{\"type\":\"FOOTER\",\"text\":\"Ihr Team\"},{\"type\":\"BUTTONS\",\"buttons\":[{\"type\":\"URL\",\"text\":\"Plan\",\"url\":\"https://t.example/{{1}}\"}]}]",
            "notice message_template_components_update - by - at 1790000015",
        ],
    ),
    (
        "template-quality-under-status-field",
        &[
            "template 900719925474099 gruss de status - category - quality RED reason - components -",
            "notice message_template_status_update - by - at 1790000013",
        ],
    ),
    (
        "template-rejected",
        &[
            "template 5 rabatt de status REJECTED category UTILITY quality - reason PROMOTIONAL components -",
            "notice message_template_status_update rejected by - at 1790000014",
        ],
    ),
    (
        "text-contacts-shuffled",
        &[
            "Webhook Inbound text wamid.S1 4915112345678/DE.77001122/<Anna Berg> “eins”",
            "Webhook Inbound text wamid.S2 33612340000/@chloe/<Chloé> “deux”",
            "Webhook Inbound text wamid.S3 31612340000/<Bram> “drie”",
            "Webhook Inbound text wamid.S4 99912340000 “who?”",
        ],
    ),
    ("text-ids-as-numbers", &["Webhook Inbound text wamid.N1 4915112345678/<Anna Berg> “Zahl”"]),
    (
        "text-reply-in-group",
        &[
            "Webhook Inbound text wamid.G1 4915112345678/DE.77001122/<Anna Berg> “Bin dabei 🎉” in Z3J1cHBlLTE to wamid.Q1",
        ],
    ),
    ("text-user-id-in-from", &["Webhook Inbound text wamid.U1 TR.99aa/@dilek.k/<Dilek> “Merhaba”"]),
    (
        "text-without-id-type-and-time",
        &[
            "Webhook Inbound text sha256:999bfcb168c34203cb334c29ae41e5a193e62c034dffd61741546607dcd0b81e 4915112345678/DE.77001122/<Anna Berg> “kaputt, aber da”",
        ],
    ),
    (
        "two-organizations",
        &[
            "Webhook Inbound text wamid.SAME 4915112345678 “a”",
            "Webhook Inbound text wamid.SAME 4915112345678 “a”",
            "bad_change: entry[1].changes[1] is a string",
            "bad_change: entry[1].changes[2].value is missing",
            "bad_entry: entry[2].changes is missing",
        ],
    ),
    (
        "types-nobody-knows",
        &[
            "Webhook Inbound poll wamid.K1 4915112345678 “Wann?”",
            "Webhook Inbound hologram wamid.K2 4915112345678 “[hologram]”",
            "Webhook Inbound unsupported wamid.K3 4915112345678 “⚠\u{fe0f} poll” with errors",
            "Webhook Inbound text wamid.K4 4915112345678 “📷” file 701",
            "Webhook Inbound request_welcome wamid.K5 4915112345678 “👋”",
            "Webhook Inbound unknown wamid.K6 4915112345678 “⚠\u{fe0f}”",
        ],
    ),
    (
        "user-id-update-draft",
        &[
            "Webhook Inbound system sha256:98072ddb9763554b9da6f639bd7ba30cd1e3a3294dfe7eecc70ddaafc02eca99 4915112345678/DE.88/<Anna Berg> “new id” (was DE.77 is 4915112345678/DE.88)",
            "notice user_id_update - by 4915112345678/DE.88/<Anna Berg> at 1790000020",
        ],
    ),
];

#[test]
fn fixtures_read_as_expected() {
    let fixtures = own_fixtures();
    let names: Vec<&str> = fixtures.iter().map(|(name, _)| name.as_str()).collect();
    let expected_names: Vec<&str> = EXPECTED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected_names);
    for ((name, body), (_, expected)) in fixtures.iter().zip(EXPECTED) {
        assert_eq!(lines(body), *expected, "{name}");
    }
}

#[test]
fn fixtures_come_back_the_same() {
    for (name, body) in own_fixtures() {
        for change in changes(&parse(&body)) {
            let again = parse(&change.to_body());
            let same: Vec<&Change> = changes(&again).collect();
            assert_eq!(again.len(), 1, "{name}");
            assert_eq!(same[0].items, change.items, "{name}");
        }
    }
}

fn fixture(name: &str) -> Vec<u8> {
    own_fixtures().into_iter().find(|(n, _)| n == name).unwrap().1
}

fn only_change(name: &str) -> Change {
    changes(&parse(&fixture(name))).next().unwrap().clone()
}

fn messages(name: &str) -> Vec<Message> {
    let messages = items(&fixture(name)).into_iter().filter_map(|item| match item {
        Item::Message(message) => Some(*message),
        _ => None,
    });
    messages.collect()
}

#[test]
fn a_number_is_named_by_id_and_by_digits() {
    for name in ["text-ids-as-numbers", "standby", "history-chunk", "handover"] {
        let change = only_change(name);
        assert_eq!(change.phone_number_id.as_deref(), Some("700100200300400"), "{name}");
        assert_eq!(change.display_phone_number.as_deref(), Some("493012345600"), "{name}");
        assert_eq!(change.waba_ids, ["810200300400500"], "{name}");
        assert_eq!((change.entry_time, change.owner_business_ids.len()), (None, 0), "{name}");
    }
    let parts = parse(&fixture("number-news"));
    let named: Vec<_> = changes(&parts)
        .map(|c| (c.phone_number_id.as_deref(), c.display_phone_number.as_deref(), c.entry_time))
        .collect();
    let (time, number) = (Some(1_790_000_016), Some("493012345600"));
    let by_id = (Some("700100200300400"), None, time);
    assert_eq!(named, [(None, number, time), (None, number, time), (None, number, time), by_id]);
}

/// The entry of a partner event is the partner's own portfolio.
#[test]
fn a_partner_event_names_the_account_before_the_entry() {
    for name in ["partner-added", "field-misplaced"] {
        let change = only_change(name);
        assert_eq!(change.field, "account_update", "{name}");
        assert_eq!(change.waba_ids, ["810200300400500", "550044"], "{name}");
        assert_eq!(change.owner_business_ids, ["660055"], "{name}");
    }
}

#[test]
fn files_are_described() {
    let media: Vec<_> = messages("media-of-all-kinds").into_iter().map(|m| m.media).collect();
    let voices: Vec<_> = media.iter().map(|m| m.as_ref().is_some_and(|m| m.voice)).collect();
    assert_eq!(voices, [false, false, true, true, false, false, false, false]);
    let image = media[0].as_ref().unwrap();
    assert_eq!(image.mime_type.as_deref(), Some("image/jpeg"));
    assert_eq!(image.sha256.as_deref(), Some("aa="));
    assert_eq!(media[4].as_ref().unwrap().filename.as_deref(), Some("../../Rechnung.pdf"));
    assert!(media[5].as_ref().unwrap().animated);
    assert_eq!(media[6].as_ref().unwrap().id, None);
    assert_eq!(media[7], None);
}

/// The file belongs to the message that is edited, not to the edit's own line.
#[test]
fn an_edit_carries_its_file_in_the_effect() {
    let edit = messages("effects").remove(2);
    assert_eq!(edit.media, None);
    let Effect::Edit { media, payload, .. } = edit.effect else { panic!("{:?}", edit.effect) };
    assert_eq!(media.unwrap().id.as_deref(), Some("601"));
    assert_eq!(payload["type"], "video");
}

#[test]
fn times_are_seconds_or_nothing() {
    assert_eq!(messages("text-ids-as-numbers")[0].timestamp, Some(1_790_000_000));
    assert_eq!(messages("text-without-id-type-and-time")[0].timestamp, None);
}

/// A repeated delivery must not make a second message, a changed one must.
#[test]
fn a_message_without_id_gets_a_stable_one() {
    let id = |message: &str| {
        let raw = format!(r#"{{"entry":[{{"changes":[{{"value":{{"messages":[{message}]}}}}]}}]}}"#);
        match items(raw.as_bytes()).as_slice() {
            [Item::Message(message)] => message.wamid.clone(),
            other => panic!("{other:?}"),
        }
    };
    let first = id(r#"{"from":"1","text":{"body":"a"}}"#);
    assert_eq!(first, id(r#"{"text": {"body": "a"}, "from": "1"}"#));
    assert_ne!(first, id(r#"{"from":"1","text":{"body":"b"}}"#));
    assert_ne!(first, id(r#"{"from":"1","id":"","text":{"body":"a"}}"#));
    assert!(first.starts_with("sha256:") && first.len() == 71);
}

#[test]
fn a_notice_has_the_same_key_each_time_and_its_own_for_each_event() {
    let keys = |body: &[u8]| -> Vec<String> {
        let notices = items(body).into_iter().filter_map(|item| match item {
            Item::Notice(notice) => Some(notice.key),
            _ => None,
        });
        notices.collect()
    };
    let body = fixture("calls");
    let first = keys(&body);
    assert_eq!(first, keys(&body));
    let mut distinct = first.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((first.len(), distinct.len()), (4, 4));
    let later = String::from_utf8(fixture("partner-added")).unwrap();
    let other_time = later.replace("1790000017", "1790000099");
    assert_ne!(keys(later.as_bytes()), keys(other_time.as_bytes()));
}
