//! API v1: JSON for programs, one file a noun.

mod api_key;
mod audit;
mod block;
mod caller;
mod connection;
mod contact;
mod conversation;
mod cost;
mod delivery;
mod docs;
mod doubt;
mod endpoint;
mod event;
mod example;
mod fields;
mod id;
mod invitation;
pub(crate) mod language;
mod led;
mod me;
mod media;
mod member;
mod merge;
mod message;
mod number;
mod number_change;
mod operator;
mod organization;
mod own;
mod paging;
mod price;
mod queued;
mod receipt;
mod refusals;
mod sample;
mod send;
mod send_batch;
mod send_headers;
pub(crate) mod shown;
mod status;
mod team;
mod template;
pub(crate) mod upload;

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::future::ready;

use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Json, Router};
use http::Uri;
use http::header::{CACHE_CONTROL, HeaderValue, VARY};
use model::act::Act;
use serde_json::json;
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, PathItem, Paths};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::problem::{self, Problem};
use crate::{State, cookie};

pub(crate) use caller::{keyless, presented};
pub use receipt::Typing;

/// The longest body the API reads.
const BODY_LIMIT: usize = 64 * 1024;

/// The same of a body that holds many messages.
const BATCH_LIMIT: usize = 4 * 1024 * 1024;

const BASE: &str = "/api/v1";

/// The API with its OpenAPI document, and the page that shows it.
pub fn router(state: State) -> Router {
    let header = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    let document = openapi();
    let led = axum::middleware::from_fn_with_state(state.clone(), led::to_survivor);
    let api = Router::from(operations())
        .layer(led)
        .route("/openapi.json", get(move || ready(Json(document))))
        .fallback(async |uri| Problem::no_such_path(&whole(&uri)))
        .method_not_allowed_fallback(async |method, uri| Problem::no_such_method(&method, &whole(&uri)));
    // A nested router does not get its own path with a slash at the end.
    let slashed = format!("{BASE}/");
    let no_such_path = async |uri: Uri| Problem::no_such_path(uri.path());
    Router::new()
        .nest(BASE, api)
        .route(&slashed, any(no_such_path))
        .layer(csrf(&state))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(header(CACHE_CONTROL, "no-store"))
        .layer(SetResponseHeaderLayer::appending(VARY, HeaderValue::from_static("Authorization")))
        .merge(docs::routes())
        .with_state(state)
}

/// A browser asks from a page of ours.
fn csrf(state: &State) -> CsrfLayer<fn(ProtectionError) -> Response> {
    let refused: fn(ProtectionError) -> Response = |_| {
        Problem::forbidden("This request comes from another site's page, and carries a session. Nothing was done.")
            .into_response()
    };
    let layer = match CsrfLayer::new().add_trusted_origin(&state.public_url) {
        Ok(trusting) => trusting,
        // Of an address that is no origin, the request's own host has to do.
        Err(_) => CsrfLayer::new(),
    };
    layer.with_rejection_response(refused)
}

/// A nested router sees the path behind its prefix only.
fn whole(uri: &Uri) -> String {
    format!("{BASE}{}", uri.path())
}

/// The OpenAPI document, generated from the operations.
pub fn openapi() -> OpenApi {
    let mut document = Document::openapi().nest(BASE, operations().into_openapi());
    document.info.description = Some(introduction());
    let key = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("wz_…")
        .description(Some("An API key; `wazapp key create --org O` makes one."));
    let session = ApiKeyValue::with_description(
        cookie::session_name(),
        "What a browser holds once somebody is signed in; `wazapp` where the server is reached by HTTP on loopback."
            .to_owned(),
    );
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("api_key", SecurityScheme::Http(key.build()));
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    document
}

