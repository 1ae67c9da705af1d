//! What Meta sent, for each organization that has an endpoint in Meta's format: its own part of each body, and nothing of
//! others.

use std::collections::BTreeMap;

use model::event::Lines;
use model::relay::{New, Part, Relayed};
use uuid::Uuid;
use whatsapp::webhook;

use super::Input;
use super::route::{Batch, Routed};

/// In which entry of a body, and there the how manieth change.
type At = (usize, usize);

/// The parts of the batch's bodies that endpoints hear of, numbered in the lines of their organizations.
pub(super) fn relay(lines: &Lines<'_>, inputs: &[Input], batch: &Batch) -> Relayed {
    let mut whole: BTreeMap<(usize, Uuid), Vec<&Routed>> = BTreeMap::new();
    let mut bodies = Vec::new();
    for routed in batch.changes.iter().filter(|routed| lines.relays(routed.route.organization_id)) {
        if routed.divided {
            let body = routed.change.to_body_of_items();
            bodies.push((routed.body, new(&inputs[routed.body], &[routed], body, Cut::Alone)));
        } else {
            whole.entry((routed.body, routed.route.organization_id)).or_default().push(routed);
        }
    }
    for ((body, _), changes) in whole {
        let input = &inputs[body];
        let all = changes.len() == batch.parts[body];
        if all {
            bodies.push((body, new(input, &changes, input.body.to_vec(), Cut::Whole)));
        } else if let Some(bytes) = part(input, &changes) {
            bodies.push((body, new(input, &changes, bytes, Cut::Part)));
        } else {
            // What is no plain JSON, and was mended to be read, goes as it was read.
            bodies.extend(changes.iter().map(|one| (body, new(input, &[one], one.change.to_body(), Cut::Alone))));
        }
    }
    bodies.sort_by_key(|(body, _)| *body);
    Relayed::number(lines, bodies.into_iter().map(|(_, new)| new).collect())
}

fn part(input: &Input, changes: &[&Routed]) -> Option<Vec<u8>> {
    webhook::cut(&input.body, |at| changes.iter().any(|routed| routed.change.at == at))
}

/// What became of a body on its way to one organization.
#[derive(Clone, Copy)]
enum Cut {
    /// All of it is theirs.
    Whole,
    /// What is others' was cut out, and so were entries that are others' alone.
    Part,
    /// It is a change with a body of its own.
    Alone,
}

fn new(input: &Input, changes: &[&Routed], body: Vec<u8>, cut: Cut) -> New {
    let mut places = Vec::new();
    let parts = changes.iter().map(|routed| Part {
        field: routed.change.field.clone(),
        number_id: routed.of_number.then_some(routed.route.number_id),
        at: match cut {
            Cut::Whole => routed.change.at,
            Cut::Part => place(&mut places, routed.change.at),
            Cut::Alone => (0, 0),
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
