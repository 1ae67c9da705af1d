//! What each endpoint and each error of the simulator is taken from, as a page for people.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::error::{Follows, TABLE};
use crate::graph::{Needs, Object, Operation, operations};

/// The tables of `docs/simulator.md`, in Markdown.
pub fn contract() -> String {
    let mut page = String::from("| call | needs | follows |\n|---|---|---|\n");
    for operation in operations() {
        let (path, needs) = (path(operation), needs(operation.needs));
        let _ = writeln!(page, "| `{} {path}` | {needs} | {} |", operation.method, follows(operation.follows));
    }
    page += "| `GET` the URL of a medium | a token that opens its account | `GET_media-url.json` |\n";
    page += "\n| code | HTTP | title | follows |\n|---|---|---|---|\n";
    for known in TABLE {
        let _ = writeln!(page, "| {} | {} | {} | {} |", known.code, known.http, known.title, follows(known.follows));
    }
    page
}

/// The fixtures that endpoints and errors name.
pub fn cited_fixtures() -> BTreeSet<&'static str> {
    cited(|follows| match follows {
        Follows::Fixture(name) => Some(name),
        _ => None,
    })
}

/// The protocol sections that endpoints and errors name, as `§8.1`.
pub fn cited_sections() -> BTreeSet<&'static str> {
    cited(|follows| match follows {
        Follows::Protocol(section) => Some(section),
        _ => None,
    })
}

fn cited(pick: impl Fn(Follows) -> Option<&'static str>) -> BTreeSet<&'static str> {
    let all = operations().map(|operation| operation.follows).chain(TABLE.iter().map(|known| known.follows));
    all.filter_map(pick).collect()
}

fn path(operation: &Operation) -> String {
    let object = match operation.on {
        Object::Root => return format!("/{}", operation.edge),
        Object::App => "app-id",
        Object::Business => "business-id",
        Object::Waba => "waba-id",
        Object::Number => "phone-number-id",
        Object::Template => "template-id",
        Object::Flow => "flow-id",
        Object::Media => "media-id",
        Object::Upload => "upload:session",
    };
    match operation.edge {
        "" => format!("/{{{object}}}"),
        edge => format!("/{{{object}}}/{edge}"),
    }
}

fn needs(needs: Needs) -> &'static str {
    match needs {
        Needs::Nothing => "its own secrets",
        Needs::AppToken => "the App's token",
        Needs::AnyToken => "any token",
        Needs::Messaging => "messaging",
        Needs::Management => "management",
        Needs::Either => "messaging or management",
    }
}

fn follows(follows: Follows) -> String {
    match follows {
        Follows::Fixture(name) => format!("`{name}`"),
        Follows::Protocol(section) => section.to_owned(),
        Follows::Invented(what) => format!("**invented**: {what}"),
    }
}
