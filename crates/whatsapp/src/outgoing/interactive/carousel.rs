//! Cards side by side (pages "Interactive media carousel" and "Interactive product carousel").

use super::super::limits;
use super::super::place::Place;
use super::super::problem::Problem;
use super::super::reader::Fields;
use super::{buttons, named, show};

/// What all cards must have in common.
#[derive(PartialEq)]
enum Card {
    Media { header: &'static str, buttons: Buttons },
    Product { catalog: String },
}

#[derive(PartialEq)]
enum Buttons {
    Link,
    Replies(usize),
}

pub(super) fn check(action: &mut Fields) {
    let report = action.report();
    let cards = action.each("cards", &limits::CARDS, |card| {
        let index = card.whole("card_index", &limits::CARD_INDEX).map(|index| (card.at("card_index"), index));
        (index, kind(card).map(|kind| (card.here().clone(), kind)))
    });
    let (indices, kinds): (Vec<_>, Vec<_>) = cards.into_iter().unzip();
    report.all_differ(indices.into_iter().flatten());
    all_alike(action, &kinds.into_iter().flatten().collect::<Vec<_>>());
}

fn all_alike(action: &Fields, cards: &[(Place, Card)]) {
    let Some(((_, first), rest)) = cards.split_first() else {
        return;
    };
    for (place, _) in rest.iter().filter(|(_, card)| card != first) {
        let en = "differs from the first card: all need the same type, header, catalog and number of buttons.";
        let es = "no es como la primera tarjeta: todas llevan el mismo tipo, encabezado, catálogo y número de botones.";
        action.add(Problem::mismatch(place, en, es));
    }
}

/// Cards with replies are of type `cta_url` too, in both of Meta's examples.
fn kind(card: &mut Fields) -> Option<Card> {
    match card.word("type", &["cta_url", "product"]) {
        Some("product") => product(card),
        Some(_) => media(card),
        None => {
            card.leave_open();
            None
        }
    }
}

fn product(card: &mut Fields) -> Option<Card> {
    let catalog = card.within("action", |action| {
        action.id("product_retailer_id");
        action.id("catalog_id")
    })?;
    Some(Card::Product { catalog: catalog? })
}

fn media(card: &mut Fields) -> Option<Card> {
    let header = card.within("header", |header| show(header, &["image", "video"])).flatten();
    card.within_if_given("body", body);
    let buttons =
        card.within(
            "action",
            |action| {
                if action.has("buttons") { Buttons::Replies(replies(action)) } else { link(action) }
            },
        );
    Some(Card::Media { header: header?, buttons: buttons? })
}

fn body(body: &mut Fields) {
    if let Some(text) = body.text("text", limits::CARD_BODY)
        && text.matches('\n').count() > limits::CARD_LINE_BREAKS
    {
        let most = limits::CARD_LINE_BREAKS;
        let en = format!("has more than {most} line breaks: take some out.");
        let es = format!("tiene más de {most} saltos de línea: quita alguno.");
        body.add(Problem::format(&body.at("text"), en, es));
    }
}

fn link(action: &mut Fields) -> Buttons {
    named(action, "cta_url", buttons::link_button);
    Buttons::Link
}

/// Meta's page gives no greatest number of replies on a card.
fn replies(action: &mut Fields) -> usize {
    let replies = action.each("buttons", &(1..=limits::ANY), |button| {
        button.word("type", &["quick_reply"]);
        button.within("quick_reply", |reply| buttons::reply(reply));
    });
    replies.len()
}
