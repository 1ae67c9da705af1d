//! `/endpoints`

pub(super) mod deliveries;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as Shared;
use bytes::Bytes;
use guard::{Guard, Target};
use http::{HeaderMap, Method, StatusCode};
use model::database::Tenant;
use model::delivery::{self, Delivery};
use model::endpoint::{
    self, CONCURRENCY, Endpoint, Format, Gathering, Headers, Mistake, Resume, State as Turned, Unfit, Wanted,
};
use model::page::Page;
use model::secret;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Caller;
use super::doubt;
use super::example;
use super::fields::{Body, Nothing, Query, Secret, Text, given};
use super::id::Id;
use super::language::Language;
use super::member::are_numbers;
use super::paging::{Part, page_of};
use super::refusals::{Always, BadBody, Conflict, Forbidden, Invalid, NotThere};
use crate::State;
use crate::problem::Problem;

/// List endpoints
///
/// All of them, oldest first, with how they do.
#[utoipa::path(
    get, path = "/endpoints", operation_id = "listEndpoints", tag = "Endpoints", params(Part),
    responses(
        (status = 200, description = "A page of endpoints.", body = Page<Endpoint>,
         example = json!(example::page(example::endpoint()))),
        Always, Forbidden, Invalid,
    ),
)]
pub(super) async fn list(caller: Caller, Query(part): Query<Part>) -> Result<Json<Page<Endpoint>>, Problem> {
    let tx = caller.begin().await?;
    let data = endpoint::list(&tx).await?;
    tx.close();
    Ok(Json(page_of(data, part.limit, part.cursor)))
}

