//! The loop around [`super::apply`]: waits, claims lanes, applies, and goes on when something fails.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use metrics::{counter, histogram};
use model::Clock;
use model::database::{Database, DatabaseError, Operator, Pipeline, Result};
use model::inbound::{self, Backlog, Claimed, Count, LANES};
use model::outbox::Wake;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use whatsapp::webhook;

use super::fill::fill;
use super::{Input, Outcome, apply, keep_aside};
use crate::rounds::{NO_PAUSE, Pause};

/// Wake-ups are hints: another node's rows, or those left by a crash, are found by looking.
const POLL: Duration = Duration::from_secs(1);

/// Below half a batch a short wait makes the next one fuller, which halves the work a message costs. Under load it
/// grows to what the last batch took, but not beyond what people notice.
const LINGER: Duration = Duration::from_millis(5);
const LONGEST_LINGER: Duration = Duration::from_millis(25);

/// What only tells how far messages have come is looked out for by nobody: the statuses of one message come in one batch.
const UNHURRIED: Duration = Duration::from_millis(100);

/// So few bodies waiting mean that there is no load worth a longer wait.
const FEW: u32 = 20;

/// An organization's line, or a row, that is not had in this time is waited for aside, so that other lanes go on.
const BRIEF: Duration = Duration::from_millis(50);

/// So many lanes of an applier may wait aside.
const ASIDE: usize = 8;

/// How inbound is applied.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What time it is.
    pub clock: Clock,
    /// Rung when there is a file to fetch.
    pub media: Arc<Wake>,
    /// Appliers, each with its own lanes and connection.
    pub appliers: usize,
    /// The most bodies in one transaction.
    pub batch: u32,
}

/// Applies until the token is cancelled; a batch under way is finished first.
pub async fn run(database: Database, backlog: Arc<Backlog>, settings: Settings, stop: CancellationToken) {
    let appliers = settings.appliers.clamp(1, LANES);
    let mut running = JoinSet::new();
    for nth in 0..appliers {
        let lanes = (0..LANES)
            .filter(|lane| lane % appliers == nth)
            .map(|lane| i16::try_from(lane).expect("lanes are few"))
            .collect();
        let applier = Applier {
            database: database.clone(),
            backlog: backlog.clone(),
            clock: settings.clock.clone(),
            media: settings.media.clone(),
            lanes,
            batch: settings.batch,
            limit: settings.batch,
            look_everywhere: true,
            took: Duration::ZERO,
            aside: Aside::default(),
        };
        running.spawn(applier.run(stop.clone()).instrument(tracing::debug_span!("applier", nth)));
    }
    while running.join_next().await.is_some() {}
}

struct Applier {
    database: Database,
    backlog: Arc<Backlog>,
    clock: Clock,
    media: Arc<Wake>,
    lanes: Vec<i16>,
    batch: u32,
    /// Below `batch` while a body that cannot be applied is being found.
    limit: u32,
    look_everywhere: bool,
    /// How long the last batch took.
    took: Duration,
    aside: Aside,
}

/// Lanes that wait for somebody, each in a task of its own.
#[derive(Default)]
struct Aside {
    lanes: Vec<i16>,
    tasks: JoinSet<i16>,
}

impl Aside {
    /// A lane that has had what it waited for; none, as long as there is none.
    async fn ended(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(lane)) => self.lanes.retain(|aside| *aside != lane),
            // None of them panics; if one did, all that are left are looked at anew.
            Some(Err(_)) => (self.lanes, self.tasks) = (Vec::new(), JoinSet::new()),
            None => std::future::pending().await,
        }
    }
}

/// What one round found.
enum Round {
    /// Nothing, or nothing that another node does not hold.
    Idle,
    Applied,
}

