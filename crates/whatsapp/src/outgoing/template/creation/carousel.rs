//! Cards side by side (pages "Media card carousel templates" and "Product card carousel templates").

use super::super::super::limits;
use super::super::super::problem::{Problem, Rule};
use super::super::super::reader::Fields;
use super::component::{self, Part};
use super::{Rules, text};

/// What all cards have in common: their components, the header's format, the buttons.
type Shape = Vec<(&'static str, Option<&'static str>, Vec<&'static str>)>;

pub(super) fn check(carousel: &mut Fields, rules: &Rules) {
    let shapes = carousel.each("cards", &limits::CARDS, |card| one(card, rules));
    let Some(first) = shapes.first() else {
        return;
    };
    for (n, _) in shapes.iter().enumerate().filter(|(_, shape)| *shape != first) {
        let en = "must have the same components as the first card: the same kind of header and the same buttons.";
        let es = "tiene que llevar los mismos componentes que la primera tarjeta: el mismo tipo de encabezado y los mismos botones.";
        carousel.add(Problem::mismatch(&carousel.at("cards").index(n), en, es));
    }
}

fn one(card: &mut Fields, rules: &Rules) -> Shape {
    let parts = component::read(card, &["HEADER", "BODY", "BUTTONS"], rules, text::CARD_BODY);
    let place = card.at("components");
    for kind in ["HEADER", "BUTTONS"] {
        if !parts.iter().any(|part| part.kind == kind) {
            let en = format!("needs a component of type `{kind}`: add it.");
            let es = format!("necesita un componente de tipo `{kind}`: añádelo.");
            card.add(Problem::at(&place, Rule::Missing, en, es));
        }
    }
    let header = parts.iter().find(|part| part.kind == "HEADER");
    if let Some(header) = header.filter(|part| !matches!(part.format, None | Some("IMAGE" | "VIDEO" | "PRODUCT"))) {
        let en = "of a card must have the format `IMAGE`, `VIDEO` or `PRODUCT`.";
        let es = "de una tarjeta tiene que tener el formato `IMAGE`, `VIDEO` o `PRODUCT`.";
        card.add(Problem::not_allowed(&header.place, en, es));
    }
    shape(parts)
}

fn shape(parts: Vec<Part>) -> Shape {
    let mut shape: Shape = parts.into_iter().map(|part| (part.kind, part.format, part.buttons)).collect();
    shape.sort_unstable();
    shape
}
