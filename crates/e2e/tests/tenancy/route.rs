//! Every route × the other organization's ids. The routes come from the OpenAPI document, so a new one is asked too.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::twins::{MARKS, PEOPLE, Twins, id, phone_number_id, uuids};

/// An answer, without what differs at every request.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Value,
}

/// Asks as the first or the second.
async fn ask(twins: &Twins, nth: usize, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    let mut url = reqwest::Url::parse(&format!("{}{path}", twins.world.url())).unwrap();
    if url.path() == STREAM {
        url.query_pairs_mut().append_pair("after", "0");
    }
    let is_peoples = PEOPLES.iter().any(|peoples| url.path().starts_with(peoples));
    let request = twins.world.client().request(method, url);
    let mut request = match is_peoples {
        true => request.header("cookie", &twins.owners[nth].cookie),
        false => request.bearer_auth(&twins.organizations[nth].key),
    };
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let mut answer = request.send().await.unwrap();
    let headers = answer.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .filter(|(name, _)| name != "date" && name != "x-request-id")
        .collect();
    let status = answer.status().as_u16();
    let body = match path.starts_with(STREAM) && status == 200 {
        true => streamed(&mut answer).await,
        false => serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
    };
    Answer { status, headers, body }
}

/// What no key may ask for, an owner does.
const PEOPLES: [&str; 3] = ["/api/v1/members", "/api/v1/invitations", "/api/v1/keys"];

const STREAM: &str = "/api/v1/events/stream";

/// What a stream tells before it waits for news.
async fn streamed(answer: &mut reqwest::Response) -> Value {
    let mut text = String::new();
    while !text.contains("event: heartbeat") {
        text.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().expect("it goes on")).unwrap());
    }
    let told = text.split("event: heartbeat").next().unwrap().lines();
    let events = told.filter_map(|line| line.strip_prefix("data: ")).map(|data| serde_json::from_str(data).unwrap());
    json!({ "data": events.collect::<Vec<Value>>() })
}

/// One operation of the document.
struct Operation {
    method: String,
    path: String,
    parameters: Vec<Value>,
}

async fn operations(twins: &Twins) -> Vec<Operation> {
    let document = ask(twins, 0, "get", "/api/v1/openapi.json", None).await.body;
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        // What whoever runs the server does is no organization's; its own tests say who may.
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, row)| row["x-act"] != "server") {
            let parameters = operation["parameters"].as_array();
            all.push(Operation {
                method: method.clone(),
                path: path.clone(),
                parameters: parameters.cloned().unwrap_or_default(),
            });
        }
    }
    assert!(all.len() >= 15, "the document lists the API");
    all
}

