//! What every scenario stands on: one PostgreSQL, one warm database to copy, one server at a time.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use uuid::Uuid;

use crate::body::Shape;
use crate::cluster::{self, Cluster};
use crate::exact::Exactness;
use crate::machine::{Bystander, Disturbance, Machine};
use crate::measure::{Spread, Tally};
use crate::meter::{Cpu, Meter};
use crate::open_loop::{self, Schedule};
use crate::server::{Server, Setup};
use crate::source::{Pick, Source};
use crate::watch::Watch;
use crate::{Options, clock, closed, statements, world};

/// The database that scenarios copy.
const WARM: &str = "warm";
/// The share of requests that repeat an earlier one.
pub(crate) const DUPLICATES: f64 = 0.05;

/// A whole run. Dropped, it ends its processes and removes its directory.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    pub(crate) cluster: Cluster,
    pub(crate) shape: Shape,
    organizations: Vec<Uuid>,
    numbers: Arc<AtomicU64>,
    warm_acked: HashSet<u64>,
    /// The load that made every conversation.
    pub(crate) warm_up: Option<Phase>,
    pub(crate) machine: Machine,
    bystander: Bystander,
    // Last, so that the processes inside have ended when it goes.
    home: tempfile::TempDir,
}

impl<'a> Bench<'a> {
    /// Makes the cluster, the organizations and, through the server itself, one message in every conversation.
    pub(crate) async fn prepare(options: &'a Options) -> Result<Self> {
        ensure!(
            options.wazapp.is_file(),
            "{} is not there: build it, or name another with --wazapp",
            options.wazapp.display()
        );
        let home = tempfile::Builder::new().prefix("wazapp-bench-").tempdir()?;
        // PostgreSQL's user has to reach its directory inside.
        std::fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let counting = if options.statements { &statements::SETTINGS[..] } else { &[] };
        let cluster = Cluster::start(home.path(), counting).await?;
        let machine = Machine::look(&cluster, home.path()).await?;
        let shape = Shape { organizations: 1000, contacts: options.scale(100, 10) };
        let mut bench = Self {
            options,
            cluster,
            shape,
            organizations: Vec::new(),
            numbers: Arc::default(),
            warm_acked: HashSet::new(),
            warm_up: None,
            machine,
            bystander: Bystander::start()?,
            home,
        };
        bench.warm_up().await?;
        Ok(bench)
    }

    async fn warm_up(&mut self) -> Result<()> {
        self.cluster.create(WARM, None).await?;
        let setup = self.setup(WARM, self.cluster.address());
        setup.migrate()?;
        let client = self.cluster.connect(WARM).await?;
        self.organizations = world::seed(&client, self.shape).await?;
        say(&format!("{} organizations; now every conversation's first message", self.organizations.len()));

        let mut stage = Stage::over(self, "warm-up", WARM, setup).await?;
        let phase =
            stage.closed("every conversation's first", 64, Duration::from_secs(600), Pick::Everyone, 0.0).await?;
        let (acked, exactness) = stage.end().await?;
        ensure!(exactness.wrongs().is_empty(), "the warm-up already went wrong: {}", exactness.wrongs().join("; "));
        client.batch_execute("VACUUM (ANALYZE)").await?;
        (self.warm_acked, self.warm_up) = (acked, Some(phase));
        Ok(())
    }

    pub(crate) fn setup(&self, name: &str, database: SocketAddr) -> Setup {
        Setup {
            binary: self.options.wazapp.clone(),
            directory: self.home.path().join(format!("wazapp-{name}")),
            database_url: cluster::url(database, name),
            settings: Vec::new(),
        }
    }

    /// A copy of the warm database, and how to start a server on it.
    pub(crate) async fn copy(&self, name: &str) -> Result<Setup> {
        self.cluster.create(name, Some(WARM)).await?;
        Ok(self.setup(name, self.cluster.address()))
    }

