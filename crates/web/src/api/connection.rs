//! `/connections`

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::CommitError;
use model::connection::{self, Connection, Half, How, New, NotNow, Progress, Resume};
use model::number::{self, Number};
use model::page::Page;
use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer};
use tokio::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Caller;
use super::doubt;
use super::example;
use super::fields::{Body, MetaId, Nothing, PerhapsBody, Pin, Query, Secret, Text, given};
use super::id::Id;
use super::language::Language;
use super::number::answer;
use super::paging::Part;
use super::refusals::{Always, BadBody, Conflict, Invalid, NotThere, NumberRefused, OverQuota};
use crate::problem::Problem;

/// How long an answer waits for the end of an attempt.
const PATIENCE: Duration = Duration::from_secs(25);

/// How often it is looked whether the end has come; more and more rarely.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LONGEST_LOOK: Duration = Duration::from_millis(500);

/// List connections
///
/// Attempts to connect a number, to give it another token, or to disconnect it; the newest first.
#[utoipa::path(
    get, path = "/connections", operation_id = "listConnections", tag = "Connections", params(Part),
    responses(
        (status = 200, description = "A page of attempts.", body = Page<Connection>,
         example = json!(example::page(example::connection()))),
        Always, Invalid,
    ),
)]
pub(super) async fn list(caller: Caller, Query(part): Query<Part>) -> Result<Json<Page<Connection>>, Problem> {
    let tx = caller.begin().await?;
    let page = connection::list(&tx, part.cursor.map(|cursor| cursor.0), part.limit.0).await?;
    tx.close();
    Ok(Json(page))
}

/// Get a connection
#[utoipa::path(
    get, path = "/connections/{id}", operation_id = "getConnection", tag = "Connections",
    params(("id" = Uuid, Path, description = "The connection's id.")),
    responses(
        (status = 200, description = "The attempt, with what came of each step so far.", body = Connection,
         example = json!(example::connection())),
        Always, NotThere,
    ),
)]
pub(super) async fn get(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<Connection>, Problem> {
    let tx = caller.begin().await?;
    let found = connection::get(&tx, id).await?.ok_or_else(not_there)?;
    tx.close();
    Ok(Json(found))
}

fn not_there() -> Problem {
    Problem::not_there("connection")
}

/// Of an attempt that may have been begun, or have gone on, or not.
pub(super) fn in_doubt(error: CommitError, id: Uuid, language: Language) -> Problem {
    let en = format!("`GET /connections/{id}` tells whether it was begun, and how far it is.");
    let es = format!("`GET /connections/{id}` dice si empezó y cómo va.");
    doubt::look_first(error, language, &en, &es)
}

/// What the browser heard from Meta's Embedded Signup: `event`, and the members of `data`. What Meta adds is passed over.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SignupSession, example = json!({"event": "FINISH", "waba_id": "102290129340398", "phone_number_id": "106540352242922"}))]
pub(super) struct Session {
    /// `FINISH`, `FINISH_ONLY_WABA` or `FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING`.
    #[schema(value_type = String, example = "FINISH")]
    event: Finish,
    /// The account.
    #[schema(value_type = String)]
    waba_id: MetaId,
    /// The number, where Meta names it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    phone_number_id: Option<MetaId>,
}

impl Session {
    pub(super) fn event(&self) -> &str {
        &self.event.0.0
    }

    pub(super) fn waba_id(&self) -> &str {
        &self.waba_id.0
    }

    pub(super) fn phone_number_id(&self) -> Option<&str> {
        self.phone_number_id.as_ref().map(|id| id.0.as_str())
    }
}

/// How Meta's window ended, if it ended well.
#[derive(Debug)]
struct Finish(Text<100>);

impl<'de> Deserialize<'de> for Finish {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        if text.0.starts_with("FINISH") {
            return Ok(Self(text));
        }
        let expected = "an event that finishes the sign-up, such as FINISH; after CANCEL there is nothing to connect";
        Err(de::Error::invalid_value(Unexpected::Other("another text"), &expected))
    }
}

/// A sign-up whose code is still to come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewConnection {
    /// What the browser heard.
    session: Session,
    /// The App of the sign-up, if it is not the server's own.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String)]
    app_id: Option<MetaId>,
    /// Six digits, for a number that is not registered with the Cloud API yet: its PIN, or the one that it gets.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, write_only)]
    pin: Option<Pin>,
}

