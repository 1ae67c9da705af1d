//! From step to step: each is done, then written, before the next begins.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::Database;
use model::connection::{Job, State, Step, What};
use model::database::{DatabaseError, Operator, Result};
use model::trouble::{Trouble, Words};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::desk::{Came, Desk};
use super::{Settings, claim, exchange, former, number, register, token, webhook};

/// A step that brings no answer is tried so often.
const TRIES: u32 = 4;

/// The first wait between tries; each is twice as long as the one before.
const FIRST_WAIT: SignedDuration = SignedDuration::from_millis(500);

/// What Meta answered is not asked twice, so it is written for so long as the database is away: the lease holds longer.
const WRITE_FOR: Duration = Duration::from_secs(90);

/// Where an attempt stands when nobody goes on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// At its end, or failed.
    Over,
    /// It goes on then.
    Until(Timestamp),
    /// Somebody else has it.
    Lost,
}

/// An attempt, and who goes on with it.
pub(super) struct Carrier {
    database: Database,
    settings: Settings,
    job: Job,
}

impl Carrier {
    pub(super) fn new(database: Database, settings: Settings, job: Job) -> Self {
        Self { database, settings, job }
    }

    pub(super) fn job(&self) -> &Job {
        &self.job
    }

    pub(super) fn into_job(self) -> Job {
        self.job
    }

    /// Goes on until the end, or until there is something to wait for. Then anybody may go on.
    pub(super) async fn go_on(&mut self, stop: &CancellationToken, tell: impl FnMut(&Step)) -> Result<Rest> {
        self.go(stop, false, tell).await
    }

    /// The same for one who waits by himself.
    pub(super) async fn go_on_holding(&mut self, stop: &CancellationToken, tell: impl FnMut(&Step)) -> Result<Rest> {
        self.go(stop, true, tell).await
    }

    async fn go(&mut self, stop: &CancellationToken, hold: bool, mut tell: impl FnMut(&Step)) -> Result<Rest> {
        while let Some(what) = self.job.next() {
            let now = self.settings.to_meta.clock.now();
            if stop.is_cancelled() {
                // Another server need not wait for the lease to end.
                return Ok(if self.write(false, now).await? { Rest::Until(now) } else { Rest::Lost });
            }
            self.job.starts(what, now);
            if !self.write(true, now).await? {
                return Ok(Rest::Lost);
            }
            let rest = self.step(what, hold).await?;
            if rest == Some(Rest::Lost) {
                return Ok(Rest::Lost);
            }
            if let Some(step) = self.job.connection.steps.iter().find(|step| step.name == what)
                && step.state != State::Running
            {
                tell(step);
            }
            if let Some(rest) = rest {
                return Ok(rest);
            }
        }
        Ok(Rest::Over)
    }

    /// Does one step and writes it. What changes rows is written with the rows.
    async fn step(&mut self, what: What, hold: bool) -> Result<Option<Rest>> {
        let called = match what {
            What::Session | What::Claim | What::Store | What::Release => None,
            _ => Some(self.call(what).await?),
        };
        let before = self.job.clone();
        let mut patience = Patience::new();
        let mut again = false;
        loop {
            match self.try_write(what, called.as_ref(), hold, again).await {
                Ok(rest) => return Ok(rest),
                Err(error) => patience.after(error).await?,
            }
            self.job = before.clone();
            again = true;
        }
    }

    async fn try_write(&mut self, what: What, called: Option<&Came>, hold: bool, again: bool) -> Result<Option<Rest>> {
        let tx = self.database.operator().await?;
        if again {
            // It may have been written, and only the answer lost: what changed rows does not find them the same again.
            match self.job.any_organization_reread(&tx).await? {
                Some(job) if job.is_past(what) => {
                    self.job = job;
                    return Ok(self.job.next().is_none().then_some(Rest::Over));
                }
                Some(_) => {}
                None => return Ok(Some(Rest::Lost)),
            }
        }
        match called {
            Some(came) => self.settle(tx, what, came, hold).await,
            None => {
                let came = self.change(&tx, what).await?;
                self.settle(tx, what, &came, hold).await
            }
        }
    }

    /// A step of rows alone.
    async fn change(&mut self, tx: &Operator, what: What) -> Result<Came> {
        let mut desk = Desk { settings: &self.settings, job: &mut self.job };
        match what {
            What::Session => exchange::session(&mut desk, tx).await,
            What::Claim => claim::claim(&mut desk, tx).await,
            What::Store => claim::store(&mut desk, tx).await,
            What::Release => claim::release(&mut desk, tx).await,
            _ => unreachable!("the others are calls"),
        }
    }

