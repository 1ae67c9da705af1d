//! The code blocks of the documentation, and the commands in them.

use std::path::{Path, PathBuf};
use std::process::Command as Program;

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// A fenced block of a page.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) page: String,
    /// Of its first line, counted from 1.
    pub(super) line: usize,
    pub(super) language: String,
    pub(super) text: String,
}

/// What a reader types, and what the page says that they read then.
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// Its page and line.
    pub(super) at: String,
    pub(super) text: String,
    pub(super) says: String,
}

/// All pages, in the order of their names.
pub(super) fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "docs/es"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
            if name.ends_with(".md") {
                pages.push(if folder.is_empty() { name } else { format!("{folder}/{name}") });
            }
        }
    }
    pages.sort();
    pages
}

pub(super) fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).expect(page)
}

/// The blocks of a page, in order, without the indent of the list that they stand in.
pub(super) fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<(usize, Block)>) = (Vec::new(), None);
    for (nth, line) in read(page).lines().enumerate() {
        let rest = line.trim_start();
        let fence = rest.strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(language)) => {
                let block = Block { page: page.into(), line: nth + 2, language: language.into(), text: String::new() };
                open = Some((line.len() - rest.len(), block));
            }
            (Some(_), Some("")) => blocks.extend(open.take().map(|(_, block)| block)),
            (Some((indent, block)), _) => {
                block.text.push_str(line.get(*indent..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of {page} does not end");
    blocks
}

/// The commands of a block: all of a `sh` block, the lines after `$` of a `console` block; of others none.
pub(super) fn commands(block: &Block) -> Vec<Command> {
    let console = match block.language.as_str() {
        "console" => true,
        "sh" => false,
        _ => return Vec::new(),
    };
    let (mut commands, mut whole): (Vec<Command>, bool) = (Vec::new(), true);
    for (nth, line) in block.text.lines().enumerate() {
        let at = || format!("{}:{}", block.page, block.line + nth);
        let begun = if console { line.strip_prefix("$ ") } else { Some(line).filter(|line| !line.is_empty()) };
        if !whole {
            let last = commands.last_mut().expect("one that was begun");
            last.text.push_str(&format!("\n{line}"));
            whole = is_whole(&last.text);
        } else if let Some(text) = begun {
            whole = is_whole(text);
            commands.push(Command { at: at(), text: text.into(), says: String::new() });
        } else if let Some(last) = commands.last_mut() {
            last.says.push_str(&format!("{line}\n"));
        }
    }
    assert!(whole && !commands.is_empty(), "{}:{} has commands that end", block.page, block.line);
    commands
}

/// Whether the shell waits for no more.
fn is_whole(text: &str) -> bool {
    let looked = Program::new("bash").args(["-n", "-c", text]).output().expect("bash runs");
    !text.ends_with('\\') && looked.status.success()
}
