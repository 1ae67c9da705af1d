//! `/settings/second-factor`: codes of an app, recovery codes, passkeys.

use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use model::passkey;
use model::second_factor::{self, Factors, Seed};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::prove::{Prove, asks_password, prove};
use crate::State;
use crate::account::wait;
use crate::pages::{Entered, Failure, Key, Moment, Notice, Page, Visit, say, shown};
use crate::second_factor::{Used, use_up};

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

/// What a page asks the password for.
#[derive(Clone, Copy)]
enum What {
    BeginApp,
    RemoveApp,
    GiveCodes,
}

impl What {
    fn page(self, page: Page, asks_password: bool, entered: Entered) -> Prove {
        let (title, means) = match self {
            Self::BeginApp => (Key("second-factor-app-begin"), Key("second-factor-app-begin-means")),
            Self::RemoveApp => (Key("second-factor-app-remove"), Key("second-factor-app-remove-means")),
            Self::GiveCodes => (Key("recovery-codes-give"), Key("recovery-codes-means")),
        };
        let (title, means, does) = (say(page.language, title), say(page.language, means), say(page.language, title));
        let asks_code = matches!(self, Self::RemoveApp);
        Prove { page, title, means, does, back: HERE, asks_password, asks_code, entered }
    }

    /// The form again, with what is wrong.
    fn again(self, page: Page, asks_password: bool, entered: Entered) -> Response {
        shown(StatusCode::UNPROCESSABLE_ENTITY, &self.page(page, asks_password, entered))
    }

    /// The form.
    async fn ask(self, state: &State, visit: Visit) -> Result<Response, Failure> {
        let asks_password = asks_password(state, &visit).await?;
        Ok(shown(StatusCode::OK, &self.page(visit.page, asks_password, Entered::default())))
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

pub(super) async fn ask_app(extract::State(state): extract::State<State>, visit: Visit) -> Result<Response, Failure> {
    What::BeginApp.ask(&state, visit).await
}

/// Gives out a seed.
pub(super) async fn begin_app(
    extract::State(state): extract::State<State>,
    visit: Visit,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let asks_password = prove(&state, &visit, &headers, &mut entered).await?;
    if !entered.is_sound() {
        return Ok(What::BeginApp.again(visit.page, asks_password, entered));
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

pub(super) async fn ask_remove(
    extract::State(state): extract::State<State>,
    visit: Visit,
) -> Result<Response, Failure> {
    What::RemoveApp.ask(&state, visit).await
}

/// Turns the app off.
pub(super) async fn remove_app(
    extract::State(state): extract::State<State>,
    visit: Visit,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let asks_password = prove(&state, &visit, &headers, &mut entered).await?;
    if !entered.is_sound() {
        return Ok(What::RemoveApp.again(visit.page, asks_password, entered));
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
    Ok(What::RemoveApp.again(visit.page, asks_password, entered))
}

pub(super) async fn ask_codes(extract::State(state): extract::State<State>, visit: Visit) -> Result<Response, Failure> {
    What::GiveCodes.ask(&state, visit).await
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
    let asks_password = prove(&state, &visit, &headers, &mut entered).await?;
    if !entered.is_sound() {
        return Ok(What::GiveCodes.again(visit.page, asks_password, entered));
    }
    let tx = visit.begin_own(&state).await?;
    let codes = second_factor::give_recovery_codes(&tx, visit.now(), visit.user().id).await?;
    tx.commit(&[visit.user().recovery_codes_made()]).await?;
    Ok(CodesPage::shown(visit.page, &codes))
}
