//! The steps of an attempt, and what is said of each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{How, Wishes};
use crate::trouble::{Trouble, Words};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Exchanges the code of a sign-up for a token.
    Exchange,
    /// Waits for what the browser heard of a sign-up.
    Session,
    /// Looks at the token: whose it is, what it may do, and when it ends.
    Token,
    /// Reads the number with it.
    Number,
    /// Looks whether the number is in the account.
    Account,
    /// Claims the number: from here on it is connected.
    Claim,
    /// Puts the new token in force.
    Store,
    /// Lets the App hear of the account.
    Subscribe,
    /// Looks at what the App hears of, and where its webhooks go.
    Fields,
    /// Calls our own callback as Meta does.
    Callback,
    /// Registers the number with the Cloud API.
    Register,
    /// Asks for the contacts and the history of the phone that shares the number.
    Sync,
    /// Ends the claim and forgets the token: from here on it is not connected.
    Release,
    /// Takes the number off the Cloud API.
    Deregister,
    /// Lets the App hear of the account no more.
    Unsubscribe,
}

impl What {
    /// As it is written in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Session => "session",
            Self::Token => "token",
            Self::Number => "number",
            Self::Account => "account",
            Self::Claim => "claim",
            Self::Store => "store",
            Self::Subscribe => "subscribe",
            Self::Fields => "fields",
            Self::Callback => "callback",
            Self::Register => "register",
            Self::Sync => "sync",
            Self::Release => "release",
            Self::Deregister => "deregister",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StepState)]
pub enum State {
    /// Not begun.
    Pending,
    /// Under way, or about to be tried again.
    Running,
    /// It came to its end; there may be a warning.
    Done,
    /// There was no need, or no way; `detail` says why.
    Skipped,
    /// It stopped the attempt.
    Failed,
}

/// One step of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Step {
    /// What it does.
    pub name: What,
    /// How far it is.
    pub state: State,
    /// When that was last written.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// What came of it.
    pub detail: Option<Words>,
    /// Why it failed, or why it is tried again.
    pub error: Option<Trouble>,
    /// What should be looked at, though it did not stop the attempt.
    pub warning: Option<Trouble>,
}

impl Step {
    fn new(name: What) -> Self {
        Self { name, state: State::Pending, at: None, detail: None, error: None, warning: None }
    }

    /// Whether it is not to be done again.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Done | State::Skipped)
    }
}

/// The steps of an attempt that was not begun yet.
pub(super) fn plan(how: How, wishes: Wishes) -> Vec<Step> {
    use What::*;
    let connect = [Token, Number, Account, Claim, Subscribe, Fields, Callback, Register, Sync];
    let names: Vec<What> = match how {
        How::Token => connect.to_vec(),
        How::Signup => [Exchange, Session].into_iter().chain(connect).collect(),
        How::Rotation => {
            let account = wishes.account.then_some(Account);
            [Token, Number].into_iter().chain(account).chain([Store]).collect()
        }
        How::Disconnection => {
            let deregister = wishes.deregister.then_some(Deregister);
            [Release].into_iter().chain(deregister).chain([Unsubscribe]).collect()
        }
    };
    names.into_iter().map(Step::new).collect()
}

/// Makes the steps ready to go on. Another token has to prove itself from the beginning. As long as the proof was not used
/// it is made again, too: what it is of, or what Meta says of it, may be other than it was. A code is good once, whatever
/// came of it.
pub(super) fn resume(steps: &mut [Step], another_token: bool) {
    let unused = steps.iter().any(|step| matches!(step.name, What::Claim | What::Store) && !step.is_over());
    for step in steps {
        let of_code = matches!(step.name, What::Exchange | What::Session);
        if of_code && another_token && !step.is_over() {
            step.state = State::Skipped;
            step.error = None;
        } else if !step.is_over() || !of_code && (another_token || unused) {
            *step = Step::new(step.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trouble::{Code, WhoseMove, Word};

    fn states(steps: &[Step]) -> Vec<(What, State)> {
        steps.iter().map(|step| (step.name, step.state)).collect()
    }

    /// Steps of which the first so many are done, and the next one failed.
    fn failed_at(how: How, nth: usize) -> Vec<Step> {
        let mut steps = plan(how, Wishes::default());
        steps[..nth].iter_mut().for_each(|step| step.state = State::Done);
        steps[nth].state = State::Failed;
        steps
    }

    #[test]
    fn what_failed_is_done_again_and_what_was_done_with_the_proof_is_not() {
        let mut steps = failed_at(How::Token, 5);
        assert_eq!((steps[3].name, steps[5].name), (What::Claim, What::Fields));
        resume(&mut steps, false);
        let over: Vec<bool> = steps.iter().map(Step::is_over).collect();
        assert_eq!(over, [true, true, true, true, true, false, false, false, false]);
        resume(&mut steps, true);
        assert!(steps.iter().all(|step| step.state == State::Pending), "{steps:?}");
    }

    /// An attempt whose number another organization had went on with any other id, as if the proof were of that one.
    #[test]
    fn a_proof_that_was_not_used_is_made_again() {
        for (how, used_by, of_code) in [(How::Token, 3, 0), (How::Signup, 5, 2), (How::Rotation, 2, 0)] {
            for nth in of_code..=used_by {
                let mut steps = failed_at(how, nth);
                assert!(matches!(steps[used_by].name, What::Claim | What::Store));
                resume(&mut steps, false);
                assert!(steps[..of_code].iter().all(|step| step.state == State::Done), "{steps:?}");
                assert!(steps[of_code..].iter().all(|step| step.state == State::Pending), "{steps:?}");
            }
        }
    }

    #[test]
    fn another_token_stands_for_a_code_that_failed() {
        let mut steps = plan(How::Signup, Wishes::default());
        steps[0].state = State::Failed;
        resume(&mut steps, true);
        assert_eq!(
            states(&steps)[..3],
            [(What::Exchange, State::Skipped), (What::Session, State::Skipped), (What::Token, State::Pending)]
        );
    }

    #[test]
    fn steps_are_written_as_they_are_read() {
        let mut steps = plan(How::Disconnection, Wishes { deregister: true, ..Wishes::default() });
        let told = |code: Code| Trouble::new(code, "…", Words::new("a", "b")).for_whom(WhoseMove::Meta);
        steps[0].warning = Some(told(Word::NoAnswer.into()));
        steps[1].error = Some(told(190.into()));
        let text = serde_json::to_string(&steps).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Step>>(&text).unwrap(), steps);
        assert!(text.contains(r#""name":"deregister""#) && text.contains(r#""code":190"#), "{text}");
        for step in &steps {
            assert_eq!(serde_json::to_value(step.name).unwrap(), step.name.word());
        }
    }
}
