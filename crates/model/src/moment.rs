//! What is newest: by Meta's time, and of one second, by name. So it does not depend on what came first.
//!
//! Where each thing that is said takes the place of the one before (edits), one that only repeats what stood before its
//! second changes nothing: of one second it counts before those that change something, whatever its name. Otherwise half
//! of the changes that come within a second of another one would be lost.

use jiff::Timestamp;

/// When something was said, and by what: the one order in which everything stands that only one of several can show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Meta's time.
    pub at: Timestamp,
    /// Tells apart what was said in the same second: Meta's id, or the content itself.
    pub tie: String,
}

impl Moment {
    /// At this time, by this.
    pub fn new(at: Timestamp, tie: impl Into<String>) -> Self {
        Self { at, tie: tie.into() }
    }

    /// Of what was kept before its time was: older than anything that is said.
    pub fn of_old(tie: &str) -> Self {
        Self::new(Timestamp::UNIX_EPOCH, tie)
    }
}

/// The newest of what was said so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest<T> {
    /// What was said.
    pub value: T,
    /// When; `None`: it is where one begins, and anything said is newer.
    pub moment: Option<Moment>,
}

impl<T> Latest<T> {
    /// Nothing was said yet.
    pub fn begin(value: T) -> Self {
        Self { value, moment: None }
    }

    /// Learns this, unless something newer is known. Answers whether it was learnt.
    pub fn learn(&mut self, value: T, moment: Moment) -> bool {
        let newer = self.moment.as_ref().is_none_or(|known| *known <= moment);
        if newer {
            *self = Self { value, moment: Some(moment) };
        }
        newer
    }

    /// Learns this, unless something older is known: for what counts the first time. Answers whether it was learnt.
    pub fn learn_first(&mut self, value: T, moment: Moment) -> bool {
        let older = self.moment.as_ref().is_none_or(|known| moment < *known);
        if older {
            *self = Self { value, moment: Some(moment) };
        }
        older
    }
}

/// Puts what was said in order, and answers it second by second, each by name.
pub fn by_second<T>(said: &mut [T], moment: impl Fn(&T) -> Moment) -> impl Iterator<Item = &mut [T]> {
    said.sort_by_cached_key(&moment);
    said.chunk_by_mut(move |one, other| moment(one).at == moment(other).at)
}

/// What stands after all that was said. `repeats` says whether something is what stood before its second (`None`: what
/// stood at first).
pub fn standing<T: Copy>(
    said: &mut [T],
    moment: impl Fn(&T) -> Moment,
    repeats: impl Fn(&T, Option<&T>) -> bool,
) -> Option<T> {
    let mut standing = None;
    for second in by_second(said, moment) {
        standing = second.iter().max_by_key(|one| !repeats(one, standing.as_ref())).copied();
    }
    standing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(second: i64, tie: &str) -> Moment {
        Moment::new(Timestamp::from_second(second).unwrap(), tie)
    }

    #[test]
    fn every_order_ends_at_the_newest_and_at_the_first() {
        let said = [(1, moment(10, "a")), (2, moment(20, "b")), (3, moment(20, "c")), (4, moment(10, "z"))];
        for start in 0..said.len() {
            let (mut latest, mut first) = (Latest::begin(0), Latest::begin(0));
            for step in 0..said.len() {
                let (value, moment) = &said[(start + step) % said.len()];
                latest.learn(*value, moment.clone());
                first.learn_first(*value, moment.clone());
            }
            assert_eq!((latest.value, first.value), (3, 1), "beginning with {start}");
        }
    }

    #[test]
    fn anything_said_is_newer_than_nothing() {
        let mut latest = Latest::begin("nothing");
        assert!(latest.learn("something", Moment::new(Timestamp::MIN, "")));
        assert_eq!(latest.value, "something");
    }

    #[test]
    fn of_one_second_what_changes_something_stands() {
        // What stood at first is "A".
        let stands = |mut said: Vec<(i64, &str, &'static str)>| {
            standing(
                &mut said,
                |(second, tie, _)| moment(*second, tie),
                |(_, _, this), before| *this == before.map_or("A", |(_, _, before)| *before),
            )
            .map(|(_, _, said)| said)
        };
        for (said, expected) in [
            (vec![], None),
            (vec![(10, "z", "A"), (10, "a", "B")], Some("B")),
            (vec![(10, "a", "B"), (10, "b", "C"), (10, "z", "A")], Some("C")),
            (vec![(10, "a", "B"), (20, "z", "B"), (20, "y", "A")], Some("A")),
            (vec![(10, "a", "B"), (20, "a", "A")], Some("A")),
        ] {
            for start in 0..said.len().max(1) {
                let order: Vec<_> = (0..said.len()).map(|step| said[(start + step) % said.len()]).collect();
                assert_eq!(stands(order.clone()), expected, "{order:?}");
            }
        }
    }
}
