//! With an API key, or an App, of one's own.

use e2e::{Options, Organization, body};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use whatsapp::signature::HEADER;

use super::{ANA, AT, NUMBER, Street, rest, sent};

const GREEDY: &str = "106540352242900";

async fn greedy(street: &Street) -> (Organization, String) {
    let greedy = street.world.organization("Greedy").await;
    street.world.connect(&greedy, GREEDY, "201", None).await;
    street.world.receive(&body::text(GREEDY, ANA, "wamid.greedy", AT, "hola")).await;
    let id = street.world.conversation(&greedy).await["id"].as_str().expect("an id").to_owned();
    (greedy, id)
}

/// Bodies of the API had no deadline, and a multipart preamble or part's head no end.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_a_deadline_and_forms_a_measure() {
    let mut street = Street::with(Options::default()).await;
    let key = street.neighbour.key.clone();
    let head = |path: &str, more: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: w\r\nauthorization: Bearer {key}\r\nconnection: close\r\n{more}\r\n\r\n")
    };
    let slow = [
        head("/api/v1/messages", "content-type: application/json\r\ncontent-length: 100") + "{",
        head(&format!("/v23.0/{NUMBER}/messages"), "content-type: application/json\r\ncontent-length: 100") + "{",
        head("/api/v1/media", "content-type: multipart/form-data; boundary=b\r\ncontent-length: 1000") + "--b\r\n",
    ];
    let mut waiting = JoinSet::new();
    for request in slow {
        let stream = sent(&street.world, [127, 0, 0, 1], request.as_bytes()).await;
        waiting.spawn(rest(stream));
    }
    let form = "content-type: multipart/form-data; boundary=b\r\ncontent-length: 90000000";
    let endless = ["x", "--b\r\nx: ", "--b\r\ncontent-disposition: form-data; name=\"file\"\r\nx: "];
    for begin in endless {
        let request = head("/api/v1/media", form) + begin;
        let mut stream = sent(&street.world, [127, 0, 0, 1], request.as_bytes()).await;
        let piece = vec![b'y'; 1 << 20];
        let mut sent = 0;
        while sent < 40 && stream.write_all(&piece).await.is_ok() {
            sent += 1;
        }
        assert!(sent < 40, "the server stops reading: {begin:?}");
    }
    while let Some(answer) = waiting.join_next().await {
        let answer = answer.expect("it is read");
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    street.neighbour_lives().await;
    street.end().await;
}

/// The line to an organization's events was not served in turn: who changed one conversation over and over held up every
/// batch of webhooks for seconds, and with it other organizations.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_conversation_hold_up_nobody() {
    let mut street = Street::with(Options::default()).await;
    let (greedy, conversation) = greedy(&street).await;
    let mut flood = JoinSet::new();
    for nth in 0..32 {
        let url = format!("{}/api/v1/conversations/{conversation}", street.world.url());
        let (client, key) = (street.world.client().clone(), greedy.key.clone());
        flood.spawn(async move {
            for turn in nth.. {
                let state = ["active", "waiting", "resolved"][turn % 3];
                let request = client
                    .patch(&url)
                    .bearer_auth(&key)
                    .header("content-type", "application/json")
                    .body(json!({ "state": state }).to_string());
                let _ = request.send().await;
            }
        });
    }
    for _ in 0..10 {
        // Both in one batch.
        let own = body::text(GREEDY, ANA, &format!("wamid.own{}", street.posted), AT, "hola");
        street.world.take(&own).await;
        street.neighbour_lives().await;
    }
    flood.shutdown().await;
    street.end().await;
}

/// Somebody who holds an organization's line for long holds up that organization alone.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_stuck_waits_aside() {
    let mut street = Street::with(Options::default()).await;
    let (greedy, conversation) = greedy(&street).await;
    let holder = street.world.sql().await;
    let hold = "BEGIN; SELECT FROM wazapp.organization_sequence WHERE organization_id = ";
    holder.batch_execute(&format!("{hold}'{}' FOR UPDATE", greedy.id)).await.expect("a lock");
    let mut stuck = JoinSet::new();
    for _ in 0..20 {
        let url = format!("{}/api/v1/conversations/{conversation}", street.world.url());
        let request = street
            .world
            .client()
            .patch(url)
            .bearer_auth(&greedy.key)
            .header("content-type", "application/json")
            .body(json!({ "state": "resolved" }).to_string());
        stuck.spawn(async move { request.send().await.expect("an answer").status().as_u16() });
    }
    for nth in 0..5 {
        street.world.take(&body::text(GREEDY, ANA, &format!("wamid.stuck{nth}"), AT, "hola")).await;
        street.neighbour_lives().await;
    }
    // Their requests do not wait for ever either.
    while let Some(status) = stuck.join_next().await {
        assert_eq!(status.expect("it is answered"), 503);
    }
    holder.batch_execute("ROLLBACK").await.expect("it lets go");
    street.world.drain().await;
    assert_eq!(street.world.all_messages(&greedy).await.len(), 6, "what waited is applied");
    street.end().await;
}

