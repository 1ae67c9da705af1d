//! What is offered, and to whom.

use std::collections::BTreeSet;

use futures::future::join_all;
use model::act::KeyScope;
use serde_json::{Value, json};

use super::client::{Assistant, Speaks};
use super::{LUCIA, MATEO, Stage, Tenant, ask, call};

/// Each tool with arguments that go well, and a word of its answer that only the right answer has.
async fn calls(stage: &Stage, to: &Tenant) -> Vec<(&'static str, Value, String)> {
    let world = &stage.world;
    let conversation = to.conversation(world, LUCIA).await;
    let message = world.messages(&to.organization, &conversation).await.remove(0);
    let (conversation_id, message_id) = (&conversation["id"], &message["id"]);
    let template = world.meta().simple_template(&to.number).await;
    let (name, language) = (&template["name"], &template["language"]["code"]);
    let id = |value: &Value| value.as_str().expect("an id").to_owned();
    let number_id = to.number_id;
    vec![
        ("who_am_i", json!({}), to.organization.slug.clone()),
        ("list_conversations", json!({ "state": "active", "number_id": number_id }), id(conversation_id)),
        ("get_conversation", json!({ "conversation_id": conversation_id }), LUCIA.into()),
        ("list_messages", json!({ "conversation_id": conversation_id, "limit": 5 }), "¿Están abiertos?".into()),
        ("get_message", json!({ "message_id": message_id }), "payload".into()),
        ("list_message_statuses", json!({ "message_id": message_id }), "data".into()),
        ("search_contacts", json!({ "q": LUCIA }), id(&conversation["contact"]["id"])),
        ("get_contact", json!({ "contact_id": conversation["contact"]["id"] }), LUCIA.into()),
        ("list_templates", json!({ "number_id": number_id, "q": name, "limit": 100 }), id(name)),
        ("list_numbers", json!({}), to.number.phone_number_id.clone()),
        ("list_members", json!({}), "data".into()),
        ("list_teams", json!({}), "data".into()),
        ("mark_read", json!({ "conversation_id": conversation_id, "receipt": false }), "unread_count".into()),
        ("change_conversation", json!({ "conversation_id": conversation_id, "assignee_id": null }), LUCIA.into()),
        ("send_text", json!({ "conversation_id": conversation_id, "text": "Hasta las ocho." }), "queued".into()),
        (
            "send_template",
            json!({ "number_id": number_id, "to": [MATEO], "name": name, "language": language }),
            "queued".into(),
        ),
    ]
}