/// The App of an attempt as rows carry it: none for the server's own. An App of another organization is as good as unknown.
pub(super) async fn app(
    caller: &Caller,
    state: &crate::State,
    named: Option<&MetaId>,
) -> Result<Option<String>, Problem> {
    let Some(MetaId(id)) = named else { return Ok(None) };
    if !state.apps.offers(caller.scope(), id).await {
        return Err(Problem::invalid(
            "The field `app_id` names no App of your organization. Whoever runs this server adds one with `wazapp app add \
             --org`; leave the field out for the server's own App.",
        ));
    }
    Ok(state.apps.of_path(Some(id)).and_then(|(app_id, _)| app_id))
}

/// Where an App's webhooks go holds for everyone whose numbers come through it, so an organization sets it for its own App
/// alone.
pub(super) fn may_set_webhook(
    caller: &Caller,
    state: &crate::State,
    app_id: Option<&str>,
    language: Language,
) -> Result<(), Problem> {
    if state.apps.is_own(caller.scope(), app_id) {
        return Ok(());
    }
    Err(Problem::forbidden(language.of(
        "`set_webhook` changes where the webhooks of the whole App go, and this App is the server's: others come through it \
         too. Nothing was done. Leave the field out; whoever runs the server sets it, with `wazapp number connect \
         --set-webhook` or in the App's dashboard. To have this account's webhooks alone come here, send \
         `override_callback`.",
        "`set_webhook` cambia adónde van los webhooks de toda la App, y esta App es del servidor: otros también llegan por \
         ella. No se hizo nada. Omite el campo; quien administra el servidor lo configura, con `wazapp number connect \
         --set-webhook` o en el panel de la App. Para que solo los webhooks de esta cuenta lleguen aquí, envía \
         `override_callback`.",
    )))
}

/// Begin with what the browser heard
///
/// For Meta's Embedded Signup, where the session came before the code. It waits for the code for an hour: send it with
/// `PATCH /connections/{id}`. Where the code comes first, or both are there, `POST /numbers` is the way.
#[utoipa::path(
    post, path = "/connections", operation_id = "beginConnection", tag = "Connections", request_body = NewConnection,
    responses(
        (status = 202, description = "The attempt; it waits for the code.", body = Connection,
         example = json!(example::connection())),
        Always, BadBody, Invalid, OverQuota,
    ),
)]
pub(super) async fn create(
    caller: Caller,
    State(state): State<crate::State>,
    language: Language,
    _: Query<Nothing>,
    Body(wanted): Body<NewConnection>,
) -> Result<(StatusCode, Json<Connection>), Problem> {
    caller.sees_all("connecting a number")?;
    let app_id = app(&caller, &state, wanted.app_id.as_ref()).await?;
    let new = New {
        phone_number_id: wanted.session.phone_number_id(),
        waba_id: Some(wanted.session.waba_id()),
        app_id: app_id.as_deref(),
        session_event: Some(wanted.session.event()),
        pin: wanted.pin.as_ref().map(|pin| &pin.0),
        ..New::of(How::Signup)
    };
    let tx = caller.begin_act().await?;
    let begun = connection::begin(&tx, &state.keyring, state.clock.now(), &new).await;
    let begun = begun.map_err(|error| language.problem(error))?;
    tx.commit(begun.deed("signup")).await.map_err(|error| in_doubt(error, begun.id, language))?;
    Ok((StatusCode::ACCEPTED, Json(begun)))
}

/// The other half of a sign-up: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "AQD…"}))]
pub(super) struct OtherHalf {
    /// The code. It is good once, and for 30 seconds.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, write_only)]
    code: Option<Secret>,
    /// What the browser heard.
    #[serde(default, deserialize_with = "given")]
    session: Option<Session>,
}

impl OtherHalf {
    fn half(&self) -> Result<Half<'_>, Problem> {
        match (&self.code, &self.session) {
            (Some(code), None) => Ok(Half::Code(&code.0)),
            (None, Some(session)) => Ok(Half::Session {
                event: session.event(),
                waba_id: session.waba_id(),
                phone_number_id: session.phone_number_id(),
            }),
            _ => Err(Problem::malformed("Send `code` or `session`: the half that this sign-up waits for.")),
        }
    }
}

