//! Sending: `POST /conversations/{id}/messages`, `POST /messages`

pub(super) mod asked;

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use model::DatabaseError;
use model::act::Act;
use model::audit::{self, Deed};
use model::database::Tenant;
use model::event;
use model::message::Message;
use model::number;
use model::outbox::{self, Content, Idempotency, Options, Refusal, To};
use model::upload::{self, Kept};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;
use whatsapp::outgoing::{self, MessagingAccount, Outgoing, TemplateUse};
use whatsapp::phone;

use super::caller::Caller;
use super::doubt;
use super::example;
use super::fields::{Members, Nothing, Query, given};
use super::id::Id;
use super::language::Language;
use super::refusals::{Always, BadBody, Conflict, Invalid, NotThere, OverQuota};
use super::send_headers::{Repeatable, Said, Via};
use super::shown::{self, Named};
use super::template::used::Used;
use crate::problem::{Mistake, Problem};
use crate::sending::{self, FAR, Order, Queued};
use asked::{BESIDE, NewMessage, NewMessageTo, WISHES, Wishes};

/// Before the fields of what is sent where the window is closed.
const INSTEAD: &str = "when_window_closed.";

/// What to do when nobody knows whether a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnUnknown {
    /// Wait for a status.
    Settle,
    /// Send it again.
    Resend,
}

/// Whom a message is for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Address {
    number_id: Uuid,
    #[serde(default, deserialize_with = "given")]
    to: Option<String>,
    #[serde(default, deserialize_with = "given")]
    recipient: Option<String>,
}

pub(super) const ADDRESS: &[&str] = &["number_id", "to", "recipient"];

/// A message and whom it is for, read and checked.
pub(super) struct Checked {
    pub(super) to: To,
    pub(super) wanted: Wanted,
    pub(super) idempotency: Option<Idempotency>,
}

/// A request, read and checked.
pub(super) struct Wanted {
    content: Content,
    shown: Named,
    options: Options,
    /// The template it is, and the one that goes in its place.
    templates: [Option<TemplateUse>; 2],
    /// What the one that is sent where the window is closed shows.
    shown_instead: Named,
    /// The Messaging account that it names.
    messaging_account: Option<MessagingAccount>,
}

impl Wanted {
    /// Whether the database says more of what it shows, or names.
    pub(super) fn looks_further(&self) -> bool {
        let names = |shown: &Named| !shown.own.is_empty() || !shown.of_meta.is_empty();
        let shows = names(&self.shown) || names(&self.shown_instead);
        shows || self.templates.iter().any(Option::is_some) || self.messaging_account.is_some()
    }

    /// Whether it shows files of the organization's.
    pub(super) fn shows_files(&self) -> bool {
        !self.shown.own.is_empty() || !self.shown_instead.own.is_empty()
    }

    /// The files that it shows, by our ids.
    fn media(&self) -> Vec<Uuid> {
        self.shown.own.iter().chain(&self.shown_instead.own).map(|shown| shown.media_id).collect()
    }

    /// Has it show its files.
    fn attach(&mut self, kept: &HashMap<Uuid, Kept>, language: Language) -> Result<(), Problem> {
        shown::attach(&mut self.content, &self.shown.own, kept).map_err(|all| mistakes(all, "", language))?;
        match &mut self.options.when_window_closed {
            Some(instead) => {
                shown::attach(instead, &self.shown_instead.own, kept).map_err(|all| mistakes(all, INSTEAD, language))
            }
            None => Ok(()),
        }
    }
}

pub(super) fn read(mut members: Members, language: Language, now: Timestamp) -> Result<Wanted, Problem> {
    let wishes: Wishes = members.take(WISHES)?;
    let instead = members.take_one("when_window_closed");
    let message = Value::Object(members.object()?);
    let mut outgoing = outgoing::check_strictly(&message, BESIDE).map_err(|all| mistakes(all, "", language))?;
    let mut instead = instead.map(|wanted| template(wanted, language)).transpose()?;
    let messaging_account = outgoing.messaging_account.take();
    if let (Some(account), Some(instead)) = (&messaging_account, &mut instead) {
        account.put(&mut instead.body);
    }
    let named = |outgoing: &mut Outgoing| Named::of(std::mem::take(&mut outgoing.media));
    let (shown, shown_instead) = (named(&mut outgoing), instead.as_mut().map(named).unwrap_or_default());
    let templates = [outgoing.template.clone(), instead.as_ref().and_then(|instead| instead.template.clone())];
    let options = Options {
        id: None,
        sender_id: None,
        repeats: None,
        send_at: wishes.send_at.map(|time| time.0),
        deadline: wishes.deadline.map(|time| time.0),
        resend: wishes.on_unknown == Some(OnUnknown::Resend),
        bulk: wishes.bulk == Some(true),
        force: wishes.force == Some(true),
        when_window_closed: instead.map(sending::content),
    };
    check_times(&options, now)?;
    Ok(Wanted { content: sending::content(outgoing), shown, options, templates, shown_instead, messaging_account })
}

