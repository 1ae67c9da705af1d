//! `/server`: what whoever runs this server sees of its organizations, and does with them. Nothing of what people said.

use axum::Router;
use axum::extract::{FromRequestParts, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::request::Parts;
use model::audit::{self, Deed};
use model::database::Operator;
use model::organization::{self, NumberHealth, Organization, Overview};
use model::page::{Cursor, Page as Rows};
use model::{entry, inspect, session};
use serde::Deserialize;
use uuid::Uuid;

use crate::State;
use crate::pages::{Entered, Failure, Key, Moment, Notice, Page, Said, Visit, say, shown};

const HERE: &str = "/server";

/// Organizations a page.
const PART: i64 = 50;

/// The longest name, and the longest reason, in characters.
const LONGEST_NAME: usize = 200;
const LONGEST_REASON: usize = 500;

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/server", get(show).post(create))
        .route("/server/organizations/{id}/suspend", post(suspend))
        .route("/server/organizations/{id}/resume", post(resume))
        .route("/server/organizations/{id}/enter", get(ask_enter).post(enter))
}

/// A visit of whoever runs this server.
struct Runner {
    visit: Visit,
    state: State,
}

impl Runner {
    async fn begin(&self) -> Result<Operator, Failure> {
        Ok(self.state.database.people().await?)
    }

    async fn record(&self, tx: &Operator, on: &Organization, deed: &Deed) -> Result<(), Failure> {
        let visitor = &self.visit.visitor;
        Ok(audit::any_organization_record(tx, &on.scope(), visitor.now(), &visitor.actor(), deed).await?)
    }
}

impl FromRequestParts<State> for Runner {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let visit = Visit::from_request_parts(parts, state).await?;
        match visit.user().is_operator {
            true => Ok(Self { visit, state: state.clone() }),
            false => Err(Failure::NotYours.into_response()),
        }
    }
}

/// An organization as the list shows it.
struct OrganizationRow {
    id: Uuid,
    name: String,
    slug: String,
    is_suspended: bool,
    facts: Vec<Said>,
    since: Moment,
    numbers: Vec<NumberRow>,
}

/// How a number of it is.
struct NumberRow {
    phone: String,
    state: Said,
    is_well: bool,
}

impl OrganizationRow {
    fn of(row: Overview, visit: &Visit) -> Self {
        let count = |key, count: i64| say(visit.page.language, key).count("count", count);
        let facts = vec![
            count(Key("server-members"), row.members),
            count(Key("server-conversations"), row.conversations),
            count(Key("server-waiting"), row.queued_messages),
            count(Key("server-media"), row.media_bytes.div_euclid(1 << 20)),
        ];
        let number = |number: NumberHealth| {
            let state = match number.status.as_str() {
                _ if number.paused => Key("server-number-rests"),
                "connected" => Key("number-connected"),
                "connecting" => Key("number-connecting"),
                _ => Key("number-off"),
            };
            NumberRow {
                is_well: number.status == "connected" && !number.paused,
                phone: number.display_phone_number.map_or(number.phone_number_id, |digits| format!("+{digits}")),
                state: say(visit.page.language, state),
            }
        };
        Self {
            id: row.id,
            name: row.name,
            slug: row.slug,
            is_suspended: row.suspended_at.is_some(),
            facts,
            since: visit.times().moment(row.created_at),
            numbers: row.numbers.into_iter().map(number).collect(),
        }
    }
}

#[derive(askama::Template)]
#[template(path = "server/server.html")]
struct ServerPage {
    page: Page,
    organizations: Vec<OrganizationRow>,
    quarantine: Said,
    older: Option<String>,
    entered: Entered,
}

/// What a list goes on from.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    cursor: Option<String>,
}

async fn show(runner: Runner, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    page(runner, StatusCode::OK, &asked, Entered::default()).await
}

