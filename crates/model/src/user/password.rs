//! Passwords: argon2id, off the asynchronous threads, and only a few at once.
//! <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id>

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::secret;

/// So many are hashed at once: each takes 19 MiB, and a core while it lasts.
const AT_ONCE: usize = 2;

/// So many wait for that; more are told to come again.
const WAITING: usize = 32;

/// The shortest password that is taken, in characters.
pub const SHORTEST: usize = 10;

/// The longest, in bytes: hashing must not be a way to keep us busy.
pub const LONGEST: usize = 1024;

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Fewer than [`SHORTEST`] characters.
    TooShort,
    /// More than [`LONGEST`] bytes.
    TooLong,
    /// One of those that everybody tries first, or the account's own name.
    TooCommon,
}

/// Too many passwords are being looked at.
#[derive(Clone, Copy, Debug)]
pub struct Busy;

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Verified where there is no account, so that it takes as long.
    nobodys: Arc<str>,
}

impl Default for Passwords {
    fn default() -> Self {
        let nobodys = hash(&SecretString::from("nobody has this password")).into();
        let (turns, waiting) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(WAITING)));
        Self { turns, waiting, nobodys }
    }
}

impl Passwords {
    /// What is kept of a password: a PHC string.
    pub async fn hash(&self, password: SecretString) -> Result<String, Busy> {
        self.at_work(move || hash(&password)).await
    }

    /// Whether it is the password that was kept. Where none is, it takes as long and is not.
    pub async fn verify(&self, password: SecretString, kept: Option<String>) -> Result<bool, Busy> {
        let nobodys = self.nobodys.clone();
        self.at_work(move || {
            let known = kept.is_some();
            let is_it = verify(&password, kept.as_deref().unwrap_or(&nobodys));
            known && is_it
        })
        .await
    }

    async fn at_work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Busy)?;
        let turn = self.turns.clone().acquire_owned().await.expect("the semaphore is never closed");
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        Ok(done.await.expect("hashing does not panic"))
    }
}

/// Whether a password may be taken for an account of this e-mail address.
pub fn fit(password: &SecretString, email: &str) -> Result<(), Unfit> {
    let text = password.expose_secret();
    if text.chars().count() < SHORTEST {
        return Err(Unfit::TooShort);
    }
    if text.len() > LONGEST {
        return Err(Unfit::TooLong);
    }
    let folded = text.to_lowercase();
    let account = email.split('@').next().unwrap_or_default().to_lowercase();
    let letters: String = folded.chars().filter(|character| character.is_alphabetic()).collect();
    let is_own = folded == email.to_lowercase() || account.chars().count() > 2 && letters == account;
    let first = folded.chars().next();
    let is_one_character = folded.chars().all(|character| Some(character) == first);
    if is_own
        || is_one_character
        || COMMON.iter().any(|common| folded.starts_with(common) && folded.len() < common.len() + 5)
    {
        return Err(Unfit::TooCommon);
    }
    Ok(())
}

/// Beginnings of those that are tried first, of a length that is otherwise taken.
const COMMON: &[&str] = &[
    "1234567890",
    "0123456789",
    "123456789",
    "0987654321",
    "987654321",
    "qwertyuiop",
    "qwerty123",
    "1q2w3e4r5t",
    "1qaz2wsx3edc",
    "password",
    "passw0rd",
    "p@ssword",
    "contrase\u{f1}a",
    "contrasena",
    "administrador",
    "administrator",
    "admin123",
    "iloveyou",
    "teamomucho",
    "letmein",
    "welcome",
    "bienvenido",
    "whatsapp",
    "wazapp",
    "changeme",
    "cambiame",
    "abcdefghij",
    "abcdefgh",
    "asdfghjkl",
];

fn hash(password: &SecretString) -> String {
    let mut salt = [0; 16];
    secret::random(&mut salt).expect("the operating system gives random bytes");
    let hashed = Argon2::default().hash_password_with_salt(password.expose_secret().as_bytes(), &salt);
    hashed.expect("the parameters and the salt are of a length that argon2 takes").to_string()
}

fn verify(password: &SecretString, kept: &str) -> bool {
    let Ok(kept) = PasswordHash::new(kept) else {
        return false;
    };
    Argon2::default().verify_password(password.expose_secret().as_bytes(), &kept).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_it() {
        let passwords = Passwords::default();
        let secret = |text: &str| SecretString::from(text.to_owned());
        let kept = passwords.hash(secret("correct horse battery")).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(passwords.verify(secret("correct horse battery"), Some(kept.clone())).await.unwrap());
        assert!(!passwords.verify(secret("correct horse batterY"), Some(kept)).await.unwrap());
        assert!(!passwords.verify(secret("nobody has this password"), None).await.unwrap(), "there is no account");
        assert!(!passwords.verify(secret("anything at all"), Some("not a hash".into())).await.unwrap());
    }

    #[test]
    fn what_is_guessed_first_is_not_taken() {
        let of = |text: &str| fit(&SecretString::from(text.to_owned()), "lucia.perez@example.com");
        assert_eq!(of("corto"), Err(Unfit::TooShort));
        assert_eq!(of(&"x".repeat(2000)), Err(Unfit::TooLong));
        for common in
            ["1234567890", "Password123", "qwertyuiop1", "aaaaaaaaaaaa", "lucia.perez@example.com", "WhatsApp2026"]
        {
            assert_eq!(of(common), Err(Unfit::TooCommon), "{common}");
        }
        for good in ["una frase larga", "tqx7 Kp2 mmz", "la llave de mi casa vieja"] {
            assert_eq!(of(good), Ok(()), "{good}");
        }
    }
}
