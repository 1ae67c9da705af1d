//! Links, flows, and what a customer is asked for.

use super::super::Check;
use super::super::part::{Part, is_web_address, refused, structure, within};
use super::{named, texts};
use crate::error::GraphError;

const LABEL_CHARACTERS: usize = 20;
/// Meta advises it for a flow's button.
const FLOW_LABEL_CHARACTERS: usize = 30;
/// Where an address can be asked for.
const ADDRESS_COUNTRIES: [&str; 2] = ["IN", "SG"];
/// How long a call button works, in minutes: up to thirty days.
const CALL_MINUTES: std::ops::RangeInclusive<i64> = 1..=43_200;

/// `cta_url`: one button that opens a page.
pub(super) fn cta_url(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["name", "parameters"])?;
    named(action, "cta_url")?;
    let parameters = action.need("parameters")?;
    parameters.keys(&["display_text", "url"])?;
    within(parameters.words("display_text")?, LABEL_CHARACTERS, "Display text")?;
    match parameters.words("url")? {
        url if is_web_address(url) => Ok(()),
        _ => Err(parameters.need("url")?.refused("is not a valid URL: it begins with http:// or https://")),
    }
}

/// `flow`: one button that opens a flow, named by id or by name. Whether there is such a flow isn't looked up.
pub(super) fn flow(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    const KEYS: &[&str] = &[
        "flow_message_version",
        "flow_token",
        "flow_id",
        "flow_name",
        "mode",
        "flow_cta",
        "flow_action",
        "flow_action_payload",
    ];
    action.keys(&["name", "parameters"])?;
    named(action, "flow")?;
    let parameters = action.need("parameters")?;
    parameters.keys(KEYS)?;
    if parameters.words("flow_message_version")? != "3" {
        return Err(parameters.need("flow_message_version")?.refused("must be 3"));
    }
    within(parameters.words("flow_cta")?, FLOW_LABEL_CHARACTERS, "Flow cta")?;
    match (parameters.get("flow_id"), parameters.get("flow_name")) {
        (Some(_), None) => parameters.words("flow_id").map(|_| ())?,
        (None, Some(_)) => parameters.words("flow_name").map(|_| ())?,
        _ => return Err(refused(format!("{}: exactly one of flow_id and flow_name is needed", parameters.at))),
    }
    parameters.may("flow_token")?;
    if let Some(mode) = parameters.get("mode") {
        mode.one_of(&["draft", "published"])?;
    }
    let kind = parameters.get("flow_action").map(|kind| kind.one_of(&["navigate", "data_exchange"])).transpose()?;
    match parameters.get("flow_action_payload") {
        None => Ok(()),
        Some(_) if kind == Some("data_exchange") => {
            Err(refused(format!("{}['flow_action_payload'] goes with flow_action navigate only", parameters.at)))
        }
        Some(payload) => {
            payload.keys(&["screen", "data"])?;
            payload.words("screen")?;
            match payload.get("data") {
                Some(data) if data.value.as_object().is_none_or(serde_json::Map::is_empty) => {
                    Err(data.refused("must be an object that is not empty"))
                }
                _ => Ok(()),
            }
        }
    }
}

/// `location_request_message`.
pub(super) fn location_request(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["name"])?;
    named(action, "send_location")
}

/// `address_message`: a form for an address in India or Singapore.
pub(super) fn address(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["name", "parameters"])?;
    named(action, "address_message")?;
    let parameters = action.need("parameters")?;
    parameters.keys(&["country", "values", "saved_addresses", "validation_errors"])?;
    let country = parameters.words("country")?;
    if !ADDRESS_COUNTRIES.contains(&country) {
        return Err(parameters.need("country")?.refused("must be IN or SG"));
    }
    if let Some(values) = parameters.get("values") {
        texts(&values)?;
    }
    if let Some(errors) = parameters.get("validation_errors") {
        texts(&errors)?;
    }
    for saved in parameters.get("saved_addresses").map(|list| list.list()).transpose()?.unwrap_or_default() {
        saved.keys(&["id", "value"])?;
        saved.words("id")?;
        texts(&saved.need("value")?)?;
    }
    Ok(())
}

/// `call_permission_request`.
pub(super) fn call_permission(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["name"])?;
    named(action, "call_permission_request")
}

/// `voice_call`: one button that calls the business.
pub(super) fn voice_call(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["name", "parameters"])?;
    named(action, "voice_call")?;
    let Some(parameters) = action.get("parameters") else { return Ok(()) };
    parameters.keys(&["display_text", "ttl_minutes", "payload"])?;
    if let Some(text) = parameters.may("display_text")? {
        within(text, LABEL_CHARACTERS, "Display text")?;
    }
    parameters.may("payload")?;
    match parameters.get("ttl_minutes") {
        Some(ttl) if !CALL_MINUTES.contains(&ttl.whole()?) => Err(structure(format!(
            "Param {} must be between {} and {}.",
            ttl.at,
            CALL_MINUTES.start(),
            CALL_MINUTES.end()
        ))),
        _ => Ok(()),
    }
}

/// `request_contact_info`: asks for the phone behind a username (§6).
pub(super) fn contact_info(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["name"])?;
    named(action, "request_contact_info")
}
