//! Whatever people write of a contact stays: through a merge, its undo, and where contacts that nothing stands with go.

use std::collections::BTreeSet;

use e2e::{Organization, World, body};
use model::database::{Operator, Pipeline};
use model::{contact, conversation, event};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{NUMBER, an_hour_ago, set_up};

/// Columns of a contact that people do not write, and who does. A new one that people may not write is a line here.
const NOT_PEOPLE: &[(&str, &str)] = &[
    ("organization_id", "whose contact it is"),
    ("id", "ours"),
    ("profile_name", "Meta says it"),
    ("book_name", "a phone's address book says it"),
    ("book_at", "and when"),
    ("wa_id", "Meta says it"),
    ("user_id", "the same"),
    ("parent_user_id", "the same"),
    ("username", "the same"),
    ("created_at", "ours"),
    ("updated_at", "goes with every change, whoever makes it"),
];

/// A column that people write, and its type.
struct Word {
    column: String,
    kind: String,
}

impl Word {
    /// Something to write there, which nobody else has written.
    fn of(&self, whose: &str) -> String {
        let said = format!("{} of {whose}", self.column);
        match self.kind.as_str() {
            "text" => format!("'{said}'"),
            "json" | "jsonb" => format!("'{}'", json!({ whose: said })),
            "ARRAY" => format!("ARRAY['{said}']"),
            kind => panic!("say here what people write in contact.{}, a column of type {kind}", self.column),
        }
    }
}

/// The columns that people may write, by the catalog: those that requests may change.
async fn words(sql: &Client) -> Vec<Word> {
    let columns = sql
        .query(
            "SELECT c.column_name::text, c.data_type::text, p.column_name IS NOT NULL AS written
             FROM information_schema.columns c
             LEFT JOIN information_schema.column_privileges p
               ON p.table_schema = c.table_schema AND p.table_name = c.table_name AND p.column_name = c.column_name
               AND p.grantee = 'wazapp_web' AND p.privilege_type = 'UPDATE'
             WHERE c.table_schema = 'wazapp' AND c.table_name = 'contact' ORDER BY c.ordinal_position",
            &[],
        )
        .await
        .expect("the catalog can be read");
    let mut words = Vec::new();
    for row in columns {
        let (column, kind, written): (String, String, bool) = (row.get(0), row.get(1), row.get(2));
        match NOT_PEOPLE.iter().any(|(name, _)| *name == column) {
            true => {}
            false if written => words.push(Word { column, kind }),
            false => panic!("who writes contact.{column}? Let requests change it, or name it in NOT_PEOPLE"),
        }
    }
    assert!(words.len() >= 2, "people name contacts, and write notes");
    words
}

/// A person whom Meta knows by two names, and we as two contacts until one event names both.
struct Person {
    phone: String,
    user: String,
    at: i64,
}

impl Person {
    fn nth(nth: usize) -> Self {
        Self { phone: format!("346001110{nth:02}"), user: format!("ES.{nth}"), at: an_hour_ago() }
    }

    /// The contacts of both names, the phone's first.
    async fn two(&self, world: &World, sql: &Client) -> [Uuid; 2] {
        world.receive(&body::text(NUMBER, &self.phone, &format!("wamid.p{}", self.user), self.at, "by phone")).await;
        world.receive(&self.by_user()).await;
        let mut ids = [Uuid::nil(); 2];
        for (id, (kind, value)) in ids.iter_mut().zip([("wa_id", &self.phone), ("user_id", &self.user)]) {
            let found = format!("SELECT id FROM wazapp.contact WHERE {kind} = '{value}'");
            *id = sql.query_one(&found, &[]).await.expect("one contact").get(0);
        }
        ids
    }

    fn by_user(&self) -> Value {
        let message = json!({ "from_user_id": self.user, "id": format!("wamid.u{}", self.user),
            "timestamp": self.at.to_string(), "type": "text", "text": { "body": "by id" } });
        body::value(NUMBER, &json!({ "messages": [message] }))
    }

    async fn become_one(&self, world: &World) {
        let message = json!({ "from": self.phone, "from_user_id": self.user, "id": format!("wamid.b{}", self.user),
            "timestamp": (self.at + 1).to_string(), "type": "text", "text": { "body": "both" } });
        world.receive(&body::value(NUMBER, &json!({ "messages": [message] }))).await;
    }
}

async fn write(sql: &Client, id: Uuid, column: &str, value: &str) {
    let changed = format!("UPDATE wazapp.contact SET {column} = {value} WHERE id = $1");
    assert_eq!(sql.execute(&changed, &[&id]).await.expect("people may write it"), 1);
}

async fn read(sql: &Client, id: Uuid, column: &str) -> Option<String> {
    let shown = format!("SELECT {column}::text FROM wazapp.contact WHERE id = $1");
    sql.query_one(&shown, &[&id]).await.unwrap_or_else(|error| panic!("{column} of {id}: {error}")).get(0)
}

/// What one contact says in all its columns.
async fn all_of(sql: &Client, ids: &[Uuid; 2]) -> String {
    let shown = "SELECT to_jsonb(c)::text FROM wazapp.contact c WHERE id = ANY ($1)";
    sql.query_one(shown, &[&ids.to_vec()]).await.expect("one of the two is left").get(0)
}

