//! The programs of `docs/receiving.md`, which are those of `examples/receive`, behind endpoints of a server: they take what is
//! signed, once, and refuse what is not.

use e2e::{Organization, World};
use serde_json::{Value, json};
use tokio::process::Command;

use super::program::{Program, add_off, deno, here};
use super::{Made, acme, write};

/// Each with its language in the page.
const EXAMPLES: [(&str, &str); 4] =
    [("deno/receive.ts", "ts"), ("node/receive.mjs", "js"), ("python/receive.py", "python"), ("rust/main.rs", "rust")];

/// Of a call's bytes, so many are taken.
const MOST: usize = 8 << 20;

/// What runs one.
fn example(file: &str) -> Command {
    let path = here().join("../../examples/receive").join(file).canonicalize().expect("the example is there");
    match file.split_once('/').map(|(language, _)| language) {
        Some("deno") => deno(&[], path),
        Some("node") => {
            let mut node = Command::new("node");
            node.arg(path);
            node
        }
        Some("python") => {
            let mut python = Command::new(here().join("../../target/tools-clients/bin/python3"));
            python.arg("-B").arg(path);
            python
        }
        // Built with the tests.
        _ => Command::new(e2e::program::binary().with_file_name("examples").join("receive")),
    }
}

/// Waits until an event was told so often, and taken.
async fn until_told(world: &World, acme: &Organization, made: &Made, event: &Value, times: usize) -> String {
    let path = format!("/endpoints/{}/deliveries", made.id);
    let told = async || {
        let all = world.read(acme, &path).await["data"].as_array().expect("a list").clone();
        let of_it = all.into_iter().find(|one| one["sequence"] == event["sequence"])?;
        let one = world.read(acme, &format!("/deliveries/{}", of_it["id"].as_str()?)).await;
        let tries = one["attempts"].as_array()?.len();
        (one["state"] == "delivered" && tries == times).then(|| one["id"].as_str().unwrap_or_default().to_owned())
    };
    world.until(&format!("{event} is told {times} times"), async || told().await.is_some()).await;
    told().await.expect("it stays so")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_take_what_is_signed_once() {
    let world = World::new().await;
    let acme = acme(&world).await;
    let mut examples = Vec::new();
    for (file, _) in EXAMPLES {
        let made = add_off(&world, &acme, "wazapp").await;
        let said = [("WAZAPP_SECRET", made.secret.as_str()), ("PORT", "0")];
        let program = Program::start(example(file).envs(said)).await;
        program.is_told(&world, &acme, &made, "").await;
        examples.push((file, made, program));
    }
    write(&world, 1).await;
    write(&world, 2).await;
    let events = world.events(&acme, "message.received").await;
    let [first, last] = [&events[0], &events[1]].map(|event| event["id"].as_str().expect("an id"));
    for (file, made, program) in &mut examples {
        println!("{file}");
        program.line(&format!("message.received {first}: message 1")).await;
        // Its answer might have been lost: it comes again, and is not worked on again.
        let delivery = until_told(&world, &acme, made, &events[0], 1).await;
        let (status, answer) = world.post_api(&acme, &format!("/deliveries/{delivery}/retry"), &json!({})).await;
        assert_eq!(status, 202, "{answer}");
        until_told(&world, &acme, made, &events[0], 2).await;
        until_told(&world, &acme, made, &events[1], 1).await;
        program.knows_what_is_signed(world.now(), &made.secret).await;
        // By what is said of its length alone, but for axum, which counts what comes.
        let sent = if *file == "rust/main.rs" { MOST + 1 } else { 0 };
        let answer = program.hears_of_much(MOST + 1, sent).await;
        assert!(answer.contains(" 413 "), "{file}: {answer}");
        // What is worked on is worked on in order: behind this, nothing is left of what came before.
        program.line("message.received 1: ").await;
        let told = |id: &str| program.said.iter().filter(|line| line.contains(id)).count();
        assert_eq!((told(first), told(last)), (1, 1), "{file}: {:#?}", program.said);
    }
    world.end().await;
}

/// Whoever copies from the page has the program that is tested.
#[test]
fn the_page_shows_the_examples() {
    let read = |path: &str| std::fs::read_to_string(here().join("../..").join(path)).expect(path);
    let page = read("docs/receiving.md");
    for (file, language) in EXAMPLES {
        let text = read(&format!("examples/receive/{file}"));
        assert!(page.contains(&format!("```{language}\n{text}```\n")), "docs/receiving.md shows another {file}");
    }
}

/// The types of the one in TypeScript hold.
#[tokio::test]
async fn the_example_in_typescript_is_sound() {
    let mut deno = Command::new(here().join("deno/node_modules/.bin/deno"));
    let file = here().join("../../examples/receive/deno/receive.ts");
    let checked = deno.args(["check", "--no-remote"]).arg(file).output().await.expect("deno runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
