//! The Apps that hear of an account, each with its override (§2.6).

use serde_json::{Value, json};

use super::super::callback::overriding;
use super::super::{Answer, Call, Reply};
use super::waba_of;
use crate::error::GraphError;
use crate::world::World;

/// `GET /{waba-id}/subscribed_apps`.
pub(super) fn list(call: &mut Call<'_>) -> Answer {
    Ok(Reply::Json(json!({ "data": rows(call.world, &call.object) })))
}

/// The Apps that hear of an account, as they are listed.
pub(super) fn rows(world: &World, waba_id: &str) -> Vec<Value> {
    let known = world.wabas[waba_id].subscribed.iter().filter_map(|(id, over)| Some((world.apps.get(id)?, over)));
    known
        .map(|(app, over)| {
            let link = format!("https://www.facebook.com/games/?app_id={}", app.id);
            let mut row = json!({ "whatsapp_business_api_data": { "id": app.id, "link": link, "name": app.name } });
            if let Some(over) = over {
                row["override_callback_uri"] = over.url.clone().into();
            }
            row
        })
        .collect()
}

/// `POST /{waba-id}/subscribed_apps`: without a body, to the App's own callback; with one, to another, which proves
/// itself first. Meta lets an App override only what it is subscribed to, as integrators met it.
pub(super) fn subscribe(call: &mut Call<'_>) -> Answer {
    let app_id = call.app_id.clone();
    let Some(url) = call.text("override_callback_uri") else {
        waba_of(call).subscribed.insert(app_id, None);
        return Reply::success();
    };
    if !waba_of(call).subscribed.contains_key(&app_id) {
        return Err(GraphError::invalid(
            "Before override the current callback uri, your app must be subscribed to receive messages for WhatsApp \
             Business Account.",
        ));
    }
    let callback = overriding(url, call.text("verify_token"))?;
    let waba_id = call.object.clone();
    let (url, verify_token) = (callback.url.clone(), callback.verify_token.clone());
    let then = move |world: &mut World| {
        world.wabas[&waba_id].subscribed.insert(app_id, Some(callback));
        json!({ "success": true })
    };
    Ok(Reply::AfterHandshake { url, verify_token, then: Box::new(then) })
}

/// `DELETE /{waba-id}/subscribed_apps`.
pub(super) fn unsubscribe(call: &mut Call<'_>) -> Answer {
    let app_id = call.app_id.clone();
    waba_of(call).subscribed.shift_remove(&app_id);
    Reply::success()
}
