//! What an organization has at Meta, by Meta's ids. What Meta shows to a token is not therefore the organization's: accounts
//! are shared, and so are tokens that open several. What is not known here is not there.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use crate::database::{Operator, Result, Tenant};
use crate::scope::Scope;
use crate::upload::{Key, Uploaded};

/// Meta forgets files and uploads sooner. Callers keep the ids of files for longer, and are served from here then.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What may be made at Meta and is a noun of no other table here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// A form.
    Flow,
    /// A resumable upload, by its name without what proves it.
    Upload,
}

impl Made {
    fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Upload => "upload",
        }
    }
}

/// Notes what an organization made.
pub async fn record(tx: &Operator, scope: &Scope, made: Made, meta_id: &str, at: Timestamp) -> Result<()> {
    tx.query(
        "INSERT INTO wazapp.made_at_meta (organization_id, kind, meta_id, made_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organization_id, kind, meta_id) DO UPDATE SET made_at = excluded.made_at",
        &[&scope.organization_id(), &made.as_str(), &meta_id, &at],
    )
    .await?;
    Ok(())
}

/// Whether the organization made this.
pub async fn has_made(tx: &Tenant, made: Made, meta_id: &str) -> Result<bool> {
    let row = tx
        .query_opt(
            "SELECT 1 FROM wazapp.made_at_meta WHERE organization_id = $1 AND kind = $2 AND meta_id = $3",
            &[&tx.organization_id(), &made.as_str(), &meta_id],
        )
        .await?;
    Ok(row.is_some())
}

/// Notes the id that a caller was given for a file: it stands for the file for as long as that is here, also when Meta has it
/// under another id since.
pub async fn record_media(tx: &Operator, scope: &Scope, uploaded: &Uploaded, key: &Key) -> Result<()> {
    tx.query(
        "INSERT INTO wazapp.made_at_meta (organization_id, kind, meta_id, made_at, file, mime_type)
         VALUES ($1, 'media', $2, $3, $4, $5)
         ON CONFLICT (organization_id, kind, meta_id) DO UPDATE SET
           made_at = excluded.made_at, file = excluded.file, mime_type = excluded.mime_type",
        &[&scope.organization_id(), &uploaded.meta_id, &uploaded.at, &key.file, &key.mime_type],
    )
    .await?;
    Ok(())
}

/// All of this kind that the organization made, by Meta's ids.
pub async fn all(tx: &Tenant, made: Made) -> Result<HashSet<String>> {
    let rows = tx
        .query(
            "SELECT meta_id FROM wazapp.made_at_meta WHERE organization_id = $1 AND kind = $2",
            &[&tx.organization_id(), &made.as_str()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Which of these files are not the organization's: no message to or from it carries them, and they were not brought to Meta
/// from here.
pub async fn foreign_media(tx: &Tenant, meta_ids: &[&str]) -> Result<Vec<String>> {
    let rows = tx
        .query(
            "SELECT asked FROM unnest($2::text[]) AS t (asked)
             WHERE NOT EXISTS (SELECT FROM wazapp.media WHERE organization_id = $1 AND meta_id = asked)
               AND NOT EXISTS (SELECT FROM wazapp.upload WHERE organization_id = $1 AND meta_id = asked)
               AND NOT EXISTS (
                 SELECT FROM wazapp.made_at_meta WHERE organization_id = $1 AND kind = 'media' AND meta_id = asked)",
            &[&tx.organization_id(), &meta_ids.to_vec()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The account of the organization's that a template is known in, where a number of it is connected.
pub async fn template_account(tx: &Tenant, template_id: &str) -> Result<Option<String>> {
    let row = tx
        .query_opt(
            "SELECT t.waba_id FROM wazapp.template t
             WHERE t.organization_id = $1 AND t.template_id = $2 AND EXISTS (
               SELECT FROM wazapp.number n
               WHERE n.organization_id = $1 AND n.waba_id = t.waba_id AND n.status = 'connected')
             ORDER BY t.waba_id LIMIT 1",
            &[&tx.organization_id(), &template_id],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Forgets what Meta has forgotten.
pub async fn any_organization_sweep(tx: &Operator, now: Timestamp) -> Result<()> {
    tx.query("DELETE FROM wazapp.made_at_meta WHERE kind <> 'flow' AND made_at <= $1", &[&(now - REMEMBERED)]).await?;
    Ok(())
}
