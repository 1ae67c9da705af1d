//! Rows as one statement takes them: each column by its name, with its value of a row. The list of columns, the arrays,
//! their types and the parameters' numbers follow from that one list.

use std::fmt::Write;

use postgres_types::{Kind, Type};

use super::{Engine, Param};

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
        self.does(Deed::Insert { table, rest })
    }

    /// Changes the rows of a table that the keys name; `rest` follows behind them.
    pub(crate) fn update(self, table: &'static str, rest: &'static str) -> Statement<'p> {
        self.does(Deed::Update { table, rest })
    }

    /// Removes the rows of a table that the keys name.
    pub(crate) fn delete(self, table: &'static str) -> Statement<'p> {
        self.does(Deed::Delete { table })
    }

    /// A statement in its own words. They name the rows, as a relation, by `{rows}`, or by `{numbered rows}` if they want
    /// their `nth` too, counted from 1; and say behind what joins a table `t` to them `{here t}`: that it is read for the
    /// rows' organizations alone, which a join does not tell every engine.
    pub(crate) fn statement(self, words: &'static str) -> Statement<'p> {
        self.does(Deed::Words(words))
    }

    fn does(self, deed: Deed) -> Statement<'p> {
        Statement { deed, columns: self.columns, params: self.params }
    }
}

/// A statement with its parameters. The same columns make the same text, so that it is prepared once.
pub(crate) struct Statement<'p> {
    deed: Deed,
    columns: Vec<Column>,
    pub(super) params: Vec<Box<dyn Param + 'p>>,
}

enum Deed {
    Insert { table: &'static str, rest: &'static str },
    Update { table: &'static str, rest: &'static str },
    Delete { table: &'static str },
    Words(&'static str),
}

impl Statement<'_> {
    /// Its text, in the form that this engine takes.
    pub(super) fn text(&self, engine: Engine) -> String {
        let columns = &self.columns;
        let mut text = Text { engine, columns, sql: String::with_capacity(160 + 64 * columns.len()) };
        match self.deed {
            Deed::Insert { table, rest } => text.insert(table, rest),
            Deed::Update { table, rest } => text.update(table, rest),
            Deed::Delete { table } => text.delete(table),
            Deed::Words(words) => text.say(words),
        }
        text.sql
    }
}

/// A statement's text, as it grows.
struct Text<'c> {
    engine: Engine,
    columns: &'c [Column],
    sql: String,
}

