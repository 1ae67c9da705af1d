use whatsapp::signature::{HEADER, sign, verify};

const SECRET: &str = "test_app_secret";
const BODY: &[u8] = br#"{"object":"whatsapp_business_account","entry":[]}"#;
const DIGEST: &str = "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756";

fn passes(header: &str, body: &[u8]) -> bool {
    verify([SECRET], Some(header.as_bytes()), body)
}

#[test]
fn known_digests_are_made_and_accepted() {
    assert_eq!(HEADER, "x-hub-signature-256");
    assert_eq!(sign(SECRET, BODY), format!("sha256={DIGEST}"));
    assert!(passes(&format!("sha256={DIGEST}"), BODY));
}

/// The same event signs differently in each spelling: only the raw bytes count.
#[test]
fn escaped_and_raw_bodies_have_their_own_digests() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/whatsapp/fixtures/webhooks/contacts-unicode.json");
    let Ok(file) = std::fs::read(path) else {
        eprintln!("SKIPPED shared fixtures: {path}");
        return;
    };
    let event: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let raw = serde_json::to_string(&event).unwrap();
    let escaped: String =
        raw.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) }).collect();
    assert_eq!(
        sign(SECRET, escaped.as_bytes()),
        "sha256=c1c31e3847a6702c014b509eee5fa6a906649beee1e92baf17fbca74e206c37a"
    );
    assert_eq!(sign(SECRET, raw.as_bytes()), "sha256=2d13874e58bd1b4386794463ef51fc657dadb829197e184c37013c6eefdcc02e");
}

#[test]
fn bad_headers_are_refused() {
    let flipped = DIGEST.replacen('d', "e", 1);
    for header in [
        String::new(),
        "sha256=".to_owned(),
        DIGEST.to_owned(),
        format!("sha1={DIGEST}"),
        format!("SHA256={DIGEST}"),
        format!("sha256={}", &DIGEST[1..]),
        format!("sha256={DIGEST}0"),
        format!("sha256={}", DIGEST.to_uppercase()),
        format!("sha256={flipped}"),
        format!("sha256= {DIGEST}"),
        format!(" sha256={DIGEST}"),
        format!("sha256={DIGEST} "),
        format!("sha256={DIGEST}\n"),
        format!("sha256={DIGEST},sha256={DIGEST}"),
        format!("sha256={}", "zz".repeat(32)),
        sign("another_app_secret", BODY),
    ] {
        assert!(!passes(&header, BODY), "{header:?}");
    }
    assert!(!verify([SECRET], None, BODY));
    assert!(!verify([SECRET], Some(&[0xff; 71]), BODY));
}

#[test]
fn another_body_is_refused() {
    let header = sign(SECRET, BODY);
    let with_newline = [BODY, b"\n"].concat();
    let reserialised = br#"{"object": "whatsapp_business_account", "entry": []}"#;
    for body in [&with_newline[..], reserialised, &BODY[1..], b""] {
        assert!(!passes(&header, body));
    }
}

#[test]
fn any_of_the_secrets_will_do_but_never_an_empty_one() {
    let header = sign(SECRET, BODY);
    let check = |secrets: &[&str]| verify(secrets.iter().copied(), Some(header.as_bytes()), BODY);
    assert!(check(&["old", SECRET]));
    assert!(check(&["", SECRET, "old"]));
    assert!(!check(&["old", "older"]));
    assert!(!check(&[]));
    let unsigned = sign("", BODY);
    assert!(!verify([""], Some(unsigned.as_bytes()), BODY));
}
