//! What was said of names: who was named by two at once, who left one for another, who had one until when.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::known::{Identity, Kind};
use crate::database::{Operator, Pipeline, Result, Rows};

/// A name within one organization, in its canonical spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// What kind of name.
    pub kind: Kind,
    /// The name.
    pub value: String,
}

/// One event named somebody by both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// The name that may pass on: a phone, a username, or a user id below a parent.
    pub name: Name,
    /// Whose it is.
    pub holder: Name,
    /// The account in which it was said: user ids are of one portfolio.
    pub realm: String,
}

/// Somebody left one name for another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Move {
    /// The name left.
    pub from: Name,
    /// The name from then on.
    pub to: Name,
    /// Meta's second.
    pub at: i64,
}

/// Whose a name was before a time; `None`: nobody's we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// The name.
    pub name: Name,
    /// The second of Meta's at which it ended.
    pub until: i64,
    /// Whose it was.
    pub contact_id: Option<Uuid>,
}

/// How Meta wrote a name that has several spellings, and when first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// The name.
    pub name: Name,
    /// As Meta wrote it.
    pub written: String,
    /// Meta's second.
    pub first: i64,
}

/// What is known of some names, each with its organization.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Whose they were, oldest first.
    pub past: Vec<(Uuid, Tenure)>,
    /// With whom they were named, and when first.
    pub links: Vec<(Uuid, Link, i64)>,
    /// Who left them or came to them.
    pub moves: Vec<(Uuid, Move)>,
    /// Links that people said are not so. They stay so, however often Meta repeats them.
    pub disputed_links: Vec<(Uuid, Link)>,
    /// Moves of which the same is true.
    pub disputed_moves: Vec<(Uuid, Move)>,
    /// How Meta wrote them.
    pub spellings: Vec<(Uuid, Spelling)>,
}

fn name(row: &Row, kind: &str, value: &str) -> Name {
    Name { kind: Kind::parse(row.get(kind)), value: row.get(value) }
}

fn second(at: i64) -> Timestamp {
    Timestamp::from_second(at).unwrap_or(if at < 0 { Timestamp::UNIX_EPOCH } else { Timestamp::MAX })
}

const PAST: &str = "
    SELECT p.* FROM {rows}
    JOIN wazapp.contact_identity_past p
      ON p.organization_id = k.organization_id AND p.kind = k.kind AND p.value = k.value{here p} ORDER BY p.until";

const LINKS: &str = "
    WITH k AS (SELECT * FROM {rows})
    SELECT l.* FROM k JOIN wazapp.identity_link l
      ON l.organization_id = k.organization_id AND l.kind = k.kind AND l.value = k.value{here l}
    UNION SELECT l.* FROM k JOIN wazapp.identity_link l
      ON l.organization_id = k.organization_id AND l.holder_kind = k.kind AND l.holder_value = k.value{here l}";

const MOVES: &str = "
    WITH k AS (SELECT * FROM {rows})
    SELECT l.* FROM k JOIN wazapp.identity_move l
      ON l.organization_id = k.organization_id AND l.kind = k.kind AND l.value = k.value{here l}
    UNION SELECT l.* FROM k JOIN wazapp.identity_move l
      ON l.organization_id = k.organization_id AND l.to_kind = k.kind AND l.to_value = k.value{here l}";

const SPELLINGS: &str = "
    SELECT w.* FROM {rows}
    JOIN wazapp.identity_spelling w
      ON w.organization_id = k.organization_id AND w.kind = k.kind AND w.value = k.value{here w}";

/// Reads it.
pub async fn any_organization_said(tx: &Operator, names: &[(Uuid, Name)]) -> Result<Said> {
    if names.is_empty() {
        return Ok(Said::default());
    }
    let named = |words| {
        Rows::of(names)
            .column("organization_id", |(organization, _)| *organization)
            .column("kind", |(_, name)| name.kind.as_str())
            .column("value", |(_, name)| name.value.as_str())
            .statement(words)
    };
    let (past, links, moves, spellings) = (named(PAST), named(LINKS), named(MOVES), named(SPELLINGS));
    let (past, links, moves, spellings) =
        futures::try_join!(tx.run(&past), tx.run(&links), tx.run(&moves), tx.run(&spellings))?;
    let mut said = Said::default();
    for row in &past {
        let contact_id = row.get("contact_id");
        let tenure = Tenure { name: name(row, "kind", "value"), until: seconds(row, "until"), contact_id };
        said.past.push((row.get("organization_id"), tenure));
    }
    for row in &links {
        let holder = name(row, "holder_kind", "holder_value");
        let link = Link { name: name(row, "kind", "value"), holder, realm: row.get("realm") };
        if row.get("disputed") {
            said.disputed_links.push((row.get("organization_id"), link));
        } else {
            said.links.push((row.get("organization_id"), link, seconds(row, "first_at")));
        }
    }
    for row in &moves {
        let news =
            Move { from: name(row, "kind", "value"), to: name(row, "to_kind", "to_value"), at: seconds(row, "at") };
        let moves = (row.get("organization_id"), news);
        if row.get("disputed") { said.disputed_moves.push(moves) } else { said.moves.push(moves) }
    }
    for row in &spellings {
        let spelling =
            Spelling { name: name(row, "kind", "value"), written: row.get("written"), first: seconds(row, "first_at") };
        said.spellings.push((row.get("organization_id"), spelling));
    }
    Ok(said)
}

fn seconds(row: &Row, column: &str) -> i64 {
    row.get::<_, Timestamp>(column).as_second()
}

