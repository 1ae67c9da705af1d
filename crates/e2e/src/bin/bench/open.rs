//! At a given rate: how long until a message is acknowledged, and until it is visible.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::exact::Exactness;
use crate::marker::{self, Marker};
use crate::measure::Spread;
use crate::meter::Cpu;
use crate::open_loop::{self, Schedule};
use crate::source::Pick;
use crate::stage::{Bench, DUPLICATES, Stage, say};
use crate::{clock, process};

/// Enough that even in a stall of 75 ms at 3,300/s every request goes out when it is due.
const CONNECTIONS: usize = 256;
/// The same for the markers.
const MARKER_CONNECTIONS: usize = 8;

/// Requests a second; the second is what Meta asks of who sends 1,000 messages a second.
pub(crate) const RATES: [u32; 2] = [1000, 3300];

/// One try at one rate; the rate includes the markers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Try {
    pub(crate) rate: u32,
    pub(crate) ack: Spread,
    pub(crate) visible: Spread,
    pub(crate) markers_lost: u64,
    pub(crate) refused: u64,
    pub(crate) broken: u64,
    pub(crate) lag_s: f64,
    pub(crate) cpu: Cpu,
    /// The most that was seen, sampled five times a second, in MB.
    pub(crate) resident_mb: f64,
}

/// All tries.
#[derive(Debug, Serialize)]
pub(crate) struct Open {
    pub(crate) tries: Vec<Try>,
}

impl Open {
    /// The best try at `rate`: where the value that is furthest from its goal is nearest to it.
    pub(crate) fn best(&self, rate: u32, strain: impl Fn(&Try) -> f64) -> Option<&Try> {
        self.tries.iter().filter(|one| one.rate == rate).min_by(|a, b| strain(a).total_cmp(&strain(b)))
    }

    /// The most memory at `rate`, over all tries.
    pub(crate) fn resident_mb(&self, rate: u32) -> f64 {
        self.tries.iter().filter(|one| one.rate == rate).map(|one| one.resident_mb).fold(0.0, f64::max)
    }
}

pub(crate) async fn run(bench: &Bench<'_>) -> Result<(Open, Exactness)> {
    let mut stage = bench.stage("open", bench.cluster.address()).await?;
    let time = Duration::from_secs(bench.options.scale(10, 5));
    let mut tries = Vec::new();
    for rate in RATES {
        for _ in 0..bench.options.scale(3, 1) {
            tries.push(one(bench, &mut stage, rate, time).await?);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    Ok((Open { tries }, stage.end().await?.1))
}

async fn one(bench: &Bench<'_>, stage: &mut Stage<'_>, rate: u32, time: Duration) -> Result<Try> {
    let client = bench.cluster.connect(stage.database()).await?;
    let marker = Marker::new(client, bench.organization(bench.shape.marker().organization)).await?;
    let before = marker.seen().await?;
    let address = stage.address();
    let connect = |count| tokio::task::spawn_blocking(move || open_loop::connect_all(address, count));
    let connections = connect(CONNECTIONS).await??;
    let marker_connections = connect(MARKER_CONNECTIONS).await??;
    let meter = stage.meter(&[marker.pid()])?;
    let start = clock::now() + Duration::from_millis(100);

    let everyone = bench.source(Pick::Anyone, DUPLICATES);
    let schedule = Schedule::new(start, rate - marker::RATE, time);
    let load = tokio::task::spawn_blocking(move || open_loop::run(connections, schedule, everyone));

    let markers = bench.source(Pick::One(bench.shape.marker()), 0.0);
    let beat = Schedule::new(start, marker::RATE, time);
    let marks = tokio::task::spawn_blocking(move || open_loop::run(marker_connections, beat, markers));

    let runtime = tokio::runtime::Handle::current();
    let follow = tokio::task::spawn_blocking(move || {
        let micros = marker.follow(&runtime, beat, before);
        (marker, micros)
    });

    let pid = stage.server().pid();
    let resident = tokio::spawn(async move {
        let mut most = 0;
        while clock::now() < start + time {
            most = most.max(process::resident(pid).unwrap_or(0));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        most
    });

    let (mut tally, marks) = (load.await??, marks.await??);
    let answered = clock::now();
    let ack = Spread::of(std::mem::take(&mut tally.micros));
    tally.add(marks);
    let (messages, visible_at) = stage.settle(&tally).await?;
    let (marker, seen) = follow.await?;
    let seen = seen?;
    let cpu = meter.per_message(messages)?;
    drop(marker);
    let one = Try {
        rate,
        ack,
        markers_lost: beat.count - seen.len() as u64,
        visible: Spread::of(seen),
        refused: tally.refused.values().sum(),
        broken: tally.broken,
        lag_s: visible_at.saturating_duration_since(answered).as_secs_f64(),
        cpu,
        resident_mb: resident.await? as f64 / 1e6,
    };
    say(&format!("{one}"));
    Ok(one)
}

impl std::fmt::Display for Try {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rate, ack, visible, cpu, resident_mb, .. } = self;
        write!(f, "{rate}/s: acknowledged {ack}; visible {visible}; {cpu}; RSS {resident_mb:.1} MB")?;
        if ack.p50 * f64::from(*rate) > 1000.0 * CONNECTIONS as f64 {
            write!(f, "; it cannot keep up, so acknowledged includes the wait for a connection, visible does not")?;
        }
        if self.refused + self.broken + self.markers_lost > 0 {
            write!(f, "; refused {}, broken {}, markers lost {}", self.refused, self.broken, self.markers_lost)?;
        }
        Ok(())
    }
}
