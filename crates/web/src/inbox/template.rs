//! Answering with a template: which, and what stands in its slots.

use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use model::act::Act;
use model::database::Tenant;
use model::message;
use model::outbox::To;
use model::template::known::{self, Known};
use model::template::{self, Template};
use model::user::Language;
use serde_json::{Value, json};
use uuid::Uuid;
use whatsapp::outgoing::{self, TemplateParameter};

use super::compose::said;
use super::list::{Choice, who};
use super::plan;
use super::send::{self, Known as Seen, Sent, Wish, message_id};
use super::sent::AsSent;
use super::thread::{self, Question, Writing};
use super::view::{Part, Wanted};
use crate::State;
use crate::pages::{Entered, Failure, Key, Page, PathId, Said, Visit, say, shown};
use crate::sending;

#[derive(askama::Template)]
#[template(path = "inbox/template.html")]
struct TemplatePage {
    page: Page,
    who: String,
    /// Where the conversation is.
    back: String,
    /// Where the templates are.
    here: String,
    query: String,
    chosen: Option<Chosen>,
    templates: Vec<Choice>,
    /// Up to which message the reader saw the conversation.
    seen: i64,
    /// What was written and could not go, beside what goes in its place.
    beside: Option<Beside>,
    writing: Writing,
}

/// A message that could not go.
struct Beside {
    id: Uuid,
    text: String,
}

/// What could not go, if the address names it.
async fn beside(tx: &Tenant, conversation_id: Uuid, wanted: &Wanted) -> Result<Option<Beside>, Failure> {
    let Part::Around(id) = wanted.part else { return Ok(None) };
    let found = message::these(tx, conversation_id, vec![id]).await?.pop();
    Ok(found.filter(|one| one.r#type == "text").map(|one| Beside { id, text: one.text }))
}

/// A template as the customer will see it, and what it asks for.
struct Chosen {
    action: String,
    name: String,
    sent: AsSent,
    fields: Vec<Field>,
}

/// One slot.
struct Field {
    name: String,
    label: Said,
    sample: String,
    required: bool,
}

/// The templates that can be sent.
pub(super) async fn list(visit: Visit, PathId(id): PathId, wanted: Wanted) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Send).await?;
    let found = thread::follow(&tx, id).await?;
    let id = found.id;
    let templates = thread::approved(&tx, found.number_id).await?;
    let beside = beside(&tx, id, &wanted).await?;
    tx.close();
    let who = who(&found, visit.page.language);
    let seen = wanted.seen.unwrap_or(found.last_sequence);
    let page = TemplatePage { templates, seen, beside, ..TemplatePage::of(visit.page, id, who, &wanted) };
    Ok(shown(StatusCode::OK, &page))
}

/// Where the templates are that can be sent in a conversation.
pub(super) fn address(conversation_id: Uuid) -> String {
    format!("/inbox/{conversation_id}/templates")
}

/// More templates than this can be searched.
pub(super) const AT_A_GLANCE: usize = 4;

impl TemplatePage {
    /// What a template's address says of what it goes beside.
    fn beside_of(&self) -> String {
        self.beside.as_ref().map(|beside| format!("&message={}", beside.id)).unwrap_or_default()
    }

    fn of(page: Page, id: Uuid, who: String, wanted: &Wanted) -> Self {
        let query = wanted.query();
        let (back, here) = (format!("/inbox/{id}?{query}"), address(id));
        Self {
            page,
            who,
            back,
            here,
            query,
            chosen: None,
            templates: Vec::new(),
            seen: 0,
            beside: None,
            writing: Writing::default(),
        }
    }
}

/// A template that was chosen.
struct Choosing {
    conversation_id: Uuid,
    who: String,
    /// The last message of the conversation.
    last: i64,
    template: Template,
    known: Known,
    parameters: Vec<TemplateParameter>,
}

