//! A number moves to another organization, and Meta still tells of what was before.

use std::time::Duration;

use e2e::{Organization, World, body};
use model::quarantine::Filter;
use serde_json::{Value, json};
use worker::inbound::replay_quarantine;

const NUMBER: &str = "10650000000001";
const ACCOUNT: &str = "20650000000001";
const ANA: &str = "34600111222";
const HOUR: Duration = Duration::from_secs(3600);

/// A number that was the first's until now, and is the second's from now on.
struct Moved {
    world: World,
    first: Organization,
    second: Organization,
    /// A second in which it was the first's, and one in which it is the second's.
    before: i64,
    after: i64,
}

impl Moved {
    /// `by_command`: as `wazapp number move` does it; else it is disconnected, and connected an hour later.
    async fn new(by_command: bool, while_first: impl AsyncFnOnce(&World, i64)) -> Self {
        let world = World::new().await;
        let (first, second) = (world.organization("First").await, world.organization("Second").await);
        world.connect(&first, NUMBER, ACCOUNT, None).await;
        let before = world.now().as_second();
        while_first(&world, before).await;
        world.drain().await;
        world.advance(HOUR).await;
        if by_command {
            let tx = world.database().operator().await.unwrap();
            let scopes = (&first.scope, &second.scope);
            let moved = model::number::hand_over(&tx, world.keyring(), scopes, NUMBER, world.now()).await.unwrap();
            assert!(moved.is_some_and(|moved| moved.is_ok()));
            tx.commit().await.unwrap();
        } else {
            world.disconnect(&first, NUMBER).await;
            world.advance(HOUR).await;
            world.connect(&second, NUMBER, ACCOUNT, None).await;
        }
        world.advance(Duration::from_secs(1)).await;
        let after = world.now().as_second();
        Self { world, first, second, before, after }
    }

    async fn wamids(&self, organization: &Organization) -> Vec<String> {
        let messages = self.world.all_messages(organization).await;
        let mut all: Vec<String> = messages.iter().map(|row| row["wamid"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    }

    /// What the second has, hears and knows is what came in its own time.
    async fn nothing_of_the_first_reached_the_second(self) {
        for row in self.world.all(&self.second, "/events?limit=100").await {
            assert!(!row.to_string().contains("secret"), "{row:#}");
        }
        for table in ["message", "status", "reaction", "media", "contact", "event"] {
            let id = self.second.id;
            let sql = format!(
                "SELECT count(*) FROM wazapp.{table} x WHERE organization_id = '{id}' AND x::text LIKE '%secret%'"
            );
            assert_eq!(self.world.count(&sql).await, 0, "{table}");
        }
        self.world.end().await;
    }
}

fn text(wamid: &str, at: i64) -> Value {
    body::text(NUMBER, ANA, wamid, at, wamid)
}

/// A message that is about another one.
fn about(wamid: &str, kind: &str, at: i64, what: Value) -> Value {
    body::message(NUMBER, json!({ "from": ANA, "id": wamid, "timestamp": at.to_string(), "type": kind, kind: what }))
}

/// All that the first had, again, and what it never got: one in four landed in both organizations.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_the_claim_stays_with_the_first() {
    for by_command in [true, false] {
        let old = |at: i64| {
            vec![
                text("secret.1", at),
                body::status(NUMBER, "secret.2", "sent", at, ANA),
                body::echo(NUMBER, ANA, "secret.3", at, "secret echo"),
                about(
                    "secret.4",
                    "image",
                    at,
                    json!({ "id": "secret media", "mime_type": "image/jpeg", "sha256": "x" }),
                ),
                body::history(
                    NUMBER,
                    1,
                    100,
                    &[(ANA, vec![body::text_message(ANA, "secret.5", at - 90_000, "secret past")])],
                ),
            ]
        };
        let moved = Moved::new(by_command, async |world, at| {
            for body in old(at) {
                world.take(&body).await;
            }
        })
        .await;
        let had = moved.wamids(&moved.first).await;
        for body in old(moved.before) {
            moved.world.take(&body).await;
        }
        // Meta could not deliver these while the number was the first's.
        moved.world.take(&text("secret.late", moved.before + 1)).await;
        moved.world.take(&body::echo(NUMBER, ANA, "secret.late.echo", moved.before + 2, "secret echo")).await;
        moved.world.take(&text("own.1", moved.after)).await;
        moved.world.drain().await;
        assert_eq!(had.len(), 4, "{had:?}");
        let now = moved.wamids(&moved.first).await;
        assert_eq!(now.len(), had.len() + 2, "{now:?}");
        assert_eq!(moved.wamids(&moved.second).await, ["own.1"], "by command: {by_command}");
        moved.nothing_of_the_first_reached_the_second().await;
    }
}

/// What is said now of a message of the first is the first's, too: how far a send came, an edit, a reaction, a deletion.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_the_firsts_messages_is_the_firsts() {
    for by_command in [true, false] {
        let moved = Moved::new(by_command, async |world, at| {
            world.take(&text("secret.1", at)).await;
            world.take(&body::echo(NUMBER, ANA, "secret.2", at, "secret echo")).await;
        })
        .await;
        let at = moved.after;
        for body in [
            body::status(NUMBER, "secret.2", "read", at, ANA),
            about("secret.3", "reaction", at, json!({ "message_id": "secret.1", "emoji": "👍" })),
            about(
                "secret.4",
                "edit",
                at,
                json!({ "original_message_id": "secret.1",
                "message": { "type": "text", "text": { "body": "secret edit" } } }),
            ),
            about("secret.5", "revoke", at, json!({ "original_message_id": "secret.1" })),
        ] {
            moved.world.take(&body).await;
        }
        moved.world.receive(&text("own.1", at)).await;
        assert_eq!(moved.wamids(&moved.second).await, ["own.1"]);
        assert_eq!(moved.world.message(&moved.first, "secret.2").await["status"], "read");
        assert!(moved.world.message(&moved.first, "secret.1").await["revoked_at"].is_string());
        moved.nothing_of_the_first_reached_the_second().await;
    }
}

