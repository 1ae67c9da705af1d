//! Lists that come in pages.

use serde_json::{Value, json};

use super::server::Server;
use super::*;

fn page(ids: std::ops::Range<u32>, after: &str, next: bool) -> Act {
    let data: Vec<Value> = ids.map(|id| json!({ "id": id.to_string() })).collect();
    let mut answer = json!({ "data": data, "paging": { "cursors": { "before": "x", "after": after } } });
    if next {
        // A stranger's URL with a token: it must not be followed.
        answer["paging"]["next"] = format!("http://127.0.0.1:9/v26.0/1?after={after}&access_token={TOKEN}").into();
    }
    Act::json(200, &answer)
}

#[tokio::test]
async fn all_pages_are_read_by_cursor() {
    let server = Server::start([page(0..2, "a=", true), page(2..4, "b", true), page(4..5, "c", false)]).await;
    let numbers = patient(&server.url).numbers_of(&token(), "1", &["id"]).await.expect("numbers");
    let ids: Vec<String> = numbers.into_iter().map(|number| number.id).collect();
    assert_eq!(ids, ["0", "1", "2", "3", "4"]);
    let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
    let line = "GET /v26.0/1/phone_numbers?limit=100&fields=id";
    assert_eq!(lines, [line.to_owned(), format!("{line}&after=a%3D"), format!("{line}&after=b")]);
}

#[tokio::test]
async fn no_more_than_asked_for() {
    let row = |id: u32| json!({ "id": id, "name": "a" });
    let paging = json!({ "cursors": { "after": "a" }, "next": "https://x" });
    let server = Server::start([Act::json(200, &json!({ "data": [row(1), row(2)], "paging": paging }))]).await;
    let templates = patient(&server.url).templates(&token(), "1", Default::default(), 1).await.expect("templates");
    assert_eq!((templates.len(), server.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_list_that_goes_round_in_circles_ends() {
    let server = Server::start([page(0..2, "a", true), page(2..4, "b", true)]).await;
    patient(&server.url).numbers_of(&token(), "1", &[]).await.expect("numbers");
    assert_eq!(server.requests().len(), 3);
}

/// Half a list is no list.
#[tokio::test]
async fn a_page_that_fails_fails_the_list() {
    let server = Server::start([page(0..2, "a", true), Act::text(500, "<html>")]).await;
    assert!(patient(&server.url).numbers_of(&token(), "1", &[]).await.is_err());
}
