//! What comes from outside may be wrong in any way, with a good signature too. The server answers, stays unharmed, and
//! goes on.

use std::time::Duration;

use e2e::{Organization, World, body};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use whatsapp::signature::{HEADER, sign};

const NUMBER: &str = "106540352242922";
const ANA: &str = "34600111222";
const AT: i64 = 1_795_000_000;

async fn set_up() -> (World, Organization) {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "200", None).await;
    (world, acme)
}

fn good(wamid: &str) -> Vec<u8> {
    body::bytes(&body::text(NUMBER, ANA, wamid, AT, "all is well"))
}

/// After whatever was done, the server still takes and applies a body.
async fn still_works(world: &World, organization: &Organization, wamid: &str) {
    assert_eq!(world.post(good(wamid)).await, 200);
    world.drain().await;
    assert_eq!(world.message(organization, wamid).await["text"], "all is well");
}

async fn stored(world: &World) -> i64 {
    world.count("SELECT count(*) FROM wazapp.inbound").await
}

/// Sends raw bytes; answers the status and the whole answer, none if the server hung up without one.
async fn exchange(world: &World, request: &[u8]) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(world.address()).await.expect("a connection");
    // The server may answer and hang up before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, answer))
}

fn request(headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = "POST /webhook HTTP/1.1\r\nhost: wazapp\r\nconnection: close\r\n".to_owned();
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !headers.iter().any(|(name, _)| ["content-length", "transfer-encoding"].contains(name)) {
        head += &format!("content-length: {}\r\n", body.len());
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_very_signature_nothing_is_written() {
    let (world, acme) = set_up().await;
    world.app("555", "their secret").await;
    let body = good("wamid.1");
    let right = sign(world.secret(), &body);
    let hex = right.strip_prefix("sha256=").expect("the prefix");
    let upper = format!("sha256={}", hex.to_uppercase());
    let (short, long) = (&right[..right.len() - 1], format!("{right}0"));
    let sha1 = format!("sha1={}", &hex[..40]);
    let (their, empty_secret) = (sign("their secret", &body), sign("", &body));
    let spaced = format!("sha256= {hex}");
    let other_bytes = sign(
        world.secret(),
        &serde_json::to_vec_pretty(&serde_json::from_slice::<Value>(&body).expect("JSON")).expect("JSON"),
    );
    let with_newline = sign(world.secret(), &[body.as_slice(), b"\n"].concat());
    for value in [
        "",
        "sha256=",
        "sha256",
        hex,
        short,
        &long,
        &upper,
        &sha1,
        &their,
        &empty_secret,
        &spaced,
        &other_bytes,
        &with_newline,
        "sha256=zz",
        "SHA256=",
        "null",
        &format!("{right},{right}"),
        &format!("sha256=0x{hex}"),
    ] {
        let answer = exchange(&world, &request(&[(HEADER, value)], &body)).await.expect("an answer");
        assert_eq!(answer.0, 401, "{value:?}");
    }
    let two = [(HEADER, right.as_str()), (HEADER, right.as_str())];
    let mixed = [(HEADER, their.as_str()), (HEADER, right.as_str())];
    for headers in [&[][..], &two, &mixed, &[("x-hub-signature", right.as_str())]] {
        assert_eq!(exchange(&world, &request(headers, &body)).await.expect("an answer").0, 401, "{headers:?}");
    }
    // A good signature over other bytes than those sent.
    for sent in [
        [body.as_slice(), b"\n"].concat(),
        [b" ", body.as_slice()].concat(),
        body[..body.len() - 1].to_vec(),
        Vec::new(),
    ] {
        assert_eq!(exchange(&world, &request(&[(HEADER, &right)], &sent)).await.expect("an answer").0, 401);
    }
    // The default App's secret opens no other App's door, nor one that is not there.
    for path in ["/webhook/555", "/webhook/556", "/webhook/%00", "/webhook/..%2f"] {
        assert_eq!(world.post_to(path, world.secret(), &body).await, 401, "{path}");
    }
    assert_eq!(stored(&world).await, 0, "nothing was written");
    assert_eq!(world.quarantine().await, []);
    still_works(&world, &acme, "wamid.1").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_and_lengths() {
    let (world, acme) = set_up().await;
    // Nothing, signed: stored like anything else, and waits for a person.
    assert_eq!(world.post(b"").await, 200);
    let mut large = body::text(NUMBER, ANA, "wamid.large", AT, "with a long tail");
    large["entry"][0]["changes"][0]["value"]["messages"][0]["tail"] = json!("x".repeat(2_900_000));
    assert_eq!(world.post(body::bytes(&large)).await, 200, "2.9 MB is legal");
    let before = stored(&world).await;

    // The announcement alone is refused. A client that sends on all the same may find the connection closed.
    let over = vec![b' '; 4_300_000];
    let signed = sign(world.secret(), &over);
    for length in [over.len(), (4 << 20) + 1] {
        let head = request(&[(HEADER, &signed), ("content-length", &length.to_string())], b"");
        assert_eq!(exchange(&world, &head).await.expect("an answer").0, 413, "{length}");
    }
    let chunk = [format!("{:x}\r\n", over.len()).as_bytes(), &over, b"\r\n0\r\n\r\n"].concat();
    let unannounced = request(&[(HEADER, &signed), ("transfer-encoding", "chunked")], &chunk);
    for whole in [request(&[(HEADER, &signed)], &over), unannounced] {
        assert!(exchange(&world, &whole).await.is_none_or(|(status, _)| status == 413));
    }
    assert_eq!(world.post(vec![b' '; 4 << 20]).await, 200, "4 MiB are not over 4 MiB");

    // A length that promises more than comes; one that promises less.
    let body = good("wamid.length");
    let right = sign(world.secret(), &body);
    let (more, less) = ((body.len() + 10).to_string(), (body.len() - 10).to_string());
    let mut stream = TcpStream::connect(world.address()).await.expect("a connection");
    stream.write_all(&request(&[(HEADER, &right), ("content-length", &more)], &body)).await.expect("sent");
    stream.shutdown().await.expect("closed");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    let shortened = exchange(&world, &request(&[(HEADER, &right), ("content-length", &less)], &body)).await;
    assert_eq!(shortened.expect("an answer").0, 401, "the signature is over what was announced");
    for length in ["-1", "99999999999999999999999", "1e3", "0x10"] {
        let answer = exchange(&world, &request(&[(HEADER, &right), ("content-length", length)], &body)).await;
        assert!(answer.is_none_or(|(status, _)| status == 400 || status == 413), "{length}");
    }
    assert_eq!(stored(&world).await, before + 1, "of all these one was legal");
    still_works(&world, &acme, "wamid.after").await;
    assert_eq!(world.message(&acme, "wamid.large").await["text"], "with a long tail");
    world.end().await;
}

/// Meta does not compress. What claims to be compressed is stored as the bytes it is and waits in quarantine.
#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_kept_and_not_unpacked() {
    let (world, acme) = set_up().await;
    // The header of a gzip stream, then anything.
    let packed = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], b"\x00\xff\xfe"].concat();
    let signed = sign(world.secret(), &packed);
    let answer = exchange(&world, &request(&[(HEADER, &signed), ("content-encoding", "gzip")], &packed)).await;
    assert_eq!(answer.expect("an answer").0, 200);
    world.drain().await;
    assert_eq!(world.quarantine().await[0].0, "not_json");
    still_works(&world, &acme, "wamid.1").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_and_methods() {
    let (world, acme) = set_up().await;
    let body = good("wamid.1");
    for path in [
        "/webhook/",
        "/Webhook",
        "//webhook",
        "/webhook/a/b",
        "/webhooks",
        "/",
        "/api/webhook",
        "/webhook%20",
        "/webhook/../livez",
    ] {
        let raw = request(&[(HEADER, &sign(world.secret(), &body))], &body);
        let raw = String::from_utf8(raw).expect("ASCII").replacen("POST /webhook ", &format!("POST {path} "), 1);
        let status = exchange(&world, raw.as_bytes()).await.expect("an answer").0;
        // A POST at / is a batch of Graph calls, which wants a key.
        assert_eq!(status, if path == "/" { 401 } else { 404 }, "{path}");
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        let raw = request(&[(HEADER, &sign(world.secret(), &body))], &body);
        let raw = String::from_utf8(raw).expect("ASCII").replacen("POST", method, 1);
        let answer = exchange(&world, raw.as_bytes()).await.expect("an answer");
        assert_eq!(answer.0, 405, "{method}");
    }
    for junk in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"GET\r\n\r\n", b"\0\0\0\0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(world.address()).await.expect("a connection");
        let _ = stream.write_all(junk).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(stored(&world).await, 0);
    still_works(&world, &acme, "wamid.1").await;
    world.end().await;
}

/// Slow senders cost a connection each and nothing else; one that never ends is sent away.
#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_slow_senders_do_not_slow_others() {
    let (world, acme) = set_up().await;
    let body = good("wamid.slow");
    let signed = sign(world.secret(), &body);
    let whole = request(&[(HEADER, &signed)], &body);
    let mut slow = Vec::new();
    for nth in 0..300 {
        let mut stream = TcpStream::connect(world.address()).await.expect("a connection");
        // Some stop within the head, some within the body.
        let sent = if nth % 2 == 0 { 20 } else { whole.len() - 5 };
        stream.write_all(&whole[..sent]).await.expect("sent");
        slow.push((stream, sent));
    }
    for nth in 0..20 {
        let started = Instant::now();
        assert_eq!(world.post(good(&format!("wamid.fast{nth}"))).await, 200);
        assert!(started.elapsed() < Duration::from_secs(2), "others are served at once: {:?}", started.elapsed());
    }
    // One that goes on byte by byte is as good as any.
    let (mut patient, sent) = slow.swap_remove(1);
    for byte in &whole[sent..] {
        patient.write_all(&[*byte]).await.expect("sent");
        patient.flush().await.expect("sent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut answer = [0; 12];
    patient.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    // One that never ends is told so.
    let (mut endless, _) = slow.swap_remove(1);
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(40), endless.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "it is not kept for ever");
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    drop(slow);
    world.drain().await;
    assert_eq!(world.message(&acme, "wamid.slow").await["text"], "all is well");
    still_works(&world, &acme, "wamid.after").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_none_or_odd() {
    let (world, acme) = set_up().await;
    let whole = String::from_utf8(good("wamid.odd")).expect("ASCII");
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let inside = |value: &str| whole.replacen("\"all is well\"", value, 1);
    let keys: String = (0..400_000).map(|n| format!("\"{n:x}\":0,")).collect();
    let same_key = "\"\":0,".repeat(800_000);
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("null", b"null".to_vec()),
        ("list", b"[]".to_vec()),
        ("nothing of ours", b"{}".to_vec()),
        ("a number", b"1e999999".to_vec()),
        ("a large number", b"1".repeat(100_000)),
        ("text", b"\"x\"".to_vec()),
        ("spaces", b"   \n".to_vec()),
        ("words", b"hello".to_vec()),
        ("XML", b"<xml/>".to_vec()),
        ("a form", b"object=whatsapp_business_account&entry=1".to_vec()),
        ("another product", br#"{"object":"page","entry":[{"id":"1","changes":[]}]}"#.to_vec()),
        ("no entry", br#"{"object":"whatsapp_business_account"}"#.to_vec()),
        ("entry of another type", br#"{"object":"whatsapp_business_account","entry":{"id":"1"}}"#.to_vec()),
        ("two documents", format!("{whole}{whole}").into_bytes()),
        ("a byte order mark", format!("\u{feff}{whole}").into_bytes()),
        ("a comment", format!("/* x */{whole}").into_bytes()),
        ("single quotes", whole.replace('"', "'").into_bytes()),
        ("invalid UTF-8", [b"{\"object\":\"", &b"\xff\xfe\xc3("[..], b"\"}"].concat()),
        ("UTF-16", whole.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("deep lists", deep("[", "]").into_bytes()),
        ("deep objects", deep("{\"a\":", "}").into_bytes()),
        ("deep and never closed", "[".repeat(3_000_000).into_bytes()),
        ("deep inside a message", inside(&deep("[", "]")).into_bytes()),
        ("400,000 keys", format!("{{{}\"x\":1}}", &keys).into_bytes()),
        ("800,000 times the same key", format!("{{{same_key}\"x\":1}}").into_bytes()),
    ];
    for (nth, (what, bytes)) in bodies.iter().enumerate() {
        let started = Instant::now();
        assert_eq!(world.post(bytes).await, 200, "{what}");
        still_works(&world, &acme, &format!("wamid.after{nth}")).await;
        assert!(started.elapsed() < Duration::from_secs(10), "{what} takes {:?}", started.elapsed());
    }
    // A million keys are over 4 MiB.
    let million = format!("{{{}\"x\":1}}", "\"abcdef\":0,".repeat(1_000_000)).into_bytes();
    let million = request(&[(HEADER, &sign(world.secret(), &million))], &million);
    assert!(exchange(&world, &million).await.is_none_or(|(status, _)| status == 413));
    let waiting = world.quarantine().await;
    assert!(waiting.len() >= 15, "what means nothing waits: {waiting:?}");
    world.end().await;
}

/// Whatever a body looks like inside: its message is shown, or it waits; text columns never hold a NUL.
#[tokio::test(flavor = "multi_thread")]
async fn strings_that_databases_dislike() {
    let (world, acme) = set_up().await;
    let whole = String::from_utf8(good("wamid.W")).expect("ASCII");
    let long = "é".repeat(100_000);
    let marks = format!("e{}", "\u{301}".repeat(5_000));
    for (nth, (written, shown)) in [
        (r"a\u0000b".to_owned(), "ab".to_owned()),
        (r"\u0000".to_owned(), String::new()),
        (r"a\ud800b".to_owned(), "a\u{fffd}b".to_owned()),
        (r"a\udc00".to_owned(), "a\u{fffd}".to_owned()),
        (r"\ud83d\ude00".to_owned(), "😀".to_owned()),
        (r"\u202eevil".to_owned(), "\u{202e}evil".to_owned()),
        (r"line\r\nbreak\ttab\u0007".to_owned(), "line\r\nbreak\ttab\u{7}".to_owned()),
        (r"'; DROP TABLE wazapp.message; --".to_owned(), "'; DROP TABLE wazapp.message; --".to_owned()),
        (long.clone(), long),
        (marks.clone(), marks),
    ]
    .into_iter()
    .enumerate()
    {
        let wamid = format!("wamid.{nth}");
        let bytes = whole.replace("wamid.W", &wamid).replace("all is well", &written);
        assert_eq!(world.post(bytes).await, 200);
        world.drain().await;
        let message = world.message(&acme, &wamid).await;
        assert!(message["text"] == shown.as_str(), "{written:.80}: {:.80}", message["text"]);
        assert_eq!(message["type"], "text");
    }
    // In every other place a string can stand: names, ids, types, fields.
    for place in ["34600111222", "wamid.P", "\"text\"", "Name of", "messages\"", "15550001111"] {
        for odd in [r"\u0000", r"\ud800", r"\u0000\u0000x"] {
            let text = whole.replace("wamid.W", "wamid.P").replace("all is well", place);
            let at = text.find(place).expect("it stands there") + usize::from(place.starts_with('"'));
            let bytes = format!("{}{odd}{}", &text[..at], &text[at..]);
            assert_eq!(world.post(bytes).await, 200, "{place} {odd}");
        }
    }
    world.drain().await;
    still_works(&world, &acme, "wamid.after").await;
    world.end().await;
}

/// Cut at every byte: none is half applied, all are kept, and the whole one is applied once.
#[tokio::test(flavor = "multi_thread")]
async fn truncated_at_every_byte() {
    let (world, acme) = set_up().await;
    let whole = good("wamid.cut");
    for end in 0..whole.len() {
        assert_eq!(world.post(&whole[..end]).await, 200, "cut at {end}");
    }
    world.drain().await;
    assert!(world.conversations(&acme).await.is_empty(), "no half of it is applied");
    let kept = i64::try_from(world.quarantine().await.len()).expect("a few");
    assert_eq!(kept, i64::try_from(whole.len()).expect("a few"), "each of them waits");
    still_works(&world, &acme, "wamid.cut").await;
    world.end().await;
}

/// Keys that come twice: the last one counts, as in most readers of JSON, and nothing breaks.
#[tokio::test(flavor = "multi_thread")]
async fn duplicate_keys() {
    let (world, acme) = set_up().await;
    let whole = String::from_utf8(good("wamid.twice")).expect("ASCII");
    let twice = whole.replacen(
        "\"text\":{\"body\":\"all is well\"}",
        "\"text\":{\"body\":\"first\"},\"text\":{\"body\":\"second\"}",
        1,
    );
    assert_ne!(twice, whole);
    assert_eq!(world.post(twice).await, 200);
    world.drain().await;
    assert_eq!(world.message(&acme, "wamid.twice").await["text"], "second");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_of_the_past_in_one_body() {
    let (world, acme) = set_up().await;
    let threads: Vec<(String, Vec<Value>)> = (0..100)
        .map(|customer| {
            let from = format!("3460000{customer:04}");
            let messages = (0..100)
                .map(|nth| {
                    body::text_message(&from, &format!("wamid.{customer}.{nth}"), AT - 1_000_000 + nth, "long ago")
                })
                .collect();
            (from, messages)
        })
        .collect();
    let threads: Vec<(&str, Vec<Value>)> = threads.iter().map(|(from, list)| (from.as_str(), list.clone())).collect();
    let bytes = body::bytes(&body::history(NUMBER, 1, 100, &threads));
    for _ in 0..2 {
        assert_eq!(world.post(&bytes).await, 200);
        world.drain().await;
        assert_eq!(world.count("SELECT count(*) FROM wazapp.message").await, 10_000);
    }
    let conversations = world.conversations(&acme).await;
    assert_eq!(conversations.len(), 100);
    assert_eq!(world.messages(&acme, &conversations[7]).await.len(), 100);
    still_works(&world, &acme, "wamid.after").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_entries() {
    let (world, acme) = set_up().await;
    let entries: Vec<Value> = (0..1000)
        .map(|nth| {
            let message = body::text_message(ANA, &format!("wamid.{nth}"), AT + nth, "one of many");
            body::entry("200", &[body::change(NUMBER, "messages", &json!({ "messages": [message] }))])
        })
        .collect();
    world.receive(&body::envelope(&entries)).await;
    let conversation = world.conversation(&acme).await;
    assert_eq!(conversation["unread_count"], 1000);
    assert_eq!(world.messages(&acme, &conversation).await.len(), 1000);
    world.end().await;
}

/// Files are named by strangers: nothing of a name is believed.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_files_are_only_words() {
    let (world, acme) = set_up().await;
    for (nth, name) in
        ["../../etc/passwd", "a\r\nb: c", "x.svg", "", "\u{202e}gpj.exe", &"n".repeat(5000)].iter().enumerate()
    {
        let message = json!({ "from": ANA, "id": format!("wamid.{nth}"), "timestamp": AT.to_string(), "type": "document",
            "document": { "id": "1", "filename": name, "mime_type": "text/html", "sha256": "not one" } });
        world.receive(&body::message(NUMBER, message)).await;
        let media = world.message(&acme, &format!("wamid.{nth}")).await["media"].clone();
        assert_eq!(media["state"], "pending");
        assert_eq!(media["filename"].as_str().unwrap_or_default(), *name);
    }
    world.end().await;
}
