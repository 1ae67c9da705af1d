//! CPU time, by process.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::process;

/// CPU time per message, in ms.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cpu {
    pub(crate) server: f64,
    pub(crate) postgres: f64,
    /// The bench itself: requests, watching, and the proxy where there is one.
    pub(crate) bench: f64,
}

impl Cpu {
    /// What a message costs who runs wazapp.
    pub(crate) fn durable(self) -> f64 {
        self.server + self.postgres
    }
}

impl std::fmt::Display for Cpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { server, postgres, bench } = self;
        write!(f, "CPU per message: server {server:.3} + PostgreSQL {postgres:.3} ms (bench {bench:.3})")
    }
}

/// CPU time since it was started.
pub(crate) struct Meter {
    server: u32,
    postmaster: u32,
    except: Vec<u32>,
    before: [Duration; 3],
}

impl Meter {
    /// From now on; `except` are backends of the bench's own.
    pub(crate) fn start(server: u32, postmaster: u32, except: Vec<u32>) -> Result<Self> {
        let mut meter = Self { server, postmaster, except, before: [Duration::ZERO; 3] };
        meter.before = meter.read()?;
        Ok(meter)
    }

    fn read(&self) -> Result<[Duration; 3]> {
        let postgres = process::cpu_of_family(self.postmaster, &self.except)?;
        Ok([process::cpu(self.server)?, postgres, process::cpu(std::process::id())?])
    }

    /// What each of `messages` took.
    pub(crate) fn per_message(&self, messages: usize) -> Result<Cpu> {
        let now = self.read()?;
        let share = |nth: usize| now[nth].saturating_sub(self.before[nth]).as_secs_f64() * 1000.0 / messages as f64;
        Ok(Cpu { server: share(0), postgres: share(1), bench: share(2) })
    }
}
