//! As much as will go: everyone writing, then one conversation taking it all, at 64 and 256 connections.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::body::Writer;
use crate::exact::Exactness;
use crate::source::Pick;
use crate::stage::{Bench, DUPLICATES, Phase};

/// Pairs of spread out and on one conversation, in the same run on the same server.
#[derive(Debug, Serialize)]
pub(crate) struct Saturation {
    pub(crate) spread: Vec<Phase>,
    pub(crate) one: Vec<Phase>,
}

pub(crate) async fn run(bench: &Bench<'_>) -> Result<(Saturation, Exactness)> {
    let time = Duration::from_secs(bench.options.scale(8, 3));
    let mut stage = bench.stage("saturation", bench.cluster.address()).await?;
    let mut saturation = Saturation { spread: Vec::new(), one: Vec::new() };
    let busy = Writer { organization: 0, contact: 0 };
    for connections in [64, 256] {
        saturation.spread.push(stage.closed("spread out", connections, time, Pick::Anyone, DUPLICATES).await?);
        saturation.one.push(stage.closed("one conversation", connections, time, Pick::One(busy), DUPLICATES).await?);
    }
    Ok((saturation, stage.end().await?.1))
}

impl Saturation {
    /// Visible per second on one conversation, in parts of that spread out: the worse of the two.
    pub(crate) fn one_to_spread(&self) -> f64 {
        let ratios = self.one.iter().zip(&self.spread).map(|(one, spread)| one.visible_per_s / spread.visible_per_s);
        ratios.fold(f64::INFINITY, f64::min)
    }

    /// CPU per message of server and PostgreSQL together, spread out: the worse of the two.
    pub(crate) fn cpu(&self) -> f64 {
        self.spread.iter().map(|phase| phase.cpu.durable()).fold(0.0, f64::max)
    }
}
