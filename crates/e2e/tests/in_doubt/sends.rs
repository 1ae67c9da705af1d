//! Messages, through each way in.

use std::collections::HashMap;

use reqwest::Method;
use tokio::time::Instant;

use super::*;

/// Until what becomes of a message on the Graph side is known.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// A way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Api,
    ApiWithKey,
    Graph,
}

impl Stage {
    async fn send(&self, way: Way, to: &str, template: &Value) -> (u16, Value) {
        let graph = format!("{}/v23.0/{}/messages", self.world.url(), self.number.phone_number_id);
        let key = &self.organization.key;
        let (request, mut body) = match way {
            Way::Graph => {
                (self.world.client().post(graph).bearer_auth(key), json!({ "messaging_product": "whatsapp" }))
            }
            _ => (
                self.world.request(Method::POST, &self.organization, "/messages"),
                json!({ "number_id": self.number_id }),
            ),
        };
        let request = if way == Way::ApiWithKey { request.header("idempotency-key", to) } else { request };
        body["to"] = to.into();
        body["type"] = "template".into();
        body["template"] = template.clone();
        let answer = request.header("content-type", "application/json").body(body.to_string()).send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.expect("a whole answer")).expect("JSON"))
    }

    /// What an answer says, by its words alone.
    fn says(&self, way: Way, status: u16, answer: &Value) -> Says {
        if way != Way::Graph {
            return self.read(status, answer);
        }
        let error = &answer["error"];
        let details = error["error_data"]["details"].as_str().unwrap_or_default();
        match (status, error["is_transient"].as_bool()) {
            (200, _) => Says::Done(answer["messages"][0]["id"].as_str().expect("a wamid").to_owned()),
            (_, Some(true)) => {
                assert!(details.contains("Nothing was"), "{answer}");
                Says::Repeat
            }
            (400, Some(false)) => {
                assert!(details.contains("may have been sent"), "{answer}");
                let id = details.split("Message ").nth(1).and_then(|rest| rest.split(' ').next());
                Says::Look(format!("/messages/{}", id.expect("an id")))
            }
            _ => panic!("an answer that says neither what happened nor what to do: {status} {answer}"),
        }
    }

    /// Looks where an answer said; `None`: it was not sent, and never will be.
    async fn look(&self, way: Way, path: &str) -> Option<String> {
        let began = Instant::now();
        loop {
            let (status, message) = self.world.get(&self.organization, path).await;
            match (status, message["status"].as_str()) {
                (200, _) if way != Way::Graph => return Some(message["id"].as_str().expect("an id").to_owned()),
                (200, Some("failed")) => return None,
                (200, _) if message["wamid"].is_string() => return message["wamid"].as_str().map(str::to_owned),
                (404, _) if began.elapsed() > NEVER => return None,
                (200 | 404 | 503, _) => {}
                _ => panic!("{path}: {status} {message}"),
            }
            assert!(began.elapsed() < SETTLED_WITHIN, "{path} stays {message}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends a message as a client does that follows every answer to the letter; answers under which id it is told to be.
    async fn deliver(&self, way: Way, cut: Cut, to: &str, template: &Value, seen: (&mut Random, &mut Tally)) -> String {
        let (chance, tally) = seen;
        self.cut_off(cut, to, chance);
        for _ in 0..TRIES {
            let (status, answer) = self.send(way, to, template).await;
            let says = self.says(way, status, &answer);
            tally.count(&says);
            let known = match says {
                Says::Done(id) => Some(id),
                Says::Repeat => {
                    tokio::time::sleep(PAUSE).await;
                    None
                }
                Says::Look(path) => self.look(way, &path).await,
            };
            if let Some(id) = known {
                return id;
            }
        }
        panic!("{to} could not be written to");
    }
}

/// Everyone is written to once, though the database is cut off at every one of them.
async fn everyone_gets_it_once(way: Way) {
    let stage = Stage::new().await;
    let template = stage.world.meta().simple_template(&stage.number).await;
    let mut chance = Random::new(9);
    let mut told: HashMap<String, String> = HashMap::new();
    for cut in Cut::ALL {
        let mut tally = Tally::default();
        for _ in 0..requests(20) {
            let to = format!("346{:08}", told.len());
            let id = stage.deliver(way, cut, &to, &template, (&mut chance, &mut tally)).await;
            told.insert(to, id);
        }
        tally.tell(&format!("{way:?}, {cut:?}"));
    }
    let left = "SELECT count(*) FROM wazapp.outbox WHERE state IN ('queued', 'sending')";
    stage.world.until("everything is sent", async || stage.world.count(left).await == 0).await;

    let mut accepted: HashMap<String, Vec<String>> = HashMap::new();
    for row in stage.world.meta().accepted(&stage.number).await {
        let id = if way == Way::Graph { &row["id"] } else { &row["request"]["biz_opaque_callback_data"] };
        let to = row["request"]["to"].as_str().expect("a recipient");
        accepted.entry(to.to_owned()).or_default().push(id.as_str().expect("an id").to_owned());
    }
    for (to, id) in &told {
        assert_eq!(accepted.get(to), Some(&vec![id.clone()]), "{to} was told to be {id}");
    }
    assert_eq!(accepted.len(), told.len());
    stage.world.end().await;
}

/// The database stays away after it committed: longer than it is asked what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_found_out_is_called_unknown() {
    let stage = Stage::new().await;
    let template = stage.world.meta().simple_template(&stage.number).await;
    let (proxy, database) = (stage.world.proxy(), "SELECT count(*) FROM wazapp.message");
    for (nth, way) in [Way::Api, Way::ApiWithKey].into_iter().enumerate() {
        let to = format!("3461000000{nth}");
        let lost = proxy.lose_commit_and_cut(to.clone());
        let (status, answer) = stage.send(way, &to, &template).await;
        lost.await.expect("a COMMIT without an answer");
        proxy.mend();
        let known = match stage.says(way, status, &answer) {
            Says::Look(path) if way == Way::Api => {
                stage
                    .world
                    .until("it can be looked at", async || stage.world.get(&stage.organization, &path).await.0 != 503)
                    .await;
                stage.look(way, &path).await
            }
            Says::Repeat if way == Way::ApiWithKey => {
                assert!(answer["detail"].as_str().unwrap().contains("the same `Idempotency-Key`"), "{answer}");
                let (status, answer) = stage.send(way, &to, &template).await;
                assert_eq!(status, 202, "{answer}");
                answer["id"].as_str().map(str::to_owned)
            }
            other => panic!("{way:?}: {other:?} {answer}"),
        };
        assert!(known.is_some(), "{way:?}: it was committed");
        assert_eq!(stage.world.count(database).await, i64::try_from(nth + 1).unwrap(), "{way:?}: once");
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_by_the_api() {
    everyone_gets_it_once(Way::Api).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_by_the_api_with_a_key() {
    everyone_gets_it_once(Way::ApiWithKey).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_by_the_graph_side() {
    everyone_gets_it_once(Way::Graph).await;
}
