//! What was exported comes in elsewhere as it was, but for what is named.

use std::collections::BTreeSet;
use std::path::Path;

use model::act::Role;
use model::transfer::NOT_TAKEN_IN;
use serde_json::{Value, json};

use crate::backup::Target;

use super::{LUCIA, MARCO, NAME, Stage, media, refusal, rows, text};

/// What is done to a file.
type Spoil<'a> = &'a dyn Fn(String) -> String;

/// What is another one there, and why: see `docs/operate.md`.
fn named(table: &str, row: &mut Value) {
    let blank: &[&str] = match table {
        "number" => &["status", "disconnected_at"],
        "endpoint" => &["state", "state_at"],
        "delivery" => &["state", "ended_at"],
        "quota" => &["media_bytes", "queued_messages"],
        _ => &[],
    };
    for column in blank {
        row[*column] = Value::Null;
    }
}

/// Asserts that two exports hold the same.
fn compare(one: &Path, other: &Path) {
    let tables = |folder: &Path| -> BTreeSet<String> {
        let names = std::fs::read_dir(folder.join("tables")).expect("a folder");
        names
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().trim_end_matches(".jsonl").to_owned())
            .collect()
    };
    assert_eq!(tables(one), tables(other));
    for table in tables(one) {
        let (mut before, mut after) = (rows(one, &table), rows(other, &table));
        if NOT_TAKEN_IN.iter().any(|(name, _)| *name == table) {
            assert!(after.is_empty(), "{table}: {after:?}");
            continue;
        }
        // That it was exported, and imported, was written down behind what was exported.
        after.retain(|row| table != "audit" || !row["act"].as_str().is_some_and(|act| act.ends_with("port")));
        before.iter_mut().chain(&mut after).for_each(|row| named(&table, row));
        assert_eq!(before, after, "{table}");
    }
    assert_eq!(media(one), media(other));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_the_same_on_another_server() {
    let mut stage = Stage::new().await;
    stage.world.member(&stage.cafe, Role::Agent).await;
    stage.world.idle().await;
    let (folder, said) = stage.export("cafe", &[]).await;
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).expect("a file")).expect("JSON");
    assert_eq!((&manifest["format"], &manifest["organization"]["slug"]), (&json!(1), &json!("cafe-lucero")));
    assert_eq!(said["holds"], manifest);
    assert_eq!((&manifest["files"], &manifest["missing"]), (&json!(2), &json!([])));
    let messages = rows(&folder, "message");
    assert_eq!(messages.len(), 151);
    let times: Vec<&str> = messages.iter().map(|row| row["timestamp"].as_str().expect("a time")).collect();
    assert!(times.iter().all(|time| time.parse::<jiff::Timestamp>().is_ok()), "{}", times[0]);
    // No secret, and nothing of anybody else.
    for (table, column) in [("api_key", "hash"), ("number", "token"), ("endpoint", "secret"), ("user", "password")] {
        assert!(!rows(&folder, table).is_empty(), "{table}");
        assert!(rows(&folder, table).iter().all(|row| row.get(column).is_none()), "{table}.{column}");
        let told = manifest["left_empty"].as_array().expect("a list");
        assert!(told.iter().any(|left| left["what"] == format!("{table}.{column}")), "{table}.{column}");
    }
    let all: String = rows(&folder, "message").iter().chain(&rows(&folder, "event")).map(Value::to_string).collect();
    assert!(all.contains("hola café") && !all.contains("hola vecino"));

    // The same in one file, into an empty server.
    let (archive, _) = stage.export("cafe.tar.zst", &[]).await;
    let target = Target::new().await;
    let server = &target.installation;
    let taken = server.json(&["import", text(&archive)]).await;
    assert_eq!(taken["organization"]["slug"], "cafe-lucero");
    assert_eq!((&taken["taken"]["tables"]["message"], &taken["taken"]["files"]), (&json!(151), &json!(2)));
    let again = stage.path("again");
    server.json(&["export", "--org", "cafe-lucero", "--to", text(&again)]).await;
    compare(&folder, &again);
    for row in rows(&again, "number") {
        assert_eq!(row["status"], "disconnected", "{row}");
    }
    assert!(rows(&again, "endpoint").iter().all(|row| row["state"] == "off"));

    // It works there, and it is there once.
    let says = refusal(&server.run(&["import", text(&folder)]).await);
    assert!(says.contains("here already"), "{says}");
    let running = server.serve().await;
    let key = server.json(&["key", "create", "--org", "cafe-lucero", "--name", "test"]).await;
    let key = key["key"].as_str().or(key["secret"].as_str()).unwrap_or_else(|| panic!("{key}")).to_owned();
    let client = e2e::outside::http().build().expect("a client");
    let read = async |path: &str| -> Value {
        let answer =
            client.get(format!("{}/api/v1{path}", running.url())).bearer_auth(&key).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON")
    };
    let conversations = read("/conversations").await;
    assert!(conversations.to_string().contains(NAME), "{conversations}");
    let events = read("/events?limit=100").await;
    assert_eq!(events["data"][0]["sequence"], 1, "{events}");
    assert!(running.terminate().await.0.success());

    // There is no superuser there: it erases all the same, and what went comes in again. Who worked there has an account still.
    let erased = server.json(&["erase", "--org", "cafe-lucero", "--contact", MARCO, "--yes", "cafe-lucero"]).await;
    assert_eq!((&erased["proven"], &erased["erased"]["gone"]["message"]), (&json!(true), &json!(1)), "{erased:#}");
    let erased = server.json(&["erase", "--org", "cafe-lucero", "--yes", "cafe-lucero"]).await;
    assert_eq!(erased["proven"], true, "{erased:#}");
    let taken = server.json(&["import", text(&folder), "--as", "cafe"]).await;
    assert_eq!(
        (&taken["organization"]["slug"], &taken["taken"]["tables"]["user"]),
        (&json!("cafe"), &json!(0)),
        "{taken}"
    );
    assert_eq!(taken["taken"]["tables"]["membership"], 1);
    target.end().await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_or_is_taken_is_refused() {
    let mut stage = Stage::new().await;
    stage.world.idle().await;
    let (folder, _) = stage.export("cafe", &[]).await;
    let source = stage.source();
    let says = refusal(&source.run(&["export", "--org", "cafe-lucero", "--to", text(&folder)]).await);
    assert!(says.contains("is there already"), "{says}");
    let says =
        refusal(&source.run(&["export", "--org", "cafe-lucero", "--to", "x", "--contact", "nobody-of-all"]).await);
    assert!(says.contains("answers to"), "{says}");
    // Here it is already, under whatever name.
    let says = refusal(&source.run(&["import", text(&folder), "--as", "other"]).await);
    assert!(says.contains("here already"), "{says}");
    let says = refusal(&source.run(&["import", text(&folder), "--as", "Not A Slug"]).await);
    assert!(says.contains("short name"), "{says}");
    let change = |name: &str, change: &dyn Fn(String) -> String| {
        let path = folder.join(name);
        let whole = std::fs::read_to_string(&path).expect("a file");
        std::fs::write(&path, change(whole.clone())).expect("it is written");
        (path, whole)
    };
    let twice = |text: String| {
        let mut manifest: Value = serde_json::from_str(&text).expect("JSON");
        let tables = manifest["tables"].as_array_mut().expect("a list");
        tables.push(tables[0].clone());
        manifest.to_string()
    };
    let cases: [(&str, Spoil<'_>, &str); 6] = [
        ("tables/message.jsonl", &(|text: String| text.replacen("hola", "adios", 1)), "message"),
        ("tables/contact.jsonl", &|text| text.lines().skip(1).map(|line| format!("{line}\n")).collect(), "contact"),
        ("manifest.json", &|text| text.replacen("\"format\": 1", "\"format\": 2", 1), "format 2"),
        ("manifest.json", &|text| text.replacen("20261124000000_receive", "20990101000000_later", 1), "newer wazapp"),
        ("manifest.json", &|text| text.replacen("\"name\": \"notes\"", "\"name\": \"secrets\"", 1), "newer wazapp"),
        ("manifest.json", &twice, "names a table twice"),
    ];
    for (name, how, word) in cases {
        let (path, whole) = change(name, how);
        let says = refusal(&source.run(&["import", text(&folder)]).await);
        assert!(says.contains(word), "{name}: {says}");
        std::fs::write(path, whole).expect("it is as it was");
    }
    let file =
        std::fs::read_dir(folder.join("media")).expect("a folder").next().expect("a file").expect("an entry").path();
    std::fs::write(&file, b"other bytes").expect("it is written");
    let says = refusal(&source.run(&["import", text(&folder)]).await);
    assert!(says.contains("not what it is called"), "{says}");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_a_contact_holds_what_is_theirs_alone() {
    let mut stage = Stage::new().await;
    stage.world.idle().await;
    let (folder, said) = stage.export("lucia", &["--contact", "+34 600 111 222"]).await;
    assert_eq!(rows(&folder, "contact").len(), 1, "{said}");
    assert_eq!(rows(&folder, "message").len(), 150);
    assert!(rows(&folder, "message").iter().all(|row| row["text"] != format!("llama al {LUCIA}")));
    assert_eq!(rows(&folder, "contact_identity")[0]["value"], LUCIA);
    assert!(rows(&folder, "event").len() >= 150);
    assert_eq!(media(&folder).len(), 2);
    for entry in std::fs::read_dir(folder.join("tables")).expect("a folder") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("text");
        assert!(!text.contains(MARCO), "{text}");
    }
    assert!(
        !folder.join("tables/number.jsonl").exists()
            && said["holds"]["contact_ids"].as_array().is_some_and(|ids| ids.len() == 1)
    );
    let says = refusal(&stage.source().run(&["import", text(&folder)]).await);
    assert!(says.contains("one contact alone"), "{says}");
    stage.world.end().await;
}
