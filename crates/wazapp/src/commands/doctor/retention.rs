//! How long things are kept, and what has gone.

use model::retention::{self, Kept};

use super::Examination;
use super::finding::Finding;

const AREA: &str = "Retention";

pub(super) async fn check(of: &Examination<'_>) -> anyhow::Result<Vec<Finding>> {
    let tx = of.database.operator().await?;
    let organizations = retention::any_organization_list(&tx).await?;
    let gone = retention::any_organization_gone(&tx).await?;
    tx.close();
    let all = of.config.retention;
    let finding = |kept: Kept| {
        let others = organizations.iter().filter(|(_, own)| own.of(kept) != all.of(kept)).count();
        let others = match others {
            0 => String::new(),
            1 => ", otherwise by 1 organization".to_owned(),
            count => format!(", otherwise by {count} organizations"),
        };
        let went = gone.of(kept);
        Finding::good(AREA, kept.name(), format!("kept {}{others}; {went} have gone", all.of(kept)))
    };
    Ok(Kept::ALL.map(finding).into())
}
