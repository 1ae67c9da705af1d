//! `/settings/organization`: what holds for everybody who works there. `/organization`: going to work in another one.

use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use model::act::Act;
use model::{audit, organization, session};

use crate::State;
use crate::pages::{Entered, Failure, Key, Notice, Page, Visit, say, shown};

#[derive(askama::Template)]
#[template(path = "settings/organization.html")]
struct OrganizationPage {
    page: Page,
    name: String,
    required: bool,
    entered: Entered,
}

/// What holds now.
pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    page(visit, StatusCode::OK, Entered::default()).await
}

async fn page(visit: Visit, status: StatusCode, entered: Entered) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ManageOrganization).await?;
    let own = organization::own(&tx).await?.ok_or(Failure::NotThere)?;
    tx.close();
    let shape = OrganizationPage { page: visit.page, name: own.name, required: own.second_factor, entered };
    Ok(shown(status, &shape))
}

/// Has its members need a second factor, or no more. Who asks for it has one: nobody locks themselves out.
pub(super) async fn change(
    extract::State(state): extract::State<State>,
    visit: Visit,
    mut entered: Entered,
) -> Result<Response, Failure> {
    visit.begin(Act::ManageOrganization).await?.close();
    let required = entered.text("second_factor") == "on";
    if required && !visit.user().second_factor {
        entered.fault("form", say(visit.page.language, Key("require-factor-own-first")));
        return page(visit, StatusCode::UNPROCESSABLE_ENTITY, entered).await;
    }
    let scope = visit.scope()?;
    let tx = state.database.operator_for(&scope).await?;
    let changed = organization::require_second_factor(&tx, &scope, required).await?;
    if let Some((before, _)) = changed.filter(|(before, after)| before.second_factor != after.second_factor) {
        let deed = before.second_factor_required(required);
        audit::any_organization_record(&tx, &scope, visit.now(), &visit.visitor.actor(), &deed).await?;
    }
    tx.commit().await?;
    Ok(([Notice::Saved.leave(visit.page.is_https)], Redirect::to("/settings/organization")).into_response())
}

/// Goes to work in an organization that they belong to.
pub(super) async fn choose(
    extract::State(state): extract::State<State>,
    visit: Visit,
    entered: Entered,
) -> Result<Redirect, Failure> {
    let id = entered.text("organization").parse().map_err(|_| Failure::NotThere)?;
    let tx = state.database.people().await?;
    if !session::choose(&tx, visit.user().id, visit.visitor.session_id, id).await? {
        return Err(Failure::NotThere);
    }
    tx.commit().await?;
    Ok(Redirect::to("/inbox"))
}
