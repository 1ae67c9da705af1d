//! A template's cards.

use serde_json::Value;

use super::super::Check;
use super::super::part::{Part, refused, unique};
use super::given::Given;
use super::{CARD_BODY_CHARACTERS, Style, component, fill as fill_components, is, miscount};
use crate::error::GraphError;

/// Cards with products may be more than were created: all are like the first.
const PRODUCT_CARDS: std::ops::RangeInclusive<usize> = 2..=10;

/// The cards as the customer sees them; `None`: the template has none.
pub(super) fn fill(
    check: &mut Check<'_>,
    components: &[Value],
    given: Option<&Part<'_>>,
    style: Style<'_>,
) -> Result<Option<Value>, GraphError> {
    let given = given.map(|part| part.need("cards")?.list()).transpose()?.unwrap_or_default();
    let Some(created) = component(components, "CAROUSEL").and_then(|part| part["cards"].as_array()) else {
        return if given.is_empty() { Ok(None) } else { Err(miscount("carousel", given.len(), 0)) };
    };
    let products = created.iter().all(has_product);
    let count_fits = if products { PRODUCT_CARDS.contains(&given.len()) } else { given.len() == created.len() };
    if !count_fits {
        return Err(miscount("carousel", given.len(), created.len()));
    }
    let mut indexes = Vec::new();
    let mut cards = vec![Value::Null; given.len()];
    for card in &given {
        card.keys(&["card_index", "components"])?;
        let index = card.need("card_index")?;
        let place = usize::try_from(index.whole()?).ok().filter(|place| *place < given.len());
        let place = place.ok_or_else(|| refused(format!("carousel: there is no card {}", index.value)))?;
        indexes.push(place.to_string());
        let pattern = created.get(place).unwrap_or(&created[0]);
        let parts = pattern["components"].as_array().map(Vec::as_slice).unwrap_or_default();
        let given = Given::of_card(card.get("components"))?;
        let style = Style { body_characters: CARD_BODY_CHARACTERS, ..style };
        cards[place] = fill_components(check, parts, &given, style)?.into();
    }
    unique(indexes.iter().map(String::as_str), "card_index")?;
    Ok(Some(cards.into()))
}

fn has_product(card: &Value) -> bool {
    let parts = card["components"].as_array().map(Vec::as_slice).unwrap_or_default();
    parts
        .iter()
        .any(|part| is(part, "HEADER") && part["format"].as_str().is_some_and(|f| f.eq_ignore_ascii_case("product")))
}