async fn page(runner: Runner, status: StatusCode, asked: &Asked, entered: Entered) -> Result<Response, Failure> {
    let now = runner.visit.now();
    let after = asked.cursor.as_deref().and_then(Cursor::decode).map(|cursor| cursor.tie);
    let tx = runner.begin().await?;
    let rows = organization::any_organization_overview(&tx, now, after, PART + 1).await?;
    let quarantined = inspect::any_organization_waiting(&tx).await?.quarantined;
    tx.close();
    let rows = Rows::new(rows, PART, |row: &Overview| Cursor::at(row.created_at, row.id));
    let organizations = rows.data.into_iter().map(|row| OrganizationRow::of(row, &runner.visit)).collect();
    let quarantine = say(runner.visit.page.language, Key("server-quarantine")).count("count", quarantined);
    let older = rows.next_cursor.map(|cursor| format!("{HERE}?cursor={cursor}"));
    Ok(shown(status, &ServerPage { page: runner.visit.page, organizations, quarantine, older, entered }))
}

fn done(page: &Page, notice: Notice) -> Response {
    ([notice.leave(page.is_https)], Redirect::to(HERE)).into_response()
}

/// Makes an organization.
async fn create(runner: Runner, mut entered: Entered) -> Result<Response, Failure> {
    let name = entered.needed(runner.visit.page.language, "name", LONGEST_NAME);
    if !entered.is_sound() {
        return page(runner, StatusCode::UNPROCESSABLE_ENTITY, &Asked::default(), entered).await;
    }
    let tx = runner.begin().await?;
    let made = organization::create(&tx, &name).await?;
    runner.record(&tx, &made, &made.made()).await?;
    tx.commit().await?;
    Ok(done(&runner.visit.page, Notice::OrganizationMade))
}

async fn find(tx: &Operator, id: Uuid) -> Result<Organization, Failure> {
    organization::find(tx, &id.to_string()).await?.ok_or(Failure::NotThere)
}

async fn suspend(runner: Runner, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    set_suspended(&runner, id, true).await
}

async fn resume(runner: Runner, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    set_suspended(&runner, id, false).await
}

async fn set_suspended(runner: &Runner, id: Uuid, suspended: bool) -> Result<Response, Failure> {
    let tx = runner.begin().await?;
    let found = find(&tx, id).await?;
    if let Some(changed) = organization::suspend(&tx, runner.visit.now(), &found.scope(), suspended).await? {
        runner.record(&tx, &changed, &changed.suspended(suspended)).await?;
    }
    tx.commit().await?;
    Ok(done(&runner.visit.page, Notice::Saved))
}

#[derive(askama::Template)]
#[template(path = "server/enter.html")]
struct EnterPage {
    page: Page,
    organization: Organization,
    entered: Entered,
}

async fn ask_enter(runner: Runner, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = runner.begin().await?;
    let organization = find(&tx, id).await?;
    tx.close();
    Ok(shown(StatusCode::OK, &EnterPage { page: runner.visit.page, organization, entered: Entered::default() }))
}

/// Looks into an organization for an hour. It reads who, and why.
async fn enter(runner: Runner, Path(id): Path<Uuid>, mut entered: Entered) -> Result<Response, Failure> {
    let reason = entered.needed(runner.visit.page.language, "reason", LONGEST_REASON);
    let tx = runner.begin().await?;
    let organization = find(&tx, id).await?;
    if !entered.is_sound() || organization.suspended_at.is_some() {
        tx.close();
        if organization.suspended_at.is_some() {
            entered.fault("form", say(runner.visit.page.language, Key("server-enter-suspended")));
        }
        let shape = EnterPage { page: runner.visit.page, organization, entered };
        return Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &shape));
    }
    let visitor = &runner.visit.visitor;
    let until = entry::begin(&tx, visitor.now(), &organization.scope(), visitor.user.id).await?;
    session::choose(&tx, visitor.user.id, visitor.session_id, organization.id).await?;
    runner.record(&tx, &organization, &organization.entered(&reason, until)).await?;
    tx.commit().await?;
    Ok(Redirect::to("/inbox").into_response())
}