impl Operation {
    /// A body it takes. A new operation with a body is taught here.
    fn body(&self) -> Option<Value> {
        match (self.method.as_str(), self.path.as_str()) {
            ("patch", "/api/v1/conversations/{id}") => Some(json!({ "state": "resolved" })),
            ("patch", "/api/v1/contacts/{id}") => Some(json!({ "own_name": "Taken over" })),
            ("post", "/api/v1/conversations/{id}/messages") => {
                Some(json!({ "type": "text", "text": { "body": "Taken over" } }))
            }
            ("post", "/api/v1/messages") => Some(json!({ "to": "34600111222", "text": { "body": "Taken over" } })),
            // A number is named in each, as below.
            ("post", "/api/v1/messages/batch") => Some(json!({ "messages": [] })),
            (
                "post",
                "/api/v1/media/{id}/retry"
                | "/api/v1/conversations/{id}/read"
                | "/api/v1/conversations/{id}/typing"
                | "/api/v1/conversations/{id}/block"
                | "/api/v1/merges/{id}/undo"
                | "/api/v1/numbers/{id}/resume"
                | "/api/v1/endpoints/{id}/secret"
                | "/api/v1/endpoints/{id}/test"
                | "/api/v1/deliveries/{id}/retry",
            )
            | (
                "delete",
                "/api/v1/messages/{id}"
                | "/api/v1/conversations/{id}/block"
                | "/api/v1/numbers/{id}"
                | "/api/v1/numbers/{id}/callback"
                | "/api/v1/templates/{id}"
                | "/api/v1/members/{id}"
                | "/api/v1/invitations/{id}"
                | "/api/v1/teams/{id}"
                | "/api/v1/keys/{id}"
                | "/api/v1/endpoints/{id}",
            )
            | ("get", _) => None,
            ("post", "/api/v1/numbers") => Some(json!({
                "phone_number_id": phone_number_id(0), "waba_id": "20650000000001", "token": "taken-over",
            })),
            ("put", "/api/v1/numbers/{id}/token") => Some(json!({ "token": "taken-over" })),
            ("post", "/api/v1/connections") => Some(json!({ "session": { "event": "FINISH", "waba_id": "1" } })),
            ("patch", "/api/v1/connections/{id}") => Some(json!({ "code": "taken-over" })),
            ("post", "/api/v1/connections/{id}/retry") => Some(json!({ "token": "taken-over" })),
            ("patch", "/api/v1/templates/{id}") => Some(json!({ "category": "MARKETING" })),
            ("patch", "/api/v1/members/{id}") => Some(json!({ "role": "viewer" })),
            ("patch", "/api/v1/endpoints/{id}") => Some(json!({ "description": "Taken over" })),
            ("post", "/api/v1/endpoints/{id}/replay") => Some(json!({ "after": 0 })),
            ("patch", "/api/v1/numbers/{id}") => Some(json!({ "author_line": "name" })),
            ("patch", "/api/v1/messages/{id}") => Some(json!({ "send_at": "2027-01-01T00:00:00Z" })),
            ("patch", "/api/v1/teams/{id}") => Some(json!({ "name": "Taken over" })),
            ("put", "/api/v1/prices") => Some(json!({ "currency": null, "data": [] })),
            (method, path) => panic!("what does {method} {path} take?"),
        }
    }

    fn takes(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|known| known["in"] == "query" && known["name"] == parameter)
    }
}

/// All ids of rows that the first or the second can name.
async fn ids(twins: &Twins, nth: usize) -> BTreeSet<Uuid> {
    let mut all = BTreeSet::new();
    for path in ["/conversations", "/contacts", "/numbers", "/connections", "/templates", "/events", "/me"] {
        all.extend(uuids(&twins.world.read(&twins.organizations[nth], &with_limit(path)).await));
    }
    for conversation in twins.list(nth, "/conversations").await {
        let path = format!("/conversations/{}/messages", id(&conversation));
        all.extend(twins.list(nth, &path).await.iter().flat_map(uuids));
    }
    for endpoint in twins.list(nth, "/endpoints").await {
        all.extend(uuids(&endpoint));
        let path = format!("/endpoints/{}/deliveries", id(&endpoint));
        all.extend(twins.list(nth, &path).await.iter().map(|delivery| id(delivery).parse::<Uuid>().unwrap()));
    }
    all.insert(twins.numbers[nth]);
    all.insert(twins.organizations[nth].id);
    all
}

fn with_limit(path: &str) -> String {
    match path {
        "/numbers" | "/me" => path.to_owned(),
        _ => format!("{path}?limit=100"),
    }
}

/// Another's id is answered as an id that does not exist: status, headers and every word.
#[tokio::test(flavor = "multi_thread")]
async fn someone_elses_id_is_no_id() {
    let twins = Twins::new().await;
    let foreign = ids(&twins, 0).await;
    assert!(foreign.len() > 40, "{}", foreign.len());
    let before = ids(&twins, 0).await;
    let events = twins.list(0, "/events").await;
    let mut asked = 0;
    for operation in operations(&twins).await {
        if !operation.path.contains("{id}") {
            continue;
        }
        let body = operation.body();
        let at = |id: Uuid| operation.path.replace("{id}", &id.to_string());
        let nobodys = ask(&twins, 1, &operation.method, &at(Uuid::now_v7()), body.as_ref()).await;
        assert_eq!(nobodys.status, 404, "{} {}", operation.method, operation.path);
        for id in &foreign {
            let others = ask(&twins, 1, &operation.method, &at(*id), body.as_ref()).await;
            assert_eq!(others, nobodys, "{} {}", operation.method, at(*id));
            asked += 1;
        }
    }
    assert!(asked > 300, "{asked}");
    assert_eq!(ids(&twins, 0).await, before, "the first has what it had");
    assert_eq!(twins.list(0, "/events").await, events, "nothing happened to the first");
    twins.world.end().await;
}

