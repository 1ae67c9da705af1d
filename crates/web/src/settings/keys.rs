//! `/settings/keys`: what programs come in by.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use jiff::SignedDuration;
use model::act::{Act, KeyScope};
use model::api_key::{self, ApiKey, NewKey};
use model::user::Language;
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::Confirm;
use super::numbers::{self, NumberRow};
use crate::account::LONGEST_NAME;
use crate::pages::{Entered, Failure, Key, Moment, Named, Notice, Page, Said, Times, Visit, say, shown};

const HERE: &str = "/settings/keys";

/// After so many days a key may end by itself.
const ENDS: [i64; 4] = [30, 90, 180, 365];

impl Named for KeyScope {
    fn key(&self) -> Key {
        match self {
            Self::Read => Key("scope-read"),
            Self::Send => Key("scope-send"),
            Self::Manage => Key("scope-manage"),
        }
    }

    fn means(&self) -> Key {
        match self {
            Self::Read => Key("scope-read-means"),
            Self::Send => Key("scope-send-means"),
            Self::Manage => Key("scope-manage-means"),
        }
    }
}

/// A key as a list shows it.
#[derive(Clone, Debug)]
struct KeyRow {
    id: Uuid,
    name: String,
    hint: String,
    scopes: String,
    numbers: String,
    /// Who made it.
    made: Option<Said>,
    used: Option<Moment>,
    ends: Option<Moment>,
    /// Why it opens nothing; `None`: it does.
    state: Option<Key>,
}

impl KeyRow {
    fn of(key: ApiKey, language: Language, times: &Times, is_in_force: bool) -> Self {
        let scopes: Vec<String> = key.scopes.iter().map(|scope| say(language, scope.key()).to_string()).collect();
        let numbers = match &key.number_ids {
            None => say(language, Key("key-all-numbers")),
            Some(ids) => say(language, Key("key-some-numbers")).count("count", ids.len()),
        };
        let made = key.created_by_id.map(|_| match key.creator {
            Some(name) => say(language, Key("key-made-by")).with("name", name),
            None => say(language, Key("key-made-by-former")),
        });
        let ended = if key.revoked_at.is_some() { Key("key-revoked") } else { Key("key-ended") };
        Self {
            id: key.id,
            name: key.name,
            hint: key.hint,
            scopes: scopes.join(" · "),
            numbers: numbers.to_string(),
            made,
            used: key.last_used_at.map(|at| times.moment(at)),
            ends: key.expires_at.map(|at| times.moment(at)),
            state: (!is_in_force).then_some(ended),
        }
    }
}

#[derive(askama::Template)]
#[template(path = "settings/keys.html")]
struct KeysPage {
    page: Page,
    keys: Vec<KeyRow>,
}

/// All keys; those in force first.
pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageKeys).await?;
    let mut keys = api_key::list(&tx).await?;
    tx.close();
    let (now, language, times) = (visit.now(), visit.page.language, visit.times());
    keys.sort_by_key(|key| !key.is_in_force(now));
    let row = |key: ApiKey| {
        let is_in_force = key.is_in_force(now);
        KeyRow::of(key, language, &times, is_in_force)
    };
    Ok(shown(StatusCode::OK, &KeysPage { keys: keys.into_iter().map(row).collect(), page: visit.page }))
}

#[derive(askama::Template)]
#[template(path = "settings/key_new.html")]
struct NewKeyPage {
    page: Page,
    entered: Entered,
    scopes: [KeyScope; 3],
    numbers: Vec<NumberRow>,
    ends: Vec<(String, String)>,
}

impl NewKeyPage {
    fn shown(status: StatusCode, page: Page, entered: Entered, numbers: Vec<NumberRow>) -> Response {
        let never = ("never".to_owned(), say(page.language, Key("key-end-never")).to_string());
        let days = ENDS
            .map(|days| (days.to_string(), say(page.language, Key("key-end-days")).count("days", days).to_string()));
        let ends = [never].into_iter().chain(days).collect();
        shown(status, &Self { page, entered, scopes: KeyScope::ALL, numbers, ends })
    }
}

/// What the key is to be for.
pub(super) async fn form(visit: Visit) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageKeys).await?;
    let numbers = numbers::list(&tx, visit.now()).await?;
    tx.close();
    let entered = Entered::of([("scope", KeyScope::Read.word()), ("scope", KeyScope::Send.word()), ("ends", "never")]);
    Ok(NewKeyPage::shown(StatusCode::OK, visit.page, entered, numbers))
}

#[derive(askama::Template)]
#[template(path = "settings/key_made.html")]
struct KeyMadePage {
    page: Page,
    name: String,
    key: String,
}

/// Makes a key. It is shown in this answer and never again.
pub(super) async fn create(visit: Visit, mut entered: Entered) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageKeys).await?;
    let (language, now) = (visit.page.language, visit.now());
    let known = numbers::list(&tx, now).await?;
    let name = entered.needed(language, "name", LONGEST_NAME);
    let scopes: Vec<KeyScope> = entered.all("scope").filter_map(KeyScope::of).collect();
    if scopes.is_empty() {
        entered.fault("scope", say(language, Key("scope-needed")));
    }
    let wanted: Vec<Option<Uuid>> = entered.all("number").map(|id| id.parse().ok()).collect();
    let numbers: Vec<Uuid> = known.iter().map(|number| number.id).filter(|id| wanted.contains(&Some(*id))).collect();
    // A number that is not theirs must not widen the key to all of them.
    if numbers.len() != wanted.len() {
        return Err(Failure::NotThere);
    }
    if !entered.is_sound() {
        return Ok(NewKeyPage::shown(StatusCode::UNPROCESSABLE_ENTITY, visit.page, entered, known));
    }
    let days = entered.text("ends").parse().ok().filter(|days| ENDS.contains(days));
    let new = NewKey {
        name: &name,
        scopes: &scopes,
        number_ids: (!numbers.is_empty()).then_some(numbers.as_slice()),
        expires_at: days.map(|days| now + SignedDuration::from_hours(24 * days)),
        created_by: Some(visit.user().id),
    };
    let (made, key) = api_key::create(&tx, now, &new).await?;
    visit.finish(tx, &made.made()).await?;
    let key = key.expose_secret().to_owned();
    Ok(shown(StatusCode::CREATED, &KeyMadePage { page: visit.page, name, key }))
}

/// Asks before a key is refused.
pub(super) async fn ask_revoke(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageKeys).await?;
    let key = api_key::get(&tx, id).await?.ok_or(Failure::NotThere)?;
    tx.close();
    let language = visit.page.language;
    let title = say(language, Key("key-revoke-title")).with("name", key.name);
    let (means, does) = (say(language, Key("key-revoke-means")), say(language, Key("key-revoke-does")));
    Ok(shown(StatusCode::OK, &Confirm { page: visit.page, title, means: vec![means], does, back: HERE }))
}

/// Refuses a key from now on.
pub(super) async fn revoke(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageKeys).await?;
    let key = api_key::revoke(&tx, visit.now(), id).await?.ok_or(Failure::NotThere)?;
    visit.finish(tx, &key.revoked()).await?;
    Ok(([Notice::KeyRevoked.leave(visit.page.is_https)], Redirect::to(HERE)).into_response())
}
