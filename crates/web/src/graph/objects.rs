//! What an id names, whose it is, and who answers for it.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use model::at_meta::{self, Made};
use model::link::{By, Link};
use model::outbox;
use serde_json::json;
use whatsapp::graph::{Blocks, Relayed};

use super::call::{Call, json_response};
use super::error::GraphError;
use super::own::Own;
use super::owned::{self, Ask, First, Kind, Owned};
use super::place::is_id;
use super::relay::{Carried, relay, status};
use super::table::{ELSEWHERE, Object, allows, allows_edge};
use super::{callback, media, messages, templates};
use crate::behind::write_down;
use crate::blocking;

/// The number is not registered: sends of its rest until it is.
const NOT_REGISTERED: &str = "133010";

/// What may be said of an account itself: that Meta count what becomes of its templates.
const OF_ACCOUNTS: &str = "is_enabled_for_insights";

/// Answers a call about an object.
pub(super) async fn answer(call: &mut Call, body: Body) -> Result<Response, GraphError> {
    let id = call.place.object.clone();
    if !is_id(&id) {
        return Err(GraphError::unknown_path(&call.place.words().join("/")));
    }
    if let Some(link) = call.link(By::PhoneNumberId(&id)).await? {
        return of_number(call, &link, body).await;
    }
    if let Some(link) = call.link(By::Waba(&id)).await? {
        return of_account(call, &link, body).await;
    }
    if allows_edge(Object::Portfolio, &call.place.edge) {
        return accounts(call).await;
    }
    of_other(call, body).await
}

async fn of_number(call: &mut Call, link: &Link, body: Body) -> Result<Response, GraphError> {
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
        (&Method::POST, "") => change_number(call, link, body).await,
        (&Method::POST | &Method::DELETE, "block_users") => block(call, link, body).await,
        _ => relayed(call, link, Object::Number, body).await,
    }
}

/// Changes a number, or takes a callback of its own away that leads elsewhere.
async fn change_number(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    let members = call.members(body).await?;
    if let Some(cleared) = callback::clear(call, link, &members.all).await? {
        return Ok(cleared);
    }
    let carried = Carried::of(call, members)?;
    answered(&relay(call, &call.credential(link)?, &carried).await?)
}

/// Has Meta block users, or block them no more: it may do so to some of them, and says so beside an error.
async fn block(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    let carried = Carried::read(call, body).await?;
    let relayed = relay(call, &call.credential(link)?, &carried).await?;
    let done = Blocks::read(relayed.http, &relayed.body).map(|blocks| blocks.done).unwrap_or_default();
    if !done.is_empty() {
        let (by, blocks) = ((call.state.clock.now(), call.actor.clone()), call.method == Method::POST);
        blocking::note_listed(&call.state, &call.scope, by, (link.number_id, done), blocks).await;
    }
    answered(&relayed)
}

