//! What Meta can do wrong, by rate or by count.

use serde::{Deserialize, Serialize};

use crate::chance::Chance;

/// A kind of fault. What it strikes is said with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Webhook: the same POST is sent twice.
    Duplicate,
    /// Webhook: updates that wait together leave in another order, each in a POST of its own.
    Shuffle,
    /// Webhook: held back for `seconds` of the simulator's time.
    Delay,
    /// Webhook: updates wait up to `seconds` (half a second if not said) for others, and share a POST with them: several
    /// entries, changes, messages.
    Batch,
    /// Webhook: `sent` leaves before the send's own answer.
    EarlyStatus,
    /// Webhook: a status never comes; `status` names it, else `delivered`.
    SkipStatus,
    /// Webhook: a status comes twice; `status` names it, else any.
    RepeatStatus,
    /// Webhook: a POST that was answered 200 is sent again `times` times at once.
    RetryStorm,
    /// Graph: refused with `code`, and `http_status` if not the usual one, after `seconds` if said. Nothing is accepted.
    Error,
    /// Graph: 500 with a page of HTML; with `after_accept`, after the request was carried out.
    #[serde(rename = "html_500")]
    Html500,
    /// Graph: the connection breaks before the request was carried out.
    Reset,
    /// Graph: carried out, then the connection breaks without an answer.
    ResetAfterAccept,
    /// Graph: carried out, and the answer ends in the middle.
    TruncateAnswer,
    /// Graph: no answer, until the client gives up; with `after_accept`, after the request was carried out.
    Hang,
    /// Graph and media: the answer comes after `seconds`.
    Slow,
    /// Media: look-ups and downloads answer 404.
    MediaExpired,
    /// Media: the hash in the webhook and in the look-up is another one.
    MediaWrongHash,
    /// Media: the type in the webhook and in the look-up is another one.
    MediaWrongType,
    /// Media: downloads bring half of the bytes, then the connection breaks.
    MediaTruncated,
}

/// A fault in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// What happens.
    pub(crate) kind: Kind,
    /// In this share of cases, 0 to 1. Without rate and count: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<f64>,
    /// This many times more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    /// Only for this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phone_number_id: Option<String>,
    /// Only for Graph calls on this edge, as `media`; `*`: on any. Without: sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edge: Option<String>,
    /// `error`: Meta's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<i64>,
    /// `error`: Meta's subcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subcode: Option<i64>,
    /// `error`, `html_500`: status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) http_status: Option<u16>,
    /// `delay`, `batch`: seconds of the simulator's time; `slow`, `error`: seconds of the world's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
    /// `skip_status`, `repeat_status`: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    /// `retry_storm`: how often; 10 if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u32>,
    /// `html_500`, `hang`: whether the request is carried out first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) after_accept: bool,
    /// How often it happened.
    #[serde(default)]
    pub(crate) happened: u64,
}

impl Fault {
    /// With what it says by leaving it out: a skipped status is the one that Meta itself skips at times (§2.5).
    fn complete(mut self) -> Self {
        if self.kind == Kind::SkipStatus {
            self.status.get_or_insert_with(|| "delivered".into());
        }
        self
    }

    /// What is wrong with it, if anything.
    pub(crate) fn mistake(&self) -> Option<String> {
        if self.rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
            return Some("rate is a share from 0 to 1".into());
        }
        if self.rate.is_some() && self.count.is_some() {
            return Some("a fault has a rate or a count, not both".into());
        }
        if self.kind == Kind::Error && self.code.is_none() {
            return Some("error needs Meta's code".into());
        }
        if self.http_status.is_some_and(|status| !(400..600).contains(&status)) {
            return Some("http_status is from 400 to 599".into());
        }
        if self.seconds.is_some_and(|seconds| !(0.0..=1e9).contains(&seconds)) {
            return Some("seconds is a positive number".into());
        }
        None
    }
}

/// What a fault may strike.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Case<'a> {
    /// The number concerned, if any.
    pub(crate) phone_number_id: Option<&'a str>,
    /// The edge of a Graph call.
    pub(crate) edge: Option<&'a str>,
    /// The status of a webhook.
    pub(crate) status: Option<&'a str>,
    /// Whether the request was carried out already.
    pub(crate) accepted: bool,
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds some.
    pub(crate) fn add(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.0.extend(faults.into_iter().map(Fault::complete));
    }

    /// Ends all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Those in force or used up.
    pub(crate) fn all(&self) -> &[Fault] {
        &self.0
    }

    /// The first fault of this kind that strikes this case.
    pub(crate) fn strike(&mut self, kind: Kind, case: Case<'_>, chance: &mut Chance) -> Option<Fault> {
        let fault = self.0.iter_mut().find(|fault| {
            fault.kind == kind
                && fault.count != Some(0)
                && fits(fault.phone_number_id.as_deref(), case.phone_number_id)
                && case.edge.is_none_or(|edge| {
                    let wanted = fault.edge.as_deref().unwrap_or("messages");
                    wanted == "*" || wanted == edge
                })
                && case.status.is_none_or(|status| fault.status.as_deref().is_none_or(|wanted| wanted == status))
                && (case.edge.is_none() || fault.after_accept == case.accepted || carried_out_first(kind))
                && fault.rate.is_none_or(|rate| chance.happens(rate))
        })?;
        if let Some(count) = &mut fault.count {
            *count -= 1;
        }
        fault.happened += 1;
        Some(fault.clone())
    }
}

/// Whether a fault strikes once the request was carried out, whatever it says.
fn carried_out_first(kind: Kind) -> bool {
    matches!(kind, Kind::EarlyStatus | Kind::Slow | Kind::ResetAfterAccept | Kind::TruncateAnswer)
}

fn fits(wanted: Option<&str>, is: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| is == Some(wanted))
}
