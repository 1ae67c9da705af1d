//! `POST /{phone-number-id}/messages`: the message takes its place in the queue, and its sender waits for Meta's answer.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use jiff::Timestamp;
use model::DatabaseError;
use model::database::Tenant;
use model::link::Link;
use model::outbox::{self, Content, Idempotency, Options, Recipient, Refusal, To};
use model::template::known;
use model::upload::{self, Attached};
use model::{at_meta, conversation, message, number};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use whatsapp::graph::Content as GraphContent;
use whatsapp::outgoing::{self, MediaSource, MediaUse, MessagingAccount, Problems, Rule, TemplateUse};
use whatsapp::phone;

use super::call::{Call, json_response};
use super::error::GraphError;
use super::members::Members;
use super::objects::answered;
use super::outcome::{self, Ended, Patience, Sent, Waiting};
use super::relay;
use crate::behind::write_down;
use crate::sending::{self, Order, Queued};

/// So often a message is queued anew under its key, where another request that waited for it gave up.
const ROUNDS: usize = 3;

/// The longest `Idempotency-Key`.
const LONGEST_KEY: usize = 255;

/// Sends a message, or passes a read receipt on.
pub(super) async fn post(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    let members = read(call, body).await?;
    if let Some(receipt) = Receipt::of(&members) {
        return receipt.pass_on(call, link).await;
    }
    let key = idempotency(call, link, &members)?;
    let mut wanted = Wanted::read(members)?;
    wanted.goes_by(&link.waba_id)?;
    let _place = call.state.desk.wait(&call.scope).ok_or_else(GraphError::too_many)?;
    let patience = Patience::of(call);
    for _ in 0..ROUNDS {
        if let Some(key) = &key {
            let tx = call.operator().await?;
            outbox::forget_unsent(&tx, &call.scope, key).await?;
            // Forgotten or not, nothing was sent.
            tx.commit().await.map_err(|error| error.in_job())?;
        }
        let waiting = queue(call, link, &mut wanted, &patience, key.clone()).await?;
        match outcome::wait(call, waiting, &patience).await? {
            Ended::Sent(sent) => return Ok(json_response(StatusCode::OK, &accepted(&wanted, sent))),
            Ended::TakenBack if key.is_some() => {}
            Ended::TakenBack => break,
        }
    }
    Err(outcome::taken_back())
}

/// What the body and the query say together: Meta takes parameters in both. What is null was never set.
async fn read(call: &Call, body: Body) -> Result<Map<String, Value>, GraphError> {
    let Members { all: mut members, file } = call.members(body).await?;
    if file.is_some() {
        return Err(GraphError::invalid("No file is taken here: upload it to /media, and send its id."));
    }
    for (name, value) in call.query() {
        members.entry(name).or_insert_with(|| value.into());
    }
    members.retain(|_, value| !value.is_null());
    if members.get("messaging_product").and_then(Value::as_str) != Some("whatsapp") {
        return Err(GraphError::missing("messaging_product"));
    }
    Ok(members)
}

/// The key by which a repeated request is known, with what the request says.
fn idempotency(call: &Call, link: &Link, members: &Map<String, Value>) -> Result<Option<Idempotency>, GraphError> {
    let mut all = call.headers.get_all("idempotency-key").iter();
    let Some(only) = all.next() else { return Ok(None) };
    let text = only.to_str().ok().filter(|text| (1..=LONGEST_KEY).contains(&text.len()));
    let (Some(key), None) = (text, all.next()) else {
        return Err(GraphError::invalid("The header Idempotency-Key must be one text of 1 to 255 ASCII characters."));
    };
    let operation = json!(["graph", link.phone_number_id]);
    let fingerprint = whatsapp::json_hash(&[&operation, &Value::Object(members.clone())]).into_bytes();
    Ok(Some(Idempotency { key: key.to_owned(), fingerprint }))
}

/// Has a message take its place in the queue, or finds the one that took it under this key.
async fn queue(
    call: &Call,
    link: &Link,
    wanted: &mut Wanted,
    patience: &Patience,
    key: Option<Idempotency>,
) -> Result<Waiting, GraphError> {
    let to = To::Recipient { number_id: link.number_id, recipient: wanted.recipient.clone() };
    let now = call.state.clock.now();
    let id = Uuid::now_v7();
    let options = Options { id: Some(id), deadline: Some(now + patience.tried()), ..Options::default() };
    if wanted.looks_further() {
        let tx = call.begin().await?;
        wanted.fill(&tx, &to).await?;
        wanted.attach(&tx, now).await?;
        sending::looked(tx, !wanted.content.files.is_empty()).await?;
    }
    let order = Order { to, content: wanted.content.clone(), options, idempotency: key };
    let mut waiting = Waiting::new(call, id);
    let queued = call.state.gathering.queue(&call.state, &call.scope, order).await;
    if !matches!(queued, Ok(Ok(_))) {
        waiting.ends();
    }
    match queued? {
        // Whether it is there is seen as what becomes of it is.
        Ok(Queued::Surely(message) | Queued::Perhaps(message)) => {
            // A repeat waits for the first one.
            waiting.waits_for(message.id);
            Ok(waiting)
        }
        Err(Refusal::WindowClosed { .. }) if is_own(call, link, &wanted.recipient).await? => {
            Err(GraphError::new(400, 131021, "(#131021) Recipient cannot be sender")
                .details("Recipient phone number cannot be the sender phone number."))
        }
        Err(refusal) => Err(refused(call, &refusal)),
    }
}

