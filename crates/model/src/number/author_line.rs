//! What stands before a message that somebody writes on a page, so that the customer knows who it is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

use super::Number;
use crate::database::{DatabaseError, Result, Tenant};
use crate::event::{self, Kind, New};

/// What stands before a message that somebody writes on a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthorLine {
    /// Nothing.
    #[default]
    None,
    /// The whole name of whoever writes, as a line of its own.
    Name,
    /// The first word of it.
    FirstName,
}

impl AuthorLine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Name, Self::FirstName];

    /// As stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Name => "name",
            Self::FirstName => "first_name",
        }
    }

    /// Reads its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|line| line.word() == word)
    }

    pub(super) fn read(row: &Row) -> Result<Self> {
        let word: String = row.get("author_line");
        Self::of(&word).ok_or(DatabaseError::UnknownWord { column: "number.author_line", word })
    }

    /// The line of whoever writes, in bold as WhatsApp marks it.
    pub fn of_writer(self, name: &str) -> Option<String> {
        // What marks words would end the line's own mark.
        let plain: String = name.chars().filter(|char| !"*_~`".contains(*char) && !char.is_control()).collect();
        let mut words = plain.split_whitespace();
        let shown = match self {
            Self::None => String::new(),
            Self::Name => words.collect::<Vec<_>>().join(" "),
            Self::FirstName => words.next().unwrap_or_default().to_owned(),
        };
        (!shown.is_empty()).then(|| format!("*{shown}*"))
    }

    /// What this writer typed of a message, whichever line its number put before it then.
    pub fn typed<'a>(text: &'a str, name: &str) -> &'a str {
        let lines = Self::ALL.into_iter().filter_map(|line| line.of_writer(name));
        lines.filter_map(|line| text.strip_prefix(&line)?.strip_prefix('\n')).next().unwrap_or(text)
    }
}

/// Has messages of a number that people write on pages begin so from now on. `None`: there is no such number.
pub async fn set_author_line(tx: &Tenant, now: Timestamp, id: Uuid, author_line: AuthorLine) -> Result<Option<Number>> {
    let Some((known, _)) = super::get(tx, id, now).await? else { return Ok(None) };
    if known.author_line == author_line {
        return Ok(Some(known));
    }
    let line = event::line(tx).await?;
    tx.query(
        "UPDATE wazapp.number SET author_line = $3, updated_at = $4 WHERE organization_id = $1 AND id = $2",
        &[&tx.organization_id(), &id, &author_line.word(), &now],
    )
    .await?;
    let changed = super::get(tx, id, now).await?.map(|(number, _)| number);
    if let Some(number) = &changed {
        line.record(New::of(Kind::NumberUpdated, now, Some(id), number)).await?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_who_writes_it() {
        assert_eq!(AuthorLine::None.of_writer("Luis Gómez"), None);
        assert_eq!(AuthorLine::Name.of_writer("Luis  *Gómez*").as_deref(), Some("*Luis Gómez*"));
        assert_eq!(AuthorLine::FirstName.of_writer("Luis Gómez").as_deref(), Some("*Luis*"));
        assert_eq!(AuthorLine::FirstName.of_writer("*\n_"), None, "who has no name has no line");
        for text in ["*Luis Gómez*\nhola", "*Luis*\nhola", "hola"] {
            assert_eq!(AuthorLine::typed(text, "Luis Gómez"), "hola");
        }
        for text in ["*Luis*", "*Luis* hola", "*Marta*\nhola"] {
            assert_eq!(AuthorLine::typed(text, "Luis Gómez"), text);
        }
        for line in AuthorLine::ALL {
            assert_eq!(AuthorLine::of(line.word()), Some(line));
        }
    }
}
