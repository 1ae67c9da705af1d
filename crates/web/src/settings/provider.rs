//! `/settings/profile/provider`: whom an account is linked to at the identity provider.

use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use model::audit::{self, Deed};
use model::database::{Operator, Result};
use model::{provider_account, session};
use serde_json::json;
use uuid::Uuid;

use super::prove::{Prove, asks_password, prove};
use crate::State;
use crate::pages::{Entered, Failure, Key, Moment, Notice, Page, Times, Visit, say, shown};

const PROFILE: &str = "/settings/profile";

/// Whom an account is linked to.
pub(super) struct Linked {
    /// What the provider is called.
    pub(super) name: String,
    pub(super) email: String,
    pub(super) used: Moment,
}

/// Whom an account is linked to, perhaps at a provider that this server had before.
pub(super) async fn linked(tx: &Operator, state: &State, user_id: Uuid, times: &Times) -> Result<Option<Linked>> {
    let found = provider_account::get(tx, user_id).await?;
    Ok(found.map(|found| {
        let now_known = state.provider.as_ref().filter(|provider| provider.issuer() == found.issuer);
        let name = now_known.map_or_else(|| found.issuer.clone(), |provider| provider.name().to_owned());
        Linked { name, email: found.email, used: times.moment(found.last_used_at) }
    }))
}

fn page(page: Page, name: &str, asks_password: bool, entered: Entered) -> Prove {
    let title = say(page.language, Key("provider-account-unlink"));
    let means = say(page.language, Key("provider-account-unlink-means")).with("provider", name);
    let does = title.clone();
    Prove { page, title, means, does, back: PROFILE, asks_password, asks_code: false, entered }
}

/// What the provider of the account is called; there must be one, and a password to come in by without it.
async fn may_unlink(state: &State, visit: &Visit) -> Result<String, Failure> {
    let tx = state.database.people().await?;
    let linked = linked(&tx, state, visit.user().id, &visit.times()).await?;
    tx.close();
    let is_left_another_way = asks_password(state, visit).await?;
    linked.filter(|_| is_left_another_way).map(|linked| linked.name).ok_or(Failure::NotThere)
}

pub(super) async fn ask_unlink(
    extract::State(state): extract::State<State>,
    visit: Visit,
) -> Result<Response, Failure> {
    let name = may_unlink(&state, &visit).await?;
    Ok(shown(StatusCode::OK, &page(visit.page, &name, true, Entered::default())))
}

/// Unlinks it. Whoever else is signed in as them, perhaps by it, is so no more.
pub(super) async fn unlink(
    extract::State(state): extract::State<State>,
    visit: Visit,
    headers: HeaderMap,
    mut entered: Entered,
) -> Result<Response, Failure> {
    let name = may_unlink(&state, &visit).await?;
    prove(&state, &visit, &headers, &mut entered).await?;
    if !entered.is_sound() {
        return Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &page(visit.page, &name, true, entered)));
    }
    let (now, user) = (visit.now(), visit.user());
    let tx = state.database.people().await?;
    let Some(unlinked) = provider_account::unlink(&tx, user.id).await? else { return Err(Failure::NotThere) };
    session::end_all(&tx, user.id, Some(visit.visitor.session_id)).await?;
    let before = json!({ "issuer": unlinked.issuer, "email": unlinked.email });
    let deed = Deed::of_server("user.unlink", user.id, user.name.as_str()).changed(Some(before), None);
    audit::record_of_server(&tx, now, &visit.visitor.actor(), &deed).await?;
    tx.commit().await?;
    Ok(([Notice::ProviderUnlinked.leave(visit.page.is_https)], Redirect::to(PROFILE)).into_response())
}
