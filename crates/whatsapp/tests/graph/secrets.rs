//! What failed never shows what opens doors.

use serde_json::json;
use tokio::net::TcpListener;
use whatsapp::verdict::verdict;

use super::server::Server;
use super::*;

fn hides(what: &str, text: &str) {
    for hidden in [TOKEN, SECRET, "appsecret_proof", "input_token", "?"] {
        assert!(!text.contains(hidden), "{what} shows {hidden}: {text}");
    }
}

/// Meta's "Malformed access token …" repeats the token.
#[tokio::test]
async fn what_meta_repeats_is_dots() {
    let echo = format!("Malformed access token {TOKEN} of 7|{SECRET}");
    let body = json!({ "error": {
        "message": echo, "code": 190, "type": echo, "fbtrace_id": echo, "error_user_title": echo, "error_user_msg": echo,
        "error_data": { "details": echo },
    }});
    let server = Server::start([Act::json(400, &body)]).await;
    let graph = patient(&server.url);
    let credential = token().with_app_secret(secret(SECRET));
    let app = secret(SECRET);
    let failures = [
        graph.send_message(&credential, NUMBER, &hello()).await.expect_err("a refusal"),
        graph.debug_token("7", &app, &secret(TOKEN)).await.expect_err("a refusal"),
        graph.exchange_code("7", &app, &secret(TOKEN)).await.expect_err("a refusal"),
        graph.set_app_subscription("7", &app, "https://a", &secret(TOKEN), &[]).await.expect_err("a refusal"),
    ];
    for failure in failures {
        assert!(matches!(failure, Failure::Refused(_)), "{failure:?}");
        hides("the words", &failure.to_string());
        hides("the inside", &format!("{failure:?} {:?}", verdict(&failure, 0)));
    }
}

#[tokio::test]
async fn no_failure_shows_the_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let closed = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let mut places = vec![(Act::Reset, closed), (Act::Reset, "http://graph.invalid".to_owned())];
    for act in [Act::Reset, Act::Hang, Act::raw("hello\r\n\r\n"), Act::text(500, "<html>"), Act::raw("")] {
        places.push((act.clone(), Server::start([act]).await.url));
    }
    for (act, url) in places {
        let graph = if url.contains("invalid") { hurried(&url) } else { for_act(&act, &url) };
        let failure = graph.debug_token("7", &secret(SECRET), &secret(TOKEN)).await.expect_err("a failure");
        hides("the words", &failure.to_string());
        hides("the inside", &format!("{failure:?}"));
        hides("the client", &format!("{graph:?}"));
        let address = format!("{url}/whatsapp_business/attachments/?input_token={TOKEN}");
        let failure = graph.download(&token(), &address, 1).await.expect_err("a failure");
        hides("the words", &failure.to_string());
        hides("the inside", &format!("{failure:?}"));
    }
}
