//! The business profile (§9.2).

use serde_json::{Map, Value, json};

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;
use crate::world::Profile;

/// Characters that a field may have.
const ABOUT: usize = 139;
const ADDRESS: usize = 256;
const DESCRIPTION: usize = 512;
const EMAIL: usize = 128;
const WEBSITE: usize = 256;
const WEBSITES: usize = 2;

const FIELDS: &[&str] =
    &["about", "address", "description", "email", "profile_picture_url", "websites", "vertical", "messaging_product"];

const VERTICALS: &[&str] = &[
    "UNDEFINED",
    "OTHER",
    "AUTO",
    "BEAUTY",
    "APPAREL",
    "EDU",
    "ENTERTAIN",
    "EVENT_PLAN",
    "FINANCE",
    "GROCERY",
    "GOVT",
    "HOTEL",
    "HEALTH",
    "NONPROFIT",
    "PROF_SERVICES",
    "RETAIL",
    "TRAVEL",
    "RESTAURANT",
    "ALCOHOL",
    "ONLINE_GAMBLING",
    "PHYSICAL_GAMBLING",
    "OTC_DRUGS",
    "MATRIMONY_SERVICE",
];

/// `GET /{phone-number-id}/whatsapp_business_profile`: flat, as the documentation has it.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let profile = &number_of(call).profile;
    let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let whole = Map::from_iter(
        [
            ("messaging_product", "whatsapp".into()),
            ("about", text(&profile.about)),
            ("address", text(&profile.address)),
            ("description", text(&profile.description)),
            ("email", text(&profile.email)),
            ("profile_picture_url", json!(profile.picture)),
            ("websites", if profile.websites.is_empty() { Value::Null } else { json!(profile.websites) }),
            ("vertical", text(&profile.vertical)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    Ok(Reply::Json(json!({ "data": [call.pick(&whole, FIELDS)?] })))
}

/// `POST /{phone-number-id}/whatsapp_business_profile`: what isn't named stays.
pub(super) fn update(call: &mut Call<'_>) -> Answer {
    call.for_whatsapp()?;
    let mut profile = number_of(call).profile.clone();
    read(call, &mut profile)?;
    if let Some(handle) = call.text("profile_picture_handle") {
        profile.picture = Some(picture(call, &handle)?);
    }
    number_of(call).profile = profile;
    Reply::success()
}

fn read(call: &Call<'_>, profile: &mut Profile) -> Result<(), GraphError> {
    if let Some(about) = call.text("about") {
        if about.trim().is_empty() {
            return Err(GraphError::invalid("Param about can't be empty."));
        }
        profile.about = short("about", about, ABOUT)?;
    }
    if let Some(address) = call.text("address") {
        profile.address = short("address", address, ADDRESS)?;
    }
    if let Some(description) = call.text("description") {
        profile.description = short("description", description, DESCRIPTION)?;
    }
    if let Some(email) = call.text("email") {
        if !email.is_empty() && !is_email(&email) {
            return Err(GraphError::invalid("Param email must be a valid email address."));
        }
        profile.email = short("email", email, EMAIL)?;
    }
    if let Some(vertical) = call.text("vertical") {
        if !vertical.is_empty() && !VERTICALS.contains(&vertical.as_str()) {
            let message = format!("(#100) Param vertical must be one of {{{}}}", VERTICALS.join(", "));
            return Err(GraphError::of(100).message(message));
        }
        profile.vertical = vertical;
    }
    if let Some(websites) = call.json("websites")? {
        profile.websites = read_websites(&websites)?;
    }
    Ok(())
}

fn short(name: &str, text: String, most: usize) -> Result<String, GraphError> {
    if text.chars().count() > most {
        return Err(GraphError::invalid(format!("Param {name} must be at most {most} characters long.")));
    }
    Ok(text)
}

fn is_email(text: &str) -> bool {
    let well_formed = |(name, host): (&str, &str)| {
        !name.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.') && !host.contains('@')
    };
    !text.contains(char::is_whitespace) && text.split_once('@').is_some_and(well_formed)
}

fn read_websites(given: &Value) -> Result<Vec<String>, GraphError> {
    let list: Option<Vec<String>> =
        given.as_array().and_then(|list| list.iter().map(|url| url.as_str().map(str::to_owned)).collect());
    let list = list.ok_or_else(|| GraphError::of(100).message("(#100) Param websites must be an array of strings."))?;
    if list.len() > WEBSITES {
        return Err(GraphError::invalid("Param websites must have at most 2 elements."));
    }
    for url in &list {
        let read = reqwest::Url::parse(url).ok();
        if !read.is_some_and(|read| matches!(read.scheme(), "http" | "https") && read.has_host()) {
            return Err(GraphError::invalid(format!("{url} in websites must begin with http:// or https://.")));
        }
        short("websites", url.clone(), WEBSITE)?;
    }
    Ok(list)
}

/// The picture's address, for the handle of a finished upload (§8.4).
fn picture(call: &mut Call<'_>, handle: &str) -> Result<String, GraphError> {
    let upload = call.world.upload_by_handle(handle);
    let upload = upload.ok_or_else(|| GraphError::invalid("Param profile_picture_handle is not a valid handle."))?;
    if !matches!(upload.mime_type.as_str(), "image/jpeg" | "image/png") {
        return Err(GraphError::invalid("The profile picture must be a JPEG or PNG image."));
    }
    Ok(format!("https://pps.whatsapp.net/v/t61.24694-24/{}.jpg", call.world.chance.opaque(18)))
}
