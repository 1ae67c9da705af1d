//! Portfolios: a customer's, and the partner's that an App belongs to.

use serde_json::{Map, Value, json};

use super::super::{Answer, Call, Reply};
use super::waba;
use crate::error::GraphError;

/// `GET /{business-id}`.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let (name, verified) = seen(call, "get")?;
    let all = [
        ("id", call.object.clone().into()),
        ("name", name.into()),
        ("timezone_id", 1.into()),
        ("verification_status", if verified { "verified" } else { "not_verified" }.into()),
    ];
    let whole: Map<String, Value> = all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    call.pick(&whole, &["name", "timezone_id"]).map(Reply::Json)
}

/// `GET /{business-id}/owned_whatsapp_business_accounts`.
pub(super) fn owned(call: &mut Call<'_>) -> Answer {
    seen(call, "get")?;
    let wabas = call.world.wabas.values().filter(|waba| waba.business_id == call.object);
    let ids = wabas.map(|waba| waba.id.clone()).collect();
    list(call, ids, "owned_whatsapp_business_accounts")
}

/// `GET /{business-id}/client_whatsapp_business_accounts`: of a partner, the accounts that opened themselves to its
/// Apps. A customer has none.
pub(super) fn clients(call: &mut Call<'_>) -> Answer {
    seen(call, "get")?;
    let world = &*call.world;
    let apps: Vec<&str> =
        world.apps.values().filter(|app| app.business_id == call.object).map(|app| app.id.as_str()).collect();
    let opened = |waba: &str| {
        world.tokens.values().any(|token| {
            !token.revoked && apps.contains(&token.app_id.as_str()) && token.wabas.iter().any(|open| open == waba)
        })
    };
    let wabas = world.wabas.values().filter(|waba| waba.business_id != call.object && opened(&waba.id));
    let ids = wabas.map(|waba| waba.id.clone()).collect();
    list(call, ids, "client_whatsapp_business_accounts")
}

/// `GET /{business-id}/extendedcredits`: each portfolio has one line, of its own.
pub(super) fn credits(call: &mut Call<'_>) -> Answer {
    let (name, _) = seen(call, "get")?;
    // An id that stays the same, of the portfolio's own digits.
    let id: String = call.object.chars().rev().collect();
    Ok(Reply::Json(json!({ "data": [{ "id": id, "legal_entity_name": name }] })))
}

fn list(call: &mut Call<'_>, ids: Vec<String>, edge: &str) -> Answer {
    let whole = ids.iter().map(|id| waba::fields(call.world, id, &call.app_id));
    let rows: Result<Vec<Value>, GraphError> = whole.map(|row| call.pick(&row, waba::SHOWN)).collect();
    call.page(rows?, edge).map(Reply::Json)
}

/// The portfolio's name, and whether it is verified; for who has a token of it, or of an App of it.
fn seen(call: &Call<'_>, method: &str) -> Result<(String, bool), GraphError> {
    let owner = call.world.apps.values().find(|app| app.business_id == call.object);
    let of_app = call.world.apps.get(&call.app_id).is_some_and(|app| app.business_id == call.object);
    let of_token = call.token.as_ref().is_some_and(|token| token.business_id == call.object);
    if !of_app && !of_token {
        return Err(GraphError::no_such_object(method, &call.object));
    }
    let own = call.world.businesses.get(&call.object).map(|business| (business.name.clone(), business.verified));
    let partner = owner.map(|app| (format!("{} (partner)", app.name), true));
    own.or(partner).ok_or_else(|| GraphError::no_such_object(method, &call.object))
}