/// A filter by another's id, or a look-up by a wamid that only the other has, finds what a made-up one finds.
#[tokio::test(flavor = "multi_thread")]
async fn someone_elses_id_filters_everything_out() {
    let twins = Twins::new().await;
    let only_first = e2e::body::text(phone_number_id(0), PEOPLE[0], "wamid.ONLY-FIRST", 1_795_000_100, "secret");
    twins.world.receive(&only_first).await;
    let found = ask(&twins, 0, "get", "/api/v1/messages?wamid=wamid.ONLY-FIRST", None).await;
    assert_eq!(found.body["data"][0]["text"], "secret");

    let foreign = ids(&twins, 0).await;
    let mut asked = 0;
    for operation in operations(&twins).await {
        for parameter in ["number_id", "contact_id", "assignee", "team", "actor_id", "id", "message_id"] {
            if !operation.takes(parameter) {
                continue;
            }
            for id in &foreign {
                let path = |id: Uuid| format!("{}?{parameter}={id}", operation.path);
                let others = ask(&twins, 1, "get", &path(*id), None).await;
                let nobodys = ask(&twins, 1, "get", &path(Uuid::now_v7()), None).await;
                assert_eq!(others, nobodys, "{}", path(*id));
                assert_eq!(others.body["data"], json!([]), "{}", path(*id));
                asked += 1;
            }
        }
        if operation.takes("wamid") {
            for wamid in ["wamid.ONLY-FIRST", "wamid.NOBODYS"] {
                let answer = ask(&twins, 1, "get", &format!("{}?wamid={wamid}", operation.path), None).await;
                assert_eq!(answer.body, json!({ "data": [], "next_cursor": null }), "{wamid}");
                asked += 1;
            }
        }
        if operation.takes("q") {
            let answer = ask(&twins, 1, "get", &format!("{}?q={}", operation.path, MARKS[0]), None).await;
            assert_eq!(answer.body["data"], json!([]));
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked}");
    twins.world.end().await;
}

/// Cursors carry a place in a list, not a right: in the other's hands they lead into the other's own list.
#[tokio::test(flavor = "multi_thread")]
async fn someone_elses_cursor_opens_nothing() {
    let twins = Twins::new().await;
    let first = ids(&twins, 0).await;
    let second = ids(&twins, 1).await;
    let conversation = |nth| {
        let twins = &twins;
        async move { id(&twins.list(nth, "/conversations").await[0]).to_owned() }
    };
    let (mine, theirs) = (conversation(1).await, conversation(0).await);
    let mut used = 0;
    for (path_of_first, path_of_second) in [
        ("/api/v1/conversations".to_owned(), "/api/v1/conversations".to_owned()),
        ("/api/v1/contacts".to_owned(), "/api/v1/contacts".to_owned()),
        ("/api/v1/templates".to_owned(), "/api/v1/templates".to_owned()),
        ("/api/v1/events".to_owned(), "/api/v1/events".to_owned()),
        (format!("/api/v1/conversations/{theirs}/messages"), format!("/api/v1/conversations/{mine}/messages")),
    ] {
        let mut next = String::new();
        loop {
            let page = ask(&twins, 0, "get", &format!("{path_of_first}?limit=1{next}"), None).await;
            let Some(cursor) = page.body["next_cursor"].as_str() else {
                break;
            };
            next = format!("&cursor={cursor}");
            let seen = ask(&twins, 1, "get", &format!("{path_of_second}?limit=100{next}"), None).await;
            assert_eq!(seen.status, 200, "{seen:?}");
            let seen = uuids(&seen.body);
            assert!(seen.is_disjoint(&first), "{path_of_second}");
            assert!(seen.is_subset(&second), "{path_of_second}");
            used += 1;
        }
    }
    assert!(used > 20, "{used}");
    twins.world.end().await;
}

/// Both see the same story, each its own: no mark, no id and no number of the other's is in any answer.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_carries_anothers_mark() {
    let twins = Twins::new().await;
    let operations = operations(&twins).await;
    let mut texts = [String::new(), String::new()];
    let mut seen = [BTreeSet::new(), BTreeSet::new()];
    let mut routes = BTreeSet::new();
    for nth in 0..2 {
        let own = ids(&twins, nth).await;
        for operation in operations.iter().filter(|operation| operation.method == "get") {
            let mut paths = vec![operation.path.clone()];
            if operation.path.contains("{id}") {
                let filled = own.iter().map(|id| operation.path.replace("{id}", &id.to_string()));
                paths = filled.collect();
            }
            if operation.takes("wamid") {
                let wamids = ["wamid.0.text", "wamid.1.image", "wamid.2.echo", "wamid.0.echo.unknown"];
                paths.extend(wamids.iter().map(|wamid| format!("{}?wamid={wamid}", operation.path)));
            }
            for path in paths {
                let answer = ask(&twins, nth, "get", &path, None).await;
                if answer.status == 200 {
                    routes.insert((nth, operation.path.clone()));
                    texts[nth] += &answer.body.to_string();
                    seen[nth].extend(uuids(&answer.body));
                }
            }
        }
    }
    let answered = routes.iter().filter(|(nth, _)| *nth == 0).count();
    let readable = operations.iter().filter(|operation| operation.method == "get").count();
    assert_eq!(answered, readable, "every route answered something: {routes:?}");
    assert_eq!(routes.len(), 2 * readable);
    for (nth, other) in [(0, 1), (1, 0)] {
        assert!(texts[nth].contains(MARKS[nth]));
        for foreign in [MARKS[other], phone_number_id(other)] {
            assert!(!texts[nth].contains(foreign), "{foreign} was told to {}", MARKS[nth]);
        }
    }
    assert!(seen[0].is_disjoint(&seen[1]), "ids in both: {:?}", seen[0].intersection(&seen[1]));
    twins.world.end().await;
}

