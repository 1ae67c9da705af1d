//! Tokens: a sign-up's code is exchanged, a token is looked at, a business makes one for itself (§9.3).

use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::call::missing;
use super::serve::access_token;
use super::{Answer, Call, Needs, Object, Operation, Reply, op};
use crate::error::Follows::{Fixture, Invented, Protocol};
use crate::error::GraphError;
use crate::webhook::hmac_hex;
use crate::world::{App, Token};

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        Method::GET,
        Object::Root,
        "oauth/access_token",
        Needs::Nothing,
        Fixture("oauth-and-debug-token.json"),
        exchange,
    ),
    op(
        Method::POST,
        Object::Root,
        "oauth/access_token",
        Needs::Nothing,
        Fixture("oauth-and-debug-token.json"),
        exchange,
    ),
    op(Method::GET, Object::Root, "debug_token", Needs::AnyToken, Fixture("oauth-and-debug-token.json"), debug),
    op(Method::GET, Object::Root, "me", Needs::AnyToken, Invented("the Graph API's id and name, from memory"), me),
    op(Method::POST, Object::Business, "system_user_access_tokens", Needs::AnyToken, Protocol("§9.3"), of_system_user),
];

/// Sixty days.
const SIXTY_DAYS: i64 = 60 * 24 * 3600;

/// `/oauth/access_token`: a code for a token, within 30 seconds and once; or the App's own token.
fn exchange(call: &mut Call<'_>) -> Answer {
    let app_id = call.required("client_id")?;
    let secret = call.required("client_secret")?;
    let app = call.world.apps.get(&app_id).ok_or_else(|| {
        GraphError::of(101).message("Error validating application. Cannot get application info due to a system error.")
    })?;
    if app.secret != secret {
        return Err(GraphError::of(1).message("Error validating client secret."));
    }
    if call.text("grant_type").as_deref() == Some("client_credentials") {
        return Ok(Reply::Json(json!({ "access_token": format!("{app_id}|{secret}"), "token_type": "bearer" })));
    }
    let word = call.required("code")?;
    let now = call.now;
    let code = call.world.codes.get_mut(&word).filter(|code| code.app_id == app_id);
    let code = code.ok_or_else(|| GraphError::of(100).message("Invalid verification code format."))?;
    if code.used {
        return Err(GraphError::of(100).subcode(36009).message("This authorization code has been used."));
    }
    if code.expires_at <= now {
        return Err(GraphError::of(100).subcode(36007).message("This authorization code has expired."));
    }
    code.used = true;
    let code = code.clone();
    let token = call.world.issue(&app_id, &code.business_id, code.wabas, code.scopes, code.token_life, now);
    let mut answer = json!({ "access_token": token, "token_type": "bearer" });
    if let Some(seconds) = code.token_life {
        answer["expires_in"] = seconds.into();
    }
    Ok(Reply::Json(answer))
}

/// `GET /debug_token?input_token=`: for the App's own token, or for the token that asks after itself.
fn debug(call: &mut Call<'_>) -> Answer {
    let input = call.required("input_token")?;
    let caller = access_token(call.headers, &call.query, &call.body);
    if call.token.is_some() && caller.as_ref() != Some(&input) {
        return Err(GraphError::of(100).message(
            "(#100) You must provide an app access token, or a user access token that is an owner or developer of the \
             app",
        ));
    }
    if let Some((id, secret)) = input.split_once('|') {
        return Ok(Reply::Json(json!({ "data": of_app(call, id, secret)? })));
    }
    let Some(token) = call.world.tokens.get(&input) else {
        return Ok(Reply::Json(json!({ "data": worthless("Invalid OAuth access token.", None) })));
    };
    check_viewer(call, &token.app_id)?;
    let app = call.world.apps.get(&token.app_id);
    Ok(Reply::Json(json!({ "data": of_token(app, token, call.now) })))
}

fn check_viewer(call: &Call<'_>, app_id: &str) -> Result<(), GraphError> {
    if app_id == call.app_id {
        return Ok(());
    }
    Err(GraphError::of(100).message("(#100) The App_id in the input_token did not match the Viewing App"))
}

