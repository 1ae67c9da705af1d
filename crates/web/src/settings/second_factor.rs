//! `/settings/second-factor`: codes of an app, recovery codes, passkeys.

use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use model::passkey;
use model::second_factor::{self, Factors, Seed};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::State;
use crate::account::wait;
use crate::pages::{Entered, Failure, Key, Moment, Notice, Page, Said, Visit, say, shown};
use crate::second_factor::{Used, use_up};
use crate::session::{self, Proof};

const HERE: &str = "/settings/second-factor";

/// A passkey as a list shows it.
#[derive(Clone, Debug)]
struct PasskeyRow {
    id: Uuid,
    name: String,
    used: Option<Moment>,
}

#[derive(askama::Template)]
#[template(path = "settings/second_factor.html")]
struct SecondFactorPage {
    page: Page,
    has: Factors,
    passkeys: Vec<PasskeyRow>,
}

/// What they have.
pub(super) async fn show(extract::State(state): extract::State<State>, visit: Visit) -> Result<Response, Failure> {
    let (user_id, times) = (visit.user().id, visit.times());
    let tx = state.database.people().await?;
    let (has, passkeys) = (second_factor::get(&tx, user_id).await?, passkey::list(&tx, user_id).await?);
    tx.close();
    let row = |passkey: passkey::Passkey| PasskeyRow {
        id: passkey.id,
        name: passkey.name,
        used: passkey.last_used_at.map(|used| times.moment(used)),
    };
    let passkeys = passkeys.into_iter().map(row).collect();
    Ok(shown(StatusCode::OK, &SecondFactorPage { page: visit.page, has, passkeys }))
}

/// Asks for the password, and perhaps a code, before something is done.
#[derive(askama::Template)]
#[template(path = "settings/prove.html")]
pub(super) struct Prove {
    pub(super) page: Page,
    pub(super) title: Said,
    pub(super) means: Said,
    pub(super) does: Said,
    pub(super) asks_code: bool,
    pub(super) entered: Entered,
}

/// What a page asks the password for.
#[derive(Clone, Copy)]
enum What {
    BeginApp,
    RemoveApp,
    GiveCodes,
}

impl What {
    fn page(self, page: Page, entered: Entered) -> Prove {
        let (title, means) = match self {
            Self::BeginApp => (Key("second-factor-app-begin"), Key("second-factor-app-begin-means")),
            Self::RemoveApp => (Key("second-factor-app-remove"), Key("second-factor-app-remove-means")),
            Self::GiveCodes => (Key("recovery-codes-give"), Key("recovery-codes-means")),
        };
        let (title, means, does) = (say(page.language, title), say(page.language, means), say(page.language, title));
        Prove { page, title, means, does, asks_code: matches!(self, Self::RemoveApp), entered }
    }

    /// The form again, with what is wrong.
    fn again(self, page: Page, entered: Entered) -> Response {
        shown(StatusCode::UNPROCESSABLE_ENTITY, &self.page(page, entered))
    }
}

/// Whether `current` is the password of who is signed in; else it is a fault of that field. Tries are counted as those to
/// sign in are: whoever holds a stolen session must not guess it here.
pub(super) async fn prove(
    state: &State,
    visit: &Visit,
    headers: &HeaderMap,
    entered: &mut Entered,
) -> Result<(), Failure> {
    let said = match is_password(state, visit, headers, entered.secret("current")).await? {
        Proof::Of(_) => return Ok(()),
        Proof::Wait(long) => wait(visit.page.language, long),
        _ => say(visit.page.language, Key("fault-current")),
    };
    entered.fault("current", said);
    Ok(())
}

/// Whether it is the password of who is signed in.
pub(super) async fn is_password(
    state: &State,
    visit: &Visit,
    headers: &HeaderMap,
    password: SecretString,
) -> Result<Proof, Failure> {
    let email = visit.user().email.as_str();
    match session::prove(state, visit.visitor.client(), headers, email, password).await? {
        Proof::Busy => Err(Failure::Busy),
        proof => Ok(proof),
    }
}

/// A seed in the one page that shows it.
struct ShownSeed {
    typed: String,
    url: String,
}

#[derive(askama::Template)]
#[template(path = "settings/seed.html")]
struct SeedPage {
    page: Page,
    /// Shown once; after a wrong code only the code is asked again.
    seed: Option<ShownSeed>,
    entered: Entered,
}

#[derive(askama::Template)]
#[template(path = "settings/recovery_codes.html")]
struct CodesPage {
    page: Page,
    codes: Vec<String>,
}

