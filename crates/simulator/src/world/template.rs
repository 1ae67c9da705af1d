//! Message templates.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::Value;

/// How a template was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Review {
    Approve,
    /// With Meta's reason, as `INVALID_FORMAT`.
    Reject(&'static str),
}

/// A message template in one language.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) id: String,
    pub(crate) waba_id: String,
    pub(crate) name: String,
    pub(crate) language: String,
    /// `AUTHENTICATION`, `MARKETING` or `UTILITY`.
    pub(crate) category: String,
    /// `PENDING`, `APPROVED`, `REJECTED`, `PAUSED`, `DISABLED`, …
    pub(crate) status: String,
    pub(crate) rejected_reason: String,
    /// `POSITIONAL` or `NAMED`.
    pub(crate) parameter_format: String,
    /// As created, types in capitals.
    pub(crate) components: Vec<Value>,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    pub(crate) quality: String,
    /// How long Meta tries to deliver, in seconds.
    pub(crate) ttl_seconds: Option<i64>,
    /// When it was edited while approved (§9.1).
    pub(crate) edits: VecDeque<Timestamp>,
    /// How its review is to end.
    pub(crate) review: Review,
}

impl super::World {
    /// A template is judged.
    pub(crate) fn review(&mut self, _id: &str, _now: Timestamp) {}
}
