//! People who work in one conversation know of each other.

use std::time::Duration;

use model::act::Role;
use reqwest::StatusCode;

use super::super::Browser;
use super::{Stage, hidden, limit};

/// What the page of somebody is told who does this, up to this message.
async fn told(stage: &Stage, browser: &mut Browser, doing: &str, shown: &str, seen: &str) -> String {
    let fields = [("doing", doing), ("shown", shown), ("seen", seen)];
    let answer = browser.post(&stage.path("/presence"), &fields).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.text
}

/// Who looks and who writes is told to whoever is there, until they go, fall silent, or are let go; nobody is told of
/// themselves, and nothing of it is in the log.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_and_who_writes_is_told_until_they_fall_silent() {
    let stage = Stage::new().await;
    let luis = stage.world.member(&stage.organization, Role::Owner).await;
    let (mut hers, mut his) = (Browser::of(&stage.world, &stage.marta), Browser::of(&stage.world, &luis));
    let log = stage.world.all(&stage.organization, "/events").await.len();
    let alone = told(&stage, &mut hers, "write", "0", "").await;
    assert!(!alone.contains("escribiendo") && !alone.contains("mira"), "{alone}");
    let line = told(&stage, &mut his, "look", "0", "").await;
    assert!(line.contains("está escribiendo una respuesta"), "{line}");
    assert!(told(&stage, &mut hers, "look", "0", "").await.contains("también mira esta conversación"));
    assert!(told(&stage, &mut his, "look", "0", "").await.contains("también mira"), "she stopped");
    told(&stage, &mut hers, "write", "0", "").await;
    stage.world.pass(Duration::from_secs(6));
    assert!(!told(&stage, &mut his, "look", "0", "").await.contains("escribiendo"), "what is not said again is over");
    stage.world.pass(Duration::from_secs(4));
    assert!(!told(&stage, &mut his, "look", "0", "").await.contains("mira"), "she fell silent");
    told(&stage, &mut hers, "write", "0", "").await;
    told(&stage, &mut hers, "leave", "0", "").await;
    assert!(!told(&stage, &mut his, "look", "0", "").await.contains("class"), "she went elsewhere");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.presence").await, 1, "who is gone leaves nothing");
    assert_eq!(stage.world.all(&stage.organization, "/events").await.len(), log);
    // Neither is anybody told who does not see the conversation.
    told(&stage, &mut his, "write", "0", "").await;
    limit(&stage, &stage.marta).await;
    let (fields, path) = ([("doing", "look")], stage.path("/presence"));
    assert_eq!(hers.post(&path, &fields).await.status, StatusCode::NOT_FOUND);
    let other = stage.world.organization("Other").await;
    let stranger = stage.world.member(&other, Role::Owner).await;
    assert_eq!(Browser::of(&stage.world, &stranger).post(&path, &fields).await.status, StatusCode::NOT_FOUND);
    assert_eq!(his.post(&path, &[("doing", "dance")]).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    stage.world.end().await;
}

/// Who has seen what is shown is told, whatever they do now; to look at a page is not to have seen it.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_seen_it_is_told() {
    let stage = Stage::new().await;
    let luis = stage.world.member(&stage.organization, Role::Viewer).await;
    let (mut hers, mut his) = (Browser::of(&stage.world, &stage.marta), Browser::of(&stage.world, &luis));
    told(&stage, &mut his, "look", "1", "").await;
    assert!(!told(&stage, &mut hers, "look", "1", "").await.contains("Visto por"));
    told(&stage, &mut his, "look", "1", "1").await;
    told(&stage, &mut his, "leave", "1", "").await;
    assert!(told(&stage, &mut hers, "look", "1", "").await.contains("Visto por"));
    assert!(!told(&stage, &mut hers, "look", "2", "").await.contains("Visto por"), "not what came since");
    told(&stage, &mut his, "look", "9000", "1").await;
    assert_eq!(stage.world.count("SELECT through FROM wazapp.seen").await, 1, "nobody sees what is not there");
    stage.world.end().await;
}

