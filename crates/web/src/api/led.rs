//! Contacts and conversations that were merged into others: their ids lead there.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::act::Act;
use model::{contact, conversation};
use uuid::Uuid;

use super::BASE;
use super::caller::Caller;
use crate::problem::Problem;

/// What a path is about, where that may have been merged.
#[derive(Debug, PartialEq, Eq)]
enum Merged {
    Contact,
    Conversation,
}

/// Answers a request for something that went on under another id with the way there, whatever the route.
pub(super) async fn to_survivor(State(state): State<crate::State>, request: Request, next: Next) -> Response {
    let Some((kind, id)) = named(request.uri().path()) else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let mut asked = parts.clone();
    let answer = next.run(Request::from_parts(parts, body)).await;
    if answer.status() != StatusCode::NOT_FOUND {
        return answer;
    }
    asked.extensions.insert(Act::Read);
    let Ok(caller) = Caller::from_request_parts(&mut asked, &state).await else { return answer };
    match survivor(&caller, &kind, id).await {
        Ok(Some(survivor)) => {
            let path = asked.uri.path_and_query().map_or(asked.uri.path(), |whole| whole.as_str());
            let location = path.replacen(&id.to_string(), &survivor.to_string(), 1);
            Problem::moved(&format!("{BASE}{location}"), &asked.method).into_response()
        }
        Ok(None) => answer,
        Err(problem) => problem.into_response(),
    }
}

async fn survivor(caller: &Caller, kind: &Merged, id: Uuid) -> Result<Option<Uuid>, Problem> {
    let tx = caller.begin().await?;
    let survivor = match kind {
        Merged::Contact => contact::survivor(&tx, id).await?,
        Merged::Conversation => conversation::survivor(&tx, id).await?,
    };
    tx.close();
    Ok(survivor)
}

/// The contact or conversation that a path below the API's names.
fn named(path: &str) -> Option<(Merged, Uuid)> {
    let mut parts = path.trim_start_matches('/').split('/');
    let kind = match parts.next()? {
        "contacts" => Merged::Contact,
        "conversations" => Merged::Conversation,
        _ => return None,
    };
    Some((kind, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_contacts_and_conversations_lead_on() {
        let id = Uuid::from_u128(7);
        assert_eq!(named(&format!("/contacts/{id}")), Some((Merged::Contact, id)));
        assert_eq!(named(&format!("/conversations/{id}/messages")), Some((Merged::Conversation, id)));
        for other in ["/contacts", "/contacts/x", "/messages/7", "/"] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
