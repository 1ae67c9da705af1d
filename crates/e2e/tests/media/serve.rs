//! What a browser gets of bytes, names and types that strangers chose.

use reqwest::Method;
use serde_json::json;

use super::{Stage, content, header, hex, png};

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_shown_in_parts_and_once() {
    let stage = Stage::new().await;
    let bytes = png(64, 64, 3);
    let wamid = stage.picture(&bytes).await;
    let media = stage.until(&wamid, "stored").await;
    let path = content(&media);

    let whole = stage.content(&media).await;
    assert_eq!(whole.status(), 200);
    let etag = format!("\"{}\"", hex(&bytes));
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-length", &bytes.len().to_string()),
        ("etag", &etag),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "private, max-age=86400, immutable"),
    ] {
        assert_eq!(header(&whole, name), value, "{name}");
    }
    assert!(header(&whole, "content-disposition").starts_with("inline; filename=\""));
    assert_eq!(whole.bytes().await.expect("bytes"), bytes);

    let part = stage.ask(Method::GET, &path, &[("range", "bytes=10-19")]).await;
    assert_eq!((part.status().as_u16(), header(&part, "content-length")), (206, "10"));
    assert_eq!(header(&part, "content-range"), format!("bytes 10-19/{}", bytes.len()));
    assert_eq!(part.bytes().await.expect("bytes"), bytes[10..20]);
    let end = stage.ask(Method::GET, &path, &[("range", "bytes=-5"), ("if-range", &etag)]).await;
    assert_eq!(end.bytes().await.expect("bytes"), bytes[bytes.len() - 5..]);
    let stale = stage.ask(Method::GET, &path, &[("range", "bytes=-5"), ("if-range", "\"other\"")]).await;
    assert_eq!(stale.status(), 200);

    let outside = stage.ask(Method::GET, &path, &[("range", "bytes=999999-")]).await;
    assert_eq!(outside.status(), 416);
    assert_eq!(header(&outside, "content-range"), format!("bytes */{}", bytes.len()));
    assert_eq!(header(&outside, "content-type"), "application/problem+json");

    let known = stage.ask(Method::GET, &path, &[("if-none-match", &etag)]).await;
    assert_eq!((known.status().as_u16(), header(&known, "etag")), (304, etag.as_str()));
    assert!(known.bytes().await.expect("bytes").is_empty());

    let head = stage.ask(Method::HEAD, &path, &[]).await;
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, bytes.len().to_string().as_str()));
    assert!(head.bytes().await.expect("bytes").is_empty());
    // A part is what GET alone knows (RFC 9110, section 14.2), and so is one that is outside.
    for range in ["bytes=0-9", "bytes=999999-"] {
        let head = stage.ask(Method::HEAD, &path, &[("range", range)]).await;
        assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, bytes.len().to_string().as_str()));
        assert!(!head.headers().contains_key("content-range"), "{head:?}");
    }
    let head = stage.ask(Method::HEAD, &path, &[("range", "bytes=0-9"), ("if-none-match", &etag)]).await;
    assert_eq!(head.status(), 304);

    let anonymous = stage.world.client().get(format!("{}/api/v1{path}", stage.world.url())).send().await;
    assert_eq!(anonymous.expect("an answer").status(), 401);
    stage.world.end().await;
}

/// What Meta or the sender says of the type is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn only_bytes_say_what_may_be_shown() {
    let stage = Stage::new().await;
    let html = b"<!DOCTYPE html><script>alert(1)</script>";
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>"#;
    for (kind, says, bytes, name, shown) in [
        ("image", "image/png", &html[..], None, None),
        ("image", "image/jpeg", &svg[..], None, None),
        ("document", "image/svg+xml", svg, Some("x.svg"), None),
        ("document", "application/pdf", b"%PDF-1.4 pages", Some("f.pdf"), None),
        ("document", "text/html", html, Some("page.html"), None),
        ("document", "application/octet-stream", &png(9, 9, 1), Some("x.exe"), Some("image/png")),
        ("audio", "audio/ogg; codecs=opus", b"OggS\0\x02aaaaaaaaaaaaaaaaaaaaOpusHead", None, Some("audio/ogg")),
    ] {
        let wamid = stage.sends(kind, says, bytes, name).await;
        let media = stage.until(&wamid, "stored").await;
        let answer = stage.content(&media).await;
        assert_eq!(header(&answer, "content-type"), shown.unwrap_or("application/octet-stream"), "{says} {name:?}");
        let wants = if shown.is_some() { "inline" } else { "attachment" };
        assert!(header(&answer, "content-disposition").starts_with(wants), "{says} {name:?}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        assert!(header(&answer, "content-security-policy").contains("sandbox"));
        assert_eq!(answer.bytes().await.expect("bytes"), bytes);
    }
    stage.world.end().await;
}

