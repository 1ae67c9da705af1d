//! What one does with messages without JavaScript: files that go along, reactions, forwarding, and where a long conversation
//! opens.

use std::time::Duration;

use e2e::body;
use model::act::Role;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::inbox::{LUCIA, Stage, hidden, limit};
use super::{Answer, Browser};

/// A picture of one pixel.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0, 0, 1, 8,
    6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x62, 0xf8, 0xcf, 0xc0, 0,
    0, 3, 1, 1, 0, 0xc9, 0xfe, 0x92, 0xef, 0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

pub(super) const PICTURE: (&str, &str, &[u8]) = ("pan.png", "image/png", PNG);

impl Stage {
    async fn browser(&self) -> Browser {
        Browser::of(&self.world, &self.marta)
    }

    /// The form of a conversation, as its page has it.
    async fn form(&self, browser: &mut Browser) -> (String, String) {
        let page = browser.get(&self.path("")).await.text;
        (hidden(&page, "id").to_owned(), hidden(&page, "seen").to_owned())
    }

    async fn requests(&self) -> Vec<Value> {
        let all = self.world.meta().accepted(&self.number).await;
        all.into_iter().filter(|one| one["kind"] == "message").map(|one| one["request"].clone()).collect()
    }

    /// The first message that stands there.
    async fn first(&self) -> Value {
        self.world.all_messages(&self.organization).await.remove(0)
    }

    /// Another conversation, in which this person wrote.
    async fn another(&self, from: &str) -> String {
        self.world.meta().customer_says(&self.number, from, "Hola").await;
        self.world.settle().await;
        let all = self.world.conversations(&self.organization).await;
        let own = all.iter().find(|one| one["contact"]["wa_id"] == from).expect("a conversation");
        own["id"].as_str().expect("an id").to_owned()
    }
}

fn went(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
}

/// A file goes with its words, once however often the form comes; another one under the same id does not go for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_with_what_is_written() {
    let stage = Stage::new().await;
    let mut browser = stage.browser().await;
    let (id, seen) = stage.form(&mut browser).await;
    let fields = [("id", id.as_str()), ("seen", &seen), ("body", "Recién hecho")];
    for _ in 0..2 {
        went(&browser.post_file(&stage.path("/messages"), &fields, PICTURE).await);
    }
    let other = browser.post_file(&stage.path("/messages"), &fields, ("a.txt", "text/plain", b"otra cosa")).await;
    assert_eq!(other.status, StatusCode::CONFLICT, "{}", other.text);
    assert!(other.text.contains("name=\"media\""), "what was chosen is kept: {}", other.text);
    stage.world.until("it is delivered", async || stage.sent().await[0]["status"] == "delivered").await;
    let (sent, requests) = (stage.sent().await, stage.requests().await);
    assert_eq!((sent.len(), requests.len()), (1, 1), "{requests:#?}");
    assert_eq!((&sent[0]["id"], &sent[0]["sender_id"]), (&json!(id), &json!(stage.marta.user_id)));
    assert_eq!((&requests[0]["type"], &requests[0]["image"]["caption"]), (&json!("image"), &json!("Recién hecho")));
    // As a document it goes under its name.
    let (id, seen) = stage.form(&mut browser).await;
    let fields = [("id", id.as_str()), ("seen", &seen), ("as", "document"), ("body", "")];
    went(&browser.post_file(&stage.path("/messages"), &fields, PICTURE).await);
    stage.world.until("both are accepted", async || stage.requests().await.len() == 2).await;
    assert_eq!(stage.requests().await[1]["document"]["filename"], "pan.png");
    // Without a file and without words there is nothing to send; the longest text in any script goes beside an empty file.
    let empty =
        browser.post_file(&stage.path("/messages"), &[("body", "")], ("", "application/octet-stream", b"")).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let long = "🥐".repeat(4096);
    let text =
        browser.post_file(&stage.path("/messages"), &[("body", &long)], ("", "application/octet-stream", b"")).await;
    went(&text);
    stage.world.end().await;
}

/// What is not taken is said beside what was written, which stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_taken_costs_no_words() {
    let stage = Stage::new().await;
    let mut browser = stage.browser().await;
    for (file, why) in [
        (("a.zip", "application/zip", &b"PK\x03\x04aaaa"[..]), "WhatsApp no admite"),
        (("a.png", "image/png", b"%PDF-1.4"), "El archivo dice ser de un tipo"),
        (("a.mp3", "audio/mpeg", b"ID3\x03\0\0\0\0\0\0aaaa"), "no lleva texto"),
    ] {
        let answer = browser.post_file(&stage.path("/messages"), &[("body", "mis palabras")], file).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
        assert!(answer.text.contains(why) && answer.text.contains("mis palabras"), "{why}: {}", answer.text);
    }
    assert!(stage.sent().await.is_empty());
    stage.world.end().await;
}

