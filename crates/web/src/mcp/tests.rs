use http::Method;
use model::act::Act;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use super::tools::{TOOLS, Tool};

fn document() -> Value {
    let document: OpenApi = crate::api::openapi();
    serde_json::to_value(document).expect("JSON")
}

/// A tool that is an operation of the API asks for the right that the operation asks for, and names what that takes.
#[test]
fn each_tool_is_an_operation_of_the_api() {
    let document = document();
    for tool in TOOLS {
        for (method, path) in tool.operations() {
            let path = format!("{}{path}", super::BASE);
            let (path, operation) = document["paths"]
                .as_object()
                .expect("paths")
                .iter()
                .find(|(known, _)| same(known, &path))
                .map(|(known, operations)| (known, &operations[method.as_str().to_lowercase()]))
                .unwrap_or_else(|| panic!("{}: the API has no {path}", tool.name));
            assert!(operation.is_object(), "{}: {path} does not take {method}", tool.name);
            assert_eq!(operation["x-act"], json!(tool.act.word()), "{}", tool.name);
            if method == Method::GET {
                takes_no_other(tool, operation);
            }
        }
    }
}

/// Whether two templates of paths differ in the names of what stands in them alone.
fn same(one: &str, other: &str) -> bool {
    let shape = |path: &str| -> Vec<String> {
        path.split('/').map(|part| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() }).collect()
    };
    shape(one) == shape(other)
}

fn takes_no_other(tool: &Tool, operation: &Value) {
    let known: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
    let schema = tool.described().schema_as_json_value();
    for name in schema["properties"].as_object().expect("properties").keys() {
        let in_path = name.ends_with("_id") && known.iter().any(|one| one["in"] == "path");
        let in_query = known.iter().any(|one| one["name"] == json!(name));
        assert!(in_path || in_query, "{}: the API does not take {name}", tool.name);
    }
}

#[test]
fn what_only_reads_says_so_and_needs_no_more_than_reading() {
    for tool in TOOLS {
        let described = tool.described();
        let hints = described.annotations.expect("every tool has hints");
        let reads = matches!(tool.act, Act::Read | Act::ReadMembers);
        assert_eq!(hints.read_only_hint, Some(reads), "{}", tool.name);
        assert_eq!(hints.destructive_hint, Some(tool.name.starts_with("send_")), "{}", tool.name);
        assert!(described.description.is_some_and(|about| about.len() > 30), "{}", tool.name);
    }
}

#[test]
fn names_are_their_own() {
    let mut names: Vec<_> = TOOLS.iter().map(|tool| tool.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TOOLS.len());
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
}
