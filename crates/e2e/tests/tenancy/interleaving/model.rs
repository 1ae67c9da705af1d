//! Who has proven what, as a person would work it out.

use std::collections::BTreeMap;

/// A message, by what Meta says of it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) phone_number_id: String,
    pub(super) second: i64,
    /// The message that it edits.
    pub(super) target: Option<String>,
    /// The one whose it is; `None`: it waits.
    pub(super) owner: Option<usize>,
}

/// News of an account, or of one number of it.
#[derive(Clone, Debug)]
pub(super) struct News {
    /// The numbers that it may be about.
    pub(super) about: Vec<String>,
    pub(super) second: i64,
    /// Who hears of it; nobody: it waits.
    pub(super) heard: Vec<usize>,
}

/// What is so.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// Who has each number, as places in the list of organizations.
    pub(super) holders: BTreeMap<String, usize>,
    /// Everyone who had it, and from which second on.
    pub(super) claims: BTreeMap<String, Vec<(usize, i64)>>,
    /// By Meta's id.
    pub(super) messages: BTreeMap<String, Told>,
    /// By the mark that each carries.
    pub(super) news: BTreeMap<String, News>,
    /// Sends that were taken: the text, the number, and who sent it.
    pub(super) sent: Vec<(String, String, usize)>,
    /// Attempts that failed: organization and id.
    pub(super) failed: Vec<(usize, String)>,
    /// How often a number changed hands.
    pub(super) moves: usize,
    /// Messages that the last step touched.
    pub(super) touched: Vec<String>,
}

impl Model {
    /// A number is somebody's from now on, or nobody's.
    pub(super) fn set(&mut self, phone_number_id: &str, holder: Option<usize>, second: i64) {
        let Some(holder) = holder else {
            self.holders.remove(phone_number_id);
            return;
        };
        let claims = self.claims.entry(phone_number_id.to_owned()).or_default();
        self.moves += usize::from(claims.last().is_some_and(|(before, _)| *before != holder));
        claims.push((holder, second));
        self.holders.insert(phone_number_id.to_owned(), holder);
    }

    /// Whether somebody ever had the number.
    pub(super) fn ever_had(&self, phone_number_id: &str, organization: usize) -> bool {
        self.claims.get(phone_number_id).is_some_and(|claims| claims.iter().any(|(had, _)| *had == organization))
    }

    /// Whose a message of this second is, now that Meta tells of it.
    fn owner(&self, phone_number_id: &str, second: i64) -> Option<usize> {
        self.holders.get(phone_number_id)?;
        let claims = &self.claims[phone_number_id];
        let then = claims.iter().rev().find(|(_, from)| *from <= second).or(claims.first());
        then.map(|(organization, _)| *organization)
    }

    /// Meta tells of a message, for the first time or again. Whose it is once, it stays; an edit is whose the message is.
    pub(super) fn tell(&mut self, wamid: &str, told: Told) {
        let known = |wamid: &str| self.messages.get(wamid).and_then(|told| told.owner);
        let held = self.holders.contains_key(&told.phone_number_id);
        let of_target = told.target.as_deref().and_then(known).filter(|_| held);
        let owner = known(wamid).or(of_target).or_else(|| self.owner(&told.phone_number_id, told.second));
        self.messages.insert(wamid.to_owned(), Told { owner, ..told });
        self.touched.push(wamid.to_owned());
    }

    /// Meta tells of news.
    pub(super) fn tell_news(&mut self, mark: &str, about: Vec<String>, second: i64) {
        let heard = about.iter().filter_map(|id| self.owner(id, second)).collect();
        self.news.insert(mark.to_owned(), News { about, second, heard });
    }

    /// What waited is applied, where that is possible now.
    pub(super) fn replay(&mut self) {
        let waiting: Vec<(String, Told)> = self
            .messages
            .iter()
            .filter(|(_, told)| told.owner.is_none())
            .map(|(wamid, told)| (wamid.clone(), told.clone()))
            .collect();
        for (wamid, told) in waiting {
            self.tell(&wamid, told);
        }
        for (mark, News { about, second, heard }) in self.news.clone() {
            if heard.is_empty() {
                self.tell_news(&mark, about, second);
            }
        }
    }
}
