//! `/settings/endpoints`: where an organization's programs hear of what happens, and how that goes.

use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Redirect, Response};
use guard::Target;
use http::StatusCode;
use model::act::Act;
use model::audit;
use model::delivery::{self, Attempt, Delivery};
use model::endpoint::{self, CONCURRENCY, Endpoint, Format, Headers, Resume, State as Turned, Unfit, Wanted};
use model::user::Language;
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::Confirm;
use crate::State;
use crate::pages::{Entered, Failure, Key, Moment, Named, Notice, Page, Said, Times, Visit, say, shown};

const HERE: &str = "/settings/endpoints";

/// So many deliveries are shown.
const SHOWN: i64 = 30;

impl Named for Format {
    fn key(&self) -> Key {
        match self {
            Self::Wazapp => Key("endpoint-wazapp"),
            Self::Meta => Key("endpoint-meta"),
        }
    }

    fn means(&self) -> Key {
        match self {
            Self::Wazapp => Key("endpoint-wazapp-means"),
            Self::Meta => Key("endpoint-meta-means"),
        }
    }
}

/// An endpoint as it is shown.
#[derive(Clone, Debug)]
struct EndpointRow {
    id: Uuid,
    host: String,
    description: String,
    url: String,
    format: &'static str,
    kinds: String,
    is_on: bool,
    /// What is to be known of it, if it is not simply called.
    tag: Option<Key>,
    /// Why it is off, and whose move it is.
    trouble: Option<(String, String)>,
    taken: Option<Moment>,
}

impl EndpointRow {
    fn of(endpoint: Endpoint, language: Language, times: &Times) -> Self {
        let tag = match (endpoint.state, endpoint.failing_since) {
            (Turned::On, None) => None,
            (Turned::On, Some(_)) => Some(Key("endpoint-failing")),
            (Turned::Off, _) => Some(Key("endpoint-off")),
            (Turned::Gone, _) => Some(Key("endpoint-gone")),
        };
        let kinds = match &endpoint.kinds {
            Some(kinds) => kinds.join(", "),
            None => say(language, Key("endpoint-all-kinds")).to_string(),
        };
        Self {
            id: endpoint.id,
            host: endpoint.host(),
            format: endpoint.format.word(),
            kinds,
            is_on: endpoint.state == Turned::On,
            tag,
            trouble: endpoint.trouble.map(|trouble| {
                let advice = match language {
                    Language::Es => trouble.advice.es,
                    Language::En => trouble.advice.en,
                };
                (trouble.message, advice)
            }),
            taken: endpoint.last_success_at.map(|at| times.moment(at)),
            description: endpoint.description,
            url: endpoint.url,
        }
    }
}

#[derive(askama::Template)]
#[template(path = "settings/endpoints.html")]
struct EndpointsPage {
    page: Page,
    endpoints: Vec<EndpointRow>,
}

/// All endpoints, and how they do.
pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageEndpoints).await?;
    let all = endpoint::list(&tx).await?;
    tx.close();
    let (language, times) = (visit.page.language, visit.times());
    let endpoints = all.into_iter().map(|endpoint| EndpointRow::of(endpoint, language, &times)).collect();
    Ok(shown(StatusCode::OK, &EndpointsPage { page: visit.page, endpoints }))
}

#[derive(askama::Template)]
#[template(path = "settings/endpoint_new.html")]
struct NewEndpointPage {
    page: Page,
    entered: Entered,
    formats: [Format; 2],
}

impl NewEndpointPage {
    fn shown(status: StatusCode, page: Page, entered: Entered) -> Response {
        shown(status, &Self { page, entered, formats: [Format::Wazapp, Format::Meta] })
    }
}

/// Where it is to be.
pub(super) async fn form(visit: Visit) -> Result<Response, Failure> {
    visit.begin(Act::ManageEndpoints).await?.close();
    let entered = Entered::of([("format", Format::Wazapp.word())]);
    Ok(NewEndpointPage::shown(StatusCode::OK, visit.page, entered))
}

#[derive(askama::Template)]
#[template(path = "settings/endpoint_made.html")]
struct EndpointMadePage {
    page: Page,
    host: String,
    id: Uuid,
    secret: String,
}

/// What a form says.
struct Filled {
    format: Format,
    wanted: Wanted,
}

