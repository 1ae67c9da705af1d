//! Ice breakers, commands and the welcome message.

use serde_json::{Map, Value, json};

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;
use crate::world::Number;

/// Limits of `POST_phone-number-id-conversational-automation.json`; those of commands are from memory.
const PROMPTS: usize = 3;
const PROMPT: usize = 80;
const COMMANDS: usize = 30;
const COMMAND_NAME: usize = 32;
const COMMAND_DESCRIPTION: usize = 256;

const FIELDS: &[&str] = &["enable_welcome_message", "prompts", "commands"];

/// What is set, as the number's field `conversational_automation` shows it.
pub(super) fn of(number: &Number) -> Map<String, Value> {
    let set = |name: &str, otherwise: Value| match &number.automation[name] {
        Value::Null => otherwise,
        value => value.clone(),
    };
    let all = [
        ("enable_welcome_message", set("enable_welcome_message", false.into())),
        ("prompts", set("prompts", json!([]))),
        ("commands", set("commands", json!([]))),
        ("id", number.id.clone().into()),
    ];
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// `GET /{phone-number-id}/conversational_automation`.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let whole = of(number_of(call));
    call.pick(&whole, FIELDS).map(Reply::Json)
}

/// `POST /{phone-number-id}/conversational_automation`: what isn't named stays.
pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let welcome = match call.text("enable_welcome_message").as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(GraphError::of(100).message("(#100) Param enable_welcome_message must be a boolean")),
    };
    let prompts = call.json("prompts")?.map(|given| read_prompts(&given)).transpose()?;
    let commands = call.json("commands")?.map(|given| read_commands(&given)).transpose()?;
    let number = number_of(call);
    if number.code_status != "VERIFIED" {
        return Err(unfit("Phone number must be verified before configuring conversational automation"));
    }
    if let Some(welcome) = welcome {
        number.automation["enable_welcome_message"] = welcome.into();
    }
    if let Some(prompts) = prompts {
        number.automation["prompts"] = prompts;
    }
    if let Some(commands) = commands {
        number.automation["commands"] = commands;
    }
    Reply::success()
}

fn read_prompts(given: &Value) -> Result<Value, GraphError> {
    let prompts: Option<Vec<&str>> = given.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
    let prompts = prompts.ok_or_else(|| bad("Param prompts must be an array of strings"))?;
    if prompts.len() > PROMPTS {
        return Err(bad("Too many prompts provided. Maximum allowed is 3"));
    }
    if prompts.iter().any(|prompt| prompt.chars().count() > PROMPT) {
        return Err(bad("Prompt text exceeds maximum length of 80 characters"));
    }
    Ok(json!(prompts))
}

fn read_commands(given: &Value) -> Result<Value, GraphError> {
    let commands = given.as_array().ok_or_else(|| bad("Param commands must be an array"))?;
    if commands.len() > COMMANDS {
        return Err(bad("Too many commands provided. Maximum allowed is 30"));
    }
    let mut seen = Vec::new();
    for command in commands {
        let name = command["command_name"].as_str().unwrap_or_default();
        let description = command["command_description"].as_str().unwrap_or_default();
        let in_form = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if name.is_empty() || name.len() > COMMAND_NAME || !in_form {
            return Err(bad(
                "Invalid command name format. Command names must contain only alphanumeric characters and underscores",
            ));
        }
        if description.is_empty() || description.chars().count() > COMMAND_DESCRIPTION {
            return Err(bad("Command descriptions must be 1 to 256 characters long"));
        }
        if seen.contains(&name) {
            return Err(unfit(&format!("Command names must be unique. Duplicate command name found: {name}")));
        }
        seen.push(name);
    }
    Ok(given.clone())
}

fn bad(message: &str) -> GraphError {
    GraphError::of(100).message(message)
}

fn unfit(message: &str) -> GraphError {
    GraphError { http: 422, kind: "GraphMethodException", ..GraphError::of(100) }.message(message)
}
