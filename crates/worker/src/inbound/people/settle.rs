//! Who is who, worked out again where a batch brings news of names: contacts are joined and parted, and what they wrote
//! goes where it belongs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use model::contact::{self, Astray, Identity, Kind, Known, MergedConversation, Name, Tenure};
use model::database::{Operator, Result};
use model::event::Line;
use uuid::Uuid;

use super::circle::Circle;
use super::identity::{self, ALWAYS, Span};
use super::sighting::{is_nobody, spellings};

/// Contacts that became one, or came apart.
#[derive(Clone, Debug)]
pub(in super::super) enum Regrouped {
    /// One went on as the other.
    Merged { survivor: Uuid, vanished: Uuid, conversations: Vec<MergedConversation> },
    /// What was written under a name that was somebody else's by then is theirs now.
    Separated { from: Uuid, to: Uuid },
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
