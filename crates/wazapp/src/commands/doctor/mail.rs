//! Mail to people: whether the mail server takes it, and what waits.

use jiff::Timestamp;
use model::{Database, mail};

use super::finding::{Finding, whole};
use crate::config::Config;

const AREA: &str = "Mail";
const QUEUES: &str = "Queues";

/// Whether the mail server takes a connection.
pub(super) async fn server(config: &Config) -> Finding {
    let Some(post) = &config.post else {
        return Finding::good(AREA, "smtp_url", "not set: links are shown instead of mailed");
    };
    let subject = post.smtp.to_string();
    match post.smtp.check().await {
        Ok(()) => Finding::good(AREA, subject, "takes a connection and this server's sign-in"),
        Err(failing) => Finding::broken(
            AREA,
            subject,
            failing.in_full(),
            "check WAZAPP_SMTP_URL (docs/operate.md, Mail); what waits is sent by itself when it works",
        ),
    }
}

/// What waits, and what was given up.
pub(super) async fn queue(config: &Config, database: &Database, now: Timestamp) -> anyhow::Result<Vec<Finding>> {
    let tx = database.operator().await?;
    let backlog = mail::any_organization_backlog(&tx, now).await?;
    tx.close();
    let waiting = match backlog.oldest {
        None => Finding::good(QUEUES, "to mail", "nothing waits"),
        Some(oldest) => {
            let age = whole(now.duration_since(oldest));
            let why = backlog.error.map(|error| format!(". {}", error.message)).unwrap_or_default();
            let says = format!("{} mails wait, the oldest for {age:#}{why}", backlog.waiting);
            let fix = match &config.post {
                Some(_) => "wazapp serve; what it could not send is in its log",
                None => "WAZAPP_SMTP_URL and WAZAPP_MAIL_FROM: without them nobody sends what waits",
            };
            Finding::warning(QUEUES, "to mail", says, fix)
        }
    };
    let mut findings = vec![waiting];
    if backlog.given_up > 0 {
        let says = format!("{} mails of the last 7 days were refused, or not taken for a day", backlog.given_up);
        findings.push(Finding::warning(QUEUES, "mail given up", says, "see the server's log; hand over a new link"));
    }
    Ok(findings)
}