/// A file is its organization's: who is at work elsewhere meanwhile leaves none there, and none can be sent by its id.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_lies_where_it_is_sent_from() {
    let stage = Stage::new().await;
    let other = stage.world.organization("Other").await;
    let luis = stage.world.member(&other, Role::Owner).await;
    let limited = stage.world.member(&stage.organization, Role::Agent).await;
    limit(&stage, &limited).await;
    let mut browser = stage.browser().await;
    let kept = browser.post_file(&stage.path("/files"), &[], PICTURE).await;
    assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.text);
    let kept: Value = serde_json::from_str(&kept.text).expect("JSON");
    let kept = kept["id"].as_str().expect("an id");
    for person in [&luis, &limited] {
        let mut foreign = Browser::of(&stage.world, person);
        assert_eq!(foreign.post_file(&stage.path("/files"), &[], PICTURE).await.status, StatusCode::NOT_FOUND);
        assert_eq!(foreign.post_file(&stage.path("/messages"), &[], PICTURE).await.status, StatusCode::NOT_FOUND);
    }
    let theirs = format!("SELECT count(*) FROM wazapp.media WHERE organization_id = '{}'", other.id);
    assert_eq!(stage.world.count(&theirs).await, 0, "nothing was left there");
    let own = stage.another("34600333444").await;
    let hand = json!({ "assignee_id": limited.user_id });
    assert_eq!(stage.world.patch(&stage.organization, &format!("/conversations/{own}"), &hand).await.0, 200);
    let mut hers = Browser::of(&stage.world, &limited);
    for media in [kept, &Uuid::now_v7().to_string()] {
        let answer = hers.post(&format!("/inbox/{own}/messages"), &[("media", media), ("body", "")]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
        assert!(answer.text.contains("el archivo ya no está aquí"), "{}", answer.text);
    }
    went(&browser.post(&stage.path("/messages"), &[("media", kept), ("body", "")]).await);
    assert_eq!(stage.sent().await.len(), 1);
    stage.world.end().await;
}

