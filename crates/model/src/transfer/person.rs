//! What is of one contact, table by table: by this list it is exported, and erased.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::database::{Operator, Param, Result};
use crate::erasure::mark::{self, tells_of_them};
use crate::scope::Scope;

/// What a table has of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Rows that are theirs alone.
    Rows(&'static str),
    /// Rows that stay, without their words; and why.
    Words(&'static str, &'static str),
    /// Nothing, and why.
    Nothing(&'static str),
}

use Part::{Nothing, Rows, Words};

/// Names all parameters, so that each has its type in every statement: the organization, contacts, conversations, names as
/// `kind:value`, the values alone, and all marks that stand for them alone, each with its pattern.
pub(super) const PARAMS: &str = "num_nulls($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[]) = 0";

macro_rules! messages {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM wazapp.message m
             WHERE m.organization_id = $1::uuid AND (m.conversation_id = ANY ($3) OR m.contact_id = ANY ($2))"
        )
    };
}

/// The messages of a contact.
pub(crate) const MESSAGES: &str = messages!("m.id");

macro_rules! of_messages {
    () => {
        concat!("t.message_id IN (", messages!("m.id"), ")")
    };
}

/// Every table of an organization, each with what it has of a contact as `t`.
pub const OF_A_PERSON: &[(&str, Part)] = &[
    ("api_key", Nothing("programs of the organization")),
    ("app", Nothing("the organization's Apps")),
    (
        "audit",
        Words(
            "t.subject_id = ANY ($2::text[] || $3::text[]) OR t.subject_id = ANY ($5) OR t.subject_name = ANY ($5)",
            "that somebody did something, and when, stays: it is kept on those who work there",
        ),
    ),
    ("book_entry", Rows("t.kind || ':' || t.value = ANY ($4)")),
    ("connection", Nothing("attempts to connect numbers")),
    ("contact", Rows("t.id = ANY ($2)")),
    ("contact_identity", Rows("t.contact_id = ANY ($2)")),
    ("contact_identity_past", Rows("t.contact_id = ANY ($2)")),
    ("contact_merge", Rows("t.survivor_id = ANY ($2) OR t.vanished_id = ANY ($2)")),
    ("conversation", Rows("t.id = ANY ($3)")),
    ("conversation_group", Nothing("names of groups, which are of all in them")),
    ("conversation_merge", Rows("t.survivor_id = ANY ($3) OR t.vanished_id = ANY ($3)")),
    ("cost", Nothing("how many messages cost what, of all together: it is held against Meta's bill")),
    ("delivery", Rows("t.conversation_id = ANY ($3)")),
    (
        "delivery_attempt",
        Rows(
            "t.delivery_id IN (SELECT d.id FROM wazapp.delivery d
                               WHERE d.organization_id = $1::uuid AND d.conversation_id = ANY ($3))",
        ),
    ),
    ("departure", Nothing("people who work there")),
    ("draft", Rows("t.conversation_id = ANY ($3)")),
    ("endpoint", Nothing("where programs hear")),
    ("entry", Nothing("visits of the server's operators")),
    (
        "event",
        Words(
            concat!(
                "t.subject_id = ANY ($2 || $3) OR t.subject_id IN (",
                messages!("m.id"),
                ") OR ",
                tells_of_them!("t.data::text")
            ),
            "numbers of events have no gap, and readers rely on it: an event without its words is told with null",
        ),
    ),
    ("event_mark", Nothing("how far the log had come")),
    (
        "file",
        Rows(concat!(
            "t.sha256 IN (SELECT k.file FROM wazapp.media k WHERE k.organization_id = $1::uuid AND k.file IS NOT NULL
                            AND k.message_id IN (",
            messages!("m.id"),
            ") UNION SELECT f.thumbnail FROM wazapp.media k
               JOIN wazapp.file f ON f.organization_id = k.organization_id AND f.sha256 = k.file
               WHERE k.organization_id = $1::uuid AND f.thumbnail IS NOT NULL AND k.message_id IN (",
            messages!("m.id"),
            "))"
        )),
    ),
    ("former_claim", Nothing("who had which number")),
    ("idempotency_key", Rows(of_messages!())),
    ("identity_link", Rows("t.kind || ':' || t.value = ANY ($4) OR t.holder_kind || ':' || t.holder_value = ANY ($4)")),
    ("identity_move", Rows("t.kind || ':' || t.value = ANY ($4) OR t.to_kind || ':' || t.to_value = ANY ($4)")),
    ("identity_spelling", Rows("t.kind || ':' || t.value = ANY ($4)")),
    ("invitation", Nothing("people who work there")),
    ("made_at_meta", Nothing("what was uploaded to Meta")),
    ("mail", Nothing("mail to people who work there")),
    ("media", Rows(of_messages!())),
    ("membership", Nothing("people who work there")),
    ("message", Rows("t.conversation_id = ANY ($3) OR t.contact_id = ANY ($2)")),
    ("message_version", Rows(of_messages!())),
    ("number", Nothing("the organization's numbers")),
    ("number_claim", Nothing("the same")),
    ("number_pace", Nothing("the same")),
    ("organization", Nothing("the organization")),
    ("organization_sequence", Nothing("how far its log goes")),
    ("outbox", Rows(of_messages!())),
    ("pair_pace", Rows("t.recipient = ANY ($5)")),
    ("presence", Rows("t.conversation_id = ANY ($3)")),
    ("price_list", Nothing("what messages cost")),
    ("quota", Nothing("what the organization takes")),
    (
        "reaction",
        Rows(concat!(
            "t.reactor = ANY ($2::text[]) OR (t.number_id, t.target_wamid) IN (",
            messages!("m.number_id, m.wamid"),
            ")"
        )),
    ),
    ("receipt", Rows("t.conversation_id = ANY ($3)")),
    (
        "relay",
        Words(
            "false",
            "a body for endpoints in Meta's format may hold what others wrote: what is the contact's is cut out of it",
        ),
    ),
    ("retention", Nothing("what has gone, as numbers")),
    ("seen", Rows("t.conversation_id = ANY ($3)")),
    ("session", Nothing("people who work there")),
    ("sight", Nothing("the same")),
    // Of a message to a group, what became of it at them.
    (
        "status",
        Rows(concat!(
            "t.participant = ANY ($5) OR (t.number_id, t.wamid) IN (",
            messages!("m.number_id, m.wamid"),
            ")"
        )),
    ),
    ("team", Nothing("people who work there")),
    ("team_member", Nothing("the same")),
    ("template", Nothing("the organization's templates")),
    ("template_sync", Nothing("the same")),
    ("upload", Nothing("what was uploaded to Meta")),
    ("invitation_link", Nothing("people who work there")),
];

/// Which rows are a contact's.
pub(super) fn clause(table: &str) -> Option<&'static str> {
    OF_A_PERSON.iter().find(|(name, _)| *name == table).and_then(|(_, part)| match part {
        Rows(clause) | Words(clause, _) => Some(*clause),
        Nothing(_) => None,
    })
}

