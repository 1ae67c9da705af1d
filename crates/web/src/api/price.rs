//! `/prices`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use model::act::Act;
use model::audit::Deed;
use model::cost::{self, Amount, Month, Price, PriceList};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use whatsapp::country;

use super::caller::Caller;
use super::example;
use super::fields::{Members, Nothing, Query};
use super::language::Language;
use super::refusals::{Always, BadBody, Invalid};
use crate::problem::{Mistake, Problem};

/// What messages cost, as your organization says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Prices {
    /// ISO 4217, such as `USD`; null for an empty list.
    currency: Option<String>,
    /// The prices, by category, country and month.
    data: Vec<PriceRow>,
}

/// What a message of a category costs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PriceRow {
    /// Meta's word: `marketing`, `utility`, `authentication`, `authentication_international`, `service`, …; taken as
    /// Meta writes it (`AUTHENTICATION-INTERNATIONAL`), and answered like this.
    category: String,
    /// ISO 3166-1, such as `AR`; null: wherever no other price holds.
    country: Option<String>,
    /// The first month it holds for; from then on, until a newer one does.
    from: String,
    /// For each message: a decimal with at most 8 digits behind the point.
    amount: String,
}

impl From<PriceList> for Prices {
    fn from(list: PriceList) -> Self {
        let row = |price: Price| PriceRow {
            category: price.category,
            country: price.country,
            from: price.since.to_string(),
            amount: price.amount.to_string(),
        };
        Self { currency: list.currency, data: list.prices.into_iter().map(row).collect() }
    }
}

/// Read the price list
///
/// What messages cost, as your organization said last.
#[utoipa::path(
    get, path = "/prices", operation_id = "readPrices", tag = "Costs",
    responses(
        (status = 200, description = "The price list.", body = Prices, example = json!(example::prices())),
        Always,
    ),
)]
pub(super) async fn read(caller: Caller, _: Query<Nothing>) -> Result<Json<Prices>, Problem> {
    let tx = caller.begin().await?;
    let list = cost::prices(&tx).await?;
    tx.close();
    Ok(Json(list.into()))
}

/// Set the price list
///
/// Puts this list in the place of the one before; costs of all months are counted by it from now on. All prices are in
/// one currency. A row for a country holds before one without; of these, the newest that has begun.
#[utoipa::path(
    put, path = "/prices", operation_id = "setPrices", tag = "Costs",
    request_body(content = Prices, example = json!(example::prices())),
    responses(
        (status = 200, description = "The price list as it is now.", body = Prices, example = json!(example::prices())),
        Always, BadBody, Invalid,
    ),
)]
pub(super) async fn set(
    caller: Caller,
    State(state): State<crate::State>,
    _: Query<Nothing>,
    language: Language,
    members: Members,
) -> Result<Json<Prices>, Problem> {
    let list = Reader { language, mistakes: Vec::new() }.list(members)?;
    let tx = caller.begin_act().await?;
    let before: Prices = cost::prices(&tx).await?.into();
    cost::set_prices(&tx, state.clock.now(), &list).await?;
    let after: Prices = list.into();
    let deed = Deed::new(Act::SetPrices, "set", "prices", "").changed(Some(json!(before)), Some(json!(after)));
    tx.commit(deed).await.map_err(Problem::repeatable)?;
    Ok(Json(after))
}

