//! `/inbox`: until conversations have a page, what there is.

use axum::Router;
use axum::extract;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use model::act::Act;

use crate::State;
use crate::pages::{Failure, Page, Visit, shown};
use crate::settings::{NumberRow, numbers};

pub(crate) fn routes() -> Router<State> {
    Router::new().route("/inbox", get(show))
}

#[derive(askama::Template)]
#[template(path = "inbox/inbox.html")]
struct InboxPage {
    page: Page,
    numbers: Vec<NumberRow>,
}

async fn show(extract::State(state): extract::State<State>, visit: Visit) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Read).await?;
    let numbers = numbers(&tx, state.clock.now()).await?;
    tx.close();
    Ok(shown(StatusCode::OK, &InboxPage { page: visit.page, numbers }))
}
