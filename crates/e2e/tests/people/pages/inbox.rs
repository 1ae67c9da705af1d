//! The inbox without JavaScript: conversations are read, answered and closed by links and forms alone.

mod answers;
mod contact;
mod drafts;
mod later;
mod rows;
mod sent;
mod together;

use std::time::Duration;

use e2e::{Organization, Person, SimulatedNumber, World, body};
use model::act::Role;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Browser;

pub(super) const LUCIA: &str = "34600111222";

/// An organization whose number Lucía has written to, and Marta, who answers.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) organization: Organization,
    pub(super) number: SimulatedNumber,
    pub(super) marta: Person,
    pub(super) conversation: String,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let world = World::simulated().await;
        let organization = world.organization("Café Lucero").await;
        let number = world.meta().numbers().await.remove(0);
        world.connect_simulated(&organization, &number).await;
        world.meta().customer_says(&number, LUCIA, "¿Tienen *pan*? https://pan.example").await;
        world.settle().await;
        let conversation = world.conversation(&organization).await["id"].as_str().expect("an id").to_owned();
        let marta = world.member(&organization, Role::Agent).await;
        Self { world, organization, number, marta, conversation }
    }

    pub(super) fn path(&self, rest: &str) -> String {
        format!("/inbox/{}{rest}", self.conversation)
    }

    pub(super) async fn shown(&self) -> Value {
        self.world.conversation(&self.organization).await
    }

    pub(super) async fn sent(&self) -> Vec<Value> {
        let all = self.world.all_messages(&self.organization).await;
        all.into_iter().filter(|message| message["direction"] == "outbound").collect()
    }
}

/// The value of a hidden field.
pub(super) fn hidden<'a>(text: &'a str, name: &str) -> &'a str {
    let rest = text.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.split('"').next().unwrap_or_default()
}

/// Listed, read, answered once however often the form comes, taken, closed, and taken up again.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_answered_without_scripts() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    let list = browser.get("/inbox").await;
    assert!(list.text.contains(&stage.path("?view=active")) && list.text.contains("1 sin leer"), "{}", list.text);
    let page = browser.get(&stage.path("")).await;
    assert!(page.text.contains("<strong>pan</strong>"), "{}", page.text);
    assert!(
        page.text.contains("<a href=\"https://pan.example\" rel=\"noopener noreferrer nofollow\""),
        "{}",
        page.text
    );
    assert_eq!(stage.shown().await["unread_count"], 1, "to look is not to read");
    let (id, seen) = (hidden(&page.text, "id").to_owned(), hidden(&page.text, "seen").to_owned());
    let form = [("id", id.as_str()), ("seen", &seen), ("body", "Sí, hasta las 20 h.\r\n¡Ven!")];
    for _ in 0..2 {
        let answer = browser.post(&stage.path("/messages?view=active"), &form).await;
        assert_eq!(answer.leads_to(), stage.path("?view=active"), "{}", answer.text);
    }
    stage.world.settle().await;
    let sent = stage.sent().await;
    assert_eq!((sent.len(), &sent[0]["id"]), (1, &json!(id)), "{sent:#?}");
    assert_eq!(
        (&sent[0]["text"], &sent[0]["sender_id"]),
        (&json!("Sí, hasta las 20 h.\n¡Ven!"), &json!(stage.marta.user_id))
    );
    stage.world.until("it is delivered", async || stage.sent().await[0]["status"] == "delivered").await;
    let page = browser.get(&stage.path("")).await.text;
    assert!(page.contains("¡Ven!") && page.contains("class=\"tick delivered\""), "{page}");
    browser.post(&stage.path("/read"), &[("through", &seen)]).await;
    assert_eq!(stage.shown().await["unread_count"], 0);
    let before = stage.shown().await;
    for _ in 0..2 {
        let unread = browser.post(&stage.path("/unread?view=mine"), &[]).await;
        assert_eq!(unread.leads_to(), "/inbox?view=mine", "{}", unread.text);
        assert_eq!(stage.shown().await["unread_count"], 1);
    }
    assert_eq!(stage.shown().await["state"], before["state"]);
    browser.post(&stage.path("/assign"), &[("assignee", "me")]).await;
    assert_eq!(stage.shown().await["assignee_id"], json!(stage.marta.user_id));
    browser.post(&stage.path("/state"), &[("state", "resolved")]).await;
    assert!(browser.get("/inbox?view=resolved").await.text.contains(&stage.conversation));
    assert!(!browser.get("/inbox?view=active").await.text.contains(&stage.path("?")));
    // Meta's times are whole seconds: of what a customer writes within one, Meta's ids say what is newer.
    stage.world.advance(std::time::Duration::from_secs(1)).await;
    stage.world.meta().customer_says(&stage.number, LUCIA, "¡Gracias!").await;
    stage.world.settle().await;
    assert!(browser.get("/inbox?view=mine").await.text.contains("¡Gracias!"));
    stage.world.end().await;
}

