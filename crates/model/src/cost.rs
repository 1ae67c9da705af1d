//! What sending costs: how many messages of each kind Meta put a price on, and an organization's own price list. Meta
//! tells kinds, not prices.
//!
//! <https://developers.facebook.com/docs/whatsapp/pricing>

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Pipeline, Result, Rows, Tenant, params};
use crate::status::{self, Known, Update};

/// Longer words of Meta's are cut.
const LONGEST_WORD: usize = 64;

/// A calendar month in UTC, as people write it: `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i32);

impl Month {
    /// The month of a moment.
    pub fn of(at: Timestamp) -> Self {
        let day = at.to_zoned(TimeZone::UTC).date();
        Self(i32::from(day.year()) * 100 + i32::from(day.month()))
    }

    /// Reads `2026-11`.
    pub fn read(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !digits(year) || !digits(month) {
            return None;
        }
        let (year, month): (i32, i32) = (year.parse().ok()?, month.parse().ok()?);
        ((1..=12).contains(&month) && year >= 2000).then_some(Self(year * 100 + month))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 100, self.0 % 100)
    }
}

/// What kind of message Meta put a price on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Charge {
    /// When.
    pub month: Month,
    /// `marketing`, `utility`, `authentication`, `service`, …; empty where Meta said none.
    pub category: String,
    /// `regular`, `free_customer_service`, `free_entry_point`; empty where Meta said none.
    pub kind: String,
    /// Whether it costs anything.
    pub billable: bool,
    /// Of whom it went to: the first four digits of the phone number, or the country of a user id; empty: not known.
    pub prefix: String,
}

impl Charge {
    /// What a status says of the price of its message. `at` is when.
    pub fn read(status: &Value, at: Timestamp) -> Option<Self> {
        let pricing = status.get("pricing").filter(|pricing| pricing.is_object());
        let pricing = pricing.or_else(|| status.get("conversation")?.get("pricing").filter(|own| own.is_object()))?;
        let word = |key: &str| match pricing.get(key) {
            Some(Value::String(text)) => text.to_lowercase().replace('\0', ""),
            _ => String::new(),
        };
        let cut = |text: String| text.chars().take(LONGEST_WORD).collect::<String>();
        let billable = match pricing.get("billable") {
            Some(Value::Bool(billable)) => *billable,
            Some(Value::String(text)) if text == "true" => true,
            Some(Value::String(text)) if text == "false" => false,
            _ => pricing.get("type").is_none_or(|kind| kind.is_null() || kind == "regular"),
        };
        Some(Self {
            month: Month::of(at),
            category: category(&cut(word("category"))),
            kind: cut(word("type")),
            billable,
            prefix: prefix(status),
        })
    }
}

/// A category as it is counted, however Meta writes it: `authentication_international` of `AUTHENTICATION-INTERNATIONAL`.
pub fn category(word: &str) -> String {
    word.trim().to_lowercase().replace(['-', ' '], "_")
}

/// Where a message went, as far as its price depends on it.
fn prefix(status: &Value) -> String {
    let named = ["recipient_participant_id", "recipient_id", "recipient_participant_user_id", "recipient_user_id"];
    let mut words = named.iter().filter_map(|key| status.get(key)?.as_str());
    words.find_map(place).unwrap_or_default().to_owned()
}

fn place(word: &str) -> Option<&str> {
    if (7..=15).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.get(..4);
    }
    let (country, id) = word.split_once('.')?;
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    (country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()) && is_id).then_some(country)
}

/// What the updates of one message say of its price, and of whether it was delivered, for Meta charges what it delivered.
/// Whatever their order and number, it is counted once: in the month in which it was delivered first, by the first price of an
/// update that says so, or else by the first that came before.
#[derive(Clone, Debug, Default)]
pub struct Priced {
    prices: BTreeMap<(bool, Timestamp, String, String), Charge>,
    delivered_at: Option<Timestamp>,
}

impl Priced {
    /// Of all updates that are known.
    pub fn read(known: &[Known]) -> Self {
        let mut priced = Self::default();
        for known in known.iter().filter(|known| known.is_priced() || is_delivered(&known.update.status)) {
            let payload = Some(known).filter(|known| known.is_priced());
            let payload = payload.and_then(|known| serde_json::from_str(&known.payload).ok());
            priced.add(&known.update, &payload.unwrap_or_default(), known.received_at);
        }
        priced
    }

