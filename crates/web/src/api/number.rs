//! `/numbers`

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::act::Act;
use model::audit::Deed;
use model::connection::{self, Connection, How, New, Wishes};
use model::link::{self, By};
use model::number::{self, Number};
use model::page::Page;
use model::trouble::Trouble;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use whatsapp::graph::{Credential, Failure};

use super::caller::Caller;
use super::connection::{Session, app, conclude, in_doubt, may_set_webhook};
use super::example;
use super::fields::{Body, Flag, MetaId, Nothing, Pin, Query, Secret, given};
use super::id::Id;
use super::language::Language;
use super::paging::{Part, page_of};
use super::refusals::{Always, BadBody, Conflict, Invalid, NotThere, NumberRefused, OverQuota};
use crate::problem::Problem;

/// List numbers
///
/// Your organization's WhatsApp numbers, oldest first; also those that are disconnected.
#[utoipa::path(
    get, path = "/numbers", operation_id = "listNumbers", tag = "Numbers", params(Part),
    responses(
        (status = 200, description = "A page of numbers.", body = Page<Number>,
         example = json!(example::page(example::number()))),
        Always, Invalid,
    ),
)]
pub(super) async fn list(
    caller: Caller,
    State(state): State<crate::State>,
    Query(part): Query<Part>,
) -> Result<Json<Page<Number>>, Problem> {
    let tx = caller.begin().await?;
    let data = number::list(&tx, state.clock.now()).await?;
    tx.close();
    Ok(Json(page_of(data, part.limit, part.cursor)))
}

/// Get a number
#[utoipa::path(
    get, path = "/numbers/{id}", operation_id = "getNumber", tag = "Numbers",
    params(("id" = Uuid, Path, description = "The number's id.")),
    responses(
        (status = 200, description = "The number.", body = Number, example = json!(example::number())),
        Always, NotThere,
    ),
)]
pub(super) async fn get(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    _: Query<Nothing>,
) -> Result<Json<Number>, Problem> {
    let tx = caller.begin().await?;
    let (number, _) = number::get(&tx, id, state.clock.now()).await?.ok_or_else(not_there)?;
    tx.close();
    Ok(Json(number))
}

fn not_there() -> Problem {
    Problem::not_there("number")
}

/// A number as an attempt left it, and the attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NumberAndConnection {
    #[serde(flatten)]
    #[schema(inline)]
    pub(super) number: Number,
    /// What should be looked at, though it did not stop the attempt.
    pub(super) warnings: Vec<Trouble>,
    /// The attempt; null: there was nothing to do.
    pub(super) connection: Option<Connection>,
}

/// A number to connect: by its ids and a token, or by Meta's Embedded Signup.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone_number_id": "106540352242922", "waba_id": "102290129340398", "token": "EAAG…"}))]
pub(super) struct NewNumber {
    /// Meta's id of the number.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, example = "106540352242922")]
    phone_number_id: Option<MetaId>,
    /// Meta's id of its WhatsApp Business Account.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, example = "102290129340398")]
    waba_id: Option<MetaId>,
    /// The access token. No answer shows it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, write_only)]
    token: Option<Secret>,
    /// In the place of ids and token: what Meta's Embedded Signup gave.
    #[serde(default, deserialize_with = "given")]
    signup: Option<Signup>,
    /// The App that the number's webhooks come through, if it is not the server's own: one of your organization's, which
    /// `wazapp app add --org` makes known.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, example = "670843887433847")]
    app_id: Option<MetaId>,
    /// Six digits, for a number that is not registered with the Cloud API yet: its PIN, or the one that it gets.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, write_only)]
    pin: Option<Pin>,
    /// `true`: set the App's webhook subscription, where it lacks something. Of your organization's own App alone.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    set_webhook: Option<bool>,
    /// `true`: have the webhooks of this number and its account come here, whatever the App's callback, the account's or the
    /// number's own is.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    override_callback: Option<bool>,
}

/// What Meta's Embedded Signup gave.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Signup {
    /// The code. It is good once, and for 30 seconds.
    #[schema(value_type = String, write_only)]
    code: Secret,
    /// What the browser heard; it may also come later, by `PATCH /connections/{id}`.
    #[serde(default, deserialize_with = "given")]
    session: Option<Session>,
}