/// A statement on the rows of a contact: `{own}` is which.
pub(crate) fn listed(statement: &str, clause: &str) -> String {
    statement.replace("{own}", &format!("t.organization_id = $1::uuid AND {PARAMS} AND ({clause})"))
}

/// A contact, and all that it is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// Its id, and those of contacts that became it.
    pub contacts: Vec<Uuid>,
    /// Its conversations, and those that went on in them.
    pub conversations: Vec<Uuid>,
    /// Its names as `kind:value`.
    pub names: Vec<String>,
    /// Phones and user ids, in every spelling: nobody else has them.
    pub words: Vec<String>,
    /// What it is called: others may be called the same.
    pub called: Vec<String>,
    /// What stands for it alone, wherever it is found.
    marks: Vec<String>,
    /// Of each mark, where it stands.
    patterns: Vec<String>,
}

impl Person {
    pub(crate) fn params<'a>(&'a self, organization_id: &'a Uuid) -> [&'a dyn Param; 7] {
        let Self { contacts, conversations, names, words, marks, patterns, .. } = self;
        [organization_id, contacts, conversations, names, words, marks, patterns]
    }

    /// What stands for it alone, wherever it is found.
    pub fn marks(&self) -> &[String] {
        &self.marks
    }

    fn mark(&mut self) {
        let ids = self.contacts.iter().chain(&self.conversations).map(Uuid::to_string);
        self.marks = self.words.iter().cloned().chain(ids).collect();
        self.patterns = self.marks.iter().map(|mark| mark::pattern(mark)).collect();
    }
}

