//! Who goes by which name when: a function of everything that was ever said of names, in no order.
//!
//! A name (a phone, a user id, a username) is somebody's for a time. It is cut into spans: where its owner leaves it, where
//! another one comes to it, and where, in one account, it is first seen with another user id. Spans that are said to be one
//! person's are joined; what is joined is one contact. Nothing else joins anybody: in particular a username does not, for
//! each of its spans has one owner.

use std::collections::{BTreeMap, BTreeSet};

use model::contact::{Kind, Link, Move, Name};

/// Somebody may be seen under a new number before the news of the change.
const NEWS_DELAY: i64 = 3600;

/// The beginning of a name's first span.
pub(super) const ALWAYS: i64 = i64::MIN;

/// Everything that was said of some names of one organization.
#[derive(Debug, Default, Clone)]
pub(super) struct Evidence {
    /// That one event named somebody by both, and when first.
    pub(super) links: BTreeMap<Link, i64>,
    /// That somebody left one for another.
    pub(super) moves: BTreeSet<Move>,
    /// Names that nothing else was said of.
    pub(super) names: BTreeSet<Name>,
}

/// A name from a second on, until its next span.
pub(super) type Span = (Name, i64);

impl Evidence {
    /// Notes that somebody went by both names. Answers whether that is news.
    pub(super) fn link(&mut self, link: Link, at: i64) -> bool {
        match self.links.get_mut(&link) {
            Some(known) if *known <= at => false,
            Some(known) => {
                *known = at;
                true
            }
            None => {
                self.links.insert(link, at);
                true
            }
        }
    }

    /// All names it speaks of.
    pub(super) fn all_names(&self) -> BTreeSet<&Name> {
        let linked = self.links.keys().flat_map(|link| [&link.name, &link.holder]);
        let moved = self.moves.iter().flat_map(|news| [&news.from, &news.to]);
        self.names.iter().chain(linked).chain(moved).collect()
    }
}

/// The spans of all names, joined to people.
#[derive(Debug)]
pub(super) struct People {
    starts: BTreeMap<Name, Vec<i64>>,
    persons: BTreeMap<Span, usize>,
}

impl People {
    /// Works it out.
    pub(super) fn of(evidence: &Evidence) -> Self {
        let links = by_name(evidence);
        let starts: BTreeMap<Name, Vec<i64>> = evidence
            .all_names()
            .into_iter()
            .map(|name| (name.clone(), starts(name, evidence, links.get(name).map_or(&[], Vec::as_slice))))
            .collect();
        let mut people = Self { starts, persons: BTreeMap::new() };
        people.join(evidence, &links);
        people
    }

    fn join(&mut self, evidence: &Evidence, links: &BTreeMap<&Name, Vec<(&Link, i64)>>) {
        let spans: Vec<Span> =
            self.starts.iter().flat_map(|(name, starts)| starts.iter().map(|start| (name.clone(), *start))).collect();
        let places: BTreeMap<&Span, usize> = spans.iter().enumerate().map(|(place, span)| (span, place)).collect();
        let mut sets = Sets((0..spans.len()).collect());
        let place = |name: &Name, at: i64| places[&(name.clone(), self.start(name, at))];
        for (name, of_name) in links {
            let mut owned: BTreeSet<(i64, &str)> = BTreeSet::new();
            for (link, first) in of_name {
                // Of two owners in one second the first by name is believed: a name joins nobody.
                if !exclusive(link) || owned.insert((*first, link.realm.as_str())) {
                    sets.join(place(name, *first), place(&link.holder, *first));
                }
            }
        }
        for news in &evidence.moves {
            sets.join(place(&news.from, news.at), place(&news.to, news.at));
        }
        let persons = spans.iter().enumerate().map(|(place, span)| (span.clone(), sets.find(place))).collect();
        self.persons = persons;
    }

