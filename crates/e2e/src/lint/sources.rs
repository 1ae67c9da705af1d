//! Reads the sources of crate `model`, and says what stands in a statement that has one place elsewhere.

use std::path::{Path, PathBuf};

/// What a statement may say in these files alone, and why there.
#[derive(Debug)]
pub struct Place {
    /// The words, in lower case.
    pub words: &'static str,
    /// The files, from `model/src` on; a folder ends with `/`.
    pub files: &'static [(&'static str, &'static str)],
    /// Where it goes instead.
    pub instead: &'static str,
}

/// The whole of what the lint lets pass: a new place is a line here with its reason, or a finding.
pub const PLACES: &[Place] = &[Place {
    words: "organization_sequence",
    files: &[
        ("event.rs", "where events are recorded"),
        ("event/", "where a line is taken, and events are numbered"),
        ("organization.rs", "a new organization's log begins"),
        ("outbox/echo.rs", "reads where the log ends, under the line"),
    ],
    instead: "take the organization's line with `event::line`, and record by it",
}];

/// What breaks a rule in the sources of `model`.
pub fn findings() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 50, "the sources of model are not where they were");
    files.sort();
    let findings = files.iter().flat_map(|path| {
        let source = std::fs::read_to_string(path).expect("a source is text");
        let name = path.strip_prefix(&root).expect("it is in there").to_string_lossy().into_owned();
        judge(&name, &source)
    });
    findings.collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// What one source breaks. Comments may say what they like.
pub fn judge(name: &str, source: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("//") {
            continue;
        }
        let line = line.to_lowercase();
        for place in PLACES.iter().filter(|place| line.contains(place.words)) {
            if !place.files.iter().any(|(file, _)| name == *file || file.ends_with('/') && name.starts_with(file)) {
                findings.push(format!("{name}:{}: `{}`: {}", number + 1, place.words, place.instead));
            }
        }
    }
    findings
}
