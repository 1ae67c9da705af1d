//! What is known of a template that a message is to use.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Template, template_columns};
use crate::database::{Result, Tenant};
use crate::outbox::{self, To};

/// As many of an account's templates are told where another was asked for.
const OTHERS: i64 = 100;

/// A template of the account that a message goes from, and how fresh the knowledge is.
#[derive(Clone, Debug)]
pub struct Known {
    /// The account, by Meta's id.
    pub waba_id: String,
    /// When the last whole reading of the account's templates began.
    pub synced_at: Option<Timestamp>,
    /// The template of this name and language.
    pub template: Option<Template>,
}

/// The template of a name and language, of the account that a message goes from. `None`: there is no such conversation
/// or number.
pub async fn find(tx: &Tenant, to: &To, name: &str, language: &str) -> Result<Option<Known>> {
    let (conversation_id, number_id): (Option<Uuid>, Option<Uuid>) = match to {
        To::Conversation(id) => (Some(*id), None),
        To::Recipient { number_id, .. } => (None, Some(*number_id)),
    };
    let row = tx
        .query_opt(
            "SELECT n.waba_id, s.synced_at FROM wazapp.number n
             LEFT JOIN wazapp.template_sync s ON s.organization_id = n.organization_id AND s.waba_id = n.waba_id
             WHERE n.organization_id = $1 AND n.id = coalesce($2::uuid, (
               SELECT v.number_id FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.id = $3::uuid))",
            &[&tx.organization_id(), &number_id, &conversation_id],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let waba_id: String = row.get("waba_id");
    let template = tx
        .query_opt(
            concat!(
                "SELECT ",
                template_columns!(),
                // A name may be made anew once the deleted one is forgotten at Meta.
                " FROM wazapp.template t WHERE t.organization_id = $1 AND t.waba_id = $2 AND t.name = $3 AND t.language = $4
                 ORDER BY t.status IS NOT DISTINCT FROM 'DELETED', t.facts_at DESC LIMIT 1"
            ),
            &[&tx.organization_id(), &waba_id, &name, &language],
        )
        .await?;
    Ok(Some(Known { waba_id, synced_at: row.get("synced_at"), template: template.as_ref().map(Template::read) }))
}

/// Templates of the account that a number is of, by name and language: of each the one that counts now.
pub async fn these(tx: &Tenant, number_id: Uuid, wanted: &[(String, String)]) -> Result<Vec<Template>> {
    let (names, languages): (Vec<&str>, Vec<&str>) =
        wanted.iter().map(|(name, language)| (name.as_str(), language.as_str())).unzip();
    let rows = tx
        .query(
            concat!(
                "SELECT DISTINCT ON (t.name, t.language) ",
                template_columns!(),
                " FROM unnest($3::text[], $4::text[]) AS w (name, language)
                 JOIN wazapp.template t ON t.organization_id = $1 AND t.name = w.name AND t.language = w.language
                   AND t.waba_id = (SELECT n.waba_id FROM wazapp.number n WHERE n.organization_id = $1 AND n.id = $2)
                 ORDER BY t.name, t.language, t.status IS NOT DISTINCT FROM 'DELETED', t.facts_at DESC"
            ),
            &[&tx.organization_id(), &number_id, &names, &languages],
        )
        .await?;
    Ok(rows.iter().map(Template::read).collect())
}

/// Templates of an account that can be sent, those of this name first.
pub async fn others(tx: &Tenant, waba_id: &str, name: &str) -> Result<Vec<outbox::Template>> {
    let rows = tx
        .query(
            "SELECT name, language FROM wazapp.template
             WHERE organization_id = $1 AND waba_id = $2 AND status = 'APPROVED' AND name IS NOT NULL AND language IS NOT NULL
             ORDER BY name <> $3, name, language LIMIT $4",
            &[&tx.organization_id(), &waba_id, &name, &OTHERS],
        )
        .await?;
    Ok(rows.iter().map(|row| outbox::Template { name: row.get("name"), language: row.get("language") }).collect())
}
