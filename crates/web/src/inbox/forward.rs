//! Passing a message on to others.

use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use jiff::Timestamp;
use model::act::Act;
use model::conversation::{self, Conversation};
use model::database::Tenant;
use model::message::Message;
use model::number::Number;
use model::outbox::Refusal;
use model::search::Search;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};
use whatsapp::outgoing;

use super::compose::{self, Composed, said};
use super::house::House;
use super::list::who;
use super::send::{self, Sent, Wish, why};
use super::thread;
use super::view::Wanted;
use crate::State;
use crate::pages::{Entered, Failure, Key, Notice, Page, PathId, Said, Visit, say, shown};
use crate::sending;

/// To so many at once.
const MOST: usize = 20;

/// So many conversations are offered.
const OFFERED: i64 = 50;

/// What goes on of a message.
enum Onward {
    Text(String),
    File { media_id: Uuid, as_document: bool, voice: bool, words: String },
    Other(Value),
}

impl Onward {
    /// `None`: nothing of it can be said again.
    fn of(message: &Message) -> Option<Self> {
        if message.revoked_at.is_some() {
            return None;
        }
        let payload: Value = serde_json::from_str(message.payload.0.get()).unwrap_or_default();
        let kind = message.r#type.as_str();
        match kind {
            "image" | "video" | "audio" | "document" | "sticker" => {
                let media = message.media.as_ref().filter(|media| media.state == "stored")?;
                Some(Self::File {
                    media_id: media.id,
                    as_document: kind == "document",
                    voice: payload[kind]["voice"] == true,
                    words: payload[kind]["caption"].as_str().unwrap_or_default().to_owned(),
                })
            }
            "location" => {
                let place = payload[kind].as_object()?;
                let known = ["latitude", "longitude", "name", "address"];
                let told: serde_json::Map<String, Value> =
                    known.iter().filter_map(|name| Some(((*name).to_owned(), place.get(*name)?.clone()))).collect();
                Self::sendable(json!({ "type": kind, kind: told }))
            }
            "contacts" => Self::sendable(json!({ "type": kind, kind: payload[kind] })),
            "text" | "button" | "interactive" | "template" => {
                let words = message.text.trim();
                (!words.is_empty()).then(|| Self::Text(words.to_owned()))
            }
            _ => None,
        }
    }

    fn sendable(body: Value) -> Option<Self> {
        outgoing::check(&body).is_ok().then_some(Self::Other(body))
    }

    async fn compose(&self, tx: &Tenant, visit: &Visit) -> Result<Result<Composed, Said>, Failure> {
        let language = visit.page.language;
        match self {
            Self::Text(words) => Ok(compose::text(words, None, language)),
            Self::File { media_id, as_document, voice, words } => {
                let file = compose::ShownFile { media_id: *media_id, as_document: *as_document, voice: *voice, words };
                file.message(tx, visit.now(), None, language).await
            }
            Self::Other(body) => Ok(match outgoing::check(body) {
                Ok(checked) => Ok(Composed { body: body.clone(), content: sending::content(checked) }),
                Err(problems) => Err(said(problems, language)),
            }),
        }
    }
}

/// Whether a message can be passed on.
pub(super) fn goes_on(message: &Message) -> bool {
    Onward::of(message).is_some()
}

/// Whom a message can be passed on to.
#[derive(Debug)]
struct Target {
    id: Uuid,
    who: String,
    number: String,
    /// Why it cannot be sent to them now.
    closed: Option<Said>,
}

#[derive(askama::Template)]
#[template(path = "inbox/forward.html")]
struct ForwardPage {
    page: Page,
    query: String,
    /// Where the message is.
    back: String,
    here: String,
    /// What the messages will be called, each after whom it is for.
    id: Uuid,
    text: String,
    search: String,
    targets: Vec<Target>,
    entered: Entered,
    /// What did not go, and why.
    refused: Vec<Said>,
}

