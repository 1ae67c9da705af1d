//! Who follows the event log is told of each event once, in order, as it is committed.

use std::collections::VecDeque;
use std::time::Duration;

use e2e::{Organization, Person, World, body};
use model::act::Role;
use reqwest::Method;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

const NUMBER: &str = "106540352242922";
const AT: i64 = 1_795_000_000;

/// Longer than any part of a stream takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) id: i64,
    pub(super) event: String,
    data: Value,
}

impl Frame {
    fn read(text: &str) -> Self {
        let line = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
        };
        let data = serde_json::from_str(&line("data")).expect("JSON");
        Self { id: line("id").parse().expect("a number"), event: line("event"), data }
    }
}

/// A stream that is open.
pub(super) struct Stream {
    response: reqwest::Response,
    text: String,
    frames: VecDeque<Frame>,
}

impl Stream {
    async fn open(world: &World, acme: &Organization, query: &str, last: Option<i64>) -> Self {
        Self::of(world.request(Method::GET, acme, &format!("/events/stream{query}")), last).await
    }

    async fn of(request: reqwest::RequestBuilder, last: Option<i64>) -> Self {
        let response = Self::ask(request, last).await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { response, text: String::new(), frames: VecDeque::new() }
    }

    /// The same from a server that may be gone.
    pub(super) async fn attempt(request: reqwest::RequestBuilder, last: Option<i64>) -> Option<Self> {
        let response = Self::ask(request, last).await.ok()?;
        (response.status() == 200).then(|| Self { response, text: String::new(), frames: VecDeque::new() })
    }

    async fn ask(mut request: reqwest::RequestBuilder, last: Option<i64>) -> reqwest::Result<reqwest::Response> {
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.send().await
    }

    /// The next frame; `None`: the stream is over.
    pub(super) async fn any(&mut self) -> Option<Frame> {
        while self.frames.is_empty() {
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("it goes on");
            // Whoever does not read is cut off in the middle.
            let chunk = chunk.ok().flatten()?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
            while let Some((frame, rest)) = self.text.split_once("\n\n") {
                self.frames.push_back(Frame::read(frame));
                self.text = rest.to_owned();
            }
        }
        self.frames.pop_front()
    }

    /// The next event.
    async fn next(&mut self) -> Frame {
        loop {
            let frame = self.any().await.expect("the stream goes on");
            if frame.event != "heartbeat" {
                return frame;
            }
        }
    }

    /// So many events.
    async fn ids(&mut self, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.push(self.next().await.id);
        }
        ids
    }

    /// Waits for the end; nothing comes before it.
    async fn over(&mut self) {
        while let Some(frame) = self.any().await {
            assert_eq!(frame.event, "heartbeat", "{frame:?}");
        }
    }
}

async fn set_up() -> (World, Organization) {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "200", None).await;
    (world, acme)
}