impl Filled {
    fn read(state: &State, language: Language, entered: &mut Entered) -> Self {
        let format = Format::of(entered.text("format")).unwrap_or(Format::Wazapp);
        let words = entered.text("kinds").split([',', ' ', '\n', '\r']).filter(|word| !word.is_empty());
        let kinds: Vec<String> = words.map(str::to_owned).collect();
        let wanted = Wanted {
            url: entered.text("url").trim().to_owned(),
            kinds: if kinds.is_empty() { format.usual_kinds() } else { Some(kinds) },
            number_ids: None,
            description: entered.text("description").trim().to_owned(),
            rate: None,
            concurrency: CONCURRENCY,
            in_order: false,
            gather: None,
        };
        if Target::read(&wanted.url, state.guard.allowed()).is_err() {
            entered.fault("url", say(language, Key("endpoint-url-wrong")));
        }
        Self { format, wanted }
    }
}

/// Makes an endpoint. Its secret is shown in this answer and never again.
pub(super) async fn create(
    visit: Visit,
    Shared(state): Shared<State>,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let language = visit.page.language;
    let filled = Filled::read(&state, language, &mut entered);
    if entered.is_sound()
        && let Ok(target) = Target::read(&filled.wanted.url, state.guard.allowed())
        && matches!(state.guard.resolve(&target).await, Err(guard::Failing::Private))
    {
        entered.fault("url", say(language, Key("endpoint-url-wrong")));
    }
    let tx = visit.begin(Act::ManageEndpoints).await?;
    if !entered.is_sound() {
        tx.close();
        return Ok(NewEndpointPage::shown(StatusCode::UNPROCESSABLE_ENTITY, visit.page, entered));
    }
    let (wanted, headers) = (&filled.wanted, Headers::new());
    let made = endpoint::create(&tx, visit.now(), &state.keyring, filled.format, wanted, &headers).await?;
    let (made, secret) = match made {
        Ok(made) => made,
        Err(unfit) => {
            tx.close();
            let (status, field, key) = match unfit {
                Unfit::TooMany | Unfit::NoNumber(_) => (StatusCode::CONFLICT, "url", Key("endpoint-too-many")),
                Unfit::Wrong(mistake) if mistake.field == "kinds" => {
                    (StatusCode::UNPROCESSABLE_ENTITY, "kinds", Key("endpoint-kinds-wrong"))
                }
                Unfit::Wrong(_) => (StatusCode::UNPROCESSABLE_ENTITY, "description", Key("endpoint-description-wrong")),
            };
            entered.fault(field, say(language, key));
            return Ok(NewEndpointPage::shown(status, visit.page, entered));
        }
    };
    visit.finish(tx, &made.made()).await?;
    let secret = secret.expose_secret().to_owned();
    Ok(shown(StatusCode::CREATED, &EndpointMadePage { page: visit.page, host: made.host(), id: made.id, secret }))
}

/// A delivery as it is shown.
struct DeliveryRow {
    id: Uuid,
    kind: String,
    state: Key,
    is_well: bool,
    may_retry: bool,
    made: Moment,
    due: Option<Moment>,
    last: Option<Attempt>,
}

impl DeliveryRow {
    fn of(delivery: Delivery, times: &Times) -> Self {
        use delivery::State::{Calling, Delivered, Failed, Skipped, Waiting};
        Self {
            id: delivery.id,
            kind: delivery.kind,
            state: match delivery.state {
                Waiting => Key("delivery-waiting"),
                Calling => Key("delivery-calling"),
                Delivered => Key("delivery-delivered"),
                Failed => Key("delivery-failed"),
                Skipped => Key("delivery-skipped"),
            },
            is_well: delivery.state == Delivered,
            may_retry: delivery.state != Calling,
            made: times.moment(delivery.created_at),
            due: delivery.due_at.filter(|_| delivery.tries > 0).map(|at| times.moment(at)),
            last: delivery.last_attempt,
        }
    }
}

#[derive(askama::Template)]
#[template(path = "settings/endpoint.html")]
struct EndpointPage {
    page: Page,
    endpoint: EndpointRow,
    deliveries: Vec<DeliveryRow>,
}

/// One endpoint, and what it was told.
pub(super) async fn one(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageEndpoints).await?;
    let endpoint = endpoint::get(&tx, id).await?.ok_or(Failure::NotThere)?;
    let deliveries = delivery::list(&tx, id, None, None, SHOWN).await?.data;
    tx.close();
    let (language, times) = (visit.page.language, visit.times());
    let endpoint = EndpointRow::of(endpoint, language, &times);
    let deliveries = deliveries.into_iter().map(|delivery| DeliveryRow::of(delivery, &times)).collect();
    Ok(shown(StatusCode::OK, &EndpointPage { page: visit.page, endpoint, deliveries }))
}

fn back(page: &Page, notice: Notice, id: Uuid) -> Response {
    ([notice.leave(page.is_https)], Redirect::to(&format!("{HERE}/{id}"))).into_response()
}