impl Text<'_> {
    fn insert(&mut self, table: &str, rest: &str) {
        self.push(["INSERT INTO ", table, " AS t ("]);
        self.list(stored, |text, _, column| text.push([column.name]));
        self.push([") SELECT "]);
        match self.organization().filter(|_| self.engine == Engine::Citus) {
            Some(nth) => self.anchored(nth),
            None => {
                self.list(stored, Self::value);
                self.push([" FROM "]);
                self.rows("");
            }
        }
        self.push([" "]);
        self.say(rest);
    }

    /// New rows of organizations, read with a row of each. Citus carries that out where the organizations are; of rows that
    /// come from nowhere it makes a COPY, which row-level security does not allow.
    fn anchored(&mut self, organization: usize) {
        self.list(stored, |text, nth, column| match nth == organization {
            true => text.push(["s.organization_id"]),
            false => text.value(nth, column),
        });
        self.push([" FROM wazapp.organization_sequence AS s CROSS JOIN "]);
        self.rows("");
        self.push([" WHERE s.organization_id = "]);
        if self.columns[organization].differs() {
            self.push(["k.organization_id"]);
            self.here("s");
        } else {
            self.parameter(organization, &self.columns[organization]);
        }
    }

    fn update(&mut self, table: &str, rest: &str) {
        self.push(["UPDATE ", table, " AS t SET "]);
        self.list(
            |column| stored(column) && column.role != Role::Key,
            |text, nth, column| {
                text.push([column.name, " = "]);
                text.change(nth, column);
            },
        );
        self.push([" FROM "]);
        self.rows("");
        self.keys();
        self.push([" "]);
        self.say(rest);
    }

    fn delete(&mut self, table: &str) {
        self.push(["DELETE FROM ", table, " AS t USING "]);
        self.rows("");
        self.keys();
    }

    /// The rows, as a relation `k`.
    fn rows(&mut self, numbered: &str) {
        self.push(["unnest("]);
        self.list(Column::differs, Self::parameter);
        self.push([")", numbered, " AS k ("]);
        self.list(Column::differs, |text, _, column| text.push([column.name]));
        self.push([if numbered.is_empty() { ")" } else { ", nth)" }]);
    }

    fn keys(&mut self) {
        let mut glue = " WHERE t.";
        for column in self.columns.iter().filter(|column| column.role == Role::Key) {
            self.push([glue, column.name, " = k.", column.name]);
            glue = " AND t.";
        }
        self.here("t");
    }

    /// Where the column of the rows' organizations stands, if they have one.
    fn organization(&self) -> Option<usize> {
        self.columns.iter().position(|column| column.name == "organization_id")
    }

    /// Says of a table that only the rows' organizations are meant. Citus asks all shards otherwise; PostgreSQL knows it
    /// from the join, and would look through the list for each row.
    fn here(&mut self, table: &str) {
        let Some(nth) = self.organization().filter(|_| self.engine == Engine::Citus) else { return };
        self.push([" AND ", table, ".organization_id = ANY ("]);
        self.parameter(nth, &self.columns[nth]);
        self.push([")"]);
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
        let mut rest = words;
        while let Some((before, (name, after))) = rest.split_once('{').and_then(|(a, b)| Some((a, b.split_once('}')?)))
        {
            self.push([before]);
            match (name, name.strip_prefix("here ")) {
                ("rows", _) => self.rows(""),
                ("numbered rows", _) => self.rows(" WITH ORDINALITY"),
                (_, Some(table)) => self.here(table),
                (given, None) => self.given(given),
            }
            rest = after;
        }
        self.push([rest]);
    }

    fn given(&mut self, name: &str) {
        let found = self.columns.iter().position(|column| column.role == Role::Given && column.name == name);
        let nth = found.expect("what the words name is given");
        self.parameter(nth, &self.columns[nth]);
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
    use uuid::Uuid;

    use super::*;
    use crate::database::RawJson;

    struct Note {
        organization_id: Uuid,
        id: i64,
        text: Option<&'static str>,
    }

    const NOTES: &[Note] = &[Note { organization_id: Uuid::nil(), id: 1, text: None }];

    fn keys() -> Rows<'static, 'static, Note> {
        Rows::of(NOTES).key("organization_id", |note| note.organization_id).key("id", |note| note.id)
    }

    fn texts(statement: &Statement<'_>) -> [String; 2] {
        [Engine::PostgreSql, Engine::Citus].map(|engine| statement.text(engine))
    }

    #[test]
    fn what_is_inserted_is_named_once() {
        let statement = keys()
            .column("text", |note| note.text.map(RawJson))
            .all("made_at", Timestamp::UNIX_EPOCH)
            .given("now", Timestamp::UNIX_EPOCH)
            .insert("wazapp.note", "ON CONFLICT (id) DO UPDATE SET text = excluded.text, seen_at = {now}");
        let [plain, citus] = texts(&statement);
        assert_eq!(
            plain,
            "INSERT INTO wazapp.note AS t (organization_id, id, text, made_at) \
             SELECT k.organization_id, k.id, k.text, $4::timestamptz \
             FROM unnest($1::uuid[], $2::int8[], $3::json[]) AS k (organization_id, id, text) \
             ON CONFLICT (id) DO UPDATE SET text = excluded.text, seen_at = $5::timestamptz"
        );
        assert_eq!(
            citus,
            "INSERT INTO wazapp.note AS t (organization_id, id, text, made_at) \
             SELECT s.organization_id, k.id, k.text, $4::timestamptz \
             FROM wazapp.organization_sequence AS s \
             CROSS JOIN unnest($1::uuid[], $2::int8[], $3::json[]) AS k (organization_id, id, text) \
             WHERE s.organization_id = k.organization_id AND s.organization_id = ANY ($1::uuid[]) \
             ON CONFLICT (id) DO UPDATE SET text = excluded.text, seen_at = $5::timestamptz"
        );
        assert_eq!(statement.params.len(), 5);
    }

    #[test]
    fn rows_of_one_organization_and_of_none_are_inserted_as_such() {
        let of_one = || Rows::of(NOTES).column("id", |note| note.id).all("organization_id", Uuid::nil());
        assert_eq!(
            of_one().insert("wazapp.note", "").text(Engine::Citus),
            "INSERT INTO wazapp.note AS t (id, organization_id) SELECT k.id, s.organization_id \
             FROM wazapp.organization_sequence AS s CROSS JOIN unnest($1::int8[]) AS k (id) \
             WHERE s.organization_id = $2::uuid "
        );
        let [plain, citus] = texts(&Rows::of(NOTES).column("id", |note| note.id).insert("wazapp.lane", ""));
        assert_eq!(plain, "INSERT INTO wazapp.lane AS t (id) SELECT k.id FROM unnest($1::int8[]) AS k (id) ");
        assert_eq!(plain, citus, "what belongs to no organization stands on one node");
    }

    #[test]
    fn what_is_changed_is_every_column_but_the_keys() {
        let statement = keys()
            .column("text", |note| note.text)
            .news("title", |note| note.text)
            .first("author", |note| note.text)
            .added("edits", |note| note.id)
            .all("changed_at", Timestamp::UNIX_EPOCH)
            .update("wazapp.note", "AND t.text IS NOT NULL");
        let [plain, citus] = texts(&statement);
        assert_eq!(
            plain,
            "UPDATE wazapp.note AS t SET text = k.text, title = coalesce(k.title, t.title), \
             author = coalesce(t.author, k.author), edits = t.edits + k.edits, changed_at = $7::timestamptz \
             FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::text[], $5::text[], $6::int8[]) \
             AS k (organization_id, id, text, title, author, edits) \
             WHERE t.organization_id = k.organization_id AND t.id = k.id AND t.text IS NOT NULL"
        );
        let within = plain.replace("t.id = k.id", "t.id = k.id AND t.organization_id = ANY ($1::uuid[])");
        assert_eq!(citus, within);
    }

    #[test]
    fn what_is_removed_is_what_all_keys_name() {
        let [plain, citus] = texts(&keys().delete("wazapp.note"));
        assert_eq!(
            plain,
            "DELETE FROM wazapp.note AS t USING unnest($1::uuid[], $2::int8[]) AS k (organization_id, id) \
             WHERE t.organization_id = k.organization_id AND t.id = k.id"
        );
        assert_eq!(citus, format!("{plain} AND t.organization_id = ANY ($1::uuid[])"));
    }

    #[test]
    fn words_of_its_own_name_the_rows() {
        let words = "SELECT k.nth, {now} FROM {numbered rows} JOIN wazapp.note n ON n.id = k.id{here n} WHERE true";
        let [plain, citus] = texts(&keys().given("now", Timestamp::UNIX_EPOCH).statement(words));
        assert_eq!(
            plain,
            "SELECT k.nth, $3::timestamptz \
             FROM unnest($1::uuid[], $2::int8[]) WITH ORDINALITY AS k (organization_id, id, nth) \
             JOIN wazapp.note n ON n.id = k.id WHERE true"
        );
        assert_eq!(citus, plain.replace(" WHERE", " AND n.organization_id = ANY ($1::uuid[]) WHERE"));
    }
}