async fn write(world: &World, range: std::ops::Range<i64>) {
    for nth in range {
        world.receive(&body::text(NUMBER, "34600111222", &format!("wamid.{nth}"), AT + nth, "hola")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_told_as_it_happens() {
    let (world, acme) = set_up().await;
    let mut stream = Stream::open(&world, &acme, "", None).await;
    let first = stream.any().await.expect("where it stands");
    let before = world.all(&acme, "/events").await;
    assert_eq!((first.event.as_str(), first.id), ("heartbeat", before.len().try_into().expect("few")));
    write(&world, 0..1).await;
    let told = stream.next().await;
    let log = world.all(&acme, &format!("/events?after={}", first.id)).await;
    assert_eq!((told.id, told.event.as_str()), (first.id + 1, "message.received"));
    assert_eq!(told.data, log[0]);
    // The server's end is the stream's.
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_again_misses_nothing() {
    let (world, acme) = set_up().await;
    write(&world, 0..150).await;
    let last: i64 = world.all(&acme, "/events").await.len().try_into().expect("few");
    let all: Vec<i64> = (1..=last).collect();
    let mut from_the_beginning = Stream::open(&world, &acme, "?after=0", None).await;
    assert_eq!(from_the_beginning.ids(all.len()).await, all);
    // The header is of the stream before, the address as it was when that began.
    let mut again = Stream::open(&world, &acme, "?after=0", Some(last - 3)).await;
    write(&world, 150..155).await;
    let rest: Vec<i64> = (last - 2..=last + 5).collect();
    assert_eq!(again.ids(rest.len()).await, rest);
    assert_eq!(from_the_beginning.ids(5).await, rest[3..]);
    let (status, problem) =
        world.call_with(Method::GET, &acme, "/events/stream", &[("last-event-id", "x")], None).await;
    assert_eq!((status, problem["type"].as_str()), (400, Some("/docs#malformed")));
    drop((again, from_the_beginning));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_of_its_organization_and_of_what_was_asked_for() {
    let (world, acme) = set_up().await;
    let other = world.organization("Other").await;
    world.connect(&other, "106540352242999", "201", None).await;
    let number = world.all(&acme, "/numbers").await[0]["id"].as_str().expect("an id").to_owned();
    write(&world, 0..1).await;
    let conversation = world.conversation(&acme).await["id"].as_str().expect("an id").to_owned();
    let mut of_other = Stream::open(&world, &other, "", None).await;
    let mut of_kind = Stream::open(&world, &acme, "?type=contact.updated,conversation.*", None).await;
    let mut of_number = Stream::open(&world, &acme, &format!("?number_id={number}"), None).await;
    let mut of_conversation = Stream::open(&world, &acme, &format!("?conversation_id={conversation}"), None).await;
    let mut of_another = Stream::open(&world, &acme, &format!("?number_id={conversation}"), None).await;
    for stream in [&mut of_other, &mut of_kind, &mut of_number, &mut of_conversation, &mut of_another] {
        stream.any().await.expect("where it stands");
    }
    world.receive(&body::text(NUMBER, "34600999888", "wamid.b", AT, "another one")).await;
    write(&world, 1..2).await;
    let (status, _) =
        world.post_api(&acme, &format!("/conversations/{conversation}/read"), &serde_json::json!({})).await;
    assert_eq!(status, 200);
    world.receive(&body::text("106540352242999", "34600111222", "wamid.o", AT, "of the other")).await;
    let told = of_other.next().await;
    assert_eq!(told.data["data"]["text"], "of the other");
    assert_eq!(of_kind.next().await.event, "conversation.updated");
    let of_two: Vec<Value> =
        [of_number.next().await, of_number.next().await].map(|told| told.data["data"]["text"].clone()).into();
    assert_eq!(of_two, ["another one", "hola"]);
    assert_eq!(of_conversation.next().await.data["data"]["text"], "hola");
    assert_eq!(of_conversation.next().await.event, "conversation.updated");
    // A stream that wants none of it is told how far the log was followed, and nothing else.
    let sql = world.sql().await;
    sql.execute("UPDATE wazapp.api_key SET revoked_at = '2026-01-01' WHERE organization_id = $1", &[&acme.id])
        .await
        .expect("revoked");
    of_another.over().await;
    drop((sql, of_other, of_kind, of_number, of_conversation));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_hears_no_more() {
    let (world, acme) = set_up().await;
    let mut stream = Stream::open(&world, &acme, "", None).await;
    stream.any().await.expect("where it stands");
    let sql = world.sql().await;
    let revoke = "UPDATE wazapp.api_key SET revoked_at = '2026-01-01' WHERE organization_id = $1";
    sql.execute(revoke, &[&acme.id]).await.expect("revoked");
    stream.over().await;
    drop(sql);
    world.end().await;
}

/// Whoever is signed in hears until they are let go, limited, signed out, or their organization is suspended; a colleague hears
/// on.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_hears_as_long_as_it_opens_the_organization_as_it_did() {
    let (world, acme) = set_up().await;
    let sql = world.sql().await;
    let listen = async |person: &Person| {
        let request =
            world.client().get(format!("{}/api/v1/events/stream", world.url())).header("cookie", &person.cookie);
        let mut stream = Stream::of(request, None).await;
        stream.any().await.expect("where it stands");
        stream
    };
    let colleague = world.member(&acme, Role::Agent).await;
    let mut hears_on = listen(&colleague).await;
    for ends in [
        "DELETE FROM wazapp.membership WHERE user_id = $1",
        "INSERT INTO wazapp.sight (organization_id, viewer_id, sees) SELECT organization_id, user_id, 'own'
         FROM wazapp.membership WHERE user_id = $1",
        "DELETE FROM wazapp.session WHERE user_id = $1",
        "UPDATE wazapp.session SET expires_at = now() WHERE user_id = $1",
    ] {
        let person = world.member(&acme, Role::Agent).await;
        let mut stream = listen(&person).await;
        assert_eq!(sql.execute(ends, &[&person.user_id]).await.expect(ends), 1, "{ends}");
        stream.over().await;
    }
    write(&world, 0..1).await;
    assert_eq!(hears_on.next().await.event, "message.received");
    let suspend = "UPDATE wazapp.organization SET suspended_at = now() WHERE id = $1";
    sql.execute(suspend, &[&acme.id]).await.expect("suspended");
    hears_on.over().await;
    drop(sql);
    world.end().await;
}

/// What no event can be is refused, not waited for; a number beyond the log's end is taken, as by the log.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_must_be_possible() {
    let (world, acme) = set_up().await;
    for (query, named) in [
        ("?type=message.recieved", "message.recieved"),
        ("?type=message.received,", "type"),
        ("?type=mesage.*", "mesage.*"),
        ("?after=-1", "after"),
        ("?after=9223372036854775808", "after"),
        ("?number_id=1", "number_id"),
        ("?kind=message.received", "kind"),
    ] {
        let (status, problem) = world.get(&acme, &format!("/events/stream{query}")).await;
        assert_eq!(status, 400, "{query}: {problem}");
        assert!(problem["detail"].as_str().expect("words").contains(named), "{query}: {problem}");
    }
    for path in ["/events", "/events/stream"] {
        let (status, problem) = world.get(&acme, &format!("{path}?after={}", i64::MAX)).await;
        assert_eq!((status, &problem["oldest"]), (410, &serde_json::json!(1)), "what nobody has read here: {problem}");
    }
    world.end().await;
}

/// A log that cannot be read any further is not shown as one in which nothing happens.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_ends_the_stream() {
    let (world, acme) = set_up().await;
    let mut stream = Stream::open(&world, &acme, "", None).await;
    stream.any().await.expect("where it stands");
    let sql = world.sql().await;
    let odd = "WITH end_of AS (UPDATE wazapp.organization_sequence SET last = last + 1 WHERE organization_id = $1 RETURNING last)
               INSERT INTO wazapp.event (organization_id, sequence, id, type, timestamp)
               SELECT $1, last, gen_random_uuid(), 'odd.word', '2026-01-01' FROM end_of";
    sql.execute(odd, &[&acme.id]).await.expect("a later version wrote it");
    stream.over().await;
    // Who comes again waits at no tail that is read no further.
    let mut again = Stream::open(&world, &acme, "", None).await;
    again.any().await.expect("where it stands");
    write(&world, 0..1).await;
    assert_eq!(again.next().await.event, "message.received");
    sql.execute("UPDATE wazapp.event SET type = 'contact.updated' WHERE type = 'odd.word'", &[]).await.expect("mended");
    drop((sql, again));
    world.end().await;
}

/// Whoever does not read for a while is behind the ring, and finds the rest in the log; so does who is cut off and comes
/// again. An event that is too long for the ring is read there, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_loses_nothing() {
    let (world, acme) = set_up().await;
    let mut slow = Stream::open(&world, &acme, "", None).await;
    let mut quick = Stream::open(&world, &acme, "", None).await;
    let first = slow.any().await.expect("where it stands").id;
    let long = "a long word ".repeat(4_000);
    for nth in 0..40 {
        let messages: Vec<Value> = (0..50)
            .map(|of| {
                let text = if of == 0 { &long } else { "hola" };
                body::text_message("34600111222", &format!("wamid.{nth}.{of}"), AT + nth, text)
            })
            .collect();
        world.receive(&body::value(NUMBER, &serde_json::json!({ "messages": messages }))).await;
    }
    let all: Vec<i64> = (first + 1..=first + 2_000).collect();
    assert_eq!(quick.ids(all.len()).await, all);
    let mut ids: Vec<i64> = Vec::new();
    while ids.len() < all.len() {
        match slow.any().await {
            Some(frame) if frame.event == "heartbeat" => {}
            Some(frame) => ids.push(frame.id),
            None => slow = Stream::open(&world, &acme, "", Some(ids.last().copied().unwrap_or(first))).await,
        }
    }
    assert_eq!(ids, all);
    drop((slow, quick));
    world.end().await;
}

/// What is committed on one node is told on the other.
#[tokio::test(flavor = "multi_thread")]
async fn another_node_is_heard() {
    let (world, acme) = set_up().await;
    let node = world.node().await;
    let request = world.client().get(format!("{}/api/v1/events/stream", node.url())).bearer_auth(&acme.key);
    let mut stream = Stream::of(request, None).await;
    stream.any().await.expect("where it stands");
    write(&world, 0..20).await;
    let last: i64 = world.all(&acme, "/events").await.len().try_into().expect("few");
    assert_eq!(stream.ids(20).await, (last - 19..=last).collect::<Vec<_>>());
    node.stop().await;
    stream.over().await;
    world.end().await;
}

/// A ring on one node is heard on the other, so that nobody there waits until it looks by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_bell_is_heard_on_another_node() {
    let (world, acme) = set_up().await;
    let elsewhere = world.database_apart();
    let mut follower = elsewhere.bell().follow(&acme.scope);
    let stop = CancellationToken::new();
    let relay = tokio::spawn(model::event::relay(elsewhere.clone(), stop.clone()));
    let rung = async |follower: &mut model::event::Follower| {
        tokio::time::timeout(PATIENCE, follower.rung()).await.expect("the bell is heard");
    };
    // Whoever begins to listen may have missed something.
    rung(&mut follower).await;
    write(&world, 0..1).await;
    rung(&mut follower).await;
    stop.cancel();
    relay.await.expect("it ends");
    elsewhere.close();
    world.end().await;
}

/// Many follow at once, and each is told of everything once. `WAZAPP_LIVE_STREAMS=500 WAZAPP_LIVE_SECONDS=20` has so many
/// follow for so long, at 500 events a second, and tells how late they heard.
#[tokio::test(flavor = "multi_thread")]
async fn many_follow_at_once() {
    let asked = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().expect("a number"));
    let (streams, seconds) = (asked("WAZAPP_LIVE_STREAMS", 40), asked("WAZAPP_LIVE_SECONDS", 1));
    let (world, acme) = set_up().await;
    let first: i64 = world.all(&acme, "/events").await.len().try_into().expect("few");
    let count = usize::try_from(seconds * 500).expect("it fits");
    let readers: Vec<_> = futures::future::join_all((0..streams).map(|_| Stream::open(&world, &acme, "", None)))
        .await
        .into_iter()
        .map(|mut stream| {
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while seen.len() < count {
                    let frame = stream.next().await;
                    let at: jiff::Timestamp =
                        frame.data["data"]["received_at"].as_str().expect("a time").parse().expect("a time");
                    seen.push((frame.id, e2e::outside::now().duration_since(at).as_millis()));
                }
                seen
            })
        })
        .collect();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    for nth in 0..count / 10 {
        tick.tick().await;
        let messages: Vec<Value> =
            (0..10).map(|of| body::text_message("34600111222", &format!("wamid.{nth}.{of}"), AT, "hola")).collect();
        world.take(&body::value(NUMBER, &serde_json::json!({ "messages": messages }))).await;
    }
    let all: Vec<i64> = (first + 1..).take(count).collect();
    let mut late = Vec::new();
    for reader in readers {
        let (ids, times): (Vec<i64>, Vec<i128>) = reader.await.expect("it reads").into_iter().unzip();
        assert_eq!(ids, all);
        late.extend(times);
    }
    late.sort_unstable();
    eprintln!(
        "{streams} streams, {count} events: heard {} ms after they were received at the median, {} ms at p99",
        late[late.len() / 2],
        late[late.len() * 99 / 100]
    );
    world.end().await;
}
