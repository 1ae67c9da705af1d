//! All that is stored of some names, and of everybody they lead to, with what a batch says of them.

use std::collections::{BTreeMap, BTreeSet};

use model::contact::{self, Identity, Name, Tenure};
use model::database::{Operator, Result};
use model::event::Lines;
use uuid::Uuid;

use super::identity::{ALWAYS, Evidence};
use super::sighting::{News, Role, Sighting, has_spellings, identities, links, name, spellings};

/// All there is to know of some names of one organization, and of everyone they lead to.
#[derive(Debug)]
pub(super) struct Circle {
    pub(super) organization_id: Uuid,
    pub(super) evidence: Evidence,
    /// As they are written, with when Meta was first seen to write them so; `None`: as people dialed them, or of old.
    pub(super) spelled: BTreeMap<Name, BTreeMap<String, Option<i64>>>,
    pub(super) current: BTreeMap<Name, Uuid>,
    pub(super) past: BTreeMap<Name, Vec<Tenure>>,
    /// Names that an event which makes contacts gives somebody at a second.
    pub(super) wanted: BTreeSet<(Name, i64)>,
    /// How the batch writes them, where that is news.
    pub(super) spellings: BTreeMap<(Name, String), i64>,
    disputed: (BTreeSet<contact::Link>, BTreeSet<contact::Move>),
    /// When each was first said.
    pub(super) links: BTreeMap<contact::Link, i64>,
    pub(super) moves: Vec<(Uuid, contact::Move)>,
}

