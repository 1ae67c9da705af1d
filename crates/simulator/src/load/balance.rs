//! The ledger against what a server shows: what is lost, doubled or misplaced.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Target;
use super::ledger::{Ledger, Message};
use super::scan::{Api, Found, Owner, Thread};

/// A server that has shown nothing more for so long will show no more.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between one look and the next, while something is missing.
const PAUSE: Duration = Duration::from_millis(250);
/// So many of each kind are shown to people.
const SHOWN: usize = 10;

/// What became of the messages of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Balance {
    /// Messages whose body was answered 200 at least once.
    pub expected: u64,
    /// Those of them that were found, be it in the right place or not.
    pub found: u64,
    /// Those that were not.
    pub lost: Vec<Misfit>,
    /// Messages found more than once.
    pub doubled: Vec<Misfit>,
    /// Messages found once, in another organization, number or customer's conversation, or with another text.
    pub misplaced: Vec<Misfit>,
    /// Inbound messages that this run never sent: leftovers of others, or inventions.
    pub unknown: u64,
    /// Messages that were found although their body was never answered 200. That is allowed: an answer can get lost.
    pub extra: u64,
}

/// A message that is not where it should be, or not once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Misfit {
    /// What was sent, and where to.
    pub sent: Place,
    /// Meta's id of it.
    pub wamid: String,
    /// How often it was found.
    pub times: u32,
    /// Where it was found and should not have been, or with another text.
    pub wrong: Vec<Place>,
}

/// A conversation, and what is said there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Whose.
    pub organization: String,
    /// On which number.
    pub phone_number_id: String,
    /// With whom.
    pub customer: Option<String>,
    /// `inbound`, or what a message was taken for.
    pub direction: String,
    /// The words.
    pub text: String,
}

/// Looks for every message of the ledger at `api_url`, with the keys of `targets`.
///
/// A server applies what it has answered a little later, so it is looked at again and again until everything is found
/// or nothing more has turned up for ten seconds.
pub async fn compare(ledger: &Ledger, api_url: &str, targets: &[Target]) -> Result<Balance> {
    compare_within(ledger, api_url, targets, PATIENCE).await
}

async fn compare_within(ledger: &Ledger, url: &str, targets: &[Target], patience: Duration) -> Result<Balance> {
    let api = Api::new(url)?;
    let owners = owners(targets)?;
    let book = Book::new(ledger, targets)?;
    let (mut best, mut since) = (0, Instant::now());
    loop {
        let looked = Instant::now();
        let mut tally = Tally::new(&book);
        api.messages(&owners, |thread, page| tally.take(thread, page)).await?;
        let (found, missing) = tally.found();
        if found > best {
            // Counted from before this look: what it missed may have come while it went on.
            (best, since) = (found, looked);
        }
        if missing == 0 || since.elapsed() >= patience.max(2 * looked.elapsed()) {
            return Ok(tally.balance());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One key is enough for all numbers of an organization.
fn owners(targets: &[Target]) -> Result<Vec<Owner>> {
    let mut keys: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for target in targets {
        let key = keys.entry(&target.organization).or_default();
        *key = key.or(target.api_key.as_deref());
    }
    let owner = |(organization, key): (&str, Option<&str>)| {
        let key = key.with_context(|| format!("no API key of organization {organization} to compare with"))?;
        Ok(Owner { organization: organization.into(), api_key: key.into() })
    };
    keys.into_iter().map(owner).collect()
}

/// What was sent, by id.
struct Book<'a> {
    entries: Vec<Entry<'a>>,
    by_wamid: HashMap<&'a str, usize>,
}

struct Entry<'a> {
    message: &'a Message,
    organization: &'a str,
    expected: bool,
}

impl<'a> Book<'a> {
    fn new(ledger: &'a Ledger, targets: &'a [Target]) -> Result<Self> {
        let of: HashMap<&str, &str> =
            targets.iter().map(|target| (target.phone_number_id.as_str(), target.organization.as_str())).collect();
        let mut entries = Vec::new();
        for sent in ledger.sent() {
            let expected = sent.accepted();
            for message in &sent.messages {
                let number = &*message.phone_number_id;
                let organization =
                    of.get(number).with_context(|| format!("the ledger has number {number}, which is no target's"))?;
                entries.push(Entry { message, organization, expected });
            }
        }
        let by_wamid = entries.iter().enumerate().map(|(at, entry)| (&*entry.message.wamid, at)).collect();
        Ok(Self { entries, by_wamid })
    }
}

/// What one look found.
struct Tally<'a> {
    book: &'a Book<'a>,
    times: Vec<u32>,
    wrong: BTreeMap<usize, Vec<Place>>,
    unknown: u64,
}

