//! The `components` of a send, by type.

use super::super::part::{Part, structure};
use crate::error::GraphError;

const OF_MESSAGE: &[&str] = &["header", "body", "button", "carousel", "limited_time_offer", "tap_target_configuration"];
const OF_CARD: &[&str] = &["header", "body", "button"];

/// What a send gives.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    pub(super) header: Option<Part<'a>>,
    pub(super) body: Option<Part<'a>>,
    pub(super) buttons: Vec<Part<'a>>,
    pub(super) carousel: Option<Part<'a>>,
    pub(super) offer: Option<Part<'a>>,
}

impl<'a> Given<'a> {
    /// The components of a message; there may be none.
    pub(super) fn of_message(components: Option<Part<'a>>) -> Result<Self, GraphError> {
        Self::of(components, OF_MESSAGE)
    }

    /// The components of a card.
    pub(super) fn of_card(components: Option<Part<'a>>) -> Result<Self, GraphError> {
        Self::of(components, OF_CARD)
    }

    fn of(components: Option<Part<'a>>, kinds: &[&'static str]) -> Result<Self, GraphError> {
        let mut given = Self::default();
        let Some(components) = components else { return Ok(given) };
        for component in components.list()? {
            let place = match component.need("type")?.one_of(kinds)? {
                "button" => {
                    component.keys(&["type", "sub_type", "index", "parameters"])?;
                    given.buttons.push(component);
                    continue;
                }
                "carousel" => {
                    component.keys(&["type", "cards"])?;
                    &mut given.carousel
                }
                kind => {
                    component.keys(&["type", "parameters"])?;
                    match kind {
                        "header" => &mut given.header,
                        "body" => &mut given.body,
                        "limited_time_offer" => &mut given.offer,
                        _ => {
                            tap_target(&component)?;
                            continue;
                        }
                    }
                }
            };
            if place.is_some() {
                return Err(structure(format!("Param {} repeats a component.", component.at)));
            }
            *place = Some(component);
        }
        Ok(given)
    }
}

/// The parameters of a component; none where it isn't given.
pub(super) fn parameters<'a>(component: Option<&Part<'a>>) -> Result<Vec<Part<'a>>, GraphError> {
    component.and_then(|part| part.get("parameters")).map_or_else(|| Ok(Vec::new()), |part| part.list())
}

/// Another title and address behind a medium: `{type, tap_target_configuration: [{url, title}]}`.
fn tap_target(component: &Part<'_>) -> Result<(), GraphError> {
    for parameter in parameters(Some(component))? {
        for target in parameter.need("tap_target_configuration")?.list()? {
            target.keys(&["url", "title"])?;
            target.words("url")?;
            target.words("title")?;
        }
    }
    Ok(())
}
