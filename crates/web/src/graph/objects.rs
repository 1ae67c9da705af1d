//! What an id names, whose it is, and who answers for it.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use model::link::{By, Link};
use model::outbox;
use serde_json::{Value, json};
use whatsapp::graph::{Credential, Relayed};

use super::call::{Call, json_response};
use super::error::GraphError;
use super::place::is_id;
use super::relay::{Carried, relay, shown_here, status};
use super::table::{Object, allows, allows_edge};
use super::{callback, media, messages};
use crate::behind::write_down;

/// The number is not registered: sends of its rest until it is.
const NOT_REGISTERED: &str = "133010";

/// Meta's code for what is not there, among other things.
const INVALID: i64 = 100;

/// Answers a call about an object.
pub(super) async fn answer(call: &Call, body: Body) -> Result<Response, GraphError> {
    let id = call.place.object.as_str();
    if !is_id(id) {
        return Err(GraphError::unknown_path(id));
    }
    if let Some(link) = call.link(By::PhoneNumberId(id)).await? {
        return of_number(call, &link, body).await;
    }
    if let Some(link) = call.link(By::Waba(id)).await? {
        return of_account(call, &link, body).await;
    }
    if allows_edge(Object::Portfolio, &call.place.edge) {
        return accounts(call).await;
    }
    of_other(call, body).await
}

async fn of_number(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    match (&call.method, call.place.edge.as_str()) {
        (&Method::POST, "messages") => messages::post(call, link, body).await,
        (&Method::POST, "media") => media::upload(call, link, body).await,
        (&Method::POST, "register" | "deregister") if link.shared => Err(GraphError::not_yours(
            "A phone has this number too, with the WhatsApp Business app: registering or deregistering it here would \
             take it from one of the two.",
        )),
        (&Method::POST, "register") => {
            let response = relayed(call, link, Object::Number, body).await?;
            if response.status().is_success() {
                let (state, scope, number_id) = (call.state.clone(), call.scope, link.number_id);
                write_down("a registered number", move || {
                    let state = state.clone();
                    async move {
                        let tx = state.database.operator_for(&scope).await?;
                        outbox::let_go(&tx, &scope, number_id, Some(&[NOT_REGISTERED])).await?;
                        tx.commit().await?;
                        state.wake.queued();
                        Ok(())
                    }
                })
                .await;
            }
            Ok(response)
        }
        (&Method::POST, "") => match callback::clear(call, link, body).await? {
            Ok(cleared) => Ok(cleared),
            Err(body) => relayed(call, link, Object::Number, Body::from(body)).await,
        },
        _ => relayed(call, link, Object::Number, body).await,
    }
}

async fn of_account(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    match (&call.method, call.place.edge.as_str()) {
        (&Method::POST, "subscribed_apps") => subscribe(call, link, body).await,
        _ => relayed(call, link, Object::Account, body).await,
    }
}

/// Lets the token's App hear of an account. Where it does, it stays as it is: Meta would end an override that wazapp set.
async fn subscribe(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    let carried = Carried::read(call, body).await?;
    let credential = call.credential(link)?;
    let apps = call.state.graph.subscribed_apps(&credential, &link.waba_id).await?;
    let ours = link.token_app(&call.state.apps);
    if apps.iter().any(|app| ours == Some(app.id.as_str())) {
        return Ok(json_response(StatusCode::OK, &json!({ "success": true })));
    }
    let relayed = relay(call, &credential, &carried).await?;
    Ok(json_response(status(&relayed), &relayed.body))
}

/// Asks Meta, where the table allows it.
async fn relayed(call: &Call, link: &Link, object: Object, body: Body) -> Result<Response, GraphError> {
    let edge = call.place.edge.as_str();
    if !allows(object, edge, &call.method) {
        return Err(match (object, edge) {
            (Object::Account, "subscribed_apps") => GraphError::not_yours(
                "wazapp hears of this account, and would hear no more of it. Disconnect its numbers instead.",
            ),
            (Object::Number, "marketing_messages") => {
                GraphError::not_yours("Send marketing templates to /messages: that is the queue that wazapp keeps.")
            }
            _ if allows_edge(object, edge) || edge.is_empty() => call.no_such_object(),
            _ => GraphError::unknown_path(&call.place.words().join("/")),
        });
    }
    let carried = Carried::read(call, body).await?;
    let relayed = relay(call, &call.credential(link)?, &carried).await?;
    Ok(json_response(status(&relayed), &relayed.body))
}

