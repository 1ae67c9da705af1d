//! What an endpoint is to hear of becomes deliveries.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Claimed, Endpoint, LEASE, STRIDE};
use crate::database::{Operator, Result, Rows};
use crate::endpoint::{Format, Gathering};

/// A delivery to be made.
struct New {
    id: Uuid,
    sequence: i64,
    kind: String,
    conversation_id: Option<Uuid>,
    /// 1: it is claimed as it is written.
    tries: i32,
    due_at: Timestamp,
}

const NEW_EVENTS: &str = "
    SELECT e.sequence, e.type AS kind, v.id AS conversation_id FROM wazapp.event e
    LEFT JOIN wazapp.message m ON m.organization_id = $1 AND m.id = e.subject_id
    LEFT JOIN wazapp.conversation v ON v.organization_id = $1 AND v.id = coalesce(m.conversation_id, e.subject_id)
    WHERE e.organization_id = $1 AND e.sequence > $2 AND e.sequence <= $3 AND ($4::text[] IS NULL OR e.type LIKE ANY ($4))
      AND ($5::uuid[] IS NULL OR coalesce(m.number_id, v.number_id) = ANY ($5))
    ORDER BY e.sequence";

const NEW_BODIES: &str = "
    SELECT sequence, kind, NULL::uuid AS conversation_id FROM (
      SELECT r.sequence, (SELECT string_agg(DISTINCT p ->> 'field', ',') FROM json_array_elements(r.parts) p
                          WHERE ($4::text[] IS NULL OR p ->> 'field' LIKE ANY ($4))
                            AND ($5::uuid[] IS NULL OR (p ->> 'number_id')::uuid = ANY ($5))) AS kind
      FROM wazapp.relay r WHERE r.organization_id = $1 AND r.sequence > $2 AND r.sequence <= $3) asked
    WHERE kind IS NOT NULL ORDER BY sequence";

/// Makes deliveries of a stride of the log, and moves the cursor behind it; answers those that are claimed with it.
pub(super) async fn spread(tx: &Operator, now: Timestamp, endpoint: &mut Endpoint) -> Result<Vec<Claimed>> {
    let (scope, id) = (endpoint.caller.scope, endpoint.caller.endpoint_id);
    let through = endpoint.end.min(endpoint.cursor + STRIDE);
    let statement = if endpoint.caller.format == Format::Meta { NEW_BODIES } else { NEW_EVENTS };
    let found = tx
        .query(
            statement,
            &[&scope.organization_id(), &endpoint.cursor, &through, &endpoint.patterns, &endpoint.caller.number_ids],
        )
        .await?;
    endpoint.cursor = through;
    let mut new: Vec<New> = found
        .iter()
        .map(|row| New {
            id: Uuid::now_v7(),
            sequence: row.get("sequence"),
            kind: row.get("kind"),
            conversation_id: row.get("conversation_id"),
            tries: 0,
            due_at: now,
        })
        .collect();
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let room = if endpoint.takes_at_once() { usize::try_from(endpoint.room).unwrap_or(0) } else { 0 };
    for new in new.iter_mut().take(room) {
        (new.tries, new.due_at) = (1, now + LEASE);
    }
    if let Some(gather) = endpoint.gather {
        put_off(tx, now, endpoint, gather, &mut new).await?;
    }
    let rows = Rows::of(&new)
        .all("organization_id", scope.organization_id())
        .column("id", |new| new.id)
        .all("endpoint_id", id)
        .column("sequence", |new| new.sequence)
        .column("kind", |new| new.kind.as_str())
        .column("conversation_id", |new| new.conversation_id)
        .column("state", |new| if new.tries > 0 { "calling" } else { "waiting" })
        .column("tries", |new| new.tries)
        .column("step", |new| new.tries)
        .column("due_at", |new| new.due_at)
        .all("created_at", now);
    // What was told once is told again by people alone.
    let rows = tx.run(&rows.insert("wazapp.delivery", "ON CONFLICT DO NOTHING RETURNING id")).await?;
    let written: HashSet<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let claimed = new.into_iter().filter(|new| new.tries > 0 && written.contains(&new.id)).map(|new| Claimed {
        id: new.id,
        sequence: Some(new.sequence),
        tries: new.tries,
        step: new.tries,
        group: new.id,
    });
    Ok(claimed.collect())
}

/// Of conversations that go on, what waits is put off until they are quiet, or until it has waited long enough.
async fn put_off(tx: &Operator, now: Timestamp, endpoint: &Endpoint, gather: Gathering, new: &mut [New]) -> Result<()> {
    let (organization_id, id) = (endpoint.caller.scope.organization_id(), endpoint.caller.endpoint_id);
    let conversations: Vec<Uuid> = new.iter().filter_map(|new| new.conversation_id).collect();
    let rows = tx
        .query(
            "SELECT conversation_id, min(created_at) AS since FROM wazapp.delivery
             WHERE organization_id = $1 AND endpoint_id = $2 AND conversation_id = ANY ($3) AND state = 'waiting'
               AND batch_id IS NULL GROUP BY conversation_id",
            &[&organization_id, &id, &conversations],
        )
        .await?;
    let since: HashMap<Uuid, Timestamp> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let [quiet, most] = [gather.quiet_ms, gather.most_ms].map(|ms| SignedDuration::from_millis(i64::from(ms)));
    for new in new.iter_mut() {
        let Some(conversation_id) = new.conversation_id else { continue };
        new.due_at = (now + quiet).min(since.get(&conversation_id).copied().unwrap_or(now) + most);
    }
    let later: BTreeMap<Uuid, Timestamp> =
        new.iter().filter_map(|new| Some((new.conversation_id?, new.due_at))).collect();
    let later: Vec<(Uuid, Timestamp)> = later.into_iter().collect();
    let later = Rows::of(&later)
        .key("organization_id", |_| organization_id)
        .key("endpoint_id", |_| id)
        .key("conversation_id", |(conversation_id, _)| *conversation_id)
        .column("due_at", |(_, due_at)| *due_at);
    tx.run(&later.update("wazapp.delivery", "AND t.state = 'waiting' AND t.batch_id IS NULL")).await?;
    Ok(())
}
