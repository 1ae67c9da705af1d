//! Who is who in a batch: events name people by several identities, and one event that names two makes them one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use model::contact::{self, Identity, Kind, Known};
use model::database::{Operator, Result};
use uuid::Uuid;
use whatsapp::phone;
use whatsapp::webhook::{ContactSync, Effect, Item, Party};

use super::route::Batch;

/// Someone who is named by no identity at all still has a thread to stand in.
const NOBODY: &str = "unknown";

/// A person may have been seen under the new number before the news of the change reached us.
const NEWS_DELAY_SECONDS: i64 = 3600;

/// The people of a batch: contacts that exist, and those that will.
#[derive(Debug, Default)]
pub(super) struct People {
    contact_of: HashMap<Identity, Uuid>,
    contacts: HashMap<Uuid, Known>,
    stored: HashSet<Uuid>,
    known_identities: HashSet<(Identity, Uuid)>,
    changed: BTreeSet<Uuid>,
    identified: BTreeMap<Identity, Uuid>,
    /// Contacts that absorbed another one.
    merged: Vec<(Uuid, Uuid)>,
}

/// All identities of one organization's party, the strong ones first.
pub(super) fn identities(organization_id: Uuid, party: &Party) -> Vec<Identity> {
    let named = |kind, value: &Option<String>| value.clone().map(|value| Identity { organization_id, kind, value });
    let strong: Vec<Identity> = [
        named(Kind::WaId, &party.wa_id),
        named(Kind::UserId, &party.user_id),
        named(Kind::ParentUserId, &party.parent_user_id),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !strong.is_empty() {
        return strong;
    }
    // A username may pass to another person, so it counts only where there is nothing else.
    let weak = named(Kind::Username, &party.username);
    vec![weak.unwrap_or_else(|| Identity { organization_id, kind: Kind::UserId, value: NOBODY.into() })]
}

/// A group of identities that belong to one person.
#[derive(Debug, Default)]
struct Circles {
    index: HashMap<Identity, usize>,
    parent: Vec<usize>,
    /// Whether an event speaks of this person in a way that makes them a contact.
    wanted: Vec<bool>,
}

impl Circles {
    fn node(&mut self, identity: &Identity) -> usize {
        if let Some(node) = self.index.get(identity) {
            return *node;
        }
        let node = self.parent.len();
        self.parent.push(node);
        self.wanted.push(false);
        self.index.insert(identity.clone(), node);
        node
    }

    fn root(&mut self, mut node: usize) -> usize {
        while self.parent[node] != node {
            self.parent[node] = self.parent[self.parent[node]];
            node = self.parent[node];
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[b] = a;
        self.wanted[a] |= self.wanted[b];
    }

    fn add(&mut self, organization_id: Uuid, party: &Party, wanted: bool) -> usize {
        let identities = identities(organization_id, party);
        let first = self.node(&identities[0]);
        for identity in &identities[1..] {
            let node = self.node(identity);
            self.join(first, node);
        }
        let root = self.root(first);
        self.wanted[root] |= wanted;
        root
    }
}

/// News that someone goes by other identities now.
struct Move<'a> {
    organization_id: Uuid,
    previous: &'a Party,
    current: &'a Party,
    at: Timestamp,
}

impl People {
    /// Finds everyone the batch speaks of. Contacts that turn out to be one person are merged here, in the database.
    pub(super) async fn find(tx: &Operator, batch: &Batch) -> Result<Self> {
        let mut circles = Circles::default();
        let mut moves = Vec::new();
        for routed in &batch.changes {
            let organization_id = routed.route.organization_id;
            for item in &routed.change.items {
                match item {
                    Item::Message(message) => {
                        if let Effect::Identity { previous, current } = &message.effect {
                            let at = super::fold::time(message.timestamp, &routed.change, routed.received_at);
                            moves.push(Move { organization_id, previous, current, at });
                        } else if message.group_id.is_none() || !message.party.is_empty() {
                            circles.add(organization_id, &message.party, true);
                        }
                    }
                    Item::ContactSync(ContactSync { party, .. }) if !party.is_empty() => {
                        circles.add(organization_id, party, true);
                    }
                    Item::Status(status) if !status.recipient.is_empty() => {
                        circles.add(organization_id, &status.recipient, false);
                    }
                    Item::Notice(notice) => {
                        if let Some(party) = notice.party.as_ref().filter(|party| !party.is_empty()) {
                            circles.add(organization_id, party, false);
                        }
                    }
                    _ => {}
                }
            }
        }
        for news in &moves {
            for party in [news.previous, news.current] {
                if !party.is_empty() {
                    circles.add(news.organization_id, party, true);
                }
            }
        }

        let mut found = Self::look_up(tx, &mut circles).await?;
        found.follow_moves(&mut circles, &moves);
        let merges = found.settle(&mut circles);
        for (organization_id, survivor, other) in &merges {
            contact::any_organization_merge(tx, *organization_id, *survivor, *other).await?;
        }
        if !merges.is_empty() {
            // The merges rewrote contacts: read them anew, then everyone is found at once.
            let merged = merges.iter().map(|(organization_id, survivor, _)| (*organization_id, *survivor)).collect();
            let mut again = Self::look_up(tx, &mut circles).await?;
            again.follow_moves(&mut circles, &moves);
            again.settle(&mut circles);
            again.merged = merged;
            found = again;
        }
        Ok(found)
    }

    async fn look_up(tx: &Operator, circles: &mut Circles) -> Result<Self> {
        let mut wanted: BTreeSet<Identity> = circles.index.keys().cloned().collect();
        let spellings: Vec<(Identity, Identity)> = circles
            .index
            .keys()
            .filter(|identity| identity.kind == Kind::WaId)
            .flat_map(|identity| {
                phone::equivalents(&identity.value)
                    .into_iter()
                    .map(|value| (Identity { value, ..identity.clone() }, identity.clone()))
            })
            .collect();
        wanted.extend(spellings.iter().map(|(other, _)| other.clone()));
        let wanted: Vec<Identity> = wanted.into_iter().collect();

        let mut people = Self::default();
        for (identity, known) in contact::any_organization_find(tx, &wanted).await? {
            people.known_identities.insert((identity.clone(), known.id));
            people.contact_of.insert(identity, known.id);
            people.stored.insert(known.id);
            people.contacts.insert(known.id, known);
        }
        // Another spelling of a phone number joins the circle only where someone goes by it.
        for (other, own) in spellings {
            if circles.index.contains_key(&other) || people.contact_of.contains_key(&other) {
                let (a, b) = (circles.node(&own), circles.node(&other));
                circles.join(a, b);
            }
        }
        Ok(people)
    }

    /// Links old and new identities. Where the new number already led to someone we knew before the change, that was
    /// another person: the number passes on, the two are not merged.
    fn follow_moves(&mut self, circles: &mut Circles, moves: &[Move<'_>]) {
        for news in moves.iter().filter(|news| !news.previous.is_empty() && !news.current.is_empty()) {
            let previous = identities(news.organization_id, news.previous);
            let current = identities(news.organization_id, news.current);
            let mover = previous.iter().find_map(|identity| self.contact_of.get(identity)).copied();
            for identity in &current {
                let holder = self.contact_of.get(identity).copied();
                if let (Some(mover), Some(holder)) = (mover, holder)
                    && mover != holder
                    && first_heard_of(holder) < news.at.as_second() - NEWS_DELAY_SECONDS
                {
                    self.hand_over(identity, holder, mover);
                }
                let (a, b) = (circles.node(&previous[0]), circles.node(identity));
                circles.join(a, b);
            }
        }
    }

    fn hand_over(&mut self, identity: &Identity, holder: Uuid, mover: Uuid) {
        self.contact_of.insert(identity.clone(), mover);
        self.known_identities.remove(&(identity.clone(), holder));
        if let Some(contact) = self.contacts.get_mut(&holder) {
            let shown = shown_mut(contact, identity.kind);
            if shown.as_deref() == Some(identity.value.as_str()) {
                *shown = None;
            }
            self.changed.insert(holder);
        }
    }

    /// Gives every circle one contact: the one it has, the oldest of several, or a new one. Answers the merges needed.
    fn settle(&mut self, circles: &mut Circles) -> Vec<(Uuid, Uuid, Uuid)> {
        let identities: Vec<Identity> = circles.index.keys().cloned().collect();
        let mut members: HashMap<usize, Vec<Identity>> = HashMap::new();
        for identity in identities {
            let node = circles.node(&identity);
            members.entry(circles.root(node)).or_default().push(identity);
        }
        let mut merges = Vec::new();
        for (root, mut identities) in members {
            identities.sort();
            let organization_id = identities[0].organization_id;
            let holders: BTreeSet<Uuid> =
                identities.iter().filter_map(|identity| self.contact_of.get(identity)).copied().collect();
            let survivor = match holders.first() {
                Some(oldest) => *oldest,
                None if circles.wanted[root] => self.create(organization_id),
                None => continue,
            };
            merges.extend(
                holders.iter().filter(|other| **other != survivor).map(|other| (organization_id, survivor, *other)),
            );
            for identity in identities {
                if !self.known_identities.contains(&(identity.clone(), survivor)) {
                    self.identified.insert(identity.clone(), survivor);
                }
                self.contact_of.insert(identity, survivor);
            }
        }
        merges
    }

    fn create(&mut self, organization_id: Uuid) -> Uuid {
        let id = Uuid::now_v7();
        self.contacts.insert(id, Known { organization_id, id, ..Known::default() });
        self.changed.insert(id);
        id
    }

    /// The contact a party stands for, if it is one.
    pub(super) fn of(&self, organization_id: Uuid, party: &Party) -> Option<Uuid> {
        identities(organization_id, party).iter().find_map(|identity| self.contact_of.get(identity)).copied()
    }

    /// Shows what an event says of a person: new identities as the latest of their kind, the profile name as it is now.
    pub(super) fn observe(&mut self, id: Uuid, party: &Party, with_name: bool) {
        let Some(contact) = self.contacts.get_mut(&id) else {
            return;
        };
        let before = contact.clone();
        for (kind, value) in [
            (Kind::WaId, &party.wa_id),
            (Kind::UserId, &party.user_id),
            (Kind::ParentUserId, &party.parent_user_id),
            (Kind::Username, &party.username),
        ] {
            let Some(value) = value else { continue };
            let identity = Identity { organization_id: contact.organization_id, kind, value: value.clone() };
            let shown = shown_mut(contact, kind);
            // An identity we knew already and show no longer is an old one: a late event does not bring it back.
            let is_old =
                shown.is_some() && kind != Kind::Username && self.known_identities.contains(&(identity.clone(), id));
            if !is_old && shown.as_ref() != Some(value) {
                *shown = Some(value.clone());
                if !self.known_identities.contains(&(identity.clone(), id)) {
                    self.identified.insert(identity, id);
                }
            }
        }
        if with_name && party.name.is_some() {
            contact.profile_name.clone_from(&party.name);
        }
        if *contact != before {
            self.changed.insert(id);
        }
    }

    /// The person goes by these identities from now on.
    pub(super) fn move_to(&mut self, id: Uuid, current: &Party) {
        let Some(contact) = self.contacts.get_mut(&id) else {
            return;
        };
        let before = contact.clone();
        for (kind, value) in [
            (Kind::WaId, &current.wa_id),
            (Kind::UserId, &current.user_id),
            (Kind::ParentUserId, &current.parent_user_id),
        ] {
            if value.is_some() {
                shown_mut(contact, kind).clone_from(value);
            }
        }
        if *contact != before {
            self.changed.insert(id);
        }
    }

    /// The name in the phone's address book.
    pub(super) fn book(&mut self, id: Uuid, name: Option<&str>) {
        if let Some(contact) = self.contacts.get_mut(&id)
            && contact.book_name.as_deref() != name
        {
            contact.book_name = name.map(str::to_owned);
            self.changed.insert(id);
        }
    }

    /// Whether the contact was there before this batch.
    pub(super) fn is_stored(&self, id: Uuid) -> bool {
        self.stored.contains(&id)
    }

    /// A contact as it is now.
    pub(super) fn get(&self, id: Uuid) -> Option<&Known> {
        self.contacts.get(&id)
    }

    /// What is to be written: contacts, identities.
    pub(super) fn into_changes(self) -> (Vec<Known>, Vec<(Identity, Uuid)>) {
        let mut contacts = self.contacts;
        let changed = self.changed.iter().filter_map(|id| contacts.remove(id)).collect();
        (changed, self.identified.into_iter().collect())
    }

    /// The contacts known before this batch that it changed.
    pub(super) fn changed(&self) -> Vec<(Uuid, Uuid)> {
        let merged = self.merged.iter().map(|(_, survivor)| survivor);
        let ids: BTreeSet<&Uuid> = self.changed.iter().filter(|id| self.stored.contains(id)).chain(merged).collect();
        ids.into_iter()
            .filter_map(|id| self.contacts.get(id))
            .map(|contact| (contact.organization_id, contact.id))
            .collect()
    }
}

fn shown_mut(contact: &mut Known, kind: Kind) -> &mut Option<String> {
    match kind {
        Kind::WaId => &mut contact.wa_id,
        Kind::UserId => &mut contact.user_id,
        Kind::ParentUserId => &mut contact.parent_user_id,
        Kind::Username => &mut contact.username,
    }
}

/// The second in which a contact was made: its id is a UUIDv7.
fn first_heard_of(id: Uuid) -> i64 {
    id.get_timestamp().map_or(i64::MAX, |timestamp| i64::try_from(timestamp.to_unix().0).unwrap_or(i64::MAX))
}
