//! What lists and threads are drawn with: the people, numbers and teams of an organization, read once for a page.

use std::collections::HashMap;

use jiff::Timestamp;
use model::database::{Result, Tenant};
use model::number::Number;
use model::team::Team;
use model::{event, membership, number, team};
use uuid::Uuid;

/// An organization's people, numbers and teams.
#[derive(Debug)]
pub(super) struct House {
    /// The number of the last event; whatever comes behind it is told to the page.
    pub(super) live: i64,
    /// What people are called, by name.
    pub(super) people: Vec<(Uuid, String)>,
    pub(super) numbers: Vec<Number>,
    pub(super) teams: Vec<Team>,
}

impl House {
    /// Reads it, before anything that a page shows: what comes meanwhile is told of again, and nothing is missed.
    pub(super) async fn read(tx: &Tenant, now: Timestamp) -> Result<Self> {
        Ok(Self {
            live: event::last(tx).await?,
            people: membership::names(tx).await?,
            numbers: number::list(tx, now).await?,
            teams: team::list(tx).await?,
        })
    }

    /// One of its numbers.
    pub(super) fn number(&self, id: Uuid) -> Option<&Number> {
        self.numbers.iter().find(|number| number.id == id)
    }

    /// What people are called, by id.
    pub(super) fn names(&self) -> HashMap<Uuid, String> {
        self.people.iter().cloned().collect()
    }
}
