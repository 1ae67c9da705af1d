//! Media that come, break off, are too long, are gone, or are elsewhere.

use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::json;
use whatsapp::graph::{Download, DownloadFailure};

use super::server::Server;
use super::*;

async fn ask(server: &Server, limit: u64) -> Result<Download, DownloadFailure> {
    download(&patient(&server.url), server, limit).await
}

async fn download(graph: &Graph, server: &Server, limit: u64) -> Result<Download, DownloadFailure> {
    graph.download(&token(), &format!("{}/whatsapp_business/attachments/?mid=1&hash=2", server.url), limit).await
}

async fn whole(download: Download) -> Result<Vec<u8>, DownloadFailure> {
    let pieces: Vec<Bytes> = download.into_stream().try_collect().await?;
    Ok(pieces.concat())
}

fn file(length: usize) -> Act {
    Act::Answer(200, vec![("content-type", "image/png".into())], vec![7; length])
}

#[tokio::test]
async fn a_medium_comes_with_the_token() {
    let server = Server::start([file(1_000_000)]).await;
    let download = ask(&server, 1_000_000).await.expect("a medium");
    assert_eq!((download.mime_type.as_deref(), download.length), (Some("image/png"), Some(1_000_000)));
    assert_eq!(whole(download).await.expect("all of it").len(), 1_000_000);
    let request = server.request();
    assert_eq!(request.line, "GET /whatsapp_business/attachments/?mid=1&hash=2");
    assert_eq!(request.header("authorization"), format!("Bearer {TOKEN}"));
    assert!(!request.header("user-agent").is_empty());
}

#[tokio::test]
async fn one_that_is_too_long_is_cut() {
    let server = Server::start([file(11)]).await;
    assert_eq!(ask(&server, 10).await.expect_err("too long"), DownloadFailure::TooLong { limit: 10 });
    let unannounced = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n";
    let server = Server::start([Act::raw(unannounced)]).await;
    let download = ask(&server, 10).await.expect("a head");
    assert_eq!(whole(download).await.expect_err("too long"), DownloadFailure::TooLong { limit: 10 });
    let download = ask(&server, 12).await.expect("a head");
    assert_eq!(whole(download).await.expect("all of it"), b"abcdefabcdef");
}

#[tokio::test]
async fn one_that_breaks_off_is_broken() {
    let half = Act::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabcde");
    let chunked = Act::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n");
    for act in [half, chunked] {
        let download = ask(&Server::start([act.clone()]).await, 100).await.expect("a head");
        let failure = whole(download).await.expect_err("half");
        assert!(matches!(failure, DownloadFailure::Broken(_)), "{act:?}: {failure:?}");
    }
    for act in [Act::Reset, Act::Hang, Act::text(500, "<html>"), Act::text(400, "<html>")] {
        let server = Server::start([act.clone()]).await;
        let graph = for_act(&act, &server.url);
        let failure = download(&graph, &server, 100).await.expect_err("nothing");
        assert!(matches!(failure, DownloadFailure::Broken(_)), "{act:?}: {failure:?}");
    }
}

#[tokio::test]
async fn one_that_is_gone_is_to_be_looked_up_again() {
    for http in [404, 410] {
        let server = Server::start([Act::text(http, "URL signature expired")]).await;
        assert_eq!(ask(&server, 1).await.expect_err("gone"), DownloadFailure::Expired);
    }
}

#[tokio::test]
async fn a_dead_token_is_told_from_a_dead_url() {
    let body = json!({ "error": { "message": format!("Authentication Error {TOKEN}"), "code": 190 } });
    let server = Server::start([Act::json(401, &body)]).await;
    let failure = ask(&server, 1).await.expect_err("a refusal");
    let DownloadFailure::Refused(error) = failure else { panic!("{failure:?}") };
    assert_eq!((error.http, error.code, error.message.as_str()), (401, 190, "Authentication Error …"));
}

/// Neither a URL nor a redirect takes the token elsewhere.
#[tokio::test]
async fn the_token_stays_with_meta() {
    let elsewhere = Server::start([file(1)]).await;
    let here = Server::start([Act::Answer(302, vec![("location", elsewhere.url.clone())], Vec::new())]).await;
    let failure = ask(&here, 1).await.expect_err("a redirect");
    assert!(matches!(failure, DownloadFailure::Broken(_)), "{failure:?}");
    let graph = patient(&here.url);
    let other_path = format!("{}/v26.0/1065/deregister", here.url);
    let elsewhere_media = format!("{}/whatsapp_business/attachments/", elsewhere.url);
    for url in [
        elsewhere_media.as_str(),
        other_path.as_str(),
        "https://lookaside.fbsbx.com/whatsapp_business/attachments/",
        "",
        "/media",
        "https://evil.example/",
    ] {
        assert_eq!(graph.download(&token(), url, 1).await.expect_err("foreign"), DownloadFailure::ForeignUrl, "{url}");
    }
    assert_eq!((here.requests().len(), elsewhere.connections()), (1, 0));
}