/// Add the other half of a sign-up
///
/// Code and session of Meta's Embedded Signup come in either order; `awaits` says which one is still to come. Answers at
/// once, and it goes on right behind.
#[utoipa::path(
    patch, path = "/connections/{id}", operation_id = "joinConnection", tag = "Connections",
    params(("id" = Uuid, Path, description = "The connection's id.")),
    request_body = OtherHalf,
    responses(
        (status = 200, description = "The attempt, with both halves.", body = Connection,
         example = json!(example::connection())),
        Always, NotThere, BadBody, Conflict, Invalid,
    ),
)]
pub(super) async fn join(
    caller: Caller,
    State(state): State<crate::State>,
    language: Language,
    Id(id): Id,
    _: Query<Nothing>,
    Body(wanted): Body<OtherHalf>,
) -> Result<Json<Connection>, Problem> {
    let half = wanted.half()?;
    let tx = caller.begin_act().await?;
    let joined = connection::join(&tx, &state.keyring, state.clock.now(), id, half).await?.ok_or_else(not_there)?;
    let joined = joined.map_err(|why| not_now(why, language))?;
    tx.commit(joined.deed("join")).await.map_err(|error| in_doubt(error, joined.id, language))?;
    state.connecting.queued();
    Ok(Json(joined))
}

/// What to do differently this time; all may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pin": "123456"}))]
pub(super) struct Retry {
    /// Another token: it proves itself from the beginning.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, write_only)]
    token: Option<Secret>,
    /// Another code of a sign-up.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, write_only)]
    code: Option<Secret>,
    /// The number's PIN, six digits.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, write_only)]
    pin: Option<Pin>,
    /// Which number of the account, where a sign-up did not say. An attempt that has its number takes no other.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String)]
    phone_number_id: Option<MetaId>,
    /// The account, where a sign-up did not say, or said a wrong one. It is proved again; an attempt that has its number
    /// takes no other.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String)]
    waba_id: Option<MetaId>,
    /// `true`: have the number's webhooks come here, whatever the App's, the account's or its own callback is.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    override_callback: Option<bool>,
    /// `true`: set the App's webhook subscription, where it lacks something. Of your organization's own App alone.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    set_webhook: Option<bool>,
}

/// Resume a connection
///
/// Goes on at the step that failed. Until the number is connected, or has its new token, Meta is asked about token, number and
/// account again; after that what was done is not repeated, unless there is another token. Answers as `POST /numbers` does. The
/// token is kept for a week; after that it must be sent again.
#[utoipa::path(
    post, path = "/connections/{id}/retry", operation_id = "retryConnection", tag = "Connections",
    params(("id" = Uuid, Path, description = "The connection's id.")),
    request_body(content = Option<Retry>),
    responses(
        (status = 200, description = "The number, as it is now.", body = super::number::NumberAndConnection,
         example = json!(example::number_and_connection())),
        (status = 202, description = "It is still under way.", body = Connection, example = json!(example::connection())),
        Always, NotThere, BadBody, Conflict, NumberRefused,
    ),
)]
pub(super) async fn retry(
    caller: Caller,
    State(state): State<crate::State>,
    language: Language,
    Id(id): Id,
    _: Query<Nothing>,
    PerhapsBody(wanted): PerhapsBody<Retry>,
) -> Result<Response, Problem> {
    let with = Resume {
        token: wanted.token.as_ref().map(|token| &token.0),
        code: wanted.code.as_ref().map(|code| &code.0),
        pin: wanted.pin.as_ref().map(|pin| &pin.0),
        phone_number_id: wanted.phone_number_id.as_ref().map(|id| id.0.as_str()),
        waba_id: wanted.waba_id.as_ref().map(|id| id.0.as_str()),
        override_callback: wanted.override_callback == Some(true),
        set_webhook: wanted.set_webhook == Some(true),
    };
    let tx = caller.begin_act().await?;
    if with.set_webhook {
        let known = connection::get(&tx, id).await?.ok_or_else(not_there)?;
        may_set_webhook(&caller, &state, known.app_id.as_deref(), language)?;
    }
    let resumed = connection::retry(&tx, &state.keyring, state.clock.now(), id, &with).await?.ok_or_else(not_there)?;
    let resumed = resumed.map_err(|why| not_now(why, language))?;
    tx.commit(resumed.deed("retry")).await.map_err(|error| in_doubt(error, resumed.id, language))?;
    state.connecting.queued();
    conclude(&caller, &state, language, resumed, StatusCode::OK).await
}

