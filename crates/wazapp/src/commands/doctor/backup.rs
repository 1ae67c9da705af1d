//! Backups, and whether this server is a restored one that was not released.

use jiff::SignedDuration;
use model::backup::schedule;
use model::restoration;

use super::Examination;
use super::finding::{Finding, whole};

const AREA: &str = "Backup";

pub(super) async fn check(of: &Examination<'_>) -> anyhow::Result<Vec<Finding>> {
    let tx = of.database.operator().await?;
    let (held, standing) = (restoration::held(&tx).await?, schedule::standing(&tx).await?);
    tx.close();
    let mut findings = vec![made(of, &standing)];
    if let Some(held) = held {
        findings.push(Finding::warning(
            AREA,
            "held",
            format!(
                "restored from a backup of {}: nothing is sent, no endpoint is called, nobody is mailed",
                held.made_at
            ),
            "wazapp restore held says what waits; wazapp restore release lets it go",
        ));
    }
    Ok(findings)
}

fn made(of: &Examination<'_>, standing: &schedule::Standing) -> Finding {
    let Some(backups) = &of.config.backups else {
        return Finding::warning(
            AREA,
            "schedule",
            "no backups are made by themselves",
            "wazapp backup key --to FILE, then set WAZAPP_BACKUP_TO and WAZAPP_BACKUP_RECIPIENT",
        );
    };
    let last = match standing.made_at {
        Some(at) => format!("the last one is {:#} old", whole(of.now.duration_since(at))),
        None => "there is none yet".to_owned(),
    };
    if let Some((at, why)) = &standing.failed {
        return Finding::broken(
            AREA,
            "schedule",
            format!("{last}; at {at} it failed: {why}"),
            "what it says; it is tried again by itself",
        );
    }
    let late = SignedDuration::from_hours(2 * backups.every_hours);
    match standing.made_at {
        Some(at) if of.now.duration_since(at) < late => Finding::good(AREA, "schedule", last),
        _ => Finding::warning(AREA, "schedule", last, "wazapp serve makes them while it runs; see its log"),
    }
}