/// Read an endpoint
#[utoipa::path(
    get, path = "/endpoints/{id}", operation_id = "getEndpoint", tag = "Endpoints",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    responses(
        (status = 200, description = "The endpoint.", body = Endpoint, example = json!(example::endpoint())),
        Always, Forbidden, NotThere,
    ),
)]
pub(super) async fn get(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<Endpoint>, Problem> {
    let tx = caller.begin().await?;
    let found = endpoint::get(&tx, id).await?.ok_or_else(not_there)?;
    tx.close();
    Ok(Json(found))
}

fn not_there() -> Problem {
    Problem::not_there("endpoint")
}

/// A body with members of its own, and all that may be said of any endpoint.
macro_rules! said {
    ($(#[doc = $about:literal])+ #[schema($($schema:tt)*)] $name:ident { $($own:tt)* }) => {
        $(#[doc = $about])+
        #[derive(Debug, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[schema($($schema)*)]
        pub(super) struct $name {
            $($own)*
            /// Only what is of these numbers, by `id`; null: of all.
            #[serde(default, deserialize_with = "given")]
            #[schema(value_type = Option<Vec<Uuid>>)]
            number_ids: Option<Option<Vec<Uuid>>>,
            /// Further headers by name, such as `Authorization`. What they say is sealed, and never shown.
            #[serde(default, deserialize_with = "given")]
            #[schema(value_type = BTreeMap<String, String>)]
            headers: Option<BTreeMap<String, String>>,
            /// What people call it.
            #[serde(default, deserialize_with = "given")]
            #[schema(value_type = String, max_length = 200)]
            description: Option<Text<200>>,
            /// Calls a second, 1 to 1000; null: as many as there are.
            #[serde(default, deserialize_with = "given")]
            #[schema(value_type = Option<i32>)]
            rate: Option<Option<i32>>,
            /// Calls under way at once, 1 to 64; 8 if left out.
            #[serde(default, deserialize_with = "given")]
            #[schema(value_type = i16)]
            concurrency: Option<i16>,
            /// Whether of each conversation one is told at a time, in order: what fails holds up what comes behind it.
            #[serde(default, deserialize_with = "given")]
            #[schema(value_type = bool)]
            in_order: Option<bool>,
            /// Events of a conversation that come together are told in one call, as `{"type": "events", "events": […]}`; null: each by
            /// itself.
            #[serde(default, deserialize_with = "given")]
            #[schema(value_type = Option<Gathering>)]
            gather: Option<Option<Gathering>>,
        }

        impl $name {
            fn said(&mut self) -> Said {
                Said {
                    number_ids: self.number_ids.take(),
                    headers: self.headers.take(),
                    description: self.description.take(),
                    rate: self.rate.take(),
                    concurrency: self.concurrency.take(),
                    in_order: self.in_order.take(),
                    gather: self.gather.take(),
                }
            }
        }
    };
}

said! {
    /// An endpoint to make.
    #[schema(example = json!({"url": "https://example.com/hook", "format": "wazapp", "kinds": ["message.*"]}))]
    NewEndpoint {
        /// What is called, by `https://`.
        #[schema(value_type = String, max_length = 2048)]
        url: Text<2048>,
        /// `wazapp`: the event as JSON, signed as Standard Webhooks has it. `meta`: Meta's own bodies, signed as Meta signs them.
        format: Format,
        /// Of format `meta`: the endpoint is asked to prove itself with this word first, as Meta asks (`hub.challenge`). Left out: it
        /// is not asked.
        #[serde(default, deserialize_with = "given")]
        #[schema(value_type = String)]
        verify_token: Option<Secret>,
        /// Types of events, such as `message.received` or `message.*`; of format `meta` Meta's fields. Null: all. Left out:
        /// `message.received`, of format `meta` all.
        #[serde(default, deserialize_with = "given")]
        #[schema(value_type = Option<Vec<String>>)]
        kinds: Option<Option<Vec<String>>>,
    }
}

/// What may be said of an endpoint, new or not; what is `None` was not said.
struct Said {
    number_ids: Option<Option<Vec<Uuid>>>,
    headers: Option<BTreeMap<String, String>>,
    description: Option<Text<200>>,
    rate: Option<Option<i32>>,
    concurrency: Option<i16>,
    in_order: Option<bool>,
    gather: Option<Option<Gathering>>,
}

impl Said {
    fn headers(&self) -> Result<Option<Headers>, Problem> {
        let Some(said) = &self.headers else { return Ok(None) };
        let headers: Headers = said.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        endpoint::check_headers(&headers).map_err(|mistake| refused(&mistake))?;
        Ok(Some(headers))
    }

    /// What is said, in the place of what stood there.
    fn over(self, before: Wanted) -> Wanted {
        Wanted {
            number_ids: self.number_ids.unwrap_or(before.number_ids),
            description: self.description.map_or(before.description, |text| text.0),
            rate: self.rate.unwrap_or(before.rate),
            concurrency: self.concurrency.unwrap_or(before.concurrency),
            in_order: self.in_order.unwrap_or(before.in_order),
            gather: self.gather.unwrap_or(before.gather),
            ..before
        }
    }
}

fn refused(mistake: &Mistake) -> Problem {
    Problem::invalid(format!("The field {mistake}."))
}

fn unfit(unfit: Unfit) -> Problem {
    match unfit {
        Unfit::Wrong(mistake) => refused(&mistake),
        Unfit::TooMany => Problem::conflict(format!(
            "Your organization has {} endpoints, which is the most. Delete one that is not needed any more.",
            endpoint::MOST
        )),
        Unfit::NoNumber(id) => match are_numbers(&[id]) {
            Err(problem) => problem,
            Ok(()) => Problem::internal(),
        },
    }
}

/// A URL that may be called, as far as can be told now.
async fn target(guard: &Guard, url: &str) -> Result<Target, Problem> {
    let target =
        Target::read(url, guard.allowed()).map_err(|why| Problem::invalid(format!("The field `url` {why}.")))?;
    match guard.resolve(&target).await {
        Err(guard::Failing::Private) => Err(Problem::invalid(
            "The field `url` names a host that stands for no public address. Endpoints must be on the public Internet; others \
             are allowed by whoever runs this server (`allow_targets`).",
        )),
        // A name may be unknown for a moment, or not yet known.
        _ => Ok(target),
    }
}

/// Asks an endpoint to prove itself, as Meta does.
/// <https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests>
async fn handshake(guard: &Guard, target: &Target, token: &SecretString) -> Result<(), Problem> {
    let mut random = [0; 8];
    secret::random(&mut random).map_err(|_| Problem::internal())?;
    let challenge = u64::from_le_bytes(random).to_string();
    let asked = target.with_query(&[
        ("hub.mode", "subscribe"),
        ("hub.challenge", &challenge),
        ("hub.verify_token", token.expose_secret()),
    ]);
    let why = match guard.call(Method::GET, &asked, HeaderMap::new(), Bytes::new()).await {
        Ok(answer) if answer.status.is_success() && answer.body.trim_ascii() == challenge.as_bytes() => return Ok(()),
        Ok(answer) if answer.status.is_success() => "it answered something else than `hub.challenge`".to_owned(),
        Ok(answer) => format!("it answered {}", answer.status.as_u16()),
        Err(failing) => failing.to_string(),
    };
    Err(Problem::invalid(format!(
        "The endpoint did not prove itself: {why}. It must answer GET with `hub.challenge` when `hub.verify_token` is its own. \
         Leave out `verify_token` if it takes no such request."
    )))
}

/// An endpoint with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MadeEndpoint {
    #[serde(flatten)]
    #[schema(inline)]
    made: Endpoint,
    /// What calls are signed with; it is shown here and never again.
    secret: String,
}

/// Make an endpoint
///
/// It is told what happens from now on: at least once, for at least three days. Answers its secret, once.
#[utoipa::path(
    post, path = "/endpoints", operation_id = "createEndpoint", tag = "Endpoints", request_body = NewEndpoint,
    responses(
        (status = 201, description = "The endpoint, with its secret.", body = MadeEndpoint,
         example = json!(example::made_endpoint())),
        Always, Forbidden, BadBody, Invalid, Conflict,
    ),
)]
pub(super) async fn create(
    caller: Caller,
    Shared(state): Shared<State>,
    language: Language,
    _: Query<Nothing>,
    Body(mut new): Body<NewEndpoint>,
) -> Result<(StatusCode, Json<MadeEndpoint>), Problem> {
    let said = new.said();
    let headers = said.headers()?.unwrap_or_default();
    let target = target(&state.guard, &new.url.0).await?;
    let wanted = said.over(Wanted {
        url: target.as_str().to_owned(),
        kinds: new.kinds.take().unwrap_or_else(|| new.format.usual_kinds()),
        number_ids: None,
        description: String::new(),
        rate: None,
        concurrency: CONCURRENCY,
        in_order: false,
        gather: None,
    });
    match (&new.verify_token, new.format) {
        (Some(Secret(token)), Format::Meta) => handshake(&state.guard, &target, token).await?,
        (Some(_), Format::Wazapp) => {
            return Err(Problem::invalid("The field `verify_token` goes with format `meta` alone."));
        }
        (None, _) => {}
    }
    let tx = caller.begin_act().await?;
    let made = endpoint::create(&tx, caller.now(), &state.keyring, new.format, &wanted, &headers).await?;
    let (made, secret) = made.map_err(unfit)?;
    tx.commit(made.made()).await.map_err(|error| {
        let (en, es) = (
            "`GET /endpoints` lists all endpoints: delete it if it is there.",
            "`GET /endpoints` lista todos los endpoints: bórralo si está.",
        );
        doubt::look_first(error, language, en, es)
    })?;
    Ok((StatusCode::CREATED, Json(MadeEndpoint { made, secret: secret.expose_secret().to_owned() })))
}

