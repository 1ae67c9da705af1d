//! What stands before messages of a number that people write on pages, as whoever manages numbers chooses it.

use axum::response::{IntoResponse, Redirect, Response};
use model::act::Act;
use model::audit::Deed;
use model::number::{self, AuthorLine, Number};
use serde_json::json;

use crate::pages::{Entered, Failure, Key, Notice, PathId, Visit};

/// What a choice is called.
pub(super) fn key(author_line: AuthorLine) -> Key {
    match author_line {
        AuthorLine::None => Key("author-line-none"),
        AuthorLine::Name => Key("author-line-name"),
        AuthorLine::FirstName => Key("author-line-first-name"),
    }
}

/// That it was chosen, as the audit tells it.
pub(crate) fn deed(before: &Number, after: &Number) -> Deed {
    let told = |number: &Number| Some(json!({ "author_line": number.author_line }));
    Deed::new(Act::ManageNumbers, "author_line", after.id, after.phone()).changed(told(before), told(after))
}

/// Chooses it.
pub(super) async fn choose(visit: Visit, PathId(id): PathId, entered: Entered) -> Result<Response, Failure> {
    let chosen = AuthorLine::of(entered.text("author_line")).ok_or(Failure::NoForm)?;
    let tx = visit.begin(Act::ManageNumbers).await?;
    let (before, _) = number::get(&tx, id, visit.now()).await?.ok_or(Failure::NotThere)?;
    let after = number::set_author_line(&tx, visit.now(), id, chosen).await?.ok_or(Failure::NotThere)?;
    visit.finish(tx, &deed(&before, &after)).await?;
    Ok(([Notice::Saved.leave(visit.page.is_https)], Redirect::to("/settings/numbers")).into_response())
}