impl Choosing {
    /// `None`: there is no such template that could be sent in this conversation.
    async fn find(tx: &Tenant, language: Language, id: Uuid, template_id: Uuid) -> Result<Self, Failure> {
        let found = thread::follow(tx, id).await?;
        let id = found.id;
        let template = template::get(tx, template_id).await?.ok_or(Failure::NotThere)?;
        let (Some(name), Some(spoken)) = (&template.name, &template.language) else { return Err(Failure::NotThere) };
        let known = known::find(tx, &To::Conversation(id), name, spoken).await?.ok_or(Failure::NotThere)?;
        // Of another number's account it is none of this conversation's.
        if known.template.as_ref().is_none_or(|known| known.id != template.id) {
            return Err(Failure::NotThere);
        }
        let components = template.components.clone().unwrap_or_default();
        let parameters = outgoing::outline(&components).parameters;
        Ok(Self {
            conversation_id: id,
            who: who(&found, language),
            last: found.last_sequence,
            template,
            known,
            parameters,
        })
    }

    /// Whether everything that it must be given can be given on a page.
    fn is_for_pages(&self) -> bool {
        self.parameters.iter().all(|one| !one.required || one.card.is_none() && parameter(one, "x").is_some())
    }

    fn fields(&self, language: Language) -> Vec<Field> {
        let offered = |(nth, one): (usize, &TemplateParameter)| {
            (one.required && parameter(one, "x").is_some()).then(|| Field {
                name: field(nth),
                label: label(one, language),
                sample: one.sample.clone().unwrap_or_default(),
                required: one.required,
            })
        };
        self.parameters.iter().enumerate().filter_map(offered).collect()
    }

    fn chosen(&self, id: Uuid, query: &str, language: Language) -> Chosen {
        let components = self.template.components.clone().unwrap_or_default();
        Chosen {
            action: format!("{}/{}?{query}", address(id), self.template.id),
            name: self.template.name.clone().unwrap_or_default(),
            sent: AsSent::of(outgoing::outline(&components).preview, language),
            fields: self.fields(language),
        }
    }

    /// The message as Meta takes it, with what was entered.
    fn body(&self, entered: &Entered) -> Value {
        let mut components: Vec<Value> = Vec::new();
        for (nth, one) in self.parameters.iter().enumerate() {
            let Some(given) = parameter(one, entered.text(&field(nth))).filter(|_| one.required) else { continue };
            let mut component = json!({ "type": one.component });
            if let (Some(button), Some(sub_type)) = (one.button, one.sub_type) {
                component["index"] = json!(button.to_string());
                component["sub_type"] = json!(sub_type);
            }
            let is_same =
                |known: &&mut Value| ["type", "index", "sub_type"].iter().all(|name| known[*name] == component[*name]);
            match components.iter_mut().find(is_same) {
                Some(known) => known["parameters"].as_array_mut().expect("it was made of a list").push(given),
                None => {
                    component["parameters"] = json!([given]);
                    components.push(component);
                }
            }
        }
        json!({ "type": "template", "template": {
            "name": self.template.name, "language": { "code": self.template.language }, "components": components,
        } })
    }
}

/// The field of a slot.
fn field(nth: usize) -> String {
    format!("slot-{nth}")
}

/// What a slot is given; `None`: it is of a kind that no page can fill.
fn parameter(one: &TemplateParameter, text: &str) -> Option<Value> {
    let mut given = match one.kind {
        "text" => json!({ "type": "text", "text": text }),
        "payload" => json!({ "type": "payload", "payload": text }),
        "coupon_code" => json!({ "type": "coupon_code", "coupon_code": text }),
        kind @ ("image" | "video" | "document") => json!({ "type": kind, kind: { "link": text } }),
        _ => return None,
    };
    if let (true, Some(name)) = (one.named, &one.name) {
        given["parameter_name"] = json!(name);
    }
    Some(given)
}