/// Meta says another type in the webhook than the bytes have.
#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_meta_got_wrong_is_shown_as_what_it_is() {
    let stage = Stage::new().await;
    stage.world.meta().faults(json!([{ "kind": "media_wrong_type", "count": 1 }])).await;
    let wamid = stage.picture(&png(9, 9, 1)).await;
    let media = stage.until(&wamid, "stored").await;
    assert_eq!(media["mime_type"], "image/jpeg", "as Meta said");
    assert_eq!(header(&stage.content(&media).await, "content-type"), "image/png");
    stage.world.end().await;
}

/// A file that is a picture and a page at once is a picture, by its type and by its name; a page is an attachment.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_two_things_is_served_as_the_one_that_its_bytes_begin_as() {
    let stage = Stage::new().await;
    let page = b"<script>alert(1)</script><html>";
    let after = |head: &[u8]| [head, b"/*", page, b"*/ %PDF-1.4 PK\x03\x04"].concat();
    for (bytes, name, mime_type, served, kind) in [
        (after(b"GIF89a"), "x.html", "text/html", "inline; filename=\"x.gif\"", "image/gif"),
        (after(b"\xff\xd8\xff\xe0"), "x.js", "text/javascript", "inline; filename=\"x.jpg\"", "image/jpeg"),
        (after(b"%PDF-1.7"), "x.html", "text/html", "attachment; filename=\"x.pdf\"", "application/octet-stream"),
        (after(b"PK\x03\x04"), "x.jar", "image/png", "attachment; filename=\"x.zip\"", "application/octet-stream"),
        (page.to_vec(), "x.png", "image/png", "attachment; filename=\"x.html\"", "application/octet-stream"),
    ] {
        let wamid = stage.sends("document", mime_type, &bytes, Some(name)).await;
        let media = stage.until(&wamid, "stored").await;
        let answer = stage.content(&media).await;
        let said = (header(&answer, "content-disposition"), header(&answer, "content-type"));
        assert_eq!(said, (served, kind), "{name} {mime_type}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_breaks_out_of_nothing() {
    let stage = Stage::new().await;
    for (name, wants) in [
        ("../../x", "attachment; filename=\"x.pdf\""),
        ("a\r\nSet-Cookie: b=c", "attachment; filename=\"aSet-Cookie_ b=c.pdf\""),
        ("a\"; filename=\"b.exe", "attachment; filename=\"a__ filename=_b.pdf\""),
        ("x.svg", "attachment; filename=\"x.pdf\""),
        ("Menú.pdf", "attachment; filename=\"Men_.pdf\"; filename*=UTF-8''Men%C3%BA.pdf"),
        ("\u{202e}fdp.exe", "attachment; filename=\"fdp.pdf\""),
    ] {
        let wamid = stage.sends("document", "application/pdf", b"%PDF-1.4", Some(name)).await;
        let media = stage.until(&wamid, "stored").await;
        assert_eq!(media["filename"], name, "as the sender named it");
        let answer = stage.content(&media).await;
        assert_eq!(header(&answer, "content-disposition"), wants);
        assert!(answer.headers().get("set-cookie").is_none());
    }
    stage.world.end().await;
}

/// A picture that would take a gigabyte to decode is kept, and gets no thumbnail.
#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_kept_and_not_decoded() {
    let stage = Stage::new().await;
    let bomb = png(16_000, 12_000, 0);
    assert!(bomb.len() < 3_000_000, "{}", bomb.len());
    let wamid = stage.picture(&bomb).await;
    stage.until(&wamid, "stored").await;
    let looked = "SELECT count(*) FROM wazapp.file WHERE thumbnail_at IS NULL AND thumbnail_attempts = 1";
    stage.world.until("it was looked at", async || stage.world.count(looked).await == 1).await;
    let media = stage.media(&wamid).await;
    assert_eq!(media["thumbnail"], false);
    let path = content(&media).replace("content", "thumbnail");
    assert_eq!(stage.ask(Method::GET, &path, &[]).await.status(), 404);
    let next = stage.picture(&png(400, 400, 1)).await;
    stage.until(&next, "stored").await;
    stage.thumbnailed(&next).await;
    stage.world.end().await;
}
