//! Rows as one statement takes them: each column by its name, with its value of a row. The list of columns, the arrays,
//! their types and the parameters' numbers follow from that one list.

use std::fmt::Write;

use postgres_types::{Kind, Type};

use super::Param;

/// One field of many rows: what an array parameter is made of.
pub(crate) fn column<'a, R, T>(rows: &'a [R], field: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(field).collect()
}

/// Rows and what a statement is told of each, by column. In the statement's own words the table is `t`, the rows are `k`,
/// and `{name}` is a value that was [`Rows::given`].
pub(crate) struct Rows<'r, 'p, R> {
    rows: &'r [R],
    columns: Vec<Column>,
    params: Vec<Box<dyn Param + 'p>>,
}

/// A column; its place in the list is its parameter's.
struct Column {
    name: &'static str,
    /// Of its parameter: an array, where the rows differ in it.
    r#type: Type,
    role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Says which stored row is meant.
    Key,
    /// The value, whatever stood there.
    Value,
    /// The value; where a row says nothing, what stands there stays.
    News,
    /// The value where nothing stands yet.
    First,
    /// How much more it is.
    Added,
    /// No column of the table: the statement's own words name it.
    Given,
}

impl<'r, 'p, R> Rows<'r, 'p, R> {
    /// Of these rows nothing is told yet.
    pub(crate) fn of(rows: &'r [R]) -> Self {
        Self { rows, columns: Vec::with_capacity(24), params: Vec::with_capacity(24) }
    }

    /// Which stored row a row is about.
    pub(crate) fn key<T>(self, name: &'static str, value: impl Fn(&'r R) -> T) -> Self
    where
        Vec<T>: Param + 'p,
    {
        self.told(name, Role::Key, value)
    }

    /// A column and its value.
    pub(crate) fn column<T>(self, name: &'static str, value: impl Fn(&'r R) -> T) -> Self
    where
        Vec<T>: Param + 'p,
    {
        self.told(name, Role::Value, value)
    }

    /// A column that stays as it is where a row says nothing of it.
    pub(crate) fn news<T>(self, name: &'static str, value: impl Fn(&'r R) -> Option<T>) -> Self
    where
        Vec<Option<T>>: Param + 'p,
    {
        self.told(name, Role::News, value)
    }

    /// A column that stays as it is once something stands there.
    pub(crate) fn first<T>(self, name: &'static str, value: impl Fn(&'r R) -> Option<T>) -> Self
    where
        Vec<Option<T>>: Param + 'p,
    {
        self.told(name, Role::First, value)
    }

    /// A number, and by how much it grows.
    pub(crate) fn added<T>(self, name: &'static str, value: impl Fn(&'r R) -> T) -> Self
    where
        Vec<T>: Param + 'p,
    {
        self.told(name, Role::Added, value)
    }

    /// A column whose value is the same in all rows.
    pub(crate) fn all(self, name: &'static str, value: impl Param + 'p) -> Self {
        self.takes(name, Role::Value, Box::new(value))
    }

    /// A value that the statement's own words name as `{name}`.
    pub(crate) fn given(self, name: &'static str, value: impl Param + 'p) -> Self {
        self.takes(name, Role::Given, Box::new(value))
    }

    fn told<T>(self, name: &'static str, role: Role, value: impl Fn(&'r R) -> T) -> Self
    where
        Vec<T>: Param + 'p,
    {
        let values = column(self.rows, value);
        self.takes(name, role, Box::new(values))
    }

    fn takes(mut self, name: &'static str, role: Role, param: Box<dyn Param + 'p>) -> Self {
        self.columns.push(Column { name, r#type: param.sql_type(), role });
        self.params.push(param);
        self
    }

    /// New rows of a table; `rest` follows, such as ON CONFLICT.
    pub(crate) fn insert(self, table: &'static str, rest: &'static str) -> Statement<'p> {
        let mut text = Text::of(&self.columns);
        text.insert(table);
        text.say(rest);
        Statement { sql: text.sql, params: self.params }
    }

    /// Changes the rows of a table that the keys name; `rest` follows behind them.
    pub(crate) fn update(self, table: &'static str, rest: &'static str) -> Statement<'p> {
        let mut text = Text::of(&self.columns);
        text.update(table);
        text.say(rest);
        Statement { sql: text.sql, params: self.params }
    }

    /// A statement in its own words, which name the rows, as a relation, by `{rows}`.
    pub(crate) fn statement(self, words: &'static str) -> Statement<'p> {
        let mut text = Text::of(&self.columns);
        text.say(words);
        Statement { sql: text.sql, params: self.params }
    }

    /// Removes the rows of a table that the keys name.
    pub(crate) fn delete(self, table: &'static str) -> Statement<'p> {
        let mut text = Text::of(&self.columns);
        text.delete(table);
        Statement { sql: text.sql, params: self.params }
    }
}

/// A statement with its parameters. The same columns make the same text, so that it is prepared once.
pub(crate) struct Statement<'p> {
    pub(super) sql: String,
    pub(super) params: Vec<Box<dyn Param + 'p>>,
}

/// A statement's text, as it grows.
struct Text<'c> {
    columns: &'c [Column],
    sql: String,
}

impl<'c> Text<'c> {
    fn of(columns: &'c [Column]) -> Self {
        Self { columns, sql: String::with_capacity(128 + 64 * columns.len()) }
    }

    fn insert(&mut self, table: &str) {
        self.push(["INSERT INTO ", table, " AS t ("]);
        self.list(stored, |text, _, column| text.push([column.name]));
        self.push([") SELECT "]);
        self.list(stored, Self::value);
        self.push([" FROM "]);
        self.rows();
    }

