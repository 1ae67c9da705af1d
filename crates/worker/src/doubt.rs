//! What Meta refuses beside sending, and would stop a number if a message had met it, is looked into before it is believed.

use jiff::Timestamp;
use model::Database;
use model::link::Link;
use model::number_check;
use model::outbox::Pause;
use whatsapp::graph::Failure;
use whatsapp::verdict::verdict;

use crate::pause::pause;

/// Has the number looked at soon, where a failure says something of it; answers whether it does.
pub(crate) async fn raise(database: &Database, now: Timestamp, tried: &Link, failure: &Failure) -> bool {
    let pause = pause(failure, verdict(failure, 0), now);
    // What would stop sending until somebody mends it.
    let Some(reason) = pause.as_ref().and_then(Pause::endless) else { return false };
    if let Err(error) = number_check::any_organization_doubt(database, now, tried, reason).await {
        tracing::debug!(%error, number = %tried.phone_number_id, "a doubt in a number could not be noted");
    }
    true
}