    /// Adds an update, with Meta's object and our time of it.
    pub fn add(&mut self, update: &Update, status: &Value, received_at: Timestamp) {
        let at = if update.at == Timestamp::UNIX_EPOCH { received_at } else { update.at };
        let delivered = is_delivered(&update.status);
        if delivered {
            self.delivered_at = Some(self.delivered_at.map_or(at, |first| first.min(at)));
        }
        if let Some(charge) = Charge::read(status, at) {
            self.prices.insert((!delivered, at, update.status.clone(), update.participant.clone()), charge);
        }
    }

    /// What the message is counted as; `None`: it was not delivered yet, or nobody said a price.
    pub fn charge(&self) -> Option<Charge> {
        let charge = self.prices.values().next()?.clone();
        Some(Charge { month: Month::of(self.delivered_at?), ..charge })
    }
}

/// Whether a status says that the message came to its recipient.
pub fn is_delivered(status: &str) -> bool {
    status::rank(status) >= status::rank("delivered")
}

/// How counts change.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<(Uuid, Uuid, Charge), i64>);

impl Tally {
    /// A message of an organization's number is counted as something else than before.
    pub fn recount(&mut self, organization_id: Uuid, number_id: Uuid, before: Option<Charge>, after: Option<Charge>) {
        if before == after {
            return;
        }
        for (charge, by) in before.into_iter().map(|charge| (charge, -1)).chain(after.map(|charge| (charge, 1))) {
            *self.0.entry((organization_id, number_id, charge)).or_default() += by;
        }
    }
}

/// Writes how counts change. What nothing is counted as any more has no row.
pub fn any_organization_count<'a>(pipeline: &mut Pipeline<'a>, tally: &'a Tally) {
    let rows: Vec<_> = tally.0.iter().filter(|(_, by)| **by != 0).collect();
    if rows.is_empty() {
        return;
    }
    let counts = Rows::of(&rows)
        .column("organization_id", |((organization, _, _), _)| *organization)
        .column("number_id", |((_, number, _), _)| *number)
        .column("month", |((_, _, charge), _)| charge.month.0)
        .column("category", |((_, _, charge), _)| charge.category.as_str())
        .column("type", |((_, _, charge), _)| charge.kind.as_str())
        .column("billable", |((_, _, charge), _)| charge.billable)
        .column("prefix", |((_, _, charge), _)| charge.prefix.as_str())
        .column("messages", |(_, by)| **by);
    pipeline.add(counts.insert(
        "wazapp.cost",
        "ON CONFLICT (organization_id, month, number_id, category, type, billable, prefix)
           DO UPDATE SET messages = t.messages + excluded.messages",
    ));
    let organizations: BTreeSet<Uuid> =
        rows.iter().filter(|(_, by)| **by < 0).map(|((organization, _, _), _)| *organization).collect();
    if !organizations.is_empty() {
        pipeline.push(
            "DELETE FROM wazapp.cost WHERE organization_id = ANY ($1) AND messages = 0",
            params![organizations.into_iter().collect::<Vec<_>>()],
        );
    }
}

/// So many messages of a kind, from one number.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Our id of the number.
    pub number_id: Uuid,
    /// Of what kind.
    pub charge: Charge,
    /// How many.
    pub messages: i64,
}

/// What a month's messages were, of all numbers or of one.
pub async fn volumes(tx: &Tenant, month: Month, number_id: Option<Uuid>) -> Result<Vec<Volume>> {
    let rows = tx
        .query(
            "SELECT number_id, category, type, billable, prefix, messages FROM wazapp.cost
             WHERE organization_id = $1 AND month = $2 AND ($3::uuid IS NULL OR number_id = $3) AND messages > 0
             ORDER BY number_id, category, type, billable, prefix",
            &[&tx.organization_id(), &month.0, &number_id],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Volume {
            number_id: row.get("number_id"),
            charge: Charge {
                month,
                category: row.get("category"),
                kind: row.get("type"),
                billable: row.get("billable"),
                prefix: row.get("prefix"),
            },
            messages: row.get("messages"),
        })
        .collect())
}

/// An exact amount of money, in units of 10⁻⁸.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(i128);

const SCALE: usize = 8;
const ONE: i128 = 100_000_000;

impl Amount {
    /// Reads a decimal such as `0.0625`: at most 12 digits before the point and 8 behind it, no sign.
    pub fn read(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |word: &str, most: usize| {
            (1..=most).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, 12) || !digits(part, SCALE) {
            return None;
        }
        let part: i128 = format!("{part:0<SCALE$}").parse().ok()?;
        Some(Self(whole.parse::<i128>().ok()? * ONE + part))
    }

    /// So many times this.
    pub fn times(self, count: i64) -> Self {
        Self(self.0.saturating_mul(count.into()))
    }

