//! Finding people by a part of what is known of them.
//!
//! The newest are looked at one by one, which finds what many have; what few have, an index finds. Row-level security
//! keeps a request's own role from using such an index (`LIKE` might tell of rows that are not shown), so the index is
//! asked as the worker, for the ids of one organization; the rows are then read under row-level security like any others.
//! Of somebody who is limited to see a part, all that they see are looked at: ids of others would make pages short, and tell.

use uuid::Uuid;

use crate::database::{Database, Param, Result};
use crate::scope::Scope;

/// An index of three signs each finds nothing shorter.
const SHORTEST_INDEXED: usize = 3;

/// So many of the newest are looked at one by one.
const NEWEST: i64 = 500;

/// The same for what no index finds.
const NEWEST_FOR_SHORT: i64 = 2000;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Search {
    pattern: String,
    indexed: bool,
}

/// What a contact `c` is found by, and whether it matches the pattern `$pattern`: the same words as the index's.
macro_rules! matches {
    ($pattern:literal) => {
        concat!(
            "wazapp.contact_text(c.own_name, c.book_name, c.profile_name, c.wa_id, c.user_id, c.username)
             LIKE wazapp.searchable(",
            $pattern,
            ")"
        )
    };
}
pub(crate) use matches;

impl Search {
    /// Of a text as people write it: a username with its `@`, a phone number with its blanks.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let text = text.strip_prefix('@').filter(|name| !name.is_empty()).unwrap_or(text);
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let is_phone = digits.len() >= SHORTEST_INDEXED
            && text.chars().all(|char| char.is_ascii_digit() || " +-().\u{a0}".contains(char));
        let text = if is_phone { &digits } else { text };
        Self { pattern: contains(text), indexed: text.chars().count() >= SHORTEST_INDEXED }
    }

    /// A LIKE pattern.
    pub(crate) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether the index can find it.
    pub(crate) fn is_indexed(&self) -> bool {
        self.indexed
    }

    /// How many of the newest are looked at one by one.
    pub(crate) fn newest(&self) -> i64 {
        if self.indexed { NEWEST } else { NEWEST_FOR_SHORT }
    }

    /// The ids that a statement finds, which asks the index unless whoever asks is limited.
    pub(crate) async fn find(
        database: &Database,
        scope: &Scope,
        sql: &str,
        params: &[&dyn Param],
    ) -> Result<Vec<Uuid>> {
        let rows = if scope.viewer_id().is_some() {
            database.tenant(scope).await?.query_filtered(sql, params).await?
        } else {
            database.operator_for(scope).await?.query(sql, params).await?
        };
        Ok(rows.iter().map(|row| row.get("id")).collect())
    }
}

/// A LIKE pattern for "contains this text", whatever signs the text holds.
fn contains(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_what_is_kept() {
        for (written, pattern, indexed) in [
            ("Ana", "%Ana%", true),
            (" @ana.lopez ", "%ana.lopez%", true),
            ("@", "%@%", false),
            ("+54 9 351 555-1234", "%5493515551234%", true),
            ("(351) 555.1234", "%3515551234%", true),
            ("+1", "%+1%", false),
            ("100%", "%100\\%%", true),
            ("a_", "%a\\_%", false),
            ("小龍", "%小龍%", false),
        ] {
            let search = Search::new(written);
            assert_eq!((search.pattern(), search.is_indexed()), (pattern, indexed), "{written}");
        }
    }
}
