//! What somebody has begun to write is theirs, on whatever device they go on.

use e2e::body;
use model::act::Role;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::super::Browser;
use super::{Stage, hidden, limit};

const EVA: &str = "34600555666";

/// Keeps a text that was written over this version, and answers the version it has now, or what is there instead.
async fn keep(stage: &Stage, browser: &mut Browser, text: &str, version: i64) -> Result<i64, (i64, String)> {
    let fields = [("body", text), ("version", &version.to_string())];
    let answer = browser.post(&stage.path("/draft"), &fields).await;
    let said: Value =
        serde_json::from_str(&answer.text).unwrap_or_else(|_| panic!("{}: {}", answer.status, answer.text));
    let version = said["version"].as_i64().expect("a version");
    match answer.status {
        StatusCode::OK => Ok(version),
        StatusCode::CONFLICT => Err((version, said["text"].as_str().expect("a text").to_owned())),
        status => panic!("{status}"),
    }
}

/// What the box of the conversation says.
async fn begun(stage: &Stage, browser: &mut Browser) -> (String, i64) {
    let page = browser.get(&stage.path("")).await.text;
    let rest = page.split("data-version=\"").nth(1).unwrap_or_else(|| panic!("no box in {page}"));
    let (version, rest) = rest.split_once("\">").expect("a version");
    (rest.split("</textarea>").next().expect("a text").to_owned(), version.parse().expect("a number"))
}

/// It is in the box and in the list on every device of whoever wrote it, of nobody else's, in no other conversation, and in
/// nothing that programs are told; what was sent is a draft no more, and what was begun since is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_its_writers_on_every_device() {
    let stage = Stage::new().await;
    stage.world.meta().customer_says(&stage.number, "34600333444", "Hola").await;
    stage.world.settle().await;
    let luis = stage.world.member(&stage.organization, Role::Owner).await;
    let [mut desk, mut phone] = [Browser::of(&stage.world, &stage.marta), Browser::of(&stage.world, &stage.marta)];
    let mut his = Browser::of(&stage.world, &luis);
    let log = stage.world.events(&stage.organization, "conversation.updated").await.len();
    let version = keep(&stage, &mut desk, "Sí, hasta las", 0).await.expect("nothing was there");
    assert_eq!(begun(&stage, &mut phone).await, ("Sí, hasta las".to_owned(), version));
    let list = phone.get("/inbox?view=all").await.text;
    assert_eq!(list.matches("Borrador:").count(), 1, "{list}");
    let rows = phone.get(&format!("/inbox/rows?view=all&ids={}", stage.conversation)).await.text;
    assert!(rows.contains("Borrador:") && rows.contains("Sí, hasta las"), "{rows}");
    for path in [stage.path(""), "/inbox?view=all".to_owned()] {
        let page = his.get(&path).await.text;
        assert!(!page.contains("Sí, hasta las"), "{page}");
    }
    assert_eq!(begun(&stage, &mut his).await, (String::new(), 0));
    assert_eq!(stage.world.events(&stage.organization, "conversation.updated").await.len(), log, "nobody is told");
    let told = stage.world.conversations(&stage.organization).await;
    assert!(told.iter().all(|row| !row.to_string().contains("hasta las")));

    let form = desk.get(&stage.path("")).await.text;
    let seen = hidden(&form, "seen").to_owned();
    let text = [("seen", seen.as_str()), ("body", "Sí, hasta las 20 h.")];
    assert_eq!(desk.post(&stage.path("/messages"), &text).await.status, StatusCode::SEE_OTHER);
    let (empty, sent) = begun(&stage, &mut phone).await;
    assert!(empty.is_empty() && sent > version, "{empty} {sent}");
    assert!(!phone.get("/inbox?view=all").await.text.contains("Borrador:"));
    // Begun before the answer to the former one came.
    keep(&stage, &mut desk, "¿Algo más?", version).await.expect("what was sent stands in nobody's way");
    let again = [("body", "Ya está.")];
    assert_eq!(desk.post(&stage.path("/messages"), &again).await.status, StatusCode::SEE_OTHER);
    assert_eq!(begun(&stage, &mut phone).await.0, "¿Algo más?");
    stage.world.end().await;
}

