//! What is told of a time whose messages went past their retention: they do not come back.

use std::collections::HashSet;

use model::database::Result;
use model::event::Lines;
use model::message::Key;
use model::number;
use whatsapp::webhook::{Effect, Item, Message};

use super::load::key;
use super::people::at;
use super::route::{Batch, Routed};

/// Whether a message is of a time whose messages went.
pub(super) fn is_past(routed: &Routed, message: &Message) -> bool {
    routed.route.since.is_past_messages(at(routed, message))
}

/// Takes such messages out of a batch, unless they are here; answers how many. News of names stay: they are kept whether or
/// not the line that brought them is.
pub(super) async fn leave_out(lines: &Lines<'_>, batch: &mut Batch) -> Result<u64> {
    let past = batch.changes.iter().flat_map(|routed| {
        let past = |item| message(item).filter(|message| is_past(routed, message));
        routed.change.items.iter().filter_map(past).map(|message| key(routed, &message.wamid))
    });
    let past: HashSet<Key> = past.collect();
    if past.is_empty() {
        return Ok(0);
    }
    let here = number::any_organization_known(lines, &past.iter().cloned().collect::<Vec<_>>()).await?;
    let mut left_out = 0;
    for routed in &mut batch.changes {
        let items = std::mem::take(&mut routed.change.items);
        let goes = |item: &Item| {
            message(item)
                .is_some_and(|message| is_past(routed, message) && !here.contains(&key(routed, &message.wamid)))
        };
        let (gone, kept): (Vec<_>, Vec<_>) = items.into_iter().partition(goes);
        left_out += gone.len() as u64;
        routed.change.items = kept;
    }
    Ok(left_out)
}

/// A message that stands for itself alone.
fn message(item: &Item) -> Option<&Message> {
    match item {
        Item::Message(message) if !matches!(message.effect, Effect::Identity { .. }) => Some(message),
        _ => None,
    }
}
