//! Who is who in a batch. Events name people by several names, names pass from one to another, and news of that comes in
//! any order: [`circle`] reads what is known of them, [`identity`] works out who had which name when, [`settle`] brings contacts
//! and what they wrote in line.

mod book;
mod circle;
mod identity;
mod settle;
mod sighting;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use model::Moment;
use model::contact::{self, BookEntry, Called, Identified, Identity, Kind, Known, Link, Move, Name, Spelling, Tenure};
use model::database::{Operator, Result};
use model::event::{Line, Lines};
use uuid::Uuid;
use whatsapp::webhook::{Item, Party};

use self::circle::Circle;
pub(super) use self::settle::Regrouped;
use self::sighting::{News, Role, Sighting, has_spellings, identities, is_nobody, links, name, spellings};
pub(super) use self::sighting::{at, placed};
use super::route::Batch;

/// What is to be written of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) identified: Vec<Identified>,
    pub(super) unnamed: Vec<Identity>,
    pub(super) remembered: Vec<(Uuid, Name)>,
    pub(super) past: Vec<(Uuid, Tenure)>,
    pub(super) spellings: Vec<(Uuid, Spelling)>,
    pub(super) links: Vec<(Uuid, Link, i64)>,
    pub(super) moves: Vec<(Uuid, Move)>,
    /// Contacts that went on as another one.
    pub(super) vanished: Vec<(Uuid, Uuid)>,
    pub(super) book: Vec<BookEntry>,
}

/// The people of a batch: contacts that exist, and those that will.
#[derive(Debug, Default)]
pub(super) struct People {
    /// Who has a name now, by its canonical spelling.
    current: HashMap<(Uuid, Name), Uuid>,
    /// Who had it, oldest first.
    past: HashMap<(Uuid, Name), Vec<Tenure>>,
    contacts: HashMap<Uuid, Known>,
    stored: HashSet<Uuid>,
    changed: BTreeSet<Uuid>,
    called: HashMap<Uuid, Called>,
    /// Who has a name of which there was news, or had it.
    met: BTreeSet<Uuid>,
    /// Whom the address book calls otherwise since this batch.
    noted: BTreeSet<Uuid>,
    /// Contacts, with their organizations, that perhaps nothing stands with.
    doubtful: BTreeSet<(Uuid, Uuid)>,
    names: Names,
    regrouped: Vec<(Uuid, Regrouped)>,
}

/// What is stored of the names of a batch, to see what is news.
#[derive(Debug, Default)]
struct Stored {
    /// Names with several spellings as Meta wrote them, with when that was first seen.
    spelled: HashMap<Identity, i64>,
    links: HashMap<(Uuid, Link), i64>,
    moves: HashSet<(Uuid, Move)>,
}

impl Stored {
    fn knows_link(&self, organization_id: Uuid, link: &Link, at: i64) -> bool {
        self.links.get(&(organization_id, link.clone())).is_some_and(|first| *first <= at)
    }
}

impl People {
    /// Finds everyone the batch speaks of. Contacts that turn out to be one person are merged here, and those that turn
    /// out to be two are parted, in the database.
    pub(super) async fn find(tx: &Lines<'_>, batch: &Batch) -> Result<Self> {
        let now = batch.changes.iter().map(|routed| routed.received_at).max().unwrap_or_default();
        let (sightings, news) = sighting::all(batch);
        let mut people = Self::default();
        let stored = people.look_up(tx, &sightings, &news).await?;
        let unsettled: BTreeSet<Uuid> = sightings
            .iter()
            .filter(|sighting| people.is_news(&stored, sighting))
            .map(|sighting| sighting.organization_id)
            .chain(news.iter().filter(|news| stored.lacks(news)).map(|news| news.organization_id))
            .collect();
        let circles = Circle::read_all(tx, &unsettled, &sightings, &news).await?;
        // What a circle comes to takes the place of what was looked up.
        people.current.retain(|(organization, _), _| !unsettled.contains(organization));
        people.past.retain(|(organization, _), _| !unsettled.contains(organization));
        for circle in circles {
            people.settle(&tx.of(circle.organization_id), circle, now).await?;
        }
        people.learn_names(tx, batch).await?;
        people.open_book(tx, batch).await?;
        Ok(people)
    }

