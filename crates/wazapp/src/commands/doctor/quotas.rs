//! Who comes near what they may take.

use model::quota::{self, Near};

use super::Examination;
use super::finding::Finding;

const AREA: &str = "Quotas";

pub(super) async fn check(of: &Examination<'_>) -> anyhow::Result<Vec<Finding>> {
    let tx = of.database.operator().await?;
    let near = quota::any_organization_near(&tx, of.now).await?;
    tx.commit().await?;
    if near.is_empty() {
        return Ok(vec![Finding::good(AREA, "organizations", "none has taken nine tenths of what it may")]);
    }
    Ok(near.iter().map(finding).collect())
}

fn finding(near: &Near) -> Finding {
    let (used, limit, name) = (near.share.used, near.share.limit, near.quota.name());
    let says = match near.share.is_full() {
        true => format!("has taken all that it may of {name}: {used} of {limit}; more is refused"),
        false => format!("has taken {used} of {limit} {name}"),
    };
    let fix = format!("wazapp org limit --org {} {} NUMBER", near.slug, near.quota.flag());
    Finding::warning(AREA, near.slug.as_str(), says, fix)
}
