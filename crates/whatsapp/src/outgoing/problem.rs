//! What is wrong with a body, said so that a person can put it right.

use std::fmt;

/// One thing to put right before Meta would take the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: the path of the member, as `interactive.action.buttons[1].reply.title`.
    pub field: String,
    /// Which rule is broken, for programs.
    pub rule: Rule,
    /// What to do, in English. Names the field, never shows what the sender wrote.
    pub en: String,
    /// What to do, in Spanish.
    pub es: String,
}

/// The kinds of problem there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Something required is not there.
    Missing,
    /// There, but with nothing in it.
    Empty,
    /// A number where a text belongs, and the like.
    WrongType,
    /// Not written as it has to be: a URL, a phone number, a template's name.
    Format,
    /// More characters than Meta takes.
    TooLong,
    /// Fewer elements than Meta takes.
    TooFew,
    /// More elements than Meta takes.
    TooMany,
    /// A number too small or too large.
    OutOfRange,
    /// None of the words that Meta knows here.
    NotOneOf,
    /// A key that Meta does not know here.
    UnknownKey,
    /// Two things that exclude each other.
    Conflict,
    /// The same twice where all must differ.
    Duplicate,
    /// Known to Meta, but not with the rest of this message.
    NotAllowed,
    /// Does not fit its neighbours or the template it fills.
    Mismatch,
    /// WhatsApp has it, we do not.
    Unsupported,
}

impl Rule {
    /// The word for it, stable for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Rule::Missing => "missing",
            Rule::Empty => "empty",
            Rule::WrongType => "wrong_type",
            Rule::Format => "format",
            Rule::TooLong => "too_long",
            Rule::TooFew => "too_few",
            Rule::TooMany => "too_many",
            Rule::OutOfRange => "out_of_range",
            Rule::NotOneOf => "not_one_of",
            Rule::UnknownKey => "unknown_key",
            Rule::Conflict => "conflict",
            Rule::Duplicate => "duplicate",
            Rule::NotAllowed => "not_allowed",
            Rule::Mismatch => "mismatch",
            Rule::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

impl std::error::Error for Problem {}

/// All problems of a body, at least one, in the order in which the body is read.
///
/// A body with more than a hundred of them has the first hundred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Them, unless there are none.
    pub(super) fn unless_empty(problems: Vec<Problem>) -> Result<(), Problems> {
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }

    /// One after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl From<Problem> for Problems {
    fn from(one: Problem) -> Self {
        Problems(vec![one])
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
