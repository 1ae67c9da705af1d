//! Files on their way to Meta.

use bytes::Bytes;
use serde_json::json;
use whatsapp::graph::{NotSent, Unknown, Upload};

use super::server::Server;
use super::*;

async fn uploaded(upload: Upload) -> (String, String) {
    let server = Server::start([Act::json(200, &json!({ "id": 4_490_709_327_384_033_u64 }))]).await;
    let id = patient(&server.url).upload_media(&token(), NUMBER, upload).await.expect("an id");
    assert_eq!(id, "4490709327384033");
    let request = server.request();
    assert_eq!(request.line, format!("POST /v26.0/{NUMBER}/media"));
    assert_eq!(request.header("authorization"), format!("Bearer {TOKEN}"));
    (request.header("content-type").to_owned(), request.text())
}

#[tokio::test]
async fn a_file_goes_as_a_form() {
    let pieces = ["bytes ", "of ", "it"].map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes())));
    let uploads = [
        Upload::bytes("image/png", "a \"b\"\r\nñ.png", "bytes of it"),
        Upload::stream("image/png", "a \"b\"\r\nñ.png", futures::stream::iter(pieces), 11),
    ];
    for upload in uploads {
        let (kind, form) = uploaded(upload).await;
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").expect("a form");
        let parts: Vec<&str> = form.split(&format!("--{boundary}")).collect();
        assert_eq!(parts.len(), 5, "{form}");
        assert_eq!(parts[1], "\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n");
        assert_eq!(parts[2], "\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage/png\r\n");
        let file = "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a _b____.png\"\r\n\
                    Content-Type: image/png\r\n\r\nbytes of it\r\n";
        assert_eq!(parts[3], file);
    }
}

#[tokio::test]
async fn a_file_that_breaks_off_is_no_file() {
    let server = Server::start([Act::json(200, &json!({ "id": "1" }))]).await;
    let pieces = [Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("the disk is gone"))];
    let upload = Upload::stream("image/png", "a.png", futures::stream::iter(pieces), 11);
    let failure = patient(&server.url).upload_media(&token(), NUMBER, upload).await.expect_err("a failure");
    assert!(matches!(failure, Failure::Unknown(Unknown::Broken(_))), "{failure:?}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_type_that_is_none_goes_nowhere() {
    let server = Server::start([Act::Reset]).await;
    for mime in ["", "image", "image/png\r\nx: y", "a b/c"] {
        let upload = Upload::bytes(mime, "a.png", "a");
        let failure = patient(&server.url).upload_media(&token(), NUMBER, upload).await.expect_err("a failure");
        assert!(matches!(failure, Failure::NotSent(NotSent::Malformed(_))), "{mime}: {failure:?}");
    }
    assert_eq!(server.connections(), 0);
}
