//! The only key to an organization's rows.

use uuid::Uuid;

/// Says whose rows may be touched. Made by an API key ([`crate::api_key::authenticate`]) or by an operator's command
/// that named an organization ([`crate::organization::find`]), and by nothing else.
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
