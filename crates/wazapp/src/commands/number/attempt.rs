//! An attempt made by a command: the server's own steps, told line by line.

use anyhow::Context;
use model::apps::{Apps, DefaultApp};
use model::audit::{self, Actor};
use model::connection::{self, Connection, Job, New, State, Step};
use model::link::{self, By, Link};
use model::trouble::{Code, Trouble};
use model::{Clock, Scope};
use serde_json::{Value, json};
use whatsapp::graph::Graph;
use worker::ToMeta;
use worker::connection::Settings;

use crate::config::Config;
use crate::open::Opened;
use crate::print::Print;
use crate::serve::running_public_url;

/// What the steps work with.
pub(super) async fn settings(config: &Config, opened: &Opened) -> anyhow::Result<Settings> {
    let secrets = config.default_app_secrets()?;
    if let Some(warning) = secrets.warning {
        eprintln!("warning: {warning}");
    }
    let default_app = DefaultApp {
        id: config.meta_app_id.clone(),
        secrets: secrets.value,
        verify_token: config.meta_verify_token.clone(),
    };
    let apps = Apps::new(default_app, opened.database.clone(), opened.keyring.clone());
    apps.refresh().await;
    let public_url = running_public_url(&config.data_dir).unwrap_or_else(|| config.public_url(config.listen));
    let to_meta = ToMeta {
        clock: Clock::default(),
        keyring: opened.keyring.clone(),
        apps,
        graph: Graph::new(&config.graph_url, &config.graph_version)?,
    };
    Ok(Settings { to_meta, public_url, wake: std::sync::Arc::default() })
}

/// Begins an attempt and takes it to its end.
pub(super) async fn make(
    opened: &Opened,
    settings: &Settings,
    print: &Print,
    scope: &Scope,
    new: &New<'_>,
) -> anyhow::Result<Connection> {
    let tx = opened.database.operator().await?;
    let now = settings.to_meta.clock.now();
    let job = connection::any_organization_begin(&tx, scope, &opened.keyring, now, new).await?;
    audit::any_organization_record(&tx, scope, now, &Actor::operator(), &job.connection.begun()).await?;
    tx.commit().await?;
    let job: Job = worker::connection::finish(&opened.database, settings, job, |step| print.line(&line(step)))
        .await
        .context("the attempt could not be written to its end; a running server goes on with it within minutes")?;
    Ok(job.connection)
}

/// The connected number with this id of Meta's.
pub(super) async fn find(
    opened: &Opened,
    (scope, organization): (&Scope, &str),
    phone_number_id: &str,
) -> anyhow::Result<Link> {
    let tx = opened.database.operator().await?;
    let found = link::find(&tx, scope, By::PhoneNumberId(phone_number_id)).await?;
    tx.close();
    found.with_context(|| format!("{organization} has no connected number {phone_number_id}: see wazapp number list"))
}

/// ✓ done, ! done with a warning, – skipped, ✗ failed.
fn line(step: &Step) -> String {
    let sign = match step.state {
        State::Done if step.warning.is_some() => '!',
        State::Done => '✓',
        State::Skipped => '–',
        State::Failed => '✗',
        State::Pending | State::Running => '…',
    };
    let detail = step.detail.as_ref().map(|words| words.en.clone());
    let troubles = [&step.warning, &step.error].into_iter().flatten().map(words);
    let said: Vec<String> = detail.into_iter().chain(troubles).collect();
    // What follows stands below the first.
    format!("{sign} {:<11} {}", step.name.word(), said.join(&format!("\n{:14}", ""))).trim_end().to_owned()
}

/// What happened, and what to do.
pub(super) fn words(trouble: &Trouble) -> String {
    let code = match &trouble.code {
        Code::Meta(code) => format!(" (Meta's code {code})"),
        Code::Ours(_) => String::new(),
    };
    format!("{}{code}. {}", trouble.message.trim_end_matches('.'), trouble.advice.en)
}

/// Why an attempt failed, in a line.
pub(super) fn why(connection: &Connection) -> Option<String> {
    let step = connection.failed()?;
    let error = step.error.as_ref()?;
    Some(format!("refused at the step {}: {}", step.name.word(), words(error)))
}

/// What a machine is told of an attempt that failed.
pub(super) fn refusal(connection: &Connection, line: &str) -> Value {
    json!({
        "error": line, "connection": connection.id, "phone_number_id": connection.phone_number_id, "status": "failed",
        "steps": connection.steps,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(value: Value) -> Step {
        serde_json::from_value(value).expect("a step")
    }

    #[test]
    fn a_step_is_a_line_and_a_trouble_says_what_to_do() {
        let trouble = json!({
            "code": 133_005, "message": "Wrong PIN.", "advice": { "en": "Enter the right one.", "es": "…" },
            "whose_move": "organization",
        });
        let blank = json!({ "name": "token", "state": "done", "at": null, "detail": { "en": "Good.", "es": "…" },
                            "error": null, "warning": null });
        let with = |name: &str, value: Value| {
            let mut step = blank.clone();
            step[name] = value;
            step
        };
        assert_eq!(line(&step(blank.clone())), "✓ token       Good.");
        assert_eq!(line(&step(with("state", json!("skipped")))), "– token       Good.");
        assert_eq!(
            line(&step(with("warning", trouble.clone()))),
            "! token       Good.\n              Wrong PIN (Meta's code 133005). Enter the right one."
        );
        let mut failed = with("error", trouble);
        failed["state"] = json!("failed");
        failed["detail"] = Value::Null;
        assert_eq!(line(&step(failed)), "✗ token       Wrong PIN (Meta's code 133005). Enter the right one.");
    }
}
