//! What Meta sent, for each organization that has an endpoint in Meta's format: its own part of each body, and nothing of
//! others.

use std::collections::BTreeMap;

use model::event::Lines;
use model::relay::{New, Part, Relayed};
use uuid::Uuid;
use whatsapp::webhook::{self, Cut};

use super::Input;
use super::route::{Batch, Routed};

/// In which entry of a body, and there the how manieth change.
type At = (usize, usize);

/// The parts of the batch's bodies that endpoints hear of, numbered in the lines of their organizations.
pub(super) fn relay(lines: &Lines<'_>, inputs: &[Input], batch: &Batch) -> Relayed {
    let mut whole: BTreeMap<(usize, Uuid), Vec<&Routed>> = BTreeMap::new();
    let mut bodies = Vec::new();
    let heard = |routed: &&Routed| inputs[routed.body].is_fresh && lines.relays(routed.route.organization_id);
    for routed in batch.changes.iter().filter(heard) {
        if routed.divided {
            let body = routed.change.to_body_of_items();
            bodies.push((routed.body, new(&inputs[routed.body], &[routed], body, Sent::Alone)));
        } else {
            whole.entry((routed.body, routed.route.organization_id)).or_default().push(routed);
        }
    }
    for ((body, _), changes) in whole {
        let input = &inputs[body];
        let theirs = |at: At| changes.iter().any(|routed| routed.change.at == at);
        match webhook::cut(&input.body, theirs) {
            Some(Cut { is_whole: true, .. }) => {
                bodies.push((body, new(input, &changes, input.body.to_vec(), Sent::Whole)));
            }
            Some(Cut { bytes, .. }) => bodies.push((body, new(input, &changes, bytes, Sent::Part))),
            // What is no plain JSON, and was mended to be read, goes as it was read.
            None => {
                bodies.extend(changes.iter().map(|one| (body, new(input, &[one], one.change.to_body(), Sent::Alone))))
            }
        }
    }
    bodies.sort_by_key(|(body, _)| *body);
    Relayed::number(lines, bodies.into_iter().map(|(_, new)| new).collect())
}

/// What became of a body on its way to one organization.
#[derive(Clone, Copy)]
enum Sent {
    /// All of it is theirs.
    Whole,
    /// What is others' was cut out, and so were entries that are others' alone.
    Part,
    /// It is a change with a body of its own.
    Alone,
}

fn new(input: &Input, changes: &[&Routed], body: Vec<u8>, sent: Sent) -> New {
    let mut places = Vec::new();
    let parts = changes.iter().map(|routed| Part {
        field: routed.change.field.clone(),
        number_id: routed.of_number.then_some(routed.route.number_id),
        at: match sent {
            Sent::Whole => routed.change.at,
            Sent::Part => place(&mut places, routed.change.at),
            Sent::Alone => (0, 0),
        },
    });
    let parts = parts.collect();
    New { organization_id: changes[0].route.organization_id, parts, body, received_at: input.received_at }
}

/// Where a change stands once the changes and entries that are others' are cut out. Changes come in their order.
fn place(places: &mut Vec<(At, At)>, at: At) -> At {
    let here = match places.last() {
        None => (0, 0),
        Some((before, (entry, change))) if before.0 == at.0 => (*entry, change + 1),
        Some((_, (entry, _))) => (entry + 1, 0),
    };
    places.push((at, here));
    here
}
