//! Statuses bring back the id that a send carried: from then on the message has Meta's id, and nobody need ask whether it
//! was sent.

use jiff::Timestamp;
use model::database::Result;
use model::event::Lines;
use model::outbox::{self, Echo};
use whatsapp::webhook::Item;

use super::load::key;
use super::route::Batch;

/// Settles the sends that this batch's statuses are about; costs nothing where none echoes an id of ours.
pub(super) async fn settle(tx: &Lines<'_>, now: Timestamp, batch: &Batch) -> Result<Vec<Echo>> {
    let mut echoes = Vec::new();
    for routed in &batch.changes {
        for item in &routed.change.items {
            if let Item::Status(status) = item
                && let Some(message_id) = status.callback_data.as_deref().and_then(|text| text.parse().ok())
            {
                echoes.push(Echo { key: key(routed, &status.wamid), message_id });
            }
        }
    }
    outbox::any_organization_settle_echoes(tx, now, &echoes).await
}
