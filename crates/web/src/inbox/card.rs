//! What a message holds beside its words: people, goods, what an offer of ours lists, the ad that led here.

use model::user::Language;
use serde_json::Value;

use crate::pages::{Key, say};

/// So many of a kind are shown.
const SHOWN: usize = 20;

/// Something that a message holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    /// Where it leads: `http` or `https` alone.
    pub(super) link: Option<String>,
}

/// The cards of a message, in their order.
pub(super) fn cards(kind: &str, payload: &Value, language: Language) -> Vec<Card> {
    let mut cards: Vec<Card> = referral(payload, language).into_iter().collect();
    let content = &payload[kind];
    match kind {
        "contacts" => cards.extend(list(content).take(SHOWN).map(contact)),
        "order" => cards.push(order(content, language)),
        "interactive" => cards.extend(offer(content)),
        _ => {}
    }
    cards.retain(|card| *card != Card::default());
    cards
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A member as text, be it one or a number.
fn text(value: &Value, name: &str) -> Option<String> {
    let told = match &value[name] {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!told.is_empty()).then_some(told)
}

fn contact(card: &Value) -> Card {
    let company = || text(&card["org"], "company");
    let each = |of: &str, name: &'static str| -> Vec<String> {
        list(&card[of]).take(SHOWN).filter_map(|one| text(one, name)).collect()
    };
    let parts = ["first_name", "last_name"].map(|part| text(&card["name"], part).unwrap_or_default());
    let title = text(&card["name"], "formatted_name").unwrap_or_else(|| parts.join(" ").trim().to_owned());
    let mut lines: Vec<String> = company().into_iter().collect();
    for (of, name) in [("phones", "phone"), ("emails", "email"), ("urls", "url")] {
        lines.extend(each(of, name));
    }
    lines.extend(list(&card["addresses"]).take(SHOWN).filter_map(|place| {
        let known = ["street", "city", "state", "zip", "country"];
        let parts: Vec<String> = known.iter().filter_map(|part| text(place, part)).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }));
    lines.extend(text(card, "birthday"));
    Card { title, lines, link: None }
}

fn order(order: &Value, language: Language) -> Card {
    let items: Vec<&Value> = list(&order["product_items"]).collect();
    let amount = |item: &Value, name: &str| text(item, name).and_then(|text| text.parse::<f64>().ok());
    let line = |item: &&Value| {
        let quantity = text(item, "quantity").unwrap_or_else(|| "1".into());
        let what = text(item, "product_retailer_id").unwrap_or_default();
        match (amount(item, "item_price"), text(item, "currency")) {
            (Some(price), Some(currency)) => format!("{quantity} × {what} · {} {currency}", money(price, language)),
            _ => format!("{quantity} × {what}"),
        }
    };
    let mut lines: Vec<String> = items.iter().take(SHOWN).map(line).collect();
    let sum: Option<f64> =
        items.iter().map(|item| Some(amount(item, "item_price")? * amount(item, "quantity").unwrap_or(1.0))).sum();
    let mut currencies: Vec<String> = items.iter().filter_map(|item| text(item, "currency")).collect();
    currencies.dedup();
    // What has several currencies, or an item without a price, has no sum.
    if let (Some(sum), [currency]) = (sum, currencies.as_slice()) {
        let sum = format!("{} {currency}", money(sum, language));
        lines.push(say(language, Key("order-sum")).with("sum", sum).to_string());
    }
    Card { title: say(language, Key("kind-order")).to_string(), lines, link: None }
}

fn money(amount: f64, language: Language) -> String {
    let plain = format!("{amount:.2}");
    if language == Language::Es { plain.replace('.', ",") } else { plain }
}

/// What an interactive message lists beside its words; of an answer, what was said of what was chosen.
fn offer(content: &Value) -> Option<Card> {
    let header = text(&content["header"], "text");
    let mut lines: Vec<String> = text(&content["list_reply"], "description").into_iter().collect();
    lines.extend(text(&content["footer"], "text"));
    for section in list(&content["action"]["sections"]).take(SHOWN) {
        lines.extend(text(section, "title"));
        for row in list(&section["rows"]).take(SHOWN) {
            let said = [text(row, "title"), text(row, "description")];
            lines.push(format!("· {}", said.into_iter().flatten().collect::<Vec<_>>().join(" — ")));
        }
        lines.extend(
            list(&section["product_items"])
                .take(SHOWN)
                .filter_map(|item| Some(format!("· {}", text(item, "product_retailer_id")?))),
        );
    }
    lines.extend(text(&content["action"], "product_retailer_id"));
    (header.is_some() || !lines.is_empty()).then(|| Card { title: header.unwrap_or_default(), lines, link: None })
}

/// The ad or post that led here.
fn referral(payload: &Value, language: Language) -> Option<Card> {
    let referral = payload.get("referral").filter(|referral| referral.is_object())?;
    let lines = ["headline", "body"].into_iter().filter_map(|name| text(referral, name)).collect();
    let link = text(referral, "source_url").filter(|url| {
        url.starts_with("https://") && !url.chars().any(|char| char.is_whitespace() || char.is_control())
    });
    Some(Card { title: say(language, Key("referral")).to_string(), lines, link })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(kind: &str, payload: &Value) -> Vec<Vec<String>> {
        cards(kind, payload, Language::Es).into_iter().map(|card| card.lines).collect()
    }

    #[test]
    fn a_card_shows_what_a_message_holds() {
        let person = json!({ "contacts": [{ "name": { "formatted_name": "Ana" }, "phones": [{ "phone": "+52 55" }], "org": { "company": "Pan" } }, {}] });
        assert_eq!(lines("contacts", &person), [["Pan", "+52 55"]]);
        let item = |price: Value, currency: &str| json!({ "product_retailer_id": "PAN", "quantity": 2, "item_price": price, "currency": currency });
        let order = |items: &[Value]| lines("order", &json!({ "order": { "product_items": items } })).remove(0);
        let both = order(&[item(json!(30), "MXN"), item(json!("2.5"), "MXN")]);
        assert_eq!(both, ["2 × PAN · 30,00 MXN", "2 × PAN · 2,50 MXN", "Total: 65,00 MXN"]);
        assert_eq!(order(&[item(json!(30), "MXN"), item(json!(1), "USD")]).len(), 2, "no sum of two currencies");
        assert_eq!(order(&[json!({ "product_retailer_id": "PAN" })]), ["1 × PAN"]);
        let listed = json!({ "interactive": { "header": { "text": "Hola" }, "action": { "sections": [{ "title": "Hoy", "rows": [{ "title": "Pan", "description": "de muerto" }] }] } } });
        assert_eq!(lines("interactive", &listed), [["Hoy", "· Pan — de muerto"]]);
        for nothing in [json!({}), json!(null), json!({ "text": { "body": "x" }, "referral": null })] {
            assert_eq!(lines("text", &nothing), Vec::<Vec<String>>::new());
        }
    }

    #[test]
    fn an_ad_leads_to_the_web_alone() {
        let of =
            |url: &str| cards("text", &json!({ "referral": { "headline": "Pan", "source_url": url } }), Language::En);
        assert_eq!(of("https://fb.me/x")[0].link.as_deref(), Some("https://fb.me/x"));
        for bad in ["javascript:alert(1)", "data:text/html,x", "//x", "https://a b", ""] {
            assert_eq!(of(bad)[0].link, None, "{bad}");
        }
    }
}
