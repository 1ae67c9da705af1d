//! Who else is at a conversation: who looks at it, who writes an answer, who has seen it.

use axum::response::Response;
use http::StatusCode;
use model::act::Act;
use model::presence::{self, Colleague, Doing};
use uuid::Uuid;

use super::stream::streamed;
use super::thread;
use crate::pages::{Entered, Failure, Key, Page, PathId, Said, Visit, say};

/// What the line above the box says of others.
#[derive(Clone, Debug, Default)]
pub(super) struct Together {
    /// Who writes, or else who looks.
    pub(super) now: Option<Said>,
    /// Who has seen the last message that is shown.
    pub(super) seen: Option<Said>,
}

#[derive(askama::Template)]
#[template(path = "inbox/stream_together.html")]
struct TogetherStream {
    id: Uuid,
    together: Together,
}

impl Together {
    fn of(page: &Page, others: &[Colleague]) -> Self {
        let named = |is: fn(&Colleague) -> bool| -> Vec<&str> {
            others.iter().filter(|one| is(one)).map(|one| one.name.as_str()).collect()
        };
        let told = |key: Key, names: &[&str]| {
            let said = say(page.language, key).with("names", names.join(", "));
            (!names.is_empty()).then(|| said.count("count", names.len()))
        };
        let (writing, looking) = (named(|one| one.writes), named(|one| one.is_there));
        Self {
            now: told(Key("together-write"), &writing).or_else(|| told(Key("together-look"), &looking)),
            seen: told(Key("together-seen"), &named(|one| one.has_seen)),
        }
    }
}

/// Somebody says what they do at a conversation, and is told what others do.
pub(super) async fn attend(visit: Visit, PathId(id): PathId, entered: Entered) -> Result<Response, Failure> {
    let doing = match entered.text("doing") {
        "look" => Doing::Look,
        "write" => Doing::Write,
        "leave" => Doing::Leave,
        _ => return Err(Failure::NoForm),
    };
    let shown: i64 = entered.text("shown").parse().unwrap_or(i64::MAX);
    let tx = visit.begin(Act::Read).await?;
    let at = thread::follow(&tx, id).await?.id;
    let me = visit.user().id;
    presence::note(&tx, visit.now(), me, at, doing).await?;
    if entered.has("seen", "1") && shown < i64::MAX {
        presence::saw(&tx, me, at, shown).await?;
    }
    let others = presence::others(&tx, visit.now(), me, at, shown).await?;
    tx.commit().await?;
    let together = Together::of(&visit.page, &others);
    Ok(streamed(StatusCode::OK, &TogetherStream { id, together }))
}
