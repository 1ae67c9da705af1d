//! `POST /{phone-number-id}`: PIN, callback, name, username and visibility.

use serde_json::{Value, json};

use super::super::callback::overriding;
use super::super::{Answer, Call, Reply};
use super::{registration, username};
use crate::error::GraphError;
use crate::world::{Callback, World};

/// What is to change; what isn't named stays.
#[derive(Default)]
struct Change {
    pin: Option<String>,
    name: Option<String>,
    username: Option<String>,
    searchable: Option<bool>,
    /// `Some(None)` removes the override.
    callback: Option<Option<Callback>>,
}

/// Changes a number: first all is checked, then the callback proves itself, then all is done (§2.6).
pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let change = read(call)?;
    let (id, now) = (call.object.clone(), call.now);
    let callback = change.callback.clone().flatten();
    let apply = move |world: &mut World| {
        let number = world.numbers.get_mut(&id).expect("numbers are never removed");
        if let Some(callback) = change.callback {
            number.override_callback = callback;
        }
        if let Some(searchable) = change.searchable {
            number.searchable = searchable;
        }
        if change.name.is_some() {
            number.new_name = change.name;
        }
        if let Some(pin) = change.pin {
            number.pin = Some(pin);
            world.tell_account(&id, "security", json!({ "event": "PIN_CHANGED" }), now);
        }
        if let Some(name) = change.username {
            username::give(world, &id, name, now);
        }
        json!({ "success": true })
    };
    match callback {
        Some(Callback { url, verify_token }) => Ok(Reply::AfterHandshake { url, verify_token, then: Box::new(apply) }),
        None => Ok(Reply::Json(apply(call.world))),
    }
}

fn read(call: &mut Call<'_>) -> Result<Change, GraphError> {
    let data = call.json("whatsapp_business_api_data")?.unwrap_or_default();
    let pin = call.text("pin").or_else(|| data["pin"].as_str().map(str::to_owned));
    if let Some(pin) = &pin {
        registration::check_pin(pin)?;
        if !super::number_of(call).registered {
            return Err(GraphError::of(133010).details("The account is not registered."));
        }
    }
    let name = call.text("new_display_name");
    if name.as_ref().is_some_and(|name| !(3..=512).contains(&name.trim().chars().count())) {
        return Err(GraphError::of(100).message("(#100) Param new_display_name must be 3 to 512 characters long"));
    }
    let searchable = match call.text("search_visibility").as_deref() {
        None => None,
        Some("VISIBLE") => Some(true),
        Some("NON_VISIBLE") => Some(false),
        Some(_) => {
            return Err(
                GraphError::of(100).message("(#100) Param search_visibility must be one of {VISIBLE, NON_VISIBLE}")
            );
        }
    };
    let username = call.text("username");
    if let Some(name) = &username {
        username::check(call.world, &call.object, name, false)?;
    }
    let callback = call.json("webhook_configuration")?.map(|given| read_callback(&given)).transpose()?;
    let change = Change { pin, name, username, searchable, callback };
    if change.is_empty() {
        return Err(GraphError::invalid(
            "Nothing that can be changed was named: pin, webhook_configuration, new_display_name, username or \
             search_visibility.",
        ));
    }
    Ok(change)
}

/// An empty URL removes the override (§2.6).
fn read_callback(given: &Value) -> Result<Option<Callback>, GraphError> {
    let Some(url) = given["override_callback_uri"].as_str() else {
        return Err(GraphError::of(100).message("(#100) The parameter override_callback_uri is required."));
    };
    if url.is_empty() {
        return Ok(None);
    }
    overriding(url.to_owned(), given["verify_token"].as_str().map(str::to_owned)).map(Some)
}

impl Change {
    fn is_empty(&self) -> bool {
        let Self { pin, name, username, searchable, callback } = self;
        pin.is_none() && name.is_none() && username.is_none() && searchable.is_none() && callback.is_none()
    }
}
