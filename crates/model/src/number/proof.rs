//! What a claim is made from: the number, the account and the token in one value, with what says that they belong
//! together.

use secrecy::SecretString;

use crate::scope::Scope;

/// That a token opens a number. An attempt makes it of Meta's answers ([`crate::connection::Job::opens`]), and nothing
/// else does.
#[derive(Debug)]
pub struct Opens {
    pub(crate) scope: Scope,
    pub(crate) phone_number_id: String,
    /// Numbers of the same account that it opens too, where Meta was asked for them.
    pub(crate) beside: Vec<String>,
    pub(crate) token: SecretString,
}

impl Opens {
    /// Meta's id of the number that the token opens.
    pub fn phone_number_id(&self) -> &str {
        &self.phone_number_id
    }
}

/// That a number and its account are an organization's to claim, with this token. Made of Meta's answers
/// ([`crate::connection::Job::proof`]), of the claim that it takes the place of, or of an operator's word.
#[derive(Debug)]
pub struct Proof {
    pub(crate) opens: Opens,
    pub(crate) waba_id: String,
    pub(crate) app_id: Option<String>,
    pub(crate) basis: Basis,
}

/// What a claim stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Meta's answers to the token.
    Meta,
    /// The word of whoever runs the server.
    Operator,
    /// Nobody knows: it was made before this was written down.
    Unknown,
}

impl Basis {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Operator => "operator",
            Self::Unknown => "none",
        }
    }

    pub(crate) fn of(word: &str) -> Self {
        match word {
            "meta" => Self::Meta,
            "operator" => Self::Operator,
            _ => Self::Unknown,
        }
    }
}

impl Proof {
    /// An operator says so, and Meta was not asked: what is claimed from it says so, too.
    pub fn operators_word(
        scope: &Scope,
        phone_number_id: &str,
        waba_id: &str,
        app_id: Option<&str>,
        token: &SecretString,
    ) -> Self {
        Self {
            opens: Opens {
                scope: *scope,
                phone_number_id: phone_number_id.to_owned(),
                beside: Vec::new(),
                token: token.clone(),
            },
            waba_id: waba_id.to_owned(),
            app_id: app_id.map(str::to_owned),
            basis: Basis::Operator,
        }
    }

    /// The same number for another organization, because whoever runs the server gives it to them.
    pub(super) fn handed_to(self, scope: &Scope) -> Self {
        Self { opens: Opens { scope: *scope, ..self.opens }, ..self }
    }

    /// Meta's id of the number.
    pub fn phone_number_id(&self) -> &str {
        &self.opens.phone_number_id
    }
}
