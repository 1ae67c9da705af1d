//! What a browser remembers for us until the next page: what to say there.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue, SET_COOKIE};
use jiff::SignedDuration;

use super::words::Key;
use crate::cookie;

/// What is said on the page behind a form that was carried out.
macro_rules! notices {
    ($($notice:ident = $word:literal;)+) => {
        /// What is said on the page behind a form that was carried out.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Notice {
            $($notice,)+
        }

        impl Notice {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$notice),+];

            fn word(self) -> &'static str {
                match self { $(Self::$notice => $word,)+ }
            }

            fn of(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$notice),)+ _ => None }
            }

            /// What it says.
            pub(crate) fn key(self) -> Key {
                match self { $(Self::$notice => Key(concat!("notice-", $word)),)+ }
            }
        }
    };
}

notices! {
    Saved = "saved";
    SignedOut = "signed-out";
    SessionOver = "session-over";
    PasswordChanged = "password-changed";
    SessionsEnded = "sessions-ended";
    RoleChanged = "role-changed";
    MemberRemoved = "member-removed";
    InvitationRevoked = "invitation-revoked";
    TeamMade = "team-made";
    TeamRemoved = "team-removed";
    KeyRevoked = "key-revoked";
    EndpointTold = "endpoint-told";
    EndpointDeleted = "endpoint-deleted";
    Joined = "joined";
    PasskeyAdded = "passkey-added";
    PasskeyRemoved = "passkey-removed";
    SecondFactorOff = "second-factor-off";
    Resolved = "resolved";
    Forwarded = "forwarded";
    ProviderUnlinked = "provider-unlinked";
    OrganizationMade = "organization-made";
}

const NAME: &str = "wazapp-notice";

impl Notice {
    /// Has the next page say it.
    pub(crate) fn leave(self, is_https: bool) -> (HeaderName, HeaderValue) {
        (SET_COOKIE, cookie::keep(is_https, NAME, self.word(), SignedDuration::from_mins(1)))
    }

    /// What the page before left to say.
    pub(super) fn found(headers: &HeaderMap) -> Option<Self> {
        cookie::one(headers, NAME).as_deref().and_then(Self::of)
    }

    /// It was said.
    pub(super) fn forget(is_https: bool) -> (HeaderName, HeaderValue) {
        (SET_COOKIE, cookie::keep(is_https, NAME, "", SignedDuration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_what_wrote_them() {
        for &notice in Notice::ALL {
            assert_eq!(Notice::of(notice.word()), Some(notice));
        }
    }
}