/// A reaction goes, shows as ours, and is taken back, however quickly one follows the other; what is no emoji does not go.
#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_goes_and_is_taken_back() {
    let stage = Stage::new().await;
    let mut browser = stage.browser().await;
    let first = stage.first().await;
    let path = stage.path(&format!("/messages/{}/reaction", first["id"].as_str().expect("an id")));
    let ours = async || stage.first().await["reactions"].clone();
    for round in 0..4 {
        went(&browser.post(&path, &[("emoji", "👍"), ("other", "🥐")]).await);
        stage.world.until("it shows", async || ours().await[0]["emoji"] == "🥐").await;
        let page = browser.get(&stage.path("")).await.text;
        assert!(page.contains("aria-pressed=\"true\">🥐"), "round {round}: {page}");
        went(&browser.post(&path, &[("emoji", "")]).await);
        stage.world.until("it is taken back", async || ours().await == json!([])).await;
    }
    let requests = stage.requests().await;
    assert_eq!(requests.len(), 8, "{requests:#?}");
    assert_eq!(requests[0]["reaction"], json!({ "message_id": first["wamid"], "emoji": "🥐" }));
    assert_eq!(requests[1]["reaction"]["emoji"], "");
    for odd in ["ok", "<b>", "👍 gracias", "1"] {
        let answer = browser.post(&path, &[("other", odd)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{odd}");
        assert!(answer.text.contains("Una reacción es un solo emoji"), "{}", answer.text);
    }
    stage.world.advance(Duration::from_secs(25 * 3600)).await;
    let late = browser.post(&path, &[("emoji", "👍")]).await;
    assert!(late.status == StatusCode::CONFLICT && late.text.contains("La ventana de 24 h se cerró"), "{}", late.text);
    stage.world.end().await;
}

/// A text, a file and a place go on to those who can have them, once each; of the others it is said why not.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_passed_on() {
    let stage = Stage::new().await;
    let mut browser = stage.browser().await;
    let (ana, eva) = (stage.another("34600333444").await, stage.another("34600333555").await);
    let place = json!({ "type": "location", "location": { "latitude": 19.4, "longitude": -99.1, "name": "Aquí" } });
    stage.world.meta().customer_sends(&stage.number, LUCIA, place).await;
    stage.world.settle().await;
    went(&browser.post_file(&stage.path("/messages"), &[("body", "mira")], PICTURE).await);
    stage.world.until("it is accepted", async || stage.requests().await.len() == 1).await;
    let mine = async || -> Vec<Value> {
        let all = stage.world.all_messages(&stage.organization).await;
        all.into_iter().filter(|one| one["conversation_id"] == stage.conversation.as_str()).collect()
    };
    for (nth, message) in mine().await.iter().enumerate() {
        let path = stage.path(&format!("/messages/{}/forward", message["id"].as_str().expect("an id")));
        let page = browser.get(&path).await.text;
        let id = hidden(&page, "id").to_owned();
        assert!(page.contains(&ana) && page.contains(&eva), "{page}");
        for _ in 0..2 {
            went(&browser.post(&path, &[("id", &id), ("to", &ana), ("to", &eva)]).await);
        }
        stage.world.until("both have it", async || stage.requests().await.len() == 3 + 2 * nth).await;
    }
    let requests = stage.requests().await;
    for kind in ["text", "image", "location"] {
        let of: Vec<&Value> = requests[1..].iter().filter(|one| one["type"] == kind).collect();
        assert_eq!(of.len(), 2, "{kind}: {requests:#?}");
    }
    let first = mine().await.remove(0);
    let path = stage.path(&format!("/messages/{}/forward", first["id"].as_str().expect("an id")));
    let nobody = browser.post(&path, &[]).await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", nobody.text);
    assert!(nobody.text.contains("Elige al menos una"), "{}", nobody.text);
    stage.world.advance(Duration::from_secs(25 * 3600)).await;
    stage.world.meta().customer_says(&stage.number, "34600333444", "Sigo aquí").await;
    stage.world.settle().await;
    let page = browser.get(&path).await.text;
    assert!(page.contains(&ana) && !page.contains(&eva), "{page}");
    let found = browser.get(&format!("{path}?q=34600333555")).await.text;
    assert!(found.contains("Su ventana de 24 h está cerrada"), "{found}");
    let before = stage.requests().await.len();
    let refused = browser.post(&path, &[("to", &ana), ("to", &eva)]).await;
    assert!(refused.status == StatusCode::CONFLICT && refused.text.contains("No se reenvió a"), "{}", refused.text);
    stage.world.until("the other went", async || stage.requests().await.len() == before + 1).await;
    // Nor does one that is not to be seen keep back the others, whichever is the first.
    for gone in [Uuid::nil(), Uuid::max()].map(|id| id.to_string()) {
        let before = stage.requests().await.len();
        let refused = browser.post(&path, &[("to", &ana), ("to", &gone)]).await;
        assert!(
            refused.status == StatusCode::CONFLICT && refused.text.contains("ya no está a tu alcance"),
            "{}",
            refused.text
        );
        stage.world.until("the other went", async || stage.requests().await.len() == before + 1).await;
    }
    // Whom it was passed on to is not told that what they wrote was read.
    let read = format!("SELECT count(*) FROM wazapp.receipt WHERE conversation_id <> '{}'", stage.conversation);
    assert_eq!(stage.world.count(&read).await, 0);
    stage.world.end().await;
}

/// What is written on a page of a conversation that meanwhile went on as another one arrives there.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_follows_a_conversation_that_went_on_elsewhere() {
    const PHONE: &str = "34600777888";
    let stage = Stage::new().await;
    let mut browser = stage.browser().await;
    let now = stage.world.now().as_second();
    let value = |message: Value| body::value(&stage.number.phone_number_id, &json!({ "messages": [message] }));
    let written = |wamid: &str| json!({ "from_user_id": "ES.42", "id": wamid, "timestamp": now.to_string(), "type": "text", "text": { "body": wamid } });
    // Somebody is known twice, by phone and by user id, until one message names both.
    let others = async || -> Vec<String> {
        let all = stage.world.conversations(&stage.organization).await;
        let ids = all.iter().map(|one| one["id"].as_str().expect("an id").to_owned());
        ids.filter(|id| *id != stage.conversation).collect()
    };
    stage.world.receive(&body::text(&stage.number.phone_number_id, PHONE, "wamid.by_phone", now, "hola")).await;
    stage.world.receive(&value(written("wamid.by_id"))).await;
    let both = others().await;
    assert_eq!(both.len(), 2);
    let mut forms = Vec::new();
    for id in &both {
        forms.push((id, hidden(&browser.get(&format!("/inbox/{id}")).await.text, "id").to_owned()));
    }
    let mut by_both = written("wamid.by_both");
    by_both["from"] = json!(PHONE);
    stage.world.receive(&value(by_both)).await;
    let survivor = others().await.remove(0);
    let (lost, id) = forms.into_iter().find(|(id, _)| **id != survivor).expect("the other");
    went(&browser.post(&format!("/inbox/{lost}/messages"), &[("id", &id), ("body", "Llega igual")]).await);
    stage.world.until("it is accepted", async || stage.requests().await.len() == 1).await;
    let sent = stage.sent().await;
    assert_eq!((&sent[0]["conversation_id"], &sent[0]["text"]), (&json!(survivor), &json!("Llega igual")));
    for (what, fields) in
        [("draft", [("body", "y más"), ("version", "0")]), ("presence", [("doing", "write"), ("shown", "1")])]
    {
        let answer = browser.post(&format!("/inbox/{lost}/{what}"), &fields).await;
        assert_eq!(answer.status, StatusCode::OK, "{what}: {}", answer.text);
    }
    stage.world.end().await;
}

