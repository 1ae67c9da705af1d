//! `/contacts`

use axum::Json;
use model::contact::{self, Change, Contact};
use model::name;
use model::page::Page;
use model::search::Search;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::example;
use super::fields::{Body, Nothing, Query, Text, given};
use super::id::Id;
use super::paging::{Cursor, ID_STANDS_ALONE, Ids, Limit, these};
use super::refusals::{Always, BadBody, Invalid, NotThere};
use crate::problem::Problem;

/// What a list of contacts may be narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only these, by id, with commas between them; those that are not there are left out.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    id: Option<Ids>,
    /// A part of the name, phone number, user id or username, whatever its case and accents. Fewer than three characters
    /// are looked for among the newest 2,000 alone.
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

/// List contacts
///
/// Newest first.
#[utoipa::path(
    get, path = "/contacts", operation_id = "listContacts", tag = "Contacts", params(Wanted),
    responses(
        (status = 200, description = "A page of contacts.", body = Page<Contact>,
         example = json!(example::page(example::contact()))),
        Always, Invalid,
    ),
)]
pub(super) async fn list(caller: Caller, Query(wanted): Query<Wanted>) -> Result<Json<Page<Contact>>, Problem> {
    let (after, limit) = (wanted.cursor.map(|cursor| cursor.0), wanted.limit.unwrap_or_default().0);
    if let Some(Ids(ids)) = wanted.id {
        if wanted.q.is_some() || after.is_some() || wanted.limit.is_some() {
            return Err(Problem::invalid(ID_STANDS_ALONE));
        }
        let tx = caller.begin().await?;
        let found = contact::these(&tx, ids).await?;
        tx.close();
        return Ok(Json(these(found)));
    }
    if let Some(Text(q)) = &wanted.q {
        let search = Search::new(q);
        return Ok(Json(contact::search(caller.database(), caller.scope(), &search, after, limit).await?));
    }
    let tx = caller.begin().await?;
    let page = contact::list(&tx, after, limit).await?;
    tx.close();
    Ok(Json(page))
}

/// Get a contact
#[utoipa::path(
    get, path = "/contacts/{id}", operation_id = "getContact", tag = "Contacts",
    params(("id" = Uuid, Path, description = "The contact's id.")),
    responses(
        (status = 200, description = "The contact.", body = Contact, example = json!(example::contact())),
        Always, NotThere,
    ),
)]
pub(super) async fn get(caller: Caller, Id(id): Id, _: Query<Nothing>) -> Result<Json<Contact>, Problem> {
    let tx = caller.begin().await?;
    let found = contact::get(&tx, id).await?.ok_or_else(not_there)?;
    tx.close();
    Ok(Json(found))
}

fn not_there() -> Problem {
    Problem::not_there("contact")
}

/// What to change about a contact; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"own_name": "Ana, Café Sur", "notes": null}))]
pub(super) struct ContactChange {
    /// Your organization's name for the contact; null or empty: none, so that WhatsApp's name shows again.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 200)]
    own_name: Option<Option<Text<200>>>,
    /// Your organization's notes; null or empty: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    notes: Option<Option<Text<10_000>>>,
}

impl ContactChange {
    fn change(self) -> Result<Change, Problem> {
        if self.own_name.is_none() && self.notes.is_none() {
            return Err(Problem::malformed("The body changes nothing. Send `own_name`, `notes` or both."));
        }
        Ok(Change {
            own_name: self.own_name.map(|name| name.and_then(worded)),
            notes: self.notes.map(|notes| notes.and_then(worded)),
        })
    }
}

/// A name of nothing that shows would hide WhatsApp's.
fn worded<const LONGEST: usize>(Text(text): Text<LONGEST>) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| name::shows(text))
}

/// Change a contact
///
/// Sets your organization's own name and notes. The contact does not see them.
#[utoipa::path(
    patch, path = "/contacts/{id}", operation_id = "changeContact", tag = "Contacts",
    params(("id" = Uuid, Path, description = "The contact's id.")),
    request_body = ContactChange,
    responses(
        (status = 200, description = "The contact as it is now.", body = Contact, example = json!(example::contact())),
        Always, NotThere, BadBody, Invalid,
    ),
)]
pub(super) async fn change(
    caller: Caller,
    Id(id): Id,
    _: Query<Nothing>,
    Body(wanted): Body<ContactChange>,
) -> Result<Json<Contact>, Problem> {
    let change = wanted.change()?;
    let tx = caller.begin().await?;
    let changed = contact::change(&tx, caller.now(), id, &change).await?.ok_or_else(not_there)?;
    tx.commit().await.map_err(Problem::repeatable)?;
    Ok(Json(changed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(body: &str) -> Result<Change, Problem> {
        serde_json::from_str::<ContactChange>(body).unwrap().change()
    }

    #[test]
    fn null_and_empty_clear_and_absence_leaves() {
        let cleared = change(r#"{"own_name": null}"#).unwrap();
        assert_eq!((cleared.own_name, cleared.notes), (Some(None), None));
        let cleared = change(r#"{"notes": "  "}"#).unwrap();
        assert_eq!((cleared.own_name, cleared.notes), (None, Some(None)));
        let named = change(r#"{"own_name": " Ana "}"#).unwrap();
        assert_eq!(named.own_name, Some(Some("Ana".into())));
    }

    #[test]
    fn a_change_of_nothing_is_refused() {
        assert!(change("{}").is_err());
    }
}
