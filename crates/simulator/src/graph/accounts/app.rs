//! An App, and its subscription to webhooks (§2.6).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::callback::callback;
use super::super::{Answer, Call, Reply};
use crate::error::GraphError;
use crate::webhook::FIELDS;
use crate::world::{App, Subscription, World};

const OBJECT: &str = "whatsapp_business_account";

/// `GET /app` and `GET /{app-id}`.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let id = app_id(call);
    if id != call.app_id {
        return Err(GraphError::no_such_object("get", &id));
    }
    let app = app_of(call)?;
    let all = [
        ("id", app.id.clone().into()),
        ("name", app.name.clone().into()),
        ("category", "Business and pages".into()),
        ("link", format!("https://www.facebook.com/games/?app_id={}", app.id).into()),
        ("namespace", Value::Null),
    ];
    let whole: Map<String, Value> = all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    call.pick(&whole, &["category", "link", "name"]).map(Reply::Json)
}

/// `GET /{app-id}/subscriptions`.
pub(super) fn subscriptions(call: &mut Call<'_>) -> Answer {
    let rows: Vec<Value> = app_of(call)?
        .subscription
        .iter()
        .map(|subscription| {
            let fields = subscription.fields.iter().map(|name| json!({ "name": name, "version": "v26.0" }));
            json!({
                "object": OBJECT, "callback_url": subscription.callback.url, "active": true,
                "fields": fields.collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok(Reply::Json(json!({ "data": rows })))
}

/// `POST /{app-id}/subscriptions`: the callback and the fields, in place of those before; the callback proves itself
/// first.
pub(super) fn subscribe(call: &mut Call<'_>) -> Answer {
    check_object(&call.required("object")?)?;
    let callback = callback("callback_url", call.required("callback_url")?, call.text("verify_token"))?;
    let fields = read_fields(call.param("fields"))?;
    let fields = fields.ok_or_else(|| super::super::call::missing("fields"))?;
    let app_id = app_of(call)?.id.clone();
    let (url, verify_token) = (callback.url.clone(), callback.verify_token.clone());
    let then = move |world: &mut World| {
        if let Some(app) = world.apps.get_mut(&app_id) {
            app.subscription = Some(Subscription { callback, fields });
        }
        json!({ "success": true })
    };
    Ok(Reply::AfterHandshake { url, verify_token, then: Box::new(then) })
}

/// `DELETE /{app-id}/subscriptions`: all of it, or some `fields`.
pub(super) fn unsubscribe(call: &mut Call<'_>) -> Answer {
    if let Some(object) = call.text("object") {
        check_object(&object)?;
    }
    let fields = read_fields(call.param("fields"))?;
    let subscription = &mut app_of(call)?.subscription;
    match (subscription.as_mut(), fields) {
        (Some(subscription), Some(fields)) => subscription.fields.retain(|field| !fields.contains(field)),
        _ => *subscription = None,
    }
    Reply::success()
}

fn check_object(object: &str) -> Result<(), GraphError> {
    if object == OBJECT {
        return Ok(());
    }
    Err(GraphError::of(100).message(format!("(#100) Param object must be one of {{{OBJECT}}} - got \"{object}\"")))
}

/// The fields of a list, or of words with commas; `None`: none were named.
fn read_fields(given: Option<&Value>) -> Result<Option<BTreeSet<String>>, GraphError> {
    let names: Vec<String> = match given {
        None => return Ok(None),
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(list) => list,
            Err(_) => text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect(),
        },
        Some(list) => serde_json::from_value(list.clone())
            .map_err(|_| GraphError::of(100).message("(#100) Param fields must be an array of strings"))?,
    };
    for (place, name) in names.iter().enumerate() {
        if !FIELDS.contains(&name.as_str()) {
            let message =
                format!("(#100) Param fields[{place}] must be one of {{{}}} - got \"{name}\"", FIELDS.join(", "));
            return Err(GraphError::of(100).message(message));
        }
    }
    Ok(if names.is_empty() { None } else { Some(names.into_iter().collect()) })
}

/// The App's id that the path names; `app` is the caller's.
fn app_id(call: &Call<'_>) -> String {
    if call.object == "app" { call.app_id.clone() } else { call.object.clone() }
}

fn app_of<'a>(call: &'a mut Call<'_>) -> Result<&'a mut App, GraphError> {
    let id = app_id(call);
    call.world.apps.get_mut(&id).ok_or_else(|| GraphError::no_such_object("get", &id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_a_list_or_words() {
        let read = |value: Value| read_fields(Some(&value)).map(|fields| fields.map(|fields| fields.len()));
        assert_eq!(read("messages, calls".into()), Ok(Some(2)));
        assert_eq!(read(r#"["messages","calls"]"#.into()), Ok(Some(2)));
        assert_eq!(read(json!(["messages"])), Ok(Some(1)));
        assert_eq!(read("".into()), Ok(None));
        assert!(read("messages,nonsense".into()).is_err());
    }
}
