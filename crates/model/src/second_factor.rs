//! What signing in asks for beside a password: one-time codes (RFC 6238), and recovery codes for when nothing else is at hand.
//! Passkeys count as well; they are [`crate::passkey`]'s.

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use totp_rs::{Builder, Totp};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::database::{DatabaseError, Operator, Result};
use crate::secret::sealed::USER_TOTP;
use crate::secret::{self, Keyring, Place};
use crate::user::User;

/// So many recovery codes are given out at once.
pub const RECOVERY_CODES: usize = 10;

/// As RFC 4226 recommends: 160 bits.
const SEED_BYTES: usize = 20;

/// A recovery code: 80 random bits, so a plain hash of it says nothing.
const RECOVERY_BYTES: usize = 10;

/// What an authenticator app is given, before a first code confirms that it has it.
#[derive(Clone, Debug)]
pub struct Seed {
    /// To type in, in groups of four.
    pub typed: SecretString,
    /// To open on the device itself: `otpauth://…`.
    pub url: SecretString,
}

/// What a person has beside their password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factors {
    /// An authenticator app is confirmed.
    pub totp: bool,
    /// So many recovery codes are left.
    pub recovery_codes: i64,
}

/// What somebody has.
pub async fn get(tx: &Operator, user_id: Uuid) -> Result<Factors> {
    let row = tx
        .query_opt(
            "SELECT u.totp_step IS NOT NULL AS totp,
                    (SELECT count(*) FROM wazapp.recovery_code c WHERE c.user_id = u.id) AS recovery_codes
             FROM wazapp.\"user\" u WHERE u.id = $1",
            &[&user_id],
        )
        .await?;
    let none = Factors { totp: false, recovery_codes: 0 };
    Ok(row.map_or(none, |row| Factors { totp: row.get("totp"), recovery_codes: row.get("recovery_codes") }))
}

/// Gives out a seed, another one each time until a code confirms it. `None`: one is confirmed already.
pub async fn offer_totp(tx: &Operator, keyring: &Keyring, now: Timestamp, user: &User) -> Result<Option<Seed>> {
    let mut bytes = Zeroizing::new([0; SEED_BYTES]);
    secret::random(bytes.as_mut_slice()).expect("the operating system gives random bytes");
    let text = Zeroizing::new(BASE32_NOPAD.encode(bytes.as_slice()));
    let sealer = keyring.sealer(tx).await?;
    let sealed = sealer.seal(place(&user.id.to_string()), &SecretString::from(text.as_str()));
    let kept = tx
        .query_opt(
            "UPDATE wazapp.\"user\" SET totp = $2, updated_at = $3 WHERE id = $1 AND totp_step IS NULL RETURNING id",
            &[&user.id, &sealed, &now],
        )
        .await?;
    if kept.is_none() {
        return Ok(None);
    }
    let account: String = form(user.email.as_str());
    let url = format!("otpauth://totp/wazapp:{account}?secret={}&issuer=wazapp", text.as_str());
    let groups: Vec<&str> = text.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
    Ok(Some(Seed { typed: groups.join(" ").into(), url: url.into() }))
}

/// A first code shows that the app has the seed: from now on signing in asks for one. Sessions of before stay.
pub async fn confirm_totp(tx: &Operator, keyring: &Keyring, now: Timestamp, user_id: Uuid, code: &str) -> Result<bool> {
    let Some(Kept { sealed, step: None }) = kept_totp(tx, user_id).await? else { return Ok(false) };
    let is_it = use_code(tx, keyring, now, user_id, &Kept { sealed, step: None }, code).await?;
    if is_it {
        settle(tx, now, user_id).await?;
    }
    Ok(is_it)
}

/// Uses a code up: of an authenticator app, or a recovery code. False: it is none, or was used before.
pub async fn use_up(tx: &Operator, keyring: &Keyring, now: Timestamp, user_id: Uuid, code: &str) -> Result<bool> {
    match kept_totp(tx, user_id).await? {
        Some(kept @ Kept { step: Some(_), .. }) if use_code(tx, keyring, now, user_id, &kept, code).await? => Ok(true),
        _ => use_recovery_code(tx, user_id, code).await,
    }
}

/// Forgets the authenticator app.
pub async fn remove_totp(tx: &Operator, now: Timestamp, user_id: Uuid) -> Result<()> {
    tx.query("UPDATE wazapp.\"user\" SET totp = NULL, totp_step = NULL WHERE id = $1", &[&user_id]).await?;
    settle(tx, now, user_id).await
}

/// Gives out recovery codes, shown here and never again. Those before them open nothing more.
pub async fn give_recovery_codes(tx: &Operator, now: Timestamp, user_id: Uuid) -> Result<Vec<SecretString>> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let mut bytes = Zeroizing::new([0; RECOVERY_BYTES]);
        secret::random(bytes.as_mut_slice()).expect("the operating system gives random bytes");
        codes.push(BASE32_NOPAD.encode(bytes.as_slice()));
    }
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| recovery_hash(user_id, code)).collect();
    tx.query("DELETE FROM wazapp.recovery_code WHERE user_id = $1", &[&user_id]).await?;
    tx.query(
        "INSERT INTO wazapp.recovery_code (user_id, hash, created_at) SELECT $1, hash, $3 FROM unnest($2::bytea[]) AS given (hash)",
        &[&user_id, &hashes, &now],
    )
    .await?;
    let shown = |code: &String| SecretString::from([&code[..4], &code[4..8], &code[8..12], &code[12..]].join("-"));
    Ok(codes.iter().map(shown).collect())
}

