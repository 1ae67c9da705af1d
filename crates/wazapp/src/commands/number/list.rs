//! `wazapp number list`.

use jiff::Timestamp;
use model::Clock;
use model::number::{self, Owned, SendPaused};

use crate::commands::find_organization;
use crate::config::Config;
use crate::open;
use crate::print::{Print, table};

pub(super) async fn run(config: &Config, print: &Print, organization: Option<String>) -> anyhow::Result<()> {
    let now = Clock::default().now();
    let all = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let scope = match &organization {
            Some(name) => Some(find_organization(&tx, name).await?.scope()),
            None => None,
        };
        let all = number::any_organization_list(&tx, scope.as_ref(), now).await?;
        tx.close();
        Ok(all)
    })
    .await?;
    print.answer(&all, || {
        if all.is_empty() {
            return "No numbers yet: wazapp number connect".into();
        }
        let rows: Vec<Vec<String>> = all.iter().map(|row| columns(row, now)).collect();
        table(&["ORG", "PHONE_NUMBER_ID", "NUMBER", "STATUS", "WABA", "APP", "TOKEN", "SENDING"], &rows)
    });
    Ok(())
}

fn columns(row: &Owned, now: Timestamp) -> Vec<String> {
    let number = &row.number;
    vec![
        row.organization.clone(),
        number.phone_number_id.clone(),
        number.display_phone_number.clone().unwrap_or_else(|| "-".into()),
        number.status.clone(),
        number.waba_id.clone(),
        row.app_id.clone().unwrap_or_else(|| "(default)".into()),
        token(row, now),
        sending(row),
    ]
}

/// How long the token is good.
fn token(row: &Owned, now: Timestamp) -> String {
    let number = &row.number;
    match (number.token_expires_at, number.token_checked_at) {
        _ if !number.is_connected() => "-".into(),
        (Some(end), _) if end <= now => format!("expired {}", end.strftime("%Y-%m-%d")),
        (Some(end), _) => format!("until {}", end.strftime("%Y-%m-%d")),
        (None, Some(_)) => "does not expire".into(),
        (None, None) => "not checked".into(),
    }
}

/// Why something rests, by Meta's code or a word of ours.
fn why(paused: &SendPaused) -> String {
    let code = paused.reason.as_ref().map(|reason| reason.meta_code.unwrap_or(reason.code));
    code.map_or_else(String::new, |code| format!(" ({code})"))
}

/// Whether it sends, and why not.
fn sending(row: &Owned) -> String {
    let Some(paused) = &row.number.send_paused else {
        let bulk = row.number.bulk_paused.as_ref().map(|paused| format!("yes, but bulk{}", why(paused)));
        return bulk.unwrap_or_else(|| if row.number.is_connected() { "yes" } else { "-" }.into());
    };
    let why = why(paused);
    match paused.until {
        Some(until) => format!("paused until {}{why}", until.strftime("%Y-%m-%d %H:%M:%SZ")),
        None => format!("paused until mended{why}"),
    }
}
