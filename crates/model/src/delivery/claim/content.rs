//! What is said in a call.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Call, Claimed, Content, Endpoint};
use crate::database::{Operator, Result, stored_json};
use crate::endpoint::Format;
use crate::event::{self, Event};
use crate::relay;
use crate::scope::Scope;

/// What the claimed tell, read in the same transaction.
pub(super) async fn calls(tx: &Operator, endpoint: &Endpoint, claimed: Vec<Claimed>) -> Result<Vec<Call>> {
    let scope = endpoint.caller.scope;
    let sequences: Vec<i64> = claimed.iter().filter_map(|one| one.sequence).collect();
    let mut groups: Vec<(Uuid, Vec<Claimed>)> = Vec::new();
    for one in claimed {
        match groups.iter_mut().find(|(group, _)| *group == one.group) {
            Some((_, members)) => members.push(one),
            None => groups.push((one.group, vec![one])),
        }
    }
    let contents = match (sequences.is_empty(), endpoint.caller.format) {
        (true, _) => Contents::default(),
        (_, Format::Wazapp) => Contents { events: events(tx, &scope, &sequences).await?, ..Contents::default() },
        (_, Format::Meta) => Contents { bodies: bodies(tx, &scope, &sequences).await?, ..Contents::default() },
    };
    let mut contents = contents;
    let groups = groups.into_iter().map(|(_, deliveries)| {
        let content = contents.of(&deliveries, endpoint);
        Call { deliveries, content }
    });
    Ok(groups.collect())
}

/// What was read, by its place in the log.
#[derive(Default)]
struct Contents {
    events: HashMap<i64, Event>,
    bodies: HashMap<i64, (Vec<u8>, Vec<relay::Part>)>,
}

impl Contents {
    fn of(&mut self, deliveries: &[Claimed], endpoint: &Endpoint) -> Content {
        let mut sequences = deliveries.iter().filter_map(|one| one.sequence).peekable();
        if sequences.peek().is_none() {
            return Content::Test;
        }
        if endpoint.caller.format == Format::Meta {
            let body = sequences.find_map(|sequence| self.bodies.remove(&sequence));
            return body.map_or(Content::Past, |(bytes, parts)| Content::Body { bytes, parts });
        }
        let mut events: Vec<Event> = sequences.filter_map(|sequence| self.events.remove(&sequence)).collect();
        match (endpoint.gather, deliveries) {
            (_, []) => Content::Past,
            _ if events.is_empty() => Content::Past,
            (Some(_), [first, ..]) => Content::Together(first.group, events),
            (None, _) => Content::Event(events.remove(0)),
        }
    }
}

async fn events(tx: &Operator, scope: &Scope, sequences: &[i64]) -> Result<HashMap<i64, Event>> {
    let events = event::at(tx, scope, sequences).await?;
    Ok(events.into_iter().map(|event| (event.sequence, event)).collect())
}

async fn bodies(tx: &Operator, scope: &Scope, sequences: &[i64]) -> Result<HashMap<i64, (Vec<u8>, Vec<relay::Part>)>> {
    let rows = tx
        .query(
            "SELECT sequence, body, parts FROM wazapp.relay WHERE organization_id = $1 AND sequence = ANY ($2)",
            &[&scope.organization_id(), &sequences.to_vec()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let parts: Option<Vec<relay::Part>> = stored_json(row, "parts", "relay.parts")?;
            Ok((row.get("sequence"), (row.get("body"), parts.unwrap_or_default())))
        })
        .collect()
}