impl ForwardPage {
    /// Those with whom people talked last, or whom a search finds.
    async fn read(state: &State, visit: &Visit, at: Place, entered: Entered) -> Result<Self, Failure> {
        let Place { id, message, query, search } = at;
        let (filter, language) = (conversation::Filter::default(), visit.page.language);
        let (all, is_search) = match search.trim() {
            "" => (None, false),
            text => {
                let search = Search::new(text);
                let scope = visit.scope()?;
                let found = conversation::search(&state.database, &scope, (&filter, &search), None, OFFERED).await?;
                (Some(found), true)
            }
        };
        let tx = visit.begin(Act::Send).await?;
        let all = match all {
            Some(all) => all,
            None => conversation::list(&tx, &filter, None, model::page::MAX_LIMIT).await?,
        };
        let house = House::read(&tx, visit.now()).await?;
        // Who was chosen stays among them, whomever a search finds.
        let chosen = conversation::these(&tx, chosen(&entered)).await?;
        tx.close();
        let target = |one: &Conversation| Target {
            id: one.id,
            who: who(one, language),
            number: if house.numbers.len() > 1 {
                house.number(one.number_id).map(Number::name).unwrap_or_default()
            } else {
                String::new()
            },
            closed: closed(one, &house, visit.now()).map(|key| say(language, key)),
        };
        // Who was looked for is shown, and why it cannot be sent to them.
        let others = all.data.iter().filter(|one| chosen.iter().all(|known| known.id != one.id));
        let others = others.map(target).filter(|one| is_search || one.closed.is_none());
        let others = others.take(usize::try_from(OFFERED).unwrap_or(0));
        Ok(Self {
            page: visit.page.clone(),
            back: format!("/inbox/{id}?{query}&message={}", message.id),
            here: format!("/inbox/{id}/messages/{}/forward", message.id),
            query,
            id: Uuid::now_v7(),
            text: message.text.chars().take(160).collect(),
            search,
            targets: chosen.iter().map(target).chain(others).collect(),
            entered,
            refused: Vec::new(),
        })
    }
}

/// To whom a form says that it goes.
fn chosen(entered: &Entered) -> Vec<Uuid> {
    let mut chosen: Vec<Uuid> = entered.all("to").filter_map(|id| id.parse().ok()).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// Why nothing but a template can be sent there now.
fn closed(one: &Conversation, house: &House, now: Timestamp) -> Option<Key> {
    if one.contact.is_none() {
        return Some(Key("composer-group"));
    }
    if house.number(one.number_id).is_none_or(|number| number.status != "connected") {
        return Some(Key("forward-off"));
    }
    let is_open = one.window_expires_at.is_some_and(|end| end > now);
    (!is_open).then_some(Key("forward-closed"))
}

/// A message that is passed on, and where its page is.
struct Place {
    id: Uuid,
    message: Message,
    query: String,
    search: String,
}

impl Place {
    async fn find(visit: &Visit, id: Uuid, message_id: Uuid, wanted: &Wanted) -> Result<Self, Failure> {
        let tx = visit.begin(Act::Send).await?;
        let (found, message) = thread::message_of(&tx, id, message_id).await?;
        tx.close();
        if !goes_on(&message) {
            return Err(Failure::NotThere);
        }
        Ok(Self { id: found.id, message, query: wanted.query(), search: String::new() })
    }
}

/// Whom a message can be passed on to.
pub(super) async fn page(
    extract::State(state): extract::State<State>,
    visit: Visit,
    PathId((id, message_id)): PathId<(Uuid, Uuid)>,
    wanted: Wanted,
    extract::RawQuery(query): extract::RawQuery,
) -> Result<Response, Failure> {
    let asked: Vec<_> = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()).collect();
    let entered = Entered::of(asked.iter().map(|(name, text)| (&**name, &**text)));
    let place = Place { search: entered.text("q").to_owned(), ..Place::find(&visit, id, message_id, &wanted).await? };
    let page = ForwardPage::read(&state, &visit, place, entered).await?;
    Ok(shown(StatusCode::OK, &page))
}

