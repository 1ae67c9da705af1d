//! Interactive messages: header, body, footer, and something to tap (§8.2).

mod actions;
mod carousel;
mod choices;
pub(super) mod products;

use serde_json::Value;

use super::part::{Part, not_one_of, refused, structure, within};
use super::{Check, media};
use crate::error::GraphError;

const HEADER_CHARACTERS: usize = 60;
const BODY_CHARACTERS: usize = 1024;
const LIST_BODY_CHARACTERS: usize = 4096;
const FOOTER_CHARACTERS: usize = 60;

/// A type of interactive message.
struct Form {
    name: &'static str,
    /// The types of header it takes; none: no header.
    headers: &'static [&'static str],
    header_needed: bool,
    body_needed: bool,
    body_characters: usize,
    footer: bool,
    /// The rules of its `action`.
    action: fn(&mut Check<'_>, &Part<'_>) -> Result<(), GraphError>,
}

const ANY: &[&str] = &["text", "image", "video", "document"];
const TEXT: &[&str] = &["text"];

/// What most of them have in common.
const fn form(name: &'static str, action: fn(&mut Check<'_>, &Part<'_>) -> Result<(), GraphError>) -> Form {
    Form {
        name,
        headers: &[],
        header_needed: false,
        body_needed: true,
        body_characters: BODY_CHARACTERS,
        footer: true,
        action,
    }
}

const FORMS: &[Form] = &[
    Form { headers: ANY, ..form("button", choices::buttons) },
    Form { headers: TEXT, body_characters: LIST_BODY_CHARACTERS, ..form("list", choices::list) },
    Form { headers: ANY, ..form("cta_url", actions::cta_url) },
    Form { headers: ANY, ..form("flow", actions::flow) },
    Form { body_needed: false, ..form("product", products::product) },
    Form { headers: TEXT, header_needed: true, ..form("product_list", products::product_list) },
    form("catalog_message", products::catalog),
    Form { footer: false, ..form("location_request_message", actions::location_request) },
    Form { headers: TEXT, ..form("address_message", actions::address) },
    Form { footer: false, ..form("carousel", carousel::carousel) },
    Form { body_needed: false, footer: false, ..form("call_permission_request", actions::call_permission) },
    Form { headers: ANY, ..form("voice_call", actions::voice_call) },
    Form { footer: false, ..form("request_contact_info", actions::contact_info) },
    Form { headers: ANY, ..form("order_details", products::order_details) },
    form("order_status", products::order_status),
];

/// An interactive message is good. Errors: 100 (structure), 131009 (counts, lengths, duplicates), those of media.
pub(super) fn check(check: &mut Check<'_>, part: &Part<'_>) -> Result<(), GraphError> {
    part.keys(&["type", "header", "body", "footer", "action"])?;
    let name = part.words("type")?;
    let Some(form) = FORMS.iter().find(|form| form.name == name) else {
        let names: Vec<&str> = FORMS.iter().map(|form| form.name).collect();
        return Err(not_one_of("interactive['type']", &names, name));
    };
    match part.get("header") {
        Some(_) if form.headers.is_empty() => {
            return Err(structure(format!("The parameter {}['header'] is not allowed for {name}.", part.at)));
        }
        Some(header) => self::header(check, &header, form.headers)?,
        None if form.header_needed => return Err(part.need("header").expect_err("it is not there")),
        None => {}
    }
    match part.get("body") {
        Some(body) => self::body(&body, form.body_characters)?,
        None if form.body_needed => return Err(part.need("body").expect_err("it is not there")),
        None => {}
    }
    if let Some(footer) = part.get("footer") {
        if !form.footer {
            return Err(structure(format!("The parameter {}['footer'] is not allowed for {name}.", part.at)));
        }
        footer.keys(&["text"])?;
        within(footer.words("text")?, FOOTER_CHARACTERS, "Footer text")?;
    }
    (form.action)(check, &part.need("action")?)
}

fn body(body: &Part<'_>, limit: usize) -> Result<(), GraphError> {
    body.keys(&["text"])?;
    within(body.words("text")?, limit, "Body text")
}

/// A header: text, or a medium by id or link.
fn header(check: &mut Check<'_>, header: &Part<'_>, kinds: &[&str]) -> Result<(), GraphError> {
    let kind = header.words("type")?;
    if !ANY.contains(&kind) {
        return Err(not_one_of(&format!("{}['type']", header.at), ANY, kind));
    }
    if !kinds.contains(&kind) {
        return Err(refused(format!("Header of type {kind} is not supported here. Use one of: {}", kinds.join(", "))));
    }
    header.keys(&["type", kind])?;
    if kind == "text" {
        let text = header.get("text").ok_or_else(|| refused("Text cannot be null for header type text"))?;
        return within(text.text()?, HEADER_CHARACTERS, "Header text");
    }
    let medium = header.need(kind)?;
    // A caption belongs to messages of their own.
    medium.keys(if kind == "document" { &["id", "link", "filename"] } else { &["id", "link"] })?;
    media::check(check, kind, &medium)
}

/// The action's name, where its type has one.
fn named(action: &Part<'_>, name: &str) -> Result<(), GraphError> {
    match action.words("name")? {
        given if given == name => Ok(()),
        given => Err(refused(format!("{}['name'] must be {name}, not {given}", action.at))),
    }
}

/// An object whose values are all text.
fn texts(part: &Part<'_>) -> Result<(), GraphError> {
    let Value::Object(map) = part.value else {
        return Err(structure(format!("Param {} must be a JSON object.", part.at)));
    };
    match map.iter().find(|(_, value)| !value.is_string()) {
        Some((key, _)) => Err(structure(format!("Param {}['{key}'] must be a string.", part.at))),
        None => Ok(()),
    }
}