/// The same happened to both, so they see as much; what came twice is there once.
#[tokio::test(flavor = "multi_thread")]
async fn both_have_the_whole_story_once() {
    let twins = Twins::new().await;
    let mut stories = Vec::new();
    for (nth, mark) in MARKS.into_iter().enumerate() {
        let organization = &twins.organizations[nth];
        let messages = twins.world.all_messages(organization).await;
        let mut told: Vec<Value> = messages
            .iter()
            .map(|row| {
                let text = row["text"].as_str().unwrap().replace(mark, "…");
                json!([
                    row["wamid"],
                    row["type"],
                    row["direction"],
                    row["status"],
                    row["sequence"],
                    text,
                    row["reactions"][0]["emoji"]
                ])
            })
            .collect();
        told.sort_by_key(ToString::to_string);
        let mut kinds: Vec<Value> =
            twins.list(nth, "/events").await.iter().map(|event| event["type"].clone()).collect();
        kinds.sort_by_key(ToString::to_string);
        stories.push(json!([told, kinds, twins.list(nth, "/contacts").await.len()]));
        let wamids: BTreeSet<&str> = messages.iter().filter_map(|row| row["wamid"].as_str()).collect();
        assert_eq!(wamids.len(), messages.len(), "once each");
        let conversations = twins.list(nth, "/conversations").await;
        assert_eq!(conversations.len(), PEOPLE.len());
        let numbers = conversations.iter().map(|row| row["phone_number_id"].as_str().unwrap());
        assert_eq!(numbers.collect::<BTreeSet<_>>(), [phone_number_id(nth)].into());
    }
    assert_eq!(stories[0], stories[1]);
    twins.world.end().await;
}
