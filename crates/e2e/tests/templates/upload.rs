//! A sample for a template's header.

use e2e::Meta;
use futures::stream;
use secrecy::SecretString;
use serde_json::json;
use whatsapp::graph::{Credential, Failure, Graph, Sample};

const APP: &str = "670843887433847";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_uploaded_and_named_by_its_handle() {
    let options = simulator::Options { app_id: Some(APP.into()), seed: 5, ..simulator::Options::default() };
    let meta = Meta::start(options).await;
    let number = meta.numbers().await.remove(0);
    let graph = Graph::new(meta.url(), "v26.0").unwrap();
    let token = Credential::new(SecretString::from(number.token.clone()));

    let handle = graph.upload_sample(&token, APP, Sample::bytes("image/png", "carta ñ.png", PNG)).await.unwrap();
    assert!(handle.starts_with("4::aW1hZ2UvcG5n:"), "{handle}");
    let pieces = stream::iter(PNG.chunks(5).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect::<Vec<_>>());
    let streamed = Sample::stream("image/png", "carta.png", pieces, PNG.len() as u64);
    let streamed = graph.upload_sample(&token, APP, streamed).await.unwrap();
    assert_ne!(streamed, handle);
    for (nth, handle) in [handle, streamed].into_iter().enumerate() {
        let body = json!({ "name": format!("with_{nth}"), "language": "es", "category": "UTILITY", "components": [
            { "type": "HEADER", "format": "IMAGE", "example": { "header_handle": [handle] } }, { "type": "BODY", "text": "Hola a todos" }] });
        graph.create_template(&token, &number.waba_id, &body).await.unwrap();
    }
    let wrong = graph.upload_sample(&token, APP, Sample::bytes("text/html", "x.html", PNG)).await;
    assert!(matches!(wrong, Err(Failure::Refused(_))), "{wrong:?}");
    let another_app = graph.upload_sample(&token, "1", Sample::bytes("image/png", "x.png", PNG)).await;
    assert!(matches!(another_app, Err(Failure::Refused(_))), "{another_app:?}");
    meta.stop().await;
}