/// A portfolio's accounts, of which only the organization's are shown.
async fn accounts(call: &Call) -> Result<Response, GraphError> {
    if call.method != Method::GET {
        return Err(call.no_such_object());
    }
    let links = call.links().await?;
    let mut relayed = first(call, &links, Ask::Call).await?.1;
    if let Some(Value::Array(rows)) = relayed.body.get_mut("data") {
        rows.retain(|row| links.iter().any(|link| row["id"] == link.waba_id.as_str()));
    }
    Ok(json_response(status(&relayed), &relayed.body))
}

/// A template, a medium or a flow: whichever Meta shows to one of the organization's own tokens.
async fn of_other(call: &Call, body: Body) -> Result<Response, GraphError> {
    let (edge, method) = (call.place.edge.as_str(), &call.method);
    let as_media = edge.is_empty() && [Method::GET, Method::DELETE].contains(method);
    let known = as_media || [Object::Template, Object::Flow].iter().any(|object| allows(*object, edge, method));
    if !known {
        return Err(call.no_such_object());
    }
    let links = call.links().await?;
    let (credential, shown) = first(call, &links, Ask::Show(&call.place.object)).await?;
    match kind(&shown.body) {
        Some(Kind::Media) if as_media => media::answer(call, &credential, shown).await,
        Some(Kind::Object(object)) if allows(object, edge, method) => {
            let carried = Carried::read(call, body).await?;
            let relayed = relay(call, &credential, &carried).await?;
            Ok(json_response(status(&relayed), &relayed.body))
        }
        _ => Err(call.no_such_object()),
    }
}

/// The first of the organization's tokens that opens something, and what it showed.
pub(super) async fn first(call: &Call, links: &[Link], ask: Ask<'_>) -> Result<(Credential, Relayed), GraphError> {
    let mut refused = None;
    for link in links {
        let asked = match call.credential(link) {
            Ok(credential) => ask.with(call, &credential).await.map(|relayed| (credential, relayed)),
            Err(error) => Err(error),
        };
        match asked {
            Ok((credential, relayed)) if (200..300).contains(&relayed.http) => return Ok((credential, relayed)),
            // Whoever sees no such thing says less than who cannot look.
            Ok((_, relayed)) => match GraphError::relayed(&relayed).filter(|_| relayed.code() != Some(INVALID)) {
                Some(error) => refused = Some(error),
                None => refused = refused.or_else(|| Some(call.no_such_object())),
            },
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| call.no_such_object()))
}

/// What tokens are tried at.
#[derive(Clone, Copy)]
pub(super) enum Ask<'a> {
    /// The call itself.
    Call,
    /// What an id names, without fields: what Meta shows then tells its kind.
    Show(&'a str),
}

impl Ask<'_> {
    async fn with(self, call: &Call, credential: &Credential) -> Result<Relayed, GraphError> {
        let Self::Show(id) = self else {
            return relay(call, credential, &Carried::Nothing).await;
        };
        let number = call.text("phone_number_id").map(|id| ("phone_number_id", id));
        let query: Vec<_> = number.into_iter().collect();
        let mut shown = call.state.graph.relay(credential, Method::GET, &[id], &query, None).await?;
        shown_here(&mut shown, &call.base())?;
        Ok(shown)
    }
}

enum Kind {
    Media,
    Object(Object),
}

/// What an object is, by what Meta shows of it. Accounts, numbers and portfolios have none of these.
fn kind(shown: &Value) -> Option<Kind> {
    let has = |name: &str| !shown[name].is_null();
    if has("url") && has("mime_type") {
        Some(Kind::Media)
    } else if has("language") && has("category") {
        Some(Kind::Object(Object::Template))
    } else if has("categories") && has("status") {
        Some(Kind::Object(Object::Flow))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_recognized_is_answered_for() {
        assert!(matches!(kind(&json!({ "url": "https://…", "mime_type": "image/png", "id": "1" })), Some(Kind::Media)));
        let template = json!({ "name": "a", "language": "es", "category": "UTILITY", "id": "1" });
        assert!(matches!(kind(&template), Some(Kind::Object(Object::Template))));
        let flow = json!({ "id": "1", "name": "a", "status": "DRAFT", "categories": ["OTHER"] });
        assert!(matches!(kind(&flow), Some(Kind::Object(Object::Flow))));
        for other in [
            json!({ "id": "1", "name": "A portfolio" }),
            json!({ "id": "1", "verified_name": "A", "display_phone_number": "+1", "quality_rating": "GREEN" }),
            json!({ "id": "1", "name": "A", "timezone_id": "1", "message_template_namespace": "a" }),
        ] {
            assert!(kind(&other).is_none(), "{other}");
        }
    }
}
