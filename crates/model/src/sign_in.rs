//! Tries to sign in: who fails is told to wait, longer each time, by account and by address, on every node.

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use uuid::Uuid;

use crate::database::{Operator, Result};
use crate::secret::{Keyring, Place};
use crate::user::{self, Email};

/// A count that nothing was added to for so long begins anew.
const FORGIVEN_AFTER: SignedDuration = SignedDuration::from_hours(12);

/// What a try is counted by. A browser in which the account signed in before is counted by what it holds alone, so that
/// whoever else tries keeps nobody out of their own browser.
#[derive(Clone, Copy, Debug)]
pub enum Attempt<'a> {
    /// A password.
    Password {
        /// What was typed as an e-mail address.
        account: &'a str,
        /// Where it comes from.
        address: &'a str,
        /// What such a browser holds.
        device: Option<&'a str>,
    },
    /// An answer of the identity provider. It is looked at by asking the provider, so that no address has it asked for ever.
    Provider {
        /// Where it comes from.
        address: &'a str,
    },
    /// A second factor of somebody who knows the password. It is counted by account, from wherever it comes: six digits are
    /// soon guessed from many addresses.
    Code {
        /// Whose.
        user_id: Uuid,
        /// What such a browser holds.
        device: Option<&'a str>,
    },
    /// A link by mail, for who forgot their password. It is counted apart from tries to sign in, which it keeps nobody from.
    Link {
        /// What was typed as an e-mail address.
        account: &'a str,
        /// Where it comes from.
        address: &'a str,
    },
}

/// How many tries are free, and the longest that one is told to wait, in seconds.
struct Patience {
    free: i32,
    longest: i64,
}

/// One account from one address, or from its own browser; its second factor from wherever.
const PAIR: Patience = Patience { free: 5, longest: 900 };

/// One account from wherever: many addresses that try one account wait together, never long.
const ACCOUNT: Patience = Patience { free: 10, longest: 40 };

/// Links for one account from wherever: nobody's mailbox is filled.
const LINKS: Patience = Patience { free: 3, longest: 3600 };

/// One address, whichever account: an office of people who mistype is not kept out.
const ADDRESS: Patience = Patience { free: 30, longest: 300 };

impl Patience {
    /// How long after so many tries the next one may come.
    fn wait(&self, tries: i32) -> SignedDuration {
        let beyond = tries - self.free;
        if beyond < 0 {
            return SignedDuration::ZERO;
        }
        SignedDuration::from_secs(1_i64.checked_shl(beyond.unsigned_abs()).unwrap_or(i64::MAX).min(self.longest).max(1))
    }
}

impl Attempt<'_> {
    fn subjects(&self) -> Vec<(Vec<u8>, Patience)> {
        let subject = |text: String| user::fingerprint(&text);
        match self {
            Self::Password { account, device: Some(device), .. } => {
                vec![(subject(format!("device {} {device}", account.trim())), PAIR)]
            }
            Self::Password { account, address, device: None } => vec![
                (subject(format!("pair {} {address}", account.trim())), PAIR),
                (subject(format!("account {}", account.trim())), ACCOUNT),
                (subject(format!("address {address}")), ADDRESS),
            ],
            Self::Provider { address } => vec![(subject(format!("address {address}")), ADDRESS)],
            Self::Link { account, address } => vec![
                (subject(format!("link {}", account.trim())), LINKS),
                (subject(format!("link from {address}")), ADDRESS),
            ],
            Self::Code { user_id, device: Some(device) } => vec![(subject(format!("code {user_id} {device}")), PAIR)],
            Self::Code { user_id, device: None } => vec![(subject(format!("code {user_id}")), PAIR)],
        }
    }
}

