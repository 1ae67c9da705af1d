//! `/invitation/{token}`: who invites to what, and coming in by it.

use axum::Extension;
use axum::extract::{self, Path};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use model::audit;
use model::database::{Operator, Result};
use model::invitation::{self, Offer, Void};
use model::membership::{self, Begun};
use model::session;
use model::user::{self, Email, NewUser, User, is_zone};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::provider::Way;
use super::{LONGEST_NAME, come_in, dead_end, email, new_password};
use crate::State;
use crate::key::Who;
use crate::pages::{Entered, Failure, Key, Named, Notice, OwnPath, Page, UNTOLD, Visit, say, shown};
use crate::serve::Client;
use crate::session::enter;

/// Where an invitation is read and accepted: a link that is shown once.
pub(crate) fn invitation_link(public_url: &str, token: &SecretString) -> String {
    format!("{}/invitation/{}", public_url.trim_end_matches('/'), token.expose_secret())
}

/// In how many days it ends, rounded.
pub(crate) fn days_left(now: Timestamp, ends: Timestamp) -> i64 {
    (ends.duration_since(now).as_hours() + 12) / 24
}

#[derive(askama::Template)]
#[template(path = "account/invitation.html")]
struct InvitationPage {
    page: Page,
    token: String,
    offer: Offer,
    days: i64,
    entered: Entered,
    provider: Option<Way>,
}

fn void(page: Page, void: Void) -> Response {
    let (title, text) = match void {
        Void::Unknown => (Key("void-unknown-title"), Key("void-unknown")),
        Void::Used => (Key("void-used-title"), Key("void-used")),
        Void::Revoked => (Key("void-revoked-title"), Key("void-revoked")),
        Void::Expired => (Key("void-expired-title"), Key("void-expired")),
    };
    let status = if void == Void::Unknown { StatusCode::NOT_FOUND } else { StatusCode::GONE };
    dead_end(page, status, title, text)
}

/// Whoever holds a link, and where they come from.
struct Invited {
    state: State,
    page: Page,
    /// They, if they are signed in.
    user: Option<User>,
    session_id: Option<Uuid>,
    token: String,
    client: Option<Client>,
}

impl Invited {
    fn new(state: State, page: Page, visit: Option<Visit>, token: String, client: Option<Extension<Client>>) -> Self {
        let (user, session_id) = visit.as_ref().map(|visit| (visit.user().clone(), visit.visitor.session_id)).unzip();
        let page = visit.map_or(page, |visit| visit.page);
        Self { state, page, user, session_id, token, client: client.map(|Extension(client)| client) }
    }

    fn link(&self) -> SecretString {
        self.token.clone().into()
    }

    async fn offer(&self) -> Result<Result<Offer, Void>> {
        invitation::read(&self.state.database, self.state.clock.now(), &self.link()).await
    }

    fn shown(self, status: StatusCode, offer: Offer, entered: Entered) -> Response {
        let provider = OwnPath::read(&format!("/invitation/{}", self.token))
            .and_then(|here| Way::to(self.state.provider.as_ref(), &here));
        let days = days_left(self.state.clock.now(), offer.invitation.expires_at);
        let shape = InvitationPage { page: self.page, token: self.token, offer, days, entered, provider };
        ([UNTOLD], shown(status, &shape)).into_response()
    }

    /// Uses the link up for this account.
    async fn join(&self, tx: &Operator, user: &User) -> Result<Result<Uuid, Void>> {
        join(tx, self.state.clock.now(), &self.link(), user, self.client.as_ref()).await
    }
}

/// Uses a link up for an account; answers where it leads.
pub(super) async fn join(
    tx: &Operator,
    now: Timestamp,
    link: &SecretString,
    user: &User,
    client: Option<&Client>,
) -> Result<Result<Uuid, Void>> {
    let accepted = match invitation::any_organization_accept(tx, now, link, user.id).await? {
        Ok(accepted) => accepted,
        Err(void) => return Ok(Err(void)),
    };
    let deed = membership::begun(Begun::Invited, user, accepted.invitation.role);
    audit::any_organization_record(tx, &accepted.scope, now, &Who::actor_of(user, client), &deed).await?;
    Ok(Ok(accepted.scope.organization_id()))
}