/// Turns it on, with its gap or without, or off.
pub(super) async fn turn(
    visit: Visit,
    Shared(state): Shared<State>,
    Path(id): Path<Uuid>,
    entered: Entered,
) -> Result<Response, Failure> {
    let turn = match entered.text("to") {
        "on" => (Turned::On, Resume::Gap),
        "now" => (Turned::On, Resume::Now),
        "off" => (Turned::Off, Resume::Gap),
        _ => return Err(Failure::NotThere),
    };
    let tx = visit.begin(Act::ManageEndpoints).await?;
    let changed = endpoint::change(&tx, visit.now(), &state.keyring, id, |as_it_is| as_it_is, None, Some(turn)).await?;
    let Some(Ok((before, after))) = changed else { return Err(Failure::NotThere) };
    visit.finish(tx, &after.changed(&before)).await?;
    Ok(back(&visit.page, Notice::Saved, id))
}

/// Tells it of something that never happened.
pub(super) async fn test(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageEndpoints).await?;
    let endpoint = endpoint::get(&tx, id).await?.ok_or(Failure::NotThere)?;
    if endpoint.state != Turned::On {
        return Ok(Redirect::to(&format!("{HERE}/{id}")).into_response());
    }
    let made = delivery::test(&tx, visit.now(), id).await?;
    visit.finish(tx, &endpoint.told_again(json!({ "test": made.id }))).await?;
    Ok(back(&visit.page, Notice::EndpointTold, id))
}

/// Tells it once more of something.
pub(super) async fn retry(visit: Visit, Path((id, delivery)): Path<(Uuid, Uuid)>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageEndpoints).await?;
    let endpoint = endpoint::get(&tx, id).await?.ok_or(Failure::NotThere)?;
    let of_it = delivery::get(&tx, delivery).await?.filter(|found| found.endpoint_id == id);
    of_it.ok_or(Failure::NotThere)?;
    if endpoint.state != Turned::On || !delivery::retry(&tx, visit.now(), delivery).await? {
        return Ok(Redirect::to(&format!("{HERE}/{id}")).into_response());
    }
    visit.finish(tx, &endpoint.told_again(json!({ "delivery": delivery }))).await?;
    Ok(back(&visit.page, Notice::EndpointTold, id))
}

async fn found(visit: &Visit, id: Uuid) -> Result<Endpoint, Failure> {
    let tx = visit.begin(Act::ManageEndpoints).await?;
    let endpoint = endpoint::get(&tx, id).await?.ok_or(Failure::NotThere)?;
    tx.close();
    Ok(endpoint)
}

fn asked(visit: Visit, title: Said, means: Key, does: Key) -> Response {
    let language = visit.page.language;
    let (means, does) = (say(language, means), say(language, does));
    shown(StatusCode::OK, &Confirm { page: visit.page, title, means: vec![means], does, back: HERE })
}

/// Asks before it gets another secret.
pub(super) async fn ask_secret(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let endpoint = found(&visit, id).await?;
    let title = say(visit.page.language, Key("endpoint-secret-title")).with("host", endpoint.host());
    Ok(asked(visit, title, Key("endpoint-secret-means"), Key("endpoint-secret-does")))
}

/// Makes it another secret, which is shown in this answer and never again.
pub(super) async fn rotate(
    visit: Visit,
    Shared(state): Shared<State>,
    Path(id): Path<Uuid>,
) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageEndpoints).await?;
    let scope = *tx.scope();
    tx.close();
    let tx = state.database.operator_for(&scope).await?;
    let rotated = endpoint::any_organization_rotate(&tx, visit.now(), &state.keyring, &scope, id).await?;
    let (endpoint, secret) = rotated.ok_or(Failure::NotThere)?;
    let actor = visit.visitor.actor();
    audit::any_organization_record(&tx, &scope, visit.now(), &actor, &endpoint.rotated()).await?;
    tx.commit().await?;
    let secret = secret.expose_secret().to_owned();
    Ok(shown(StatusCode::OK, &EndpointMadePage { page: visit.page, host: endpoint.host(), id, secret }))
}

/// Asks before it ends.
pub(super) async fn ask_delete(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let endpoint = found(&visit, id).await?;
    let title = say(visit.page.language, Key("endpoint-delete-title")).with("host", endpoint.host());
    Ok(asked(visit, title, Key("endpoint-delete-means"), Key("endpoint-delete-does")))
}

/// Ends it.
pub(super) async fn delete(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageEndpoints).await?;
    let ended = endpoint::delete(&tx, id).await?.ok_or(Failure::NotThere)?;
    visit.finish(tx, &ended.ended()).await?;
    Ok(([Notice::EndpointDeleted.leave(visit.page.is_https)], Redirect::to(HERE)).into_response())
}