/// Every operation, and the act that it is.
fn operations() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(may(Act::Read, routes!(conversation::list)))
        .routes(may(Act::Read, routes!(conversation::get)))
        .routes(may(Act::ChangeConversation, routes!(conversation::change)))
        .routes(may(Act::Send, routes!(receipt::read)))
        .routes(may(Act::Send, routes!(receipt::typing)))
        .routes(may(Act::BlockContact, routes!(block::block, block::unblock)))
        .routes(may(Act::Read, routes!(conversation::messages)))
        .routes(may(Act::Send, routes!(send::to_conversation)))
        .routes(may(Act::Read, routes!(message::list)))
        .routes(may(Act::Send, routes!(send::to_recipient)))
        .routes(may(Act::Send, routes!(send_batch::to_recipients)).layer(DefaultBodyLimit::max(BATCH_LIMIT)))
        .routes(may(Act::Read, routes!(message::get)))
        .routes(may(Act::Send, routes!(queued::change)))
        .routes(may(Act::Send, routes!(queued::cancel)))
        .routes(may(Act::Read, routes!(message::statuses)))
        .routes(may(Act::Read, routes!(status::find)))
        .routes(may(Act::Read, routes!(media::get)))
        .routes(may(Act::Read, routes!(media::content)))
        .routes(may(Act::Read, routes!(media::thumbnail)))
        .routes(may(Act::Send, routes!(media::retry)))
        .routes(may(Act::Read, routes!(contact::list)))
        .routes(may(Act::Read, routes!(contact::get)))
        .routes(may(Act::ChangeContact, routes!(contact::change)))
        .routes(may(Act::Read, routes!(merge::list)))
        .routes(may(Act::UndoMerge, routes!(merge::undo)))
        .routes(may(Act::Read, routes!(template::list)))
        .routes(may(Act::ManageTemplates, routes!(template::create)))
        .routes(may(Act::Read, routes!(template::syncs)))
        .routes(may(Act::ManageTemplates, routes!(template::sync_now)))
        .routes(may(Act::Read, routes!(template::get)))
        .routes(may(Act::ManageTemplates, routes!(template::change)))
        .routes(may(Act::ManageTemplates, routes!(template::delete)))
        .routes(may(Act::Read, routes!(number::list)))
        .routes(may(Act::ManageNumbers, routes!(number::create)))
        .routes(may(Act::Read, routes!(number::get)))
        .routes(may(Act::ManageNumbers, routes!(number_change::change)))
        .routes(may(Act::ManageNumbers, routes!(number::delete)))
        .routes(may(Act::ManageNumbers, routes!(number::token)))
        .routes(may(Act::ManageNumbers, routes!(number::resume)))
        .routes(may(Act::ManageNumbers, routes!(number::clear_callback)))
        .routes(may(Act::ManageNumbers, routes!(connection::list)))
        .routes(may(Act::ManageNumbers, routes!(connection::create)))
        .routes(may(Act::ManageNumbers, routes!(connection::get)))
        .routes(may(Act::ManageNumbers, routes!(connection::join)))
        .routes(may(Act::ManageNumbers, routes!(connection::retry)))
        .routes(may(Act::ReadCosts, routes!(cost::count)))
        .routes(may(Act::ReadCosts, routes!(price::read)))
        .routes(may(Act::SetPrices, routes!(price::set)))
        .routes(may(Act::Send, routes!(upload::create)))
        .routes(may(Act::Read, routes!(event::list)))
        .routes(may(Act::Read, routes!(event::follow)))
        .routes(may(Act::Read, routes!(sample::list)))
        .routes(may(Act::Read, routes!(me::get)))
        .routes(may(Act::ReadMembers, routes!(member::list)))
        .routes(may(Act::ManageMembers, routes!(member::change)))
        .routes(may(Act::ManageMembers, routes!(member::remove)))
        .routes(may(Act::ManageMembers, routes!(invitation::list)))
        .routes(may(Act::ManageMembers, routes!(invitation::create)))
        .routes(may(Act::ManageMembers, routes!(invitation::revoke)))
        .routes(may(Act::ReadMembers, routes!(team::list)))
        .routes(may(Act::ManageTeams, routes!(team::create)))
        .routes(may(Act::ManageTeams, routes!(team::change)))
        .routes(may(Act::ManageTeams, routes!(team::delete)))
        .routes(may(Act::ManageEndpoints, routes!(endpoint::list)))
        .routes(may(Act::ManageEndpoints, routes!(endpoint::create)))
        .routes(may(Act::ManageEndpoints, routes!(endpoint::get)))
        .routes(may(Act::ManageEndpoints, routes!(endpoint::change)))
        .routes(may(Act::ManageEndpoints, routes!(endpoint::delete)))
        .routes(may(Act::ManageEndpoints, routes!(endpoint::rotate)))
        .routes(may(Act::ManageEndpoints, routes!(endpoint::test)))
        .routes(may(Act::ManageEndpoints, routes!(endpoint::deliveries::replay)))
        .routes(may(Act::ManageEndpoints, routes!(endpoint::deliveries::deliveries)))
        .routes(may(Act::ManageEndpoints, routes!(delivery::get)))
        .routes(may(Act::ManageEndpoints, routes!(delivery::retry)))
        .routes(may(Act::ManageKeys, routes!(api_key::list)))
        .routes(may(Act::ManageKeys, routes!(api_key::create)))
        .routes(may(Act::ManageKeys, routes!(api_key::revoke)))
        .routes(may(Act::ReadAudit, routes!(audit::list)))
        .routes(may(Act::ManageOrganization, routes!(own::change)))
        .routes(by_operator(routes!(organization::list, organization::create)))
        .routes(by_operator(routes!(organization::change)))
        .routes(by_operator(routes!(organization::enter)))
}

