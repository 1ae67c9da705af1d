//! What one step writes: rows, and how far the copy is with them, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::error::Result;
use crate::record::Record;
use crate::state::{Stage, Task};
use crate::table::{CONTACTS, CONVERSATIONS, MESSAGES, STATUSES, Table, quoted};

/// What one step writes.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) contacts: BTreeMap<Uuid, Record>,
    pub(crate) conversations: BTreeMap<Uuid, Record>,
    pub(crate) messages: BTreeMap<Uuid, Record>,
    /// The statuses of these messages are those that are told, and no others.
    pub(crate) statuses_of: Vec<Uuid>,
    pub(crate) statuses: Vec<Record>,
    /// What is not there any more.
    pub(crate) gone: BTreeSet<(Stage, Uuid)>,
    /// Whatever stands with these is looked at again.
    pub(crate) doubted_contacts: BTreeSet<Uuid>,
    pub(crate) doubted_conversations: BTreeSet<Uuid>,
    pub(crate) tasks: BTreeSet<(Task, Uuid)>,
    pub(crate) done: Vec<(Task, Uuid)>,
    /// A task that goes on with another page.
    pub(crate) turned: Option<(Task, Uuid, String)>,
}

/// A parameter with its type: behind a pooler nothing is prepared that would say it.
type Bound<'a> = (&'a (dyn ToSql + Sync), Type);

/// A transaction that is open, and whose copy it writes.
pub(crate) struct Writing<'a> {
    pub(crate) client: &'a Client,
    pub(crate) schema: &'a str,
    pub(crate) organization: Uuid,
}

