//! `/settings/profile`: what people change about themselves.

use axum::extract::{self, Path};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use model::session;
use model::user::{self, Language, Profile, User};
use uuid::Uuid;

use super::device;
use super::prove::prove;
use super::provider::{self, Linked};
use crate::account::{LONGEST_NAME, Way, new_password, zone, zones};
use crate::pages::{Entered, Failure, Moment, Notice, OwnPath, Page, Visit, shown};
use crate::{State, cookie};

const HERE: &str = "/settings/profile";

/// A session as a list shows it.
#[derive(Clone, Debug)]
struct SessionRow {
    id: Uuid,
    device: String,
    address: String,
    used: Moment,
    is_this: bool,
}

#[derive(askama::Template)]
#[template(path = "settings/profile.html")]
struct ProfilePage {
    page: Page,
    user: User,
    about: Entered,
    change: Entered,
    zones: Vec<String>,
    sessions: Vec<SessionRow>,
    asks_password: bool,
    /// What the identity provider is called, where there is one, or the account is linked to one that was.
    provider: Option<String>,
    linked: Option<Linked>,
    /// By which it can be linked.
    way: Option<Way>,
}

impl ProfilePage {
    async fn shown(
        state: &State,
        visit: Visit,
        status: StatusCode,
        about: Option<Entered>,
        change: Entered,
    ) -> Result<Response, Failure> {
        let (user, times) = (visit.user().clone(), visit.times());
        let tx = state.database.people().await?;
        let sessions = session::list(&tx, visit.now(), user.id).await?;
        let linked = provider::linked(&tx, state, user.id, &times).await?;
        let asks_password = user::get(&tx, user.id).await?.is_some_and(|(_, password)| password.is_some());
        tx.close();
        let row = |session: session::Session| SessionRow {
            id: session.id,
            device: device::named(user.language, &session.device),
            address: session.address,
            used: times.moment(session.last_used_at),
            is_this: session.id == visit.visitor.session_id,
        };
        let sessions = sessions.into_iter().map(row).collect();
        let mut zones = zones();
        if !zones.contains(&user.zone) {
            zones.insert(0, user.zone.clone());
        }
        let as_kept =
            || Entered::of([("name", user.name.as_str()), ("language", user.language.word()), ("zone", &user.zone)]);
        let about = about.unwrap_or_else(as_kept);
        let provider = linked.as_ref().map(|linked| linked.name.clone());
        let provider = provider.or_else(|| state.provider.as_ref().map(|provider| provider.name().to_owned()));
        let way = OwnPath::read(HERE).and_then(|here| Way::to(state.provider.as_ref(), &here));
        let page = visit.page;
        Ok(shown(status, &Self { page, user, about, change, zones, sessions, asks_password, provider, linked, way }))
    }
}

/// What holds now.
pub(super) async fn show(extract::State(state): extract::State<State>, visit: Visit) -> Result<Response, Failure> {
    ProfilePage::shown(&state, visit, StatusCode::OK, None, Entered::default()).await
}

/// The answer of what was done.
fn done(page: &Page, notice: Notice) -> Response {
    ([notice.leave(page.is_https)], Redirect::to(HERE)).into_response()
}

/// Changes name, language and zone.
pub(super) async fn change(
    extract::State(state): extract::State<State>,
    visit: Visit,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let language = visit.page.language;
    let name = entered.needed(language, "name", LONGEST_NAME);
    let zone = zone(&mut entered, language);
    let chosen = Language::of(entered.text("language")).unwrap_or(language);
    if !entered.is_sound() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return ProfilePage::shown(&state, visit, status, Some(entered), Entered::default()).await;
    }
    let tx = visit.begin_own(&state).await?;
    let profile = Profile { name: &name, language: chosen, zone: &zone };
    user::change(&tx, visit.now(), visit.user().id, &profile).await?;
    let after = User { name: name.clone(), language: chosen, zone: zone.clone(), ..visit.user().clone() };
    tx.commit(&[visit.user().profile_changed(&after)]).await?;
    let mut answer = done(&visit.page, Notice::Saved);
    answer.headers_mut().append(SET_COOKIE, cookie::set_language(&state, chosen));
    Ok(answer)
}

/// Turns keys alone on, or off.
pub(super) async fn choose_shortcuts(
    extract::State(state): extract::State<State>,
    visit: Visit,
    entered: Entered,
) -> Result<Response, Failure> {
    let tx = visit.begin_own(&state).await?;
    user::set_shortcuts(&tx, visit.now(), visit.user().id, entered.has("shortcuts", "on")).await?;
    tx.commit(&[]).await?;
    Ok(done(&visit.page, Notice::Saved))
}

/// Changes the password. Whoever else is signed in as them is so no more.
pub(super) async fn change_password(
    extract::State(state): extract::State<State>,
    visit: Visit,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let (language, user) = (visit.page.language, visit.user().clone());
    prove(&state, &visit, &headers, &mut entered).await?;
    let password = new_password(&mut entered, language, user.email.as_str());
    if !entered.is_sound() {
        return ProfilePage::shown(&state, visit, StatusCode::UNPROCESSABLE_ENTITY, None, entered).await;
    }
    let kept = state.passwords.hash(password).await.map_err(|_| Failure::Busy)?;
    let tx = visit.begin_own(&state).await?;
    user::set_password(&tx, visit.now(), user.id, Some(&kept)).await?;
    session::end_all(&tx, user.id, Some(visit.visitor.session_id)).await?;
    tx.commit(&[user.password_changed()]).await?;
    Ok(done(&visit.page, Notice::PasswordChanged))
}

/// Ends one session.
pub(super) async fn end(
    extract::State(state): extract::State<State>,
    visit: Visit,
    Path(id): Path<Uuid>,
) -> Result<Response, Failure> {
    let tx = visit.begin_own(&state).await?;
    if !session::end(&tx, visit.user().id, id).await? {
        return Err(Failure::NotThere);
    }
    tx.commit(&[visit.user().session_ended()]).await?;
    Ok(done(&visit.page, Notice::SessionsEnded))
}

/// Ends every session, this one too.
pub(super) async fn end_all(extract::State(state): extract::State<State>, visit: Visit) -> Result<Response, Failure> {
    let tx = visit.begin_own(&state).await?;
    session::end_all(&tx, visit.user().id, None).await?;
    tx.commit(&[visit.user().signed_out_everywhere()]).await?;
    let notice = Notice::SessionsEnded.leave(visit.page.is_https);
    let mut answer = ([notice], Redirect::to("/login")).into_response();
    answer.headers_mut().append(SET_COOKIE, cookie::forget_session(&state));
    Ok(answer)
}
