//! Each way in which a send can fail, and what of it is known then.

use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use whatsapp::graph::{Failure, NotSent, Unknown};
use whatsapp::verdict::{Rest, Verdict, verdict};

use super::server::Server;
use super::*;

/// The failure of a send to a server that does this.
async fn failure(act: Act) -> Failure {
    let server = Server::start([act.clone()]).await;
    let failure = send(&for_act(&act, &server.url)).await.expect_err("a failure");
    assert_eq!(server.requests().len(), 1, "{act:?}: the request was put once, and once only");
    failure
}

/// A send that may have been carried out is never called "not sent", and never sent again.
#[tokio::test]
async fn what_is_no_complete_answer_is_unknown() {
    let sent = json!({ "messages": [{ "id": "wamid.1" }] }).to_string();
    let page = "<!DOCTYPE html><html><body>Sorry, something went wrong.</body></html>";
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", sent.len());
    let half = format!("{long}{}", &sent[..sent.len() / 2]);
    let unannounced = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", &sent[..sent.len() / 2]);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"mes\r\n";
    let refusal = json!({ "error": { "message": "(#100) Invalid parameter", "code": 100 } }).to_string();
    let half_refusal =
        format!("HTTP/1.1 400 Bad\r\ncontent-length: {}\r\n\r\n{}", refusal.len(), &refusal[..refusal.len() - 1]);
    let acts = [
        ("reset", Act::Reset),
        ("closed without a word", Act::raw("")),
        ("half a head", Act::raw("HTTP/1.1 200 OK\r\ncontent-le")),
        ("no HTTP", Act::raw("hello\r\n\r\n")),
        ("head without body", Act::raw(&long)),
        ("half a body", Act::raw(&half)),
        ("half a body of unannounced length", Act::raw(&unannounced)),
        ("half a chunked body", Act::raw(chunked)),
        ("half a refusal", Act::raw(&half_refusal)),
        ("500 with HTML", Act::text(500, page)),
        ("502 without body", Act::text(502, "")),
        ("503 with words", Act::text(503, "upstream connect error")),
        ("500 with JSON that is no error", Act::json(500, &json!({ "status": "down" }))),
        ("400 with HTML", Act::text(400, page)),
        ("400 with an error without a code", Act::json(400, &json!({ "error": { "message": "no" } }))),
        ("200 with HTML", Act::text(200, page)),
        ("200 without body", Act::text(200, "")),
        ("200 without a message", Act::json(200, &json!({ "messages": [] }))),
        ("200 with a message without id", Act::json(200, &json!({ "messages": [{}] }))),
        ("200 with an error", Act::json(200, &json!({ "error": { "message": "no", "code": 4 } }))),
        ("200 with another document", Act::text(200, "[]")),
        ("302", Act::Answer(302, vec![("location", "http://127.0.0.1:9/".into())], Vec::new())),
        ("hang", Act::Hang),
    ];
    for (name, act) in acts {
        let failure = failure(act).await;
        assert!(matches!(failure, Failure::Unknown(_)), "{name}: {failure:?}");
        assert_eq!(verdict(&failure, 0), Verdict::SettleByStatus, "{name}");
    }
    assert_eq!(failure(Act::Hang).await, Failure::Unknown(Unknown::TimedOut));
}

#[tokio::test]
async fn a_complete_error_is_a_refusal() {
    let body = json!({ "error": {
        "message": "(#130429) Rate limit hit", "type": "OAuthException", "code": 130429, "error_subcode": 2494055,
        "error_data": { "messaging_product": "whatsapp", "details": "Throughput has been reached." },
        "fbtrace_id": "Az8or2yhqkZfEZ-_4Qn_Bam",
    }});
    let failure = failure(Act::json(400, &body)).await;
    let Failure::Refused(error) = &failure else { panic!("{failure:?}") };
    assert_eq!((error.http, error.code, error.subcode), (400, 130_429, Some(2_494_055)));
    assert_eq!(error.details.as_deref(), Some("Throughput has been reached."));
    assert_eq!(error.fbtrace_id.as_deref(), Some("Az8or2yhqkZfEZ-_4Qn_Bam"));
    assert!(matches!(verdict(&failure, 0), Verdict::PauseNumber { rest: Rest::For(_), .. }));
    let words = "Meta refused (HTTP 400, code 130429, subcode 2494055): (#130429) Rate limit hit (Throughput has been \
                 reached.)";
    assert_eq!(failure.to_string(), words);
}