fn check_times(options: &Options, now: Timestamp) -> Result<(), Problem> {
    for (name, time) in [("send_at", options.send_at), ("deadline", options.deadline)] {
        if time.is_some_and(|time| time > now + FAR) {
            return Err(Problem::invalid(format!("The field `{name}` must be within a year from now.")));
        }
    }
    let due = options.send_at.map_or(now, |time| time.max(now));
    if options.deadline.is_some_and(|deadline| deadline <= due) {
        return Err(Problem::invalid(
            "The field `deadline` must be later than now, and later than `send_at`: the message would never be sent.",
        ));
    }
    Ok(())
}

/// What is sent where the window is closed: `{"template": {…}}`.
fn template(wanted: Value, language: Language) -> Result<Outgoing, Problem> {
    let Value::Object(mut wanted) = wanted else {
        return Err(Problem::malformed("The field `when_window_closed` must be an object with `template`."));
    };
    let (Some(template), true) = (wanted.remove("template"), wanted.is_empty()) else {
        return Err(Problem::malformed("The field `when_window_closed` must have `template`, and nothing else."));
    };
    let body = json!({ "type": "template", "template": template });
    outgoing::check(&body).map_err(|all| mistakes(all, INSTEAD, language))
}

pub(super) fn mistakes(all: impl IntoIterator<Item = outgoing::Problem>, before: &str, language: Language) -> Problem {
    let errors = all.into_iter().map(|one| Mistake {
        field: format!("{before}{}", one.field),
        rule: one.rule.as_str(),
        text: language.of(one.en, one.es),
    });
    Problem::mistakes(errors.collect())
}

impl Address {
    pub(super) fn to(self, language: Language) -> Result<To, Problem> {
        if self.recipient.as_deref().is_some_and(|id| !phone::is_user_id(id)) {
            return Err(Problem::invalid("The field `recipient` must be a user id; a phone number goes in `to`."));
        }
        let (written, also) = match (self.to, self.recipient) {
            (Some(to), also) => (to, also),
            (None, Some(id)) => (id, None),
            (None, None) => return Err(Problem::malformed("The field `to` is missing.")),
        };
        let recipient = sending::recipient(&written).map_err(|problem| mistakes([problem], "", language))?;
        let recipient = recipient.known_as(also);
        Ok(To::Recipient { number_id: self.number_id, recipient })
    }
}

/// Queues it; answers the message.
async fn queue(
    caller: &Caller,
    state: &crate::State,
    language: Language,
    to: To,
    mut wanted: Wanted,
    (idempotency, via): (Option<Idempotency>, Via),
) -> Result<(StatusCode, Json<Message>), Problem> {
    if wanted.looks_further() {
        let tx = caller.begin().await?;
        if let Some(answer) = wanted.before(&tx, idempotency.as_ref(), language).await? {
            return Ok((StatusCode::ACCEPTED, Json(answer)));
        }
        wanted.look_further(&tx, state.clock.now(), &to, language).await?;
        sending::looked(tx, wanted.shows_files()).await.map_err(|error| language.problem(error))?;
    }
    let has_key = idempotency.is_some();
    let order = wanted.order(caller, to, idempotency);
    let queued = match via {
        Via::Program => state.gathering.queue(state, caller.scope(), order).await,
        Via::Assistant => queue_told(caller, state, order).await,
    };
    answer(queued, has_key, language).map(|message| (StatusCode::ACCEPTED, Json(message)))
}

/// What whoever sent it is told.
pub(super) fn answer(
    queued: Result<Result<Queued, Refusal>, DatabaseError>,
    has_key: bool,
    language: Language,
) -> Result<Message, Problem> {
    let queued = queued.map_err(|error| language.problem(error))?;
    match queued.map_err(|refusal| refused(refusal, language))? {
        Queued::Surely(message) => Ok(message),
        Queued::Perhaps(message) => Err(doubt::of_message(message.id, has_key, language)),
    }
}

