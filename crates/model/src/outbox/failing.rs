//! Messages that Meta took, and failed for their account's sake: bulk ones rest until a look or a person ends that.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Pipeline, params};
use crate::number_check;
use crate::trouble::Trouble;

/// The newest that was said of each organization's number: when, and why.
pub type Failing = BTreeMap<(Uuid, Uuid), (Timestamp, Box<Trouble>)>;

/// Lets bulk messages of these numbers rest, and has the numbers looked at.
pub fn any_organization_rest_bulk<'a>(pipeline: &mut Pipeline<'a>, failing: &'a Failing) {
    for ((organization_id, number_id), (at, reason)) in failing {
        number_check::look_soon(pipeline, *organization_id, *number_id, false);
        pipeline.push(
            "UPDATE wazapp.number_pace SET bulk_paused_until = 'infinity', bulk_paused_at = $3,
               bulk_pause_reason = $4::text::json
             WHERE organization_id = $1 AND number_id = $2 AND (bulk_paused_at IS NULL OR bulk_paused_at <= $3)",
            params![*organization_id, *number_id, *at, reason.json()],
        );
    }
}
