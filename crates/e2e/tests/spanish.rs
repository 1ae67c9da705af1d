//! The Spanish documentation says what the English one does: the same headings, the same code, the same settings.

use std::path::{Path, PathBuf};

/// Each with its twin.
const TWINS: [(&str, &str); 4] = [
    ("README.md", "README.es.md"),
    ("docs/operate.md", "docs/es/operate.md"),
    ("docs/api.md", "docs/es/api.md"),
    ("docs/supabase.md", "docs/es/supabase.md"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

/// A page as its parts are compared.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    /// How deep each heading is.
    headings: Vec<usize>,
    code: Vec<String>,
    /// What stands in backticks in the first column of tables.
    named: Vec<String>,
}

impl Parts {
    fn of(text: &str) -> Self {
        let (mut parts, mut block): (Self, Option<String>) = (Self::default(), None);
        for line in text.lines() {
            let fence = line.trim_start().starts_with("```");
            match &mut block {
                Some(code) => {
                    code.push_str(line);
                    code.push('\n');
                    if fence {
                        parts.code.extend(block.take());
                    }
                }
                None if fence => block = Some(format!("{line}\n")),
                None if line.starts_with('#') => {
                    parts.headings.push(line.chars().take_while(|char| *char == '#').count())
                }
                None if line.starts_with('|') => {
                    let first = line.split('|').nth(1).unwrap_or_default();
                    parts.named.extend(first.split('`').skip(1).step_by(2).map(str::to_owned));
                }
                None => {}
            }
        }
        parts
    }
}

#[test]
fn both_languages_have_the_same_headings_code_and_settings() {
    for (english, spanish) in TWINS {
        let (of, twin) = (Parts::of(&read(english)), Parts::of(&read(spanish)));
        assert!(of.headings.len() > 5 && !of.code.is_empty(), "{english}");
        assert_eq!(of.headings, twin.headings, "headings of {spanish}");
        for (nth, (ours, theirs)) in of.code.iter().zip(&twin.code).enumerate() {
            assert_eq!(ours, theirs, "code block {nth} of {spanish}");
        }
        assert_eq!(of.code.len(), twin.code.len(), "code of {spanish}");
        assert_eq!(of.named, twin.named, "what the tables of {spanish} name");
    }
}

/// GitHub's anchors.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}

fn headings(text: &str) -> Vec<String> {
    let mut code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code && line.starts_with('#') {
            found.push(anchor(line));
        }
    }
    found
}

/// No link of either language leads nowhere.
#[test]
fn links_lead_to_files_and_headings() {
    for page in TWINS.into_iter().flat_map(|(english, spanish)| [english, spanish]) {
        let text = read(page);
        let folder = root().join(page).parent().expect("a folder").to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(' ') || link.starts_with('<') {
                continue;
            }
            let (path, at) = link.split_once('#').map_or((link, None), |(path, at)| (path, Some(at)));
            let file = if path.is_empty() { root().join(page) } else { folder.join(path) };
            assert!(file.exists(), "{page} links {link}");
            if let (Some(at), Some("md")) = (at, file.extension().and_then(|end| end.to_str())) {
                let target = std::fs::read_to_string(&file).expect("it can be read");
                assert!(headings(&target).iter().any(|heading| heading == at), "{page} links {link}");
            }
        }
    }
}
