//! `GET /debug_token`: what an API key opens, told as Meta tells it of a token.

use axum::response::Response;
use http::{Method, StatusCode};
use model::{api_key, link};
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
    let scope = api_key::authenticate(&call.state.database, &SecretString::from(input)).await?;
    if scope != Some(call.scope) {
        let data = json!({
            "error": { "code": 190, "message": "Invalid OAuth access token - this is no API key of yours that is in force." },
            "is_valid": false, "scopes": [],
        });
        return Ok(json_response(StatusCode::OK, &json!({ "data": data })));
    }
    let tx = call.state.database.operator_for(&call.scope).await?;
    let links = link::accounts(&tx, &call.scope).await?;
    tx.close();
    let accounts: Vec<&str> = links.iter().map(|link| link.waba_id.as_str()).collect();
    let granular: Vec<_> = SCOPES.iter().map(|name| json!({ "scope": name, "target_ids": accounts })).collect();
    let data = json!({
        "app_id": call.scope.organization_id(), "application": "wazapp", "type": "SYSTEM_USER", "is_valid": true,
        "expires_at": 0, "data_access_expires_at": 0, "scopes": SCOPES, "granular_scopes": granular,
    });
    Ok(json_response(StatusCode::OK, &json!({ "data": data })))
}
