//! What Meta says of groups.

use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Pipeline, Rows};

/// A group's subject, as of a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The owner.
    pub organization_id: Uuid,
    /// The number that is in it.
    pub number_id: Uuid,
    /// Meta's id.
    pub group_id: String,
    /// Meta's time.
    pub at: Timestamp,
    /// What the group is called.
    pub subject: String,
}

/// Keeps the newest subject of each group. `groups` holds each once.
pub fn any_organization_learn_groups<'a>(pipeline: &mut Pipeline<'a>, groups: &'a [Group]) {
    if groups.is_empty() {
        return;
    }
    let rows = Rows::of(groups)
        .column("organization_id", |group| group.organization_id)
        .column("number_id", |group| group.number_id)
        .column("group_id", |group| group.group_id.as_str())
        .column("subject", |group| group.subject.as_str())
        .column("at", |group| group.at);
    pipeline.add(rows.insert(
        "wazapp.conversation_group",
        "ON CONFLICT (organization_id, number_id, group_id) DO UPDATE SET subject = excluded.subject, at = excluded.at
         WHERE (t.at, t.subject COLLATE \"C\") < (excluded.at, excluded.subject COLLATE \"C\")",
    ));
}
