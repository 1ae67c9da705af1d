//! Who may do what: one table. A route names its act, never a role or a scope.

use serde::{Deserialize, Serialize};

use crate::database::{DatabaseError, Result};
use crate::scope::Scope;

/// What a person is in an organization. Each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Answers and assigns.
    Agent,
    /// Also numbers, templates, people and keys.
    Admin,
    /// Also what holds for the whole organization, and who its owners are.
    Owner,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Agent, Self::Admin, Self::Owner];

    /// As stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Agent => "agent",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads what people type.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    pub(crate) fn read(word: &str, column: &'static str) -> Result<Self> {
        Self::of(word).ok_or_else(|| DatabaseError::UnknownWord { column, word: word.to_owned() })
    }

    /// Whether who is this may do it.
    pub fn may(self, act: Act) -> bool {
        self >= act.role()
    }

    /// Whether who is this may give the role to others, or take it from them: who the owners are is for owners to say.
    pub fn gives(self, role: Self) -> bool {
        self.may(if role == Self::Owner { Act::ManageOrganization } else { Act::ManageMembers })
    }
}

/// What an API key is for. One key may be for several things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyScope {
    /// Reading all that it may see.
    Read,
    /// Writing to customers, and what goes with it.
    Send,
    /// Numbers, templates, prices.
    Manage,
}

impl KeyScope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Send, Self::Manage];

    /// As stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Send => "send",
            Self::Manage => "manage",
        }
    }

    /// Reads what people type.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }
}

/// The acts: word, the least role that may, the scope of keys that may; none: people alone.
macro_rules! acts {
    ($($(#[$doc:meta])* $act:ident = $word:literal, $role:ident, $scope:expr;)+) => {
        /// Something that somebody does in an organization.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Act {
            $($(#[$doc])* $act,)+
        }

        impl Act {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$act),+];

            /// As the API's document and the audit say it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$act => $word,)+ }
            }

            /// The least role that may.
            pub const fn role(self) -> Role {
                match self { $(Self::$act => Role::$role,)+ }
            }

            /// The scope of the keys that may; `None`: no key may, whatever it is for.
            pub const fn scope(self) -> Option<KeyScope> {
                match self { $(Self::$act => $scope,)+ }
            }
        }
    };
}

acts! {
    /// Conversations, messages, files, contacts, templates, numbers, events.
    Read = "read", Viewer, Some(KeyScope::Read);
    /// Who works here, and in which teams: whoever hands a conversation on needs it.
    ReadMembers = "members.read", Viewer, Some(KeyScope::Read);
    /// Messages, their files, reading, the sign of writing.
    Send = "send", Agent, Some(KeyScope::Send);
    /// The state of a conversation, and whose it is.
    ChangeConversation = "conversations.change", Agent, Some(KeyScope::Send);
    /// What the organization calls a contact, and notes.
    ChangeContact = "contacts.change", Agent, Some(KeyScope::Send);
    /// Whom a number hears no more.
    BlockContact = "contacts.block", Agent, Some(KeyScope::Send);
    /// What sending costs.
    ReadCosts = "costs.read", Admin, Some(KeyScope::Read);
    /// The price list.
    SetPrices = "prices.set", Admin, Some(KeyScope::Manage);
    /// Parting contacts that were found to be one.
    UndoMerge = "merges.undo", Admin, Some(KeyScope::Manage);
    /// Templates at Meta.
    ManageTemplates = "templates.manage", Admin, Some(KeyScope::Manage);
    /// Numbers, their tokens, and attempts to connect them.
    ManageNumbers = "numbers.manage", Admin, Some(KeyScope::Manage);
    /// Who works here, as what, and who is invited.
    ManageMembers = "members.manage", Admin, None;
    /// Teams and who is in them.
    ManageTeams = "teams.manage", Admin, Some(KeyScope::Manage);
    /// Endpoints, what they are told, and what became of it.
    ManageEndpoints = "endpoints.manage", Admin, Some(KeyScope::Manage);
    /// API keys. No key makes another one: a stolen one could outlive its end.
    ManageKeys = "keys.manage", Admin, None;
    /// Who did what.
    ReadAudit = "audit.read", Admin, Some(KeyScope::Manage);
    /// What holds for the whole organization.
    ManageOrganization = "organization.manage", Owner, None;
}

impl Act {
    /// Reads its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|act| act.word() == word)
    }

    /// Whether whoever sees so much of an organization may do it there, if their role or key may. Some acts take seeing all:
    /// whoever is limited could lift their limits by them, or would be shown, or would change, what is beyond them.
    pub fn is_within(self, scope: &Scope) -> bool {
        scope.viewer_id().is_none() || !self.needs_whole_sight()
    }

    fn needs_whole_sight(self) -> bool {
        matches!(
            self,
            Self::ReadCosts
                | Self::SetPrices
                | Self::UndoMerge
                | Self::ManageMembers
                | Self::ManageTeams
                | Self::ManageEndpoints
                | Self::ManageKeys
                | Self::ReadAudit
                | Self::ManageOrganization
        )
    }

    /// Whether what it changes is written into the audit.
    pub fn is_audited(self) -> bool {
        !matches!(
            self,
            Self::Read
                | Self::ReadMembers
                | Self::Send
                | Self::ChangeConversation
                | Self::ChangeContact
                | Self::ReadCosts
                | Self::ReadAudit
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_what_wrote_them() {
        for &act in Act::ALL {
            assert_eq!(Act::of(act.word()), Some(act));
        }
        for role in Role::ALL {
            assert_eq!(Role::read(role.word(), "membership.role").unwrap(), role);
        }
        for scope in KeyScope::ALL {
            assert_eq!(KeyScope::of(scope.word()), Some(scope));
        }
        let refused = Role::read("boss", "membership.role").unwrap_err().to_string();
        assert!(refused.contains("membership.role") && refused.contains("boss"), "{refused}");
    }

    #[test]
    fn who_looks_changes_nothing() {
        for &act in Act::ALL {
            assert_eq!(Role::Viewer.may(act), matches!(act, Act::Read | Act::ReadMembers), "{act:?}");
            assert!(Role::Owner.may(act));
        }
    }

    #[test]
    fn who_is_limited_manages_nothing_beyond() {
        let whole = Scope::new(uuid::Uuid::from_u128(1));
        let limited = whole.seen_by(Some(uuid::Uuid::from_u128(2)));
        for &act in Act::ALL {
            assert!(act.is_within(&whole));
        }
        for act in
            [Act::ManageKeys, Act::ManageMembers, Act::ManageTeams, Act::ReadAudit, Act::ReadCosts, Act::SetPrices]
        {
            assert!(!act.is_within(&limited), "{act:?}");
        }
        for act in [Act::Read, Act::Send, Act::ChangeConversation, Act::ManageNumbers] {
            assert!(act.is_within(&limited), "{act:?}");
        }
    }

    #[test]
    fn no_key_makes_itself_last() {
        for act in [Act::ManageKeys, Act::ManageMembers, Act::ManageOrganization] {
            assert_eq!(act.scope(), None);
        }
    }
}
