//! The tables of a copy: what they keep, and where the API says it.

use crate::record::Record;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Uuid,
    Text,
    Bigint,
    Integer,
    Time,
    /// Meta's own JSON, byte for byte: it may hold what `jsonb` refuses.
    Json,
    Jsonb,
}

impl Holds {
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Text => "text",
            Self::Bigint => "bigint",
            Self::Integer => "integer",
            Self::Time => "timestamptz",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
        }
    }
}

/// One column, and where a row of the API's has it.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) holds: Holds,
    pub(crate) is_required: bool,
    place: &'static [&'static str],
}

impl Column {
    /// What a row says for it.
    pub(crate) fn read(&self, record: &Record) -> Option<String> {
        match self.holds {
            Holds::Json | Holds::Jsonb => record.json(self.place),
            _ => record.text(self.place),
        }
    }
}

/// One table. Its key is `organization_id` and `id`.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [Column],
    /// Its indexes, behind `ON table`; each begins with `organization_id`.
    pub(crate) indexes: &'static [&'static str],
}

const fn column(name: &'static str, holds: Holds, place: &'static [&'static str]) -> Column {
    Column { name, holds, is_required: true, place }
}

const fn perhaps(name: &'static str, holds: Holds, place: &'static [&'static str]) -> Column {
    Column { name, holds, is_required: false, place }
}

/// The people who write.
pub(crate) const CONTACTS: Table = Table {
    name: "contacts",
    columns: &[
        perhaps("name", Holds::Text, &["name"]),
        perhaps("profile_name", Holds::Text, &["profile_name"]),
        perhaps("own_name", Holds::Text, &["own_name"]),
        perhaps("notes", Holds::Text, &["notes"]),
        perhaps("wa_id", Holds::Text, &["wa_id"]),
        perhaps("user_id", Holds::Text, &["user_id"]),
        perhaps("parent_user_id", Holds::Text, &["parent_user_id"]),
        perhaps("username", Holds::Text, &["username"]),
        column("created_at", Holds::Time, &["created_at"]),
        column("updated_at", Holds::Time, &["updated_at"]),
    ],
    indexes: &["(organization_id, wa_id)"],
};

/// The threads. What is a contact's or a message's stands there alone.
pub(crate) const CONVERSATIONS: Table = Table {
    name: "conversations",
    columns: &[
        column("number_id", Holds::Uuid, &["number_id"]),
        column("phone_number_id", Holds::Text, &["phone_number_id"]),
        perhaps("contact_id", Holds::Uuid, &["contact", "id"]),
        perhaps("group_id", Holds::Text, &["group_id"]),
        perhaps("group_subject", Holds::Text, &["group_subject"]),
        column("state", Holds::Text, &["state"]),
        column("unread_count", Holds::Integer, &["unread_count"]),
        perhaps("last_message_id", Holds::Uuid, &["last_message", "id"]),
        perhaps("last_message_at", Holds::Time, &["last_message", "timestamp"]),
        perhaps("last_inbound_at", Holds::Time, &["last_inbound_at"]),
        perhaps("window_expires_at", Holds::Time, &["window_expires_at"]),
        perhaps("assignee_id", Holds::Uuid, &["assignee_id"]),
        perhaps("team_id", Holds::Uuid, &["team_id"]),
        perhaps("blocked_at", Holds::Time, &["blocked_at"]),
        perhaps("referral", Holds::Json, &["referral"]),
        column("created_at", Holds::Time, &["created_at"]),
        column("updated_at", Holds::Time, &["updated_at"]),
    ],
    indexes: &["(organization_id, last_message_at DESC, id DESC)", "(organization_id, contact_id)"],
};

/// What was said.
pub(crate) const MESSAGES: Table = Table {
    name: "messages",
    columns: &[
        column("conversation_id", Holds::Uuid, &["conversation_id"]),
        column("sequence", Holds::Bigint, &["sequence"]),
        column("direction", Holds::Text, &["direction"]),
        column("origin", Holds::Text, &["origin"]),
        column("type", Holds::Text, &["type"]),
        column("text", Holds::Text, &["text"]),
        column("payload", Holds::Json, &["payload"]),
        perhaps("wamid", Holds::Text, &["wamid"]),
        perhaps("reply_to_wamid", Holds::Text, &["reply_to_wamid"]),
        perhaps("contact_id", Holds::Uuid, &["contact_id"]),
        perhaps("sender_id", Holds::Uuid, &["sender_id"]),
        perhaps("send_at", Holds::Time, &["send_at"]),
        perhaps("media", Holds::Jsonb, &["media"]),
        perhaps("status", Holds::Text, &["status"]),
        perhaps("error", Holds::Json, &["error"]),
        perhaps("callback_data", Holds::Text, &["callback_data"]),
        column("reactions", Holds::Jsonb, &["reactions"]),
        column("versions", Holds::Jsonb, &["versions"]),
        perhaps("edited_at", Holds::Time, &["edited_at"]),
        perhaps("revoked_at", Holds::Time, &["revoked_at"]),
        column("timestamp", Holds::Time, &["timestamp"]),
        column("received_at", Holds::Time, &["received_at"]),
    ],
    indexes: &[
        "(organization_id, conversation_id, \"timestamp\" DESC, sequence DESC)",
        "(organization_id, wamid)",
        "(organization_id, contact_id) WHERE contact_id IS NOT NULL",
        "(organization_id) WHERE reactions <> '[]'",
    ],
};

/// What became of messages, step by step. The API gives these rows no id: theirs follows from what they say.
pub(crate) const STATUSES: Table = Table {
    name: "statuses",
    columns: &[
        column("message_id", Holds::Uuid, &["message_id"]),
        column("wamid", Holds::Text, &["wamid"]),
        column("status", Holds::Text, &["status"]),
        perhaps("participant", Holds::Text, &["participant"]),
        perhaps("timestamp", Holds::Time, &["timestamp"]),
        column("received_at", Holds::Time, &["received_at"]),
        column("payload", Holds::Json, &["payload"]),
    ],
    indexes: &["(organization_id, message_id)"],
};

/// All of them.
pub(crate) const TABLES: [&Table; 4] = [&CONTACTS, &CONVERSATIONS, &MESSAGES, &STATUSES];

/// A name as SQL has it, whatever is in it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL has it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Table {
    /// Its name with its schema's.
    pub(crate) fn of(&self, schema: &str) -> String {
        format!("{}.{}", quoted(schema), quoted(self.name))
    }

    /// Writes rows over those that are there; one that says the same is left alone, so that nobody is told of it.
    pub(crate) fn upsert(&self, schema: &str) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| quoted(column.name)).collect();
        let read = self.columns.iter().map(|column| format!("r.{}::{}", quoted(column.name), column.holds.sql()));
        let read: Vec<String> = read.collect();
        let lists: Vec<String> = (0..names.len()).map(|nth| format!("${}::text[]", nth + 3)).collect();
        let compared = |whose: &str| {
            let columns = self.columns.iter().map(|column| {
                // There is no equality of `json`.
                let text = if column.holds == Holds::Json { "::text" } else { "" };
                format!("{whose}.{}{text}", quoted(column.name))
            });
            columns.collect::<Vec<_>>().join(", ")
        };
        let set: Vec<String> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        format!(
            "INSERT INTO {} AS t (organization_id, id, {names}) SELECT $1, r.id, {} FROM unnest($2::uuid[], {}) AS r (id, {names})
             ON CONFLICT (organization_id, id) DO UPDATE SET {}
             WHERE ({}) IS DISTINCT FROM ({})",
            self.of(schema),
            read.join(", "),
            lists.join(", "),
            set.join(", "),
            compared("t"),
            compared("excluded"),
            names = names.join(", "),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name() {
        assert_eq!(quoted(r#"a"b; DROP"#), r#""a""b; DROP""#);
        assert_eq!(literal("o'clock"), "'o''clock'");
        assert!(CONTACTS.upsert("x\"y").starts_with(r#"INSERT INTO "x""y"."contacts""#));
    }
}
