//! A sample for a template's header.

use e2e::{Meta, Organization};
use futures::stream;
use secrecy::SecretString;
use serde_json::{Value, json};
use whatsapp::graph::{Credential, Failure, Graph, Sample};

use super::{Stage, fields, simple};

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

/// A file of the organization's own stands for a sample: Meta gets it, and its handle takes the id's place.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_ones_own_is_a_sample() {
    let stage = Stage::new().await;
    let picture = include_bytes!("../../../simulator/src/world/samples/image.png");
    let upload = async |organization: &Organization| {
        let url = format!("{}/api/v1/media", stage.world.url());
        let head = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"carta.png\"\r\ncontent-type: image/png\r\n\r\n";
        let form = [head.as_bytes(), picture, b"\r\n--b--\r\n"].concat();
        let asked = stage.world.client().post(url).bearer_auth(&organization.key).body(form);
        let answer = asked.header("content-type", "multipart/form-data; boundary=b").send().await.unwrap();
        let media: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        media["id"].as_str().unwrap_or_else(|| panic!("{media}")).to_owned()
    };
    let template = |name: &str, format: &str, sample: &str| {
        let mut body = simple(name);
        let header = json!({ "type": "HEADER", "format": format, "example": { "header_handle": [sample] } });
        body["components"].as_array_mut().unwrap().insert(0, header);
        body
    };
    let own = upload(&stage.organization).await;
    let made = stage.create(&template("carta", "IMAGE", &own)).await;
    assert_eq!(made["status"], "PENDING", "{made:#}");
    let handle = made["components"][0]["example"]["header_handle"][0].as_str().unwrap();
    assert_ne!(handle, own, "Meta knows it by a name of its own");

    let stranger = upload(&stage.world.organization("Harbor").await).await;
    for (name, format, sample) in [("theirs", "IMAGE", &stranger), ("a_film", "VIDEO", &own)] {
        let (status, problem) = stage.try_create(&template(name, format, sample)).await;
        assert_eq!(status, 422, "{problem}");
        assert_eq!(fields(&problem), ["components[0].example.header_handle[0]"], "{problem:#}");
    }
    stage.world.end().await;
}
