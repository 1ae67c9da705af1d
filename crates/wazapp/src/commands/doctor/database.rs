//! PostgreSQL: reached, fit, current, and sealed with our key.

use jiff::SignedDuration;
use model::database::Result;
use model::secret::Keyring;
use model::secret::ring::{self, Change, NotedKey, Stage};
use model::{Database, inspect, migrate, relocation};

use super::configuration::is_set;
use super::finding::{Finding, Level};
use crate::caution;
use crate::config::Config;
use crate::open;

const AREA: &str = "Database";

const WHOSE: &str = "the database's";
const FAR_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Nothing was ever kept here.
pub(super) fn none_yet() -> Finding {
    let says = "there is none in the data directory yet";
    let fix = "wazapp serve makes a private one; for another one set WAZAPP_DATABASE_URL";
    Finding::warning(AREA, "PostgreSQL", says, fix)
}

/// It cannot be reached, or not be looked at.
pub(super) fn unreachable(error: &anyhow::Error) -> Finding {
    let fix = "see that PostgreSQL runs, and what WAZAPP_DATABASE_URL says (private: DATA_DIR/postgres.log)";
    Finding::broken(AREA, "PostgreSQL", format!("{error:#}"), fix)
}

/// What is found, and whether the areas that need the schema can be looked at.
pub(super) async fn check(config: &Config, database: &Database) -> (Vec<Finding>, bool) {
    let mut findings = Vec::new();
    match examine(config, database, &mut findings).await {
        Ok(fit) => (findings, fit),
        Err(error) => {
            findings.push(unreachable(&error.into()));
            (findings, false)
        }
    }
}

async fn examine(config: &Config, database: &Database, findings: &mut Vec<Finding>) -> Result<bool> {
    let server = inspect::server(database).await?;
    findings.push(Finding::good(AREA, "PostgreSQL", format!("version {}, reached", server.major)));
    for fault in &server.faults {
        findings.push(Finding::broken(AREA, "PostgreSQL", fault, "as it says; docs/operate.md, External"));
    }
    if let Some(login) = &server.at_start.superuser {
        let found = caution::superuser(login);
        findings.push(Finding::warning(AREA, found.subject, found.says, found.fix));
    } else if server.faults.is_empty() {
        findings.push(Finding::good(AREA, "roles and settings", "keep organizations apart, and what was confirmed"));
    }
    if server.transaction_pooler {
        findings.push(Finding::broken(
            AREA,
            "direct connection",
            "leads to a transaction pooler, which keeps no session: migrations and applying need one",
            "WAZAPP_DATABASE_DIRECT_URL=postgres://… of the server itself, or of a session pooler",
        ));
    }
    findings.push(logins(database));
    findings.push(clock(server.at_start.ahead));
    let pending = migrate::pending(database).await?;
    if !pending.is_empty() {
        let says = format!("behind this version by {}: {}", pending.len(), pending.join(", "));
        findings.push(Finding::broken(AREA, "schema", says, "wazapp migrate"));
        return Ok(false);
    }
    findings.push(Finding::good(AREA, "schema", "current"));
    let tx = database.operator().await?;
    let standing = relocation::standing(&tx).await?;
    tx.close();
    if let Some(refusal) = standing.refusal() {
        findings.push(Finding::broken(AREA, "place", refusal, "as it says; docs/operate.md, Moving"));
    }
    Ok(key(config, database, findings).await? && server.faults.is_empty())
}

fn logins(database: &Database) -> Finding {
    const SUBJECT: &str = "logins";
    if database.access().has_two_logins() {
        return Finding::good(AREA, SUBJECT, "requests cannot become the worker");
    }
    Finding::warning(
        AREA,
        SUBJECT,
        "requests and the worker share one, so a statement on a request's connection could become the worker",
        "WAZAPP_DATABASE_WEB_URL, another login for requests; docs/operate.md, External",
    )
}

fn clock(ahead: SignedDuration) -> Finding {
    match caution::clock(WHOSE, ahead) {
        None => Finding::good(AREA, "clock", caution::skew(WHOSE, ahead)),
        Some(found) if ahead.abs() > FAR_SKEW => Finding::broken(AREA, found.subject, found.says, found.fix),
        Some(found) => Finding::warning(AREA, found.subject, found.says, found.fix),
    }
}

/// Whether the master key opens this database's secrets. Looking makes no key.
async fn key(config: &Config, database: &Database, findings: &mut Vec<Finding>) -> Result<bool> {
    const SUBJECT: &str = "master key";
    const FIX: &str = "WAZAPP_MASTER_KEY=… as it was, or put back its DATA_DIR/master-key";
    let tx = database.operator().await?;
    if !is_set(config, "master_key") && !config.data_dir.join("master-key").is_file() {
        let says = "there is none here; a server on this data directory would make another one";
        findings.push(Finding::broken(AREA, SUBJECT, says, FIX));
        return Ok(false);
    }
    let keyring = match open::keyring(config) {
        Ok(keyring) => keyring,
        Err(error) => {
            findings.push(Finding::broken(AREA, SUBJECT, format!("{error:#}"), FIX));
            return Ok(false);
        }
    };
    let noted = ring::noted(&tx).await?;
    tx.close();
    let finding = match ring::lacks(&keyring, &noted) {
        None if noted.is_empty() => Finding::good(AREA, SUBJECT, "nothing is sealed yet"),
        None => Finding::good(AREA, SUBJECT, "the one that this database's secrets are sealed with"),
        Some(_) if noted.iter().all(|key| key.stage == Stage::Coming || !keyring.has(key.id)) => {
            Finding::broken(AREA, SUBJECT, "another one than this database's secrets are sealed with", FIX)
        }
        Some(says) => Finding::broken(AREA, SUBJECT, says, FIX),
    };
    let opens = finding.level != Level::Broken;
    findings.push(finding);
    findings.extend(change(&keyring, &noted));
    Ok(opens)
}

/// A change of the master key that was begun and is not through.
fn change(keyring: &Keyring, noted: &[NotedKey]) -> Option<Finding> {
    const SUBJECT: &str = "change of master key";
    let seals = noted.iter().find(|key| key.stage == Stage::Seals)?.id;
    let says = match Change::under_way(&keyring.listed(), noted)? {
        Change::Begins(to) => format!("begun, and not through: key {to} seals nothing yet, {seals} does"),
        Change::Reseals => format!("begun, and not through: {seals} seals, and secrets are still sealed under others"),
        Change::Ends => format!("all is sealed under {seals}, and the keys before it are still listed"),
    };
    Some(Finding::warning(
        AREA,
        SUBJECT,
        says,
        "wazapp key-ring rotate goes on with it; wazapp key-ring status tells more",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_either_way_is_told_with_its_fix() {
        for (seconds, level) in
            [(0, Level::Good), (-4, Level::Good), (6, Level::Warning), (-299, Level::Warning), (-3600, Level::Broken)]
        {
            let finding = clock(SignedDuration::from_secs(seconds));
            assert_eq!(finding.level, level, "{seconds}");
            if level != Level::Good {
                assert!(finding.fix.is_some_and(|fix| fix.contains("NTP")), "{seconds}");
            }
        }
        assert!(clock(SignedDuration::from_secs(-3600)).says.contains("3600.0 s behind ours"));
    }
}
