//! `/organization`: going to work in another one.

use axum::extract;
use axum::response::Redirect;
use model::session;

use crate::State;
use crate::pages::{Entered, Failure, Visit};

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
