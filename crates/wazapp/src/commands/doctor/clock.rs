//! Our clock beside Meta's: one that is wrong on every machine here shows in nothing else.

use std::time::Duration;

use jiff::{SignedDuration, fmt::rfc2822};
use model::Clock;

use super::finding::Finding;
use crate::caution;
use crate::config::Config;

const PATIENCE: Duration = Duration::from_secs(5);

/// Looked at where Meta is asked for more than the time; an answer that does not come is said elsewhere.
pub(super) async fn check(config: &Config) -> Option<Finding> {
    config.meta_app_id.as_ref()?;
    let client = crate::outside::http().timeout(PATIENCE).build().ok()?;
    let before = Clock::default().now();
    let answer = client.get(&config.graph_url).send().await.ok()?;
    let ours = before + Clock::default().now().duration_since(before) / 2;
    let theirs = rfc2822::parse(answer.headers().get("date")?.to_str().ok()?).ok()?.timestamp();
    // It is said in whole seconds: on average half a second ago.
    let ahead = theirs.duration_since(ours) + SignedDuration::from_millis(500);
    Some(match caution::clock("Meta's", ahead) {
        None => Finding::good("Clock", "Meta's", caution::skew("Meta's", ahead)),
        Some(found) => Finding::warning("Clock", "Meta's", found.says, found.fix),
    })
}