impl CodesPage {
    fn shown(page: Page, codes: &[SecretString]) -> Response {
        let codes = codes.iter().map(|code| code.expose_secret().to_owned()).collect();
        shown(StatusCode::CREATED, &Self { page, codes })
    }
}

pub(super) async fn ask_app(visit: Visit) -> Response {
    shown(StatusCode::OK, &What::BeginApp.page(visit.page, Entered::default()))
}

/// Gives out a seed.
pub(super) async fn begin_app(
    extract::State(state): extract::State<State>,
    visit: Visit,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    prove(&state, &visit, &headers, &mut entered).await?;
    if !entered.is_sound() {
        return Ok(What::BeginApp.again(visit.page, entered));
    }
    let tx = state.database.people().await?;
    let seed = second_factor::offer_totp(&tx, &state.keyring, visit.now(), visit.user()).await?;
    tx.commit().await?;
    let Some(Seed { typed, url }) = seed else { return Ok(Redirect::to(HERE).into_response()) };
    let seed = ShownSeed { typed: typed.expose_secret().to_owned(), url: url.expose_secret().to_owned() };
    Ok(shown(StatusCode::CREATED, &SeedPage { page: visit.page, seed: Some(seed), entered: Entered::default() }))
}

/// A first code of the app turns it on. Whoever has no recovery codes is given some.
pub(super) async fn confirm_app(
    extract::State(state): extract::State<State>,
    visit: Visit,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let (now, user_id) = (visit.now(), visit.user().id);
    let code = entered.secret("code");
    let tx = visit.begin_own(&state).await?;
    if !second_factor::confirm_totp(&tx, &state.keyring, now, user_id, code.expose_secret()).await? {
        tx.close();
        entered.fault("code", say(visit.page.language, Key("second-factor-wrong")));
        return Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &SeedPage { page: visit.page, seed: None, entered }));
    }
    let has = second_factor::get(&tx, user_id).await?;
    let mut deeds = vec![visit.user().app_changed(true)];
    let codes = match has.recovery_codes {
        0 => {
            deeds.push(visit.user().recovery_codes_made());
            Some(second_factor::give_recovery_codes(&tx, now, user_id).await?)
        }
        _ => None,
    };
    tx.commit(&deeds).await?;
    Ok(match codes {
        Some(codes) => CodesPage::shown(visit.page, &codes),
        None => Redirect::to(HERE).into_response(),
    })
}

pub(super) async fn ask_remove(visit: Visit) -> Response {
    shown(StatusCode::OK, &What::RemoveApp.page(visit.page, Entered::default()))
}

/// Turns the app off.
pub(super) async fn remove_app(
    extract::State(state): extract::State<State>,
    visit: Visit,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    prove(&state, &visit, &headers, &mut entered).await?;
    if !entered.is_sound() {
        return Ok(What::RemoveApp.again(visit.page, entered));
    }
    let said = match use_up(&state, &headers, visit.user(), &entered.secret("code")).await? {
        Used::Up(tx) => {
            let tx = visit.own(*tx);
            second_factor::remove_totp(&tx, visit.now(), visit.user().id).await?;
            tx.commit(&[visit.user().app_changed(false)]).await?;
            let notice = Notice::SecondFactorOff.leave(visit.page.is_https);
            return Ok(([notice], Redirect::to(HERE)).into_response());
        }
        Used::Wrong => say(visit.page.language, Key("second-factor-wrong")),
        Used::Wait(long) => wait(visit.page.language, long),
    };
    entered.fault("code", said);
    Ok(What::RemoveApp.again(visit.page, entered))
}

pub(super) async fn ask_codes(visit: Visit) -> Response {
    shown(StatusCode::OK, &What::GiveCodes.page(visit.page, Entered::default()))
}

/// Gives out recovery codes, to whoever has something that they stand in for.
pub(super) async fn give_codes(
    extract::State(state): extract::State<State>,
    visit: Visit,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    if !visit.user().second_factor {
        return Ok(Redirect::to(HERE).into_response());
    }
    prove(&state, &visit, &headers, &mut entered).await?;
    if !entered.is_sound() {
        return Ok(What::GiveCodes.again(visit.page, entered));
    }
    let tx = visit.begin_own(&state).await?;
    let codes = second_factor::give_recovery_codes(&tx, visit.now(), visit.user().id).await?;
    tx.commit(&[visit.user().recovery_codes_made()]).await?;
    Ok(CodesPage::shown(visit.page, &codes))
}