    /// Where the span of a name begins that a second lies in.
    pub(super) fn start(&self, name: &Name, at: i64) -> i64 {
        let starts = self.starts.get(name).map_or(&[][..], Vec::as_slice);
        starts.iter().rev().find(|start| **start <= at).copied().unwrap_or(ALWAYS)
    }

    /// All spans with the person of each, in the order of names and times.
    pub(super) fn spans(&self) -> impl Iterator<Item = (&Span, usize)> {
        self.persons.iter().map(|(span, person)| (span, *person))
    }

    /// Who goes by a name at a second.
    pub(super) fn person(&self, name: &Name, at: i64) -> Option<usize> {
        self.persons.get(&(name.clone(), self.start(name, at))).copied()
    }

    /// The end of a span: where the next one of its name begins.
    pub(super) fn end(&self, (name, start): &Span) -> Option<i64> {
        self.starts.get(name)?.iter().find(|next| *next > start).copied()
    }
}

fn by_name(evidence: &Evidence) -> BTreeMap<&Name, Vec<(&Link, i64)>> {
    let mut links: BTreeMap<&Name, Vec<(&Link, i64)>> = BTreeMap::new();
    for (link, first) in &evidence.links {
        links.entry(&link.name).or_default().push((link, *first));
    }
    for of_name in links.values_mut() {
        of_name.sort_by_key(|(link, first)| (*first, *link));
    }
    links
}

/// Whether a name has one such holder at a time. A user id may have several parents, and a parent several user ids.
fn exclusive(link: &Link) -> bool {
    matches!(link.name.kind, Kind::WaId | Kind::Username)
}

/// Where the spans of a name begin.
fn starts(name: &Name, evidence: &Evidence, links: &[(&Link, i64)]) -> Vec<i64> {
    let left: BTreeSet<i64> =
        evidence.moves.iter().filter(|news| news.from == *name && news.to != *name).map(|news| news.at).collect();
    let mut starts: BTreeSet<i64> = BTreeSet::from([ALWAYS]);
    starts.extend(left.iter().map(|at| at + 1));
    for news in evidence.moves.iter().filter(|news| news.to == *name && news.from != *name) {
        let since_left = left.range(..news.at).next_back().map_or(ALWAYS, |at| at + 1);
        starts.insert((news.at - NEWS_DELAY).max(since_left));
    }
    let mut owners: BTreeMap<(i64, &str), &Name> = BTreeMap::new();
    let mut cuts = Vec::new();
    for (link, first) in links.iter().filter(|(link, _)| exclusive(link)) {
        let span = *starts.range(..=*first).next_back().unwrap_or(&ALWAYS);
        let owner = owners.entry((span, link.realm.as_str())).or_insert(&link.holder);
        if **owner != link.holder {
            cuts.push(*first);
        }
    }
    starts.extend(cuts);
    starts.into_iter().collect()
}

/// Disjoint sets, by the least member of each.
struct Sets(Vec<usize>);

