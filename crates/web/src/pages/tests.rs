//! What holds for all templates and all words.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fluent_bundle::FluentResource;

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate stands beside others").to_owned()
}

fn files_below(folder: &Path, ending: &str, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The templates, by path.
pub(super) fn templates() -> Vec<(String, String)> {
    let mut found = Vec::new();
    files_below(&crates().join("web/templates"), ".html", &mut found);
    found
}

/// The Rust of a crate of ours, by path.
pub(crate) fn rust_of(name: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files_below(&crates().join(name).join("src"), ".rs", &mut found);
    found
}

/// Our own Rust of pages.
pub(super) fn sources() -> Vec<(String, String)> {
    rust_of("web")
}

/// The policy of pages lets nothing of this run, and escaping must not be switched off.
#[test]
fn templates_hold_nothing_that_the_policy_forbids() {
    for (path, text) in templates() {
        let text = text.to_lowercase();
        for forbidden in ["|safe", "| safe", "style=", "<style", "javascript:", "autoescape", "http-equiv"] {
            assert!(!text.contains(forbidden), "{path} has {forbidden}");
        }
        for tag in text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
            let handler = tag.split_whitespace().skip(1).find(|name| name.starts_with("on") && name.contains('='));
            assert_eq!(handler, None, "{path} has a handler in place");
            assert!(!tag.starts_with("script") || tag.contains("src="), "{path} has a script in place");
        }
        for form in text.split("<form").skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
            assert!(form.contains("action="), "{path}: a form says where it goes: <form{form}>");
        }
    }
}

/// A file is named by the build that it belongs to, and nothing is loaded from elsewhere.
#[test]
fn templates_load_only_what_is_ours() {
    for (path, text) in templates() {
        for attribute in ["src=\"", "href=\"http"] {
            for value in text.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()) {
                let is_medium = value.starts_with("/api/v1/media/{{");
                assert!(is_medium || value.starts_with("{{ page.asset("), "{path} loads {value}");
            }
        }
    }
}

/// The messages of one language: name, and the arguments it speaks of.
fn messages(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    FluentResource::try_new(text.to_owned()).expect("the words can be read");
    let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, _)) = line.split_once(" =").filter(|(name, _)| !name.starts_with([' ', '*', '[', '}'])) {
            assert!(!messages.contains_key(name), "{name} is there twice");
            current = name.to_owned();
            messages.insert(current.clone(), BTreeSet::new());
        }
        for argument in line.split('$').skip(1) {
            let name: String = argument.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
            messages.get_mut(&current).unwrap().insert(name);
        }
    }
    messages
}

fn spanish() -> BTreeMap<String, BTreeSet<String>> {
    messages(include_str!("../../words/es.ftl"))
}

#[test]
fn both_languages_say_the_same() {
    let (es, en) = (spanish(), messages(include_str!("../../words/en.ftl")));
    for (name, arguments) in &es {
        assert_eq!(en.get(name), Some(arguments), "{name} in en.ftl");
    }
    for name in en.keys() {
        assert!(es.contains_key(name), "{name} is in en.ftl alone");
    }
}

/// What stands between `before` and the next quotation mark, wherever it is.
fn named<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    text.split(before).skip(1).filter_map(|rest| rest.split_once('"'))
}

/// Every text that is named is there, with the arguments that it is given, and none is there for nothing.
#[test]
fn what_is_named_is_said_and_nothing_else() {
    let known = spanish();
    let mut used = BTreeSet::new();
    for (path, text) in templates() {
        for (name, rest) in named(&text, "say(\"") {
            let arguments = known.get(name).unwrap_or_else(|| panic!("{path} names {name}, which is not there"));
            let call = rest.split(['%', '\n']).next().unwrap_or_default();
            let call = call.split("}}").next().unwrap_or_default().split("page.say").next().unwrap_or_default();
            let given: BTreeSet<String> = ["count(\"", "with(\""]
                .iter()
                .flat_map(|how| named(call, how))
                .map(|(name, _)| name.to_owned())
                .collect();
            assert_eq!(&given, arguments, "{path}: what {name} is given");
            used.insert(name.to_owned());
        }
    }
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.ends_with("pages/tests.rs")) {
        for (name, _) in named(&text, "Key(\"") {
            assert!(known.contains_key(name), "{path} names {name}, which is not there");
            used.insert(name.to_owned());
        }
    }
    used.extend(known.keys().filter(|name| name.starts_with("notice-")).cloned());
    let unused: Vec<&String> = known.keys().filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "nothing says {unused:?}");
}
