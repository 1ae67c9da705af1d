//! `GET /debug_token` and `GET /me`: what an API key opens and whose it is, told as Meta tells it of a token.

use axum::response::Response;
use http::{Method, StatusCode};
use model::{api_key, link, organization};
use secrecy::SecretString;
use serde_json::json;

use super::call::{Call, json_response};
use super::error::GraphError;

/// What a key may do here, in Meta's words.
const SCOPES: [&str; 2] = ["whatsapp_business_management", "whatsapp_business_messaging"];

/// Tells of the key in `input_token`, which must be one of the caller's own organization.
pub(super) async fn get(call: &Call) -> Result<Response, GraphError> {
    if call.method != Method::GET || !call.place.edge.is_empty() {
        return Err(GraphError::unknown_path(&call.place.words().join("/")));
    }
    let input = call.text("input_token").ok_or_else(|| GraphError::missing("input_token"))?;
    let opened =
        api_key::authenticate(&call.state.database, call.state.clock.now(), &SecretString::from(input)).await?;
    if opened.map(|opened| opened.scope) != Some(call.scope) {
        let data = json!({
            "error": { "code": 190, "message": "Invalid OAuth access token - this is no API key of yours that is in force." },
            "is_valid": false, "scopes": [],
        });
        return Ok(json_response(StatusCode::OK, &json!({ "data": data })));
    }
    let tx = call.operator().await?;
    let links = link::accounts(&tx, &call.scope).await?;
    tx.close();
    let accounts: Vec<&str> = links.iter().map(|link| link.waba_id.as_str()).collect();
    let granular: Vec<_> = SCOPES.iter().map(|name| json!({ "scope": name, "target_ids": accounts })).collect();
    // The App that `subscribed_apps` shows, too: programs compare the two.
    let app = links.first().and_then(|link| link.token_app(&call.state.apps)).or(call.state.apps.default_id());
    let data = json!({
        "app_id": app.unwrap_or("0"), "application": "wazapp", "type": "SYSTEM_USER", "is_valid": true,
        "user_id": user_id(call), "expires_at": 0, "data_access_expires_at": 0, "scopes": SCOPES,
        "granular_scopes": granular,
    });
    Ok(json_response(StatusCode::OK, &json!({ "data": data })))
}

/// Tells whose the key is.
pub(super) async fn me(call: &Call) -> Result<Response, GraphError> {
    if call.method != Method::GET || !call.place.edge.is_empty() {
        return Err(GraphError::unknown_path(&call.place.words().join("/")));
    }
    let tx = call.begin().await?;
    let own = organization::own(&tx).await?.ok_or_else(|| call.no_such_object())?;
    tx.close();
    Ok(json_response(StatusCode::OK, &json!({ "id": user_id(call), "name": own.name })))
}

/// The organization as Meta's ids are: digits.
fn user_id(call: &Call) -> String {
    (call.scope.organization_id().as_u128() % 1_000_000_000_000_000).to_string()
}
