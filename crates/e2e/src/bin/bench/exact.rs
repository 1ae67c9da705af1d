//! Every message exactly once, exactly where it belongs.

use std::collections::HashSet;

use anyhow::Result;
use futures::TryStreamExt;
use serde::Serialize;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::body::{parse_wamid, phone_number_id};

/// What a database held at the end of a scenario, against what was sent. All but the first three must be 0.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Exactness {
    pub(crate) scenario: String,
    pub(crate) messages: u64,
    /// There though never acknowledged: the answer was lost or was a refusal. At-least-once allows it.
    pub(crate) unacknowledged: u64,
    /// Acknowledged, and not there.
    pub(crate) missing: u64,
    /// There more than once.
    pub(crate) doubled: u64,
    /// Never sent.
    pub(crate) strangers: u64,
    /// Under a wrong organization, number, contact or direction.
    pub(crate) misplaced: u64,
    /// Distance of sum(unread_count) to the number of messages.
    pub(crate) unread_off: u64,
    /// Conversations whose own unread_count is not the number of their messages.
    pub(crate) conversations_off: u64,
    pub(crate) quarantined: u64,
    pub(crate) deadlocks: u64,
}

impl Exactness {
    /// Reads every message of the database. `acked` were acknowledged; every number below `sent` was sent.
    pub(crate) async fn check(
        scenario: &str,
        client: &Client,
        organizations: &[Uuid],
        acked: &HashSet<u64>,
        sent: u64,
    ) -> Result<Self> {
        let mut exactness = Self { scenario: scenario.into(), ..Self::default() };
        let mut present = HashSet::with_capacity(acked.len());
        let rows = client.query_raw(MESSAGES, std::iter::empty::<i32>()).await?;
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.try_next().await? {
            exactness.messages += 1;
            let wamid: Option<&str> = row.get("wamid");
            match wamid.and_then(parse_wamid) {
                Some((writer, n)) if n < sent => {
                    exactness.doubled += u64::from(!present.insert(n));
                    exactness.unacknowledged += u64::from(!acked.contains(&n));
                    let at_home = is_at_home(&row, organizations, writer.organization, &writer.wa_id());
                    exactness.misplaced += u64::from(!at_home);
                }
                _ => exactness.strangers += 1,
            }
        }
        exactness.missing = acked.difference(&present).count() as u64;

        let row = client.query_one(COUNTS, &[]).await?;
        let count = |name: &str| row.get::<_, i64>(name).unsigned_abs();
        exactness.unread_off = count("unread").abs_diff(exactness.messages);
        exactness.conversations_off = count("conversations_off");
        exactness.quarantined = count("quarantined");
        exactness.deadlocks = count("deadlocks");
        Ok(exactness)
    }

    /// What is wrong, in words; empty when all is well.
    pub(crate) fn wrongs(&self) -> Vec<String> {
        [
            (self.missing, "acknowledged but missing"),
            (self.doubled, "doubled"),
            (self.strangers, "never sent"),
            (self.misplaced, "under a wrong organization, number or contact"),
            (self.unread_off, "between sum(unread_count) and the messages"),
            (self.conversations_off, "conversations with a wrong unread_count"),
            (self.quarantined, "quarantined"),
            (self.deadlocks, "deadlocks"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{}: {count} {what}", self.scenario))
        .collect()
    }
}

const MESSAGES: &str = "
    SELECT message.organization_id, message.wamid, message.direction, number.phone_number_id, contact.wa_id
    FROM wazapp.message
    LEFT JOIN wazapp.conversation ON conversation.organization_id = message.organization_id
                                 AND conversation.id = message.conversation_id
                                 AND conversation.number_id = message.number_id
    LEFT JOIN wazapp.contact ON contact.organization_id = message.organization_id
                            AND contact.id = conversation.contact_id
    LEFT JOIN wazapp.number ON number.organization_id = message.organization_id AND number.id = message.number_id";

/// Nobody reads anything during a run, so every message is unread.
const COUNTS: &str = "
    SELECT (SELECT coalesce(sum(unread_count), 0)::int8 FROM wazapp.conversation) AS unread,
           (SELECT count(*) FROM wazapp.conversation
            LEFT JOIN (SELECT organization_id, conversation_id AS id, count(*) AS messages
                       FROM wazapp.message GROUP BY 1, 2) AS held USING (organization_id, id)
            WHERE conversation.unread_count <> coalesce(held.messages, 0)) AS conversations_off,
           (SELECT count(*) FROM wazapp.quarantine) AS quarantined,
           (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()) AS deadlocks";

fn is_at_home(row: &Row, organizations: &[Uuid], organization: u32, wa_id: &str) -> bool {
    let home = organizations.get(organization as usize).copied();
    home == Some(row.get("organization_id"))
        && row.get::<_, Option<&str>>("phone_number_id") == Some(phone_number_id(organization).as_str())
        && row.get::<_, Option<&str>>("wa_id") == Some(wa_id)
        && row.get::<_, &str>("direction") == "inbound"
}