/// The same for an assistant, which the audit tells of.
async fn queue_told(
    caller: &Caller,
    state: &crate::State,
    mut order: Order,
) -> Result<Result<Queued, Refusal>, DatabaseError> {
    order.options.id = Some(Uuid::now_v7());
    let tx = state.database.tenant(caller.scope()).await?;
    let line = event::line(&tx).await?;
    let (answer, due) = outbox::enqueue(&line, state.clock.now(), order.wish()).await?;
    let message = match answer {
        Ok(message) => message,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // A repeat is answered with the message of the first time, which was written down then.
    if order.options.id == Some(message.id) {
        let deed = Deed::new(Act::Send, "mcp", message.id, "");
        audit::record(&tx, state.clock.now(), &caller.actor(), &deed).await?;
    }
    Ok(Ok(sending::finish(state, tx, vec![message], due).await?.remove(0)))
}

impl Wanted {
    /// As it takes its place in the queue.
    pub(super) fn order(mut self, caller: &Caller, to: To, idempotency: Option<Idempotency>) -> Order {
        self.options.sender_id = caller.who().person_id();
        Order { to, content: self.content, options: self.options, idempotency }
    }

    /// A repeat is answered as before, whatever became of its files and its template since.
    pub(super) async fn before(
        &self,
        tx: &Tenant,
        idempotency: Option<&Idempotency>,
        language: Language,
    ) -> Result<Option<Message>, Problem> {
        let Some(idempotency) = idempotency else { return Ok(None) };
        let answer = outbox::repeated(tx, idempotency).await?;
        answer.transpose().map_err(|refusal| refused(refusal, language))
    }

    /// Has it show its files and say what its templates say, as far as that is known. An account that it names is the number's.
    pub(super) async fn look_further(
        &mut self,
        tx: &Tenant,
        now: Timestamp,
        to: &To,
        language: Language,
    ) -> Result<(), Problem> {
        if let Some(named) = &self.messaging_account
            && number::account_of(tx, to).await?.is_some_and(|account| account != named.id)
        {
            return Err(mistakes([named.foreign()], "", language));
        }
        for (shown, before) in [(&self.shown, ""), (&self.shown_instead, INSTEAD)] {
            let foreign = shown.foreign(tx).await?;
            if !foreign.is_empty() {
                return Err(mistakes(foreign, before, language));
            }
        }
        self.attach(&upload::find(tx, now, &self.media()).await?, language)?;
        self.fill(tx, now, to, language).await
    }

    /// Fills in the templates, as far as they are known.
    async fn fill(&mut self, tx: &Tenant, now: Timestamp, to: &To, language: Language) -> Result<(), Problem> {
        let due_at = self.options.send_at.map_or(now, |at| at.max(now));
        let contents = [Some(&mut self.content), self.options.when_window_closed.as_mut()];
        for ((template, content), prefix) in self.templates.iter().zip(contents).zip(["", INSTEAD]) {
            if let (Some(template), Some(content)) = (template, content) {
                let used = Used { wanted: template, content, prefix };
                used.fill(tx, to, now, due_at, language).await?;
            }
        }
        Ok(())
    }
}

pub(super) fn refused(refusal: Refusal, language: Language) -> Problem {
    match refusal {
        Refusal::NotThere(what) => Problem::not_there(what),
        Refusal::Disconnected => Problem::conflict(language.of(
            "This number is not connected, so nothing can be sent from it. Connect it, then send this again.",
            "Este número no está conectado, así que no se puede enviar nada desde él. Conéctalo y envía esto otra vez.",
        )),
        Refusal::Nameless => Problem::conflict(language.of(
            "This contact has neither a phone number nor a user id, so Meta has no way to reach them. Wait until they write.",
            "Este contacto no tiene ni teléfono ni identificador de usuario, así que Meta no puede llegar a él. Espera a que escriba.",
        )),
        Refusal::NeedsPhone => Problem::invalid(language.of(
            "This message can only go to a phone number, as every one-time password can. Send it in `POST /messages` with `to`, a phone number.",
            "Este mensaje solo puede ir a un número de teléfono, como toda contraseña de un solo uso. Envíalo en `POST /messages` con `to`, un número de teléfono.",
        )),
        Refusal::Group => Problem::conflict(language.of(
            "This conversation is a group: messages to groups are not possible here. Write to one person.",
            "Esta conversación es un grupo: aquí no se puede escribir a grupos. Escribe a una persona.",
        )),
        Refusal::KeyReused => Problem::conflict(language.of(
            "This `Idempotency-Key` came with another request before. Make a new key for every message, and repeat it only with the same body.",
            "Esta `Idempotency-Key` ya vino con otra petición. Usa una clave nueva para cada mensaje y repítela solo con el mismo cuerpo.",
        )),
        Refusal::WindowClosed { since, templates } => {
            let detail = language.of(
                format!("The contact last wrote more than 24 hours ago; the service window closed at {since}. "),
                format!("El contacto escribió por última vez hace más de 24 horas; la ventana de servicio se cerró a las {since}. "),
            );
            let advice = language.of(
                "Only a template can be sent now: send one, or name it in `when_window_closed`. `templates` lists those that Meta approved. If you know that they wrote since, `force` sends it all the same.",
                "Ahora solo se puede enviar una plantilla: envía una, o nómbrala en `when_window_closed`. `templates` lista las que Meta aprobó. Si sabes que escribieron después, `force` lo envía de todos modos.",
            );
            Problem::window_closed(detail + advice, templates)
        }
        Refusal::OverQuota(exceeded) => language.problem(DatabaseError::OverQuota(exceeded)),
    }
}

/// Send a message in a conversation
///
/// Answers once the message is durably queued; it is sent right behind. Its `status` goes on from `queued`, and a webhook
/// of Meta's tells each step.
#[utoipa::path(
    post, path = "/conversations/{id}/messages", operation_id = "sendInConversation", tag = "Conversations",
    params(
        ("id" = Uuid, Path, description = "The conversation's id."), Repeatable,
    ),
    request_body = NewMessage,
    responses(
        (status = 202, description = "The message, queued.", body = Message, example = json!(example::queued())),
        Always, NotThere, Conflict, BadBody, Invalid, OverQuota,
    ),
)]
pub(super) async fn to_conversation(
    caller: Caller,
    State(state): State<crate::State>,
    Id(id): Id,
    _: Query<Nothing>,
    language: Language,
    said: Said,
    members: Members,
) -> Result<(StatusCode, Json<Message>), Problem> {
    if let Some(name) = ADDRESS.iter().find(|name| members.has(name)) {
        return Err(Problem::malformed(format!(
            "The field `{name}` is not known here: the conversation says from where and to whom. `POST /messages` takes it."
        )));
    }
    let idempotency = said.key.with(&format!("POST /conversations/{id}/messages"), &members.value());
    let wanted = read(members, language, state.clock.now())?;
    queue(&caller, &state, language, To::Conversation(id), wanted, (idempotency, said.via)).await
}

