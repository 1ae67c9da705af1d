//! Direct Send: utility messages without a template, outside the window too (§8.5).

use super::Content;
use super::part::{Part, not_one_of, structure};
use crate::error::GraphError;
use crate::graph::Call;

/// What an interactive message must be, to go without a template.
const INTERACTIVE: [&str; 2] = ["button", "cta_url"];

/// How long Meta may try to deliver it, in seconds.
const TTL_SECONDS: std::ops::RangeInclusive<i64> = 30..=43_200;

/// The category that the request names, if it does; only `utility` is open to everybody.
pub(super) fn category(call: &Call<'_>, content: &Content) -> Result<Option<String>, GraphError> {
    let Some(category) = call.text("category") else { return Ok(None) };
    match category.to_ascii_lowercase().as_str() {
        "utility" => {}
        "authentication" => {
            return Err(GraphError::invalid("category: Direct Send of authentication messages is not enabled."));
        }
        _ => return Err(not_one_of("category", &["AUTHENTICATION", "UTILITY"], &category)),
    }
    let fits = match content.kind {
        "text" => true,
        "interactive" => content.value["type"].as_str().is_some_and(|kind| INTERACTIVE.contains(&kind)),
        _ => false,
    };
    if !fits {
        return Err(GraphError::invalid(
            "category: Direct Send takes text, and interactive messages of the types button and cta_url.",
        ));
    }
    if let Some(ttl) = call.param("message_send_ttl_seconds") {
        let ttl = Part::of("message_send_ttl_seconds", ttl).whole()?;
        if !TTL_SECONDS.contains(&ttl) {
            return Err(structure("Param message_send_ttl_seconds must be between 30 and 43200."));
        }
    }
    Ok(Some("utility".into()))
}
