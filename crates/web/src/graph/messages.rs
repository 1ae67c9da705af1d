//! `POST /{phone-number-id}/messages`: the message takes its place in the queue, and its sender waits for Meta's answer.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use model::database::Tenant;
use model::link::Link;
use model::outbox::{Content, Options, Recipient, Refusal, To};
use model::template::known;
use model::upload::{self, Attached};
use model::{conversation, message, number};
use serde_json::{Map, Value, json};
use whatsapp::outgoing::{self, MediaSource, MediaUse, Problems, Rule, TemplateUse};
use whatsapp::phone;

use super::call::{Call, json_response, members, whole};
use super::error::GraphError;
use super::outcome::{self, Sent};
use super::relay::{self, Carried};
use crate::behind::write_down;
use crate::sending::{self, Queued};

/// Its sender waits no longer than this, so it is tried no longer.
const PATIENCE: SignedDuration = SignedDuration::from_secs(25);

/// Sends a message, or passes a read receipt on.
pub(super) async fn post(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    let mut members = members(call.content_type().as_deref(), &whole(body).await?)?;
    // Meta takes parameters in the query as well.
    for (name, value) in call.query() {
        members.entry(name).or_insert_with(|| value.into());
    }
    if members.get("messaging_product").and_then(Value::as_str) != Some("whatsapp") {
        return Err(GraphError::missing("messaging_product"));
    }
    if members.contains_key("status") {
        return receipt(call, link, members).await;
    }
    let mut wanted = Wanted::read(members)?;
    let _place = call.state.desk.wait(&call.scope).ok_or_else(GraphError::too_many)?;
    let to = To::Recipient { number_id: link.number_id, recipient: wanted.recipient.clone() };
    let options = Options { deadline: Some(call.state.clock.now() + PATIENCE), ..Options::default() };
    let tx = call.begin().await?;
    wanted.fill(&tx, &to).await?;
    wanted.attach(&tx, call.state.clock.now()).await?;
    let queued = sending::queue(&call.state, tx, &to, &wanted.content, &options, None).await?;
    let message = match queued {
        // Whether it is there is seen as what becomes of it is.
        Ok(Queued::Surely(message) | Queued::Perhaps(message)) => message,
        Err(Refusal::WindowClosed { .. }) if is_own(call, link, &wanted.recipient).await? => {
            return Err(GraphError::new(400, 131021, "(#131021) Recipient cannot be sender")
                .details("Recipient phone number cannot be the sender phone number."));
        }
        Err(refusal) => return Err(refused(call, &refusal)),
    };
    let sent = outcome::wait(call, message.id).await?;
    Ok(json_response(StatusCode::OK, &accepted(&wanted, sent)))
}

/// A message, read and checked.
struct Wanted {
    /// The recipient as the caller wrote it.
    input: String,
    recipient: Recipient,
    content: Content,
    template: Option<TemplateUse>,
    media: Vec<MediaUse>,
}

impl Wanted {
    fn read(mut members: Map<String, Value>) -> Result<Self, GraphError> {
        // Of two names Meta takes the phone number.
        let input = ["to", "recipient"].into_iter().find_map(|name| word(members.get(name)?));
        let input = input.ok_or_else(|| GraphError::missing("to"))?;
        let recipient = sending::recipient(&input).map_err(|problem| unfit(&problem.into()))?;
        let also = members.get("recipient").and_then(word).filter(|id| phone::is_user_id(id));
        let recipient = recipient.known_as(also);
        unfold(&mut members);
        let mut outgoing = outgoing::check(&Value::Object(members)).map_err(|problems| unfit(&problems))?;
        if outgoing.needs_phone && matches!(recipient, Recipient::User(_)) {
            return Err(needs_phone());
        }
        let (template, media) = (outgoing.template.take(), std::mem::take(&mut outgoing.media));
        Ok(Self { input, recipient, content: sending::content(outgoing), template, media })
    }