impl NewNumber {
    fn check(&self) -> Result<(), Problem> {
        let by_ids = [
            ("phone_number_id", self.phone_number_id.is_some()),
            ("waba_id", self.waba_id.is_some()),
            ("token", self.token.is_some()),
        ];
        let wrong = by_ids.iter().find(|(_, there)| *there == self.signup.is_some());
        match (wrong, &self.signup) {
            (None, _) => Ok(()),
            (Some((name, _)), None) => Err(Problem::malformed(format!(
                "The field `{name}` is missing. Send `phone_number_id`, `waba_id` and `token`, or `signup`."
            ))),
            (Some((name, _)), Some(_)) => Err(Problem::malformed(format!(
                "The field `{name}` does not go with `signup`, which brings its own. Send one or the other."
            ))),
        }
    }

    fn attempt<'a>(&'a self, app_id: Option<&'a str>) -> New<'a> {
        let how = if self.signup.is_some() { How::Signup } else { How::Token };
        let session = self.signup.as_ref().and_then(|signup| signup.session.as_ref());
        let id = |id: &'a Option<MetaId>| id.as_ref().map(|id| id.0.as_str());
        New {
            phone_number_id: id(&self.phone_number_id).or_else(|| session.and_then(Session::phone_number_id)),
            waba_id: id(&self.waba_id).or_else(|| session.map(Session::waba_id)),
            app_id,
            session_event: session.map(Session::event),
            wishes: Wishes {
                set_webhook: self.set_webhook == Some(true),
                override_callback: self.override_callback == Some(true),
                ..Wishes::default()
            },
            token: self.token.as_ref().map(|token| &token.0),
            code: self.signup.as_ref().map(|signup| &signup.code.0),
            pin: self.pin.as_ref().map(|pin| &pin.0),
            ..New::of(how)
        }
    }
}

/// Connect a number
///
/// Asks Meta about the token, the number and its account, claims the number, and lets Meta's webhooks come here: step by
/// step. Answers when it is done, refused, or after 25 seconds; then `GET /connections/{id}` tells how it goes on. A sign-up
/// whose session is still to come is answered at once, so that `PATCH /connections/{id}` can add it. A number that your
/// organization had before goes on with its history; one that it has now gets the new token.
#[utoipa::path(
    post, path = "/numbers", operation_id = "connectNumber", tag = "Numbers", request_body = NewNumber,
    responses(
        (status = 201, description = "The number is connected.", body = NumberAndConnection,
         example = json!(example::number_and_connection())),
        (status = 202, description = "It is still under way.", body = Connection, example = json!(example::connection())),
        Always, BadBody, NumberRefused, OverQuota,
    ),
)]
pub(super) async fn create(
    caller: Caller,
    State(state): State<crate::State>,
    language: Language,
    _: Query<Nothing>,
    Body(wanted): Body<NewNumber>,
) -> Result<Response, Problem> {
    caller.sees_all("connecting a number")?;
    wanted.check()?;
    let app_id = app(&caller, &state, wanted.app_id.as_ref()).await?;
    if wanted.set_webhook == Some(true) {
        may_set_webhook(&caller, &state, app_id.as_deref(), language)?;
    }
    let begun = begin(&caller, &state, &wanted.attempt(app_id.as_deref()), language).await?;
    conclude(&caller, &state, language, begun, StatusCode::CREATED).await
}

async fn begin(
    caller: &Caller,
    state: &crate::State,
    new: &New<'_>,
    language: Language,
) -> Result<Connection, Problem> {
    let tx = caller.begin_act().await?;
    let begun = connection::begin(&tx, &state.keyring, state.clock.now(), new).await;
    let begun = begun.map_err(|error| language.problem(error))?;
    tx.commit(begun.begun()).await.map_err(|error| in_doubt(error, begun.id, language))?;
    state.connecting.queued();
    Ok(begun)
}

/// How to disconnect a number.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Leaving {
    /// `true`: also take it off the Cloud API at Meta. A number that is shared with the WhatsApp Business app never is.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<bool>)]
    deregister: Option<Flag>,
    /// `true`: leave the App subscribed to the account's webhooks.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<bool>)]
    keep_subscription: Option<Flag>,
}