/// Who answers to an id, a phone, a user id or a username; whoever they were merged into. Of a phone that leads to nobody any more a
/// person without a contact, of whom something may be left. `None`: nobody can.
pub async fn any_organization_find(tx: &Operator, scope: &Scope, who: &str) -> Result<Option<Person>> {
    let (id, said) = (who.parse::<Uuid>().ok(), plain(who));
    let found = tx
        .query(
            // A name that is another's by now is that one's alone, whoever was called so.
            "SELECT c.id FROM wazapp.contact c WHERE c.organization_id = $1::uuid
               AND (c.id = $2::uuid OR (c.wa_id = $3::text OR c.user_id = $3)
                    AND NOT EXISTS (SELECT FROM wazapp.contact_identity o
                                    WHERE o.organization_id = $1 AND o.value = $3 AND o.contact_id <> c.id))
             UNION SELECT i.contact_id FROM wazapp.contact_identity i WHERE i.organization_id = $1 AND i.value = $3
             UNION SELECT i.contact_id FROM wazapp.identity_spelling w
               JOIN wazapp.contact_identity i ON i.organization_id = $1 AND (i.kind, i.value) = (w.kind, w.value)
               WHERE w.organization_id = $1 AND w.written = $3
             UNION SELECT g.survivor_id FROM wazapp.contact_merge g
               JOIN wazapp.contact c ON c.organization_id = $1 AND c.id = g.survivor_id
               WHERE g.organization_id = $1 AND g.vanished_id = $2 AND g.undone_at IS NULL",
            &[&scope.organization_id(), &id, &said],
        )
        .await?;
    let mut person = Person { contacts: found.iter().map(|row| row.get(0)).collect(), ..Person::default() };
    if person.contacts.is_empty() {
        let is_phone = said.len() >= 7 && said.bytes().all(|byte| byte.is_ascii_digit());
        if !is_phone {
            return Ok(None);
        }
        person.names.push(format!("wa_id:{said}"));
        person.words.push(said);
    } else {
        gather(tx, scope, &mut person).await?;
    }
    person.mark();
    Ok(Some(person))
}

/// As it is stored: a phone without what people put between digits, a username without its sign.
fn plain(who: &str) -> String {
    let who = who.trim();
    let digits: String = who.chars().filter(|char| !matches!(char, '+' | ' ' | '-' | '(' | ')' | '.')).collect();
    match !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits,
        false => who.trim_start_matches('@').to_owned(),
    }
}