fn not_now(why: NotNow, language: Language) -> Problem {
    let (en, es) = match why {
        NotNow::NotAwaited => (
            "This attempt does not wait for that: it is there already, came too late, or does not belong to a sign-up. \
             `awaits` says what it waits for.",
            "Este intento no espera eso: ya está, llegó tarde, o no es de un registro. `awaits` dice qué espera.",
        ),
        NotNow::NotFailed => (
            "This attempt has not failed: only one that has can be resumed. To begin anew, `POST /numbers`.",
            "Este intento no ha fallado: solo se reanuda uno que falló. Para empezar de nuevo, `POST /numbers`.",
        ),
        NotNow::NeedsToken => (
            "The token of this attempt was forgotten. Send `token` again.",
            "El token de este intento se olvidó. Envía `token` otra vez.",
        ),
        NotNow::NeedsCode => (
            "The code of this sign-up is spent. Open Meta's window again and send the new `code`.",
            "El código de este registro ya no vale. Abre otra vez la ventana de Meta y envía el `code` nuevo.",
        ),
        NotNow::HasItsNumber => (
            "This attempt has its number, and `phone_number_id` or `waba_id` names another. Leave them out to go on; \
             connect the other one with `POST /numbers`.",
            "Este intento ya tiene su número, y `phone_number_id` o `waba_id` nombra otro. Omítelos para seguir; conecta \
             el otro con `POST /numbers`.",
        ),
    };
    Problem::conflict(language.of(en, es))
}

/// Waits for the end of an attempt, and answers what became of it; how far it is, where it waits for its caller, where that
/// takes too long, or where the server stops.
pub(super) async fn conclude(
    caller: &Caller,
    state: &crate::State,
    language: Language,
    mut attempt: Connection,
    done: StatusCode,
) -> Result<Response, Problem> {
    let until = Instant::now() + PATIENCE;
    let mut pause = FIRST_LOOK;
    while attempt.state == Progress::Running {
        let stopping = state.stopping.is_cancelled();
        if attempt.awaits.is_some() || stopping || Instant::now() + pause > until {
            return Ok((StatusCode::ACCEPTED, Json(attempt)).into_response());
        }
        tokio::select! {
            () = state.stopping.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 3 / 2).min(LONGEST_LOOK);
        // It goes on by itself: who cannot look knows nothing new of it.
        if let Ok(seen) = look(caller, attempt.id).await {
            attempt = seen.ok_or_else(not_there)?;
        }
    }
    if attempt.state == Progress::Failed {
        return Err(refused(&attempt, language));
    }
    let number_id = attempt.number_id.ok_or_else(Problem::internal)?;
    match number_as_left(caller, state, number_id).await {
        Ok(number) => Ok(answer(done, number.ok_or_else(not_there)?, Some(attempt))),
        // It is done, whether or not the number can be shown.
        Err(_) => Ok((StatusCode::ACCEPTED, Json(attempt)).into_response()),
    }
}

async fn look(caller: &Caller, id: Uuid) -> Result<Option<Connection>, Problem> {
    let tx = caller.begin().await?;
    Ok(connection::get(&tx, id).await?)
}

async fn number_as_left(caller: &Caller, state: &crate::State, id: Uuid) -> Result<Option<Number>, Problem> {
    let tx = caller.begin().await?;
    Ok(number::get(&tx, id, state.clock.now()).await?.map(|(number, _)| number))
}

fn refused(attempt: &Connection, language: Language) -> Problem {
    let failed = attempt.failed().and_then(|step| Some((step.name.word(), step.error.as_ref()?)));
    let Some((step, why)) = failed else { return Problem::internal() };
    let advice = language.of(&why.advice.en, &why.advice.es);
    let message = why.message.trim_end_matches('.');
    let detail = language.of(
        format!(
            "Refused at the step `{step}`: {message}. {advice} Then resume it: `POST /connections/{}/retry`.",
            attempt.id
        ),
        format!(
            "Rechazado en el paso `{step}`: {message}. {advice} Luego reanúdalo: `POST /connections/{}/retry`.",
            attempt.id
        ),
    );
    Problem::number_refused(detail, attempt)
}
