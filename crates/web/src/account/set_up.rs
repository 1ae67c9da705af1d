//! `/setup`: the first account and the first organization, by the code that the server printed. `/welcome`: where to begin.

use axum::Extension;
use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use model::act::Role;
use model::audit::{self, Actor, Deed};
use model::database::Operator;
use model::membership::{self, Begun};
use model::organization;
use model::user::{self, Email, Language, NewUser, User};
use secrecy::ExposeSecret;

use super::{LONGEST_NAME, dead_end, email, new_password, zone, zones};
use crate::State;
use crate::pages::{Entered, Failure, Key, Page, Visit, say, shown};
use crate::serve::Client;
use crate::session::enter;

/// Where most who begin are at home; a browser that says better changes it.
const ZONE: &str = "America/Mexico_City";

#[derive(askama::Template)]
#[template(path = "account/set_up.html")]
struct SetUpPage {
    page: Page,
    entered: Entered,
    zones: Vec<String>,
}

fn done(page: Page) -> Response {
    dead_end(page, StatusCode::GONE, Key("set-up-done-title"), Key("set-up-done"))
}

/// The form, while there is no account.
pub(super) async fn form(extract::State(state): extract::State<State>, page: Page) -> Result<Response, Failure> {
    let tx = state.database.people().await?;
    let is_done = user::are_any(&tx).await?;
    tx.close();
    if is_done {
        return Ok(done(page));
    }
    let entered = Entered::of([("language", page.language.word()), ("zone", ZONE)]);
    Ok(shown(StatusCode::OK, &SetUpPage { page, entered, zones: zones() }))
}

/// Makes the first account and the first organization, and signs its owner in.
pub(super) async fn send(
    extract::State(state): extract::State<State>,
    client: Option<Extension<Client>>,
    page: Page,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let is_code = state.set_up.is(entered.secret("code").expose_secret());
    let Some(first) = First::read(&mut entered, page.language).filter(|_| is_code) else {
        let status = if is_code { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::FORBIDDEN };
        if !is_code {
            entered.fault("code", say(page.language, Key("set-up-wrong-code")));
        }
        return Ok(shown(status, &SetUpPage { page, entered, zones: zones() }));
    };
    let password = entered.secret("password");
    let kept = state.passwords.hash(password).await.map_err(|_| Failure::Busy)?;
    let (tx, client) = (state.database.people().await?, client.map(|Extension(client)| client));
    if user::any(&tx).await? {
        return Ok(done(page));
    }
    let made = first.make(&tx, &state, &kept).await?;
    let entry = enter(&state, &tx, client.as_ref(), &headers, &made).await?;
    tx.commit().await?;
    Ok(entry.set(&state, Redirect::to("/welcome")))
}

/// Whoever sets up, and what they set up.
struct First {
    email: Email,
    name: String,
    organization: String,
    language: Language,
    zone: String,
}

impl First {
    fn read(entered: &mut Entered, language: Language) -> Option<Self> {
        let name = entered.needed(language, "name", LONGEST_NAME);
        let email = email(entered, language);
        new_password(entered, language, email.as_ref().map_or("", Email::as_str));
        let organization = entered.needed(language, "organization", LONGEST_NAME);
        let chosen = Language::of(entered.text("language")).unwrap_or(language);
        let zone = zone(entered, language);
        let is_sound = entered.is_sound();
        email.filter(|_| is_sound).map(|email| Self { email, name, organization, language: chosen, zone })
    }

    async fn make(&self, tx: &Operator, state: &State, password: &str) -> Result<User, Failure> {
        let now = state.clock.now();
        let new = NewUser {
            email: &self.email,
            name: &self.name,
            password: Some(password),
            is_operator: true,
            vouched: true,
            language: self.language,
            zone: &self.zone,
        };
        let made = user::create(tx, now, &new).await?.ok_or(Failure::Internal)?;
        let organization = organization::create(tx, &self.organization).await?;
        let scope = organization.scope();
        membership::add(tx, now, &scope, made.id, Role::Owner).await?;
        let actor = Actor { id: Some(made.id), name: made.name.clone(), ..Actor::operator() };
        audit::any_organization_record(tx, &scope, now, &actor, &organization.made()).await?;
        let deed = membership::begun(Begun::Added, &made, Role::Owner);
        audit::any_organization_record(tx, &scope, now, &actor, &deed).await?;
        let deed = Deed::of_server("set-up", made.id, made.name.as_str());
        audit::record_of_server(tx, now, &actor, &deed).await?;
        Ok(made)
    }
}

#[derive(askama::Template)]
#[template(path = "account/welcome.html")]
struct Welcome {
    page: Page,
}

/// What to do first.
pub(super) async fn welcome(visit: Visit) -> Response {
    shown(StatusCode::OK, &Welcome { page: visit.page })
}

#[derive(askama::Template)]
#[template(path = "account/demo.html")]
struct Demo {
    page: Page,
}

/// How to see the demonstration.
pub(super) async fn demo(visit: Visit) -> Response {
    shown(StatusCode::OK, &Demo { page: visit.page }).into_response()
}