impl Circle {
    /// Reads, for each of these organizations, everything that is connected with the names of its sightings, and adds what they say.
    /// All are read together: a batch may meet somebody new in each of a thousand.
    pub(super) async fn read_all(
        tx: &Lines<'_>,
        organizations: &BTreeSet<Uuid>,
        sightings: &[Sighting<'_>],
        news: &[News],
    ) -> Result<Vec<Self>> {
        let mut circles: BTreeMap<Uuid, Self> = organizations.iter().map(|id| (*id, Self::of(*id))).collect();
        let mut frontier = named(organizations, sightings, news);
        let (mut seen, mut met) = (BTreeSet::new(), BTreeSet::new());
        while !frontier.is_empty() {
            look_up(tx, &mut circles, &frontier).await?;
            let read: BTreeSet<Uuid> = frontier.iter().map(|(organization_id, _)| *organization_id).collect();
            seen.extend(frontier);
            let mut names: BTreeSet<(Uuid, Name)> = BTreeSet::new();
            let mut strangers = Vec::new();
            for circle in read.iter().filter_map(|id| circles.get(id)) {
                let of = circle.organization_id;
                names.extend(circle.evidence.all_names().into_iter().map(|name| (of, name.clone())));
                strangers.extend(circle.contacts().into_iter().map(|id| (of, id)).filter(|one| met.insert(*one)));
            }
            let stored = contact::any_organization_names(tx, &strangers).await?;
            names.extend(stored.iter().map(|identity| (identity.organization_id, name(identity))));
            frontier = names.into_iter().filter(|name| !seen.contains(name)).collect();
        }
        let mut circles: Vec<Self> = circles.into_values().collect();
        circles.iter_mut().for_each(|circle| circle.add(sightings, news));
        Ok(circles)
    }

    fn of(organization_id: Uuid) -> Self {
        Self {
            organization_id,
            evidence: Evidence::default(),
            spelled: BTreeMap::new(),
            current: BTreeMap::new(),
            past: BTreeMap::new(),
            wanted: BTreeSet::new(),
            spellings: BTreeMap::new(),
            disputed: Default::default(),
            links: BTreeMap::new(),
            moves: Vec::new(),
        }
    }

    fn learn_past(&mut self, tenure: Tenure) {
        self.evidence.names.insert(tenure.name.clone());
        let past = self.past.entry(tenure.name.clone()).or_default();
        if !past.contains(&tenure) {
            past.push(tenure);
        }
    }

    /// Notes how Meta writes a name. Answers whether that is news.
    fn spell(&mut self, name: &Name, written: String, first: i64) -> bool {
        let known = self.spelled.entry(name.clone()).or_default().entry(written).or_insert(None);
        let news = known.is_none_or(|known| first < known);
        if news {
            *known = Some(first);
        }
        news
    }

    /// How a name is written: as Meta wrote it, or, where it never did, in the canonical spelling.
    pub(super) fn written(&self, name: &Name) -> BTreeMap<String, Option<i64>> {
        let mut written = self.spelled.get(name).cloned().unwrap_or_default();
        if written.values().any(Option::is_some) {
            written.retain(|value, first| first.is_some() || *value != name.value);
        }
        if written.is_empty() {
            written.insert(name.value.clone(), None);
        }
        written
    }

    /// The names that lead to a contact now.
    pub(super) fn names_of(&self, contact: Uuid) -> Vec<Name> {
        self.current.iter().filter(|(_, holder)| **holder == contact).map(|(name, _)| name.clone()).collect()
    }

    fn contacts(&self) -> BTreeSet<Uuid> {
        let past = self.past.values().flatten().filter_map(|tenure| tenure.contact_id);
        self.current.values().copied().chain(past).collect()
    }

    /// What the batch says.
    fn add(&mut self, sightings: &[Sighting<'_>], news: &[News]) {
        let organization_id = self.organization_id;
        for sighting in sightings.iter().filter(|one| one.organization_id == organization_id) {
            let named = identities(organization_id, sighting.party);
            for identity in &named {
                let name = name(identity);
                self.evidence.names.insert(name.clone());
                // Of who need not be a contact, what is said in passing is kept as links alone.
                if sighting.makes_contact()
                    && has_spellings(&name)
                    && self.spell(&name, identity.value.clone(), sighting.at)
                {
                    self.spellings.insert((name, identity.value.clone()), sighting.at);
                }
            }
            // What is written stands under the strongest name.
            if let Some(strongest) = named.first().filter(|_| sighting.role == Role::Writer) {
                self.wanted.insert((name(strongest), sighting.at));
            }
            for link in links(sighting.party, sighting.realm) {
                self.link(link, sighting.at);
            }
        }
        for news in news.iter().filter(|one| one.organization_id == organization_id) {
            for (link, at) in &news.links {
                self.link(link.clone(), *at);
            }
            for moved in &news.moves {
                if !self.disputed.1.contains(moved) && self.evidence.moves.insert(moved.clone()) {
                    self.moves.push((organization_id, moved.clone()));
                }
            }
        }
    }

    fn link(&mut self, link: contact::Link, at: i64) {
        if !self.disputed.0.contains(&link) && self.evidence.link(link.clone(), at) {
            self.links.entry(link).and_modify(|first| *first = at.min(*first)).or_insert(at);
        }
    }

    /// Whose a span was before, in whole or in part.
    pub(super) fn holders(&self, name: &Name, start: i64, end: Option<i64>) -> BTreeSet<Uuid> {
        let mut holders = BTreeSet::new();
        let mut since = ALWAYS;
        for tenure in self.past.get(name).into_iter().flatten() {
            if tenure.until > start && end.is_none_or(|end| since < end) {
                holders.extend(tenure.contact_id);
            }
            since = tenure.until;
        }
        if end.is_none_or(|end| since < end) {
            holders.extend(self.current.get(name));
        }
        holders
    }
}

/// Reads what is stored of these names into the circles of their organizations.
async fn look_up(tx: &Operator, circles: &mut BTreeMap<Uuid, Circle>, names: &BTreeSet<(Uuid, Name)>) -> Result<()> {
    let spelled: Vec<Identity> =
        names.iter().flat_map(|(organization_id, name)| spellings(*organization_id, name)).collect();
    let wanted: Vec<(Uuid, Name)> = names.iter().cloned().collect();
    let (found, said, book) = futures::try_join!(
        contact::any_organization_find(tx, &spelled),
        contact::any_organization_said(tx, &wanted),
        contact::any_organization_book(tx, &wanted)
    )?;
    // Whomever the address book names is a contact, whoever had the name then.
    for entry in book.into_iter().filter(|entry| entry.name.is_some()) {
        let (organization_id, name) = entry.identity;
        circle(circles, organization_id).wanted.insert((name, entry.at.as_second()));
    }
    for (identity, known) in found {
        let (own, name) = (circle(circles, identity.organization_id), name(&identity));
        own.current.insert(name.clone(), known.id);
        own.evidence.names.insert(name.clone());
        own.spelled.entry(name).or_default().entry(identity.value).or_insert(None);
    }
    for (organization_id, spelling) in said.spellings {
        let own = circle(circles, organization_id);
        own.evidence.names.insert(spelling.name.clone());
        own.spell(&spelling.name, spelling.written, spelling.first);
    }
    for (organization_id, tenure) in said.past {
        circle(circles, organization_id).learn_past(tenure);
    }
    for (organization_id, link, first) in said.links {
        circle(circles, organization_id).evidence.link(link, first);
    }
    for (organization_id, news) in said.moves {
        circle(circles, organization_id).evidence.moves.insert(news);
    }
    for (organization_id, link) in said.disputed_links {
        circle(circles, organization_id).disputed.0.insert(link);
    }
    for (organization_id, news) in said.disputed_moves {
        circle(circles, organization_id).disputed.1.insert(news);
    }
    Ok(())
}

fn circle(circles: &mut BTreeMap<Uuid, Circle>, organization_id: Uuid) -> &mut Circle {
    circles.entry(organization_id).or_insert_with(|| Circle::of(organization_id))
}

/// Every name that sightings of these organizations speak of, and news.
fn named(organizations: &BTreeSet<Uuid>, sightings: &[Sighting<'_>], news: &[News]) -> BTreeSet<(Uuid, Name)> {
    let mut names = BTreeSet::new();
    for sighting in sightings.iter().filter(|one| organizations.contains(&one.organization_id)) {
        let of = sighting.organization_id;
        names.extend(identities(of, sighting.party).iter().map(|identity| (of, name(identity))));
        for link in links(sighting.party, sighting.realm) {
            names.extend([(of, link.name), (of, link.holder)]);
        }
    }
    for news in news.iter().filter(|one| organizations.contains(&one.organization_id)) {
        let of = news.organization_id;
        names.extend(news.moves.iter().flat_map(|moved| [(of, moved.from.clone()), (of, moved.to.clone())]));
    }
    names
}

#[cfg(test)]
mod tests {
    use whatsapp::webhook::Party;

    use super::*;

    #[test]
    fn an_organization_is_asked_for_the_names_of_its_own_sightings_alone() {
        let [one, two, three] = [1, 2, 3].map(Uuid::from_u128);
        let party = |wa_id: &str| Party { wa_id: Some(wa_id.to_owned()), ..Party::default() };
        let parties = [(one, party("573001111111")), (two, party("573002222222")), (three, party("573003333333"))];
        let sightings: Vec<Sighting<'_>> = parties
            .iter()
            .map(|(organization_id, party)| {
                let (organization_id, role) = (*organization_id, Role::Writer);
                Sighting { organization_id, realm: "1", at: 10, party, role }
            })
            .collect();
        let asked = named(&BTreeSet::from([one, two]), &sightings, &[]);
        let asked: Vec<(Uuid, &str)> = asked.iter().map(|(of, name)| (*of, name.value.as_str())).collect();
        assert_eq!(asked, [(one, "573001111111"), (two, "573002222222")]);
    }
}
