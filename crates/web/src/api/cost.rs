//! `/costs`

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use model::cost::{self, Amount, Month, PriceList, Volume};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use whatsapp::country;

use super::caller::Caller;
use super::example;
use super::fields::{Query, given};
use super::refusals::{Always, Invalid};
use crate::problem::Problem;

/// Which costs to count, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The month, in UTC, such as `2026-11`; left out: this month.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, example = "2026-11")]
    month: Option<Written>,
    /// Only of this number, by its `id`.
    #[serde(default, deserialize_with = "given")]
    number_id: Option<Uuid>,
    /// What makes a row: some of `number`, `category`, `type` and `country`, with commas between.
    #[serde(default)]
    #[param(value_type = String, default = "category", example = "number,category")]
    group_by: GroupBy,
}

/// A month as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Written(pub(super) Month);

impl TryFrom<String> for Written {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Month::read(&text).map(Self).ok_or("a month such as `2026-11` is expected")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Number,
    Category,
    Type,
    Country,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct GroupBy(BTreeSet<By>);

impl Default for GroupBy {
    fn default() -> Self {
        Self([By::Category].into())
    }
}

impl TryFrom<String> for GroupBy {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let read = |word: &str| match word {
            "number" => Ok(By::Number),
            "category" => Ok(By::Category),
            "type" => Ok(By::Type),
            "country" => Ok(By::Country),
            _ => Err("some of `number`, `category`, `type` and `country` are expected, with commas between"),
        };
        text.split(',').map(|word| read(word.trim())).collect::<Result<_, _>>().map(Self)
    }
}

/// What a month's messages were, and what they cost.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Costs {
    /// The month, in UTC.
    #[schema(value_type = String)]
    month: String,
    /// What amounts are in, of your price list; null: there is none.
    currency: Option<String>,
    /// A row for each group, in order of their names.
    data: Vec<CostRow>,
    /// All rows together.
    total: Cost,
}

/// The costs of one group. What it is not grouped by is null.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CostRow {
    /// Our id of the number.
    number_id: Option<Uuid>,
    /// Meta's word: `marketing`, `utility`, `authentication`, `service`, …
    category: Option<String>,
    /// `regular`, `free_customer_service`, `free_entry_point`.
    r#type: Option<String>,
    /// Where the messages went, ISO 3166-1; null also where that is not known.
    country: Option<String>,
    /// Messages that Meta put a price on, be it nothing.
    messages: i64,
    /// Those of them that cost something.
    billable: i64,
    /// Those of these that your price list has no price for: they are not in `amount`.
    unpriced: i64,
    /// A decimal; null: no price is known.
    amount: Option<String>,
}

/// What messages were, and what they cost.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cost {
    /// Messages that Meta put a price on, be it nothing.
    messages: i64,
    /// Those of them that cost something.
    billable: i64,
    /// Those of these that your price list has no price for: they are not in `amount`.
    unpriced: i64,
    /// A decimal; null: no price is known.
    amount: Option<String>,
}

