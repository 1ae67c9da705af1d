//! What two readers of HTTP would read otherwise is refused, and whatever follows on the connection with it.

use e2e::Options;

use super::{Street, rest, sent};

#[tokio::test(flavor = "multi_thread")]
async fn what_readers_differ_about_is_refused() {
    let mut street = Street::with(Options::default()).await;
    let after = "GET /livez HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n";
    for request in [
        "GET /livez HTTP/1.1\r\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET /livez HTTP/1.1\nhost: w\n\n",
        "GET /livez HTTP/1.1\r\nhost: w\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: w\r\nx: a\rb\r\n\r\n",
        "POST /webhook HTTP/1.1\r\nhost: w\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /webhook HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
        "POST /webhook HTTP/1.1\r\nhost: w\r\ntransfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        "POST /webhook HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /webhook HTTP/1.1\r\nhost: w\r\ncontent-length: 0\r\ncontent-length: 3\r\n\r\n",
    ] {
        let answers = rest(sent(&street.world, [127, 0, 0, 1], format!("{request}{after}").as_bytes()).await).await;
        assert!(answers.starts_with("HTTP/1.1 400"), "{request:?}: {answers}");
        assert!(!answers.contains("HTTP/1.1 200"), "what follows is not answered: {request:?}: {answers}");
    }
    // Two requests that everybody reads alike are two answers.
    let two = format!("GET /livez HTTP/1.1\r\nHost: w\r\n\r\n{after}");
    let answers = rest(sent(&street.world, [127, 0, 0, 1], two.as_bytes()).await).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
    street.neighbour_lives().await;
    street.end().await;
}

/// Answers to one key are nobody else's, and no browser takes them for a page.
#[tokio::test(flavor = "multi_thread")]
async fn answers_say_what_may_be_done_with_them() {
    let street = Street::with(Options::default()).await;
    let world = &street.world;
    for (path, private) in [("/api/v1/me", true), ("/v23.0/123", true), ("/livez", false), ("/nowhere", false)] {
        let asked = world.client().get(format!("{}{path}", world.url())).bearer_auth(&street.neighbour.key);
        let answer = asked.send().await.expect("an answer");
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned());
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert!(
            header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")),
            "{path}"
        );
        assert_eq!(header("strict-transport-security"), None, "this server is called by http://");
        if private {
            assert_eq!(header("vary").as_deref(), Some("Authorization"), "{path}");
            assert!(header("cache-control").is_some_and(|says| says.contains("no-store")), "{path}");
        }
    }
    street.end().await;
}
