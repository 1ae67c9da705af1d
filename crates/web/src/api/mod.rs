//! API v1: JSON for programs, one file a noun.

mod caller;
mod connection;
mod contact;
mod conversation;
mod cost;
mod docs;
mod doubt;
mod event;
mod example;
mod fields;
mod id;
mod language;
mod led;
mod me;
mod media;
mod merge;
mod message;
mod number;
mod paging;
mod price;
mod receipt;
mod refusals;
mod send;
mod shown;
mod status;
mod template;
mod upload;

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::future::ready;

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get};
use axum::{Json, Router};
use http::Uri;
use http::header::{CACHE_CONTROL, HeaderValue, VARY};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::problem::{self, Problem};

pub use receipt::Typing;

/// The longest body the API reads.
const BODY_LIMIT: usize = 64 * 1024;

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
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(header(CACHE_CONTROL, "no-store"))
        .layer(SetResponseHeaderLayer::appending(VARY, HeaderValue::from_static("Authorization")))
        .merge(docs::routes())
        .with_state(state)
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
    document.components.get_or_insert_default().add_security_scheme("api_key", SecurityScheme::Http(key.build()));
    document
}

fn operations() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(conversation::list))
        .routes(routes!(conversation::get, conversation::change))
        .routes(routes!(receipt::read))
        .routes(routes!(receipt::typing))
        .routes(routes!(conversation::messages, send::to_conversation))
        .routes(routes!(message::find, send::to_recipient))
        .routes(routes!(message::get, send::cancel))
        .routes(routes!(message::statuses))
        .routes(routes!(status::find))
        .routes(routes!(media::get))
        .routes(routes!(media::content))
        .routes(routes!(media::thumbnail))
        .routes(routes!(media::retry))
        .routes(routes!(contact::list))
        .routes(routes!(contact::get, contact::change))
        .routes(routes!(merge::list))
        .routes(routes!(merge::undo))
        .routes(routes!(template::list, template::create))
        .routes(routes!(template::syncs, template::sync_now))
        .routes(routes!(template::get, template::change, template::delete))
        .routes(routes!(number::list, number::create))
        .routes(routes!(number::get, number::delete))
        .routes(routes!(number::token))
        .routes(routes!(number::resume))
        .routes(routes!(number::clear_callback))
        .routes(routes!(connection::list, connection::create))
        .routes(routes!(connection::get, connection::join))
        .routes(routes!(connection::retry))
        .routes(routes!(cost::count))
        .routes(routes!(price::read, price::set))
        .routes(routes!(upload::create))
        .routes(routes!(event::list))
        .routes(routes!(event::follow))
        .routes(routes!(me::get))
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "wazapp API", version = "v1"),
    components(schemas(problem::Details, problem::Mistake, model::outbox::Template)),
    security(("api_key" = [])),
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
