//! Who is who, worked out again where a batch brings news of names: contacts are joined and parted, and what they wrote
//! goes where it belongs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use model::contact::{self, Astray, Identity, Kind, Known, MergedConversation, Name, Tenure};
use model::database::{Operator, Result};
use model::event::Line;
use uuid::Uuid;

use super::identity::{self, ALWAYS, Evidence, Span};
use super::sighting::{News, Role, Sighting, has_spellings, identities, is_nobody, links, name, spellings};

/// Contacts that became one, or came apart.
#[derive(Clone, Debug)]
pub(in super::super) enum Regrouped {
    /// One went on as the other.
    Merged { survivor: Uuid, vanished: Uuid, conversations: Vec<MergedConversation> },
    /// What was written under a name that was somebody else's by then is theirs now.
    Separated { from: Uuid, to: Uuid },
}

/// All there is to know of some names of one organization, and of everyone they lead to.
#[derive(Debug)]
pub(super) struct Circle {
    organization_id: Uuid,
    evidence: Evidence,
    /// As they are written, with when Meta was first seen to write them so; `None`: as people dialed them, or of old.
    spelled: BTreeMap<Name, BTreeMap<String, Option<i64>>>,
    current: BTreeMap<Name, Uuid>,
    past: BTreeMap<Name, Vec<Tenure>>,
    /// Names that an event which makes contacts gives somebody at a second.
    wanted: BTreeSet<(Name, i64)>,
    /// How the batch writes them, where that is news.
    spellings: BTreeMap<(Name, String), i64>,
    disputed: (BTreeSet<contact::Link>, BTreeSet<contact::Move>),
    /// When each was first said.
    links: BTreeMap<contact::Link, i64>,
    moves: Vec<(Uuid, contact::Move)>,
}

/// Who has which span, and what must change for that.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Whose each span is.
    pub(super) spans: BTreeMap<Span, Option<Uuid>>,
    /// Contacts that must be made.
    pub(super) created: Vec<Uuid>,
    /// Those that go on as another one.
    pub(super) vanished: Vec<Uuid>,
    /// What happened to contacts that were there.
    pub(super) regrouped: Vec<Regrouped>,
}

impl Settled {
    /// Contacts that perhaps nothing stands with.
    pub(super) fn doubtful(&self) -> impl Iterator<Item = Uuid> {
        let left = self.regrouped.iter().filter_map(|what| match what {
            Regrouped::Separated { from, .. } => Some(*from),
            Regrouped::Merged { .. } => None,
        });
        self.created.iter().copied().chain(left)
    }
}

