//! Why there is no certificate, and whose move it is. Whoever runs the server reads it, in the log and in `wazapp doctor`.

use tokio_postgres::Row;

use crate::database::{DatabaseError, Result};

/// Of what an authority says, so much is kept.
const DETAIL: usize = 300;

/// Why an attempt gave no certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of trouble it is.
    pub reason: Reason,
    /// The domain that it is about, if it is about one.
    pub domain: Option<String>,
    /// As the authority, or the way to it, put it.
    pub detail: String,
}

macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident = $word:literal, $says:literal, $fix:literal;)+) => {
        /// Kinds of trouble.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[$doc])+ $name,)+ }

        impl Reason {
            /// As it is stored.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            fn read(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)+ _ => None }
            }

            fn says(self) -> &'static str {
                match self { $(Self::$name => $says,)+ }
            }

            /// Who does what now.
            pub fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix,)+ }
            }
        }
    };
}

reasons! {
    /// The authority finds no address of the domain.
    Dns = "dns", "the authority finds no address of {}",
        "let the domain's DNS (A, AAAA) lead to this server";
    /// The authority came to nobody.
    Connection = "connection", "the authority could not connect to {}",
        "let the domain's DNS (A, AAAA) lead to this server, and open its ports 80 and 443 to everybody";
    /// Somebody else answered.
    Unauthorized = "unauthorized", "what answers at {} is not this server",
        "let the domain's DNS (A, AAAA, all of them) lead to this server and to no other";
    /// The domain forbids it.
    Caa = "caa", "the DNS of {} forbids this authority (CAA)",
        "let a CAA record name the authority, or take another authority (WAZAPP_ACME_DIRECTORY)";
    /// The authority does not do that for anybody.
    Refused = "refused", "the authority gives no certificate for {}",
        "read what it says, and correct WAZAPP_DOMAIN, or take another authority (WAZAPP_ACME_DIRECTORY)";
    /// It wants to see something else.
    Unoffered = "unoffered", "the authority does not let {} be proven in this way",
        "answer on port 80 as well as on 443, or take another authority (WAZAPP_ACME_DIRECTORY)";
    /// Asked too often.
    RateLimited = "rate_limited", "the authority was asked too often for {}",
        "wait: it is tried again by itself";
    /// The authority takes no account of ours.
    Account = "account", "the authority takes no account of this server's",
        "correct WAZAPP_ACME_EMAIL; where the authority makes accounts beforehand, set WAZAPP_ACME_EAB_KEY_ID and WAZAPP_ACME_EAB_KEY as it shows them";
    /// The authority cannot be reached, or is broken.
    Away = "away", "the authority cannot be asked",
        "see that this server reaches WAZAPP_ACME_DIRECTORY; it is tried again by itself";
    /// What answers speaks another language.
    Answer = "answer", "what answers as the authority does not speak ACME",
        "correct WAZAPP_ACME_DIRECTORY";
    /// What it gave cannot be used.
    Certificate = "certificate", "the authority gave a certificate that cannot be used",
        "see that this machine's clock is right, and tell whoever runs the authority";
    /// Our own database.
    Ours = "ours", "the database did not answer in the middle of it",
        "see that the database is well; it is tried again by itself";
}

impl Reason {
    /// Whether another way to prove the domains may lead on.
    pub fn is_of_a_way(self) -> bool {
        matches!(self, Self::Connection | Self::Unauthorized | Self::Unoffered)
    }
}

impl Failure {
    /// Without line ends and the like: it comes from outside, and goes into a log.
    pub fn new(reason: Reason, domain: Option<String>, detail: &str) -> Self {
        let plain = detail.chars().map(|char| if char.is_control() { ' ' } else { char });
        Self { reason, domain, detail: plain.take(DETAIL).collect() }
    }

    pub(super) fn read(row: &Row) -> Result<Self> {
        let word: Option<String> = row.get("failure");
        let word = word.unwrap_or_default();
        let reason = Reason::read(&word).ok_or(DatabaseError::UnknownWord { column: "acme_order.failure", word })?;
        let detail: Option<String> = row.get("failure_detail");
        Ok(Self { reason, domain: row.get("failure_domain"), detail: detail.unwrap_or_default() })
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let domain = self.domain.as_deref().unwrap_or("the domains");
        f.write_str(&self.reason.says().replace("{}", domain))?;
        match self.detail.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", self.detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_stays_in_its_line() {
        let failure =
            Failure::new(Reason::Dns, Some("a.org".into()), &format!("no\r\nsuch\u{1b}[1m {}", "x".repeat(999)));
        let words = failure.to_string();
        assert!(words.starts_with("the authority finds no address of a.org (no  such [1m xxx"), "{words}");
        assert!(words.len() < 400 && !words.contains(char::is_control), "{words}");
        assert_eq!(Reason::read(Reason::RateLimited.word()), Some(Reason::RateLimited));
    }
}