impl<'a> Tally<'a> {
    fn new(book: &'a Book<'a>) -> Self {
        Self { book, times: vec![0; book.entries.len()], wrong: BTreeMap::new(), unknown: 0 }
    }

    fn take(&mut self, thread: &Thread, page: Vec<Found>) {
        for found in page {
            let known = found.wamid.as_deref().and_then(|wamid| self.book.by_wamid.get(wamid));
            let Some(&at) = known else {
                self.unknown += u64::from(found.direction == "inbound");
                continue;
            };
            self.times[at] += 1;
            let entry = &self.book.entries[at];
            let text = found.text.unwrap_or_default();
            let at_home = entry.organization == &*thread.organization
                && *entry.message.phone_number_id == thread.phone_number_id
                && thread.customer.as_deref() == Some(&*entry.message.customer)
                && found.direction == "inbound"
                && entry.message.reads(&text);
            if !at_home {
                self.wrong.entry(at).or_default().push(Place {
                    organization: thread.organization.to_string(),
                    phone_number_id: thread.phone_number_id.clone(),
                    customer: thread.customer.clone(),
                    direction: found.direction,
                    text,
                });
            }
        }
    }

    /// How many rows of ours there are, and how many expected messages are missing.
    fn found(&self) -> (u64, u64) {
        let missing = self.book.entries.iter().zip(&self.times).filter(|(entry, times)| entry.expected && **times == 0);
        (self.times.iter().map(|times| u64::from(*times)).sum(), missing.count() as u64)
    }

    fn balance(mut self) -> Balance {
        let mut balance = Balance { unknown: self.unknown, ..Balance::default() };
        for (at, (entry, times)) in self.book.entries.iter().zip(self.times).enumerate() {
            balance.expected += u64::from(entry.expected);
            balance.found += u64::from(entry.expected && times > 0);
            balance.extra += u64::from(!entry.expected && times > 0);
            let wrong = self.wrong.remove(&at).unwrap_or_default();
            let list = match times {
                0 if entry.expected => &mut balance.lost,
                2.. => &mut balance.doubled,
                1 if !wrong.is_empty() => &mut balance.misplaced,
                _ => continue,
            };
            list.push(entry.misfit(times, wrong));
        }
        balance
    }
}

impl Entry<'_> {
    fn misfit(&self, times: u32, wrong: Vec<Place>) -> Misfit {
        let sent = Place {
            organization: self.organization.to_owned(),
            phone_number_id: self.message.phone_number_id.to_string(),
            customer: Some(self.message.customer.to_string()),
            direction: "inbound".to_owned(),
            text: self.message.text.to_string(),
        };
        Misfit { sent, wamid: self.message.wamid.to_string(), times, wrong }
    }
}

