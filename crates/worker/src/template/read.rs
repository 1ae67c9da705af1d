//! One reading of an account, to its end.

use jiff::{SignedDuration, Timestamp};
use model::Database;
use model::database::Result;
use model::template::Listed;
use model::template::sync::{self, Claimed};
use model::trouble::Trouble;
use serde_json::Value;
use whatsapp::graph::{Credential, Failure, Template, TemplateQuery};
use whatsapp::verdict::verdict;

use crate::doubt;
use crate::pause::span;
use crate::to_meta::ToMeta;
use crate::trouble::of_reading;

/// From one reading to the next.
const EVERY: SignedDuration = SignedDuration::from_hours(6);

/// The first pause after a failure, doubled by each one after that, and the longest.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// A list that never ends is not read forever. Meta lets an account have 6,000 templates.
const MOST_PAGES: usize = 200;

/// Reads and writes page by page; answers the word for how it ended.
pub(super) async fn account(database: &Database, to_meta: &ToMeta, claimed: &Claimed) -> Result<&'static str> {
    let credential = match claimed.link.open(&to_meta.keyring, &to_meta.apps) {
        Ok(secrets) => Credential::from(secrets),
        Err(reason) => return fail(database, to_meta, claimed, &Trouble::no_token(&reason), LONGEST_PAUSE).await,
    };
    let mut after: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let query = TemplateQuery::default();
        let asked = to_meta.graph.template_page(&credential, &claimed.waba_id, query, after.as_deref()).await;
        let page = match asked {
            Ok(page) => page,
            Err(failure) => {
                doubt::raise(database, to_meta.clock.now(), &claimed.link, &failure).await;
                let pause = pause(&failure, claimed.attempts);
                return fail(database, to_meta, claimed, &of_reading(&failure), pause).await;
            }
        };
        let now = to_meta.clock.now();
        let tx = database.operator().await?;
        let listed: Vec<Listed> = page.templates.into_iter().map(listed).collect();
        if !sync::page(tx, claimed, now, &listed).await? {
            return Ok("lost");
        }
        match page.next {
            Some(next) => after = Some(next),
            None => {
                let tx = database.operator().await?;
                sync::finish(tx, claimed, now, now + EVERY).await?;
                return Ok("whole");
            }
        }
    }
    fail(database, to_meta, claimed, &Trouble::endless_list(), LONGEST_PAUSE).await
}

async fn fail(
    database: &Database,
    to_meta: &ToMeta,
    claimed: &Claimed,
    error: &Trouble,
    pause: SignedDuration,
) -> Result<&'static str> {
    tracing::info!(waba = claimed.waba_id, code = %error.code, "templates could not be read");
    let tx = database.operator().await?;
    let next: Timestamp = to_meta.clock.now() + pause;
    sync::fail(&tx, claimed, next, error).await?;
    tx.commit_in_job().await?;
    Ok("failed")
}

/// A reading changes nothing at Meta, so it is always made again: the sooner, the likelier it is that it passes.
fn pause(failure: &Failure, attempts: u32) -> SignedDuration {
    let grown = PAUSE.saturating_mul(1 << attempts.min(10)).min(LONGEST_PAUSE);
    let asked = verdict(failure, attempts).wait().map(span);
    asked.map_or(grown, |asked| asked.max(grown)).min(LONGEST_PAUSE)
}

fn listed(template: Template) -> Listed {
    Listed {
        template_id: template.id,
        name: template.name,
        language: template.language,
        status: template.status,
        category: template.category,
        previous_category: template.previous_category,
        quality: template.quality,
        reason: template.rejected_reason,
        parameter_format: template.parameter_format,
        components: Some(template.components).filter(Value::is_array),
        ttl_seconds: template.ttl_seconds.and_then(|seconds| i32::try_from(seconds).ok()),
    }
}