/// The link of an invitation's own page.
pub(super) fn link_of(path: &OwnPath) -> Option<SecretString> {
    let token = path.as_str().strip_prefix("/invitation/")?;
    (!token.is_empty() && !token.contains(['/', '?', '#'])).then(|| token.to_owned().into())
}

/// Whether an invitation is for whoever has this address.
pub(super) fn is_meant(offer: &Offer, email: &Email) -> bool {
    let meant: Option<Email> = offer.invitation.email.as_ref().and_then(|email| email.parse().ok());
    meant.is_none_or(|meant| meant.key() == email.key())
}

/// What the link offers.
pub(super) async fn form(
    extract::State(state): extract::State<State>,
    page: Page,
    visit: Result<Visit, Response>,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let invited = Invited::new(state, page, visit.ok(), token, None);
    let offer = match invited.offer().await? {
        Ok(offer) => offer,
        Err(reason) => return Ok(void(invited.page, reason)),
    };
    let email = offer.invitation.email.clone().unwrap_or_default();
    Ok(invited.shown(StatusCode::OK, offer, Entered::of([("email", email.as_str())])))
}

/// Comes in by it, with an account that is signed in or with a new one.
pub(super) async fn accept(
    extract::State(state): extract::State<State>,
    client: Option<Extension<Client>>,
    page: Page,
    visit: Result<Visit, Response>,
    Path(token): Path<String>,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let invited = Invited::new(state, page, visit.ok(), token, client);
    let offer = match invited.offer().await? {
        Ok(offer) => offer,
        Err(reason) => return Ok(void(invited.page, reason)),
    };
    let language = invited.page.language;
    let other = say(language, Key("invitation-other-email"))
        .with("email", offer.invitation.email.as_deref().unwrap_or_default());
    if let Some(user) = invited.user.clone() {
        if !is_meant(&offer, &user.email) {
            entered.fault("form", other);
            return Ok(invited.shown(StatusCode::FORBIDDEN, offer, entered));
        }
        return accept_as(invited, &user).await;
    }
    let name = entered.needed(language, "name", LONGEST_NAME);
    let email = email(&mut entered, language);
    if email.as_ref().is_some_and(|email| !is_meant(&offer, email)) {
        entered.fault("email", other);
    }
    let password = new_password(&mut entered, language, email.as_ref().map_or("", Email::as_str));
    let is_sound = entered.is_sound();
    let Some(email) = email.filter(|_| is_sound) else {
        return Ok(invited.shown(StatusCode::UNPROCESSABLE_ENTITY, offer, entered));
    };
    let kept = invited.state.passwords.hash(password).await.map_err(|_| Failure::Busy)?;
    let zone = Some(entered.text("zone")).filter(|zone| is_zone(zone)).unwrap_or("UTC").to_owned();
    let (email, zone) = (&email, zone.as_str());
    let new = NewUser { email, name: &name, password: Some(&kept), is_operator: false, vouched: false, language, zone };
    let tx = invited.state.database.people().await?;
    let Some(user) = user::create(&tx, invited.state.clock.now(), &new).await? else {
        tx.close();
        entered.fault("email", say(language, Key("invitation-account-exists")));
        return Ok(invited.shown(StatusCode::CONFLICT, offer, entered));
    };
    if let Err(reason) = invited.join(&tx, &user).await? {
        return Ok(void(invited.page, reason));
    }
    let entry = enter(&invited.state, &tx, invited.client.as_ref(), &headers, &user).await?;
    tx.commit().await?;
    Ok(come_in(&invited.state, &invited.page, &entry, &OwnPath::inbox(), Some(Notice::Joined)))
}

/// Comes in with the account that is signed in, and goes to work there.
async fn accept_as(invited: Invited, user: &User) -> Result<Response, Failure> {
    let tx = invited.state.database.people().await?;
    let organization_id = match invited.join(&tx, user).await? {
        Ok(organization_id) => organization_id,
        Err(reason) => return Ok(void(invited.page, reason)),
    };
    if let Some(session_id) = invited.session_id {
        session::choose(&tx, user.id, session_id, organization_id).await?;
    }
    tx.commit().await?;
    Ok(([Notice::Joined.leave(invited.page.is_https)], Redirect::to("/inbox")).into_response())
}
