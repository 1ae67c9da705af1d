//! Reads an object member by member, notes what is wrong, and keeps what is right.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::limits;
use super::near::{nearest, synonym};
use super::place::Place;
use super::problem::Problem;
use super::report::Report;
use super::wording::Shape;

/// One object being read. A member that is `null` reads as absent, as many libraries write
/// `null` for what was never set.
pub(super) struct Fields<'a> {
    report: &'a Report,
    place: Place,
    given: &'a Map<String, Value>,
    known: Vec<&'static str>,
    open: bool,
    clean: Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// Reads an object with `read`; what `read` asked for, and only that, is kept.
    pub(super) fn read<T>(
        report: &'a Report,
        place: Place,
        value: &'a Value,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<(T, Value)> {
        let Some(given) = value.as_object() else {
            report.add(Problem::wrong_type(&place, Shape::Object));
            return None;
        };
        let mut fields = Fields { report, place, given, known: Vec::new(), open: false, clean: Map::new() };
        let result = read(&mut fields);
        fields.note_unknown_keys();
        Some((result, Value::Object(fields.clean)))
    }

    fn note_unknown_keys(&self) {
        let known = self.not_given();
        for key in self.unknown_keys().filter(|_| !self.open) {
            let meant = nearest(key, known.iter().copied());
            self.report.add(Problem::unknown_key(&self.place.key(key), &known, meant));
        }
    }

    /// Notes keys that look like a slip; leaves alone, and out, what Meta would ignore.
    pub(super) fn note_slips_only(&mut self) {
        self.open = true;
        let known = self.not_given();
        for key in self.unknown_keys() {
            if let meant @ Some(_) = nearest(key, known.iter().copied()) {
                self.report.add(Problem::unknown_key(&self.place.key(key), &known, meant));
            }
        }
    }

    /// Notes every key that nobody asked for; of those that stand beside Meta's, other names that people have for them are known.
    pub(super) fn note_unknown_beside(&mut self, beside: &[&'static str]) {
        if std::mem::replace(&mut self.open, true) {
            return;
        }
        let known = self.not_given();
        for key in self.unknown_keys() {
            let meant = nearest(key, known.iter().copied()).or_else(|| synonym(key, beside));
            self.report.add(Problem::unknown_member(&self.place.key(key), meant));
        }
    }

    /// No more of them than there can be problems: looking for slips costs.
    fn unknown_keys(&self) -> impl Iterator<Item = &String> {
        self.given.keys().filter(|key| !self.knows(key) && self.has(key)).take(limits::PROBLEMS)
    }

    fn not_given(&self) -> Vec<&'static str> {
        self.known.iter().copied().filter(|key| !self.has(key)).collect()
    }

    fn knows(&self, key: &str) -> bool {
        self.known.contains(&key)
    }

    /// Says nothing about the members that nobody asked for: what they are depends on
    /// something that could not be read.
    pub(super) fn leave_open(&mut self) {
        self.open = true;
    }

    /// Keeps the members that nobody asked for as they are: they are checked elsewhere.
    pub(super) fn keep_rest(&mut self) {
        self.open = true;
        for (key, value) in
            self.given.iter().filter(|(key, value)| !self.known.contains(&key.as_str()) && !value.is_null())
        {
            self.clean.insert(key.clone(), value.clone());
        }
    }

    pub(super) fn report(&self) -> &'a Report {
        self.report
    }

    pub(super) fn here(&self) -> &Place {
        &self.place
    }

    pub(super) fn at(&self, key: &str) -> Place {
        self.place.key(key)
    }

    pub(super) fn add(&self, problem: Problem) {
        self.report.add(problem);
    }

    /// Whether the member is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.given.get(key).is_some_and(|value| !value.is_null())
    }

    /// Knows the member and looks at it, without keeping it.
    pub(super) fn peek(&mut self, key: &'static str) -> Option<&'a Value> {
        if !self.knows(key) {
            self.known.push(key);
        }
        self.given.get(key).filter(|value| !value.is_null())
    }

    fn need(&mut self, key: &'static str) -> Option<&'a Value> {
        let value = self.peek(key);
        if value.is_none() {
            self.add(Problem::missing(&self.at(key)));
        }
        value
    }

    pub(super) fn keep(&mut self, key: &str, value: impl Into<Value>) {
        self.clean.insert(key.to_owned(), value.into());
    }

    /// What was kept under one key is kept under another.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        if let Some(value) = self.clean.shift_remove(from) {
            self.keep(to, value);
        }
    }

    /// A text that has to be there.
    pub(super) fn text(&mut self, key: &'static str, most: usize) -> Option<&'a str> {
        let value = self.need(key)?;
        let text = self.as_text(key, value, most)?;
        if text.trim().is_empty() {
            self.add(Problem::empty(&self.at(key)));
            return None;
        }
        self.keep(key, text);
        Some(text)
    }

    /// A text that may be there; an empty one is left out.
    pub(super) fn text_if_given(&mut self, key: &'static str, most: usize) -> Option<&'a str> {
        let value = self.peek(key)?;
        let text = self.as_text(key, value, most)?;
        if text.trim().is_empty() {
            return None;
        }
        self.keep(key, text);
        Some(text)
    }

    /// A text that has to be there and may be empty.
    pub(super) fn text_or_nothing(&mut self, key: &'static str) -> Option<&'a str> {
        let value = self.need(key)?;
        let text = self.as_text(key, value, limits::ANY)?;
        self.keep(key, text);
        Some(text)
    }

    fn as_text(&self, key: &str, value: &'a Value, most: usize) -> Option<&'a str> {
        let Some(text) = value.as_str() else {
            self.add(Problem::wrong_type(&self.at(key), Shape::Text));
            return None;
        };
        let have = text.chars().count();
        if have > most {
            self.add(Problem::too_long(&self.at(key), have, most));
            return None;
        }
        Some(text)
    }

    /// An id that has to be there. A whole number will do and becomes a text, as Meta wants it.
    pub(super) fn id(&mut self, key: &'static str) -> Option<String> {
        let value = self.need(key)?;
        self.as_id(key, value)
    }

    pub(super) fn id_if_given(&mut self, key: &'static str) -> Option<String> {
        let value = self.peek(key)?;
        self.as_id(key, value)
    }

    fn as_id(&mut self, key: &str, value: &Value) -> Option<String> {
        let id = match value {
            Value::String(id) => id.clone(),
            Value::Number(id) if id.is_u64() => id.to_string(),
            _ => {
                self.add(Problem::wrong_type(&self.at(key), Shape::Id));
                return None;
            }
        };
        let have = id.chars().count();
        if id.trim().is_empty() {
            self.add(Problem::empty(&self.at(key)));
            return None;
        }
        if have > limits::ID {
            self.add(Problem::too_long(&self.at(key), have, limits::ID));
            return None;
        }
        self.keep(key, id.as_str());
        Some(id)
    }

    /// One of the words that Meta knows here.
    pub(super) fn word(&mut self, key: &'static str, known: &[&'static str]) -> Option<&'static str> {
        let Some(value) = self.peek(key) else {
            self.add(Problem::missing_word(&self.at(key), known));
            return None;
        };
        self.as_word(key, value, known, str::eq)
    }

    pub(super) fn word_if_given(&mut self, key: &'static str, known: &[&'static str]) -> Option<&'static str> {
        let value = self.peek(key)?;
        self.as_word(key, value, known, str::eq)
    }

    /// The same in small or capital letters: Meta's own examples of templates have both.
    pub(super) fn word_in_any_case(&mut self, key: &'static str, known: &[&'static str]) -> Option<&'static str> {
        let Some(value) = self.peek(key) else {
            self.add(Problem::missing_word(&self.at(key), known));
            return None;
        };
        self.as_word(key, value, known, str::eq_ignore_ascii_case)
    }

    pub(super) fn word_in_any_case_if_given(
        &mut self,
        key: &'static str,
        known: &[&'static str],
    ) -> Option<&'static str> {
        let value = self.peek(key)?;
        self.as_word(key, value, known, str::eq_ignore_ascii_case)
    }

    fn as_word(
        &mut self,
        key: &str,
        value: &'a Value,
        known: &[&'static str],
        same: impl Fn(&str, &str) -> bool,
    ) -> Option<&'static str> {
        let given = self.as_text(key, value, limits::ANY)?;
        let found = known.iter().copied().find(|word| same(word, given));
        match found {
            Some(_) => self.keep(key, given),
            None => {
                let meant = nearest(given, known.iter().copied());
                self.add(Problem::not_one_of(&self.at(key), known, meant));
            }
        }
        found
    }

    pub(super) fn flag_if_given(&mut self, key: &'static str) -> Option<bool> {
        let value = self.peek(key)?;
        match value.as_bool() {
            Some(flag) => self.keep(key, flag),
            None => self.add(Problem::wrong_type(&self.at(key), Shape::Flag)),
        }
        value.as_bool()
    }

    /// A whole number that has to be there; Meta takes it in quotes too.
    pub(super) fn whole(&mut self, key: &'static str, range: &RangeInclusive<i64>) -> Option<i64> {
        let value = self.need(key)?;
        self.as_whole(key, value, range)
    }

    pub(super) fn whole_if_given(&mut self, key: &'static str, range: &RangeInclusive<i64>) -> Option<i64> {
        let value = self.peek(key)?;
        self.as_whole(key, value, range)
    }

    fn as_whole(&mut self, key: &str, value: &Value, range: &RangeInclusive<i64>) -> Option<i64> {
        let whole = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(digits) => digits.parse().ok(),
            _ => None,
        };
        match whole {
            None => self.add(Problem::wrong_type(&self.at(key), Shape::Whole)),
            Some(whole) if !range.contains(&whole) => self.add(Problem::out_of_range(&self.at(key), range)),
            Some(whole) => {
                self.keep(key, value.clone());
                return Some(whole);
            }
        }
        None
    }

    /// A number that has to be there; Meta takes it in quotes too.
    pub(super) fn number(&mut self, key: &'static str, range: &RangeInclusive<f64>) -> Option<&'a Value> {
        let value = self.need(key)?;
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(digits) => digits.parse().ok(),
            _ => None,
        };
        match number.filter(|number| number.is_finite()) {
            None => self.add(Problem::wrong_type(&self.at(key), Shape::Number)),
            Some(number) if !range.contains(&number) => self.add(Problem::out_of_range(&self.at(key), range)),
            Some(_) => {
                self.keep(key, value.clone());
                return Some(value);
            }
        }
        None
    }

    /// An object that has to be there, read with `read`.
    pub(super) fn within<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Fields<'a>) -> T) -> Option<T> {
        let value = self.need(key)?;
        self.read_within(key, value, read)
    }

    pub(super) fn within_if_given<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Fields<'a>) -> T,
    ) -> Option<T> {
        let value = self.peek(key)?;
        self.read_within(key, value, read)
    }

    fn read_within<T>(&mut self, key: &str, value: &'a Value, read: impl FnOnce(&mut Fields<'a>) -> T) -> Option<T> {
        let (result, clean) = Fields::read(self.report, self.at(key), value, read)?;
        self.keep(key, clean);
        Some(result)
    }

    /// A list of objects that has to be there, each read with `read`.
    pub(super) fn each<T>(
        &mut self,
        key: &'static str,
        count: &RangeInclusive<usize>,
        read: impl FnMut(&mut Fields<'a>) -> T,
    ) -> Vec<T> {
        self.need(key).map_or_else(Vec::new, |value| self.read_each(key, value, count, read))
    }

    pub(super) fn each_if_given<T>(
        &mut self,
        key: &'static str,
        count: &RangeInclusive<usize>,
        read: impl FnMut(&mut Fields<'a>) -> T,
    ) -> Vec<T> {
        self.peek(key).map_or_else(Vec::new, |value| self.read_each(key, value, count, read))
    }

    fn read_each<T>(
        &mut self,
        key: &str,
        value: &'a Value,
        count: &RangeInclusive<usize>,
        mut read: impl FnMut(&mut Fields<'a>) -> T,
    ) -> Vec<T> {
        let here = self.at(key);
        let Some(list) = value.as_array() else {
            self.add(Problem::wrong_type(&here, Shape::List));
            return Vec::new();
        };
        self.count(&here, list.len(), count);
        let read_one = |(n, element)| Fields::read(self.report, here.index(n), element, &mut read);
        let (results, clean) = list.iter().take(*count.end()).enumerate().filter_map(read_one).unzip();
        self.keep(key, Value::Array(clean));
        results
    }

    /// Notes too few and too many.
    pub(super) fn count(&self, place: &Place, have: usize, count: &RangeInclusive<usize>) {
        if have < *count.start() {
            self.add(Problem::too_few(place, have, *count.start()));
        } else if have > *count.end() {
            self.add(Problem::too_many(place, have, *count.end()));
        }
    }

    /// What has been kept under a key so far.
    pub(super) fn kept(&self, key: &str) -> Option<&Value> {
        self.clean.get(key)
    }

    /// A member that is kept as it is, whatever it is.
    pub(super) fn anything_if_given(&mut self, key: &'static str) -> Option<&'a Value> {
        let value = self.peek(key)?;
        self.keep(key, value.clone());
        Some(value)
    }

    /// An object whose members are the sender's own, kept as they are.
    pub(super) fn object_if_given(&mut self, key: &'static str) -> Option<&'a Map<String, Value>> {
        let value = self.peek(key)?;
        match value.as_object() {
            Some(_) => self.keep(key, value.clone()),
            None => self.add(Problem::wrong_type(&self.at(key), Shape::Object)),
        }
        value.as_object()
    }

    /// A member that has no business here, with the reason why.
    pub(super) fn forbid(&mut self, key: &'static str, en: &str, es: &str) {
        if self.peek(key).is_some() {
            self.add(Problem::not_allowed(&self.at(key), en, es));
        }
    }
}