/// Meta writes `error_data` as an object, as a string of JSON, and as words.
#[tokio::test]
async fn details_are_found_in_each_form() {
    let forms = [
        (json!({ "details": "why" }), Some("why")),
        (json!("{\"details\":\"why\"}"), Some("why")),
        (json!("why"), Some("why")),
        (json!("{\"blame\":\"x\"}"), None),
        (json!(null), None),
        (json!([]), None),
    ];
    for (data, expected) in forms {
        let body = json!({ "error": { "message": "no", "code": "131009", "error_data": data } });
        let Failure::Refused(error) = failure(Act::json(400, &body)).await else { panic!("{body}") };
        assert_eq!((error.code, error.details.as_deref()), (131_009, expected), "{body}");
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let closed = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let no_tls = Server::start([Act::raw("HTTP/1.1 400 Bad\r\n\r\n")]).await;
    let urls = [
        ("a closed port", closed),
        ("a name that is none", "http://graph.invalid".to_owned()),
        ("no TLS", no_tls.url.replace("http:", "https:")),
    ];
    for (name, url) in urls {
        let failure = send(&hurried(&url)).await.expect_err("a failure");
        assert!(matches!(failure, Failure::NotSent(NotSent::NoConnection(_))), "{name}: {failure:?}");
        assert!(matches!(verdict(&failure, 0), Verdict::RetryAfter(_)), "{name}");
    }
}

/// A listener whose queue is full lets further connections wait.
#[tokio::test]
async fn a_connection_that_takes_too_long_was_never_written_to() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let full = socket.listen(0).expect("a listener");
    let address = full.local_addr().expect("an address");
    let mut waiting: Vec<TcpStream> = Vec::new();
    while let Ok(connected) = timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
        waiting.push(connected.expect("a connection"));
        assert!(waiting.len() < 100, "the queue does not fill");
    }
    let graph = hurried(&format!("http://{address}"));
    let failure = send(&graph).await.expect_err("a failure");
    assert!(matches!(failure, Failure::NotSent(NotSent::NoConnection(_))), "{failure:?}");
}

/// HTTP clients like to repeat a request whose kept connection broke; of a send that would be a second message.
#[tokio::test]
async fn a_break_on_a_kept_connection_is_not_repeated() {
    let sent = json!({ "messages": [{ "id": "wamid.1" }] });
    for broken in [Act::Reset, Act::raw("")] {
        let server = Server::start([Act::json(200, &sent), broken, Act::json(200, &sent)]).await;
        let graph = patient(&server.url);
        send(&graph).await.expect("the first is accepted");
        let failure = send(&graph).await.expect_err("a failure");
        assert!(matches!(failure, Failure::Unknown(Unknown::Broken(_))), "{failure:?}");
        assert_eq!((server.connections(), server.requests().len()), (1, 2));
        send(&graph).await.expect("the third is accepted");
        assert_eq!((server.connections(), server.requests().len()), (2, 3));
    }
}

/// An id that could lead elsewhere is refused before anything is asked.
#[tokio::test]
async fn what_is_no_id_goes_nowhere() {
    let server = Server::start([Act::json(200, &json!({ "success": true }))]).await;
    let (graph, token) = (patient(&server.url), token());
    for id in ["", "..", "1/2", "1?fields=id", "1#", "%2e%2e", "me", "1\r\nx: y", "１"] {
        let upload = whatsapp::graph::Upload::bytes("image/png", "a.png", "a");
        let failures = [
            graph.send_message(&token, id, &hello()).await.map(drop),
            graph.mark_read(&token, id, "wamid.1", false).await,
            graph.upload_media(&token, id, upload).await.map(drop),
            graph.media(&token, id, None).await.map(drop),
            graph.delete_media(&token, id).await,
            graph.number(&token, id, &[]).await.map(drop),
            graph.numbers_of(&token, id, &[]).await.map(drop),
            graph.register(&token, id, "123456").await,
            graph.deregister(&token, id).await,
            graph.set_pin(&token, id, "123456").await,
            graph.waba(&token, id, &[]).await.map(drop),
            graph.subscribe_app(&token, id, None).await,
            graph.subscribed_apps(&token, id).await.map(drop),
            graph.unsubscribe_app(&token, id).await,
            graph.templates(&token, id, Default::default(), 1).await.map(drop),
            graph.create_template(&token, id, &json!({})).await.map(drop),
            graph.edit_template(&token, id, &json!({})).await,
            graph.delete_template(&token, id, "name", None).await,
            graph.delete_template(&token, "1", "name", Some(id)).await,
            graph.exchange_code(id, &secret(SECRET), &secret("code")).await.map(drop),
            graph.debug_token(id, &secret(SECRET), &secret(TOKEN)).await.map(drop),
            graph.app_subscriptions(id, &secret(SECRET)).await.map(drop),
            graph.set_app_subscription(id, &secret(SECRET), "https://a", &secret("b"), &[]).await,
            graph.block_users(&token, id, &[]).await.map(drop),
            graph.unblock_users(&token, id, &[]).await.map(drop),
        ];
        for (place, result) in failures.into_iter().enumerate() {
            let malformed = matches!(result, Err(Failure::NotSent(NotSent::Malformed(_))));
            assert!(malformed, "call {place}, id {id:?}: {result:?}");
        }
    }
    for pin in ["", "12345", "1234567", "12345a"] {
        assert!(graph.register(&token, "1", pin).await.is_err(), "{pin}");
        assert!(graph.set_pin(&token, "1", pin).await.is_err(), "{pin}");
    }
    let broken = Credential::new(secret("a\r\nx: y"));
    assert!(matches!(graph.deregister(&broken, "1").await, Err(Failure::NotSent(NotSent::Malformed(_)))));
    for path in [&["1", "../2"][..], &["1/2"], &[""], &["1", "a?b"], &[".."]] {
        assert!(graph.call(http::Method::GET, path, &[], None, &token).await.is_err(), "{path:?}");
    }
    assert_eq!(server.connections(), 0);
}
