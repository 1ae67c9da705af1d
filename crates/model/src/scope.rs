//! The only key to an organization's rows.

use uuid::Uuid;

/// Says whose rows may be touched. Made by an API key ([`crate::api_key::authenticate`]), by a session of a member
/// ([`crate::session::authenticate`]), by an operator's command that named an organization ([`crate::organization::find`]),
/// or by a row of that organization that a worker took ([`crate::connection::Job`]), and by nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    organization_id: Uuid,
    viewer_id: Option<Uuid>,
}

impl Scope {
    pub(crate) fn new(organization_id: Uuid) -> Self {
        Self { organization_id, viewer_id: None }
    }

    /// The same for a member or a key that is limited to a part of it; `None`: who is not.
    pub(crate) fn seen_by(self, viewer_id: Option<Uuid>) -> Self {
        Self { viewer_id, ..self }
    }

    /// All of the organization, whoever asks: for what is read once for several, each of whom is shown what they may see.
    pub fn whole(self) -> Self {
        Self { viewer_id: None, ..self }
    }

    /// Whose limits hold for what is read; `None`: nobody's, all of the organization is seen.
    pub fn viewer_id(&self) -> Option<Uuid> {
        self.viewer_id
    }

    /// The organization this scope opens.
    pub fn organization_id(&self) -> Uuid {
        self.organization_id
    }
}