/// What was closed is taken up again as it was, as long as it is closed: a customer who wrote meanwhile waits on.
#[tokio::test(flavor = "multi_thread")]
async fn undoing_puts_nobody_aside() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    let undo = [("state", "waiting"), ("undo", "1")];
    browser.post(&stage.path("/state"), &[("state", "resolved")]).await;
    browser.post(&stage.path("/state"), &undo).await;
    assert_eq!(stage.shown().await["state"], "waiting");
    browser.post(&stage.path("/state"), &[("state", "resolved")]).await;
    stage.world.meta().customer_says(&stage.number, LUCIA, "¡Otra cosa!").await;
    stage.world.settle().await;
    let answer = browser.post(&stage.path("/state"), &undo).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(stage.shown().await["state"], "active", "she waits for an answer");
    stage.world.end().await;
}

/// What a colleague answered meanwhile is asked about, by the server; what is sent all the same goes once.
#[tokio::test(flavor = "multi_thread")]
async fn a_colleagues_answer_is_seen_before_another_goes() {
    let stage = Stage::new().await;
    let luis = stage.world.member(&stage.organization, Role::Agent).await;
    let (mut hers, mut his) = (Browser::of(&stage.world, &stage.marta), Browser::of(&stage.world, &luis));
    let page = hers.get(&stage.path("")).await.text;
    let seen = hidden(&page, "seen").to_owned();
    let answer = his.post(&stage.path("/messages"), &[("seen", &seen), ("body", "Ya le digo yo.")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let text = [("seen", seen.as_str()), ("body", "Abrimos a las 8.")];
    let asked = hers.post(&stage.path("/messages"), &text).await;
    assert_eq!(asked.status, StatusCode::CONFLICT);
    assert!(
        asked.text.contains("respondió mientras escribías") && asked.text.contains("Abrimos a las 8."),
        "{}",
        asked.text
    );
    assert_eq!(stage.sent().await.len(), 1);
    let anyway = hers.post(&stage.path("/messages"), &[text[0], text[1], ("anyway", "1")]).await;
    assert_eq!(anyway.status, StatusCode::SEE_OTHER);
    stage.world.settle().await;
    assert_eq!(stage.sent().await.len(), 2);
    // What was taken, and comes again because its answer was lost, is not asked about.
    let page = his.get(&stage.path("")).await.text;
    let (id, seen) = (hidden(&page, "id").to_owned(), hidden(&page, "seen").to_owned());
    let form = [("id", id.as_str()), ("seen", &seen), ("body", "¿Algo más?")];
    assert_eq!(his.post(&stage.path("/messages"), &form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(hers.post(&stage.path("/messages"), &[("body", "Nada más.")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(his.post(&stage.path("/messages"), &form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(stage.sent().await.len(), 4);
    stage.world.end().await;
}

/// When the window is closed, a text is not taken and not lost; a template is filled in as it is shown, and goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_window_leaves_templates() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    let page = browser.get(&stage.path("")).await.text;
    let seen = hidden(&page, "seen").to_owned();
    stage.world.advance(Duration::from_secs(25 * 3600)).await;
    let refused = browser.post(&stage.path("/messages"), &[("seen", &seen), ("body", "¿Sigues ahí?")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    assert!(
        refused.text.contains("La ventana de 24 h se cerró") && refused.text.contains("¿Sigues ahí?"),
        "{}",
        refused.text
    );
    assert_eq!(stage.sent().await.len(), 0);
    let known = async || !stage.world.all(&stage.organization, "/templates").await.is_empty();
    stage.world.until("templates are read", known).await;
    let list = browser.get(&stage.path("/templates")).await.text;
    let start = stage.path("/templates/");
    let templates: Vec<String> = list
        .split("<a href=\"")
        .skip(1)
        .filter_map(|rest| rest.split(['"', '?']).next())
        .filter(|path| path.starts_with(&start))
        .map(str::to_owned)
        .collect();
    assert!(!templates.is_empty(), "{list}");
    let mut went = 0;
    for path in templates {
        let form = browser.get(&path).await.text;
        let names: Vec<String> = (0..20)
            .map(|nth| format!("slot-{nth}"))
            .filter(|name| form.contains(&format!("name=\"{name}\"")))
            .collect();
        let id = hidden(&form, "id").to_owned();
        let filled = |name: &String| {
            if form.contains("(https)") {
                (name.clone(), "https://cdn.example/a.jpg".to_owned())
            } else {
                (name.clone(), "Ana".to_owned())
            }
        };
        let given: Vec<(String, String)> = names.iter().map(filled).collect();
        let mut fields = vec![("id", id.as_str())];
        fields.extend(given.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let answer = browser.post(&path, &fields).await;
        went += usize::from(answer.status == StatusCode::SEE_OTHER);
        assert!(
            answer.status == StatusCode::SEE_OTHER || answer.text.contains("class=\"fault\""),
            "{path}: {}",
            answer.text
        );
    }
    assert!(went > 0, "no template could be sent from its page");
    stage.world.settle().await;
    assert_eq!(stage.sent().await.len(), went);
    stage.world.end().await;
}

/// Every page and form of a conversation, of another organization, absent or garbled: nothing is there, and nothing is done.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ones_own_is_not_there() {
    let stage = Stage::new().await;
    let other = stage.world.organization("Other").await;
    let luis = stage.world.member(&other, Role::Owner).await;
    let viewer = stage.world.member(&stage.organization, Role::Viewer).await;
    let limited = stage.world.member(&stage.organization, Role::Agent).await;
    limit(&stage, &limited).await;
    let absent = Uuid::now_v7().to_string();
    let message = stage.world.all_messages(&stage.organization).await[0]["id"].as_str().expect("an id").to_owned();
    let (react, forward) = (format!("/messages/{message}/reaction"), format!("/messages/{message}/forward"));
    let posts: [(&str, &[(&str, &str)]); 9] = [
        ("/messages", &[("body", "x")]),
        ("/draft", &[("body", "x")]),
        ("/files", &[]),
        (&react, &[("emoji", "👍")]),
        (&forward, &[("to", &stage.conversation)]),
        ("/read", &[("through", "9")]),
        ("/unread", &[]),
        ("/state", &[("state", "resolved")]),
        ("/assign", &[("assignee", "me")]),
    ];
    let before = stage.shown().await;
    for (person, id) in [
        (&luis, stage.conversation.as_str()),
        (&limited, &stage.conversation),
        (&stage.marta, &absent),
        (&stage.marta, "x"),
        (&stage.marta, "%00"),
        (&stage.marta, "00000000-0000-0000-0000-00000000000g"),
    ] {
        let mut browser = Browser::of(&stage.world, person);
        for rest in
            ["", "?older=x", "?latest=1", "/messages?ids=x", "/templates", &format!("/messages/{message}/forward")]
        {
            let answer = browser.get(&format!("/inbox/{id}{rest}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}{rest}: {}", answer.text);
            assert!(!answer.text.contains("pan.example"));
        }
        let answer = browser.get(&format!("/inbox/{id}/templates/x")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
        for (rest, fields) in posts {
            let answer = browser.post(&format!("/inbox/{id}{rest}"), fields).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}{rest}");
        }
        let rows = browser.get(&format!("/inbox/rows?view=all&ids={id}")).await.text;
        assert!(!rows.contains("pan.example"), "{rows}");
        assert!(id != stage.conversation || !browser.get("/inbox?view=all").await.text.contains("pan.example"));
    }
    let mut reader = Browser::of(&stage.world, &viewer);
    assert!(reader.get(&stage.path("")).await.text.contains("Tu papel es de lectura"));
    for (rest, fields) in posts {
        assert_eq!(reader.post(&stage.path(rest), fields).await.status, StatusCode::FORBIDDEN, "{rest}");
    }
    assert_eq!(stage.shown().await, before);
    stage.world.end().await;
}

/// The id of a message that the sender does not see is taken, as every other is; what is no id of ours is none; a form of any
/// length is answered in words.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_a_name_of_its_own() {
    let stage = Stage::new().await;
    let hidden_id = stage.world.all_messages(&stage.organization).await[0]["id"].as_str().expect("an id").to_owned();
    stage.world.meta().customer_says(&stage.number, "34600333444", "Hola").await;
    stage.world.settle().await;
    let all = stage.world.conversations(&stage.organization).await;
    let own = all.iter().find(|row| row["contact"]["wa_id"] == "34600333444").expect("a conversation");
    let own = own["id"].as_str().expect("an id");
    let limited = stage.world.member(&stage.organization, Role::Agent).await;
    let path = format!("/conversations/{own}");
    let hand = json!({ "assignee_id": limited.user_id });
    assert_eq!(stage.world.patch(&stage.organization, &path, &hand).await.0, 200);
    limit(&stage, &limited).await;
    let mut browser = Browser::of(&stage.world, &limited);
    let path = format!("/inbox/{own}/messages");
    let taken = browser.post(&path, &[("id", &hidden_id), ("body", "x")]).await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "{}", taken.text);
    for odd in ["00000000-0000-0000-0000-000000000000", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "x"] {
        assert_eq!(browser.post(&path, &[("id", odd), ("body", "x")]).await.status, StatusCode::SEE_OTHER);
        let sent = stage.sent().await;
        assert!(sent.iter().all(|message| message["id"] != odd), "{odd}");
    }
    let long = "a".repeat(70_000);
    let answer = browser.post(&path, &[("body", &long)]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text.contains("demasiado largo"), "{}", answer.text);
    stage.world.end().await;
}

/// Somebody who sees only what is theirs.
pub(super) async fn limit(stage: &Stage, person: &Person) {
    let owner = stage.world.member(&stage.organization, Role::Owner).await;
    let path = format!("/members/{}", person.user_id);
    let (status, answer) =
        stage.world.as_person(reqwest::Method::PATCH, &owner, &path, Some(&json!({ "sees": "own" }))).await;
    assert_eq!(status, 200, "{answer}");
}

/// What a customer is called, and what they write, is text wherever it is shown.
#[tokio::test(flavor = "multi_thread")]
async fn what_customers_write_is_text() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    let hostile = [
        "<img src=x onerror=alert(1)>",
        "\"><svg onload=alert(1)>",
        "javascript:alert(1)",
        "</template><turbo-stream action=\"remove\" target=\"list\">",
        "{{7*7}}",
        "<script>alert(1)</script>",
        "*<b>x</b>* `<i>` ~_<u>_~",
        "https://a.example/\"onmouseover=alert(1)//",
    ];
    for (nth, text) in hostile.iter().enumerate() {
        let mut webhook = body::text("100", "34600111222", &format!("wamid.{nth}"), 1_795_000_000, text);
        webhook["entry"][0]["changes"][0]["value"]["contacts"][0]["profile"]["name"] = json!(text);
        world.receive(&webhook).await;
    }
    let mut strange = body::text("100", "34600111222", "wamid.strange", 1_795_000_000, "x");
    let message = &mut strange["entry"][0]["changes"][0]["value"]["messages"][0];
    message["type"] = json!("hologram");
    message["hologram"] = json!({ "body": "<img src=x onerror=alert(2)>" });
    world.receive(&strange).await;
    let marta = world.member(&acme, Role::Agent).await;
    let mut browser = Browser::of(&world, &marta);
    let id = world.conversation(&acme).await["id"].as_str().expect("an id").to_owned();
    let ids: Vec<String> =
        world.all_messages(&acme).await.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect();
    for path in [
        "/inbox?view=all".to_owned(),
        format!("/inbox/{id}"),
        format!("/inbox/{id}/messages?ids={}", ids.join(",")),
        format!("/inbox/rows?view=all&ids={id}"),
    ] {
        let text = browser.get(&path).await.text;
        for raw in ["<img src=x", "<svg on", "<script>a", "<b>x", "<i>`", "action=\"remove\"", "\"onmouseover"] {
            assert!(!text.contains(raw), "{path} has {raw}: {text}");
        }
        assert!(!text.contains("href=\"javascript:"), "{path}");
    }
    let page = browser.get(&format!("/inbox/{id}")).await.text;
    assert!(page.contains("Detalles") && page.contains("hologram"), "an unknown type shows its JSON: {page}");
    world.end().await;
}