/// What waited in quarantine while nobody had the number is not the next one's.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_gives_nothing_from_before_the_claim() {
    let world = World::new().await;
    let (first, second) = (world.organization("First").await, world.organization("Second").await);
    world.connect(&first, NUMBER, ACCOUNT, None).await;
    world.advance(HOUR).await;
    world.disconnect(&first, NUMBER).await;
    world.receive(&text("secret.1", world.now().as_second())).await;
    world.receive(&body::status(NUMBER, "secret.2", "read", world.now().as_second(), ANA)).await;
    assert_eq!(world.quarantine().await.len(), 2);
    world.advance(HOUR).await;
    world.connect(&second, NUMBER, ACCOUNT, None).await;
    replay_quarantine(world.database(), world.clock(), &Filter::default(), |_| ()).await.unwrap();
    assert_eq!(world.all_messages(&second).await, Vec::<Value>::new());
    assert_eq!(world.events(&second, "message.status").await, Vec::<Value>::new());
    assert_eq!(world.message(&first, "secret.1").await["text"], "secret.1", "nothing is lost");
    world.end().await;
}

/// The App of the number now must not sign for the organization that had it before.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_does_not_speak_for_those_who_had_its_number() {
    let world = World::new().await;
    let (first, second) = (world.organization("First").await, world.organization("Second").await);
    world.connect(&first, NUMBER, ACCOUNT, None).await;
    let before = world.now().as_second();
    world.receive(&text("first.1", before)).await;
    world.app("555", "their secret").await;
    world.advance(HOUR).await;
    world.disconnect(&first, NUMBER).await;
    world.connect(&second, NUMBER, ACCOUNT, Some("555")).await;
    let forged = body::bytes(&text("forged", before));
    let edit = json!({ "original_message_id": "first.1", "message": { "type": "text", "text": { "body": "forged" } } });
    let edit = body::bytes(&about("forged.edit", "edit", world.now().as_second(), edit));
    world.until("the App is known", async || world.post_to("/webhook/555", "their secret", &forged).await == 200).await;
    assert_eq!(world.post_to("/webhook/555", "their secret", &edit).await, 200);
    world.drain().await;
    assert_eq!(world.all_messages(&first).await.len(), 1);
    assert_eq!(world.message(&first, "first.1").await["text"], "first.1");
    assert_eq!(world.all_messages(&second).await, Vec::<Value>::new());
    assert!(world.quarantine().await.iter().all(|(reason, ..)| reason == "wrong_app"));
    world.end().await;
}