    /// A step of calls to Meta; no transaction is open meanwhile.
    async fn call(&mut self, what: What) -> Result<Came> {
        let mut desk = Desk { settings: &self.settings, job: &mut self.job };
        Ok(match what {
            What::Exchange => exchange::exchange(&mut desk).await,
            What::Token => token::look(&mut desk).await,
            What::Number => number::read(&mut desk).await,
            What::Account => {
                let found = number::find_in_account(&mut desk).await;
                let mut patience = Patience::new();
                loop {
                    match former::look(&mut desk, &self.database, found.clone()).await {
                        Ok(came) => break came,
                        Err(error) => patience.after(error).await?,
                    }
                }
            }
            What::Subscribe => webhook::subscribe(&mut desk).await,
            What::Fields => webhook::fields(&mut desk).await,
            What::Callback => webhook::callback(&mut desk).await,
            What::Register => register::register(&mut desk).await,
            What::Sync => register::sync(&mut desk).await,
            What::Deregister => register::deregister(&mut desk, &self.database).await?,
            What::Unsubscribe => webhook::unsubscribe(&mut desk, &self.database).await?,
            What::Session | What::Claim | What::Store | What::Release => unreachable!("these change rows"),
        })
    }

    /// Writes what came of a step.
    async fn settle(&mut self, tx: Operator, what: What, came: &Came, hold: bool) -> Result<Option<Rest>> {
        let now = self.settings.to_meta.clock.now();
        let (mut hold, mut due_at, mut rest) = (hold, now, None);
        match came {
            Came::Done(detail) => self.job.did(what, State::Done, detail.clone(), None, now),
            Came::Warned(detail, warning) => {
                self.job.did(what, State::Done, detail.clone(), Some(Trouble::clone(warning)), now);
            }
            Came::Skipped(detail) => self.job.did(what, State::Skipped, detail.clone(), None, now),
            Came::Waits(at) => {
                self.job.again(what, None, now);
                (due_at, rest) = (*at, Some(Rest::Until(*at)));
            }
            Came::NoAnswer(why) if self.job.attempts + 1 < TRIES => {
                let wait = FIRST_WAIT * 2_i32.pow(self.job.attempts);
                self.job.attempts += 1;
                self.job.again(what, Some(Trouble::clone(why)), now);
                (due_at, rest) = (now + wait, Some(Rest::Until(now + wait)));
            }
            Came::NoAnswer(why) | Came::Refused(why) => self.fails(what, why, now),
        }
        if rest.is_none() {
            match self.job.next() {
                Some(_) => hold = true,
                None => {
                    if self.job.connection.failed().is_none() {
                        self.job.ends(now);
                    }
                    (hold, rest) = (false, Some(Rest::Over));
                }
            }
        }
        if what == What::Register {
            register::keep(&self.job, &tx, now).await?;
        }
        if what == What::Subscribe {
            webhook::keep(&self.job, &tx, now).await?;
        }
        if !self.job.any_organization_save(&tx, hold, due_at).await? {
            return Ok(Some(Rest::Lost));
        }
        tx.commit_in_job().await?;
        Ok(rest)
    }

    /// What a number works without is a warning, and so is all that Meta has against a number that leaves.
    fn fails(&mut self, what: What, why: &Trouble, now: Timestamp) {
        let soft = match what {
            What::Fields => !self.job.wishes.set_webhook,
            What::Callback | What::Sync | What::Deregister | What::Unsubscribe => true,
            _ => false,
        };
        if soft {
            let detail = Words::new("It went on without this.", "Se siguió sin esto.");
            self.job.did(what, State::Done, detail, Some(why.clone()), now);
        } else {
            self.job.failed(what, why.clone(), now);
        }
    }

    async fn write(&self, hold: bool, due_at: Timestamp) -> Result<bool> {
        let mut patience = Patience::new();
        loop {
            match self.save(hold, due_at).await {
                Ok(kept) => return Ok(kept),
                Err(error) => patience.after(error).await?,
            }
        }
    }

    async fn save(&self, hold: bool, due_at: Timestamp) -> Result<bool> {
        let tx = self.database.operator().await?;
        let kept = self.job.any_organization_save(&tx, hold, due_at).await?;
        tx.commit_in_job().await?;
        Ok(kept)
    }
}

/// Lets one try again until it is written, or until the lease is about to end.
struct Patience {
    began: Instant,
    pause: Duration,
}

impl Patience {
    fn new() -> Self {
        Self { began: Instant::now(), pause: Duration::from_millis(5) }
    }

    async fn after(&mut self, error: DatabaseError) -> Result<()> {
        if error.blames_data() || self.began.elapsed() > WRITE_FOR {
            return Err(error);
        }
        tracing::debug!(%error, "a step is written once more");
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(2));
        Ok(())
    }
}
