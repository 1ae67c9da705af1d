//! What Meta answered to an attempt's token, and the proof that is made of it.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::job::Job;
use crate::number::{Basis, Opens, Proof};
use crate::secret::{Keyring, Unopenable};

/// What Meta showed, and to which token: of another token, or another id, it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    /// What tells the token from others.
    token: String,
    phone_number_id: String,
    waba_id: Option<String>,
    /// All numbers of that account.
    #[serde(default)]
    in_account: Vec<String>,
}

/// Why an attempt has no proof.
#[derive(Debug, thiserror::Error)]
pub enum Unproved {
    /// Meta was not asked about these ids with this token.
    #[error("the token was not tried with this number and its account")]
    NotAsked,
    /// The token cannot be read.
    #[error(transparent)]
    Unopenable(#[from] Unopenable),
}

impl Job {
    /// Meta showed this number to the attempt's token. What was shown before says nothing any more.
    pub fn was_shown(&mut self, phone_number_id: &str) {
        self.learned.answered = self.token_mark().map(|token| Answered {
            token,
            phone_number_id: phone_number_id.to_owned(),
            waba_id: None,
            in_account: Vec::new(),
        });
    }

    /// Meta listed these numbers in this account to the attempt's token, and the attempt's own among them.
    pub fn was_listed(&mut self, phone_number_id: &str, waba_id: &str, in_account: Vec<String>) {
        let mark = self.token_mark();
        if let Some(answered) = &mut self.learned.answered
            && Some(&answered.token) == mark.as_ref()
            && answered.phone_number_id == phone_number_id
        {
            answered.waba_id = Some(waba_id.to_owned());
            answered.in_account = in_account;
        }
    }

    /// That the attempt's token opens the attempt's number, as both are now, and those that it was shown beside it.
    pub fn opens(&self, keyring: &Keyring) -> Result<Opens, Unproved> {
        let (answered, token) = self.answered(keyring)?;
        Ok(self.opened(answered, token))
    }

    fn opened(&self, answered: &Answered, token: SecretString) -> Opens {
        Opens {
            scope: self.scope,
            phone_number_id: answered.phone_number_id.clone(),
            beside: answered.in_account.clone(),
            token,
        }
    }

    /// The same, and that the number is in the attempt's account.
    pub fn proof(&self, keyring: &Keyring) -> Result<Proof, Unproved> {
        let (answered, token) = self.answered(keyring)?;
        let waba_id = answered.waba_id.clone().filter(|waba_id| Some(waba_id) == self.connection.waba_id.as_ref());
        let opens = self.opened(answered, token);
        let app_id = self.connection.app_id.clone();
        Ok(Proof { opens, waba_id: waba_id.ok_or(Unproved::NotAsked)?, app_id, basis: Basis::Meta })
    }

    fn answered(&self, keyring: &Keyring) -> Result<(&Answered, SecretString), Unproved> {
        let mark = self.token_mark();
        let answered = self.learned.answered.as_ref().filter(|answered| {
            Some(&answered.token) == mark.as_ref()
                && Some(&answered.phone_number_id) == self.connection.phone_number_id.as_ref()
        });
        let answered = answered.ok_or(Unproved::NotAsked)?;
        Ok((answered, self.token(keyring)?.ok_or(Unproved::NotAsked)?))
    }
}