    fn update(&mut self, table: &str) {
        self.push(["UPDATE ", table, " AS t SET "]);
        self.list(
            |column| stored(column) && column.role != Role::Key,
            |text, nth, column| {
                text.push([column.name, " = "]);
                text.change(nth, column);
            },
        );
        self.push([" FROM "]);
        self.rows();
        self.keys();
    }

    fn delete(&mut self, table: &str) {
        self.push(["DELETE FROM ", table, " AS t USING "]);
        self.rows();
        self.keys();
    }

    /// The rows, as a relation `k`.
    fn rows(&mut self) {
        self.push(["unnest("]);
        self.list(Column::differs, Self::parameter);
        self.push([") AS k ("]);
        self.list(Column::differs, |text, _, column| text.push([column.name]));
        self.push([")"]);
    }

    fn keys(&mut self) {
        let mut glue = " WHERE t.";
        for column in self.columns.iter().filter(|column| column.role == Role::Key) {
            self.push([glue, column.name, " = k.", column.name]);
            glue = " AND t.";
        }
    }

    /// What a column becomes.
    fn change(&mut self, nth: usize, column: &Column) {
        match column.role {
            Role::News => self.push(["coalesce(k.", column.name, ", t.", column.name, ")"]),
            Role::First => self.push(["coalesce(t.", column.name, ", k.", column.name, ")"]),
            Role::Added => self.push(["t.", column.name, " + k.", column.name]),
            Role::Key | Role::Value | Role::Given => self.value(nth, column),
        }
    }

    /// What a row says of a column.
    fn value(&mut self, nth: usize, column: &Column) {
        if column.differs() {
            self.push(["k.", column.name]);
        } else {
            self.parameter(nth, column);
        }
    }

    fn parameter(&mut self, nth: usize, column: &Column) {
        let written = match column.r#type.kind() {
            Kind::Array(member) => write!(self.sql, "${}::{}[]", nth + 1, member.name()),
            _ => write!(self.sql, "${}::{}", nth + 1, column.r#type.name()),
        };
        written.expect("a string takes all that is written");
    }

    /// The statement's own words.
    fn say(&mut self, words: &str) {
        if !words.is_empty() && !self.sql.is_empty() {
            self.push([" "]);
        }
        let mut rest = words;
        while let Some((before, (name, after))) = rest.split_once('{').and_then(|(a, b)| Some((a, b.split_once('}')?)))
        {
            self.push([before]);
            rest = after;
            if name == "rows" {
                self.rows();
                continue;
            }
            let found = self.columns.iter().position(|column| column.role == Role::Given && column.name == name);
            let nth = found.expect("what the words name is given");
            self.parameter(nth, &self.columns[nth]);
        }
        self.push([rest]);
    }

    fn list(&mut self, chosen: impl Fn(&Column) -> bool, each: impl Fn(&mut Self, usize, &Column)) {
        let mut glue = "";
        for (nth, column) in self.columns.iter().enumerate().filter(|(_, column)| chosen(column)) {
            self.push([glue]);
            each(self, nth, column);
            glue = ", ";
        }
    }

    fn push<const N: usize>(&mut self, words: [&str; N]) {
        words.into_iter().for_each(|word| self.sql.push_str(word));
    }
}

fn stored(column: &Column) -> bool {
    column.role != Role::Given
}

impl Column {
    /// Whether each row has its own value.
    fn differs(&self) -> bool {
        self.role != Role::Given && matches!(self.r#type.kind(), Kind::Array(_))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::database::RawJson;

    struct Note {
        id: i64,
        text: Option<&'static str>,
    }

    fn rows(notes: &[Note]) -> Rows<'_, '_, Note> {
        Rows::of(notes).key("id", |note| note.id)
    }

    #[test]
    fn what_is_inserted_is_named_once() {
        let notes = [Note { id: 1, text: None }];
        let statement = rows(&notes)
            .column("text", |note| note.text.map(RawJson))
            .all("made_at", Timestamp::UNIX_EPOCH)
            .given("now", Timestamp::UNIX_EPOCH)
            .insert("wazapp.note", "ON CONFLICT (id) DO UPDATE SET text = excluded.text, seen_at = {now}");
        assert_eq!(
            statement.sql,
            "INSERT INTO wazapp.note AS t (id, text, made_at) SELECT k.id, k.text, $3::timestamptz \
             FROM unnest($1::int8[], $2::json[]) AS k (id, text) \
             ON CONFLICT (id) DO UPDATE SET text = excluded.text, seen_at = $4::timestamptz"
        );
        assert_eq!(statement.params.len(), 4);
    }

    #[test]
    fn what_is_changed_is_every_column_but_the_keys() {
        let statement = rows(&[])
            .column("text", |note| note.text)
            .news("title", |note| note.text)
            .first("author", |note| note.text)
            .added("edits", |note| note.id)
            .all("changed_at", Timestamp::UNIX_EPOCH)
            .update("wazapp.note", "AND t.text IS NOT NULL");
        assert_eq!(
            statement.sql,
            "UPDATE wazapp.note AS t SET text = k.text, title = coalesce(k.title, t.title), \
             author = coalesce(t.author, k.author), edits = t.edits + k.edits, changed_at = $6::timestamptz \
             FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::int8[]) AS k (id, text, title, author, edits) \
             WHERE t.id = k.id AND t.text IS NOT NULL"
        );
    }

    #[test]
    fn what_is_removed_is_what_all_keys_name() {
        let statement = rows(&[]).key("text", |note| note.text).delete("wazapp.note");
        assert_eq!(
            statement.sql,
            "DELETE FROM wazapp.note AS t USING unnest($1::int8[], $2::text[]) AS k (id, text) \
             WHERE t.id = k.id AND t.text = k.text"
        );
    }
}