/// A page that was left open somewhere says what it saw: it overwrites nothing newer, until its writer has seen that.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_page_overwrites_nothing_in_silence() {
    let stage = Stage::new().await;
    let [mut desk, mut phone] = [Browser::of(&stage.world, &stage.marta), Browser::of(&stage.world, &stage.marta)];
    let first = keep(&stage, &mut desk, "uno", 0).await.expect("nothing was there");
    let second = keep(&stage, &mut phone, "uno y dos", first).await.expect("it was seen");
    assert!(second > first);
    assert_eq!(keep(&stage, &mut desk, "uno y tres", first).await, Err((second, "uno y dos".to_owned())));
    assert_eq!(begun(&stage, &mut desk).await, ("uno y dos".to_owned(), second));
    let third = keep(&stage, &mut desk, "uno y tres", second).await.expect("it was seen now");
    assert!(keep(&stage, &mut phone, "uno y tres", second).await.expect("the same is no other") > third);
    let long = "ñ".repeat(4_097);
    let answer = desk.post(&stage.path("/draft"), &[("body", &long)]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(begun(&stage, &mut desk).await.0, "uno y tres");
    let longest = "ñ".repeat(4_096);
    keep(&stage, &mut desk, &longest, i64::MAX).await.expect_err("nobody saw that");
    let (_, version) = begun(&stage, &mut desk).await;
    keep(&stage, &mut desk, &longest, version).await.expect("as long as a text can be");
    stage.world.end().await;
}

/// Who is let go leaves no draft behind, who is limited keeps none where they see nothing, and where two conversations turn
/// out to be one, so do what was begun in both.
#[tokio::test(flavor = "multi_thread")]
async fn drafts_go_where_their_conversation_and_their_writer_go() {
    let stage = Stage::new().await;
    let mut desk = Browser::of(&stage.world, &stage.marta);
    // One is known by her phone, one by an id of Meta's, until a webhook says that they are the same.
    let at = stage.world.now().as_second();
    let said = |names: Value, wamid: &str, nth: i64| {
        let mut message =
            json!({ "id": wamid, "timestamp": (at + nth).to_string(), "type": "text", "text": { "body": wamid } });
        message.as_object_mut().expect("an object").extend(names.as_object().expect("an object").clone());
        body::value(&stage.number.phone_number_id, &json!({ "messages": [message] }))
    };
    stage.world.receive(&said(json!({ "from": EVA }), "wamid.p", 1)).await;
    stage.world.receive(&said(json!({ "from_user_id": "ES.42" }), "wamid.u", 2)).await;
    let found = async |wamid: &str| {
        let message = stage.world.message(&stage.organization, wamid).await;
        format!("/inbox/{}", message["conversation_id"].as_str().expect("an id"))
    };
    for (wamid, text) in [("wamid.p", "para Eva"), ("wamid.u", "para quien sea")] {
        let path = format!("{}/draft", found(wamid).await);
        assert_eq!(desk.post(&path, &[("body", text)]).await.status, StatusCode::OK);
    }
    stage.world.receive(&said(json!({ "from": EVA, "from_user_id": "ES.42" }), "wamid.b", 3)).await;
    let path = found("wamid.p").await;
    assert_eq!(path, found("wamid.u").await, "they are one");
    let page = desk.get(&path).await.text;
    assert!(page.contains("para Eva\npara quien sea") || page.contains("para quien sea\npara Eva"), "{page}");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.draft").await, 1);

    limit(&stage, &stage.marta).await;
    assert_eq!(desk.post(&format!("{path}/draft"), &[("body", "x")]).await.status, StatusCode::NOT_FOUND);
    assert!(!desk.get("/inbox?view=all").await.text.contains("Borrador:"));
    let owner = stage.world.member(&stage.organization, Role::Owner).await;
    let member = format!("/members/{}", stage.marta.user_id);
    let (status, answer) = stage.world.as_person(reqwest::Method::DELETE, &owner, &member, None).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.draft").await, 0);
    stage.world.end().await;
}
