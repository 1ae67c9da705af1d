//! `/settings/members/invite`: links by which somebody comes to work here.

use axum::extract::{self, Path};
use axum::response::Response;
use http::StatusCode;
use model::DatabaseError;
use model::act::{Act, Role};
use model::database::Tenant;
use model::invitation::{self, NewInvitation};
use model::mail::{Mailed, State as MailState};
use model::trouble::Word;
use uuid::Uuid;

use super::{done, may_give, offered};
use crate::State;
use crate::account::{email, invitation_link};
use crate::pages::{Entered, Failure, Key, Named, Notice, Page, Said, Visit, say, shown};

/// An invitation as a list shows it.
#[derive(Clone, Debug)]
pub(super) struct InvitationRow {
    pub(super) id: Uuid,
    pub(super) email: Option<String>,
    pub(super) role: Role,
    pub(super) by: String,
    pub(super) ends: String,
    pub(super) mail: Option<MailRow>,
}

/// What became of its mail.
#[derive(Clone, Debug)]
pub(super) struct MailRow {
    pub(super) said: Said,
    pub(super) is_bad: bool,
}

impl MailRow {
    fn of(visit: &Visit, mailed: &Mailed) -> Self {
        let language = visit.page.language;
        let said = match (mailed.state, &mailed.error) {
            (MailState::Sent, _) => {
                say(language, Key("invitation-mailed")).with("when", visit.times().moment(mailed.since).said)
            }
            (MailState::Waiting, None) => say(language, Key("invitation-mail-waits")),
            (MailState::Waiting, Some(_)) => say(language, Key("invitation-mail-tried")),
            (MailState::Failed, Some(error)) if error.code == Word::MailRefused => {
                say(language, Key("invitation-mail-refused"))
            }
            (MailState::Failed, _) => say(language, Key("invitation-mail-failed")),
        };
        Self { said, is_bad: mailed.error.is_some() }
    }
}

/// Invitations that hold.
pub(super) async fn rows(tx: &Tenant, visit: &Visit) -> Result<Vec<InvitationRow>, DatabaseError> {
    let times = visit.times();
    let row = |invitation: invitation::Invitation| InvitationRow {
        id: invitation.id,
        email: invitation.email,
        role: invitation.role,
        by: invitation.invited_by_name,
        ends: say(visit.page.language, Key("invitation-ends"))
            .with("when", times.moment(invitation.expires_at).said)
            .to_string(),
        mail: invitation.mail.as_ref().map(|mailed| MailRow::of(visit, mailed)),
    };
    Ok(invitation::list(tx, visit.now()).await?.into_iter().map(row).collect())
}

#[derive(askama::Template)]
#[template(path = "settings/invite.html")]
struct InvitePage {
    page: Page,
    entered: Entered,
    offered: Vec<Role>,
}

/// Whom to invite, as what.
pub(crate) async fn form(visit: Visit) -> Result<Response, Failure> {
    visit.begin(Act::ManageMembers).await?.close();
    let (offered, entered) = (offered(&visit), Entered::of([("role", Role::Agent.word())]));
    Ok(shown(StatusCode::OK, &InvitePage { page: visit.page, entered, offered }))
}

#[derive(askama::Template)]
#[template(path = "settings/invited.html")]
struct InvitedPage {
    page: Page,
    link: String,
    whatsapp: String,
    /// To whom it is mailed too.
    mailed: Option<String>,
}

/// Invites somebody. The link is shown in this answer and never again.
pub(crate) async fn send(
    extract::State(state): extract::State<State>,
    visit: Visit,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageMembers).await?;
    let language = visit.page.language;
    let email = if entered.text("email").is_empty() { None } else { email(&mut entered, language) };
    let role = Role::of(entered.text("role"));
    if role.is_none() {
        entered.fault("role", say(language, Key("fault-role")));
    }
    let is_sound = entered.is_sound();
    let Some(role) = role.filter(|_| is_sound) else {
        let offered = offered(&visit);
        return Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &InvitePage { page: visit.page, entered, offered }));
    };
    if !may_give(&visit, role) {
        return Err(Failure::NotYours);
    }
    let actor = visit.visitor.actor();
    let new = NewInvitation { email: email.as_ref(), role, mailed: state.mails.then_some(language) };
    let (made, link) = invitation::create(&tx, visit.now(), &actor, new).await?;
    visit.finish(tx, &made.sent()).await?;
    state.mail_wake.queued();
    let mailed = made.email.filter(|_| made.mail.is_some());
    let link = invitation_link(&state.public_url, &link);
    let organization = &visit.organization()?.name;
    let says =
        say(language, Key("invitation-says")).with("inviter", &visit.user().name).with("organization", organization);
    let text: String = form_urlencoded::byte_serialize(format!("{says} {link}").as_bytes()).collect();
    let whatsapp = format!("https://wa.me/?text={}", text.replace('+', "%20"));
    Ok(shown(StatusCode::CREATED, &InvitedPage { page: visit.page, link, whatsapp, mailed }))
}

/// Takes an invitation back.
pub(crate) async fn revoke(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageMembers).await?;
    let revoked = invitation::revoke(&tx, visit.now(), id).await?.ok_or(Failure::NotThere)?;
    if !may_give(&visit, revoked.role) {
        return Err(Failure::NotYours);
    }
    visit.finish(tx, &revoked.taken_back()).await?;
    Ok(done(&visit.page, Notice::InvitationRevoked))
}
