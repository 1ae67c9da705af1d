//! `/conversations`

use axum::Json;
use model::conversation::{self, Change, Conversation, Filter, State, Unfit};
use model::message::{self, Message};
use model::page::Page;
use model::search::Search;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::caller::Caller;
use super::example;
use super::fields::{Body, Flag, Nothing, Query, Text, given};
use super::id::Id;
use super::paging::{Cursor, ID_STANDS_ALONE, Ids, Limit, these};
use super::refusals::{Always, BadBody, Invalid, NotThere};
use crate::key::Who;
use crate::problem::Problem;

/// What a list of conversations may be narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only these, by id, with commas between them; those that are not there are left out.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    id: Option<Ids>,
    /// `id`: all of them, those that began last first, so that no page moves while you read; else by the newest last message.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, example = "id")]
    order: Option<Order>,
    /// Only in this state.
    #[serde(default, deserialize_with = "given")]
    state: Option<State>,
    /// `true`: only with unread messages.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<bool>)]
    unread: Option<Flag>,
    /// Only on this number, by its `id`.
    #[serde(default, deserialize_with = "given")]
    number_id: Option<Uuid>,
    /// Only this person's, by id; `me`: only yours; `none`: only nobody's.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, example = "none")]
    assignee: Option<Assignee>,
    /// Only this team's, by id; `none`: only those that no team looks after.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, example = "none")]
    team: Option<OfTeam>,
    /// Only with this contact.
    #[serde(default, deserialize_with = "given")]
    contact_id: Option<Uuid>,
    /// A part of the contact's name, phone number, user id or username, or of a group's id, whatever its case and accents.
    /// Fewer than three characters are looked for among the newest 2,000 alone.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, max_length = 200)]
    q: Option<Text<200>>,
    /// The most rows to answer.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// In which order to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// The one with the newest last message comes first.
    LastMessage,
    /// The one that began last comes first.
    Id,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
enum Assignee {
    Me,
    Nobody,
    Person(Uuid),
}

impl TryFrom<String> for Assignee {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "me" => Ok(Self::Me),
            "none" => Ok(Self::Nobody),
            id => id.parse().map(Self::Person).map_err(|_| "a person's UUID, `me` or `none` is expected"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
enum OfTeam {
    None,
    Team(Uuid),
}

impl TryFrom<String> for OfTeam {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "none" => Ok(Self::None),
            id => id.parse().map(Self::Team).map_err(|_| "a team's UUID or `none` is expected"),
        }
    }
}

impl Wanted {
    fn filter(&self, who: &Who) -> Result<Filter, Problem> {
        let assignee_id = match self.assignee {
            Some(Assignee::Person(id)) => Some(id),
            Some(Assignee::Me) => Some(me(who)?),
            Some(Assignee::Nobody) | None => None,
        };
        let team_id = match self.team {
            Some(OfTeam::Team(id)) => Some(id),
            Some(OfTeam::None) | None => None,
        };
        Ok(Filter {
            state: self.state,
            unread: self.unread == Some(Flag::Yes),
            number_id: self.number_id,
            contact_id: self.contact_id,
            assignee_id,
            unassigned: self.assignee == Some(Assignee::Nobody),
            team_id,
            no_team: self.team == Some(OfTeam::None),
        })
    }
}

/// Whoever is signed in.
fn me(who: &Who) -> Result<Uuid, Problem> {
    match who {
        Who::Person { user, .. } => Ok(user.id),
        Who::Key { .. } => Err(Problem::invalid(
            "The query parameter `assignee` says `me`, and a key is nobody to whom a conversation is assigned. Send a member's id.",
        )),
    }
}

/// List conversations
///
/// The one with the newest last message comes first, if `order` says nothing else.
#[utoipa::path(
    get, path = "/conversations", operation_id = "listConversations", tag = "Conversations", params(Wanted),
    responses(
        (status = 200, description = "A page of conversations.", body = Page<Conversation>,
         example = json!(example::page(example::conversation()))),
        Always, Invalid,
    ),
)]
pub(super) async fn list(caller: Caller, Query(wanted): Query<Wanted>) -> Result<Json<Page<Conversation>>, Problem> {
    let (after, limit) = (wanted.cursor.as_ref().map(|cursor| cursor.0), wanted.limit.unwrap_or_default().0);
    let filter = wanted.filter(caller.who())?;
    if let Some(Ids(ids)) = wanted.id {
        let others = wanted.q.is_some() || wanted.order.is_some() || after.is_some() || wanted.limit.is_some();
        if others || !filter.is_none() {
            return Err(Problem::invalid(ID_STANDS_ALONE));
        }
        let tx = caller.begin().await?;
        let found = conversation::these(&tx, ids).await?;
        tx.close();
        return Ok(Json(these(found)));
    }
    let by_id = wanted.order == Some(Order::Id);
    if by_id && (wanted.q.is_some() || !filter.is_none()) {
        return Err(Problem::invalid(
            "What narrows the list has it by the newest last message: leave out `order=id`, which lists all conversations, or \
             what narrows it.",
        ));
    }
    if let Some(Text(q)) = &wanted.q {
        let search = Search::new(q);
        let page = conversation::search(caller.database(), caller.scope(), (&filter, &search), after, limit).await?;
        return Ok(Json(page));
    }
    let tx = caller.begin().await?;
    let page = if by_id {
        conversation::list_by_id(&tx, after, limit).await?
    } else {
        conversation::list(&tx, &filter, after, limit).await?
    };
    tx.close();
    Ok(Json(page))
}

