//! What it takes to be there: start-up, idle memory, the size of the binary.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::measure::median;
use crate::process;
use crate::stage::{Bench, say};

#[derive(Debug, Serialize)]
pub(crate) struct Start {
    /// From starting the process to the first 200 on /readyz, PostgreSQL up and migrated.
    pub(crate) ready_ms: Vec<f64>,
    pub(crate) ready_median_ms: f64,
    /// Some seconds after the start, without any traffic.
    pub(crate) idle_mb: f64,
    pub(crate) binary_mb: f64,
}

pub(crate) async fn run(bench: &Bench<'_>) -> Result<Start> {
    let setup = bench.copy("start").await?;
    let mut ready_ms = Vec::new();
    for _ in 0..5 {
        let setup = setup.clone();
        let took = tokio::task::spawn_blocking(move || setup.start_to_ready()).await??;
        ready_ms.push(took.as_secs_f64() * 1000.0);
    }
    let mut server = setup.serve().await?;
    tokio::time::sleep(Duration::from_secs(bench.options.scale(5, 2))).await;
    let idle_mb = process::resident(server.pid())? as f64 / 1e6;
    server.stop();
    bench.cluster.remove("start").await?;
    let start = Start {
        ready_median_ms: median(ready_ms.clone()),
        ready_ms,
        idle_mb,
        binary_mb: std::fs::metadata(&bench.options.wazapp)?.len() as f64 / 1e6,
    };
    say(&format!(
        "start to ready {:.0} ms; idle {:.1} MB; binary {:.1} MB",
        start.ready_median_ms, start.idle_mb, start.binary_mb
    ));
    Ok(start)
}
