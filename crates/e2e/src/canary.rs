//! Secrets that must show nowhere, and the places to look for them.

use std::path::{Path, PathBuf};

use tokio_postgres::Client;

/// A shorter secret has no ends worth a look, and is looked for as a word of its own: digits are everywhere.
const SHORT: usize = 16;

/// Secrets, by name.
#[derive(Debug)]
pub struct Canaries(Vec<Canary>);

#[derive(Debug)]
struct Canary {
    name: String,
    /// As it is, and as a careless "…abcd" would show it.
    plain: Vec<Vec<u8>>,
    /// As PostgreSQL prints bytes.
    hex: Vec<u8>,
    short: bool,
}

impl Canaries {
    /// Looks for these.
    pub fn of(secrets: &[(&str, &str)]) -> Self {
        let canary = |(name, secret): &(&str, &str)| {
            let bytes = secret.as_bytes();
            let short = bytes.len() < SHORT;
            let mut plain = vec![bytes.to_vec()];
            if !short {
                plain.push(bytes[bytes.len() - 12..].to_vec());
            }
            Canary { name: (*name).to_owned(), plain, hex: hex(secret).into_bytes(), short }
        };
        Self(secrets.iter().map(canary).collect())
    }

    /// Asserts that a text, a file, or whatever it is shows none of them.
    #[track_caller]
    pub fn assert_absent(&self, place: &str, bytes: &[u8]) {
        for canary in &self.0 {
            let plain = canary.plain.iter().find_map(|shape| find(bytes, shape, canary.short));
            if let Some(at) = plain.or_else(|| find(bytes, &canary.hex, false)) {
                let around = String::from_utf8_lossy(&bytes[at.saturating_sub(120)..at]);
                panic!("{place} shows the {}, after: {around}", canary.name);
            }
        }
    }
}

/// Whether bytes are in others.
pub fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    find(bytes, wanted, false).is_some()
}

/// As PostgreSQL prints bytea.
pub fn hex(text: &str) -> String {
    data_encoding::HEXLOWER.encode(text.as_bytes())
}

fn find(bytes: &[u8], wanted: &[u8], as_a_word: bool) -> Option<usize> {
    // The first byte is sought quickly, for there are hundreds of megabytes.
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(|byte| *byte == wanted[0]) {
        from += found;
        if bytes[from..].starts_with(wanted) && !(as_a_word && within(bytes, from, wanted.len())) {
            return Some(from);
        }
        from += 1;
    }
    None
}

/// Whether what is there is a part of a longer word or number, as of the fraction of a second.
fn within(bytes: &[u8], at: usize, length: usize) -> bool {
    let goes_on = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    goes_on(before) || before == Some(&b'.') || goes_on(bytes.get(at + length))
}

/// Every row of every table of a database, as text, one a line.
pub async fn rows(sql: &Client) -> String {
    let tables = sql
        .query(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')",
            &[],
        )
        .await
        .expect("the tables");
    let mut all = String::new();
    for table in tables {
        let table: &str = table.get(0);
        for row in sql.query(&format!("SELECT t::text FROM {table} t"), &[]).await.expect("its rows") {
            all.push_str(table);
            all.push_str(": ");
            all.push_str(row.get(0));
            all.push('\n');
        }
    }
    all
}

/// All files below a directory.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut directories) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let entry = entry.expect("an entry");
            let kind = entry.file_type().expect("a type");
            if kind.is_dir() {
                directories.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::{Canaries, contains};

    #[test]
    fn a_canary_is_found_in_each_of_its_shapes() {
        let canaries = Canaries::of(&[("token", "canary-token-0123456789"), ("PIN", "074913")]);
        for place in
            ["x canary-token-0123456789 y", "…n-0123456789", "\\x63616e6172792d746f6b656e2d30313233343536373839"]
        {
            assert!(catch_unwind(|| canaries.assert_absent("it", place.as_bytes())).is_err(), "{place}");
        }
        for place in [r#"{"pin":"074913"}"#, "pin=074913", "074913", "\\x303734393133"] {
            assert!(catch_unwind(|| canaries.assert_absent("it", place.as_bytes())).is_err(), "{place}");
        }
        for place in ["", "canary-token-1123456788", "12:00:00.074913Z", "1074913", "0749132", "a074913"] {
            canaries.assert_absent("it", place.as_bytes());
        }
        assert!(contains(b"aab", b"ab") && !contains(b"aa", b"ab"));
    }
}
