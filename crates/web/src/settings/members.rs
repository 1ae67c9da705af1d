//! `/settings/members`: who works here, as what, and who is invited.

pub(super) mod invite;

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use model::act::{Act, Role};
use model::api_key;
use model::membership::{self, Changed, Member};
use uuid::Uuid;

use self::invite::InvitationRow;
use super::Confirm;
use crate::pages::{Entered, Failure, Key, Moment, Named, Notice, Page, Visit, say, shown};

const HERE: &str = "/settings/members";

/// The roles that they may give to others: who the owners are is for owners to say.
fn offered(visit: &Visit) -> Vec<Role> {
    Role::ALL.into_iter().rev().filter(|&role| may_give(visit, role)).collect()
}

/// Whether they may give this role, or take it away.
fn may_give(visit: &Visit, role: Role) -> bool {
    visit.visitor.at_work.is_some_and(|at_work| at_work.may(Act::ManageMembers) && at_work.role.gives(role))
}

/// A member as a list shows them.
#[derive(Clone, Debug)]
struct MemberRow {
    id: Uuid,
    name: String,
    email: String,
    role: Role,
    seen: Option<Moment>,
    open: i64,
    is_reader: bool,
    can_change: bool,
}

#[derive(askama::Template)]
#[template(path = "settings/members.html")]
struct MembersPage {
    page: Page,
    organization: String,
    members: Vec<MemberRow>,
    invitations: Vec<InvitationRow>,
    offered: Vec<Role>,
    may_manage: bool,
    refused: Option<Key>,
}

/// Everybody who works here.
pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    list(visit, StatusCode::OK, None).await
}

async fn list(visit: Visit, status: StatusCode, refused: Option<Key>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ReadMembers).await?;
    let (members, times) = (membership::list(&tx).await?, visit.times());
    let may_manage = visit.may(Act::ManageMembers);
    let invitations = if may_manage { invite::rows(&tx, &visit).await? } else { Vec::new() };
    tx.close();
    let (reader, now) = (visit.user().id, visit.now());
    let row = |member: Member| MemberRow {
        id: member.user_id,
        name: member.name,
        email: member.email,
        role: member.role,
        seen: member.last_seen_at.or((member.user_id == reader).then_some(now)).map(|at| times.moment(at)),
        open: member.open_conversations,
        is_reader: member.user_id == reader,
        can_change: may_manage && may_give(&visit, member.role),
    };
    let members = members.into_iter().map(row).collect();
    let organization = visit.organization()?.name.clone();
    let offered = offered(&visit);
    let page = MembersPage { page: visit.page, organization, members, invitations, offered, may_manage, refused };
    Ok(shown(status, &page))
}

fn done(page: &Page, notice: Notice) -> Response {
    ([notice.leave(page.is_https)], Redirect::to(HERE)).into_response()
}

/// Gives somebody another role.
pub(super) async fn change_role(visit: Visit, Path(id): Path<Uuid>, entered: Entered) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageMembers).await?;
    let role = Role::of(entered.text("role")).ok_or(Failure::NotThere)?;
    let member = membership::get(&tx, id).await?.ok_or(Failure::NotThere)?;
    if !may_give(&visit, role) || !may_give(&visit, member.role) {
        return Err(Failure::NotYours);
    }
    match membership::change_role(&tx, visit.now(), id, role).await? {
        Changed::NotThere => return Err(Failure::NotThere),
        Changed::LastOwner => {
            tx.close();
            return list(visit, StatusCode::CONFLICT, Some(Key("last-owner"))).await;
        }
        // Somebody else made them an owner meanwhile.
        Changed::Done(before) if !may_give(&visit, before) => return Err(Failure::NotYours),
        Changed::Done(before) => {
            let deed = Member { role, ..member.clone() }.changed(&Member { role: before, ..member });
            visit.finish(tx, &deed).await?;
        }
    }
    Ok(done(&visit.page, Notice::RoleChanged))
}

/// Asks before somebody is removed.
pub(super) async fn ask_remove(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageMembers).await?;
    let member = membership::get(&tx, id).await?.ok_or(Failure::NotThere)?;
    let keys = api_key::list(&tx).await?;
    tx.close();
    if !may_give(&visit, member.role) {
        return Err(Failure::NotYours);
    }
    let (language, now) = (visit.page.language, visit.now());
    let theirs = keys.iter().filter(|key| key.created_by_id == Some(id) && key.is_in_force(now)).count();
    let organization = &visit.organization()?.name;
    let title = say(language, Key("member-remove-title")).with("name", &member.name).with("organization", organization);
    let mut means = vec![say(language, Key("member-remove-means")).count("count", member.open_conversations)];
    // A program goes on working; whoever made its key may still have it.
    means.extend((theirs > 0).then(|| say(language, Key("member-remove-keys")).count("count", theirs)));
    let does = say(language, Key("member-remove-does")).with("name", &member.name);
    Ok(shown(StatusCode::OK, &Confirm { page: visit.page, title, means, does, back: HERE }))
}

/// Removes somebody. What was theirs is nobody's, and where they are signed in they see no more of it.
pub(super) async fn remove(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageMembers).await?;
    let member = membership::get(&tx, id).await?.ok_or(Failure::NotThere)?;
    if !may_give(&visit, member.role) {
        return Err(Failure::NotYours);
    }
    match membership::remove(&tx, visit.now(), id).await? {
        Changed::NotThere => return Err(Failure::NotThere),
        Changed::LastOwner => {
            tx.close();
            return list(visit, StatusCode::CONFLICT, Some(Key("last-owner"))).await;
        }
        Changed::Done(_) => visit.finish(tx, &member.let_go()).await?,
    }
    Ok(done(&visit.page, Notice::MemberRemoved))
}