/// Send a message to someone
///
/// From one of your numbers to a phone number or a user id. The conversation is begun if there is none. Where wazapp knows
/// that the contact's service window is closed, only templates can be sent; where it does not, Meta says so, by status.
#[utoipa::path(
    post, path = "/messages", operation_id = "sendMessage", tag = "Messages",
    params(Repeatable),
    request_body = NewMessageTo,
    responses(
        (status = 202, description = "The message, queued.", body = Message, example = json!(example::queued())),
        Always, NotThere, Conflict, BadBody, Invalid, OverQuota,
    ),
)]
pub(super) async fn to_recipient(
    caller: Caller,
    State(state): State<crate::State>,
    _: Query<Nothing>,
    language: Language,
    said: Said,
    mut members: Members,
) -> Result<(StatusCode, Json<Message>), Problem> {
    let idempotency = said.key.with("POST /messages", &members.value());
    let to = members.take::<Address>(ADDRESS)?.to(language)?;
    let wanted = read(members, language, state.clock.now())?;
    queue(&caller, &state, language, to, wanted, (idempotency, said.via)).await
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_message_that_could_never_leave_is_refused() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let hour = SignedDuration::from_hours(1);
        let check = |send_at: Option<Timestamp>, deadline: Option<Timestamp>| {
            check_times(&Options { send_at, deadline, ..Options::default() }, now).is_ok()
        };
        assert!(check(None, None) && check(Some(now + hour), Some(now + hour * 2)) && check(Some(now - hour), None));
        assert!(!check(None, Some(now)) && !check(Some(now + hour), Some(now + hour)));
        assert!(!check(Some(now + FAR + hour), None) && !check(None, Some(now + FAR + hour)));
    }
}
