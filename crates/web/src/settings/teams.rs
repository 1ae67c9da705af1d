//! `/settings/teams`: who looks after conversations together.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use model::act::Act;
use model::audit::Deed;
use model::membership::{self, Member};
use model::team::{self, Team};
use serde_json::json;
use uuid::Uuid;

use super::Confirm;
use crate::account::LONGEST_NAME;
use crate::pages::{Entered, Failure, Key, Notice, Page, Visit, say, shown};

const HERE: &str = "/settings/teams";

#[derive(askama::Template)]
#[template(path = "settings/teams.html")]
struct TeamsPage {
    page: Page,
    teams: Vec<Team>,
    may_manage: bool,
    entered: Entered,
}

async fn list(visit: Visit, status: StatusCode, entered: Entered) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ReadMembers).await?;
    let teams = team::list(&tx).await?;
    tx.close();
    let may_manage = visit.may(Act::ManageTeams);
    Ok(shown(status, &TeamsPage { page: visit.page, teams, may_manage, entered }))
}

fn done(page: &Page, notice: Notice, to: &str) -> Response {
    ([notice.leave(page.is_https)], Redirect::to(to)).into_response()
}

/// All teams.
pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    list(visit, StatusCode::OK, Entered::default()).await
}

/// Makes a team.
pub(super) async fn create(visit: Visit, mut entered: Entered) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageTeams).await?;
    let name = entered.needed(visit.page.language, "name", LONGEST_NAME);
    if !entered.is_sound() {
        tx.close();
        return list(visit, StatusCode::UNPROCESSABLE_ENTITY, entered).await;
    }
    let Ok(made) = team::create(&tx, visit.now(), &name, &[]).await? else {
        tx.close();
        entered.fault("name", say(visit.page.language, Key("team-taken")));
        return list(visit, StatusCode::CONFLICT, entered).await;
    };
    visit.finish(tx, &made.made()).await?;
    Ok(done(&visit.page, Notice::TeamMade, &format!("{HERE}/{}", made.id)))
}

#[derive(askama::Template)]
#[template(path = "settings/team.html")]
struct TeamPage {
    page: Page,
    team: Team,
    members: Vec<Member>,
    entered: Entered,
}

/// One team, and who is in it.
pub(super) async fn form(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageTeams).await?;
    let team = team::get(&tx, id).await?.ok_or(Failure::NotThere)?;
    let members = membership::list(&tx).await?;
    tx.close();
    let ids: Vec<String> = team.member_ids.iter().map(Uuid::to_string).collect();
    let chosen = ids.iter().map(|id| ("member", id.as_str()));
    let entered = Entered::of([("name", team.name.as_str())].into_iter().chain(chosen));
    Ok(shown(StatusCode::OK, &TeamPage { page: visit.page, team, members, entered }))
}

/// Changes its name, and who is in it.
pub(super) async fn change(visit: Visit, Path(id): Path<Uuid>, mut entered: Entered) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageTeams).await?;
    let team = team::get(&tx, id).await?.ok_or(Failure::NotThere)?;
    let members = membership::list(&tx).await?;
    let name = entered.needed(visit.page.language, "name", LONGEST_NAME);
    let wanted = |member: &&Member| entered.has("member", member.user_id.to_string());
    let chosen: Vec<Uuid> = members.iter().filter(wanted).map(|member| member.user_id).collect();
    if entered.is_sound() && team::change(&tx, id, Some(&name), Some(&chosen)).await?.is_err() {
        entered.fault("name", say(visit.page.language, Key("team-taken")));
    }
    if !entered.is_sound() {
        return Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &TeamPage { page: visit.page, team, members, entered }));
    }
    let names = |ids: &[Uuid]| -> Vec<&str> {
        members.iter().filter(|member| ids.contains(&member.user_id)).map(|member| member.name.as_str()).collect()
    };
    let before = json!({ "name": team.name, "members": names(&team.member_ids) });
    let after = json!({ "name": name, "members": names(&chosen) });
    let deed = Deed::new(Act::ManageTeams, "change", id, name).changed(Some(before), Some(after));
    visit.finish(tx, &deed).await?;
    Ok(done(&visit.page, Notice::Saved, HERE))
}

/// Asks before a team goes.
pub(super) async fn ask_remove(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageTeams).await?;
    let team = team::get(&tx, id).await?.ok_or(Failure::NotThere)?;
    tx.close();
    let language = visit.page.language;
    let title = say(language, Key("team-remove-title")).with("name", team.name);
    let (means, does) = (say(language, Key("team-remove-means")), say(language, Key("team-remove-does")));
    Ok(shown(StatusCode::OK, &Confirm { page: visit.page, title, means: vec![means], does, back: HERE }))
}

/// Removes a team.
pub(super) async fn remove(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageTeams).await?;
    let team = team::delete(&tx, visit.now(), id).await?.ok_or(Failure::NotThere)?;
    visit.finish(tx, &team.ended()).await?;
    Ok(done(&visit.page, Notice::TeamRemoved, HERE))
}