fn label(one: &TemplateParameter, language: Language) -> Said {
    match (one.kind, &one.name) {
        ("image" | "video" | "document", _) => say(language, Key("slot-file")),
        (_, Some(name)) => say(language, Key("slot-named")).with("name", name),
        _ => say(language, Key("slot-other")),
    }
}

/// What the chosen template asks for.
pub(super) async fn form(
    visit: Visit,
    PathId((id, template_id)): PathId<(Uuid, Uuid)>,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Send).await?;
    let choosing = Choosing::find(&tx, visit.page.language, id, template_id).await?;
    let beside = beside(&tx, choosing.conversation_id, &wanted).await?;
    tx.close();
    let mut page = page(visit, id, &wanted, &choosing, Writing::default());
    page.beside = beside;
    Ok(shown(StatusCode::OK, &page))
}

fn page(visit: Visit, id: Uuid, wanted: &Wanted, choosing: &Choosing, mut writing: Writing) -> TemplatePage {
    let language = visit.page.language;
    if !choosing.is_for_pages() {
        writing.entered.fault("template", say(language, Key("template-not-here")));
    }
    let page = TemplatePage::of(visit.page, id, choosing.who.clone(), wanted);
    let chosen = Some(choosing.chosen(id, &page.query, language));
    // What was asked about is seen now.
    let known = wanted.seen.or_else(|| writing.entered.text("seen").parse().ok());
    let seen = known.filter(|_| writing.question.is_none()).unwrap_or(choosing.last);
    TemplatePage { chosen, seen, writing, ..page }
}

/// Sends it.
pub(super) async fn send(
    extract::State(state): extract::State<State>,
    visit: Visit,
    PathId((id, template_id)): PathId<(Uuid, Uuid)>,
    wanted: Wanted,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let language = visit.page.language;
    let tx = visit.begin(Act::Send).await?;
    let choosing = Choosing::find(&tx, language, id, template_id).await?;
    let body = choosing.body(&entered);
    let checked = outgoing::check(&body).and_then(|mut checked| {
        let used = checked.template.take();
        let mut content = sending::content(checked);
        used.map_or(Ok(()), |used| sending::fill(&mut content, &choosing.known, &used)).map(|()| content)
    });
    let content = match checked {
        Ok(content) => content,
        Err(problems) => {
            entered.fault("template", said(problems, language));
            return Ok(shown(
                StatusCode::UNPROCESSABLE_ENTITY,
                &page(visit, id, &wanted, &choosing, writing(entered, None)),
            ));
        }
    };
    let send_at = match plan::wished(&entered, &visit) {
        Ok(send_at) => send_at,
        Err(said) => {
            entered.fault("template", said);
            return Ok(shown(
                StatusCode::UNPROCESSABLE_ENTITY,
                &page(visit, id, &wanted, &choosing, writing(entered, None)),
            ));
        }
    };
    let wish = Wish {
        conversation_id: choosing.conversation_id,
        id: message_id(&entered),
        body,
        content,
        typed: None,
        known: Seen::of(&entered),
        takes: send::takes(&visit, &entered),
        reads: true,
        send_at,
        again: None,
    };
    match send::queue(&state, &visit, tx, &wish).await? {
        Sent::Queued(_) => Ok(Redirect::to(&format!("/inbox/{id}?{}", wanted.query())).into_response()),
        Sent::Asked(question) => {
            Ok(shown(StatusCode::CONFLICT, &page(visit, id, &wanted, &choosing, writing(entered, Some(question)))))
        }
        Sent::Unfit(key) => {
            entered.fault("template", say(language, key));
            Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &page(visit, id, &wanted, &choosing, writing(entered, None))))
        }
        Sent::Refused(refusal) => {
            entered.fault("template", say(language, send::why_of(&refusal, send_at)?));
            Ok(shown(StatusCode::CONFLICT, &page(visit, id, &wanted, &choosing, writing(entered, None))))
        }
    }
}

fn writing(entered: Entered, question: Option<Question>) -> Writing {
    Writing { entered, question, ..Writing::default() }
}
