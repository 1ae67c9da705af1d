//! Which organization each change belongs to.
//!
//! `phone_number_id` decides; where a change names none, the account does, and of its numbers the one that the change
//! names by its digits. A number is routed only if its webhooks may come through the App that signed the body: else an
//! organization with its own App could sign for someone else. What is of a number's past goes to whoever had it then
//! ([`super::holder`]).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use model::database::{Operator, Result};
use model::event::{self, Lines};
use model::number::{self, Basis, Route};
use model::number_check::Again;
use model::outbox::Echo;
use model::quarantine;
use uuid::Uuid;
use whatsapp::phone;
use whatsapp::webhook::{self, Bad, Change, Item, Part};

use super::Input;
use super::holder::{self, Having};

/// Meta's test button names this account.
const NO_ACCOUNT: &str = "0";

/// A change and the number it belongs to. A change of a whole account comes once for each organization that has a
/// number there.
#[derive(Debug)]
pub(super) struct Routed {
    pub(super) change: Change,
    pub(super) route: Route,
    pub(super) received_at: Timestamp,
    /// Whether the change itself named the number, by its id.
    pub(super) by_number: bool,
    /// Whether it is of this number alone, and not of its account.
    pub(super) of_number: bool,
    /// The how manieth body of the batch it stands in.
    pub(super) body: usize,
    /// Whether others have a part of the change.
    pub(super) divided: bool,
}

/// A number for which Meta named another account than its claim.
#[derive(Debug)]
pub(super) struct OtherAccount {
    pub(super) route: Route,
    pub(super) account: String,
    pub(super) received_at: Timestamp,
}

/// A batch, routed.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Routed>,
    pub(super) quarantined: Vec<quarantine::New>,
    pub(super) bodies_quarantined: u64,
    /// Sends that the batch's statuses settled.
    pub(super) settled: Vec<Echo>,
    /// Told once for each claim.
    pub(super) other_accounts: Vec<OtherAccount>,
    /// How many parts each body has.
    pub(super) parts: Vec<usize>,
    /// Numbers that some news may be about, if only their digits were known.
    pub(super) look_again: BTreeSet<Again>,
}

/// Parses the bodies, finds their organizations and takes those organizations' lines.
pub(super) async fn route<'t>(tx: &'t Operator, inputs: &[Input]) -> Result<(Batch, Lines<'t>)> {
    let parsed: Vec<Vec<Part>> = inputs.iter().map(|input| webhook::parse(&input.body)).collect();
    let mut routes = Routes::load(tx, parsed.iter().flatten()).await?;

    let mut batch = Batch::default();
    for (input, parts) in inputs.iter().zip(parsed) {
        let before = batch.quarantined.len();
        batch.parts.push(parts.len());
        for part in parts {
            match part {
                Part::Bad(bad) => batch.quarantined.push(quarantine_bad(input, &bad, None)),
                Part::Change(change) => batch.place(input, change, &mut routes),
            }
        }
        batch.bodies_quarantined += u64::from(batch.quarantined.len() > before);
    }
    let lines = match routes.lines {
        Some(lines) => lines,
        None => batch.line_up(tx).await?,
    };
    Ok((batch, lines))
}

impl Batch {
    fn place(&mut self, input: &Input, mut change: Change, routes: &mut Routes<'_>) {
        let bad: Vec<Bad> = extract_bad(&mut change);
        for bad in &bad {
            self.quarantined.push(quarantine_bad(input, bad, Some(&change)));
        }
        if change.phone_number_id.is_some() {
            self.place_by_number(input, change, routes);
        } else if let Err(reason) = self.place_by_account(input, &change, routes) {
            self.refuse(input, &change, reason);
        }
    }

    fn refuse(&mut self, input: &Input, change: &Change, reason: &'static str) {
        self.quarantined.push(quarantine::New {
            reason,
            detail: describe(change),
            app_id: input.app_id.clone(),
            phone_number_id: change.phone_number_id.clone(),
            field: Some(change.field.clone()),
            body: change.to_body(),
            received_at: input.received_at,
        });
    }

    /// The change of one number, item by item where several have had it.
    fn place_by_number(&mut self, input: &Input, mut change: Change, routes: &mut Routes<'_>) {
        let holders = routes.holders(&change).cloned().unwrap_or_default();
        let Some(current) = holders.last() else { return self.refuse(input, &change, "unknown_number") };
        let signed_for = |route: &Route| route.app_id == input.app_id;
        if signed_for(current)
            && let Some(account) = contradiction(&change, current)
        {
            self.tell_other_account(current, account, input.received_at);
            if current.basis == Basis::Unknown && routes.is_of_others(account, current.organization_id) {
                return self.refuse(input, &change, "wrong_account");
            }
        }
        let shares = holder::share(&mut change, input.received_at, &holders, &mut routes.having);
        let (mut own, strange): (Vec<_>, Vec<_>) = shares.into_iter().partition(|(route, _)| signed_for(route));
        if !strange.is_empty() {
            self.refuse(input, &change, "wrong_app");
        }
        let divided = own.len() > 1 || !strange.is_empty();
        let last = own.pop();
        for (route, items) in own {
            let mut change = change.clone();
            change.items = items;
            self.take(input, change, route, divided);
        }
        if let Some((route, items)) = last {
            change.items = items;
            self.take(input, change, route, divided);
        }
    }