    async fn look_up(&mut self, tx: &Operator, sightings: &[Sighting<'_>], news: &[News]) -> Result<Stored> {
        let mut wanted: BTreeSet<(Uuid, Name)> = BTreeSet::new();
        for sighting in sightings {
            let organization_id = sighting.organization_id;
            wanted.extend(identities(organization_id, sighting.party).iter().map(|one| (organization_id, name(one))));
            // A username's links are asked for by the username.
            for link in links(sighting.party, sighting.realm) {
                wanted.extend([(organization_id, link.name), (organization_id, link.holder)]);
            }
        }
        for news in news {
            wanted.extend(news.moves.iter().map(|moved| (news.organization_id, moved.from.clone())));
        }
        let spelled: Vec<Identity> =
            wanted.iter().flat_map(|(organization, name)| spellings(*organization, name)).collect();
        let wanted: Vec<(Uuid, Name)> = wanted.into_iter().collect();
        let (found, said) = futures::try_join!(
            contact::any_organization_find(tx, &spelled),
            contact::any_organization_said(tx, &wanted)
        )?;
        let mut stored = Stored::default();
        for (identity, known) in found {
            self.current.insert((identity.organization_id, name(&identity)), known.id);
            self.stored.insert(known.id);
            self.contacts.insert(known.id, known);
        }
        for (organization_id, tenure) in said.past {
            self.past.entry((organization_id, tenure.name.clone())).or_default().push(tenure);
        }
        stored.spelled.extend(said.spellings.into_iter().map(|(organization_id, spelling)| {
            let identity = Identity { organization_id, kind: spelling.name.kind, value: spelling.written };
            (identity, spelling.first)
        }));
        stored.links.extend(said.links.into_iter().map(|(organization, link, first)| ((organization, link), first)));
        // What people dispute is no news, however often it is said.
        stored.links.extend(said.disputed_links.into_iter().map(|link| (link, i64::MIN)));
        stored.moves.extend(said.moves);
        stored.moves.extend(said.disputed_moves);
        let former: Vec<(Uuid, Uuid)> = self
            .past
            .iter()
            .flat_map(|((organization, _), past)| {
                past.iter().filter_map(|tenure| Some((*organization, tenure.contact_id?)))
            })
            .filter(|(_, id)| !self.contacts.contains_key(id))
            .collect();
        self.load(tx, &former).await?;
        Ok(stored)
    }

    async fn load(&mut self, tx: &Operator, wanted: &[(Uuid, Uuid)]) -> Result<()> {
        for known in contact::any_organization_load(tx, wanted).await? {
            self.stored.insert(known.id);
            self.contacts.insert(known.id, known);
        }
        Ok(())
    }

    /// Whether what is stored does not say all that this sighting says.
    fn is_news(&self, stored: &Stored, sighting: &Sighting<'_>) -> bool {
        let organization_id = sighting.organization_id;
        let named = identities(organization_id, sighting.party);
        let known = named.iter().any(|identity| self.holder(organization_id, &name(identity), sighting.at).is_some());
        if sighting.role == Role::Writer
            && named.first().is_some_and(|one| self.holder(organization_id, &name(one), sighting.at).is_none())
        {
            return true;
        }
        let unseen = |identity: &Identity| {
            let name = name(identity);
            if has_spellings(&name) {
                return stored.spelled.get(identity).is_none_or(|first| sighting.at < *first);
            }
            known && !self.current.contains_key(&(organization_id, name))
        };
        let linked = |link: &Link| stored.knows_link(organization_id, link, sighting.at);
        sighting.makes_contact() && named.iter().any(unseen)
            || !links(sighting.party, sighting.realm).iter().all(linked)
    }

    /// Works out who is who in an organization, with everything that is known of the names at hand.
    async fn settle(&mut self, tx: &Line<'_>, circle: Circle, now: Timestamp) -> Result<()> {
        let organization_id = tx.organization_id();
        let settled = circle.settle(tx, now).await?;
        for id in &settled.created {
            self.contacts.insert(*id, Known { id: *id, ..Known::new(organization_id) });
            self.changed.insert(*id);
        }
        let held: BTreeSet<Uuid> = settled.spans.values().flatten().copied().collect();
        // Where nobody was joined or parted, those at hand are as they are stored.
        let is_read = |id: &Uuid| settled.regrouped.is_empty() && self.contacts.contains_key(id);
        let unread: Vec<(Uuid, Uuid)> =
            held.iter().filter(|id| !is_read(id)).map(|id| (organization_id, *id)).collect();
        self.load(tx, &unread).await?;
        // Those that were made a moment ago are still to be told of as new.
        for id in &settled.created {
            self.stored.remove(id);
        }
        let before: HashMap<Uuid, Known> =
            held.iter().filter_map(|id| Some((*id, self.contacts.get(id)?.clone()))).collect();
        let met = circle.show(&settled, &mut self.contacts);
        self.met.extend(&met);
        self.doubtful.extend(settled.doubtful().map(|id| (organization_id, id)));
        self.changed.extend(met.into_iter().filter(|id| self.contacts.get(id) != before.get(id)));
        self.take_spans(organization_id, &settled);
        if !settled.regrouped.is_empty() {
            self.recall(tx, organization_id, &settled).await?;
        }
        self.regrouped.extend(settled.regrouped.iter().cloned().map(|what| (organization_id, what)));
        circle.write(&settled, &mut self.names);
        Ok(())
    }

    fn take_spans(&mut self, organization_id: Uuid, settled: &settle::Settled) {
        let mut spans: BTreeMap<&Name, Vec<(i64, Option<Uuid>)>> = BTreeMap::new();
        for ((name, start), contact) in &settled.spans {
            spans.entry(name).or_default().push((*start, *contact));
        }
        for (name, spans) in spans {
            let key = (organization_id, name.clone());
            let ended =
                spans.windows(2).map(|pair| Tenure { name: name.clone(), until: pair[1].0, contact_id: pair[0].1 });
            self.past.insert(key.clone(), ended.collect());
            if let Some((_, Some(contact))) = spans.last() {
                self.current.insert(key, *contact);
            }
        }
    }

    /// What contacts that were joined or parted are called is what their messages call them.
    async fn recall(&mut self, tx: &Operator, organization_id: Uuid, settled: &settle::Settled) -> Result<()> {
        let ids: BTreeSet<Uuid> = settled
            .regrouped
            .iter()
            .flat_map(|what| match what {
                Regrouped::Merged { survivor, .. } => vec![*survivor],
                Regrouped::Separated { from, to } => vec![*from, *to],
            })
            .filter(|id| self.contacts.contains_key(id))
            .collect();
        let ids: Vec<(Uuid, Uuid)> = ids.into_iter().map(|id| (organization_id, id)).collect();
        // Where messages went, what they called somebody stays until one that is here calls them otherwise.
        let older = contact::any_organization_older_than_messages(tx, &ids).await?;
        for (id, called) in contact::any_organization_called(tx, &ids).await? {
            let Some(known) = self.contacts.get_mut(&id) else { continue };
            let shown = |said: &Option<(String, Moment)>, before: Option<String>| {
                said.as_ref().map(|(name, _)| name.clone()).or(before.filter(|_| older.contains(&id)))
            };
            known.profile_name = shown(&called.name, known.profile_name.take());
            known.username = shown(&called.username, known.username.take());
            self.changed.insert(id);
            self.called.insert(id, called);
        }
        Ok(())
    }

    /// Where the batch calls somebody otherwise than we do, their messages say which is newer.
    async fn learn_names(&mut self, tx: &Operator, batch: &Batch) -> Result<()> {
        let mut asked: BTreeSet<(Uuid, Uuid)> = BTreeSet::new();
        for routed in &batch.changes {
            let organization_id = routed.route.organization_id;
            for item in &routed.change.items {
                let Item::Message(message) = item else { continue };
                let party = placed(message);
                let Some(id) = self.of(organization_id, party, at(routed, message)) else { continue };
                let Some(known) = self.contacts.get(&id).filter(|_| self.stored.contains(&id)) else { continue };
                let differs = |said: &Option<String>, shown: &Option<String>| said.is_some() && said != shown;
                if differs(&party.name, &known.profile_name) || differs(&party.username, &known.username) {
                    asked.insert((organization_id, id));
                }
            }
        }
        let asked: Vec<(Uuid, Uuid)> = asked.into_iter().filter(|(_, id)| !self.called.contains_key(id)).collect();
        self.called.extend(contact::any_organization_called(tx, &asked).await?);
        Ok(())
    }

    fn holder(&self, organization_id: Uuid, name: &Name, at: i64) -> Option<Uuid> {
        let key = (organization_id, name.clone());
        let past = self.past.get(&key).into_iter().flatten();
        match past.into_iter().find(|tenure| at < tenure.until) {
            Some(tenure) => tenure.contact_id,
            None => self.current.get(&key).copied(),
        }
    }

    /// The contact a party stands for at a time, if it is one.
    pub(super) fn of(&self, organization_id: Uuid, party: &Party, at: Timestamp) -> Option<Uuid> {
        let at = at.as_second();
        identities(organization_id, party).iter().find_map(|identity| self.holder(organization_id, &name(identity), at))
    }

    /// Learns what a message calls its author.
    pub(super) fn call(&mut self, id: Uuid, party: &Party, moment: &Moment) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let before = contact.clone();
        let called = self.called.entry(id).or_default();
        for (said, newest, shown) in [
            (&party.name, &mut called.name, &mut contact.profile_name),
            (&party.username, &mut called.username, &mut contact.username),
        ] {
            let Some(said) = said.as_ref().filter(|said| model::name::shows(said)) else { continue };
            if newest.as_ref().is_none_or(|(_, known)| known <= moment) {
                *newest = Some((said.clone(), moment.clone()));
                *shown = Some(said.clone());
            }
        }
        if *contact != before {
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

    /// What became of contacts that were joined or parted.
    pub(super) fn regrouped(&self) -> &[(Uuid, Regrouped)] {
        &self.regrouped
    }

    /// The contacts known before this batch that it changed.
    pub(super) fn changed(&self) -> Vec<(Uuid, Uuid)> {
        self.changed
            .iter()
            .filter(|id| self.stored.contains(id))
            .filter_map(|id| self.contacts.get(id))
            .map(|contact| (contact.organization_id, contact.id))
            .collect()
    }

    /// Contacts, with their organizations, that perhaps nothing stands with: what made them stands with another one, their
    /// messages went elsewhere, the address book dropped them, or they were named by nothing.
    pub(super) fn doubtful(&self) -> impl Iterator<Item = (Uuid, Uuid)> {
        let nobody = self.current.iter().filter(|((_, name), _)| is_nobody(name));
        let nobodies = nobody.map(|((organization_id, _), contact)| (*organization_id, *contact));
        self.doubtful.iter().copied().chain(nobodies)
    }

    /// What is to be written: contacts, and names.
    pub(super) fn into_changes(self) -> (Vec<Known>, Names) {
        let Self { mut contacts, changed, names, .. } = self;
        (changed.iter().filter_map(|id| contacts.remove(id)).collect(), names)
    }
}

impl Stored {
    fn lacks(&self, news: &News) -> bool {
        let known = |moved: &Move| self.moves.contains(&(news.organization_id, moved.clone()));
        !news.moves.iter().all(known)
            || !news.links.iter().all(|(link, at)| self.knows_link(news.organization_id, link, *at))
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
