//! Receivers that others wrote for Meta's Cloud API, unmodified, behind endpoints of the format `meta`: what comes through here
//! is to them what Meta itself would have sent.

mod unread;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use e2e::{Organization, World, body};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::process::Command;
use whatsapp::signature;

use super::program::{Program, add_off, here};
use super::{AT, NUMBER};
use unread::{PYWA, WHATSAPP_API_JS};

const OTHER_NUMBER: &str = "106540352242923";
const VERIFY_TOKEN: &str = "a-word-between-us";
/// What Meta itself would sign with.
const METAS_SECRET: &str = "the App's own secret";

/// Of a library: why it does not read bodies, what it says or answers then, and which they are.
pub(super) type Unread = (&'static str, &'static str, &'static [&'static str]);

#[tokio::test(flavor = "multi_thread")]
async fn pywa_takes_it_as_metas() {
    let mut pywa = Command::new(here().join("../../target/tools-clients/bin/python3"));
    pywa.args(["-B", "pywa_receiver.py"]);
    takes_it_as_metas(pywa, PYWA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatsapp_api_js_takes_it_as_metas() {
    let mut node = Command::new("node");
    node.arg("whatsapp-api-js-receiver.mjs");
    takes_it_as_metas(node, WHATSAPP_API_JS).await;
}

/// A library's receivers at work, one a path, and what they said of each body.
struct Receivers {
    program: Program,
    became: BTreeMap<(String, String), Value>,
}

impl Receivers {
    /// What became of a body on a path.
    async fn of(&mut self, path: &str, bytes: &[u8]) -> Value {
        let key = (path.to_owned(), data_encoding::HEXLOWER.encode(&Sha256::digest(bytes)));
        while !self.became.contains_key(&key) {
            let line = self.program.line("{").await;
            let Ok(mut said) = serde_json::from_str::<Value>(&line) else { continue };
            let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
            let key = (text("path"), text("body"));
            said.as_object_mut().expect("an object").remove("path");
            self.became.insert(key, said);
        }
        self.became[&key].clone()
    }

    /// How many bodies it was told on a path.
    fn count(&self, path: &str) -> usize {
        self.became.iter().filter(|((at, _), said)| at == path && said["method"] == "POST").count()
    }
}

async fn takes_it_as_metas(mut library: Command, unread: &[Unread]) {
    let Some(fixtures) = fixtures() else { return };
    let world = World::new().await;
    let (acme, other) = (world.organization("Acme").await, world.organization("Other").await);
    let (mine, theirs) = (add_off(&world, &acme, "meta").await, add_off(&world, &other, "meta").await);
    let secrets = json!({ "/acme": mine.secret, "/other": theirs.secret, "/meta": METAS_SECRET });
    library.current_dir(here().join("clients")).env("SECRETS", secrets.to_string()).env("VERIFY_TOKEN", VERIFY_TOKEN);
    let mut receivers = Receivers { program: Program::start(&mut library).await, became: BTreeMap::new() };
    receivers.program.is_told(&world, &acme, &mine, "/acme").await;
    receivers.program.is_told(&world, &other, &theirs, "/other").await;
    proves_itself(&world, &acme, &receivers.program).await;

    for (number, account) in numbers(&fixtures) {
        world.connect(&acme, &number, &account, None).await;
    }
    world.connect(&other, OTHER_NUMBER, "of the other", None).await;
    each_gets_its_own(&world, &mut receivers).await;
    let before = receivers.count("/acme");
    for (name, bytes) in &fixtures {
        assert_eq!(world.post(bytes).await, 200, "{name}");
    }
    let mut cannot = BTreeMap::new();
    for (name, bytes) in &fixtures {
        let through_us = receivers.of("/acme", bytes).await;
        let signed = [("x-hub-signature-256", signature::sign(METAS_SECRET, bytes))];
        let json = ("content-type", "application/json".to_owned());
        receivers.program.post("/meta", &[signed[0].clone(), json], bytes).await;
        let from_meta = receivers.of("/meta", bytes).await;
        assert_eq!(through_us, from_meta, "{name}: it comes as Meta would send it");
        if through_us["status"] != 200 || through_us["complaints"] != json!([]) {
            cannot.insert(name.as_str(), format!("{} {}", through_us["status"], through_us["complaints"]));
        }
    }
    assert_eq!(receivers.count("/acme") - before, fixtures.len());
    assert_eq!(receivers.count("/other"), 1, "the other was told nothing of it");
    for (why, says, names) in unread {
        for name in *names {
            let said = cannot.remove(name);
            assert!(said.as_ref().is_some_and(|said| said.contains(says)), "{name} is listed: {why}; but {said:?}");
            eprintln!("not read by the library, which fares no better with Meta: {name}: {why}");
        }
    }
    assert_eq!(cannot, BTreeMap::new(), "read by nobody, and no reason is known");
    world.end().await;
}

/// Whoever makes an endpoint with the word has it asked for, as Meta asks; a body that nobody signed is refused.
async fn proves_itself(world: &World, acme: &Organization, program: &Program) {
    for (word, expected) in [(VERIFY_TOKEN, 201), ("not-it", 422)] {
        let wanted = json!({ "url": format!("{}/acme", program.url), "format": "meta", "verify_token": word });
        let (status, answer) = world.post_api(acme, "/endpoints", &wanted).await;
        assert_eq!(status, expected, "{answer}");
        if let Some(id) = answer["id"].as_str() {
            assert_eq!(world.delete(acme, &format!("/endpoints/{id}")).await.0, 200);
        }
    }
    let forged = [("x-hub-signature-256", signature::sign("another secret", b"{}"))];
    let refused = program.post("/meta", &forged, b"{}").await;
    assert!([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&refused), "{refused}");
}

/// Of a body of two organizations each gets exactly its own part, in Meta's own spelling.
async fn each_gets_its_own(world: &World, receivers: &mut Receivers) {
    let change = |number: &str| {
        let contact = json!({ "profile": { "name": "Zoë" }, "wa_id": "5215512345678", "user_id": "MX.1" });
        let mut message = body::text_message("5215512345678", &format!("wamid.{number}"), AT, "¿Qué tal? 🙂");
        message["from_user_id"] = json!("MX.1");
        body::change(number, "messages", &json!({ "contacts": [contact], "messages": [message] }))
    };
    let (own, others) = (change(NUMBER), change(OTHER_NUMBER));
    let both = body::envelope(&[
        body::entry("1", std::slice::from_ref(&own)),
        body::entry("of the other", std::slice::from_ref(&others)),
    ]);
    assert_eq!(world.post(as_meta_spells(&both.to_string())).await, 200);
    for (path, number, account, change) in
        [("/acme", NUMBER, "1", own), ("/other", OTHER_NUMBER, "of the other", others)]
    {
        let part = as_meta_spells(&body::envelope(&[body::entry(account, &[change])]).to_string());
        let became = receivers.of(path, part.as_bytes()).await;
        assert_eq!((&became["status"], &became["complaints"]), (&json!(200), &json!([])), "{became}");
        let ids: BTreeSet<&str> =
            became["read"].as_array().expect("a list").iter().filter_map(|read| read["id"].as_str()).collect();
        assert!(ids.contains(format!("wamid.{number}").as_str()), "{became}");
    }
    assert_eq!((receivers.count("/acme"), receivers.count("/other")), (1, 1));
}

/// By name, as Meta spells them; none, and a loud word, where they are not there.
fn fixtures() -> Option<BTreeMap<String, Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/whatsapp/fixtures/webhooks");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no webhook bodies in {}", folder.display());
        return None;
    };
    let paths = files.map(|file| file.expect("a directory that can be read").path());
    let fixtures: BTreeMap<String, Vec<u8>> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a file that can be read");
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, as_meta_spells(&text).into_bytes())
        })
        .collect();
    assert!(fixtures.len() > 100, "only {} bodies in {}", fixtures.len(), folder.display());
    Some(fixtures)
}

/// Meta writes what is not ASCII as `\u00e9`, and signs that; whatsapp-api-js counts on it.
/// <https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads>
fn as_meta_spells(text: &str) -> String {
    let mut spelled = String::new();
    for character in text.chars() {
        if character.is_ascii() {
            spelled.push(character);
        } else {
            let units = character.encode_utf16(&mut [0; 2]).to_vec();
            spelled.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    spelled
}

/// All numbers that the bodies name, each with its account, and a number of each account that they name alone.
fn numbers(fixtures: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    let bodies = fixtures.values().map(|bytes| serde_json::from_slice::<Value>(bytes).expect("JSON"));
    let mut numbers: BTreeMap<String, String> = bodies.flat_map(|body| crate::receive::numbers(&body)).collect();
    numbers.insert(NUMBER.to_owned(), "1".to_owned());
    numbers
}