async fn gather(tx: &Operator, scope: &Scope, person: &mut Person) -> Result<()> {
    let organization_id = scope.organization_id();
    let vanished = tx
        .query(
            "WITH RECURSIVE v (id) AS (
               SELECT unnest($2::uuid[]) UNION SELECT g.vanished_id FROM v JOIN wazapp.contact_merge g
                 ON g.organization_id = $1::uuid AND g.survivor_id = v.id AND g.undone_at IS NULL)
             SELECT id FROM v WHERE id = ANY ($2) OR NOT EXISTS (
               SELECT FROM wazapp.contact c WHERE c.organization_id = $1 AND c.id = v.id) ORDER BY id",
            &[&organization_id, &person.contacts],
        )
        .await?;
    person.contacts = vanished.iter().map(|row| row.get(0)).collect();
    let conversations = tx
        .query(
            "WITH RECURSIVE v (id) AS (
               SELECT id FROM wazapp.conversation WHERE organization_id = $1::uuid AND contact_id = ANY ($2::uuid[])
               UNION SELECT g.vanished_id FROM v JOIN wazapp.conversation_merge g
                 ON g.organization_id = $1 AND g.survivor_id = v.id)
             SELECT id FROM v ORDER BY id",
            &[&organization_id, &person.contacts],
        )
        .await?;
    person.conversations = conversations.iter().map(|row| row.get(0)).collect();
    name(tx, scope, person).await
}

/// What it is known by, and what it is called.
async fn name(tx: &Operator, scope: &Scope, person: &mut Person) -> Result<()> {
    let organization_id = scope.organization_id();
    // A name that passed on to somebody else is theirs.
    let names = tx
        .query(
            "SELECT i.kind, i.value FROM wazapp.contact_identity i WHERE i.organization_id = $1::uuid AND i.contact_id = ANY ($2::uuid[])
             UNION SELECT p.kind, p.value FROM wazapp.contact_identity_past p
               WHERE p.organization_id = $1 AND p.contact_id = ANY ($2)
                 AND NOT EXISTS (SELECT FROM wazapp.contact_identity o WHERE o.organization_id = $1
                                   AND (o.kind, o.value) = (p.kind, p.value) AND o.contact_id <> ALL ($2))",
            &[&organization_id, &person.contacts],
        )
        .await?;
    let (mut words, mut called) = (BTreeSet::new(), BTreeSet::new());
    for row in &names {
        let (kind, value): (&str, String) = (row.get(0), row.get(1));
        person.names.push(format!("{kind}:{value}"));
        if kind == "username" {
            called.insert(value)
        } else {
            words.insert(value)
        };
    }
    let said = tx
        .query(
            "SELECT w.kind, w.written FROM wazapp.identity_spelling w
               WHERE w.organization_id = $1::uuid AND w.kind || ':' || w.value = ANY ($3::text[])
             UNION SELECT k.kind, k.word FROM wazapp.contact c CROSS JOIN LATERAL (VALUES
                 ('', c.wa_id), ('', c.user_id), ('', c.parent_user_id), ('username', c.username), ('username', c.own_name),
                 ('username', c.profile_name), ('username', c.book_name)) AS k (kind, word)
               WHERE c.organization_id = $1 AND c.id = ANY ($2::uuid[]) AND k.word IS NOT NULL
                 AND NOT EXISTS (SELECT FROM wazapp.contact_identity o WHERE k.kind = '' AND o.organization_id = $1
                                   AND o.value = k.word AND o.contact_id <> ALL ($2))
             UNION SELECT 'username', b.name FROM wazapp.book_entry b
               WHERE b.organization_id = $1 AND b.kind || ':' || b.value = ANY ($3) AND b.name IS NOT NULL",
            &[&organization_id, &person.contacts, &person.names],
        )
        .await?;
    for row in &said {
        let (kind, word): (&str, String) = (row.get(0), row.get(1));
        if kind == "username" {
            called.insert(word)
        } else {
            words.insert(word)
        };
    }
    // What is as short as this stands for many a thing.
    person.words = words.into_iter().filter(|word| word.len() > 4).collect();
    person.called = called.into_iter().filter(|name| !name.trim().is_empty()).collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn people_write_phones_and_usernames_in_their_way() {
        for (said, is) in [("+34 600-111-222", "34600111222"), ("@lucia.g", "lucia.g"), ("ES.13491", "ES.13491")] {
            assert_eq!(plain(said), is, "{said}");
        }
    }
}
