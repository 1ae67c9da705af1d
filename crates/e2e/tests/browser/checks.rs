//! The table of what the inbox promises, `browser/CHECKS.md`, says what is the case.

use std::collections::{BTreeMap, BTreeSet};

/// A promise, and where it is tried.
struct Promise<'a> {
    number: u32,
    /// The run of the scripts, and the test that makes it.
    run: &'a str,
    test: &'a str,
    /// Functions, each with its file.
    steps: Vec<(&'a str, &'a str)>,
}

/// Those of the design that the inbox keeps in a browser; the others are of set-up, or of what it does not have.
fn numbers() -> BTreeSet<u32> {
    (1..=13).chain(15..=19).chain(22..=39).chain(41..=53).chain(57..=58).collect()
}

/// Every number has a line; a line names a run, the test that makes it, and functions that try just that number.
#[test]
fn each_promise_of_the_inbox_is_tried() {
    let table = std::fs::read_to_string(super::browser().join("CHECKS.md")).expect("the table");
    let promises = read(&table);
    let named: BTreeSet<u32> = promises.iter().map(|promise| promise.number).collect();
    let missing: Vec<u32> = numbers().difference(&named).copied().collect();
    assert!(missing.is_empty(), "no line of CHECKS.md names {missing:?}");
    let tests = include_str!("../browser.rs");
    let mut files = BTreeMap::new();
    for Promise { number, run, test, steps } in promises {
        let made =
            body(tests, &format!("async fn {test}(")).unwrap_or_else(|| panic!("{run}: there is no test {test}"));
        assert!(made.contains(&format!("\"{run}\"")), "{test} does not make the run {run}");
        assert!(!steps.is_empty(), "{number} of {run} is tried nowhere");
        for (file, step) in steps {
            let text = files.entry(file).or_insert_with(|| {
                let path = super::browser().join(format!("{file}.mjs"));
                std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            });
            let body =
                body(text, &format!("function {step}(")).unwrap_or_else(|| panic!("{file}.mjs has no function {step}"));
            let tries = ["check", "comes", "soon"].iter().any(|how| body.contains(&format!("{how}({number}, ")));
            assert!(tries, "{step} of {file}.mjs does not try {number}");
        }
    }
}

/// All lines of the table.
fn read(table: &str) -> Vec<Promise<'_>> {
    let mut promises = Vec::new();
    let mut place = None;
    for line in table.lines() {
        if let Some((run, test)) = line.strip_prefix("## ").and_then(|heading| heading.split_once(", by ")) {
            place = Some((run.trim_matches('`'), test.trim_matches('`')));
        }
        let mut cells = line.strip_prefix("| ").unwrap_or_default().split(" | ");
        let Some(number) = cells.next().and_then(|cell| cell.parse().ok()) else { continue };
        let (run, test) = place.unwrap_or_else(|| panic!("{line} stands below no run"));
        let steps = cells.nth(1).unwrap_or_default().trim_end_matches(" |").split(", ");
        let steps = steps.map(|step| step.trim_matches('`')).filter_map(|step| step.split_once('.')).collect();
        promises.push(Promise { number, run, test, steps });
    }
    promises
}

/// What stands in a function of a file, up to the brace that ends it at the beginning of a line.
fn body<'a>(text: &'a str, begins: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begins)?;
    Some(rest.split_once("\n}").map_or(rest, |(body, _)| body))
}
