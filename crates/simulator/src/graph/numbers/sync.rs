//! `smb_app_data`: the past of the owner's phone app, told once (§7.2).

use jiff::SignedDuration;
use serde_json::json;

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;

/// How long after onboarding the past can be asked for.
const WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// `POST /{phone-number-id}/smb_app_data` `{"messaging_product", "sync_type"}`.
pub(super) fn sync(call: &mut Call<'_>) -> Answer {
    call.for_whatsapp()?;
    let kind = call.required("sync_type")?;
    if !["smb_app_state_sync", "history"].contains(&kind.as_str()) {
        return Err(GraphError::of(100).message("(#100) Param sync_type must be one of {smb_app_state_sync, history}"));
    }
    let now = call.now;
    let number = number_of(call);
    if !number.coexists() {
        return Err(GraphError::invalid("The phone number is not in use with the WhatsApp Business app."));
    }
    if now.duration_since(number.onboarded_at) >= WITHIN {
        return Err(GraphError::of(2_593_108).details("The sync must be requested within 24 hours of onboarding."));
    }
    if !number.synced.insert(kind.clone()) {
        return Err(GraphError::of(2_593_107).details("The sync was requested already."));
    }
    match kind.as_str() {
        "history" => call.world.tell_history(&call.object, now),
        _ => call.world.tell_contacts(&call.object, now),
    }
    let request_id = call.world.chance.id();
    Ok(Reply::Json(json!({ "messaging_product": "whatsapp", "request_id": request_id })))
}
