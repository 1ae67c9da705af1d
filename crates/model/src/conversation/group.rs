//! What Meta says of groups.

use jiff::Timestamp;
use uuid::Uuid;

use super::column;
use crate::database::{Pipeline, params};

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
    pipeline.push(
        "INSERT INTO wazapp.conversation_group AS g (organization_id, number_id, group_id, subject, at)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
         ON CONFLICT (organization_id, number_id, group_id) DO UPDATE SET subject = excluded.subject, at = excluded.at
         WHERE (g.at, g.subject COLLATE \"C\") < (excluded.at, excluded.subject COLLATE \"C\")",
        params![
            column(groups, |group| group.organization_id),
            column(groups, |group| group.number_id),
            column(groups, |group| group.group_id.as_str()),
            column(groups, |group| group.subject.as_str()),
            column(groups, |group| group.at),
        ],
    );
}
