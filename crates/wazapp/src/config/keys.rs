//! Secrets that wazapp makes for itself on first use and keeps in DATA_DIR.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use secrecy::{ExposeSecret, SecretString};

use super::data_dir::{create_data_dir, give_to_owner};
use super::error::ConfigError;

/// A secret, and what the operator should hear about how it is kept.
#[derive(Debug)]
pub struct Kept<T> {
    /// The secret.
    pub value: T,
    /// One line for the log, if its file is open to others.
    pub warning: Option<String>,
}

impl<T> Kept<T> {
    pub(super) fn given(value: T) -> Self {
        Self { value, warning: None }
    }
}

/// A secret's text and the file it is from.
pub(super) struct KeptText {
    text: SecretString,
    path: String,
    warning: Option<String>,
}

impl KeptText {
    pub(super) fn and_then<T>(
        self,
        parse: impl FnOnce(&SecretString) -> Result<T, String>,
    ) -> Result<Kept<T>, ConfigError> {
        let value = parse(&self.text).map_err(|problem| ConfigError::about(self.path, problem))?;
        Ok(Kept { value, warning: self.warning })
    }
}

/// How a secret that is made looks.
#[derive(Clone, Copy)]
pub(super) enum Look {
    /// 64 hexadecimal digits.
    Key,
    /// Four groups of four letters and digits, to be typed.
    Code,
}

impl Look {
    fn make(self) -> io::Result<SecretString> {
        match self {
            Self::Key => random_hex(32),
            Self::Code => {
                let mut random = [0; 10];
                model::secret::random(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
                let text = BASE32_NOPAD.encode(&random);
                Ok([&text[..4], &text[4..8], &text[8..12], &text[12..]].join("-").into())
            }
        }
    }
}

/// Reads `DATA_DIR/name`, after making it at random if need be.
pub(super) fn read_or_create(data_dir: &Path, name: &str, look: Look) -> Result<KeptText, ConfigError> {
    let path = data_dir.join(name);
    let shown = path.display().to_string();
    read_or_create_text(data_dir, name, look).map_err(|error| {
        ConfigError::about(shown, format!("cannot be read or made ({error}): check data_dir and its permissions"))
    })
}

fn read_or_create_text(data_dir: &Path, name: &str, look: Look) -> io::Result<KeptText> {
    let path = data_dir.join(name);
    if !path.try_exists()? {
        create_data_dir(data_dir)?;
        create(data_dir, name, look)?;
    }
    let text = SecretString::from(fs::read_to_string(&path)?);
    let mode = fs::metadata(&path)?.permissions().mode() & 0o777;
    let path = path.display().to_string();
    let warning =
        (mode & 0o077 != 0).then(|| format!("{path} can be read by others (mode {mode:04o}): chmod 600 {path}"));
    Ok(KeptText { text, path, warning })
}

/// Two processes may do this at once: each writes its own file in full, and
/// the link to the name, which fails if the name exists, lets one of them win.
fn create(data_dir: &Path, name: &str, look: Look) -> io::Result<()> {
    let secret = look.make()?;
    let draft = data_dir.join(format!(".{name}.{}", random_hex(8)?.expose_secret()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = writeln!(file, "{}", secret.expose_secret())
        .and_then(|()| give_to_owner(&file, data_dir))
        .and_then(|()| file.sync_all())
        .and_then(|()| match fs::hard_link(&draft, data_dir.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        });
    fs::remove_file(&draft)?;
    written?;
    File::open(data_dir)?.sync_all()
}

/// Puts a text in the place of `DATA_DIR/name`. Whenever this process or the machine ends, one of the two is there, whole.
pub(super) fn replace(data_dir: &Path, name: &str, text: &SecretString) -> io::Result<()> {
    let draft = data_dir.join(format!(".{name}.new"));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(text.expose_secret().as_bytes())?;
    give_to_owner(&file, data_dir)?;
    file.sync_all()?;
    fs::rename(&draft, data_dir.join(name))?;
    File::open(data_dir)?.sync_all()
}

/// Whether a key is one that nobody drew at random: of few bytes that repeat, or of bytes that go up in steps.
pub(super) fn is_guessable(key: &[u8; 32]) -> bool {
    let different: BTreeSet<u8> = key.iter().copied().collect();
    let step = key[1].wrapping_sub(key[0]);
    // Of 32 random bytes, 30 are different.
    different.len() <= 16 || key.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step)
}

fn random_hex(bytes: usize) -> io::Result<SecretString> {
    let mut random = vec![0; bytes];
    model::secret::random(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(SecretString::from(HEXLOWER.encode(&random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_repeats_is_told_from_one_drawn_at_random() {
        let steps: [u8; 32] = std::array::from_fn(|nth| u8::try_from(nth).expect("small"));
        let words: [u8; 32] = *b"0123456789abcdef0123456789abcdef";
        for key in [[0; 32], [0xab; 32], steps, words] {
            assert!(is_guessable(&key), "{key:?}");
        }
        for _ in 0..1000 {
            let mut key = [0; 32];
            model::secret::random(&mut key).expect("random bytes");
            assert!(!is_guessable(&key), "{key:?}");
        }
    }
}