    /// A server on a copy of the warm database, which it reaches at `database`.
    pub(crate) async fn stage(&self, name: &'static str, database: SocketAddr) -> Result<Stage<'_>> {
        self.copy(name).await?;
        Stage::over(self, name, name, self.setup(name, database)).await
    }

    /// Requests from here on have numbers of their own, also across sources.
    pub(crate) fn source(&self, pick: Pick, duplicates: f64) -> Source {
        let numbers = Arc::clone(&self.numbers);
        let seed = self.options.seed.wrapping_mul(1_000_003).wrapping_add(numbers.load(Ordering::Relaxed));
        Source::new(self.shape, pick, duplicates, seed, numbers)
    }

    /// Another server on the database of a stage.
    pub(crate) async fn node(&self, database: &str) -> Result<Server> {
        let directory = self.home.path().join(format!("wazapp-{database}-other"));
        Setup { directory, ..self.setup(database, self.cluster.address()) }.serve().await
    }

    /// Messages to the first so many organizations at a steady rate, until all are answered.
    pub(crate) async fn post_evenly(
        &self,
        address: SocketAddr,
        rate: u32,
        time: Duration,
        organizations: u32,
    ) -> Result<Posted> {
        let connections = tokio::task::spawn_blocking(move || open_loop::connect_all(address, 64)).await??;
        let first = self.numbers.load(Ordering::Relaxed);
        let source = self.source(Pick::Among(organizations), 0.0);
        let (began, start) = (clock::timestamp(), clock::now() + Duration::from_millis(100));
        let schedule = Schedule::new(start, rate, time);
        let tally = tokio::task::spawn_blocking(move || open_loop::run(connections, schedule, source)).await??;
        Ok(Posted { tally, began, schedule, first })
    }

    /// The id of the `nth` organization.
    pub(crate) fn organization(&self, nth: u32) -> Uuid {
        self.organizations[nth as usize]
    }

    /// What else the machine did since the start.
    pub(crate) fn disturbance(&self) -> Result<Disturbance> {
        self.bystander.end(self.cluster.pid())
    }

    /// Copies every log to `directory`.
    pub(crate) fn keep_logs(&self, directory: &Path) -> Result<()> {
        std::fs::create_dir_all(directory)?;
        for entry in std::fs::read_dir(self.home.path())? {
            let path = entry?.path();
            if let (Some("log"), Some(name)) = (path.extension().and_then(|end| end.to_str()), path.file_name()) {
                std::fs::copy(&path, directory.join(name))?;
            }
        }
        Ok(())
    }
}

/// A server at work, and everything it acknowledged so far.
pub(crate) struct Stage<'a> {
    bench: &'a Bench<'a>,
    name: &'static str,
    database: &'static str,
    setup: Setup,
    server: Server,
    watch: Watch,
    acked: HashSet<u64>,
}

/// What was posted at a steady rate.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) tally: Tally,
    pub(crate) began: jiff::Timestamp,
    schedule: Schedule,
    /// The number of its first message.
    first: u64,
}

impl Posted {
    /// When a message of it was due, within what two connections may pass each other by.
    pub(crate) fn due(&self, n: u64) -> Option<Instant> {
        self.schedule.due(n.checked_sub(self.first)?)
    }
}

/// A closed loop, until the last of its messages was visible.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) connections: usize,
    pub(crate) acked_per_s: f64,
    pub(crate) ack: Spread,
    pub(crate) messages: usize,
    pub(crate) visible_per_s: f64,
    /// From the last answer to the last message visible.
    pub(crate) lag_s: f64,
    pub(crate) refused: u64,
    pub(crate) broken: u64,
    pub(crate) cpu: Cpu,
}

impl<'a> Stage<'a> {
    async fn over(bench: &'a Bench<'_>, name: &'static str, database: &'static str, setup: Setup) -> Result<Self> {
        if bench.options.statements {
            statements::reset(&bench.cluster.connect("postgres").await?).await?;
        }
        let server = setup.serve().await?;
        let watch = Watch::new(bench.cluster.connect(database).await?).await?;
        Ok(Self { bench, name, database, setup, server, watch, acked: bench.warm_acked.clone() })
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn database(&self) -> &'static str {
        self.database
    }

