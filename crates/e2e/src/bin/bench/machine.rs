//! What the figures were measured on.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cluster::Cluster;
use crate::measure::median;
use crate::{clock, process};

#[derive(Clone, Debug, Serialize)]
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
    /// While nothing runs yet, so that the disk is quiet.
    pub(crate) async fn look(cluster: &Cluster, directory: &Path) -> Result<Self> {
        let field = |file: &str, name: &str| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let postgres = cluster.connect("postgres").await?.query_one("SHOW server_version", &[]).await?;
        Ok(Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism()?.get(),
            memory_gb: memory.trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1_000_000,
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            postgres: postgres.get(0),
            fdatasync_ms: fdatasync(directory)?,
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
        write!(
            f,
            "{cores} × {cpu}, {memory_gb} GB, Linux {kernel}, PostgreSQL {postgres}, fdatasync {fdatasync_ms:.2} ms"
        )
    }
}

/// What others did on the machine during the run, in parts of all its time. More than a few hundredths, and the
/// figures are theirs too.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Disturbance {
    /// Processes that are not the bench's.
    others: f64,
    /// The host of a virtual machine.
    stolen: f64,
}

impl std::fmt::Display for Disturbance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { others, stolen } = self;
        write!(f, "other processes had {:.1} % of the machine, its host took {:.1} %", others * 100.0, stolen * 100.0)
    }
}

/// Watches the machine as a whole.
pub(crate) struct Bystander {
    before: Times,
}

/// In 1/100 s: programs and kernel, taken by the host, all together.
struct Times {
    busy: f64,
    stolen: f64,
    total: f64,
}

impl Bystander {
    pub(crate) fn start() -> Result<Self> {
        Ok(Self { before: Times::read()? })
    }

    /// Servers have to be stopped by then, so that they are counted with the bench's ended children.
    pub(crate) fn end(&self, postmaster: u32) -> Result<Disturbance> {
        let (now, before) = (Times::read()?, &self.before);
        let own = process::cpu_of_family(std::process::id(), &[postmaster])? + process::cpu_of_family(postmaster, &[])?;
        let total = now.total - before.total;
        let others = now.busy - before.busy - own.as_secs_f64() * 100.0;
        Ok(Disturbance { others: others.max(0.0) / total, stolen: (now.stolen - before.stolen) / total })
    }
}

impl Times {
    /// Interrupts are left out: they are counted for no process.
    fn read() -> Result<Self> {
        let stat = std::fs::read_to_string("/proc/stat")?;
        let line = stat.lines().next().context("/proc/stat is empty")?;
        let ticks: Vec<f64> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
        let [user, nice, system, _, _, _, _, stolen, ..] = ticks[..] else { anyhow::bail!("/proc/stat: {line}") };
        // Guests are part of user already.
        Ok(Self { busy: user + nice + system, stolen, total: ticks.iter().take(8).sum() })
    }
}
