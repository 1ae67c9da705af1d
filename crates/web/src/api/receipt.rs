//! What the customer sees of the reader: `POST /conversations/{id}/read`, `POST /conversations/{id}/typing`

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use model::conversation::{self, Conversation};
use model::link::{self, By, Link};
use model::receipt;
use model::shares::Shares;
use serde::Deserialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use whatsapp::graph::Credential;

use super::caller::Caller;
use super::example;
use super::fields::{Nothing, PerhapsBody, Query, given};
use super::id::Id;
use super::language::Language;
use super::refusals::{Always, BadBody, Conflict, NotThere};
use crate::problem::Problem;

/// A sign that somebody writes is worth nothing after this.
const LATE: Duration = Duration::from_secs(5);

/// Signs under way at once, of all and of one organization; more are dropped.
const SIGNS: usize = 64;
const SIGNS_EACH: usize = 8;

/// How a conversation is read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"receipt": false}))]
pub(super) struct Reading {
    /// `false`: the customer is not told. Left out: they see blue ticks.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    receipt: Option<bool>,
}

fn not_there() -> Problem {
    Problem::not_there("conversation")
}

/// Mark a conversation as read
///
/// Sets its unread count to 0, and has the customer told: the newest message, and with it those before, get blue ticks.
/// That is queued, tried again for a day where Meta cannot be reached, and told once. Groups, and messages older than 30
/// days, get none. With the body `{"receipt": false}` the customer is not told.
#[utoipa::path(
    post, path = "/conversations/{id}/read", operation_id = "readConversation", tag = "Conversations",
    params(("id" = Uuid, Path, description = "The conversation's id.")),
    request_body = Option<Reading>,
    responses(
        (status = 200, description = "The conversation as it is now.", body = Conversation,
         example = json!(example::conversation())),
        Always, NotThere, BadBody,
    ),
)]
pub(super) async fn read(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    _: Query<Nothing>,
    PerhapsBody(reading): PerhapsBody<Reading>,
) -> Result<Json<Conversation>, Problem> {
    let tx = caller.begin().await?;
    let marked = conversation::mark_read(&tx, state.clock.now(), id).await?.ok_or_else(not_there)?;
    if reading.receipt != Some(false) {
        receipt::queue(&tx, state.clock.now(), id).await?;
    }
    tx.commit().await.map_err(Problem::repeatable)?;
    state.receipt_wake.queued();
    Ok(Json(marked))
}

/// Show that somebody writes
///
/// The customer sees "typing…" until the next message, or for 25 seconds, and their messages get blue ticks: Meta has no
/// other way. Answers at once; where Meta does not take it within 5 seconds it is dropped. The unread count stays.
#[utoipa::path(
    post, path = "/conversations/{id}/typing", operation_id = "typeInConversation", tag = "Conversations",
    params(("id" = Uuid, Path, description = "The conversation's id.")),
    responses(
        (status = 202, description = "Meta is being told. There is no body."),
        Always, NotThere, Conflict,
    ),
)]
pub(super) async fn typing(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    _: Query<Nothing>,
    language: Language,
) -> Result<StatusCode, Problem> {
    let tx = caller.begin().await?;
    conversation::get(&tx, id).await?.ok_or_else(not_there)?;
    let newest = receipt::newest(&tx, state.clock.now(), id).await?;
    tx.close();
    let newest = newest.ok_or_else(|| {
        Problem::conflict(language.of(
            "Nobody wrote here in the last 30 days, or this is a group: Meta shows that somebody writes only to one person, below a message of theirs.",
            "Nadie escribió aquí en los últimos 30 días, o es un grupo: Meta solo muestra que alguien escribe a una persona, debajo de un mensaje suyo.",
        ))
    })?;
    let tx = state.database.operator_for(caller.scope()).await?;
    let number = link::find(&tx, caller.scope(), By::Id(newest.number_id)).await?;
    tx.close();
    let number = number.ok_or_else(|| {
        Problem::conflict(language.of(
            "This number is not connected, so nothing can be shown from it. Connect it first.",
            "Este número no está conectado, así que no se puede mostrar nada desde él. Conéctalo primero.",
        ))
    })?;
    state.typing.clone().show(state, number, newest.wamid);
    Ok(StatusCode::ACCEPTED)
}

/// Signs of somebody writing that are under way. Best effort: nothing is kept, nothing is tried again.
#[derive(Clone, Debug)]
pub struct Typing {
    all: Arc<Semaphore>,
    each: Arc<Shares>,
}

impl Default for Typing {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(SIGNS)), each: Arc::new(Shares::new(SIGNS_EACH)) }
    }
}

impl Typing {
    fn show(self, state: crate::State, number: Link, wamid: String) {
        let Some(share) = self.each.try_take(number.organization_id) else {
            return;
        };
        let (Ok(place), Ok(secrets)) = (self.all.try_acquire_owned(), number.open(&state.keyring, &state.apps)) else {
            return;
        };
        tokio::spawn(async move {
            let credential = Credential::from(secrets);
            let call = state.graph.mark_read(&credential, &number.phone_number_id, &wamid, true);
            match tokio::time::timeout(LATE, call).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(number = %number.phone_number_id, %error, "typing was not shown"),
                Err(_) => tracing::debug!(number = %number.phone_number_id, "typing was not shown in time"),
            }
            drop((place, share));
        });
    }
}
