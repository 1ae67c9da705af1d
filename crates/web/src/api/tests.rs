//! The API without a database: what is documented is what is routed, and every way of asking wrongly is answered.

use std::collections::BTreeSet;
use std::path::Path;

use axum::body::Body;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use model::Database;
use model::database::Access;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

const OPERATIONS: &[(&str, &str)] = &[
    ("delete", "/api/v1/messages/{id}"),
    ("delete", "/api/v1/numbers/{id}"),
    ("delete", "/api/v1/templates/{id}"),
    ("get", "/api/v1/connections"),
    ("get", "/api/v1/connections/{id}"),
    ("get", "/api/v1/contacts"),
    ("get", "/api/v1/contacts/{id}"),
    ("get", "/api/v1/contacts/{id}/merges"),
    ("get", "/api/v1/conversations"),
    ("get", "/api/v1/conversations/{id}"),
    ("get", "/api/v1/conversations/{id}/messages"),
    ("get", "/api/v1/costs"),
    ("get", "/api/v1/events"),
    ("get", "/api/v1/events/stream"),
    ("get", "/api/v1/events/samples"),
    ("get", "/api/v1/me"),
    ("get", "/api/v1/media/{id}"),
    ("get", "/api/v1/media/{id}/content"),
    ("get", "/api/v1/media/{id}/thumbnail"),
    ("get", "/api/v1/messages"),
    ("get", "/api/v1/messages/{id}"),
    ("get", "/api/v1/messages/{id}/statuses"),
    ("get", "/api/v1/numbers"),
    ("get", "/api/v1/numbers/{id}"),
    ("get", "/api/v1/organizations"),
    ("get", "/api/v1/prices"),
    ("get", "/api/v1/statuses"),
    ("get", "/api/v1/templates"),
    ("get", "/api/v1/templates/sync"),
    ("get", "/api/v1/templates/{id}"),
    ("patch", "/api/v1/connections/{id}"),
    ("patch", "/api/v1/contacts/{id}"),
    ("patch", "/api/v1/conversations/{id}"),
    ("patch", "/api/v1/messages/{id}"),
    ("patch", "/api/v1/organization"),
    ("patch", "/api/v1/organizations/{id}"),
    ("patch", "/api/v1/templates/{id}"),
    ("post", "/api/v1/connections"),
    ("post", "/api/v1/connections/{id}/retry"),
    ("post", "/api/v1/conversations/{id}/messages"),
    ("post", "/api/v1/conversations/{id}/read"),
    ("post", "/api/v1/conversations/{id}/typing"),
    ("post", "/api/v1/conversations/{id}/block"),
    ("delete", "/api/v1/conversations/{id}/block"),
    ("post", "/api/v1/media"),
    ("post", "/api/v1/media/{id}/retry"),
    ("post", "/api/v1/merges/{id}/undo"),
    ("post", "/api/v1/messages"),
    ("post", "/api/v1/messages/batch"),
    ("post", "/api/v1/numbers"),
    ("post", "/api/v1/organizations"),
    ("post", "/api/v1/organizations/{id}/entry"),
    ("post", "/api/v1/templates"),
    ("post", "/api/v1/templates/sync"),
    ("put", "/api/v1/numbers/{id}/token"),
    ("post", "/api/v1/numbers/{id}/resume"),
    ("delete", "/api/v1/numbers/{id}/callback"),
    ("patch", "/api/v1/numbers/{id}"),
    ("put", "/api/v1/prices"),
    ("get", "/api/v1/members"),
    ("patch", "/api/v1/members/{id}"),
    ("delete", "/api/v1/members/{id}"),
    ("get", "/api/v1/invitations"),
    ("post", "/api/v1/invitations"),
    ("delete", "/api/v1/invitations/{id}"),
    ("get", "/api/v1/teams"),
    ("post", "/api/v1/teams"),
    ("patch", "/api/v1/teams/{id}"),
    ("delete", "/api/v1/teams/{id}"),
    ("get", "/api/v1/endpoints"),
    ("post", "/api/v1/endpoints"),
    ("get", "/api/v1/endpoints/{id}"),
    ("patch", "/api/v1/endpoints/{id}"),
    ("delete", "/api/v1/endpoints/{id}"),
    ("post", "/api/v1/endpoints/{id}/secret"),
    ("post", "/api/v1/endpoints/{id}/test"),
    ("post", "/api/v1/endpoints/{id}/replay"),
    ("get", "/api/v1/endpoints/{id}/deliveries"),
    ("get", "/api/v1/deliveries/{id}"),
    ("post", "/api/v1/deliveries/{id}/retry"),
    ("get", "/api/v1/keys"),
    ("post", "/api/v1/keys"),
    ("delete", "/api/v1/keys/{id}"),
    ("get", "/api/v1/audit"),
];

