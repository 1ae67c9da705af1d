//! Limited-time offers.

use serde_json::{Value, json};

use super::super::part::{Part, lacking};
use super::component;
use super::given::parameters;
use super::{miscount, mismatch};
use crate::error::GraphError;

/// The offer as the customer sees it; `None`: the template has none.
pub(super) fn fill(components: &[Value], given: Option<&Part<'_>>) -> Result<Option<Value>, GraphError> {
    let given = parameters(given)?;
    let Some(created) = component(components, "LIMITED_TIME_OFFER") else {
        return if given.is_empty() { Ok(None) } else { Err(miscount("limited_time_offer", given.len(), 0)) };
    };
    let created = &created["limited_time_offer"];
    let mut offer = json!({ "text": created["text"] });
    let expires = created["has_expiration"].as_bool().unwrap_or(false);
    match given.as_slice() {
        [] if expires => return Err(lacking("limited_time_offer: expiration_time_ms is required.")),
        [] => {}
        [parameter] => {
            let kind = parameter.words("type")?;
            if kind != "limited_time_offer" {
                return Err(mismatch("limited_time_offer", "limited_time_offer", kind));
            }
            let part = parameter.need("limited_time_offer")?;
            part.keys(&["expiration_time_ms"])?;
            offer["expiration_time_ms"] = part.need("expiration_time_ms")?.whole()?.into();
        }
        many => return Err(miscount("limited_time_offer", many.len(), 1)),
    }
    Ok(Some(offer))
}