/// What changes nothing makes no event and takes no place in the line.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_nothing_is_none() {
    let street = Street::with(Options::default()).await;
    let (greedy, conversation) = greedy(&street).await;
    let contact = street.world.all(&greedy, "/contacts").await.remove(0);
    let contact = format!("/contacts/{}", contact["id"].as_str().expect("an id"));
    let conversation = format!("/conversations/{conversation}");
    let changes = [
        (&conversation, json!({ "state": "resolved" })),
        (&conversation, json!({ "assignee_id": null })),
        (&contact, json!({ "own_name": "Ana", "notes": "VIP" })),
    ];
    for (path, change) in &changes {
        assert_eq!(street.world.patch(&greedy, path, change).await.0, 200);
    }
    let events = street.world.all(&greedy, "/events").await.len();
    let seen = street.world.read(&greedy, &conversation).await;
    for (path, change) in &changes {
        assert_eq!(street.world.patch(&greedy, path, change).await.0, 200);
    }
    assert_eq!(street.world.all(&greedy, "/events").await.len(), events);
    assert_eq!(street.world.read(&greedy, &conversation).await, seen);
    street.end().await;
}

/// One organization's requests had all connections to the database.
#[tokio::test(flavor = "multi_thread")]
async fn an_organization_has_a_share_of_the_database() {
    let mut street = Street::with(Options::default()).await;
    let (greedy, _) = greedy(&street).await;
    let holder = street.world.sql().await;
    let hold = format!("BEGIN; SELECT FROM wazapp.number WHERE organization_id = '{}' FOR UPDATE", greedy.id);
    holder.batch_execute(&format!("{hold}; LOCK TABLE wazapp.contact IN ACCESS SHARE MODE")).await.expect("a lock");
    let mut flood = JoinSet::new();
    for _ in 0..60 {
        let request = street.world.request(Method::GET, &greedy, "/contacts?q=nobody%20at%20all");
        flood.spawn(async move { request.send().await.expect("an answer").status().as_u16() });
    }
    street.neighbour_lives().await;
    while let Some(status) = flood.join_next().await {
        assert_eq!(status.expect("it is answered"), 200, "they wait for each other");
    }
    holder.batch_execute("ROLLBACK").await.expect("it lets go");
    street.end().await;
}

/// Sends that hang are a share of what waits, and those beyond it are refused before anything was done.
#[tokio::test(flavor = "multi_thread")]
async fn hanging_sends_are_a_share() {
    let street = Street::with(Options { simulated: true, ..Options::default() }).await;
    let meta = street.world.meta();
    let number = meta.numbers().await.remove(0);
    let greedy = street.world.organization("Greedy").await;
    street.world.connect_simulated(&greedy, &number).await;
    meta.customer_says(&number, ANA, "hola").await;
    street.world.settle().await;
    meta.faults(json!([{ "kind": "hang", "rate": 1.0 }])).await;
    let mut flood = JoinSet::new();
    for _ in 0..400 {
        let url = format!("{}/v23.0/{}/messages", street.world.url(), number.phone_number_id);
        let message = json!({ "messaging_product": "whatsapp", "to": ANA, "type": "text", "text": { "body": "x" } });
        let request = street
            .world
            .client()
            .post(url)
            .bearer_auth(&greedy.key)
            .header("content-type", "application/json")
            .body(message.to_string());
        flood.spawn(async move {
            let answer = request.send().await.ok()?;
            Some((answer.status().as_u16(), serde_json::from_str::<Value>(&answer.text().await.ok()?).ok()?))
        });
    }
    let mut refused = 0;
    while let Some(answer) = flood.join_next().await {
        let Ok(Some((429, answer))) = answer else { continue };
        assert_eq!(answer["error"]["code"], 130429, "{answer}");
        refused += 1;
        if refused == 1 {
            assert_eq!(street.world.get(&street.neighbour, "/me").await.0, 200);
        }
    }
    // Those that came when others had ended found a place.
    assert!((1..=400 - 256).contains(&refused), "{refused} are refused");
    let queued = street.world.count("SELECT count(*) FROM wazapp.message WHERE direction = 'outbound'").await;
    assert_eq!(queued, 400 - refused, "what is refused was not begun");
    street.end().await;
}

/// An App's owner put bodies into the lane of somebody else's number, by naming a number with the same lane.
#[tokio::test(flavor = "multi_thread")]
async fn an_apps_bodies_stand_in_front_of_nobody_elses() {
    let mut street = Street::with(Options::default()).await;
    street.world.app("555", "their own secret").await;
    let decoy = body::bytes(&body::text(NUMBER, ANA, "wamid.decoy", AT, "x"));
    let posted = async || street.world.post_to("/webhook/555", "their own secret", &decoy).await == 200;
    street.world.until("the App is known", posted).await;
    let nameless = street.world.post_to("/webhook/555", "their own secret", br#"{"entry":[]}"#).await;
    assert_eq!(nameless, 200, "without a number ({HEADER} is good)");
    street.neighbour_lives().await;
    let shared = "SELECT count(*) FROM (SELECT lane FROM wazapp.inbound GROUP BY lane
                  HAVING count(DISTINCT coalesce(app_id, 'default')) > 1) x";
    assert_eq!(street.world.count(shared).await, 0, "no lane has bodies of two Apps");
    street.end().await;
}
