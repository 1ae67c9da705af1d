//! The Messaging account that a message goes by, where a number is in several: optional now, required in that case from a version of
//! the Graph API of 2027 on.

use serde_json::Value;

use super::problem::{Problem, Rule};
use super::reader::Fields;

const NAME: &str = "messaging_account_id";

/// What it was called before: Meta takes it until the end of 2026, and a message may be planned beyond that.
const FORMER: &str = "paid_messaging_account_id";

/// The account that a message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagingAccount {
    /// Meta's id.
    pub id: String,
    /// The member that named it.
    named: &'static str,
}

impl MessagingAccount {
    /// Has another message go by it too.
    pub fn put(&self, body: &mut Value) {
        body[NAME] = self.id.as_str().into();
    }

    /// The number that it is to leave from is in another one.
    pub fn foreign(&self) -> Problem {
        let field = self.named.to_owned();
        let en = format!("`{field}` is no account of this number: leave it out, or give the number's `waba_id`.");
        let es = format!("`{field}` no es una cuenta de este número: quítalo, o pon la `waba_id` del número.");
        Problem { field, rule: Rule::Mismatch, en, es }
    }
}

/// Reads it by either name; it goes on by the one that lasts.
pub(super) fn check(body: &mut Fields) -> Option<MessagingAccount> {
    let (id, former) = (body.id_if_given(NAME), body.id_if_given(FORMER));
    if let (Some(id), Some(former)) = (&id, &former)
        && id != former
    {
        let en = format!("says another account than `{NAME}`: remove it.");
        let es = format!("dice otra cuenta que `{NAME}`: quítalo.");
        body.add(Problem::at(&body.at(FORMER), Rule::Conflict, en, es));
    }
    body.rename(FORMER, NAME);
    let named = if id.is_some() { NAME } else { FORMER };
    id.or(former).map(|id| MessagingAccount { id, named })
}