    /// This and another.
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:0SCALE$}", self.0 % ONE);
        // Two digits at least, as money is written; more only where they say something.
        let shown = part.trim_end_matches('0').len().max(2);
        write!(f, "{}.{}", self.0 / ONE, &part[..shown])
    }
}

/// What a message of a category costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Meta's category.
    pub category: String,
    /// Where; `None`: wherever no other price holds.
    pub country: Option<String>,
    /// The first month it holds for.
    pub since: Month,
    /// For each message.
    pub amount: Amount,
}

/// An organization's prices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList {
    /// ISO 4217; `None` for an empty list.
    pub currency: Option<String>,
    /// The prices.
    pub prices: Vec<Price>,
}

impl PriceList {
    /// What a message costs: the price for its country before that for everywhere, the newest before older ones.
    pub fn find(&self, category: &str, country: Option<&str>, month: Month) -> Option<Amount> {
        let holds = |price: &&Price| {
            price.category == category
                && price.since <= month
                && price.country.as_deref().is_none_or(|own| Some(own) == country)
        };
        let best = self.prices.iter().filter(holds).min_by_key(|price| (price.country.is_none(), Reverse(price.since)));
        best.map(|price| price.amount)
    }

    /// The prices as they are kept.
    fn rows(&self) -> Value {
        let row = |price: &Price| {
            json!({
                "category": price.category, "country": price.country, "since": price.since.to_string(),
                "amount": price.amount.to_string(),
            })
        };
        self.prices.iter().map(row).collect()
    }

    fn read(currency: Option<String>, rows: &Value) -> Self {
        let price = |row: &Value| {
            let word = |name: &str| row.get(name).and_then(Value::as_str);
            Some(Price {
                category: word("category")?.to_owned(),
                country: word("country").map(str::to_owned),
                since: Month::read(word("since")?)?,
                amount: Amount::read(word("amount")?)?,
            })
        };
        Self { currency, prices: rows.as_array().into_iter().flatten().filter_map(price).collect() }
    }
}

/// The organization's prices.
pub async fn prices(tx: &Tenant) -> Result<PriceList> {
    let row = tx
        .query_opt(
            "SELECT currency, prices::text AS prices FROM wazapp.price_list WHERE organization_id = $1",
            &[&tx.organization_id()],
        )
        .await?;
    let read = |row: &Row| {
        let rows = serde_json::from_str(row.get("prices")).unwrap_or_default();
        PriceList::read(row.get("currency"), &rows)
    };
    Ok(row.as_ref().map_or_else(PriceList::default, read))
}