    fn take(&mut self, input: &Input, change: Change, route: &Route, divided: bool) {
        let (route, received_at, body) = (route.clone(), input.received_at, self.parts.len() - 1);
        self.changes.push(Routed { change, route, received_at, by_number: true, of_number: true, body, divided });
    }

    /// The change of an account: for the number that it names by its digits, or once for each organization that has, or
    /// had then, a number there.
    fn place_by_account(&mut self, input: &Input, change: &Change, routes: &Routes<'_>) -> Result<(), &'static str> {
        let of_account = change.waba_ids.iter().find_map(|id| routes.by_waba.get(id)).ok_or("unknown_account")?;
        let numbers: Vec<&Vec<Route>> = of_account.iter().filter_map(|id| routes.by_number.get(id)).collect();
        let signed_for = |route: &&Route| route.app_id == input.app_id;
        if !numbers.iter().filter_map(|holders| holders.last()).any(|route| signed_for(&route)) {
            return Err("wrong_app");
        }
        // What people write is one number's. Which one, nothing says here, unless the account has but one.
        if change.display_phone_number.is_none() && numbers.len() != 1 && change.items.iter().any(is_of_people) {
            return Err("unknown_number");
        }
        let mut chosen: BTreeMap<Uuid, &Route> = BTreeMap::new();
        let mut unsaid = None;
        for holders in &numbers {
            let Some(current) = holders.last().filter(signed_for) else { continue };
            if let Some(digits) = &change.display_phone_number {
                match &current.display_phone_number {
                    Some(own) if is_same_number(own, digits) => {}
                    Some(_) => {
                        unsaid = Some(current);
                        continue;
                    }
                    None => {
                        self.look_again.insert(again(current));
                        unsaid = Some(current);
                        continue;
                    }
                }
            }
            let second = change.entry_time.unwrap_or(input.received_at.as_second());
            let holder = &holders[holder::then(second, input.received_at, holders)];
            if signed_for(&holder) {
                chosen.entry(holder.organization_id).or_insert(holder);
            }
        }
        // Which number it is of is not known here: its account's news, where nobody else has or had a number.
        let is_shared = numbers
            .iter()
            .flat_map(|holders| holders.iter())
            .any(|one| unsaid.is_some_and(|route: &Route| route.organization_id != one.organization_id));
        let of_number = change.display_phone_number.is_some() && !chosen.is_empty();
        if chosen.is_empty() {
            // Whoever shares its account is not told of it.
            let route = unsaid.filter(|_| !is_shared).ok_or("unknown_number")?;
            chosen.insert(route.organization_id, route);
        }
        for route in chosen.into_values() {
            self.changes.push(Routed {
                change: change.clone(),
                route: route.clone(),
                received_at: input.received_at,
                by_number: false,
                of_number,
                body: self.parts.len() - 1,
                divided: false,
            });
        }
        Ok(())
    }

    fn tell_other_account(&mut self, route: &Route, account: &str, received_at: Timestamp) {
        let told = self.other_accounts.iter().any(|told| told.route.phone_number_id == route.phone_number_id);
        if told || route.other_account.is_some() {
            return;
        }
        tracing::warn!(number = %route.phone_number_id, claimed = %route.waba_id, named = %account,
            "Meta names another account for a number than the one it was connected with");
        self.look_again.insert(again(route));
        self.other_accounts.push(OtherAccount { route: route.clone(), account: account.to_owned(), received_at });
    }

    /// Waits for the turn of those organizations that something is for, and of no other.
    async fn line_up<'t>(&self, tx: &'t Operator) -> Result<Lines<'t>> {
        let told = self.other_accounts.iter().map(|told| told.route.scope());
        let scopes: HashSet<_> = self.changes.iter().map(|routed| routed.route.scope()).chain(told).collect();
        event::any_organization_lines(tx, &scopes.iter().collect::<Vec<_>>()).await
    }
}

/// Whether it tells of people, not of the account alone.
fn is_of_people(item: &Item) -> bool {
    match item {
        Item::Message(_) | Item::Status(_) | Item::ContactSync(_) | Item::History(_) => true,
        Item::Notice(notice) => notice.party.is_some() || notice.wamid.is_some(),
        Item::Error(_) | Item::Template(_) | Item::Number(_) | Item::Bad(_) => false,
    }
}

fn again(route: &Route) -> Again {
    Again { organization_id: route.organization_id, number_id: route.number_id, whole_account: false }
}

/// The account that Meta names for a number, where it is not the one of its claim.
fn contradiction<'a>(change: &'a Change, route: &Route) -> Option<&'a str> {
    let mut named = change.waba_ids.iter().filter(|id| *id != NO_ACCOUNT).peekable();
    let first = named.peek().copied()?;
    named.all(|id| *id != route.waba_id).then_some(first.as_str())
}

/// Whether these are the same number, however Meta spells it.
fn is_same_number(a: &str, b: &str) -> bool {
    a == b || phone::equivalents(a).iter().any(|spelled| spelled == b)
}

