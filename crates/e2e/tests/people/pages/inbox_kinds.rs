//! Each kind of message that Meta sends is drawn: none is an empty bubble, and none breaks the page of the others.

use std::collections::BTreeSet;
use std::path::Path;

use e2e::World;
use model::act::Role;
use serde_json::Value;

use super::Browser;

/// What of a bubble can be seen; one of it is in each.
const SEEN: [&str; 8] = [
    "class=\"text\"",
    "class=\"file",
    "class=\"picture\"",
    "class=\"sticker\"",
    "class=\"sound\"",
    "class=\"held\"",
    "class=\"more\"",
    "Mensaje eliminado",
];

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_message_is_drawn() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    let bodies = fixtures();
    let mut numbers = BTreeSet::new();
    bodies.iter().for_each(|(_, body)| numbers_in(body, &mut numbers));
    for (nth, number) in numbers.iter().enumerate() {
        world.connect(&acme, number, &format!("2{nth:05}"), None).await;
    }
    for (_, body) in &bodies {
        world.receive(body).await;
    }
    let marta = world.member(&acme, Role::Agent).await;
    let mut browser = Browser::of(&world, &marta);
    let mut drawn = 0;
    for conversation in world.conversations(&acme).await {
        let id = conversation["id"].as_str().expect("an id");
        let page = browser.get(&format!("/inbox/{id}?latest=1")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        for bubble in page.text.split("<li class=\"message ").skip(1) {
            let bubble = bubble.split("</li>").next().unwrap_or_default();
            let is_seen = SEEN.iter().any(|seen| bubble.contains(seen)) || bubble.contains("class=\"across\"");
            assert!(is_seen || bubble.starts_with("out pending"), "an empty bubble: {bubble}");
            drawn += 1;
        }
    }
    assert!(drawn > 60, "{drawn} messages were drawn");
    world.end().await;
}

/// The repository's own bodies; those beside it are tried where they are.
fn fixtures() -> Vec<(String, Value)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = bodies(&here.join("../whatsapp/fixtures/webhooks"));
    assert!(!all.is_empty());
    let beside = bodies(&here.join("../../../shared/whatsapp/fixtures/webhooks"));
    if beside.is_empty() {
        println!("SKIPPED: the bodies in ../shared are not here");
    }
    all.extend(beside);
    all
}

fn bodies(folder: &Path) -> Vec<(String, Value)> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let read = |entry: std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path()).ok()?;
        let body: Value = serde_json::from_str(&text).ok()?;
        body.get("entry").is_some().then(|| (entry.file_name().to_string_lossy().into_owned(), body))
    };
    let mut all: Vec<(String, Value)> = files.flatten().filter_map(read).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// The numbers that a body names.
fn numbers_in(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(number) = members.get("phone_number_id") {
                let text = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
                if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
                    found.insert(text);
                }
            }
            members.values().for_each(|member| numbers_in(member, found));
        }
        Value::Array(list) => list.iter().for_each(|one| numbers_in(one, found)),
        _ => {}
    }
}
