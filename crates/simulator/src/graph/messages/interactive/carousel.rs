//! Cards side by side.

use super::super::Check;
use super::super::part::{Part, refused, unique, within};
use super::{actions, choices, header, products};
use crate::error::GraphError;

const CARDS: std::ops::RangeInclusive<usize> = 2..=10;
const CARD_BODY_CHARACTERS: usize = 160;
const CARD_BUTTONS: usize = 2;

/// `carousel`: two to ten cards, all alike: with a medium each, or with a product each.
pub(super) fn carousel(check: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["cards"])?;
    let cards = action.need("cards")?.list()?;
    if !CARDS.contains(&cards.len()) {
        let details =
            format!("Invalid cards count. Min allowed cards: {}, Max allowed cards: {}", CARDS.start(), CARDS.end());
        return Err(refused(details));
    }
    let (mut indexes, mut looks) = (Vec::new(), Vec::new());
    for card in &cards {
        let index = card.need("card_index")?;
        let place = index.whole()?;
        if !(0..cards.len() as i64).contains(&place) {
            return Err(index.refused(&format!("must be between 0 and {}", cards.len() - 1)));
        }
        indexes.push(place.to_string());
        looks.push(self::card(check, card)?);
    }
    unique(indexes.iter().map(String::as_str), "card_index")?;
    match looks.iter().find(|look| **look != looks[0]) {
        Some(other) => Err(refused(format!("All cards must look alike: {} and {other}", looks[0]))),
        None => Ok(()),
    }
}

/// One card; answers what it looks like, for comparison with the others.
fn card(check: &mut Check<'_>, card: &Part<'_>) -> Result<String, GraphError> {
    if card.need("type")?.one_of(&["cta_url", "product"])? == "product" {
        card.keys(&["card_index", "type", "action"])?;
        let action = card.need("action")?;
        products::product(check, &action)?;
        return Ok(format!("product of catalog {}", action.words("catalog_id")?));
    }
    card.keys(&["card_index", "type", "header", "body", "action"])?;
    let top = card.need("header")?;
    header(check, &top, &["image", "video"])?;
    if let Some(body) = card.get("body") {
        body.keys(&["text"])?;
        within(body.words("text")?, CARD_BODY_CHARACTERS, "Card body text")?;
    }
    let action = card.need("action")?;
    let kind = top.words("type")?;
    if action.get("buttons").is_none() {
        actions::cta_url(check, &action)?;
        return Ok(format!("{kind} with a link"));
    }
    action.keys(&["buttons"])?;
    let buttons = action.need("buttons")?.list()?;
    if !(1..=CARD_BUTTONS).contains(&buttons.len()) {
        let details = format!("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: {CARD_BUTTONS}");
        return Err(refused(details));
    }
    choices::replies(&buttons, "quick_reply")?;
    Ok(format!("{kind} with {} buttons", buttons.len()))
}