said! {
    /// What to change about an endpoint; what is left out stays as it is.
    #[schema(example = json!({"state": "on", "resume": "gap"}))]
    EndpointChange {
        /// What is called, by `https://`.
        #[serde(default, deserialize_with = "given")]
        #[schema(value_type = String, max_length = 2048)]
        url: Option<Text<2048>>,
        /// Types of events; of format `meta` Meta's fields. Null: all.
        #[serde(default, deserialize_with = "given")]
        #[schema(value_type = Option<Vec<String>>)]
        kinds: Option<Option<Vec<String>>>,
        /// Whether it is called: `on` or `off`.
        #[serde(default, deserialize_with = "given")]
        #[schema(value_type = Turned)]
        state: Option<Turned>,
        /// Of what it did not hear while it was off: `gap`, it is told now; `now`, it is told what happens from now on. `gap` if left
        /// out.
        #[serde(default, deserialize_with = "given")]
        #[schema(value_type = Resume)]
        resume: Option<Resume>,
    }
}

/// Change an endpoint
///
/// Also turns it on or off. What happens while it is off is its gap: it is told when the endpoint is turned on again, unless you say
/// otherwise (`resume`).
#[utoipa::path(
    patch, path = "/endpoints/{id}", operation_id = "changeEndpoint", tag = "Endpoints",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    request_body = EndpointChange,
    responses(
        (status = 200, description = "The endpoint as it is now.", body = Endpoint, example = json!(example::endpoint())),
        Always, Forbidden, NotThere, BadBody, Invalid,
    ),
)]
pub(super) async fn change(
    caller: Caller,
    Shared(state): Shared<State>,
    Id(id): Id,
    _: Query<Nothing>,
    Body(mut change): Body<EndpointChange>,
) -> Result<Json<Endpoint>, Problem> {
    if change.state == Some(Turned::Gone) {
        return Err(Problem::invalid("The field `state` must be `on` or `off`."));
    }
    if change.resume.is_some() && change.state != Some(Turned::On) {
        return Err(Problem::invalid("The field `resume` goes with `\"state\": \"on\"` alone."));
    }
    let said = change.said();
    let headers = said.headers()?;
    let url = match &change.url {
        Some(url) => Some(target(&state.guard, &url.0).await?.as_str().to_owned()),
        None => None,
    };
    let turn = change.state.map(|state| (state, change.resume.unwrap_or_default()));
    let tx = caller.begin_act().await?;
    let edit = |before| {
        let wanted = said.over(before);
        Wanted { url: url.unwrap_or(wanted.url), kinds: change.kinds.unwrap_or(wanted.kinds), ..wanted }
    };
    let changed = endpoint::change(&tx, caller.now(), &state.keyring, id, edit, headers.as_ref(), turn).await?;
    let (before, after) = changed.ok_or_else(not_there)?.map_err(unfit)?;
    tx.commit(after.changed(&before)).await.map_err(Problem::repeatable)?;
    Ok(Json(after))
}

