//! The components of a send, after their own check, laid out for comparing.

use serde_json::Value;

use super::super::place::Place;

/// What is sent for a template, or for one card of it.
pub(super) struct Sent<'s> {
    /// The list of components.
    pub(super) place: Place,
    components: &'s [Value],
}

/// The parameters of one component.
pub(super) struct Given<'s> {
    /// The component.
    pub(super) place: Place,
    pub(super) component: &'s Value,
    pub(super) parameters: &'s [Value],
}

impl<'s> Sent<'s> {
    pub(super) fn of(place: Place, components: &'s Value) -> Self {
        Sent { place, components: list(components) }
    }

    fn all(&self, kind: &str) -> impl Iterator<Item = Given<'s>> {
        let place = self.place.clone();
        self.components.iter().enumerate().filter(move |(_, component)| word(component, "type") == kind).map(
            move |(n, component)| Given {
                place: place.index(n),
                component,
                parameters: list(&component["parameters"]),
            },
        )
    }

    pub(super) fn one(&self, kind: &str) -> Option<Given<'s>> {
        self.all(kind).next()
    }

    pub(super) fn buttons(&self) -> Vec<Given<'s>> {
        self.all("button").collect()
    }

    /// The cards by their index.
    pub(super) fn cards(&self) -> Option<(Given<'s>, Vec<(usize, Sent<'s>)>)> {
        let carousel = self.one("carousel")?;
        let place = carousel.place.key("cards");
        let cards = list(&carousel.component["cards"]).iter().enumerate().filter_map(|(n, card)| {
            let sent = Sent::of(place.index(n).key("components"), &card["components"]);
            Some((whole(&card["card_index"])?, sent))
        });
        let cards = cards.collect();
        Some((carousel, cards))
    }
}

impl Given<'_> {
    pub(super) fn index(&self) -> Option<usize> {
        whole(&self.component["index"])
    }

    pub(super) fn sub_type(&self) -> String {
        word(self.component, "sub_type")
    }

    pub(super) fn parameters_place(&self) -> Place {
        self.place.key("parameters")
    }
}

/// What a parameter of type text, currency or date and time shows.
pub(super) fn shown(parameter: &Value) -> String {
    let kind = kind_of(parameter);
    let text = match kind.as_str() {
        "text" => &parameter["text"],
        kind => &parameter[kind]["fallback_value"],
    };
    text.as_str().unwrap_or_default().to_owned()
}

/// A parameter's type in small letters.
pub(super) fn kind_of(parameter: &Value) -> String {
    word(parameter, "type")
}

fn word(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_ascii_lowercase()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn whole(value: &Value) -> Option<usize> {
    match value {
        Value::String(digits) => digits.parse().ok(),
        number => usize::try_from(number.as_u64()?).ok(),
    }
}