/// Count costs
///
/// How many messages Meta put a price on in a month, by its statuses: each message once, whichever of its statuses said
/// so. Meta tells kinds, not prices: amounts are by your own price list, exact, and null without one.
#[utoipa::path(
    get, path = "/costs", operation_id = "countCosts", tag = "Costs", params(Wanted),
    responses(
        (status = 200, description = "The month's costs.", body = Costs, example = json!(example::costs())),
        Always, Invalid,
    ),
)]
pub(super) async fn count(
    caller: Caller,
    State(state): State<crate::State>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Costs>, Problem> {
    let month = wanted.month.map_or_else(|| Month::of(state.clock.now()), |written| written.0);
    let tx = caller.begin().await?;
    let volumes = cost::volumes(&tx, month, wanted.number_id).await?;
    let prices = cost::prices(&tx).await?;
    tx.close();
    Ok(Json(costs(month, &volumes, &prices, &wanted.group_by)))
}

/// What a row is of: number, category, type, country.
type Group = (Option<Uuid>, Option<String>, Option<String>, Option<String>);

fn costs(month: Month, volumes: &[Volume], prices: &PriceList, group_by: &GroupBy) -> Costs {
    let by = |what| group_by.0.contains(&what);
    let word = |what, text: &str| by(what).then(|| text.to_owned()).filter(|text| !text.is_empty());
    let mut groups: BTreeMap<Group, Sum> = BTreeMap::new();
    let mut total = Sum::default();
    for volume in volumes {
        let charge = &volume.charge;
        let country = country::of(&charge.prefix);
        let group = (
            by(By::Number).then_some(volume.number_id),
            word(By::Category, &charge.category),
            word(By::Type, &charge.kind),
            word(By::Country, country.unwrap_or_default()),
        );
        let price = prices.find(&charge.category, country, month);
        groups.entry(group).or_default().add(volume, price);
        total.add(volume, price);
    }
    let data = groups.into_iter().map(|((number_id, category, kind, country), sum)| {
        let Cost { messages, billable, unpriced, amount } = sum.cost(prices);
        CostRow { number_id, category, r#type: kind, country, messages, billable, unpriced, amount }
    });
    Costs {
        month: month.to_string(),
        currency: prices.currency.clone(),
        data: data.collect(),
        total: total.cost(prices),
    }
}

#[derive(Default)]
struct Sum {
    messages: i64,
    billable: i64,
    unpriced: i64,
    amount: Amount,
}

impl Sum {
    fn add(&mut self, volume: &Volume, price: Option<Amount>) {
        self.messages += volume.messages;
        if !volume.charge.billable {
            return;
        }
        self.billable += volume.messages;
        match price {
            Some(price) => self.amount = self.amount.plus(price.times(volume.messages)),
            None => self.unpriced += volume.messages,
        }
    }

    fn cost(self, prices: &PriceList) -> Cost {
        let Self { messages, billable, unpriced, amount } = self;
        // Nothing to pay is an amount; not knowing what to pay is none.
        let known = prices.currency.is_some() && (billable == 0 || unpriced < billable);
        Cost { messages, billable, unpriced, amount: known.then(|| amount.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use model::cost::{Charge, Price};

    use super::*;

    fn volume(category: &str, billable: bool, prefix: &str, messages: i64) -> Volume {
        let kind = if billable { "regular" } else { "free_customer_service" };
        let month = Month::read("2026-11").unwrap();
        let charge = Charge { month, category: category.into(), kind: kind.into(), billable, prefix: prefix.into() };
        Volume { number_id: Uuid::nil(), charge, messages }
    }

    fn list() -> PriceList {
        let price = |category: &str, country: Option<&str>, amount: &str| Price {
            category: category.into(),
            country: country.map(str::to_owned),
            since: Month::read("2026-01").unwrap(),
            amount: Amount::read(amount).unwrap(),
        };
        let prices = vec![price("marketing", Some("AR"), "0.0618"), price("utility", None, "0.01")];
        PriceList { currency: Some("USD".into()), prices }
    }

    fn counted(prices: &PriceList, group_by: &str) -> Costs {
        let volumes = [
            volume("marketing", true, "5491", 3),
            volume("marketing", true, "5411", 7),
            volume("marketing", true, "3460", 5),
            volume("service", false, "3460", 20),
            volume("utility", true, "", 2),
        ];
        let group_by = GroupBy::try_from(group_by.to_owned()).unwrap();
        costs(Month::read("2026-11").unwrap(), &volumes, prices, &group_by)
    }

    #[test]
    fn rows_add_up_and_say_what_has_no_price() {
        let costs = counted(&list(), "category,country");
        let rows: Vec<_> = costs
            .data
            .iter()
            .map(|row| {
                (row.category.as_deref(), row.country.as_deref(), row.messages, row.unpriced, row.amount.as_deref())
            })
            .collect();
        assert_eq!(
            rows,
            [
                (Some("marketing"), Some("AR"), 10, 0, Some("0.618")),
                (Some("marketing"), Some("ES"), 5, 5, None),
                (Some("service"), Some("ES"), 20, 0, Some("0.00")),
                (Some("utility"), None, 2, 0, Some("0.02")),
            ]
        );
        assert_eq!((costs.total.messages, costs.total.billable, costs.total.unpriced), (37, 17, 5));
        assert_eq!(costs.total.amount.as_deref(), Some("0.638"));
    }

    #[test]
    fn without_prices_there_are_volumes() {
        let costs = counted(&PriceList::default(), "type");
        assert_eq!(costs.data.len(), 2);
        assert!(costs.data.iter().all(|row| row.amount.is_none() && row.category.is_none()));
        assert_eq!((costs.total.unpriced, costs.total.amount), (17, None));
    }

    #[test]
    fn groups_are_named() {
        for wrong in ["", "colour", "category,", "category;type"] {
            assert!(GroupBy::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
