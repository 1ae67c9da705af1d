//! What the figures were measured on.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::clock;
use crate::measure::median;
use crate::stage::Bench;

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    memory_gb: u64,
    kernel: String,
    postgres: String,
    /// The median of writing 8 KiB and waiting until they are on disk.
    fdatasync_ms: f64,
}

impl Machine {
    pub(crate) async fn look(bench: &Bench<'_>) -> Result<Self> {
        let field = |file: &str, name: &str| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let postgres = bench.cluster.connect("postgres").await?.query_one("SHOW server_version", &[]).await?;
        Ok(Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism()?.get(),
            memory_gb: memory.trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1_000_000,
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            postgres: postgres.get(0),
            fdatasync_ms: fdatasync(bench.home())?,
        })
    }
}

fn fdatasync(directory: &Path) -> Result<f64> {
    let mut file = tempfile::tempfile_in(directory)?;
    let mut took = Vec::new();
    for _ in 0..50 {
        let began = clock::now();
        file.write_all(&[0; 8192])?;
        file.sync_data()?;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(median(took))
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cpu, cores, memory_gb, kernel, postgres, fdatasync_ms } = self;
        write!(f, "{cores} × {cpu}, {memory_gb} GB, Linux {kernel}, PostgreSQL {postgres}, fdatasync {fdatasync_ms:.2} ms")
    }
}