/// Of whoever asks for one of these, the act is asked for first; the document says it too.
fn may(act: Act, (schemas, paths, methods): UtoipaMethodRouter<State>) -> UtoipaMethodRouter<State> {
    (schemas, said(paths, act.word()), methods.layer(Extension(act)))
}

/// What only whoever runs the server may, and no key.
fn by_operator((schemas, paths, methods): UtoipaMethodRouter<State>) -> UtoipaMethodRouter<State> {
    let mut paths = said(paths, "server");
    for operation in operations_of(&mut paths) {
        operation.security = Some(vec![SecurityRequirement::new(SESSION, [""; 0])]);
    }
    (schemas, paths, methods)
}

fn said(mut paths: Paths, act: &str) -> Paths {
    for operation in operations_of(&mut paths) {
        let said = [(ACT, json!(act))].into_iter().collect();
        operation.extensions.get_or_insert_default().merge(said);
    }
    paths
}

fn operations_of(paths: &mut Paths) -> impl Iterator<Item = &mut Operation> {
    fn all(path: &mut PathItem) -> [&mut Option<Operation>; 5] {
        [&mut path.get, &mut path.put, &mut path.post, &mut path.delete, &mut path.patch]
    }
    paths.paths.values_mut().flat_map(all).flatten()
}

/// How the document calls what a signed-in browser holds.
const SESSION: &str = "session";

/// Where the document says which act an operation is.
const ACT: &str = "x-act";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "wazapp API", version = "v1"),
    components(schemas(problem::Details, problem::Mistake, model::outbox::Template)),
    security(("api_key" = []), ("session" = [])),
    tags(
        (name = "Conversations", description = "The threads of your numbers and your contacts."),
        (name = "Messages", description = "What was said, and what became of it."),
        (name = "Media", description = "The files that messages carry."),
        (name = "Contacts", description = "The people who write, as your organization knows them."),
        (name = "Templates", description = "What may be sent to someone who has not written within 24 hours."),
        (name = "Numbers", description = "Your organization's WhatsApp numbers."),
        (name = "Connections", description = "Attempts to connect or disconnect a number, step by step."),
        (name = "Costs", description = "What sending costs."),
        (name = "Events", description = "Everything that happened, in order."),
        (name = "Endpoints", description = "Your programs that are told what happens."),
        (name = "Members", description = "Who works in your organization, as what, and in which teams."),
        (name = "Keys", description = "The API keys of your organization."),
        (name = "Audit", description = "Who did what."),
        (name = "Server", description = "What whoever runs the server does, signed in."),
        (name = "Me", description = "Who the API key stands for."),
    ),
)]
struct Document;

/// What holds for every operation.
fn introduction() -> String {
    let mut text = String::from(INTRODUCTION);
    for kind in problem::KINDS {
        let (status, name) = (kind.status.as_u16(), kind.name);
        writeln!(text, "| {status} | `/docs#{name}` | {} |", kind.title).expect("a String takes what is written");
    }
    text
}

const INTRODUCTION: &str = "\
Read your organization's WhatsApp conversations, messages, contacts and events, and send messages.

```
curl -H \"Authorization: Bearer $WAZAPP_KEY\" \"$WAZAPP_URL/api/v1/conversations?state=active&limit=20\"
```

**Key.** Every request carries `Authorization: Bearer wz_…`. A key opens the rows of one organization; what belongs to \
another is not there: 404.

**Lists** answer `{\"data\": […], \"next_cursor\": …}`. Send `next_cursor` as `cursor` for the next page; it is null at the \
end. Rows that arrive meanwhile neither repeat nor hide others.

**Values.** Ids are UUIDs, in order of creation. Times are RFC 3339 in UTC. Fields, event types and message types are \
added as time goes by: ignore those you do not know. Query parameters and fields that wazapp does not know are refused.

**Problems** are `application/problem+json` (RFC 9457): `type` is for programs, `detail` says what happened and what to do.

| status | type | title |
|---|---|---|
";