/// Disconnect a number
///
/// Ends at once what comes in and goes out by it, and forgets its token; its history stays, and it can be connected again.
/// Then Meta is told, unless another number of the same account is still connected here. What Meta has against that is in
/// `warnings`: the number is disconnected in any case.
#[utoipa::path(
    delete, path = "/numbers/{id}", operation_id = "disconnectNumber", tag = "Numbers",
    params(("id" = Uuid, Path, description = "The number's id."), Leaving),
    responses(
        (status = 200, description = "The number, disconnected.", body = NumberAndConnection,
         example = json!(example::number_left())),
        (status = 202, description = "It is disconnected; Meta is still being told.", body = Connection,
         example = json!(example::connection())),
        Always, NotThere, Invalid,
    ),
)]
pub(super) async fn delete(
    caller: Caller,
    State(state): State<crate::State>,
    language: Language,
    Id(id): Id,
    Query(leaving): Query<Leaving>,
) -> Result<Response, Problem> {
    let (number, app_id) = one(&caller, &state, id).await?;
    if !number.is_connected() {
        return Ok(answer(StatusCode::OK, number, None));
    }
    let new = New {
        phone_number_id: Some(&number.phone_number_id),
        waba_id: Some(&number.waba_id),
        app_id: app_id.as_deref(),
        number_id: Some(id),
        wishes: Wishes {
            deregister: leaving.deregister == Some(Flag::Yes),
            keep_subscription: leaving.keep_subscription == Some(Flag::Yes),
            ..Wishes::default()
        },
        ..New::of(How::Disconnection)
    };
    let begun = begin(&caller, &state, &new, language).await?;
    conclude(&caller, &state, language, begun, StatusCode::OK).await
}

async fn one(caller: &Caller, state: &crate::State, id: Uuid) -> Result<(Number, Option<String>), Problem> {
    let tx = caller.begin().await?;
    let found = number::get(&tx, id, state.clock.now()).await?.ok_or_else(not_there)?;
    tx.close();
    Ok(found)
}

/// A number, and how it came to be so.
pub(super) fn answer(status: StatusCode, number: Number, connection: Option<Connection>) -> Response {
    let warnings = connection.as_ref().map(Connection::warnings).unwrap_or_default();
    axum::response::IntoResponse::into_response((status, Json(NumberAndConnection { number, warnings, connection })))
}

/// Let a number go on
///
/// Ends what its sending rests for (`send_paused`, `bulk_paused`), with the token that it has: for whoever has mended that at
/// Meta. What waited is sent, and the number is looked at. If Meta refuses again, it rests again.
#[utoipa::path(
    post, path = "/numbers/{id}/resume", operation_id = "resumeNumber", tag = "Numbers",
    params(("id" = Uuid, Path, description = "The number's id.")),
    responses(
        (status = 200, description = "The number, which goes on.", body = Number, example = json!(example::number())),
        Always, NotThere, Conflict,
    ),
)]
pub(super) async fn resume(
    caller: Caller,
    State(state): State<crate::State>,
    language: Language,
    Id(id): Id,
    _: Query<Nothing>,
) -> Result<Json<Number>, Problem> {
    one(&caller, &state, id).await?;
    let tx = caller.begin_act_beyond().await?;
    let resumed = number::resume(&tx, caller.scope(), id, state.clock.now()).await?;
    let resumed = resumed.ok_or_else(|| not_connected(language))?;
    tx.commit(Deed::new(Act::ManageNumbers, "resume", id, &resumed.phone_number_id))
        .await
        .map_err(Problem::repeatable)?;
    state.wake.queued();
    Ok(Json(resumed))
}

fn not_connected(language: Language) -> Problem {
    Problem::conflict(language.of(
        "This number is not connected. Connect it with its token: `POST /numbers`.",
        "Este número no está conectado. Conéctalo con su token: `POST /numbers`.",
    ))
}