async fn undo(world: &World, acme: &Organization, sql: &Client, ids: &[Uuid; 2]) {
    let merge = "SELECT id FROM wazapp.contact_merge WHERE vanished_id = ANY ($1)";
    let merge: Uuid = sql.query_one(merge, &[&ids.to_vec()]).await.expect("one merge").get(0);
    let (status, answer) = world.post_api(acme, &format!("/merges/{merge}/undo"), &json!({})).await;
    assert_eq!(status, 200, "{answer:#}");
}

/// Went wrong before it was asked: a merge that left out a column of people's, and no test that failed. Whichever of the
/// two vanishes, its words stand with the one that is left, and come back with it.
#[tokio::test(flavor = "multi_thread")]
async fn what_people_wrote_survives_a_merge_and_its_undo() {
    let (world, acme) = set_up().await;
    let sql = world.sql().await;
    let mut nth = 0;
    for word in words(&sql).await {
        for written in [vec!["phone"], vec!["user"], vec!["phone", "user"]] {
            nth += 1;
            let person = Person::nth(nth);
            let ids = person.two(&world, &sql).await;
            for (id, whose) in ids.iter().zip(["phone", "user"]) {
                if written.contains(&whose) {
                    write(&sql, *id, &word.column, &word.of(whose)).await;
                }
            }
            let before = [read(&sql, ids[0], &word.column).await, read(&sql, ids[1], &word.column).await];
            person.become_one(&world).await;
            let left = all_of(&sql, &ids).await;
            for whose in &written {
                assert!(left.contains(&format!("{} of {whose}", word.column)), "{written:?} wrote it: {left}");
            }
            undo(&world, &acme, &sql, &ids).await;
            let after = [read(&sql, ids[0], &word.column).await, read(&sql, ids[1], &word.column).await];
            assert_eq!(after, before, "{} as it was before the merge", word.column);
        }
    }
    world.end().await;
}

/// A contact of whom nothing else is known, with or without a conversation in which nothing stands.
async fn stray(sql: &Client, acme: &Organization, word: Option<&Word>, number: Option<Uuid>) -> (Uuid, Uuid) {
    let (id, thread) = (Uuid::now_v7(), Uuid::now_v7());
    let contact = "INSERT INTO wazapp.contact (organization_id, id) VALUES ($1, $2)";
    sql.execute(contact, &[&acme.id, &id]).await.expect("a contact");
    if let Some(word) = word {
        write(sql, id, &word.column, &word.of("phone")).await;
    }
    if let Some(number) = number {
        let empty =
            "INSERT INTO wazapp.conversation (organization_id, id, number_id, contact_id, state, last_message_at)
                     VALUES ($1, $2, $3, $4, 'resolved', '2026-01-01Z')";
        sql.execute(empty, &[&acme.id, &thread, &number, &id]).await.expect("a conversation");
    }
    (id, thread)
}

/// The ways by which contacts go that nothing stands with.
#[derive(Clone, Copy, Debug)]
enum Way {
    Unused,
    Emptied,
    EmptiedAtOnce,
}

async fn clean(world: &World, acme: &Organization, way: Way, strays: &[(Uuid, Uuid)]) {
    let (contacts, threads): (Vec<Uuid>, Vec<Uuid>) = strays.iter().copied().unzip();
    let tx: Operator = world.database().operator().await.expect("a transaction");
    let line = event::line_of(&tx, &acme.scope).await.expect("its line");
    let mut pipeline = Pipeline::at(world.now());
    match way {
        Way::Unused => contact::any_organization_forget_unused(&mut pipeline, acme.id, &contacts),
        Way::Emptied => conversation::any_organization_recount(&mut pipeline, &line, threads),
        Way::EmptiedAtOnce => {
            let before: BTreeSet<Uuid> = threads.into_iter().collect();
            let settled = contact::any_organization_resettle(&line, &contacts, &before, &[], world.now());
            settled.await.expect("the statements run");
        }
    }
    tx.finish(pipeline).await.expect("it is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_people_wrote_of_does_not_go() {
    let (world, acme) = set_up().await;
    let sql = world.sql().await;
    let number: Uuid = sql.query_one("SELECT id FROM wazapp.number", &[]).await.expect("the number").get(0);
    for way in [Way::Unused, Way::Emptied, Way::EmptiedAtOnce] {
        let number = (!matches!(way, Way::Unused)).then_some(number);
        let nobody = stray(&sql, &acme, None, number).await;
        let words = words(&sql).await;
        let mut strays = vec![nobody];
        for word in &words {
            strays.push(stray(&sql, &acme, Some(word), number).await);
        }
        clean(&world, &acme, way, &strays).await;
        for (word, (id, _)) in words.iter().zip(&strays[1..]) {
            let left = read(&sql, *id, &word.column).await;
            assert!(left.is_some_and(|left| left.contains("of phone")), "{way:?} leaves contact.{}", word.column);
        }
        let found = format!("SELECT count(*) FROM wazapp.contact WHERE id = '{}'", nobody.0);
        assert_eq!(world.count(&found).await, 0, "{way:?}: who is nobody goes");
    }
    world.end().await;
}
