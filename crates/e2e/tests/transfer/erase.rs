//! What is erased is nowhere; what is others' is as it was.

use std::process::Stdio;

use e2e::{Organization, World, body};
use serde_json::{Value, json};

use super::{ACCOUNT, LUCIA, MARCO, NAME, NEIGHBOUR_NUMBER, NUMBER, Stage, commands, refusal, said};

async fn found(stage: &Stage, words: &[&str]) -> Vec<String> {
    found_in(&stage.world, &stage.cafe, NUMBER, words).await
}

/// Where rows of an organization, and raw bodies with its number, hold these words: every column of every table, as PostgreSQL writes it.
pub(super) async fn found_in(world: &World, organization: &Organization, number: &str, words: &[&str]) -> Vec<String> {
    let sql = world.sql().await;
    let tables = sql
        .query(
            "SELECT c.oid::regclass::text, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id')
             FROM pg_class c WHERE c.relnamespace = 'wazapp'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition",
            &[],
        )
        .await
        .expect("tables");
    let mut found = Vec::new();
    for table in tables {
        let (table, owned): (String, bool) = (table.get(0), table.get(1));
        for word in words {
            // Bytes are shown in hexadecimal.
            let hex = data_encoding::HEXLOWER.encode(word.as_bytes());
            let whose = if owned {
                format!("organization_id = '{}'", organization.id)
            } else {
                format!("position('{}' IN t::text) > 0", data_encoding::HEXLOWER.encode(number.as_bytes()))
            };
            let count = format!(
                "SELECT count(*) FROM {table} t WHERE {whose} AND (position($1 IN t::text) > 0 OR position($2 IN t::text) > 0)"
            );
            let row = sql.query_one(&count, &[word, &hex]).await.expect("a row");
            if row.get::<_, i64>(0) > 0 {
                found.push(format!("{table}: {word}"));
            }
        }
    }
    found
}