/// A message, read and checked.
struct Wanted {
    /// The recipient as the caller wrote it.
    input: String,
    recipient: Recipient,
    content: Content,
    template: Option<TemplateUse>,
    media: Vec<MediaUse>,
    /// The Messaging account that it names.
    messaging_account: Option<MessagingAccount>,
}

impl Wanted {
    fn read(members: Map<String, Value>) -> Result<Self, GraphError> {
        // Of two names Meta takes the phone number.
        let input = ["to", "recipient"].into_iter().find_map(|name| word(members.get(name)?));
        let input = input.ok_or_else(|| GraphError::missing("to"))?;
        let recipient = sending::recipient(&input).map_err(|problem| unfit(&problem.into()))?;
        let also = members.get("recipient").and_then(word).filter(|id| phone::is_user_id(id));
        let recipient = recipient.known_as(also);
        let mut outgoing = outgoing::check_as_meta(Value::Object(members)).map_err(|problems| unfit(&problems))?;
        if outgoing.needs_phone && matches!(recipient, Recipient::User(_)) {
            return Err(needs_phone());
        }
        let (template, media) = (outgoing.template.take(), std::mem::take(&mut outgoing.media));
        let messaging_account = outgoing.messaging_account.take();
        Ok(Self { input, recipient, content: sending::content(outgoing), template, media, messaging_account })
    }

    /// An account that it names is the number's.
    fn goes_by(&self, waba_id: &str) -> Result<(), GraphError> {
        match &self.messaging_account {
            Some(named) if named.id != waba_id => Err(unfit(&named.foreign().into())),
            _ => Ok(()),
        }
    }