/// Well formed, and of no server.
const KEY: &str = "Bearer wz_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

const ID: &str = "019a0b1c-0000-7000-8000-000000000001";

struct Answer {
    parts: http::response::Parts,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

/// Asks a server whose database is away.
async fn ask(request: Request<Body>) -> Answer {
    let access = Access::socket(Path::new("/nonexistent"), "wazapp");
    let database = Database::new(access, 1).unwrap();
    let keyring = model::secret::Keyring::new([[7; 32]]);
    let state = State {
        clock: model::Clock::default(),
        graph: whatsapp::graph::Graph::new("http://127.0.0.1:9", "v26.0").unwrap(),
        apps: model::apps::Apps::new(model::apps::DefaultApp::default(), database.clone(), keyring.clone()),
        keyring,
        guard: guard::Guard::new(Default::default()).unwrap(),
        database,
        wake: std::sync::Arc::default(),
        connecting: std::sync::Arc::default(),
        receipt_wake: std::sync::Arc::default(),
        stopping: tokio_util::sync::CancellationToken::new(),
        provider: None,
        desk: crate::Desk::default(),
        gathering: crate::Gathering::default(),
        live: crate::Live::new(model::Clock::default()),
        passwords: Default::default(),
        set_up: Default::default(),
        sign_in_link: None,
        typing: Typing::default(),
        mails: false,
        mail_wake: std::sync::Arc::default(),
        media_wake: std::sync::Arc::default(),
        store: model::store::Store::directory(&std::env::temp_dir().join("wazapp-api-tests")).unwrap(),
        public_url: "http://127.0.0.1".into(),
        version: "0",
    };
    let answer = router(state).oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { parts, text: String::from_utf8_lossy(&bytes).into_owned() }
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method.to_uppercase().as_str()).uri(path.replace("{id}", ID))
}

async fn get(path: &str) -> Answer {
    ask(request("get", path).body(Body::empty()).unwrap()).await
}

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

fn documented() -> BTreeSet<(String, String)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (method.clone(), path.clone()))
        })
        .collect()
}

fn properties(document: &Value, schema: &str) -> BTreeSet<String> {
    let all = properties_of(document, &document["components"]["schemas"][schema]);
    assert!(!all.is_empty(), "{schema} is no object schema");
    all
}

/// Those of a shape, and of the shapes that it is made of.
fn properties_of(document: &Value, shape: &Value) -> BTreeSet<String> {
    if let Some(name) = shape["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return properties_of(document, &document["components"]["schemas"][name]);
    }
    let parts = shape["allOf"].as_array().into_iter().flatten().flat_map(|part| properties_of(document, part));
    shape["properties"].as_object().into_iter().flat_map(|own| own.keys().cloned()).chain(parts).collect()
}

#[test]
fn the_document_lists_exactly_the_operations() {
    let expected: BTreeSet<_> =
        OPERATIONS.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(documented(), expected);
}

#[tokio::test]
async fn every_operation_wants_a_key() {
    for (method, path) in OPERATIONS {
        let answer = ask(request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.parts.status, 401, "{method} {path}");
        assert_eq!(answer.parts.headers[WWW_AUTHENTICATE], "Bearer");
        assert_eq!(answer.parts.headers[CACHE_CONTROL], "no-store");
        assert_eq!(answer.json()["type"], "/docs#unauthorized");
    }
}

#[tokio::test]
async fn a_key_of_another_shape_is_refused_without_a_database() {
    let asked = request("get", "/api/v1/me").header(AUTHORIZATION, "Bearer wz_short");
    let answer = ask(asked.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.parts.status, 401);
    assert!(!answer.text.contains("wz_short"));
}

