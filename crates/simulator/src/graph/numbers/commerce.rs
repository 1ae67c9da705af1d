//! Cart and catalog.

use serde_json::json;

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;

/// `GET /{phone-number-id}/whatsapp_commerce_settings`.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let number = number_of(call);
    let mut row = number.commerce.clone();
    row["id"] = number.id.clone().into();
    Ok(Reply::Json(json!({ "data": [row] })))
}

/// `POST /{phone-number-id}/whatsapp_commerce_settings`: what isn't named stays.
pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let mut settings = number_of(call).commerce.clone();
    for name in ["is_cart_enabled", "is_catalog_visible"] {
        match call.text(name).as_deref() {
            None => {}
            Some("true") => settings[name] = true.into(),
            Some("false") => settings[name] = false.into(),
            Some(_) => return Err(GraphError::of(100).message(format!("(#100) Param {name} must be a boolean"))),
        }
    }
    number_of(call).commerce = settings;
    Reply::success()
}