    /// Whether the database says more of what it shows.
    fn looks_further(&self) -> bool {
        self.template.is_some() || !self.media.is_empty()
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

    /// Has the message show the files that were uploaded through here. One that is not the organization's is none, though a
    /// token of its own may open it.
    async fn attach(&mut self, tx: &Tenant, now: Timestamp) -> Result<(), GraphError> {
        let ids: Vec<&str> = self.media.iter().filter_map(meta_id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        if let Some(foreign) = at_meta::foreign_media(tx, &ids).await?.first() {
            return Err(GraphError::invalid("Invalid parameter").details(format!(
                "{foreign:.64} is no media attachment ID of yours: upload the file through wazapp, and send the id that you get."
            )));
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

/// What is wrong with a message, under the code that Meta has for the first of it.
fn unfit(problems: &Problems) -> GraphError {
    let texts: Vec<&str> = problems.iter().map(|problem| problem.en.as_str()).collect();
    let first = problems.iter().next();
    let (code, title) = match first.map(|problem| (problem.rule, problem.field.as_str())) {
        Some((Rule::Missing | Rule::Empty, _)) => (131008, "Required parameter is missing"),
        Some((Rule::UnknownKey | Rule::Unsupported, _) | (_, "type")) => (100, "Invalid parameter"),
        Some((Rule::NotOneOf, field)) if field.ends_with(".sub_type") => (100, "Invalid parameter"),
        Some((Rule::Format, field)) if is_value(field) => {
            (132018, "There was an issue with the parameters in your template")
        }
        _ => (131009, "Parameter value is not valid"),
    };
    GraphError::new(400, code, format!("(#{code}) {title}")).details(texts.join(" "))
}

/// Whether a member is a text that a template is filled with.
fn is_value(field: &str) -> bool {
    field.starts_with("template.components[") && field.contains("].parameters[") && field.ends_with("].text")
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
        Refusal::KeyReused => {
            GraphError::invalid("This Idempotency-Key came with another message before. Nothing was sent.")
        }
        Refusal::OverQuota(exceeded) => DatabaseError::OverQuota(*exceeded).into(),
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

/// That a customer's message was read, and nothing else: whatever says more is a message, and takes its place in the queue.
struct Receipt {
    wamid: String,
    typing: bool,
}

impl Receipt {
    /// `None`: it is no receipt.
    fn of(members: &Map<String, Value>) -> Option<Self> {
        let known = ["messaging_product", "status", "message_id", "typing_indicator"];
        let only = members.keys().all(|name| known.contains(&name.as_str()));
        let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let typing = match members.get("typing_indicator") {
            None => false,
            Some(indicator) if is_typing(indicator) => true,
            Some(_) => return None,
        };
        let is_read = only && text("status") == Some("read");
        Some(Self { wamid: text("message_id").filter(|_| is_read)?.to_owned(), typing })
    }

    /// Tells Meta, and the inbox. What goes to Meta is written anew.
    async fn pass_on(&self, call: &Call, link: &Link) -> Result<Response, GraphError> {
        let credential = call.credential(link)?;
        let body = outgoing::read_receipt(&self.wamid, self.typing).to_string();
        let content = GraphContent::bytes("application/json; charset=utf-8", body);
        let path = [link.phone_number_id.as_str(), "messages"];
        let mut relayed = call.state.graph.relay(&credential, Method::POST, &path, &[], Some(content)).await?;
        relay::shown_here(&mut relayed, call)?;
        if (200..300).contains(&relayed.http) {
            let (database, scope, wamid) = (call.state.database.clone(), call.scope, self.wamid.clone());
            let now = call.state.clock.now();
            write_down("that a message was read", move || {
                let (database, wamid) = (database.clone(), wamid.clone());
                async move {
                    let tx = database.tenant(&scope).await?;
                    if let Some(message) = message::find(&tx, &wamid).await? {
                        conversation::mark_read(&tx, now, message.conversation_id).await?;
                    }
                    tx.commit().await
                }
            })
            .await;
        }
        answered(&relayed)
    }
}

/// `{"type":"text"}`, which may be JSON in a text.
fn is_typing(indicator: &Value) -> bool {
    let unfolded = indicator.as_str().and_then(|text| serde_json::from_str(text).ok());
    unfolded.as_ref().unwrap_or(indicator) == &json!({ "type": "text" })
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
    fn an_account_that_is_named_is_the_numbers_and_goes_on_by_the_name_that_lasts() {
        for name in ["messaging_account_id", "paid_messaging_account_id"] {
            let named = read(json!({ "to": "34600111222", "text": { "body": "hola" }, name: 746 })).unwrap();
            let body: Value = serde_json::from_str(&named.content.body).unwrap();
            assert_eq!(body, json!({ "type": "text", "text": { "body": "hola" }, "messaging_account_id": "746" }));
            assert_eq!(named.goes_by("746"), Ok(()));
            let refused = named.goes_by("747").unwrap_err();
            assert_eq!(refused.code(), 131009);
            let details = refused.envelope()["error"]["error_data"]["details"].clone();
            assert!(details.as_str().unwrap().contains(name), "{details}");
        }
        let both = json!({ "messaging_account_id": "746", "paid_messaging_account_id": "747", "to": "34600111222",
            "text": { "body": "hola" } });
        assert_eq!(code(both), 131009);
    }

    #[test]
    fn json_in_a_text_is_read() {
        let contacts = r#"[{"name":{"formatted_name":"Ann Lee","first_name":"Ann"}}]"#;
        let wanted = read(json!({ "to": 34600111222_u64, "type": "contacts", "contacts": contacts })).unwrap();
        assert_eq!((wanted.input.as_str(), wanted.content.kind.as_str()), ("34600111222", "contacts"));
        assert!(wanted.content.body.contains("Ann Lee"));
    }

    #[test]
    fn only_a_receipt_is_one() {
        let receipt = |value: Value| {
            let Value::Object(members) = value else { unreachable!() };
            Receipt::of(&members).map(|receipt| (receipt.wamid, receipt.typing))
        };
        let whole = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.A" });
        assert_eq!(receipt(whole.clone()), Some(("wamid.A".into(), false)));
        let with = |name: &str, value: Value| {
            let mut body = whole.clone();
            body[name] = value;
            receipt(body)
        };
        assert_eq!(with("typing_indicator", json!({ "type": "text" })), Some(("wamid.A".into(), true)));
        assert_eq!(with("typing_indicator", json!("{\"type\":\"text\"}")), Some(("wamid.A".into(), true)));
        for (name, value) in [
            ("status", json!("delivered")),
            ("status", json!("READ")),
            ("status", json!(true)),
            ("status", json!(["read"])),
            ("message_id", json!("")),
            ("message_id", json!(1)),
            ("typing_indicator", json!({ "type": "audio" })),
            ("type", json!("text")),
            ("to", json!("34600111222")),
            ("text", json!({ "body": "hola" })),
            ("colour", json!("red")),
        ] {
            assert_eq!(with(name, value.clone()), None, "{name}: {value}");
        }
    }

    #[test]
    fn values_of_templates_have_codes_of_their_own() {
        let template = |component: Value| {
            let template = json!({ "name": "a", "language": { "code": "es" }, "components": [component] });
            code(json!({ "to": "34600111222", "type": "template", "template": template }))
        };
        let body = |parameter: Value| template(json!({ "type": "body", "parameters": [parameter] }));
        assert_eq!(body(json!({ "type": "text", "text": "a\nb" })), 132018);
        assert_eq!(body(json!({ "type": "text", "text": "" })), 131008);
        assert_eq!(body(json!({ "type": "text", "text": "a", "colour": "red" })), 100);
        assert_eq!(body(json!({ "type": "TEXT", "text": "a" })), 0);
        let button = json!({ "type": "button", "sub_type": "star", "index": "0", "parameters": [] });
        assert_eq!(template(button), 100);
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