#[tokio::test]
async fn an_absent_database_is_503() {
    let asked = request("get", "/api/v1/conversations").header(AUTHORIZATION, KEY);
    let answer = ask(asked.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.parts.status, 503);
    assert_eq!(answer.parts.headers[RETRY_AFTER], "5");
    assert_eq!(answer.json()["type"], "/docs#unavailable");
}

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    for path in
        ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/conversations/", "/api/v1/conversations/{id}/nothing"]
    {
        let answer = get(path).await;
        assert_eq!(answer.parts.status, 404, "{path}");
        assert_eq!(answer.parts.headers[CONTENT_TYPE], "application/problem+json", "{path}");
        assert_eq!(answer.parts.headers[CACHE_CONTROL], "no-store", "{path}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(&path.replace("{id}", "019a0b1c")[..7]), "{detail}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_and_names_the_right_ones() {
    let answer = ask(request("delete", "/api/v1/contacts/{id}").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.parts.status, 405);
    assert_eq!(answer.json()["type"], "/docs#method-not-allowed");
    let allowed = answer.parts.headers["allow"].to_str().unwrap();
    assert!(allowed.contains("PATCH"), "{allowed}");
}

#[tokio::test]
async fn a_path_id_is_a_uuid() {
    let (mut parts, ()) = Request::builder().uri("/x").body(()).unwrap().into_parts();
    use axum::extract::FromRequestParts;
    let problem = super::id::Id::from_request_parts(&mut parts, &()).await.unwrap_err();
    assert_eq!(problem.kind().status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_body_past_the_limit_is_413() {
    use super::fields::{Body as Fields, Nothing};
    async fn take(_: Fields<Nothing>) {}
    let app: Router = Router::new().route("/", axum::routing::post(take)).layer(DefaultBodyLimit::max(BODY_LIMIT));
    let body = format!("{{\"a\":\"{}\"}}", "a".repeat(BODY_LIMIT));
    let asked = Request::post("/").header(CONTENT_TYPE, "application/json");
    let answer = app.oneshot(asked.body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.unwrap().status(), 413);
}

#[tokio::test]
async fn the_document_is_served_and_is_openapi_3_1() {
    let answer = get("/api/v1/openapi.json").await;
    assert_eq!(answer.parts.status, 200);
    assert_eq!(answer.json(), document());
    assert_eq!(document()["openapi"], "3.1.0");
}

#[tokio::test]
async fn the_docs_are_a_page_of_this_server_alone() {
    let answer = get("/docs/").await;
    assert_eq!(answer.parts.status, 200);
    assert!(answer.parts.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    for (path, answer) in
        [("/docs/", answer.text), ("/docs/swagger-initializer.js", get("/docs/swagger-initializer.js").await.text)]
    {
        assert!(!answer.contains("https://"), "{path}: {answer}");
    }
    let initializer = get("/docs/swagger-initializer.js").await.text;
    assert!(initializer.contains("/api/v1/openapi.json"), "{initializer}");
}

/// Two types of one name are one shape in the document: whoever makes a client of it gets the wrong one.
#[test]
fn no_two_shapes_have_one_name() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut names = BTreeSet::new();
    let mut folders = vec![crates.join("model/src"), crates.join("web/src"), crates.join("whatsapp/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                for name in shapes(&std::fs::read_to_string(&entry).unwrap()) {
                    assert!(
                        names.insert(name.clone()),
                        "{name} of {} is another's name: say #[schema(as = …)]",
                        entry.display()
                    );
                }
            }
        }
    }
    assert!(names.len() > 80, "{names:?}");
}

/// The names by which a source's shapes stand in the document.
fn shapes(source: &str) -> Vec<String> {
    let (mut names, mut pending) = (Vec::new(), None);
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[derive(") {
            pending = line.contains("ToSchema").then(String::new);
        } else if let Some(name) = pending.as_mut() {
            let word =
                |text: &str| text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default().to_owned();
            if let Some((_, other)) = line.split_once("schema(as = ") {
                *name = word(other);
            }
            let declared = ["struct ", "enum "].into_iter().find_map(|kind| line.split_once(kind));
            if let (false, Some((_, own))) = (line.starts_with(['#', '/']), declared) {
                names.push(if name.is_empty() { word(own) } else { std::mem::take(name) });
                pending = None;
            }
        }
    }
    names
}

#[test]
fn shapes_have_the_fields_they_promise() {
    let document = document();
    for (schema, fields) in [
        (
            "Conversation",
            "id number_id phone_number_id contact state unread_count last_message last_inbound_at window_expires_at \
             assignee_id team_id created_at updated_at",
        ),
        ("ContactSummary", "id name wa_id user_id username"),
        ("LastMessage", "id type direction preview timestamp"),
        (
            "Message",
            "id conversation_id sequence direction type text payload wamid reply_to_wamid media status error timestamp \
             received_at",
        ),
        ("Media", "id state mime_type filename size sha256 thumbnail error"),
        ("Event", "id sequence type timestamp data"),
        (
            "Connection",
            "id how state phone_number_id waba_id app_id number_id steps awaits created_at updated_at ended_at",
        ),
        ("Step", "name state at detail error warning"),
        ("Trouble", "code message advice whose_move"),
        ("Problem", "type title status detail errors templates connection"),
        ("Me", "organization api_version version"),
    ] {
        let has = properties(&document, schema);
        for field in fields.split_whitespace() {
            assert!(has.contains(field), "{schema} lacks {field}");
        }
    }
}

#[test]
fn examples_have_exactly_the_fields_of_their_shapes() {
    let document = document();
    for (schema, example) in [
        ("Conversation", example::conversation()),
        ("ContactSummary", example::conversation()["contact"].clone()),
        ("LastMessage", example::conversation()["last_message"].clone()),
        ("Message", example::message()),
        ("Message", example::queued()),
        ("Media", example::uploaded()),
        ("Media", example::media()),
        ("Media", example::pending_media()),
        ("Status", example::status()),
        ("Contact", example::contact()),
        ("Merge", example::merge()),
        ("Number", example::number()),
        ("MessageTemplate", example::template()),
        ("TemplateSync", example::template_sync()),
        ("TemplateSends", example::template()["sends"].clone()),
        ("TemplatePreview", example::template()["preview"].clone()),
        ("TemplateParameter", example::template()["parameters"][0].clone()),
        ("Connection", example::connection()),
        ("Step", example::connection()["steps"][0].clone()),
        ("Costs", example::costs()),
        ("CostRow", example::costs()["data"][0].clone()),
        ("Cost", example::costs()["total"].clone()),
        ("Prices", example::prices()),
        ("PriceRow", example::prices()["data"][0].clone()),
        ("Event", example::event()),
        ("Me", example::me()),
        ("Member", example::member()),
        ("Invitation", example::invitation()),
        ("Invited", example::invited()),
        ("Team", example::team()),
        ("ApiKey", example::key()),
        ("MadeKey", example::made_key()),
        ("Entry", example::audit()),
        ("Actor", example::audit()["actor"].clone()),
        ("Organization", example::me()["organization"].clone()),
    ] {
        let shown: BTreeSet<String> = example.as_object().unwrap().keys().cloned().collect();
        assert_eq!(shown, properties(&document, schema), "{schema}");
    }
}

/// Every reference in the document leads somewhere, and every operation has words, an answer and its problems.
#[test]
fn the_document_is_whole() {
    let document = document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = &reference[..reference.find('"').unwrap()];
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    let mut ids = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} is there twice");
            assert!(operation["summary"].is_string(), "{id} has no summary");
            let responses = operation["responses"].as_object().unwrap();
            let answered = ["200", "201", "202"].iter().any(|status| responses.contains_key(*status));
            assert!(answered, "{id} has no answer");
            for status in ["400", "401", "500", "503"] {
                assert!(responses[status]["description"].is_string(), "{id} lacks {status}");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{id}: {parameter}");
            }
        }
    }
    let scheme = &document["components"]["securitySchemes"]["api_key"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&"http".into(), &"bearer".into()));
    let session = &document["components"]["securitySchemes"]["session"];
    assert_eq!((&session["in"], &session["name"]), (&"cookie".into(), &"__Host-wazapp".into()));
    assert_eq!(document["security"], json!([{ "api_key": [] }, { "session": [] }]));
    let servers = document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    for operation in servers.filter(|operation| operation["x-act"] == "server") {
        assert_eq!(operation["security"], json!([{ "session": [] }]), "{operation}");
    }
}

/// A member that a body may leave out is shown as one that may be null only where null is taken.
#[test]
fn what_is_shown_as_nullable_takes_null() {
    fn sources(folder: &Path, all: &mut Vec<String>) {
        for entry in folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()) {
            match entry.is_dir() {
                true => sources(&entry, all),
                false => all.push(std::fs::read_to_string(entry).expect("a source")),
            }
        }
    }
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api"), &mut all);
    let lines: Vec<&str> = all.iter().flat_map(|source| source.lines().map(str::trim)).collect();
    let mut seen = 0;
    for (nth, _) in lines.iter().enumerate().filter(|(_, line)| line.contains("deserialize_with = \"given\"")) {
        let begins = nth - usize::from(lines[nth - 1].starts_with("#["));
        let field = lines[begins..].iter().find(|line| !line.starts_with("#[")).expect("a field");
        let shown = lines[begins..begins + 3].iter().any(|line| line.contains("schema(value_type = Option<"));
        assert!(!shown || field.contains(": Option<Option<"), "{field} does not take null, and the document says so");
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}