/// A conversation that somebody else has is asked about once; whoever takes it with the answer has it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_is_asked_about() {
    let stage = Stage::new().await;
    let luis = stage.world.member(&stage.organization, Role::Agent).await;
    let (mut hers, mut his) = (Browser::of(&stage.world, &stage.marta), Browser::of(&stage.world, &luis));
    his.post(&stage.path("/assign"), &[("assignee", "me")]).await;
    let asked = hers.post(&stage.path("/messages"), &[("body", "Abrimos a las 8.")]).await;
    assert_eq!(asked.status, StatusCode::CONFLICT);
    assert!(asked.text.contains("La lleva ") && asked.text.contains("Asignarme y enviar"), "{}", asked.text);
    assert!(asked.text.contains("Abrimos a las 8.") && stage.sent().await.is_empty());
    let owner = hidden(&asked.text, "owner").to_owned();
    for text in ["Abrimos a las 8.", "Y cerramos a las 20."] {
        let answer = hers.post(&stage.path("/messages"), &[("owner", &owner), ("body", text)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "it was asked: {}", answer.text);
    }
    assert_eq!(stage.shown().await["assignee_id"], owner);
    let answer = hers.post(&stage.path("/messages"), &[("take", "1"), ("body", "Ya la llevo yo.")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(stage.shown().await["assignee_id"], stage.marta.user_id.to_string());
    // Both at once: each is asked, one after the other.
    let page = his.get(&stage.path("")).await.text;
    hers.post(&stage.path("/messages"), &[("body", "Una cosa más.")]).await;
    let text = [("seen", hidden(&page, "seen")), ("body", "¿Sí?")];
    let asked = his.post(&stage.path("/messages"), &text).await.text;
    assert!(asked.contains("respondió mientras escribías"), "{asked}");
    let asked = his.post(&stage.path("/messages"), &[text[0], text[1], ("anyway", "1")]).await.text;
    assert!(asked.contains("La lleva "), "{asked}");
    let sure = [("seen", hidden(&asked, "seen")), ("owner", hidden(&asked, "owner")), text[1]];
    assert_eq!(his.post(&stage.path("/messages"), &sure).await.status, StatusCode::SEE_OTHER);
    stage.world.end().await;
}

/// A template is an answer too: what a colleague answered since, and whose the conversation is, is asked about before it goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_asked_about_as_a_text_is() {
    let stage = Stage::new().await;
    let luis = stage.world.member(&stage.organization, Role::Agent).await;
    let (mut hers, mut his) = (Browser::of(&stage.world, &stage.marta), Browser::of(&stage.world, &luis));
    let known = async || !stage.world.all(&stage.organization, "/templates").await.is_empty();
    stage.world.until("templates are read", known).await;
    let seen = hidden(&hers.get(&stage.path("")).await.text, "seen").to_owned();
    let list = hers.get(&stage.path(&format!("/templates?seen={seen}"))).await.text;
    let (start, mut plain) = (stage.path("/templates/"), None);
    for rest in list.split("<a href=\"").skip(1).filter(|rest| rest.starts_with(&start)) {
        let path = rest.split('"').next().expect("a path").replace("&amp;", "&");
        assert!(path.contains(&format!("seen={seen}")), "{path}");
        let form = hers.get(&path).await.text;
        if !form.contains("slot-") && !form.contains("solo se envían por la API") {
            plain = Some((path, form));
        }
    }
    let (path, form) = plain.expect("a template without slots");
    his.post(&stage.path("/messages"), &[("body", "Ya le digo yo.")]).await;
    his.post(&stage.path("/assign"), &[("assignee", "me")]).await;
    let fields = [("id", hidden(&form, "id")), ("seen", hidden(&form, "seen"))];
    let asked = hers.post(&path, &fields).await;
    assert_eq!(asked.status, StatusCode::CONFLICT, "{}", asked.text);
    assert!(asked.text.contains("respondió mientras escribías"), "{}", asked.text);
    let fields = [("id", hidden(&asked.text, "id")), ("anyway", "1")];
    let asked = hers.post(&path, &fields).await;
    assert!(asked.status == StatusCode::CONFLICT && asked.text.contains("La lleva "), "{}", asked.text);
    assert_eq!(stage.sent().await.len(), 1);
    let said = |name| hidden(&asked.text, name);
    let sure = [("id", said("id")), ("seen", said("seen")), ("owner", said("owner"))];
    assert_eq!(hers.post(&path, &sure).await.status, StatusCode::SEE_OTHER);
    assert_eq!(stage.sent().await.len(), 2);
    stage.world.end().await;
}