/// Says anew whether signing in asks for a second factor; who has none keeps no recovery codes either.
pub(crate) async fn settle(tx: &Operator, now: Timestamp, user_id: Uuid) -> Result<()> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.\"user\" AS u SET updated_at = $2, second_factor = u.totp_step IS NOT NULL
               OR EXISTS (SELECT FROM wazapp.passkey p WHERE p.user_id = u.id)
             WHERE u.id = $1 RETURNING u.second_factor",
            &[&user_id, &now],
        )
        .await?;
    if row.is_some_and(|row| !row.get::<_, bool>("second_factor")) {
        tx.query("DELETE FROM wazapp.recovery_code WHERE user_id = $1", &[&user_id]).await?;
    }
    Ok(())
}

/// What is kept of an authenticator app.
struct Kept {
    sealed: Vec<u8>,
    /// The newest step that was used; `None`: no code has confirmed the seed yet.
    step: Option<i64>,
}

/// Holds the account until the end of the transaction: of two codes at once one comes after the other.
async fn kept_totp(tx: &Operator, user_id: Uuid) -> Result<Option<Kept>> {
    let row = tx
        .query_opt("SELECT totp, totp_step FROM wazapp.\"user\" WHERE id = $1 FOR NO KEY UPDATE", &[&user_id])
        .await?;
    Ok(row.and_then(|row| Some(Kept { sealed: row.get::<_, Option<Vec<u8>>>("totp")?, step: row.get("totp_step") })))
}

/// Whether it is a code of now, one step early or late, newer than the last that was used; it opens no second time.
async fn use_code(
    tx: &Operator,
    keyring: &Keyring,
    now: Timestamp,
    user_id: Uuid,
    kept: &Kept,
    code: &str,
) -> Result<bool> {
    let code: String = code.chars().filter(|character| !character.is_whitespace()).collect();
    let totp = totp(&open(keyring, user_id, &kept.sealed)?);
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let Some(step) = totp.check(&code, seconds).and_then(|step| i64::try_from(step).ok()) else { return Ok(false) };
    let row = tx
        .query_opt(
            "UPDATE wazapp.\"user\" SET totp_step = $2
             WHERE id = $1 AND totp = $3 AND (totp_step IS NULL OR totp_step < $2) RETURNING id",
            &[&user_id, &step, &kept.sealed],
        )
        .await?;
    Ok(row.is_some())
}

async fn use_recovery_code(tx: &Operator, user_id: Uuid, code: &str) -> Result<bool> {
    let plain = |character: &char| character.is_ascii_alphanumeric();
    let code: String = code.chars().filter(plain).map(|character| character.to_ascii_uppercase()).collect();
    let row = tx
        .query_opt(
            "DELETE FROM wazapp.recovery_code WHERE user_id = $1 AND hash = $2 RETURNING user_id",
            &[&user_id, &recovery_hash(user_id, &code)],
        )
        .await?;
    Ok(row.is_some())
}

fn recovery_hash(user_id: Uuid, code: &str) -> Vec<u8> {
    Sha256::digest([user_id.as_bytes().as_slice(), code.as_bytes()].concat()).to_vec()
}

fn place(row: &str) -> Place<'_> {
    USER_TOTP.place(Uuid::nil(), row)
}

fn open(keyring: &Keyring, user_id: Uuid, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let text = keyring.open(place(&user_id.to_string()), sealed);
    let text = text.map_err(|unopenable| DatabaseError::Unfit(unopenable.to_string()))?;
    let bytes = BASE32_NOPAD.decode(text.expose_secret().as_bytes());
    bytes
        .map(Zeroizing::new)
        .map_err(|_| DatabaseError::Unfit("user.totp holds no seed: reset the second factor".into()))
}

fn totp(seed: &[u8]) -> Totp {
    let built = Builder::new().with_secret(seed.to_vec()).with_skew(1).with_step_duration(30).with_digits(6).build();
    built.expect("a seed of ours is of a length that is taken")
}

/// As a part of an address.
fn form(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, to six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let totp = totp(b"12345678901234567890");
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(totp.check(code, time), Some(time / 30));
            assert_eq!(totp.check(code, time + 30), Some(time / 30), "one step late");
            assert_eq!(totp.check(code, time + 60), None, "two steps late");
        }
    }

    #[test]
    fn an_address_stays_one_part() {
        assert_eq!(form("ana+x@example.com"), "ana%2Bx@example.com");
        assert_eq!(form("a&secret=b:c"), "a%26secret%3Db%3Ac");
    }
}
