//! What the documentation shows is what there is: each of its commands is typed as a reader types it, against a server beside a
//! simulated Meta, or stands in a list with the reason why it cannot be. The Spanish pages have the same blocks (`spanish.rs`).

mod answers;
mod blocks;
mod demo;
mod reader;
mod recovery;
mod walks;

use std::collections::BTreeSet;

use clap::error::ErrorKind;
use e2e::program::Installation;
use serde_json::Value;

use blocks::{Block, blocks, commands, pages, read};
use walks::{NOT_HERE, READ};

/// What a block may be. `sh` is typed, of `console` what follows a `$`.
const LANGUAGES: [&str; 16] = [
    "sh",
    "console",
    "text",
    "dotenv",
    "json",
    "toml",
    "yaml",
    "ini",
    "sql",
    "nginx",
    "caddyfile",
    "js",
    "ts",
    "python",
    "rust",
    "jsonc",
];

/// Variables that are not wazapp's, and what reads them.
const OTHERS_VARIABLES: [&str; 2] = ["AWS_", "OTEL_"];

fn of_all_pages() -> Vec<Block> {
    pages().iter().flat_map(|page| blocks(page)).collect()
}

#[test]
fn every_block_says_what_it_is() {
    for block in of_all_pages() {
        let at = format!("{}:{}", block.page, block.line);
        assert!(
            LANGUAGES.contains(&block.language.as_str()),
            "{at} begins with ```{}: name its language, `sh` for what is typed, `console` for what is typed after $ and answered, `text` for the rest",
            block.language
        );
        match block.language.as_str() {
            "json" => drop(serde_json::from_str::<Value>(&block.text).unwrap_or_else(|error| panic!("{at}: {error}"))),
            "text" => assert!(!block.text.lines().any(|line| line.starts_with("$ ")), "{at} is a `console`"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn what_the_pages_set_are_settings() {
    let shown = Installation::new().json(&["config", "show"]).await;
    let shown = shown.as_array().expect("a list").iter();
    let keys: BTreeSet<String> = shown.map(|line| line["key"].as_str().expect("a key").to_owned()).collect();
    // A table is of somebody else's file.
    let ours = |block: &Block| block.language == "dotenv" || block.language == "toml" && !block.text.starts_with('[');
    for block in of_all_pages().into_iter().filter(ours) {
        for line in block.text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split('=').next().unwrap_or_default().trim();
            let key = match block.language.as_str() {
                "toml" => Some(name.to_owned()),
                _ => name.strip_prefix("WAZAPP_").map(str::to_lowercase),
            };
            let key = key.map(|key| key.strip_suffix("_file").unwrap_or(&key).to_owned());
            let known =
                key.is_some_and(|key| keys.contains(&key)) || OTHERS_VARIABLES.iter().any(|by| name.starts_with(by));
            assert!(known, "{}:{} sets {name}, which is no setting", block.page, block.line);
        }
    }
}

/// The words of a command line, up to where the shell leads its streams elsewhere.
fn words(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ").replace(['[', ']'], "");
    let end = [" < ", " | ", " > ", "  #", " && "].iter().filter_map(|mark| text.find(mark)).min();
    let text = &text[..end.unwrap_or(text.len())];
    let printed =
        std::process::Command::new("bash").args(["-c", &format!("printf '%s\\0' {text}")]).output().expect("bash runs");
    assert!(printed.status.success(), "{text}: {}", String::from_utf8_lossy(&printed.stderr));
    let words = String::from_utf8(printed.stdout).expect("UTF-8");
    words.split_terminator('\0').map(str::to_owned).collect()
}

/// What a command line has of wazapp: from its first word on, as whom and with what variables it ever is run; or behind `--`, where
/// another program is to run it.
fn of_wazapp(text: &str) -> Option<Vec<String>> {
    let words = words(text);
    let is_before = |word: &&String| ["sudo", "env"].contains(&word.as_str()) || word.contains('=');
    let mut first = words.iter().take_while(is_before).count();
    if words.get(first).is_some_and(|word| word == "-u") {
        first += 2;
        first += words[first..].iter().take_while(is_before).count();
    }
    let is_it = |nth: &usize| words.get(*nth).is_some_and(|word| word.rsplit('/').next() == Some("wazapp"));
    let behind = words.iter().position(|word| word == "--").map(|dashes| dashes + 1);
    let begins = Some(first).filter(is_it).or(behind.filter(is_it))?;
    Some(words[begins..].to_vec())
}

/// Also those that cannot be run here.
#[test]
fn every_command_is_one_that_the_program_knows() {
    let mut seen = 0;
    for command in of_all_pages().iter().flat_map(commands) {
        if command.text.starts_with("while") || command.text.starts_with('#') {
            continue;
        }
        let Some(words) = of_wazapp(&command.text) else { continue };
        seen += 1;
        // A value may be a placeholder: what is typed has another.
        let odd = wazapp::cli::check(&words).err().filter(|error| error.kind() != ErrorKind::ValueValidation);
        assert!(odd.is_none(), "{}: {}\n{}", command.at, command.text, odd.expect("one"));
    }
    assert!(seen > 80, "{seen} commands");
}

/// What stands between backticks in a text may leave things out, but it names no command and no flag that is not there.
#[test]
fn texts_name_commands_that_are_there() {
    let mut seen = 0;
    for page in pages() {
        let text = read(&page);
        // Every second piece stands between backticks, of a line that is none of a block.
        let mut within = false;
        for line in text.lines() {
            within ^= line.trim_start().starts_with("```");
            let spans = line.split('`').skip(1).step_by(2).filter(|_| !within);
            for span in spans.filter(|span| span.starts_with("wazapp ") && !span.contains("wazapp.")) {
                let words: Vec<String> = words(span).into_iter().filter(|word| !word.contains('…')).collect();
                seen += 1;
                let Err(error) = wazapp::cli::check(&words) else { continue };
                let odd = [ErrorKind::UnknownArgument, ErrorKind::InvalidSubcommand];
                assert!(!odd.contains(&error.kind()), "{page}: {span}\n{error}");
            }
        }
    }
    assert!(seen > 100, "{seen} commands in texts");
}

#[test]
fn every_page_with_commands_is_read_and_the_list_names_what_is_there() {
    let mut passed_over = vec![false; NOT_HERE.len()];
    for page in pages().iter().filter(|page| !page.starts_with("docs/es/") && *page != "README.es.md") {
        let commands: Vec<_> = blocks(page).iter().flat_map(commands).collect();
        assert!(commands.is_empty() || READ.contains(&page.as_str()), "nobody reads {page}");
        for command in &commands {
            for (nth, _) in NOT_HERE.iter().enumerate().filter(|(_, (text, _))| command.text.starts_with(text)) {
                passed_over[nth] = true;
            }
        }
    }
    for (seen, (text, _)) in passed_over.iter().zip(NOT_HERE) {
        assert!(seen, "no page has a command `{text}`: take it off the list");
    }
}

/// What administrators of a database type, under names of this test's own: those of the page stand for wazapp's in the same cluster.
#[tokio::test(flavor = "multi_thread")]
async fn statements_are_taken() {
    let installation = Installation::new();
    let server = installation.serve().await;
    let socket = installation.socket_dir().expect("it runs");
    // What a copy has before: see `sync.rs`.
    let copy = "CREATE ROLE authenticated; CREATE SCHEMA wazapp; CREATE TABLE wazapp.messages (organization_id uuid);";
    let mut said = 0;
    for (page, before, database) in [("docs/operate.md", "", "wazapp"), ("docs/supabase.md", copy, "reader")] {
        let all = blocks(page).into_iter().filter(|block| block.language == "sql").map(|block| block.text);
        for text in std::iter::once(before.to_owned()).chain(all).filter(|text| !text.is_empty()) {
            let text = text.replace("wazapp_", "reader_").replace("DATABASE wazapp ", "DATABASE reader ");
            let mut psql = std::process::Command::new("psql");
            psql.args(["-X", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-h"]).arg(&socket);
            // Each statement by itself, as one that makes a database must be.
            for statement in text.split(";\n").filter(|statement| !statement.trim().is_empty()) {
                psql.arg("-c").arg(statement);
                said += 1;
            }
            let output = psql.output().expect("psql runs: scripts/need docs installs it");
            assert!(output.status.success(), "{page}: {text}{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(said > 8, "{said} statements");
    assert!(server.terminate().await.0.success());
}
