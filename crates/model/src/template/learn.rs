//! What Meta's webhooks say of a template.

use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Pipeline, params};

/// What one webhook says of a template; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The owner.
    pub organization_id: Uuid,
    /// The account it belongs to.
    pub waba_id: String,
    /// Meta's id.
    pub template_id: String,
    /// Its name.
    pub name: Option<String>,
    /// Such as `en_US`.
    pub language: Option<String>,
    /// Such as `APPROVED`.
    pub status: Option<String>,
    /// Such as `UTILITY`.
    pub category: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality: Option<String>,
    /// Why it was rejected or paused.
    pub reason: Option<String>,
    /// JSON.
    pub components: Option<String>,
    /// Meta's time of the announcement: an older one fills gaps only.
    pub at: Timestamp,
}

/// Writes what Meta announced.
pub fn any_organization_learn<'a>(pipeline: &mut Pipeline<'a>, facts: &'a Facts) {
    pipeline.push(
            "INSERT INTO wazapp.template AS t
               (organization_id, id, waba_id, template_id, name, language, status, category, quality, reason, components, facts_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::json, $12)
             ON CONFLICT (organization_id, waba_id, template_id) DO UPDATE SET
               name = coalesce(excluded.name, t.name), language = coalesce(excluded.language, t.language),
               status = CASE WHEN excluded.facts_at >= t.facts_at THEN coalesce(excluded.status, t.status) ELSE coalesce(t.status, excluded.status) END,
               category = CASE WHEN excluded.facts_at >= t.facts_at THEN coalesce(excluded.category, t.category) ELSE coalesce(t.category, excluded.category) END,
               quality = CASE WHEN excluded.facts_at >= t.facts_at THEN coalesce(excluded.quality, t.quality) ELSE coalesce(t.quality, excluded.quality) END,
               -- A reason explains the status it came with, so it goes when a new status brings none.
               reason = CASE WHEN excluded.status IS NOT NULL AND excluded.facts_at >= t.facts_at THEN excluded.reason ELSE t.reason END,
               components = CASE WHEN excluded.facts_at >= t.facts_at AND excluded.components IS NOT NULL THEN excluded.components ELSE t.components END,
               components_whole = t.components_whole AND NOT (excluded.facts_at >= t.facts_at AND excluded.components IS NOT NULL),
               updated_at = $13,
               facts_at = greatest(t.facts_at, excluded.facts_at)",
            params![
                facts.organization_id,
                Uuid::now_v7(),
                facts.waba_id.as_str(),
                facts.template_id.as_str(),
                facts.name.as_deref(),
                facts.language.as_deref(),
                facts.status.as_deref(),
                facts.category.as_deref(),
                facts.quality.as_deref(),
                facts.reason.as_deref(),
                facts.components.as_deref(),
                facts.at,
                pipeline.now(),
            ],
        );
    // What a webhook leaves out, the listing has: one that is being read may have passed it, and is read once more behind
    // that. An account whose listing fails keeps its own pace.
    pipeline.push(
        "UPDATE wazapp.template_sync s SET due_at =
           least(s.due_at, greatest($4::timestamptz, s.synced_at + interval '10 seconds'))
         WHERE s.organization_id = $1 AND s.waba_id = $2 AND s.attempts = 0 AND EXISTS (
           SELECT FROM wazapp.template t
           WHERE t.organization_id = $1 AND t.waba_id = $2 AND t.template_id = $3 AND NOT t.components_whole
             AND t.status IS DISTINCT FROM 'DELETED')",
        params![facts.organization_id, facts.waba_id.as_str(), facts.template_id.as_str(), facts.at],
    );
}
