//! Which organization each change belongs to.
//!
//! `phone_number_id` decides; where a change names none, the account does. A number is routed only if its webhooks may
//! come through the App that signed the body: else an organization with its own App could sign for someone else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use model::database::{Operator, Result};
use model::number::{self, Route};
use model::outbox::Echo;
use model::quarantine;
use uuid::Uuid;
use whatsapp::webhook::{self, Bad, Change, Item, Part};

use super::Input;

/// A change and the number it belongs to. A change of a whole account comes once for each organization that has a
/// number there.
#[derive(Debug)]
pub(super) struct Routed {
    pub(super) change: Change,
    pub(super) route: Route,
    pub(super) received_at: Timestamp,
    /// Whether the change itself named the number, or the account led to it.
    pub(super) by_number: bool,
}

/// A batch, routed.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Routed>,
    pub(super) quarantined: Vec<quarantine::New>,
    pub(super) bodies_quarantined: u64,
    /// The last event number of every organization in the batch; we hold their lines.
    pub(super) sequences: HashMap<Uuid, i64>,
    /// Sends that the batch's statuses settled.
    pub(super) settled: Vec<Echo>,
}

/// Parses the bodies, finds their organizations and waits for those organizations' turn.
pub(super) async fn route(tx: &Operator, inputs: &[Input]) -> Result<Batch> {
    let parsed: Vec<Vec<Part>> = inputs.iter().map(|input| webhook::parse(&input.body)).collect();
    let (routes, sequences) = Routes::load(tx, parsed.iter().flatten()).await?;

    let mut batch = Batch { sequences, ..Batch::default() };
    for (input, parts) in inputs.iter().zip(parsed) {
        let before = batch.quarantined.len();
        for part in parts {
            match part {
                Part::Bad(bad) => batch.quarantined.push(quarantine_bad(input, &bad, None)),
                Part::Change(change) => batch.place(input, change, &routes),
            }
        }
        batch.bodies_quarantined += u64::from(batch.quarantined.len() > before);
    }

    Ok(batch)
}

impl Batch {
    fn place(&mut self, input: &Input, mut change: Change, routes: &Routes) {
        let bad: Vec<Bad> = extract_bad(&mut change);
        for bad in &bad {
            self.quarantined.push(quarantine_bad(input, bad, Some(&change)));
        }
        match routes.of(&change, input.app_id.as_deref()) {
            Ok(found) => {
                let by_number = change.phone_number_id.is_some();
                let (last, others) = found.split_last().expect("a change that is placed has a route");
                for route in others {
                    let route = (*route).clone();
                    self.changes.push(Routed {
                        change: change.clone(),
                        route,
                        received_at: input.received_at,
                        by_number,
                    });
                }
                self.changes.push(Routed { change, route: (*last).clone(), received_at: input.received_at, by_number });
            }
            Err(reason) => self.quarantined.push(quarantine::New {
                reason,
                detail: describe(&change),
                app_id: input.app_id.clone(),
                phone_number_id: change.phone_number_id.clone(),
                field: Some(change.field.clone()),
                body: change.to_body(),
                received_at: input.received_at,
            }),
        }
    }
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
struct Routes {
    by_number: HashMap<String, Route>,
    by_waba: HashMap<String, Vec<Route>>,
}

impl Routes {
    async fn load<'a>(tx: &Operator, parts: impl Iterator<Item = &'a Part>) -> Result<(Self, HashMap<Uuid, i64>)> {
        let (mut numbers, mut wabas) = (BTreeSet::new(), BTreeSet::new());
        for part in parts {
            let Part::Change(change) = part else { continue };
            match &change.phone_number_id {
                Some(id) => _ = numbers.insert(id.as_str()),
                None => wabas.extend(change.waba_ids.iter().map(String::as_str)),
            }
        }
        let (numbers, wabas): (Vec<&str>, Vec<&str>) = (numbers.into_iter().collect(), wabas.into_iter().collect());
        let mut routes = Self { by_number: HashMap::new(), by_waba: HashMap::new() };
        if numbers.is_empty() && wabas.is_empty() {
            return Ok((routes, HashMap::new()));
        }
        let mut sequences = HashMap::new();
        for (route, last) in number::any_organization_route(tx, &numbers, &wabas).await? {
            sequences.insert(route.organization_id, last);
            if wabas.contains(&route.waba_id.as_str()) {
                routes.by_waba.entry(route.waba_id.clone()).or_default().push(route.clone());
            }
            routes.by_number.insert(route.phone_number_id.clone(), route);
        }
        Ok((routes, sequences))
    }

    /// The routes of a change: one for a number, one an organization for an account.
    fn of(&self, change: &Change, app_id: Option<&str>) -> Result<Vec<&Route>, &'static str> {
        let signed_for = |route: &&Route| route.app_id.as_deref() == app_id;
        if let Some(id) = &change.phone_number_id {
            let route = self.by_number.get(id).ok_or("unknown_number")?;
            return if signed_for(&route) { Ok(vec![route]) } else { Err("wrong_app") };
        }
        let of_account = change.waba_ids.iter().find_map(|id| self.by_waba.get(id)).ok_or("unknown_account")?;
        // The number that the change is about, where it names one by its digits; else any of the organization's.
        let mut chosen: BTreeMap<Uuid, &Route> = BTreeMap::new();
        for route in of_account.iter().filter(signed_for) {
            let named =
                change.display_phone_number.is_some() && route.display_phone_number == change.display_phone_number;
            if named || !chosen.contains_key(&route.organization_id) {
                chosen.insert(route.organization_id, route);
            }
        }
        if chosen.is_empty() { Err("wrong_app") } else { Ok(chosen.into_values().collect()) }
    }
}