/// Whoever looks after programs is told in the inbox that one of them hears nothing any more; nobody else is.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_told_no_more_shows_in_the_inbox() {
    let stage = Stage::new().await;
    let owner = stage.world.member(&stage.organization, Role::Owner).await;
    let hook = e2e::receiver::Receiver::open().await;
    let wanted = json!({ "url": hook.url(), "format": "wazapp" });
    let (status, made) = stage.world.post_api(&stage.organization, "/endpoints", &wanted).await;
    assert_eq!(status, 201, "{made}");
    let link = format!("/settings/endpoints/{}", made["id"].as_str().expect("an id"));
    let mut browser = Browser::of(&stage.world, &owner);
    assert!(!browser.get("/inbox").await.text.contains(&link));
    hook.reply_next(&[e2e::receiver::Reply::Status(410)]);
    stage.world.meta().customer_says(&stage.number, LUCIA, "¿Y ahora?").await;
    stage.world.until("it is told", async || browser.get("/inbox").await.text.contains(&link)).await;
    assert!(browser.get("/inbox").await.text.contains("ya no se entera"));
    assert!(!stage.browser().await.get("/inbox").await.text.contains(&link), "an agent cannot mend it");
    stage.world.end().await;
}

/// A conversation opens where what is unread begins, or at a message, and goes on to both sides without a gap or a repeat.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_conversation_opens_where_it_is_read() {
    let stage = Stage::new().await;
    let mut browser = stage.browser().await;
    for nth in 0..150 {
        let webhook = text(&stage, nth);
        stage.world.receive(&webhook).await;
    }
    stage.world.settle().await;
    let all = stage.world.all_messages(&stage.organization).await;
    let mut ids: Vec<(String, i64)> = all
        .iter()
        .map(|one| (one["id"].as_str().expect("an id").to_owned(), one["sequence"].as_i64().expect("a number")))
        .collect();
    ids.sort_by_key(|(_, sequence)| *sequence);
    let shown = |page: &str| -> Vec<String> {
        page.split("id=\"m-").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    };
    // All is unread: it opens at its beginning, where the line stands once.
    let page = browser.get(&stage.path("")).await.text;
    assert_eq!(page.matches("data-line").count(), 1);
    assert_eq!(shown(&page)[0], ids[0].0);
    browser.post(&stage.path("/read"), &[("through", "100")]).await;
    let page = browser.get(&stage.path("")).await.text;
    let line = page.find("data-line").expect("a line");
    assert_eq!(shown(&page[line..])[0], ids[100].0, "the first that is unread");
    // From there to both ends.
    let mut seen = shown(&page);
    loop {
        let before = shown(&browser.get(&stage.path(&format!("?older={}", seen[0]))).await.text);
        if before.is_empty() {
            break;
        }
        seen.splice(0..0, before);
    }
    loop {
        let last = seen.last().expect("there are some");
        let behind = shown(&browser.get(&stage.path(&format!("?newer={last}"))).await.text);
        if behind.is_empty() {
            break;
        }
        seen.extend(behind);
    }
    assert_eq!(seen, ids.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
    let around = browser.get(&stage.path(&format!("?message={}", ids[60].0))).await.text;
    let around = shown(&around);
    assert!(around.contains(&ids[60].0) && around.contains(&ids[50].0) && around.contains(&ids[70].0), "{around:?}");
    let latest = browser.get(&stage.path("?latest=1")).await.text;
    assert_eq!(shown(&latest).last(), ids.last().map(|(id, _)| id));
    // What is not of this conversation is as if it were not named.
    let elsewhere = stage.another("34600333444").await;
    let page = browser.get(&format!("/inbox/{elsewhere}?message={}", ids[60].0)).await.text;
    assert!(!page.contains(&ids[60].0), "{page}");
    stage.world.end().await;
}

fn text(stage: &Stage, nth: i64) -> Value {
    let now = e2e::outside::now().as_second();
    body::text(
        &stage.number.phone_number_id,
        LUCIA,
        &format!("wamid.long{nth}"),
        now + nth / 3,
        &format!("mensaje {nth}"),
    )
}
