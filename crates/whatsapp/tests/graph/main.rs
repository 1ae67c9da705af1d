//! Graph calls against a server on this machine that does as it is told.

mod calls;
mod downloads;
mod failures;
mod fixtures;
mod pages;
mod secrets;
mod server;
mod uploads;

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use server::Act;
use whatsapp::graph::{Credential, Failure, Graph, Sent, Timeouts};

/// A token that no text may show.
const TOKEN: &str = "token-that-must-not-show";

/// A secret that no text may show.
const SECRET: &str = "secret-that-must-not-show";

/// A number's id.
const NUMBER: &str = "106540352242922";

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn token() -> Credential {
    Credential::new(secret(TOKEN))
}

/// A client with ordinary patience.
fn patient(url: &str) -> Graph {
    Graph::new(url, "v26.0").expect("a client")
}

/// A client with as little patience as the test can stand, where waiting is what is tested.
fn for_act(act: &Act, url: &str) -> Graph {
    let Act::Hang = act else { return patient(url) };
    let moment = Duration::from_millis(300);
    let timeouts = Timeouts { call: moment, piece: moment, ..Timeouts::default() };
    Graph::with_timeouts(url, "v26.0", timeouts).expect("a client")
}

/// A client that does not wait long for a connection.
fn hurried(url: &str) -> Graph {
    let timeouts = Timeouts { connect: Duration::from_millis(300), ..Timeouts::default() };
    Graph::with_timeouts(url, "v26.0", timeouts).expect("a client")
}

fn hello() -> Value {
    json!({ "messaging_product": "whatsapp", "to": "34600111222", "type": "text", "text": { "body": "hola" } })
}

async fn send(graph: &Graph) -> Result<Sent, Failure> {
    graph.send_message(&token(), NUMBER, &hello()).await
}
