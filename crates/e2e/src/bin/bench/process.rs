//! Processes: ending them, and what /proc says about them.

use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::clock;

/// What the kernel counts CPU time in; 1/100 s for programs on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// Sends `signal` and waits for the end; after `patience` there is no more asking. Answers whether it ended by itself.
pub(crate) fn end(child: &mut Child, signal: &str, patience: Duration) -> bool {
    let deadline = clock::now() + patience;
    let mut kill = Command::new("sh");
    kill.args(["-c", r#"kill -"$1" "$2" 2>/dev/null"#, "sh", signal, &child.id().to_string()]);
    // When it fails, the process has ended or the deadline ends it.
    let _ = kill.status();
    while clock::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// CPU time of one process so far, all threads.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    Ok(Stat::parse(&stat).with_context(|| format!("/proc/{pid}/stat"))?.own)
}

/// CPU time of a process, of its children that live, and of those that have ended; without the children `except`.
pub(crate) fn cpu_of_family(pid: u32, except: &[u32]) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for entry in std::fs::read_dir("/proc")? {
        let Some(other) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process that ended since the listing is in its parent's count.
        let Ok(text) = std::fs::read_to_string(format!("/proc/{other}/stat")) else {
            continue;
        };
        let Some(stat) = Stat::parse(&text) else {
            continue;
        };
        if other == pid {
            total += stat.own + stat.ended_children;
        } else if stat.parent == pid && !except.contains(&other) {
            total += stat.own;
        }
    }
    Ok(total)
}

/// Resident memory, in bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc/…/status")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS")?;
    Ok(kibibytes * 1024)
}

struct Stat {
    parent: u32,
    own: Duration,
    ended_children: Duration,
}

impl Stat {
    /// The name in parentheses may hold anything, so fields are counted after its end.
    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u32>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: TICK * (ticks(11)? + ticks(12)?),
            ended_children: TICK * (ticks(13)? + ticks(14)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_stat_line_with_an_odd_name() {
        let line = "42 (odd) name) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 1 0 100 0 0";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.parent, stat.own, stat.ended_children), (7, TICK * 200, TICK * 50));
    }

    #[test]
    fn counts_own_work_and_that_of_children() {
        let before = cpu(std::process::id()).unwrap();
        let began = clock::now();
        while began.elapsed() < Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        assert!(cpu(std::process::id()).unwrap() > before);
        assert!(cpu_of_family(std::process::id(), &[]).unwrap() > before);
        assert!(resident(std::process::id()).unwrap() > 1 << 20);
    }

    #[test]
    fn ends_a_process_politely_or_not() {
        let mut polite = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(end(&mut polite, "TERM", Duration::from_secs(5)));
        let mut deaf = Command::new("sh").args(["-c", "trap '' TERM; while :; do sleep 0.1; done"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        assert!(!end(&mut deaf, "TERM", Duration::from_millis(300)));
    }
}