/// What a browser keeps to say that this account signed in there: sealed for the account, so that nobody makes one up.
pub async fn device(tx: &Operator, keyring: &Keyring, account: &Email) -> Result<String> {
    let sealer = keyring.sealer(tx).await?;
    let secret = SecretString::from(Uuid::now_v7().to_string());
    Ok(BASE64URL_NOPAD.encode(&sealer.seal(device_place(&account.key()), &secret)))
}

/// Whether a browser's word is about what was typed as an address.
pub fn is_device(keyring: &Keyring, device: &str, typed: &str) -> bool {
    let Ok(sealed) = BASE64URL_NOPAD.decode(device.as_bytes()) else { return false };
    keyring.open(device_place(&typed.trim().to_lowercase()), &sealed).is_ok()
}

fn device_place(account: &str) -> Place<'_> {
    Place { organization: Uuid::nil(), column: "cookie.device", row: account }
}

/// Counts a try before it is looked at, so that many at once are as many; [`passed`] takes it back. `Err`: how long to wait;
/// such a try is not counted.
pub async fn attempt(tx: &Operator, now: Timestamp, attempt: &Attempt<'_>) -> Result<Result<(), SignedDuration>> {
    let mut subjects = attempt.subjects();
    // Locked in one order: two tries that share a subject come one after the other.
    subjects.sort_by(|one, other| one.0.cmp(&other.0));
    let mut longest = SignedDuration::ZERO;
    for (subject, patience) in &subjects {
        let row = tx
            .query_opt(
                "INSERT INTO wazapp.sign_in_try AS t (subject, tries, tried_at) VALUES ($1, 0, $2)
                 ON CONFLICT (subject) DO UPDATE SET tries = CASE WHEN t.tried_at < $3 THEN 0 ELSE t.tries END
                 RETURNING t.tries, t.tried_at",
                &[subject, &now, &(now - FORGIVEN_AFTER)],
            )
            .await?
            .expect("INSERT … RETURNING answers a row");
        let tried_at: Timestamp = row.get("tried_at");
        let wait = patience.wait(row.get("tries"));
        longest = longest.max(wait - now.duration_since(tried_at));
    }
    if longest > SignedDuration::ZERO {
        return Ok(Err(longest));
    }
    let subjects: Vec<Vec<u8>> = subjects.into_iter().map(|(subject, _)| subject).collect();
    tx.query(
        "UPDATE wazapp.sign_in_try SET tries = tries + 1, tried_at = $2 WHERE subject = ANY ($1)",
        &[&subjects, &now],
    )
    .await?;
    Ok(Ok(()))
}

/// Whoever tried is who they say: nothing is held against the account from there, and one less against the address.
pub async fn passed(tx: &Operator, attempt: &Attempt<'_>) -> Result<()> {
    let mut subjects: Vec<Vec<u8>> = attempt.subjects().into_iter().map(|(subject, _)| subject).collect();
    let names_address = matches!(attempt, Attempt::Provider { .. } | Attempt::Password { device: None, .. });
    let address = if names_address { subjects.pop() } else { None };
    subjects.sort();
    tx.query("DELETE FROM wazapp.sign_in_try WHERE subject = ANY ($1)", &[&subjects]).await?;
    if let Some(address) = address {
        tx.query("UPDATE wazapp.sign_in_try SET tries = greatest(tries - 1, 0) WHERE subject = $1", &[&address])
            .await?;
    }
    Ok(())
}

/// Forgets tries that are forgiven.
pub async fn any_person_forgive(tx: &Operator, now: Timestamp) -> Result<()> {
    tx.query("DELETE FROM wazapp.sign_in_try WHERE tried_at < $1", &[&(now - FORGIVEN_AFTER)]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_cost_nothing_and_guessing_ever_more() {
        let waits: Vec<i64> = (0..9).map(|tries| PAIR.wait(tries).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8]);
        assert_eq!(PAIR.wait(i32::MAX).as_secs(), 900);
        assert_eq!(ACCOUNT.wait(1000).as_secs(), 40, "nobody is kept out of their account for long");
    }
}