    /// Writes what the customer will read of a template that is known. What is wrong with the values given to it, Meta says
    /// under codes of its own.
    async fn fill(&mut self, tx: &Tenant, to: &To) -> Result<(), GraphError> {
        if let Some(used) = &self.template
            && let Some(known) = known::find(tx, to, &used.name, &used.language).await?
        {
            let _ = sending::fill(&mut self.content, &known, used);
        }
        Ok(())
    }

    /// Has the message show the files that were uploaded through here.
    async fn attach(&mut self, tx: &Tenant, now: Timestamp) -> Result<(), GraphError> {
        let ids: Vec<&str> = self.media.iter().filter_map(meta_id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let known = upload::find_at_meta(tx, now, &ids).await?;
        let body: Value = serde_json::from_str(&self.content.body).unwrap_or_default();
        let attached = |used: &MediaUse| {
            let file = known.get(meta_id(used)?)?;
            let filename = body.pointer(&used.place).and_then(|shown| shown["filename"].as_str());
            Some(Attached {
                place: used.place.clone(),
                file: file.file.clone(),
                mime_type: file.mime_type.clone(),
                filename: filename.map(str::to_owned),
                size: file.size,
            })
        };
        self.content.files = self.media.iter().filter_map(attached).collect();
        Ok(())
    }
}

fn meta_id(used: &MediaUse) -> Option<&str> {
    match &used.source {
        MediaSource::Id(id) => Some(id),
        MediaSource::Link(_) => None,
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Meta reads an object or a list where a member has it as JSON in a text; some programs write all of them so.
fn unfold(members: &mut Map<String, Value>) {
    for value in members.values_mut() {
        let inner = value.as_str().filter(|text| text.starts_with(['{', '[']));
        if let Some(inner) = inner.and_then(|text| serde_json::from_str(text).ok()) {
            *value = inner;
        }
    }
}

/// What is wrong with a message, under the code that Meta has for the first of it.
fn unfit(problems: &Problems) -> GraphError {
    let texts: Vec<&str> = problems.iter().map(|problem| problem.en.as_str()).collect();
    let first = problems.iter().next();
    let (code, title) = match first.map(|problem| (problem.rule, problem.field.as_str())) {
        Some((Rule::Missing, _)) => (131008, "Required parameter is missing"),
        Some((Rule::UnknownKey | Rule::Unsupported, _) | (_, "type")) => (100, "Invalid parameter"),
        _ => (131009, "Parameter value is not valid"),
    };
    GraphError::new(400, code, format!("(#{code}) {title}")).details(texts.join(" "))
}

fn needs_phone() -> GraphError {
    GraphError::new(400, 131062, "(#131062) Business-scoped user ids are not supported for this message")
        .details("Send it to a phone number, in `to`.")
}

/// Whether a number writes to itself, which never has a window; Meta says so first.
async fn is_own(call: &Call, link: &Link, recipient: &Recipient) -> Result<bool, GraphError> {
    let Recipient::Phone { digits, .. } = recipient else {
        return Ok(false);
    };
    let tx = call.begin().await?;
    let numbers = number::list(&tx, call.state.clock.now()).await?;
    tx.close();
    let own = numbers.iter().find(|number| number.id == link.number_id);
    Ok(own
        .and_then(|number| number.display_phone_number.as_deref())
        .is_some_and(|shown| phone::digits(shown) == *digits))
}

fn refused(call: &Call, refusal: &Refusal) -> GraphError {
    match refusal {
        Refusal::WindowClosed { .. } => GraphError::new(400, 131047, "(#131047) Re-engagement message").details(
            "Message failed to send because more than 24 hours have passed since the customer last replied to this \
             number. Nothing was sent; send a template.",
        ),
        Refusal::NotThere(_) | Refusal::Disconnected => call.no_such_object(),
        Refusal::Nameless | Refusal::Group => {
            GraphError::new(400, 131009, "(#131009) Parameter value is not valid").details("Write to one person.")
        }
        Refusal::NeedsPhone => needs_phone(),
        // No key came along.
        Refusal::KeyReused => GraphError::invalid("This message was sent before."),
    }
}

/// Meta's answer to a send.
fn accepted(wanted: &Wanted, sent: Sent) -> Value {
    let said = sent.acceptance.unwrap_or_default();
    let contact = match &wanted.recipient {
        Recipient::Phone { digits, .. } => {
            json!({ "input": wanted.input, "wa_id": said.wa_id.as_ref().unwrap_or(digits) })
        }
        Recipient::User(id) => json!({ "input": wanted.input, "user_id": said.user_id.as_ref().unwrap_or(id) }),
    };
    let mut message = json!({ "id": sent.wamid });
    if let Some(status) = said.message_status {
        message["message_status"] = status.into();
    }
    json!({ "messaging_product": "whatsapp", "contacts": [contact], "messages": [message] })
}

/// Marks a customer's message as read, for them and in the inbox.
async fn receipt(call: &Call, link: &Link, members: Map<String, Value>) -> Result<Response, GraphError> {
    let wamid = members.get("message_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let credential = call.credential(link)?;
    let relayed = relay::relay(call, &credential, &Carried::Members(members)).await?;
    if (200..300).contains(&relayed.http) {
        let (database, scope) = (call.state.database.clone(), call.scope);
        write_down("that a message was read", move || {
            let (database, wamid) = (database.clone(), wamid.clone());
            async move {
                let tx = database.tenant(&scope).await?;
                if let Some(message) = message::find(&tx, &wamid).await? {
                    conversation::mark_read(&tx, message.conversation_id).await?;
                }
                tx.commit().await
            }
        })
        .await;
    }
    Ok(json_response(relay::status(&relayed), &relayed.body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Wanted, GraphError> {
        let Value::Object(members) = value else { unreachable!() };
        Wanted::read(members)
    }

    fn code(value: Value) -> i64 {
        read(value).map(|_| 0).unwrap_or_else(|error| error.code())
    }

    #[test]
    fn mistakes_have_metas_codes() {
        let text = json!({ "body": "hola" });
        assert_eq!(code(json!({ "to": "+34 600 111 222", "text": text })), 0);
        assert_eq!(code(json!({ "text": text })), 100);
        assert_eq!(code(json!({ "to": "nobody", "text": text })), 131009);
        assert_eq!(code(json!({ "to": "34600111222", "type": "text" })), 131008);
        assert_eq!(code(json!({ "to": "34600111222", "text": { "body": "x".repeat(4097) } })), 131009);
        assert_eq!(code(json!({ "to": "34600111222", "type": "hologram", "hologram": {} })), 100);
        assert_eq!(code(json!({ "to": "34600111222", "text": { "body": "hola", "colour": "red" } })), 100);
    }

    #[test]
    fn json_in_a_text_is_read() {
        let contacts = r#"[{"name":{"formatted_name":"Ann Lee","first_name":"Ann"}}]"#;
        let wanted = read(json!({ "to": 34600111222_u64, "type": "contacts", "contacts": contacts })).unwrap();
        assert_eq!((wanted.input.as_str(), wanted.content.kind.as_str()), ("34600111222", "contacts"));
        assert!(wanted.content.body.contains("Ann Lee"));
    }

    #[test]
    fn the_answer_names_the_recipient_as_the_caller_and_as_meta_do() {
        let wanted = read(json!({ "to": "+54 9 11 5555-1234", "text": { "body": "hola" } })).unwrap();
        let acceptance = model::outbox::Acceptance { wa_id: Some("5491155551234".into()), ..Default::default() };
        let answer = accepted(&wanted, Sent { wamid: "wamid.A".into(), acceptance: Some(acceptance) });
        let contacts = json!([{ "input": "+54 9 11 5555-1234", "wa_id": "5491155551234" }]);
        assert_eq!((&answer["contacts"], &answer["messages"]), (&contacts, &json!([{ "id": "wamid.A" }])));
        let wanted = read(json!({ "recipient": "AR.13491208655302741918", "text": { "body": "hola" } })).unwrap();
        let answer = accepted(&wanted, Sent { wamid: "wamid.A".into(), acceptance: None });
        assert_eq!(answer["contacts"][0]["user_id"], "AR.13491208655302741918");
    }
}
