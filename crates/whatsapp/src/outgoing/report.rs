//! What came up while reading a body.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use super::limits;
use super::media::MediaUse;
use super::place::Place;
use super::problem::{Problem, Problems};

/// Problems, and files that are used. Readers of an object and of its members write to it at the
/// same time, hence the cells.
#[derive(Default)]
pub(super) struct Report {
    problems: RefCell<Vec<Problem>>,
    media: RefCell<Vec<MediaUse>>,
}

impl Report {
    pub(super) fn add(&self, problem: Problem) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < limits::PROBLEMS {
            problems.push(problem);
        }
    }

    pub(super) fn add_media(&self, used: MediaUse) {
        self.media.borrow_mut().push(used);
    }

    /// Notes every value that is there twice.
    pub(super) fn all_differ<T: Eq + Hash>(&self, values: impl IntoIterator<Item = (Place, T)>) {
        let mut firsts = HashMap::new();
        for (place, value) in values {
            match firsts.entry(value) {
                Entry::Vacant(free) => {
                    free.insert(place);
                }
                Entry::Occupied(first) => self.add(Problem::duplicate(&place, first.get())),
            }
        }
    }

    /// The media that are used, or the problems.
    pub(super) fn finish(self) -> Result<Vec<MediaUse>, Problems> {
        Problems::unless_empty(self.problems.into_inner())?;
        Ok(self.media.into_inner())
    }
}