async fn try_all(assistant: &mut Assistant, calls: &[(&'static str, Value, String)]) {
    let listed: BTreeSet<String> =
        assistant.tools().await.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect();
    let called: BTreeSet<String> = calls.iter().map(|(tool, ..)| (*tool).to_owned()).collect();
    assert_eq!(listed, called, "every tool that is listed is called");
    for (tool, arguments, says) in calls {
        let result = assistant.call(tool, arguments).await;
        assert!(result.to_string().contains(says), "{tool} says nothing of {says}: {result}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_client_lists_and_calls_every_tool_over_both_transports() {
    let stage = Stage::new().await;
    let (url, to) = (stage.world.url().to_owned(), &stage.acme);
    let calls = calls(&stage, to).await;
    // What the account's templates are was read before one is sent.
    let read = async || stage.world.read(&to.organization, "/templates").await["data"] != json!([]);
    stage.world.until("templates are known", read).await;
    let key = &to.organization.key;
    let (newest, oldest, child, old_child) = tokio::join!(
        Assistant::over_http(&url, key, Speaks::Newest),
        Assistant::over_http(&url, key, Speaks::Handshake),
        Assistant::over_stdio(&url, key, Speaks::Newest),
        Assistant::over_stdio(&url, key, Speaks::Handshake),
    );
    let all = [newest, oldest, child, old_child];
    let versions: Vec<_> = all.iter().map(|one| one.greeting["version"].as_str().expect("a version")).collect();
    assert!(versions[0] > versions[1] && versions[2] > versions[3], "{versions:?}");
    let calls = &calls;
    join_all(all.map(|mut assistant| async move {
        let instructions = assistant.greeting["instructions"].as_str().expect("instructions");
        assert!(instructions.contains("untrusted_content") && instructions.contains("never"), "{instructions}");
        try_all(&mut assistant, calls).await;
        assistant.end().await;
    }))
    .await;
    let sent = async || stage.world.meta().accepted(&to.number).await.len() == 8;
    stage.world.until("a text and a template of each", sent).await;
    assert!(stage.world.meta().accepted(&stage.rival.number).await.is_empty());
    stage.world.end().await;
}

async fn names(url: &str, key: &str) -> Vec<(String, bool)> {
    let listed = ask(url, key, "tools/list", json!({})).await;
    let name =
        |tool: &Value| (tool["name"].as_str().expect("a name").to_owned(), tool["annotations"]["readOnlyHint"] == true);
    listed["result"]["tools"].as_array().expect("tools").iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_what_it_may_and_does_no_more() {
    let stage = Stage::new().await;
    let (world, url) = (&stage.world, stage.world.url());
    let reader = stage.acme.key(world, "reader", &[KeyScope::Read]).await;
    let whole = names(url, &stage.acme.organization.key).await;
    let shown = names(url, &reader).await;
    assert_eq!(whole.iter().filter(|(_, reads)| *reads).cloned().collect::<Vec<_>>(), shown);
    assert!(shown.iter().all(|(_, reads)| *reads) && shown.len() == 12 && whole.len() == 16, "{shown:?}");

    let conversation_id = stage.acme.conversation(world, LUCIA).await["id"].clone();
    for (tool, arguments) in [
        ("send_text", json!({ "conversation_id": conversation_id, "text": "Hola" })),
        ("send_text", json!({ "number_id": stage.acme.number_id, "to": [LUCIA, MATEO], "text": "Hola" })),
        ("mark_read", json!({ "conversation_id": conversation_id })),
        ("change_conversation", json!({ "conversation_id": conversation_id, "state": "resolved" })),
    ] {
        let problem = call(url, &reader, tool, arguments).await.expect_err("not for this key");
        let detail = problem["detail"].as_str().expect("words");
        assert!(detail.contains("it takes the scope `send`"), "{tool}: {detail}");
    }
    assert!(stage.world.meta().accepted(&stage.acme.number).await.is_empty());
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_organizations_is_not_there() {
    let stage = Stage::new().await;
    let (world, url, key) = (&stage.world, stage.world.url(), &stage.acme.organization.key);
    let foreign = stage.rival.conversation(world, LUCIA).await;
    let message = world.messages(&stage.rival.organization, &foreign).await.remove(0);
    for (tool, arguments) in [
        ("get_conversation", json!({ "conversation_id": foreign["id"] })),
        ("list_messages", json!({ "conversation_id": foreign["id"] })),
        ("get_message", json!({ "message_id": message["id"] })),
        ("list_message_statuses", json!({ "message_id": message["id"] })),
        ("get_contact", json!({ "contact_id": foreign["contact"]["id"] })),
        ("mark_read", json!({ "conversation_id": foreign["id"] })),
        ("change_conversation", json!({ "conversation_id": foreign["id"], "state": "resolved" })),
        ("send_text", json!({ "conversation_id": foreign["id"], "text": "Hola" })),
        ("send_text", json!({ "number_id": stage.rival.number_id, "to": [LUCIA], "text": "Hola" })),
        ("send_text", json!({ "number_id": stage.rival.number_id, "to": [LUCIA, MATEO], "text": "Hola" })),
        ("send_template", json!({ "conversation_id": foreign["id"], "name": "x", "language": "es" })),
    ] {
        let problem = call(url, key, tool, arguments).await.expect_err("it is not theirs");
        assert_eq!(problem["status"], 404, "{tool}: {problem}");
    }
    let narrowed = call(url, key, "list_conversations", json!({ "number_id": stage.rival.number_id })).await;
    assert_eq!(narrowed.expect("a page")["data"], json!([]));
    assert_eq!(stage.rival.conversation(world, LUCIA).await["state"], "active");
    assert!(world.meta().accepted(&stage.rival.number).await.is_empty());
    stage.world.end().await;
}