fn extract_bad(change: &mut Change) -> Vec<Bad> {
    let (bad, good) =
        std::mem::take(&mut change.items).into_iter().partition::<Vec<_>, _>(|item| matches!(item, Item::Bad(_)));
    change.items = good;
    bad.into_iter().filter_map(|item| if let Item::Bad(bad) = item { Some(bad) } else { None }).collect()
}

fn quarantine_bad(input: &Input, bad: &Bad, change: Option<&Change>) -> quarantine::New {
    quarantine::New {
        reason: bad.reason.as_str(),
        detail: bad.detail.clone(),
        app_id: input.app_id.clone(),
        phone_number_id: change.and_then(|change| change.phone_number_id.clone()),
        field: change.map(|change| change.field.clone()),
        body: bad.body.clone(),
        received_at: input.received_at,
    }
}

fn describe(change: &Change) -> String {
    match (&change.phone_number_id, change.waba_ids.as_slice()) {
        (Some(id), _) => format!("phone_number_id {id}"),
        (None, []) => "no phone_number_id and no account".into(),
        (None, ids) => format!("account {}", ids.join(" or ")),
    }
}

/// The connected numbers that a batch may be about.
#[derive(Default)]
struct Routes<'t> {
    /// Who has each, after those who had it before.
    by_number: HashMap<String, Vec<Route>>,
    by_waba: HashMap<String, BTreeSet<String>>,
    having: Having,
    /// Who else has numbers in an account that contradicts a claim.
    in_accounts: HashSet<(String, Uuid)>,
    /// `None`: we do not stand in line yet.
    lines: Option<Lines<'t>>,
}

impl<'t> Routes<'t> {
    async fn load<'a>(tx: &'t Operator, parts: impl Iterator<Item = &'a Part> + Clone) -> Result<Self> {
        let changes = parts.filter_map(|part| if let Part::Change(change) = part { Some(change) } else { None });
        let (mut numbers, mut wabas) = (BTreeSet::new(), BTreeSet::new());
        for change in changes.clone() {
            match &change.phone_number_id {
                Some(id) => _ = numbers.insert(id.as_str()),
                None => wabas.extend(change.waba_ids.iter().map(String::as_str)),
            }
        }
        let (numbers, wabas): (Vec<&str>, Vec<&str>) = (numbers.into_iter().collect(), wabas.into_iter().collect());
        if numbers.is_empty() && wabas.is_empty() {
            return Ok(Self::default());
        }
        let (found, lines) = number::any_organization_route(tx, &numbers, &wabas).await?;
        let mut routes = Self::default();
        if found.is_empty() {
            routes.add(number::any_organization_holders(tx, &numbers, &wabas).await?, &wabas);
            routes.load_having(tx, changes.clone()).await?;
        } else {
            routes.lines = Some(lines);
            routes.add(found, &wabas);
        }
        routes.load_accounts(tx, changes).await?;
        Ok(routes)
    }

    fn add(&mut self, found: Vec<Route>, wabas: &[&str]) {
        for route in found {
            if wabas.contains(&route.waba_id.as_str()) {
                self.by_waba.entry(route.waba_id.clone()).or_default().insert(route.phone_number_id.clone());
            }
            self.by_number.entry(route.phone_number_id.clone()).or_default().push(route);
        }
    }

    fn holders(&self, change: &Change) -> Option<&Vec<Route>> {
        self.by_number.get(change.phone_number_id.as_ref()?)
    }

    /// Which messages of the batch those have who have, or had, their number.
    async fn load_having<'a>(&mut self, tx: &Operator, changes: impl Iterator<Item = &'a Change>) -> Result<()> {
        let mut wanted = Vec::new();
        for change in changes {
            if let Some(holders) = self.holders(change).filter(|holders| holders.len() > 1) {
                wanted.extend(holder::wanted(change, holders));
            }
        }
        if !wanted.is_empty() {
            self.having = number::any_organization_known(tx, &wanted).await?.into();
        }
        Ok(())
    }

    /// Where a claim is contradicted of which nobody knows what it stands on, it matters whose the named account is.
    async fn load_accounts<'a>(&mut self, tx: &Operator, changes: impl Iterator<Item = &'a Change>) -> Result<()> {
        let mut accounts = BTreeSet::new();
        for change in changes {
            if let Some(current) = self.holders(change).and_then(|holders| holders.last())
                && current.basis == Basis::Unknown
            {
                accounts.extend(contradiction(change, current));
            }
        }
        if !accounts.is_empty() {
            let accounts: Vec<&str> = accounts.into_iter().collect();
            self.in_accounts = number::any_organization_in_accounts(tx, &accounts).await?;
        }
        Ok(())
    }

    /// Whether an account is other organizations', and not this one's, too.
    fn is_of_others(&self, account: &str, organization_id: Uuid) -> bool {
        let mut of_account = self.in_accounts.iter().filter(|(waba_id, _)| waba_id == account).peekable();
        of_account.peek().is_some() && of_account.all(|(_, owner)| *owner != organization_id)
    }
}