/// The names that these contacts, each with its organization, have or had.
pub async fn any_organization_names(tx: &Operator, contacts: &[(Uuid, Uuid)]) -> Result<Vec<Identity>> {
    if contacts.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Rows::of(contacts).column("organization_id", |one| one.0).column("contact_id", |one| one.1).statement(
        "WITH k AS (SELECT * FROM {rows})
         SELECT i.organization_id, i.kind, i.value FROM k JOIN wazapp.contact_identity i
           ON i.organization_id = k.organization_id AND i.contact_id = k.contact_id{here i}
         UNION SELECT p.organization_id, p.kind, p.value FROM k JOIN wazapp.contact_identity_past p
           ON p.organization_id = k.organization_id AND p.contact_id = k.contact_id{here p}",
    );
    let identity = |row: &Row| Identity {
        organization_id: row.get("organization_id"),
        kind: Kind::parse(row.get("kind")),
        value: row.get("value"),
    };
    Ok(tx.run(&rows).await?.iter().map(identity).collect())
}

/// A name, and whose it is now.
pub type Identified = (Identity, Uuid);

/// Lets names lead to contacts. One that led elsewhere leads here from now on.
pub fn any_organization_identify<'a>(pipeline: &mut Pipeline<'a>, identities: &'a mut [Identified]) {
    if identities.is_empty() {
        return;
    }
    identities.sort();
    let rows = Rows::of(identities)
        .column("organization_id", |(identity, _)| identity.organization_id)
        .column("kind", |(identity, _)| identity.kind.as_str())
        .column("value", |(identity, _)| identity.value.as_str())
        .column("contact_id", |(_, contact)| *contact);
    pipeline.add(rows.insert(
        "wazapp.contact_identity",
        "ON CONFLICT (organization_id, kind, value) DO UPDATE SET contact_id = excluded.contact_id",
    ));
}

/// Names that are nobody's from now on.
pub fn any_organization_unname<'a>(pipeline: &mut Pipeline<'a>, identities: &'a [Identity]) {
    if identities.is_empty() {
        return;
    }
    let rows = Rows::of(identities)
        .key("organization_id", |identity| identity.organization_id)
        .key("kind", |identity| identity.kind.as_str())
        .key("value", |identity| identity.value.as_str());
    pipeline.add(rows.delete("wazapp.contact_identity"));
}

/// Writes whose names were: all there is of each.
pub fn any_organization_remember<'a>(
    pipeline: &mut Pipeline<'a>,
    names: &'a [(Uuid, Name)],
    past: &'a [(Uuid, Tenure)],
) {
    if names.is_empty() {
        return;
    }
    let rows = Rows::of(names)
        .key("organization_id", |(organization, _)| *organization)
        .key("kind", |(_, name)| name.kind.as_str())
        .key("value", |(_, name)| name.value.as_str());
    pipeline.add(rows.delete("wazapp.contact_identity_past"));
    let rows = Rows::of(past)
        .column("organization_id", |(organization, _)| *organization)
        .column("kind", |(_, tenure)| tenure.name.kind.as_str())
        .column("value", |(_, tenure)| tenure.name.value.as_str())
        .column("until", |(_, tenure)| second(tenure.until))
        .column("contact_id", |(_, tenure)| tenure.contact_id);
    pipeline.add(rows.insert("wazapp.contact_identity_past", ""));
}

/// Keeps how names were written.
pub fn any_organization_spell<'a>(pipeline: &mut Pipeline<'a>, spellings: &'a [(Uuid, Spelling)]) {
    if spellings.is_empty() {
        return;
    }
    let rows = Rows::of(spellings)
        .column("organization_id", |(organization, _)| *organization)
        .column("kind", |(_, spelling)| spelling.name.kind.as_str())
        .column("value", |(_, spelling)| spelling.name.value.as_str())
        .column("written", |(_, spelling)| spelling.written.as_str())
        .column("first_at", |(_, spelling)| second(spelling.first));
    pipeline.add(rows.insert(
        "wazapp.identity_spelling",
        "ON CONFLICT (organization_id, kind, value, written) DO UPDATE SET
           first_at = least(t.first_at, excluded.first_at)",
    ));
}

/// Keeps what was said.
pub fn any_organization_say<'a>(
    pipeline: &mut Pipeline<'a>,
    links: &'a [(Uuid, Link, i64)],
    moves: &'a [(Uuid, Move)],
) {
    if !links.is_empty() {
        let rows = Rows::of(links)
            .column("organization_id", |(organization, _, _)| *organization)
            .column("kind", |(_, link, _)| link.name.kind.as_str())
            .column("value", |(_, link, _)| link.name.value.as_str())
            .column("holder_kind", |(_, link, _)| link.holder.kind.as_str())
            .column("holder_value", |(_, link, _)| link.holder.value.as_str())
            .column("realm", |(_, link, _)| link.realm.as_str())
            .column("first_at", |(_, _, first)| second(*first));
        pipeline.add(rows.insert(
            "wazapp.identity_link",
            "ON CONFLICT (organization_id, kind, value, holder_kind, holder_value, realm) DO UPDATE SET
               first_at = least(t.first_at, excluded.first_at)",
        ));
    }
    if !moves.is_empty() {
        let rows = Rows::of(moves)
            .column("organization_id", |(organization, _)| *organization)
            .column("kind", |(_, news)| news.from.kind.as_str())
            .column("value", |(_, news)| news.from.value.as_str())
            .column("to_kind", |(_, news)| news.to.kind.as_str())
            .column("to_value", |(_, news)| news.to.value.as_str())
            .column("at", |(_, news)| second(news.at));
        pipeline.add(rows.insert("wazapp.identity_move", "ON CONFLICT DO NOTHING"));
    }
}
