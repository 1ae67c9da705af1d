//! The proof: a search of everything that an organization has.

use serde::Serialize;

use super::mark;
use crate::database::{Operator, Result};
use crate::scope::Scope;
use crate::transfer::{Column, Table, quoted};

/// What is sought.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    /// Found wherever they stand: see [`mark`].
    pub marks: Vec<String>,
    /// Found where they are all that is said: a value, or a string in JSON.
    pub called: Vec<String>,
}

/// Where it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// So many rows.
    pub rows: u64,
}

/// Columns that hold words, bytes or ids. Bodies for endpoints are read one by one, as what was received is.
fn is_searched(table: &Table, column: &Column) -> bool {
    let is_raw = table.name == "relay" && column.is_bytes();
    !is_raw && matches!(column.kind.as_str(), "text" | "json" | "jsonb" | "bytea" | "text[]" | "uuid" | "uuid[]")
}

/// As strings are written in JSON, with and without escapes beyond ASCII.
pub(super) fn in_json(word: &str) -> [String; 3] {
    let plain = serde_json::to_string(word).expect("a string is JSON");
    let escaped = |upper: bool| {
        let mut text = String::new();
        for char in plain.chars() {
            if char.is_ascii() {
                text.push(char);
                continue;
            }
            for unit in char.encode_utf16(&mut [0; 2]) {
                text += &if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
            }
        }
        text
    };
    [escaped(false), escaped(true), plain.clone()]
}

impl Sought {
    /// What is called so, as JSON holds it.
    pub fn quoted(&self) -> Vec<String> {
        self.called.iter().flat_map(|word| in_json(word)).collect()
    }
}

/// Looks through a table of an organization. Answers where marks are, and where something is called so.
pub async fn any_organization_found(
    tx: &Operator,
    scope: &Scope,
    table: &Table,
    sought: &Sought,
) -> Result<(Vec<Found>, Vec<Found>)> {
    let columns: Vec<&Column> = table.columns.iter().filter(|column| is_searched(table, column)).collect();
    let mut counted = Vec::new();
    for column in &columns {
        let name = quoted(&column.name);
        let (within, whole) = match column.is_bytes() {
            true => (
                format!("position(convert_to(k.word, 'UTF8') IN t.{name}) > 0"),
                format!(
                    "EXISTS (SELECT FROM unnest($4::text[]) AS k (word) WHERE position(convert_to(k.word, 'UTF8') IN t.{name}) > 0)"
                ),
            ),
            false => (
                format!("strpos(t.{name}::text, k.word) > 0 AND t.{name}::text ~ k.pattern"),
                format!(
                    "t.{name}::text = ANY ($3::text[])
                     OR EXISTS (SELECT FROM unnest($4::text[]) AS k (word) WHERE strpos(t.{name}::text, k.word) > 0)"
                ),
            ),
        };
        counted.push(format!(
            "count(*) FILTER (WHERE EXISTS (SELECT FROM unnest($2::text[], $5::text[]) AS k (word, pattern) WHERE {within}))"
        ));
        counted.push(format!("count(*) FILTER (WHERE {whole})"));
    }
    // So that each parameter has its type, whatever columns there are.
    let statement = format!(
        "SELECT {} FROM {} t WHERE t.{} = $1 AND num_nulls($2::text[], $3::text[], $4::text[], $5::text[]) = 0",
        counted.join(", "),
        table.place(),
        table.owner()
    );
    let (organization_id, quoted) = (scope.organization_id(), sought.quoted());
    let patterns: Vec<String> = sought.marks.iter().map(|mark| mark::pattern(mark)).collect();
    let row = tx.query_opt(&statement, &[&organization_id, &sought.marks, &sought.called, &quoted, &patterns]).await?;
    let (mut marks, mut called) = (Vec::new(), Vec::new());
    let Some(row) = row else { return Ok((marks, called)) };
    for (nth, column) in columns.iter().enumerate() {
        for (list, at) in [(&mut marks, 2 * nth), (&mut called, 2 * nth + 1)] {
            let rows = u64::try_from(row.get::<_, i64>(at)).unwrap_or(0);
            if rows > 0 {
                list.push(Found { table: table.name.clone(), column: column.name.clone(), rows });
            }
        }
    }
    Ok((marks, called))
}

#[cfg(test)]
mod tests {
    use super::in_json;

    #[test]
    fn a_name_is_found_however_json_writes_it() {
        assert_eq!(in_json("Lucía"), [r#""Luc\u00eda""#, r#""Luc\u00EDa""#, r#""Lucía""#]);
    }
}