/// Get a conversation
#[utoipa::path(
    get, path = "/conversations/{id}", operation_id = "getConversation", tag = "Conversations",
    params(("id" = Uuid, Path, description = "The conversation's id.")),
    responses(
        (status = 200, description = "The conversation.", body = Conversation, example = json!(example::conversation())),
        Always, NotThere,
    ),
)]
pub(super) async fn get(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<Conversation>, Problem> {
    let tx = caller.begin().await?;
    let found = conversation::get(&tx, id).await?.ok_or_else(not_there)?;
    tx.close();
    Ok(Json(found))
}

fn not_there() -> Problem {
    Problem::not_there("conversation")
}

/// What to change about a conversation; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"state": "resolved", "assignee_id": null}))]
pub(super) struct ConversationChange {
    /// What it waits for.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = State)]
    state: Option<State>,
    /// Whose it is; null: nobody's.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Uuid>)]
    assignee_id: Option<Option<Uuid>>,
    /// Which team looks after it; null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Uuid>)]
    team_id: Option<Option<Uuid>>,
}

impl ConversationChange {
    fn change(self) -> Result<Change, Problem> {
        if self.state.is_none() && self.assignee_id.is_none() && self.team_id.is_none() {
            return Err(Problem::malformed("The body changes nothing. Send `state`, `assignee_id` or `team_id`."));
        }
        Ok(Change { state: self.state, assignee_id: self.assignee_id, team_id: self.team_id })
    }
}

/// Change a conversation
///
/// Sets its state, hands it to a member or a team, or takes it from one. A message from the contact makes it active again.
#[utoipa::path(
    patch, path = "/conversations/{id}", operation_id = "changeConversation", tag = "Conversations",
    params(("id" = Uuid, Path, description = "The conversation's id.")),
    request_body = ConversationChange,
    responses(
        (status = 200, description = "The conversation as it is now.", body = Conversation,
         example = json!(example::conversation())),
        Always, NotThere, BadBody, Invalid,
    ),
)]
pub(super) async fn change(
    caller: Caller,
    Id(id): Id,
    _: Query<Nothing>,
    Body(wanted): Body<ConversationChange>,
) -> Result<Json<Conversation>, Problem> {
    let change = wanted.change()?;
    let tx = caller.begin().await?;
    conversation::get(&tx, id).await?.ok_or_else(not_there)?;
    if let Some(unfit) = conversation::unfit(&tx, &change).await? {
        return Err(Problem::invalid(match unfit {
            Unfit::Assignee => {
                "The field `assignee_id` is nobody who works in your organization. `GET /members` lists who does."
            }
            Unfit::Team => "The field `team_id` is no team of your organization's. `GET /teams` lists those.",
        }));
    }
    let changed = conversation::change(&tx, caller.now(), id, &change).await?.ok_or_else(not_there)?;
    tx.commit().await.map_err(Problem::repeatable)?;
    Ok(Json(changed))
}

/// Which of a conversation's messages to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WantedMessages {
    /// The most rows to answer.
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// List a conversation's messages
///
/// Newest first, by Meta's second and then by `sequence`.
#[utoipa::path(
    get, path = "/conversations/{id}/messages", operation_id = "listConversationMessages", tag = "Conversations",
    params(("id" = Uuid, Path, description = "The conversation's id."), WantedMessages),
    responses(
        (status = 200, description = "A page of messages.", body = Page<Message>,
         example = json!(example::page(example::message()))),
        Always, NotThere,
    ),
)]
pub(super) async fn messages(
    caller: Caller,
    Id(id): Id,
    Query(wanted): Query<WantedMessages>,
) -> Result<Json<Page<Message>>, Problem> {
    let after = wanted.cursor.map(|cursor| cursor.0);
    let tx = caller.begin().await?;
    conversation::get(&tx, id).await?.ok_or_else(not_there)?;
    let page = message::list(&tx, id, after, wanted.limit.0).await?;
    tx.close();
    Ok(Json(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_and_a_person_are_assignees() {
        let id = Uuid::now_v7();
        assert_eq!(Assignee::try_from("none".to_owned()), Ok(Assignee::Nobody));
        assert_eq!(Assignee::try_from(id.to_string()), Ok(Assignee::Person(id)));
        assert_eq!(Assignee::try_from("me".to_owned()), Ok(Assignee::Me));
        assert!(Assignee::try_from("us".to_owned()).is_err());
        assert_eq!(OfTeam::try_from("none".to_owned()), Ok(OfTeam::None));
        assert!(OfTeam::try_from("me".to_owned()).is_err(), "nobody is a team");
    }

    #[test]
    fn a_change_of_nothing_is_refused() {
        let nothing = ConversationChange { state: None, assignee_id: None, team_id: None };
        assert!(nothing.change().is_err());
        let unassign = ConversationChange { state: None, assignee_id: Some(None), team_id: None };
        assert_eq!(unassign.change().unwrap().assignee_id, Some(None));
    }
}
