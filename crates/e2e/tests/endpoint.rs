//! Organizations' endpoints are told what happens: at least once, signed, each only what is its own.

mod edge;
mod format;
mod guarded;
mod hooks;
mod mail;
mod program;
mod receivers;
mod receiving;
mod tries;

use e2e::receiver::Receiver;
use e2e::{Organization, World, body};
use serde_json::{Value, json};

const NUMBER: &str = "106540352242922";
const AT: i64 = 1_795_000_000;

/// An endpoint that was made.
struct Made {
    id: String,
    secret: String,
}

/// Makes an endpoint at a hook, of what else is said.
async fn add(world: &World, acme: &Organization, hook: &Receiver, said: &Value) -> Made {
    let mut wanted = json!({ "url": hook.url(), "format": "wazapp" });
    wanted.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    let (status, made) = world.post_api(acme, "/endpoints", &wanted).await;
    assert_eq!(status, 201, "{made}");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    assert!(text("secret").starts_with("whsec_"));
    Made { id: text("id"), secret: text("secret") }
}

/// An organization with the number, which a customer wrote to.
async fn acme(world: &World) -> Organization {
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "1", None).await;
    acme
}

/// A customer writes.
async fn write(world: &World, nth: usize) -> String {
    write_from(world, "5215512345678", nth).await
}

async fn write_from(world: &World, from: &str, nth: usize) -> String {
    let wamid = format!("wamid.{from}.{nth}");
    let at = AT + i64::try_from(nth).unwrap();
    world.receive(&body::text(NUMBER, from, &wamid, at, &format!("message {nth}"))).await;
    wamid
}

/// Which messages were told, in order.
fn wamids(told: &[e2e::receiver::Heard]) -> Vec<String> {
    told.iter().map(|told| told.body["data"]["wamid"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Waits until an endpoint's deliveries are so.
async fn until_deliveries(world: &World, acme: &Organization, made: &Made, states: &[&str]) -> Vec<Value> {
    let path = format!("/endpoints/{}/deliveries", made.id);
    world
        .until(&format!("deliveries are {states:?}"), async || {
            let all = world.read(acme, &path).await["data"].as_array().unwrap().clone();
            let mut are: Vec<&str> = all.iter().map(|one| one["state"].as_str().unwrap()).collect();
            are.sort_unstable();
            are == states
        })
        .await;
    world.read(acme, &path).await["data"].as_array().unwrap().clone()
}