async fn of_account(call: &mut Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    match (&call.method, call.place.edge.as_str()) {
        (&Method::POST, "subscribed_apps") => subscribe(call, link, body).await,
        (&Method::POST, "message_templates") => templates::create(call, link, body).await,
        (&Method::POST, "flows") => create_flow(call, link, body).await,
        (&Method::POST, "") => enable_insights(call, link, body).await,
        (&(Method::POST | Method::DELETE), "upsert_message_templates" | "message_templates") => {
            let response = relayed(call, link, Object::Account, body).await?;
            templates::read_soon(call, &link.waba_id).await;
            Ok(response)
        }
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
    answered(&relay(call, &credential, &carried).await?)
}

/// Makes a form, which is the organization's from then on.
async fn create_flow(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    let carried = Carried::read(call, body).await?;
    let relayed = relay(call, &call.credential(link)?, &carried).await?;
    if let Some(id) = relayed.body["id"].as_str() {
        made(call, Made::Flow, id).await;
    }
    answered(&relayed)
}

/// Notes what Meta made for the organization. It is made, so that is the answer.
pub(super) async fn made(call: &Call, made: Made, id: &str) {
    let (state, scope, id) = (call.state.clone(), call.scope, id.to_owned());
    write_down("what Meta made", move || {
        let (state, id) = (state.clone(), id.clone());
        async move {
            let tx = state.database.operator_for(&scope).await?;
            at_meta::record(&tx, &scope, made, &id, state.clock.now()).await?;
            tx.commit().await
        }
    })
    .await;
}

/// Has Meta count what becomes of an account's templates, which is all that may be said of an account itself.
async fn enable_insights(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    let carried = Carried::read(call, body).await?;
    let names: Vec<&str> = call.query().into_iter().map(|(name, _)| name).chain(carried.names()).collect();
    if names.is_empty() || names.iter().any(|name| *name != OF_ACCOUNTS) {
        return Err(call.no_such_object());
    }
    if Own::of(call, link).await?.is_shared() {
        return Err(GraphError::not_yours("Another organization has a number of this account too."));
    }
    answered(&relay(call, &call.credential(link)?, &carried).await?)
}

/// Meta's answer, as it is.
pub(super) fn answered(relayed: &Relayed) -> Result<Response, GraphError> {
    Ok(json_response(status(relayed), &relayed.body))
}

/// Asks Meta, where the table allows it.
async fn relayed(call: &mut Call, link: &Link, object: Object, body: Body) -> Result<Response, GraphError> {
    let edge = call.place.edge.as_str();
    if !allows(object, edge, &call.method) {
        return Err(refusal(call, object, edge));
    }
    let credential = call.credential(link)?;
    ask(call, link, object, &credential, body).await
}

/// Asks Meta, and shows what is the organization's.
async fn ask(
    call: &mut Call,
    link: &Link,
    object: Object,
    credential: &whatsapp::graph::Credential,
    body: Body,
) -> Result<Response, GraphError> {
    if call.method != Method::GET {
        let carried = Carried::read(call, body).await?;
        return answered(&relay(call, credential, &carried).await?);
    }
    let own = Own::of(call, link).await?;
    own.count_own(call, object, &link.waba_id)?;
    let mut relayed = relay(call, credential, &Carried::Nothing).await?;
    own.keep(&mut relayed.body, object, &call.place.edge);
    answered(&relayed)
}

/// Why an edge of the organization's own object is not asked for.
fn refusal(call: &Call, object: Object, edge: &str) -> GraphError {
    let word = edge.split('/').next().unwrap_or_default();
    match (object, word) {
        (Object::Account, "subscribed_apps") => GraphError::not_yours(
            "wazapp hears of this account, and would hear no more of it. Disconnect its numbers instead.",
        ),
        (Object::Number, "marketing_messages") => {
            GraphError::not_yours("Send marketing templates to /messages: that is the queue that wazapp keeps.")
        }
        _ if ELSEWHERE.contains(&(object, word)) => GraphError::not_yours(
            "wazapp does not carry this edge of Meta's API. Call graph.facebook.com with a token of your own for it.",
        ),
        _ if allows_edge(object, edge) || edge.is_empty() => call.no_such_object(),
        _ => GraphError::unknown_path(&call.place.words().join("/")),
    }
}

/// A portfolio's accounts, of which only the organization's are shown.
async fn accounts(call: &mut Call) -> Result<Response, GraphError> {
    if call.method != Method::GET {
        return Err(call.no_such_object());
    }
    let links = call.links().await?;
    let any = links.first().ok_or_else(|| call.no_such_object())?;
    let own = Own::of(call, any).await?;
    own.count_own(call, Object::Portfolio, "")?;
    let First { mut shown, .. } = owned::first(call, &links, Ask::Call).await?;
    own.keep(&mut shown.body, Object::Portfolio, &call.place.edge);
    answered(&shown)
}

/// A template, a medium or a form that is the organization's.
async fn of_other(call: &mut Call, body: Body) -> Result<Response, GraphError> {
    let (edge, method) = (call.place.edge.as_str(), &call.method);
    let as_media = edge.is_empty() && [Method::GET, Method::DELETE].contains(method);
    let known = as_media || [Object::Template, Object::Flow].iter().any(|object| allows(*object, edge, method));
    if !known {
        return Err(call.no_such_object());
    }
    let Owned { kind, link, credential, shown } = owned::find(call, &call.place.object).await?;
    match kind {
        Kind::Media if as_media => media::answer(call, &credential, shown).await,
        Kind::Object(object) if allows(object, edge, method) => {
            let changes = object == Object::Template && *method != Method::GET;
            let response = ask(call, &link, object, &credential, body).await?;
            if changes {
                templates::read_soon(call, &link.waba_id).await;
            }
            Ok(response)
        }
        _ => Err(call.no_such_object()),
    }
}