/// Delete an endpoint
///
/// It is called no more, and what waits for it is forgotten.
#[utoipa::path(
    delete, path = "/endpoints/{id}", operation_id = "deleteEndpoint", tag = "Endpoints",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    responses(
        (status = 200, description = "The endpoint, as it was.", body = Endpoint, example = json!(example::endpoint())),
        Always, Forbidden, NotThere,
    ),
)]
pub(super) async fn delete(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<Endpoint>, Problem> {
    let tx = caller.begin_act().await?;
    let ended = endpoint::delete(&tx, id).await?.ok_or_else(not_there)?;
    tx.commit(ended.ended()).await.map_err(Problem::repeatable)?;
    Ok(Json(ended))
}

/// Make an endpoint another secret
///
/// Answers it, once. For 24 hours calls are signed with the one before too: in format `wazapp` each carries both signatures, in
/// format `meta` every other try is signed with the one before.
#[utoipa::path(
    post, path = "/endpoints/{id}/secret", operation_id = "rotateEndpointSecret", tag = "Endpoints",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    responses(
        (status = 200, description = "The endpoint, with its new secret.", body = MadeEndpoint,
         example = json!(example::made_endpoint())),
        Always, Forbidden, NotThere,
    ),
)]
pub(super) async fn rotate(
    caller: Caller,
    Shared(state): Shared<State>,
    language: Language,
    Id(id): Id,
    _: Query<Nothing>,
) -> Result<Json<MadeEndpoint>, Problem> {
    let tx = caller.begin_act_beyond().await?;
    let rotated = endpoint::any_organization_rotate(&tx, caller.now(), &state.keyring, caller.scope(), id).await?;
    let (made, secret) = rotated.ok_or_else(not_there)?;
    tx.commit(made.rotated()).await.map_err(|error| {
        let (en, es) = ("make another one if you did not get it.", "haz otro si no lo recibiste.");
        doubt::look_first(error, language, en, es)
    })?;
    Ok(Json(MadeEndpoint { made, secret: secret.expose_secret().to_owned() }))
}

/// Try an endpoint out
///
/// It is told of something that never happened (`endpoint.test`; in format `meta` Meta's own test body). `GET /deliveries/{id}` says
/// what came of it.
#[utoipa::path(
    post, path = "/endpoints/{id}/test", operation_id = "testEndpoint", tag = "Endpoints",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    responses(
        (status = 202, description = "The delivery.", body = Delivery, example = json!(example::delivery())),
        Always, Forbidden, NotThere, Conflict,
    ),
)]
pub(super) async fn test(
    caller: Caller,
    Id(id): Id,
    _: Query<Nothing>,
) -> Result<(StatusCode, Json<Delivery>), Problem> {
    let tx = caller.begin_act().await?;
    let endpoint = is_on(&tx, id).await?;
    let made = delivery::test(&tx, caller.now(), id).await?;
    tx.commit(endpoint.told_again(json!({ "test": made.id }))).await.map_err(Problem::repeatable)?;
    Ok((StatusCode::ACCEPTED, Json(made)))
}

/// An endpoint that is called now.
pub(super) async fn is_on(tx: &Tenant, id: Uuid) -> Result<Endpoint, Problem> {
    let endpoint = endpoint::get(tx, id).await?.ok_or_else(not_there)?;
    match endpoint.state {
        Turned::On => Ok(endpoint),
        Turned::Off | Turned::Gone => Err(Problem::conflict(
            "The endpoint is not called now. Turn it on first: `PATCH` with `{\"state\": \"on\"}`.",
        )),
    }
}
