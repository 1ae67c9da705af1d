//! `/settings/numbers`: what is connected, and how another one is.

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use model::DatabaseError;
use model::act::Act;
use model::database::Tenant;
use model::number::{self, AuthorLine};
use uuid::Uuid;

use super::author_line;
use crate::pages::{Failure, Key, Page, Visit, shown};

/// A number as a list shows it.
#[derive(Clone, Debug)]
pub(crate) struct NumberRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) state: Key,
    pub(crate) is_connected: bool,
    pub(crate) author_line: AuthorLine,
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
            author_line: number.author_line,
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
    /// What can stand before messages; nothing for whoever may not choose.
    author_lines: Vec<(AuthorLine, Key)>,
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let tx = visit.begin(Act::Read).await?;
    let numbers = list(&tx, visit.now()).await?;
    tx.close();
    let slug = visit.organization()?.slug.clone();
    let may_choose = visit.may(Act::ManageNumbers);
    let author_lines = AuthorLine::ALL.map(|line| (line, author_line::key(line)));
    let author_lines = if may_choose { author_lines.into() } else { Vec::new() };
    Ok(shown(StatusCode::OK, &NumbersPage { page: visit.page, numbers, slug, author_lines }))
}
