//! Templates as people and programs look them up.

use std::collections::HashSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Template, template_columns, whole_second};
use crate::database::{CommitError, Operator, Result, Tenant};
use crate::event;
use crate::page::{Cursor, Page};
use crate::scope::Scope;

/// What a list of templates is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of the account of this number.
    pub number_id: Option<Uuid>,
    /// Of this account.
    pub waba_id: Option<String>,
    /// Of this status; `None`: of any but `DELETED`.
    pub status: Option<String>,
    /// Of this language.
    pub language: Option<String>,
    /// Of this category.
    pub category: Option<String>,
    /// With this in the name.
    pub q: Option<String>,
}

/// A page of templates, those that came to be known last first.
pub async fn list(tx: &Tenant, filter: &Filter, after: Option<Cursor>, limit: i64) -> Result<Page<Template>> {
    let after = after.map_or(Uuid::max(), |cursor| cursor.tie);
    let rows = tx
        .query_filtered(
            concat!(
                "SELECT ",
                template_columns!(),
                " FROM wazapp.template t
                 WHERE t.organization_id = $1 AND t.id < $2
                   AND ($3::uuid IS NULL OR t.waba_id = (
                     SELECT n.waba_id FROM wazapp.number n WHERE n.organization_id = $1 AND n.id = $3))
                   AND ($4::text IS NULL OR t.waba_id = $4)
                   AND CASE WHEN $5::text IS NULL THEN t.status IS DISTINCT FROM 'DELETED' ELSE t.status = $5 END
                   AND ($6::text IS NULL OR t.language = $6) AND ($7::text IS NULL OR t.category = $7)
                   AND ($8::text IS NULL OR strpos(t.name, lower($8)) > 0)
                 ORDER BY t.id DESC LIMIT $9"
            ),
            &[
                &tx.organization_id(),
                &after,
                &filter.number_id,
                &filter.waba_id,
                &filter.status,
                &filter.language,
                &filter.category,
                &filter.q,
                &(limit + 1),
            ],
        )
        .await?;
    Ok(Page::new(rows.iter().map(Template::read).collect(), limit, |row| Cursor { at: 0, tie: row.id }))
}

/// So many are offered to choose from.
const OFFERED: i64 = 1_000;

/// The templates that can be sent from a number, with name and language, in the order of their names.
pub async fn approved(tx: &Tenant, number_id: Uuid) -> Result<Vec<(Uuid, String, String)>> {
    let rows = tx
        .query(
            "SELECT t.id, t.name, t.language FROM wazapp.template t
             WHERE t.organization_id = $1 AND t.status = 'APPROVED' AND t.name IS NOT NULL AND t.language IS NOT NULL
               AND t.waba_id = (SELECT n.waba_id FROM wazapp.number n WHERE n.organization_id = $1 AND n.id = $2)
             ORDER BY t.name, t.language LIMIT $3",
            &[&tx.organization_id(), &number_id, &OFFERED],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get("id"), row.get("name"), row.get("language"))).collect())
}

/// One template.
pub async fn get(tx: &Tenant, id: Uuid) -> Result<Option<Template>> {
    let row = tx
        .query_opt(
            concat!(
                "SELECT ",
                template_columns!(),
                " FROM wazapp.template t WHERE t.organization_id = $1 AND t.id = $2"
            ),
            &[&tx.organization_id(), &id],
        )
        .await?;
    Ok(row.as_ref().map(Template::read))
}

/// One template, by Meta's id.
pub async fn find_by_template_id(tx: &Tenant, waba_id: &str, template_id: &str) -> Result<Option<Template>> {
    let row = tx
        .query_opt(
            concat!(
                "SELECT ",
                template_columns!(),
                " FROM wazapp.template t WHERE t.organization_id = $1 AND t.waba_id = $2 AND t.template_id = $3"
            ),
            &[&tx.organization_id(), &waba_id, &template_id],
        )
        .await?;
    Ok(row.as_ref().map(Template::read))
}

/// Meta's ids of the templates that may have a name and language; webhooks tell of some without either.
pub async fn ids(tx: &Tenant, waba_id: &str, name: &str, language: &str) -> Result<HashSet<String>> {
    let rows = tx
        .query(
            "SELECT template_id FROM wazapp.template
             WHERE organization_id = $1 AND waba_id = $2 AND coalesce(name, $3) = $3 AND coalesce(language, $4) = $4",
            &[&tx.organization_id(), &waba_id, &name, &language],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get("template_id")).collect())
}

/// Notes that Meta deleted templates of a name: the one of this id or, without one, those in all languages. They stay, as
/// `DELETED`.
pub async fn delete(
    tx: Operator,
    scope: &Scope,
    now: Timestamp,
    waba_id: &str,
    name: &str,
    template_id: Option<&str>,
) -> Result<(), CommitError> {
    let line = event::line_of(&tx, scope).await?;
    let rows = tx
        .query(
            "UPDATE wazapp.template SET status = 'DELETED', reason = NULL, facts_at = $5, updated_at = $6
             WHERE organization_id = $1 AND waba_id = $2 AND name = $3 AND ($4::text IS NULL OR template_id = $4)
               AND status IS DISTINCT FROM 'DELETED'
             RETURNING id, template_id, name, language, category, quality",
            &[&scope.organization_id(), &waba_id, &name, &template_id, &whole_second(now), &now],
        )
        .await?;
    let events = super::save::gone(&line, waba_id, super::Source::Change, now, &rows);
    let mut pipeline = crate::database::Pipeline::at(now);
    event::any_organization_record(&mut pipeline, &events);
    tx.finish(pipeline).await
}
