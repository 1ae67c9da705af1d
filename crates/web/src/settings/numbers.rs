//! `/settings/numbers`: what is connected, and how another one is.

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use model::DatabaseError;
use model::act::Act;
use model::database::Tenant;
use model::number;
use uuid::Uuid;

use crate::pages::{Failure, Key, Page, Visit, shown};

/// A number as a list shows it.
#[derive(Clone, Debug)]
pub(crate) struct NumberRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) state: Key,
    pub(crate) is_connected: bool,
}

/// The organization's numbers.
pub(crate) async fn list(tx: &Tenant, now: Timestamp) -> Result<Vec<NumberRow>, DatabaseError> {
    let numbers = number::list(tx, now).await?;
    let row = |number: number::Number| {
        let state = match number.status.as_str() {
            "connected" => Key("number-connected"),
            "connecting" => Key("number-connecting"),
            _ => Key("number-off"),
        };
        NumberRow {
            id: number.id,
            name: number.name(),
            phone: number.phone(),
            state,
            is_connected: number.status == "connected",
        }
    };
    Ok(numbers.into_iter().map(row).collect())
}

#[derive(askama::Template)]
#[template(path = "settings/numbers.html")]
struct NumbersPage {
    page: Page,
    numbers: Vec<NumberRow>,
    slug: String,
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Read).await?;
    let numbers = list(&tx, visit.now()).await?;
    tx.close();
    let slug = visit.organization()?.slug.clone();
    Ok(shown(StatusCode::OK, &NumbersPage { page: visit.page, numbers, slug }))
}