impl Applier {
    async fn run(mut self, stop: CancellationToken) {
        let mut pause = Pause::default();
        while !stop.is_cancelled() {
            match self.round().await {
                Ok(round) => {
                    pause.over();
                    if matches!(round, Round::Idle) {
                        self.wait(&stop).await;
                    }
                    self.linger(&stop).await;
                }
                Err(error) => {
                    let wait = self.failed(&error, &mut pause);
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    }

    async fn wait(&mut self, stop: &CancellationToken) {
        let here = self.here();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.aside.ended() => self.look_everywhere = true,
            () = self.backlog.wait(&here) => {}
            () = self.database.activity().pause(POLL) => self.look_everywhere = true,
        }
    }

    /// Lets a batch fill. A full enough one, or none, is not waited for.
    async fn linger(&self, stop: &CancellationToken) {
        let here = self.here();
        let is_enough = || {
            let waiting = self.backlog.waiting(&here);
            waiting == 0 || waiting >= self.batch / 2
        };
        let unhurried = tokio::time::sleep(UNHURRIED);
        tokio::pin!(unhurried);
        loop {
            let more = self.backlog.more();
            if is_enough() || self.backlog.is_hurried(&here) {
                break;
            }
            tokio::select! {
                () = more => {}
                () = stop.cancelled() => return,
                () = &mut unhurried => return,
            }
        }
        if !is_enough() {
            let longest = if self.backlog.waiting(&here) < FEW { LINGER } else { LONGEST_LINGER };
            tokio::time::sleep(self.took.clamp(LINGER, longest)).await;
        }
    }

    /// The lanes that do not wait aside.
    fn here(&self) -> Vec<i16> {
        self.lanes.iter().copied().filter(|lane| !self.aside.lanes.contains(lane)).collect()
    }

    /// Which lanes to claim, with a quota each.
    fn plan(&mut self) -> Vec<(i16, i32)> {
        while self.aside.ended().now_or_never().is_some() {
            self.look_everywhere = true;
        }
        let mut waiting: Vec<u32> = self.lanes.iter().map(|lane| self.backlog.count(*lane).all).collect();
        if std::mem::take(&mut self.look_everywhere) {
            // Nobody counted what others left: look for a little in every lane.
            let some = (self.limit / u32::try_from(self.lanes.len()).expect("lanes are few")).max(1);
            for count in &mut waiting {
                *count = (*count).max(some);
            }
            // A batch that is smaller than the number of lanes serves the first ones: each time others.
            let served = usize::try_from(self.limit).unwrap_or(usize::MAX) % self.lanes.len();
            self.lanes.rotate_left(served);
            waiting.rotate_left(served);
        }
        for (lane, count) in self.lanes.iter().zip(&mut waiting) {
            if self.aside.lanes.contains(lane) {
                *count = 0;
            }
        }
        let quotas = fill(&waiting, self.limit);
        self.lanes
            .iter()
            .zip(quotas)
            .filter(|(_, quota)| *quota > 0)
            .map(|(lane, quota)| (*lane, i32::try_from(quota).unwrap_or(i32::MAX)))
            .collect()
    }

    async fn round(&mut self) -> Result<Round> {
        let plan = self.plan();
        if plan.is_empty() {
            return Ok(Round::Idle);
        }
        match self.attempt(&plan, Some(BRIEF)).await {
            Err(error) if error.is_busy() => self.one_by_one(plan).await,
            done => done,
        }
    }

    /// Somebody holds what one of these lanes needs: the others go on, and that one waits aside.
    async fn one_by_one(&mut self, plan: Vec<(i16, i32)>) -> Result<Round> {
        for (lane, quota) in plan {
            match self.attempt(&[(lane, quota)], Some(BRIEF)).await {
                Err(error) if error.is_busy() => self.set_aside(lane, quota),
                done => _ = done?,
            }
        }
        Ok(Round::Applied)
    }

    fn set_aside(&mut self, lane: i16, quota: i32) {
        if self.aside.lanes.len() >= ASIDE {
            // It is tried again with the next round.
            return;
        }
        counter!("wazapp_lanes_set_aside_total").increment(1);
        let mut waiting = Self {
            database: self.database.clone(),
            backlog: self.backlog.clone(),
            clock: self.clock.clone(),
            media: self.media.clone(),
            lanes: vec![lane],
            aside: Aside::default(),
            ..*self
        };
        self.aside.lanes.push(lane);
        self.aside.tasks.spawn(async move {
            if let Err(error) = waiting.attempt(&[(lane, quota)], None).await {
                tracing::debug!(%error, lane, "a lane that waited aside is tried again");
            }
            lane
        });
    }

    /// Applies what these lanes have, waiting no longer than this for what others hold.
    async fn attempt(&mut self, plan: &[(i16, i32)], patience: Option<Duration>) -> Result<Round> {
        let counted: Vec<(i16, Count)> = plan.iter().map(|(lane, _)| (*lane, self.backlog.count(*lane))).collect();
        let (tx, claim) = inbound::claim(&self.database, plan, patience).await?;
        if claim.bodies.is_empty() {
            tx.commit_in_job().await?;
            // What was counted since then may have come since then.
            for (lane, count) in counted.into_iter().filter(|(lane, _)| claim.lanes.contains(lane)) {
                self.backlog.taken(lane, count);
            }
            return Ok(Round::Idle);
        }
        self.database.activity().note();
        let span = tracing::info_span!("apply", bodies = claim.bodies.len(), lanes = claim.lanes.len());
        let started = std::time::Instant::now();
        let (outcome, lag) = match self.apply(tx, &claim.bodies).instrument(span.clone()).await {
            Ok(done) => done,
            Err(error) if error.blames_data() && claim.bodies.len() == 1 => {
                (self.give_up(&claim.bodies[0], &error).await?, Duration::ZERO)
            }
            Err(error) => return Err(error),
        };
        self.took = started.elapsed();
        self.limit = (self.limit * 2).min(self.batch);
        self.count_taken(plan, &claim.bodies);
        if outcome.media > 0 {
            self.media.queued();
        }
        measure(&outcome, claim.bodies.len(), self.took, lag);
        tracing::debug!(parent: &span, ?outcome, ms = self.took.as_millis(), "applied");
        Ok(Round::Applied)
    }

    async fn apply(&self, tx: Operator, bodies: &[Claimed]) -> Result<(Outcome, Duration)> {
        let inputs: Vec<Input> = bodies.iter().map(Input::from).collect();
        let oldest = inputs.iter().map(|input| input.received_at).min();
        let outcome = apply(tx, self.clock.now(), &inputs, |pipeline| inbound::settle(pipeline, bodies)).await?;
        let lag = oldest.map_or(Duration::ZERO, |oldest| self.clock.now().duration_since(oldest).unsigned_abs());
        Ok((outcome, lag))
    }

    /// A body that the database refuses even alone is kept aside, so that it does not hold up its lane.
    async fn give_up(&self, body: &Claimed, error: &DatabaseError) -> Result<Outcome> {
        let settle = |pipeline: &mut Pipeline<'_>| inbound::settle(pipeline, std::slice::from_ref(body));
        keep_aside(&self.database, self.clock.now(), &Input::from(body), error, settle).await
    }

    fn count_taken(&self, plan: &[(i16, i32)], bodies: &[Claimed]) {
        for (lane, quota) in plan {
            let of_lane = || bodies.iter().filter(|body| body.lane == *lane);
            let count = |bodies: usize| u32::try_from(bodies).unwrap_or(u32::MAX);
            let taken = of_lane().count();
            let size: usize = of_lane().map(|body| body.body.len()).sum();
            let hurried = of_lane().filter(|body| !webhook::peek_only_statuses(&body.body)).count();
            self.backlog.taken(*lane, Count { all: count(taken), hurried: count(hurried) });
            // A full quota, or a body that filled it, may mean that more waits than this process has counted.
            let full = taken >= usize::try_from(*quota).unwrap_or(usize::MAX) || size >= inbound::LANE_BYTES;
            if full && self.backlog.count(*lane).all == 0 {
                self.backlog.suspect(*lane);
            }
        }
    }

    fn failed(&mut self, error: &DatabaseError, pause: &mut Pause) -> Duration {
        counter!("wazapp_apply_failures_total").increment(1);
        self.look_everywhere = true;
        if error.blames_data() {
            self.limit = (self.limit / 2).max(1);
            tracing::debug!(%error, limit = self.limit, "a batch was refused: halved");
            return NO_PAUSE;
        }
        pause.after(error, "webhooks wait")
    }
}

fn measure(outcome: &Outcome, bodies: usize, took: Duration, lag: Duration) {
    counter!("wazapp_bodies_applied_total").increment(outcome.applied);
    counter!("wazapp_bodies_quarantined_total").increment(outcome.quarantined);
    counter!("wazapp_messages_total").increment(outcome.messages);
    counter!("wazapp_statuses_total").increment(outcome.statuses);
    counter!("wazapp_events_total").increment(outcome.events);
    counter!("wazapp_duplicates_total").increment(outcome.duplicates);
    counter!("wazapp_past_retention_total").increment(outcome.past);
    #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
    histogram!("wazapp_apply_batch_bodies").record(bodies as f64);
    histogram!("wazapp_apply_seconds").record(took.as_secs_f64());
    histogram!("wazapp_apply_lag_seconds").record(lag.as_secs_f64());
}