/// Puts these prices in the place of those before.
pub async fn set_prices(tx: &Tenant, now: Timestamp, list: &PriceList) -> Result<()> {
    tx.query(
        "INSERT INTO wazapp.price_list (organization_id, currency, prices, updated_at)
         VALUES ($1, $2, $3::text::json, $4)
         ON CONFLICT (organization_id) DO UPDATE SET
           currency = excluded.currency, prices = excluded.prices, updated_at = excluded.updated_at",
        &[&tx.organization_id(), &list.currency, &list.rows().to_string(), &now],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::Key;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn update(status: &str, when: &str) -> Update {
        let message = Key { organization_id: Uuid::nil(), number_id: Uuid::nil(), wamid: "w".into() };
        Update { message, status: status.into(), participant: String::new(), at: at(when) }
    }

    #[test]
    fn amounts_are_exact() {
        for (text, shown) in [("0", "0.00"), ("0.0625", "0.0625"), ("12.5", "12.50"), ("7.00000001", "7.00000001")] {
            assert_eq!(Amount::read(text).unwrap().to_string(), shown, "{text}");
        }
        assert_eq!(Amount::read("0.0618").unwrap().times(1_000_000).to_string(), "61800.00");
        assert_eq!(Amount::read("0.1").unwrap().plus(Amount::read("0.2").unwrap()).to_string(), "0.30");
        for wrong in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "0.123456789", "1234567890123", "NaN", "١"] {
            assert_eq!(Amount::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn months_are_of_the_calendar() {
        assert_eq!(Month::read("2026-11"), Some(Month::of(at("2026-11-30T23:59:59Z"))));
        assert_eq!(Month::of(at("2026-12-01T00:00:00Z")).to_string(), "2026-12");
        for wrong in ["", "2026", "2026-13", "2026-00", "2026-1", "26-11", "2026-11-01", "1999-01", "+026-11"] {
            assert_eq!(Month::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_status_says_what_its_message_is_charged_as() {
        let read = |status: Value| Charge::read(&status, at("2026-11-24T12:00:00Z"));
        let charge = read(json!({
            "recipient_id": "5491155551234", "recipient_user_id": "AR.1",
            "pricing": { "billable": true, "pricing_model": "PMP", "type": "regular", "category": "Authentication-International" },
        }));
        let charge = charge.unwrap();
        assert_eq!((charge.category.as_str(), charge.kind.as_str()), ("authentication_international", "regular"));
        assert_eq!((charge.billable, charge.prefix.as_str()), (true, "5491"));
        let hidden =
            read(json!({ "recipient_user_id": "AR.1349", "conversation": { "pricing": { "category": "service",
            "type": "free_customer_service" } } }));
        let hidden = hidden.unwrap();
        assert_eq!((hidden.billable, hidden.prefix.as_str()), (false, "AR"));
        let group = read(json!({ "recipient_id": "Y2FwaV9ncm91cDo", "pricing": {} })).unwrap();
        assert_eq!((group.prefix.as_str(), group.billable, group.kind.as_str()), ("", true, ""));
        for nothing in [json!({}), json!({ "pricing": null }), json!({ "pricing": "free" }), json!([])] {
            assert_eq!(read(nothing), None);
        }
    }

    /// `sent` and `delivered` may both say the price, in any order, and on both sides of midnight: it is counted when it was
    /// delivered, and what only left is not.
    #[test]
    fn in_every_order_a_message_is_counted_once_and_alike() {
        let pricing = json!({ "pricing": { "billable": true, "type": "regular", "category": "marketing" } });
        let updates = [
            update("sent", "2026-11-30T23:59:59Z"),
            update("delivered", "2026-12-01T00:00:02Z"),
            update("read", "2026-12-01T00:00:09Z"),
        ];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let (mut priced, mut tally) = (Priced::default(), Tally::default());
            for nth in order {
                let before = priced.charge();
                priced.add(&updates[nth], &pricing, at("2027-01-01T00:00:00Z"));
                tally.recount(Uuid::nil(), Uuid::nil(), before, priced.charge());
            }
            let counted: Vec<_> = tally.0.iter().filter(|(_, by)| **by != 0).collect();
            assert_eq!(counted.len(), 1, "{order:?}");
            assert_eq!((counted[0].0.2.month.to_string().as_str(), *counted[0].1), ("2026-12", 1), "{order:?}");
        }
        let mut left = Priced::default();
        left.add(&updates[0], &pricing, at("2027-01-01T00:00:00Z"));
        assert_eq!(left.charge(), None);
        // The price came with `sent`, and nothing more is said.
        left.add(&updates[2], &json!({}), at("2027-01-01T00:00:00Z"));
        assert_eq!(left.charge().map(|charge| charge.month.to_string()).as_deref(), Some("2026-12"));
    }

    #[test]
    fn a_list_is_kept_as_it_is() {
        let price = |country: Option<&str>, amount: &str| Price {
            category: "utility".into(),
            country: country.map(str::to_owned),
            since: Month::read("2026-10").unwrap(),
            amount: Amount::read(amount).unwrap(),
        };
        let prices = vec![price(None, "0.00000001"), price(Some("ES"), "999999999999")];
        let list = PriceList { currency: Some("EUR".into()), prices };
        assert_eq!(PriceList::read(list.currency.clone(), &list.rows()), list);
    }

    #[test]
    fn the_nearest_and_newest_price_holds() {
        let price = |category: &str, country: Option<&str>, since: &str, amount: &str| Price {
            category: category.into(),
            country: country.map(str::to_owned),
            since: Month::read(since).unwrap(),
            amount: Amount::read(amount).unwrap(),
        };
        let list = PriceList {
            currency: Some("USD".into()),
            prices: vec![
                price("marketing", None, "2026-01", "0.06"),
                price("marketing", Some("AR"), "2026-01", "0.0618"),
                price("marketing", Some("AR"), "2026-11", "0.07"),
                price("marketing", None, "2026-10", "0.08"),
            ],
        };
        let find = |country, month| {
            list.find("marketing", country, Month::read(month).unwrap()).map(|amount| amount.to_string())
        };
        assert_eq!(find(Some("AR"), "2026-10").as_deref(), Some("0.0618"));
        assert_eq!(find(Some("AR"), "2026-12").as_deref(), Some("0.07"));
        assert_eq!(find(Some("ES"), "2026-11").as_deref(), Some("0.08"));
        assert_eq!(find(None, "2026-02").as_deref(), Some("0.06"));
        assert_eq!(find(None, "2025-12"), None);
        assert_eq!(list.find("utility", None, Month::read("2026-11").unwrap()), None);
    }
}