/// Reads a list and gathers all that is wrong in it.
struct Reader {
    language: Language,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn list(mut self, mut members: Members) -> Result<PriceList, Problem> {
        let currency = members.take_one("currency").unwrap_or_default();
        let rows = members.take_one("data");
        if let Some(name) = members.object()?.keys().next() {
            let name: String = name.chars().take(80).collect();
            return Err(Problem::malformed(format!(
                "The field `{name}` is not known; known here: `currency` and `data`."
            )));
        }
        let Some(Value::Array(rows)) = rows else {
            return Err(Problem::malformed("The field `data` must be a list of prices."));
        };
        let currency = self.currency(&currency, rows.is_empty()).filter(|_| !rows.is_empty());
        let mut seen = BTreeSet::new();
        let mut prices = Vec::with_capacity(rows.len());
        for (nth, row) in rows.iter().enumerate() {
            let Some(price) = self.price(nth, row) else { continue };
            if !seen.insert((price.category.clone(), price.country.clone(), price.since)) {
                self.mistake(
                    format!("data[{nth}]"),
                    "twice",
                    "is there twice: leave one of the two",
                    "está dos veces: deja uno de los dos",
                );
            }
            prices.push(price);
        }
        prices.sort_by(|a, b| (&a.category, &a.country, a.since).cmp(&(&b.category, &b.country, b.since)));
        if self.mistakes.is_empty() {
            Ok(PriceList { currency, prices })
        } else {
            Err(Problem::mistakes(self.mistakes))
        }
    }

    fn currency(&mut self, value: &Value, empty: bool) -> Option<String> {
        let word = value.as_str().filter(|word| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_uppercase()));
        if word.is_none() && !(empty && value.is_null()) {
            self.mistake(
                "currency".into(),
                "currency",
                "must be a currency's three capital letters, such as `USD`",
                "debe ser las tres mayúsculas de una moneda, como `USD`",
            );
        }
        word.map(str::to_owned)
    }

    fn price(&mut self, nth: usize, row: &Value) -> Option<Price> {
        let Value::Object(members) = row else {
            self.mistake(
                format!("data[{nth}]"),
                "type",
                "must be an object with `category`, `amount` and `from`",
                "debe ser un objeto con `category`, `amount` y `from`",
            );
            return None;
        };
        for name in members.keys().filter(|name| !["category", "country", "from", "amount"].contains(&name.as_str())) {
            let name: String = name.chars().take(80).collect();
            self.mistake(format!("data[{nth}].{name}"), "unknown", "is not known here", "no se conoce aquí");
        }
        let word = |name: &str| members.get(name).and_then(Value::as_str);
        // As Meta's statuses and its analytics write it, capitals, hyphens and all.
        let category = word("category").map(cost::category).filter(|word| is_category(word));
        if category.is_none() {
            self.mistake(
                format!("data[{nth}].category"),
                "category",
                "must be a category of Meta's, such as `marketing`",
                "debe ser una categoría de Meta, como `marketing`",
            );
        }
        let country = match members.get("country") {
            None | Some(Value::Null) => Some(None),
            Some(value) => value.as_str().filter(|code| country::is_country(code)).map(|code| Some(code.to_owned())),
        };
        if country.is_none() {
            self.mistake(
                format!("data[{nth}].country"),
                "country",
                "must be a country's two capital letters, such as `AR`, or null",
                "debe ser las dos mayúsculas de un país, como `AR`, o null",
            );
        }
        let since = word("from").and_then(Month::read);
        if since.is_none() {
            self.mistake(
                format!("data[{nth}].from"),
                "month",
                "must be a month such as `2026-11`",
                "debe ser un mes como `2026-11`",
            );
        }
        let amount = word("amount").and_then(Amount::read);
        if amount.is_none() {
            self.mistake(
                format!("data[{nth}].amount"),
                "decimal",
                "must be a decimal in a string, such as \"0.0618\", with at most 8 digits behind the point",
                "debe ser un decimal en una cadena, como \"0.0618\", con 8 cifras como máximo tras el punto",
            );
        }
        Some(Price { category: category?, country: country?, since: since?, amount: amount? })
    }

    fn mistake(&mut self, field: String, rule: &'static str, english: &str, spanish: &str) {
        let text = format!("`{field}` {}.", self.language.of(english, spanish));
        self.mistakes.push(Mistake { field, rule, text });
    }
}

fn is_category(word: &str) -> bool {
    (1..=64).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