fn escaped(name: &str) -> String {
    String::from_utf8(body::bytes(&json!(name))).expect("ASCII").trim_matches('"').to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_erased_from_an_organization_that_goes_on() {
    let stage = Stage::new().await;
    let world = &stage.world;
    let id = stage.contact(&stage.cafe, LUCIA).await;
    let conversation =
        world.conversations(&stage.cafe).await.into_iter().find(|row| row["contact"]["id"] == id.as_str());
    let conversation = conversation.expect("hers")["id"].as_str().expect("an id").to_owned();
    let (neighbour, escaped) = (stage.neighbours_rows().await, escaped(NAME));
    let words = [LUCIA, id.as_str(), conversation.as_str(), NAME, escaped.as_str()];
    assert!(found(&stage, &words).await.len() > 8, "there is something to erase");

    // Not without a word, and not of nobody.
    let source = stage.source();
    let says = refusal(&source.run(&["erase", "--org", "cafe-lucero", "--contact", LUCIA]).await);
    assert!(says.contains("--yes cafe-lucero"), "{says}");
    let says = refusal(&source.run(&["erase", "--org", "cafe-lucero", "--contact", LUCIA, "--yes", "neighbour"]).await);
    assert!(says.contains("nothing was erased"), "{says}");
    let says =
        refusal(&source.run(&["erase", "--org", "cafe-lucero", "--contact", "nobody", "--yes", "cafe-lucero"]).await);
    assert!(says.contains("answers to"), "{says}");

    // While the others go on writing.
    let posts = world.posts();
    let writing = tokio::spawn(async move {
        for nth in 0..40 {
            let bytes =
                body::bytes(&body::value(NUMBER, &said(MARCO, "Marco", &format!("wamid.cafe.on.{nth}"), "sigo aquí")));
            assert_eq!(posts.post(bytes).await, 200);
        }
    });
    let erased =
        source.json(&["erase", "--org", "cafe-lucero", "--contact", "+34600111222", "--yes", "cafe-lucero"]).await;
    writing.await.expect("they are taken");
    world.drain().await;
    assert_eq!(erased["proven"], true, "{erased:#}");
    let erased = &erased["erased"];
    assert_eq!((&erased["gone"]["message"], &erased["gone"]["contact"]), (&json!(150), &json!(1)), "{erased:#}");
    assert_eq!((&erased["found"], &erased["same_name"]), (&json!([]), &json!([])), "{erased:#}");
    // The file that Marco sent too stays; so does the neighbour's.
    assert_eq!((&erased["files"], &erased["gone"]["file"]), (&json!(1), &json!(1)), "{erased:#}");
    assert_eq!(world.count("SELECT count(*) FROM wazapp.file").await, 2);
    assert_eq!(found(&stage, &words).await, Vec::<String>::new());
    assert_eq!(stage.neighbours_rows().await, neighbour);

    // Marco's words are there, without her number; events are told on, without hers.
    let texts: Vec<String> = world.all_messages(&stage.cafe).await.iter().map(|row| row["text"].to_string()).collect();
    assert_eq!(texts.len(), 41, "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("llama al [erased]")), "{texts:?}");
    let (mut events, mut after) = (Vec::new(), 0);
    loop {
        let page = world.read(&stage.cafe, &format!("/events?after={after}&limit=100")).await;
        let page = page["data"].as_array().expect("a list").clone();
        let Some(last) = page.last() else { break };
        after = last["sequence"].as_i64().expect("a number");
        events.extend(page);
    }
    let sequences: Vec<i64> = events.iter().filter_map(|event| event["sequence"].as_i64()).collect();
    assert_eq!(sequences, (1..=after).collect::<Vec<_>>());
    assert!(events.iter().filter(|event| event["data"].is_null()).count() >= 150);

    // What Meta sent can be read again without her, and what it says of others is in it.
    let raw = "SELECT count(*) FROM wazapp.inbound WHERE position('wamid.cafe.both.2' IN encode(body, 'escape')) > 0";
    assert_eq!(world.count(raw).await, 1);
    let raw = "SELECT count(*) FROM wazapp.inbound WHERE position('wamid.next.1' IN encode(body, 'escape')) > 0";
    assert_eq!(world.count(raw).await, 1);

    // Who writes again is somebody new.
    world.receive(&body::value(NUMBER, &said(LUCIA, NAME, "wamid.cafe.new", "soy yo"))).await;
    assert_ne!(stage.contact(&stage.cafe, LUCIA).await, id);
    let there = world.all_messages(&stage.cafe).await;
    assert!(there.iter().any(|row| row["text"].to_string().contains("soy yo")), "{}", there.len());
    stage.world.end().await;
}

/// Whoever's phone is within another's, or within a time or a sum, takes nothing of those along.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_alike_is_untouched() {
    const SHORT: &str = "1795000";
    const WITHIN: &str = "15512345678";
    const AROUND: &str = "5215512345678";
    let stage = Stage::new().await;
    let world = &stage.world;
    let order = json!({
        "from": AROUND, "id": "wamid.cafe.order", "timestamp": "1795000400", "type": "order",
        "order": { "catalog_id": "1", "text": "para hoy", "product_items": [
            { "product_retailer_id": "roll", "quantity": 165_055_598_765_i64, "item_price": 155_123_456_789_i64, "currency": "MXN" },
        ] },
    });
    let all = [
        body::text_message(WITHIN, "wamid.cafe.within", 1_795_000_200, "soy yo"),
        body::text_message(
            AROUND,
            "wamid.cafe.around",
            1_795_000_300,
            &format!("mi número es {AROUND}, no el {WITHIN}."),
        ),
        order,
        body::text_message(SHORT, "wamid.cafe.short", 1_795_000_500, "corto"),
        body::text_message("16505559876", "wamid.cafe.sum", 1_795_000_600, "nadie me busca"),
    ];
    for message in &all {
        world.receive(&body::message(NUMBER, message.clone())).await;
    }
    world.receive(&body::text(NEIGHBOUR_NUMBER, WITHIN, "wamid.next.within", 1_795_000_700, "aquí también")).await;
    let (neighbour, sql) = (stage.neighbours_rows().await, world.sql().await);
    let rows = async |of: &str| {
        let select = format!(
            "SELECT coalesce(m.text, '') || m.payload::text, i.body FROM wazapp.message m
             JOIN wazapp.inbound i ON position(m.wamid IN encode(i.body, 'escape')) > 0
             WHERE m.organization_id = '{}' AND m.wamid = '{of}'",
            stage.cafe.id
        );
        let row = sql.query_one(&select, &[]).await.expect("it is there");
        (row.get::<_, String>(0), row.get::<_, Vec<u8>>(1))
    };
    let others = ["wamid.cafe.order", "wamid.cafe.sum", "wamid.cafe.both.2"];
    let mut before = Vec::new();
    for wamid in others {
        before.push(rows(wamid).await);
    }
    let source = stage.source();
    for phone in [WITHIN, SHORT, "16505559876"] {
        let erased = source.json(&["erase", "--org", "cafe-lucero", "--contact", phone, "--yes", "cafe-lucero"]).await;
        assert_eq!((&erased["proven"], &erased["erased"]["gone"]["contact"]), (&json!(true), &json!(1)), "{erased:#}");
    }
    for (wamid, before) in others.iter().zip(before).filter(|(wamid, _)| **wamid != "wamid.cafe.sum") {
        assert_eq!(rows(wamid).await, before, "{wamid}");
    }
    let (text, raw) = rows("wamid.cafe.around").await;
    for said in [text, String::from_utf8(raw).expect("text")] {
        let of_hers = said.contains(AROUND) && said.contains("[erased].") && said.contains("1795000300");
        assert!(of_hers && !said.replace(AROUND, "").contains(WITHIN), "{said}");
    }
    let gone = "SELECT count(*) FROM wazapp.message WHERE wamid IN ('wamid.cafe.within', 'wamid.cafe.short', 'wamid.cafe.sum')";
    assert_eq!(world.count(gone).await, 0);
    assert_eq!(stage.neighbours_rows().await, neighbour);
    stage.world.end().await;
}

/// Killed between two batches, it leaves whose the rest is, and the same command ends it.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_was_killed_goes_on() {
    let stage = Stage::new().await;
    let (world, neighbour) = (&stage.world, stage.neighbours_rows().await);
    let id = stage.contact(&stage.cafe, LUCIA).await;
    // Somebody holds the contact: it gets as far as that.
    let sql = world.sql().await;
    sql.batch_execute("BEGIN; SELECT FROM wazapp.contact FOR UPDATE").await.expect("a lock");
    let source = stage.source();
    let mut command = source.command(&["erase", "--org", "cafe-lucero", "--contact", &id, "--yes", "cafe-lucero"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let left = format!("SELECT count(*) FROM wazapp.message WHERE organization_id = '{}'", stage.cafe.id);
    world.until("batches of messages are gone", async || world.count(&left).await < 100).await;
    child.kill().await.expect("a process of ours");
    sql.batch_execute("ROLLBACK").await.expect("the lock goes");
    assert_eq!(stage.contact(&stage.cafe, LUCIA).await, id, "it is known whose the rest is");
    let erased = source.json(&["erase", "--org", "cafe-lucero", "--contact", &id, "--yes", "cafe-lucero"]).await;
    assert_eq!(erased["proven"], true, "{erased:#}");
    assert_eq!(found(&stage, &[LUCIA, &id, NAME, &escaped(NAME)]).await, Vec::<String>::new());
    assert_eq!(world.count(&left).await, 1);

    // The same of the organization as a whole.
    sql.batch_execute("BEGIN; SELECT FROM wazapp.contact FOR UPDATE").await.expect("a lock");
    let mut command = source.command(&["erase", "--org", "cafe-lucero", "--yes", "cafe-lucero"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    world.until("its messages are gone", async || world.count(&left).await == 0).await;
    child.kill().await.expect("a process of ours");
    sql.batch_execute("ROLLBACK").await.expect("the lock goes");
    let erased = source.json(&["erase", "--org", "cafe-lucero", "--yes", "cafe-lucero"]).await;
    assert_eq!(erased["proven"], true, "{erased:#}");
    assert_eq!(stage.neighbours_rows().await, neighbour);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_erased_and_the_other_is_untouched() {
    let stage = Stage::new().await;
    let (world, neighbour, id) = (&stage.world, stage.neighbours_rows().await, stage.cafe.id.to_string());
    let source = stage.source();
    let erased = source.json(&["erase", "--organization", "cafe-lucero", "--yes", "cafe-lucero"]).await;
    assert_eq!((&erased["proven"], &erased["erased"]["found"]), (&json!(true), &json!([])), "{erased:#}");
    let gone = &erased["erased"]["gone"];
    assert_eq!((&gone["message"], &gone["organization"]), (&json!(151), &json!(1)), "{erased:#}");
    assert_eq!(erased["erased"]["blanked"]["inbound"], 1, "the body of both: {erased:#}");
    // That it was erased is the server's own note.
    let mut rest = found(&stage, &[&id, NUMBER]).await;
    rest.retain(|place| !place.contains("server_audit"));
    assert_eq!(rest, Vec::<String>::new());
    assert!(!world.media_dir().join(&id).join("tmp").exists());
    let files = std::fs::read_dir(world.media_dir()).expect("a folder").map(|entry| entry.expect("an entry").path());
    for folder in files.filter(|path| path.ends_with(&id)) {
        assert_eq!(walk(&folder), 0, "{}", folder.display());
    }
    assert_eq!(stage.neighbours_rows().await, neighbour);
    let raw = "SELECT count(*) FROM wazapp.inbound WHERE position('hola vecino' IN encode(body, 'escape')) > 0";
    assert_eq!(world.count(raw).await, 1);
    // The other one goes on, and reads its part again.
    world.receive(&body::value(NEIGHBOUR_NUMBER, &said(LUCIA, NAME, "wamid.next.2", "otra vez"))).await;
    assert_eq!(world.all_messages(&stage.neighbour).await.len(), 2);
    let says = refusal(&source.run(&["erase", "--org", "cafe-lucero", "--yes", "cafe-lucero"]).await);
    assert!(says.contains("no organization"), "{says}");
    let listed: Value = source.json(&["org", "list"]).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    stage.world.end().await;
}

/// Of a number that changed hands, what came in the time of the other stays.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_for_a_number_once_it_was_anothers_stays() {
    let world = World::new().await;
    let (cafe, neighbour) = (world.organization("Café Lucero").await, world.organization("Neighbour").await);
    world.connect(&cafe, NUMBER, ACCOUNT, None).await;
    world.receive(&body::text(NUMBER, LUCIA, "wamid.before", 1_795_000_000, "antes")).await;
    world.disconnect(&cafe, NUMBER).await;
    world.connect(&neighbour, NUMBER, ACCOUNT, None).await;
    let now = world.now().as_second() + 1;
    world.receive(&body::text(NUMBER, LUCIA, "wamid.after", now, "despues")).await;
    // Late, and the former one's by Meta's time, as it was applied.
    world.receive(&body::text(NUMBER, LUCIA, "wamid.late", 1_795_000_100, "tarde")).await;
    assert_eq!(world.all_messages(&cafe).await.len(), 2);
    let erased = commands(&world).json(&["erase", "--org", &cafe.slug, "--yes", &cafe.slug]).await;
    assert_eq!(erased["proven"], true, "{erased:#}");
    for (word, left) in [("antes", 0), ("tarde", 0), ("despues", 1)] {
        let raw = format!("SELECT count(*) FROM wazapp.inbound WHERE position('{word}' IN encode(body, 'escape')) > 0");
        assert_eq!(world.count(&raw).await, left, "{word}");
    }
    assert_eq!(world.all_messages(&neighbour).await.len(), 1);
    world.end().await;
}

/// How many files lie below.
fn walk(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}
