//! Templates as the customer sees them: in the thread, and before they go.

use serde_json::{Value, json};

use super::super::Browser;
use super::Stage;

impl Stage {
    async fn template(&self, name: &str) -> Value {
        let found = async || {
            let all = self.world.all(&self.organization, "/templates?limit=100").await;
            all.into_iter().find(|one| one["name"] == name)
        };
        self.world.until("templates are read", async || found().await.is_some()).await;
        found().await.expect("a template")
    }

    async fn sends(&self, template: Value) -> String {
        let path = format!("/conversations/{}/messages", self.conversation);
        let body = json!({ "type": "template", "template": template });
        let (status, queued) = self.world.post_api(&self.organization, &path, &body).await;
        assert_eq!(status, 202, "{queued}");
        queued["id"].as_str().expect("an id").to_owned()
    }

    /// A message as the page of its conversation draws it.
    async fn drawn(&self, browser: &mut Browser, id: &str) -> String {
        let page = browser.get(&self.path("?latest=1")).await.text;
        let rest = page.split(&format!("id=\"m-{id}\"")).nth(1).unwrap_or_else(|| panic!("no {id} in {page}"));
        rest.split("<p class=\"foot\">").next().unwrap_or_default().to_owned()
    }
}

fn texts(values: &[&str]) -> Value {
    values.iter().map(|text| json!({ "type": "text", "text": text })).collect()
}

/// Header, words, footer and buttons with what they lead to stand in the thread as the customer has them, filled with what
/// was given; and where the template is another one by now, what was sent is shown by its words alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_shown_as_its_customer_sees_it() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage.world, &stage.marta);
    let known = stage.template("promo_image").await;
    let picture = json!([{ "type": "image", "image": { "link": "https://example.com/a.jpg" } }]);
    let promo = |name: &str| {
        json!({ "name": "promo_image", "language": { "code": "en_US" }, "components": [
            { "type": "header", "parameters": picture }, { "type": "body", "parameters": texts(&[name, "20%"]) },
            { "type": "button", "sub_type": "url", "index": 0, "parameters": texts(&["oven\"><i>"]) }] })
    };
    let id = stage.sends(promo("*Lucía*")).await;
    let drawn = stage.drawn(&mut browser, &id).await;
    for part in [
        "<p class=\"file\">",
        "Imagen</span>",
        "Hi <strong>Lucía</strong>, this week everything from the oven is 20% off. See you soon!",
        "<p class=\"small muted\" dir=\"auto\">Until Sunday</p>",
        "<p class=\"pressable\" title=\"https://example.com/offers/oven&#34;&#62;&#60;i&#62;\"><span dir=\"auto\">See the offer</span>",
        "<p class=\"pressable\"><span dir=\"auto\">Stop promotions</span></p>",
    ] {
        assert!(drawn.contains(part), "{part}: {drawn}");
    }
    assert_eq!(drawn.matches("class=\"pressable\"").count(), 2, "{drawn}");
    assert!(!drawn.contains("example.com/a.jpg") && !drawn.contains("href=\"https://example.com"), "{drawn}");

    // The same fragment, with what Meta was shown, before it goes.
    let path = stage.path(&format!("/templates/{}", known["id"].as_str().expect("an id")));
    let picker = browser.get(&path).await.text;
    for part in
        ["<div class=\"as-sent\"><p class=\"file\">", "Hi Ann, this week", "title=\"https://example.com/offers/oven\""]
    {
        assert!(picker.contains(part), "{part}: {picker}");
    }

    stage.template("menu_cards").await;
    let card = |nth: usize, price: &str| {
        json!({ "card_index": nth, "components": [
            { "type": "header", "parameters": picture }, { "type": "body", "parameters": texts(&[price]) },
            { "type": "button", "sub_type": "url", "index": 1, "parameters": texts(&["latte"]) }] })
    };
    let cards = json!({ "name": "menu_cards", "language": { "code": "en_US" }, "components": [
        { "type": "body", "parameters": texts(&["Lucía"]) },
        { "type": "carousel", "cards": [card(0, "$5"), card(1, "$3")] }] });
    let id = stage.sends(cards).await;
    let drawn = stage.drawn(&mut browser, &id).await;
    assert_eq!(drawn.matches("<div class=\"held\">").count(), 2, "{drawn}");
    assert!(drawn.contains("Oat latte for $5") && drawn.contains("Almond croissant for $3"), "{drawn}");

    let id = stage.sends(promo("Lucía")).await;
    let sql = stage.world.sql().await;
    let change = "UPDATE wazapp.template SET components = replace(components::text, 'everything', 'nothing')::json
                  WHERE name = 'promo_image'";
    assert!(sql.execute(change, &[]).await.expect("it is changed") > 0);
    let drawn = stage.drawn(&mut browser, &id).await;
    assert!(drawn.contains("this week everything") && !drawn.contains("pressable"), "{drawn}");
    stage.world.end().await;
}