impl Writing<'_> {
    /// Writes a change.
    pub(crate) async fn apply(&self, mut change: Change) -> Result<()> {
        self.upsert(&CONTACTS, &change.contacts).await?;
        self.upsert(&CONVERSATIONS, &change.conversations).await?;
        self.upsert(&MESSAGES, &change.messages).await?;
        self.statuses(&change).await?;
        for stage in [Stage::Contacts, Stage::Conversations, Stage::Messages] {
            let ids: Vec<Uuid> = change.gone.iter().filter(|gone| gone.0 == stage).map(|gone| gone.1).collect();
            self.delete(stage, &ids).await?;
            match stage {
                Stage::Contacts => change.doubted_contacts.extend(ids),
                Stage::Conversations => change.doubted_conversations.extend(ids),
                Stage::Messages => {}
            }
        }
        self.doubt(&change).await?;
        self.tasks(&change).await
    }

    async fn run(&self, sql: &str, bound: &[Bound<'_>]) -> Result<()> {
        self.client.query_typed(sql, bound).await?;
        Ok(())
    }

    async fn upsert(&self, table: &Table, rows: &BTreeMap<Uuid, Record>) -> Result<()> {
        let ids: Vec<Uuid> = rows.keys().copied().collect();
        self.write(table, &ids, &rows.values().collect::<Vec<_>>()).await
    }

    async fn write(&self, table: &Table, ids: &[Uuid], rows: &[&Record]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let lists: Vec<Vec<Option<String>>> =
            table.columns.iter().map(|column| rows.iter().map(|row| column.read(row)).collect()).collect();
        let mut bound: Vec<Bound<'_>> = vec![(&self.organization, Type::UUID), (&ids, Type::UUID_ARRAY)];
        bound.extend(lists.iter().map(|list| -> Bound<'_> { (list, Type::TEXT_ARRAY) }));
        self.run(&table.upsert(self.schema), &bound).await
    }

    async fn statuses(&self, change: &Change) -> Result<()> {
        if change.statuses_of.is_empty() {
            return Ok(());
        }
        let rows: BTreeMap<Uuid, &Record> = change.statuses.iter().map(|row| (status_id(row), row)).collect();
        let (ids, rows): (Vec<Uuid>, Vec<&Record>) = rows.into_iter().unzip();
        let sql = format!(
            "DELETE FROM {} WHERE organization_id = $1 AND message_id = ANY ($2) AND NOT id = ANY ($3)",
            STATUSES.of(self.schema)
        );
        let bound: [Bound<'_>; 3] =
            [(&self.organization, Type::UUID), (&change.statuses_of, Type::UUID_ARRAY), (&ids, Type::UUID_ARRAY)];
        self.run(&sql, &bound).await?;
        self.write(&STATUSES, &ids, &rows).await
    }

    async fn delete(&self, stage: Stage, ids: &[Uuid]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let bound: [Bound<'_>; 2] = [(&self.organization, Type::UUID), (&ids, Type::UUID_ARRAY)];
        let table = stage.table().of(self.schema);
        self.run(&format!("DELETE FROM {table} WHERE organization_id = $1 AND id = ANY ($2)"), &bound).await?;
        if stage == Stage::Messages {
            let statuses = STATUSES.of(self.schema);
            self.run(&format!("DELETE FROM {statuses} WHERE organization_id = $1 AND message_id = ANY ($2)"), &bound)
                .await?;
        }
        Ok(())
    }

    /// Notes what may have changed with what is written, so that it is looked at.
    async fn doubt(&self, change: &Change) -> Result<()> {
        let (messages, conversations) = (MESSAGES.of(self.schema), CONVERSATIONS.of(self.schema));
        if !change.messages.is_empty() {
            // An echo makes way for the message that it turned out to be.
            let ids: Vec<Uuid> = change.messages.keys().copied().collect();
            let named =
                change.messages.values().filter_map(|row| row.text(&["wamid"]).zip(row.id(&["conversation_id"])));
            let (wamids, threads): (Vec<String>, Vec<Uuid>) = named.unzip();
            let find = format!(
                "SELECT m.id FROM {messages} m
                 JOIN unnest($2::text[], $3::uuid[]) AS k (wamid, thread) ON m.wamid = k.wamid AND m.conversation_id = k.thread
                 WHERE m.organization_id = $1 AND NOT m.id = ANY ($4)"
            );
            let bound: [Bound<'_>; 3] =
                [(&wamids, Type::TEXT_ARRAY), (&threads, Type::UUID_ARRAY), (&ids, Type::UUID_ARRAY)];
            self.note(Task::Message, &find, &bound).await?;
        }
        if !change.doubted_conversations.is_empty() {
            let ids: Vec<Uuid> = change.doubted_conversations.iter().copied().collect();
            let find = format!("SELECT id FROM {messages} WHERE organization_id = $1 AND conversation_id = ANY ($2)");
            self.note(Task::Message, &find, &[(&ids, Type::UUID_ARRAY)]).await?;
        }
        if !change.doubted_contacts.is_empty() {
            let ids: Vec<Uuid> = change.doubted_contacts.iter().copied().collect();
            let names: Vec<String> = ids.iter().map(Uuid::to_string).collect();
            let find = format!("SELECT id FROM {conversations} WHERE organization_id = $1 AND contact_id = ANY ($2)");
            self.note(Task::Conversation, &find, &[(&ids, Type::UUID_ARRAY)]).await?;
            let find = format!(
                "SELECT id FROM {messages} WHERE organization_id = $1 AND contact_id = ANY ($2)
                 UNION SELECT m.id FROM {messages} m, jsonb_array_elements(m.reactions) reaction
                 WHERE m.organization_id = $1 AND m.reactions <> '[]' AND reaction ->> 'from' = ANY ($3)"
            );
            self.note(Task::Message, &find, &[(&ids, Type::UUID_ARRAY), (&names, Type::TEXT_ARRAY)]).await?;
        }
        Ok(())
    }

    /// Notes a task of each row that a statement finds. Its first parameter is the organization.
    async fn note(&self, task: Task, find: &str, more: &[Bound<'_>]) -> Result<()> {
        let sql = format!(
            "INSERT INTO {} (organization_id, kind, id) SELECT $1, '{}', found.id FROM ({find}) found ON CONFLICT DO NOTHING",
            self.todo(),
            task.word()
        );
        let mut bound: Vec<Bound<'_>> = vec![(&self.organization, Type::UUID)];
        bound.extend(more.iter().cloned());
        self.run(&sql, &bound).await
    }

    async fn tasks(&self, change: &Change) -> Result<()> {
        if !change.done.is_empty() {
            let (kinds, ids) = lists(change.done.iter().copied());
            let sql = format!(
                "DELETE FROM {} t USING unnest($2::text[], $3::uuid[]) AS d (kind, id)
                 WHERE t.organization_id = $1 AND t.kind = d.kind AND t.id = d.id",
                self.todo()
            );
            let bound: [Bound<'_>; 3] =
                [(&self.organization, Type::UUID), (&kinds, Type::TEXT_ARRAY), (&ids, Type::UUID_ARRAY)];
            self.run(&sql, &bound).await?;
        }
        if !change.tasks.is_empty() {
            let (kinds, ids) = lists(change.tasks.iter().copied());
            // What is under way begins anew: it may have passed what has changed.
            let sql = format!(
                "INSERT INTO {} AS t (organization_id, kind, id)
                 SELECT $1, n.kind, n.id FROM unnest($2::text[], $3::uuid[]) AS n (kind, id)
                 ON CONFLICT (organization_id, kind, id) DO UPDATE SET page = NULL WHERE t.page IS NOT NULL",
                self.todo()
            );
            let bound: [Bound<'_>; 3] =
                [(&self.organization, Type::UUID), (&kinds, Type::TEXT_ARRAY), (&ids, Type::UUID_ARRAY)];
            self.run(&sql, &bound).await?;
        }
        let Some((task, id, page)) = &change.turned else { return Ok(()) };
        let sql = format!("UPDATE {} SET page = $4 WHERE organization_id = $1 AND kind = $2 AND id = $3", self.todo());
        let kind = task.word();
        let bound: [Bound<'_>; 4] =
            [(&self.organization, Type::UUID), (&kind, Type::TEXT), (id, Type::UUID), (page, Type::TEXT)];
        self.run(&sql, &bound).await
    }

    fn todo(&self) -> String {
        format!("{}.sync_todo", quoted(self.schema))
    }
}

fn lists(tasks: impl Iterator<Item = (Task, Uuid)>) -> (Vec<&'static str>, Vec<Uuid>) {
    tasks.map(|(task, id)| (task.word(), id)).unzip()
}

/// Two updates are one if they say the same step of the same message, about the same person, at the same time.
fn status_id(row: &Record) -> Uuid {
    let said = ["message_id", "status", "participant", "timestamp"].map(|name| row.json(&[name]).unwrap_or_default());
    let digest = Sha256::digest(said.join("\n"));
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(id)
}
