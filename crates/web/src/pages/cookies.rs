//! Small things that a browser remembers for us: language, colours, and what to say on the next page.

use http::HeaderMap;
use http::header::{COOKIE, HeaderName, HeaderValue, SET_COOKIE};

use super::words::Key;

/// A year, in seconds.
const YEAR: u32 = 31_536_000;

/// The cookie of this name, where it is of a sane shape.
pub(crate) fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// A cookie that is kept for a year. Over HTTPS it stays there.
pub(crate) fn keep(name: &str, value: &str, is_https: bool) -> (HeaderName, HeaderValue) {
    set(name, value, YEAR, is_https)
}

fn set(name: &str, value: &str, seconds: u32, is_https: bool) -> (HeaderName, HeaderValue) {
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    (SET_COOKIE, HeaderValue::try_from(cookie).expect("our own words are plain"))
}

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
    Joined = "joined";
    PasskeyAdded = "passkey-added";
    PasskeyRemoved = "passkey-removed";
    SecondFactorOff = "second-factor-off";
}

const NOTICE: &str = "notice";

impl Notice {
    /// Has the next page say it.
    pub(crate) fn leave(self, is_https: bool) -> (HeaderName, HeaderValue) {
        set(NOTICE, self.word(), 60, is_https)
    }

    /// What the page before left to say.
    pub(super) fn found(headers: &HeaderMap) -> Option<Self> {
        get(headers, NOTICE).and_then(Self::of)
    }

    /// It was said.
    pub(super) fn forget(is_https: bool) -> (HeaderName, HeaderValue) {
        set(NOTICE, "", 0, is_https)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; theme=dark"));
        headers.append(COOKIE, HeaderValue::from_static("notice=saved"));
        assert_eq!(get(&headers, "theme"), Some("dark"));
        assert_eq!(Notice::found(&headers), Some(Notice::Saved));
        assert_eq!(get(&headers, "heme"), None);
    }

    #[test]
    fn words_are_read_as_what_wrote_them() {
        for &notice in Notice::ALL {
            assert_eq!(Notice::of(notice.word()), Some(notice));
        }
    }
}
