//! The only key to an organization's rows.

use uuid::Uuid;

/// Says whose rows may be touched. Made by an API key ([`crate::api_key::authenticate`]), by an operator's command that
/// named an organization ([`crate::organization::find`]), or by a row of that organization that a worker took
/// ([`crate::connection::Job`]), and by nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    organization_id: Uuid,
}

impl Scope {
    pub(crate) fn new(organization_id: Uuid) -> Self {
        Self { organization_id }
    }

    /// The organization this scope opens.
    pub fn organization_id(&self) -> Uuid {
        self.organization_id
    }
}