impl Circle {
    /// Reads everything that is connected with the names of these sightings, and adds what they say.
    pub(super) async fn read(tx: &Line<'_>, sightings: &[Sighting<'_>], news: &[News]) -> Result<Self> {
        let organization_id = tx.organization_id();
        let mut circle = Self {
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
        };
        let mut frontier = named(sightings, news);
        let (mut seen, mut met) = (BTreeSet::new(), BTreeSet::new());
        while !frontier.is_empty() {
            seen.extend(frontier.iter().cloned());
            circle.look_up(tx, &frontier).await?;
            let strangers: Vec<Uuid> = circle.contacts().into_iter().filter(|id| met.insert(*id)).collect();
            let mut names: BTreeSet<Name> = circle.evidence.all_names().into_iter().cloned().collect();
            names.extend(contact::any_organization_names(tx, organization_id, &strangers).await?.iter().map(name));
            frontier = names.into_iter().filter(|name| !seen.contains(name)).collect();
        }
        circle.add(sightings, news);
        Ok(circle)
    }

    async fn look_up(&mut self, tx: &Operator, names: &BTreeSet<Name>) -> Result<()> {
        let organization_id = self.organization_id;
        let spelled: Vec<Identity> = names.iter().flat_map(|name| spellings(organization_id, name)).collect();
        let wanted: Vec<(Uuid, Name)> = names.iter().map(|name| (organization_id, name.clone())).collect();
        let (found, said, book) = futures::try_join!(
            contact::any_organization_find(tx, &spelled),
            contact::any_organization_said(tx, &wanted),
            contact::any_organization_book(tx, &wanted)
        )?;
        // Whomever the address book names is a contact, whoever had the name then.
        self.wanted.extend(
            book.into_iter().filter(|entry| entry.name.is_some()).map(|entry| (entry.identity.1, entry.at.as_second())),
        );
        for (identity, known) in found {
            let name = name(&identity);
            self.current.insert(name.clone(), known.id);
            self.evidence.names.insert(name.clone());
            self.spelled.entry(name).or_default().entry(identity.value).or_insert(None);
        }
        for (_, spelling) in said.spellings {
            self.evidence.names.insert(spelling.name.clone());
            self.spell(&spelling.name, spelling.written, spelling.first);
        }
        for (_, tenure) in said.past {
            self.evidence.names.insert(tenure.name.clone());
            let past = self.past.entry(tenure.name.clone()).or_default();
            if !past.contains(&tenure) {
                past.push(tenure);
            }
        }
        for (_, link, first) in said.links {
            self.evidence.link(link, first);
        }
        self.evidence.moves.extend(said.moves.into_iter().map(|(_, news)| news));
        self.disputed.0.extend(said.disputed_links.into_iter().map(|(_, link)| link));
        self.disputed.1.extend(said.disputed_moves.into_iter().map(|(_, news)| news));
        Ok(())
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
    fn written(&self, name: &Name) -> BTreeMap<String, Option<i64>> {
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
    fn names_of(&self, contact: Uuid) -> Vec<Name> {
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
    fn holders(&self, name: &Name, start: i64, end: Option<i64>) -> BTreeSet<Uuid> {
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

    /// Gives every span its contact, and brings what was written to whose it is.
    pub(super) async fn settle(&self, tx: &Line<'_>, now: Timestamp) -> Result<Settled> {
        let mut settling = Settling::new(self);
        settling.weigh(tx).await?;
        let merges = settling.claim();
        for (name, at) in &self.wanted {
            if let Some(person) = settling.people.person(name, *at) {
                settling.contact(person);
            }
        }
        settling.regroup(tx, &merges, now).await?;
        Ok(settling.finish())
    }

    /// The names as they are now written: with their spellings, their present holders and their past ones.
    pub(super) fn write(self, settled: &Settled, written: &mut super::Names) {
        let organization_id = self.organization_id;
        let mut past: BTreeMap<&Name, Vec<Tenure>> = BTreeMap::new();
        let mut spans: BTreeMap<&Name, Vec<(i64, Option<Uuid>)>> = BTreeMap::new();
        for ((name, start), contact) in &settled.spans {
            spans.entry(name).or_default().push((*start, *contact));
        }
        for (name, spans) in &spans {
            let ended =
                spans.windows(2).map(|pair| Tenure { name: (*name).clone(), until: pair[1].0, contact_id: pair[0].1 });
            past.insert(name, ended.collect());
            let current = spans.last().and_then(|(_, contact)| *contact);
            let identity = |value: &String| Identity { organization_id, kind: name.kind, value: value.clone() };
            let spelled = self.written(name);
            match current {
                Some(contact) => {
                    written.identified.extend(spelled.keys().map(|value| (identity(value), contact)));
                    let before = self.spelled.get(*name).into_iter().flat_map(BTreeMap::keys);
                    written.unnamed.extend(before.filter(|value| !spelled.contains_key(*value)).map(identity));
                }
                None if self.current.contains_key(*name) => {
                    written.unnamed.extend(spellings(organization_id, name));
                }
                None => {}
            }
        }
        for (name, tenures) in past {
            if self.past.get(name).map_or(&[][..], Vec::as_slice) != tenures.as_slice() {
                written.remembered.push((organization_id, name.clone()));
                written.past.extend(tenures.into_iter().map(|tenure| (organization_id, tenure)));
            }
        }
        let organization_id = self.organization_id;
        written.spellings.extend(
            self.spellings
                .into_iter()
                .map(|((name, written), first)| (organization_id, contact::Spelling { name, written, first })),
        );
        written.links.extend(self.links.into_iter().map(|(link, first)| (organization_id, link, first)));
        written.moves.extend(self.moves);
        written.vanished.extend(settled.vanished.iter().map(|id| (organization_id, *id)));
    }

    /// Shows of each kind the name that a contact has now and came to last.
    pub(super) fn show(&self, settled: &Settled, contacts: &mut HashMap<Uuid, Known>) -> BTreeSet<Uuid> {
        let mut shown: BTreeMap<(Uuid, Kind), (i64, i64, String)> = BTreeMap::new();
        let mut met = BTreeSet::new();
        let mut last: BTreeMap<&Name, (i64, Option<Uuid>)> = BTreeMap::new();
        for ((name, start), contact) in &settled.spans {
            last.insert(name, (*start, *contact));
            met.extend(*contact);
        }
        for (name, (start, contact)) in last {
            let Some(contact) = contact.filter(|_| !is_nobody(name)) else { continue };
            let came = self.came(name, start);
            for (value, first) in self.written(name) {
                let candidate = (came, first.unwrap_or(ALWAYS), value);
                let known = shown.entry((contact, name.kind)).or_insert_with(|| candidate.clone());
                *known = known.clone().max(candidate);
            }
        }
        for contact in &met {
            let Some(known) = contacts.get_mut(contact) else { continue };
            for kind in [Kind::WaId, Kind::UserId, Kind::ParentUserId] {
                let value = shown.get(&(*contact, kind)).map(|(_, _, value)| value.clone());
                *super::shown_mut(known, kind) = value;
            }
            // Messages say which username is the newest; where there are none, any will do.
            if known.username.is_none() {
                known.username = shown.get(&(*contact, Kind::Username)).map(|(_, _, value)| value.clone());
            }
        }
        met
    }

    /// When its present owner came to a name: the span's beginning, or the first that was heard of it since.
    fn came(&self, name: &Name, start: i64) -> i64 {
        let linked = self.evidence.links.iter().filter(|(link, _)| link.name == *name || link.holder == *name);
        let linked = linked.map(|(_, first)| *first).filter(|first| *first >= start).min();
        let arrived = self.evidence.moves.iter().filter(|news| news.to == *name).map(|news| news.at).max();
        start.max(linked.unwrap_or(ALWAYS)).max(arrived.unwrap_or(ALWAYS))
    }
}

/// A span, who goes by its name then, and who was thought to.
struct Held {
    span: Span,
    end: Option<i64>,
    person: usize,
    /// Each with what was written under the name in that time, where it matters.
    holders: BTreeMap<Uuid, Vec<Uuid>>,
}

/// Settling under way.
struct Settling<'a> {
    circle: &'a Circle,
    people: identity::People,
    held: Vec<Held>,
    contacts: BTreeMap<usize, Uuid>,
    settled: Settled,
}

impl<'a> Settling<'a> {
    fn new(circle: &'a Circle) -> Self {
        let people = identity::People::of(&circle.evidence);
        let held = people
            .spans()
            .map(|(span, person)| {
                let end = people.end(span);
                let holders = circle.holders(&span.0, span.1, end).into_iter().map(|id| (id, Vec::new())).collect();
                Held { span: span.clone(), end, person, holders }
            })
            .collect();
        Self { circle, people, held, contacts: BTreeMap::new(), settled: Settled::default() }
    }

    fn contact(&mut self, person: usize) -> Uuid {
        *self.contacts.entry(person).or_insert_with(|| {
            let id = Uuid::now_v7();
            self.settled.created.push(id);
            id
        })
    }

    /// Reads what was written under each name of contacts that are several people.
    async fn weigh(&mut self, tx: &Operator) -> Result<()> {
        let mut persons: BTreeMap<Uuid, BTreeSet<usize>> = BTreeMap::new();
        for held in &self.held {
            for holder in held.holders.keys() {
                persons.entry(*holder).or_default().insert(held.person);
            }
        }
        let organization_id = self.circle.organization_id;
        for held in &mut self.held {
            let names = spellings(organization_id, &held.span.0);
            let names: Vec<Name> = names.into_iter().map(|one| Name { kind: one.kind, value: one.value }).collect();
            for (holder, messages) in held.holders.iter_mut().filter(|(holder, _)| persons[*holder].len() > 1) {
                let lost = Astray { from: *holder, names: names.clone(), since: held.span.1, until: held.end };
                *messages = contact::any_organization_astray(tx, organization_id, &lost).await?;
            }
        }
        Ok(())
    }

    /// A contact goes on as the one who wrote under its oldest span; of several contacts that are one person, the oldest
    /// goes on. Answers who becomes whom: the survivor, then the other.
    fn claim(&mut self) -> Vec<(Uuid, Uuid)> {
        let mut claims: BTreeMap<Uuid, (bool, i64, &Name, usize)> = BTreeMap::new();
        for held in &self.held {
            for (holder, messages) in &held.holders {
                let claim = (messages.is_empty(), held.span.1, &held.span.0, held.person);
                let known = claims.entry(*holder).or_insert(claim);
                *known = (*known).min(claim);
            }
        }
        let mut merges = Vec::new();
        for (contact, (_, _, _, person)) in claims {
            match self.contacts.get(&person) {
                Some(survivor) => merges.push((*survivor, contact)),
                None => _ = self.contacts.insert(person, contact),
            }
        }
        merges
    }

    async fn regroup(&mut self, tx: &Line<'_>, merges: &[(Uuid, Uuid)], now: Timestamp) -> Result<()> {
        let organization_id = self.circle.organization_id;
        let becomes: HashMap<Uuid, Uuid> = merges.iter().map(|(survivor, vanished)| (*vanished, *survivor)).collect();
        let mut astray: BTreeMap<(Uuid, usize), Vec<Uuid>> = BTreeMap::new();
        for held in &self.held {
            let owner = self.contacts.get(&held.person);
            for (holder, messages) in &held.holders {
                if owner != Some(becomes.get(holder).unwrap_or(holder)) && !messages.is_empty() {
                    astray.entry((*holder, held.person)).or_default().extend(messages);
                }
            }
        }
        if astray.is_empty() && merges.is_empty() {
            return Ok(());
        }
        let mut involved: BTreeSet<Uuid> = merges.iter().flat_map(|(one, other)| [*one, *other]).collect();
        for (holder, person) in astray.keys() {
            involved.extend([*holder, self.contact(*person)]);
        }
        let involved: Vec<Uuid> = involved.into_iter().collect();
        let unread = contact::any_organization_unread(tx, organization_id, &involved).await?;
        let threads = contact::any_organization_threads(tx, organization_id, &involved).await?;
        for ((from, person), messages) in astray {
            let to = self.contact(person);
            contact::any_organization_make(tx, organization_id, to).await?;
            contact::any_organization_rehome(tx, organization_id, &messages, to, now).await?;
            self.settled.regrouped.push(Regrouped::Separated { from, to });
        }
        for (survivor, vanished) in merges {
            let names = self.circle.names_of(*vanished);
            let conversations =
                contact::any_organization_merge(tx, organization_id, *survivor, *vanished, &names, now).await?;
            self.settled.vanished.push(*vanished);
            self.settled.regrouped.push(Regrouped::Merged { survivor: *survivor, vanished: *vanished, conversations });
        }
        contact::any_organization_resettle(tx, &involved, &threads, &unread, now).await
    }

    fn finish(self) -> Settled {
        let Self { held, contacts, mut settled, .. } = self;
        settled.spans = held.into_iter().map(|held| (held.span, contacts.get(&held.person).copied())).collect();
        settled
    }
}

/// Every name that an organization's sightings speak of.
fn named(sightings: &[Sighting<'_>], news: &[News]) -> BTreeSet<Name> {
    let mut names = BTreeSet::new();
    for sighting in sightings {
        names.extend(identities(sighting.organization_id, sighting.party).iter().map(name));
        for link in links(sighting.party, sighting.realm) {
            names.extend([link.name, link.holder]);
        }
    }
    for news in news {
        names.extend(news.moves.iter().flat_map(|news| [news.from.clone(), news.to.clone()]));
    }
    names
}