impl Balance {
    /// Nothing is lost, doubled or misplaced.
    pub fn holds(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.misplaced.is_empty()
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.holds() { "the balance holds" } else { "the balance does not hold" };
        let (lost, doubled, misplaced) = (self.lost.len(), self.doubled.len(), self.misplaced.len());
        write!(f, "{verdict}: {} messages expected, {} found, ", self.expected, self.found)?;
        write!(f, "{lost} lost, {doubled} doubled, {misplaced} misplaced")?;
        if self.extra > 0 {
            write!(f, "; {} arrived though never answered 200", self.extra)?;
        }
        if self.unknown > 0 {
            write!(f, "; {} there are not of this run", self.unknown)?;
        }
        for (name, list) in [("lost", &self.lost), ("doubled", &self.doubled), ("misplaced", &self.misplaced)] {
            for misfit in list.iter().take(SHOWN) {
                write!(f, "\n{name}: {misfit}")?;
            }
            if list.len() > SHOWN {
                write!(f, "\n{name}: … and {} more", list.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent to {}", self.wamid, self.sent)?;
        if self.times > 1 {
            write!(f, ", found {} times", self.times)?;
        }
        for place in &self.wrong {
            write!(f, ", found at {place}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { organization, phone_number_id, customer, direction, text } = self;
        let customer = customer.as_deref().unwrap_or("nobody");
        write!(f, "{organization}/{phone_number_id}/{customer} ({direction} {text:?})")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::extract::{Path, Query, State};
    use axum::routing::get;
    use axum::{Json, Router};
    use http::HeaderMap;
    use serde_json::{Value, json};

    use super::super::ledger::tests::{message, of};
    use super::super::ledger::{Answer, Kind};
    use super::*;

    /// What a server holds: organization, number, customer, wamid, text.
    type Row = (String, String, String, String, String);

    /// Enough of the API, in pages of three at most, that shows one row more with each look at the conversations.
    #[derive(Clone)]
    struct Server {
        rows: Arc<Vec<Row>>,
        shown: Arc<Mutex<usize>>,
    }

    impl Server {
        async fn start(rows: Vec<Row>, shown: usize) -> String {
            let server = Self { rows: rows.into(), shown: Arc::new(Mutex::new(shown)) };
            let router = Router::new()
                .route("/api/v1/conversations", get(Self::conversations))
                .route("/api/v1/conversations/{id}/messages", get(Self::messages))
                .with_state(server);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let url = format!("http://{}", listener.local_addr().expect("an address"));
            tokio::spawn(async move { axum::serve(listener, router).await });
            url
        }

        fn rows(&self, headers: &HeaderMap) -> Vec<Row> {
            let key = headers["authorization"].to_str().expect("ASCII").strip_prefix("Bearer key-").expect("a key");
            let shown = *self.shown.lock().expect("no holder panics");
            self.rows.iter().take(shown).filter(|row| row.0 == key).cloned().collect()
        }

        async fn conversations(
            State(it): State<Self>,
            headers: HeaderMap,
            Query(query): Query<HashMap<String, String>>,
        ) -> Json<Value> {
            let mut data: Vec<Value> = Vec::new();
            for (organization, number, customer, ..) in it.rows(&headers) {
                let id = format!("{organization}-{number}-{customer}");
                if data.iter().all(|known| known["id"] != *id) {
                    let contact = json!({"id": "c", "wa_id": customer});
                    data.push(json!({"id": id, "phone_number_id": number, "contact": contact, "state": "active"}));
                }
            }
            *it.shown.lock().expect("no holder panics") += 1;
            page(data, &query)
        }

        async fn messages(
            State(it): State<Self>,
            headers: HeaderMap,
            Path(id): Path<String>,
            Query(query): Query<HashMap<String, String>>,
        ) -> Json<Value> {
            let of = |row: &Row| format!("{}-{}-{}", row.0, row.1, row.2) == id;
            let rows = it.rows(&headers).into_iter().filter(of);
            page(
                rows.map(|row| json!({"id": "m", "direction": "inbound", "wamid": row.3, "text": row.4})).collect(),
                &query,
            )
        }
    }

    fn page(data: Vec<Value>, query: &HashMap<String, String>) -> Json<Value> {
        assert_eq!(query["limit"], "100");
        let start: usize = query.get("cursor").map_or(0, |cursor| cursor.trim_end_matches("+/").parse().expect("ours"));
        let next = (data.len() > start + 3).then(|| format!("{}+/", start + 3));
        Json(json!({"data": data.into_iter().skip(start).take(3).collect::<Vec<_>>(), "next_cursor": next}))
    }

    fn target(organization: &str, phone_number_id: &str) -> Target {
        Target {
            organization: organization.into(),
            api_key: Some(format!("key-{organization}")),
            waba_id: "w".into(),
            phone_number_id: phone_number_id.into(),
            display_phone_number: "57".into(),
        }
    }

    fn targets() -> [Target; 3] {
        [target("a", "1"), Target { api_key: None, ..target("a", "2") }, target("b", "3")]
    }

    /// Ten messages for each of three numbers, from two customers each, and where they belong.
    fn traffic() -> (Ledger, Vec<Row>) {
        let mut messages = Vec::new();
        for number in ["1", "2", "3"] {
            for n in 0..10 {
                let customer = if n % 2 == 0 { "57300" } else { "57301" };
                messages.push(message(number, customer, &format!("wamid.{number}-{n}"), &format!("¡Hola! {n}")));
            }
        }
        let ledger = of(messages.into_iter().map(|message| (message, Answer::Status(200))));
        let rows = ledger.sent().iter().map(|sent| row(&sent.messages[0])).collect();
        (ledger, rows)
    }

    fn row(message: &Message) -> Row {
        let organization = if &*message.phone_number_id == "3" { "b" } else { "a" };
        let [number, customer] = [&message.phone_number_id, &message.customer].map(|text| text.to_string());
        (organization.into(), number, customer, message.wamid.to_string(), message.text.to_string())
    }

    async fn balance(ledger: &Ledger, rows: Vec<Row>) -> Balance {
        let url = Server::start(rows, usize::MAX / 2).await;
        compare_within(ledger, &url, &targets(), Duration::from_millis(50)).await.expect("a balance")
    }

    #[tokio::test]
    async fn what_arrived_once_and_in_its_place_holds() {
        let (ledger, rows) = traffic();
        let balance = balance(&ledger, rows).await;
        assert!(balance.holds(), "{balance}");
        assert_eq!((balance.expected, balance.found, balance.unknown, balance.extra), (30, 30, 0, 0));
    }

    #[tokio::test]
    async fn one_lost_one_doubled_and_some_misplaced_are_each_named() {
        let (ledger, mut rows) = traffic();
        let at = |rows: &[Row], wamid: &str| rows.iter().position(|row| row.3 == wamid).expect("there");
        rows.remove(at(&rows, "wamid.1-4"));
        rows.push(rows[at(&rows, "wamid.2-7")].clone());
        let other_organization = at(&rows, "wamid.1-1");
        (rows[other_organization].0, rows[other_organization].1) = ("b".into(), "3".into());
        let other_number = at(&rows, "wamid.1-2");
        rows[other_number].1 = "2".into();
        let other_customer = at(&rows, "wamid.3-3");
        rows[other_customer].2 = "57399".into();
        let other_text = at(&rows, "wamid.3-5");
        rows[other_text].4 = "Hola 5".into();
        rows.push(("b".into(), "3".into(), "57300".into(), "wamid.of-others".into(), "?".into()));
        let balance = balance(&ledger, rows).await;

        let names = |list: &[Misfit]| list.iter().map(|misfit| misfit.wamid.clone()).collect::<Vec<_>>();
        assert_eq!(names(&balance.lost), ["wamid.1-4"]);
        assert_eq!(names(&balance.doubled), ["wamid.2-7"]);
        assert_eq!(names(&balance.misplaced), ["wamid.1-1", "wamid.1-2", "wamid.3-3", "wamid.3-5"]);
        assert_eq!((balance.expected, balance.found, balance.unknown), (30, 29, 1));
        assert!(!balance.holds());
        assert_eq!(balance.misplaced[0].wrong[0].organization, "b");

        let said = balance.to_string();
        assert!(said.starts_with("the balance does not hold: 30 messages expected, 29 found, 1 lost, 1 doubled, 4 "));
        assert!(said.contains("\nlost: wamid.1-4 sent to a/1/57300"), "{said}");
        assert!(said.contains("\ndoubled: wamid.2-7") && said.contains("found 2 times"), "{said}");
        assert!(said.contains("found at b/3/57399"), "{said}");
        let json = serde_json::to_value(&balance).expect("JSON");
        assert_eq!(json["lost"][0]["sent"]["phone_number_id"], "1");
    }

    #[tokio::test]
    async fn what_was_never_answered_200_is_not_expected_but_may_arrive() {
        let (mut ledger, mut rows) = traffic();
        for sent in &mut ledger.sent[..2] {
            sent.tries[0].answer = Answer::Status(503);
        }
        rows.remove(0);
        let balance = balance(&ledger, rows).await;
        assert!(balance.holds(), "{balance}");
        assert_eq!((balance.expected, balance.found, balance.extra), (28, 28, 1));
    }

    #[tokio::test]
    async fn a_server_that_is_behind_is_waited_for() {
        let (ledger, rows) = traffic();
        let url = Server::start(rows, 24).await;
        let balance = compare_within(&ledger, &url, &targets(), Duration::from_secs(5)).await.expect("a balance");
        assert_eq!((balance.holds(), balance.found), (true, 30));
    }

    #[tokio::test]
    async fn what_is_missing_to_compare_is_named() {
        let (ledger, _) = traffic();
        let keyless = [Target { api_key: None, ..target("a", "1") }];
        let error = compare(&ledger, "http://127.0.0.1:1", &keyless).await.expect_err("no key");
        assert!(error.to_string().contains("organization a"));
        let error = compare(&ledger, "http://127.0.0.1:1", &targets()[..1]).await.expect_err("no target");
        assert!(error.to_string().contains("number 2"));
    }

    #[test]
    fn a_place_or_an_emoji_may_be_shown_with_a_sign() {
        let place = Message { kind: Kind::Location, ..message("1", "5", "w", "Café #7") };
        assert!(place.reads("📍 Café #7, Calle 9"));
        assert!(!message("1", "5", "w", "Café #7").reads("📍 Café #7, Calle 9"));
    }
}