/// Passes it on. Each goes by itself: of those that cannot, it is said why, and the others have gone.
pub(super) async fn send(
    extract::State(state): extract::State<State>,
    visit: Visit,
    PathId((id, message_id)): PathId<(Uuid, Uuid)>,
    wanted: Wanted,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let place = Place::find(&visit, id, message_id, &wanted).await?;
    let onward = Onward::of(&place.message).ok_or(Failure::NotThere)?;
    let targets = chosen(&entered);
    let fault = match targets.len() {
        0 => Some(Key("forward-nobody")),
        1..=MOST => None,
        _ => Some(Key("forward-many")),
    };
    if let Some(key) = fault {
        entered.fault("to", say(visit.page.language, key).count("most", MOST));
        let page = ForwardPage::read(&state, &visit, place, entered).await?;
        return Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let name = send::message_id(&entered);
    let mut refused = Vec::new();
    for target in &targets {
        refused.extend(pass(&state, &visit, &onward, *target, name).await?);
    }
    if !refused.is_empty() {
        let page = ForwardPage::read(&state, &visit, place, Entered::default()).await?;
        return Ok(shown(StatusCode::CONFLICT, &ForwardPage { refused, ..page }));
    }
    let to = match targets.as_slice() {
        [only] => format!("/inbox/{only}?{}", place.query),
        _ => format!("/inbox/{id}?{}&message={message_id}", place.query),
    };
    Ok(([Notice::Forwarded.leave(visit.page.is_https)], Redirect::to(&to)).into_response())
}

/// Passes it on to one; why it did not go.
async fn pass(state: &State, visit: &Visit, onward: &Onward, to: Uuid, name: Uuid) -> Result<Option<Said>, Failure> {
    let language = visit.page.language;
    let tx = visit.begin(Act::Send).await?;
    // Whom the sender sees no more by now is passed over like who cannot be sent to: the others have gone.
    let found = match thread::follow(&tx, to).await {
        Err(Failure::NotThere) => return Ok(Some(say(language, Key("forward-gone")))),
        found => found?,
    };
    let to = found.id;
    let not_sent = |why: Said| {
        let said = say(language, Key("forward-refused")).with("name", who(&found, language));
        Ok(Some(said.with("why", why)))
    };
    let Composed { body, content } = match onward.compose(&tx, visit).await? {
        Ok(composed) => composed,
        Err(said) => return not_sent(said),
    };
    // Nobody read what they wrote: it was passed on from elsewhere.
    let wish = Wish {
        conversation_id: to,
        id: name_for(name, to),
        body,
        content,
        typed: None,
        known: None,
        takes: false,
        reads: false,
        send_at: None,
        again: None,
    };
    match send::queue(state, visit, tx, &wish).await? {
        Sent::Queued(_) => Ok(None),
        Sent::Asked(question) => not_sent(question.said(language)),
        Sent::Unfit(key) => not_sent(say(language, key)),
        Sent::Refused(Refusal::NotThere(_)) => Ok(Some(say(language, Key("forward-gone")))),
        Sent::Refused(refusal) => not_sent(say(language, why(&refusal)?)),
    }
}

/// What the message of one form for one of several is called: the same each time the form comes.
fn name_for(name: Uuid, to: Uuid) -> Uuid {
    let mut bytes = *name.as_bytes();
    let hash = Sha256::new().chain_update(name.as_bytes()).chain_update(to.as_bytes()).finalize();
    // The time stays, by which ids are in order (RFC 9562, section 5.7).
    bytes[6..].copy_from_slice(&hash[..10]);
    Builder::from_bytes(bytes).with_version(uuid::Version::SortRand).with_variant(uuid::Variant::RFC4122).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_of_a_form_has_one_name() {
        let (form, one, other) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        assert_eq!(name_for(form, one), name_for(form, one));
        assert_ne!(name_for(form, one), name_for(form, other));
        assert_ne!(name_for(Uuid::now_v7(), one), name_for(form, one));
        assert_eq!(name_for(form, one).get_version_num(), 7);
        assert_eq!(name_for(form, one).as_bytes()[..6], form.as_bytes()[..6]);
    }
}
