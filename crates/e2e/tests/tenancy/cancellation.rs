//! A request may be dropped anywhere: its client hangs up, its deadline passes. Whoever gets its connection next must
//! find no organization on it, and what it had begun must be wholly done or wholly undone.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use e2e::{Organization, World, body, cluster};
use model::act::Role;
use model::apps::DefaultApp;
use model::contact;
use model::conversation::{self, Change, Filter, State};
use model::database::{Access, CommitError, DatabaseError, Pipeline};
use model::outbox::{self, Content, Idempotency, Options, To, Wish};
use model::{Database, api_key, event, message, organization};
use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;
use wazapp::server::{self, Setup};

use super::tap::{Carried, Tap};
use super::twins::{Twins, id, uuids};

/// When a future is dropped: while its last poll's request is under way, or when the answer has come and nobody polls.
#[derive(Clone, Copy, Debug)]
enum Drop {
    InFlight,
    Answered,
}

/// Polls a future this often and drops it. Its output, if it came to its end before.
async fn polled<T>(future: impl Future<Output = T>, polls: u32, when: Drop) -> Option<T> {
    let mut future = pin!(future);
    let mut done = 0;
    poll_fn(|context| {
        if done == polls {
            return Poll::Ready(None);
        }
        done += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if done == polls && matches!(when, Drop::InFlight) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Twins, and a database with one connection for requests that is listened to.
struct Stage {
    twins: Twins,
    tap: Tap,
    database: Database,
    sql: tokio_postgres::Client,
    conversation: Uuid,
    contact: Uuid,
    /// The ids of everything that the second may see.
    others: std::collections::BTreeSet<Uuid>,
}

impl Stage {
    async fn new() -> Self {
        let twins = Twins::new().await;
        let sql = twins.world.sql().await;
        let name: String = sql.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
        let tap = Tap::start(&cluster::socket_dir());
        let database = Database::new(Access::socket(tap.socket_dir(), &name), 1).unwrap();
        let row = &twins.list(0, "/conversations").await[0];
        let parsed = |value: &Value| value.as_str().unwrap().parse().unwrap();
        let (conversation, contact) = (parsed(&row["id"]), parsed(&row["contact"]["id"]));
        let others = twins.list(1, "/conversations").await.iter().map(|row| id(row).parse().unwrap()).collect();
        Self { twins, tap, database, sql, conversation, contact, others }
    }

    fn first(&self) -> &Organization {
        &self.twins.organizations[0]
    }

    /// The next user of the only connection, from the second organization, finds it clean and sees its own rows alone.
    async fn check_next_user(&self, after: &str) {
        let tx = self.database.tenant(&self.twins.organizations[1].scope).await.expect(after);
        let page = conversation::list(&tx, &Filter::default(), None, 100).await.expect(after);
        let seen: std::collections::BTreeSet<Uuid> = page.data.iter().map(|row| row.id).collect();
        assert_eq!(seen, self.others, "{after}");
        assert!(conversation::get(&tx, self.conversation).await.unwrap().is_none(), "{after}");
        tx.commit().await.expect(after);
        let clean = Carried { transaction: 'I', role: "wazapp_web".into(), organization: String::new() };
        let worker = Carried { role: "wazapp_worker".into(), ..clean.clone() };
        for carried in self.tap.carried() {
            assert!(carried == clean || carried == worker, "{after}: the connection carries {carried:?}");
        }
    }

    /// Drops the operation at every one of its awaits. `outcome` says what is in the database afterwards: `Some(done)`
    /// all or nothing of it, `None` a part.
    async fn drop_everywhere<T>(
        &self,
        what: &str,
        operation: impl AsyncFn(u32) -> T,
        outcome: impl AsyncFn(u32) -> Option<bool>,
    ) {
        let mut attempt = 0;
        let mut undone = 0;
        for when in [Drop::InFlight, Drop::Answered] {
            let mut polls = 0;
            loop {
                polls += 1;
                attempt += 1;
                let after = format!("{what} dropped after poll {polls}, {when:?}");
                let ended = polled(operation(attempt), polls, when).await.is_some();
                self.check_next_user(&after).await;
                let done = outcome(attempt).await;
                let done = done.unwrap_or_else(|| panic!("{after}: half of it is there"));
                assert!(done || !ended, "{after}: it ended, and nothing is there");
                undone += u32::from(!done);
                if ended {
                    break;
                }
                assert!(polls < 500, "{what} never ends");
            }
            assert!(polls > 2, "{what} was dropped nowhere: {polls}");
        }
        assert!(undone > 2, "{what} was never undone: {undone}");
    }

    /// How many events of the first tell of this id.
    async fn events_about(&self, marker: Uuid) -> i64 {
        let sql =
            "SELECT count(*) FROM wazapp.event WHERE organization_id = $1 AND data::text LIKE '%' || $2::text || '%'";
        let row = self.sql.query_one(sql, &[&self.first().id, &marker.to_string()]).await;
        row.unwrap().get(0)
    }

    async fn assignee(&self) -> Option<Uuid> {
        let sql = "SELECT assignee_id FROM wazapp.conversation WHERE id = $1";
        self.sql.query_one(sql, &[&self.conversation]).await.unwrap().get(0)
    }

    async fn own_name(&self) -> Option<String> {
        let sql = "SELECT own_name FROM wazapp.contact WHERE id = $1";
        self.sql.query_one(sql, &[&self.contact]).await.unwrap().get(0)
    }

    async fn unread(&self) -> i32 {
        let sql = "SELECT unread_count FROM wazapp.conversation WHERE id = $1";
        self.sql.query_one(sql, &[&self.conversation]).await.unwrap().get(0)
    }

    async fn end(self) {
        self.database.close();
        drop(self.sql);
        self.twins.world.end().await;
    }
}

/// A different id for every attempt.
fn marker(attempt: u32) -> Uuid {
    Uuid::from_u128(0xaaaa_0000_0000_4000_8000_0000_0000_0000 + u128::from(attempt))
}

/// All parts of a change: all there, none there, or a part.
fn whole(parts: &[bool]) -> Option<bool> {
    parts.iter().all(|part| *part == parts[0]).then_some(parts[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_dropped_anywhere_leaves_no_organization_behind() {
    let stage = Stage::new().await;
    let reads = std::cell::Cell::new(0);
    stage
        .drop_everywhere(
            "a list",
            async |attempt| {
                let tx = stage.database.tenant(&stage.first().scope).await.unwrap();
                let page = conversation::list(&tx, &Filter::default(), None, 10).await.unwrap();
                tx.commit().await.unwrap();
                assert!(!page.data.is_empty());
                reads.set(attempt);
            },
            async |attempt| Some(reads.get() == attempt),
        )
        .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_dropped_anywhere_is_whole_or_nothing() {
    let stage = Stage::new().await;
    stage
        .drop_everywhere(
            "a change",
            async |attempt| {
                let assignee_id = Some(Some(marker(attempt)));
                let change = Change { state: Some(State::Waiting), assignee_id, ..Change::default() };
                let tx = stage.database.tenant(&stage.first().scope).await.unwrap();
                conversation::change(&tx, e2e::outside::now(), stage.conversation, &change).await.unwrap().unwrap();
                tx.commit().await.unwrap();
            },
            async |attempt| {
                let told = stage.events_about(marker(attempt)).await == 1;
                whole(&[stage.assignee().await == Some(marker(attempt)), told])
            },
        )
        .await;
    stage.end().await;
}

/// Message, queue row and key: a send whose client hung up is queued, or was never there. The world's last check counts
/// the conversation's messages.
#[tokio::test(flavor = "multi_thread")]
async fn a_send_dropped_anywhere_is_whole_or_nothing() {
    let stage = Stage::new().await;
    let count = async |sql: &str, marker: Uuid| -> i64 {
        stage.sql.query_one(sql, &[&marker.to_string()]).await.unwrap().get(0)
    };
    stage
        .drop_everywhere(
            "a send",
            async |attempt| {
                let marker = marker(attempt).to_string();
                let content = Content {
                    kind: "text".into(),
                    text: marker.clone(),
                    body: "{}".into(),
                    reply_to_wamid: None,
                    callback_data: None,
                    files: Vec::new(),
                    needs_window: false,
                    needs_phone: false,
                };
                let now = e2e::outside::now();
                let send_at = Some(now + jiff::SignedDuration::from_hours(1));
                let options = Options { send_at, ..Options::default() };
                let key = Idempotency { key: marker, fingerprint: vec![1] };
                let to = To::Conversation(stage.conversation);
                let tx = stage.database.tenant(&stage.first().scope).await.unwrap();
                let wish = Wish { to: &to, content: &content, options: &options, idempotency: Some(&key) };
                let line = event::line(&tx).await.unwrap();
                outbox::enqueue(&line, now, wish).await.unwrap().0.unwrap();
                tx.commit().await.unwrap();
            },
            async |attempt| {
                let marker = marker(attempt);
                let written = count("SELECT count(*) FROM wazapp.message WHERE text = $1", marker).await == 1;
                let queued = "SELECT count(*) FROM wazapp.outbox q JOIN wazapp.message m ON m.id = q.message_id WHERE m.text = $1";
                let known = "SELECT count(*) FROM wazapp.idempotency_key WHERE key = $1";
                whole(&[written, count(queued, marker).await == 1, count(known, marker).await == 1])
            },
        )
        .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_dropped_anywhere_is_whole_or_nothing() {
    let stage = Stage::new().await;
    stage
        .drop_everywhere(
            "marking as read",
            async |attempt| {
                // Marked, so that its event can be told from the others'.
                let prepare = "UPDATE wazapp.conversation SET unread_count = 3, assignee_id = $2 WHERE id = $1";
                stage.sql.execute(prepare, &[&stage.conversation, &marker(attempt)]).await.unwrap();
                let tx = stage.database.tenant(&stage.first().scope).await.unwrap();
                conversation::mark_read(&tx, e2e::outside::now(), stage.conversation).await.unwrap().unwrap();
                tx.commit().await.unwrap();
            },
            async |attempt| {
                if stage.assignee().await != Some(marker(attempt)) {
                    return Some(false); // dropped before it began
                }
                whole(&[stage.unread().await == 0, stage.events_about(marker(attempt)).await == 1])
            },
        )
        .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contacts_change_dropped_anywhere_is_whole_or_nothing() {
    let stage = Stage::new().await;
    stage
        .drop_everywhere(
            "a contact's change",
            async |attempt| {
                let change = contact::Change { own_name: Some(Some(marker(attempt).to_string())), notes: None };
                let tx = stage.database.tenant(&stage.first().scope).await.unwrap();
                contact::change(&tx, e2e::outside::now(), stage.contact, &change).await.unwrap().unwrap();
                tx.commit().await.unwrap();
            },
            async |attempt| {
                let told = stage.events_about(marker(attempt)).await == 1;
                whole(&[stage.own_name().await == Some(marker(attempt).to_string()), told])
            },
        )
        .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_dropped_anywhere_leaves_no_organization_behind() {
    let stage = Stage::new().await;
    let key = SecretString::from(stage.first().key.clone());
    let unused = "UPDATE wazapp.api_key SET last_used_at = NULL WHERE organization_id = $1";
    let used = "SELECT last_used_at IS NOT NULL FROM wazapp.api_key WHERE organization_id = $1";
    let first = stage.first().id;
    let begun = std::cell::Cell::new(0);
    stage
        .drop_everywhere(
            "a sign-in",
            async |attempt| {
                stage.sql.execute(unused, &[&first]).await.unwrap();
                begun.set(attempt);
                let opened = api_key::authenticate(&stage.database, e2e::outside::now(), &key).await.unwrap();
                assert_eq!(opened.map(|opened| opened.scope), Some(stage.first().scope));
            },
            async |attempt| {
                let used: bool = stage.sql.query_one(used, &[&first]).await.unwrap().get(0);
                Some(used && begun.get() == attempt)
            },
        )
        .await;
    stage.end().await;
}

/// Several changes of several tables in one transaction: all of them or none.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_transaction_dropped_anywhere_is_whole_or_nothing() {
    let stage = Stage::new().await;
    stage
        .drop_everywhere(
            "a long transaction",
            async |attempt| {
                let mark = marker(attempt);
                let change = Change { assignee_id: Some(Some(mark)), ..Change::default() };
                let named = contact::Change { own_name: Some(Some(mark.to_string())), notes: None };
                let tx = stage.database.tenant(&stage.first().scope).await.unwrap();
                let line = event::line(&tx).await.unwrap();
                conversation::list(&tx, &Filter::default(), None, 10).await.unwrap();
                conversation::change(&tx, e2e::outside::now(), stage.conversation, &change).await.unwrap().unwrap();
                contact::change(&tx, e2e::outside::now(), stage.contact, &named).await.unwrap().unwrap();
                line.record(event::New::of(event::Kind::meta("test"), e2e::outside::now(), Some(mark), &mark))
                    .await
                    .unwrap();
                message::list(&tx, stage.conversation, None, 10).await.unwrap();
                tx.commit().await.unwrap();
            },
            async |attempt| {
                let mark = marker(attempt);
                let events = stage.events_about(mark).await;
                assert!(events == 0 || events == 3, "{events} events of 3");
                let named = stage.own_name().await == Some(mark.to_string());
                whole(&[stage.assignee().await == Some(mark), named, events == 3])
            },
        )
        .await;
    stage.end().await;
}

/// The same for the other role, and for a batch that travels as one.
#[tokio::test(flavor = "multi_thread")]
async fn an_operators_work_dropped_anywhere_is_whole_or_nothing() {
    let stage = Stage::new().await;
    let organizations = "SELECT count(*) FROM wazapp.organization WHERE name = $1";
    let counters = "SELECT count(*) FROM wazapp.organization_sequence s JOIN wazapp.organization o ON o.id = s.organization_id WHERE name = $1";
    let count = async |sql: &str, name: &str| -> i64 { stage.sql.query_one(sql, &[&name]).await.unwrap().get(0) };
    let name = |attempt: u32| format!("Made {attempt}");
    stage
        .drop_everywhere(
            "making an organization",
            async |attempt| {
                let tx = stage.database.operator().await.unwrap();
                organization::create(&tx, &name(attempt)).await.unwrap();
                tx.commit().await.unwrap();
            },
            async |attempt| {
                // The operator's connection is not the one that the next user waited for.
                settled(&stage.sql).await;
                whole(&[count(organizations, &name(attempt)).await == 1, count(counters, &name(attempt)).await == 1])
            },
        )
        .await;
    let people = "SELECT count(*) FROM wazapp.contact WHERE profile_name = $1";
    let names = "SELECT count(*) FROM wazapp.contact_identity WHERE value = $1";
    stage
        .drop_everywhere(
            "a batch",
            async |attempt| {
                let (mut contacts, mut identities) = new_contact(stage.first().id, &name(attempt));
                let tx = stage.database.operator().await.unwrap();
                let mut pipeline = Pipeline::at(e2e::outside::now());
                contact::any_organization_save(&mut pipeline, &mut contacts);
                contact::any_organization_identify(&mut pipeline, &mut identities);
                tx.finish(pipeline).await.unwrap();
            },
            async |attempt| {
                settled(&stage.sql).await;
                whole(&[count(people, &name(attempt)).await == 1, count(names, &name(attempt)).await == 1])
            },
        )
        .await;
    stage.end().await;
}

fn new_contact(organization_id: Uuid, name: &str) -> (Vec<contact::Known>, Vec<contact::Identified>) {
    let known = contact::Known { profile_name: Some(name.to_owned()), ..contact::Known::new(organization_id) };
    let identity = contact::Identity { organization_id, kind: contact::Kind::Username, value: name.to_owned() };
    let leads = (identity, known.id);
    (vec![known], vec![leads])
}

/// Waits until no transaction of the server's roles is open in this database.
async fn settled(sql: &tokio_postgres::Client) {
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND usename LIKE 'wazapp%' AND state <> 'idle'";
    for _ in 0..2000 {
        if sql.query_one(open, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("a transaction stays open");
}

/// PostgreSQL answers COMMIT after a failed statement with success, and has rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_statement_makes_the_commit_fail() {
    let stage = Stage::new().await;
    let before = stage.own_name().await;
    let events = stage.twins.list(0, "/events").await.len();
    let tx = stage.database.tenant(&stage.first().scope).await.unwrap();
    let named = |name: &str| contact::Change { own_name: Some(Some(name.to_owned())), notes: None };
    contact::change(&tx, e2e::outside::now(), stage.contact, &named("good")).await.unwrap().unwrap();
    let refused = contact::change(&tx, e2e::outside::now(), stage.contact, &named("a NUL: \0")).await;
    assert!(refused.unwrap_err().blames_data());
    let committed = tx.commit().await;
    assert!(matches!(committed, Err(CommitError::NotDone(DatabaseError::RolledBack))), "{committed:?}");
    stage.check_next_user("a failed transaction").await;
    assert_eq!(stage.own_name().await, before);
    assert_eq!(stage.twins.list(0, "/events").await.len(), events);
    stage.end().await;
}

/// A statement that fails in the middle of a batch takes what stands before and behind it along, and is reported.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_a_failing_statement_writes_nothing() {
    let stage = Stage::new().await;
    let first = stage.first().id;
    // Once before the first use of the statements, and once when they are known to the connection.
    for round in 0..2 {
        let name = format!("Batch {round}");
        let (mut contacts, mut identities) = new_contact(first, &name);
        let (mut more, _) = new_contact(first, &name);
        let mut nowhere = [message::New {
            organization_id: first,
            id: Uuid::now_v7(),
            conversation_id: Uuid::now_v7(),
            number_id: stage.twins.numbers[0],
            contact_id: None,
            sequence: 1,
            outbound: false,
            origin: "webhook",
            kind: "text".into(),
            text: name.clone(),
            payload: "{}".into(),
            wamid: name.clone(),
            reply_to_wamid: None,
            party: "{}".into(),
            counts: true,
            rendition: 25,
            referral: None,
            status: None,
            error: None,
            edited_at: None,
            revoked_at: None,
            timestamp: jiff::Timestamp::UNIX_EPOCH,
            received_at: jiff::Timestamp::UNIX_EPOCH,
        }];
        let tx = stage.database.operator().await.unwrap();
        let mut pipeline = Pipeline::at(e2e::outside::now());
        contact::any_organization_save(&mut pipeline, &mut contacts);
        contact::any_organization_identify(&mut pipeline, &mut identities);
        message::any_organization_insert(&mut pipeline, &mut nowhere);
        contact::any_organization_save(&mut pipeline, &mut more);
        let finished = tx.finish(pipeline).await;
        assert!(matches!(&finished, Err(error) if error.blames_data()), "{finished:?}");
        let rows = "SELECT (SELECT count(*) FROM wazapp.contact WHERE profile_name = $1)
                         + (SELECT count(*) FROM wazapp.contact_identity WHERE value = $1)
                         + (SELECT count(*) FROM wazapp.message WHERE text = $1)";
        let rows: i64 = stage.sql.query_one(rows, &[&name]).await.unwrap().get(0);
        assert_eq!(rows, 0, "round {round}");
        stage.check_next_user("a failed batch").await;
    }
    stage.end().await;
}

/// A client that hangs up in the middle, after any time, many times, on a server with one connection for requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_leaves_no_organization_behind() {
    let stage = Stage::new().await;
    let world = &stage.twins.world;
    let app = DefaultApp { id: None, secrets: vec![SecretString::from("unused")], verify_token: None };
    let setup = Setup::new(stage.database.clone(), world.keyring().clone(), app, world.store());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let node = server::start(setup, listener).await.unwrap();
    let second = &stage.twins.organizations[1];
    let whole_list = world.read(second, "/conversations").await;
    let mut outcomes = [0, 0];
    for attempt in 0..120_u32 {
        let marker = world.member(stage.first(), Role::Agent).await.user_id;
        let body = format!(r#"{{"assignee_id":"{marker}"}}"#);
        let request = format!(
            "PATCH /api/v1/conversations/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            stage.conversation,
            stage.first().key,
            body.len(),
        );
        let mut client = TcpStream::connect(node.address()).await.unwrap();
        client.set_nodelay(true).unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        // From at once to a moment later; the last ones when the answer is on its way.
        if attempt < 100 {
            tokio::time::sleep(Duration::from_micros(u64::from(attempt) * 100)).await;
        } else {
            client.read_u8().await.unwrap();
        }
        drop(client);

        // The next one is the other organization, through the same connection to the database.
        let next = format!(
            "GET /api/v1/conversations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
            second.key
        );
        let mut client = TcpStream::connect(node.address()).await.unwrap();
        client.write_all(next.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let seen = answer.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str::<Value>(body).unwrap());
        let seen = seen.unwrap_or_else(|| panic!("attempt {attempt}: {answer}"));
        assert_eq!(uuids(&seen), uuids(&whole_list), "attempt {attempt}");
        stage.check_next_user(&format!("attempt {attempt}")).await;

        let told = stage.events_about(marker).await == 1;
        let done = whole(&[stage.assignee().await == Some(marker), told]);
        let done = done.unwrap_or_else(|| panic!("attempt {attempt}: half of it is there"));
        outcomes[usize::from(done)] += 1;
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "both happened: {outcomes:?}");
    node.stop().await;
    drop(stage.sql);
    stage.twins.world.end().await;
}

/// The lists of a whole organization, read by many at once while others are cancelled: a shared pool under load.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_pool_never_mixes_organizations() {
    let world = World::new().await;
    let mut organizations = Vec::new();
    for nth in 0..4 {
        let organization = world.organization(&format!("Busy {nth}")).await;
        let number = format!("1065000000001{nth}");
        world.connect(&organization, &number, &format!("2{nth}"), None).await;
        for person in 0..3 {
            let from = format!("3460011122{person}");
            world
                .take(&body::text(&number, &from, &format!("wamid.{person}"), 1_795_000_000, &format!("Busy-{nth}")))
                .await;
        }
        organizations.push(organization);
    }
    world.drain().await;
    let mut all = tokio::task::JoinSet::new();
    for task in 0..12_usize {
        let (database, organizations) = (world.database().clone(), organizations.clone());
        all.spawn(async move {
            for round in 0..60_usize {
                let nth = (task + round) % organizations.len();
                let read = async {
                    let tx = database.tenant(&organizations[nth].scope).await.unwrap();
                    let page = conversation::list(&tx, &Filter::default(), None, 10).await.unwrap();
                    tx.commit().await.unwrap();
                    page
                };
                let polls = if task % 3 == 0 { u32::try_from(1 + round % 9).unwrap() } else { u32::MAX };
                if let Some(page) = polled(read, polls, Drop::InFlight).await {
                    assert_eq!(page.data.len(), 3);
                    let own = format!("Busy-{nth}");
                    assert!(page.data.iter().all(|row| row.last_message.as_ref().unwrap().preview == own));
                }
            }
        });
    }
    while let Some(ended) = all.join_next().await {
        ended.unwrap();
    }
    world.end().await;
}