/// Take a number's own callback away
///
/// Meta can send the webhooks of one number elsewhere than its account's or its App's; `webhooks.phone_number` shows where.
/// After this they go where those say.
#[utoipa::path(
    delete, path = "/numbers/{id}/callback", operation_id = "clearNumberCallback", tag = "Numbers",
    params(("id" = Uuid, Path, description = "The number's id.")),
    responses(
        (status = 200, description = "The number, with where its webhooks go now.", body = Number,
         example = json!(example::number())),
        Always, NotThere, Conflict,
    ),
)]
pub(super) async fn clear_callback(
    caller: Caller,
    State(state): State<crate::State>,
    language: Language,
    Id(id): Id,
    _: Query<Nothing>,
) -> Result<Json<Number>, Problem> {
    one(&caller, &state, id).await?;
    let tx = state.database.operator_for(caller.scope()).await?;
    let link = link::find(&tx, caller.scope(), By::Id(id)).await?.ok_or_else(|| not_connected(language))?;
    tx.close();
    let secrets = link.open(&state.keyring, &state.apps).map_err(|_| not_connected(language))?;
    let credential = Credential::from(secrets);
    let webhooks = cleared(&state, &credential, &link.phone_number_id).await.map_err(|why| refused(&why, language))?;
    let tx = caller.begin_act_beyond().await?;
    let led = number::noted(&tx, caller.scope(), id, &webhooks, state.clock.now()).await?;
    let led = led.ok_or_else(|| not_connected(language))?;
    let deed = Deed::new(Act::ManageNumbers, "clear_callback", id, &led.phone_number_id);
    tx.commit(deed.changed(None, Some(webhooks))).await.map_err(Problem::repeatable)?;
    Ok(Json(led))
}

/// Takes it away at Meta, and asks where the webhooks go then.
async fn cleared(state: &crate::State, credential: &Credential, phone_number_id: &str) -> Result<Value, Failure> {
    const WEBHOOKS: &str = "webhook_configuration";
    state.graph.override_number(credential, phone_number_id, None).await?;
    let shown = state.graph.number(credential, phone_number_id, &[WEBHOOKS]).await?;
    Ok(shown.whole.get(WEBHOOKS).filter(|shown| shown.is_object()).cloned().unwrap_or_else(|| json!({})))
}

fn refused(failure: &Failure, language: Language) -> Problem {
    let words = failure.explanation();
    Problem::conflict(language.of(
        format!("Meta did not take the callback away: {failure}. {}", words.en),
        format!("Meta no quitó el callback: {failure}. {}", words.es),
    ))
}

/// A token in the place of the one that a number has.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "EAAG…", "account": true}))]
pub(super) struct NewToken {
    /// The access token. No answer shows it.
    #[schema(value_type = String, write_only)]
    token: Secret,
    /// `true`: also for your other connected numbers of the same account.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    account: Option<bool>,
}

/// Replace a number's token
///
/// Meta is asked first; the token in force stays until the new one has proved itself. Messages that waited because the old
/// one was dead are sent.
#[utoipa::path(
    put, path = "/numbers/{id}/token", operation_id = "replaceNumberToken", tag = "Numbers",
    params(("id" = Uuid, Path, description = "The number's id.")),
    request_body = NewToken,
    responses(
        (status = 200, description = "The number, with the new token in force.", body = NumberAndConnection,
         example = json!(example::number_and_connection())),
        (status = 202, description = "It is still under way.", body = Connection, example = json!(example::connection())),
        Always, NotThere, BadBody, Conflict, NumberRefused,
    ),
)]
pub(super) async fn token(
    caller: Caller,
    State(state): State<crate::State>,
    language: Language,
    Id(id): Id,
    _: Query<Nothing>,
    Body(wanted): Body<NewToken>,
) -> Result<Response, Problem> {
    let (number, app_id) = one(&caller, &state, id).await?;
    if !number.is_connected() {
        return Err(not_connected(language));
    }
    if wanted.account == Some(true) {
        caller.sees_all("giving all numbers of an account a token")?;
    }
    let new = New {
        phone_number_id: Some(&number.phone_number_id),
        waba_id: Some(&number.waba_id),
        app_id: app_id.as_deref(),
        number_id: Some(id),
        wishes: Wishes { account: wanted.account == Some(true), ..Wishes::default() },
        token: Some(&wanted.token.0),
        ..New::of(How::Rotation)
    };
    let begun = begin(&caller, &state, &new, language).await?;
    conclude(&caller, &state, language, begun, StatusCode::OK).await
}
