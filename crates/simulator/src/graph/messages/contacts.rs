//! Contact cards (§8.2).

use super::part::{Part, lacking, refused};
use crate::error::GraphError;

/// A part of a card: its keys, all of them text, and those that must be there.
struct Rows {
    key: &'static str,
    keys: &'static [&'static str],
}

const LISTS: &[Rows] = &[
    Rows { key: "phones", keys: &["phone", "type", "wa_id"] },
    Rows { key: "emails", keys: &["email", "type"] },
    Rows { key: "urls", keys: &["url", "type"] },
    Rows { key: "addresses", keys: &["street", "city", "state", "zip", "country", "country_code", "type"] },
];

const ORG: &[&str] = &["company", "department", "title"];

/// Parts of a name, of which one must stand beside `formatted_name`.
const NAMES: &[&str] = &["first_name", "last_name", "middle_name", "prefix", "suffix"];

/// A list of cards is good: each has a name.
pub(super) fn check(part: &Part<'_>) -> Result<(), GraphError> {
    let cards = part.list()?;
    if cards.is_empty() {
        return Err(lacking("contacts: at least one contact is required."));
    }
    cards.iter().try_for_each(card)
}

fn card(card: &Part<'_>) -> Result<(), GraphError> {
    card.keys(&["addresses", "birthday", "emails", "name", "org", "phones", "urls"])?;
    name(&card.need("name")?)?;
    for rows in LISTS {
        let Some(list) = card.get(rows.key) else { continue };
        for row in list.list()? {
            texts(&row, rows.keys)?;
        }
    }
    if let Some(org) = card.get("org") {
        texts(&org, ORG)?;
    }
    match card.get("birthday") {
        Some(day) if day.text()?.parse::<jiff::civil::Date>().is_err() || day.text()?.len() != 10 => {
            Err(day.refused("must be written as YYYY-MM-DD"))
        }
        _ => Ok(()),
    }
}

fn name(name: &Part<'_>) -> Result<(), GraphError> {
    name.keys(&["formatted_name", "first_name", "last_name", "middle_name", "prefix", "suffix"])?;
    name.words("formatted_name")?;
    let mut parts = 0;
    for key in NAMES {
        parts += usize::from(name.may(key)?.is_some_and(|text| !text.is_empty()));
    }
    match parts {
        0 => {
            Err(refused(format!("{}: beside formatted_name, at least one of {} is needed", name.at, NAMES.join(", "))))
        }
        _ => Ok(()),
    }
}

fn texts(part: &Part<'_>, keys: &[&str]) -> Result<(), GraphError> {
    part.keys(keys)?;
    keys.iter().try_for_each(|key| part.may(key).map(|_| ()))
}
