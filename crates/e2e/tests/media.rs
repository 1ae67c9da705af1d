//! Files: from a customer's phone over Meta into the store, and from there to a browser.

mod bomb;
mod fetch;
mod queue;
mod retention;
pub(crate) mod s3;
mod serve;
mod store;

use std::io::Cursor;

use data_encoding::{BASE64, HEXLOWER};
use e2e::{Options, Organization, SimulatedNumber, World};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const LUCIA: &str = "34600111222";

/// An organization with a number, and Meta's side.
struct Stage {
    world: World,
    organization: Organization,
    number: SimulatedNumber,
}

impl Stage {
    async fn new() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let world = World::with(Options { simulated: true, ..options }).await;
        let organization = world.organization("Café Lucero").await;
        let number = world.meta().numbers().await.remove(0);
        world.connect_simulated(&organization, &number).await;
        Self { world, organization, number }
    }

    /// Lucía sends a file with these bytes; answers the message's wamid, once it is applied.
    async fn sends(&self, kind: &str, mime_type: &str, bytes: &[u8], filename: Option<&str>) -> String {
        let mut file = json!({ "data": BASE64.encode(bytes), "mime_type": mime_type });
        if let Some(filename) = filename {
            file["filename"] = filename.into();
        }
        let wamid = self.world.meta().customer_sends(&self.number, LUCIA, json!({ "type": kind, kind: file })).await;
        self.world.settle().await;
        wamid
    }

    async fn picture(&self, bytes: &[u8]) -> String {
        self.sends("image", "image/png", bytes, None).await
    }

    async fn media(&self, wamid: &str) -> Value {
        self.world.message(&self.organization, wamid).await["media"].clone()
    }

    /// Waits until a message's file is in this state, letting waits of a few seconds pass.
    async fn until(&self, wamid: &str, state: &str) -> Value {
        self.world
            .until(&format!("the file is {state}"), async || {
                let media = self.media(wamid).await;
                if media["state"] != state {
                    self.world.advance(std::time::Duration::from_secs(1)).await;
                }
                media["state"] == state
            })
            .await;
        self.media(wamid).await
    }

    async fn thumbnailed(&self, wamid: &str) -> Value {
        self.world.until("it has a thumbnail", async || self.media(wamid).await["thumbnail"] == true).await;
        self.media(wamid).await
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let url = format!("{}/api/v1{path}", self.world.url());
        let mut request = self.world.client().request(method, url).bearer_auth(&self.organization.key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    async fn content(&self, media: &Value) -> Response {
        self.ask(Method::GET, &content(media), &[]).await
    }

    /// Names of all files that are in the world's directory.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.world.media_dir().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                match entry.path().is_dir() {
                    true => folders.push(entry.path()),
                    false => found.push(entry.file_name().to_string_lossy().into_owned()),
                }
            }
        }
        found.sort();
        found
    }
}

fn content(media: &Value) -> String {
    format!("/media/{}/content", media["id"].as_str().expect("an id"))
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("ASCII"))
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A picture in one colour.
fn png(width: u32, height: u32, red: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = DynamicImage::from(RgbImage::from_pixel(width, height, Rgb([red, 20, 20])));
    picture.write_to(&mut bytes, ImageFormat::Png).expect("a picture");
    bytes.into_inner()
}