    /// Posts as fast as answers come, for `time`, and waits until all is visible.
    pub(crate) async fn closed(
        &mut self,
        name: &str,
        connections: usize,
        time: Duration,
        pick: Pick,
        duplicates: f64,
    ) -> Result<Phase> {
        let source = self.bench.source(pick, duplicates);
        let address = self.address();
        let meter = self.meter(&[])?;
        let load = move || closed::run(address, connections, time, source);
        let tally = tokio::task::spawn_blocking(load).await??;
        let answered = clock::now();
        let first_post = answered - tally.elapsed;
        let (messages, visible) = self.settle(&tally).await?;
        let phase = Phase {
            name: name.into(),
            connections,
            acked_per_s: tally.acked_per_second(),
            messages,
            visible_per_s: messages as f64 / (visible - first_post).as_secs_f64(),
            lag_s: visible.saturating_duration_since(answered).as_secs_f64(),
            refused: tally.refused.values().sum(),
            broken: tally.broken,
            cpu: meter.per_message(messages)?,
            ack: Spread::of(tally.micros),
        };
        say(&format!("{phase}"));
        Ok(phase)
    }

    /// Stops the server and starts it again, at another address.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        ensure!(tokio::task::block_in_place(|| self.server.stop()), "wazapp did not stop on SIGTERM");
        self.server = self.setup.serve().await?;
        Ok(())
    }

    /// Takes note of what was acknowledged and waits until it is visible: how many messages, and when the last was.
    pub(crate) async fn settle(&mut self, tally: &Tally) -> Result<(usize, Instant)> {
        let distinct = tally.distinct();
        let messages = distinct.len();
        ensure!(messages > 0, "nothing was acknowledged: refused {:?}, broken {}", tally.refused, tally.broken);
        self.acked.extend(distinct);
        let settled = self.watch.settle(self.acked.len() as u64).await.context("waiting for messages")?;
        if settled.missing > 0 {
            say(&format!("{}: {} acknowledged messages do not appear", self.name, settled.missing));
        }
        Ok((messages.saturating_sub(settled.missing as usize).max(1), settled.at))
    }

    /// Counts CPU time from now on; `except` are backends of the bench's own.
    pub(crate) fn meter(&self, except: &[u32]) -> Result<Meter> {
        let mut except = except.to_vec();
        except.push(self.watch.pid());
        Meter::start(self.server.pid(), self.bench.cluster.pid(), except)
    }

    /// Stops the server and compares the database with what was acknowledged, which it gives back.
    pub(crate) async fn end(self) -> Result<(HashSet<u64>, Exactness)> {
        let Self { bench, name, database, mut server, acked, watch, .. } = self;
        ensure!(server.stop(), "wazapp did not stop on SIGTERM");
        drop(watch);
        let client = bench.cluster.connect(database).await?;
        if bench.options.statements {
            statements::tell(&bench.cluster.connect("postgres").await?, database).await?;
        }
        let sent = bench.numbers.load(Ordering::Relaxed);
        let exactness = Exactness::check(name, &client, &bench.organizations, &acked, sent).await?;
        drop(client);
        say(&format!(
            "{name}: {} messages checked, {}",
            exactness.messages,
            match exactness.wrongs() {
                wrongs if wrongs.is_empty() => "all exact".to_owned(),
                wrongs => format!("WRONG: {}", wrongs.join("; ")),
            }
        ));
        if database != WARM {
            bench.cluster.remove(database).await?;
        }
        Ok((acked, exactness))
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {} connections: acknowledged {:.0}/s ({}), visible {:.0}/s, lag {:.2} s, {}",
            self.name, self.connections, self.acked_per_s, self.ack, self.visible_per_s, self.lag_s, self.cpu
        )?;
        if self.refused + self.broken > 0 {
            write!(f, ", refused {}, broken {}", self.refused, self.broken)?;
        }
        Ok(())
    }
}

/// Progress, apart from the result.
pub(crate) fn say(line: &str) {
    eprintln!("  {line}");
}