impl Sets {
    fn find(&mut self, mut of: usize) -> usize {
        while self.0[of] != of {
            self.0[of] = self.0[self.0[of]];
            of = self.0[of];
        }
        of
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.find(one), self.find(other));
        self.0[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wa(value: &str) -> Name {
        Name { kind: Kind::WaId, value: value.into() }
    }

    fn user(value: &str) -> Name {
        Name { kind: Kind::UserId, value: value.into() }
    }

    fn link(name: Name, holder: Name) -> Link {
        Link { name, holder, realm: "account".into() }
    }

    fn evidence(links: &[(Name, Name, i64)], moves: &[(Name, Name, i64)]) -> Evidence {
        let mut evidence = Evidence::default();
        for (name, holder, at) in links {
            evidence.link(link(name.clone(), holder.clone()), *at);
        }
        for (from, to, at) in moves {
            evidence.moves.insert(Move { from: from.clone(), to: to.clone(), at: *at });
        }
        evidence
    }

    fn person(people: &People, name: &Name, at: i64) -> usize {
        people.persons[&(name.clone(), people.start(name, at))]
    }

    #[test]
    fn after_a_change_the_old_number_is_another_persons() {
        let day = 86_400;
        let people = People::of(&evidence(
            &[(wa("1"), user("A1"), 10), (wa("1"), user("Z"), 100 * day)],
            &[(wa("1"), wa("2"), 20 * day), (user("A1"), user("A2"), 20 * day)],
        ));
        let a = person(&people, &wa("1"), 10);
        for (name, at) in [(wa("1"), 20 * day), (wa("2"), 20 * day), (wa("2"), 50 * day), (user("A2"), 21 * day)] {
            assert_eq!(person(&people, &name, at), a, "{name:?} at {at}");
        }
        assert_ne!(person(&people, &wa("1"), 20 * day + 1), a);
        assert_eq!(person(&people, &wa("1"), 30 * day), person(&people, &user("Z"), 0));
    }

    #[test]
    fn whoever_had_the_new_number_before_is_somebody_else() {
        let day = 86_400;
        let people = People::of(&evidence(&[], &[(wa("1"), wa("2"), 20 * day)]));
        assert_ne!(person(&people, &wa("2"), 10 * day), person(&people, &wa("1"), 0));
        assert_eq!(person(&people, &wa("2"), 20 * day - 60), person(&people, &wa("1"), 0), "seen before the news");
    }

    #[test]
    fn there_and_back_is_one_person() {
        let people = People::of(&evidence(&[], &[(wa("1"), wa("2"), 10), (wa("2"), wa("1"), 12)]));
        let a = person(&people, &wa("1"), 5);
        assert_eq!(person(&people, &wa("2"), 11), a);
        assert_eq!(person(&people, &wa("1"), 20), a);
        assert_ne!(person(&people, &wa("2"), 20), a);
    }

    #[test]
    fn another_user_id_under_a_phone_is_another_person_unless_news_or_another_account_say_otherwise() {
        let both = [(wa("1"), user("A"), 10), (wa("1"), user("B"), 20)];
        let apart = People::of(&evidence(&both, &[]));
        assert_ne!(person(&apart, &user("A"), 0), person(&apart, &user("B"), 0));
        assert_eq!(person(&apart, &wa("1"), 15), person(&apart, &user("A"), 0));
        assert_eq!(person(&apart, &wa("1"), 25), person(&apart, &user("B"), 0));

        let told = People::of(&evidence(&both, &[(user("A"), user("B"), 15)]));
        assert_eq!(person(&told, &wa("1"), 5), person(&told, &wa("1"), 25));

        let mut elsewhere = evidence(&both[..1], &[]);
        elsewhere.link(Link { realm: "other".into(), ..link(wa("1"), user("B")) }, 20);
        let one = People::of(&elsewhere);
        assert_eq!(person(&one, &user("A"), 0), person(&one, &user("B"), 0));
    }

    #[test]
    fn two_owners_in_one_second_are_not_joined() {
        let people = People::of(&evidence(&[(wa("1"), user("A"), 10), (wa("1"), user("B"), 10)], &[]));
        assert_ne!(person(&people, &user("A"), 0), person(&people, &user("B"), 0));
        let same = People::of(&evidence(&[(wa("1"), user("B"), 10), (wa("1"), user("A"), 10)], &[]));
        assert_eq!(people.persons, same.persons);
    }

    #[test]
    fn a_username_passes_on_and_joins_nobody() {
        let cafe = Name { kind: Kind::Username, value: "cafe".into() };
        let people = People::of(&evidence(&[(cafe.clone(), wa("1"), 10), (cafe.clone(), wa("2"), 20)], &[]));
        assert_ne!(person(&people, &wa("1"), 0), person(&people, &wa("2"), 0));
        assert_eq!(person(&people, &cafe, 15), person(&people, &wa("1"), 0));
        assert_eq!(person(&people, &cafe, 20), person(&people, &wa("2"), 0));
    }
}