fn of_app(call: &Call<'_>, id: &str, secret: &str) -> Result<Value, GraphError> {
    check_viewer(call, id)?;
    let app = call.world.apps.get(id).filter(|app| app.secret == secret);
    Ok(match app {
        Some(app) => {
            json!({ "app_id": app.id, "type": "APP", "application": app.name, "is_valid": true, "scopes": [] })
        }
        None => worthless("Error validating application. Invalid application ID or secret.", None),
    })
}

fn of_token(app: Option<&App>, token: &Token, now: Timestamp) -> Value {
    let refusal = if token.revoked {
        Some(("Error validating access token: The session has been invalidated.", 460))
    } else if token.expires_at.is_some_and(|end| end <= now) {
        Some(("Error validating access token: Session has expired", 463))
    } else {
        None
    };
    let seconds = |at: Option<Timestamp>| at.map_or(0, |at| at.as_second());
    let mut data = Map::from_iter(
        [
            ("app_id", token.app_id.clone().into()),
            ("type", "SYSTEM_USER".into()),
            ("application", app.map(|app| app.name.clone()).into()),
            ("data_access_expires_at", 0.into()),
            ("expires_at", seconds(token.expires_at).into()),
            ("is_valid", refusal.is_none().into()),
            ("issued_at", token.issued_at.as_second().into()),
            ("scopes", json!(token.scopes)),
            ("granular_scopes", granular(token)),
            ("user_id", token.user_id.clone().into()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if let Some((message, subcode)) = refusal {
        data.insert("error".into(), worthless(message, Some(subcode))["error"].clone());
    }
    data.into()
}

/// The scopes that are bound to accounts, newest account first.
fn granular(token: &Token) -> Value {
    let bound = token.scopes.iter().filter(|scope| scope.starts_with("whatsapp_business"));
    let named = |scope: &String| match token.names_wabas {
        true => json!({ "scope": scope, "target_ids": token.wabas }),
        false => json!({ "scope": scope }),
    };
    bound.map(named).collect()
}

fn worthless(message: &str, subcode: Option<i64>) -> Value {
    let mut error = json!({ "code": 190, "message": message });
    if let Some(subcode) = subcode {
        error["subcode"] = subcode.into();
    }
    json!({ "error": error, "is_valid": false, "scopes": [] })
}

/// `GET /me`: the user of the token.
fn me(call: &mut Call<'_>) -> Answer {
    let Some(token) = &call.token else {
        return Err(GraphError::of(2500)
            .message("An active access token must be used to query information about the current user."));
    };
    let business = call.world.businesses.get(&token.business_id).map_or("", |business| business.name.as_str());
    let all = [("id", token.user_id.clone()), ("name", format!("System user of {business}"))];
    let whole: Map<String, Value> = all.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    call.pick(&whole, &["name"]).map(Reply::Json)
}

/// `POST /{business-id}/system_user_access_tokens`: another token of the business, never without a proof of the secret.
fn of_system_user(call: &mut Call<'_>) -> Answer {
    let token = call.token.clone().filter(|token| token.business_id == call.object);
    let token = token.ok_or_else(|| GraphError::no_such_object("post", &call.object))?;
    check_proof(call)?;
    let scopes = match call.text("scope") {
        None => token.scopes.clone(),
        Some(words) => {
            let scopes: Vec<String> = words.split(',').map(|word| word.trim().to_owned()).collect();
            if let Some(scope) = scopes.iter().find(|scope| !token.scopes.contains(scope)) {
                return Err(GraphError::of(200).message(format!("(#200) The token lacks the permission {scope}")));
            }
            scopes
        }
    };
    let life = (call.text("set_token_expires_in_60_days").as_deref() == Some("true")).then_some(SIXTY_DAYS);
    let word = call.world.issue(&token.app_id, &token.business_id, token.wabas, Some(scopes), life, call.now);
    Ok(Reply::Json(json!({ "access_token": word })))
}

fn check_proof(call: &Call<'_>) -> Result<(), GraphError> {
    let proof = call.text("appsecret_proof").ok_or_else(|| missing("appsecret_proof"))?;
    let caller = access_token(call.headers, &call.query, &call.body).unwrap_or_default();
    let secret = call.world.apps.get(&call.app_id).map(|app| app.secret.as_str()).unwrap_or_default();
    if proof == hmac_hex(secret, caller.as_bytes()) {
        return Ok(());
    }
    Err(GraphError { kind: "GraphMethodException", ..GraphError::of(100) }
        .message("Invalid appsecret_proof provided in the API argument"))
}
