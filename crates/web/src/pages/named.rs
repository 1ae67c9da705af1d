//! What has a name in both languages.

use model::act::Role;

use super::words::Key;

/// How one of a few is called, and what it means.
pub(crate) trait Named {
    /// Its name.
    fn key(&self) -> Key;
    /// What it means, in a line.
    fn means(&self) -> Key;
}

impl Named for Role {
    fn key(&self) -> Key {
        match self {
            Self::Owner => Key("role-owner"),
            Self::Admin => Key("role-admin"),
            Self::Agent => Key("role-agent"),
            Self::Viewer => Key("role-viewer"),
        }
    }

    fn means(&self) -> Key {
        match self {
            Self::Owner => Key("role-owner-means"),
            Self::Admin => Key("role-admin-means"),
            Self::Agent => Key("role-agent-means"),
            Self::Viewer => Key("role-viewer-means"),
        }
    }
}
