//! Read receipts and typing indicators (§8.2).

use super::part::{Part, not_one_of, refused};
use super::remember;
use crate::error::GraphError;
use crate::graph::{Answer, Call, Reply};

/// Marks a customer's message and those before it as read, and shows that the business types, if asked to.
pub(super) fn read(call: &mut Call<'_>) -> Answer {
    let status = call.required("status")?;
    if status != "read" {
        return Err(not_one_of("status", &["READ"], &status));
    }
    let wamid = call.required("message_id")?;
    let typing = typing(call)?;
    if !call.world.business_reads(&call.object.clone(), &wamid, typing, call.now) {
        return Err(refused("message_id: there is no message with this id that a customer sent to this number"));
    }
    remember(call, &wamid, "read");
    Reply::success()
}

fn typing(call: &Call<'_>) -> Result<bool, GraphError> {
    let Some(indicator) = call.json("typing_indicator")? else { return Ok(false) };
    let indicator = Part::of("typing_indicator", &indicator);
    indicator.keys(&["type"])?;
    indicator.need("type")?.one_of(&["text"])?;
    Ok(true)
}
